/* One measurement: settings, totals before, the walk, totals after, then what follows from them.
 *
 * The walk is no snapshot, so the kernel's own total of minisockets is read on both sides of it; when the walk saw
 * clearly less or more than lies between the two, the report is marked partial. Called by `kedge-agent sockets` and by
 * the keeper.
 */
#include <time.h>

#include "agent/measure/sockets_report.h"

#define TIMEOUT_MS 10000

/* Of this thread: what a measurement costs is measured, never told to it. */
static int64_t cpu_us(void)
{
	struct timespec ts = { 0 };
	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* Minisockets that the walk saw outside [before, after]; -1 when the kernel gave no totals. */
static int64_t discrepancy_of(const struct sockets_report *r)
{
	int64_t low = r->before.tcp_tw, high = r->after.tcp_tw;
	if (low < 0 || high < 0)
		return -1;
	if (low > high) {
		int64_t swap = low;
		low = high;
		high = swap;
	}
	int64_t seen = (int64_t)(census_state(&r->counts, TCP_STATE_TIME_WAIT) + r->counts.fin_wait2_mini);
	if (seen < low)
		return low - seen;
	return seen > high ? seen - high : 0;
}

static bool partial_of(const struct sockets_report *r)
{
	return r->stopped || (r->discrepancy > 16 && r->discrepancy > r->after.tcp_tw / 100);
}

/* The change of P's used ports: against an earlier report when it knows the path, else from the ages of its TIME_WAIT
 * entries (what entered minus what will leave within the same time). */
static int64_t growth_of(
        const struct sockets_report *r, const struct census_path *p, const struct sockets_report *previous)
{
	int64_t dt = previous ? r->boot_ms - previous->boot_ms : 0;
	for (size_t i = 0; dt > 0 && i < previous->n_paths; i++) {
		const struct census_path *q = &previous->paths[i];
		if (ip16_equal(&p->src, &q->src) && ip16_equal(&p->dst, &q->dst) &&
		        p->dst_port == q->dst_port)
			return headroom_growth_milli(q->used, p->used, dt);
	}
	if (dt > 0 && previous->all_paths) /* it was not there yet */
		return headroom_growth_milli(0, p->used, dt);
	return headroom_growth_milli(p->leaving, p->entered, CENSUS_RATE_WINDOW_MS);
}

static void headroom_fill(struct sockets_report *r, const struct sockets_report *previous)
{
	for (size_t i = 0; i < r->n_paths; i++) {
		const struct census_path *p = &r->paths[i];
		struct headroom_input in = { .low = r->ports.low,
			.high = r->ports.high,
			.reserved = r->reserved_in_range,
			.bound = r->counts.listening_in_range + r->counts.bound_in_range,
			.used = p->used,
			.live = p->live,
			.aged = p->aged,
			.tw_reuse = r->ports.tw_reuse,
			.timestamps = r->ports.timestamps,
			.loopback = ip16_is_loopback(&p->src) || ip16_is_loopback(&p->dst),
			.reuse_delay_ms = ports_reuse_delay_ms(&r->ports),
			.growth_known = true,
			.growth_milli = growth_of(r, p, previous) };
		headroom_compute(&in, &r->headroom[i]);
	}
}

static size_t rows(const struct sockets_options *o, size_t usual)
{
	size_t n = o->top ? o->top : usual;
	return n < SOCKETS_TOP_MAX ? n : SOCKETS_TOP_MAX;
}

static int tables_fill(
        const struct sockets_options *o, struct census *c, struct sockets_report *r, struct fault *f)
{
	census_end(c);
	r->counts = *census_counts(c);
	r->n_paths = census_paths(c, r->paths, rows(o, SOCKETS_PATHS), &r->exact);
	r->all_paths = r->exact && !r->stopped && r->n_paths < rows(o, SOCKETS_PATHS);
	r->n_services = census_services(c, r->services, rows(o, SOCKETS_SERVICES));
	r->n_owners = census_owners(c, r->owners, rows(o, SOCKETS_OWNERS));
	int rc = census_destinations(c, r->destinations, rows(o, SOCKETS_DESTINATIONS), &r->n_destinations);
	return rc ? fault_set(f, rc, "census", NULL, "%s", err_text(rc)) : 0;
}

static void advice_fill(struct sockets_report *r)
{
	struct advice_input in = { .ports = &r->ports,
		.counts = &r->counts,
		.sockstat = &r->after,
		.paths = r->paths,
		.headroom = r->headroom,
		.n_paths = r->n_paths,
		.services = r->services,
		.n_services = r->n_services,
		.change = &r->change };
	r->n_advice = advice_give(&in, r->advice);
}

struct only_some {
	const struct sockets_filter *only;
	struct census *census;
};

/* Listeners count in any case: their ports are lost to every destination. */
static int add_some(const struct sockdiag_socket *s, void *ctx)
{
	const struct only_some *o = ctx;
	if (s->state != TCP_STATE_LISTEN && (!ip16_equal(&s->remote, &o->only->addr) ||
	                                            (o->only->port && s->remote_port != o->only->port)))
		return 0;
	return census_add(s, o->census);
}

static int add_bound(const struct sockdiag_socket *s, void *ctx)
{
	port_set_add(ctx, s->local_port);
	return 0;
}

/* Which ports were taken by bind(). Costs a second walk, so not where there are many sockets; what a kernel cannot tell is not
 * known, and no error. */
static bool bound_find(const struct sockets_report *r, struct sockdiag *d, const struct clock *clock,
        int64_t deadline_ms, struct port_set *ret)
{
	const struct sockstat *s = &r->before;
	if (s->tcp_tw < 0 || s->tcp_tw + s->tcp_inuse + s->tcp6_inuse > SOCKETS_BOUND_MAX)
		return false;
	return sockdiag_dump_bound(d, clock, deadline_ms, add_bound, ret, NULL) == 0;
}

static int census_walk(const struct sockets_options *o, struct sockdiag *d, const struct clock *clock,
        struct sockets_report *r, struct fault *f)
{
	struct port_set bound = { 0 };
	struct census *c = NULL;
	int64_t deadline = clock_boot_ms(clock) + (o->timeout_ms ? o->timeout_ms : TIMEOUT_MS);
	r->bound_known = bound_find(r, d, clock, deadline, &bound);
	const struct census_setup setup = { .low = r->ports.low,
		.high = r->ports.high,
		.reserved = &r->ports.reserved,
		.bound = r->bound_known ? &bound : NULL,
		.reuse_delay_ms = ports_reuse_delay_ms(&r->ports),
		.hash_key = { o->hash_key[0], o->hash_key[1] } };
	int rc = census_new(&setup, &c);
	if (rc)
		return fault_set(f, rc, "census", NULL, "%s", err_text(rc));
	struct only_some some = { o->only, c };
	int64_t start = clock_boot_ms(clock);
	rc = sockdiag_dump(d, SOCKDIAG_ALL_STATES, clock, deadline, o->only ? add_some : census_add,
	        o->only ? (void *)&some : c, f);
	r->took_ms = clock_boot_ms(clock) - start;
	r->stopped = rc == KE_TIMEOUT && o->may_stop;
	if (rc == 0 || r->stopped)
		rc = tables_fill(o, c, r, f);
	census_free(c);
	return rc;
}

/* Everything that the walk tells, and the totals around it. */
static int walk(
        const struct sockets_options *o, const struct clock *clock, struct sockets_report *r, struct fault *f)
{
	const char *netdir = o->netdir ? o->netdir : "/proc/net";
	struct sockdiag *own = NULL;
	int rc = o->diag ? 0 : sockdiag_open(&own, f);
	if (rc)
		return rc;
	rc = census_walk(o, o->diag ? o->diag : own, clock, r, f);
	sockdiag_close(own);
	sockstat_init(&r->after);
	(void)sockstat_read(netdir, &r->after, NULL);
	if (rc == 0 && !o->only)
		r->discrepancy = discrepancy_of(r);
	return rc;
}

/* What a report is before anything was counted. Tables are written before they are read; clearing the whole struct would touch
 * pages that are never used. */
static void report_begin(const struct sockets_options *o, const struct clock *clock, struct sockets_report *r)
{
	r->time = clock_wall(clock);
	r->boot_ms = clock_boot_ms(clock);
	r->took_ms = 0;
	r->mode = o->mode;
	r->filtered = o->only;
	r->only = o->only ? *o->only : (struct sockets_filter){ 0 };
	r->counts = (struct census_counts){ 0 };
	r->discrepancy = -1;
	r->stopped = r->bound_known = r->all_paths = false;
	r->exact = true;
	r->n_destinations = r->n_services = r->n_paths = r->n_owners = 0;
	r->counters.known = false;
	r->change.known = r->change.reset = r->change.softnet_known = false;
	r->change.n_levels = 0;
	r->change.interval_ms = 0;
	/* Without the totals there is no cross-check, and discrepancy says so. */
	sockstat_init(&r->before);
	(void)sockstat_read(o->netdir ? o->netdir : "/proc/net", &r->before, NULL);
	r->after = r->before;
}

int sockets_measure(const struct sockets_options *o, struct sockets_report *ret, struct fault *f)
{
	const struct clock *clock = o->clock ? o->clock : &clock_system;
	int64_t cpu = cpu_us();
	report_begin(o, clock, ret);
	int rc = ports_read(o->sysctl_root ? o->sysctl_root : "/proc/sys", &ret->ports, f);
	if (rc)
		return rc;
	ret->reserved_in_range = port_set_count(&ret->ports.reserved, ret->ports.low, ret->ports.high);
	if (o->mode == SOCKETS_FULL && (rc = walk(o, clock, ret, f)) != 0)
		return rc;
	if (o->counters) {
		counters_read(o->netdir ? o->netdir : "/proc/net", clock_boot_ms(clock), &ret->after,
		        &ret->counters);
		counters_compare(o->look, &ret->counters, &ret->change);
	}
	ret->partial = partial_of(ret);
	headroom_fill(ret, o->previous);
	advice_fill(ret);
	ret->cpu_us = cpu_us() - cpu;
	return 0;
}
