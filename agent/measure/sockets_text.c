/* The report for people, and for scripts: the lines up to the first empty one are "STATE COUNT", with netstat's words and
 * counts, so that what used to read the output of `netstat -an | awk` can read them. */
#include <inttypes.h>

#include "agent/measure/sockets_report.h"

static void states_print(const struct sockets_report *r, struct buf *out)
{
	for (unsigned s = TCP_STATE_ESTABLISHED; s <= TCP_STATE_CLOSING; s++) {
		uint64_t n = census_state(&r->counts, s);
		if (n)
			buf_fmt(out, "%s %" PRIu64 "\n", tcp_state_name(s), n);
	}
}

static void doubts_print(const struct sockets_report *r, struct buf *out)
{
	if (r->partial)
		buf_fmt(out,
		        "\npartial: the table changed during the walk; the kernel counted %" PRId64
		        " minisockets before and %" PRId64 " after, the walk saw %" PRId64
		        " too many or too few\n",
		        r->before.tcp_tw, r->after.tcp_tw, r->discrepancy);
	if (!r->exact)
		buf_str(out, "\nmore destinations than can be counted one by one: figures marked ~ are upper "
		             "bounds\n");
}

static void destinations_print(const struct sockets_report *r, struct buf *out)
{
	if (r->n_destinations == 0)
		return;
	buf_fmt(out, "\nTIME_WAIT by destination (outgoing: %" PRIu64 ")\n", r->counts.outgoing_time_wait);
	for (size_t i = 0; i < r->n_destinations; i++) {
		const struct census_destination *d = &r->destinations[i];
		char text[IP16_ENDPOINT_ROOM];
		buf_fmt(out, "%s%9" PRIu64 "  %s\n", d->error ? "~" : " ", d->time_wait,
		        ip16_endpoint(&d->addr, d->port, text));
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

static void headroom_print(const struct sockets_report *r, struct buf *out)
{
	uint32_t size = (uint32_t)(r->ports.high - r->ports.low + 1);
	buf_fmt(out, "\nport headroom (range %u-%u: %u ports, %u reserved, %u listening)\n", r->ports.low,
	        r->ports.high, size, r->reserved_in_range, r->counts.listening_in_range);
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

static void advice_print(const struct sockets_report *r, struct buf *out)
{
	if (r->n_advice)
		buf_str(out, "\nadvice\n");
	for (size_t i = 0; i < r->n_advice; i++)
		buf_fmt(out, " %-8s %s: %s\n          %s\n", advice_level_name(r->advice[i].level),
		        r->advice[i].rule, r->advice[i].what, r->advice[i].todo);
}

void sockets_report_text(const struct sockets_report *r, struct buf *out)
{
	states_print(r, out);
	doubts_print(r, out);
	destinations_print(r, out);
	services_print(r, out);
	headroom_print(r, out);
	advice_print(r, out);
}
