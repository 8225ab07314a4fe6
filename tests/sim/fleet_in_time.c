/* fleet_in_time.c — many lives of one rollout in simulated time, counted.
 *
 *	fleet_in_time [--hosts N] [--waves 1,5,20,100] [--seeds N] [--first SEED] [--fault PERCENT] [--background PERCENT]
 *	              [--deadly PERCENT] [--offline PERCENT] [--partitions N] [--excess PERCENT] [--assume PERCENT]
 *	              [--soak SECONDS] [--each]
 *
 * Prints how many lives ended how, in which wave, after how long, and how much of the fleet was touched; --each prints every
 * life. The gates are those that `kedge rollout start` writes; --excess and --assume change what they judge by chance (the
 * background that the plan states, which need not be the one that the fleet has).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/timeline.h"

struct words {
	struct timeline_plan plan;
	struct rollout rollout;
	struct rollout_wave waves[ROLLOUT_MAX_WAVES];
	int64_t seeds, first;
	bool each;
};

struct sums {
	int64_t done, halted, first_wave, other;
	int64_t touched_max, seconds;
	uint64_t digest;
	int64_t at_wave[ROLLOUT_MAX_WAVES + 1];
};

/* "0.5" as 5 per mille. false: no share. */
static bool share(const char *text, int64_t *ret)
{
	char *end;
	double v = strtod(text, &end);

	if (end == text || *end || v < 0 || v > 100)
		return false;
	*ret = (int64_t)(v * 10 + 0.5);
	return true;
}

static bool number(const char *text, int64_t *ret)
{
	char *end;

	*ret = strtoll(text, &end, 10);
	return end != text && !*end && *ret >= 0 && *ret <= 100000000;
}

static bool waves(char *text, struct words *w)
{
	char *save = NULL;

	w->rollout.n_waves = 0;
	for (char *p = strtok_r(text, ",", &save); p; p = strtok_r(NULL, ",", &save)) {
		struct rollout_wave *wave = &w->waves[w->rollout.n_waves];
		if (w->rollout.n_waves == ROLLOUT_MAX_WAVES || !share(p, &wave->share) ||
		        wave->share <= (w->rollout.n_waves ? wave[-1].share : 0))
			return false;
		w->rollout.n_waves++;
		wave->opens_before = 86400;
	}
	return w->rollout.n_waves > 0;
}

static bool option(struct words *w, const char *name, char *value)
{
	struct timeline_plan *p = &w->plan;
	const struct {
		const char *name;
		int64_t *share, *number;
	} rows[] = {
		{ "--fault", &p->fault, NULL },
		{ "--background", &p->background, NULL },
		{ "--deadly", &p->deadly, NULL },
		{ "--offline", &p->offline, NULL },
		{ "--excess", &w->rollout.gates.excess, NULL },
		{ "--assume", &w->rollout.gates.background, NULL },
		{ "--hosts", NULL, &p->hosts },
		{ "--seeds", NULL, &w->seeds },
		{ "--first", NULL, &w->first },
		{ "--partitions", NULL, &p->partitions },
		{ "--soak", NULL, &w->rollout.gates.soak },
	};

	if (strcmp(name, "--waves") == 0)
		return waves(value, w);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (strcmp(name, rows[i].name) == 0)
			return rows[i].share ? share(value, rows[i].share) : number(value, rows[i].number);
	return false;
}

static int live_one(const struct words *w, uint64_t seed, struct sums *s)
{
	struct timeline_end e;

	if (timeline_live(&w->plan, seed, &e)) {
		fprintf(stderr, "fleet_in_time: out of memory\n");
		return -1;
	}
	s->done += e.state == RUN_DONE;
	s->halted += e.state == RUN_HALTED;
	s->other += e.state != RUN_DONE && e.state != RUN_HALTED;
	s->first_wave += e.state == RUN_HALTED && e.wave == 1;
	s->at_wave[e.wave] += e.state == RUN_HALTED;
	s->seconds += e.seconds;
	if (e.touched > s->touched_max)
		s->touched_max = e.touched;
	s->digest = (s->digest ^ e.digest) * 1099511628211u;
	if (w->each)
		printf("seed %" PRIu64 ": %s in wave %zu after %" PRId64 " s, %" PRId64 " touched, %" PRId64
		       " broken; %s\n",
		        seed, run_state_name(e.state), e.wave, e.seconds, e.touched, e.broken, e.reason);
	return 0;
}

static void tell(const struct words *w, const struct sums *s)
{
	printf("%" PRId64 " seeds of %" PRId64 " hosts: %" PRId64 " done, %" PRId64 " halted (%" PRId64
	       " in wave 1",
	        w->seeds, w->plan.hosts, s->done, s->halted, s->first_wave);
	for (size_t i = 2; i <= w->rollout.n_waves; i++)
		if (s->at_wave[i])
			printf(", %" PRId64 " in wave %zu", s->at_wave[i], i);
	printf("), %" PRId64 " other; mean %" PRId64 " s; at most %.2f %% touched; digest %016" PRIx64 "\n",
	        s->other, s->seconds / w->seeds, 100.0 * (double)s->touched_max / (double)w->plan.hosts,
	        s->digest);
}

int main(int argc, char **argv)
{
	struct words w = {
		.plan = { .hosts = 10000, .background = 5, .deadly = 100, .offline = 30, .poll = 60 },
		.rollout = { .action = ROLLOUT_REMOVE, .serial = 1, .gates = gates_default() },
		.seeds = 10,
		.first = 1,
	};
	char policy[] = "sim", preset[] = "1,5,20,100";
	struct sums sums = { .digest = 1469598103934665603u };
	bool good = waves(preset, &w);

	for (int i = 1; good && i < argc; i++) {
		if (strcmp(argv[i], "--each") == 0)
			w.each = true;
		else
			good = i + 1 < argc && option(&w, argv[i], argv[i + 1]) && ++i;
	}
	if (!good || !w.plan.hosts || !w.seeds) {
		fprintf(stderr, "fleet_in_time: see its first lines for what it takes\n");
		return 2;
	}
	w.rollout.policy = policy;
	w.rollout.waves = w.waves;
	w.plan.rollout = &w.rollout;
	for (int64_t i = 0; i < w.seeds; i++)
		if (live_one(&w, (uint64_t)(w.first + i), &sums))
			return 1;
	tell(&w, &sums);
	return 0;
}
