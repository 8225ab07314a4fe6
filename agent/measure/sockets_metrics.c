/* Families of metrics, one function each over all subjects.
 *
 * The two formats differ in what a counter's TYPE line names (the family, or the sample), in "# UNIT" and in "# EOF"; samples
 * are the same. Label values are escaped as both formats say. Nothing is a float but seconds and ratios, which are written
 * from integers, so no locale can spoil them. Called by `kedge-agent sockets`.
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "agent/measure/sockets_metrics.h"

struct writer {
	const struct metrics_subject *subjects;
	size_t n;
	enum metrics_format format;
	struct buf *out;
	const struct metrics_subject *at; /* the subject whose samples are being written */
	const char *family, *suffix;
	unsigned labels; /* of the present sample */
};

static void family(struct writer *w, const char *name, const char *type, const char *unit, const char *help)
{
	bool counter = strcmp(type, "counter") == 0;
	w->family = name;
	w->suffix = counter ? "_total" : "";
	/* The older format knows no families: its TYPE and HELP name the sample. */
	const char *said = counter && w->format == METRICS_TEXT ? "_total" : "";
	if (w->format == METRICS_OPENMETRICS) {
		buf_fmt(w->out, "# TYPE %s %s\n", name, type);
		if (unit)
			buf_fmt(w->out, "# UNIT %s %s\n", name, unit);
		buf_fmt(w->out, "# HELP %s %s\n", name, help);
	} else {
		buf_fmt(w->out, "# HELP %s%s %s\n# TYPE %s%s %s\n", name, said, help, name, said, type);
	}
}

static void label(struct writer *w, const char *name, const char *value)
{
	buf_char(w->out, w->labels++ ? ',' : '{');
	buf_fmt(w->out, "%s=\"", name);
	for (const char *p = value; *p; p++) {
		if (*p == '\n') {
			buf_str(w->out, "\\n");
			continue;
		}
		if (*p == '"' || *p == '\\')
			buf_char(w->out, '\\');
		buf_char(w->out, *p);
	}
	buf_char(w->out, '"');
}

static void label_number(struct writer *w, const char *name, uint64_t n)
{
	char text[24];
	snprintf(text, sizeof text, "%" PRIu64, n);
	label(w, name, text);
}

static void sample(struct writer *w)
{
	buf_fmt(w->out, "%s%s", w->family, w->suffix);
	w->labels = 0;
	if (w->at->netns)
		label(w, "netns", w->at->netns);
}

static void value(struct writer *w, int64_t n)
{
	buf_fmt(w->out, "%s %" PRId64 "\n", w->labels ? "}" : "", n);
}

/* N thousandths or millionths, as DIGITS behind the point say. */
static void value_fraction(struct writer *w, int64_t n, int64_t whole, int digits)
{
	buf_fmt(w->out, "%s %" PRId64 ".%0*" PRId64 "\n", w->labels ? "}" : "", n / whole, digits, n % whole);
}

#define EACH(w) for ((w)->at = (w)->subjects; (w)->at < (w)->subjects + (w)->n; (w)->at++)
#define FULL(w) ((w)->at->report->mode == SOCKETS_FULL)

/* "TIME_WAIT" is node_exporter's time_wait, FIN_WAIT1 its fin_wait1. */
static void state_word(unsigned state, char text[16])
{
	size_t i = 0;
	for (const char *p = tcp_state_name(state); *p && i < 15; p++)
		text[i++] = *p >= 'A' && *p <= 'Z' ? (char)(*p - 'A' + 'a') : *p;
	text[i] = '\0';
}

static void states(struct writer *w)
{
	char word[16];
	family(w, "kedge_tcp_connection_states", "gauge", NULL, "TCP sockets by state, both families.");
	EACH(w)
	for (unsigned s = TCP_STATE_ESTABLISHED; FULL(w) && s <= TCP_STATE_CLOSING; s++) {
		sample(w);
		state_word(s, word);
		label(w, "state", word);
		value(w, (int64_t)census_state(&w->at->report->counts, s));
	}
	family(w, "kedge_tcp_time_wait", "gauge", NULL,
	        "TIME_WAIT sockets: outgoing ones use up an ephemeral port, those of services none.");
	EACH(w)
	if (FULL(w)) {
		sample(w);
		label(w, "kind", "outgoing");
		value(w, (int64_t)w->at->report->counts.outgoing_time_wait);
		sample(w);
		label(w, "kind", "service");
		value(w, (int64_t)w->at->report->counts.service_time_wait);
	}
	family(w, "kedge_tcp_fin_wait2_minisockets", "gauge", NULL,
	        "FIN_WAIT2 sockets without an owner; tcp_fin_timeout bounds them.");
	EACH(w)
	if (FULL(w)) {
		sample(w);
		value(w, (int64_t)w->at->report->counts.fin_wait2_mini);
	}
}

static void sockstat(struct writer *w)
{
	static const struct {
		const char *name;
		size_t offset;
		const char *help;
	} rows[] = {
		{ "kedge_sockstat_TCP_inuse", offsetof(struct sockstat, tcp_inuse),
		        "IPv4 TCP sockets in use, minisockets excluded." },
		{ "kedge_sockstat_TCP6_inuse", offsetof(struct sockstat, tcp6_inuse),
		        "IPv6 TCP sockets in use, minisockets excluded." },
		{ "kedge_sockstat_TCP_tw", offsetof(struct sockstat, tcp_tw),
		        "Minisockets of both families: TIME_WAIT and ownerless FIN_WAIT2." },
		{ "kedge_sockstat_TCP_orphan", offsetof(struct sockstat, tcp_orphan),
		        "TCP sockets without a process, whole host." },
		{ "kedge_sockstat_TCP_alloc", offsetof(struct sockstat, tcp_alloc),
		        "TCP sockets allocated, whole host." },
		{ "kedge_sockstat_TCP_mem", offsetof(struct sockstat, tcp_mem),
		        "Pages that TCP uses, whole host." },
		{ "kedge_sockstat_sockets_used", offsetof(struct sockstat, sockets_used),
		        "Sockets of all families in use." },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		family(w, rows[i].name, "gauge", NULL, rows[i].help);
		EACH(w)
		{
			const char *at = (const char *)&w->at->report->after + rows[i].offset;
			int64_t n;
			memcpy(&n, at, sizeof n);
			if (n < 0)
				continue;
			sample(w);
			value(w, n);
		}
	}
}

static int64_t clipped(uint64_t n)
{
	return n > INT64_MAX ? INT64_MAX : (int64_t)n;
}

static void netstat(struct writer *w)
{
	char name[96], help[96];
	for (size_t i = 0; i < netstat_count; i++) {
		const struct netstat_counter *c = &netstat_counters[i];
		bool present = false;
		EACH(w)
		present = present ||
		          (w->at->report->counters.known && w->at->report->counters.netstat.present[i]);
		if (!present)
			continue;
		snprintf(name, sizeof name, "kedge_netstat_%s_%s", c->group, c->name);
		snprintf(help, sizeof help, "Statistic %s%s.", c->group, c->name);
		family(w, name, c->gauge ? "gauge" : "counter", NULL, help);
		EACH(w)
		{
			const struct counters *k = &w->at->report->counters;
			if (!k->known || !k->netstat.present[i])
				continue;
			sample(w);
			value(w, clipped(k->netstat.value[i]));
		}
	}
}

/* Of the host, so the first subject tells them, and no namespace stands beside them. */
static void softnet(struct writer *w)
{
	const struct counters *c = &w->subjects[0].report->counters;
	const struct {
		const char *name, *help;
		uint32_t n;
	} rows[] = {
		{ "kedge_softnet_processed", "Packets processed, all CPUs.", c->softnet.processed },
		{ "kedge_softnet_dropped", "Packets dropped at a full input queue, all CPUs.",
		        c->softnet.dropped },
		{ "kedge_softnet_times_squeezed", "Rounds that ended with packets left, all CPUs.",
		        c->softnet.squeezed },
	};
	w->labels = 0;
	for (size_t i = 0; c->known && c->softnet.cpus && i < 3; i++) {
		family(w, rows[i].name, "counter", NULL, rows[i].help);
		buf_fmt(w->out, "%s%s", w->family, w->suffix);
		value(w, rows[i].n);
	}
}

static void range(struct writer *w)
{
	family(w, "kedge_ports_range", "gauge", NULL, "Ephemeral ports: the size of ip_local_port_range.");
	EACH(w)
	{
		sample(w);
		value(w, w->at->report->ports.high - w->at->report->ports.low + 1);
	}
	family(w, "kedge_ports_lost", "gauge", NULL,
	        "Ephemeral ports that no automatic connect() gets: reserved, listening, taken by bind().");
	EACH(w)
	{
		const struct sockets_report *r = w->at->report;
		sample(w);
		label(w, "why", "reserved");
		value(w, r->reserved_in_range);
		if (FULL(w)) {
			sample(w);
			label(w, "why", "listening");
			value(w, r->counts.listening_in_range);
		}
		if (r->bound_known) {
			sample(w);
			label(w, "why", "bound");
			value(w, r->counts.bound_in_range);
		}
	}
}

static void sample_path(struct writer *w, const struct census_path *p)
{
	char text[IP16_TEXT_ROOM];
	sample(w);
	label(w, "source", ip16_text(&p->src, text));
	label(w, "destination", ip16_text(&p->dst, text));
	label_number(w, "port", p->dst_port);
}

enum path_figure {
	PATH_CAPACITY,
	PATH_USED,
	PATH_FREE,
	PATH_REUSABLE,
	PATH_TIME_WAIT,
	PATH_GRADE,
	PATH_BEARS
};

static int64_t path_figure(const struct sockets_report *r, size_t i, enum path_figure which)
{
	const struct headroom *h = &r->headroom[i];
	switch (which) {
	case PATH_CAPACITY:
		return h->capacity;
	case PATH_USED:
		return h->used;
	case PATH_FREE:
		return h->free;
	case PATH_REUSABLE:
		return h->reusable;
	case PATH_TIME_WAIT:
		return r->paths[i].time_wait;
	case PATH_GRADE:
		return h->grade;
	case PATH_BEARS:
		return h->sustainable;
	}
	return 0;
}

static void paths(struct writer *w)
{
	static const struct {
		const char *name, *help;
	} rows[] = {
		[PATH_CAPACITY] = { "kedge_path_capacity_ports", "Ephemeral ports that a path can use." },
		[PATH_USED] = { "kedge_path_used_ports", "Ephemeral ports of a path in use." },
		[PATH_FREE] = { "kedge_path_free_ports",
		        "Ephemeral ports left to a path, those to be taken over included." },
		[PATH_REUSABLE] = { "kedge_path_reusable_ports",
		        "TIME_WAIT entries of a path that tcp_tw_reuse lets connect() take over." },
		[PATH_TIME_WAIT] = { "kedge_path_time_wait", "TIME_WAIT entries of a path." },
		[PATH_GRADE] = { "kedge_path_grade", "0 ok, 1 slow, 2 tight, 3 critical." },
		[PATH_BEARS] = { "kedge_path_sustainable_closes_per_second",
		        "Closes a second that a path can bear for ever." },
	};
	for (unsigned f = 0; f < sizeof rows / sizeof rows[0]; f++) {
		family(w, rows[f].name, "gauge", NULL, rows[f].help);
		EACH(w)
		for (size_t i = 0; i < w->at->report->n_paths; i++) {
			sample_path(w, &w->at->report->paths[i]);
			value(w, path_figure(w->at->report, i, f));
		}
	}
	family(w, "kedge_path_utilisation_ratio", "gauge", "ratio", "1 - free / capacity.");
	EACH(w)
	for (size_t i = 0; i < w->at->report->n_paths; i++) {
		sample_path(w, &w->at->report->paths[i]);
		value_fraction(w, w->at->report->headroom[i].permille, 1000, 3);
	}
	family(w, "kedge_path_exhaustion_seconds", "gauge", "seconds",
	        "Until a path is out of ports at its present growth; absent when it does not grow.");
	EACH(w)
	for (size_t i = 0; i < w->at->report->n_paths; i++) {
		if (w->at->report->headroom[i].exhausted_in_s < 0)
			continue;
		sample_path(w, &w->at->report->paths[i]);
		value(w, w->at->report->headroom[i].exhausted_in_s);
	}
}

static void tables(struct writer *w)
{
	char text[IP16_TEXT_ROOM];
	family(w, "kedge_destination_time_wait", "gauge", NULL, "Outgoing TIME_WAIT by destination.");
	EACH(w)
	for (size_t i = 0; i < w->at->report->n_destinations; i++) {
		const struct census_destination *d = &w->at->report->destinations[i];
		sample(w);
		label(w, "destination", ip16_text(&d->addr, text));
		label_number(w, "port", d->port);
		value(w, clipped(d->time_wait));
	}
	family(w, "kedge_service_sockets", "gauge", NULL, "Connections by local port of a service.");
	EACH(w)
	for (size_t i = 0; i < w->at->report->n_services; i++) {
		const struct census_service *s = &w->at->report->services[i];
		sample(w);
		label_number(w, "port", s->port);
		label(w, "kind", "time_wait");
		value(w, s->time_wait);
		sample(w);
		label_number(w, "port", s->port);
		label(w, "kind", "live");
		value(w, s->live);
	}
	family(w, "kedge_owner_sockets", "gauge", NULL,
	        "Sockets that belong to a process, by user and cgroup.");
	EACH(w)
	for (size_t i = 0; i < w->at->report->n_owners; i++) {
		const struct census_owner *o = &w->at->report->owners[i];
		const char *name = w->at->cgroups ? w->at->cgroups[i] : NULL;
		sample(w);
		label_number(w, "uid", o->uid);
		label_number(w, "cgroup_id", o->cgroup);
		label(w, "cgroup", name ? name : "");
		value(w, clipped(o->sockets));
	}
}

static void advice(struct writer *w)
{
	family(w, "kedge_sockets_advice", "gauge", NULL, "Findings by rule and level.");
	EACH(w)
	{
		const struct sockets_report *r = w->at->report;
		for (size_t i = 0; i < r->n_advice; i++) {
			size_t same = 0;
			bool told = false;
			for (size_t k = 0; k < r->n_advice; k++) {
				bool equal = strcmp(r->advice[k].rule, r->advice[i].rule) == 0 &&
				             r->advice[k].level == r->advice[i].level;
				told = told || (equal && k < i);
				same += equal;
			}
			if (told)
				continue;
			sample(w);
			label(w, "rule", r->advice[i].rule);
			label(w, "level", advice_level_name(r->advice[i].level));
			value(w, (int64_t)same);
		}
	}
}

/* About the measurement itself. */
static void effort(struct writer *w)
{
	family(w, "kedge_sockets_walk_seconds", "gauge", "seconds", "Duration of the walk over the sockets.");
	EACH(w)
	{
		sample(w);
		value_fraction(w, w->at->report->took_ms, 1000, 3);
	}
	family(w, "kedge_sockets_cpu_seconds", "gauge", "seconds", "Processor time of the measurement.");
	EACH(w)
	{
		sample(w);
		value_fraction(w, w->at->report->cpu_us, 1000000, 6);
	}
	family(w, "kedge_sockets_partial", "gauge", NULL, "1: the walk did not see what the kernel counted.");
	EACH(w)
	{
		sample(w);
		value(w, w->at->report->partial);
	}
	family(w, "kedge_sockets_exact", "gauge", NULL, "1: no figure by destination is a bound.");
	EACH(w)
	{
		sample(w);
		value(w, w->at->report->exact);
	}
}

void sockets_metrics(
        const struct metrics_subject *subjects, size_t n, enum metrics_format format, struct buf *out)
{
	struct writer w = { .subjects = subjects, .n = n, .format = format, .out = out };
	if (n > 0) {
		states(&w);
		sockstat(&w);
		netstat(&w);
		softnet(&w);
		range(&w);
		paths(&w);
		tables(&w);
		advice(&w);
		effort(&w);
	}
	if (format == METRICS_OPENMETRICS)
		buf_str(out, "# EOF\n");
}
