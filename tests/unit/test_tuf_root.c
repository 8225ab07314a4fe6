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
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
