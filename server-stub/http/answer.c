/* answer.c — the response writer.
 *
 * Refuses fields that would end the head early (a name that is no token, control bytes in a value): a handler that
 * copies foreign text into a field must not be able to write a second response. Called by request.c.
 */
#include "server-stub/http/answer.h"

#include <string.h>
#include <time.h>

#include "proto/err.h"

const char *http_status_text(int status)
{
	static const struct {
		int status;
		const char *text;
	} texts[] = {
		{ 200, "OK" },
		{ 201, "Created" },
		{ 202, "Accepted" },
		{ 204, "No Content" },
		{ 304, "Not Modified" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 406, "Not Acceptable" },
		{ 408, "Request Timeout" },
		{ 409, "Conflict" },
		{ 410, "Gone" },
		{ 411, "Length Required" },
		{ 412, "Precondition Failed" },
		{ 413, "Content Too Large" },
		{ 414, "URI Too Long" },
		{ 415, "Unsupported Media Type" },
		{ 417, "Expectation Failed" },
		{ 422, "Unprocessable Content" },
		{ 428, "Precondition Required" },
		{ 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 503, "Service Unavailable" },
		{ 504, "Gateway Timeout" },
		{ 505, "HTTP Version Not Supported" },
	};

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		if (texts[i].status == status)
			return texts[i].text;
	return "Unknown";
}

static bool name_ok(const char *name)
{
	return *name && strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") ==
	                        strlen(name);
}

static bool value_ok(const char *value)
{
	for (const char *p = value; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return false;
	return true;
}

static bool fields_ok(const struct http_answer *answer)
{
	if (answer->type && !value_ok(answer->type))
		return false;
	for (const struct http_field *f = answer->fields; f && f->name; f++)
		if (!name_ok(f->name) || !value_ok(f->value))
			return false;
	return true;
}

static void date_write(struct buf *out, int64_t seconds)
{
	static const char days[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep",
		"Oct", "Nov", "Dec" };
	time_t t = (time_t)seconds;
	struct tm tm;

	/* Not strftime(): its names follow the locale. */
	if (seconds < 0 || !gmtime_r(&t, &tm))
		return;
	buf_fmt(out, "Date: %s, %02d %s %d %02d:%02d:%02d GMT\r\n", days[tm.tm_wday], tm.tm_mday,
	        months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

int http_answer_write(struct buf *out, const struct http_answer *answer)
{
	bool bodiless = answer->status == 204 || answer->status == 304;

	if (answer->status < 200 || answer->status > 599 || !fields_ok(answer))
		return KE_VALUE;
	buf_fmt(out, "HTTP/1.1 %d %s\r\n", answer->status, http_status_text(answer->status));
	date_write(out, answer->date);
	if (answer->type && !bodiless)
		buf_fmt(out, "Content-Type: %s\r\n", answer->type);
	if (!bodiless)
		buf_fmt(out, "Content-Length: %zu\r\n", answer->len);
	for (const struct http_field *f = answer->fields; f && f->name; f++) {
		buf_str(out, f->name);
		buf_str(out, ": ");
		buf_str(out, f->value);
		buf_str(out, "\r\n");
	}
	if (answer->close)
		buf_str(out, "Connection: close\r\n");
	buf_str(out, "\r\n");
	if (!bodiless && !answer->head && answer->len)
		buf_bytes(out, answer->body, answer->len);
	return out->rc;
}
