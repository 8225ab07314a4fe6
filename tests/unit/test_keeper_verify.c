/* The verifying machine against a simulated repository: what is adopted, what is refused and why, and that no changed
 * byte anywhere is ever adopted. */
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

static void what_is_signed_is_adopted(void **state)
{
	struct world *w = *state;

	publish(w, 7, POLICY, NULL);
	fresh(w);
	round_run(w, "rollouts/web/7.json");
	assert_int_equal(w->adopted, 1);
	assert_string_equal(w->document, POLICY);
	assert_int_equal(w->done_rc, 0);
	/* The same again, with the floor risen: nothing is fetched but what the refresh needs. */
	w->floor = 7;
	w->done = 0;
	round_run(w, "rollouts/web/7.json");
	assert_int_equal(w->adopted, 1);
	assert_int_equal(w->refused, 0);
}

static void refusals_have_their_reasons(void **state)
{
	struct world *w = *state;
	static const struct {
		const char *remark, *extra, *policy;
		int64_t floor;
		const char *path, *code;
		enum refusal_what what;
	} rows[] = {
		{ "older serial", NULL, POLICY, 8, "rollouts/web/7.json", "rollback", REFUSAL_ROLLOUT },
		{ "not listed", NULL, POLICY, 0, "rollouts/web/9.json", "untrusted", REFUSAL_ROLLOUT },
		{ "wave closed",
		        "\"salt\":\"00112233445566778899aabbccddeeff\",\"start\":\"2026-01-01T00:00:00Z\","
		        "\"waves\":["
		        "{\"share\":1000,\"opens_after\":0,\"opens_before\":60}]",
		        POLICY, 0, "rollouts/web/7.json", "window", REFUSAL_ROLLOUT },
		{ "another document than promised", NULL,
		        "{\"kedge_policy\":1,\"name\":\"web\",\"version\":3,\"settings\":[]}", 0,
		        "rollouts/web/7.json", "mismatch", REFUSAL_POLICY },
		{ "an empty document", NULL, "", 0, "rollouts/web/7.json", "schema", REFUSAL_POLICY },
		{ "rollout is no rollout", "\"standing\":true,\"x\":1", POLICY, 0, "rollouts/web/7.json",
		        "schema", REFUSAL_ROLLOUT },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		publish(w, 7, rows[i].policy, rows[i].extra);
		fresh(w);
		w->floor = rows[i].floor;
		round_run(w, rows[i].path);
		if (w->adopted || w->refused != 1 || strcmp(w->refusal, rows[i].code) != 0 || w->done_rc ||
		        w->what != rows[i].what)
			fail_msg("%s: adopted %u, refused %u '%s' (%s)", rows[i].remark, w->adopted,
			        w->refused, w->refusal, w->reason);
	}
}

static void others_and_later_are_no_refusals(void **state)
{
	struct world *w = *state;

	publish(w, 7, POLICY, "\"selector\":{\"labels\":{\"role\":\"db\"}},\"standing\":true");
	fresh(w);
	round_run(w, "rollouts/web/7.json");
	assert_int_equal(w->adopted + w->refused, 0);
	assert_int_equal(w->passed, 1);
	assert_string_equal(w->refusal, "selector");
	publish(w, 8, POLICY,
	        "\"salt\":\"00112233445566778899aabbccddeeff\",\"start\":\"2030-01-01T00:00:00Z\",\"waves\":["
	        "{\"share\":1000,\"opens_after\":0,\"opens_before\":60}]");
	fresh(w);
	round_run(w, "rollouts/web/8.json");
	assert_int_equal(w->adopted + w->refused, 0);
	assert_int_equal(w->passed, 1);
	assert_string_equal(w->refusal, "window");
	assert_non_null(strstr(w->reason, "opens at 2030-01-01T00:00:00Z"));
}

/* What was judged at the beginning of the round is judged again at its end. */
static void the_moment_of_adopting_counts(void **state)
{
	struct world *w = *state;

	publish(w, 7, POLICY,
	        "\"salt\":\"00112233445566778899aabbccddeeff\",\"start\":\"2026-11-30T00:00:00Z\",\"waves\":["
	        "{\"share\":1000,\"opens_after\":0,\"opens_before\":7200}]");
	static const struct {
		const char *remark, *code;
		int64_t later;
		unsigned adopted;
	} rows[] = {
		{ "at once", "", 0, 1 },
		{ "an hour later the wave is closed", "window", NOW + 3600, 0 },
		{ "the clock ran away meanwhile", "clock", -1, 0 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		fresh(w);
		w->later = rows[i].later;
		round_run(w, "rollouts/web/7.json");
		if (w->adopted != rows[i].adopted || strcmp(w->refusal, rows[i].code) != 0)
			fail_msg("%s: adopted %u, '%s' (%s)", rows[i].remark, w->adopted, w->refusal,
			        w->reason);
	}
}

static void a_round_can_be_given_up(void **state)
{
	struct world *w = *state;
	const struct assignment none = { 0 };

	publish(w, 7, POLICY, NULL);
	fresh(w);
	assert_true(verify_start(w->verify, NOW, &none));
	uint32_t id = w->id;
	verify_give_up(w->verify, "too long");
	assert_false(verify_busy(w->verify));
	assert_int_equal(w->done_rc, KE_HTTP);
	verify_fetched(w->verify, id, FRAME_OK, "{}", 2, "");
	verify_give_up(w->verify, "nothing to give up");
	assert_int_equal(w->done, 1);
}

static void forged_metadata_ends_the_round(void **state)
{
	struct world *w = *state;
	struct repo_sim_file *good;
	static const char *const one[] = { "targets" };

	publish(w, 7, POLICY, NULL);
	good = repo_sim_files_copy(w->sim->metadata);
	const struct {
		const char *remark, *role;
		size_t n;
		int code;
	} rows[] = {
		{ "timestamp unsigned", "timestamp", 0, KE_SIGNATURE },
		{ "timestamp signed by the wrong key", "timestamp", 1, KE_SIGNATURE },
		{ "targets unsigned", "targets", 0, KE_SIGNATURE },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char name[TUF_FILE_ROOM];
		repo_sim_forge(w->sim, repo_sim_name(w->sim, rows[i].role, name), one, rows[i].n, NULL, NULL);
		if (strcmp(rows[i].role, "targets") == 0)
			repo_sim_relist(w->sim);
		fresh(w);
		round_run(w, "rollouts/web/7.json");
		if (w->adopted || w->done_rc != rows[i].code)
			fail_msg("%s: adopted %u, round %d (%s)", rows[i].remark, w->adopted, w->done_rc,
			        w->done_fault.what);
		repo_sim_files_free(&w->sim->metadata);
		w->sim->metadata = repo_sim_files_copy(good);
	}
	repo_sim_files_free(&good);
}

static void no_answer_is_no_verdict(void **state)
{
	struct world *w = *state;

	publish(w, 7, POLICY, NULL);
	fresh(w);
	w->offline = true;
	round_run(w, "rollouts/web/7.json");
	assert_int_equal(w->adopted + w->refused, 0);
	assert_int_equal(w->done_rc, KE_HTTP);
	w->offline = false;
	w->done = 0;
	round_run(w, "rollouts/web/7.json");
	assert_int_equal(w->adopted, 1);
}

/* One bit of every byte of FILE: nothing but the very document that was signed is ever adopted. Returns how often it was. */
static unsigned sweep(struct world *w, struct repo_sim_file *file)
{
	unsigned adopted = 0;

	for (size_t i = 0; i < file->len; i++) {
		char good = file->data[i];
		file->data[i] = (char)(good ^ 1 << (i % 7));
		fresh(w);
		round_run(w, "rollouts/web/7.json");
		if (w->adopted && strcmp(w->document, POLICY) != 0)
			fail_msg("%s, byte %zu: '%s' was adopted", file->name, i, w->document);
		adopted += w->adopted;
		file->data[i] = good;
	}
	return adopted;
}

static void no_changed_byte_is_adopted(void **state)
{
	struct world *w = *state;
	static const char *const roles[] = { "snapshot", "targets" };
	char name[TUF_FILE_ROOM];

	/* A second root, so that the host has to take one from the wire. */
	assert_int_equal(
	        release_expires(w->sim->release, "root", REPO_SIM_NOW + 300 * REPO_SIM_DAY, NULL), 0);
	publish(w, 7, POLICY, NULL);
	assert_string_equal(repo_sim_name(w->sim, "root", name), "2.root.json");
	/* Nobody lists a root's hash: as below for the timestamp. */
	assert_in_range(sweep(w, repo_sim_file(w->sim->metadata, "2.root.json")), 0, 600);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(
		        sweep(w, repo_sim_file(w->sim->metadata, repo_sim_name(w->sim, roles[i], name))), 0);
	unsigned swept = 0;
	for (struct repo_sim_file *file = w->sim->targets; file; file = file->next) {
		const char *base = strrchr(file->name, '/');
		if (!base || strlen(base) < 65)
			continue; /* the copy for repositories without consistent snapshots, which nobody asks for here */
		assert_int_equal(sweep(w, file), 0);
		swept++;
	}
	assert_int_equal(swept, 2); /* rollout and policy */
	/* Nobody lists the timestamp's hash, so white space and the case of a signature's digits are free: the signed part is
	 * the same then, and what is adopted is what was signed. */
	assert_in_range(sweep(w, repo_sim_file(w->sim->metadata, "timestamp.json")), 0, 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_signed_is_adopted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refusals_have_their_reasons, set_up, tear_down),
		cmocka_unit_test_setup_teardown(others_and_later_are_no_refusals, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_moment_of_adopting_counts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_round_can_be_given_up, set_up, tear_down),
		cmocka_unit_test_setup_teardown(forged_metadata_ends_the_round, set_up, tear_down),
		cmocka_unit_test_setup_teardown(no_answer_is_no_verdict, set_up, tear_down),
		cmocka_unit_test_setup_teardown(no_changed_byte_is_adopted, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
