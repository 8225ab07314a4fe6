/* One measurement: settings, totals before, the walk, totals after, then what follows from them.
 *
 * The walk is no snapshot, so the kernel's own total of minisockets is read on both sides of it; when the walk saw
 * clearly less or more than lies between the two, the report is marked partial. Called by `kedge-agent sockets` and by
 * the keeper.
 */
#include "agent/measure/sockets_report.h"

#define TIMEOUT_MS 10000

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
	return r->discrepancy > 16 && r->discrepancy > r->after.tcp_tw / 100;
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
	return headroom_growth_milli(p->leaving, p->entered, CENSUS_RATE_WINDOW_MS);
}

static void headroom_fill(struct sockets_report *r, const struct sockets_report *previous)
{
	for (size_t i = 0; i < r->n_paths; i++) {
		const struct census_path *p = &r->paths[i];
		struct headroom_input in = { .low = r->ports.low,
			.high = r->ports.high,
			.reserved = r->reserved_in_range,
			.bound = r->counts.listening_in_range,
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

static int tables_fill(struct sockets_report *r, const struct census *c, struct fault *f)
{
	r->counts = *census_counts(c);
	r->n_paths = census_paths(c, r->paths, SOCKETS_PATHS, &r->exact);
	r->n_services = census_services(c, r->services, SOCKETS_SERVICES);
	int rc = census_destinations(c, r->destinations, SOCKETS_DESTINATIONS, &r->n_destinations);
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
		.n_services = r->n_services };
	r->n_advice = advice_give(&in, r->advice);
}

static int walk(const struct sockets_options *o, const struct clock *clock, struct census *c,
        struct sockets_report *r, struct fault *f)
{
	const char *netdir = o->netdir ? o->netdir : "/proc/net";
	struct sockdiag *own = NULL;
	int rc = o->diag ? 0 : sockdiag_open(&own, f);
	if (rc)
		return rc;
	/* Without the totals there is no cross-check, and discrepancy says so. */
	sockstat_init(&r->before);
	sockstat_init(&r->after);
	(void)sockstat_read(netdir, &r->before, NULL);
	int64_t start = clock_boot_ms(clock);
	rc = sockdiag_dump(o->diag ? o->diag : own, SOCKDIAG_ALL_STATES, clock,
	        start + (o->timeout_ms ? o->timeout_ms : TIMEOUT_MS), census_add, c, f);
	r->took_ms = clock_boot_ms(clock) - start;
	(void)sockstat_read(netdir, &r->after, NULL);
	sockdiag_close(own);
	return rc;
}

int sockets_measure(const struct sockets_options *o, struct sockets_report *ret, struct fault *f)
{
	const struct clock *clock = o->clock ? o->clock : &clock_system;
	struct census *c = NULL;
	/* Everything is assigned; clearing the whole struct first would touch pages that are never used. */
	ret->time = clock_wall(clock);
	ret->boot_ms = clock_boot_ms(clock);
	int rc = ports_read(o->sysctl_root ? o->sysctl_root : "/proc/sys", &ret->ports, f);
	if (rc)
		return rc;
	ret->reserved_in_range = port_set_count(&ret->ports.reserved, ret->ports.low, ret->ports.high);
	struct census_setup setup = { .low = ret->ports.low,
		.high = ret->ports.high,
		.reserved = &ret->ports.reserved,
		.reuse_delay_ms = ports_reuse_delay_ms(&ret->ports),
		.hash_key = { o->hash_key[0], o->hash_key[1] } };
	rc = census_new(&setup, &c);
	if (rc)
		return fault_set(f, rc, "census", NULL, "%s", err_text(rc));
	rc = walk(o, clock, c, ret, f);
	if (rc == 0)
		rc = tables_fill(ret, c, f);
	census_free(c);
	if (rc)
		return rc;
	ret->discrepancy = discrepancy_of(ret);
	ret->partial = partial_of(ret);
	headroom_fill(ret, o->previous);
	advice_fill(ret);
	return 0;
}
