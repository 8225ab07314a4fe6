/* /proc/net/sockstat: "TCP: inuse 27 orphan 0 tw 3 alloc 32 mem 5".
 *
 * Lines and names that are not known are passed over, since kernels differ; a line that is no list of names and numbers
 * is refused. Called by sockets_measure(), before and after the walk.
 */
#include <stdio.h>
#include <string.h>

#include "agent/measure/sockstat.h"
#include "agent/measure/words.h"
#include "proto/fileio.h"

#define TEXT_MAX 65536

void sockstat_init(struct sockstat *s)
{
	*s = (struct sockstat){ -1, -1, -1, -1, -1, -1, -1 };
}

static int64_t *field_of(struct sockstat *s, struct word group, struct word name)
{
	const struct {
		const char *group, *name;
		int64_t *field;
	} fields[] = {
		{ "sockets:", "used", &s->sockets_used },
		{ "TCP:", "inuse", &s->tcp_inuse },
		{ "TCP:", "tw", &s->tcp_tw },
		{ "TCP:", "orphan", &s->tcp_orphan },
		{ "TCP:", "alloc", &s->tcp_alloc },
		{ "TCP:", "mem", &s->tcp_mem },
		{ "TCP6:", "inuse", &s->tcp6_inuse },
	};
	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
		if (word_is(group, fields[i].group) && word_is(name, fields[i].name))
			return fields[i].field;
	return NULL;
}

static bool line_parse(struct word line, struct sockstat *s)
{
	struct word group, name, value;
	if (!word_next(&line, &group))
		return true;
	if (group.text[group.len - 1] != ':')
		return false;
	while (word_next(&line, &name)) {
		uint64_t n;
		if (!word_next(&line, &value) || !word_number(value, &n) || n > INT64_MAX)
			return false;
		int64_t *field = field_of(s, group, name);
		if (field)
			*field = (int64_t)n;
	}
	return true;
}

int sockstat_parse(const char *text, size_t len, struct sockstat *s, struct fault *f)
{
	struct word rest = { text, len }, line;
	for (unsigned n = 1; word_line(&rest, &line); n++) {
		if (!line_parse(line, s)) {
			char where[24];
			snprintf(where, sizeof where, "line %u", n);
			return fault_set(f, KE_SYNTAX, where, NULL, "not a list of names and numbers");
		}
	}
	return 0;
}

static int file_take(const char *netdir, const char *name, struct sockstat *s, struct fault *f)
{
	char *text;
	size_t len;
	int rc = words_file(netdir, name, TEXT_MAX, &text, &len, f);
	if (rc)
		return rc;
	rc = sockstat_parse(text, len, s, f);
	file_free(text);
	if (rc)
		fault_at(f, "%s/%s", netdir, name);
	return rc;
}

int sockstat_read(const char *netdir, struct sockstat *ret, struct fault *f)
{
	struct sockstat s;
	sockstat_init(&s);
	int rc = file_take(netdir, "sockstat", &s, f);
	if (rc == 0)
		rc = file_take(netdir, "sockstat6", &s, f);
	if (rc == KE_NOENT && s.tcp_inuse >= 0)
		rc = 0; /* a kernel without IPv6 */
	if (rc == 0)
		*ret = s;
	return rc;
}
