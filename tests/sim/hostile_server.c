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

#include "tests/sim/plays.h"

#define DAY 86400

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
		play_confirmed(w, v, v->asked[(v->n_asked - 1) % 8], FRAME_OK);
	}
	if (v->held.id) {
		struct frame held = v->held;
		v->held.id = 0;
		play_serve(w, v, &held, HONEST);
	}
	if (play == CLOCK)
		play_clock(w, v);
	if (dice_is(&w->dice, 5))
		play_confirmed(w, v, 1 + dice_below(&w->dice, 200), FRAME_OK);
	play_assign(w, v, play);
	play_talk(w, v, play, how);
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
			v->astray = astray(v); /* a restart may bring it back, too late for this round */
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
		if (w->victims[i].astray) {
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
		char id[32];
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
