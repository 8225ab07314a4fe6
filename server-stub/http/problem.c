/* problem.c — the one form in which errors leave the server.
 *
 * Texts may hold what a client sent; the JSON writer replaces what is not UTF-8, and long ones are cut. Called by
 * conn.c for its own refusals and by handlers.
 */
#include "server-stub/http/problem.h"

#include <stdio.h>
#include <string.h>

#include "proto/jsonw.h"
#include "server-stub/http/answer.h"

#define TEXT_MAX 512 /* bytes of each text; control bytes become six, so that all fits HTTP_PROBLEM_MAX */

static void text_write(struct jsonw *w, const char *name, const char *text)
{
	size_t len = strlen(text);

	if (len > TEXT_MAX) {
		len = TEXT_MAX;
		/* Not through the middle of a character. */
		while (len && ((unsigned char)text[len] & 0xc0) == 0x80)
			len--;
	}
	jsonw_string_n(w, name, text, len);
}

int http_problem_write(struct buf *out, int status, const char *type, const char *title, const char *detail)
{
	struct jsonw w = JSONW_INIT(out, 0);

	jsonw_object(&w, NULL);
	text_write(&w, "type", type ? type : "about:blank");
	text_write(&w, "title", title ? title : http_status_text(status));
	jsonw_int(&w, "status", status);
	if (detail)
		text_write(&w, "detail", detail);
	jsonw_object_end(&w);
	return out->rc;
}

static void problem_answer(struct http_request *req, int status, const char *type, const char *title,
        const char *detail, const struct http_field *fields)
{
	struct buf json = BUF_INIT(HTTP_PROBLEM_MAX);

	if (http_problem_write(&json, status, type, title, detail) == KE_OK)
		http_reply(req, status, HTTP_PROBLEM_TYPE, buf_text(&json), json.len, fields);
	else
		http_reply(req, status, NULL, NULL, 0, fields);
	buf_free(&json);
}

static int problem_later(struct http_server *server, struct http_ticket ticket, int status, const char *type,
        const char *title, const char *detail, const struct http_field *fields)
{
	struct buf json = BUF_INIT(HTTP_PROBLEM_MAX);
	int rc = http_problem_write(&json, status, type, title, detail);

	if (!rc)
		rc = http_reply_later(
		        server, ticket, status, HTTP_PROBLEM_TYPE, buf_text(&json), json.len, fields);
	buf_free(&json);
	return rc;
}

void http_problem(
        struct http_request *req, int status, const char *type, const char *title, const char *detail)
{
	problem_answer(req, status, type, title, detail, NULL);
}

int http_problem_later(struct http_server *server, struct http_ticket ticket, int status, const char *type,
        const char *title, const char *detail)
{
	return problem_later(server, ticket, status, type, title, detail, NULL);
}

void http_problem_busy(struct http_request *req, int status, unsigned seconds, const char *detail)
{
	char text[16];
	struct http_field fields[] = { { "Retry-After", text }, { NULL, NULL } };

	snprintf(text, sizeof text, "%u", seconds);
	problem_answer(req, status, NULL, NULL, detail, fields);
}

int http_problem_busy_later(struct http_server *server, struct http_ticket ticket, int status,
        unsigned seconds, const char *detail)
{
	char text[16];
	struct http_field fields[] = { { "Retry-After", text }, { NULL, NULL } };

	snprintf(text, sizeof text, "%u", seconds);
	return problem_later(server, ticket, status, NULL, NULL, detail, fields);
}
