/* stream.c — OpenSSL straight on the descriptor.
 *
 * OpenSSL keeps its errors in a queue per thread, and SSL_get_error() looks at the queue: an entry left behind by one
 * connection would make another one fail, so the queue is cleared before every call. Called by conn.c only.
 */
#include "server-stub/http/stream.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <sys/socket.h>
#include <unistd.h>

static int tls_result(struct stream *s, int rc)
{
	switch (SSL_get_error(s->ssl, rc)) {
	case SSL_ERROR_WANT_READ:
		s->want_write = false;
		return STREAM_WAIT;
	case SSL_ERROR_WANT_WRITE:
		s->want_write = true;
		return STREAM_WAIT;
	case SSL_ERROR_ZERO_RETURN:
		return STREAM_GONE;
	default:
		s->dead = true;
		ERR_clear_error();
		return STREAM_GONE;
	}
}

int stream_handshake(struct stream *s)
{
	if (!s->ssl)
		return 1;
	ERR_clear_error();
	int rc = SSL_accept(s->ssl);
	return rc == 1 ? 1 : tls_result(s, rc);
}

static ssize_t plain_result(struct stream *s, ssize_t n, bool writing)
{
	if (n > 0)
		return n;
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		s->want_write = writing;
		return STREAM_WAIT;
	}
	s->dead = true;
	return STREAM_GONE;
}

/* Is the turn over? Not while OpenSSL holds decrypted bytes, for which the descriptor would not wake us. */
static bool turn_over(struct stream *s, bool writing)
{
	if (s->budget) {
		s->budget--;
		return false;
	}
	if (!writing && s->ssl && SSL_pending(s->ssl))
		return false;
	s->want_write = writing;
	return true;
}

ssize_t stream_read(struct stream *s, void *data, size_t size)
{
	if (turn_over(s, false))
		return STREAM_WAIT;
	if (!s->ssl)
		return plain_result(s, recv(s->fd, data, size, 0), false);
	ERR_clear_error();
	int rc = SSL_read(s->ssl, data, size > INT_MAX ? INT_MAX : (int)size);
	return rc > 0 ? rc : tls_result(s, rc);
}

ssize_t stream_write(struct stream *s, const void *data, size_t len)
{
	if (turn_over(s, true))
		return STREAM_WAIT;
	if (!s->ssl)
		return plain_result(s, send(s->fd, data, len, MSG_NOSIGNAL), true);
	ERR_clear_error();
	int rc = SSL_write(s->ssl, data, len > INT_MAX ? INT_MAX : (int)len);
	return rc > 0 ? rc : tls_result(s, rc);
}

void stream_finish(struct stream *s)
{
	if (s->ssl && !s->dead && SSL_is_init_finished(s->ssl)) {
		ERR_clear_error();
		SSL_shutdown(s->ssl);
		ERR_clear_error();
	}
	shutdown(s->fd, SHUT_WR);
}

ssize_t stream_discard(struct stream *s, size_t size)
{
	char waste[4096];

	return plain_result(s, recv(s->fd, waste, size < sizeof waste ? size : sizeof waste, 0), false);
}

void stream_close(struct stream *s)
{
	SSL_free(s->ssl);
	s->ssl = NULL;
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}
