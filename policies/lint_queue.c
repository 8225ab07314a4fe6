/* lint_queue.c — rules about the queues before accept(): SYN queue, listen backlog, device backlog. */
#include <inttypes.h>

#include "policies/lint_rules.h"

#define SYN_BACKLOG V4 "tcp_max_syn_backlog"
#define SOMAXCONN   CORE "somaxconn"

static void check_syn_backlog(struct lint_view *v)
{
	int64_t n, somaxconn = 0, cookies, usual = 0;
	if (!view_number(v, SYN_BACKLOG, &n))
		return;
	bool queue_known = view_effective(v, SOMAXCONN, &somaxconn);
	const char *now = view_current(v, SYN_BACKLOG);
	int64_t numbers[VALUE_MAX_ELEMENTS];
	if (now && numbers_parse(now, numbers) == 1)
		usual = numbers[0];
	if (queue_known && n > somaxconn)
		view_find(v, view_line(v, SYN_BACKLOG),
		        "no effect beyond min(backlog, somaxconn), which is at most %" PRId64, somaxconn);
	else if (now && view_effective(v, V4 "tcp_syncookies", &cookies) && cookies && n > usual)
		view_find(v, view_line(v, SYN_BACKLOG), "no effect at all while tcp_syncookies is on");
}

static void check_cookies_timestamps(struct lint_view *v)
{
	int64_t cookies, timestamps;
	const struct conf_line *line;
	if (view_effective(v, V4 "tcp_syncookies", &cookies) && (cookies == 1 || cookies == 2) &&
	        view_intent(v, V4 "tcp_timestamps", &timestamps, &line) && timestamps == 0)
		view_find(v, line, "connections made from SYN cookies lose window scaling, SACK and ECN");
}

static void check_somaxconn_huge(struct lint_view *v)
{
	int64_t n;
	uint32_t kernel = v->target->kernel;
	if (view_number(v, SOMAXCONN, &n) && (n > 1048576 || (kernel && kernel < KERNEL(4, 1) && n > 65535)))
		view_find(v, view_line(v, SOMAXCONN),
		        "kernels before 4.1 truncate queue lengths to 16 bits; huge queues only add waiting");
}

static void check_synack(struct lint_view *v)
{
	int64_t n;
	/* 1 s, doubled each time: after N repeats the request is dropped 2^(N+1) - 1 s after the first SYN. */
	if (view_number(v, V4 "tcp_synack_retries", &n) && n >= 0 && n < 3)
		view_find(v, view_line(v, V4 "tcp_synack_retries"),
		        "half-open requests of lossy clients expire after %d s", (2 << n) - 1);
}

static void check_device_backlog(struct lint_view *v)
{
	int64_t n;
	if (view_number(v, CORE "netdev_max_backlog", &n) && n > 10000 &&
	        !(v->target->softnet_known && v->target->softnet_dropped))
		view_find(v, view_line(v, CORE "netdev_max_backlog"),
		        "the queue is per CPU and used only by RPS, loopback, veth and old drivers; a longer "
		        "one adds latency, not capacity");
}

const struct lint_rule lint_queue_rules[] = {
	{ .id = "BL001",
	        .severity = LINT_INFO,
	        .check = check_number,
	        .key = SOMAXCONN,
	        .op = OP_GT,
	        .arg = 4096,
	        .message = "listeners keep their old limit until they call listen() again, and programs with "
	                   "a smaller backlog of their own gain nothing",
	        .fix = "raise the application's backlog too (nginx backlog=, redis tcp-backlog, ...), "
	               "restart it, check Send-Q of ss -ltn",
	        .sources = SOURCES("net/ipv4/af_inet.c", "measured") },
	{ .id = "BL002",
	        .severity = LINT_WARNING,
	        .check = check_syn_backlog,
	        .fix = "tune somaxconn and the application's backlog instead",
	        .sources = SOURCES("net/ipv4/tcp_input.c:tcp_conn_request", "measured") },
	{ .id = "BL003",
	        .severity = LINT_ERROR,
	        .check = check_number,
	        .key = V4 "tcp_syncookies",
	        .op = OP_EQ,
	        .message = "a SYN flood fills the queue and real clients are dropped",
	        .fix = "1",
	        .sources = SOURCES("RFC 4987", "measured") },
	{ .id = "BL004",
	        .severity = LINT_WARNING,
	        .check = check_number,
	        .key = V4 "tcp_syncookies",
	        .op = OP_EQ,
	        .arg = 2,
	        .message = "every connection goes through a cookie; meant for tests",
	        .fix = "1",
	        .sources = SOURCES(IP_SYSCTL) },
	{ .id = "BL005",
	        .severity = LINT_WARNING,
	        .check = check_number,
	        .key = V4 "tcp_abort_on_overflow",
	        .op = OP_EQ,
	        .arg = 1,
	        .message = "bursts become visible resets",
	        .fix = "0, unless a load balancer tries elsewhere",
	        .sources = SOURCES(IP_SYSCTL) },
	{ .id = "BL006",
	        .severity = LINT_WARNING,
	        .check = check_cookies_timestamps,
	        .fix = "tcp_timestamps=1",
	        .sources = SOURCES("net/ipv4/tcp_input.c:tcp_conn_request", "RFC 4987") },
	{ .id = "BL007",
	        .severity = LINT_WARNING,
	        .check = check_somaxconn_huge,
	        .fix = "65535 or less",
	        .sources = SOURCES("kernel history") },
	{ .id = "BL008",
	        .severity = LINT_INFO,
	        .check = check_synack,
	        .fix = "3 to 5 on the open internet",
	        .sources = SOURCES("RFC 6298", "measured: 7.2 s with 2") },
	{ .id = "BL009",
	        .severity = LINT_INFO,
	        .check = check_device_backlog,
	        .fix = "leave 1000 unless column 2 of softnet_stat grows",
	        .sources = SOURCES("Documentation/admin-guide/sysctl/net.rst", "net/core/dev.c") },
	{ .id = "" },
};
