/* One walk over the kernel's TCP sockets by netlink.
 *
 * The request is the legacy one: message TCPDIAG_GETSOCK with struct inet_diag_req, which the kernel takes for both
 * families at once (SOCK_DIAG_BY_FAMILY has no such form). Each message must come from the kernel, carry our sequence
 * number and port, have the length of its type and well-formed attributes, and name a family and state that exist;
 * anything else ends the walk. Nothing is stored. Called by sockets_measure().
 */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/measure/sockdiag.h"

/* The kernel fills at most 32 KiB a read, however large the buffer is (net/netlink/af_netlink.c). */
#define READ_ROOM 65536
/* Header and body of a socket message; attributes follow. */
#define SOCKET_LEN (MNL_NLMSG_HDRLEN + sizeof(struct inet_diag_msg))
_Static_assert(SOCKET_LEN % 4 == 0, "attributes start aligned");

struct sockdiag {
	struct mnl_socket *nl;
	uint32_t seq;
	bool unfinished; /* an earlier walk was given up; the rest of its messages is still to come */
	char buffer[READ_ROOM] __attribute__((aligned(8)));
};

int sockdiag_open(struct sockdiag **ret, struct fault *f)
{
	/* Not calloc(): the buffer need not be zero. */
	struct sockdiag *d = malloc(sizeof *d);
	if (!d)
		return fault_set(f, KE_NOMEM, "sock_diag", NULL, "%s", err_text(KE_NOMEM));
	d->seq = 0;
	d->unfinished = false;
	d->nl = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
	if (!d->nl || mnl_socket_bind(d->nl, 0, MNL_SOCKET_AUTOPID) < 0) {
		int err = errno;
		sockdiag_close(d);
		return fault_set(f, err == EPROTONOSUPPORT ? KE_UNSUPPORTED : err_from_errno(err),
		        "sock_diag", "the kernel needs CONFIG_INET_DIAG", "cannot open netlink: %s",
		        strerror(err));
	}
	*ret = d;
	return 0;
}

int sockdiag_fd(const struct sockdiag *d)
{
	return mnl_socket_get_fd(d->nl);
}

void sockdiag_close(struct sockdiag *d)
{
	if (!d)
		return;
	if (d->nl)
		mnl_socket_close(d->nl);
	free(d);
}

static int malformed(struct fault *f, const char *what)
{
	return fault_set(f, KE_PROTO, "sock_diag", NULL, "%s", what);
}

static int refused(struct fault *f, int err)
{
	if (err == ENOENT)
		return fault_set(f, KE_UNSUPPORTED, "sock_diag", "load the module tcp_diag",
		        "this kernel has no TCP socket dump");
	return fault_set(f, err_from_errno(err), "sock_diag", NULL, "the kernel answered: %s", strerror(err));
}

/* NLMSG_ERROR, and NLMSG_DONE, whose payload is the same number: 0 or a negative errno. */
static int error_parse(const struct nlmsghdr *nlh, struct fault *f)
{
	int err;
	if (mnl_nlmsg_get_payload_len(nlh) < sizeof err)
		return nlh->nlmsg_type == NLMSG_DONE ? 0 : malformed(f, "short error message");
	memcpy(&err, mnl_nlmsg_get_payload(nlh), sizeof err);
	if (err > 0 || err < -4095)
		return malformed(f, "error message without an error number");
	if (err < 0)
		return refused(f, -err);
	return nlh->nlmsg_type == NLMSG_DONE ? 0 : malformed(f, "acknowledgement that nobody asked for");
}

/* libmnl's walk, inline: three calls into a shared library cost more than what is done with a socket. */
static inline bool message_ok(const struct nlmsghdr *nlh, size_t left)
{
	return left >= sizeof *nlh && nlh->nlmsg_len >= sizeof *nlh && nlh->nlmsg_len <= left;
}

static inline const struct nlmsghdr *message_next(const struct nlmsghdr *nlh, size_t *left)
{
	size_t step = MNL_ALIGN(nlh->nlmsg_len);
	if (step > *left)
		step = *left;
	*left -= step;
	return (const void *)((const char *)nlh + step);
}

/* Are they well-formed? RET_CGROUP is the one that is wanted, 0 without it. */
static bool attributes_read(const struct nlmsghdr *nlh, uint64_t *ret_cgroup)
{
	*ret_cgroup = 0;
	const char *at = (const char *)nlh + SOCKET_LEN;
	size_t left = nlh->nlmsg_len - SOCKET_LEN;
	while (left > 0) {
		struct nlattr attr;
		if (left < sizeof attr)
			return false;
		memcpy(&attr, at, sizeof attr);
		if (attr.nla_len < sizeof attr || attr.nla_len > left)
			return false;
		if (attr.nla_type == INET_DIAG_CGROUP_ID && attr.nla_len == sizeof attr + sizeof *ret_cgroup)
			memcpy(ret_cgroup, at + sizeof attr, sizeof *ret_cgroup);
		size_t step = MNL_ALIGN(attr.nla_len);
		if (step >= left)
			return true; /* the last one may lack its padding */
		at += step;
		left -= step;
	}
	return true;
}

static int socket_parse(const struct nlmsghdr *nlh, struct sockdiag_socket *s, struct fault *f)
{
	if (nlh->nlmsg_type != TCPDIAG_GETSOCK)
		return malformed(f, "message of a type that was not asked for");
	if (nlh->nlmsg_len < SOCKET_LEN || !attributes_read(nlh, &s->cgroup))
		return malformed(f, "socket message of a wrong length");
	const struct inet_diag_msg *m = (const void *)((const char *)nlh + MNL_NLMSG_HDRLEN);
	if (m->idiag_state < 1 || m->idiag_state >= TCP_STATES)
		return malformed(f, "socket in a state that does not exist");
	if (m->idiag_family == AF_INET) {
		s->local = ip16_v4(m->id.idiag_src);
		s->remote = ip16_v4(m->id.idiag_dst);
	} else if (m->idiag_family == AF_INET6) {
		s->local = ip16_v6(m->id.idiag_src);
		s->remote = ip16_v6(m->id.idiag_dst);
	} else {
		return malformed(f, "socket of a family that was not asked for");
	}
	s->expires_ms = m->idiag_timer ? m->idiag_expires : 0;
	s->inode = m->idiag_inode;
	s->uid = m->idiag_uid;
	s->local_port = __builtin_bswap16(m->id.idiag_sport);
	s->remote_port = __builtin_bswap16(m->id.idiag_dport);
	s->family = m->idiag_family;
	s->state = m->idiag_state;
	s->timer = m->idiag_timer;
	return 0;
}

int sockdiag_parse(const void *data, size_t len, uint32_t seq, uint32_t portid, sockdiag_each *each,
        void *ctx, bool *ret_done, struct fault *f)
{
	const struct nlmsghdr *nlh = data;
	if (len > READ_ROOM)
		return malformed(f, "more than one read can hold");
	size_t left = len;
	for (; message_ok(nlh, left); nlh = message_next(nlh, &left)) {
		if (nlh->nlmsg_seq != seq || nlh->nlmsg_pid != portid)
			return malformed(f, "message of another conversation");
		if (nlh->nlmsg_type == NLMSG_NOOP)
			continue;
		if (nlh->nlmsg_type == NLMSG_OVERRUN)
			return fault_set(
			        f, KE_SYSTEM, "sock_diag", "measure again", "the kernel lost messages");
		if (nlh->nlmsg_type == NLMSG_ERROR || nlh->nlmsg_type == NLMSG_DONE) {
			*ret_done = true;
			return error_parse(nlh, f);
		}
		struct sockdiag_socket s;
		int rc = socket_parse(nlh, &s, f);
		if (rc == 0)
			rc = each(&s, ctx);
		if (rc)
			return rc;
	}
	return left > 0 ? malformed(f, "cut-off message") : 0;
}

/* One read, waiting no longer than DEADLINE_MS. *RET_LEN bytes are in d->buffer. */
static int read_some(
        struct sockdiag *d, const struct clock *clock, int64_t deadline_ms, size_t *ret_len, struct fault *f)
{
	struct sockaddr_nl from;
	for (;;) {
		int64_t left = deadline_ms - clock_boot_ms(clock);
		if (left <= 0)
			return fault_set(f, KE_TIMEOUT, "sock_diag", "allow more time",
			        "the walk did not end in time");
		struct iovec iov = { .iov_base = d->buffer, .iov_len = sizeof d->buffer };
		struct msghdr msg = {
			.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &iov, .msg_iovlen = 1
		};
		ssize_t n = recvmsg(sockdiag_fd(d), &msg, MSG_DONTWAIT);
		if (n >= 0) {
			if (msg.msg_namelen != sizeof from || from.nl_family != AF_NETLINK || from.nl_pid)
				return malformed(f, "message that does not come from the kernel");
			if (msg.msg_flags & MSG_TRUNC)
				return malformed(f, "message larger than the buffer");
			*ret_len = (size_t)n;
			return 0;
		}
		if (errno == EAGAIN) {
			struct pollfd p = { .fd = sockdiag_fd(d), .events = POLLIN };
			if (poll(&p, 1, left > 1000 ? 1000 : (int)left) >= 0 || errno == EINTR)
				continue;
		}
		if (errno != EINTR)
			return fault_set(f, err_from_errno(errno), "sock_diag", "measure again", "%s",
			        strerror(errno));
	}
}

/* Is the end of walk d->seq among the LEN bytes read last? */
static bool end_read(const struct sockdiag *d, size_t len)
{
	const struct nlmsghdr *nlh = (const void *)d->buffer;
	for (size_t left = len; message_ok(nlh, left); nlh = message_next(nlh, &left))
		if (nlh->nlmsg_seq == d->seq &&
		        (nlh->nlmsg_type == NLMSG_DONE || nlh->nlmsg_type == NLMSG_ERROR))
			return true;
	return false;
}

/* Throw away what is left of a walk that was given up: the kernel refuses a second one beside it. */
static int finish_old(struct sockdiag *d, const struct clock *clock, int64_t deadline_ms, struct fault *f)
{
	while (d->unfinished) {
		size_t len;
		int rc = read_some(d, clock, deadline_ms, &len, f);
		if (rc)
			return rc;
		d->unfinished = !end_read(d, len);
	}
	return 0;
}

/* "No automatic port", for the kernel's little machine, which accepts where it ends exactly and refuses where it jumps beyond:
 * an automatic one goes on to a jump beyond the end, any other skips that. */
static const struct bound_filter {
	struct nlattr attr;
	struct inet_diag_bc_op automatic, jump;
} bound_filter = {
	.attr = { .nla_len = sizeof bound_filter, .nla_type = INET_DIAG_REQ_BYTECODE },
	.automatic = { .code = INET_DIAG_BC_AUTO, .yes = 4, .no = 8 },
	.jump = { .code = INET_DIAG_BC_JMP, .yes = 4, .no = 8 },
};
_Static_assert(sizeof(struct inet_diag_bc_op) == 4, "jumps are told in bytes");

static int request_send(struct sockdiag *d, uint32_t states, bool bound, struct fault *f)
{
	char room[MNL_ALIGN(sizeof(struct nlmsghdr)) + MNL_ALIGN(sizeof(struct inet_diag_req)) +
	          sizeof bound_filter] __attribute__((aligned(8))) = { 0 };
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(room);
	nlh->nlmsg_type = TCPDIAG_GETSOCK;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	nlh->nlmsg_seq = ++d->seq;
	struct inet_diag_req *req = mnl_nlmsg_put_extra_header(nlh, sizeof *req);
	/* The family is not looked at; the kernel shows both. */
	req->idiag_family = AF_INET;
	req->idiag_states = states;
	if (bound)
		memcpy(mnl_nlmsg_put_extra_header(nlh, sizeof bound_filter), &bound_filter,
		        sizeof bound_filter);
	if (mnl_socket_sendto(d->nl, nlh, nlh->nlmsg_len) < 0)
		return fault_set(f, err_from_errno(errno), "sock_diag", NULL, "cannot ask the kernel: %s",
		        strerror(errno));
	return 0;
}

static int dump(struct sockdiag *d, uint32_t states, bool bound, const struct clock *clock,
        int64_t deadline_ms, sockdiag_each *each, void *ctx, struct fault *f)
{
	uint32_t portid = mnl_socket_get_portid(d->nl);
	bool done = false;
	int rc = finish_old(d, clock, deadline_ms, f);
	if (rc == 0)
		rc = request_send(d, states, bound, f);
	if (rc)
		return rc;
	d->unfinished = true;
	while (rc == 0 && !done) {
		size_t len;
		rc = read_some(d, clock, deadline_ms, &len, f);
		if (rc)
			break;
		rc = sockdiag_parse(d->buffer, len, d->seq, portid, each, ctx, &done, f);
		/* A callback may have stopped the walk in front of the end. */
		if (rc && !done)
			done = end_read(d, len);
	}
	if (done)
		d->unfinished = false;
	return rc;
}

int sockdiag_dump(struct sockdiag *d, uint32_t states, const struct clock *clock, int64_t deadline_ms,
        sockdiag_each *each, void *ctx, struct fault *f)
{
	return dump(d, states, false, clock, deadline_ms, each, ctx, f);
}

int sockdiag_dump_bound(struct sockdiag *d, const struct clock *clock, int64_t deadline_ms,
        sockdiag_each *each, void *ctx, struct fault *f)
{
	const uint32_t states = SOCKDIAG_ALL_STATES | 1U << TCP_STATE_BOUND_INACTIVE;
	return dump(d, states & ~(1U << TCP_STATE_LISTEN | 1U << TCP_STATE_TIME_WAIT), true, clock,
	        deadline_ms, each, ctx, f);
}
