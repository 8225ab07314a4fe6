/* frame.c — sends and checks frames. The receiving half is the boundary that a hostile courier stands behind, so it
 * refuses whatever is not exactly a frame, and closes every descriptor that it does not hand on. */
#include "agent/ipc/frame.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Room for more descriptors than are allowed, so that surplus ones arrive, are noticed, and are closed. */
#define FRAME_FDS_ROOM 4

struct frame frame_make(enum frame_type type, uint32_t id)
{
	return (struct frame){
		.magic = FRAME_MAGIC, .version = FRAME_VERSION, .type = (uint16_t)type, .id = id
	};
}

void frame_say(struct frame *fr, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(fr->text, sizeof fr->text, fmt, ap);
	va_end(ap);
}

int frame_send(int fd, const struct frame *fr, int payload)
{
	struct frame copy = *fr;
	struct iovec iov = { .iov_base = &copy, .iov_len = sizeof copy };
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (payload >= 0) {
		memset(&control, 0, sizeof control);
		msg.msg_control = control.room;
		msg.msg_controllen = sizeof control.room;
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &payload, sizeof payload);
	}
	ssize_t n;
	do {
		n = sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? KE_BUSY : err_from_errno(errno);
	return n == (ssize_t)sizeof copy ? KE_OK : KE_PROTO;
}

/* Collect the descriptors that came with MSG; returns how many. */
static size_t take_descriptors(struct msghdr *msg, int *fds)
{
	size_t n = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t have = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < have && n < FRAME_FDS_ROOM; i++)
			memcpy(&fds[n++], CMSG_DATA(c) + i * sizeof(int), sizeof(int));
	}
	return n;
}

static bool is_frame(const struct frame *fr, ssize_t n, const struct msghdr *msg, size_t n_fds)
{
	return n == (ssize_t)sizeof *fr && !(msg->msg_flags & (MSG_TRUNC | MSG_CTRUNC)) && n_fds <= 1 &&
	       fr->magic == FRAME_MAGIC && fr->version == FRAME_VERSION && fr->type >= FRAME_HELLO &&
	       fr->type < FRAME_TYPE_END && memchr(fr->text, '\0', sizeof fr->text);
}

int frame_receive(int fd, struct frame *ret, int *ret_payload)
{
	struct frame fr;
	struct iovec iov = { .iov_base = &fr, .iov_len = sizeof fr };
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(FRAME_FDS_ROOM * sizeof(int))];
	} control;
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof control.room };
	int fds[FRAME_FDS_ROOM];
	ssize_t n;

	do {
		n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? KE_BUSY : err_from_errno(errno);
	size_t n_fds = take_descriptors(&msg, fds);
	if (n == 0 && n_fds == 0)
		return KE_CLOSED;
	if (!is_frame(&fr, n, &msg, n_fds)) {
		for (size_t i = 0; i < n_fds; i++)
			close(fds[i]);
		return KE_PROTO;
	}
	*ret = fr;
	*ret_payload = n_fds ? fds[0] : -1;
	return KE_OK;
}
