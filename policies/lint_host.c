/* lint_host.c — rules about interfaces, neighbours, limits, rights, and about the order of lines. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "policies/lint_rules.h"

static bool ends_with(const char *s, const char *end)
{
	size_t s_len = strlen(s), e_len = strlen(end);
	return s_len >= e_len && strcmp(s + s_len - e_len, end) == 0;
}

static void check_strict_filter(struct lint_view *v)
{
	int64_t n;
	for (size_t i = 0; v->target->multihomed && i < v->conf->n_lines; i++) {
		const struct conf_line *l = &v->conf->lines[i];
		if (ends_with(l->name.path, "/rp_filter") && v->lines[i].wins &&
		        view_number(v, l->name.path, &n) && n == 1)
			view_find(v, l,
			        "strict mode drops replies that arrive on another interface; the larger of "
			        "conf/all and conf/IF counts");
	}
}

static void check_neighbours(struct lint_view *v)
{
	static const char *const families[] = { "ipv4", "ipv6" };
	for (size_t i = 0; i < 2; i++) {
		int64_t n[3];
		const struct conf_line *line = NULL;
		unsigned known = 0;
		for (unsigned j = 0; j < 3; j++) {
			char path[64];
			snprintf(path, sizeof path, "net/%s/neigh/default/gc_thresh%u", families[i], j + 1);
			known += view_effective(v, path, &n[j]);
			line = view_line(v, path) ? view_line(v, path) : line;
		}
		if (line && known == 3 && !numbers_rise(n, 3))
			view_find(v, line,
			        "gc_thresh1..3 are %" PRId64 ", %" PRId64 ", %" PRId64
			        ": they do not rise, and the kernel does not check it",
			        n[0], n[1], n[2]);
	}
}

static void check_forward_late(struct lint_view *v)
{
	const struct conf_line *forward = view_line(v, V4 "ip_forward");
	for (const struct conf_line *l = v->conf->lines; !v->ordered && forward && l < forward; l++)
		if (strncmp(l->name.path, V4 "conf/", strlen(V4 "conf/")) == 0 &&
		        ends_with(l->name.path, "/accept_redirects"))
			view_find(v, l,
			        "ip_forward in line %u resets accept_redirects of all interfaces again",
			        forward->line);
}

static void check_default_only(struct lint_view *v)
{
	for (size_t i = 0; i < v->conf->n_lines; i++) {
		const struct conf_line *l = &v->conf->lines[i];
		const char *at = strstr(l->name.path, "/conf/default/");
		char all[NAME_MAX_LEN + 1];
		if (!at || !v->lines[i].wins)
			continue;
		snprintf(all, sizeof all, "%.*s/conf/all/%s", (int)(at - l->name.path), l->name.path,
		        at + strlen("/conf/default/"));
		if (!view_line(v, all))
			view_find(v, l, "interfaces that exist already keep their value");
	}
}

static void check_descriptors(struct lint_view *v)
{
	int64_t open, all;
	if (view_number(v, "fs/nr_open", &open) && open >= 0 && v->target->max_open_files &&
	        (uint64_t)open < v->target->max_open_files)
		view_find(v, view_line(v, "fs/nr_open"), "a service wants LimitNOFILE=%" PRIu64,
		        v->target->max_open_files);
	if (view_number(v, "fs/file-max", &all) && view_effective(v, "fs/nr_open", &open) && all < open)
		view_find(v, view_line(v, "fs/file-max"),
		        "one process could use up the host: nr_open is %" PRId64, open);
}

static void check_line_order(struct lint_view *v)
{
	const struct conf_line *reordering = view_line(v, V4 "tcp_reordering");
	const struct conf_line *most = view_line(v, V4 "tcp_max_reordering");
	const struct conf_line *range = view_line(v, V4 "ip_local_port_range");
	const struct conf_line *start = view_line(v, V4 "ip_unprivileged_port_start");
	int64_t n[VALUE_MAX_ELEMENTS];
	if (v->ordered)
		return;
	if (reordering && most && reordering < most && view_number(v, V4 "tcp_reordering", n) && n[0] > 300)
		view_find(v, reordering, "tcp_max_reordering (line %u) must be written first", most->line);
	if (range && start && range < start && view_numbers(v, V4 "ip_local_port_range", n) && n[0] < 1024)
		view_find(
		        v, range, "ip_unprivileged_port_start (line %u) must be written first", start->line);
}

static void check_containers(struct lint_view *v)
{
	if (v->target->containers)
		view_find(v, NULL,
		        "network namespaces start from compiled-in defaults; only tcp_rmem, tcp_wmem, the "
		        "congestion control and IPv4 conf are copied");
}

static void check_half_written(struct lint_view *v)
{
	static const char *const keys[] = { V4 "tcp_rmem", V4 "tcp_wmem" };
	int64_t n[VALUE_MAX_ELEMENTS];
	for (size_t i = 0; i < 2; i++) {
		unsigned count = view_numbers(v, keys[i], n);
		for (unsigned j = 1; j < count; j++) {
			if (n[j] >= 1 && n[j] <= INT32_MAX)
				continue;
			view_find(v, view_line(v, keys[i]),
			        "element %u will be refused, but the kernel stores the ones before it first",
			        j + 1);
			break;
		}
	}
}

const struct lint_rule lint_host_rules[] = {
	{ .id = "NET001",
	        .severity = LINT_WARNING,
	        .check = check_strict_filter,
	        .fix = "2",
	        .sources = SOURCES("RFC 3704", IP_SYSCTL) },
	{ .id = "NET002",
	        .severity = LINT_ERROR,
	        .check = check_neighbours,
	        .fix = "rising values",
	        .sources = SOURCES(IP_SYSCTL) },
	{ .id = "NET003",
	        .severity = LINT_WARNING,
	        .check = check_forward_late,
	        .fix = "write ip_forward first",
	        .sources = SOURCES("net/ipv4/devinet.c", "measured") },
	{ .id = "NET004",
	        .severity = LINT_INFO,
	        .check = check_default_only,
	        .fix = "set conf.all or the interface as well",
	        .sources = SOURCES(IP_SYSCTL) },
	{ .id = "LIM001",
	        .severity = LINT_ERROR,
	        .check = check_descriptors,
	        .fix = "nr_open at least the largest LimitNOFILE, file-max well above it",
	        .sources = SOURCES("Documentation/admin-guide/sysctl/fs.rst") },
	{ .id = "SEC001",
	        .severity = LINT_WARNING,
	        .check = check_number,
	        .key = V4 "ip_unprivileged_port_start",
	        .op = OP_LT,
	        .arg = 1024,
	        .message = "every user may bind low ports",
	        .fix = "1024, or CAP_NET_BIND_SERVICE for the one service",
	        .sources = SOURCES(IP_SYSCTL) },
	{ .id = "APL001",
	        .severity = LINT_ERROR,
	        .check = check_line_order,
	        .fix = "sort the lines by dependency",
	        .sources = SOURCES("measured") },
	{ .id = "APL002",
	        .severity = LINT_INFO,
	        .check = check_containers,
	        .fix = "apply inside each namespace (pod sysctls, docker --sysctl)",
	        .sources = SOURCES("net/ipv4/tcp_ipv4.c:tcp_sk_init", "measured") },
	{ .id = "APL003",
	        .severity = LINT_WARNING,
	        .check = check_half_written,
	        .fix = "correct the element; after EINVAL read back and restore all three",
	        .sources = SOURCES("measured: 5000 0 7 left 5000 in place") },
	{ .id = "" },
};
