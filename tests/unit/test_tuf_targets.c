/* The targets role: targets, delegations, names. */
#include "tests/support/tuf_rows.h"

static int open_targets(const struct place *at, struct fault *f)
{
	struct tuf_targets *t;
	int rc = tuf_targets_parse(at, &t, f);
	if (!rc)
		tuf_targets_free(t);
	return rc;
}

#define TARGET     "{\"length\":5,\"hashes\":{\"sha256\":\"" HASH "\"}}"
#define T(TARGETS) "{" HEAD("targets") ",\"targets\":" TARGETS "}"
#define D(ROLES)                                                                                             \
	"{" HEAD("targets") ",\"targets\":{},\"delegations\":{\"keys\":" KEYS_A ",\"roles\":" ROLES "}}"
#define SIGN          "\"keyids\":[\"" ID_A "\"],\"threshold\":1"
#define ROLE(NAME, X) "{\"name\":" NAME "," SIGN "," X "}"
#define GOOD          "\"terminating\":false,\"paths\":[\"*\"]"

static const struct tuf_row rows[] = {
	{ T("{}"), KE_OK, NULL, "no targets" },
	{ T("{\"a/b\":" TARGET "}"), KE_OK, NULL, "a target" },
	{ T("{\"../a\":" TARGET "}"), KE_OK, NULL, "an odd path is kept; nobody can search for it" },
	{ T("{\"a\":{\"length\":5,\"hashes\":{\"sha256\":\"" HASH "\"},\"custom\":{\"x\":1}}}"), KE_OK, NULL,
	        "custom" },
	{ T("{\"a\":{\"length\":5,\"hashes\":{\"sha256\":\"" HASH "\"},\"custom\":7}}"), KE_OK, NULL,
	        "a custom that is no object is passed over" },
	{ T("{\"\":" TARGET "}"), KE_NAME, NULL, "an empty path" },
	{ T("{\"a\":{\"length\":5}}"), KE_SCHEMA, "targets.a", "no hashes" },
	{ T("{\"a\":{\"length\":5,\"hashes\":{}}}"), KE_SCHEMA, "targets.a.hashes", "empty hashes" },
	{ T("{\"a\":{\"hashes\":{\"sha256\":\"" HASH "\"}}}"), KE_SCHEMA, "targets.a", "no length" },
	{ T("{\"a\":{\"length\":-5,\"hashes\":{\"sha256\":\"" HASH "\"}}}"), KE_RANGE, "targets.a.length",
	        "negative length" },
	{ T("{\"a\":{\"length\":0,\"hashes\":{\"sha256\":\"" HASH "\"}}}"), KE_OK, NULL, "length zero" },
	{ T("{\"a\":{\"length\":-1,\"hashes\":{\"sha256\":\"" HASH "\"}}}"), KE_RANGE, "targets.a.length",
	        "length minus one" },
	{ T("[]"), KE_SCHEMA, "targets", "an array" },
	{ "{" HEAD("targets") "}", KE_SCHEMA, NULL, "no targets member" },
	{ "{" HEAD("root") ",\"targets\":{}}", KE_SCHEMA, NULL, "another type" },
	{ D("[]"), KE_OK, NULL, "nobody delegated" },
	{ D("[" ROLE("\"a\"", GOOD) "]"), KE_OK, NULL, "a delegation" },
	{ D("[" ROLE("\"a\"", "\"terminating\":true,\"path_hash_prefixes\":[\"00\"]") "]"), KE_OK, NULL,
	        "by hash" },
	{ D("[" ROLE("\"a\"", "\"terminating\":true,\"paths\":[]") "]"), KE_OK, NULL, "no patterns" },
	{ D("[" ROLE("\"a\"", "\"terminating\":true,\"paths\":[\"\"]") "]"), KE_OK, NULL,
	        "an empty pattern" },
	{ D("[" ROLE("\"a\"", GOOD) "," ROLE("\"b\"", "\"terminating\":1,\"paths\":[]") "]"), KE_SCHEMA,
	        "delegations.roles[1].terminating", "every role is looked at" },
	{ D("[" ROLE("\"a\"", GOOD) "," ROLE("\"a\"", GOOD) "," ROLE("\"b\"", GOOD) "]"), KE_DUPLICATE, NULL,
	        "the first name twice" },
	{ D("[" ROLE("\"../a?\"", GOOD) "]"), KE_OK, NULL, "an odd name" },
	{ D("[" ROLE("\"root\"", GOOD) "]"), KE_NAME, NULL, "named root" },
	{ D("[" ROLE("\"timestamp\"", GOOD) "]"), KE_NAME, NULL, "named timestamp" },
	{ D("[" ROLE("\"snapshot\"", GOOD) "]"), KE_NAME, NULL, "named snapshot" },
	{ D("[" ROLE("\"targets\"", GOOD) "]"), KE_NAME, NULL, "named targets" },
	{ D("[" ROLE("\"\"", GOOD) "]"), KE_SCHEMA, "delegations.roles[0].name", "no name" },
	{ D("[" ROLE("1", GOOD) "]"), KE_SCHEMA, "delegations.roles[0].name", "a number for a name" },
	{ D("[" ROLE("\"a\"", GOOD) "," ROLE("\"b\"", GOOD) "," ROLE("\"a\"", GOOD) "]"), KE_DUPLICATE, NULL,
	        "a name twice" },
	{ D("[" ROLE("\"a\"", "\"terminating\":false") "]"), KE_SCHEMA, "delegations.roles[0]",
	        "no patterns member" },
	{ D("[" ROLE("\"a\"", GOOD ",\"path_hash_prefixes\":[]") "]"), KE_SCHEMA, "delegations.roles[0]",
	        "both kinds" },
	{ D("[" ROLE("\"a\"", "\"paths\":[\"*\"]") "]"), KE_SCHEMA, "delegations.roles[0]",
	        "terminating is missing" },
	{ D("[" ROLE("\"a\"", "\"terminating\":0,\"paths\":[]") "]"), KE_SCHEMA,
	        "delegations.roles[0].terminating", "terminating is a number" },
	{ D("[" ROLE("\"a\"", "\"terminating\":true,\"paths\":[1]") "]"), KE_SCHEMA,
	        "delegations.roles[0].paths[0]", "a pattern that is a number" },
	{ D("[" ROLE("\"a\"", "\"terminating\":true,\"paths\":\"*\"") "]"), KE_SCHEMA,
	        "delegations.roles[0].paths", "patterns that are a string" },
	{ D("[{\"name\":\"a\",\"keyids\":[],\"threshold\":0," GOOD "}]"), KE_RANGE,
	        "delegations.roles[0].threshold", "threshold zero" },
	{ D("{}"), KE_SCHEMA, "delegations.roles", "roles is an object" },
	{ "{" HEAD("targets") ",\"targets\":{},\"delegations\":{\"keys\":{},\"succinct_roles\":{}}}",
	        KE_SCHEMA, "delegations", "TAP 15" },
	{ "{" HEAD("targets") ",\"targets\":{},\"delegations\":{\"roles\":[]}}", KE_SCHEMA, "delegations",
	        "no keys" },
	{ "{" HEAD("targets") ",\"targets\":{},\"delegations\":[]}", KE_SCHEMA, "delegations",
	        "delegations is an array" },
	{ "{" HEAD("targets") ",\"targets\":{},\"delegations\":{\"keys\":{\"00\":" ED_KEY(
	          PUB_A) "},\"roles\":[]}}",
	        KE_KEY, "delegations.keys.00", "a key under a false id" },
};

static void forms_are_strict(void **state)
{
	(void)state;
	tuf_rows_check(rows, sizeof rows / sizeof rows[0], open_targets);
}

static void paths_are_limited(void **state)
{
	(void)state;
	for (int len = TUF_TARGET_PATH_MAX; len <= TUF_TARGET_PATH_MAX + 1; len++) {
		char text[4096], path[TUF_TARGET_PATH_MAX + 2];
		memset(path, 'a', sizeof path);
		path[len] = '\0';
		for (int pattern = 0; pattern <= 1; pattern++) {
			int code = len <= TUF_TARGET_PATH_MAX ? KE_OK : pattern ? KE_SCHEMA : KE_NAME;
			const struct tuf_row row = { text, code, NULL, pattern ? "pattern" : "path" };
			snprintf(text, sizeof text,
			        pattern ? D("[" ROLE("\"a\"", "\"terminating\":true,\"paths\":[\"%s\"]") "]")
			                : T("{\"%s\":" TARGET "}"),
			        path);
			tuf_rows_check(&row, 1, open_targets);
		}
	}
}

static void names_fit_into_a_file_name(void **state)
{
	(void)state;
	for (size_t len = TUF_ROLE_NAME_MAX / 3; len <= TUF_ROLE_NAME_MAX / 3 + 2; len++) {
		char name[TUF_ROLE_NAME_MAX + 1], text[2048];
		struct cJSON *tree;
		memset(name, '/', len);
		name[len] = '\0';
		snprintf(text, sizeof text,
		        "{" HEAD("targets") ",\"targets\":{},\"delegations\":{\"keys\":{},\"roles\":[{"
		                            "\"name\":\"%s\",\"keyids\":[],"
		                            "\"threshold\":1," GOOD "}]}}",
		        name);
		assert_int_equal(strict_parse(text, strlen(text), &strict_limits_default, &tree, NULL), 0);
		struct place at = place_root(tree);
		int rc = open_targets(&at, NULL);
		assert_int_equal(rc, 3 * len > TUF_ROLE_NAME_MAX + 1 ? KE_NAME : KE_OK);
		cJSON_Delete(tree);
	}
}

static void plain_names_may_be_long(void **state)
{
	(void)state;
	for (int len = TUF_ROLE_NAME_MAX; len <= TUF_ROLE_NAME_MAX + 1; len++) {
		char text[2048];
		const struct tuf_row row = { text, len == TUF_ROLE_NAME_MAX ? KE_OK : KE_SCHEMA,
			"delegations.roles[0].name", "long name" };
		snprintf(text, sizeof text, D("[" ROLE("\"%0*d\"", GOOD) "]"), len, 0);
		tuf_rows_check(&row, 1, open_targets);
	}
}

/* An object is handed out, anything else is as if it were not there. */
static void custom_is_an_object(void **state)
{
	static const struct {
		const char *custom;
		bool given;
		const char *remark;
	} customs[] = {
		{ "", false, "left out" },
		{ ",\"custom\":{\"x\":1}", true, "an object" },
		{ ",\"custom\":{}", true, "an empty object" },
		{ ",\"custom\":7", false, "a number" },
		{ ",\"custom\":null", false, "null" },
		{ ",\"custom\":[]", false, "an array" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof customs / sizeof customs[0]; i++) {
		char text[1024];
		struct cJSON *tree;
		struct tuf_targets *t;
		snprintf(text, sizeof text,
		        T("{\"a\":{\"length\":5,\"hashes\":{\"sha256\":\"" HASH "\"}%s}}"),
		        customs[i].custom);
		assert_int_equal(strict_parse(text, strlen(text), &strict_limits_default, &tree, NULL), 0);
		struct place at = place_root(tree);
		assert_int_equal(tuf_targets_parse(&at, &t, NULL), 0);
		if ((tuf_targets_find(t, "a")->custom != NULL) != customs[i].given)
			fail_msg("%s", customs[i].remark);
		tuf_targets_free(t);
		cJSON_Delete(tree);
	}
}

static void targets_are_found_by_path(void **state)
{
	(void)state;
	static const char text[] = T("{\"b\":" TARGET ",\"a/b\":" TARGET ",\"\\u00e9\":" TARGET "}");
	struct cJSON *tree;
	struct tuf_targets *t;
	assert_int_equal(strict_parse(text, strlen(text), &strict_limits_default, &tree, NULL), 0);
	struct place at = place_root(tree);
	assert_int_equal(tuf_targets_parse(&at, &t, NULL), 0);
	assert_string_equal(tuf_targets_find(t, "a/b")->path, "a/b");
	assert_string_equal(tuf_targets_find(t, "\xc3\xa9")->path, "\xc3\xa9");
	assert_int_equal(tuf_targets_find(t, "b")->length, 5);
	assert_null(tuf_targets_find(t, "a"));
	assert_null(tuf_targets_find(t, "B"));
	tuf_targets_free(t);
	cJSON_Delete(tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forms_are_strict),
		cmocka_unit_test(paths_are_limited),
		cmocka_unit_test(names_fit_into_a_file_name),
		cmocka_unit_test(plain_names_may_be_long),
		cmocka_unit_test(custom_is_an_object),
		cmocka_unit_test(targets_are_found_by_path),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
