/* Delegated and sharded roles in the keeper: it asks for those that it needs, reads no more of them than is due, and takes a role
 * that cannot be verified for no verdict. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/verify_world.h"

/* ---- delegated roles ---- */

/* The roles policies and rollouts, as kedge repo init makes them. */
static void delegate(struct world *w)
{
	repo_sim_delegate(w->sim, "targets", "policies", "policies/*/*", false);
	repo_sim_delegate(w->sim, "targets", "rollouts", "rollouts/*/*", false);
	w->policies = "policies";
	w->rollouts = "rollouts";
}

/* Split them: with more than one target each delegates to 256 shards. */
static void split(struct world *w)
{
	char path[64];
	struct fault f = { 0 };

	for (int i = 0; i < 5; i++) {
		snprintf(path, sizeof path, "policies/p%d/1.json", i);
		repo_sim_target(w->sim, "policies", path, "{}");
		snprintf(path, sizeof path, "rollouts/p%d/1.json", i);
		repo_sim_target(w->sim, "rollouts", path, "{}");
	}
	if (release_shard(w->sim->release, 1, &f) ||
	        release_expires_delegated(w->sim->release, w->sim->now + 90 * REPO_SIM_DAY, &f))
		fail_msg("%s: %s", f.where, f.what);
	repo_sim_publish(w->sim);
	w->split = true;
}

static unsigned count(const char *text, const char *part)
{
	unsigned n = 0;

	for (; (text = strstr(text, part)); text++)
		n++;
	return n;
}

static void a_host_asks_for_the_roles_that_it_needs(void **state)
{
	struct world *w = *state;

	delegate(w);
	repo_sim_delegate(w->sim, "targets", "others", "others/*", false);
	publish(w, 7, POLICY, NULL);
	split(w);
	fresh(w);
	w->asked[0] = '\0';
	round_run(w, "rollouts/web/7.json");
	if (w->adopted != 1 || count(w->asked, "rollouts-") != 1 || count(w->asked, "policies-") != 1 ||
	        count(w->asked, ".rollouts.json") != 1 || strstr(w->asked, "others"))
		fail_msg("adopted %u, asked%s (%s)", w->adopted, w->asked, w->reason);
	/* Shards are listed without a length: the cap of a role whose length nobody says. */
	assert_int_equal(w->most_asked, TUF_TARGETS_MAX);
	/* Another target in each role, and a new serial: what is cached stays, one shard is fetched again. */
	w->floor = 7;
	w->done = 0;
	publish(w, 8, POLICY, NULL);
	w->asked[0] = '\0';
	round_run(w, "rollouts/web/8.json");
	assert_int_equal(w->adopted, 2);
	if (count(w->asked, "rollouts-") != 1 || count(w->asked, "targets.json") != 0)
		fail_msg("asked%s", w->asked);
}

static void a_shard_is_not_read_without_end(void **state)
{
	struct world *w = *state;
	char *large = calloc(1, TUF_TARGETS_MAX + 1);

	delegate(w);
	publish(w, 7, POLICY, NULL);
	split(w);
	struct repo_sim_file *copy = repo_sim_files_copy(w->sim->metadata);
	for (const struct repo_sim_file *file = copy; file; file = file->next)
		if (strstr(file->name, ".rollouts-e")) /* SHA-256 of rollouts/web/7.json begins with e9 */
			repo_sim_put(&w->sim->metadata, file->name, large, TUF_TARGETS_MAX + 1);
	repo_sim_files_free(&copy);
	free(large);
	fresh(w);
	round_run(w, "rollouts/web/7.json");
	assert_int_equal(w->adopted, 0);
	assert_int_equal(w->done_rc, KE_HTTP);
}

/* Whatever is wrong with a role on the way, nothing is adopted, even where a role behind it lists the path. */
static void a_role_that_cannot_be_verified_is_no_verdict(void **state)
{
	struct world *w = *state;
	static const struct {
		const char *remark, *role, *signer;
		enum refusal_what what;
	} rows[] = {
		{ "the role that lists the rollout", "rollouts", "targets", REFUSAL_ROLLOUT },
		{ "nobody signed it", "rollouts", NULL, REFUSAL_ROLLOUT },
		{ "a role that is asked before it", "team", "rollouts", REFUSAL_ROLLOUT },
		{ "the role that lists the policy", "policies", "rollouts", REFUSAL_POLICY },
	};

	repo_sim_delegate(w->sim, "targets", "team", "rollouts/web*/*", false);
	delegate(w);
	publish(w, 7, POLICY, NULL);
	struct repo_sim_file *good = repo_sim_files_copy(w->sim->metadata);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char name[TUF_FILE_ROOM];
		repo_sim_forge(w->sim, repo_sim_name(w->sim, rows[i].role, name), &rows[i].signer,
		        rows[i].signer != NULL, NULL, NULL);
		repo_sim_relist(w->sim);
		fresh(w);
		round_run(w, "rollouts/web/7.json");
		if (w->adopted || w->refused != 1 || strcmp(w->refusal, "signature") != 0 ||
		        w->what != rows[i].what || w->done_rc || !strstr(w->reason, rows[i].role))
			fail_msg("%s: adopted %u, refused %u '%s' (%s)", rows[i].remark, w->adopted,
			        w->refused, w->refusal, w->reason);
		repo_sim_files_free(&w->sim->metadata);
		w->sim->metadata = repo_sim_files_copy(good);
		fresh(w);
		round_run(w, "rollouts/web/7.json"); /* and honest again */
		assert_int_equal(w->adopted, 1);
	}
	repo_sim_files_free(&good);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_host_asks_for_the_roles_that_it_needs, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_shard_is_not_read_without_end, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		        a_role_that_cannot_be_verified_is_no_verdict, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
