/* The snapshot role: form, look-up, and what may follow what. */
#include "tests/support/tuf_rows.h"

static int open_snapshot(const struct place *at, struct fault *f)
{
	struct tuf_snapshot *snap;
	int rc = tuf_snapshot_parse(at, &snap, f);
	if (!rc)
		tuf_snapshot_free(snap);
	return rc;
}

#define M(META) "{" HEAD("snapshot") ",\"meta\":" META "}"

static const struct tuf_row rows[] = {
	{ M("{\"targets.json\":{\"version\":1}}"), KE_OK, NULL, "good" },
	{ M("{}"), KE_OK, NULL, "empty: nothing can be fetched with it" },
	{ M("{\"targets.json\":{\"version\":1},\"b.json\":{\"version\":0}}"), KE_RANGE, "meta.b.json.version",
	        "every entry is looked at" },
	{ M("{\"targets.json\":[]}"), KE_SCHEMA, "meta.targets.json", "an entry that is an array" },
	{ M("{\"targets.json\":{\"version\":1,\"hashes\":{\"sha256\":\"00\"}}}"), KE_SCHEMA,
	        "meta.targets.json.hashes.sha256", "a short hash" },
	{ M("3"), KE_SCHEMA, "meta", "no object" },
	{ "{" HEAD("timestamp") ",\"meta\":{}}", KE_SCHEMA, NULL, "another type" },
};

static void forms_are_strict(void **state)
{
	(void)state;
	tuf_rows_check(rows, sizeof rows / sizeof rows[0], open_snapshot);
}

static struct tuf_snapshot *parse(const char *meta, struct cJSON **tree)
{
	char text[1024];
	struct tuf_snapshot *snap = NULL;
	snprintf(text, sizeof text, "{" HEAD("snapshot") ",\"meta\":%s}", meta);
	assert_int_equal(strict_parse(text, strlen(text), &strict_limits_default, tree, NULL), 0);
	struct place at = place_root(*tree);
	assert_int_equal(tuf_snapshot_parse(&at, &snap, NULL), 0);
	return snap;
}

static void roles_are_found_by_name(void **state)
{
	(void)state;
	struct cJSON *tree;
	struct tuf_snapshot *snap = parse(
	        "{\"z.json\":{\"version\":3},\"targets.json\":{\"version\":1},\"a/b.json\":{\"version\":2}}",
	        &tree);
	char name[400], text[512];
	assert_int_equal(tuf_snapshot_find(snap, "targets")->version, 1);
	assert_int_equal(tuf_snapshot_find(snap, "a/b")->version, 2);
	assert_int_equal(tuf_snapshot_find(snap, "z")->version, 3);
	assert_null(tuf_snapshot_find(snap, "targets.json"));
	assert_null(tuf_snapshot_find(snap, ""));
	memset(name, 'a', sizeof name);
	name[sizeof name - 1] = '\0';
	assert_null(tuf_snapshot_find(snap, name));
	tuf_snapshot_free(snap);
	cJSON_Delete(tree);
	/* The longest name is found; what is longer is no name of a role, even if it is listed. */
	for (int len = TUF_ROLE_NAME_MAX; len <= TUF_ROLE_NAME_MAX + 1; len++) {
		name[len] = '\0';
		snprintf(text, sizeof text, "{\"%s.json\":{\"version\":4}}", name);
		snap = parse(text, &tree);
		const struct tuf_meta *meta = tuf_snapshot_find(snap, name);
		assert_int_equal(meta != NULL, len == TUF_ROLE_NAME_MAX);
		tuf_snapshot_free(snap);
		cJSON_Delete(tree);
		memset(name, 'a', sizeof name);
	}
}

static const struct {
	const char *old, *new;
	int code;
	const char *remark;
} follows[] = {
	{ "{\"a\":{\"version\":1}}", "{\"a\":{\"version\":1}}", KE_OK, "the same" },
	{ "{\"a\":{\"version\":1}}", "{\"a\":{\"version\":2},\"b\":{\"version\":1}}", KE_OK,
	        "newer and more" },
	{ "{}", "{\"a\":{\"version\":1}}", KE_OK, "the first" },
	{ "{\"a\":{\"version\":2}}", "{\"a\":{\"version\":1}}", KE_ROLLBACK, "goes back" },
	{ "{\"a\":{\"version\":1}}", "{}", KE_ROLLBACK, "vanishes" },
	{ "{\"a\":{\"version\":1},\"b\":{\"version\":1}}", "{\"a\":{\"version\":2},\"c\":{\"version\":9}}",
	        KE_ROLLBACK, "one vanishes among others" },
};

static void nothing_goes_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof follows / sizeof follows[0]; i++) {
		struct cJSON *a, *b;
		struct tuf_snapshot *old = parse(follows[i].old, &a), *new = parse(follows[i].new, &b);
		if (tuf_snapshot_follows(old, new, NULL) != follows[i].code)
			fail_msg("%s", follows[i].remark);
		tuf_snapshot_free(old);
		tuf_snapshot_free(new);
		cJSON_Delete(a);
		cJSON_Delete(b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forms_are_strict),
		cmocka_unit_test(roles_are_found_by_name),
		cmocka_unit_test(nothing_goes_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
