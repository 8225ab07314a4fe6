/* courier_world.h — a PKI, an HTTPS server that answers like the control server, and a courier whose keeper is the test. */
#ifndef KEDGE_TEST_COURIER_WORLD_H
#define KEDGE_TEST_COURIER_WORLD_H

#include <ev.h>
#include <fcntl.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "agent/config/config.h"
#include "agent/ipc/frame.h"
#include "agent/ipc/seal.h"
#include "certs/cert.h"
#include "certs/csr.h"
#include "certs/est.h"
#include "certs/issue.h"
#include "certs/tls.h"
#include "certs/token.h"
#include "proto/fileio.h"
#include "server-stub/http/problem.h"
#include "server-stub/http/server.h"

#define WORLD_PATIENCE 10.0 /* seconds */

struct world {
	char dir[64];
	struct http_server *server;
	uint16_t port;
	struct agent_config *config;
	struct ca *host_ca;
	/* what the server saw and is to do; handlers run in its thread */
	atomic_int push_mode; /* HTTP status to answer */
	atomic_int polls;     /* assignment requests with wait > 0 */
	atomic_int no_cert;   /* requests without a client certificate */
	atomic_int gzipped;   /* bodies that came compressed and were NDJSON inside */
	atomic_int enrolled;  /* simpleenroll answers with 200 */
	atomic_llong news;    /* generation that is served, 0: none */
	atomic_int poll_mode; /* HTTP status when not 0 */
	unsigned char pin[SHA256_LEN];
};

static struct world w;

static const char *at(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static const char *at(const char *fmt, ...)
{
	static char paths[8][256];
	static unsigned turn;
	char *path = paths[turn++ % 8];
	va_list ap;
	int n = snprintf(path, 256, "%s/", w.dir);

	va_start(ap, fmt);
	vsnprintf(path + n, 256 - (size_t)n, fmt, ap);
	va_end(ap);
	return path;
}

static inline int world_run(const char *const *argv)
{
	pid_t pid;
	int status = -1;
	posix_spawn_file_actions_t quiet;

	posix_spawn_file_actions_init(&quiet);
	posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
	int rc = posix_spawnp(&pid, argv[0], &quiet, NULL, (char *const *)(uintptr_t)argv, environ);
	posix_spawn_file_actions_destroy(&quiet);
	return rc || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ? -1 : WEXITSTATUS(status);
}

/* ---- the server ---- */

static inline void count_peer(const struct http_request *req)
{
	if (!req->peer->present)
		atomic_fetch_add(&w.no_cert, 1);
}

static const char world_root[] = "{\"root\":2}";

static inline void h_metadata(struct http_request *req)
{
	const char *name = http_param(req, "name");
	static char big[5000];

	count_peer(req);
	if (strcmp(name, "timestamp.json") == 0 || strcmp(name, "a b?c.json") == 0)
		http_reply(req, 200, "application/json", "bytes", 5, NULL);
	else if (strcmp(name, "big.json") == 0)
		http_reply(req, 200, "application/json", big, sizeof big, NULL);
	else if (strcmp(name, "1.root.json") == 0)
		http_reply(req, 200, "application/json", "{\"root\":1}", 10, NULL);
	else if (strcmp(name, "2.root.json") == 0)
		http_reply(req, 200, "application/json", world_root, sizeof world_root - 1, NULL);
	else if (strcmp(name, "busy.json") == 0)
		http_problem_busy(req, 503, 7, "come back later");
	else if (strcmp(name, "moved.json") == 0)
		http_reply(req, 302, NULL, NULL, 0,
		        (const struct http_field[]){
		                { "Location", "https://127.0.0.1:1/" }, { NULL, NULL } });
	else if (strcmp(name, "hidden.json") == 0)
		http_problem(req, 403, NULL, NULL, "not for you");
	else
		http_problem(req, 404, NULL, NULL, "no such file");
}

static inline void h_target(struct http_request *req)
{
	http_reply(
	        req, 200, "application/json", http_param(req, "path"), strlen(http_param(req, "path")), NULL);
}

/* Is the body gzip of lines that begin with '{'? */
static inline bool is_packed(const struct http_request *req)
{
	char out[65536];
	z_stream z = { .next_in = (unsigned char *)(uintptr_t)req->body,
		.avail_in = (unsigned)req->body_len,
		.next_out = (unsigned char *)out,
		.avail_out = sizeof out };

	if (inflateInit2(&z, 15 + 16) != Z_OK)
		return false;
	int rc = inflate(&z, Z_FINISH);
	inflateEnd(&z);
	return rc == Z_STREAM_END && out[0] == '{' && out[z.total_out - 1] == '\n';
}

static inline void h_push(struct http_request *req)
{
	static const char acked[] = "{\"acked\":42,\"epoch\":\"f123456789abcdef\"}";
	static const char fork[] = "{\"type\":\"about:blank\",\"status\":409,\"head\":{\"epoch\":"
	                           "\"00000000000000aa\",\"seq\":7,\"head\":"
	                           "\"1111111111111111111111111111111111111111111111111111111111111111\"}}";
	const char *coding = http_field_get(req, "content-encoding");
	const char *type = http_field_get(req, "content-type");
	int mode = atomic_load(&w.push_mode);

	count_peer(req);
	if (coding && strcmp(coding, "gzip") == 0 && is_packed(req))
		atomic_fetch_add(&w.gzipped, 1);
	if (!type || strcmp(type, "application/x-ndjson") != 0)
		http_problem(req, 415, NULL, NULL, "type");
	else if (mode == 415 && coding)
		http_problem(req, 415, NULL, NULL, "no codings");
	else if (mode == 409)
		http_reply(req, 409, "application/problem+json", fork, sizeof fork - 1, NULL);
	else if (mode == 503)
		http_problem_busy(req, 503, 3, "full");
	else if (mode == 422)
		http_problem(req, 422, NULL, NULL, "line 3 has no seq");
	else if (mode == 1)
		http_reply(req, 200, "text/html", "<html>portal</html>", 19, NULL);
	else
		http_reply(req, 200, "application/json", acked, sizeof acked - 1, NULL);
}

static inline void answer_news(struct http_request *req, long long generation)
{
	char body[128], etag[32];

	snprintf(etag, sizeof etag, "\"%lld\"", generation);
	int n = snprintf(body, sizeof body,
	        "{\"kedge_assignment\":1,\"host\":\"web1\",\"generation\":%lld,\"rollouts\":[]}", generation);
	http_reply(req, 200, "application/json", body, (size_t)n,
	        (const struct http_field[]){ { "ETag", etag }, { NULL, NULL } });
}

static inline void on_news(struct http_request *req, enum http_wake why, void *arg)
{
	(void)arg;
	if (why == HTTP_WOKEN)
		answer_news(req, atomic_load(&w.news));
	else if (why == HTTP_WAIT_OVER)
		http_reply(req, 204, NULL, NULL, 0, NULL);
}

static inline void h_assignment(struct http_request *req)
{
	char wait[16] = "0", generation[24] = "0";
	long long news = atomic_load(&w.news);
	int mode = atomic_load(&w.poll_mode);

	count_peer(req);
	http_query(req, "wait", wait, sizeof wait);
	http_query(req, "generation", generation, sizeof generation);
	if (strtol(wait, NULL, 10) > 0)
		atomic_fetch_add(&w.polls, 1);
	if (mode)
		http_problem(req, mode, NULL, NULL, "not now");
	else if (news > strtoll(generation, NULL, 10))
		answer_news(req, news);
	else if (strtol(wait, NULL, 10) == 0)
		http_reply(req, 204, NULL, NULL, 0, NULL);
	else if (http_park(req, "web1", (unsigned)strtoul(wait, NULL, 10) * 1000, on_news, NULL))
		http_problem(req, 500, NULL, NULL, "park");
}

static inline void h_cacerts(struct http_request *req)
{
	struct stack_st_X509 *list = NULL, *more = NULL;
	char path[256], *body = NULL;
	size_t len = 0;

	snprintf(path, sizeof path, "%s/pki/both.crt", w.dir);
	if (cert_list_load(path, &list, NULL) || est_certs_encode(list, &body, &len, NULL))
		http_problem(req, 500, NULL, NULL, "cacerts");
	else
		http_reply(req, 200, "application/pkcs7-mime", body, len, NULL);
	free(body);
	cert_list_free(list);
	cert_list_free(more);
}

/* Sign what came for host NAME, valid for SECONDS. */
static inline void answer_enrol(struct http_request *req, const char *name)
{
	struct csr csr = { 0 };
	struct issue what = { .kind = PROFILE_HOST, .now = clock_wall(&clock_system) };
	struct stack_st_X509 *list = NULL;
	X509 *cert = NULL;
	char *body = NULL;
	size_t len = 0;

	if (csr_parse(req->body, req->body_len, &csr, NULL)) {
		http_problem(req, 400, NULL, NULL, "request");
		return;
	}
	what.key = csr.key;
	if (identity_make(IDENTITY_HOST, "test", name, &what.id, NULL) ||
	        issue_cert(w.host_ca, &what, &cert, NULL) || cert_list_of(cert, NULL, &list) ||
	        est_certs_encode(list, &body, &len, NULL)) {
		http_problem(req, 500, NULL, NULL, "issue");
	} else {
		atomic_fetch_add(&w.enrolled, 1);
		http_reply(req, 200, "application/pkcs7-mime", body, len, NULL);
	}
	free(body);
	cert_list_free(list);
	cert_free(cert);
	csr_free(&csr);
}

/* The token's id says what happens. */
static inline void h_enrol(struct http_request *req)
{
	const char *basic = http_field_get(req, "authorization");
	char plain[128] = "";
	size_t len = 0;

	if (!basic || strncmp(basic, "Basic ", 6) != 0 || strlen(basic) > 120 ||
	        !base64_decode(basic + 6, strlen(basic + 6), plain, &len))
		http_problem(req, 401, NULL, NULL, "no token");
	else if (strncmp(plain, "0000000000000001:", 17) == 0)
		answer_enrol(req, "web1");
	else if (strncmp(plain, "0000000000000002:", 17) == 0)
		http_problem(req, 403, NULL, NULL, "the token is for web2");
	else if (strncmp(plain, "0000000000000003:", 17) == 0)
		answer_enrol(req, "other");
	else
		http_problem(req, 401, NULL, NULL, "used");
}

static inline void h_reenrol(struct http_request *req)
{
	count_peer(req);
	answer_enrol(req, "web1");
}

static const struct http_route world_routes[] = {
	{ HTTP_GET, "/v1/repo/metadata/{name}", HTTP_AUTH_ANY, 0, h_metadata },
	{ HTTP_GET, "/v1/repo/targets/{path...}", HTTP_AUTH_ANY, 0, h_target },
	{ HTTP_POST, "/v1/hosts/{id}/reports", HTTP_AUTH_ANY, 1 << 20, h_push },
	{ HTTP_GET, "/v1/hosts/{id}/assignment", HTTP_AUTH_ANY, 0, h_assignment },
	{ HTTP_GET, "/.well-known/est/cacerts", HTTP_AUTH_ANY, 0, h_cacerts },
	{ HTTP_POST, "/.well-known/est/simpleenroll", HTTP_AUTH_ANY, 65536, h_enrol },
	{ HTTP_POST, "/.well-known/est/simplereenroll", HTTP_AUTH_ANY, 65536, h_reenrol },
};

static inline int world_identify(void *app, const struct http_peer *peer, struct http_identity *ret)
{
	(void)app;
	(void)peer;
	(void)ret;
	return KE_FORBIDDEN;
}

/* A server with CERT and KEY (PEM files; CERT with its chain). */
static inline struct http_server *world_server(const char *cert, const char *key)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	struct http_server *server = NULL;
	struct fault f = { 0 };

	SSL_CTX_set_security_level(ctx, 0); /* bad certificates too */
	assert_int_equal(SSL_CTX_use_certificate_chain_file(ctx, cert), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM), 1);
	assert_int_equal(SSL_CTX_load_verify_locations(ctx, at("pki/host-ca.crt"), NULL), 1);
	assert_int_equal(http_tls_prepare(ctx, &f), 0);
	const struct http_config config = { .address = "127.0.0.1",
		.threads = 1,
		.tls = ctx,
		.routes = world_routes,
		.n_routes = sizeof world_routes / sizeof world_routes[0],
		.limits = http_limits_default(),
		.identify = world_identify };
	if (http_server_start(&config, &server, &f))
		fail_msg("%s: %s", f.where, f.what);
	SSL_CTX_free(ctx);
	return server;
}

static inline void world_configure(uint16_t port)
{
	char text[1024];
	struct fault f = { 0 };
	int n = snprintf(text, sizeof text,
	        "[agent]\nhost = web1\nfleet = test\nserver = https://127.0.0.1:%u\nca = "
	        "%s/pki/server-ca.crt\n"
	        "[users]\nkeeper = 64121\ncourier = 64122\n[paths]\nrun = %s/run\nstate = %s/state\n"
	        "[times]\nretry_max = 1\n",
	        (unsigned)port, w.dir, w.dir, w.dir);

	agent_config_free(w.config);
	w.config = NULL;
	if (agent_config_parse(text, (size_t)n, &w.config, &f))
		fail_msg("%s: %s", f.where, f.what);
}

static inline void world_copy(const char *from, const char *to, mode_t mode)
{
	char *text = NULL;
	size_t len = 0;

	assert_int_equal(file_read(from, 65536, &text, &len, NULL), 0);
	assert_int_equal(file_replace(to, text, len, mode, FILE_VOLATILE, NULL), 0);
	file_free(text);
}

static inline int world_open(void **state)
{
	(void)state;
	snprintf(w.dir, sizeof w.dir, "/tmp/kedge-courier-XXXXXX");
	if (!mkdtemp(w.dir) || chmod(w.dir, 0755))
		return -1;
	char pki[80], both[400];
	snprintf(pki, sizeof pki, "%s/pki", w.dir);
	const char *init[] = { KEDGE_BIN_DIR "/kedge-devca", "init", pki, "--fleet", "test", "--server-ip",
		"127.0.0.1", NULL };
	const char *host[] = { KEDGE_BIN_DIR "/kedge-devca", "host", pki, "web1", NULL };
	snprintf(both, sizeof both, "cat %s/server-ca.crt %s/host-ca.crt >%s/both.crt", pki, pki, pki);
	const char *cat[] = { "sh", "-c", both, NULL };
	if (world_run(init) || world_run(host) || world_run(cat) || tls_init(NULL))
		return -1;
	dir_make(at("state/courier"), 0700, NULL);
	world_copy(at("pki/hosts/web1.crt"), at("state/courier/host.crt"), 0644);
	world_copy(at("pki/hosts/web1.key"), at("state/courier/host.key"), 0600);
	if (ca_load(PROFILE_HOST_CA, at("pki/host-ca.crt"), at("pki/host-ca.key"), NULL, &w.host_ca, NULL) ||
	        tls_server_pin(at("pki/server.crt"), w.pin, NULL))
		return -1;
	w.server = world_server(at("pki/server.crt"), at("pki/server.key"));
	w.port = http_server_port(w.server);
	world_configure(w.port);
	return 0;
}

static inline int world_close(void **state)
{
	(void)state;
	const char *rm[] = { "rm", "-r", w.dir, NULL };

	http_server_stop(w.server, 2000);
	http_server_free(w.server);
	agent_config_free(w.config);
	ca_free(w.host_ca);
	return world_run(rm);
}

#endif
