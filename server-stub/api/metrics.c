/* metrics.c — the fleet in numbers, the store's queue, the HTTP server's counters and its answering times. Names and
 * units follow prometheus' rules (base units, _total for counters). OpenMetrics text; who accepts plain text only (the
 * older format, which checkers read) gets that. Answers operators: Prometheus scrapes with a viewer's certificate. */
#include <inttypes.h>
#include <string.h>

#include "server-stub/api/api_in.h"
#include "server-stub/api/board.h"

#define METRICS_TYPE    "application/openmetrics-text; version=1.0.0; charset=utf-8"
#define METRICS_CLASSIC "text/plain; version=0.0.4; charset=utf-8"

/* The text being written. The older format names a family by its samples, and knows no family of type info. */
struct page {
	struct buf text;
	bool classic;
};

static void family(struct page *p, const char *name, const char *type, const char *help)
{
	const char *suffix = "";

	if (p->classic && strcmp(type, "counter") == 0)
		suffix = "_total";
	if (p->classic && strcmp(type, "info") == 0) {
		suffix = "_info";
		type = "gauge";
	}
	buf_fmt(&p->text, "# TYPE %s%s %s\n# HELP %s%s %s\n", name, suffix, type, name, suffix, help);
}

static void counter(struct page *p, const char *name, const char *help, uint64_t value)
{
	family(p, name, "counter", help);
	buf_fmt(&p->text, "%s_total %" PRIu64 "\n", name, value);
}

static void gauge(struct page *p, const char *name, const char *help, uint64_t value)
{
	family(p, name, "gauge", help);
	buf_fmt(&p->text, "%s %" PRIu64 "\n", name, value);
}

static void fleet_write(struct page *p, const struct store_summary *s)
{
	family(p, "kedge_hosts", "gauge", "Hosts by the state of their enrolment.");
	buf_fmt(&p->text, "kedge_hosts{state=\"enrolled\"} %" PRIu64 "\n", s->enrolled);
	buf_fmt(&p->text, "kedge_hosts{state=\"revoked\"} %" PRIu64 "\n", s->revoked);
	buf_fmt(&p->text, "kedge_hosts{state=\"forked\"} %" PRIu64 "\n", s->forked);
	family(p, "kedge_hosts_sync", "gauge", "Hosts by their last status, revoked ones not counted.");
	buf_fmt(&p->text, "kedge_hosts_sync{in_sync=\"yes\"} %" PRIu64 "\n", s->in_sync);
	buf_fmt(&p->text, "kedge_hosts_sync{in_sync=\"no\"} %" PRIu64 "\n", s->out_of_sync);
	gauge(p, "kedge_records_kept", "Raw records in the store.", s->records);
	gauge(p, "kedge_drifts_kept", "Drift rows in the store.", s->drifts);
	gauge(p, "kedge_refusals_kept", "Refusals by hosts in the store.", s->refusals);
}

/* A halted rollout waits for a person, so somebody has to be told. */
static void rollouts_write(struct page *p, const struct board *board)
{
	uint64_t n[RUN_DONE + 1] = { 0 }, unreadable = 0;

	for (size_t i = 0; i < board->catalogue->n; i++) {
		const struct board_run *r = &board->newest[i];
		if (r->plan->rollout)
			n[r->run.state]++;
		else
			unreadable++;
	}
	family(p, "kedge_rollouts", "gauge", "The newest rollout of each policy, by its state.");
	for (enum run_state s = RUN_RUNNING; s <= RUN_DONE; s++)
		buf_fmt(&p->text, "kedge_rollouts{state=\"%s\"} %" PRIu64 "\n", run_state_name(s), n[s]);
	buf_fmt(&p->text, "kedge_rollouts{state=\"unreadable\"} %" PRIu64 "\n", unreadable);
}

static void store_write(struct page *p, const struct store_stats *s)
{
	counter(p, "kedge_store_commits", "Group commits.", s->commits);
	counter(p, "kedge_store_batches", "Report batches taken.", s->batches);
	counter(p, "kedge_store_records", "Records stored.", s->records);
	counter(p, "kedge_store_duplicates", "Records that were stored before.", s->duplicates);
	counter(p, "kedge_store_forks", "Batches refused as a second history.", s->forks);
	counter(p, "kedge_store_busy", "Batches refused because the queue was full.", s->busy);
	counter(p, "kedge_store_failures", "Commits that failed.", s->failures);
	gauge(p, "kedge_store_queue_records", "Records waiting to be stored.", s->queue_rows);
	family(p, "kedge_store_commit_seconds", "gauge", "Duration of the last group commit.");
	buf_fmt(&p->text, "kedge_store_commit_seconds %" PRIu64 ".%06" PRIu64 "\n", s->commit_us / 1000000,
	        s->commit_us % 1000000);
}

static void http_write(struct page *p, const struct http_counters *c)
{
	counter(p, "kedge_http_connections_accepted", "Connections accepted.", c->accepted);
	counter(p, "kedge_http_connections_refused", "Connections closed at once by a limit.", c->refused);
	counter(p, "kedge_tls_handshakes", "TLS handshakes completed.", c->handshakes_done);
	counter(p, "kedge_tls_handshakes_resumed", "Of those: resumed.", c->handshakes_resumed);
	counter(p, "kedge_tls_handshakes_failed", "TLS handshakes that failed.", c->handshakes_failed);
	counter(p, "kedge_http_timeouts", "Connections cut by a deadline.", c->timeouts);
	family(p, "kedge_http_requests", "counter", "Answers by class of status.");
	for (int i = 2; i < 6; i++)
		buf_fmt(&p->text, "kedge_http_requests_total{class=\"%dxx\"} %" PRIu64 "\n", i, c->status[i]);
	counter(p, "kedge_http_unauthorised", "Requests refused for who asked.", c->unauthorised);
	counter(p, "kedge_http_vanished", "Clients gone before their answer.", c->vanished);
	counter(p, "kedge_http_received_bytes", "HTTP bytes received.", c->bytes_in);
	counter(p, "kedge_http_sent_bytes", "HTTP bytes sent.", c->bytes_out);
	gauge(p, "kedge_http_connections", "Connections open.", c->connections);
	gauge(p, "kedge_http_parked", "Requests parked (long polls).", c->parked);
	gauge(p, "kedge_http_deferred", "Requests waiting for a worker or the store.", c->deferred);
}

/* A certificate that ends before its host renewed it shuts the host out, so somebody has to see it come. */
static void certificates_write(struct page *p, const struct store_cert_ends *ends, struct http_server *server)
{
	int64_t end;

	family(p, "kedge_host_certificates", "gauge",
	        "Hosts, without revoked ones, by when their certificate ends; each counted once.");
	buf_fmt(&p->text, "kedge_host_certificates{ends=\"past\"} %" PRIu64 "\n", ends->past);
	buf_fmt(&p->text, "kedge_host_certificates{ends=\"within_1d\"} %" PRIu64 "\n", ends->day);
	buf_fmt(&p->text, "kedge_host_certificates{ends=\"within_7d\"} %" PRIu64 "\n", ends->week);
	buf_fmt(&p->text, "kedge_host_certificates{ends=\"within_30d\"} %" PRIu64 "\n", ends->month);
	buf_fmt(&p->text, "kedge_host_certificates{ends=\"later\"} %" PRIu64 "\n", ends->later);
	if (http_server_certificate_end(server, &end))
		return;
	family(p, "kedge_server_certificate_end_timestamp_seconds", "gauge",
	        "When the server's own certificate ends.");
	buf_fmt(&p->text, "kedge_server_certificate_end_timestamp_seconds %" PRId64 "\n", end);
}

static void latency_route(struct page *p, const struct http_route *route, const struct http_latency *l)
{
	static const char *const name = "kedge_http_request_seconds";
	char labels[200];
	uint64_t n = 0;

	snprintf(labels, sizeof labels, "method=\"%s\",route=\"%s\"", http_method_name(route->method),
	        route->pattern);
	for (size_t i = 0; i < HTTP_LATENCY_BOUNDS; i++) {
		unsigned ms = http_latency_bounds[i];
		n += l->n[i];
		buf_fmt(&p->text, "%s_bucket{%s,le=\"%u.%03u\"} %" PRIu64 "\n", name, labels, ms / 1000,
		        ms % 1000, n);
	}
	n += l->n[HTTP_LATENCY_BOUNDS];
	buf_fmt(&p->text, "%s_bucket{%s,le=\"+Inf\"} %" PRIu64 "\n", name, labels, n);
	buf_fmt(&p->text, "%s_sum{%s} %" PRIu64 ".%03u\n", name, labels, l->ms / 1000,
	        (unsigned)(l->ms % 1000));
	buf_fmt(&p->text, "%s_count{%s} %" PRIu64 "\n", name, labels, n);
}

/* Routes that nobody has asked for yet are left out. */
static void latencies_write(struct page *p, struct http_server *server)
{
	size_t n;
	const struct http_route *routes = api_routes(&n);

	family(p, "kedge_http_request_seconds", "histogram",
	        "From a whole request to its answer; long polls that waited are not counted. For reports: "
	        "until "
	        "they are durable.");
	for (size_t i = 0; i < n; i++) {
		struct http_latency l;
		uint64_t all = 0;
		http_server_latency(server, i, &l);
		for (size_t j = 0; j <= HTTP_LATENCY_BOUNDS; j++)
			all += l.n[j];
		if (all)
			latency_route(p, &routes[i], &l);
	}
}

/* Everything that the store says, before a byte is written. */
struct findings {
	struct store_summary sum;
	struct store_cert_ends ends;
	struct store_stats stats;
	struct http_counters counters;
	struct board *board; /* held */
};

static int find_all(struct api *api, struct http_server *server, struct findings *ret, struct fault *f)
{
	int rc = store_summary(api->store, &ret->sum, f);

	if (!rc)
		rc = store_cert_ends(api->store, clock_wall(api->clock), &ret->ends, f);
	if (!rc)
		rc = board_hold(api, &ret->board, f);
	if (rc)
		return rc;
	store_stats(api->store, &ret->stats);
	http_server_counters(server, &ret->counters);
	return KE_OK;
}

static void page_write(struct page *p, const struct findings *all, struct http_server *server)
{
	fleet_write(p, &all->sum);
	certificates_write(p, &all->ends, server);
	gauge(p, "kedge_repo_generation", "Publications of the repository.",
	        (uint64_t)all->board->news.generation);
	rollouts_write(p, all->board);
	store_write(p, &all->stats);
	http_write(p, &all->counters);
	latencies_write(p, server);
	family(p, "kedge_build", "info", "The running version.");
	buf_str(&p->text, "kedge_build_info{version=\"" KEDGE_VERSION "\"} 1\n");
	if (!p->classic)
		buf_str(&p->text, "# EOF\n");
}

void metrics_get(struct http_request *req)
{
	static const struct http_field vary[] = { { "Vary", "Accept" }, { NULL, NULL } };
	struct api *api = req->app;
	struct answer now = answer_now(req);
	struct page page = { .text = BUF_INIT(1 << 20) };
	const char *accept = http_field_get(req, "accept");
	struct findings all = { 0 };
	struct fault f = { 0 };
	int rc = find_all(api, req->server, &all, &f);

	if (rc) {
		answer_fault(&now, rc, &f);
		return;
	}
	page.classic =
	        accept && strstr(accept, "text/plain") && !strstr(accept, "application/openmetrics-text");
	page_write(&page, &all, req->server);
	board_let(api, all.board);
	if (page.text.rc)
		answer_fault(&now, page.text.rc, NULL);
	else
		http_reply(req, 200, page.classic ? METRICS_CLASSIC : METRICS_TYPE, page.text.data,
		        page.text.len, vary);
	buf_free(&page.text);
}
