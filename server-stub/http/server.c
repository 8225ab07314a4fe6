/* server.c — starting and stopping the loops.
 *
 * Refuses at start what would only be noticed by the first client: a table with rows that cannot work, certificates
 * that do not fit their key, plain text anywhere but on loopback. Starts in order (table, TLS, sockets, threads) and
 * stops in reverse. Called by the server's main.c and by tests.
 */
#include "server-stub/http/server.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "server-stub/http/listener.h"
#include "server-stub/http/loop.h"

struct http_limits http_limits_default(void)
{
	return (struct http_limits){
		.handshake_ms = 5000,
		.headers_ms = 10000,
		.body_ms = 30000,
		.idle_ms = 90000,
		.write_ms = 30000,
		.run_ms = 30000,
		.park_ms = 120000,
		.drain_ms = 2000,
		.drain_bytes = 256 * 1024,
		.conns = 65536,
		.conns_per_address = 4096,
		.handshakes = 512,
		.handshakes_per_address = 128,
		.deferred = 4096,
	};
}

static int tls_check(SSL_CTX *tls, struct fault *f)
{
	ERR_clear_error();
	if (SSL_CTX_check_private_key(tls) != 1) {
		ERR_clear_error();
		return fault_set(f, KE_TLS, NULL, "give a certificate and the key that belongs to it",
		        "the server has no certificate with a matching key");
	}
	return http_tls_prepare(tls, f);
}

static bool is_loopback(const char *address)
{
	return address && (strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0);
}

static int config_check(const struct http_config *config, struct fault *f)
{
	if (config->threads < 1 || config->threads > LOOP_THREADS_MAX)
		return fault_set(f, KE_USAGE, "threads", "use 1..64", "%u threads", config->threads);
	if (config->plain && (config->tls || !is_loopback(config->address)))
		return fault_set(
		        f, KE_USAGE, config->address, "use TLS", "plain text is for tests on loopback");
	if (!config->plain && !config->tls)
		return fault_set(f, KE_USAGE, "tls", "give a TLS context", "there is none");
	if (config->limits.conns < config->threads || config->limits.handshakes < config->threads)
		return fault_set(f, KE_USAGE, "limits", "raise conns and handshakes", "fewer than threads");
	int rc = http_routes_check(config->routes, config->n_routes, f);
	if (!rc && config->tls)
		rc = tls_check(config->tls, f);
	return rc;
}

static int loops_open(struct http_server *server, struct fault *f)
{
	const struct http_config *config = &server->config;

	server->port = config->port;
	for (unsigned i = 0; i < config->threads; i++) {
		struct loop *loop = &server->loops[i];
		int rc = loop_init(loop, server, i);

		server->n_loops = i + 1;
		if (rc)
			return fault_set(f, rc, NULL, NULL, "an event loop cannot be made");
		loop->max_conns = config->limits.conns / config->threads;
		loop->max_handshakes = config->limits.handshakes / config->threads;
		rc = listener_open(loop, &server->port, f);
		if (rc)
			return rc;
	}
	for (unsigned i = 0; i < server->n_loops; i++) {
		int rc = loop_start(&server->loops[i]);
		if (rc)
			return fault_set(f, rc, NULL, NULL, "a thread cannot be started");
	}
	return KE_OK;
}

int http_server_start(const struct http_config *config, struct http_server **ret, struct fault *f)
{
	int rc = config_check(config, f);
	if (rc)
		return rc;
	struct http_server *server = calloc(1, sizeof *server);
	if (!server)
		return fault_set(f, KE_NOMEM, NULL, NULL, "%s", "");
	server->config = *config;
	server->clock = config->clock ? config->clock : &clock_system;
	pthread_mutex_init(&server->tls_lock, NULL);
	if (config->tls && SSL_CTX_up_ref(config->tls))
		server->tls = config->tls;
	server->addrs = addrs_new(config->limits.conns_per_address, config->limits.handshakes_per_address);
	server->loops = calloc(config->threads, sizeof *server->loops);
	server->latencies = latencies_new(config->n_routes);
	if (!server->addrs || !server->loops || !server->latencies)
		rc = fault_set(f, KE_NOMEM, NULL, NULL, "%s", "");
	else
		rc = loops_open(server, f);
	if (rc) {
		http_server_stop(server, 0);
		http_server_free(server);
		return rc;
	}
	*ret = server;
	return KE_OK;
}

uint16_t http_server_port(const struct http_server *server)
{
	return server->port;
}

int http_server_tls(struct http_server *server, SSL_CTX *tls, struct fault *f)
{
	if (server->config.plain)
		return fault_set(f, KE_USAGE, "tls", NULL, "the server speaks plain text");
	int rc = tls_check(tls, f);
	if (rc)
		return rc;
	SSL_CTX_up_ref(tls);
	pthread_mutex_lock(&server->tls_lock);
	SSL_CTX *old = server->tls;
	server->tls = tls;
	pthread_mutex_unlock(&server->tls_lock);
	SSL_CTX_free(old);
	return KE_OK;
}

void http_server_stop(struct http_server *server, unsigned ms)
{
	for (unsigned i = 0; i < server->n_loops; i++) {
		struct loop *loop = &server->loops[i];
		struct msg *msg = loop->stop_msg;

		if (!loop->started || !msg)
			continue;
		loop->stop_msg = NULL;
		msg->ms = ms;
		if (!loop_post(loop, msg))
			free(msg);
	}
	for (unsigned i = 0; i < server->n_loops; i++)
		loop_join(&server->loops[i]);
}

void http_server_free(struct http_server *server)
{
	if (!server)
		return;
	for (unsigned i = 0; i < server->n_loops; i++)
		loop_free(&server->loops[i]);
	free(server->loops);
	addrs_free(server->addrs);
	latencies_free(server->latencies);
	SSL_CTX_free(server->tls);
	pthread_mutex_destroy(&server->tls_lock);
	free(server);
}

int http_server_drop(struct http_server *server, const unsigned char cert_sha256[SHA256_LEN])
{
	for (unsigned i = 0; i < server->n_loops; i++) {
		struct msg *msg = msg_new(MSG_DROP, SHA256_LEN);
		if (!msg)
			return KE_NOMEM;
		memcpy(msg->data, cert_sha256, SHA256_LEN);
		if (!loop_post(&server->loops[i], msg))
			free(msg);
	}
	return KE_OK;
}

void http_server_counters(struct http_server *server, struct http_counters *ret)
{
	struct http_counters c = {
		.accepted = count_get(server, COUNT_ACCEPTED),
		.refused = count_get(server, COUNT_REFUSED),
		.handshakes_done = count_get(server, COUNT_HANDSHAKES_DONE),
		.handshakes_resumed = count_get(server, COUNT_HANDSHAKES_RESUMED),
		.handshakes_failed = count_get(server, COUNT_HANDSHAKES_FAILED),
		.timeouts = count_get(server, COUNT_TIMEOUTS),
		.unauthorised = count_get(server, COUNT_UNAUTHORISED),
		.vanished = count_get(server, COUNT_VANISHED),
		.bytes_in = count_get(server, COUNT_BYTES_IN),
		.bytes_out = count_get(server, COUNT_BYTES_OUT),
		.connections = count_get(server, COUNT_CONNS),
		.parked = count_get(server, COUNT_PARKED),
		.deferred = count_get(server, COUNT_DEFERRED),
	};

	for (int i = 0; i < 6; i++) {
		c.status[i] = count_get(server, (enum counter)(COUNT_STATUS + i));
		c.requests += c.status[i];
	}
	*ret = c;
}

void http_server_latency(struct http_server *server, size_t route, struct http_latency *ret)
{
	latencies_get(server->latencies, route, ret);
}

int http_server_certificate_end(struct http_server *server, int64_t *ret)
{
	struct tm tm;

	pthread_mutex_lock(&server->tls_lock);
	const X509 *cert = server->tls ? SSL_CTX_get0_certificate(server->tls) : NULL;
	int ok = cert && ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm) == 1;
	pthread_mutex_unlock(&server->tls_lock);
	if (!ok)
		return KE_NOENT;
	*ret = (int64_t)timegm(&tm);
	return KE_OK;
}
