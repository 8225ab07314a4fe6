/* client.h — the control server, asked over TLS 1.3 with the operator's certificate. One handle, one connection.
 *
 * The only file behind this header that knows libcurl is client.c.
 */
#ifndef KEDGE_SERVER_CTL_CLIENT_H
#define KEDGE_SERVER_CTL_CLIENT_H

#include "proto/buf.h"
#include "proto/clock.h"
#include "server-stub/ctl/config.h"

#define CLIENT_ANSWER_MAX (64U << 20)

struct client;

/* Prepare for the server that CONF names; nothing is connected yet. KE_USAGE: no server, no CA, or the URL is not
 * https://. CONF and CLOCK must outlive the client. client_close() it (NULL is fine). */
int client_open(
        const struct ctl_config *conf, const struct clock *clock, struct client **ret, struct fault *f);
void client_close(struct client *c);
/* METHOD on PATH ("/v1/hosts?limit=1"). BODY (may be NULL) is JSON. The answer's body replaces *RET. Any status but 2xx is
 * an error: a problem document (RFC 9457) is told in its own words and with its own code; else KE_HTTP. No answer:
 * KE_CLOSED (refused, ended), KE_TIMEOUT, KE_TLS, or the reason why the server's certificate is not good (verify.h). */
int client_call(struct client *c, const char *method, const char *path, const void *body, size_t len,
        struct buf *ret, struct fault *f);

/* Append TEXT to URL with everything but A-Za-z0-9._~- as %XX. */
void client_quote(struct buf *url, const char *text);
/* Fault from a body of type application/problem+json and STATUS. */
int client_problem(const char *body, size_t len, long status, struct fault *f);

#endif
