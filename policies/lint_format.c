/* lint_format.c — rules about how values are written: what the kernel refuses, and what it misreads. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "policies/lint_rules.h"

typedef void value_check(
        struct lint_view *v, const struct conf_line *l, const struct knob *k, const char *key);

/* Calls FN for the last line of each key that has a knob. */
static void each_value(struct lint_view *v, value_check *fn)
{
	char key[NAME_MAX_LEN + 1];
	for (size_t i = 0; i < v->conf->n_lines; i++) {
		const struct conf_line *l = &v->conf->lines[i];
		const struct knob *k = v->lines[i].knob;
		if (k && v->lines[i].wins)
			fn(v, l, k, name_dotted(&l->name, key, sizeof key));
	}
}

/* How many numbers a value of this shape has; 0: it is not numbers. */
static unsigned number_count(const struct knob *k)
{
	return k->shape.type == VALUE_INT      ? 1
	       : k->shape.type == VALUE_RANGE  ? 2
	       : k->shape.type == VALUE_VECTOR ? k->shape.count
	                                       : 0;
}

static unsigned word_count(const char *s)
{
	unsigned n = 0;
	for (s += strspn(s, " \t"); *s; s += strspn(s, " \t"), n++)
		s += strcspn(s, " \t");
	return n;
}

/* Starts the word at S with a digit, perhaps after a minus? */
static bool starts_number(const char *s)
{
	s += *s == '-';
	return *s >= '0' && *s <= '9';
}

static bool ascii_printable(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s > 0x7e || ((unsigned char)*s < 0x20 && *s != '\t') ||
		        strchr("\"';", *s))
			return false;
	return true;
}

/* 010, 0x10: what the kernel reads in another base. */
static const char *other_base(const char *s)
{
	for (; *s; s += strcspn(s, " \t"), s += strspn(s, " \t")) {
		const char *digits = s + (*s == '-');
		if (digits[0] == '0' && strchr("0123456789xX", digits[1]) && digits[1])
			return s;
	}
	return NULL;
}

static void out_of_range(
        struct lint_view *v, const struct conf_line *l, const struct knob *k, const char *key)
{
	int64_t n[VALUE_MAX_ELEMENTS];
	unsigned count = number_count(k) ? numbers_parse(l->value, n) : 0;
	for (unsigned i = 0; i < count; i++) {
		if (k->shape.has_min && n[i] < k->shape.min)
			view_find(v, l, "'%s = %s' is refused: %" PRId64 " is below %" PRId64, key, l->value,
			        n[i], k->shape.min);
		else if (k->shape.has_max && n[i] > k->shape.max)
			view_find(v, l, "'%s = %s' is refused: %" PRId64 " is above %" PRId64, key, l->value,
			        n[i], k->shape.max);
		else
			continue;
		return;
	}
}

static void check_range(struct lint_view *v)
{
	each_value(v, out_of_range);
}

static void wrong_count(struct lint_view *v, const struct conf_line *l, const struct knob *k, const char *key)
{
	int64_t n[VALUE_MAX_ELEMENTS];
	unsigned want = number_count(k), got = word_count(l->value);
	if (want && got != want && (got == 0 || numbers_parse(l->value, n)))
		view_find(
		        v, l, "'%s' needs exactly %u number%s, got %u", key, want, want == 1 ? "" : "s", got);
}

static void check_count(struct lint_view *v)
{
	each_value(v, wrong_count);
}

static void no_number(struct lint_view *v, const struct conf_line *l, const struct knob *k, const char *key)
{
	int64_t n[VALUE_MAX_ELEMENTS];
	const char *s = l->value;
	if (!number_count(k) || !*s || numbers_parse(s, n) || other_base(s))
		return;
	/* "1200 note" is FMT005's: its first word is a number. */
	size_t first = strspn(s + (*s == '-'), "0123456789") + (*s == '-');
	if (number_count(k) == 1 && starts_number(s) && (s[first] == ' ' || s[first] == '\t'))
		return;
	view_find(v, l, "'%s = %s' is not a plain integer", key, s);
}

static void check_integer(struct lint_view *v)
{
	each_value(v, no_number);
}

static void octal_hex(struct lint_view *v, const struct conf_line *l, const struct knob *k, const char *key)
{
	const char *word = number_count(k) ? other_base(l->value) : NULL;
	if (word)
		view_find(v, l, "'%s = %s' will be stored as %lld", key, l->value, strtoll(word, NULL, 0));
}

static void check_base(struct lint_view *v)
{
	each_value(v, octal_hex);
}

static void trailing_text(
        struct lint_view *v, const struct conf_line *l, const struct knob *k, const char *key)
{
	int64_t n[VALUE_MAX_ELEMENTS];
	if (number_count(k) == 1 && starts_number(l->value) && word_count(l->value) > 1 &&
	        !numbers_parse(l->value, n))
		view_find(v, l,
		        "the text behind the number of '%s' is not a comment; only the first number is "
		        "stored",
		        key);
}

static void check_trailing(struct lint_view *v)
{
	each_value(v, trailing_text);
}

static void bad_characters(
        struct lint_view *v, const struct conf_line *l, const struct knob *k, const char *key)
{
	if (k->shape.type != VALUE_TEXT && !ascii_printable(l->value))
		view_find(v, l, "'%s' contains characters that the kernel refuses", key);
}

static void check_characters(struct lint_view *v)
{
	each_value(v, bad_characters);
}

static void negative(struct lint_view *v, const struct conf_line *l, const struct knob *k, const char *key)
{
	int64_t n[VALUE_MAX_ELEMENTS];
	if (k->shape.type == VALUE_INT && numbers_parse(l->value, n) == 1 && n[0] < 0 &&
	        (!k->shape.has_min || n[0] >= k->shape.min) && strcmp(k->path, V4 "tcp_adv_win_scale") != 0)
		view_find(v, l, "'%s = %s' is accepted by the kernel but meaningless", key, l->value);
}

static void check_negative(struct lint_view *v)
{
	each_value(v, negative);
}

static void flag_value(struct lint_view *v, const struct conf_line *l, const struct knob *k, const char *key)
{
	int64_t n[VALUE_MAX_ELEMENTS];
	if (k->shape.type == VALUE_INT && strcmp(knowledge_doc(k).unit, "flag") == 0 &&
	        numbers_parse(l->value, n) == 1 && n[0] != 0 && n[0] != 1)
		view_find(v, l, "'%s = %s': only 0 and 1 have a defined meaning", key, l->value);
}

static void check_flag(struct lint_view *v)
{
	each_value(v, flag_value);
}

static void port_list(struct lint_view *v, const struct conf_line *l, const struct knob *k, const char *key)
{
	char *canonical = NULL;
	struct fault f = { 0 };
	if (k->shape.type != VALUE_PORTS)
		return;
	if (value_wanted(&k->shape, l->value, strlen(l->value), &canonical, &f) == KE_VALUE)
		view_find(v, l, "'%s' is not a valid port list: %s", key, f.what);
	free(canonical);
}

static void check_ports(struct lint_view *v)
{
	each_value(v, port_list);
}

static void long_list(struct lint_view *v, const struct conf_line *l, const struct knob *k, const char *key)
{
	if (k->shape.type == VALUE_PORTS && strlen(l->value) > 4095)
		view_find(v, l, "one write cannot carry the %zu bytes of '%s'; sysctl(8) stores a part of it",
		        strlen(l->value), key);
}

static void check_long(struct lint_view *v)
{
	each_value(v, long_list);
}

const struct lint_rule lint_format_rules[] = {
	{ .id = "FMT001",
	        .severity = LINT_ERROR,
	        .check = check_range,
	        .fix = "choose a value in range",
	        .sources = SOURCES("bounds probed on 6.18.44") },
	{ .id = "FMT002",
	        .severity = LINT_ERROR,
	        .check = check_count,
	        .fix = "write all elements: the kernel keeps old ones and drops further ones without a word",
	        .sources = SOURCES("measured on 6.18.44") },
	{ .id = "FMT003",
	        .severity = LINT_ERROR,
	        .check = check_integer,
	        .fix = "write the number in the unit of the key",
	        .sources = SOURCES("measured: EINVAL") },
	{ .id = "FMT004",
	        .severity = LINT_WARNING,
	        .check = check_base,
	        .fix = "write decimal",
	        .sources = SOURCES("measured: 010 stored as 8, 0x10 as 16") },
	{ .id = "FMT005",
	        .severity = LINT_WARNING,
	        .check = check_trailing,
	        .fix = "put comments on their own line",
	        .sources = SOURCES("measured: '1200 # x' stored as 1200, write() returned 5 of 16") },
	{ .id = "FMT006",
	        .severity = LINT_ERROR,
	        .check = check_characters,
	        .fix = "use ASCII digits and Unix line ends, no quotes and no semicolon",
	        .sources = SOURCES("measured: EINVAL for CR, BOM, full-width digits, quotes, '1200;'") },
	{ .id = "FMT007",
	        .severity = LINT_ERROR,
	        .check = check_negative,
	        .fix = "use a value of 0 or more (more than 0 for time-outs)",
	        .sources = SOURCES("measured: tcp_fin_timeout=-1 accepted") },
	{ .id = "FMT008",
	        .severity = LINT_INFO,
	        .check = check_flag,
	        .fix = "use 0 or 1",
	        .sources = SOURCES("key catalogue") },
	{ .id = "FMT009",
	        .severity = LINT_ERROR,
	        .check = check_ports,
	        .fix = "comma-separated ports and LOW-HIGH ranges, without blanks",
	        .sources = SOURCES("measured: 27 forms") },
	{ .id = "FMT010",
	        .severity = LINT_INFO,
	        .check = check_long,
	        .fix = "apply it with kedge, which continues on the open file and reads it back whole",
	        .sources = SOURCES("kernel/sysctl.c:proc_do_large_bitmap", "measured") },
	{ .id = "" },
};
