/* mirror DIR ADDRESS PORT CERT KEY — serves DIR/metadata and DIR/targets over HTTPS as any web server or CDN could: no client
 * certificate, no judgement of what it serves. The demo and the tests point hosts at it to play a hostile mirror; DIR may
 * be a link that is switched while it runs; a file DIR/.forbidden makes every answer 403, as some stores say of what they do
 * not have. Ends with SIGTERM. */
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "certs/tls.h"
#include "proto/fileio.h"
#include "server-stub/http/request.h"
#include "server-stub/http/routes.h"
#include "server-stub/http/server.h"

static void serve(struct http_request *req)
{
	const char *dir = req->app, *path = http_param(req, "path");
	char file[PATH_MAX], *data;
	size_t len;

	/* The codec has refused "..", NUL and the like. */
	int n = snprintf(file, sizeof file, "%s/.forbidden", dir);
	if (n > 0 && n < (int)sizeof file && access(file, F_OK) == 0) {
		http_reply(req, 403, "text/plain", "forbidden\n", 10, NULL);
		return;
	}
	n = snprintf(file, sizeof file, "%s/%s", dir, path);
	if (n <= 0 || n >= (int)sizeof file || file_read(file, 16 << 20, &data, &len, NULL)) {
		http_reply(req, 404, "text/plain", "no such file\n", 13, NULL);
		return;
	}
	http_reply(req, 200, "application/octet-stream", data, len, NULL);
	file_free(data);
}

int main(int argc, char **argv)
{
	static const struct http_route routes[] = { { HTTP_GET, "/{path...}", HTTP_AUTH_ANY, 0, serve } };
	struct fault f = { 0 };
	char line[1024];
	SSL_CTX *ctx = NULL;
	struct http_server *server = NULL;
	sigset_t set;
	int sig;

	if (argc != 6) {
		fputs("usage: mirror DIR ADDRESS PORT CERT KEY\n", stderr);
		return 1;
	}
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	const struct tls_server tls = { .cert_path = argv[4], .key_path = argv[5], .clock = &clock_system };
	struct http_config config = { .address = argv[2],
		.port = (uint16_t)strtoul(argv[3], NULL, 10),
		.threads = 1,
		.routes = routes,
		.n_routes = 1,
		.app = argv[1],
		.limits = http_limits_default() };
	int rc = tls_init(&f);
	if (!rc)
		rc = tls_server_open(&tls, NULL, &ctx, &f);
	config.tls = ctx;
	if (!rc)
		rc = http_server_start(&config, &server, &f);
	if (!rc)
		SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL); /* a CDN asks nobody for a certificate */
	if (rc) {
		fprintf(stderr, "mirror: %s\n", fault_line(&f, line, sizeof line));
		return 1;
	}
	sigwait(&set, &sig);
	http_server_stop(server, 1000);
	http_server_free(server);
	SSL_CTX_free(ctx);
	return 0;
}
