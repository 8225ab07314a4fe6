/* The report for people, and for scripts: the lines up to the first empty one are "STATE COUNT", with netstat's words and
 * counts, so that what used to read the output of `netstat -an | awk` can read them. What was asked of one destination is told
 * of that destination, path by path. */
#include <inttypes.h>

#include "agent/measure/sockets_report.h"

#define BAR 24

static void states_print(const struct sockets_report *r, struct buf *out)
{
	for (unsigned s = TCP_STATE_ESTABLISHED; s <= TCP_STATE_CLOSING; s++) {
		uint64_t n = census_state(&r->counts, s);
		/* Listeners are on nobody's path. */
		if (n && !(r->filtered && s == TCP_STATE_LISTEN))
			buf_fmt(out, "%s %" PRIu64 "\n", tcp_state_name(s), n);
	}
}

static void totals_print(const struct sockets_report *r, struct buf *out)
{
	const struct {
		const char *what;
		int64_t n;
	} rows[] = { { "TIME_WAIT and FIN_WAIT2 minisockets", r->after.tcp_tw },
		{ "TCP sockets in use, IPv4", r->after.tcp_inuse },
		{ "TCP sockets in use, IPv6", r->after.tcp6_inuse },
		{ "sockets of all families", r->after.sockets_used },
		{ "TCP sockets of the whole host", r->after.tcp_alloc },
		{ "of these without a process", r->after.tcp_orphan } };
	buf_str(out, "totals only: the sockets were not looked at one by one\n");
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (rows[i].n >= 0)
			buf_fmt(out, "%10" PRId64 "  %s\n", rows[i].n, rows[i].what);
}

static void doubts_print(const struct sockets_report *r, struct buf *out)
{
	if (r->stopped)
		buf_fmt(out,
		        "\npartial: the walk was stopped after %" PRId64 " ms; it saw %" PRIu64
		        " sockets, and there are more\n",
		        r->took_ms, r->counts.sockets);
	else if (r->partial)
		buf_fmt(out,
		        "\npartial: the table changed during the walk; the kernel counted %" PRId64
		        " minisockets before and %" PRId64 " after, the walk saw %" PRId64
		        " too many or too few\n",
		        r->before.tcp_tw, r->after.tcp_tw, r->discrepancy);
	if (!r->exact)
		buf_str(out, "\nmore destinations than can be counted one by one: figures marked ~ are upper "
		             "bounds\n");
}

/* " ####....": PART of WHOLE; nothing without bars. */
static void bar_print(const struct sockets_style *style, uint64_t part, uint64_t whole, struct buf *out)
{
	if (!style || !style->bars || whole == 0)
		return;
	if (part > whole)
		part = whole;
	/* Whatever is not zero is seen. */
	uint64_t full = (part * BAR + whole - 1) / whole;
	buf_char(out, ' ');
	for (uint64_t i = 0; i < BAR; i++)
		buf_char(out, i < full ? '#' : '.');
}

static void destinations_print(
        const struct sockets_report *r, const struct sockets_style *style, struct buf *out)
{
	if (r->n_destinations == 0)
		return;
	buf_fmt(out, "\nTIME_WAIT by destination (outgoing: %" PRIu64 ")\n", r->counts.outgoing_time_wait);
	for (size_t i = 0; i < r->n_destinations; i++) {
		const struct census_destination *d = &r->destinations[i];
		char text[IP16_ENDPOINT_ROOM];
		buf_fmt(out, "%s%9" PRIu64 " ", d->error ? "~" : " ", d->time_wait);
		bar_print(style, d->time_wait, r->destinations[0].time_wait, out);
		buf_fmt(out, " %s\n", ip16_endpoint(&d->addr, d->port, text));
	}
}

static void services_print(const struct sockets_report *r, struct buf *out)
{
	if (r->n_services == 0)
		return;
	buf_fmt(out, "\nTIME_WAIT by service (these use up no port: %" PRIu64 ")\n",
	        r->counts.service_time_wait);
	for (size_t i = 0; i < r->n_services; i++) {
		const struct census_service *s = &r->services[i];
		buf_fmt(out, " %9u  port %u, %u other connections%s\n", s->time_wait, s->port, s->live,
		        s->listening ? "" : ", nobody listens");
	}
}

static void owners_print(const struct sockets_report *r, const struct sockets_style *style, struct buf *out)
{
	if (r->n_owners == 0)
		return;
	buf_str(out, "\nsockets by owner (TIME_WAIT has none)\n");
	for (size_t i = 0; i < r->n_owners; i++) {
		const struct census_owner *o = &r->owners[i];
		const char *name = style && style->cgroups ? style->cgroups[i] : NULL;
		buf_fmt(out, "%s%9" PRIu64 "  uid %" PRIu32 ", %" PRIu64 " listen", o->error ? "~" : " ",
		        o->sockets, o->uid, o->listening);
		if (name)
			buf_fmt(out, ", cgroup %s\n", name);
		else if (o->cgroup)
			buf_fmt(out, ", cgroup id %" PRIu64 "\n", o->cgroup);
		else
			buf_char(out, '\n');
	}
}

static void range_print(const struct sockets_report *r, struct buf *out)
{
	uint32_t size = (uint32_t)(r->ports.high - r->ports.low + 1);
	buf_fmt(out, "\nport headroom (range %u-%u: %u ports, %u reserved, %u listening", r->ports.low,
	        r->ports.high, size, r->reserved_in_range, r->counts.listening_in_range);
	if (r->bound_known)
		buf_fmt(out, ", %u bound", r->counts.bound_in_range);
	buf_str(out, ")\n");
}

static void headroom_print(const struct sockets_report *r, struct buf *out)
{
	range_print(r, out);
	if (r->n_paths == 0) {
		buf_str(out, " no outgoing connection\n");
		return;
	}
	buf_str(out, " grade      used%    used TIME_WAIT    open    free  bears/s  full in  path\n");
	for (size_t i = 0; i < r->n_paths; i++) {
		const struct census_path *p = &r->paths[i];
		const struct headroom *h = &r->headroom[i];
		char src[IP16_TEXT_ROOM], dst[IP16_ENDPOINT_ROOM];
		buf_fmt(out, " %-8s %4u.%u%% %s%7u %9u %7u %7u %8u ", headroom_grade_name(h->grade),
		        h->permille / 10, h->permille % 10, p->error ? "~" : " ", h->used, p->time_wait,
		        p->live, h->free, h->sustainable);
		if (h->exhausted_in_s >= 0 && h->exhausted_in_s < 86400)
			buf_fmt(out, "%6" PRId64 " s", h->exhausted_in_s);
		else
			buf_str(out, "       -");
		buf_fmt(out, "  %s -> %s\n", ip16_text(&p->src, src),
		        ip16_endpoint(&p->dst, p->dst_port, dst));
	}
}

/* One path in full. */
static void path_print(const struct census_path *p, const struct headroom *h,
        const struct sockets_style *style, struct buf *out)
{
	char src[IP16_TEXT_ROOM], dst[IP16_ENDPOINT_ROOM];
	buf_fmt(out, "\n%s -> %s: %s, %u.%u %%", ip16_text(&p->src, src),
	        ip16_endpoint(&p->dst, p->dst_port, dst), headroom_grade_name(h->grade), h->permille / 10,
	        h->permille % 10);
	bar_print(style, h->permille, 1000, out);
	buf_fmt(out, "\n ports     %u of %u used, %u free (%u of them to be taken over from TIME_WAIT)\n",
	        h->used, h->capacity, h->free, h->reusable);
	if (p->error)
		buf_fmt(out, "           upper bounds: up to %u of the used ones may be others'\n", p->error);
	buf_fmt(out, " held by   %u open, %u in TIME_WAIT, %u in FIN_WAIT2 without an owner\n", p->live,
	        p->time_wait, p->fin_wait2);
	buf_fmt(out, " pace      %u closed in the last 10 s, %u come free in the next 10 s\n", p->entered,
	        p->leaving);
	buf_fmt(out, " bears     %u closes a second, %u without tcp_tw_reuse\n", h->sustainable,
	        h->sustainable_without_reuse);
	if (h->exhausted_in_s >= 0)
		buf_fmt(out, " full in   %" PRId64 " s at this growth\n", h->exhausted_in_s);
}

static void ages_print(const struct sockets_report *r, const struct sockets_style *style, struct buf *out)
{
	uint64_t most = 0;
	for (unsigned i = 0; i < CENSUS_AGE_CLASSES; i++)
		most = r->counts.time_wait_age[i] > most ? r->counts.time_wait_age[i] : most;
	if (most)
		buf_str(out, "\nTIME_WAIT by age\n");
	for (unsigned i = 0; most && i < CENSUS_AGE_CLASSES; i++) {
		buf_fmt(out, " %2u-%2u s %9" PRIu64, i * 5, i * 5 + 5, r->counts.time_wait_age[i]);
		bar_print(style, r->counts.time_wait_age[i], most, out);
		buf_char(out, '\n');
	}
}

static void destination_print(
        const struct sockets_report *r, const struct sockets_style *style, struct buf *out)
{
	char text[IP16_ENDPOINT_ROOM];
	if (r->n_paths == 0)
		buf_fmt(out, "\nno connection from here to %s uses an ephemeral port\n",
		        r->only.port ? ip16_endpoint(&r->only.addr, r->only.port, text)
		                     : ip16_text(&r->only.addr, text));
	for (size_t i = 0; i < r->n_paths; i++)
		path_print(&r->paths[i], &r->headroom[i], style, out);
	range_print(r, out);
	ages_print(r, style, out);
}

static void advice_print(const struct sockets_report *r, struct buf *out)
{
	if (r->n_advice)
		buf_str(out, "\nadvice\n");
	for (size_t i = 0; i < r->n_advice; i++)
		buf_fmt(out, " %-8s %s: %s\n          %s\n", advice_level_name(r->advice[i].level),
		        r->advice[i].rule, r->advice[i].what, r->advice[i].todo);
}

void sockets_report_text(const struct sockets_report *r, const struct sockets_style *style, struct buf *out)
{
	if (r->mode == SOCKETS_TOTALS) {
		totals_print(r, out);
	} else {
		states_print(r, out);
		doubts_print(r, out);
	}
	if (r->mode == SOCKETS_FULL && r->filtered) {
		destination_print(r, style, out);
	} else if (r->mode == SOCKETS_FULL) {
		destinations_print(r, style, out);
		services_print(r, out);
		headroom_print(r, out);
		owners_print(r, style, out);
	}
	counters_text(&r->change, out);
	advice_print(r, out);
}
