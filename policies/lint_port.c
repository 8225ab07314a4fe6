/* lint_port.c — rules about local ports: the automatic range, reservations, and what people believe about 65535. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "policies/lint_rules.h"
#include "proto/buf.h"

#define RANGE V4 "ip_local_port_range"

/* Where services listen that are met often; used when the host's own listeners are not known. The ports of the
 * kernel's default range are left out: who listens there has met the problem already. */
static const uint16_t well_known[] = { 1433, 1521, 2049, 2181, 2379, 2380, 3000, 3128, 3260, 3306, 3389, 4369,
	5000, 5044, 5060, 5432, 5601, 5672, 5900, 5984, 6379, 6443, 7000, 7001, 8000, 8008, 8080, 8081, 8443,
	8888, 9000, 9042, 9090, 9092, 9100, 9200, 9300, 9418, 10000, 10050, 10051, 10250, 10255, 11211, 15672,
	16379, 25672, 26379, 27017, 28017 };

/* A set of ports. */
struct ports {
	unsigned char bits[65536 / 8];
	unsigned n;
};

static bool ports_has(const struct ports *p, unsigned port)
{
	return p->bits[port / 8] & 1u << port % 8;
}

/* The ports that will be reserved; false when there are none. */
static bool reserved_ports(const struct lint_view *v, struct ports *ret)
{
	const char *s = view_text(v, V4 "ip_local_reserved_ports");
	memset(ret, 0, sizeof *ret);
	while (s && *s) {
		char *end;
		unsigned long low = strtoul(s, &end, 10), high = low;
		if (end == s)
			break;
		if (*end == '-')
			high = strtoul(end + 1, &end, 10);
		for (; low <= high && high < 65536; low++) {
			ret->n += !ports_has(ret, (unsigned)low);
			ret->bits[low / 8] |= (unsigned char)(1u << low % 8);
		}
		s = end + strspn(end, ", \t");
	}
	return ret->n > 0;
}

static unsigned reserved_within(const struct ports *p, int64_t low, int64_t high)
{
	unsigned n = 0;
	for (; low >= 0 && low <= high && low < 65536; low++)
		n += ports_has(p, (unsigned)low);
	return n;
}

/* The range that is set (both ends), or false. */
static bool range_set(const struct lint_view *v, int64_t r[VALUE_MAX_ELEMENTS])
{
	return view_numbers(v, RANGE, r) == 2;
}

static bool range_effective(const struct lint_view *v, int64_t r[VALUE_MAX_ELEMENTS])
{
	return view_effective_numbers(v, RANGE, r) == 2;
}

static void check_parity(struct lint_view *v)
{
	int64_t r[VALUE_MAX_ELEMENTS];
	if (range_set(v, r) && ((r[0] ^ r[1]) & 1) == 0)
		view_find(v, view_line(v, RANGE),
		        "both ends are %s: the kernel asks for different parity, and one port can stay "
		        "unreachable",
		        r[0] & 1 ? "odd" : "even");
}

static void check_services(struct lint_view *v)
{
	const struct lint_target *t = v->target;
	const uint16_t *list = t->listen_known ? t->listen_ports : well_known;
	size_t n = t->listen_known ? t->n_listen_ports : sizeof well_known / sizeof well_known[0];
	struct buf text = BUF_INIT(128);
	struct ports reserved;
	int64_t r[VALUE_MAX_ELEMENTS];
	unsigned found = 0;
	if (!range_set(v, r))
		return;
	reserved_ports(v, &reserved);
	for (size_t i = 0; i < n; i++) {
		if (list[i] < r[0] || list[i] > r[1] || ports_has(&reserved, list[i]))
			continue;
		if (found++ < 10)
			buf_fmt(&text, "%s%u", found > 1 ? "," : "", list[i]);
	}
	if (found)
		view_find(v, view_line(v, RANGE),
		        "outgoing connections can take %s%s before the service there starts; each listener "
		        "also takes its port from every destination",
		        buf_text(&text), found > 10 ? ",..." : "");
	buf_free(&text);
}

static void check_low_end(struct lint_view *v)
{
	int64_t r[VALUE_MAX_ELEMENTS], start = 0;
	if (!view_numbers(v, RANGE, r))
		return;
	view_effective(v, V4 "ip_unprivileged_port_start", &start);
	if (r[0] < 1024 || r[0] < start)
		view_find(v, view_line(v, RANGE),
		        "the low end %" PRId64 " is below %" PRId64
		        ": automatic ports meet privileged services, or the kernel refuses it",
		        r[0], start > 1024 ? start : 1024);
}

static void check_reversed(struct lint_view *v)
{
	int64_t r[VALUE_MAX_ELEMENTS];
	if (range_set(v, r) && r[0] > r[1])
		view_find(v, view_line(v, RANGE),
		        "the low end is above the high end: EINVAL, the old range stays");
}

static void check_headroom(struct lint_view *v)
{
	if (v->target->headroom_known && v->target->headroom_percent < 20)
		view_find(v, view_line(v, RANGE),
		        "%u %% of the ports are left towards the busiest destination; connect() will fail "
		        "with EADDRNOTAVAIL",
		        v->target->headroom_percent);
}

/* Characters from FROM to TO (UTF-8). */
static size_t characters(const char *from, const char *to)
{
	size_t n = 0;
	for (; from < to; from++)
		n += ((unsigned char)*from & 0xc0) != 0x80;
	return n;
}

/* Does TEXT (one line) speak of 65535 ports or connections: a number and a noun within 40 characters? */
static bool claims_limit(const char *text)
{
	static const char *const numbers[] = { "65535", "65536", "65 535", "65 536", "65k", "6\xe4\xb8\x87" };
	static const char *const nouns[] = { "port", "connection", "\xe7\xab\xaf\xe5\x8f\xa3",
		"\xe8\xbf\x9e\xe6\x8e\xa5", "\xe5\xb9\xb6\xe5\x8f\x91" };
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
		const char *number = strcasestr(text, numbers[i]);
		for (size_t j = 0; number && j < sizeof nouns / sizeof nouns[0]; j++) {
			for (const char *noun = text; (noun = strcasestr(noun, nouns[j])); noun++) {
				size_t apart = noun > number ? characters(number + strlen(numbers[i]), noun)
				                             : characters(noun + strlen(nouns[j]), number);
				if (apart <= 40)
					return true;
			}
		}
	}
	return false;
}

/* The part of LINE that is written for people: behind a '#', or all of it when it sets nothing. NULL: none. A setting
 * that is commented out does not count. */
static const char *prose(const char *line)
{
	struct name n;
	const char *hash = strchr(line, '#');
	const char *text = hash ? hash : line;
	text += strspn(text, "#; \t");
	const char *equals = strchr(text, '=');
	size_t key = strcspn(text, " \t=");
	if (equals && name_parse(text, key, &n, NULL) == 0)
		return NULL;
	return hash || !equals || *line == ';' ? text : NULL;
}

static void check_belief(struct lint_view *v)
{
	unsigned line = 0;
	for (const char *at = v->conf->text; at && *at;) {
		size_t len = strcspn(at, "\n");
		char *copy = strndup(at, len);
		line++;
		if (!copy) {
			v->rc = KE_NOMEM;
			return;
		}
		const char *text = prose(copy);
		bool hit = text && claims_limit(text);
		free(copy);
		if (hit) {
			view_find(v, NULL,
			        "line %u: the limit is per (local address, remote address, remote port), and "
			        "a server's port is shared by any number of clients",
			        line);
			return;
		}
		at += len + (at[len] == '\n');
	}
}

static void check_reserved_share(struct lint_view *v)
{
	struct ports reserved;
	int64_t r[VALUE_MAX_ELEMENTS];
	if (!range_effective(v, r) || !reserved_ports(v, &reserved))
		return;
	int64_t all = r[1] - r[0] + 1, taken = reserved_within(&reserved, r[0], r[1]);
	if (taken * 4 > all)
		view_find(v, view_line(v, V4 "ip_local_reserved_ports"),
		        "only %" PRId64 " of %" PRId64 " ports remain for automatic use", all - taken, all);
}

static void check_reserved_outside(struct lint_view *v)
{
	struct ports reserved;
	int64_t r[VALUE_MAX_ELEMENTS];
	if (range_effective(v, r) && reserved_ports(v, &reserved) && !reserved_within(&reserved, r[0], r[1]))
		view_find(v, view_line(v, V4 "ip_local_reserved_ports"),
		        "all reserved ports lie outside the range; they have no effect until it grows");
}

static void check_node_ports(struct lint_view *v)
{
	struct ports reserved;
	int64_t r[VALUE_MAX_ELEMENTS];
	if (!v->target->kubernetes || !range_effective(v, r) || r[0] > 32767 || r[1] < 30000)
		return;
	reserved_ports(v, &reserved);
	if (!ports_has(&reserved, 30000))
		view_find(
		        v, view_line(v, RANGE), "NodePort services (30000-32767) share the automatic range");
}

static void check_narrow(struct lint_view *v)
{
	int64_t r[VALUE_MAX_ELEMENTS];
	if (range_set(v, r) && r[0] <= r[1] && r[1] - r[0] < 2000)
		view_find(v, view_line(v, RANGE),
		        "one busy destination uses the range up at %" PRId64 " connections a second",
		        (r[1] - r[0] + 1) / 60);
}

const struct lint_rule lint_port_rules[] = {
	{ .id = "PORT001",
	        .severity = LINT_WARNING,
	        .check = check_parity,
	        .fix = "make one end odd, for example 10000 64999",
	        .sources =
	                SOURCES(IP_SYSCTL, "net/ipv4/sysctl_net_ipv4.c:set_local_port_range", "observed") },
	{ .id = "PORT002",
	        .severity = LINT_WARNING,
	        .check = check_services,
	        .fix = "raise the low end, or add them to ip_local_reserved_ports",
	        .sources = SOURCES(IP_SYSCTL, "net/ipv4/inet_hashtables.c:__inet_hash_connect", "measured") },
	{ .id = "PORT003",
	        .severity = LINT_ERROR,
	        .check = check_low_end,
	        .fix = "a low end of 1024 or more, better 10000 or more",
	        .sources = SOURCES("net/ipv4/sysctl_net_ipv4.c", "measured") },
	{ .id = "PORT004",
	        .severity = LINT_ERROR,
	        .check = check_reversed,
	        .fix = "swap the numbers",
	        .sources = SOURCES("measured") },
	{ .id = "PORT005",
	        .severity = LINT_WARNING,
	        .check = check_headroom,
	        .fix = "more source addresses, keep-alive or pooling, a wider range, tcp_tw_reuse=1",
	        .sources = SOURCES("headroom model") },
	{ .id = "PORT006",
	        .severity = LINT_ERROR,
	        .check = check_belief,
	        .fix = "correct the text",
	        .sources = SOURCES("RFC 9293 (a connection is a pair of sockets)",
	                "measured: the same 10 ports served 3 destinations at once") },
	{ .id = "PORT007",
	        .severity = LINT_WARNING,
	        .check = check_reserved_share,
	        .fix = "shrink the reservation or widen the range",
	        .sources = SOURCES(IP_SYSCTL) },
	{ .id = "PORT008",
	        .severity = LINT_INFO,
	        .check = check_reserved_outside,
	        .fix = "none needed",
	        .sources = SOURCES(IP_SYSCTL) },
	{ .id = "PORT009",
	        .severity = LINT_WARNING,
	        .check = check_number,
	        .key = V4 "ip_autobind_reuse",
	        .op = OP_EQ,
	        .arg = 1,
	        .message = "bind(0) succeeds where connect() may then fail",
	        .fix = "let programs use IP_BIND_ADDRESS_NO_PORT",
	        .sources = SOURCES(IP_SYSCTL, "measured") },
	{ .id = "PORT010",
	        .severity = LINT_WARNING,
	        .check = check_node_ports,
	        .fix = "start the range at 32768, or reserve 30000-32767",
	        .sources = SOURCES("Kubernetes default NodePort range") },
	{ .id = "PORT011",
	        .severity = LINT_INFO,
	        .check = check_narrow,
	        .fix = "widen it",
	        .sources = SOURCES("headroom model") },
	{ .id = "" },
};
