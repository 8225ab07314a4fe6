/* /proc/net/softnet_stat: a line of hex columns for each CPU that is online. The first three have meant the same since 2.6:
 * packets processed, dropped because the input queue was full, and rounds that ended with work left. A sum modulo 2^32 of numbers
 * that wrap at 2^32 has the right differences, so nothing is kept by CPU. Called by counters_read().
 */
#include <stdio.h>

#include "agent/measure/softnet.h"
#include "agent/measure/words.h"
#include "proto/fileio.h"

#define TEXT_MAX 1048576 /* 4096 CPUs of 16 columns take 600 KiB */

static bool hex_parse(struct word w, uint32_t *ret)
{
	uint32_t n = 0;
	if (w.len != 8)
		return false;
	for (size_t i = 0; i < w.len; i++) {
		char c = w.text[i];
		if (c >= '0' && c <= '9')
			n = n << 4 | (uint32_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			n = n << 4 | (uint32_t)(c - 'a' + 10);
		else
			return false;
	}
	*ret = n;
	return true;
}

static bool line_parse(struct word line, struct softnet *s)
{
	uint32_t column[3] = { 0 }, rest;
	struct word w;
	size_t n = 0;
	for (; word_next(&line, &w); n++)
		if (!hex_parse(w, n < 3 ? &column[n] : &rest))
			return false;
	if (n < 3)
		return false;
	s->processed += column[0];
	s->dropped += column[1];
	s->squeezed += column[2];
	s->cpus++;
	return true;
}

int softnet_parse(const char *text, size_t len, struct softnet *ret, struct fault *f)
{
	struct word rest = { text, len }, line;
	struct softnet s = { 0 };
	for (unsigned n = 1; word_line(&rest, &line); n++) {
		if (!line_parse(line, &s)) {
			char where[24];
			snprintf(where, sizeof where, "line %u", n);
			return fault_set(f, KE_SYNTAX, where, NULL, "not three or more hex columns");
		}
	}
	*ret = s;
	return 0;
}

int softnet_read(const char *netdir, struct softnet *ret, struct fault *f)
{
	char *text;
	size_t len;
	int rc = words_file(netdir, "softnet_stat", TEXT_MAX, &text, &len, f);
	if (rc)
		return rc;
	rc = softnet_parse(text, len, ret, f);
	file_free(text);
	if (rc)
		fault_at(f, "%s/softnet_stat", netdir);
	return rc;
}

bool softnet_diff(const struct softnet *before, const struct softnet *after, struct softnet *ret)
{
	if (before->cpus == 0 || before->cpus != after->cpus)
		return false;
	*ret = (struct softnet){ .processed = after->processed - before->processed,
		.dropped = after->dropped - before->dropped,
		.squeezed = after->squeezed - before->squeezed,
		.cpus = after->cpus };
	return true;
}
