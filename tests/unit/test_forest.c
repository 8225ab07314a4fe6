/* All roles of a repository at once: each verified by its delegator, found as a client finds them, within limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <cJSON.h>

#include "proto/forest.h"
#include "tests/support/repo_sim.h"

static int read_sim(void *ctx, const char *role, int64_t version, size_t max, char **ret, size_t *ret_len,
        struct fault *f)
{
	const struct repo_sim *sim = ctx;
	char name[TUF_FILE_ROOM];
	const struct repo_sim_file *file = repo_sim_file(sim->metadata, tuf_file_name(role, version, name));

	if (!file)
		return KE_NOENT;
	if (file->len > max)
		return fault_set(f, KE_TOOBIG, role, NULL, "more than %zu bytes", max);
	*ret = malloc(file->len + 1);
	memcpy(*ret, file->data, file->len);
	*ret_len = file->len;
	return KE_OK;
}

/* What a client of SIM trusts, which the forest refers to. */
static struct repo_sim_client *client(const struct repo_sim *sim)
{
	struct repo_sim_client *c = repo_sim_client_new(sim);
	struct fault f = { 0 };

	if (repo_sim_refresh(c, sim, sim->now, &f))
		fail_msg("%s: %s", f.where, f.what);
	return c;
}

static int load(struct repo_sim *sim, const struct repo_sim_client *c, int64_t now, bool unborn,
        struct forest *ret, struct fault *f)
{
	const struct forest_source source = { .ctx = sim, .read = read_sim, .now = now, .unborn = unborn };

	return forest_load(trust_targets(c->trust), trust_snapshot(c->trust), &source, ret, f);
}

static void expect(struct repo_sim *sim, int64_t now, int want, const char *where)
{
	struct repo_sim_client *c = client(sim);
	struct forest forest;
	struct fault f = { 0 };
	int rc = load(sim, c, now, false, &forest, &f);

	if (rc != want || (want && !strstr(f.where, where)))
		fail_msg("%d, not %d: %s: %s", rc, want, f.where, f.what);
	forest_clear(&forest);
	repo_sim_client_free(c);
}

static void what_a_client_finds_is_found(void **state)
{
	struct repo_sim *sim = repo_sim_new();
	static const struct {
		const char *path, *role; /* NULL: nobody */
	} rows[] = {
		{ "top", "targets" },
		{ "a/x", "a" },
		{ "a/deep", "a-deep" },
		{ "a/both", "a" },  /* a is asked before a-deep */
		{ "b/x", "b" },     /* b is terminating */
		{ "b/late", NULL }, /* listed by "any", which b cuts off */
		{ "c/late", "any" },
		{ "a/stray", NULL }, /* listed by b, whose patterns do not match */
		{ "nowhere", NULL },
	};

	(void)state;
	repo_sim_delegate(sim, "targets", "a", "a/*", false);
	repo_sim_delegate(sim, "targets", "b", "b/*", true);
	repo_sim_delegate(sim, "targets", "any", "?/*", false);
	repo_sim_delegate(sim, "a", "a-deep", "a/*", false);
	repo_sim_target(sim, "targets", "top", "1");
	repo_sim_target(sim, "a", "a/x", "1");
	repo_sim_target(sim, "a", "a/both", "1");
	repo_sim_target(sim, "a-deep", "a/both", "2");
	repo_sim_target(sim, "a-deep", "a/deep", "1");
	repo_sim_target(sim, "b", "b/x", "1");
	repo_sim_target(sim, "b", "a/stray", "1");
	repo_sim_target(sim, "any", "b/late", "1");
	repo_sim_target(sim, "any", "c/late", "1");
	repo_sim_publish(sim);
	struct repo_sim_client *c = client(sim);
	struct forest forest;
	assert_int_equal(load(sim, c, sim->now, false, &forest, NULL), 0);
	assert_int_equal(forest.n, 5);
	assert_string_equal(forest_role(&forest, "a-deep")->parent->name, "a");
	assert_null(forest_role(&forest, "zz"));
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct forest_role *role = NULL;
		const struct tuf_target *here = NULL, *there = NULL;
		int rc = forest_find(&forest, rows[i].path, &role, &here);
		if (rc != (rows[i].role ? 0 : KE_NOENT) || (role && strcmp(role->name, rows[i].role) != 0))
			fail_msg("%s: %d, in %s", rows[i].path, rc, role ? role->name : "-");
		/* and the client agrees */
		assert_int_equal(repo_sim_find(c, sim, rows[i].path, &there, NULL), rc);
		if (!rc)
			assert_int_equal(there->length, here->length);
	}
	forest_clear(&forest);
	repo_sim_client_free(c);
	repo_sim_free(sim);
}

static void set_version(struct cJSON *part, void *ctx)
{
	cJSON_SetNumberValue(cJSON_GetObjectItemCaseSensitive(part, "version"), *(const int *)ctx);
}

static void what_ends_a_search_is_refused(void **state)
{
	struct repo_sim *sim = repo_sim_new();
	static const char *const other[] = { "targets" }, *const own[] = { "a" };
	char name[TUF_FILE_ROOM];
	int nine = 9;

	(void)state;
	repo_sim_delegate(sim, "targets", "a", "a/*", false);
	repo_sim_publish(sim);
	struct repo_sim_file *good = repo_sim_files_copy(sim->metadata);
	expect(sim, sim->now, 0, "");
	expect(sim, sim->now + 90 * REPO_SIM_DAY - 1, 0, "");
	expect(sim, sim->now + 90 * REPO_SIM_DAY, KE_EXPIRED, "a.json");
	expect(sim, 0, 0, ""); /* nobody asks */
	repo_sim_forge(sim, repo_sim_name(sim, "a", name), own, 1, set_version, &nine);
	expect(sim, sim->now, KE_MISMATCH, "a.json"); /* not the listed bytes */
	repo_sim_relist(sim);
	expect(sim, sim->now, KE_MISMATCH, "a.json"); /* not the listed version */
	repo_sim_files_free(&sim->metadata);
	sim->metadata = repo_sim_files_copy(good);
	repo_sim_forge(sim, repo_sim_name(sim, "a", name), other, 1, NULL, NULL);
	repo_sim_relist(sim);
	expect(sim, sim->now, KE_SIGNATURE, "a.json");
	repo_sim_put(&sim->metadata, repo_sim_name(sim, "a", name), NULL, 0);
	expect(sim, sim->now, KE_MISMATCH, "a.json"); /* not there */
	repo_sim_files_free(&good);
	repo_sim_free(sim);
}

/* Two roles delegate to a third, one of them with one key only: a file that the other key signed does not hold for both. */
static void every_delegator_has_to_agree(void **state)
{
	struct repo_sim *sim = repo_sim_new();
	const struct cJSON *keys[] = { signkey_public(repo_sim_key(sim, "stranger")),
		signkey_public(repo_sim_key(sim, "c")) };
	const char *pattern = "*/*";
	struct release_delegation d = {
		.name = "c", .keys = keys, .n_keys = 2, .threshold = 1, .patterns = &pattern, .n_patterns = 1
	};
	char name[TUF_FILE_ROOM];

	(void)state;
	repo_sim_delegate(sim, "targets", "a", "a/*", false);
	assert_int_equal(release_delegate(sim->release, "targets", &d, NULL), 0);
	d.n_keys = 1;
	assert_int_equal(release_delegate(sim->release, "a", &d, NULL), 0);
	assert_int_equal(release_expires(sim->release, "c", sim->now + REPO_SIM_DAY, NULL), 0);
	repo_sim_publish(sim);
	expect(sim, sim->now, 0, "");
	repo_sim_forge(sim, repo_sim_name(sim, "c", name), (const char *const[]){ "c" }, 1, NULL, NULL);
	repo_sim_relist(sim);
	expect(sim, sim->now, KE_SIGNATURE, "c.json");
	repo_sim_free(sim);
}

static void a_role_never_signed(void **state)
{
	struct repo_sim *sim = repo_sim_new();
	struct forest forest;
	const struct tuf_target *found;
	struct fault f = { 0 };

	(void)state;
	repo_sim_delegate(sim, "targets", "late", "late/*", false);
	assert_int_equal(release_defer(sim->release, "late", &f), 0);
	repo_sim_publish(sim);
	expect(sim, sim->now, KE_UNTRUSTED, "late.json");
	struct repo_sim_client *c = client(sim);
	assert_int_equal(load(sim, c, sim->now, true, &forest, &f), 0);
	assert_null(forest_role(&forest, "late")->targets);
	assert_int_equal(forest_find(&forest, "late/x", NULL, &found), KE_UNTRUSTED);
	assert_int_equal(forest_find(&forest, "other", NULL, &found), KE_NOENT);
	forest_clear(&forest);
	repo_sim_client_free(c);
	repo_sim_target(sim, "late", "late/x", "1");
	assert_int_equal(release_expires_delegated(sim->release, sim->now + REPO_SIM_DAY, &f), 0);
	repo_sim_publish(sim);
	expect(sim, sim->now, 0, "");
	repo_sim_free(sim);
}

static void limits(void **state)
{
	struct repo_sim *sim = repo_sim_new();
	char parent[16] = "targets", name[16];

	(void)state;
	for (int i = 1; i <= FOREST_DEPTH_MAX + 1; i++) {
		snprintf(name, sizeof name, "r%d", i);
		repo_sim_delegate(sim, parent, name, "*", false);
		memcpy(parent, name, sizeof name);
		repo_sim_publish(sim);
		expect(sim, sim->now, i <= FOREST_DEPTH_MAX ? 0 : KE_TOOBIG, "r9.json");
	}
	repo_sim_free(sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_client_finds_is_found),
		cmocka_unit_test(what_ends_a_search_is_refused),
		cmocka_unit_test(every_delegator_has_to_agree),
		cmocka_unit_test(a_role_never_signed),
		cmocka_unit_test(limits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
