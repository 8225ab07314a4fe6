/* http_codec.c — the request parser.
 *
 * Two steps. http_head_scan() watches a growing buffer line by line until the empty line, and refuses early what can
 * be refused by looking at single bytes (a bare LF or CR, a NUL, too long a target or head), so that a client which
 * never sends an end is answered and not waited for. http_head_parse() then takes the complete head apart in place.
 * Everything that RFC 9112 lets a server repair is refused instead: our clients never send it, and smuggling lives
 * on repairs. Called by conn.c and by the fuzz target.
 */
#include "server-stub/http/http_codec.h"

#include <string.h>
#include <strings.h>

#include "server-stub/http/target.h"

static const char *const method_names[HTTP_METHODS] = {
	[HTTP_GET] = "GET",
	[HTTP_HEAD] = "HEAD",
	[HTTP_POST] = "POST",
	[HTTP_PUT] = "PUT",
	[HTTP_DELETE] = "DELETE",
};

const char *http_method_name(enum http_method method)
{
	return (unsigned)method < HTTP_METHODS ? method_names[method] : "?";
}

/* tchar of RFC 9110 section 5.6.2. */
static bool token_char(char c)
{
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
		return true;
	return c && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

/* Bytes of a field value: visible, white space, or obs-text. */
static bool value_char(char c)
{
	unsigned char u = (unsigned char)c;

	return u == '\t' || (u >= 0x20 && u != 0x7f);
}

/* The request line as it grows: is its target too long already? Looks only at where the first space is. */
static bool target_too_long(const char *data, size_t len)
{
	const char *space = memchr(data, ' ', len < 32 ? len : 32);

	if (!space)
		return false;
	const char *target = space + 1;
	size_t rest = len - (size_t)(target - data);
	const char *end = memchr(target, ' ', rest);

	return (end ? (size_t)(end - target) : rest) > HTTP_TARGET_MAX;
}

int http_head_scan(struct http_scan *scan, const char *data, size_t len, size_t *ret_size)
{
	size_t limit = len < HTTP_HEAD_MAX ? len : HTTP_HEAD_MAX;

	while (scan->at < limit) {
		char c = data[scan->at];

		if (c == '\n') {
			size_t begin = scan->line;

			if (scan->at == begin || data[scan->at - 1] != '\r')
				return -400;
			if (scan->lines == 0 && target_too_long(data, scan->at))
				return -414;
			scan->line = ++scan->at;
			if (scan->line - begin == 2) {
				if (scan->lines == 0)
					return -400; /* an empty line before the request line */
				*ret_size = scan->at;
				return 1;
			}
			if (++scan->lines > HTTP_FIELDS_MAX + 1)
				return -431;
			continue;
		}
		if (scan->at > scan->line && data[scan->at - 1] == '\r')
			return -400; /* CR without LF */
		if (c != '\r' && !value_char(c))
			return -400;
		scan->at++;
	}
	if (scan->lines == 0 && target_too_long(data, limit))
		return -414;
	return len >= HTTP_HEAD_MAX ? -431 : 0;
}

static int version_parse(const char *text, struct http_head *head)
{
	if (strlen(text) != 8 || memcmp(text, "HTTP/", 5) != 0 || text[6] != '.' || text[5] < '0' ||
	        text[5] > '9' || text[7] < '0' || text[7] > '9')
		return -400;
	if (text[5] != '1' || text[7] > '1')
		return -505;
	head->http10 = text[7] == '0';
	head->close = head->http10;
	return 0;
}

static int method_parse(const char *text, struct http_head *head)
{
	for (const char *p = text; *p; p++)
		if (!token_char(*p))
			return -400;
	if (!*text)
		return -400;
	for (int i = 0; i < HTTP_METHODS; i++) {
		if (strcmp(text, method_names[i]) == 0) {
			head->method = (enum http_method)i;
			return 0;
		}
	}
	return -501;
}

/* METHOD SP TARGET SP VERSION, single spaces. LINE is NUL-terminated. */
static int line_parse(char *line, struct http_head *head)
{
	char *target = strchr(line, ' ');
	if (!target)
		return -400;
	*target++ = '\0';
	char *version = strchr(target, ' ');
	if (!version)
		return -400;
	*version++ = '\0';

	/* The version first: another protocol's methods are no business of ours. */
	int rc = version_parse(version, head);
	if (!rc)
		rc = method_parse(line, head);
	if (!rc && strlen(target) > HTTP_TARGET_MAX)
		rc = -414;
	if (!rc && !target_decode(target, &head->path, &head->query))
		rc = -400;
	return rc;
}

/* NAME ":" OWS VALUE OWS. LINE is NUL-terminated; END is where the NUL is. */
static int field_parse(char *line, char *end, struct http_field *ret)
{
	char *colon = line;

	while (token_char(*colon)) {
		if (*colon >= 'A' && *colon <= 'Z')
			*colon = (char)(*colon + ('a' - 'A'));
		colon++;
	}
	/* An empty name, a space before the colon, a folded line (begins with white space): all end up here. */
	if (colon == line || *colon != ':')
		return -400;
	*colon = '\0';
	char *value = colon + 1;
	while (*value == ' ' || *value == '\t')
		value++;
	while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
		*--end = '\0';
	for (const char *p = value; p < end; p++)
		if (!value_char(*p))
			return -400;
	ret->name = line;
	ret->value = value;
	return 0;
}

static int host_check(const char *value)
{
	if (!*value)
		return -400;
	for (const char *p = value; *p; p++) {
		bool alnum = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9');

		if (!alnum && !strchr("-._:[]", *p))
			return -400;
	}
	return 0;
}

/* Digits only: no sign, no list, no white space, no overflow. */
static int length_parse(const char *value, uint64_t *ret)
{
	uint64_t n = 0;

	if (!*value)
		return -400;
	for (const char *p = value; *p; p++) {
		if (*p < '0' || *p > '9')
			return -400;
		if (__builtin_mul_overflow(n, 10u, &n) || __builtin_add_overflow(n, (unsigned)(*p - '0'), &n))
			return -400;
	}
	*ret = n;
	return 0;
}

/* Connection is a list of tokens; only "close" means something to us. */
static bool list_has(const char *value, const char *token)
{
	size_t len = strlen(token);

	for (const char *p = value; *p;) {
		while (*p == ' ' || *p == '\t' || *p == ',')
			p++;
		size_t n = strcspn(p, ", \t");
		if (n == len && strncasecmp(p, token, len) == 0)
			return true;
		p += n;
	}
	return false;
}

/* The fields that change how the message is read, each at most once. */
static int meaning_find(struct http_head *head)
{
	static const char *const single[] = { "host", "content-length", "transfer-encoding", "expect",
		"authorization", "content-type" };
	enum { HOST, LENGTH, CODING, EXPECT, SINGLES = sizeof single / sizeof single[0] };
	const char *values[SINGLES] = { NULL };
	bool close = head->close;
	int rc;

	for (unsigned i = 0; i < head->n_fields; i++) {
		if (strcmp(head->fields[i].name, "connection") == 0)
			close = close || list_has(head->fields[i].value, "close");
		for (unsigned j = 0; j < SINGLES; j++) {
			if (strcmp(head->fields[i].name, single[j]) != 0)
				continue;
			if (values[j])
				return -400;
			values[j] = head->fields[i].value;
		}
	}
	head->close = close;
	if (values[CODING])
		return values[LENGTH] ? -400 : -501;
	if (!values[HOST] && !head->http10)
		return -400;
	if (values[HOST] && (rc = host_check(values[HOST])))
		return rc;
	if (values[LENGTH] && (rc = length_parse(values[LENGTH], &head->content_length)))
		return rc;
	if (values[EXPECT]) {
		if (strcasecmp(values[EXPECT], "100-continue") != 0)
			return -417;
		head->expect_continue = !head->http10; /* RFC 9110 section 10.1.1: ignored from 1.0 */
	}
	return 0;
}

int http_head_parse(char *data, size_t size, struct http_head *ret)
{
	char *end = data + size;
	unsigned lines = 0;

	memset(ret, 0, sizeof *ret);
	for (char *line = data; line < end;) {
		char *lf = memchr(line, '\n', (size_t)(end - line));
		if (!lf || lf == line || lf[-1] != '\r' || memchr(line, '\0', (size_t)(lf - line)))
			return -400;
		char *cr = lf - 1;
		if (cr == line)
			return lines > 0 && lf + 1 == end ? meaning_find(ret) : -400;
		*cr = '\0';
		int rc;
		if (lines++ == 0)
			rc = line_parse(line, ret);
		else if (ret->n_fields == HTTP_FIELDS_MAX)
			rc = -431;
		else
			rc = field_parse(line, cr, &ret->fields[ret->n_fields++]);
		if (rc)
			return rc;
		line = lf + 1;
	}
	return -400;
}

const char *http_head_field(const struct http_head *head, const char *name)
{
	for (unsigned i = 0; i < head->n_fields; i++)
		if (strcmp(head->fields[i].name, name) == 0)
			return head->fields[i].value;
	return NULL;
}
