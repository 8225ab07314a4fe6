/* kedge-bpf-loader — the one program of kedge that makes bpf(2) calls. Started by the supervisor with the few capabilities
 * that takes; loads, attaches, hands the descriptors over its socket, and ends. What it loaded lives as long as the
 * supervisor holds the link.
 *
 *	kedge-bpf-loader --socket FD [--lock] [--exempt DIRECTORY]... */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/bpf/cgroup2.h"
#include "agent/bpf/load.h"
#include "proto/log.h"

struct arguments {
	int socket;
	struct load_options load;
	const char *exempt[BPF_EXEMPT_MAX];
};

static int arguments_read(int argc, char **argv, struct arguments *ret)
{
	static const struct option options[] = { { "socket", required_argument, NULL, 's' },
		{ "lock", no_argument, NULL, 'l' }, { "exempt", required_argument, NULL, 'x' },
		{ NULL, 0, NULL, 0 } };
	int opt;

	*ret = (struct arguments){ .socket = -1 };
	while ((opt = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (opt == 's')
			ret->socket = (int)strtol(optarg, NULL, 10);
		else if (opt == 'l')
			ret->load.locks = true;
		else if (opt == 'x' && ret->load.n_exempt < BPF_EXEMPT_MAX)
			ret->exempt[ret->load.n_exempt++] = optarg;
		else
			return -1;
	}
	return argc == optind && ret->socket > 2 ? 0 : -1;
}

/* One message: the answer, and the three descriptors when there are any. */
static int answer(int fd, const struct bpf_answer *a, const struct bpf_loaded *l)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(3 * sizeof(int))];
	} control = { .room = { 0 } };
	struct iovec v = { .iov_base = (void *)(uintptr_t)a, .iov_len = sizeof *a };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };

	if (!a->code) {
		const int fds[3] = { l->link_fd, l->ring_fd, l->desk_fd };
		m.msg_control = control.room;
		m.msg_controllen = sizeof control.room;
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof fds);
		memcpy(CMSG_DATA(c), fds, sizeof fds);
	}
	return sendmsg(fd, &m, MSG_NOSIGNAL) == (ssize_t)sizeof *a ? KE_OK : KE_CLOSED;
}

int main(int argc, char **argv)
{
	struct bpf_loaded l = BPF_LOADED_NONE;
	struct fault f = { 0 }, note = { 0 };
	struct bpf_answer a = { .code = 0 };
	struct arguments args;
	struct cgroup2 at = { .whole = false };

	log_open("kedge-bpf-loader", LOG_LEVEL_INFO);
	if (arguments_read(argc, argv, &args)) {
		fprintf(stderr, "kedge-bpf-loader is started by 'kedge-agent run'\n");
		return 1;
	}
	args.load.exempt = args.exempt;
	a.code = cgroup2_find(&at, &f);
	args.load.whole = at.whole;
	if (!a.code)
		a.code = load_program(at.path, &args.load, &l, &note, &f);
	a.whole = at.whole;
	a.kernel = l.kernel;
	a.locks = l.locks;
	snprintf(a.where, sizeof a.where, "%.*s", (int)sizeof a.where - 1, at.path);
	f.code = a.code;
	if (a.code)
		fault_line(&f, a.text, sizeof a.text);
	else if (note.code)
		fault_line(&note, a.text, sizeof a.text);
	return answer(args.socket, &a, &l) ? 1 : 0;
}
