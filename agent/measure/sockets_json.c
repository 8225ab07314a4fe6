/* The report as JSON (proto/schema/sockets.schema.json): integers, words, and null for what the kernel does not tell.
 * Used by `kedge-agent sockets --format json` and for the agent's records. */
#include <inttypes.h>
#include <stdio.h>

#include "agent/measure/sockets_report.h"

static void known_or_null(struct jsonw *w, const char *name, int64_t n)
{
	if (n < 0)
		jsonw_null(w, name);
	else
		jsonw_int(w, name, n);
}

/* All states that netstat knows; NULL family: the sum. */
static void states_write(struct jsonw *w, const char *name, const struct census_counts *c, int family)
{
	jsonw_object(w, name);
	for (unsigned s = TCP_STATE_ESTABLISHED; s <= TCP_STATE_CLOSING; s++)
		jsonw_int(w, tcp_state_name(s),
		        (int64_t)(family < 0 ? census_state(c, s) : c->state[family][s]));
	jsonw_object_end(w);
}

static void counts_write(struct jsonw *w, const struct census_counts *c)
{
	jsonw_int(w, "sockets", (int64_t)c->sockets);
	states_write(w, "states", c, -1);
	jsonw_object(w, "families");
	states_write(w, "ipv4", c, CENSUS_IPV4);
	states_write(w, "ipv6", c, CENSUS_IPV6);
	states_write(w, "mapped", c, CENSUS_MAPPED);
	jsonw_object_end(w);
	jsonw_object(w, "time_wait");
	jsonw_int(w, "outgoing", (int64_t)c->outgoing_time_wait);
	jsonw_int(w, "service", (int64_t)c->service_time_wait);
	jsonw_array(w, "age_5s");
	for (unsigned i = 0; i < CENSUS_AGE_CLASSES; i++)
		jsonw_int(w, NULL, (int64_t)c->time_wait_age[i]);
	jsonw_array_end(w);
	jsonw_object_end(w);
	jsonw_int(w, "fin_wait2_minisockets", (int64_t)c->fin_wait2_mini);
}

static void sockstat_write(struct jsonw *w, const struct sockets_report *r)
{
	jsonw_object(w, "sockstat");
	known_or_null(w, "tw_before", r->before.tcp_tw);
	known_or_null(w, "tw_after", r->after.tcp_tw);
	known_or_null(w, "discrepancy", r->discrepancy);
	known_or_null(w, "sockets_used", r->after.sockets_used);
	known_or_null(w, "tcp_inuse", r->after.tcp_inuse);
	known_or_null(w, "tcp6_inuse", r->after.tcp6_inuse);
	known_or_null(w, "host_orphan", r->after.tcp_orphan);
	known_or_null(w, "host_alloc", r->after.tcp_alloc);
	known_or_null(w, "host_mem_pages", r->after.tcp_mem);
	jsonw_object_end(w);
}

static void ports_write(struct jsonw *w, const struct sockets_report *r)
{
	jsonw_object(w, "ports");
	jsonw_int(w, "low", r->ports.low);
	jsonw_int(w, "high", r->ports.high);
	jsonw_int(w, "reserved_in_range", r->reserved_in_range);
	known_or_null(w, "listening_in_range",
	        r->mode == SOCKETS_FULL ? (int64_t)r->counts.listening_in_range : -1);
	known_or_null(w, "bound_in_range", r->bound_known ? (int64_t)r->counts.bound_in_range : -1);
	known_or_null(w, "tcp_tw_reuse", r->ports.tw_reuse);
	jsonw_int(w, "reuse_delay_ms", ports_reuse_delay_ms(&r->ports));
	known_or_null(w, "tcp_timestamps", r->ports.timestamps);
	known_or_null(w, "tcp_max_tw_buckets", r->ports.max_tw_buckets);
	jsonw_object_end(w);
}

static void path_write(struct jsonw *w, const struct census_path *p, const struct headroom *h)
{
	char text[IP16_TEXT_ROOM];
	jsonw_object(w, NULL);
	jsonw_string(w, "source", ip16_text(&p->src, text));
	jsonw_string(w, "destination", ip16_text(&p->dst, text));
	jsonw_int(w, "port", p->dst_port);
	jsonw_string(w, "grade", headroom_grade_name(h->grade));
	jsonw_int(w, "permille", h->permille);
	jsonw_int(w, "capacity", h->capacity);
	jsonw_int(w, "used", h->used);
	jsonw_int(w, "error", p->error);
	jsonw_int(w, "free", h->free);
	jsonw_int(w, "reusable", h->reusable);
	jsonw_int(w, "time_wait", p->time_wait);
	jsonw_int(w, "fin_wait2_minisockets", p->fin_wait2);
	jsonw_int(w, "live", p->live);
	jsonw_int(w, "entered_10s", p->entered);
	jsonw_int(w, "leaving_10s", p->leaving);
	jsonw_int(w, "sustainable", h->sustainable);
	jsonw_int(w, "sustainable_without_reuse", h->sustainable_without_reuse);
	known_or_null(w, "exhausted_in_s", h->exhausted_in_s);
	jsonw_object_end(w);
}

static void destinations_write(struct jsonw *w, const struct sockets_report *r)
{
	char text[IP16_TEXT_ROOM];
	jsonw_array(w, "destinations");
	for (size_t i = 0; i < r->n_destinations; i++) {
		jsonw_object(w, NULL);
		jsonw_string(w, "address", ip16_text(&r->destinations[i].addr, text));
		jsonw_int(w, "port", r->destinations[i].port);
		jsonw_int(w, "time_wait", (int64_t)r->destinations[i].time_wait);
		jsonw_int(w, "error", (int64_t)r->destinations[i].error);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}

static void services_write(struct jsonw *w, const struct sockets_report *r)
{
	jsonw_array(w, "services");
	for (size_t i = 0; i < r->n_services; i++) {
		jsonw_object(w, NULL);
		jsonw_int(w, "port", r->services[i].port);
		jsonw_bool(w, "listening", r->services[i].listening);
		jsonw_int(w, "time_wait", r->services[i].time_wait);
		jsonw_int(w, "live", r->services[i].live);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}

/* Ids have 64 bits, JSON's integers 53: they are text. */
static void owners_write(struct jsonw *w, const struct sockets_report *r, const char *const *cgroups)
{
	jsonw_array(w, "owners");
	for (size_t i = 0; i < r->n_owners; i++) {
		const struct census_owner *o = &r->owners[i];
		char id[24];
		snprintf(id, sizeof id, "%" PRIu64, o->cgroup);
		jsonw_object(w, NULL);
		jsonw_int(w, "uid", o->uid);
		jsonw_opt_string(w, "cgroup_id", o->cgroup ? id : NULL);
		jsonw_opt_string(w, "cgroup", cgroups ? cgroups[i] : NULL);
		jsonw_int(w, "sockets", (int64_t)o->sockets);
		jsonw_int(w, "error", (int64_t)o->error);
		jsonw_int(w, "listening", (int64_t)o->listening);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}

static void advice_write(struct jsonw *w, const struct sockets_report *r)
{
	jsonw_array(w, "advice");
	for (size_t i = 0; i < r->n_advice; i++) {
		jsonw_object(w, NULL);
		jsonw_string(w, "rule", r->advice[i].rule);
		jsonw_string(w, "level", advice_level_name(r->advice[i].level));
		jsonw_string(w, "what", r->advice[i].what);
		jsonw_string(w, "todo", r->advice[i].todo);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}

static void tables_write(struct jsonw *w, const struct sockets_report *r, const char *const *cgroups)
{
	jsonw_bool(w, "exact", r->exact);
	counts_write(w, &r->counts);
	destinations_write(w, r);
	services_write(w, r);
	owners_write(w, r, cgroups);
	jsonw_array(w, "paths");
	for (size_t i = 0; i < r->n_paths; i++)
		path_write(w, &r->paths[i], &r->headroom[i]);
	jsonw_array_end(w);
}

static void only_write(struct jsonw *w, const struct sockets_report *r)
{
	char text[IP16_TEXT_ROOM];
	jsonw_object(w, "only");
	jsonw_string(w, "address", ip16_text(&r->only.addr, text));
	jsonw_int(w, "port", r->only.port);
	jsonw_object_end(w);
}

void sockets_report_json(
        const struct sockets_report *r, const char *const *cgroups, struct jsonw *w, const char *name)
{
	jsonw_object(w, name);
	jsonw_time(w, "time", r->time);
	jsonw_string(w, "mode", r->mode == SOCKETS_FULL ? "full" : "totals");
	jsonw_int(w, "took_ms", r->took_ms);
	jsonw_int(w, "cpu_us", r->cpu_us);
	jsonw_bool(w, "partial", r->partial);
	jsonw_bool(w, "stopped", r->stopped);
	if (r->filtered)
		only_write(w, r);
	if (r->mode == SOCKETS_FULL)
		tables_write(w, r, cgroups);
	sockstat_write(w, r);
	ports_write(w, r);
	counters_json(&r->change, w);
	advice_write(w, r);
	jsonw_object_end(w);
}
