/* Two looks at the kernel's counters, compared.
 *
 * A counter may only rise, so a fall is a reset (another namespace, another boot) and everything between the two looks is
 * unknown; gauges may move as they like and are shown as a level and its change. Only what moved is written: a record a
 * minute would otherwise be zeros. Called by sockets_measure() and its writers.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/measure/counters.h"

/* The number in "net:[4026531840]". */
static uint64_t namespace_read(void)
{
	char text[64];
	ssize_t n = readlinkat(AT_FDCWD, "/proc/self/ns/net", text, sizeof text - 1);
	if (n < 6 || memcmp(text, "net:[", 5) != 0)
		return 0;
	text[n] = '\0';
	return strtoull(text + 5, NULL, 10);
}

void counters_read(const char *netdir, int64_t boot_ms, const struct sockstat *sockstat, struct counters *ret)
{
	struct counters c = { .boot_ms = boot_ms, .netns = namespace_read(), .sockstat = *sockstat };
	c.known = netstat_read(netdir, &c.netstat, NULL) == 0;
	if (softnet_read(netdir, &c.softnet, NULL))
		c.softnet = (struct softnet){ 0 };
	*ret = c;
}

static size_t levels_list(
        const struct counters *now, const struct counters *before, struct counters_level *ret)
{
	const struct sockstat *a = &now->sockstat, *b = &before->sockstat;
	int curr = netstat_index("CurrEstab");
	const struct counters_level all[COUNTERS_LEVELS] = {
		{ "Tcp.CurrEstab", now->netstat.present[curr] ? (int64_t)now->netstat.value[curr] : -1,
		        before->netstat.present[curr] ? (int64_t)before->netstat.value[curr] : -1 },
		{ "sockstat.TCP.tw", a->tcp_tw, b->tcp_tw },
		{ "sockstat.TCP.inuse", a->tcp_inuse, b->tcp_inuse },
		{ "sockstat.TCP6.inuse", a->tcp6_inuse, b->tcp6_inuse },
		{ "sockstat.TCP.orphan", a->tcp_orphan, b->tcp_orphan },
		{ "sockstat.TCP.alloc", a->tcp_alloc, b->tcp_alloc },
		{ "sockstat.TCP.mem", a->tcp_mem, b->tcp_mem },
		{ "sockstat.sockets.used", a->sockets_used, b->sockets_used },
	};
	size_t n = 0;
	/* -1: the kernel did not tell. */
	for (size_t i = 0; i < COUNTERS_LEVELS; i++)
		if (all[i].now >= 0 && all[i].before >= 0)
			ret[n++] = all[i];
	return n;
}

void counters_compare(
        const struct counters *before, const struct counters *after, struct counters_change *ret)
{
	struct counters_change c = { 0 };
	if (before)
		c.interval_ms = after->boot_ms - before->boot_ms;
	if (!before || c.interval_ms <= 0 || !before->known || !after->known) {
		c.interval_ms = 0;
		*ret = c;
		return;
	}
	/* interval_ms > 0: it cannot fail. */
	(void)netstat_diff(&before->netstat, &after->netstat, c.interval_ms, &c.netstat);
	c.reset = before->netns != after->netns || c.netstat.reset;
	c.known = !c.reset;
	c.n_levels = c.known ? levels_list(after, before, c.levels) : 0;
	c.softnet_known = c.known && softnet_diff(&before->softnet, &after->softnet, &c.softnet);
	*ret = c;
}

uint64_t counters_delta(const struct counters_change *c, const char *name, uint64_t *ret_rate_milli)
{
	int i = netstat_index(name);
	bool known = c->known && i >= 0 && c->netstat.known[i];
	if (ret_rate_milli)
		*ret_rate_milli = known ? c->netstat.rate_milli[i] : 0;
	return known ? c->netstat.delta[i] : 0;
}

const char *netstat_gate_name(enum netstat_gate gate)
{
	static const char *const names[] = {
		[NETSTAT_INFO] = "info", [NETSTAT_WARN] = "warn", [NETSTAT_HARD] = "hard"
	};
	return names[gate];
}

/* One thing that moved, of whatever file. */
struct move {
	const char *group, *name;
	const char *gate;
	uint64_t delta, rate_milli;
};

#define MOVES (NETSTAT_ROOM + 3)

static size_t moves_list(const struct counters_change *c, struct move *ret)
{
	size_t n = 0;
	for (size_t i = 0; c->known && i < netstat_count; i++)
		if (c->netstat.known[i] && c->netstat.delta[i])
			ret[n++] = (struct move){ netstat_counters[i].group, netstat_counters[i].name,
				netstat_gate_name(netstat_counters[i].gate), c->netstat.delta[i],
				c->netstat.rate_milli[i] };
	const struct move packets[] = {
		{ "softnet", "processed", "info", c->softnet.processed, 0 },
		{ "softnet", "dropped", "hard", c->softnet.dropped, 0 },
		{ "softnet", "time_squeeze", "warn", c->softnet.squeezed, 0 },
	};
	for (size_t i = 0; c->softnet_known && i < 3; i++)
		if (packets[i].delta) {
			ret[n] = packets[i];
			/* 32 bits times 10^6 fit. */
			ret[n].rate_milli = packets[i].delta * 1000000 / (uint64_t)c->interval_ms;
			n++;
		}
	return n;
}

static int64_t clipped(uint64_t n)
{
	const uint64_t most = (1ULL << 53) - 1; /* the largest integer that every JSON reader keeps */
	return (int64_t)(n < most ? n : most);
}

void counters_json(const struct counters_change *c, struct jsonw *w)
{
	struct move moves[MOVES];
	if (c->interval_ms <= 0) {
		jsonw_null(w, "counters");
		return;
	}
	jsonw_object(w, "counters");
	jsonw_int(w, "interval_ms", c->interval_ms);
	jsonw_bool(w, "reset", c->reset);
	jsonw_array(w, "moved");
	size_t n = moves_list(c, moves);
	for (size_t i = 0; i < n; i++) {
		jsonw_object(w, NULL);
		jsonw_string(w, "group", moves[i].group);
		jsonw_string(w, "name", moves[i].name);
		jsonw_string(w, "gate", moves[i].gate);
		jsonw_int(w, "delta", clipped(moves[i].delta));
		jsonw_int(w, "rate_milli", clipped(moves[i].rate_milli));
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
	jsonw_array(w, "levels");
	for (size_t i = 0; i < c->n_levels; i++) {
		const struct counters_level *l = &c->levels[i];
		jsonw_object(w, NULL);
		jsonw_string(w, "name", l->name);
		jsonw_int(w, "now", l->now);
		jsonw_int(w, "change", l->now - l->before);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
	jsonw_object_end(w);
}

void counters_text(const struct counters_change *c, struct buf *out)
{
	struct move moves[MOVES];
	if (c->interval_ms <= 0)
		return;
	buf_fmt(out, "\ncounters over %" PRId64 ".%" PRId64 " s\n", c->interval_ms / 1000,
	        c->interval_ms % 1000 / 100);
	if (c->reset) {
		buf_str(out, " reset: they began anew, there are no rates\n");
		return;
	}
	size_t n = moves_list(c, moves);
	if (n == 0)
		buf_str(out, " nothing moved\n");
	for (size_t i = 0; i < n; i++) {
		char name[64];
		snprintf(name, sizeof name, "%s.%s", moves[i].group, moves[i].name);
		buf_fmt(out, " %-34s %+12" PRId64 " %10" PRIu64 ".%" PRIu64 "/s%s\n", name,
		        clipped(moves[i].delta), moves[i].rate_milli / 1000, moves[i].rate_milli % 1000 / 100,
		        strcmp(moves[i].gate, "info") == 0   ? ""
		        : strcmp(moves[i].gate, "hard") == 0 ? "  should not move"
		                                             : "  watch it");
	}
	for (size_t i = 0; i < c->n_levels; i++) {
		const struct counters_level *l = &c->levels[i];
		if (l->now != l->before)
			buf_fmt(out, " %-34s %12" PRId64 " now, %+" PRId64 "\n", l->name, l->now,
			        l->now - l->before);
	}
}
