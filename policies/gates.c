/* gates.c — reads and writes the gates of a rollout. Pure. Refuses limits that say nothing and numbers that no fleet has.
 * Called by rollout.c, by the operators' command and by the server that executes. */
#include "policies/gates.h"

#include <string.h>

#include "policies/chance.h"

/* Of the two errors: halting a good rollout, in one look (there are two a wave); letting a fault pass. */
#define ALPHA 2e-5
#define BETA  2e-4

static const char *const names[GATE_COUNT + 1] = { [GATE_FAILED] = "failed",
	[GATE_REVERTED] = "reverted",
	[GATE_CONTESTED] = "contested",
	[GATE_DRIFTED] = "drifted" };

const char *gate_name(enum gate g)
{
	return names[g];
}

struct gates gates_none(void)
{
	struct gates g = { .background = GATES_NO_LIMIT, .excess = GATES_NO_LIMIT };

	for (size_t i = 0; i < GATE_COUNT; i++)
		g.limits[i] = (struct gate_limit){ GATES_NO_LIMIT, GATES_NO_LIMIT };
	return g;
}

struct gates gates_default(void)
{
	struct gates g = gates_none();

	g.soak = 300;
	g.answered = 900;
	g.evidence = 10;
	g.limits[GATE_FAILED].share = 50;
	g.limits[GATE_REVERTED].share = 50;
	g.limits[GATE_CONTESTED].share = 50;
	g.background = 5;
	g.excess = 30;
	return g;
}

static int limit_parse(const struct place *gates, const char *name, struct gate_limit *ret, struct fault *f)
{
	static const char *const known[] = { "hosts", "share", NULL };
	struct gate_limit limit;
	struct place at;
	int rc;

	if ((rc = read_object(gates, name, &at, f)) || (rc = read_members(&at, known, f)) ||
	        (rc = read_opt_int(&at, "hosts", 0, GATES_EVIDENCE_MAX, &limit.hosts, GATES_NO_LIMIT, f)) ||
	        (rc = read_opt_int(&at, "share", 0, 999, &limit.share, GATES_NO_LIMIT, f)))
		return rc;
	if (limit.hosts == GATES_NO_LIMIT && limit.share == GATES_NO_LIMIT)
		return place_fault(&at, f, KE_SCHEMA, NULL, "needs 'hosts' or 'share'");
	*ret = limit;
	return KE_OK;
}

static int harm_parse(const struct place *gates, struct gates *g, struct fault *f)
{
	static const char *const known[] = { "background", "excess", NULL };
	struct place at;
	int rc;

	if ((rc = read_object(gates, "harm", &at, f)) || (rc = read_members(&at, known, f)) ||
	        (rc = read_int(&at, "background", 0, GATES_HARM_MAX, &g->background, f)))
		return rc;
	return read_int(&at, "excess", 1, GATES_HARM_MAX, &g->excess, f);
}

int gates_parse(const struct place *at, struct gates *ret, struct fault *f)
{
	static const char *const known[] = { "soak", "answered", "evidence", "failed", "reverted",
		"contested", "drifted", "harm", NULL };
	struct gates g = gates_none();
	int rc;

	if ((rc = read_members(at, known, f)) ||
	        (rc = read_opt_int(at, "soak", 0, GATES_SOAK_MAX, &g.soak, 0, f)) ||
	        (rc = read_opt_int(at, "answered", 0, 1000, &g.answered, 0, f)) ||
	        (rc = read_opt_int(at, "evidence", 0, GATES_EVIDENCE_MAX, &g.evidence, 0, f)))
		return rc;
	for (size_t i = 0; i < GATE_COUNT; i++)
		if (read_has(at, names[i]) && (rc = limit_parse(at, names[i], &g.limits[i], f)))
			return rc;
	if (read_has(at, "harm") && (rc = harm_parse(at, &g, f)))
		return rc;
	*ret = g;
	return KE_OK;
}

static bool limited(const struct gate_limit *l)
{
	return l->hosts != GATES_NO_LIMIT || l->share != GATES_NO_LIMIT;
}

bool gates_harm(const struct gates *g)
{
	return g->excess > 0;
}

bool gates_idle(const struct gates *g)
{
	for (size_t i = 0; i < GATE_COUNT; i++)
		if (limited(&g->limits[i]))
			return false;
	return !g->soak && !g->answered && !g->evidence && !gates_harm(g);
}

void gates_print(const struct gates *g, struct jsonw *w)
{
	if (gates_idle(g))
		return;
	jsonw_object(w, "gates");
	jsonw_int(w, "soak", g->soak);
	jsonw_int(w, "answered", g->answered);
	jsonw_int(w, "evidence", g->evidence);
	for (size_t i = 0; i < GATE_COUNT; i++) {
		const struct gate_limit *l = &g->limits[i];
		if (!limited(l))
			continue;
		jsonw_object(w, names[i]);
		if (l->hosts != GATES_NO_LIMIT)
			jsonw_int(w, "hosts", l->hosts);
		if (l->share != GATES_NO_LIMIT)
			jsonw_int(w, "share", l->share);
		jsonw_object_end(w);
	}
	if (gates_harm(g)) {
		jsonw_object(w, "harm");
		jsonw_int(w, "background", g->background);
		jsonw_int(w, "excess", g->excess);
		jsonw_object_end(w);
	}
	jsonw_object_end(w);
}

static void percent(struct buf *out, int64_t per_mille)
{
	buf_fmt(out, "%lld", (long long)(per_mille / 10));
	if (per_mille % 10)
		buf_fmt(out, ".%lld", (long long)(per_mille % 10));
	buf_str(out, " %");
}

void gates_text(const struct gates *g, struct buf *out)
{
	const char *comma = "";

	if (gates_idle(g)) {
		buf_str(out, "gates   none: waves open by time alone\n");
		return;
	}
	buf_fmt(out, "gates   soak %lld s, ", (long long)g->soak);
	percent(out, g->answered);
	buf_fmt(out, " answered, shares judged from %lld hosts; halts above: ", (long long)g->evidence);
	for (size_t i = 0; i < GATE_COUNT; i++) {
		const struct gate_limit *l = &g->limits[i];
		if (!limited(l))
			continue;
		buf_fmt(out, "%s%s ", comma, names[i]);
		if (l->hosts != GATES_NO_LIMIT)
			buf_fmt(out, "%lld hosts%s", (long long)l->hosts,
			        l->share != GATES_NO_LIMIT ? " or " : "");
		if (l->share != GATES_NO_LIMIT)
			percent(out, l->share);
		comma = ", ";
	}
	if (gates_harm(g)) {
		buf_fmt(out, "%sharm of ", comma);
		percent(out, g->excess);
		buf_str(out, " over a background of ");
		percent(out, g->background);
		comma = ", ";
	}
	buf_str(out, *comma ? "\n" : "nothing\n");
}

/* ---- what chance explains ---- */

double gates_background(const struct gates *g)
{
	return !gates_harm(g) ? 0 : (double)g->background / 1000;
}

int64_t gates_most(double share, int64_t n)
{
	return chance_most(n, share, ALPHA);
}

int64_t gates_least(const struct gates *g, double share, int64_t n)
{
	int64_t least = chance_least(n, share + (double)g->excess / 1000, BETA);

	return least >= 0 && chance_upto(n, share, least) < 0.5 ? -1 : least;
}

double gates_power(const struct gates *g, double share, int64_t n)
{
	const struct gate_limit *l = &g->limits[GATE_FAILED];
	int64_t most = n;

	if (gates_harm(g)) {
		int64_t least = gates_least(g, gates_background(g), n);
		most = gates_most(gates_background(g), n);
		if (least >= 0 && least < most)
			most = least;
	}
	if (l->hosts != GATES_NO_LIMIT && l->hosts < most)
		most = l->hosts;
	if (l->share != GATES_NO_LIMIT && n * l->share / 1000 < most)
		most = n * l->share / 1000;
	return chance_above(n, share, most);
}
