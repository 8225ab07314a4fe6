/* lint_timeout.c — rules about retries and keepalive: how long a dead peer stays unnoticed, how soon a live one is
 * given up. */
#include <inttypes.h>

#include "policies/lint_rules.h"

static void check_syn_retries(struct lint_view *v)
{
	int64_t n;
	if (view_number(v, V4 "tcp_syn_retries", &n) && n >= 0 && n < 3)
		view_find(v, view_line(v, V4 "tcp_syn_retries"),
		        "connect() gives up after %d s; a few lost packets are enough", (2 << n) - 1);
}

static void check_keepalive_alone(struct lint_view *v)
{
	int64_t time, interval = 75, probes = 9;
	if (!view_number(v, V4 "tcp_keepalive_time", &time) || view_line(v, V4 "tcp_keepalive_intvl") ||
	        view_line(v, V4 "tcp_keepalive_probes"))
		return;
	view_effective(v, V4 "tcp_keepalive_intvl", &interval);
	view_effective(v, V4 "tcp_keepalive_probes", &probes);
	view_find(v, view_line(v, V4 "tcp_keepalive_time"),
	        "a dead peer is noticed after %" PRId64 " s: time, and %" PRId64 " probes of %" PRId64 " s",
	        (int64_t)((uint64_t)time + (uint64_t)interval * (uint64_t)probes), probes, interval);
}

/* Reported only where the text under review sets one of the two. */
static void check_conntrack_idle(struct lint_view *v)
{
	int64_t time, idle;
	const struct conf_line *l = view_line(v, V4 "tcp_keepalive_time");
	if (!l)
		l = view_line(v, CT "tcp_timeout_established");
	if (l && view_effective(v, V4 "tcp_keepalive_time", &time) &&
	        view_effective(v, CT "tcp_timeout_established", &idle) && idle <= time)
		view_find(v, l,
		        "the firewall forgets an idle flow after %" PRId64
		        " s, before the first probe at %" PRId64 " s",
		        idle, time);
}

static void check_orphan_retries(struct lint_view *v)
{
	int64_t n;
	if (view_number(v, V4 "tcp_orphan_retries", &n) && (n == 1 || n == 2))
		view_find(v, view_line(v, V4 "tcp_orphan_retries"),
		        "the last data of closed connections can be lost; 0 means 8");
}

static void check_rto(struct lint_view *v)
{
	int64_t n;
	if (view_number(v, V4 "tcp_rto_min_us", &n) && (n < 5000 || n > 200000))
		view_find(v, view_line(v, V4 "tcp_rto_min_us"),
		        "retransmission limits no longer mean what they did");
	else if (view_number(v, V4 "tcp_rto_max_ms", &n) && n < 120000 && !view_line(v, V4 "tcp_retries2"))
		view_find(v, view_line(v, V4 "tcp_rto_max_ms"),
		        "connections are given up sooner than tcp_retries2 promises");
}

static void check_probes(struct lint_view *v)
{
	int64_t n;
	if (view_number(v, V4 "tcp_keepalive_probes", &n) && n < 2)
		view_find(v, view_line(v, V4 "tcp_keepalive_probes"),
		        "one lost packet ends an idle connection");
	else if (view_number(v, V4 "tcp_keepalive_intvl", &n) && n < 5)
		view_find(v, view_line(v, V4 "tcp_keepalive_intvl"),
		        "a short interruption ends idle connections");
}

const struct lint_rule lint_timeout_rules[] = {
	{ .id = "TMO001",
	        .severity = LINT_INFO,
	        .check = check_syn_retries,
	        .fix = "3 to 6, or a time-out in the application",
	        .sources = SOURCES("RFC 6298", "measured: 7.2 s with 2, 3.0 s with 1") },
	{ .id = "TMO002",
	        .severity = LINT_WARNING,
	        .check = check_number,
	        .key = V4 "tcp_retries2",
	        .op = OP_LT,
	        .arg = 8,
	        .message = "established connections die in less than the 100 s that RFC 1122 asks for",
	        .fix = "8 or more, or TCP_USER_TIMEOUT in the application",
	        .sources = SOURCES("RFC 1122 section 4.2.3.5", IP_SYSCTL) },
	{ .id = "TMO003",
	        .severity = LINT_INFO,
	        .check = check_keepalive_alone,
	        .fix = "set all three, for example 600, 30 and 5",
	        .sources = SOURCES("RFC 9293 section 3.8.4") },
	{ .id = "TMO004",
	        .severity = LINT_ERROR,
	        .check = check_conntrack_idle,
	        .fix = "a keepalive time below half the idle time-out",
	        .sources = SOURCES("Documentation/networking/nf_conntrack-sysctl.rst") },
	{ .id = "TMO005",
	        .severity = LINT_WARNING,
	        .check = check_orphan_retries,
	        .fix = "0, or 4 and more",
	        .sources = SOURCES("net/ipv4/tcp_timer.c:tcp_orphan_retries") },
	{ .id = "TMO006",
	        .severity = LINT_WARNING,
	        .check = check_number,
	        .key = V4 "tcp_retries1",
	        .op = OP_LT,
	        .arg = 3,
	        .message = "RFC 1122 asks for at least 3",
	        .fix = "3",
	        .sources = SOURCES("RFC 1122 section 4.2.3.5") },
	{ .id = "TMO007",
	        .severity = LINT_WARNING,
	        .check = check_rto,
	        .fix = "check tcp_retries2 together with it",
	        .sources = SOURCES(IP_SYSCTL, "RFC 6298") },
	{ .id = "TMO008",
	        .severity = LINT_WARNING,
	        .check = check_probes,
	        .fix = "3 probes or more, 5 s or more between them",
	        .sources = SOURCES("RFC 1122 section 4.2.3.6") },
	{ .id = "" },
};
