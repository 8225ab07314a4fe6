/* The root role: form, and when a key counts as taken away. */
#include "tests/support/tuf_rows.h"

static int open_root(const struct place *at, struct fault *f)
{
	struct tuf_root *root;
	int rc = tuf_root_parse(at, &root, f);
	if (!rc)
		tuf_root_free(root);
	return rc;
}

#define ROLE                  "{\"keyids\":[\"" ID_A "\"],\"threshold\":1}"
#define NO_KEYS               "{\"keyids\":[],\"threshold\":1}"
#define ROLES(T)              "{\"root\":" ROLE ",\"timestamp\":" T ",\"snapshot\":" ROLE ",\"targets\":" ROLE "}"
#define R(MORE, KEYS, ROLES_) "{" HEAD("root") MORE ",\"keys\":" KEYS ",\"roles\":" ROLES_ "}"

static const struct tuf_row rows[] = {
	{ R(",\"consistent_snapshot\":true", KEYS_A, ROLES(ROLE)), KE_OK, NULL, "good" },
	{ R("", KEYS_A, ROLES(ROLE)), KE_OK, NULL, "consistent_snapshot left out" },
	{ R(",\"x\":{\"y\":[1]}", KEYS_A, ROLES(ROLE)), KE_OK, NULL, "unknown members" },
	{ R(",\"consistent_snapshot\":1", KEYS_A, ROLES(ROLE)), KE_SCHEMA, "consistent_snapshot",
	        "a number" },
	{ R("", "{}", ROLES(ROLE)), KE_OK, NULL, "ids without keys" },
	{ R("", KEYS_A, "{\"root\":" ROLE ",\"timestamp\":" ROLE ",\"snapshot\":" ROLE "}"), KE_SCHEMA,
	        "roles", "targets is missing" },
	{ R("", KEYS_A, "{}"), KE_SCHEMA, "roles", "no roles" },
	{ R("", KEYS_A, ROLES("{\"keyids\":[],\"threshold\":0}")), KE_RANGE, "roles.timestamp.threshold",
	        "threshold zero in any role" },
	{ R("", KEYS_A, ROLES("[]")), KE_SCHEMA, "roles.timestamp", "a role that is no object" },
	{ "{" HEAD("root") ",\"roles\":" ROLES(ROLE) "}", KE_SCHEMA, NULL, "no keys" },
	{ "{" HEAD("targets") ",\"keys\":{},\"roles\":" ROLES(ROLE) "}", KE_SCHEMA, NULL, "another type" },
	{ R("", "{\"00\":" ED_KEY(PUB_A) "}", ROLES(ROLE)), KE_KEY, "keys.00", "a key under a false id" },
	{ "[]", KE_SCHEMA, NULL, "an array" },
};

static void forms_are_strict(void **state)
{
	(void)state;
	tuf_rows_check(rows, sizeof rows / sizeof rows[0], open_root);
}

#define BOTH   "{\"keyids\":[\"" ID_A "\",\"" ID_B "\"],\"threshold\":1}"
#define TURNED "{\"keyids\":[\"" ID_B "\",\"" ID_A "\"],\"threshold\":1}"
#define ONLY_B "{\"keyids\":[\"" ID_B "\"],\"threshold\":1}"

/* The key that goes may be any of several, and their order means nothing. */
static void any_key_taken_away_is_a_rotation(void **state)
{
	static const struct {
		const char *old, *new;
		bool rotated;
	} pairs[] = {
		{ R("", KEYS_2, ROLES(BOTH)), R("", KEYS_2, ROLES(ROLE)), true },
		{ R("", KEYS_2, ROLES(BOTH)), R("", KEYS_2, ROLES(ONLY_B)), true },
		{ R("", KEYS_2, ROLES(BOTH)), R("", KEYS_2, ROLES(TURNED)), false },
		{ R("", KEYS_2, ROLES(TURNED)), R("", KEYS_2, ROLES(BOTH)), false },
		{ R("", KEYS_2, ROLES(ONLY_B)), R("", KEYS_2, ROLES(BOTH)), false },
		{ R("", KEYS_2, ROLES(ONLY_B)), R("", KEYS_2, ROLES(ROLE)), true },
	};
	(void)state;
	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
		struct cJSON *a, *b;
		struct tuf_root *old, *new;
		assert_int_equal(
		        strict_parse(pairs[i].old, strlen(pairs[i].old), &strict_limits_default, &a, NULL),
		        0);
		assert_int_equal(
		        strict_parse(pairs[i].new, strlen(pairs[i].new), &strict_limits_default, &b, NULL),
		        0);
		struct place pa = place_root(a), pb = place_root(b);
		assert_int_equal(tuf_root_parse(&pa, &old, NULL), 0);
		assert_int_equal(tuf_root_parse(&pb, &new, NULL), 0);
		if (tuf_root_rotated(old, new, TUF_TIMESTAMP) != pairs[i].rotated)
			fail_msg("row %zu", i);
		assert_false(tuf_root_rotated(old, new, TUF_TARGETS));
		tuf_root_free(old);
		tuf_root_free(new);
		cJSON_Delete(a);
		cJSON_Delete(b);
	}
}

static void files_are_plain_unless_root_says_so(void **state)
{
	static const struct {
		const char *text;
		bool consistent;
	} cases[] = { { R("", KEYS_A, ROLES(ROLE)), false },
		{ R(",\"consistent_snapshot\":false", KEYS_A, ROLES(ROLE)), false },
		{ R(",\"consistent_snapshot\":true", KEYS_A, ROLES(ROLE)), true } };
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct cJSON *tree;
		struct tuf_root *root;
		assert_int_equal(strict_parse(cases[i].text, strlen(cases[i].text), &strict_limits_default,
		                         &tree, NULL),
		        0);
		struct place at = place_root(tree);
		assert_int_equal(tuf_root_parse(&at, &root, NULL), 0);
		assert_int_equal(root->consistent_snapshot, cases[i].consistent);
		assert_int_equal(root->header.version, 1);
		assert_int_equal(root->header.expires, 1893456000);
		tuf_root_free(root);
		cJSON_Delete(tree);
	}
}

static void a_key_taken_away_is_a_rotation(void **state)
{
	(void)state;
	static const char with[] = R("", KEYS_A, ROLES(ROLE)), without[] = R("", KEYS_A, ROLES(NO_KEYS));
	struct cJSON *a, *b;
	struct tuf_root *has, *lost;
	assert_int_equal(strict_parse(with, strlen(with), &strict_limits_default, &a, NULL), 0);
	assert_int_equal(strict_parse(without, strlen(without), &strict_limits_default, &b, NULL), 0);
	struct place pa = place_root(a), pb = place_root(b);
	assert_int_equal(tuf_root_parse(&pa, &has, NULL), 0);
	assert_int_equal(tuf_root_parse(&pb, &lost, NULL), 0);
	assert_true(tuf_root_rotated(has, lost, TUF_TIMESTAMP));
	assert_false(tuf_root_rotated(has, lost, TUF_SNAPSHOT));
	assert_false(tuf_root_rotated(lost, has, TUF_TIMESTAMP)); /* only added */
	assert_false(tuf_root_rotated(has, has, TUF_TIMESTAMP));
	tuf_root_free(has);
	tuf_root_free(lost);
	cJSON_Delete(a);
	cJSON_Delete(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forms_are_strict),
		cmocka_unit_test(a_key_taken_away_is_a_rotation),
		cmocka_unit_test(any_key_taken_away_is_a_rotation),
		cmocka_unit_test(files_are_plain_unless_root_says_so),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
