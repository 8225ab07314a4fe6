/* The parser over made-up messages, each wrong in one way; then real walks in a namespace of its own. */
#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/measure/sockdiag.h"

#define SEQ  7
#define PORT 4242

/* One socket message with a mark attribute behind it, then the end. */
struct conversation {
	struct nlmsghdr head;
	struct inet_diag_msg body;
	struct nlattr attr;
	uint32_t mark;
	struct nlmsghdr done;
	int32_t done_rc;
};

static struct conversation good(void)
{
	struct conversation c = {
		.head = { .nlmsg_len = sizeof c.head + sizeof c.body + 8,
		        .nlmsg_type = TCPDIAG_GETSOCK,
		        .nlmsg_flags = NLM_F_MULTI,
		        .nlmsg_seq = SEQ,
		        .nlmsg_pid = PORT },
		.body = { .idiag_family = AF_INET,
		        .idiag_state = TCP_STATE_TIME_WAIT,
		        .idiag_timer = 3,
		        .idiag_expires = 42000,
		        .id = { .idiag_sport = 0x901f,
		                .idiag_dport = 0xea0c,
		                .idiag_src = { 0x0100007f },
		                .idiag_dst = { 0x0500000a } } },
		.attr = { .nla_len = 8, .nla_type = INET_DIAG_MARK },
		.done = { .nlmsg_len = sizeof c.done + 4,
		        .nlmsg_type = NLMSG_DONE,
		        .nlmsg_seq = SEQ,
		        .nlmsg_pid = PORT },
	};
	return c;
}

struct seen {
	unsigned n;
	int rc;
	struct sockdiag_socket last;
};

static int see(const struct sockdiag_socket *s, void *ctx)
{
	struct seen *seen = ctx;
	seen->n++;
	seen->last = *s;
	return seen->rc;
}

static void good_message(void **state)
{
	(void)state;
	struct conversation c = good();
	struct seen seen = { 0 };
	struct fault f;
	bool done = false;
	char text[IP16_ENDPOINT_ROOM];
	assert_int_equal(sockdiag_parse(&c, sizeof c, SEQ, PORT, see, &seen, &done, &f), 0);
	assert_true(done);
	assert_int_equal(seen.n, 1);
	assert_string_equal(ip16_endpoint(&seen.last.local, seen.last.local_port, text), "127.0.0.1:8080");
	assert_string_equal(ip16_endpoint(&seen.last.remote, seen.last.remote_port, text), "10.0.0.5:3306");
	assert_int_equal(seen.last.state, TCP_STATE_TIME_WAIT);
	assert_int_equal(seen.last.timer, SOCKDIAG_TIMER_MINISOCKET);
	assert_int_equal(seen.last.expires_ms, 42000);

	/* No timer, no time: the kernel leaves the field as it is. */
	c.body.idiag_timer = 0;
	assert_int_equal(sockdiag_parse(&c, sizeof c, SEQ, PORT, see, &seen, &done, &f), 0);
	assert_int_equal(seen.last.expires_ms, 0);

	/* A callback's code ends the walk in front of the end. */
	done = false;
	seen.rc = -99;
	assert_int_equal(sockdiag_parse(&c, sizeof c, SEQ, PORT, see, &seen, &done, &f), -99);
	assert_false(done);
}

#define FIELD(member) offsetof(struct conversation, member), sizeof(((struct conversation *)0)->member)

/* Each row sets one field of the good conversation. */
static void bad_messages(void **state)
{
	(void)state;
	static const struct {
		size_t at, size;
		uint32_t value;
		int rc;
		bool done;
		unsigned sockets;
		const char *remark;
	} rows[] = {
		{ FIELD(head.nlmsg_seq), SEQ + 1, KE_PROTO, false, 0, "another request" },
		{ FIELD(head.nlmsg_pid), PORT + 1, KE_PROTO, false, 0, "for another socket" },
		{ FIELD(head.nlmsg_type), SOCK_DIAG_BY_FAMILY, KE_PROTO, false, 0, "another type" },
		{ FIELD(head.nlmsg_type), NLMSG_OVERRUN, KE_SYSTEM, false, 0, "messages were lost" },
		{ FIELD(head.nlmsg_type), NLMSG_NOOP, 0, true, 0, "nothing to say" },
		{ FIELD(head.nlmsg_len), 16, KE_PROTO, false, 0, "no body" },
		{ FIELD(head.nlmsg_len), 87, KE_PROTO, false, 0, "body cut by one byte" },
		{ FIELD(head.nlmsg_len), 15, KE_PROTO, false, 0, "shorter than its header" },
		{ FIELD(head.nlmsg_len), 0, KE_PROTO, false, 0, "length 0: no endless loop" },
		{ FIELD(head.nlmsg_len), 5000, KE_PROTO, false, 0, "longer than what was read" },
		{ FIELD(head.nlmsg_len), 0xffffffff, KE_PROTO, false, 0, "length -1" },
		{ FIELD(head.nlmsg_len), 90, KE_PROTO, false, 0, "half an attribute header" },
		{ FIELD(attr.nla_len), 3, KE_PROTO, false, 0, "attribute shorter than its header" },
		{ FIELD(attr.nla_len), 9, KE_PROTO, false, 0, "attribute beyond its message" },
		{ FIELD(attr.nla_len), 7, 0, true, 1, "attribute with padding" },
		{ FIELD(body.idiag_state), 0, KE_PROTO, false, 0, "state 0" },
		{ FIELD(body.idiag_state), TCP_STATES, KE_PROTO, false, 0, "state 14" },
		{ FIELD(body.idiag_family), AF_UNIX, KE_PROTO, false, 0, "another family" },
		{ FIELD(body.idiag_family), AF_INET6, 0, true, 1, "the other family" },
		{ FIELD(done.nlmsg_type), NLMSG_ERROR, KE_PROTO, true, 1, "an acknowledgement" },
		{ FIELD(done_rc), (uint32_t)-2, KE_UNSUPPORTED, true, 1, "ENOENT" },
		{ FIELD(done_rc), (uint32_t)-13, KE_ACCES, true, 1, "EACCES" },
		{ FIELD(done_rc), (uint32_t)-5000, KE_PROTO, true, 1, "no errno" },
		{ FIELD(done_rc), 5, KE_PROTO, true, 1, "positive" },
		{ FIELD(done.nlmsg_len), 16, 0, true, 1, "an end without a number" },
		{ FIELD(done.nlmsg_len), 22, KE_PROTO, false, 1, "an end that is cut off" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct conversation c = good();
		struct seen seen = { 0 };
		struct fault f = { 0 };
		bool done = false;
		memcpy((char *)&c + rows[i].at, &rows[i].value, rows[i].size);
		int rc = sockdiag_parse(&c, sizeof c, SEQ, PORT, see, &seen, &done, &f);
		if (rc != rows[i].rc || done != rows[i].done || seen.n != rows[i].sockets ||
		        (rc && !f.what[0]))
			fail_msg("%s: rc %d (%s) done %d sockets %u", rows[i].remark, rc, f.what, done,
			        seen.n);
	}
}

/* Every prefix of a good conversation: never a read too far (the sanitizer looks), never an end before the end. */
static void cut_conversations(void **state)
{
	(void)state;
	struct conversation c = good();
	for (size_t len = 0; len < sizeof c; len++) {
		struct seen seen = { 0 };
		struct fault f;
		bool done = false;
		void *copy = malloc(len ? len : 1);
		assert_non_null(copy);
		memcpy(copy, &c, len);
		int rc = sockdiag_parse(copy, len, SEQ, PORT, see, &seen, &done, &f);
		free(copy);
		bool whole = len == 0 || len == c.head.nlmsg_len;
		assert_int_equal(rc, whole ? 0 : KE_PROTO);
		assert_false(done);
	}
}

/* A clock that jumps by STEP a look, to make deadlines pass. */
struct fake {
	int64_t now, step;
};

static int64_t fake_ms(void *ctx)
{
	struct fake *fake = ctx;
	return fake->now += fake->step;
}

static int count_some(const struct sockdiag_socket *s, void *ctx)
{
	struct seen *seen = ctx;
	(void)s;
	return ++seen->n == 2 ? seen->rc : 0;
}

/* Walks that end badly must leave the socket usable. */
static void real_walks(void **state)
{
	(void)state;
	if (unshare(CLONE_NEWNET))
		skip();
	struct sockdiag *d;
	struct fault f;
	struct seen seen = { 0 };
	assert_int_equal(sockdiag_open(&d, &f), 0);
	assert_true(sockdiag_fd(d) >= 0);
	int64_t soon = clock_boot_ms(&clock_system) + 10000;
	assert_int_equal(sockdiag_dump(d, SOCKDIAG_ALL_STATES, &clock_system, soon, see, &seen, &f), 0);
	assert_int_equal(seen.n, 0);

	/* More listeners than one read holds, so that a walk can stop in the middle. */
	int fds[600];
	for (int i = 0; i < 600; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_true(fds[i] >= 0 && listen(fds[i], 1) == 0);
	}
	seen = (struct seen){ .rc = -99 };
	assert_int_equal(
	        sockdiag_dump(d, SOCKDIAG_ALL_STATES, &clock_system, soon, count_some, &seen, &f), -99);
	seen = (struct seen){ 0 };
	assert_int_equal(sockdiag_dump(d, SOCKDIAG_ALL_STATES, &clock_system, soon, see, &seen, &f), 0);
	assert_int_equal(seen.n, 600);
	assert_int_equal(seen.last.state, TCP_STATE_LISTEN);

	struct fake fake = { .step = 10 };
	const struct clock jumpy = { .wall = fake_ms, .boot_ms = fake_ms, .ctx = &fake };
	seen = (struct seen){ 0 };
	assert_int_equal(sockdiag_dump(d, SOCKDIAG_ALL_STATES, &jumpy, 15, see, &seen, &f), KE_TIMEOUT);
	assert_true(seen.n < 600);
	seen = (struct seen){ 0 };
	assert_int_equal(sockdiag_dump(d, SOCKDIAG_ALL_STATES, &clock_system, soon, see, &seen, &f), 0);
	assert_int_equal(seen.n, 600);

	/* A mask without LISTEN shows nothing. */
	seen = (struct seen){ 0 };
	assert_int_equal(sockdiag_dump(d, 1U << TCP_STATE_TIME_WAIT, &clock_system, soon, see, &seen, &f), 0);
	assert_int_equal(seen.n, 0);
	for (int i = 0; i < 600; i++)
		close(fds[i]);
	sockdiag_close(d);
	sockdiag_close(NULL);
}

static void cgroup_attribute(void **state)
{
	(void)state;
	/* The good conversation with a cgroup's id where the mark was, twelve bytes long. */
	struct {
		struct nlmsghdr head;
		struct inet_diag_msg body;
		struct nlattr attr;
		uint64_t id __attribute__((packed, aligned(4)));
	} c = { .head = good().head,
		.body = good().body,
		.attr = { .nla_len = 12, .nla_type = INET_DIAG_CGROUP_ID },
		.id = 0x1234567890 };
	struct seen seen = { 0 };
	struct fault f;
	bool done = false;
	c.head.nlmsg_len = sizeof c.head + sizeof c.body + 12;
	c.body.idiag_uid = 33;
	assert_int_equal(sockdiag_parse(&c, c.head.nlmsg_len, SEQ, PORT, see, &seen, &done, &f), 0);
	assert_int_equal(seen.n, 1);
	assert_true(seen.last.cgroup == 0x1234567890);
	assert_int_equal(seen.last.uid, 33);
	c.attr.nla_len = 8; /* an id of four bytes is none; what is left is no attribute */
	assert_int_equal(sockdiag_parse(&c, c.head.nlmsg_len, SEQ, PORT, see, &seen, &done, &f), KE_PROTO);
	c.head.nlmsg_len -= 4;
	assert_int_equal(sockdiag_parse(&c, c.head.nlmsg_len, SEQ, PORT, see, &seen, &done, &f), 0);
	assert_true(seen.last.cgroup == 0);
}

static int bound_tcp(uint16_t port, bool listening)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0);
	if (listening)
		assert_int_equal(listen(fd, 8), 0);
	return fd;
}

/* Who named his port in bind(): a listener (not told), a client that did, one that did not. */
static void bound_ports(void **state)
{
	(void)state;
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(2000), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)
	};
	struct sockdiag *d;
	struct fault f;
	struct seen seen = { 0 };
	if (unshare(CLONE_NEWNET))
		skip();
	int server = bound_tcp(2000, true), client = bound_tcp(45000, false);
	assert_int_equal(ioctl(server, SIOCSIFFLAGS, &ifr), 0);
	int automatic = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(automatic >= 0 && connect(automatic, (struct sockaddr *)&to, sizeof to) == 0);
	assert_int_equal(sockdiag_open(&d, &f), 0);
	int64_t soon = clock_boot_ms(&clock_system) + 10000;
	/* Not connected: kernels before 6.8 do not show it. */
	assert_int_equal(sockdiag_dump_bound(d, &clock_system, soon, see, &seen, &f), 0);
	assert_true(seen.n <= 1);
	seen.n = 0;
	assert_int_equal(connect(client, (struct sockaddr *)&to, sizeof to), 0);
	assert_int_equal(sockdiag_dump_bound(d, &clock_system, soon, see, &seen, &f), 0);
	assert_int_equal(seen.n, 1);
	assert_int_equal(seen.last.local_port, 45000);
	close(client);
	close(automatic);
	close(server);
	sockdiag_close(d);
}

/* Another process writes to our netlink socket: it is not believed, and the walk after it works. */
static void foreign_sender(void **state)
{
	(void)state;
	struct conversation c = good();
	struct sockaddr_nl to;
	socklen_t len = sizeof to;
	struct sockdiag *d;
	struct fault f;
	struct seen seen = { 0 };
	if (unshare(CLONE_NEWNET))
		skip();
	assert_int_equal(sockdiag_open(&d, &f), 0);
	assert_int_equal(getsockname(sockdiag_fd(d), (struct sockaddr *)&to, &len), 0);
	c.head.nlmsg_seq = c.done.nlmsg_seq = 1; /* what the first walk will ask for */
	c.head.nlmsg_pid = c.done.nlmsg_pid = to.nl_pid;
	int stranger = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	assert_true(stranger >= 0);
	assert_int_equal(sendto(stranger, &c, sizeof c, 0, (struct sockaddr *)&to, sizeof to), sizeof c);
	int64_t soon = clock_boot_ms(&clock_system) + 10000;
	assert_int_equal(
	        sockdiag_dump(d, SOCKDIAG_ALL_STATES, &clock_system, soon, see, &seen, &f), KE_PROTO);
	assert_non_null(strstr(f.what, "from the kernel"));
	assert_int_equal(seen.n, 0);
	assert_int_equal(sockdiag_dump(d, SOCKDIAG_ALL_STATES, &clock_system, soon, see, &seen, &f), 0);
	assert_int_equal(seen.n, 0);
	close(stranger);
	sockdiag_close(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_message),
		cmocka_unit_test(bad_messages),
		cmocka_unit_test(cut_conversations),
		cmocka_unit_test(cgroup_attribute),
		cmocka_unit_test(real_walks),
		cmocka_unit_test(bound_ports),
		cmocka_unit_test(foreign_sender),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
