/* kb_compile.c — a build tool: policies/kb/NAME.json -> C tables for knowledge.c.
 *
 *   kb_compile OUTPUT.c INPUT.json...
 *
 * The knowledge base is data that people edit, so everything about it is checked here, where a mistake stops the
 * build with file and field path, and nothing is checked at run time. It refuses unknown members, keys out of order
 * or given twice, defaults that do not fit their own shape, texts that are not plain ASCII, and orders ("after") that
 * name unknown keys. Not part of the library.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cJSON.h>

#include "policies/kb_table.h"
#include "policies/name.h"
#include "policies/value.h"
#include "proto/buf.h"
#include "proto/fileio.h"
#include "proto/reader.h"

#define MAX_KNOBS 2000
#define MAX_NAMES 4000
#define MAX_FILES 32
#define MAX_ITEMS 16
#define MAX_TEXT  1000

struct entry {
	struct name name;
	struct value_shape shape;
	unsigned scope, danger;
	bool read_only;
	uint32_t added, removed, obsolete;
	uint32_t earlier_before;
	int64_t earlier_min, earlier_max;
	const char *module;
	struct name also_changes[MAX_ITEMS], after[MAX_ITEMS], after_raised[MAX_ITEMS];
	unsigned n_also_changes, n_after, n_after_raised;
	uint32_t docs[KB_DOCS];
};

struct compiler {
	struct entry *entries;
	size_t n_entries;
	struct name *names;
	size_t n_names;
	struct cJSON *trees[MAX_FILES]; /* texts of entries point into them */
	size_t n_trees;
	struct buf texts;
};

static const char *const types[] = { [VALUE_TEXT] = "text",
	[VALUE_INT] = "int",
	[VALUE_VECTOR] = "vector",
	[VALUE_RANGE] = "range",
	[VALUE_PORTS] = "ports",
	[VALUE_WORD] = "word",
	[VALUE_WORDS] = "words",
	[VALUE_HEX] = "hex",
	NULL };
static const char *const roundings[] = { "as_is", "up_pow2", "up_512", NULL };
static const char *const unlimiteds[] = { "none", "negative", "zero", NULL };
static const char *const scopes[] = { "netns", "host", "host_shown", "host_wide", NULL };
static const char *const starts[] = { "default", "host", NULL };
static const char *const dangers[] = { "plain", "trigger", "one_way", "secret", NULL };

static bool text_plain(const char *s)
{
	for (; *s; s++)
		if (*s < 0x20 || *s > 0x7e)
			return false;
	return true;
}

/* Append one NUL-terminated text to the block; its offset. */
static uint32_t text_add(struct compiler *c, const char *s)
{
	uint32_t at = (uint32_t)c->texts.len;
	buf_bytes(&c->texts, s, strlen(s) + 1);
	return at;
}

static int read_text(struct compiler *c, const struct place *knob, const char *member, enum kb_doc column,
        struct entry *e, struct fault *f)
{
	const char *s;
	int rc = read_opt_string(knob, member, MAX_TEXT, &s, NULL, f);
	if (rc || !s)
		return rc;
	if (!text_plain(s))
		return place_fault(knob, f, KE_SCHEMA, "write plain ASCII", "%s: not plain text", member);
	e->docs[column] = text_add(c, s);
	return 0;
}

/* An array of texts, or for words an object {"1": "strict"}, as a list in the block. */
static int read_list(struct compiler *c, const struct place *knob, const char *member, enum kb_doc column,
        struct entry *e, struct fault *f)
{
	struct place list, item = { 0 };
	if (!read_has(knob, member))
		return 0;
	int rc = read_any(knob, member, &list, f);
	if (rc)
		return rc;
	if (!place_is_object(&list) && !place_is_array(&list))
		return place_fault(&list, f, KE_SCHEMA, NULL, "must be an array or object of strings");
	e->docs[column] = (uint32_t)c->texts.len;
	while (place_next(&list, &item)) {
		const char *s;
		rc = place_string(&item, 1, MAX_TEXT, &s, f);
		if (rc)
			return rc;
		if (!text_plain(s))
			return place_fault(&item, f, KE_SCHEMA, "write plain ASCII", "not plain text");
		if (item.name)
			buf_fmt(&c->texts, "%s=", item.name);
		text_add(c, s);
	}
	text_add(c, "");
	return 0;
}

static int read_names(
        const struct place *knob, const char *member, struct name *names, unsigned *n, struct fault *f)
{
	struct place list, item = { 0 };
	if (!read_has(knob, member))
		return 0;
	int rc = read_array(knob, member, &list, f);
	while (rc == 0 && place_next(&list, &item)) {
		const char *s;
		if (*n == MAX_ITEMS)
			return place_fault(&item, f, KE_TOOBIG, NULL, "more than %d items", MAX_ITEMS);
		rc = place_string(&item, 1, NAME_MAX_LEN, &s, f);
		if (rc == 0 && (rc = name_parse(s, strlen(s), &names[*n], f)))
			place_fault(&item, f, rc, NULL, "'%s' is not a name", s);
		++*n;
	}
	return rc;
}

/* "6.14" -> KERNEL(6, 14); absent -> 0. */
static int read_kernel(const struct place *knob, const char *member, uint32_t *ret, struct fault *f)
{
	const char *s;
	unsigned major, minor;
	int end = 0;
	int rc = read_opt_string(knob, member, 16, &s, NULL, f);
	if (rc || !s)
		return rc;
	if (sscanf(s, "%3u.%3u%n", &major, &minor, &end) != 2 || s[end])
		return place_fault(knob, f, KE_SCHEMA, NULL, "%s: write a release like 6.14", member);
	*ret = KERNEL(major, minor);
	return 0;
}

static int read_shape(const struct place *knob, struct value_shape *shape, struct fault *f)
{
	unsigned type, rounding, unlimited;
	int64_t count;
	int rc;
	if ((rc = read_word(knob, "type", types, &type, f)) ||
	        (rc = read_opt_word(knob, "rounding", roundings, &rounding, VALUE_AS_IS, f)) ||
	        (rc = read_opt_word(knob, "unlimited", unlimiteds, &unlimited, VALUE_UNLIMITED_NONE, f)) ||
	        (rc = read_opt_int(knob, "count", 1, VALUE_MAX_ELEMENTS, &count, 0, f)))
		return rc;
	*shape = (struct value_shape){ .type = (enum value_type)type,
		.rounding = (enum value_rounding)rounding,
		.unlimited = (enum value_unlimited)unlimited,
		.count = (unsigned char)count,
		.has_min = read_has(knob, "min"),
		.has_max = read_has(knob, "max") };
	if ((type == VALUE_VECTOR) != (count != 0))
		return place_fault(knob, f, KE_SCHEMA, NULL, "a vector has a count, nothing else has");
	if (unlimited != VALUE_UNLIMITED_NONE && type != VALUE_INT)
		return place_fault(knob, f, KE_SCHEMA, NULL, "only one integer can mean no limit");
	if ((rc = read_opt_int(knob, "min", -STRICT_INT_MAX, STRICT_INT_MAX, &shape->min, 0, f)) ||
	        (rc = read_opt_int(knob, "max", -STRICT_INT_MAX, STRICT_INT_MAX, &shape->max, 0, f)))
		return rc;
	if (shape->has_min && shape->has_max && shape->min > shape->max)
		return place_fault(knob, f, KE_RANGE, NULL, "min is above max");
	return 0;
}

/* The bounds that older kernels had: {"before": "5.13", "min": ..., "max": ...}. */
static int read_earlier(const struct place *knob, struct entry *e, struct fault *f)
{
	static const char *const members[] = { "before", "min", "max", NULL };
	struct place at;
	int rc;
	if (!read_has(knob, "earlier"))
		return 0;
	if ((rc = read_object(knob, "earlier", &at, f)) || (rc = read_members(&at, members, f)) ||
	        (rc = read_kernel(&at, "before", &e->earlier_before, f)) ||
	        (rc = read_int(&at, "min", -STRICT_INT_MAX, STRICT_INT_MAX, &e->earlier_min, f)) ||
	        (rc = read_int(&at, "max", e->earlier_min, STRICT_INT_MAX, &e->earlier_max, f)))
		return rc;
	if (!e->earlier_before)
		return place_fault(&at, f, KE_SCHEMA, NULL, "before: which release ended these bounds?");
	return 0;
}

static int read_facts(const struct place *knob, struct entry *e, struct fault *f)
{
	int rc;
	if ((rc = read_shape(knob, &e->shape, f)) || (rc = read_word(knob, "scope", scopes, &e->scope, f)) ||
	        (rc = read_opt_word(knob, "danger", dangers, &e->danger, KNOB_PLAIN, f)) ||
	        (rc = read_opt_bool(knob, "read_only", &e->read_only, false, f)) ||
	        (rc = read_kernel(knob, "added", &e->added, f)) ||
	        (rc = read_kernel(knob, "removed", &e->removed, f)) ||
	        (rc = read_kernel(knob, "obsolete", &e->obsolete, f)) || (rc = read_earlier(knob, e, f)) ||
	        (rc = read_opt_string(knob, "module", 32, &e->module, NULL, f)) ||
	        (rc = read_names(knob, "also_changes", e->also_changes, &e->n_also_changes, f)) ||
	        (rc = read_names(knob, "after", e->after, &e->n_after, f)) ||
	        (rc = read_names(knob, "after_raised", e->after_raised, &e->n_after_raised, f)))
		return rc;
	if (e->removed && e->added >= e->removed)
		return place_fault(knob, f, KE_RANGE, NULL, "removed before it was added");
	return e->module && !text_plain(e->module)
	               ? place_fault(knob, f, KE_SCHEMA, NULL, "module: not plain text")
	               : 0;
}

/* The default has to be canonical text of the knob's own shape. */
static int check_default(struct compiler *c, const struct place *knob, const struct entry *e, struct fault *f)
{
	char *canonical;
	if (!e->docs[KB_INITIAL])
		return 0;
	const char *text = c->texts.data + e->docs[KB_INITIAL];
	int rc = value_wanted(&e->shape, text, strlen(text), &canonical, f);
	if (rc)
		return place_fault(knob, f, rc, NULL, "default '%s' does not fit the shape", text);
	if (strcmp(canonical, text) != 0)
		rc = place_fault(knob, f, KE_VALUE, NULL, "default: write '%s'", canonical);
	free(canonical);
	return rc;
}

static int read_texts(struct compiler *c, const struct place *knob, struct entry *e, struct fault *f)
{
	static const struct {
		const char *member;
		enum kb_doc column;
		bool list;
	} rows[] = { { "unit", KB_UNIT, false }, { "default", KB_INITIAL, false },
		{ "default_rule", KB_INITIAL_RULE, false }, { "bounds_note", KB_BOUNDS_NOTE, false },
		{ "effect", KB_EFFECT, false }, { "meaning", KB_MEANING, false },
		{ "starts_from", KB_STARTS_FROM, false }, { "scope_since", KB_SCOPE_SINCE, false },
		{ "requires", KB_REQUIRES, false }, { "readback", KB_READBACK, false },
		{ "words", KB_WORDS, true }, { "hazards", KB_HAZARDS, true },
		{ "relations", KB_RELATIONS, true }, { "history", KB_HISTORY, true },
		{ "sources", KB_SOURCES, true } };
	unsigned start;
	int rc = read_opt_word(knob, "starts_from", starts, &start, 0, f);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0] && rc == 0; i++)
		rc = rows[i].list ? read_list(c, knob, rows[i].member, rows[i].column, e, f)
		                  : read_text(c, knob, rows[i].member, rows[i].column, e, f);
	return rc;
}

static int read_knob(struct compiler *c, const struct place *knob, struct entry *e, struct fault *f)
{
	static const char *const members[] = { "key", "type", "count", "min", "max", "rounding", "unlimited",
		"unit", "words", "scope", "read_only", "danger", "added", "removed", "obsolete", "module",
		"default", "default_rule", "bounds_note", "effect", "meaning", "hazards", "relations",
		"also_changes", "after", "after_raised", "history", "sources", "starts_from", "scope_since",
		"requires", "readback", "earlier", NULL };
	const char *key;
	int rc;
	if ((rc = read_members(knob, members, f)) ||
	        (rc = read_string(knob, "key", 3, KNOB_PATH_ROOM - 1, &key, f)))
		return rc;
	if ((rc = name_parse(key, strlen(key), &e->name, f)))
		return place_fault(knob, f, rc, NULL, "key: '%s' is not a name", key);
	if ((rc = read_facts(knob, e, f)) || (rc = read_texts(c, knob, e, f)))
		return rc;
	if (!e->docs[KB_UNIT] || !e->docs[KB_MEANING] || !e->docs[KB_SOURCES])
		return place_fault(knob, f, KE_SCHEMA, NULL, "unit, meaning and sources are needed");
	return check_default(c, knob, e, f);
}

static int read_knobs(struct compiler *c, const struct place *root, struct fault *f)
{
	static const char *const members[] = { "kedge_knobs", "knobs", NULL };
	struct place list, knob = { 0 };
	int64_t format;
	int rc;
	if ((rc = read_members(root, members, f)) || (rc = read_int(root, "kedge_knobs", 1, 1, &format, f)) ||
	        (rc = read_array(root, "knobs", &list, f)))
		return rc;
	for (size_t first = c->n_entries; place_next(&list, &knob); c->n_entries++) {
		struct entry *e = &c->entries[c->n_entries];
		if (c->n_entries == MAX_KNOBS)
			return place_fault(&knob, f, KE_TOOBIG, NULL, "more than %d knobs", MAX_KNOBS);
		if ((rc = read_knob(c, &knob, e, f)))
			return rc;
		if (c->n_entries > first && name_cmp(&e[-1].name, &e->name) >= 0)
			return place_fault(&knob, f, KE_SCHEMA, "sort the file by key",
			        "'%s' is out of order", e->name.path);
	}
	return 0;
}

/* {"kedge_names": 1, "names": [...]}: keys that exist but are not described. */
static int read_bare_names(struct compiler *c, const struct place *root, struct fault *f)
{
	static const char *const members[] = { "kedge_names", "names", NULL };
	struct place list, item = { 0 };
	int64_t format;
	int rc;
	if ((rc = read_members(root, members, f)) || (rc = read_int(root, "kedge_names", 1, 1, &format, f)) ||
	        (rc = read_array(root, "names", &list, f)))
		return rc;
	for (; place_next(&list, &item); c->n_names++) {
		const char *s;
		if (c->n_names == MAX_NAMES)
			return place_fault(&item, f, KE_TOOBIG, NULL, "more than %d names", MAX_NAMES);
		if ((rc = place_string(&item, 3, NAME_MAX_LEN, &s, f)))
			return rc;
		if ((rc = name_parse(s, strlen(s), &c->names[c->n_names], f)))
			return place_fault(&item, f, rc, NULL, "'%s' is not a name", s);
	}
	return 0;
}

static int read_input(struct compiler *c, const char *path, struct fault *f)
{
	char *text = NULL;
	size_t len;
	int rc = file_read(path, strict_limits_default.max_bytes, &text, &len, f);
	if (rc)
		return rc;
	if (c->n_trees == MAX_FILES)
		rc = fault_set(f, KE_TOOBIG, NULL, NULL, "more than %d files", MAX_FILES);
	else
		rc = strict_parse(text, len, &strict_limits_default, &c->trees[c->n_trees], f);
	file_free(text);
	if (rc == 0) {
		struct place root = place_root(c->trees[c->n_trees++]);
		rc = read_has(&root, "kedge_names") ? read_bare_names(c, &root, f) : read_knobs(c, &root, f);
	}
	if (rc)
		fault_at(f, "%s", path);
	return rc;
}

/* Of names, and of entries, which begin with theirs. */
static int name_first_cmp(const void *a, const void *b)
{
	return name_cmp(a, b);
}

static bool known(const struct compiler *c, const struct name *n)
{
	for (size_t i = 0; i < c->n_entries; i++)
		if (name_match(&c->entries[i].name, n))
			return true;
	return false;
}

/* Sort, and check what needs all files: keys given twice, orders that lead nowhere. */
static int tables_check(struct compiler *c, struct fault *f)
{
	qsort(c->entries, c->n_entries, sizeof c->entries[0], name_first_cmp);
	qsort(c->names, c->n_names, sizeof c->names[0], name_first_cmp);
	for (size_t i = 0; i < c->n_entries; i++) {
		const struct entry *e = &c->entries[i];
		if (i && name_cmp(&e[-1].name, &e->name) == 0)
			return fault_set(f, KE_DUPLICATE, e->name.path, NULL, "given twice");
		for (unsigned j = 0; j < e->n_after + e->n_after_raised; j++) {
			const struct name *n =
			        j < e->n_after ? &e->after[j] : &e->after_raised[j - e->n_after];
			if (!known(c, n))
				return fault_set(f, KE_UNKNOWN, e->name.path, NULL,
				        "after: '%s' is not described", n->path);
		}
	}
	return 0;
}

/* Names as a list in the block; its offset, 0 for none. */
static uint32_t names_add(struct compiler *c, const struct name *names, unsigned n)
{
	uint32_t at = n ? (uint32_t)c->texts.len : 0;
	for (unsigned i = 0; i < n; i++)
		text_add(c, names[i].path);
	if (n)
		text_add(c, "");
	return at;
}

static void emit_knob(FILE *out, struct compiler *c, const struct entry *e)
{
	const struct value_shape *s = &e->shape;
	fprintf(out, "\t{\n\t\t.path = \"%s\",\n", e->name.path);
	fprintf(out, "\t\t.shape = { .type = %d, .count = %d, .rounding = %d, .unlimited = %d,", (int)s->type,
	        s->count, (int)s->rounding, (int)s->unlimited);
	fprintf(out, " .has_min = %d, .has_max = %d,", s->has_min, s->has_max);
	fprintf(out, " .min = INT64_C(%" PRId64 "), .max = INT64_C(%" PRId64 ") },\n", s->min, s->max);
	fprintf(out, "\t\t.scope = %u, .danger = %u, .read_only = %d,\n", e->scope, e->danger, e->read_only);
	fprintf(out, "\t\t.added = %" PRIu32 ", .removed = %" PRIu32 ", .obsolete = %" PRIu32 ",\n", e->added,
	        e->removed, e->obsolete);
	if (e->earlier_before)
		fprintf(out,
		        "\t\t.earlier_before = %" PRIu32 ", .earlier_min = INT64_C(%" PRId64
		        "), .earlier_max = INT64_C(%" PRId64 "),\n",
		        e->earlier_before, e->earlier_min, e->earlier_max);
	fprintf(out, "\t\t.module = %" PRIu32 ", .also_changes = %" PRIu32 ",\n",
	        e->module ? text_add(c, e->module) : 0, names_add(c, e->also_changes, e->n_also_changes));
	fprintf(out, "\t\t.after = %" PRIu32 ", .after_raised = %" PRIu32 ",\n",
	        names_add(c, e->after, e->n_after), names_add(c, e->after_raised, e->n_after_raised));
	fprintf(out, "\t},\n");
}

/* The block as C string literals, one text a line. */
static void emit_texts(FILE *out, const struct buf *texts)
{
	fprintf(out, "const char kb_texts[] =\n\t\"");
	for (size_t i = 0; i < texts->len; i++) {
		char ch = texts->data[i];
		if (ch == '\0')
			fprintf(out, "\\000\"\n\t\"");
		else
			fprintf(out, ch == '"' || ch == '\\' || ch == '?' ? "\\%c" : "%c", ch);
	}
	fprintf(out, "\";\n");
}

static void emit(FILE *out, struct compiler *c)
{
	size_t patterns = 0;
	fprintf(out, "/* Made by kb_compile from policies/kb; do not edit. */\n#include "
	             "\"policies/kb_table.h\"\n\n");
	fprintf(out, "const struct knob kb_knobs[] = {\n");
	for (size_t i = 0; i < c->n_entries; i++)
		emit_knob(out, c, &c->entries[i]);
	fprintf(out, "};\nconst size_t kb_knobs_n = %zu;\nconst uint32_t kb_docs[][KB_DOCS] = {\n",
	        c->n_entries);
	for (size_t i = 0; i < c->n_entries; i++) {
		for (unsigned j = 0; j < KB_DOCS; j++)
			fprintf(out, "%s%" PRIu32, j ? ", " : "\t{ ", c->entries[i].docs[j]);
		fprintf(out, " },\n");
	}
	fprintf(out, "};\nconst uint16_t kb_patterns[] = {");
	for (size_t i = 0; i < c->n_entries; i++)
		if (name_is_pattern(&c->entries[i].name))
			fprintf(out, patterns++ ? ", %zu" : " %zu", i);
	fprintf(out, " };\nconst size_t kb_patterns_n = %zu;\nconst uint32_t kb_names[] = {\n", patterns);
	for (size_t i = 0; i < c->n_names; i++)
		fprintf(out, "\t%" PRIu32 ",\n", text_add(c, c->names[i].path));
	fprintf(out, "};\nconst size_t kb_names_n = %zu;\n", c->n_names);
	emit_texts(out, &c->texts);
}

static int compile(struct compiler *c, const char *output, int n, char **inputs, struct fault *f)
{
	int rc = 0;
	text_add(c, ""); /* offset 0: no text */
	for (int i = 0; i < n && rc == 0; i++)
		rc = read_input(c, inputs[i], f);
	if (rc || (rc = tables_check(c, f)))
		return rc;
	FILE *out = fopen(output, "we");
	if (!out)
		return fault_set(f, KE_IO, output, NULL, "cannot be created");
	emit(out, c);
	rc = c->texts.rc;
	if (ferror(out) | fclose(out) || rc)
		return fault_set(f, rc ? rc : KE_IO, output, NULL, "cannot be written");
	return 0;
}

int main(int argc, char **argv)
{
	struct compiler c = { .texts = BUF_INIT(16 << 20) };
	struct fault f;
	char line[1024];
	if (argc < 3) {
		fprintf(stderr, "usage: kb_compile OUTPUT.c INPUT.json...\n");
		return 2;
	}
	c.entries = calloc(MAX_KNOBS + 1, sizeof c.entries[0]);
	c.names = calloc(MAX_NAMES + 1, sizeof c.names[0]);
	int rc = c.entries && c.names ? compile(&c, argv[1], argc - 2, argv + 2, &f)
	                              : fault_set(&f, KE_NOMEM, NULL, NULL, "out of memory");
	if (rc) {
		fprintf(stderr, "kb_compile: %s\n", fault_line(&f, line, sizeof line));
		remove(argv[1]);
	}
	for (size_t i = 0; i < c.n_trees; i++)
		cJSON_Delete(c.trees[i]);
	free(c.entries);
	free(c.names);
	buf_free(&c.texts);
	return rc ? 1 : 0;
}
