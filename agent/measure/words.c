/* Slices of text: the small reader that sockstat and netstat share. */
#include <stdio.h>
#include <string.h>

#include "agent/measure/words.h"
#include "proto/fileio.h"

int words_file(const char *dir, const char *name, size_t max, char **ret, size_t *ret_len, struct fault *f)
{
	char path[4096];
	int n = snprintf(path, sizeof path, "%s/%s", dir, name);

	if (n < 0 || (size_t)n >= sizeof path)
		return fault_set(f, KE_TOOBIG, dir, NULL, "path is too long");
	return file_read(path, max, ret, ret_len, f);
}

bool word_line(struct word *rest, struct word *ret_line)
{
	if (rest->len == 0)
		return false;
	const char *end = memchr(rest->text, '\n', rest->len);
	size_t len = end ? (size_t)(end - rest->text) : rest->len;
	size_t step = end ? len + 1 : len;
	*ret_line = (struct word){ rest->text, len };
	rest->text += step;
	rest->len -= step;
	return true;
}

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

bool word_next(struct word *line, struct word *ret_word)
{
	size_t from = 0;
	while (from < line->len && blank(line->text[from]))
		from++;
	size_t to = from;
	while (to < line->len && !blank(line->text[to]))
		to++;
	if (from == to)
		return false;
	*ret_word = (struct word){ line->text + from, to - from };
	line->text += to;
	line->len -= to;
	return true;
}

bool word_is(struct word w, const char *text)
{
	return strlen(text) == w.len && memcmp(w.text, text, w.len) == 0;
}

bool word_number(struct word w, uint64_t *ret)
{
	uint64_t n = 0;
	for (size_t i = 0; i < w.len; i++) {
		if (w.text[i] < '0' || w.text[i] > '9' || __builtin_mul_overflow(n, 10U, &n) ||
		        __builtin_add_overflow(n, (unsigned)(w.text[i] - '0'), &n))
			return false;
	}
	if (w.len == 0)
		return false;
	*ret = n;
	return true;
}
