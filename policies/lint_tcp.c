/* lint_tcp.c — rules about TCP options, congestion control and connection tracking. */
#include <inttypes.h>
#include <string.h>

#include "policies/lint_rules.h"

static void check_timestamps(struct lint_view *v)
{
	int64_t n;
	const struct conf_line *line;
	if (view_intent(v, V4 "tcp_timestamps", &n, &line) && n == 0)
		view_find(v, line,
		        "no PAWS, coarser round-trip times, no reuse of TIME_WAIT, weaker SYN cookies");
}

static void check_sack(struct lint_view *v)
{
	static const char *const keys[] = { V4 "tcp_sack", V4 "tcp_dsack" };
	int64_t n;
	for (size_t i = 0; i < 2; i++)
		if (view_number(v, keys[i], &n) && n == 0)
			view_find(v, view_line(v, keys[i]), "loss recovery degrades");
}

static void check_ecn(struct lint_view *v)
{
	int64_t ecn, fallback;
	if (view_effective(v, V4 "tcp_ecn", &ecn) && ecn == 1 &&
	        view_number(v, V4 "tcp_ecn_fallback", &fallback) && fallback == 0)
		view_find(v, view_line(v, V4 "tcp_ecn_fallback"),
		        "paths that drop ECN SYNs become unreachable");
}

static void check_fastopen(struct lint_view *v)
{
	int64_t n;
	if (view_number(v, V4 "tcp_fastopen", &n) && n > 0 && (((n & 0x600) && !(n & 2)) || (n & 0x204)))
		view_find(v, view_line(v, V4 "tcp_fastopen"),
		        "Fast Open without cookies gives up source validation; server bits need 0x2");
}

static void check_challenge(struct lint_view *v)
{
	int64_t n;
	uint32_t kernel = v->target->kernel;
	if (kernel && view_number(v, V4 "tcp_challenge_ack_limit", &n) &&
	        n < (kernel >= KERNEL(6, 1) ? INT32_MAX : 1000))
		view_find(v, view_line(v, V4 "tcp_challenge_ack_limit"),
		        "a shared counter is a side channel for attackers off the path (CVE-2016-5696)");
}

static void check_restart(struct lint_view *v)
{
	int64_t n;
	const char *cc = view_text(v, V4 "tcp_congestion_control"),
	           *qdisc = view_text(v, CORE "default_qdisc");
	if (view_number(v, V4 "tcp_slow_start_after_idle", &n) && n == 0 && !(cc && strstr(cc, "bbr")) &&
	        !(qdisc && strcmp(qdisc, "fq") == 0))
		view_find(v, view_line(v, V4 "tcp_slow_start_after_idle"),
		        "idle connections restart with a burst of a full window");
}

static bool word_in(const char *list, const char *word)
{
	size_t len = strlen(word);
	for (const char *s = list; len && (s = strstr(s, word)); s++)
		if ((s == list || s[-1] == ' ') && (s[len] == '\0' || s[len] == ' '))
			return true;
	return false;
}

static void check_cc_available(struct lint_view *v)
{
	const struct conf_line *l = view_line(v, V4 "tcp_congestion_control");
	const char *available = view_current(v, V4 "tcp_available_congestion_control");
	const char *allowed = view_current(v, V4 "tcp_allowed_congestion_control");
	if (!l || !available)
		return;
	if (!word_in(available, l->value))
		view_find(v, l, "'%s' would fail with ENOENT: it is not available", l->value);
	else if (v->target->child_netns && !word_in(allowed ? allowed : "", l->value))
		view_find(v, l, "'%s' would fail with EPERM: it is not in tcp_allowed_congestion_control",
		        l->value);
}

static void check_bbr(struct lint_view *v)
{
	const struct conf_line *cc = view_line(v, V4 "tcp_congestion_control");
	const struct conf_line *qdisc = view_line(v, CORE "default_qdisc");
	uint32_t kernel = v->target->kernel;
	if (!cc || strcmp(cc->value, "bbr") != 0 || !kernel)
		return;
	if (kernel < KERNEL(4, 9))
		view_find(v, cc, "bbr does not exist before 4.9");
	else if (kernel < KERNEL(4, 13) && !(qdisc && strcmp(qdisc->value, "fq") == 0))
		view_find(v, cc, "bbr depends on pacing by fq before 4.13");
}

static void check_qdisc(struct lint_view *v)
{
	const struct conf_line *l = view_line(v, CORE "default_qdisc");
	if (l)
		view_find(v, l, "interfaces that are up keep their qdisc; virtual ones stay on noqueue");
}

static void check_cc_allowed(struct lint_view *v)
{
	const struct conf_line *l = view_line(v, V4 "tcp_congestion_control");
	if (l && !view_line(v, V4 "tcp_allowed_congestion_control"))
		view_find(v, l,
		        "the algorithm is added to tcp_allowed_congestion_control and stays there when this "
		        "is undone");
}

static void check_chains(struct lint_view *v)
{
	int64_t most, buckets;
	if (view_number(v, CT "max", &most) && view_effective(v, CT "buckets", &buckets) && buckets > 0 &&
	        most / 4 >= buckets && most > 4 * buckets)
		view_find(v, view_line(v, CT "max"),
		        "long hash chains slow down every packet: %" PRId64 " buckets", buckets);
}

/* Reported with the present fill: only when live values are known. */
static void check_conntrack_full(struct lint_view *v)
{
	int64_t most, count[VALUE_MAX_ELEMENTS];
	const char *now = view_current(v, CT "count");
	if (now && numbers_parse(now, count) == 1 && view_effective(v, CT "max", &most) && most > 0 &&
	        count[0] > most / 5 * 4)
		view_find(v, view_line(v, CT "max"),
		        "%" PRId64 " of %" PRId64 " entries are in use; new flows will soon be dropped",
		        count[0], most);
}

static void check_conntrack_memory(struct lint_view *v)
{
	int64_t n;
	if (v->target->memory_bytes && view_number(v, CT "max", &n) && n > 0 &&
	        (uint64_t)n > v->target->memory_bytes / 10 / 320)
		view_find(v, view_line(v, CT "max"), "a full table would hold %" PRId64 " MiB", n / 3277);
}

static void check_conntrack_alias(struct lint_view *v)
{
	int64_t a, b;
	if (view_number(v, CT "max", &a) && view_number(v, "net/nf_conntrack_max", &b) && a != b)
		view_find(v, view_line(v, "net/nf_conntrack_max"),
		        "net.nf_conntrack_max and net.netfilter.nf_conntrack_max are one variable");
}

const struct lint_rule lint_tcp_rules[] = {
	{ .id = "OPT001",
	        .severity = LINT_WARNING,
	        .check = check_timestamps,
	        .fix = "1",
	        .sources = SOURCES("RFC 7323") },
	{ .id = "OPT002",
	        .severity = LINT_WARNING,
	        .check = check_sack,
	        .fix = "1",
	        .sources = SOURCES("RFC 2018", "RFC 2883") },
	{ .id = "OPT003",
	        .severity = LINT_INFO,
	        .check = check_number,
	        .key = V4 "tcp_timestamps",
	        .op = OP_EQ,
	        .arg = 2,
	        .message = "timestamps tell the uptime and link connections to each other",
	        .fix = "1",
	        .sources = SOURCES(IP_SYSCTL) },
	{ .id = "OPT004",
	        .severity = LINT_INFO,
	        .check = check_ecn,
	        .fix = "tcp_ecn_fallback=1",
	        .sources = SOURCES("RFC 3168") },
	{ .id = "OPT005",
	        .severity = LINT_WARNING,
	        .check = check_fastopen,
	        .fix = "1 or 3",
	        .sources = SOURCES("RFC 7413", IP_SYSCTL) },
	{ .id = "OPT006",
	        .severity = LINT_WARNING,
	        .check = check_challenge,
	        .fix = "leave the default",
	        .sources = SOURCES("RFC 5961", IP_SYSCTL) },
	{ .id = "OPT007",
	        .severity = LINT_INFO,
	        .check = check_restart,
	        .fix = "combine it with fq or bbr",
	        .sources = SOURCES("RFC 7661") },
	{ .id = "CC001",
	        .severity = LINT_ERROR,
	        .check = check_cc_available,
	        .fix = "load the module; on the host, add it to tcp_allowed_congestion_control first",
	        .sources = SOURCES("net/ipv4/tcp_cong.c", "measured") },
	{ .id = "CC002",
	        .severity = LINT_WARNING,
	        .check = check_bbr,
	        .fix = "default_qdisc=fq",
	        .sources = SOURCES("kernel history") },
	{ .id = "CC003",
	        .severity = LINT_INFO,
	        .check = check_qdisc,
	        .fix = "tc qdisc replace for existing devices, or a reboot",
	        .sources = SOURCES("Documentation/admin-guide/sysctl/net.rst") },
	{ .id = "CC004",
	        .severity = LINT_INFO,
	        .check = check_cc_allowed,
	        .fix = "record both keys before applying (kedge does)",
	        .sources = SOURCES("net/ipv4/tcp_cong.c:tcp_set_default_congestion_control") },
	{ .id = "CT001",
	        .severity = LINT_WARNING,
	        .check = check_chains,
	        .fix = "raise nf_conntrack_buckets too",
	        .sources = SOURCES("commit d532bcd0b269") },
	{ .id = "CT002",
	        .severity = LINT_ERROR,
	        .check = check_conntrack_full,
	        .fix = "raise max and buckets, or shorten the established time-out on NAT boxes",
	        .sources = SOURCES("Documentation/networking/nf_conntrack-sysctl.rst") },
	{ .id = "CT003",
	        .severity = LINT_INFO,
	        .check = check_conntrack_memory,
	        .fix = "size it by the number of flows",
	        .sources = SOURCES("nf_conntrack slab: 256 bytes and extensions") },
	{ .id = "CT004",
	        .severity = LINT_WARNING,
	        .check = check_conntrack_alias,
	        .fix = "keep one",
	        .sources = SOURCES("observed") },
	{ .id = "" },
};
