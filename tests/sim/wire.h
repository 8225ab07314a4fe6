/* wire.h — one HTTP/1.1 connection over TLS on an event loop, as small as ten thousand of them in one process ask for: one
 * request at a time, answers with Content-Length, nothing kept between them but the connection. */
#ifndef KEDGE_SIM_WIRE_H
#define KEDGE_SIM_WIRE_H

#include <ev.h>
#include <netinet/in.h>
#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/buf.h"

/* What all connections of a process did. */
struct wire_sums {
	uint64_t handshakes, resumed, failed, requests, bytes_in, bytes_out;
	uint64_t handshake_ns; /* CPU of this side in them */
};

struct wire_answer {
	int status;       /* 0: the connection failed or ended instead */
	const char *etag; /* "" */
	const char *body;
	size_t len;
};
typedef void wire_fn(void *ctx, const struct wire_answer *a);

struct wire;

struct wire_to {
	struct ev_loop *loop;
	struct sockaddr_in addr;
	SSL_CTX *tls;
	X509 *cert; /* own certificate and key; NULL: none */
	EVP_PKEY *key;
	struct wire_sums *sums;
};

/* Begin to connect; NULL when there is no memory or no descriptor. wire_close() it, also after a failure. */
struct wire *wire_open(const struct wire_to *to);
/* Send METHOD PATH with FIELDS (whole lines, may be "") and a body (LEN 0: none); DONE is called once, not from within. The
 * connection may still be under way. false: a request is out already, or the connection is over. */
bool wire_ask(struct wire *w, const char *method, const char *path, const char *fields, const void *body,
        size_t len, wire_fn *done, void *ctx);
/* DONE of a request that is out is not called any more. NULL is fine. Allowed within DONE. */
void wire_close(struct wire *w);

#endif
