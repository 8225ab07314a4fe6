/* value.c — sysctl values in one canonical text.
 *
 * Strict towards people (value_wanted): what the kernel would take for another number than it says (010, 0x10,
 * trailing text, a missing element) is refused before anything is written. Lenient towards the kernel
 * (value_observed): tabs and newlines are folded, and what does not fit the shape is kept as text, so that it
 * compares as different and can be shown. Called by policy, import, engine and watch.
 */
#include "policies/value.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "proto/buf.h"
#include "proto/utf8.h"

#define PORTS 65536

const struct value_shape value_shape_text = { .type = VALUE_TEXT };

/* A piece of text that is not NUL-terminated. */
struct span {
	const char *at;
	size_t len;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_space(char c)
{
	return is_blank(c) || c == '\n' || c == '\r' || c == '\v' || c == '\f' || c == '\0';
}

static struct span span_trim(struct span s)
{
	while (s.len && is_space(s.at[0])) {
		s.at++;
		s.len--;
	}
	while (s.len && is_space(s.at[s.len - 1]))
		s.len--;
	return s;
}

/* The next word of *REST; false when there is none. */
static bool span_word(struct span *rest, struct span *word)
{
	while (rest->len && is_space(rest->at[0])) {
		rest->at++;
		rest->len--;
	}
	word->at = rest->at;
	while (rest->len && !is_space(rest->at[0])) {
		rest->at++;
		rest->len--;
	}
	word->len = (size_t)(rest->at - word->at);
	return word->len > 0;
}

/* Decimal, no leading zero, no '+', no "-0"; within 64 bits. */
static bool int_parse(struct span s, int64_t *ret)
{
	bool minus = s.len > 1 && s.at[0] == '-';
	size_t i = minus;
	int64_t v = 0;
	if (s.len == 0 || (s.at[i] == '0' && s.len > 1))
		return false;
	for (; i < s.len; i++) {
		int digit = s.at[i] - '0';
		if (digit < 0 || digit > 9 || __builtin_mul_overflow(v, 10, &v) ||
		        (minus ? __builtin_sub_overflow(v, digit, &v) : __builtin_add_overflow(v, digit, &v)))
			return false;
	}
	*ret = v;
	return true;
}

/* Wrong text for a message: fault texts are cut, and control characters do not belong on a terminal. */
static const char *shown(struct span s, char buf[48])
{
	size_t n = s.len < 44 ? s.len : 44;
	for (size_t i = 0; i < n; i++)
		buf[i] = s.at[i] >= 0x20 && s.at[i] <= 0x7e ? s.at[i] : '?';
	memcpy(buf + n, n < s.len ? "..." : "", n < s.len ? 4 : 1);
	return buf;
}

/* Say why WORD is no decimal integer: the mistakes that people make have their own words. */
static int not_an_int(struct span word, struct fault *f)
{
	char buf[48];
	const char *todo = "write a plain decimal number";
	size_t digits = 0;
	while (digits < word.len && word.at[digits] >= '0' && word.at[digits] <= '9')
		digits++;
	if (word.len > 1 && word.at[0] == '0')
		todo = "write decimal without a leading 0: the kernel reads 010 as 8 and 0x10 as 16";
	else if (digits == word.len && word.len)
		return fault_set(f, KE_RANGE, NULL, todo, "'%s' does not fit in 64 bits", shown(word, buf));
	else if (digits)
		todo = "write the number alone, in the unit of the key";
	return fault_set(f, KE_VALUE, NULL, todo, "'%s' is not a decimal integer", shown(word, buf));
}

static int bounds_check(const struct value_shape *shape, int64_t v, struct fault *f)
{
	if ((!shape->has_min || v >= shape->min) && (!shape->has_max || v <= shape->max))
		return 0;
	if (!shape->has_max)
		return fault_set(f, KE_RANGE, NULL, "choose a value in range",
		        "%" PRId64 " is below the least value %" PRId64, v, shape->min);
	if (!shape->has_min)
		return fault_set(f, KE_RANGE, NULL, "choose a value in range",
		        "%" PRId64 " is above the greatest value %" PRId64, v, shape->max);
	return fault_set(f, KE_RANGE, NULL, "choose a value in range",
	        "%" PRId64 " is outside %" PRId64 "..%" PRId64, v, shape->min, shape->max);
}

static int64_t rounded(const struct value_shape *shape, int64_t v)
{
	if (shape->rounding == VALUE_UP_512 && v > 0 && v <= INT64_MAX - 511)
		return (v + 511) / 512 * 512;
	if (shape->rounding == VALUE_UP_POW2 && v > 0 && v <= (int64_t)1 << 61) {
		int64_t p = 1;
		while (p < v)
			p <<= 1;
		return p;
	}
	return v;
}

static unsigned shape_count(const struct value_shape *shape)
{
	return shape->type == VALUE_INT ? 1 : shape->type == VALUE_RANGE ? 2 : shape->count;
}

/* Exactly shape_count() integers. STRICT applies bounds and order; otherwise only the form is checked. */
static int ints_read(
        const struct value_shape *shape, struct span text, bool strict, struct buf *out, struct fault *f)
{
	unsigned want = shape_count(shape), n = 0;
	int64_t v[VALUE_MAX_ELEMENTS] = { 0 };
	struct span word;
	while (span_word(&text, &word)) {
		if (n == want || n == VALUE_MAX_ELEMENTS)
			return fault_set(f, KE_VALUE, NULL,
			        "put a comment on its own line; write no more numbers",
			        "more than %u number%s", want, want == 1 ? "" : "s");
		if (!int_parse(word, &v[n]))
			return not_an_int(word, f);
		if (strict) {
			int rc = bounds_check(shape, v[n], f);
			if (rc)
				return rc;
			v[n] = rounded(shape, v[n]);
		}
		n++;
	}
	if (n != want)
		return fault_set(f, KE_VALUE, NULL,
		        "write all elements: the kernel keeps the old ones otherwise",
		        "%u number%s wanted, %u given", want, want == 1 ? "" : "s", n);
	if (strict && shape->type == VALUE_RANGE && v[0] > v[1])
		return fault_set(f, KE_RANGE, NULL, "swap the two numbers",
		        "the low end %" PRId64 " is above the high end %" PRId64, v[0], v[1]);
	for (unsigned i = 0; i < n; i++) {
		if (i)
			buf_char(out, ' ');
		buf_int(out, v[i]);
	}
	return out->rc;
}

/* "LOW-HIGH" or "PORT". */
static bool port_range(struct span s, int64_t *low, int64_t *high)
{
	const char *dash = memchr(s.at, '-', s.len);
	size_t n = dash ? (size_t)(dash - s.at) : s.len;
	if (!int_parse((struct span){ s.at, n }, low))
		return false;
	*high = *low;
	if (dash && !int_parse((struct span){ dash + 1, s.len - n - 1 }, high))
		return false;
	return *low >= 0 && *low <= *high && *high < PORTS;
}

static void ports_print(const unsigned char *set, struct buf *out)
{
	const char *comma = "";
	for (unsigned p = 0; p < PORTS; p++) {
		if (!(set[p / 8] & 1u << p % 8))
			continue;
		unsigned end = p;
		while (end + 1 < PORTS && (set[(end + 1) / 8] & 1u << (end + 1) % 8))
			end++;
		buf_fmt(out, end > p ? "%s%u-%u" : "%s%u", comma, p, end);
		comma = ",";
		p = end;
	}
}

/* A set of ports, merged and sorted as the kernel prints it. */
static int ports_read(struct span text, struct buf *out, struct fault *f)
{
	unsigned char set[PORTS / 8] = { 0 };
	char buf[48];
	while (text.len) {
		const char *comma = memchr(text.at, ',', text.len);
		struct span item = { text.at, comma ? (size_t)(comma - text.at) : text.len };
		int64_t low, high;
		if (!port_range(item, &low, &high))
			return fault_set(f, KE_VALUE, NULL, "write ports like 8080,9000-9100",
			        "'%s' is not a port or a range of ports (0..65535)", shown(item, buf));
		for (; low <= high; low++)
			set[low / 8] |= (unsigned char)(1u << low % 8);
		if (comma && item.len + 1 == text.len)
			return fault_set(f, KE_VALUE, NULL, "write ports like 8080,9000-9100",
			        "the list ends with a comma");
		text.at += comma ? item.len + 1 : item.len;
		text.len -= comma ? item.len + 1 : item.len;
	}
	ports_print(set, out);
	return out->rc;
}

static int hex_word(struct span s, uint32_t *ret)
{
	uint32_t v = 0;
	if (s.len == 0 || s.len > 8)
		return KE_VALUE;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.at[i];
		unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
		                 : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
		                 : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A' + 10)
		                                        : 16;
		if (digit > 15)
			return KE_VALUE;
		v = v << 4 | digit;
	}
	*ret = v;
	return 0;
}

/* Words of up to 8 digits joined by ',' or '-', each padded to 8. In a mask (no '-') leading zero words carry no
 * meaning: the kernel prints as many as it has CPUs. */
static int hex_read(struct span text, struct buf *out, struct fault *f)
{
	bool mask = !memchr(text.at, '-', text.len);
	char buf[48];
	for (size_t i = 0; i <= text.len;) {
		size_t end = i;
		while (end < text.len && text.at[end] != ',' && text.at[end] != '-')
			end++;
		uint32_t v;
		struct span word = { text.at + i, end - i };
		if (hex_word(word, &v))
			return fault_set(f, KE_VALUE, NULL,
			        "write hexadecimal words of up to 8 digits, without 0x",
			        "'%s' is not a hexadecimal word", shown(word, buf));
		if (!mask || v || out->len || end == text.len)
			buf_fmt(out, "%08" PRIx32, v);
		if (out->len && end < text.len)
			buf_char(out, text.at[end]);
		i = end + 1;
	}
	return out->rc;
}

static int span_cmp(const void *a, const void *b)
{
	const struct span *x = a, *y = b;
	size_t n = x->len < y->len ? x->len : y->len;
	int d = memcmp(x->at, y->at, n);
	return d ? d : (x->len > y->len) - (x->len < y->len);
}

/* A set of words: sorted, each once. */
static int words_read(struct span text, struct buf *out, struct fault *f)
{
	enum { MAX_WORDS = 128 };
	struct span words[MAX_WORDS];
	size_t n = 0;
	while (n < MAX_WORDS && span_word(&text, &words[n]))
		n++;
	if (span_trim(text).len)
		return fault_set(f, KE_TOOBIG, NULL, NULL, "more than %d words", MAX_WORDS);
	qsort(words, n, sizeof words[0], span_cmp);
	for (size_t i = 0; i < n; i++) {
		if (i && span_cmp(&words[i - 1], &words[i]) == 0)
			continue;
		buf_str(out, i ? " " : "");
		buf_bytes(out, words[i].at, words[i].len);
	}
	return out->rc;
}

static int word_read(const struct value_shape *shape, struct span text, struct buf *out, struct fault *f)
{
	struct span word = { 0 };
	if (!span_word(&text, &word) || span_trim(text).len)
		return fault_set(f, KE_VALUE, NULL, "write one word", "exactly one word is wanted");
	if (shape->has_max && word.len > (uint64_t)shape->max)
		return fault_set(
		        f, KE_RANGE, NULL, NULL, "the word is longer than %" PRId64 " bytes", shape->max);
	buf_bytes(out, word.at, word.len);
	return out->rc;
}

/* Runs of blanks become one. */
static int text_fold(struct span text, struct buf *out)
{
	struct span word;
	for (bool first = true; span_word(&text, &word); first = false) {
		buf_str(out, first ? "" : " ");
		buf_bytes(out, word.at, word.len);
	}
	return out->rc;
}

/* Control characters, NUL and invalid UTF-8 have no place in what a person asks for. */
static int text_check(const char *text, size_t len, struct fault *f)
{
	if (len > VALUE_MAX_LEN)
		return fault_set(
		        f, KE_TOOBIG, NULL, NULL, "the value is longer than %d bytes", VALUE_MAX_LEN);
	for (size_t i = 0; i < len; i++)
		if (((unsigned char)text[i] < 0x20 && text[i] != '\t') || text[i] == 0x7f)
			return fault_set(f, KE_VALUE, NULL,
			        "remove it; a carriage return comes from Windows line ends",
			        "the value contains the control character 0x%02x", (unsigned char)text[i]);
	if (!utf8_valid(text, len))
		return fault_set(f, KE_VALUE, NULL, "save the file as UTF-8", "the value is not valid UTF-8");
	return 0;
}

static int shape_read(
        const struct value_shape *shape, struct span text, bool strict, struct buf *out, struct fault *f)
{
	switch (shape->type) {
	case VALUE_INT:
	case VALUE_VECTOR:
	case VALUE_RANGE:
		return ints_read(shape, text, strict, out, f);
	case VALUE_PORTS:
		return ports_read(text, out, f);
	case VALUE_WORD:
		return word_read(shape, text, out, f);
	case VALUE_WORDS:
		return words_read(text, out, f);
	case VALUE_HEX:
		return hex_read(text, out, f);
	case VALUE_TEXT:
		break;
	}
	return text_fold(text, out);
}

int value_wanted(const struct value_shape *shape, const char *text, size_t len, char **ret, struct fault *f)
{
	struct buf out = BUF_INIT(VALUE_MAX_LEN);
	int rc = text_check(text, len, f);
	if (rc)
		return rc;
	struct span s = span_trim((struct span){ text, len });
	if (s.len == 0 && shape->type != VALUE_PORTS)
		return fault_set(f, KE_VALUE, NULL, "write the value, or remove the line",
		        "the value is empty, and the kernel would keep the old one");
	rc = shape_read(shape, s, true, &out, f);
	if (rc == 0) {
		buf_str(&out, "");
		rc = buf_take(&out, ret, NULL);
	}
	if (rc == KE_NOMEM || rc == KE_TOOBIG)
		fault_set(f, rc, NULL, NULL, "%s", err_text(rc));
	buf_free(&out);
	return rc;
}

int value_observed(const struct value_shape *shape, const char *text, size_t len, char **ret)
{
	struct buf out = BUF_INIT(2 * (size_t)VALUE_MAX_LEN);
	if (len > VALUE_MAX_LEN * (size_t)2)
		return KE_TOOBIG;
	struct span s = span_trim((struct span){ text, len });
	int rc = shape_read(shape, s, false, &out, NULL);
	if (rc && rc != KE_NOMEM) {
		buf_clear(&out);
		rc = text_fold(s, &out);
	}
	if (rc == 0)
		rc = buf_take(&out, ret, NULL);
	buf_free(&out);
	return rc;
}
