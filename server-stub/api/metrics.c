/* metrics.c — OpenMetrics text: the fleet in numbers, the store's queue, the HTTP server's counters. Names and units
 * follow prometheus' rules (base units, _total for counters). Answers operators: Prometheus scrapes with a viewer's
 * certificate. */
#include <inttypes.h>

#include "server-stub/api/api_in.h"
#include "server-stub/api/board.h"

#define METRICS_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

static void family(struct buf *b, const char *name, const char *type, const char *help)
{
	buf_fmt(b, "# TYPE %s %s\n# HELP %s %s\n", name, type, name, help);
}

static void counter(struct buf *b, const char *name, const char *help, uint64_t value)
{
	family(b, name, "counter", help);
	buf_fmt(b, "%s_total %" PRIu64 "\n", name, value);
}

static void gauge(struct buf *b, const char *name, const char *help, uint64_t value)
{
	family(b, name, "gauge", help);
	buf_fmt(b, "%s %" PRIu64 "\n", name, value);
}

static void fleet_write(struct buf *b, const struct store_summary *s)
{
	family(b, "kedge_hosts", "gauge", "Hosts by the state of their enrolment.");
	buf_fmt(b, "kedge_hosts{state=\"enrolled\"} %" PRIu64 "\n", s->enrolled);
	buf_fmt(b, "kedge_hosts{state=\"revoked\"} %" PRIu64 "\n", s->revoked);
	buf_fmt(b, "kedge_hosts{state=\"forked\"} %" PRIu64 "\n", s->forked);
	family(b, "kedge_hosts_sync", "gauge", "Hosts by their last status, revoked ones not counted.");
	buf_fmt(b, "kedge_hosts_sync{in_sync=\"yes\"} %" PRIu64 "\n", s->in_sync);
	buf_fmt(b, "kedge_hosts_sync{in_sync=\"no\"} %" PRIu64 "\n", s->out_of_sync);
	gauge(b, "kedge_records_kept", "Raw records in the store.", s->records);
	gauge(b, "kedge_drifts_kept", "Drift rows in the store.", s->drifts);
	gauge(b, "kedge_refusals_kept", "Refusals by hosts in the store.", s->refusals);
}

/* A halted rollout waits for a person, so somebody has to be told. */
static void rollouts_write(struct buf *b, const struct board *board)
{
	uint64_t n[RUN_DONE + 1] = { 0 }, unreadable = 0;

	for (size_t i = 0; i < board->catalogue->n; i++) {
		const struct board_run *r = &board->newest[i];
		if (r->plan->rollout)
			n[r->run.state]++;
		else
			unreadable++;
	}
	family(b, "kedge_rollouts", "gauge", "The newest rollout of each policy, by its state.");
	for (enum run_state s = RUN_RUNNING; s <= RUN_DONE; s++)
		buf_fmt(b, "kedge_rollouts{state=\"%s\"} %" PRIu64 "\n", run_state_name(s), n[s]);
	buf_fmt(b, "kedge_rollouts{state=\"unreadable\"} %" PRIu64 "\n", unreadable);
}

static void store_write(struct buf *b, const struct store_stats *s)
{
	counter(b, "kedge_store_commits", "Group commits.", s->commits);
	counter(b, "kedge_store_batches", "Report batches taken.", s->batches);
	counter(b, "kedge_store_records", "Records stored.", s->records);
	counter(b, "kedge_store_duplicates", "Records that were stored before.", s->duplicates);
	counter(b, "kedge_store_forks", "Batches refused as a second history.", s->forks);
	counter(b, "kedge_store_busy", "Batches refused because the queue was full.", s->busy);
	counter(b, "kedge_store_failures", "Commits that failed.", s->failures);
	gauge(b, "kedge_store_queue_records", "Records waiting to be stored.", s->queue_rows);
	family(b, "kedge_store_commit_seconds", "gauge", "Duration of the last group commit.");
	buf_fmt(b, "kedge_store_commit_seconds %" PRIu64 ".%06" PRIu64 "\n", s->commit_us / 1000000,
	        s->commit_us % 1000000);
}

static void http_write(struct buf *b, const struct http_counters *c)
{
	counter(b, "kedge_http_connections_accepted", "Connections accepted.", c->accepted);
	counter(b, "kedge_http_connections_refused", "Connections closed at once by a limit.", c->refused);
	counter(b, "kedge_tls_handshakes", "TLS handshakes completed.", c->handshakes_done);
	counter(b, "kedge_tls_handshakes_resumed", "Of those: resumed.", c->handshakes_resumed);
	counter(b, "kedge_tls_handshakes_failed", "TLS handshakes that failed.", c->handshakes_failed);
	counter(b, "kedge_http_timeouts", "Connections cut by a deadline.", c->timeouts);
	family(b, "kedge_http_requests", "counter", "Answers by class of status.");
	for (int i = 2; i < 6; i++)
		buf_fmt(b, "kedge_http_requests_total{class=\"%dxx\"} %" PRIu64 "\n", i, c->status[i]);
	counter(b, "kedge_http_unauthorised", "Requests refused for who asked.", c->unauthorised);
	counter(b, "kedge_http_vanished", "Clients gone before their answer.", c->vanished);
	counter(b, "kedge_http_received_bytes", "HTTP bytes received.", c->bytes_in);
	counter(b, "kedge_http_sent_bytes", "HTTP bytes sent.", c->bytes_out);
	gauge(b, "kedge_http_connections", "Connections open.", c->connections);
	gauge(b, "kedge_http_parked", "Requests parked (long polls).", c->parked);
	gauge(b, "kedge_http_deferred", "Requests waiting for a worker or the store.", c->deferred);
}

void metrics_get(struct http_request *req)
{
	struct api *api = req->app;
	struct answer now = answer_now(req);
	struct buf text = BUF_INIT(65536);
	struct store_summary sum;
	struct store_stats stats;
	struct http_counters counters;
	struct board *board = NULL;
	struct fault f = { 0 };
	int rc = store_summary(api->store, &sum, &f);

	if (!rc)
		rc = board_hold(api, &board, &f);
	if (rc) {
		answer_fault(&now, rc, &f);
		return;
	}
	store_stats(api->store, &stats);
	http_server_counters(req->server, &counters);
	fleet_write(&text, &sum);
	gauge(&text, "kedge_repo_generation", "Publications of the repository.",
	        (uint64_t)board->news.generation);
	rollouts_write(&text, board);
	board_let(api, board);
	store_write(&text, &stats);
	http_write(&text, &counters);
	family(&text, "kedge_build", "info", "The running version.");
	buf_str(&text, "kedge_build_info{version=\"" KEDGE_VERSION "\"} 1\n# EOF\n");
	if (text.rc)
		answer_fault(&now, text.rc, NULL);
	else
		http_reply(req, 200, METRICS_TYPE, text.data, text.len, NULL);
	buf_free(&text);
}
