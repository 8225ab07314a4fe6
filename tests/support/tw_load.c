/* tw_load — fill this network namespace with real TIME_WAIT sockets, quickly.
 *
 * Each connection is made over loopback and closed by the client first (or by the server, --server-closes), so the
 * kernel keeps it for 60 s. Destinations are addresses of 127.0.0.0/8 with one listener each (::1 with a port each for
 * IPv6), so that far more than one port range is possible. It sets tcp_tw_reuse = 0 and raises tcp_max_tw_buckets *in
 * this namespace*, and refuses to run in the machine's own one. For tests and benchmarks only.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/measure/sockstat.h"

#define PER_DESTINATION 10000 /* below half a range connect() finds a port at once */
#define SERVER_PORT     8080
#define SERVER_PORT_V6  9000
#define DESTINATIONS    5000
#ifndef IP_LOCAL_PORT_RANGE
#define IP_LOCAL_PORT_RANGE 51
#endif

struct options {
	long count, destinations, v6_percent, workers;
	bool quiet, server_closes;
};

static int usage(void)
{
	fputs("usage: tw_load [--count N] [--destinations D] [--v6 PERCENT] [--server-closes] [--workers W] "
	      "[--quiet]\n"
	      "Makes N TIME_WAIT sockets towards D destinations; run it under `unshare --net`.\n",
	        stderr);
	return 1;
}

static int failed(const char *what)
{
	fprintf(stderr, "tw_load: %s: %s\n", what, strerror(errno));
	return -1;
}

/* Only what provably is not the machine's own namespace is taken: the settings that exist once a machine
 * (net.core.netdev_budget) are not visible from here, those of every namespace are. Process 1 proves nothing: in a
 * container it may be the very script that made the namespace. */
static int namespace_check(void)
{
	bool machine = access("/proc/sys/net/core/somaxconn", F_OK) != 0 ||
	               access("/proc/sys/net/core/netdev_budget", F_OK) == 0 || errno != ENOENT;
	if (machine) {
		fputs("tw_load: refuses to run in the machine's own network namespace; use unshare --net\n",
		        stderr);
		return -1;
	}
	return 0;
}

static int loopback_up(void)
{
	struct ifreq ifr = { .ifr_name = "lo" };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return failed("socket");
	int rc = ioctl(fd, SIOCGIFFLAGS, &ifr);
	ifr.ifr_flags |= IFF_UP;
	if (rc == 0)
		rc = ioctl(fd, SIOCSIFFLAGS, &ifr);
	close(fd);
	return rc ? failed("lo") : 0;
}

static void sysctl_set(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		failed(path);
	if (fd >= 0)
		close(fd);
}

struct address {
	struct sockaddr_storage ss;
	socklen_t len;
};

static struct address destination(const struct options *o, long d)
{
	struct address a = { 0 };
	if (d * 100 < o->v6_percent * o->destinations) {
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&a.ss;
		in6->sin6_family = AF_INET6;
		in6->sin6_addr = in6addr_loopback;
		in6->sin6_port = htons((uint16_t)(SERVER_PORT_V6 + d));
		a.len = sizeof *in6;
	} else {
		struct sockaddr_in *in = (struct sockaddr_in *)&a.ss;
		in->sin_family = AF_INET;
		in->sin_addr.s_addr = htonl(0x7f000001U + (uint32_t)(d / 250 << 8) + (uint32_t)(d % 250));
		in->sin_port = htons(SERVER_PORT);
		a.len = sizeof *in;
	}
	return a;
}

static int listener_open(const struct address *a)
{
	int one = 1, fd = socket(a->ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return failed("socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(fd, (const struct sockaddr *)&a->ss, a->len) || listen(fd, 64)) {
		failed("listener");
		close(fd);
		return -1;
	}
	return fd;
}

/* PORT: ask for this local port, which spares the kernel a search in a full range; 0: any. */
static int connection_make(const struct options *o, int listener, const struct address *a, uint32_t port)
{
	int client = socket(a->ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (client < 0)
		return failed("socket");
	uint32_t range = port << 16 | port;
	if (port)
		setsockopt(client, IPPROTO_IP, IP_LOCAL_PORT_RANGE, &range, sizeof range);
	if (connect(client, (const struct sockaddr *)&a->ss, a->len)) {
		failed("connect");
		close(client);
		return -1;
	}
	int server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (server < 0) {
		failed("accept");
		close(client);
		return -1;
	}
	close(o->server_closes ? server : client);
	close(o->server_closes ? client : server);
	return 0;
}

/* Destinations WORKER, WORKER + workers, ...; each gets its share of the count. */
static int work(const struct options *o, long worker)
{
	for (long d = worker; d < o->destinations; d += o->workers) {
		long n = o->count / o->destinations + (d < o->count % o->destinations);
		struct address a = destination(o, d);
		int listener = listener_open(&a);
		if (listener < 0)
			return 1;
		for (long i = 0; i < n; i++) {
			uint32_t port = n > PER_DESTINATION ? 32768U + (uint32_t)(i % 28232) : 0;
			if (connection_make(o, listener, &a, port))
				return 1;
		}
		close(listener);
	}
	return 0;
}

static int workers_run(const struct options *o)
{
	int bad = 0;
	pid_t pids[64];
	for (long w = 0; w < o->workers; w++) {
		pids[w] = fork();
		if (pids[w] == 0)
			_exit(work(o, w));
		if (pids[w] < 0)
			bad = failed("fork");
	}
	for (long w = 0; w < o->workers; w++) {
		int status;
		if (pids[w] > 0 && (waitpid(pids[w], &status, 0) < 0 || status != 0))
			bad = -1;
	}
	return bad;
}

static int options_parse(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = { { "count", 1, NULL, 'n' }, { "destinations", 1, NULL, 'd' },
		{ "v6", 1, NULL, '6' }, { "workers", 1, NULL, 'w' }, { "server-closes", 0, NULL, 's' },
		{ "quiet", 0, NULL, 'q' }, { 0 } };
	for (int c; (c = getopt_long(argc, argv, "n:d:6:w:sq", longs, NULL)) != -1;) {
		char *end = NULL;
		long n = optarg ? strtol(optarg, &end, 10) : 0;
		if (c == '?' || (optarg && (*end || end == optarg || n < 0)))
			return -1;
		switch (c) {
		case 'n':
			o->count = n;
			break;
		case 'd':
			o->destinations = n;
			break;
		case '6':
			o->v6_percent = n;
			break;
		case 'w':
			o->workers = n;
			break;
		case 's':
			o->server_closes = true;
			break;
		default:
			o->quiet = true;
		}
	}
	if (o->destinations == 0)
		o->destinations = (o->count + PER_DESTINATION - 1) / PER_DESTINATION;
	bool sane = optind == argc && o->count >= 1 && o->destinations >= 1 &&
	            o->destinations <= DESTINATIONS && o->v6_percent <= 100 && o->workers >= 1 &&
	            o->workers <= 64 && o->count / o->destinations < 28232;
	return sane ? 0 : -1;
}

static int sockstat_or_say(struct sockstat *ret)
{
	struct fault f;
	char line[1024];
	int rc = sockstat_read("/proc/self/net", ret, &f);
	if (rc)
		fprintf(stderr, "tw_load: %s\n", fault_line(&f, line, sizeof line));
	return rc;
}

/* Closing returns before the last segments of a connection were handled, where another thread of the kernel has to do it: wait until
 * all are in TIME_WAIT, at most a second, after which *RET says how many there are. */
static int settle(const struct sockstat *before, long count, struct sockstat *ret)
{
	int rc = sockstat_or_say(ret);
	for (int i = 0; !rc && i < 1000 && ret->tcp_tw - before->tcp_tw < count; i++) {
		usleep(1000);
		rc = sockstat_or_say(ret);
	}
	return rc;
}

int main(int argc, char **argv)
{
	struct options o = { .count = 1000, .workers = sysconf(_SC_NPROCESSORS_ONLN) };
	if (o.workers > 64)
		o.workers = 64;
	if (options_parse(argc, argv, &o))
		return usage();
	if (namespace_check() || loopback_up())
		return 1;
	sysctl_set("/proc/sys/net/ipv4/tcp_tw_reuse", "0");
	sysctl_set("/proc/sys/net/ipv4/tcp_max_tw_buckets", "2000000");
	struct sockstat before, after;
	if (sockstat_or_say(&before))
		return 1;
	int rc = workers_run(&o);
	if (settle(&before, o.count, &after))
		return 1;
	if (!o.quiet)
		printf("connections %ld\ndestinations %ld\nTIME_WAIT %lld\n", o.count, o.destinations,
		        (long long)after.tcp_tw);
	return rc ? 1 : 0;
}
