/* marks.c — which directories are marked, and when again. An interface that comes brings net/ipv4/conf/X, conf/X and
 * neigh/X; rtnetlink says "something changed", and its words are not read: the marks are simply renewed, and those that are
 * there already stay. Called by the supervisor only, which has CAP_SYS_ADMIN. */
#include "agent/supervisor/marks.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Shallow outside net: fs/binfmt_misc is an automount point, and the never-list covers what else is deep. */
static const struct dir {
	const char *path;
	bool deep, full_only;
} dirs[] = {
	{ "net", true, false },
	{ "kernel", false, true },
	{ "vm", false, true },
	{ "fs", false, true },
};

static int link_open(void)
{
	struct sockaddr_nl me = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (fd >= 0 && bind(fd, (const struct sockaddr *)&me, sizeof me)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static void mark_all(struct marks *m, struct fault *f)
{
	for (size_t i = 0; i < sizeof dirs / sizeof dirs[0]; i++)
		if (m->group && (m->full || !dirs[i].full_only))
			fanotify_marks_add(m->group, dirs[i].path, dirs[i].deep, f);
}

void marks_open(const char *root, bool full, struct marks *ret, struct fault *f)
{
	struct marks m = { .link_fd = -1, .full = full };

	if (fanotify_marks_open(root, &m.group, f) == KE_OK) {
		/* Listen first: an interface that comes while we mark is marked a moment later. */
		m.link_fd = link_open();
		mark_all(&m, f);
	}
	*ret = m;
}

void marks_renew(struct marks *m)
{
	char scratch[8192];

	while (recv(m->link_fd, scratch, sizeof scratch, MSG_DONTWAIT | MSG_TRUNC) > 0)
		;
	mark_all(m, NULL);
}

void marks_close(struct marks *m)
{
	fanotify_marks_close(m->group);
	if (m->link_fd >= 0)
		close(m->link_fd);
	*m = (struct marks){ .link_fd = -1 };
}
