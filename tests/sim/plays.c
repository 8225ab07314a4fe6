/* plays.c — the lies of a server, one host at a time. What it gives unchanged the oracle hears of; the rest is between the
 * server and the host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/plays.h"

#define DAY 86400

const char *const play_names[PLAYS] = { "honest", "hold", "burst", "empty", "old serials", "to and fro",
	"replay", "mix", "damage", "forge", "wrong host", "clock", "late" };

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
void play_serve(struct world *w, struct victim *v, const struct frame *ask, enum play play)
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

void play_confirmed(struct world *w, struct victim *v, uint32_t id, enum frame_status status)
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
		play_confirmed(w, v, id, FRAME_OK);
		break;
	case CONFIRM_NO:
		play_confirmed(w, v, id, FRAME_FAILED);
		break;
	case CONFIRM_OTHER:
		play_confirmed(w, v, id + 1 + dice_below(&w->dice, 5), FRAME_OK);
		play_confirmed(w, v, v->asked[dice_below(&w->dice, 8)], FRAME_OK);
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
void play_talk(struct world *w, struct victim *v, enum play play, enum confirm how)
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
				play_serve(w, v, &fr, play);
			else if (fr.type == FRAME_CONFIRM)
				confirm(w, v, fr.id, how);
			else if (fr.type == FRAME_PUSH)
				acknowledge(w, v, &fr);
		}
	}
}

/* The assignment of PLAY. */
void play_assign(struct world *w, struct victim *v, enum play play)
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
void play_clock(struct world *w, struct victim *v)
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
