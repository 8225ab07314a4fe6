/* The checks that a host makes before it adopts a rollout, over the whole keeper: frames in, values and records out. The first
 * row of the table is right in everything; each other row is the same with one thing wrong, and must leave the values, the
 * floor and what is held as they were, and say why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/keeper_sim.h"

#define DAY  INT64_C(86400)
#define SALT "00112233445566778899aabbccddeeff"
#define FIN  "net/ipv4/tcp_fin_timeout"

/* What is published as a rollout of policy "web"; zeros mean what is right. */
struct offer {
	int64_t serial, version, start;         /* START: after the publication */
	const char *waves;                      /* their JSON */
	const char *selector, *policy_selector; /* "db": a role that this host has not */
	const char *key, *value;
	const char *path, *inner,
	        *document_name; /* another path, name within the rollout, name within the policy */
	int64_t inner_serial, document_version;
	bool remove, standing, unlisted_policy, unlisted_rollout;
	int length_off, hash_off;
};

static const char *or_else(const char *text, const char *otherwise)
{
	return text ? text : otherwise;
}

static size_t policy_text(const struct offer *o, char *text, size_t size)
{
	return (size_t)snprintf(text, size,
	        "{\"kedge_policy\":1,\"name\":\"%s\",\"version\":%lld,\"selector\":{\"labels\":{\"role\":\"%"
	        "s\"}}"
	        ",\"settings\":[{\"key\":\"%s\",\"value\":\"%s\"}]}",
	        or_else(o->document_name, "web"),
	        (long long)(o->document_version ? o->document_version : o->version),
	        or_else(o->policy_selector, "web"), or_else(o->key, "net.ipv4.tcp_fin_timeout"),
	        or_else(o->value, "30"));
}

static void rollout_text(const struct offer *o, const char *policy, size_t len, char *text, size_t size)
{
	unsigned char digest[SHA256_LEN];
	char hex[65], target[256] = "", plan[1024], start[TIME_TEXT_ROOM];

	sha256(policy, len, digest);
	digest[0] ^= (unsigned char)o->hash_off;
	if (!o->remove)
		snprintf(target, sizeof target,
		        "\"version\":%lld,\"target\":{\"path\":\"policies/%s/%lld.json\",\"length\":%lld,"
		        "\"sha256\":\"%s\"},",
		        (long long)o->version, or_else(o->inner, "web"), (long long)o->version,
		        (long long)len + o->length_off, hex_encode(digest, sizeof digest, hex));
	if (o->standing)
		snprintf(plan, sizeof plan, "\"standing\":true");
	else
		snprintf(plan, sizeof plan, "\"salt\":\"" SALT "\",\"start\":\"%s\",\"waves\":[%s]",
		        time_format(REPO_SIM_NOW + o->start, start),
		        or_else(o->waves, "{\"share\":1000,\"opens_after\":0,\"opens_before\":86400}"));
	snprintf(text, size,
	        "{\"kedge_rollout\":1,\"policy\":\"%s\",%s\"serial\":%lld,\"action\":\"%s\","
	        "\"selector\":{\"labels\":{\"role\":\"%s\"}},%s}",
	        or_else(o->inner, "web"), target, (long long)(o->inner_serial ? o->inner_serial : o->serial),
	        o->remove ? "remove" : "apply", or_else(o->selector, "web"), plan);
}

/* Sign and list O; its path is PATH. */
static void publish(struct sim *s, const struct offer *o, char path[128])
{
	char policy[1024], rollout[2048], policy_path[64];
	size_t len = policy_text(o, policy, sizeof policy);

	rollout_text(o, policy, len, rollout, sizeof rollout);
	snprintf(policy_path, sizeof policy_path, "policies/%s/%lld.json", or_else(o->inner, "web"),
	        (long long)o->version);
	snprintf(path, 128, "rollouts/web/%lld.json", (long long)o->serial);
	if (o->path)
		snprintf(path, 128, "%s", o->path);
	if (!o->unlisted_policy && !o->remove)
		repo_sim_target(s->repo, "targets", policy_path, policy);
	if (!o->unlisted_rollout)
		repo_sim_target(s->repo, "targets", path, rollout);
	s->repo->now = s->wall;
	repo_sim_renew(s->repo);
}

/* The courier says that a new connection succeeded, for the question of this moment. */
static void confirm(struct sim *s)
{
	struct frame fr = frame_make(FRAME_CONFIRMED, s->k.confirm_id);

	assert_true(s->k.pending.active && s->k.confirm_id);
	assert_int_equal(sim_say(s, &fr, NULL, 0), 0);
	sim_turn(s);
	assert_false(s->k.pending.active);
}

static int64_t floor_of(struct sim *s)
{
	const struct adopted *a = adopted_find(&s->k.adopted, "web");

	return a ? a->serial : 0;
}

static void offer_round(struct sim *s, const struct offer *o)
{
	char path[128];
	const char *paths[] = { path };

	publish(s, o, path);
	sim_round(s, paths, 1);
}

/* A host of role "web" that adopted serial 5, version 1, whose value is 50. */
static struct sim *host_at_five(void)
{
	static char role[] = "web";
	static const struct offer five = { .serial = 5, .version = 1, .value = "50" };
	struct sim *s = sim_new("web1", role, NULL);

	link_start(&s->k);
	offer_round(s, &five);
	confirm(s);
	assert_int_equal(floor_of(s), 5);
	assert_string_equal(tree_get(&s->t, FIN), "50");
	return s;
}

#define OTHER_CANARY "{\"canaries\":[\"web2\"],\"opens_after\":0,\"opens_before\":86400}"
#define THIS_CANARY  "{\"canaries\":[\"web1\"],\"opens_after\":0,\"opens_before\":86400}"
/* web1 has place 90 with this salt: see the_place_is_the_one_of_the_frame. */
#define EARLY_SHARE "{\"share\":90,\"opens_after\":0,\"opens_before\":86400}"

struct case_row {
	const char *remark;
	struct offer offer;
	const char *code, *reason; /* of the refusal; NULL: passed over, which is no refusal */
	bool adopted;
	const char *ceiling;
	int64_t wall; /* set the clock by so much before the round */
};

static const struct case_row rows[] = {
	{ "nothing wrong", { .serial = 7, .version = 3 }, NULL, NULL, true, NULL, 0 },
	/* 1: listed, with length and hash */
	{ "1 rollout not listed", { .serial = 7, .version = 3, .unlisted_rollout = true }, "untrusted",
	        "no trusted role lists", false, NULL, 0 },
	{ "1 policy not listed", { .serial = 7, .version = 3, .unlisted_policy = true }, "untrusted",
	        "no trusted role lists", false, NULL, 0 },
	{ "1 rollout names another length", { .serial = 7, .version = 3, .length_off = 1 }, "mismatch",
	        "is not the document that the rollout names", false, NULL, 0 },
	{ "1 rollout names another hash", { .serial = 7, .version = 3, .hash_off = 1 }, "mismatch",
	        "is not the document that the rollout names", false, NULL, 0 },
	{ "1 rollout of another policy in its place", { .serial = 7, .version = 3, .inner = "db" },
	        "mismatch", "says it is serial 7 of 'db'", false, NULL, 0 },
	{ "1 rollout of another serial in its place", { .serial = 7, .version = 3, .inner_serial = 6 },
	        "mismatch", "says it is serial 6 of 'web'", false, NULL, 0 },
	{ "1 policy of another name", { .serial = 7, .version = 3, .document_name = "db" }, "mismatch",
	        "says it is version 3 of 'db'", false, NULL, 0 },
	{ "1 policy of another version", { .serial = 7, .version = 3, .document_version = 4 }, "mismatch",
	        "says it is version 4 of 'web'", false, NULL, 0 },
	/* 2: selectors */
	{ "2 rollout for other hosts", { .serial = 7, .version = 3, .selector = "db" }, NULL, NULL, false,
	        NULL, 0 },
	{ "2 policy for other hosts", { .serial = 7, .version = 3, .policy_selector = "db" }, NULL, NULL,
	        false, NULL, 0 },
	/* 3: the floor under serials */
	{ "3 lower serial", { .serial = 4, .version = 3 }, "rollback", "is older than 5", false, NULL, 0 },
	{ "3 lower serial, standing", { .serial = 4, .version = 3, .standing = true }, "rollback",
	        "is older than 5", false, NULL, 0 },
	{ "3 same serial, other content: nothing is news", { .serial = 5, .version = 3 }, NULL, NULL, false,
	        NULL, 0 },
	{ "3 removal with a lower serial", { .serial = 4, .remove = true }, "rollback", "is older than 5",
	        false, NULL, 0 },
	/* 4: the wave */
	{ "4 not open yet", { .serial = 7, .version = 3, .start = DAY }, NULL, NULL, false, NULL, 0 },
	{ "4 closed", { .serial = 7, .version = 3, .start = -2 * DAY }, "window", "wave 1 closed at", false,
	        NULL, 0 },
	{ "4 removal, closed", { .serial = 7, .remove = true, .start = -2 * DAY }, "window",
	        "wave 1 closed at", false, NULL, 0 },
	{ "4 another host is the canary", { .serial = 7, .version = 3, .waves = OTHER_CANARY }, "window",
	        "no wave holds this host", false, NULL, 0 },
	{ "4 this one is", { .serial = 7, .version = 3, .waves = THIS_CANARY }, NULL, NULL, true, NULL, 0 },
	{ "4 beyond the share", { .serial = 7, .version = 3, .waves = EARLY_SHARE }, "window",
	        "no wave holds this host", false, NULL, 0 },
	/* 5: the ceiling */
	{ "5 outside the ceiling", { .serial = 7, .version = 3, .key = "vm.swappiness", .value = "10" },
	        "ceiling", "lies outside this host's ceiling", false, NULL, 0 },
	{ "5 taken out of the ceiling",
	        { .serial = 7, .version = 3, .key = "net.core.somaxconn", .value = "512" }, "ceiling",
	        "lies outside this host's ceiling", false, "net.**\n!net.core.somaxconn\n", 0 },
	{ "5 never, whatever the ceiling says",
	        { .serial = 7, .version = 3, .key = "kernel.core_pattern", .value = "|/x" }, "ceiling",
	        "never-list", false, "net.**\nkernel.**\n", 0 },
	/* the time */
	{ "6 clock far ahead", { .serial = 7, .version = 3, .standing = true }, "clock",
	        "more than 30 days ahead", false, NULL, 31 * DAY },
	{ "6 clock far ahead, removal", { .serial = 7, .remove = true, .standing = true }, "clock",
	        "more than 30 days ahead", false, NULL, 3650 * DAY },
	{ "6 ahead by less: expired by that clock", { .serial = 7, .version = 3, .standing = true },
	        "expired", "expired", false, NULL, 29 * DAY },
	{ "6 set back: a closed wave stays closed", { .serial = 7, .version = 3, .start = -2 * DAY },
	        "window", "wave 1 closed at", false, NULL, -40 * DAY },
	{ "6 set back, and else right", { .serial = 7, .version = 3 }, NULL, NULL, true, NULL, -40 * DAY },
};

static void untouched(struct sim *s, const struct case_row *row)
{
	char want[400];

	if (strcmp(tree_get(&s->t, FIN), "50") != 0 || s->k.pending.active || floor_of(s) != 5 ||
	        s->k.held.n || strcmp(tree_get(&s->t, "net/core/somaxconn"), "4096") != 0)
		fail_msg("%s: not as before", row->remark);
	unsigned refusals = sim_records(s, "\"kind\":\"refusal\"");
	if (refusals != (row->code ? 1 : 0))
		fail_msg("%s: %u refusals were reported", row->remark, refusals);
	if (!row->code)
		return;
	snprintf(want, sizeof want, "\"code\":\"%s\"", row->code);
	if (sim_records(s, want) != 1 || sim_records(s, row->reason) == 0)
		fail_msg("%s: not refused as '%s' with '%s'", row->remark, row->code, row->reason);
}

static void each_violated_alone(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct case_row *row = &rows[i];
		struct sim *s = host_at_five();
		if (row->ceiling) {
			assert_int_equal(file_replace(s->t.ceiling, row->ceiling, strlen(row->ceiling), 0600,
			                         FILE_VOLATILE, NULL),
			        0);
			sim_crash(s);
			sim_start(s); /* the ceiling is read at a start */
			link_start(&s->k);
		}
		char path[128];
		const char *paths[] = { path };
		publish(s, &row->offer, path);
		s->wall += row->wall;
		sim_round(s, paths, 1);
		if (row->adopted) {
			assert_string_equal(tree_get(&s->t, FIN), "30");
			confirm(s);
			assert_int_equal(floor_of(s), 7);
		} else {
			untouched(s, row);
		}
		sim_free(s);
	}
}

static void what_is_behind_or_ahead_is_said(void **state)
{
	struct sim *s = host_at_five();
	(void)state;

	s->wall -= 40 * DAY;
	sim_round(s, NULL, 0);
	journalist_status_soon(&s->k);
	sim_spin(s, 0.4);
	assert_int_equal(sim_records(s, "\"clock\":\"behind\""), 1);
	s->wall += 80 * DAY;
	sim_pass(s, 5);
	journalist_status_soon(&s->k);
	sim_spin(s, 0.4);
	assert_int_equal(sim_records(s, "\"clock\":\"ahead\""), 1);
	sim_free(s);
}

/* The clock jumps while the bytes of a round are on their way. */
static void a_clock_that_jumps_in_a_round(void **state)
{
	static const struct offer seven = { .serial = 7, .version = 3, .standing = true };
	struct sim *s = host_at_five();
	char path[128];
	const char *paths[] = { path };
	struct frame ask;
	(void)state;

	publish(s, &seven, path);
	sim_pass(s, 2);
	sim_assign(s, s->host, paths, 1);
	for (;;) {
		sim_turn(s);
		assert_true(sim_frame(s, FRAME_FETCH, &ask));
		if (strstr(ask.text, "policies/"))
			break;
		sim_serve(s, &ask);
	}
	s->wall += 60 * DAY;
	sim_serve(s, &ask);
	sim_turn(s);
	assert_string_equal(tree_get(&s->t, FIN), "50");
	assert_int_equal(sim_records(s, "\"code\":\"clock\""), 1);
	sim_free(s);
}

/* An answer that is held back until the wave has closed is too late; one that never comes does not stop the rounds. */
static void answers_that_are_held_back(void **state)
{
	static const struct offer seven = {
		.serial = 7, .version = 3, .waves = "{\"share\":1000,\"opens_after\":0,\"opens_before\":600}"
	};
	struct sim *s = host_at_five();
	char path[128];
	const char *paths[] = { path };
	struct frame ask;
	(void)state;

	publish(s, &seven, path);
	sim_pass(s, 2);
	sim_assign(s, s->host, paths, 1);
	for (;;) {
		sim_turn(s);
		assert_true(sim_frame(s, FRAME_FETCH, &ask));
		if (strstr(ask.text, "policies/"))
			break;
		sim_serve(s, &ask);
	}
	sim_pass(s, 700);
	sim_serve(s, &ask);
	sim_turn(s);
	assert_string_equal(tree_get(&s->t, FIN), "50");
	assert_int_equal(sim_records(s, "wave 1 closed at"), 1);
	/* No answer at all. */
	sim_pass(s, 2);
	sim_assign(s, s->host, paths, 1);
	sim_turn(s);
	assert_true(sim_frame(s, FRAME_FETCH, &ask));
	sim_pass(s, 14 * 60);
	ev_invoke(s->k.loop, &s->k.refresh, EV_TIMER);
	assert_true(verify_busy(s->k.verify));
	assert_true(ev_is_active(&s->k.refresh));
	sim_pass(s, 2 * 60);
	ev_invoke(s->k.loop, &s->k.refresh, EV_TIMER);
	assert_false(verify_busy(s->k.verify));
	assert_int_equal(s->k.refresh_failures, 1);
	sim_serve(s, &ask); /* and then it comes */
	sim_turn(s);
	assert_false(verify_busy(s->k.verify));
	sim_free(s);
}

static void undone_by_a_higher_serial(void **state)
{
	static const struct offer seven = { .serial = 7, .version = 3 },
	                          eight = { .serial = 8, .version = 1, .value = "50" };
	struct sim *s = host_at_five();
	const char *old[] = { "rollouts/web/7.json", "rollouts/web/5.json" };
	(void)state;

	offer_round(s, &seven);
	confirm(s);
	assert_string_equal(tree_get(&s->t, FIN), "30");
	sim_round(s, old + 1, 1); /* the old serial does not undo it */
	assert_string_equal(tree_get(&s->t, FIN), "30");
	assert_int_equal(sim_records(s, "\"code\":\"rollback\""), 1);
	offer_round(s, &eight);
	confirm(s);
	assert_string_equal(tree_get(&s->t, FIN), "50");
	assert_int_equal(floor_of(s), 8);
	for (int i = 0; i < 4; i++) {
		sim_round(s, old, 2); /* and back and forth */
		assert_string_equal(tree_get(&s->t, FIN), "50");
		assert_int_equal(floor_of(s), 8);
	}
	sim_free(s);
}

static void a_standing_form_ends_its_waves(void **state)
{
	static const struct offer waves = { .serial = 7, .version = 3 },
	                          standing = { .serial = 8, .version = 4, .value = "40", .standing = true };
	struct sim *s = host_at_five();
	const char *old[] = { "rollouts/web/7.json" };
	char path[128];
	(void)state;

	publish(s, &waves, path);
	sim_pass(s, 20 * DAY); /* adopted at once, whenever the host returns */
	offer_round(s, &standing);
	assert_true(s->k.pending.active || floor_of(s) == 8);
	if (s->k.pending.active)
		confirm(s);
	assert_string_equal(tree_get(&s->t, FIN), "40");
	sim_round(s, old, 1);
	assert_string_equal(tree_get(&s->t, FIN), "40");
	assert_int_equal(floor_of(s), 8);
	assert_int_equal(sim_records(s, "\"code\":\"rollback\""), 1);
	sim_free(s);
}

static void a_signed_removal_removes_and_nothing_else(void **state)
{
	static const struct offer gone = { .serial = 6, .remove = true };
	struct sim *s = host_at_five();
	const char *old[] = { "rollouts/web/5.json" };
	(void)state;

	sim_round(s, NULL, 0);
	assert_string_equal(tree_get(&s->t, FIN), "50");
	offer_round(s, &gone);
	confirm(s);
	assert_string_equal(tree_get(&s->t, FIN), "60");
	assert_int_equal(floor_of(s), 6);
	assert_true(adopted_find(&s->k.adopted, "web")->removed);
	sim_round(s, old, 1); /* it does not come back under its old serial */
	assert_string_equal(tree_get(&s->t, FIN), "60");
	assert_int_equal(sim_records(s, "\"code\":\"rollback\""), 1);
	sim_free(s);
}

static void an_assignment_of_another_host(void **state)
{
	static const struct offer seven = { .serial = 7, .version = 3 };
	struct sim *s = host_at_five();
	char path[128];
	const char *paths[] = { path };
	(void)state;

	publish(s, &seven, path);
	sim_pass(s, 2);
	sim_assign(s, "web2", paths, 1);
	sim_turn(s);
	assert_int_equal(s->k.assignment->n, 1);
	assert_string_equal(s->k.assignment->rollouts[0], "rollouts/web/5.json");
	assert_false(verify_busy(s->k.verify));
	assert_string_equal(tree_get(&s->t, FIN), "50");
	sim_free(s);
}

/* SHA-256 of the salt's 16 bytes and the id, by another program: its first 8 bytes are 17326a0b4ffe0d86. */
static void the_place_is_the_one_of_the_frame(void **state)
{
	unsigned char salt[ROLLOUT_SALT_LEN];
	(void)state;

	assert_true(hex_decode(SALT, strlen(SALT), salt, sizeof salt));
	assert_int_equal(rollout_place(salt, "web1"), 90);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_place_is_the_one_of_the_frame),
		cmocka_unit_test(each_violated_alone),
		cmocka_unit_test(what_is_behind_or_ahead_is_said),
		cmocka_unit_test(a_clock_that_jumps_in_a_round),
		cmocka_unit_test(answers_that_are_held_back),
		cmocka_unit_test(undone_by_a_higher_serial),
		cmocka_unit_test(a_standing_form_ends_its_waves),
		cmocka_unit_test(a_signed_removal_removes_and_nothing_else),
		cmocka_unit_test(an_assignment_of_another_host),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
