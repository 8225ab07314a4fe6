/* http_client.h — a plain blocking client for tests: bytes in, answers out, nothing repaired. Every wait ends after
 * CLIENT_PATIENCE seconds. */
#ifndef KEDGE_TEST_HTTP_CLIENT_H
#define KEDGE_TEST_HTTP_CLIENT_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#define CLIENT_PATIENCE 20

struct client {
	int fd;
	SSL *ssl; /* NULL: plain */
	char in[65536];
	size_t have;
};

struct client_answer {
	int status; /* -1: the connection ended instead */
	char head[4096];
	char *body; /* free() */
	size_t len;
};

static inline struct client *client_tcp(uint16_t port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct timeval patience = { .tv_sec = CLIENT_PATIENCE };
	struct client *c = calloc(1, sizeof *c);

	assert_non_null(c);
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(c->fd >= 0);
	setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
	assert_int_equal(connect(c->fd, (struct sockaddr *)&to, sizeof to), 0);
	return c;
}

/* Just FIN, without close_notify. */
static inline void client_close(struct client *c)
{
	if (!c)
		return;
	/* A session whose connection was not shut down could not be resumed. */
	if (c->ssl)
		SSL_set_shutdown(c->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(c->ssl);
	close(c->fd);
	free(c);
}

/* Connect; CTX NULL: plain. SESSION may be NULL. NULL: the handshake failed. */
static inline struct client *client_open(uint16_t port, SSL_CTX *ctx, SSL_SESSION *session)
{
	struct client *c = client_tcp(port);

	if (!ctx)
		return c;
	c->ssl = SSL_new(ctx);
	assert_non_null(c->ssl);
	SSL_set_fd(c->ssl, c->fd);
	if (session)
		SSL_set_session(c->ssl, session);
	ERR_clear_error();
	if (SSL_connect(c->ssl) != 1) {
		client_close(c);
		return NULL;
	}
	return c;
}

/* false: the other side does not take it any more. */
static inline bool client_send_bytes(struct client *c, const void *data, size_t len)
{
	if (c->ssl) {
		ERR_clear_error();
		return SSL_write(c->ssl, data, (int)len) == (int)len;
	}
	return send(c->fd, data, len, MSG_NOSIGNAL) == (ssize_t)len;
}

static inline bool client_send(struct client *c, const char *text)
{
	return client_send_bytes(c, text, strlen(text));
}

/* More input: false at the end or after an error; a wait that is too long fails the test. */
static inline bool client_fill(struct client *c)
{
	ssize_t n;

	assert_true(c->have < sizeof c->in);
	ERR_clear_error();
	errno = 0;
	if (c->ssl)
		n = SSL_read(c->ssl, c->in + c->have, (int)(sizeof c->in - c->have));
	else
		n = recv(c->fd, c->in + c->have, sizeof c->in - c->have, 0);
	if (n <= 0 && errno == EAGAIN)
		fail_msg("nothing came for %d seconds", CLIENT_PATIENCE);
	if (n <= 0)
		return false;
	c->have += (size_t)n;
	return true;
}

static inline void client_used(struct client *c, size_t n)
{
	memmove(c->in, c->in + n, c->have - n);
	c->have -= n;
}

/* One answer; HEAD: to a HEAD request. */
static inline struct client_answer client_recv(struct client *c, bool head)
{
	struct client_answer a = { .status = -1 };
	char *end;

	while (!(end = memmem(c->in, c->have, "\r\n\r\n", 4)))
		if (!client_fill(c))
			return a;
	size_t size = (size_t)(end - c->in) + 4;
	assert_true(size < sizeof a.head);
	memcpy(a.head, c->in, size);
	client_used(c, size);
	assert_int_equal(sscanf(a.head, "HTTP/1.1 %d ", &a.status), 1);
	const char *length = strcasestr(a.head, "\r\nContent-Length:");
	a.len = length && !head ? strtoul(length + 17, NULL, 10) : 0;
	a.body = calloc(1, a.len + 1);
	assert_non_null(a.body);
	for (size_t got = 0; got < a.len;) {
		size_t n = c->have < a.len - got ? c->have : a.len - got;
		memcpy(a.body + got, c->in, n);
		client_used(c, n);
		got += n;
		if (got < a.len && !client_fill(c)) {
			a.status = -1;
			break;
		}
	}
	return a;
}

/* Send TEXT and give back the status of the answer; -1: none came. The body is dropped. */
static inline int client_status(struct client *c, const char *text)
{
	if (*text)
		client_send(c, text);
	struct client_answer a = client_recv(c, false);
	free(a.body);
	return a.status;
}

/* Does the other side end the connection (within the patience)? What still comes is dropped. */
static inline bool client_ended(struct client *c)
{
	do
		c->have = 0;
	while (client_fill(c));
	return true;
}

#endif
