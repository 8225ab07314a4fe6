/* Canonical JSON: the exact bytes that signatures cover. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <cJSON.h>

#include "proto/canon.h"
#include "proto/strict.h"

static const struct {
	const char *text, *canon, *remark;
} cases[] = {
	{ "{}", "{}", "empty object" },
	{ " [ 1 , 2 ] ", "[1,2]", "white space outside strings goes" },
	{ "{\"b\":1,\"a\":2}", "{\"a\":2,\"b\":1}", "names are sorted" },
	{ "{\"a\":{\"z\":[{\"y\":0,\"x\":0}],\"b\":null}}", "{\"a\":{\"b\":null,\"z\":[{\"x\":0,\"y\":0}]}}",
	        "at every level" },
	{ "{\"aa\":1,\"a\":2,\"A\":3,\"\":4}", "{\"\":4,\"A\":3,\"a\":2,\"aa\":1}", "bytes, not letters" },
	{ "\"a\\nb\\tc\\u0001\\u007f\"", "\"a\nb\tc\x01\x7f\"", "control characters are raw" },
	{ "\"a\\\"b\\\\c\\/d\"", "\"a\\\"b\\\\c/d\"", "only quote and backslash are escaped" },
	{ "\"\\u00e9\\ud83d\\ude00\"", "\"\xc3\xa9\xf0\x9f\x98\x80\"", "escapes become UTF-8" },
	{ "{\"\\ud83d\\ude00\":1,\"\\uffee\":2}", "{\"\xef\xbf\xae\":2,\"\xf0\x9f\x98\x80\":1}",
	        "code points, not UTF-16 units" },
	{ "[9007199254740991,-9007199254740991]", "[9007199254740991,-9007199254740991]", "2^53-1 exactly" },
	{ "[1000000000000000,2147483648]", "[1000000000000000,2147483648]", "no exponents, no saturation" },
	{ "[true,false,null]", "[true,false,null]", "words" },
};

static void text_has_one_form(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct cJSON *tree;
		struct buf out = BUF_INIT(4096);
		assert_int_equal(strict_parse(cases[i].text, strlen(cases[i].text), &strict_limits_default,
		                         &tree, NULL),
		        0);
		assert_int_equal(canon_write(tree, &out), 0);
		if (strcmp(buf_text(&out), cases[i].canon) != 0)
			fail_msg("%s: got %s, wanted %s", cases[i].remark, buf_text(&out), cases[i].canon);
		buf_free(&out);
		cJSON_Delete(tree);
	}
}

static void trees_without_a_form_are_refused(void **state)
{
	(void)state;
	static const double bad[] = { 0.5, 1e16, -1e300, 9007199254740992.0 };
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct buf out = BUF_INIT(4096);
		cJSON *tree = cJSON_CreateNumber(bad[i]);
		assert_int_equal(canon_write(tree, &out), KE_SCHEMA);
		cJSON_Delete(tree);
		buf_free(&out);
	}
	struct buf out = BUF_INIT(4096);
	cJSON *twice = cJSON_CreateObject();
	cJSON_AddNullToObject(twice, "a");
	cJSON_AddNullToObject(twice, "a");
	assert_int_equal(canon_write(twice, &out), KE_DUPLICATE);
	cJSON_Delete(twice);
	buf_free(&out);
}

/* The strict reader refuses -0, but a tree may be built with it. */
static void minus_zero_is_zero(void **state)
{
	(void)state;
	struct buf out = BUF_INIT(16);
	cJSON *tree = cJSON_CreateNumber(-0.0);
	assert_int_equal(canon_write(tree, &out), 0);
	assert_string_equal(buf_text(&out), "0");
	cJSON_Delete(tree);
	buf_free(&out);
}

static void ceiling_holds(void **state)
{
	(void)state;
	struct buf out = BUF_INIT(8);
	cJSON *tree = cJSON_CreateString("123456789");
	assert_int_equal(canon_write(tree, &out), KE_TOOBIG);
	cJSON_Delete(tree);
	buf_free(&out);
}

static void deep_tree_is_refused(void **state)
{
	(void)state;
	struct buf out = BUF_INIT(4096);
	cJSON *tree = cJSON_CreateArray();
	for (int i = 0; i < 70; i++) {
		cJSON *outer = cJSON_CreateArray();
		cJSON_AddItemToArray(outer, tree);
		tree = outer;
	}
	assert_int_equal(canon_write(tree, &out), KE_TOOBIG);
	cJSON_Delete(tree);
	buf_free(&out);
}

static void hash_is_of_the_canonical_form(void **state)
{
	(void)state;
	char a[KEYID_ROOM], b[KEYID_ROOM];
	struct cJSON *tree;
	assert_int_equal(strict_parse("{}", 2, &strict_limits_default, &tree, NULL), 0);
	assert_int_equal(canon_sha256_hex(tree, a), 0);
	assert_string_equal(a, "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
	cJSON_AddNumberToObject(tree, "x", 1);
	assert_int_equal(canon_sha256_hex(tree, b), 0);
	assert_string_not_equal(a, b);
	cJSON_Delete(tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_has_one_form),
		cmocka_unit_test(trees_without_a_form_are_refused),
		cmocka_unit_test(minus_zero_is_zero),
		cmocka_unit_test(ceiling_holds),
		cmocka_unit_test(deep_tree_is_refused),
		cmocka_unit_test(hash_is_of_the_canonical_form),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
