/* listener.c — the listening socket of one loop.
 *
 * Each loop has its own socket on the same port (SO_REUSEPORT), so that no lock is shared for accepting. Above the
 * limits nothing is accepted and clients wait in the kernel's queue; above the limits of one address its connections
 * are closed at once. When descriptors run out, the spare one is given up to accept and close one connection, which
 * is better than a loop that spins on a queue it cannot empty; when even that fails, accepting rests for a moment. Called by server.c and by conn.c through loop_settle().
 */
#include "server-stub/http/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server-stub/http/conn.h"

#define BACKLOG      4096
#define ACCEPT_BATCH 32
#define REST_SECONDS 0.1

union address {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

static void spare_open(struct loop *loop)
{
	if (loop->spare_fd < 0)
		loop->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* No descriptor is left. false: nothing could be done now. */
static bool shed_one(struct loop *loop)
{
	if (loop->spare_fd < 0)
		return false;
	close(loop->spare_fd);
	loop->spare_fd = -1;
	int fd = accept4(loop->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0) {
		count(loop->server, COUNT_REFUSED, 1);
		close(fd);
	}
	spare_open(loop);
	return fd >= 0;
}

static void address_text(const union address *a, char *text, socklen_t size)
{
	text[0] = '\0';
	if (a->sa.sa_family == AF_INET)
		inet_ntop(AF_INET, &a->in.sin_addr, text, size);
	else if (a->sa.sa_family == AF_INET6)
		inet_ntop(AF_INET6, &a->in6.sin6_addr, text, size);
}

/* Is it worth trying the next one in this turn? */
static bool accept_failed(struct loop *loop, int err)
{
	if (err == EAGAIN)
		return false;
	if ((err == EMFILE || err == ENFILE) && shed_one(loop))
		return true;
	if (err == EMFILE || err == ENFILE || err == ENOMEM || err == ENOBUFS) {
		ev_timer_set(&loop->rest, REST_SECONDS, 0.0);
		ev_timer_start(loop->ev, &loop->rest);
		return false;
	}
	return true; /* the others are about that one connection (accept(2) lists the network errors) */
}

/* false: stop for this turn. */
static bool accept_one(struct loop *loop)
{
	union address from = { .sa = { .sa_family = AF_UNSPEC } };
	socklen_t len = sizeof from;
	char text[INET6_ADDRSTRLEN];
	struct addr_key key;
	int fd = accept4(loop->listen_fd, &from.sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return accept_failed(loop, errno);
	addr_key_of(&from.sa, &key);
	if (!addrs_enter(loop->server->addrs, &key)) {
		count(loop->server, COUNT_REFUSED, 1);
		close(fd);
		return true;
	}
	address_text(&from, text, sizeof text);
	conn_new(loop, fd, &key, text);
	return true;
}

static bool has_room(const struct loop *loop)
{
	return loop->n_conns < loop->max_conns && loop->n_handshakes < loop->max_handshakes;
}

static void on_listener(struct ev_loop *ev, ev_io *w, int events)
{
	struct loop *loop = w->data;

	(void)ev;
	(void)events;
	spare_open(loop);
	for (int i = 0; i < ACCEPT_BATCH && has_room(loop); i++)
		if (!accept_one(loop))
			break;
	loop_settle(loop);
}

static void on_rested(struct ev_loop *ev, ev_timer *w, int events)
{
	(void)ev;
	(void)events;
	listener_settle(w->data);
}

void listener_settle(struct loop *loop)
{
	if (loop->listen_fd < 0)
		return;
	if (!has_room(loop) || ev_is_active(&loop->rest))
		ev_io_stop(loop->ev, &loop->listener);
	else if (!ev_is_active(&loop->listener))
		ev_io_start(loop->ev, &loop->listener);
}

void listener_close(struct loop *loop)
{
	if (loop->listen_fd >= 0) {
		ev_io_stop(loop->ev, &loop->listener);
		ev_timer_stop(loop->ev, &loop->rest);
		close(loop->listen_fd);
	}
	if (loop->spare_fd >= 0)
		close(loop->spare_fd);
	loop->listen_fd = loop->spare_fd = -1;
}

static bool address_parse(const char *text, uint16_t port, union address *ret, socklen_t *ret_len)
{
	memset(ret, 0, sizeof *ret);
	if (inet_pton(AF_INET, text, &ret->in.sin_addr) == 1) {
		ret->in.sin_family = AF_INET;
		ret->in.sin_port = htons(port);
		*ret_len = sizeof ret->in;
		return true;
	}
	if (inet_pton(AF_INET6, text, &ret->in6.sin6_addr) == 1) {
		ret->in6.sin6_family = AF_INET6;
		ret->in6.sin6_port = htons(port);
		*ret_len = sizeof ret->in6;
		return true;
	}
	return false;
}

static int socket_open(const union address *a, socklen_t len)
{
	int one = 1;
	int fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	/* Accepted sockets inherit TCP_NODELAY. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) ||
	        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) ||
	        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) || bind(fd, &a->sa, len) ||
	        listen(fd, BACKLOG)) {
		int err = errno;
		close(fd);
		errno = err;
		return -1;
	}
	return fd;
}

int listener_open(struct loop *loop, uint16_t *port, struct fault *f)
{
	const char *text = loop->server->config.address;
	union address a;
	socklen_t len;

	if (!text || !address_parse(text, *port, &a, &len))
		return fault_set(
		        f, KE_USAGE, text, "give a numeric address such as 0.0.0.0 or ::", "not an address");
	int fd = socket_open(&a, len);
	if (fd < 0 || getsockname(fd, &a.sa, &len)) {
		int err = errno;
		if (fd >= 0)
			close(fd);
		return fault_set(f, KE_SYSTEM, text, "is another program listening there?",
		        "cannot listen on port %u: %s", (unsigned)*port, strerror(err));
	}
	*port = ntohs(a.sa.sa_family == AF_INET ? a.in.sin_port : a.in6.sin6_port);
	loop->listen_fd = fd;
	spare_open(loop);
	ev_io_init(&loop->listener, on_listener, fd, EV_READ);
	ev_timer_init(&loop->rest, on_rested, 0.0, 0.0);
	loop->listener.data = loop->rest.data = loop;
	ev_io_start(loop->ev, &loop->listener);
	return KE_OK;
}
