/* The publisher: what it writes clients accept, what they would refuse it does not write. */
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

static const struct signkey *const *keys_of(const struct repo_sim *sim)
{
	return (const struct signkey *const *)sim->keys;
}

/* "2.root.json 2.a.json ..." of FILES. */
static const char *names(const struct release_files *files, char *text, size_t size)
{
	text[0] = '\0';
	for (size_t i = 0; i < files->n; i++) {
		size_t n = strlen(text);
		snprintf(text + n, size - n, "%s%s", i ? " " : "", files->list[i].name);
	}
	return text;
}

static void files_come_in_the_order_of_publication(void **state)
{
	(void)state;
	struct repo_sim *sim = repo_sim_new();
	struct release_files files = { 0 };
	struct fault f = { 0 };
	char text[512];
	repo_sim_delegate(sim, "targets", "a", "a/*", false);
	assert_int_equal(release_expires(sim->release, "root", NOW + 100 * REPO_SIM_DAY, &f), 0);
	assert_int_equal(release_write(sim->release, NOW, keys_of(sim), sim->n_keys, &files, &f), 0);
	assert_string_equal(names(&files, text, sizeof text),
	        "2.root.json 1.a.json 2.targets.json 2.snapshot.json timestamp.json");
	release_files_free(&files);
	/* Nothing changed: nothing is written, no version is used up. */
	assert_int_equal(release_write(sim->release, NOW, keys_of(sim), sim->n_keys, &files, &f), 0);
	assert_int_equal(files.n, 0);
	assert_int_equal(release_version(sim->release, "timestamp"), 2);
	/* A delegated role changes: its delegator does not. */
	repo_sim_target(sim, "a", "a/1", "1");
	assert_int_equal(release_write(sim->release, NOW, keys_of(sim), sim->n_keys, &files, &f), 0);
	assert_string_equal(names(&files, text, sizeof text), "2.a.json 3.snapshot.json timestamp.json");
	release_files_free(&files);
	repo_sim_free(sim);
}

static void clients_follow_many_releases(void **state)
{
	(void)state;
	for (int consistent = 0; consistent < 2; consistent++) {
		struct repo_sim *sim = consistent ? repo_sim_new() : repo_sim_new_plain();
		struct repo_sim_client *client = repo_sim_client_new(sim);
		struct fault f = { 0 };
		const struct tuf_target *target;
		repo_sim_delegate(sim, "targets", "p", "policies/*/*", true);
		for (int i = 1; i <= 5; i++) {
			char path[64], text[64];
			snprintf(path, sizeof path, "policies/web/%d.json", i);
			snprintf(text, sizeof text, "version %d", i);
			repo_sim_target(sim, "p", path, text);
			repo_sim_publish(sim);
			assert_int_equal(repo_sim_refresh(client, sim, NOW, &f), 0);
			assert_int_equal(repo_sim_find(client, sim, path, &target, &f), 0);
			assert_int_equal(trust_target_check(target, text, strlen(text), &f), 0);
			struct buf name = BUF_INIT(512);
			assert_int_equal(trust_target_file(client->trust, target, &name), 0);
			assert_non_null(repo_sim_file(sim->targets, buf_text(&name)));
			buf_free(&name);
		}
		assert_int_equal(release_target_drop(sim->release, "p", "policies/web/1.json", &f), 0);
		assert_int_equal(release_target_drop(sim->release, "p", "policies/web/1.json", &f), KE_NOENT);
		repo_sim_publish(sim);
		assert_int_equal(repo_sim_refresh(client, sim, NOW, &f), 0);
		assert_int_equal(repo_sim_find(client, sim, "policies/web/1.json", &target, &f), KE_NOENT);
		assert_int_equal(repo_sim_find(client, sim, "policies/web/5.json", &target, &f), 0);
		repo_sim_client_free(client);
		repo_sim_free(sim);
	}
}

/* A second publisher continues from the files alone, with another kind of key besides. */
static void a_repository_is_continued_from_its_files(void **state)
{
	(void)state;
	struct repo_sim *sim = repo_sim_new();
	struct repo_sim_client *client = repo_sim_client_new(sim);
	struct fault f = { 0 };
	const struct tuf_target *target;
	repo_sim_delegate(sim, "targets", "a", "a/*", false);
	repo_sim_target(sim, "a", "a/1", "1");
	repo_sim_publish(sim);
	assert_int_equal(repo_sim_refresh(client, sim, NOW, &f), 0);
	release_free(sim->release);
	assert_int_equal(release_new(&sim->release), 0);
	static const char *const order[] = { "root", "timestamp", "snapshot", "targets", "a" };
	for (size_t i = 0; i < 5; i++) {
		char name[TUF_FILE_ROOM];
		struct repo_sim_file *file = repo_sim_file(sim->metadata, repo_sim_name(sim, order[i], name));
		if (i == 0)
			assert_int_equal(
			        release_load(sim->release, "targets", file->data, file->len, &f), KE_USAGE);
		if (i == 3)
			assert_int_equal(release_load(sim->release, "a", "{}", 2, &f), KE_UNTRUSTED);
		assert_int_equal(release_load(sim->release, order[i], file->data, file->len, &f), 0);
		assert_int_equal(release_load(sim->release, order[i], file->data, file->len, &f), KE_EXIST);
	}
	repo_sim_target(sim, "a", "a/2", "2");
	repo_sim_publish(sim);
	assert_int_equal(repo_sim_refresh(client, sim, NOW, &f), 0);
	assert_int_equal(repo_sim_find(client, sim, "a/1", &target, &f), 0);
	assert_int_equal(repo_sim_find(client, sim, "a/2", &target, &f), 0);
	assert_int_equal(trust_version(client->trust, TUF_TIMESTAMP), 3);
	repo_sim_client_free(client);
	repo_sim_free(sim);
}

/* A role that is not loaded stays in the snapshot as it is; an ended delegation stays listed. */
static void no_entry_of_the_snapshot_is_dropped(void **state)
{
	(void)state;
	struct repo_sim *sim = repo_sim_new();
	struct repo_sim_client *client = repo_sim_client_new(sim);
	struct fault f = { 0 };
	const struct tuf_target *target;
	repo_sim_delegate(sim, "targets", "a", "*", false);
	repo_sim_target(sim, "a", "t", "1");
	repo_sim_publish(sim);
	assert_int_equal(repo_sim_refresh(client, sim, NOW, &f), 0);
	assert_int_equal(release_undelegate(sim->release, "targets", "a", &f), 0);
	assert_int_equal(release_undelegate(sim->release, "targets", "a", &f), KE_NOENT);
	repo_sim_publish(sim);
	assert_int_equal(repo_sim_refresh(client, sim, NOW, &f), 0);
	assert_int_equal(repo_sim_find(client, sim, "t", &target, &f), KE_NOENT);
	assert_non_null(strstr(repo_sim_file(sim->metadata, "3.snapshot.json")->data, "\"a.json\""));
	/* A new publisher, who takes the role for one that was never written, cannot begin it at version 1 again. */
	release_free(sim->release);
	assert_int_equal(release_new(&sim->release), 0);
	static const char *const order[] = { "root", "timestamp", "snapshot", "targets" };
	for (size_t i = 0; i < 4; i++) {
		char name[TUF_FILE_ROOM];
		struct repo_sim_file *file = repo_sim_file(sim->metadata, repo_sim_name(sim, order[i], name));
		assert_int_equal(release_load(sim->release, order[i], file->data, file->len, &f), 0);
	}
	struct release_files files = { 0 };
	assert_int_equal(release_unborn(sim->release, "a", &f), 0);
	repo_sim_delegate(sim, "targets", "a", "*", false);
	assert_int_equal(
	        release_write(sim->release, NOW, keys_of(sim), sim->n_keys, &files, &f), KE_ROLLBACK);
	assert_int_equal(files.n, 0);
	assert_int_equal(release_version(sim->release, "targets"), 3);
	assert_int_equal(release_floor(sim->release, "a", 1, &f), 0);
	repo_sim_publish(sim);
	assert_int_equal(release_version(sim->release, "a"), 2);
	assert_int_equal(repo_sim_refresh(client, sim, NOW, &f), 0);
	repo_sim_client_free(client);
	repo_sim_free(sim);
}

static void too_few_keys_write_nothing(void **state)
{
	static const char *const roles[] = { "root", "timestamp", "snapshot", "targets" };
	static const char *const without[] = { "root-2", "timestamp", "snapshot", "targets" };
	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct repo_sim *sim = repo_sim_new();
		struct release_files files = { 0 };
		struct fault f = { 0 };
		const struct signkey *some[8];
		size_t n = 0;
		for (size_t k = 0; k < sim->n_keys; k++)
			if (strcmp(sim->key_names[k], without[i]) != 0)
				some[n++] = sim->keys[k];
		assert_int_equal(release_expires(sim->release, "root", NOW + 9 * REPO_SIM_DAY, &f), 0);
		repo_sim_target(sim, "targets", "t", "1");
		assert_int_equal(release_write(sim->release, NOW, some, n, &files, &f), KE_SIGNATURE);
		assert_non_null(strstr(f.where, roles[i]));
		assert_int_equal(files.n, 0);
		for (size_t k = 0; k < 4; k++)
			assert_int_equal(release_version(sim->release, roles[k]), 1);
		/* With all keys the same release goes out, with no version skipped. */
		assert_int_equal(release_write(sim->release, NOW, keys_of(sim), sim->n_keys, &files, &f), 0);
		assert_int_equal(files.n, 4);
		assert_int_equal(release_version(sim->release, roles[i]), 2);
		release_files_free(&files);
		repo_sim_free(sim);
	}
}

static void a_new_root_is_signed_by_the_old_keys_too(void **state)
{
	(void)state;
	struct repo_sim *sim = repo_sim_new();
	struct repo_sim_client *client = repo_sim_client_new(sim);
	struct release_files files = { 0 };
	struct fault f = { 0 };
	const struct signkey *fresh[2] = { repo_sim_key(sim, "r3"), repo_sim_key(sim, "r4") };
	for (int i = 0; i < 2; i++) {
		const char *old = i ? "root-2" : "root-1";
		assert_int_equal(release_key_add(sim->release, "root", signkey_public(fresh[i]), &f), 0);
		assert_int_equal(
		        release_key_drop(sim->release, "root", signkey_id(repo_sim_key(sim, old)), &f), 0);
	}
	assert_int_equal(release_write(sim->release, NOW, fresh, 2, &files, &f), KE_SIGNATURE);
	repo_sim_publish(sim);
	assert_int_equal(repo_sim_refresh(client, sim, NOW, &f), 0);
	assert_int_equal(trust_version(client->trust, TUF_ROOT), 2);
	assert_null(tuf_keys_find(&trust_root(client->trust)->keys, signkey_id(repo_sim_key(sim, "root-1"))));
	repo_sim_client_free(client);
	repo_sim_free(sim);
}

static void every_kind_of_key_signs(void **state)
{
	(void)state;
	struct repo_sim *sim = repo_sim_new();
	struct repo_sim_client *client = repo_sim_client_new(sim);
	struct signkey *made[2];
	const struct signkey *all[16];
	struct release_files files = { 0 };
	struct fault f = { 0 };
	size_t n = 0;
	assert_int_equal(signkey_generate(SIGNKEY_ECDSA, &made[0], &f), 0);
	assert_int_equal(signkey_generate(SIGNKEY_RSA, &made[1], &f), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(release_key_add(sim->release, "targets", signkey_public(made[i]), &f), 0);
	assert_int_equal(release_threshold(sim->release, "targets", 3, &f), 0);
	for (; n < sim->n_keys; n++)
		all[n] = sim->keys[n];
	all[n++] = made[0];
	assert_int_equal(release_write(sim->release, NOW, all, n, &files, &f), KE_SIGNATURE);
	all[n++] = made[1];
	assert_int_equal(release_write(sim->release, NOW, all, n, &files, &f), 0);
	for (size_t i = 0; i < files.n; i++)
		repo_sim_put(&sim->metadata, files.list[i].name, files.list[i].data, files.list[i].len);
	release_files_free(&files);
	assert_int_equal(repo_sim_refresh(client, sim, NOW, &f), 0);
	assert_int_equal(trust_version(client->trust, TUF_TARGETS), 2);
	signkey_free(made[0]);
	signkey_free(made[1]);
	repo_sim_client_free(client);
	repo_sim_free(sim);
}

static void what_clients_refuse_is_refused(void **state)
{
	(void)state;
	struct repo_sim *sim = repo_sim_new();
	struct release *r = sim->release;
	struct release_files files = { 0 };
	struct fault f = { 0 };
	const struct cJSON *key = signkey_public(repo_sim_key(sim, "a"));
	const char *star = "*", *bracket = "[a]*", *upper = "AB";
	const struct {
		struct release_delegation d;
		int code;
		const char *remark;
	} rows[] = {
		{ { "targets", &key, 1, 1, &star, 1, false, false, NULL }, KE_NAME, "a top-level name" },
		{ { "", &key, 1, 1, &star, 1, false, false, NULL }, KE_NAME, "no name" },
		{ { "\xff", &key, 1, 1, &star, 1, false, false, NULL }, KE_NAME, "no UTF-8" },
		{ { "a", &key, 1, 0, &star, 1, false, false, NULL }, KE_RANGE, "threshold zero" },
		{ { "a", &key, 1, 2, &star, 1, false, false, NULL }, KE_RANGE, "more than there are keys" },
		{ { "a", &key, 1, 1, &bracket, 1, false, false, NULL }, KE_VALUE, "brackets" },
		{ { "a", &key, 1, 1, &upper, 1, true, false, NULL }, KE_VALUE, "an upper-case prefix" },
		{ { "a", &key, 1, 1, &star, 1, false, false, NULL }, KE_OK, "good" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		int rc = release_delegate(r, "targets", &rows[i].d, &f);
		if (rc != rows[i].code)
			fail_msg("%s: %s", rows[i].remark, err_name(rc));
	}
	assert_int_equal(release_delegate(r, "nobody", &rows[7].d, &f), KE_NOENT);
	assert_int_equal(release_delegate(r, "root", &rows[7].d, &f), KE_NOENT);
	static const char *const paths[] = { "", "/a", "../a", "a/../b", "\xff" };
	for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
		assert_int_equal(release_target_set(r, "targets", paths[i], "1", 1, NULL, &f), KE_NAME);
	assert_int_equal(release_threshold(r, "root", 0, &f), KE_RANGE);
	assert_int_equal(release_threshold(r, "nobody", 1, &f), KE_NAME);
	assert_int_equal(release_key_drop(r, "root", "00", &f), KE_NOENT);
	cJSON *odd = cJSON_Parse("{\"keytype\":\"x\",\"scheme\":\"y\",\"keyval\":{\"public\":\"00\"}}");
	assert_int_equal(release_key_add(r, "root", odd, &f), KE_KEY);
	cJSON_Delete(odd);
	/* The delegated role has no expiry yet, then one that has passed. */
	assert_int_equal(release_write(r, NOW, keys_of(sim), sim->n_keys, &files, &f), KE_USAGE);
	assert_int_equal(release_expires(r, "a", NOW, &f), 0);
	assert_int_equal(release_write(r, NOW, keys_of(sim), sim->n_keys, &files, &f), KE_EXPIRED);
	assert_int_equal(release_expires(r, "a", NOW + 1, &f), 0);
	assert_int_equal(release_write(r, NOW, keys_of(sim), sim->n_keys, &files, &f), 0);
	release_files_free(&files);
	repo_sim_free(sim);
}

/* Members that we do not know live through a new version. */
static void unknown_members_survive(void **state)
{
	(void)state;
	struct repo_sim *sim = repo_sim_new();
	struct fault f = { 0 };
	cJSON *custom = cJSON_Parse("{\"note\":[1,2]}");
	assert_int_equal(release_target_set(sim->release, "targets", "t", "1", 1, custom, &f), 0);
	cJSON_Delete(custom);
	repo_sim_publish(sim);
	repo_sim_target(sim, "targets", "u", "2");
	repo_sim_publish(sim);
	struct repo_sim_client *client = repo_sim_client_new(sim);
	const struct tuf_target *target;
	assert_int_equal(repo_sim_refresh(client, sim, NOW, &f), 0);
	assert_int_equal(repo_sim_find(client, sim, "t", &target, &f), 0);
	assert_non_null(cJSON_GetObjectItemCaseSensitive(target->custom, "note"));
	repo_sim_client_free(client);
	repo_sim_free(sim);
}

static void tampered_files_are_not_continued(void **state)
{
	(void)state;
	struct repo_sim *sim = repo_sim_new();
	struct fault f = { 0 };
	struct release *r;
	repo_sim_forge(sim, "1.targets.json", (const char *const[]){ "snapshot" }, 1, NULL, NULL);
	struct repo_sim_file *root = repo_sim_file(sim->metadata, "1.root.json");
	struct repo_sim_file *targets = repo_sim_file(sim->metadata, "1.targets.json");
	assert_int_equal(release_new(&r), 0);
	assert_int_equal(release_load(r, "root", root->data, root->len, &f), 0);
	assert_int_equal(release_load(r, "targets", targets->data, targets->len, &f), KE_SIGNATURE);
	release_free(r);
	repo_sim_free(sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_come_in_the_order_of_publication),
		cmocka_unit_test(clients_follow_many_releases),
		cmocka_unit_test(a_repository_is_continued_from_its_files),
		cmocka_unit_test(no_entry_of_the_snapshot_is_dropped),
		cmocka_unit_test(too_few_keys_write_nothing),
		cmocka_unit_test(a_new_root_is_signed_by_the_old_keys_too),
		cmocka_unit_test(every_kind_of_key_signs),
		cmocka_unit_test(what_clients_refuse_is_refused),
		cmocka_unit_test(unknown_members_survive),
		cmocka_unit_test(tampered_files_are_not_continued),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
