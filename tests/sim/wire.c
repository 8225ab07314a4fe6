/* wire.c — OpenSSL on a non-blocking socket. A connection that ends answers its request with status 0; who asked opens
 * another. Refuses answers that are not of this server's kind: no length, or more than ANSWER_MAX. Called by swarm.c. */
#include "tests/sim/wire.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_MAX  (4u << 20)
#define REQUEST_MAX (4u << 20)
#define HOST_NAME   "127.0.0.1"

struct wire {
	struct ev_loop *loop;
	struct wire_sums *sums;
	SSL *ssl;
	int fd;
	ev_io io;
	bool ready, over, asked;
	struct buf out;
	size_t sent;
	char *in;
	size_t have, room, head; /* HEAD: bytes of the answer's head; 0: not complete */
	size_t body;
	int status;
	char etag[40];
	wire_fn *done;
	void *ctx;
};

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void watch(struct wire *w, int events)
{
	if (w->io.events == events && ev_is_active(&w->io))
		return;
	ev_io_stop(w->loop, &w->io);
	ev_io_modify(&w->io, events);
	ev_io_start(w->loop, &w->io);
}

/* The request is answered, or will never be. */
static void finish(struct wire *w, const struct wire_answer *a)
{
	wire_fn *done = w->done;
	char *in = w->in;

	if (!w->asked)
		return;
	w->asked = false;
	w->in = NULL;
	w->have = w->room = w->head = 0;
	/* DONE may close W: nothing of it is touched afterwards. */
	done(w->ctx, a);
	free(in);
}

static void over(struct wire *w)
{
	const struct wire_answer a = { .status = 0, .etag = "", .body = "" };

	w->over = true;
	ev_io_stop(w->loop, &w->io);
	finish(w, &a);
}

/* The head is complete. false: not understood. */
static bool head_read(struct wire *w)
{
	char *line = w->in, *end = w->in + w->head - 2;

	w->body = 0;
	w->etag[0] = '\0';
	if (sscanf(line, "HTTP/1.1 %3d", &w->status) != 1)
		return false;
	while ((line = strstr(line, "\r\n")) && (line += 2) < end) {
		if (strncasecmp(line, "content-length:", 15) == 0)
			w->body = strtoul(line + 15, NULL, 10);
		else if (strncasecmp(line, "transfer-encoding:", 18) == 0)
			return false;
		else if (strncasecmp(line, "etag:", 5) == 0)
			sscanf(line + 5, " %39[^\r]", w->etag);
	}
	return w->body <= ANSWER_MAX;
}

/* Look at what is there. true: the request is finished one way or the other, and W perhaps gone. */
static bool look(struct wire *w)
{
	if (!w->head) {
		const char *end = w->in ? strstr(w->in, "\r\n\r\n") : NULL;
		if (!end)
			return false;
		w->head = (size_t)(end - w->in) + 4;
		if (!head_read(w)) {
			over(w);
			return true;
		}
	}
	if (w->have < w->head + w->body)
		return false;
	const struct wire_answer a = {
		.status = w->status, .etag = w->etag, .body = w->in + w->head, .len = w->body
	};
	finish(w, &a);
	return true;
}

/* Make room for N more bytes and a NUL. */
static bool grow(struct wire *w, size_t n)
{
	size_t room = w->room ? w->room : 2048;
	char *more;

	while (room < w->have + n + 1)
		room *= 2;
	if (room == w->room)
		return true;
	if (room > 2 * ANSWER_MAX || !(more = realloc(w->in, room)))
		return false;
	w->in = more;
	w->room = room;
	return true;
}

static void receive(struct wire *w)
{
	char chunk[16384];

	for (;;) {
		ERR_clear_error();
		int n = SSL_read(w->ssl, chunk, sizeof chunk);
		if (n <= 0) {
			if (SSL_get_error(w->ssl, n) == SSL_ERROR_WANT_READ)
				watch(w, EV_READ);
			else
				over(w);
			return;
		}
		w->sums->bytes_in += (uint64_t)n;
		if (!w->asked || !grow(w, (size_t)n)) {
			over(w);
			return;
		}
		memcpy(w->in + w->have, chunk, (size_t)n);
		w->have += (size_t)n;
		w->in[w->have] = '\0';
		if (look(w))
			return;
	}
}

static void transmit(struct wire *w)
{
	while (w->sent < w->out.len) {
		ERR_clear_error();
		int n = SSL_write(w->ssl, w->out.data + w->sent, (int)(w->out.len - w->sent));
		if (n <= 0) {
			int e = SSL_get_error(w->ssl, n);
			if (e == SSL_ERROR_WANT_WRITE)
				watch(w, EV_READ | EV_WRITE);
			else if (e != SSL_ERROR_WANT_READ)
				over(w);
			return;
		}
		w->sent += (size_t)n;
		w->sums->bytes_out += (uint64_t)n;
	}
	buf_free(&w->out);
	w->out = (struct buf)BUF_INIT(REQUEST_MAX);
	w->sent = 0;
	watch(w, EV_READ);
}

static void shake(struct wire *w)
{
	uint64_t began = cpu_ns();

	ERR_clear_error();
	int n = SSL_do_handshake(w->ssl);
	w->sums->handshake_ns += cpu_ns() - began;
	if (n == 1) {
		w->ready = true;
		w->sums->handshakes++;
		w->sums->resumed += SSL_session_reused(w->ssl) == 1;
		transmit(w);
		return;
	}
	int e = SSL_get_error(w->ssl, n);
	if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE) {
		watch(w, e == SSL_ERROR_WANT_READ ? EV_READ : EV_WRITE);
		return;
	}
	w->sums->failed++;
	over(w);
}

static void on_io(struct ev_loop *loop, ev_io *io, int events)
{
	struct wire *w = io->data;

	(void)loop;
	if (!w->ready)
		shake(w);
	else if (events & EV_WRITE && w->sent < w->out.len)
		transmit(w);
	else
		receive(w);
}

static bool tls_begin(struct wire *w, const struct wire_to *to)
{
	w->ssl = SSL_new(to->tls);
	if (!w->ssl)
		return false;
	SSL_set_connect_state(w->ssl);
	SSL_set_mode(w->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
	                             SSL_MODE_RELEASE_BUFFERS);
	if (to->cert &&
	        (SSL_use_certificate(w->ssl, to->cert) != 1 || SSL_use_PrivateKey(w->ssl, to->key) != 1))
		return false;
	return SSL_set_fd(w->ssl, w->fd) == 1;
}

struct wire *wire_open(const struct wire_to *to)
{
	struct wire *w = calloc(1, sizeof *w);
	int one = 1;

	if (!w)
		return NULL;
	w->loop = to->loop;
	w->sums = to->sums;
	w->out = (struct buf)BUF_INIT(REQUEST_MAX);
	w->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ev_io_init(&w->io, on_io, w->fd, EV_WRITE);
	w->io.data = w;
	if (w->fd < 0 ||
	        (connect(w->fd, (const struct sockaddr *)&to->addr, sizeof to->addr) &&
	                errno != EINPROGRESS) ||
	        !tls_begin(w, to)) {
		wire_close(w);
		return NULL;
	}
	setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	ev_io_start(w->loop, &w->io);
	return w;
}

bool wire_ask(struct wire *w, const char *method, const char *path, const char *fields, const void *body,
        size_t len, wire_fn *done, void *ctx)
{
	if (w->over || w->asked)
		return false;
	buf_fmt(&w->out, "%s %s HTTP/1.1\r\nHost: " HOST_NAME "\r\n%s", method, path, fields);
	if (len)
		buf_fmt(&w->out, "Content-Length: %zu\r\n", len);
	buf_str(&w->out, "\r\n");
	buf_bytes(&w->out, body, len);
	if (w->out.rc)
		return false;
	w->asked = true;
	w->done = done;
	w->ctx = ctx;
	w->sums->requests++;
	if (w->ready)
		watch(w, EV_READ | EV_WRITE);
	return true;
}

void wire_close(struct wire *w)
{
	if (!w)
		return;
	ev_io_stop(w->loop, &w->io);
	if (w->ssl && w->ready && !w->over)
		SSL_shutdown(w->ssl);
	ERR_clear_error();
	SSL_free(w->ssl);
	if (w->fd >= 0)
		close(w->fd);
	buf_free(&w->out);
	free(w->in);
	free(w);
}
