/* Trees as text: what is written reads back as the same tree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <cJSON.h>

#include "proto/err.h"
#include "proto/strict.h"
#include "proto/tree.h"

static void text_comes_back(void **state)
{
	static const char *const texts[] = {
		"{}",
		"[]",
		"[1000000000000000,9007199254740991,-9007199254740991,0]",
		"{\"b\":[true,false,null,\"\"],\"a\":{\"\\u0001\\n\\u007f\":\"\xf0\x9f\x98\x80\"}}",
	};
	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		for (unsigned indent = 0; indent < 3; indent++) {
			struct buf out = BUF_INIT(4096);
			struct jsonw w = JSONW_INIT(&out, indent);
			struct cJSON *tree, *again;
			assert_int_equal(
			        strict_parse(texts[i], strlen(texts[i]), &strict_limits_default, &tree, NULL),
			        0);
			tree_write(&w, NULL, tree);
			assert_int_equal(out.rc, 0);
			assert_int_equal(
			        strict_parse(buf_text(&out), out.len, &strict_limits_default, &again, NULL),
			        0);
			assert_true(cJSON_Compare(tree, again, true));
			buf_free(&out);
			cJSON_Delete(tree);
			cJSON_Delete(again);
		}
	}
}

static void no_integer_is_an_error(void **state)
{
	static const double bad[] = { 0.5, 1e300, 9007199254740992.0 };
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct buf out = BUF_INIT(4096);
		struct jsonw w = JSONW_INIT(&out, 0);
		cJSON *tree = cJSON_CreateNumber(bad[i]);
		tree_write(&w, NULL, tree);
		assert_int_equal(out.rc, KE_SCHEMA);
		cJSON_Delete(tree);
		buf_free(&out);
	}
}

static void members_are_set_once(void **state)
{
	(void)state;
	cJSON *tree = cJSON_CreateObject();
	assert_int_equal(tree_set(tree, "a", cJSON_CreateNumber(1)), 0);
	assert_int_equal(tree_set(tree, "a", cJSON_CreateNumber(2)), 0);
	assert_int_equal(cJSON_GetArraySize(tree), 1);
	assert_int_equal(tree->child->valueint, 2);
	assert_int_equal(tree_set(tree, "A", cJSON_CreateNumber(3)), 0);
	assert_int_equal(cJSON_GetArraySize(tree), 2);
	assert_int_equal(tree_set(tree, "b", NULL), KE_NOMEM);
	struct cJSON *object = tree_object(tree, "o");
	assert_ptr_equal(tree_object(tree, "o"), object);
	cJSON_Delete(tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_comes_back),
		cmocka_unit_test(no_integer_is_an_error),
		cmocka_unit_test(members_are_set_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
