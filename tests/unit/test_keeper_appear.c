/* Interfaces come and go under a running keeper: patterns expanded again, pending keys applied and recorded, no drift told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>

#include <cmocka.h>

#include "tests/support/keeper_sim.h"

#define RP(i)    "net/ipv4/conf/" i "/rp_filter"
#define APPEARED "\"reason\":\"keys that appeared\""
#define DRIFT    "\"kind\":\"drift\""

static int open_with_lo(void **state)
{
	struct sim *s = sim_new("web1", NULL, NULL);

	tree_put(&s->t, RP("lo"), "0");
	tree_put(&s->t, RP("all"), "0");
	*state = s;
	return 0;
}

static void drop(struct sim *s, const char *key)
{
	char path[PATH_MAX];

	tree_path(&s->t, key, path);
	assert_int_equal(unlink(path), 0);
	*strrchr(path, '/') = '\0';
	assert_int_equal(rmdir(path), 0);
}

static const struct plan_key *row_of(const struct sim *s, const char *key)
{
	for (size_t i = 0; i < s->k.plan->n; i++)
		if (strcmp(s->k.plan->keys[i].name.path, key) == 0)
			return &s->k.plan->keys[i];
	return NULL;
}

static void a_pending_key_comes(void **state)
{
	struct sim *s = *state;

	sim_adopt(s, "web", 1, "net.ipv4.conf.eth9.rp_filter", "2");
	assert_int_equal(row_of(s, RP("eth9"))->outcome, OUTCOME_PENDING);
	assert_true(ev_is_active(&s->k.absent));
	tree_put(&s->t, RP("eth9"), "0");
	sim_spin(s, 1.3); /* nobody says a word: the timer finds it */
	assert_string_equal(tree_get(&s->t, RP("eth9")), "2");
	assert_int_equal(sim_records(s, APPEARED), 1);
	assert_int_equal(sim_records(s, DRIFT), 0);
	assert_false(ev_is_active(&s->k.absent)); /* no pattern, nothing is missing */
	/* Watched from now on. */
	tree_put(&s->t, RP("eth9"), "1");
	sim_spin(s, 0.3);
	assert_string_equal(tree_get(&s->t, RP("eth9")), "2");
	assert_int_equal(sim_records(s, DRIFT), 1);
}

static void a_pattern_is_expanded_when_links_change(void **state)
{
	struct sim *s = *state;
	const uint64_t one = 1;
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	assert_true(fd >= 0);
	sim_adopt(s, "web", 1, "net.ipv4.conf.*.rp_filter", "2");
	assert_string_equal(tree_get(&s->t, RP("lo")), "2");
	ev_timer_stop(s->k.loop, &s->k.absent);
	appear_start(&s->k, fd);
	tree_put(&s->t, RP("eth1"), "0");
	tree_put(&s->t, RP("eth2"), "2");
	sim_spin(s, 0.2);
	assert_string_equal(tree_get(&s->t, RP("eth1")), "0");
	assert_int_equal(write(fd, &one, sizeof one), sizeof one);
	sim_spin(s, 0.2);
	assert_string_equal(tree_get(&s->t, RP("eth1")), "2");
	assert_string_equal(tree_get(&s->t, RP("all")), "0");
	assert_int_equal(sim_records(s, APPEARED), 1); /* both in one record */
	assert_int_equal(sim_records(s, "net.ipv4.conf.eth1.rp_filter\",\"outcome\":\"applied\""), 1);
	assert_int_equal(sim_records(s, "net.ipv4.conf.eth2.rp_filter\",\"outcome\":\"already\""), 1);
	assert_int_equal(sim_records(s, DRIFT), 0);
	/* Nothing new: nothing is said. */
	assert_int_equal(write(fd, &one, sizeof one), sizeof one);
	sim_spin(s, 0.2);
	assert_int_equal(sim_records(s, APPEARED), 1);
	/* The supervisor is gone: no storm of wakeups. */
	ev_io_stop(s->k.loop, &s->k.links_io);
	close(fd);
}

static void what_went_is_pending_and_comes_again(void **state)
{
	struct sim *s = *state;

	tree_put(&s->t, RP("eth1"), "0");
	sim_adopt(s, "web", 1, "net.ipv4.conf.*.rp_filter", "2");
	sim_adopt(s, "own", 1, "net.ipv4.conf.eth1.rp_filter", "1");
	assert_string_equal(tree_get(&s->t, RP("eth1")), "1");
	drop(s, RP("eth1"));
	appear_look(&s->k);
	assert_int_equal(row_of(s, RP("eth1"))->outcome, OUTCOME_PENDING);
	sim_spin(s, 0.2);
	assert_int_equal(sim_records(s, DRIFT), 0);
	assert_int_equal(s->k.drifted, 0);
	/* It was written before in this boot: yet what it holds now is the kernel's, and not drift. */
	tree_put(&s->t, RP("eth1"), "0");
	appear_look(&s->k);
	assert_string_equal(tree_get(&s->t, RP("eth1")), "1");
	assert_int_equal(sim_records(s, APPEARED), 1);
	assert_int_equal(sim_records(s, "\"policy\":\"own\",\"version\":1,\"serial\":1,\"plan\""), 3);
	assert_int_equal(sim_records(s, DRIFT), 0);
}

/* Gone and back between two looks of anybody: the poll finds a key that it has seen missing. */
static void made_anew_is_no_drift(void **state)
{
	struct sim *s = *state;
	const struct poll_row *r;

	tree_put(&s->t, RP("zz1"), "0");
	sim_adopt(s, "web", 1, "net.ipv4.conf.*.rp_filter", "2");
	/* A plain file stays readable through its descriptor; without one the poller sees what procfs would show. */
	poller_free(s->k.poller);
	assert_int_equal(poller_new(s->k.engine->ps, 1, &s->k.poller), 0);
	lookout_set(&s->k);
	drop(s, RP("zz1"));
	const struct name zz1 = name_of("net.ipv4.conf.zz1.rp_filter");
	assert_int_equal(poller_run_key(s->k.poller, &zz1, &r), 0);
	assert_int_equal(r->err, ENOENT);
	tree_put(&s->t, RP("zz1"), "0");
	sim_spin(s, 0.3);
	assert_string_equal(tree_get(&s->t, RP("zz1")), "2");
	assert_int_equal(sim_records(s, DRIFT), 0);
	assert_int_equal(sim_records(s, APPEARED), 1);
}

static void a_candidate_is_not_disturbed(void **state)
{
	struct sim *s = *state;
	struct fault f = { 0 };

	sim_adopt(s, "web", 1, "net.ipv4.conf.eth9.rp_filter", "2");
	assert_int_equal(sim_offer(s, "fin", 1, "net.ipv4.tcp_fin_timeout", "30", &f), 0);
	assert_true(s->k.pending.active);
	tree_put(&s->t, RP("eth9"), "0");
	appear_look(&s->k);
	assert_string_equal(tree_get(&s->t, RP("eth9")), "0");
	assert_true(ev_is_active(&s->k.absent));
	enforce_confirmed(&s->k, 0, "");
	assert_string_equal(tree_get(&s->t, RP("eth9")), "2");
}

/* Together with one that lies outside the ceiling: the plan is refused as it would be at a start, and that is told. */
static void what_cannot_be_set_is_told(void **state)
{
	struct sim *s = *state;
	struct fault f = { 0 };
	static const char allowed[] = "net.**\n!net.ipv4.conf.eth2.rp_filter\n";

	assert_int_equal(file_replace(s->t.ceiling, allowed, sizeof allowed - 1, 0644, FILE_VOLATILE, &f), 0);
	sim_crash(s);
	sim_start(s);
	sim_adopt(s, "web", 1, "net.ipv4.conf.*.rp_filter", "2");
	tree_put(&s->t, RP("eth1"), "0");
	tree_put(&s->t, RP("eth2"), "0");
	appear_look(&s->k);
	assert_string_equal(tree_get(&s->t, RP("eth2")), "0");
	assert_int_equal(
	        sim_records(s, "\"result\":\"failed\",\"reason\":\"net.ipv4.conf.eth2.rp_filter"), 1);
	/* And once. */
	appear_look(&s->k);
	assert_int_equal(sim_records(s, "\"result\":\"failed\""), 1);
}

/* A floor that somebody raised is no drift, also to a keeper that runs; one below it is put back to the floor. */
static void bounds_are_watched(void **state)
{
	struct sim *s = *state;

	sim_adopt(s, "web", 1, "net.core.somaxconn", ">=8192");
	assert_string_equal(tree_get(&s->t, "net/core/somaxconn"), "8192");
	tree_put(&s->t, "net/core/somaxconn", "65535");
	sim_spin(s, 0.3);
	assert_string_equal(tree_get(&s->t, "net/core/somaxconn"), "65535");
	assert_int_equal(sim_records(s, DRIFT), 0);
	assert_int_equal(s->k.drifted, 0);
	tree_put(&s->t, "net/core/somaxconn", "100");
	sim_spin(s, 0.3);
	assert_string_equal(tree_get(&s->t, "net/core/somaxconn"), "8192");
	assert_int_equal(sim_records(s, "\"wanted\":\">=8192\",\"old\":\"65535\",\"new\":\"100\""), 1);
	/* The same after a restart of the keeper. */
	sim_crash(s);
	tree_put(&s->t, "net/core/somaxconn", "99");
	sim_start(s);
	sim_spin(s, 0.3);
	assert_string_equal(tree_get(&s->t, "net/core/somaxconn"), "8192");
	assert_int_equal(sim_records(s, "\"wanted\":\">=8192\""), 2);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, open_with_lo, sim_close)
	const struct CMUnitTest tests[] = { T(a_pending_key_comes),
		T(a_pattern_is_expanded_when_links_change), T(what_went_is_pending_and_comes_again),
		T(made_anew_is_no_drift), T(a_candidate_is_not_disturbed), T(what_cannot_be_set_is_told),
		T(bounds_are_watched) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
