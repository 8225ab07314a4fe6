/* lint_mem.c — rules about memory: budgets in pages, orphans, socket buffers. */
#include <inttypes.h>
#include <string.h>

#include "policies/lint_rules.h"

#define GIB ((uint64_t)1 << 30)

static const char *const budgets[] = { V4 "tcp_mem", V4 "udp_mem" };
static const char *const defaults[] = { CORE "rmem_default", CORE "wmem_default" };
static const char *const ceilings[] = { CORE "rmem_max", CORE "wmem_max" };
static const char *const buffers[] = { V4 "tcp_rmem", V4 "tcp_wmem" };

static int64_t largest(const int64_t *n, unsigned count)
{
	int64_t most = n[0];
	for (unsigned i = 1; i < count; i++)
		most = n[i] > most ? n[i] : most;
	return most;
}

static void check_budget_order(struct lint_view *v)
{
	int64_t n[VALUE_MAX_ELEMENTS];
	for (size_t i = 0; i < 2; i++) {
		unsigned count = view_numbers(v, budgets[i], n);
		if (count && !numbers_rise(n, count))
			view_find(v, view_line(v, budgets[i]),
			        "'%s' does not rise: pressure would begin below the point where it ends",
			        view_line(v, budgets[i])->value);
	}
}

/* PAGES as a share of the memory in percent (as much as a double tells); false when the memory is not known. */
static bool memory_share(const struct lint_target *t, int64_t pages, double *ret)
{
	if (!t->memory_bytes || !t->page_size)
		return false;
	*ret = 100.0 * (double)pages * t->page_size / (double)t->memory_bytes;
	return true;
}

static void check_budget_unit(struct lint_view *v)
{
	int64_t n[VALUE_MAX_ELEMENTS];
	double share;
	for (size_t i = 0; i < 2; i++) {
		unsigned count = view_numbers(v, budgets[i], n);
		int64_t most = count ? largest(n, count) : 0;
		if (count && memory_share(v->target, most, &share) && share > 100)
			view_find(v, view_line(v, budgets[i]),
			        "it is counted in pages: the ceiling is %" PRIu64
			        " GiB on a host with %" PRIu64 " GiB, so there is none",
			        (uint64_t)most / (GIB / v->target->page_size), v->target->memory_bytes / GIB);
	}
}

static void check_budget_size(struct lint_view *v)
{
	int64_t n[VALUE_MAX_ELEMENTS];
	double share;
	unsigned count = view_numbers(v, V4 "tcp_mem", n);
	/* The kernel's ceiling is 9.4 %; a factor of 4 either way. */
	if (count && memory_share(v->target, largest(n, count), &share) &&
	        (share < 9.4 / 4 || share > 9.4 * 4))
		view_find(v, view_line(v, V4 "tcp_mem"),
		        "the kernel computes 4.7, 6.25 and 9.4 %% of the memory; this ceiling is %.1f %%",
		        share);
}

static void check_orphans_many(struct lint_view *v)
{
	int64_t n;
	if (v->target->memory_bytes && view_number(v, V4 "tcp_max_orphans", &n) && n > 0 &&
	        (uint64_t)n > v->target->memory_bytes / 2 / 65536)
		view_find(v, view_line(v, V4 "tcp_max_orphans"),
		        "orphans alone could claim %" PRId64 " GiB of memory that cannot be swapped",
		        n / 16384);
}

static void check_orphans_few(struct lint_view *v)
{
	int64_t n, usual = default_tw_buckets(v->target);
	if (view_number(v, V4 "tcp_max_orphans", &n) && n < usual)
		view_find(v, view_line(v, V4 "tcp_max_orphans"),
		        "closing connections get reset; the default here is %" PRId64, usual);
}

static void check_defaults(struct lint_view *v)
{
	int64_t n;
	for (size_t i = 0; i < 2; i++)
		if (view_number(v, defaults[i], &n) && n > MIB)
			view_find(v, view_line(v, defaults[i]),
			        "not TCP's: every UDP, UNIX and raw socket may now queue %" PRId64 " MiB",
			        n / MIB);
}

static void check_ceilings(struct lint_view *v)
{
	int64_t n;
	for (size_t i = 0; i < 2; i++)
		if (view_number(v, ceilings[i], &n) && n > 64 * MIB)
			view_find(v, view_line(v, ceilings[i]),
			        "every unprivileged program may pin twice %" PRId64 " MiB a socket", n / MIB);
}

static void check_expected(struct lint_view *v)
{
	int64_t r[VALUE_MAX_ELEMENTS], w[VALUE_MAX_ELEMENTS], m[VALUE_MAX_ELEMENTS];
	const struct lint_target *t = v->target;
	if (!t->expected_connections || !t->page_size || view_effective_numbers(v, V4 "tcp_rmem", r) != 3 ||
	        view_effective_numbers(v, V4 "tcp_wmem", w) != 3 ||
	        view_effective_numbers(v, V4 "tcp_mem", m) != 3 || r[1] < 0 || w[1] < 0 || m[2] < 0)
		return;
	if ((double)t->expected_connections * ((double)r[1] + (double)w[1]) > (double)m[2] * t->page_size)
		view_find(v, NULL, "the initial buffers of %" PRIu64 " connections exceed the TCP budget",
		        t->expected_connections);
}

static void check_buffer_order(struct lint_view *v)
{
	int64_t n[VALUE_MAX_ELEMENTS];
	for (size_t i = 0; i < 2; i++) {
		unsigned count = view_numbers(v, buffers[i], n);
		if (count && !numbers_rise(n, count))
			view_find(v, view_line(v, buffers[i]),
			        "'%s' does not rise, and the kernel does not check it",
			        view_line(v, buffers[i])->value);
	}
}

/* The kernel's own ceiling for autotuning: a 128th of the memory within bounds. An eighth is left as tolerance, since
 * it counts free pages at boot and we see MemTotal. */
static int64_t default_ceiling(const struct lint_target *t, bool receive)
{
	int64_t most = !receive ? 4 * MIB : t->kernel && t->kernel < KERNEL(6, 16) ? 6 * MIB : 32 * MIB;
	int64_t least = receive ? 131072 : 65536;
	int64_t share = (int64_t)(t->memory_bytes / 128);
	share -= share / 8;
	return share > most ? most : share < least ? least : share;
}

static void check_autotuning(struct lint_view *v)
{
	int64_t n[VALUE_MAX_ELEMENTS];
	if (!v->target->memory_bytes)
		return;
	for (size_t i = 0; i < 2; i++) {
		int64_t usual = default_ceiling(v->target, i == 0);
		if (view_numbers(v, buffers[i], n) == 3 && n[2] < usual)
			view_find(v, view_line(v, buffers[i]),
			        "this lowers the autotuning ceiling to %" PRId64
			        " bytes; the kernel's is %" PRId64 " or more",
			        n[2], usual);
	}
}

static void check_two_limits(struct lint_view *v)
{
	int64_t most, n[VALUE_MAX_ELEMENTS];
	for (size_t i = 0; i < 2; i++)
		if (view_number(v, ceilings[i], &most) && view_numbers(v, buffers[i], n) == 3 && n[2] > 0 &&
		        most / 4 > n[2] - (most % 4 != 0))
			view_find(v, view_line(v, ceilings[i]),
			        "autotuned sockets stop at %" PRId64
			        ", sockets that ask themselves at twice %" PRId64 ": two independent limits",
			        n[2], most);
}

static void check_initial(struct lint_view *v)
{
	int64_t n[VALUE_MAX_ELEMENTS];
	for (size_t i = 0; i < 2; i++)
		if (view_numbers(v, buffers[i], n) > 1 && n[1] > 262144)
			view_find(v, view_line(v, buffers[i]),
			        "every new socket starts with a claim of %" PRId64
			        " KiB; autotuning gets there when needed",
			        n[1] / 1024);
}

static void check_path(struct lint_view *v)
{
	int64_t n[VALUE_MAX_ELEMENTS];
	if (v->target->bdp_bytes && view_effective_numbers(v, V4 "tcp_rmem", n) == 3 && n[2] >= 0 &&
	        v->target->bdp_bytes > (uint64_t)n[2] / 2)
		view_find(v, view_line(v, V4 "tcp_rmem"),
		        "one flow cannot fill the path of %" PRIu64 " bytes", v->target->bdp_bytes);
}

static void check_small(struct lint_view *v)
{
	int64_t n[VALUE_MAX_ELEMENTS];
	unsigned count = view_numbers(v, V4 "tcp_rmem", n);
	for (unsigned i = 0; i < count; i++) {
		if (n[i] >= 4096)
			continue;
		view_find(v, view_line(v, V4 "tcp_rmem"),
		        "%" PRId64
		        " is below 4096: the newest kernels refuse it, after storing the elements before it",
		        n[i]);
		return;
	}
}

const struct lint_rule lint_mem_rules[] = {
	{ .id = "MEM001",
	        .severity = LINT_ERROR,
	        .check = check_budget_order,
	        .fix = "rising values, or no line",
	        .sources = SOURCES(IP_SYSCTL) },
	{ .id = "MEM002",
	        .severity = LINT_ERROR,
	        .check = check_budget_unit,
	        .fix = "about 9 % of the memory in pages as ceiling, or no line",
	        .sources = SOURCES(IP_SYSCTL, "net/ipv4/tcp.c:tcp_init_mem") },
	{ .id = "MEM003",
	        .severity = LINT_WARNING,
	        .check = check_budget_size,
	        .fix = "remove the line unless mem in sockstat shows a need",
	        .sources = SOURCES("net/ipv4/tcp.c:tcp_init_mem") },
	{ .id = "MEM004",
	        .severity = LINT_ERROR,
	        .check = check_orphans_many,
	        .fix = "keep the default; find out who leaves orphans",
	        .sources = SOURCES(IP_SYSCTL) },
	{ .id = "MEM005",
	        .severity = LINT_WARNING,
	        .check = check_orphans_few,
	        .fix = "do not lower it",
	        .sources = SOURCES(IP_SYSCTL) },
	{ .id = "MEM006",
	        .severity = LINT_WARNING,
	        .check = check_defaults,
	        .fix = "leave the default, and set SO_RCVBUF or SO_SNDBUF where needed",
	        .sources = SOURCES("net/core/sock.c", "Documentation/admin-guide/sysctl/net.rst") },
	{ .id = "MEM007",
	        .severity = LINT_WARNING,
	        .check = check_ceilings,
	        .fix = "64 MiB or less unless a measured path needs more",
	        .sources = SOURCES("net/core/sock.c") },
	{ .id = "MEM008",
	        .severity = LINT_WARNING,
	        .check = check_expected,
	        .fix = "lower the second elements of tcp_rmem and tcp_wmem",
	        .sources = SOURCES(IP_SYSCTL) },
	{ .id = "" },
};

const struct lint_rule lint_buf_rules[] = {
	{ .id = "BUF001",
	        .severity = LINT_ERROR,
	        .check = check_buffer_order,
	        .fix = "rising values",
	        .sources = SOURCES("measured: 6291456 87380 4096 accepted") },
	{ .id = "BUF002",
	        .severity = LINT_WARNING,
	        .check = check_autotuning,
	        .fix = "raise it to twice bandwidth times round trip, or remove the line",
	        .sources = SOURCES("net/ipv4/tcp.c:tcp_init", "commit 572be9bf9d0d") },
	{ .id = "BUF003",
	        .severity = LINT_INFO,
	        .check = check_two_limits,
	        .fix = "say which of the two is meant",
	        .sources = SOURCES(IP_SYSCTL, "net/core/sock.c", "net/ipv4/tcp_output.c") },
	{ .id = "BUF004",
	        .severity = LINT_WARNING,
	        .check = check_initial,
	        .fix = "131072 for tcp_rmem, 16384 for tcp_wmem",
	        .sources = SOURCES("net/ipv4/tcp.c:tcp_init_sock") },
	{ .id = "BUF005",
	        .severity = LINT_ERROR,
	        .check = check_number,
	        .key = V4 "tcp_window_scaling",
	        .op = OP_EQ,
	        .message = "no window above 64 KiB is possible, larger buffers are wasted",
	        .fix = "1",
	        .sources = SOURCES("RFC 7323") },
	{ .id = "BUF006",
	        .severity = LINT_WARNING,
	        .check = check_number,
	        .key = V4 "tcp_moderate_rcvbuf",
	        .op = OP_EQ,
	        .message = "receive autotuning is off, the ceiling of tcp_rmem has no effect",
	        .fix = "1",
	        .sources = SOURCES(IP_SYSCTL) },
	{ .id = "BUF007",
	        .severity = LINT_INFO,
	        .check = check_path,
	        .fix = "a ceiling of twice bandwidth times round trip or more",
	        .sources = SOURCES("RFC 7323") },
	{ .id = "BUF008",
	        .severity = LINT_WARNING,
	        .check = check_small,
	        .fix = "4096 or more",
	        .sources = SOURCES("Debian 6.12.117 sources") },
	{ .id = "" },
};
