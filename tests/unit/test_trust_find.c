/* What a found target is worth: its name at the server, its bytes, and the paths that are searched at all. Whole searches
 * are in test_delegation.c. */
#include "tests/support/trust_world.h"

static void long_paths_are_no_paths(void **state)
{
	char path[TUF_TARGET_PATH_MAX + 2];
	(void)state;
	memset(path, 'a', sizeof path);
	path[TUF_TARGET_PATH_MAX + 1] = '\0';
	assert_false(trust_path_ok(path));
	path[TUF_TARGET_PATH_MAX] = '\0';
	assert_true(trust_path_ok(path));
}

static void dots_are_no_way_out(void **state)
{
	static const struct {
		const char *path;
		bool ok;
		const char *remark;
	} rows[] = {
		{ "", false, "nothing" },
		{ "/", false, "the top" },
		{ "/a", false, "absolute" },
		{ "a/", true, "an empty last segment" },
		{ ".", false, "here" },
		{ "..", false, "up" },
		{ "...", true, "a name of three dots" },
		{ ".a", true, "a leading dot" },
		{ "..a", true, "two leading dots" },
		{ ".a/b", true, "a leading dot in a folder" },
		{ "a./b", true, "a dot at the end" },
		{ "a./..b", true, "dots at both sides" },
		{ "ab/.", false, "here, at the end" },
		{ "ab/..", false, "up, at the end" },
		{ "ab/../c", false, "up, in between" },
		{ "ab/./c", false, "here, in between" },
		{ "a/b/c/..d/.e", true, "deep" },
		{ "a/b/c/../d", false, "deep and up" },
		{ "a", true, "one letter" },
		{ "ab", true, "two letters" },
		{ "a./b", true, "a letter and a dot" },
		{ ".b/c", true, "a dot and a letter" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (trust_path_ok(rows[i].path) != rows[i].ok)
			fail_msg("'%s': %s", rows[i].path, rows[i].remark);
}

static void target_files_have_the_strongest_name_there_is(void **state)
{
	struct world *w = *state;
	char sha512_name[2 * SHA512_LEN + 16];
	struct tuf_target target = { .path = "t", .length = 1 };
	refresh(w, 0);
	sha256("x", 1, target.hashes.sha256);
	sha512("x", 1, target.hashes.sha512);
	hex_encode(target.hashes.sha512, SHA512_LEN, sha512_name);
	memcpy(sha512_name + 2 * SHA512_LEN, ".t", 3);
	static const char sha256_name[] =
	        "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881.t";
	const struct {
		bool sha256, sha512;
		int code;
		const char *name;
	} rows[] = {
		{ true, false, KE_OK, sha256_name },
		{ true, true, KE_OK, sha256_name },
		{ false, true, KE_OK, sha512_name },
		{ false, false, KE_UNSUPPORTED, NULL },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct buf name = BUF_INIT(512);
		target.hashes.has_sha256 = rows[i].sha256;
		target.hashes.has_sha512 = rows[i].sha512;
		assert_int_equal(trust_target_file(w->client->trust, &target, &name), rows[i].code);
		if (!rows[i].code)
			assert_string_equal(buf_text(&name), rows[i].name);
		buf_free(&name);
	}
	struct buf small = BUF_INIT(8);
	target.hashes.has_sha256 = true;
	assert_int_equal(trust_target_file(w->client->trust, &target, &small), KE_TOOBIG);
	buf_free(&small);
}

static void targets_answer_at_once(void **state)
{
	struct world *w = *state;
	const struct tuf_target *target;
	repo_sim_delegate(w->sim, "targets", "a", "*", false);
	repo_sim_target(w->sim, "targets", "t", "top");
	repo_sim_target(w->sim, "a", "t", "delegated");
	repo_sim_target(w->sim, "a", "u", "delegated");
	repo_sim_publish(w->sim);
	refresh(w, 0);
	/* What the top lists is not asked of anybody else. */
	want(w, repo_sim_find(w->client, w->sim, "t", &target, &w->f), 0);
	assert_string_equal(w->client->asked, "");
	assert_int_equal(target->length, 3);
	want(w, repo_sim_find(w->client, w->sim, "u", &target, &w->f), 0);
	assert_string_equal(w->client->asked, "1.a.json");
	assert_int_equal(target->length, 9);
	/* A search that fails leaves no target of the one before. */
	want(w, repo_sim_find(w->client, w->sim, "v", &target, &w->f), KE_NOENT);
	assert_int_equal(trust_target(w->client->trust, &target), KE_NOENT);
	want(w, repo_sim_find(w->client, w->sim, "u", &target, &w->f), 0);
	assert_int_equal(trust_find(w->client->trust, "/u", &w->f), KE_NAME);
	assert_int_equal(trust_target(w->client->trust, &target), KE_NOENT);
	/* Nor does a new refresh. */
	want(w, repo_sim_find(w->client, w->sim, "u", &target, &w->f), 0);
	trust_begin(w->client->trust, NOW);
	assert_int_equal(trust_target(w->client->trust, &target), KE_NOENT);
}

/* The faults of a search name the role and the path. */
static void faults_of_a_search_say_where(void **state)
{
	struct world *w = *state;
	const struct tuf_target *target;
	repo_sim_delegate(w->sim, "targets", "a", "*", false);
	repo_sim_publish(w->sim);
	refresh(w, 0);
	assert_int_equal(repo_sim_find(w->client, w->sim, "t", &target, &w->f), KE_NOENT);
	assert_string_equal(w->f.where, "");
	assert_string_equal(w->f.what, "no trusted role lists 't'");
	refresh(w, 0);
	repo_sim_put(&w->client->cache, "a.json", NULL, 0);
	repo_sim_put(&w->sim->metadata, "1.a.json", "{}", 2);
	refresh(w, 0);
	assert_int_equal(repo_sim_find(w->client, w->sim, "t", &target, &w->f), KE_MISMATCH);
	assert_string_equal(w->f.where, "1.a.json");
	assert_int_equal(trust_next(w->client->trust, &(struct trust_request){ 0 }, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(long_paths_are_no_paths),
		cmocka_unit_test(dots_are_no_way_out),
		T(target_files_have_the_strongest_name_there_is),
		T(targets_answer_at_once),
		T(faults_of_a_search_say_where),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
