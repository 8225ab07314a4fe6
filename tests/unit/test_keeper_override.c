/* Root's exceptions in the keeper: a key that is overridden holds, is no drift, and goes back by itself; a host on hold is
 * left alone. Over restarts, reboots and clocks that lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/engine/attempt.h"
#include "agent/keeper/wish.h"
#include "tests/support/keeper_sim.h"

#define FIN       "net.ipv4.tcp_fin_timeout"
#define KEEPALIVE "net.ipv4.tcp_keepalive_time"
#define CONN      "net.core.somaxconn"

static const char *fin(struct sim *s)
{
	return tree_get(&s->t, "net/ipv4/tcp_fin_timeout");
}

static const char *somaxconn(struct sim *s)
{
	return tree_get(&s->t, "net/core/somaxconn");
}

static int ask(struct sim *s, const char *wish, struct fault *f)
{
	struct buf out = BUF_INIT(1 << 20);

	*f = (struct fault){ 0 };
	int rc = overrule_ask(&s->k, wish, strlen(wish), getpid(), &out, f);
	assert_int_equal(out.rc, 0);
	if (!rc)
		assert_non_null(strstr(buf_text(&out), "\"kedge_overrides\":1"));
	buf_free(&out);
	return rc;
}

static int set(struct sim *s, const char *key, const char *value, int seconds, struct fault *f)
{
	char wish[512];

	snprintf(wish, sizeof wish,
	        "{\"kedge_wish\":1,\"what\":\"set\",\"key\":\"%s\",\"value\":\"%s\",\"seconds\":%d,"
	        "\"reason\":\"incident\"}",
	        key, value, seconds);
	return ask(s, wish, f);
}

static void must_set(struct sim *s, const char *key, const char *value, int seconds)
{
	struct fault f;

	if (set(s, key, value, seconds, &f))
		fail_msg("%s = %s: %s: %s", key, value, f.where, f.what);
}

static void end(struct sim *s, const char *key)
{
	char wish[512];
	struct fault f;

	snprintf(wish, sizeof wish, "{\"kedge_wish\":1,\"what\":\"end\",\"key\":\"%s\"}", key);
	assert_int_equal(ask(s, wish, &f), 0);
}

static void hold(struct sim *s, int seconds)
{
	char wish[512];
	struct fault f;

	snprintf(wish, sizeof wish,
	        "{\"kedge_wish\":1,\"what\":\"hold\",\"seconds\":%d,\"reason\":\"hands off\"}", seconds);
	assert_int_equal(ask(s, wish, &f), 0);
}

static void release(struct sim *s)
{
	struct fault f;

	assert_int_equal(ask(s, "{\"kedge_wish\":1,\"what\":\"release\"}", &f), 0);
}

static void pass(struct sim *s, int64_t seconds)
{
	sim_pass(s, seconds);
	overrule_look(&s->k);
}

static void an_overridden_key_holds_and_goes_back(void **state)
{
	struct sim *s = *state;

	sim_adopt(s, "web", 7, FIN, "30");
	must_set(s, FIN, "20", 7200);
	assert_string_equal(fin(s), "20");
	sim_spin(s, 0.2);
	assert_string_equal(fin(s), "20"); /* not restored, and no drift */
	assert_int_equal(sim_records(s, "\"kind\":\"drift\""), 0);
	assert_int_equal(s->k.drifted, 0);
	pass(s, 7199);
	assert_string_equal(fin(s), "20");
	pass(s, 1);
	assert_string_equal(fin(s), "30");
	assert_int_equal(s->k.overrides.n, 0);
	assert_int_equal(
	        sim_records(s, "\"kind\":\"override\",\"body\":{\"action\":\"set\",\"scope\":\"key\","
	                       "\"key\":\"" FIN "\",\"value\":\"20\",\"policy\":\"web\",\"reason\":"
	                       "\"incident\",\"seconds\":7200"),
	        1);
	assert_int_equal(sim_records(s, "\"body\":{\"action\":\"expired\""), 1);
	/* Who asked is told, of the one who did. */
	char pid[64];
	snprintf(pid, sizeof pid, "\"by\":{\"pid\":%d,\"comm\":\"test_keeper_ove\"", (int)getpid());
	assert_int_equal(sim_records(s, pid), 1);
}

static void somebody_else_changes_an_overridden_key(void **state)
{
	struct sim *s = *state;

	sim_adopt(s, "web", 7, FIN, "30");
	must_set(s, FIN, "20", 7200);
	tree_put(&s->t, "net/ipv4/tcp_fin_timeout", "25");
	sim_spin(s, 0.2);
	assert_string_equal(fin(s), "20");
	assert_int_equal(
	        sim_records(s, "\"wanted\":\"20\",\"old\":\"20\",\"new\":\"25\",\"mode\":\"enforce\","
	                       "\"action\":\"restored\",\"source\":\"poll\",\"policy\":\"override\""),
	        1);
}

static void a_key_that_no_policy_manages(void **state)
{
	struct sim *s = *state;

	sim_adopt(s, "web", 7, FIN, "30");
	must_set(s, CONN, "128", 600);
	assert_string_equal(somaxconn(s), "128");
	must_set(s, CONN, "256", 600); /* another one in its place: the original is still the first */
	assert_string_equal(somaxconn(s), "256");
	assert_int_equal(s->k.overrides.n, 1);
	end(s, CONN);
	assert_string_equal(somaxconn(s), "4096");
	assert_string_equal(fin(s), "30");
	assert_int_equal(sim_records(s, "\"action\":\"ended\""), 1);
	/* And without any policy at all. */
	sim_free(s);
	*state = s = sim_new("web1", NULL, NULL);
	must_set(s, CONN, "128", 600);
	pass(s, 600);
	assert_string_equal(somaxconn(s), "4096");
}

static void what_cannot_be_overridden(void **state)
{
	static const struct {
		const char *key, *value;
		int rc;
		const char *remark;
	} rows[] = {
		{ "kernel.core_pattern", "x", KE_CEILING, "the never-list" },
		{ "vm.swappiness", "1", KE_CEILING, "outside the ceiling" },
		{ "net.ipv4.route.flush", "1", KE_CEILING, "an action" },
		{ FIN, "twenty", KE_VALUE, "no value of this key" },
		{ CONN, "-1", KE_RANGE, "out of its bounds" },
		{ "net.ipv4.tcp_syn_retries", "5", KE_UNSUPPORTED, "not on this host" },
		{ "net.ipv4.tcp_fin_timeou", "5", KE_UNSUPPORTED, "misspelt" },
	};
	struct sim *s = *state;

	sim_adopt(s, "web", 7, FIN, "30");
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct fault f;
		int rc = set(s, rows[i].key, rows[i].value, 60, &f);
		if (rc != rows[i].rc)
			fail_msg("%s: %d, not %d (%s: %s)", rows[i].remark, rc, rows[i].rc, f.where, f.what);
		assert_int_equal(s->k.overrides.n, 0);
		assert_string_equal(fin(s), "30");
	}
	assert_int_equal(sim_records(s, "\"kind\":\"override\""), 0);
	/* The list cannot be written: the value goes back, and nobody was promised anything. */
	char path[PATH_MAX];
	struct fault f;
	sim_path(s, s->t.state, "overrides.json", path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_true(set(s, FIN, "20", 60, &f) < 0);
	assert_string_equal(fin(s), "30");
	assert_int_equal(s->k.overrides.n, 0);
	assert_int_equal(rmdir(path), 0);
	must_set(s, FIN, "20", 60);
}

static void over_restarts_and_reboots(void **state)
{
	struct sim *s = *state;

	sim_adopt(s, "web", 7, FIN, "30");
	must_set(s, FIN, "20", 3600);
	must_set(s, CONN, "128", 7200);
	sim_crash(s);
	sim_pass(s, 600);
	sim_start(s);
	assert_string_equal(fin(s), "20");
	assert_string_equal(somaxconn(s), "128");
	overrule_stop(&s->k);
	s->wall += 600; /* as long as it was down */
	sim_reboot(s);
	assert_string_equal(fin(s), "20");
	assert_string_equal(somaxconn(s), "128");
	pass(s, 2399);
	assert_string_equal(fin(s), "20");
	pass(s, 1); /* 600 + 600 + 2400 */
	assert_string_equal(fin(s), "30");
	assert_string_equal(somaxconn(s), "128");
	/* The time is over while nobody is there. */
	sim_crash(s);
	sim_pass(s, 3600);
	sim_start(s);
	assert_string_equal(somaxconn(s), "4096");
	assert_string_equal(fin(s), "30");
	assert_int_equal(s->k.overrides.n, 0);
	assert_int_equal(sim_records(s, "\"action\":\"expired\""), 2);
}

static void a_clock_set_back_lengthens_nothing(void **state)
{
	struct sim *s = *state;

	sim_adopt(s, "web", 7, FIN, "30");
	must_set(s, FIN, "20", 3600);
	s->wall -= 86400;
	pass(s, 3599);
	assert_string_equal(fin(s), "20");
	s->wall -= 86400;
	overrule_stop(&s->k);
	sim_reboot(s);
	assert_string_equal(fin(s), "20");
	pass(s, 1);
	assert_string_equal(fin(s), "30");
}

static void a_damaged_list_means_the_policies(void **state)
{
	struct sim *s = *state;
	char path[PATH_MAX];
	struct fault f;

	sim_adopt(s, "web", 7, FIN, "30");
	must_set(s, FIN, "20", 3600);
	sim_crash(s);
	sim_path(s, s->t.state, "overrides.json", path);
	assert_int_equal(file_replace(path, "{", 1, 0600, FILE_VOLATILE, &f), 0);
	sim_start(s);
	assert_string_equal(fin(s), "30");
	must_set(s, FIN, "20", 3600);
}

/* The host went down while an override was written again: the policies must not be held back by it. */
static void an_override_that_took_the_host_down_is_dropped(void **state)
{
	struct sim *s = *state;
	struct attempt a = { .state = ATTEMPT_STARTED, .time = 1 };
	struct fault f;

	sim_adopt(s, "web", 7, FIN, "30");
	must_set(s, CONN, "128", 3600);
	memcpy(a.hash, s->k.plan->hash, sizeof a.hash);
	snprintf(a.boot_id, sizeof a.boot_id, "%s", s->boot_id);
	assert_int_equal(attempt_write(s->t.state, &a, &f), 0);
	sim_reboot(s);
	assert_false(s->k.held_back);
	assert_string_equal(fin(s), "30");
	assert_string_equal(somaxconn(s), "4096");
	assert_int_equal(s->k.overrides.n, 0);
	assert_int_equal(sim_records(s, "\"action\":\"dropped\""), 1);
}

static void a_ceiling_that_was_lowered_drops_it(void **state)
{
	struct sim *s = *state;
	struct fault f;

	sim_adopt(s, "web", 7, FIN, "30");
	must_set(s, CONN, "128", 3600);
	sim_crash(s);
	assert_int_equal(file_replace(s->t.ceiling, "net.ipv4.**\n", 12, 0600, FILE_VOLATILE, &f), 0);
	sim_start(s);
	assert_int_equal(s->k.overrides.n, 0);
	/* The key itself may not be touched any more; the policies are in force all the same. */
	assert_string_equal(somaxconn(s), "128");
	assert_string_equal(fin(s), "30");
	sim_adopt(s, "web", 8, FIN, "40");
	assert_string_equal(fin(s), "40");
	assert_int_equal(sim_records(s, "\"action\":\"dropped\""), 1);
}

static void a_rollout_beside_an_override(void **state)
{
	struct sim *s = *state;
	struct fault f;

	sim_adopt(s, "web", 7, FIN, "30");
	must_set(s, FIN, "20", 3600);
	/* A new value of the policy is adopted; the override stays over it. */
	sim_adopt(s, "web", 8, FIN, "40");
	assert_string_equal(fin(s), "20");
	/* While one waits, nothing is set or ended, and what expires waits for its settlement. */
	assert_int_equal(sim_offer(s, "db", 1, KEEPALIVE, "600", &f), 0);
	assert_true(s->k.pending.active);
	assert_int_equal(set(s, CONN, "128", 60, &f), KE_BUSY);
	pass(s, 3600);
	assert_string_equal(fin(s), "20");
	enforce_confirmed(&s->k, 0, "");
	pass(s, 2);
	assert_string_equal(fin(s), "40");
	/* A removal: then the original is what comes back. */
	must_set(s, KEEPALIVE, "700", 60);
	const struct rollout removal = { .policy = (char[]){ "db" }, .serial = 2, .action = ROLLOUT_REMOVE };
	assert_int_equal(enforce_adopt(&s->k, &removal, NULL, NULL, 0, &f), 0);
	if (s->k.pending.active)
		enforce_confirmed(&s->k, 0, "");
	assert_string_equal(tree_get(&s->t, "net/ipv4/tcp_keepalive_time"), "700");
	pass(s, 60);
	assert_string_equal(tree_get(&s->t, "net/ipv4/tcp_keepalive_time"), "7200");
}

static void modes_stay(void **state)
{
	struct sim *s = *state;
	struct fault f;

	assert_int_equal(sim_offer_mode(s, "web", 7, FIN, "30", "audit", &f), 0);
	/* What is only audited is never written: the override is what counts as right. */
	must_set(s, FIN, "20", 3600);
	assert_string_equal(fin(s), "60");
	tree_put(&s->t, "net/ipv4/tcp_fin_timeout", "20");
	sim_spin(s, 0.2);
	assert_int_equal(s->k.drifted, 0);
	end(s, FIN);
	sim_spin(s, 0.2);
	assert_string_equal(fin(s), "20");
	assert_int_equal(s->k.drifted, 1);
}

static void a_host_on_hold_is_left_alone(void **state)
{
	struct sim *s = *state;
	struct fault f;

	sim_adopt(s, "web", 7, FIN, "30");
	hold(s, 3600);
	tree_put(&s->t, "net/ipv4/tcp_fin_timeout", "25");
	sim_spin(s, 0.3);
	assert_string_equal(fin(s), "25");
	assert_int_equal(sim_records(s, "\"new\":\"25\",\"mode\":\"enforce\",\"action\":\"held\""), 1);
	assert_int_equal(s->k.drifted, 1);
	/* Nothing new is adopted, and that is no refusal. */
	assert_int_equal(enforce_floor(&s->k, "db", 1, &f), KE_EXIST);
	assert_int_equal(sim_offer(s, "db", 1, KEEPALIVE, "600", &f), KE_EXIST);
	assert_int_equal(set(s, CONN, "128", 60, &f), KE_HELD);
	/* Not at a restart either, nor at a boot. */
	sim_crash(s);
	sim_start(s);
	assert_string_equal(fin(s), "25");
	overrule_stop(&s->k);
	sim_reboot(s);
	assert_string_equal(fin(s), "60");
	sim_spin(s, 0.2);
	assert_string_equal(fin(s), "60");
	release(s);
	assert_string_equal(fin(s), "30");
	assert_int_equal(enforce_floor(&s->k, "db", 1, &f), 0);
	sim_adopt(s, "db", 1, KEEPALIVE, "600");
	assert_int_equal(sim_records(s, "\"scope\":\"host\""), 2);
}

static void a_hold_ends_by_itself(void **state)
{
	struct sim *s = *state;
	struct buf body = BUF_INIT(RECORD_MAX_BYTES);

	sim_adopt(s, "web", 7, FIN, "30");
	must_set(s, CONN, "128", 300);
	hold(s, 600);
	journalist_status_body(&s->k, &body);
	assert_non_null(strstr(buf_text(&body), "\"hold\":{\"reason\":\"hands off\",\"until\":"));
	assert_non_null(strstr(buf_text(&body), "\"overrides\":[{\"key\":\"" CONN "\",\"value\":\"128\""));
	buf_free(&body);
	tree_put(&s->t, "net/ipv4/tcp_fin_timeout", "25");
	pass(s, 300);
	sim_spin(s, 0.2);
	/* The override is over, but nothing is written now. */
	assert_int_equal(s->k.overrides.n, 1);
	assert_string_equal(somaxconn(s), "128");
	pass(s, 299);
	assert_string_equal(fin(s), "25");
	pass(s, 1);
	assert_string_equal(fin(s), "30");
	assert_string_equal(somaxconn(s), "4096");
	assert_int_equal(s->k.drifted, 0);
	assert_int_equal(sim_records(s, "\"action\":\"expired\",\"scope\":\"host\""), 1);
	journalist_status_body(&s->k, &body);
	assert_null(strstr(buf_text(&body), "\"hold\""));
	buf_free(&body);
}

/* A hold that begins while a rollout waits: what was begun is settled, and nothing else. */
static void a_hold_while_a_rollout_waits(void **state)
{
	struct sim *s = *state;
	struct fault f;

	sim_adopt(s, "web", 7, FIN, "30");
	assert_int_equal(sim_offer(s, "web", 8, FIN, "40", &f), 0);
	hold(s, 3600);
	enforce_confirmed(&s->k, 0, "");
	assert_false(s->k.pending.active);
	assert_string_equal(fin(s), "40");
	assert_int_equal(enforce_floor(&s->k, "web", 9, &f), KE_EXIST);
}

/* What `explain` is told. */
static void what_is_known_of_a_key(void **state)
{
	static const char wish[] = "{\"kedge_wish\":1,\"what\":\"about\",\"key\":\"" FIN "\"}";
	struct sim *s = *state;
	struct buf out = BUF_INIT(1 << 20);
	struct fault f;

	sim_adopt(s, "web", 7, FIN, "30");
	tree_put(&s->t, "net/ipv4/tcp_fin_timeout", "25");
	sim_spin(s, 0.2);
	must_set(s, FIN, "20", 60);
	assert_int_equal(overrule_ask(&s->k, wish, sizeof wish - 1, getpid(), &out, &f), 0);
	assert_non_null(strstr(buf_text(&out),
	        "\"policy\":{\"name\":\"web\",\"version\":7,\"serial\":7,\"priority\":100,\"mode\":"
	        "\"enforce\","
	        "\"wanted\":\"30\"},\"override\":{\"value\":\"20\",\"reason\":\"incident\""));
	assert_non_null(strstr(buf_text(&out), "\"last_drift\":{\"time\":"));
	assert_non_null(
	        strstr(buf_text(&out), "\"new\":\"25\",\"mode\":\"enforce\",\"action\":\"restored\""));
	buf_free(&out);
	/* Of keys without end, as many as there is room for. */
	struct buf body = BUF_INIT(100);
	buf_str(&body, "{}");
	for (int i = 0; i < 1000; i++) {
		struct name n;
		char key[64];
		snprintf(key, sizeof key, "net.test.k%d", i);
		assert_int_equal(name_parse(key, strlen(key), &n, NULL), 0);
		about_note(&s->k, &n, &body);
	}
	buf_free(&body);
	assert_int_equal(overrule_ask(&s->k, wish, sizeof wish - 1, getpid(), &out, &f), 0);
	assert_null(strstr(buf_text(&out), "last_drift"));
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_overridden_key_holds_and_goes_back, sim_open, sim_close),
		cmocka_unit_test_setup_teardown(somebody_else_changes_an_overridden_key, sim_open, sim_close),
		cmocka_unit_test_setup_teardown(a_key_that_no_policy_manages, sim_open, sim_close),
		cmocka_unit_test_setup_teardown(what_cannot_be_overridden, sim_open, sim_close),
		cmocka_unit_test_setup_teardown(over_restarts_and_reboots, sim_open, sim_close),
		cmocka_unit_test_setup_teardown(a_clock_set_back_lengthens_nothing, sim_open, sim_close),
		cmocka_unit_test_setup_teardown(a_damaged_list_means_the_policies, sim_open, sim_close),
		cmocka_unit_test_setup_teardown(
		        an_override_that_took_the_host_down_is_dropped, sim_open, sim_close),
		cmocka_unit_test_setup_teardown(a_ceiling_that_was_lowered_drops_it, sim_open, sim_close),
		cmocka_unit_test_setup_teardown(a_rollout_beside_an_override, sim_open, sim_close),
		cmocka_unit_test_setup_teardown(modes_stay, sim_open, sim_close),
		cmocka_unit_test_setup_teardown(a_host_on_hold_is_left_alone, sim_open, sim_close),
		cmocka_unit_test_setup_teardown(a_hold_ends_by_itself, sim_open, sim_close),
		cmocka_unit_test_setup_teardown(a_hold_while_a_rollout_waits, sim_open, sim_close),
		cmocka_unit_test_setup_teardown(what_is_known_of_a_key, sim_open, sim_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
