/* Aggregates of made-up sockets; then every state that can be made on loopback, counted by the census and by the
 * kernel's own /proc/net/tcp and tcp6. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/measure/census.h"
#include "proto/err.h"

static struct port_set reserved;

static struct census *fresh(size_t table)
{
	struct census *c;
	struct census_setup setup = {
		.low = 32768, .high = 60999, .reserved = &reserved, .reuse_delay_ms = 1000, .table = table
	};
	assert_int_equal(census_new(&setup, &c), 0);
	return c;
}

static struct sockdiag_socket make(uint8_t state, uint16_t lport, uint8_t last_byte, uint16_t rport)
{
	unsigned char src[4] = { 10, 0, 0, 1 }, dst[4] = { 10, 0, 1, last_byte };
	struct sockdiag_socket s = { .local = ip16_v4(src),
		.remote = ip16_v4(dst),
		.local_port = lport,
		.remote_port = rport,
		.family = AF_INET,
		.state = state };
	if (state == TCP_STATE_TIME_WAIT) {
		s.timer = SOCKDIAG_TIMER_MINISOCKET;
		s.expires_ms = 30000;
	}
	return s;
}

static void add(struct census *c, struct sockdiag_socket s)
{
	assert_int_equal(census_add(&s, c), 0);
}

/* Ports that somebody named in bind() are lost to all, and no path's. */
static void bound_ports(void **state)
{
	(void)state;
	static struct port_set bound, none;
	struct census *c;
	const struct census_setup setup = {
		.low = 32768, .high = 60999, .reserved = &none, .bound = &bound, .reuse_delay_ms = 1000
	};
	port_set_add(&bound, 45000);
	port_set_add(&bound, 45001); /* listens, too */
	port_set_add(&bound, 22);    /* outside the range */
	assert_int_equal(census_new(&setup, &c), 0);
	add(c, make(TCP_STATE_LISTEN, 45001, 0, 0));
	add(c, make(TCP_STATE_ESTABLISHED, 45000, 5, 3306));
	add(c, make(TCP_STATE_TIME_WAIT, 45000, 6, 3306)); /* of the same port, to another one */
	add(c, make(TCP_STATE_ESTABLISHED, 45002, 5, 3306));
	census_end(c);
	const struct census_counts *n = census_counts(c);
	assert_int_equal(n->bound_in_range, 1);
	assert_int_equal(n->bound_sockets, 2);
	assert_int_equal(n->listening_in_range, 1);
	assert_int_equal(n->outgoing_time_wait, 0);
	struct census_path paths[4];
	bool exact;
	assert_int_equal(census_paths(c, paths, 4, &exact), 1);
	assert_int_equal(paths[0].used, 1);
	census_free(c);
}

/* Sockets with an inode belong to somebody. */
static void owners(void **state)
{
	(void)state;
	struct census *c = fresh(0);
	for (int i = 0; i < 5; i++) {
		struct sockdiag_socket s = make(i ? TCP_STATE_ESTABLISHED : TCP_STATE_LISTEN,
		        i ? (uint16_t)(40000 + i) : 80, 5, 3306);
		s.inode = 77;
		s.uid = 33;
		s.cgroup = i == 4 ? 9 : 8;
		add(c, s);
	}
	add(c, make(TCP_STATE_TIME_WAIT, 50000, 5, 3306)); /* nobody's */
	struct census_owner o[4];
	assert_int_equal(census_owners(c, o, 4), 2);
	assert_true(o[0].uid == 33 && o[0].cgroup == 8 && o[0].sockets == 4 && o[0].listening == 1);
	assert_true(o[1].uid == 33 && o[1].cgroup == 9 && o[1].sockets == 1 && o[1].listening == 0);
	assert_int_equal(o[0].error, 0);
	assert_int_equal(census_owners(c, o, 1), 1);
	census_free(c);

	/* More owners than the table holds: told as bounds. */
	c = fresh(0);
	for (uint32_t i = 0; i < 1000; i++) {
		struct sockdiag_socket s = make(TCP_STATE_ESTABLISHED, 40000, 5, 3306);
		s.inode = 1;
		s.uid = i < 400 ? 7 : i;
		add(c, s);
	}
	assert_int_equal(census_owners(c, o, 4), 4);
	assert_true(o[0].uid == 7 && o[0].sockets - o[0].error <= 400 && o[0].sockets >= 400);
	assert_true(o[1].error > 0);
	census_free(c);
}

static void outgoing_and_service(void **state)
{
	(void)state;
	port_set_add(&reserved, 40009);
	struct census *c = fresh(0);
	add(c, make(TCP_STATE_LISTEN, 80, 0, 0));
	add(c, make(TCP_STATE_LISTEN, 40000, 0, 0));
	add(c, make(TCP_STATE_LISTEN, 40000, 0, 0)); /* a second one on another address */
	add(c, make(TCP_STATE_LISTEN, 40009, 0, 0));
	add(c, make(TCP_STATE_TIME_WAIT, 80, 9, 50000));    /* of a service */
	add(c, make(TCP_STATE_TIME_WAIT, 40000, 9, 50000)); /* of a service inside the range */
	add(c, make(TCP_STATE_TIME_WAIT, 40009, 9, 3306));  /* reserved: connect() would not take it */
	add(c, make(TCP_STATE_TIME_WAIT, 32767, 9, 3306));  /* one below the range */
	add(c, make(TCP_STATE_TIME_WAIT, 61000, 9, 3306));  /* one above */
	add(c, make(TCP_STATE_TIME_WAIT, 32768, 5, 3306));  /* the ends belong to it */
	add(c, make(TCP_STATE_TIME_WAIT, 60999, 5, 3306));
	add(c, make(TCP_STATE_ESTABLISHED, 50000, 5, 3306));
	add(c, make(TCP_STATE_ESTABLISHED, 80, 7, 50000));
	const struct census_counts *n = census_counts(c);
	assert_int_equal(n->sockets, 13);
	assert_int_equal(n->listening_ports, 3);
	assert_int_equal(n->listening_in_range, 1);
	assert_int_equal(n->service_time_wait, 5);
	assert_int_equal(n->outgoing_time_wait, 2);
	assert_int_equal(census_state(n, TCP_STATE_TIME_WAIT), 7);
	assert_int_equal(census_state(n, TCP_STATE_LISTEN), 4);

	struct census_path p[4];
	bool exact;
	assert_int_equal(census_paths(c, p, 4, &exact), 1);
	assert_true(exact);
	char text[IP16_ENDPOINT_ROOM];
	assert_string_equal(ip16_endpoint(&p[0].dst, p[0].dst_port, text), "10.0.1.5:3306");
	assert_string_equal(ip16_text(&p[0].src, text), "10.0.0.1");
	assert_int_equal(p[0].used, 3);
	assert_int_equal(p[0].time_wait, 2);
	assert_int_equal(p[0].live, 1);
	assert_int_equal(p[0].error, 0);

	struct census_service s[8];
	assert_int_equal(census_services(c, s, 8), 5);
	assert_int_equal(s[0].port, 80); /* one TIME_WAIT like the others, but a live one too */
	assert_true(s[0].listening && s[0].live == 1 && s[0].time_wait == 1);
	assert_int_equal(s[1].port, 32767);
	assert_false(s[1].listening);
	assert_int_equal(census_services(c, s, 1), 1);
	assert_int_equal(s[0].port, 80);
	census_free(c);
	memset(&reserved, 0, sizeof reserved);
}

static void ages(void **state)
{
	(void)state;
	static const struct {
		uint32_t expires;
		unsigned class, aged, entered, leaving;
		const char *remark;
	} rows[] = {
		{ 60000, 0, 0, 1, 0, "just closed" },
		{ 59001, 0, 0, 1, 0, "999 ms old: not yet to be reused" },
		{ 59000, 0, 1, 1, 0, "1000 ms" },
		{ 55001, 0, 1, 1, 0, "end of the first class" },
		{ 55000, 1, 1, 1, 0, "start of the second" },
		{ 50001, 1, 1, 1, 0, "entered in the last 10 s" },
		{ 50000, 2, 1, 0, 0, "entered before" },
		{ 10000, 10, 1, 0, 0, "leaves later" },
		{ 9999, 10, 1, 0, 1, "leaves in the next 10 s" },
		{ 0, 11, 1, 0, 1, "its timer is due" },
		{ 61000, 0, 0, 1, 0, "timers may run a little longer than 60 s" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct census *c = fresh(0);
		struct sockdiag_socket s = make(TCP_STATE_TIME_WAIT, 40000, 5, 3306);
		s.expires_ms = rows[i].expires;
		add(c, s);
		struct census_path p;
		bool exact;
		assert_int_equal(census_paths(c, &p, 1, &exact), 1);
		if (census_counts(c)->time_wait_age[rows[i].class] != 1 || p.aged != rows[i].aged ||
		        p.entered != rows[i].entered || p.leaving != rows[i].leaving)
			fail_msg("%s", rows[i].remark);
		census_free(c);
	}
}

static void families_and_minisockets(void **state)
{
	(void)state;
	struct census *c = fresh(0);
	struct sockdiag_socket s = make(TCP_STATE_TIME_WAIT, 40000, 5, 3306);
	add(c, s);
	s.family = AF_INET6; /* the same addresses, mapped, on another port: one path with the above */
	s.local_port = 40001;
	add(c, s);
	unsigned char six[16] = { 0x20, 1, 0xd, 0xb8, [15] = 1 };
	s.local = s.remote = ip16_v6(six);
	add(c, s);
	s = make(TCP_STATE_FIN_WAIT2, 40002, 5, 3306);
	add(c, s); /* still owned */
	s.timer = SOCKDIAG_TIMER_MINISOCKET;
	s.local_port = 40003;
	add(c, s);
	const struct census_counts *n = census_counts(c);
	assert_int_equal(n->state[CENSUS_IPV4][TCP_STATE_TIME_WAIT], 1);
	assert_int_equal(n->state[CENSUS_MAPPED][TCP_STATE_TIME_WAIT], 1);
	assert_int_equal(n->state[CENSUS_IPV6][TCP_STATE_TIME_WAIT], 1);
	assert_int_equal(n->state[CENSUS_IPV4][TCP_STATE_FIN_WAIT2], 2);
	assert_int_equal(n->fin_wait2_mini, 1);
	struct census_path p[2];
	bool exact;
	assert_int_equal(census_paths(c, p, 2, &exact), 2);
	assert_int_equal(p[0].used, 4);
	assert_int_equal(p[0].time_wait, 2);
	assert_int_equal(p[0].fin_wait2, 1);
	assert_int_equal(p[0].live, 1);
	char text[IP16_ENDPOINT_ROOM];
	assert_string_equal(ip16_endpoint(&p[1].dst, p[1].dst_port, text), "[2001:db8::1]:3306");
	census_free(c);
}

/* Two sources to one destination are two paths and one destination, in a table that holds them and in one that does not. */
static void destinations_sum_paths(void **state)
{
	(void)state;
	for (int crowded = 0; crowded < 2; crowded++) {
		struct census *c = fresh(crowded ? 8 : 0);
		for (unsigned i = 0; i < 3000; i++) {
			struct sockdiag_socket s = make(TCP_STATE_TIME_WAIT, (uint16_t)(40000 + i), 5, 3306);
			unsigned char src[4] = { 10, 0, 0, (unsigned char)(i % 2) };
			s.local = ip16_v4(src);
			add(c, s);
		}
		for (unsigned i = 0; crowded && i < 100; i++)
			add(c, make(TCP_STATE_TIME_WAIT, 40000, (uint8_t)i, 5432));
		add(c, make(TCP_STATE_ESTABLISHED, 40000, 77, 1)); /* no TIME_WAIT: no destination of one */
		struct census_destination d[3];
		struct census_path p[3];
		bool exact;
		size_t n;
		assert_int_equal(census_destinations(c, d, 3, &n), 0);
		assert_int_equal(n, crowded ? 3 : 1);
		assert_int_equal(d[0].port, 3306);
		assert_in_range(3000, d[0].time_wait - d[0].error, d[0].time_wait);
		assert_true(d[0].time_wait <= 3020);
		census_paths(c, p, 3, &exact);
		assert_int_equal(exact, !crowded);
		assert_int_equal(p[0].dst_port, 3306);
		assert_in_range(1500, p[0].used - p[0].error, p[0].used);
		assert_int_equal(p[1].dst_port, 3306);
		assert_int_equal(census_counts(c)->outgoing_time_wait, crowded ? 3100 : 3000);
		census_free(c);
	}
}

/* A thousand sources, one connection each, to one destination: no path is large, the destination is. */
static void many_small_paths_to_one_destination(void **state)
{
	(void)state;
	struct census *c = fresh(8);
	for (unsigned i = 0; i < 1000; i++) {
		struct sockdiag_socket s = make(TCP_STATE_TIME_WAIT, 40000, 5, 3306);
		unsigned char src[4] = { 10, 9, (unsigned char)(i >> 8), (unsigned char)i };
		s.local = ip16_v4(src);
		add(c, s);
	}
	struct census_destination d[2];
	size_t n;
	assert_int_equal(census_destinations(c, d, 2, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(d[0].time_wait, 1000);
	assert_int_equal(d[0].error, 0);
	census_free(c);
}

static void bad_setups_are_refused(void **state)
{
	(void)state;
	struct census *c = NULL;
	struct census_setup setup = { .low = 2, .high = 1, .reserved = &reserved };
	assert_int_equal(census_new(&setup, &c), KE_RANGE);
	setup.low = setup.high = 0;
	assert_int_equal(census_new(&setup, &c), KE_RANGE);
	setup.low = setup.high = 1;
	setup.table = 1U << 20;
	assert_int_equal(census_new(&setup, &c), KE_RANGE);
	assert_null(c);
	census_free(NULL);
	assert_string_equal(tcp_state_name(TCP_STATE_FIN_WAIT2), "FIN_WAIT2");
	assert_string_equal(tcp_state_name(0), "?");
	assert_string_equal(tcp_state_name(200), "?");
}

/* --- real sockets ------------------------------------------------------------------------------------------- */

struct pair {
	int client, server;
};

static void lo_up(void)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &ifr) == 0);
	close(fd);
}

static int listener(int family, uint16_t port, int backlog)
{
	int one = 1, fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in a4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 a6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	int rc = family == AF_INET ? bind(fd, (struct sockaddr *)&a4, sizeof a4)
	                           : bind(fd, (struct sockaddr *)&a6, sizeof a6);
	assert_int_equal(rc, 0);
	assert_int_equal(listen(fd, backlog), 0);
	return fd;
}

/* FLAGS: SOCK_NONBLOCK or 0. */
static int dial(int family, const char *addr, uint16_t port, int flags)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
	struct sockaddr_in a4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 a6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	assert_true(fd >= 0);
	assert_int_equal(
	        inet_pton(family, addr, family == AF_INET ? (void *)&a4.sin_addr : &a6.sin6_addr), 1);
	int rc = family == AF_INET ? connect(fd, (struct sockaddr *)&a4, sizeof a4)
	                           : connect(fd, (struct sockaddr *)&a6, sizeof a6);
	assert_true(rc == 0 || (flags && errno == EINPROGRESS));
	return fd;
}

static struct pair joined(int family, const char *addr, uint16_t port, int listening)
{
	struct pair p;
	p.client = dial(family, addr, port, 0);
	p.server = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
	assert_true(p.server >= 0);
	return p;
}

/* Write until nothing more fits: what follows, a FIN too, has to wait for the other side to read. */
static void stuff(int fd)
{
	static const char block[65536];
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	while (write(fd, block, sizeof block) > 0)
		;
	usleep(20000);
	while (write(fd, block, sizeof block) > 0)
		;
}

static void every_state_make(void)
{
	int four = listener(AF_INET, 2000, 16), six = listener(AF_INET6, 2001, 16);
	joined(AF_INET, "127.0.0.1", 2000, four);
	joined(AF_INET6, "::1", 2001, six);
	joined(AF_INET6, "::ffff:127.0.0.1", 2001, six);

	/* SYN_RECV: the server waits for data before it calls the handshake complete. */
	int deferred = listener(AF_INET, 2002, 16), seconds = 30;
	assert_int_equal(setsockopt(deferred, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof seconds), 0);
	dial(AF_INET, "127.0.0.1", 2002, 0);
	/* SYN_SENT: an accept queue that is full. */
	listener(AF_INET, 2003, 0);
	for (int i = 0; i < 4; i++)
		dial(AF_INET, "127.0.0.1", 2003, SOCK_NONBLOCK);

	struct pair p = joined(AF_INET, "127.0.0.1", 2000, four);
	stuff(p.client);
	shutdown(p.client, SHUT_WR); /* FIN_WAIT1: the FIN stands behind data that nobody reads */
	p = joined(AF_INET, "127.0.0.1", 2000, four);
	shutdown(p.client, SHUT_WR); /* FIN_WAIT2 with an owner; the server: CLOSE_WAIT */
	p = joined(AF_INET6, "::1", 2001, six);
	close(p.client); /* FIN_WAIT2 without one */
	p = joined(AF_INET, "127.0.0.1", 2000, four);
	shutdown(p.client, SHUT_WR);
	stuff(p.server);
	close(p.server); /* LAST_ACK */
	p = joined(AF_INET, "127.0.0.1", 2000, four);
	stuff(p.client);
	shutdown(p.client, SHUT_WR);
	shutdown(p.server, SHUT_WR); /* CLOSING: both have sent a FIN, one is stuck */
	for (int i = 0; i < 25; i++) {
		p = i % 5 ? joined(AF_INET, "127.0.0.1", 2000, four)
		          : joined(AF_INET6, i % 2 ? "::ffff:127.0.0.1" : "::1", 2001, six);
		close(p.client);
		close(p.server);
	}
	usleep(50000);
}

/* Add the sockets that /proc/net/FILE lists to COUNTS, by the number in its fourth column. */
static void proc_count(const char *file, uint64_t counts[TCP_STATES])
{
	char path[64], line[512];
	snprintf(path, sizeof path, "/proc/self/net/%s", file);
	FILE *fp = fopen(path, "re");
	assert_non_null(fp);
	assert_non_null(fgets(line, sizeof line, fp));
	while (fgets(line, sizeof line, fp)) {
		unsigned state;
		assert_int_equal(sscanf(line, "%*s %*s %*s %x", &state), 1);
		assert_true(state < TCP_STATES);
		counts[state]++;
	}
	fclose(fp);
}

static void equals_proc(void **state)
{
	(void)state;
	if (unshare(CLONE_NEWNET))
		skip();
	lo_up();
	every_state_make();
	struct census *c = fresh(0);
	struct sockdiag *d;
	struct fault f;
	assert_int_equal(sockdiag_open(&d, &f), 0);
	assert_int_equal(sockdiag_dump(d, SOCKDIAG_ALL_STATES, &clock_system,
	                         clock_boot_ms(&clock_system) + 10000, census_add, c, &f),
	        0);
	sockdiag_close(d);
	uint64_t four[TCP_STATES] = { 0 }, six[TCP_STATES] = { 0 };
	proc_count("tcp", four);
	proc_count("tcp6", six);
	const struct census_counts *n = census_counts(c);
	for (unsigned s = 1; s < TCP_STATES; s++) {
		uint64_t v4 = n->state[CENSUS_IPV4][s];
		uint64_t v6 = n->state[CENSUS_IPV6][s] + n->state[CENSUS_MAPPED][s];
		if (v4 != four[s] || v6 != six[s])
			fail_msg("%s: census %d + %d, /proc %d + %d", tcp_state_name(s), (int)v4, (int)v6,
			        (int)four[s], (int)six[s]);
		bool reachable = s <= TCP_STATE_CLOSING && s != TCP_STATE_CLOSE;
		if (reachable && v4 + v6 == 0)
			fail_msg("no socket in %s was made", tcp_state_name(s));
	}
	assert_int_equal(n->fin_wait2_mini, 1);
	assert_int_equal(census_state(n, TCP_STATE_TIME_WAIT), 25);
	assert_int_equal(n->state[CENSUS_MAPPED][TCP_STATE_TIME_WAIT], 2);
	assert_int_equal(n->outgoing_time_wait, 25);
	census_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bound_ports),
		cmocka_unit_test(owners),
		cmocka_unit_test(outgoing_and_service),
		cmocka_unit_test(ages),
		cmocka_unit_test(families_and_minisockets),
		cmocka_unit_test(destinations_sum_paths),
		cmocka_unit_test(many_small_paths_to_one_destination),
		cmocka_unit_test(bad_setups_are_refused),
		cmocka_unit_test(equals_proc),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
