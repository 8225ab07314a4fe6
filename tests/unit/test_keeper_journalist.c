/* Records are not lost for being long, and nobody can fill the spool with refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/keeper_sim.h"

static void refuse(struct sim *s, const char *name, const char *what)
{
	struct fault f;

	fault_set(&f, KE_UNTRUSTED, NULL, NULL, "%s", what);
	journalist_refusal(&s->k, REFUSAL_ROLLOUT, name, 7, &f);
}

static unsigned refusals(struct sim *s)
{
	return sim_records(s, "\"kind\":\"refusal\"");
}

static void a_refusal_is_told_once_a_day(void **state)
{
	struct sim *s = *state;

	for (int i = 0; i < 20; i++) {
		refuse(s, "rollouts/web/7.json", "is not named");
		s->boot_ms += 3600 * 1000;
	}
	assert_int_equal(refusals(s), 1);
	refuse(s, "rollouts/web/8.json", "is not named");
	refuse(s, "rollouts/web/7.json", "is something else");
	assert_int_equal(refusals(s), 3);
	s->boot_ms += 5 * 3600 * 1000;
	refuse(s, "rollouts/web/7.json", "is not named");
	assert_int_equal(refusals(s), 4);
}

static void an_hour_has_room_for_so_many(void **state)
{
	struct sim *s = *state;
	char name[64];

	/* A hostile server: always the same names, more than are remembered one by one. */
	for (int i = 0; i < 2000; i++) {
		snprintf(name, sizeof name, "rollouts/web/%d.json", i % 600 + 1);
		refuse(s, name, "is not named");
	}
	assert_in_range(refusals(s), 200, 400);
	s->boot_ms += 3600 * 1000;
	refuse(s, "rollouts/fresh/1.json", "is not named");
	assert_int_equal(sim_records(s, "rollouts/fresh/1.json"), 1);
}

static void an_apply_of_very_many_keys_is_recorded(void **state)
{
	struct sim *s = *state;
	static const struct row none[] = { { NULL, NULL } };
	struct policy *p = policy_of(none);
	struct setting setting = { .value = NULL };
	char wanted[] = "1", old[] = "0";
	static const size_t sizes[] = { 10, 2000, 2999, 5000 };

	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		struct plan pl = { .n = sizes[i], .keys = calloc(sizes[i], sizeof *pl.keys) };
		assert_non_null(pl.keys);
		for (size_t n = 0; n < pl.n; n++) {
			char key[NAME_MAX_LEN];
			snprintf(key, sizeof key, "net/ipv4/conf/an-interface-%zu/forwarding", n);
			pl.keys[n] = (struct plan_key){ .name = name_of(key),
				.setting = &setting,
				.outcome = OUTCOME_APPLIED,
				.wanted = wanted,
				.old = old };
		}
		journalist_apply(&s->k, "web", 1, (int64_t)i + 1, APPLY_APPLIED, NULL, &pl, NULL);
		if (sim_records(s, "\"kind\":\"apply\"") != i + 1)
			fail_msg("%zu keys: the record is lost", sizes[i]);
		free(pl.keys);
	}
	policy_free(p);
	/* And every one of them is one that a reader takes. */
	struct buf lines = BUF_INIT(64 << 20);
	int64_t first, last;
	assert_int_equal(spool_read(s->k.spool, 0, 60 << 20, &lines, &first, &last, NULL), 0);
	for (char *at = lines.data, *end; at < lines.data + lines.len; at = end + 1) {
		struct record r;
		struct fault f = { 0 };
		end = memchr(at, '\n', (size_t)(lines.data + lines.len - at));
		if (record_parse(at, (size_t)(end - at), &r, &f))
			fail_msg("%.200s: %s", at, f.what);
		record_clear(&r);
	}
	assert_int_equal(sim_records(s, "too many to list"), 2);
	buf_free(&lines);
}

static void status_is_not_told_at_every_event(void **state)
{
	struct sim *s = *state;

	s->k.clock = &clock_system;
	for (int i = 0; i < 120; i++) {
		journalist_status_soon(&s->k);
		sim_spin(s, 0.02);
	}
	assert_in_range(sim_records(s, "\"kind\":\"status\""), 1, 3);
}

/* Records of sockets: full ones as far as the share of a processor allows, totals in between; counters against the look before,
 * whatever that was. */
static void sockets_keep_to_their_share(void **state)
{
	struct sim *s = *state;
	struct fault f;

	assert_int_equal(sockdiag_open(&s->k.diag, &f), 0);
	journalist_sockets(&s->k);
	assert_int_equal(sim_records(s, "\"mode\":\"full\""), 1);
	assert_int_equal(sim_records(s, "\"counters\":null"), 1);
	assert_non_null(s->k.previous);
	/* It cost something, so that the next moment is too early. */
	s->k.cadence.next_ms = s->boot_ms + 60000;
	s->boot_ms += 30000;
	journalist_sockets(&s->k);
	assert_int_equal(sim_records(s, "\"mode\":\"totals\""), 1);
	assert_int_equal(sim_records(s, "\"interval_ms\":30000"), 1);
	assert_int_equal(s->k.previous->mode, SOCKETS_FULL);
	s->boot_ms += 30000;
	journalist_sockets(&s->k);
	assert_int_equal(sim_records(s, "\"mode\":\"full\""), 2);
	assert_int_equal(sim_records(s, "\"interval_ms\":30000"), 2);
	/* And what it costs is paid: at a thousandth of a processor this takes at least as many milliseconds. */
	s->k.cadence = (struct cadence){ .budget_permille = 1 };
	journalist_sockets(&s->k);
	assert_true(s->k.cadence.next_ms > s->boot_ms);
	assert_in_range(s->k.cadence.next_ms - s->boot_ms, s->k.previous->cpu_us, s->k.previous->cpu_us);
	sockdiag_close(s->k.diag);
	s->k.diag = NULL;
}

#define T(test) cmocka_unit_test_setup_teardown(test, sim_open, sim_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_refusal_is_told_once_a_day),
		T(an_hour_has_room_for_so_many),
		T(an_apply_of_very_many_keys_is_recorded),
		T(sockets_keep_to_their_share),
		T(status_is_not_told_at_every_event),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
