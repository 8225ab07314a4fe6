/* What clients of another make refuse to read is not signed, though our own client would pass over it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <cJSON.h>

#include "tests/support/repo_sim.h"

#define NOW (REPO_SIM_NOW + 3600)

static cJSON *role(cJSON *part, const char *name)
{
	return cJSON_GetObjectItem(cJSON_GetObjectItem(part, "roles"), name);
}

/* The key KTYPE of another tool, which our own client keeps as unusable, in KEYS and KEYIDS. */
static void foreign(cJSON *keys, cJSON *keyids, const char *text)
{
	cJSON *key = cJSON_Parse(text);
	char id[KEYID_ROOM];
	assert_int_equal(canon_sha256_hex(key, id), 0);
	cJSON_AddItemToObject(keys, id, key);
	if (keyids)
		cJSON_AddItemToArray(keyids, cJSON_CreateString(id));
}

static void mirrors(cJSON *part, void *ctx)
{
	(void)ctx;
	cJSON_AddItemToObject(
	        cJSON_GetObjectItem(part, "roles"), "mirrors", cJSON_Duplicate(role(part, "targets"), true));
}

static void unknown_type(cJSON *part, void *ctx)
{
	(void)ctx;
	foreign(cJSON_GetObjectItem(part, "keys"), cJSON_GetObjectItem(role(part, "targets"), "keyids"),
	        "{\"keytype\":\"x25519\",\"scheme\":\"y\",\"keyval\":{\"public\":\"00\"}}");
}

static void unknown_and_unused(cJSON *part, void *ctx)
{
	(void)ctx;
	foreign(cJSON_GetObjectItem(part, "keys"), NULL,
	        "{\"keytype\":\"ed25519\",\"scheme\":\"ed25519\",\"keyval\":{\"public\":\"beef\"}}");
}

static void keyless_id(cJSON *part, void *ctx)
{
	(void)ctx;
	cJSON_AddItemToArray(cJSON_GetObjectItem(role(part, "targets"), "keyids"),
	        cJSON_CreateString("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"));
}

static void delegated_unknown_type(cJSON *part, void *ctx)
{
	(void)ctx;
	cJSON *d = cJSON_GetObjectItem(part, "delegations");
	cJSON *first = cJSON_GetArrayItem(cJSON_GetObjectItem(d, "roles"), 0);
	foreign(cJSON_GetObjectItem(d, "keys"), cJSON_GetObjectItem(first, "keyids"),
	        "{\"keytype\":\"x25519\",\"scheme\":\"y\",\"keyval\":{\"public\":\"00\"}}");
}

static void delegated_keyless_id(cJSON *part, void *ctx)
{
	(void)ctx;
	cJSON *d = cJSON_GetObjectItem(part, "delegations");
	cJSON *first = cJSON_GetArrayItem(cJSON_GetObjectItem(d, "roles"), 0);
	cJSON_AddItemToArray(cJSON_GetObjectItem(first, "keyids"),
	        cJSON_CreateString("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"));
}

static void nothing(cJSON *part, void *ctx)
{
	(void)part;
	(void)ctx;
}

/* Another tool wrote a file that our client takes; the next version of it is refused. */
static void what_peers_refuse_is_not_continued(void **state)
{
	static const struct {
		const char *role;
		repo_sim_edit *edit;
		int code;
		const char *remark;
	} rows[] = {
		{ "root", nothing, KE_OK, "a root as it should be" },
		{ "root", mirrors, KE_NAME, "the role mirrors" },
		{ "root", unknown_type, KE_KEY, "a key of unknown type" },
		{ "root", unknown_and_unused, KE_KEY, "a key whose value is no good, though nobody uses it" },
		{ "root", keyless_id, KE_KEY, "a key id without its key" },
		{ "targets", nothing, KE_OK, "targets as they should be" },
		{ "targets", delegated_unknown_type, KE_KEY, "a delegation with a key of unknown type" },
		{ "targets", delegated_keyless_id, KE_KEY, "a delegation with a key id without its key" },
	};
	static const char *const roots[] = { "root-1", "root-2" }, *const top[] = { "targets" };
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct repo_sim *sim = repo_sim_new();
		struct release_files files = { 0 };
		struct release *r = NULL;
		struct fault f = { 0 };
		bool root = strcmp(rows[i].role, "root") == 0;
		char name[TUF_FILE_ROOM];
		repo_sim_delegate(sim, "targets", "a", "a/*", false);
		repo_sim_publish(sim);
		repo_sim_name(sim, rows[i].role, name);
		repo_sim_forge(sim, name, root ? roots : top, root ? 2 : 1, rows[i].edit, NULL);
		repo_sim_relist(sim);
		assert_int_equal(release_new(&r), 0);
		static const char *const order[] = { "root", "timestamp", "snapshot", "targets", "a" };
		for (size_t k = 0; k < 5; k++) {
			struct repo_sim_file *file =
			        repo_sim_file(sim->metadata, repo_sim_name(sim, order[k], name));
			if (release_load(r, order[k], file->data, file->len, &f))
				fail_msg("%s: %s: %s", rows[i].remark, f.where, f.what);
		}
		assert_int_equal(release_expires(r, rows[i].role, NOW + REPO_SIM_DAY, &f), 0);
		int rc = release_write(
		        r, NOW, (const struct signkey *const *)sim->keys, sim->n_keys, &files, &f);
		if (rc != rows[i].code)
			fail_msg("%s: %s: %s", rows[i].remark, err_name(rc), f.what);
		if (!rc)
			assert_true(files.n > 0);
		release_files_free(&files);
		release_free(r);
		repo_sim_free(sim);
	}
}

static void thresholds_are_reached_by_different_keys(void **state)
{
	(void)state;
	struct repo_sim *sim = repo_sim_new();
	struct release_files files = { 0 };
	struct fault f = { 0 };
	assert_int_equal(release_threshold(sim->release, "targets", 2, &f), 0);
	assert_int_equal(release_write(sim->release, NOW, (const struct signkey *const *)sim->keys,
	                         sim->n_keys, &files, &f),
	        KE_RANGE);
	assert_non_null(strstr(f.what, "cannot be reached with 1"));
	/* The same key under another id is no second key. */
	cJSON *twin = cJSON_Duplicate(signkey_public(repo_sim_key(sim, "targets")), true);
	cJSON_AddStringToObject(twin, "x-note", "the same key");
	assert_int_equal(release_key_add(sim->release, "targets", twin, &f), 0);
	cJSON_Delete(twin);
	assert_int_equal(release_write(sim->release, NOW, (const struct signkey *const *)sim->keys,
	                         sim->n_keys, &files, &f),
	        KE_RANGE);
	assert_int_equal(
	        release_key_add(sim->release, "targets", signkey_public(repo_sim_key(sim, "other")), &f), 0);
	assert_int_equal(release_write(sim->release, NOW, (const struct signkey *const *)sim->keys,
	                         sim->n_keys, &files, &f),
	        0);
	release_files_free(&files);
	repo_sim_free(sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_peers_refuse_is_not_continued),
		cmocka_unit_test(thresholds_are_reached_by_different_keys),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
