/* hostile_server.c — a server that lies to a whole fleet, and an oracle that watches what the hosts do with it.
 *
 *	hostile_server [HOSTS [ROUNDS [SEED]]]
 *
 * Every host is a real keeper (verify, resolve, plan, apply, confirm, recover) over a directory that plays /proc/sys. In each
 * round the server plays one of the attacks below on all hosts, with a chance of another one for each of them, while
 * operators sign, withdraw and rotate, and hosts crash, boot, and have clocks that are set. In the end an honest server
 * must find every host alive: it adopts what is signed last.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "tests/sim/oracle.h"

#define DAY 86400

/* What a server can play. */
enum play {
	HONEST,
	HOLD,        /* nothing is there, or nothing answers */
	BURST,       /* then all that was ever signed, at once */
	EMPTY,       /* nothing is assigned */
	OLD_SERIALS, /* rollouts of the past */
	TO_AND_FRO,  /* between two of them */
	REPLAY,      /* an older publication, as it was */
	MIX,         /* files of several publications */
	DAMAGE,      /* cut, swapped and changed files */
	FORGE,       /* rollouts and policies of its own under signed names */
	WRONG_HOST,  /* what is for another host */
	CLOCK,       /* dates far off */
	LATE,        /* answers after hours */
	PLAYS
};
static const char *const play_names[PLAYS] = { "honest", "hold", "burst", "empty", "old serials",
	"to and fro", "replay", "mix", "damage", "forge", "wrong host", "clock", "late" };

/* What it does with a question for a confirmation. */
enum confirm { CONFIRM_YES, CONFIRM_NO, CONFIRM_LATER, CONFIRM_NEVER, CONFIRM_OTHER };

/* What the server keeps about a host. */
struct victim {
	struct oracle_host *h;
	struct frame held; /* a question that it has not answered; id 0: none */
	uint32_t asked[8]; /* ids of questions for confirmations, a ring */
	size_t n_asked;
	bool confirm_later;
	int64_t at; /* true time of the host's last step */
};

struct world {
	struct dice dice;
	struct signer *signer;
	struct victim victims[ORACLE_HOSTS];
	size_t n;
	unsigned long steps, frames, played[PLAYS], crashes, boots;
	size_t fro[2]; /* plans of TO_AND_FRO */
};

static int state_roll(struct world *w)
{
	return 2 + (int)dice_below(&w->dice, (unsigned)w->signer->n_states - 1);
}

static void answer(struct world *w, struct victim *v, const struct frame *ask, enum frame_status status,
        const void *data, size_t len)
{
	struct frame fr = frame_make(FRAME_FETCHED, ask->id);

	fr.status = (int32_t)status;
	w->frames++;
	if (sim_say(v->h->sim, &fr, status == FRAME_OK ? data : NULL, len))
		return;
	sim_turn(v->h->sim);
}

/* FILE, cut, swapped for another or with one bit changed. */
static void answer_damaged(
        struct world *w, struct victim *v, const struct frame *ask, struct repo_sim_file *file)
{
	size_t len = file->len;
	char *copy = malloc(len + 1);

	assert_non_null(copy);
	memcpy(copy, file->data, len);
	switch (dice_below(&w->dice, 4)) {
	case 0:
		len = dice_below(&w->dice, (unsigned)len);
		break;
	case 1:
		/* A signature or hash digit, most of the time; white space is free. */
		copy[dice_below(&w->dice, (unsigned)len)] ^= (char)(1 << dice_below(&w->dice, 7));
		break;
	case 2:
		memset(copy, ' ', len);
		break;
	default:
		copy[len++] = ' ';
	}
	answer(w, v, ask, FRAME_OK, copy, len);
	free(copy);
}

/* The timestamp of STATE, which the oracle hears of. */
static void answer_timestamp(struct world *w, struct victim *v, const struct frame *ask, int state)
{
	const struct signed_state *s = &w->signer->states[state];

	oracle_gave_timestamp(v->h, state);
	answer(w, v, ask, FRAME_OK, s->timestamp, s->len);
}

static void answer_file(
        struct world *w, struct victim *v, const struct frame *ask, struct repo_sim_file *file)
{
	int n;

	if (!file) {
		answer(w, v, ask, FRAME_ABSENT, NULL, 0);
		return;
	}
	if (sscanf(ask->text, "%d.root.json", &n) == 1 && strstr(ask->text, ".root.json") &&
	        strcmp(file->name, ask->text) == 0)
		oracle_gave_root(v->h, n);
	answer(w, v, ask, FRAME_OK, file->data, file->len);
}

/* Some file of the same list, of the same role more often than not. */
static struct repo_sim_file *file_roll(struct world *w, struct repo_sim_file *list, const char *name)
{
	const char *role = strchr(name, '.');
	struct repo_sim_file *file = list, *found = list;

	for (unsigned n = dice_below(&w->dice, 60); n && file; n--, file = file->next) {
		const char *other = strchr(file->name, '.');
		if (role && other && strcmp(role, other) == 0)
			found = file;
	}
	return found;
}

/* A text of the server's own for what is asked for: a rollout that is for all and at once, or a policy with other values. */
static bool answer_forged(struct world *w, struct victim *v, const struct frame *ask)
{
	char text[1500], name[16];
	long long number;

	const char *dot = strrchr(ask->text, '/');
	if (!dot || sscanf(strchr(dot, '.') ? strchr(dot, '.') + 1 : "", "%lld.json", &number) != 1)
		return false;
	for (int policy = 0; policy < POLICIES; policy++) {
		snprintf(name, sizeof name, "/%s/", policy_names[policy]);
		if (!strstr(ask->text, name))
			continue;
		if (strncmp(ask->text, "policies/", 9) == 0) {
			answer(w, v, ask, FRAME_OK, text,
			        signed_policy(policy, number, 5, text, sizeof text));
			return true;
		}
		for (size_t i = 0; i < w->signer->n_plans; i++) {
			const struct signed_plan *p = &w->signer->plans[i];
			if (p->policy != policy || p->serial != number)
				continue;
			answer(w, v, ask, FRAME_OK, text, signed_rollout(p, true, text, sizeof text));
			return true;
		}
	}
	return false;
}

static void serve_timestamp(struct world *w, struct victim *v, const struct frame *ask, enum play play)
{
	int newest = w->signer->n_states;

	if (play == REPLAY || (play == MIX && dice_is(&w->dice, 60)))
		answer_timestamp(w, v, ask, state_roll(w));
	else if (play == DAMAGE && dice_is(&w->dice, 20)) {
		oracle_gave_damaged(v->h, newest);
		answer_damaged(w, v, ask, repo_sim_file(w->signer->repo->metadata, ask->text));
	} else
		answer_timestamp(w, v, ask, newest);
}

/* Answer the question ASK as PLAY has it. */
static void serve(struct world *w, struct victim *v, const struct frame *ask, enum play play)
{
	struct repo_sim *repo = w->signer->repo;
	struct repo_sim_file *list = ask->a == FETCH_TARGET ? repo->targets : repo->metadata,
	                     *file = repo_sim_file(list, ask->text);
	bool target = ask->a == FETCH_TARGET;

	if (play == HOLD)
		answer(w, v, ask, dice_is(&w->dice, 50) ? FRAME_ABSENT : FRAME_FAILED, NULL, 0);
	else if (play == LATE && dice_is(&w->dice, 30))
		v->held = *ask;
	else if (play == FORGE && target && dice_is(&w->dice, 60) && answer_forged(w, v, ask))
		return;
	else if (strcmp(ask->text, "timestamp.json") == 0)
		serve_timestamp(w, v, ask, play);
	else if (play == MIX && dice_is(&w->dice, 30))
		answer_file(w, v, ask, file_roll(w, list, ask->text));
	else if (play == MIX && strstr(ask->text, ".root.json") && dice_is(&w->dice, 50))
		answer(w, v, ask, FRAME_ABSENT, NULL, 0);
	else if (play == DAMAGE && file && !strstr(ask->text, ".root.json") && dice_is(&w->dice, 35))
		answer_damaged(w, v, ask, file);
	else
		answer_file(w, v, ask, file);
}

static void say_confirmed(struct world *w, struct victim *v, uint32_t id, enum frame_status status)
{
	struct frame fr = frame_make(FRAME_CONFIRMED, id);

	fr.status = (int32_t)status;
	w->frames++;
	sim_say(v->h->sim, &fr, NULL, 0);
	sim_turn(v->h->sim);
}

static void confirm(struct world *w, struct victim *v, uint32_t id, enum confirm how)
{
	v->asked[v->n_asked++ % 8] = id;
	switch (how) {
	case CONFIRM_YES:
		say_confirmed(w, v, id, FRAME_OK);
		break;
	case CONFIRM_NO:
		say_confirmed(w, v, id, FRAME_FAILED);
		break;
	case CONFIRM_OTHER:
		say_confirmed(w, v, id + 1 + dice_below(&w->dice, 5), FRAME_OK);
		say_confirmed(w, v, v->asked[dice_below(&w->dice, 8)], FRAME_OK);
		break;
	case CONFIRM_LATER:
		v->confirm_later = true;
		break;
	case CONFIRM_NEVER:
		break;
	}
}

static void acknowledge(struct world *w, struct victim *v, const struct frame *push)
{
	struct spool_stats stats;
	struct frame fr = frame_make(FRAME_PUSHED, push->id);

	spool_stats(v->h->sim->k.spool, &stats);
	fr.a = push->b;
	fr.b = (int64_t)stats.epoch;
	w->frames++;
	sim_say(v->h->sim, &fr, NULL, 0);
}

/* Answer all that the host asks, until it asks no more. */
static void talk(struct world *w, struct victim *v, enum play play, enum confirm how)
{
	struct frame fr;
	int payload;

	for (int quiet = 0, n = 0; quiet < 2 && n < 400; n++) {
		sim_turn(v->h->sim);
		quiet++;
		while (!frame_receive(v->h->sim->courier, &fr, &payload)) {
			quiet = 0;
			if (payload >= 0)
				close(payload);
			if (fr.type == FRAME_FETCH)
				serve(w, v, &fr, play);
			else if (fr.type == FRAME_CONFIRM)
				confirm(w, v, fr.id, how);
			else if (fr.type == FRAME_PUSH)
				acknowledge(w, v, &fr);
		}
	}
}

/* The assignment of PLAY. */
static void assign(struct world *w, struct victim *v, enum play play)
{
	const char *paths[SIGNED_PLANS];
	const struct signed_plan *plans = w->signer->plans;
	const char *host = v->h->sim->host;
	size_t n = 0, all = w->signer->n_plans;

	if (!all || play == EMPTY) {
		n = 0;
	} else if (play == HONEST) {
		/* As the real one: the newest of each policy. */
		for (int p = 0; p < POLICIES; p++)
			for (size_t i = all; i; i--)
				if (plans[i - 1].policy == p) {
					paths[n++] = plans[i - 1].path;
					break;
				}
	} else if (play == TO_AND_FRO) {
		paths[n++] = plans[w->fro[w->steps % 2]].path;
	} else if (play == OLD_SERIALS) {
		for (unsigned k = 1 + dice_below(&w->dice, 8); k; k--)
			paths[n++] = plans[dice_below(&w->dice, (unsigned)all)].path;
	} else if (play == BURST || dice_is(&w->dice, 30)) {
		for (size_t i = all; i && n < 60; i--)
			paths[n++] = plans[i - 1].path;
		if (dice_is(&w->dice, 50)) /* oldest first */
			for (size_t i = 0; i < n / 2; i++) {
				const char *path = paths[i];
				paths[i] = paths[n - 1 - i];
				paths[n - 1 - i] = path;
			}
	} else {
		for (size_t i = all > 6 ? all - 6 : 0; i < all; i++)
			paths[n++] = plans[i].path;
	}
	if (play == WRONG_HOST)
		host = w->victims[dice_below(&w->dice, (unsigned)w->n)].h->sim->host;
	w->frames++;
	sim_assign(v->h->sim, host, paths, n);
}

/* Dates that a server may name, and clocks that a host may have. */
static void clock_game(struct world *w, struct victim *v)
{
	static const int64_t offs[] = { 0, 0, 0, -3650LL * DAY, -40 * DAY, -2 * DAY, -3600, 3600, 2 * DAY,
		20 * DAY, 29 * DAY, 31 * DAY, 400LL * DAY };
	struct sim *s = v->h->sim;
	struct frame fr = frame_make(FRAME_SERVER_TIME, 0);
	size_t n = sizeof offs / sizeof offs[0];

	if (dice_is(&w->dice, 50))
		s->wall = oracle.true_time + offs[dice_below(&w->dice, (unsigned)n)];
	for (int i = 0; i < 3; i++) {
		fr.a = oracle.true_time + offs[dice_below(&w->dice, (unsigned)n)];
		if (dice_is(&w->dice, 3))
			fr.a = s->wall; /* whoever lies about the date with a clock that is wrong already */
		oracle_server_time(v->h, fr.a);
		w->frames++;
		sim_say(s, &fr, NULL, 0);
		sim_turn(s);
	}
}

/* The time goes on for the host, to the deadline of what waits for its confirmation and beyond. */
static void catch_up(struct victim *v)
{
	struct sim *s = v->h->sim;

	sim_pass(s, oracle.true_time - v->at);
	v->at = oracle.true_time;
	if (s->k.pending.active && clock_boot_ms(s->k.clock) >= s->k.pending.until_ms) {
		ev_invoke(s->k.loop, &s->k.deadline, EV_TIMER);
		oracle.undone++;
	}
	if (verify_busy(s->k.verify))
		ev_invoke(s->k.loop, &s->k.refresh, EV_TIMER);
	/* Rounds begin when this program says so, not when a real second has passed: the same seed, the same run. */
	ev_timer_stop(s->k.loop, &s->k.refresh);
}

static void restart(struct world *w, struct victim *v, bool boot)
{
	if (boot)
		sim_reboot(v->h->sim);
	else {
		sim_crash(v->h->sim);
		sim_start(v->h->sim);
	}
	*(boot ? &w->boots : &w->crashes) += 1;
	oracle_started(v->h);
	v->held.id = 0;
	v->confirm_later = false;
	link_start(&v->h->sim->k);
}

/* One host, one play. */
static void step(struct world *w, struct victim *v, enum play play, enum confirm how)
{
	w->steps++;
	w->played[play]++;
	catch_up(v);
	if (v->confirm_later && v->n_asked) {
		v->confirm_later = false;
		say_confirmed(w, v, v->asked[(v->n_asked - 1) % 8], FRAME_OK);
	}
	if (v->held.id) {
		struct frame held = v->held;
		v->held.id = 0;
		serve(w, v, &held, HONEST);
	}
	if (play == CLOCK)
		clock_game(w, v);
	if (dice_is(&w->dice, 5))
		say_confirmed(w, v, 1 + dice_below(&w->dice, 200), FRAME_OK);
	assign(w, v, play);
	talk(w, v, play, how);
	oracle_look(v->h);
	if (dice_is(&w->dice, 2)) {
		restart(w, v, dice_is(&w->dice, 50));
		oracle_look(v->h);
	}
}

/* A play for all hosts, and how it ends for those that ask for a confirmation. */
static void round_of(struct world *w, enum play play)
{
	int again = play == BURST || play == TO_AND_FRO ? 3 : 1;

	if (w->signer->n_plans > 1)
		for (size_t i = 0; i < 2; i++)
			w->fro[i] = dice_below(&w->dice, (unsigned)w->signer->n_plans);
	for (int n = 0; n < again; n++) {
		for (size_t i = 0; i < w->n; i++) {
			enum play mine =
			        dice_is(&w->dice, 15) ? (enum play)dice_below(&w->dice, PLAYS) : play;
			enum confirm how = dice_is(&w->dice, 70)
			                           ? CONFIRM_YES
			                           : (enum confirm)dice_below(&w->dice, CONFIRM_OTHER + 1);
			step(w, &w->victims[i], mine, how);
		}
		oracle.true_time += 2;
	}
}

/* What the operators do meanwhile. */
static void operators(struct world *w)
{
	static const int64_t pauses[] = { 5, 60, 60, 600, 3600, 6 * 3600, DAY };
	struct signer *s = w->signer;

	oracle.true_time += pauses[dice_below(&w->dice, sizeof pauses / sizeof pauses[0])];
	if (dice_is(&w->dice, 3))
		oracle.true_time += 5 * DAY;
	if (s->n_plans < SIGNED_PLANS - POLICIES)
		for (unsigned n = dice_below(&w->dice, 3); n; n--)
			signer_plan(s, oracle.true_time, (unsigned)w->n);
	if (dice_is(&w->dice, 15))
		signer_withdraw(s);
	if (dice_is(&w->dice, 5) && s->keys < 40)
		signer_rotate(s);
	if (s->n_states + 2 < SIGNED_STATES)
		signer_publish(s, oracle.true_time);
}

/* Was the host led so far into the future, by a clock that was wrong and a server that agreed, that no honest metadata is in
 * date for it? It waits there; docs/threat-model.md says so. */
static bool astray(const struct victim *v)
{
	return oracle_date(v->h) > oracle.true_time + 5 * DAY;
}

/* The last words of the operators, served honestly to clocks that are right. */
static void honest_rounds(struct world *w)
{
	for (int n = 0; n < 6; n++) {
		for (size_t i = 0; i < w->n; i++) {
			struct victim *v = &w->victims[i];
			struct frame fr = frame_make(FRAME_SERVER_TIME, 0);
			catch_up(v);
			v->h->sim->wall = fr.a = oracle.true_time;
			oracle_server_time(v->h, fr.a);
			sim_say(v->h->sim, &fr, NULL, 0);
			step(w, v, HONEST, CONFIRM_YES);
		}
		oracle.true_time += 1000;
	}
}

/* The lies end: clocks are set, and everything that is signed last arrives. Returns how many hosts did not follow, of those that
 * are not ASTRAY. */
static unsigned honest_end(struct world *w, unsigned *ret_astray)
{
	const struct signed_plan *last[POLICIES];
	unsigned lost = 0;

	oracle.true_time += 1000;
	for (int i = 0; i < POLICIES; i++)
		last[i] = signer_standing(w->signer, i);
	signer_publish(w->signer, oracle.true_time);
	honest_rounds(w);
	*ret_astray = 0;
	for (size_t i = 0; i < w->n; i++) {
		const struct oracle_host *h = w->victims[i].h;
		bool followed = true;
		for (int p = 0; p < POLICIES; p++)
			followed = followed && h->rows[p].serial == last[p]->serial;
		if (followed)
			continue;
		if (astray(&w->victims[i])) {
			++*ret_astray;
			continue;
		}
		printf("LOST %s: serials %lld and %lld\n", h->sim->host,
		        (long long)h->rows[POLICY_WEB].serial, (long long)h->rows[POLICY_DB].serial);
		lost++;
	}
	return lost;
}

static void fleet_open(struct world *w)
{
	static char roles[][8] = { "web", "db", "batch" };
	struct rlimit limit;

	if (!getrlimit(RLIMIT_NOFILE, &limit)) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	oracle.true_time = REPO_SIM_NOW;
	w->signer = signer_new(&w->dice, oracle.true_time);
	oracle.signer = w->signer;
	for (size_t i = 0; i < w->n; i++) {
		struct victim *v = &w->victims[i];
		char id[16];
		snprintf(id, sizeof id, "h%03zu", i);
		v->h = &oracle.hosts[i];
		*v->h = (struct oracle_host){ .role = roles[i % 3] };
		v->h->sim = sim_new(id, v->h->role, w->signer->repo);
		v->at = oracle.true_time;
		oracle_started(v->h);
		oracle.n_hosts = i + 1;
		link_start(&v->h->sim->k);
	}
}

static void fleet_close(struct world *w)
{
	oracle.n_hosts = 0;
	for (size_t i = 0; i < w->n; i++)
		sim_free(w->victims[i].h->sim);
	signer_free(w->signer);
}

int main(int argc, char **argv)
{
	static struct world w;
	unsigned long hosts = argc > 1 ? strtoul(argv[1], NULL, 10) : 100,
	              rounds = argc > 2 ? strtoul(argv[2], NULL, 10) : PLAYS,
	              seed = argc > 3 ? strtoul(argv[3], NULL, 10) : 1;

	if (argc > 4 || !hosts || hosts > ORACLE_HOSTS || !rounds) {
		fprintf(stderr, "usage: hostile_server [HOSTS [ROUNDS [SEED]]]; at most %d hosts\n",
		        ORACLE_HOSTS);
		return 2;
	}
	w.n = hosts;
	w.dice.state = seed;
	fleet_open(&w);
	for (unsigned long i = 0; i < rounds; i++) {
		operators(&w);
		/* In order, so that a short run has all of them, and a burst comes after a hold. */
		round_of(&w, (enum play)(i % PLAYS));
	}
	unsigned led, lost = honest_end(&w, &led);
	for (int i = 0; i < PLAYS; i++)
		printf("%s %s %lu", i ? "," : "steps by play:", play_names[i], w.played[i]);
	printf("\n%lu hosts, %lu rounds, %lu steps, %lu frames, %zu plans, %d publications, %d roots\n",
	        hosts, rounds, w.steps, w.frames, w.signer->n_plans, w.signer->n_states, w.signer->root);
	printf("%lu crashes, %lu boots, %lu adoptions of which %lu removals, %lu not confirmed\n", w.crashes,
	        w.boots, oracle.adoptions, oracle.removals, oracle.undone);
	printf("%lu writes, %lu violations, %u hosts lost, %u led into the future, seed %lu\n", oracle.writes,
	        oracle.violations, lost, led, seed);
	fleet_close(&w);
	return oracle.violations || lost || !oracle.writes || !oracle.removals || !oracle.undone ||
	       2 * led > hosts;
}
