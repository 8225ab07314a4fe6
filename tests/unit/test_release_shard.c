/* A role that grows is split: at the limit, at four times the limit, with nothing lost, its own keys, and nothing taken off the
 * snapshot. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <cJSON.h>

#include "proto/release_state.h"
#include "tests/support/repo_sim.h"

#define LIMIT 10

static void path_of(int i, char path[40])
{
	snprintf(path, 40, "p/%d.json", i);
}

/* Paths FIRST..LAST into the role "p", and write. */
static void grow(struct repo_sim *sim, int first, int last)
{
	struct fault f = { 0 };
	char path[40];

	for (int i = first; i <= last; i++) {
		path_of(i, path);
		repo_sim_target(sim, "p", path, path);
	}
	if (release_shard(sim->release, LIMIT, &f) ||
	        release_expires_delegated(sim->release, sim->now + REPO_SIM_DAY, &f))
		fail_msg("%s: %s", f.where, f.what);
	repo_sim_publish(sim);
}

/* A client finds exactly the paths 1..N, having asked for at most two delegated roles each. */
static void all_there(struct repo_sim *sim, int n)
{
	char path[40];

	for (int i = 1; i <= n + 1; i++) {
		struct repo_sim_client *c = repo_sim_client_new(sim);
		const struct tuf_target *found = NULL;
		struct fault f = { 0 };
		path_of(i, path);
		if (repo_sim_refresh(c, sim, sim->now, &f))
			fail_msg("%s: %s", f.where, f.what);
		size_t before = strlen(c->asked);
		int rc = repo_sim_find(c, sim, path, &found, &f), roles = 0;
		if (rc != (i <= n ? 0 : KE_NOENT))
			fail_msg("%s: %d: %s: %s", path, rc, f.where, f.what);
		for (const char *p = c->asked + before; (p = strstr(p, ".json")); p++)
			roles++;
		if (roles > 2)
			fail_msg("%s: %d roles: %s", path, roles, c->asked + before);
		repo_sim_client_free(c);
	}
}

static size_t delegations(const struct repo_sim *sim, const char *role)
{
	const struct draft *d = release_find(sim->release, role);
	const cJSON *roles = cJSON_GetObjectItemCaseSensitive(
	        cJSON_GetObjectItemCaseSensitive(d->tree, "delegations"), "roles");

	return (size_t)cJSON_GetArraySize(roles);
}

static size_t listed(const struct repo_sim *sim)
{
	return (size_t)cJSON_GetArraySize(
	        cJSON_GetObjectItemCaseSensitive(release_find(sim->release, "snapshot")->tree, "meta"));
}

static struct repo_sim *begin(void)
{
	struct repo_sim *sim = repo_sim_new();

	repo_sim_delegate(sim, "targets", "p", "p/*", false);
	repo_sim_publish(sim);
	return sim;
}

static void splits_at_its_limits(void **state)
{
	struct repo_sim *sim = begin();
	static const struct {
		int n;
		size_t shards, listed;
	} rows[] = {
		{ LIMIT, 0, 2 },           /* targets and p */
		{ LIMIT + 1, 16, 2 + 16 }, /* one more than the limit */
		{ 4 * LIMIT, 16, 2 + 16 },
		{ 4 * LIMIT + 1, 256, 2 + 16 + 256 }, /* former shards stay listed */
		{ 4 * LIMIT + 2, 256, 2 + 16 + 256 },
	};

	(void)state;
	int before = 0;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		grow(sim, before + 1, rows[i].n);
		before = rows[i].n;
		assert_int_equal(delegations(sim, "p"), rows[i].shards);
		assert_int_equal(listed(sim), rows[i].listed);
		assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(
		                         release_find(sim->release, "p")->tree, "targets")),
		        rows[i].shards ? 0 : rows[i].n);
		all_there(sim, rows[i].n);
	}
	repo_sim_free(sim);
}

/* A role that lost its targets keeps its shards: clients have no former entry to miss, and nothing moves for a time. */
static void the_number_of_shards_never_falls(void **state)
{
	struct repo_sim *sim = begin();
	char path[40], name[TUF_ROLE_NAME_MAX];

	(void)state;
	grow(sim, 1, LIMIT + 1);
	for (int i = 2; i <= LIMIT + 1; i++) {
		bool found = false;
		path_of(i, path);
		for (unsigned shard = 0; shard < 16 && !found; shard++) {
			snprintf(name, sizeof name, "p-%x", shard);
			found = release_target_drop(sim->release, name, path, NULL) == KE_OK;
		}
		assert_true(found);
	}
	grow(sim, 2, 2);
	assert_int_equal(delegations(sim, "p"), 16);
	all_there(sim, 2);
	repo_sim_free(sim);
}

/* One more target in a split role: one shard, snapshot and timestamp are written, nothing else. */
static void one_more_costs_one_shard(void **state)
{
	struct repo_sim *sim = begin();
	struct release_files files = { 0 };
	struct fault f = { 0 };

	(void)state;
	grow(sim, 1, LIMIT + 1);
	repo_sim_target(sim, "p", "p/more.json", "x");
	assert_int_equal(release_shard(sim->release, LIMIT, &f), 0);
	assert_int_equal(release_expires_delegated(sim->release, sim->now + REPO_SIM_DAY, &f), 0);
	assert_int_equal(release_write(sim->release, sim->now, (const struct signkey *const *)sim->keys,
	                         sim->n_keys, &files, &f),
	        0);
	/* The target was put into p itself, which is written too, empty again. */
	assert_int_equal(files.n, 4);
	release_files_free(&files);
	repo_sim_free(sim);
}

/* Entries of shards say a version and nothing else; of other roles all of it. */
static void the_snapshot_stays_small(void **state)
{
	struct repo_sim *sim = begin();

	(void)state;
	grow(sim, 1, LIMIT + 1);
	const cJSON *meta = cJSON_GetObjectItemCaseSensitive(
	                    release_find(sim->release, "snapshot")->tree, "meta"),
	            *entry;
	cJSON_ArrayForEach(entry, meta)
	{
		bool shard = strncmp(entry->string, "p-", 2) == 0;
		assert_int_equal(cJSON_GetArraySize(entry), shard ? 1 : 3);
	}
	repo_sim_free(sim);
}

static void shards_follow_the_keys_of_their_role(void **state)
{
	struct repo_sim *sim = begin();
	const struct cJSON *key = signkey_public(repo_sim_key(sim, "p-new"));
	const char *pattern = "p/*";
	const struct release_delegation d = {
		.name = "p", .keys = &key, .n_keys = 1, .threshold = 1, .patterns = &pattern, .n_patterns = 1
	};
	struct fault f = { 0 };

	(void)state;
	grow(sim, 1, LIMIT + 1);
	assert_int_equal(release_delegate(sim->release, "targets", &d, &f), 0);
	grow(sim, LIMIT + 2, LIMIT + 2);
	for (unsigned i = 0; i < 16; i++) {
		char name[8];
		snprintf(name, sizeof name, "p-%x", i);
		assert_int_equal(release_version(sim->release, name), 2);
	}
	all_there(sim, LIMIT + 2);
	/* The old key is not among those of the role that delegates any more. */
	const cJSON *keys = cJSON_GetObjectItemCaseSensitive(
	        cJSON_GetObjectItemCaseSensitive(release_find(sim->release, "p")->tree, "delegations"),
	        "keys");
	assert_int_equal(cJSON_GetArraySize(keys), 1);
	assert_string_equal(keys->child->string, signkey_id(repo_sim_key(sim, "p-new")));
	repo_sim_free(sim);
}

static void what_is_left_alone(void **state)
{
	struct repo_sim *sim = begin();
	const struct cJSON *key = signkey_public(repo_sim_key(sim, "by-hash"));
	static const char *const half[] = { "0", "1", "2", "3", "4", "5", "6", "7" };
	const struct release_delegation d = { .name = "by-hash",
		.keys = &key,
		.n_keys = 1,
		.threshold = 1,
		.patterns = half,
		.n_patterns = 8,
		.by_hash = true };
	struct fault f = { 0 };
	char path[40];

	(void)state;
	assert_int_equal(release_delegate(sim->release, "targets", &d, &f), 0);
	for (int i = 0; i <= LIMIT; i++) {
		path_of(i, path);
		repo_sim_target(sim, "by-hash", path, path);
		repo_sim_target(sim, "targets", path, path);
	}
	assert_int_equal(release_shard(sim->release, LIMIT, &f), 0);
	assert_int_equal(delegations(sim, "by-hash"), 0);
	assert_int_equal(delegations(sim, "targets"), 2);
	assert_int_equal(release_shard(sim->release, 0, &f), KE_RANGE);
	repo_sim_free(sim);
}

/* A name that was delegated to before goes on with the next version, since the snapshot still lists the last one. */
static void a_name_comes_back(void **state)
{
	struct repo_sim *sim = begin();
	struct release *again = NULL;
	struct fault f = { 0 };
	static const char *const roles[] = { "root", "timestamp", "snapshot", "targets" };
	char name[TUF_FILE_ROOM];

	(void)state;
	repo_sim_target(sim, "p", "p/1.json", "x");
	repo_sim_publish(sim);
	assert_int_equal(release_version(sim->release, "p"), 2);
	assert_int_equal(release_undelegate(sim->release, "targets", "p", &f), 0);
	repo_sim_publish(sim);
	assert_int_equal(release_new(&again), 0);
	for (size_t i = 0; i < 4; i++) {
		const struct repo_sim_file *file =
		        repo_sim_file(sim->metadata, repo_sim_name(sim, roles[i], name));
		assert_int_equal(release_load(again, roles[i], file->data, file->len, &f), 0);
	}
	release_free(sim->release);
	sim->release = again;
	repo_sim_delegate(sim, "targets", "p", "p/*", false);
	repo_sim_publish(sim);
	assert_int_equal(release_version(again, "p"), 3);
	assert_int_equal(release_defer(again, "p", &f), KE_EXIST);
	repo_sim_free(sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(splits_at_its_limits),
		cmocka_unit_test(the_number_of_shards_never_falls),
		cmocka_unit_test(one_more_costs_one_shard),
		cmocka_unit_test(the_snapshot_stays_small),
		cmocka_unit_test(shards_follow_the_keys_of_their_role),
		cmocka_unit_test(what_is_left_alone),
		cmocka_unit_test(a_name_comes_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
