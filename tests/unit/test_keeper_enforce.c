/* From a verified rollout to values that stay: whatever is cut, full, late or damaged, the values are those of what is adopted,
 * and what went back is not tried again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/engine/attempt.h"
#include "agent/local/daemon.h"
#include "tests/support/keeper_sim.h"

#define FIN       "net.ipv4.tcp_fin_timeout"
#define KEEPALIVE "net.ipv4.tcp_keepalive_time"

static const char *fin(struct sim *s)
{
	return tree_get(&s->t, "net/ipv4/tcp_fin_timeout");
}

static const char *keepalive(struct sim *s)
{
	return tree_get(&s->t, "net/ipv4/tcp_keepalive_time");
}

static bool journal_there(struct sim *s)
{
	char path[PATH_MAX];

	sim_path(s, s->t.run, "journal", path);
	return access(path, F_OK) == 0;
}

/* A directory where a file has to be replaced: it cannot be. */
static void block(struct sim *s, const char *file, bool on)
{
	char path[PATH_MAX];

	sim_path(s, s->t.state, file, path);
	if (on) {
		unlink(path);
		assert_int_equal(mkdir(path, 0700), 0);
	} else {
		assert_int_equal(rmdir(path), 0);
	}
}

static void what_is_confirmed_is_there_after_every_start(void **state)
{
	struct sim *s = *state;

	sim_adopt(s, "web", 7, FIN, "30");
	assert_string_equal(fin(s), "30");
	assert_false(journal_there(s));
	sim_crash(s);
	sim_start(s);
	assert_string_equal(fin(s), "30");
	for (int boot = 0; boot < 3; boot++) {
		sim_reboot(s);
		assert_string_equal(fin(s), "30");
		assert_false(s->k.pending.active);
		assert_false(s->k.held_back);
	}
}

static void cut_between_writing_down_and_confirming(void **state)
{
	struct sim *s = *state;
	struct pending *p = &s->k.pending;
	struct fault f = { 0 };

	assert_int_equal(sim_offer(s, "web", 7, FIN, "30", &f), 0);
	assert_int_equal(
	        adopted_set(&s->k.adopted, s->k.state_dir, "web", 7, p->policy, p->document, p->len, &f), 0);
	p->policy = NULL;
	sim_crash(s);
	sim_start(s);
	assert_string_equal(fin(s), "30");
	assert_false(journal_there(s));
	assert_int_equal(sim_records(s, "\"reverted\""), 0);
}

static void a_crash_before_the_confirmation_holds_it(void **state)
{
	struct sim *s = *state;
	struct fault f = { 0 };
	struct stat before, after;
	char path[PATH_MAX];

	sim_adopt(s, "db", 1, KEEPALIVE, "600");
	assert_int_equal(sim_offer(s, "web", 7, FIN, "30", &f), 0);
	assert_string_equal(fin(s), "30");
	tree_path(&s->t, "net/ipv4/tcp_keepalive_time", path);
	assert_int_equal(stat(path, &before), 0);
	sim_crash(s);
	sim_start(s);
	assert_string_equal(fin(s), "60");
	assert_int_equal(sim_records(s, "\"reverted\""), 1);
	/* What was confirmed was not even touched. */
	assert_string_equal(keepalive(s), "600");
	assert_int_equal(stat(path, &after), 0);
	assert_memory_equal(&before.st_mtim, &after.st_mtim, sizeof before.st_mtim);
	assert_int_equal(enforce_floor(&s->k, "web", 7, &f), KE_EXIST);
	assert_int_equal(enforce_floor(&s->k, "web", 8, &f), 0);
	/* A new serial may want the very same values. */
	sim_adopt(s, "web", 8, FIN, "30");
	assert_string_equal(fin(s), "30");
}

static void an_unclean_boot_holds_it_whatever_is_applied_then(void **state)
{
	struct sim *s = *state;
	struct fault f = { 0 };

	sim_adopt(s, "db", 1, KEEPALIVE, "600");
	assert_int_equal(sim_offer(s, "web", 7, FIN, "30", &f), 0);
	for (int boot = 0; boot < 3; boot++) {
		sim_reboot(s);
		assert_string_equal(fin(s), "60");
		assert_string_equal(keepalive(s), "600");
		assert_int_equal(enforce_floor(&s->k, "web", 7, &f), KE_EXIST);
	}
	assert_int_equal(enforce_retry(&s->k, &f), 0);
	assert_int_equal(enforce_floor(&s->k, "web", 7, &f), 0);
	sim_adopt(s, "web", 7, FIN, "30");
	assert_int_equal(s->k.held.n, 0);
}

static void a_plan_that_took_the_host_down_at_its_start_is_held(void **state)
{
	struct sim *s = *state;
	struct attempt a;
	struct fault f = { 0 };

	sim_adopt(s, "web", 7, FIN, "30");
	assert_int_equal(attempt_read(s->k.engine->state_dir, &a, &f), 0);
	assert_int_equal(a.state, ATTEMPT_CONFIRMED);
	/* As a start leaves it that did not survive its own writes. */
	a.state = ATTEMPT_STARTED;
	assert_int_equal(attempt_write(s->k.engine->state_dir, &a, &f), 0);
	sim_reboot(s);
	assert_true(s->k.held_back);
	sim_spin(s, 0.2); /* the lookout must not bring it in through the back door */
	assert_string_equal(fin(s), "60");
	assert_int_equal(enforce_retry(&s->k, &f), 0);
	assert_false(s->k.held_back);
	assert_string_equal(fin(s), "30");
}

static void no_confirmation_in_time(void **state)
{
	struct sim *s = *state;
	struct fault f = { 0 };

	assert_int_equal(sim_offer(s, "web", 7, FIN, "30", &f), 0);
	s->boot_ms += 121000;
	enforce_confirmed(&s->k, 0, "");
	assert_false(s->k.pending.active);
	assert_string_equal(fin(s), "60");
	assert_null(adopted_find(&s->k.adopted, "web"));
	assert_int_equal(enforce_floor(&s->k, "web", 7, &f), KE_EXIST);
	assert_int_equal(sim_records(s, "\"reverted\""), 1);
	sim_reboot(s);
	assert_int_equal(enforce_floor(&s->k, "web", 7, &f), KE_EXIST);
}

static void a_good_end_takes_back_what_nobody_confirmed(void **state)
{
	struct sim *s = *state;
	struct fault f = { 0 };

	assert_int_equal(sim_offer(s, "web", 7, FIN, "30", &f), 0);
	enforce_stop(&s->k);
	assert_string_equal(fin(s), "60");
	assert_false(journal_there(s));
}

static void a_full_disk_is_no_verdict(void **state)
{
	struct sim *s = *state;
	struct fault f = { 0 };

	block(s, "held.json", true);
	assert_int_not_equal(sim_offer(s, "web", 7, FIN, "30", &f), 0);
	assert_false(s->k.pending.active);
	assert_string_equal(fin(s), "60");
	block(s, "held.json", false);
	assert_int_equal(enforce_floor(&s->k, "web", 7, &f), 0);
	block(s, "attempt", true);
	assert_int_not_equal(sim_offer(s, "web", 7, FIN, "30", &f), 0);
	assert_int_equal(enforce_floor(&s->k, "web", 7, &f), 0);
	block(s, "attempt", false);
	sim_adopt(s, "web", 7, FIN, "30");
}

static void what_cannot_be_written_down_is_not_confirmed(void **state)
{
	struct sim *s = *state;
	struct fault f = { 0 };

	block(s, "adopted.json", true);
	assert_int_equal(sim_offer(s, "web", 7, FIN, "30", &f), 0);
	enforce_confirmed(&s->k, 0, "");
	assert_false(s->k.pending.active);
	assert_string_equal(fin(s), "60");
	assert_int_equal(sim_records(s, "\"confirmed\""), 0);
	assert_int_equal(sim_records(s, "\"reverted\""), 1);
	/* Nothing to write: the refusal names the disk, and it may be tried again. */
	assert_int_not_equal(sim_offer(s, "db", 1, FIN, "60", &f), 0);
	assert_false(s->k.pending.active);
	assert_int_equal(sim_records(s, "\"already\""), 0);
	block(s, "adopted.json", false);
	sim_adopt(s, "db", 1, FIN, "60");
	assert_int_equal(sim_records(s, "\"result\":\"already\""), 1);
}

static void a_journal_that_was_left_does_not_block_for_ever(void **state)
{
	struct sim *s = *state;
	const unsigned char hash[SHA256_LEN] = { 1 };
	struct name n = name_of(KEEPALIVE);
	struct journal *j;
	struct fault f = { 0 };

	assert_int_equal(journal_new(s->boot_id, hash, &j), 0);
	j->serial = 99;
	assert_int_equal(journal_add(j, &n, "7200", "600"), 0);
	assert_int_equal(journal_write(s->t.run, j, &f), 0);
	journal_free(j);
	tree_put(&s->t, "net/ipv4/tcp_keepalive_time", "600");
	sim_adopt(s, "web", 7, FIN, "30");
	assert_string_equal(fin(s), "30");
	assert_string_equal(keepalive(s), "7200");
}

static void a_busy_courier_is_asked_again(void **state)
{
	struct sim *s = *state;
	struct frame filler = frame_make(FRAME_NEWS_FROM, 0), fr;
	struct fault f = { 0 };

	while (!frame_send(s->k.ipc, &filler, -1))
		;
	assert_int_equal(sim_offer(s, "web", 7, FIN, "30", &f), 0);
	assert_int_equal(s->k.confirm_id, 0);
	assert_false(sim_frame(s, FRAME_CONFIRM, &fr));
	sim_spin(s, 2.2);
	assert_true(sim_frame(s, FRAME_CONFIRM, &fr));
	assert_int_equal(fr.id, s->k.confirm_id);
}

static void only_releases(void **state)
{
	struct sim *s = *state;
	char web[] = "web";
	const struct rollout removal = { .policy = web, .serial = 8, .action = ROLLOUT_REMOVE };
	struct fault f = { 0 };

	sim_adopt(s, "web", 7, FIN, "30");
	assert_int_equal(enforce_adopt(&s->k, &removal, NULL, NULL, 0, &f), 0);
	assert_true(s->k.pending.active);
	assert_string_equal(fin(s), "60");
	enforce_confirmed(&s->k, 0, "");
	assert_true(adopted_find(&s->k.adopted, "web")->removed);
	assert_int_equal(enforce_floor(&s->k, "web", 7, &f), KE_ROLLBACK);
	assert_int_equal(enforce_floor(&s->k, "web", 8, &f), KE_EXIST);
	sim_reboot(s);
	assert_string_equal(fin(s), "60");
	assert_int_equal(enforce_floor(&s->k, "web", 8, &f), KE_EXIST);
}

static void a_removal_that_is_not_confirmed_stays_in_force(void **state)
{
	struct sim *s = *state;
	char web[] = "web";
	const struct rollout removal = { .policy = web, .serial = 8, .action = ROLLOUT_REMOVE };
	struct fault f = { 0 };

	sim_adopt(s, "web", 7, FIN, "30");
	assert_int_equal(enforce_adopt(&s->k, &removal, NULL, NULL, 0, &f), 0);
	assert_string_equal(fin(s), "60");
	s->boot_ms += 200000;
	enforce_confirmed(&s->k, 0, "");
	assert_string_equal(fin(s), "30");
	assert_int_equal(adopted_find(&s->k.adopted, "web")->serial, 7);
}

static void the_next_rollout_does_not_wait_for_the_next_refresh(void **state)
{
	struct sim *s = *state;

	sim_adopt(s, "web", 7, FIN, "30");
	assert_true(s->k.again);
	assert_true(ev_is_active(&s->k.refresh));
}

static void a_drift_at_the_start_is_pushed(void **state)
{
	struct sim *s = *state;
	struct frame fr;
	struct fault f = { 0 };

	assert_int_equal(sim_offer_mode(s, "look", 1, FIN, "30", "audit", &f), 0);
	assert_false(s->k.pending.active);
	sim_crash(s);
	sim_start(s); /* records before the link begins to talk */
	assert_int_equal(sim_records(s, "\"kind\":\"drift\""), 2);
	link_start(&s->k);
	sim_spin(s, 0.3);
	assert_true(sim_frame(s, FRAME_PUSH, &fr));
}

static void what_cannot_be_restored_is_not_told_for_ever(void **state)
{
	struct sim *s = *state;

	sim_adopt(s, "web", 7, FIN, "30");
	tree_put(&s->t, "net/ipv4/tcp_fin_timeout", "99");
	tree_mode(&s->t, "net/ipv4/tcp_fin_timeout", 0444);
	sim_spin(s, 1.5); /* thirty polls */
	assert_in_range(sim_records(s, "\"restore_failed\""), 1, CONTEST_SHORT_N);
	assert_int_equal(sim_records(s, "\"action\":\"contested\""), 1);
}

/* Root's command, in a process of its own, against a daemon that listens. */
static void root_says_retry(void **state)
{
	struct sim *s = *state;
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct fault f = { 0 };
	int status, fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (geteuid() != 0) {
		close(fd);
		skip();
	}
	assert_int_equal(sim_offer(s, "web", 7, FIN, "30", &f), 0);
	enforce_stop(&s->k);
	assert_int_equal(enforce_floor(&s->k, "web", 7, &f), KE_EXIST);
	snprintf(at.sun_path, sizeof at.sun_path, "%s/agent.sock", s->t.run);
	assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(fd, 1), 0);
	control_start(&s->k, fd);
	pid_t child = fork();
	if (child == 0) {
		struct buf said = BUF_INIT(DAEMON_MAX_ANSWER);
		int code = 9;
		_exit(daemon_ask(s->t.run, ASK_RETRY, &said, &code, &f) ? 8 : code);
	}
	sim_spin(s, 0.5);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(enforce_floor(&s->k, "web", 7, &f), 0);
	close(fd);
	struct buf said = BUF_INIT(DAEMON_MAX_ANSWER);
	int code;
	assert_int_equal(daemon_ask(s->t.run, ASK_RETRY, &said, &code, &f), KE_NOENT);
	assert_int_equal(daemon_ask("/nowhere", ASK_RETRY, &said, &code, &f), KE_NOENT);
	buf_free(&said);
}

#define T(test) cmocka_unit_test_setup_teardown(test, sim_open, sim_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_is_confirmed_is_there_after_every_start),
		T(cut_between_writing_down_and_confirming),
		T(a_crash_before_the_confirmation_holds_it),
		T(an_unclean_boot_holds_it_whatever_is_applied_then),
		T(a_plan_that_took_the_host_down_at_its_start_is_held),
		T(no_confirmation_in_time),
		T(a_good_end_takes_back_what_nobody_confirmed),
		T(a_full_disk_is_no_verdict),
		T(what_cannot_be_written_down_is_not_confirmed),
		T(a_journal_that_was_left_does_not_block_for_ever),
		T(a_busy_courier_is_asked_again),
		T(only_releases),
		T(a_removal_that_is_not_confirmed_stays_in_force),
		T(the_next_rollout_does_not_wait_for_the_next_refresh),
		T(a_drift_at_the_start_is_pushed),
		T(what_cannot_be_restored_is_not_told_for_ever),
		T(root_says_retry),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
