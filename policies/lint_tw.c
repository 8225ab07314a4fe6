/* lint_tw.c — rules about TIME_WAIT: what shortens it (nothing), and what only seems to. */
#include <inttypes.h>
#include <string.h>

#include "policies/lint_rules.h"

static void check_recycle(struct lint_view *v)
{
	int64_t n;
	if (view_number(v, V4 "tcp_tw_recycle", &n) && n != 0)
		view_find(v, view_line(v, V4 "tcp_tw_recycle"),
		        "tcp_tw_recycle refuses connections of clients behind NAT, and was removed in 4.12");
}

static void check_reuse_timestamps(struct lint_view *v)
{
	int64_t reuse, timestamps;
	const struct conf_line *line;
	if (view_number(v, V4 "tcp_tw_reuse", &reuse) && reuse == 1 &&
	        view_intent(v, V4 "tcp_timestamps", &timestamps, &line) && timestamps == 0)
		view_find(v, view_line(v, V4 "tcp_tw_reuse"),
		        "tcp_tw_reuse needs timestamps, which line %u means to switch off: no entry is ever "
		        "reused",
		        line->line);
}

/* Says the text that something does NOT concern TIME_WAIT? */
static bool denies(const char *s)
{
	static const char *const words[] = { "not ", "n't ", "nothing",
		"\xe4\xb8\x8d\xe5\xbd\xb1\xe5\x93\x8d", "\xe6\x97\xa0\xe5\x85\xb3",
		"\xe5\xb9\xb6\xe4\xb8\x8d" };
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (strcasestr(s, words[i]))
			return true;
	return false;
}

/* "time_wait", "TIME-WAIT", "timewait", "2 MSL" in any case; where, or NULL. */
static const char *time_wait_find(const char *s)
{
	for (; *s; s++) {
		if (strncasecmp(s, "time", 4) == 0) {
			const char *rest = s + 4;
			rest += *rest == '_' || *rest == '-' || *rest == ' ';
			if (strncasecmp(rest, "wait", 4) == 0)
				return s;
		}
		if (*s == '2' && strncasecmp(s + 1 + strspn(s + 1, " "), "msl", 3) == 0)
			return s;
	}
	return NULL;
}

static void check_fin_timeout_text(struct lint_view *v)
{
	for (size_t i = 0; i < v->conf->n_lines; i++) {
		const struct conf_line *l = &v->conf->lines[i];
		if (strcmp(l->name.path, V4 "tcp_fin_timeout") != 0 || !l->remark ||
		        !time_wait_find(l->remark) || denies(l->remark))
			continue;
		view_find(v, l, "tcp_fin_timeout limits orphaned FIN_WAIT_2; TIME_WAIT is a fixed 60 s");
		return;
	}
}

static void check_fin_timeout_low(struct lint_view *v)
{
	int64_t n;
	if (view_number(v, V4 "tcp_fin_timeout", &n) && n >= 0 && n < 10)
		view_find(v, view_line(v, V4 "tcp_fin_timeout"),
		        "slow peers lose the tail of half-closed connections and get a RST");
}

static void check_buckets_low(struct lint_view *v)
{
	int64_t n, usual = default_tw_buckets(v->target);
	if (view_number(v, V4 "tcp_max_tw_buckets", &n) && n > 0 && n < usual)
		view_find(v, view_line(v, V4 "tcp_max_tw_buckets"),
		        "above %" PRId64
		        " active closes a second connections skip TIME_WAIT; the default here is %" PRId64,
		        n / 60, usual);
}

static void check_buckets_none(struct lint_view *v)
{
	int64_t n;
	if (view_number(v, V4 "tcp_max_tw_buckets", &n) && n <= 0)
		view_find(v, view_line(v, V4 "tcp_max_tw_buckets"), "%s",
		        n ? "a negative number removes the limit (the comparison is unsigned)"
		          : "0 abolishes TIME_WAIT");
}

static void check_rfc1337(struct lint_view *v)
{
	int64_t reuse, protect;
	if (view_number(v, V4 "tcp_tw_reuse", &reuse) && reuse == 1 &&
	        view_effective(v, V4 "tcp_rfc1337", &protect) && protect == 0)
		view_find(v, view_line(v, V4 "tcp_tw_reuse"),
		        "entries are reused while tcp_rfc1337=0 lets a stray RST end TIME_WAIT early");
}

static void check_buckets_memory(struct lint_view *v)
{
	int64_t n;
	/* 256 bytes an entry (tw_sock_TCP slab), more than 2 % of the memory. */
	if (v->target->memory_bytes && view_number(v, V4 "tcp_max_tw_buckets", &n) && n > 0 &&
	        (uint64_t)n > v->target->memory_bytes / 50 / 256)
		view_find(v, view_line(v, V4 "tcp_max_tw_buckets"),
		        "a full table would hold %" PRId64 " MiB of kernel memory", n / 4096);
}

/* Is one of the verbs within 30 bytes before "time?wait"? */
static bool promises_fewer(const char *s)
{
	static const char *const verbs[] = { "reduce", "lower", "avoid", "\xe5\x87\x8f\xe5\xb0\x91",
		"\xe9\x99\x8d\xe4\xbd\x8e", "\xe9\x81\xbf\xe5\x85\x8d", "\xe5\xbf\xab\xe9\x80\x9f",
		"\xe6\xb8\x85\xe9\x99\xa4" };
	for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
		for (const char *at = s; (at = strcasestr(at, verbs[i])); at++) {
			const char *wait = time_wait_find(at);
			/* 30 characters, which may have 3 bytes each. */
			if (wait && wait - at <= (ptrdiff_t)strlen(verbs[i]) + 90)
				return true;
		}
	}
	return false;
}

static void check_buckets_text(struct lint_view *v)
{
	for (size_t i = 0; i < v->conf->n_lines; i++) {
		const struct conf_line *l = &v->conf->lines[i];
		if (strcmp(l->name.path, V4 "tcp_max_tw_buckets") != 0 || !l->remark || denies(l->remark) ||
		        !promises_fewer(l->remark))
			continue;
		view_find(v, l,
		        "the key is a safety limit; lowering it destroys TIME_WAIT protection, it recycles "
		        "nothing");
		return;
	}
}

const struct lint_rule lint_tw_rules[] = {
	{ .id = "TW001",
	        .severity = LINT_ERROR,
	        .check = check_recycle,
	        .fix = "delete it; tcp_tw_reuse for outgoing connections, more addresses or ports otherwise",
	        .sources = SOURCES("commit 4396e46187ca", "RFC 7323") },
	{ .id = "TW002",
	        .severity = LINT_ERROR,
	        .check = check_reuse_timestamps,
	        .fix = "set tcp_timestamps=1",
	        .sources =
	                SOURCES("net/ipv4/tcp_ipv4.c:tcp_twsk_unique", "RFC 6191", "RFC 7323", "measured") },
	{ .id = "TW003",
	        .severity = LINT_INFO,
	        .check = check_number,
	        .key = V4 "tcp_tw_reuse",
	        .arg = 1,
	        .message = "helps only connections this host opens; the TIME_WAIT count does not fall, a "
	                   "server gains nothing",
	        .fix = "keep 2 unless outgoing connections to one destination run short of ports",
	        .sources = SOURCES(IP_SYSCTL, "net/ipv4/inet_hashtables.c") },
	{ .id = "TW004",
	        .severity = LINT_ERROR,
	        .check = check_fin_timeout_text,
	        .fix = "correct the comment; do not expect fewer TIME_WAIT sockets",
	        .sources = SOURCES(IP_SYSCTL, "include/net/tcp.h:TCP_TIMEWAIT_LEN", "RFC 9293 section 3.6.1",
	                "measured: 60 s with the key at 5") },
	{ .id = "TW005",
	        .severity = LINT_WARNING,
	        .check = check_fin_timeout_low,
	        .fix = "15 to 60",
	        .sources = SOURCES(IP_SYSCTL, "RFC 1122 section 4.2.2.13") },
	{ .id = "TW006",
	        .severity = LINT_ERROR,
	        .check = check_buckets_low,
	        .fix = "leave the default; raise it if TCPTimeWaitOverflow grows",
	        .sources = SOURCES(IP_SYSCTL, "RFC 1337", "RFC 9293", "measured") },
	{ .id = "TW007",
	        .severity = LINT_ERROR,
	        .check = check_buckets_none,
	        .fix = "a positive value, or no line at all",
	        .sources = SOURCES("net/ipv4/inet_timewait_sock.c", "measured") },
	{ .id = "TW008",
	        .severity = LINT_WARNING,
	        .check = check_number,
	        .key = V4 "tcp_tw_reuse_delay",
	        .op = OP_LT,
	        .arg = 1000,
	        .message = "PAWS needs the peer's clock to tick between the old and the new connection, and "
	                   "RFC 7323 allows ticks of 1 s",
	        .fix = "1000; lower only if every peer ticks in milliseconds",
	        .sources = SOURCES("commit ca6a6f93867a", "RFC 7323") },
	{ .id = "TW009",
	        .severity = LINT_INFO,
	        .check = check_rfc1337,
	        .fix = "tcp_rfc1337=1",
	        .sources = SOURCES("RFC 1337", "measured") },
	{ .id = "TW010",
	        .severity = LINT_WARNING,
	        .check = check_number,
	        .key = CT "tcp_timeout_time_wait",
	        .op = OP_LT,
	        .arg = 30,
	        .message = "late segments of closed connections become INVALID in conntrack",
	        .fix = "60 to 120",
	        .sources = SOURCES("Documentation/networking/nf_conntrack-sysctl.rst") },
	{ .id = "TW011",
	        .severity = LINT_INFO,
	        .check = check_buckets_memory,
	        .fix = "size it by closes a second times 60",
	        .sources = SOURCES("tw_sock_TCP slab: 256 bytes on 6.18.44") },
	{ .id = "DOC001",
	        .severity = LINT_WARNING,
	        .check = check_buckets_text,
	        .fix = "correct the text",
	        .sources = SOURCES(IP_SYSCTL) },
	{ .id = "" },
};
