/* links.c — a socket that hears of link changes, and the eventfd that passes that on. What is lost when the socket's buffer is full
 * does not matter: that something changed is known then, too. Called by the supervisor only. */
#include "agent/supervisor/links.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

int links_open(struct links *ret, struct fault *f)
{
	struct sockaddr_nl me = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
	struct links l = { .route_fd =
		                   socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE),
		.event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };

	if (l.route_fd < 0 || l.event_fd < 0 || bind(l.route_fd, (const struct sockaddr *)&me, sizeof me)) {
		int err = errno;
		links_close(&l);
		*ret = l;
		return fault_set(f, KE_SYSTEM, "rtnetlink", NULL, "%s", strerror(err));
	}
	*ret = l;
	return KE_OK;
}

void links_take(struct links *l)
{
	char scratch[8192];
	const uint64_t one = 1;
	ssize_t n;

	/* ENOBUFS says that something was lost; what is behind it is still to be taken. */
	do {
		n = recv(l->route_fd, scratch, sizeof scratch, MSG_DONTWAIT | MSG_TRUNC);
	} while (n > 0 || (n < 0 && (errno == ENOBUFS || errno == EINTR)));
	/* A counter that is full is one that says so already. */
	n = write(l->event_fd, &one, sizeof one);
	(void)n;
}

void links_close(struct links *l)
{
	if (l->route_fd >= 0)
		close(l->route_fd);
	if (l->event_fd >= 0)
		close(l->event_fd);
	*l = LINKS_NONE;
}
