/* From figures to sentences.
 *
 * Each rule is one function that looks at the figures and says nothing, or what is the matter and what helps. Rules never
 * suggest what the kernel does not honour: TIME_WAIT lasts 60 s whatever tcp_fin_timeout says. Thresholds stand beside
 * their rule. Called by sockets_measure(); pure.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "agent/measure/advice.h"

struct list {
	struct advice *items;
	size_t n;
};

static void say(struct list *l, const char *rule, enum advice_level level, const char *todo, const char *fmt,
        ...) __attribute__((format(printf, 5, 6)));

static void say(
        struct list *l, const char *rule, enum advice_level level, const char *todo, const char *fmt, ...)
{
	if (l->n == ADVICE_MAX)
		return;
	struct advice *a = &l->items[l->n++];
	a->rule = rule;
	a->level = level;
	snprintf(a->todo, sizeof a->todo, "%s", todo);
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(a->what, sizeof a->what, fmt, ap);
	va_end(ap);
}

/* "10.0.0.1 -> 10.0.0.5:3306" */
static const char *path_text(const struct census_path *p, char *text, size_t size)
{
	char src[IP16_TEXT_ROOM], dst[IP16_ENDPOINT_ROOM];
	snprintf(text, size, "%s -> %s", ip16_text(&p->src, src), ip16_endpoint(&p->dst, p->dst_port, dst));
	return text;
}

#define PATH_TEXT_ROOM (IP16_TEXT_ROOM + IP16_ENDPOINT_ROOM + 4)

/* No more than three paths by name; the table has the rest. */
static void head001(const struct advice_input *in, struct list *l)
{
	unsigned said = 0;
	for (size_t i = 0; i < in->n_paths && said < 3; i++) {
		const struct census_path *p = &in->paths[i];
		const struct headroom *h = &in->headroom[i];
		if (h->grade < HEADROOM_TIGHT)
			continue;
		char path[PATH_TEXT_ROOM], end[64] = "";
		if (h->exhausted_in_s >= 0 && h->exhausted_in_s < 3600)
			snprintf(end, sizeof end, "; at this pace the rest is gone in %" PRId64 " s",
			        h->exhausted_in_s);
		bool closed = p->time_wait >= p->live;
		say(l, "HEAD001", h->grade == HEADROOM_CRITICAL ? ADVICE_CRITICAL : ADVICE_WARNING,
		        closed ? "keep connections open (keep-alive, a pool), use more source addresses or "
		                 "destinations, or widen ip_local_port_range; tcp_fin_timeout does not "
		                 "shorten "
		                 "TIME_WAIT"
		               : "close idle connections, use more source addresses or destinations, or "
		                 "widen "
		                 "ip_local_port_range",
		        "%s is at %u %%: %u of %u ports used, %u in TIME_WAIT (closed by this host) and %u "
		        "open; %u new connections a second are sustainable%s",
		        path_text(p, path, sizeof path), h->permille / 10, h->used, h->capacity, p->time_wait,
		        p->live, h->sustainable, end);
		said++;
	}
}

static void head002(const struct advice_input *in, struct list *l)
{
	for (size_t i = 0; i < in->n_paths; i++) {
		char path[PATH_TEXT_ROOM];
		if (in->headroom[i].grade != HEADROOM_SLOW)
			continue;
		say(l, "HEAD002", ADVICE_INFO, "keep connections open, or widen ip_local_port_range",
		        "%s is at %u %%: the ports that connect() prefers are gone, and it scans half the "
		        "range "
		        "before it takes another",
		        path_text(&in->paths[i], path, sizeof path), in->headroom[i].permille / 10);
		return;
	}
}

/* Why reuse does not help where it would be wanted: a path that is half full of TIME_WAIT. */
static void head003(const struct advice_input *in, struct list *l)
{
	for (size_t i = 0; i < in->n_paths; i++) {
		const struct census_path *p = &in->paths[i];
		char path[PATH_TEXT_ROOM];
		if ((uint64_t)p->time_wait * 2 < in->headroom[i].capacity)
			continue;
		path_text(p, path, sizeof path);
		bool loopback = ip16_is_loopback(&p->src) || ip16_is_loopback(&p->dst);
		if (in->ports->timestamps == 0 && in->ports->tw_reuse > 0)
			say(l, "HEAD003", ADVICE_INFO, "set tcp_timestamps = 1",
			        "%s: tcp_tw_reuse = %d has no effect while tcp_timestamps = 0", path,
			        in->ports->tw_reuse);
		else if (in->ports->tw_reuse == 0 || (in->ports->tw_reuse == 2 && !loopback))
			say(l, "HEAD003", ADVICE_INFO,
			        "if both ends use timestamps, tcp_tw_reuse = 1 lets connect() take entries "
			        "over "
			        "after a second",
			        "%s: tcp_tw_reuse = %d %s", path, in->ports->tw_reuse,
			        in->ports->tw_reuse == 2 ? "helps loopback connections only"
			                                 : "leaves every entry for 60 s");
		else
			continue;
		return;
	}
}

static void port001(const struct advice_input *in, struct list *l)
{
	const struct ports *p = in->ports;
	if (p->low % 2 == p->high % 2 && p->low != p->high)
		say(l, "PORT001", ADVICE_INFO, "make one end of the range odd and the other even",
		        "both ends of ip_local_port_range %u %u have the same parity: one port can stay "
		        "unreachable when the others are taken",
		        p->low, p->high);
}

static void port007(const struct advice_input *in, struct list *l)
{
	const struct ports *p = in->ports;
	uint32_t size = (uint32_t)(p->high - p->low + 1);
	uint32_t reserved = port_set_count(&p->reserved, p->low, p->high);
	if (reserved * 4 > size)
		say(l, "PORT007", ADVICE_WARNING, "shrink ip_local_reserved_ports, or widen the range",
		        "%u of the %u ports between %u and %u are reserved", reserved, size, p->low, p->high);
}

/* At the limit connections skip TIME_WAIT, and only TCPTimeWaitOverflow tells. */
static void tw006(const struct advice_input *in, struct list *l)
{
	int64_t max = in->ports->max_tw_buckets;
	if (!in->sockstat || in->sockstat->tcp_tw < 0 || max <= 0)
		return;
	int64_t percent = in->sockstat->tcp_tw * 100 / max;
	if (percent >= 50)
		say(l, "TW006", percent >= 80 ? ADVICE_CRITICAL : ADVICE_WARNING,
		        "raise tcp_max_tw_buckets, or leave it at its default",
		        "%" PRId64 " of %" PRId64 " TIME_WAIT entries are taken (%" PRId64 " %%); beyond, "
		        "connections lose the protection against stray segments",
		        in->sockstat->tcp_tw, max, percent);
}

/* A thousand is where people begin to look. */
static void tw010(const struct advice_input *in, struct list *l)
{
	const struct census_counts *c = in->counts;
	if (c->service_time_wait < 1000 || c->service_time_wait < c->outgoing_time_wait ||
	        in->n_services == 0)
		return;
	say(l, "TW010", ADVICE_INFO, "nothing; each costs some 250 bytes",
	        "%" PRIu64
	        " TIME_WAIT entries sit on this host's own services (%u on port %u): they use up no "
	        "port and hold up nobody",
	        c->service_time_wait, in->services[0].time_wait, in->services[0].port);
}

static void cw001(const struct advice_input *in, struct list *l)
{
	uint64_t n = census_state(in->counts, TCP_STATE_CLOSE_WAIT);
	if (n >= 100)
		say(l, "CW001", ADVICE_WARNING,
		        "find the program (ss -tp state close-wait) and have it repaired",
		        "%" PRIu64 " sockets in CLOSE_WAIT: the peer has closed, a program here has not; no "
		        "sysctl changes that",
		        n);
}

static void fw001(const struct advice_input *in, struct list *l)
{
	if (in->counts->fin_wait2_mini >= 1000)
		say(l, "FW001", ADVICE_INFO, "lower tcp_fin_timeout, but not below 10 s",
		        "%" PRIu64 " closed sockets wait in FIN_WAIT2 for a peer that does not close; "
		        "tcp_fin_timeout says how long",
		        in->counts->fin_wait2_mini);
}

static void syn001(const struct advice_input *in, struct list *l)
{
	uint64_t n = census_state(in->counts, TCP_STATE_SYN_SENT);
	if (n >= 100)
		say(l, "SYN001", ADVICE_WARNING,
		        "look at the peer and the path to it (ss -tn state syn-sent)",
		        "%" PRIu64 " connections wait in SYN_SENT for an answer; each holds a port meanwhile",
		        n);
}

/* TW counts every entry, TIME_WAIT lasts 60 s: the rate tells what the population will be, before it is. */
static void tw012(const struct advice_input *in, struct list *l)
{
	uint64_t rate, max = in->ports->max_tw_buckets > 0 ? (uint64_t)in->ports->max_tw_buckets : 0;
	if (!in->change || max == 0 || counters_delta(in->change, "TW", &rate) == 0 || rate > INT64_MAX / 60)
		return;
	uint64_t expected = rate * 60 / 1000;
	if (expected >= max / 5 * 4)
		say(l, "TW012", expected >= max ? ADVICE_CRITICAL : ADVICE_WARNING,
		        "raise tcp_max_tw_buckets, or keep connections open",
		        "%" PRIu64
		        " connections a second enter TIME_WAIT: at this pace there will be %" PRIu64
		        " entries, and tcp_max_tw_buckets is %" PRIu64,
		        rate / 1000, expected, max);
}

/* Counters that stand still on a healthy host. */
static void cnt(const struct advice_input *in, struct list *l)
{
	static const struct {
		const char *rule, *counter, *what, *todo;
		enum advice_level level;
	} rows[] = {
		{ "CNT001", "TCPTimeWaitOverflow", "connections ended without TIME_WAIT",
		        "raise tcp_max_tw_buckets", ADVICE_CRITICAL },
		{ "CNT002", "ListenOverflows", "handshakes met a full accept queue",
		        "raise the program's listen() backlog and somaxconn, or make it accept faster "
		        "(ss -ltn shows which: Recv-Q at Send-Q)",
		        ADVICE_WARNING },
		{ "CNT003", "TCPReqQFullDrop", "SYNs were dropped at a full queue",
		        "raise tcp_max_syn_backlog and somaxconn, or set tcp_syncookies = 1",
		        ADVICE_WARNING },
		{ "CNT003", "TCPReqQFullDoCookies", "SYNs were answered with cookies: the queue was full",
		        "raise somaxconn and the program's listen() backlog; or it is a flood",
		        ADVICE_WARNING },
		{ "CNT004", "TCPAbortOnMemory", "connections were reset for lack of memory",
		        "look at tcp_max_orphans and tcp_mem", ADVICE_CRITICAL },
		{ "CNT005", "RcvPruned", "times received data was thrown away",
		        "raise the maximum of tcp_rmem, or tcp_mem", ADVICE_WARNING },
	};
	for (size_t i = 0; in->change && i < sizeof rows / sizeof rows[0]; i++) {
		uint64_t n = counters_delta(in->change, rows[i].counter, NULL);
		if (n)
			say(l, rows[i].rule, rows[i].level, rows[i].todo,
			        "%" PRIu64 " %s in %" PRId64 " s (%s)", n, rows[i].what,
			        (in->change->interval_ms + 500) / 1000, rows[i].counter);
	}
	if (in->change && in->change->softnet_known && in->change->softnet.dropped)
		say(l, "CNT006", ADVICE_WARNING, "raise netdev_max_backlog",
		        "%u packets were dropped in %" PRId64 " s before they reached the stack (softnet)",
		        in->change->softnet.dropped, (in->change->interval_ms + 500) / 1000);
}

/* A port that a program named in bind() serves no other program's connect(), wherever that goes. */
static void bind001(const struct advice_input *in, struct list *l)
{
	uint32_t size = (uint32_t)(in->ports->high - in->ports->low + 1);
	if ((uint64_t)in->counts->bound_in_range * 20 >= size)
		say(l, "BIND001", ADVICE_WARNING,
		        "let connect() choose the port: bind the address alone, with IP_BIND_ADDRESS_NO_PORT",
		        "%u of the %u ephemeral ports were taken by bind(): they are lost to connections to "
		        "every other destination",
		        in->counts->bound_in_range, size);
}

size_t advice_give(const struct advice_input *in, struct advice ret[ADVICE_MAX])
{
	static void (*const rules[])(const struct advice_input *, struct list *) = { head001, head002,
		head003, bind001, tw006, tw012, cnt, cw001, syn001, port007, port001, fw001, tw010 };
	struct list l = { .items = ret };
	for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
		rules[i](in, &l);
	/* Insertion sort: few items, and equals keep the order of the rules. */
	for (size_t i = 1; i < l.n; i++) {
		struct advice a = ret[i];
		size_t at = i;
		for (; at > 0 && ret[at - 1].level < a.level; at--)
			ret[at] = ret[at - 1];
		ret[at] = a;
	}
	return l.n;
}

const char *advice_level_name(enum advice_level level)
{
	static const char *const names[] = {
		[ADVICE_INFO] = "info", [ADVICE_WARNING] = "warning", [ADVICE_CRITICAL] = "critical"
	};
	return names[level];
}
