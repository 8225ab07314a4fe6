/* Typed reads: the complaint names the field, and a failed read leaves its output alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cJSON.h>
#include <cmocka.h>

#include "proto/reader.h"

static cJSON *parse(const char *text)
{
	cJSON *tree = NULL;
	struct fault f = { 0 };
	char line[1024];
	if (strict_parse(text, strlen(text), &strict_limits_default, &tree, &f))
		fail_msg("%s", fault_line(&f, line, sizeof line));
	return tree;
}

static const char *const words[] = { "low", "high", NULL };

static const char document[] =
        "{\"s\":\"text\",\"empty\":\"\",\"i\":42,\"neg\":-1,\"max\":9007199254740991,\"t\":true,\"f\":false,"
        "\"null\":null,\"o\":{\"in\":1},\"a\":[1,\"two\"],\"word\":\"high\",\"hex\":\"00fFa5\","
        "\"time\":\"2026-11-24T20:23:36Z\",\"feb\":\"2026-02-31T00:00:00Z\",\"S\":1}";

static void good_reads(void **state)
{
	(void)state;
	cJSON *tree = parse(document);
	struct place root = place_root(tree), item;
	const char *text;
	int64_t number;
	bool flag;
	unsigned index;
	unsigned char bytes[3];
	struct fault f;
	assert_int_equal(read_string(&root, "s", 4, 4, &text, &f), 0);
	assert_string_equal(text, "text");
	assert_int_equal(read_string(&root, "empty", 0, 0, &text, &f), 0);
	assert_string_equal(text, "");
	assert_int_equal(read_int(&root, "i", 42, 42, &number, &f), 0);
	assert_int_equal(number, 42);
	assert_int_equal(read_int(&root, "neg", -1, 0, &number, &f), 0);
	assert_int_equal(number, -1);
	assert_int_equal(read_int(&root, "max", 0, INT64_MAX, &number, &f), 0);
	assert_true(number == STRICT_INT_MAX);
	assert_int_equal(read_bool(&root, "t", &flag, &f), 0);
	assert_true(flag);
	assert_int_equal(read_bool(&root, "f", &flag, &f), 0);
	assert_false(flag);
	assert_int_equal(read_word(&root, "word", words, &index, &f), 0);
	assert_int_equal(index, 1);
	assert_int_equal(read_hex(&root, "hex", bytes, 3, &f), 0);
	assert_memory_equal(bytes, "\x00\xff\xa5", 3);
	assert_int_equal(read_time(&root, "time", &number, &f), 0);
	assert_int_equal(number, 1795551816);
	assert_int_equal(read_object(&root, "o", &item, &f), 0);
	assert_true(place_is_object(&item) && !place_is_array(&item));
	assert_int_equal(read_int(&item, "in", 1, 1, &number, &f), 0);
	assert_int_equal(read_array(&root, "a", &item, &f), 0);
	assert_true(place_is_array(&item) && !place_is_object(&item));
	assert_int_equal(place_count(&item), 2);
	assert_int_equal(read_any(&root, "null", &item, &f), 0);
	assert_false(place_is_string(&item) || place_is_int(&item) || place_is_object(&item));
	cJSON_Delete(tree);
}

enum kind { STRING, INT, BOOL, WORD, HEX, TIME, OBJECT, ARRAY, ANY };

static int read_kind(const struct place *at, enum kind kind, const char *name, struct fault *f)
{
	const char *text = "untouched";
	int64_t number = -77;
	bool flag = true;
	unsigned index = 77;
	unsigned char bytes[4] = "\1\2\3";
	struct place item = { .index = 77 };
	int rc = kind == STRING ? read_string(at, name, 1, 3, &text, f)
	         : kind == INT  ? read_int(at, name, 0, 41, &number, f)
	         : kind == BOOL ? read_bool(at, name, &flag, f)
	         : kind == WORD ? read_word(at, name, words, &index, f)
	         : kind == HEX  ? read_hex(at, name, bytes, 3, f)
	         : kind == TIME ? read_time(at, name, &number, f)
	         : kind == ANY  ? read_any(at, name, &item, f)
	                        : (kind == OBJECT ? read_object : read_array)(at, name, &item, f);
	assert_string_equal(text, "untouched");
	assert_int_equal(number, -77);
	assert_true(flag);
	assert_int_equal(index, 77);
	assert_int_equal(item.index, 77);
	assert_memory_equal(bytes, "\1\2\3", 4);
	return rc;
}

static void bad_reads(void **state)
{
	(void)state;
	static const struct {
		enum kind kind;
		const char *name;
		int code;
		const char *line;
	} rows[] = {
		{ ANY, "no", KE_SCHEMA, "(document): member 'no' is missing" },
		{ ANY, "I", KE_SCHEMA, "(document): member 'I' is missing" }, /* case counts */
		{ STRING, "no", KE_SCHEMA, "(document): member 'no' is missing" },
		{ STRING, "i", KE_SCHEMA, "i: must be a string" },
		{ STRING, "null", KE_SCHEMA, "null: must be a string" },
		{ STRING, "empty", KE_SCHEMA, "empty: must not be empty" },
		{ STRING, "s", KE_SCHEMA, "s: has 4 bytes; 1 to 3 are allowed" },
		{ INT, "s", KE_SCHEMA, "s: must be an integer" },
		{ INT, "t", KE_SCHEMA, "t: must be an integer" },
		{ INT, "i", KE_RANGE, "i: 42 is outside 0..41" },
		{ INT, "neg", KE_RANGE, "neg: -1 is outside 0..41" },
		{ INT, "max", KE_RANGE, "max: 9007199254740991 is outside 0..41" },
		{ BOOL, "i", KE_SCHEMA, "i: must be true or false" },
		{ BOOL, "null", KE_SCHEMA, "null: must be true or false" },
		{ WORD, "i", KE_SCHEMA, "i: must be a string" },
		{ WORD, "s", KE_SCHEMA, "s: 'text' is not one of: low, high" },
		{ HEX, "s", KE_SCHEMA, "s: must be 6 hexadecimal digits" },
		{ HEX, "empty", KE_SCHEMA, "empty: must be 6 hexadecimal digits" },
		{ HEX, "o", KE_SCHEMA, "o: must be a string" },
		{ TIME, "s", KE_SCHEMA, "s: must be a time like 2026-11-24T20:23:36Z" },
		{ TIME, "feb", KE_SCHEMA, "feb: must be a time like 2026-11-24T20:23:36Z" },
		{ OBJECT, "a", KE_SCHEMA, "a: must be an object" },
		{ OBJECT, "null", KE_SCHEMA, "null: must be an object" },
		{ ARRAY, "o", KE_SCHEMA, "o: must be an array" },
	};
	cJSON *tree = parse(document);
	struct place root = place_root(tree);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct fault f = { 0 };
		char line[1024];
		assert_int_equal(read_kind(&root, rows[i].kind, rows[i].name, &f), rows[i].code);
		assert_int_equal(f.code, rows[i].code);
		assert_string_equal(fault_line(&f, line, sizeof line), rows[i].line);
		assert_int_equal(read_kind(&root, rows[i].kind, rows[i].name, NULL), rows[i].code);
	}
	cJSON_Delete(tree);
}

static void what_is_no_object_has_no_members(void **state)
{
	(void)state;
	static const char *const none[] = { NULL };
	static const char *const texts[] = { "[]", "[{\"a\":1}]", "1", "\"a\"", "null" };
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		cJSON *tree = parse(texts[i]);
		struct place root = place_root(tree);
		struct fault f;
		char line[256];
		assert_int_equal(read_kind(&root, ANY, "a", &f), KE_SCHEMA);
		assert_string_equal(fault_line(&f, line, sizeof line), "(document): must be an object");
		assert_int_equal(read_members(&root, none, NULL), KE_SCHEMA);
		assert_false(read_has(&root, "a"));
		cJSON_Delete(tree);
	}
}

static void unknown_members(void **state)
{
	(void)state;
	static const char *const known[] = { "in", "other", NULL }, *const none[] = { NULL };
	cJSON *tree = parse("{\"list\":[0,{\"in\":1},{\"in\":1,\"In\":2},{}]}");
	struct place root = place_root(tree), list, item = { 0 };
	struct fault f;
	char line[256];
	assert_int_equal(read_array(&root, "list", &list, &f), 0);
	assert_true(place_next(&list, &item));
	assert_true(place_next(&list, &item));
	assert_int_equal(read_members(&item, known, &f), 0);
	assert_int_equal(read_members(&item, none, NULL), KE_SCHEMA);
	assert_true(place_next(&list, &item));
	assert_int_equal(read_members(&item, known, &f), KE_SCHEMA);
	assert_string_equal(fault_line(&f, line, sizeof line),
	        "list[2]: unknown member 'In'; remove it or correct its spelling");
	assert_true(place_next(&list, &item));
	assert_int_equal(read_members(&item, none, &f), 0);
	assert_false(place_next(&list, &item));
	cJSON_Delete(tree);
}

/* The way is told from the root: settings[3].value */
static void paths(void **state)
{
	(void)state;
	cJSON *tree = parse("{\"settings\":[0,1,2,{\"value\":7,\"deep\":{\"x\":[[5]]}}]}");
	struct place root = place_root(tree), settings, item = { 0 }, value, deep, x, row = { 0 },
	             five = { 0 };
	char path[64];
	assert_string_equal(place_path(&root, path, sizeof path), "(document)");
	assert_int_equal(read_array(&root, "settings", &settings, NULL), 0);
	assert_string_equal(place_path(&settings, path, sizeof path), "settings");
	for (size_t i = 0; i < 4; i++) {
		char want[32];
		assert_true(place_next(&settings, &item));
		snprintf(want, sizeof want, "settings[%zu]", i);
		assert_string_equal(place_path(&item, path, sizeof path), want);
	}
	assert_false(place_next(&settings, &item));
	assert_int_equal(read_any(&item, "value", &value, NULL), 0);
	assert_string_equal(place_path(&value, path, sizeof path), "settings[3].value");
	assert_int_equal(read_object(&item, "deep", &deep, NULL), 0);
	assert_int_equal(read_array(&deep, "x", &x, NULL), 0);
	assert_true(place_next(&x, &row) && place_next(&row, &five));
	assert_string_equal(place_path(&five, path, sizeof path), "settings[3].deep.x[0][0]");
	struct fault f;
	char line[256];
	const char *text;
	assert_int_equal(place_string(&five, 0, 9, &text, &f), KE_SCHEMA);
	assert_string_equal(fault_line(&f, line, sizeof line), "settings[3].deep.x[0][0]: must be a string");
	/* Whatever the room: cut, ended, and nothing written behind it. */
	for (size_t size = 1; size < sizeof path; size++) {
		memset(path, '#', sizeof path);
		place_path(&five, path, size);
		assert_int_equal(path[size], '#');
		assert_true(strlen(path) < size);
		assert_memory_equal(path, "settings[3].deep.x[0][0]", strlen(path));
	}
	cJSON_Delete(tree);
}

static void hostile_names_in_paths(void **state)
{
	(void)state;
	char text[2000], name[1500];
	memset(name, 'n', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	snprintf(text, sizeof text, "{\"a\\nerror: forged\":1,\"%s\":[2]}", name);
	cJSON *tree = parse(text);
	struct place root = place_root(tree), item = { 0 }, two = { 0 };
	static const char *const none[] = { NULL };
	const char *value;
	struct fault f;
	char line[1024];
	assert_true(place_next(&root, &item));
	assert_int_equal(place_string(&item, 0, 9, &value, &f), KE_SCHEMA);
	assert_string_equal(fault_line(&f, line, sizeof line), "a?error: forged: must be a string");
	assert_int_equal(read_members(&root, none, &f), KE_SCHEMA);
	assert_null(strchr(fault_line(&f, line, sizeof line), '\n'));
	assert_true(place_next(&root, &item));
	assert_true(place_next(&item, &two));
	assert_int_equal(place_string(&two, 0, 9, &value, &f), KE_SCHEMA);
	assert_int_equal(strspn(f.where, "n"), strlen(f.where)); /* cut, no more */
	assert_string_equal(f.what, "must be a string");
	cJSON_Delete(tree);
}

static void walks(void **state)
{
	(void)state;
	cJSON *tree = parse("{\"z\":1,\"a\":2,\"m\":3}");
	struct place root = place_root(tree), item = { 0 };
	char order[8] = "";
	int64_t number, sum = 0;
	while (place_next(&root, &item)) {
		strncat(order, item.name, 1);
		assert_int_equal(place_int(&item, 0, 9, &number, NULL), 0);
		sum = sum * 10 + number;
	}
	assert_string_equal(order, "zam"); /* document order */
	assert_int_equal(sum, 123);
	assert_int_equal(place_count(&root), 3);
	cJSON_Delete(tree);
	static const char *const childless[] = { "{}", "[]", "1", "\"x\"", "null" };
	for (size_t i = 0; i < sizeof childless / sizeof childless[0]; i++) {
		tree = parse(childless[i]);
		root = place_root(tree);
		item = (struct place){ 0 };
		assert_false(place_next(&root, &item));
		assert_int_equal(place_count(&root), 0);
		cJSON_Delete(tree);
	}
}

static void optional_members(void **state)
{
	(void)state;
	cJSON *tree = parse("{\"s\":\"v\",\"i\":5,\"b\":false,\"w\":\"low\",\"n\":null}");
	struct place root = place_root(tree);
	const char *text = NULL;
	int64_t number = 0;
	bool flag = true;
	unsigned index = 7;
	struct fault f;
	assert_int_equal(read_opt_string(&root, "s", 1, &text, "fallback", &f), 0);
	assert_string_equal(text, "v");
	assert_int_equal(read_opt_string(&root, "no", 1, &text, "fallback", &f), 0);
	assert_string_equal(text, "fallback");
	assert_int_equal(read_opt_int(&root, "i", 0, 9, &number, -1, &f), 0);
	assert_int_equal(number, 5);
	assert_int_equal(read_opt_int(&root, "no", 0, 9, &number, -1, &f), 0);
	assert_int_equal(number, -1);
	assert_int_equal(read_opt_bool(&root, "b", &flag, true, &f), 0);
	assert_false(flag);
	assert_int_equal(read_opt_bool(&root, "no", &flag, true, &f), 0);
	assert_true(flag);
	assert_int_equal(read_opt_word(&root, "w", words, &index, 1, &f), 0);
	assert_int_equal(index, 0);
	assert_int_equal(read_opt_word(&root, "no", words, &index, 1, &f), 0);
	assert_int_equal(index, 1);
	/* A member that is there must be right: null is not absence. */
	assert_int_equal(read_opt_string(&root, "n", 9, &text, "x", &f), KE_SCHEMA);
	assert_int_equal(read_opt_int(&root, "n", 0, 9, &number, 0, &f), KE_SCHEMA);
	assert_int_equal(read_opt_int(&root, "i", 0, 4, &number, 0, &f), KE_RANGE);
	assert_int_equal(read_opt_bool(&root, "n", &flag, false, &f), KE_SCHEMA);
	assert_int_equal(read_opt_word(&root, "s", words, &index, 0, &f), KE_SCHEMA);
	assert_string_equal(text, "fallback");
	assert_int_equal(number, -1);
	assert_int_equal(index, 1);
	cJSON_Delete(tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_reads),
		cmocka_unit_test(bad_reads),
		cmocka_unit_test(what_is_no_object_has_no_members),
		cmocka_unit_test(unknown_members),
		cmocka_unit_test(paths),
		cmocka_unit_test(hostile_names_in_paths),
		cmocka_unit_test(walks),
		cmocka_unit_test(optional_members),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
