/* A measurement of real sockets in a namespace of its own, with a made-up sysctl tree and made-up totals; its JSON
 * against the schema, its text line by line. */
#include <arpa/inet.h>
#include <cjson/cJSON.h>
#include <net/if.h>
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

#include "agent/measure/sockets_report.h"
#include "proto/fileio.h"
#include "proto/strict.h"

#define CLOSED 40

static char root[] = "/tmp/kedge-report-XXXXXX";
static bool own_namespace;
static struct sockets_report report, later;

static void put(const char *name, const char *text)
{
	char path[256];
	snprintf(path, sizeof path, "%s/%s", root, name);
	assert_int_equal(file_replace(path, text, strlen(text), 0644, FILE_VOLATILE, NULL), 0);
}

static int one_more(int listening)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(2000), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0);
	int server = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
	assert_true(server >= 0);
	close(fd);
	close(server);
	return 0;
}

/* A listener on 2000 and CLOSED connections to it that the client closed. */
static int listening_fd = -1;

static void sockets_make(void)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(2000) };
	listening_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(listening_fd >= 0 && ioctl(listening_fd, SIOCSIFFLAGS, &ifr) == 0);
	assert_int_equal(bind(listening_fd, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(listening_fd, 8), 0);
	for (int i = 0; i < CLOSED; i++)
		one_more(listening_fd);
}

static int setup(void **state)
{
	(void)state;
	char path[256];
	assert_non_null(mkdtemp(root));
	snprintf(path, sizeof path, "%s/net/ipv4", root);
	assert_int_equal(dir_make(path, 0755, NULL), 0);
	put("net/ipv4/ip_local_port_range", "1024\t65535\n");
	put("net/ipv4/ip_local_reserved_ports", "8000-8009\n");
	put("net/ipv4/tcp_tw_reuse", "2\n");
	put("net/ipv4/tcp_timestamps", "1\n");
	own_namespace = unshare(CLONE_NEWNET) == 0;
	if (own_namespace)
		sockets_make();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	static const char *const files[] = { "net/ipv4/ip_local_port_range",
		"net/ipv4/ip_local_reserved_ports", "net/ipv4/tcp_tw_reuse", "net/ipv4/tcp_timestamps",
		"sockstat" };
	char path[256];
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		snprintf(path, sizeof path, "%s/%s", root, files[i]);
		file_remove(path, FILE_VOLATILE, NULL);
	}
	static const char *const dirs[] = { "/net/ipv4", "/net", "" };
	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof path, "%s%s", root, dirs[i]);
		rmdir(path);
	}
	return 0;
}

static void measured(void **state)
{
	(void)state;
	if (!own_namespace)
		skip();
	struct sockdiag *d;
	struct fault f;
	assert_int_equal(sockdiag_open(&d, &f), 0);
	struct sockets_options o = { .sysctl_root = root, .diag = d };
	assert_int_equal(sockets_measure(&o, &report, &f), 0);
	assert_int_equal(report.counts.sockets, CLOSED + 1);
	assert_int_equal(report.counts.outgoing_time_wait, CLOSED);
	assert_int_equal(report.before.tcp_tw, CLOSED);
	assert_int_equal(report.discrepancy, 0);
	assert_false(report.partial);
	assert_true(report.exact);
	assert_int_equal(report.reserved_in_range, 10);
	assert_int_equal(report.n_destinations, 1);
	assert_int_equal(report.destinations[0].time_wait, CLOSED);
	assert_int_equal(report.n_paths, 1);
	assert_int_equal(report.paths[0].used, CLOSED);
	assert_int_equal(report.paths[0].entered, CLOSED);
	/* 1024..65535 without 8000..8009 and the listener on 2000 */
	assert_int_equal(report.headroom[0].capacity, 64512 - 10 - 1);
	assert_int_equal(report.n_services, 1);
	assert_true(report.services[0].port == 2000 && report.services[0].listening);

	/* Ten more, and an earlier report a second ago: ten ports a second. */
	for (int i = 0; i < 10; i++)
		one_more(listening_fd);
	struct sockets_report *before = malloc(sizeof *before);
	assert_non_null(before);
	*before = report;
	before->boot_ms = clock_boot_ms(&clock_system) - 1000;
	o.previous = before;
	o.diag = NULL;
	assert_int_equal(sockets_measure(&o, &later, &f), 0);
	assert_int_equal(later.paths[0].used, CLOSED + 10);
	assert_in_range(later.headroom[0].exhausted_in_s, 6400, 6600);

	/* A path that the earlier report had not seen began at 0; unless that one was cut, then ages must do. */
	before->n_paths = 0;
	assert_true(before->all_paths);
	before->boot_ms = clock_boot_ms(&clock_system) - 1000;
	assert_int_equal(sockets_measure(&o, &later, &f), 0);
	assert_in_range(later.headroom[0].exhausted_in_s, 1100, 1300); /* 64451 ports at 50 a second */
	before->all_paths = false;
	assert_int_equal(sockets_measure(&o, &later, &f), 0);
	assert_in_range(later.headroom[0].exhausted_in_s, 12000, 13000); /* 50 in ten seconds */
	free(before);
	sockdiag_close(d);
}

/* Totals alone; one destination; a walk that had to stop. */
static int64_t late(void *ctx)
{
	int64_t *now = ctx;
	return *now += 1000;
}

static void parts(void **state)
{
	(void)state;
	if (!own_namespace)
		skip();
	struct fault f;
	uint16_t port;
	struct sockets_filter only;
	struct sockets_options o = { .sysctl_root = root, .mode = SOCKETS_TOTALS, .counters = true };
	struct buf text = BUF_INIT(65536);
	assert_int_equal(sockets_measure(&o, &later, &f), 0);
	assert_true(later.after.tcp_tw >= CLOSED && later.counts.sockets == 0 && later.n_paths == 0);
	assert_true(later.counters.known && !later.change.known && !later.partial);
	sockets_report_text(&later, NULL, &text);
	assert_int_equal(strncmp(buf_text(&text), "totals only: ", 13), 0);
	assert_null(strstr(buf_text(&text), "port headroom"));

	o = (struct sockets_options){ .sysctl_root = root, .only = &only };
	assert_int_equal(ip16_parse("127.0.0.1:2000", &only.addr, &only.port), 0);
	assert_int_equal(sockets_measure(&o, &later, &f), 0);
	assert_true(later.filtered && later.counts.outgoing_time_wait >= CLOSED && later.n_paths == 1);
	assert_int_equal(later.counts.listening_in_range, 1); /* listeners count */
	assert_int_equal(later.discrepancy, -1);
	buf_clear(&text);
	sockets_report_text(&later, &(struct sockets_style){ .bars = true }, &text);
	assert_non_null(strstr(buf_text(&text), "\n127.0.0.1 -> 127.0.0.1:2000: ok, 0."));
	assert_non_null(strstr(buf_text(&text), "  0- 5 s"));
	assert_non_null(strstr(buf_text(&text), " #"));
	assert_null(strstr(buf_text(&text), "LISTEN"));
	only.port = 2001;
	assert_int_equal(sockets_measure(&o, &later, &f), 0);
	assert_true(later.n_paths == 0 && later.counts.sockets == 1);
	assert_int_equal(ip16_parse("127.0.0.1", &only.addr, &port), 0);
	only.port = 0; /* all its ports */
	assert_int_equal(sockets_measure(&o, &later, &f), 0);
	assert_int_equal(later.n_paths, 1);

	int64_t now = 0;
	const struct clock hurried = { .wall = late, .boot_ms = late, .ctx = &now };
	o = (struct sockets_options){ .sysctl_root = root, .clock = &hurried, .timeout_ms = 500 };
	assert_int_equal(sockets_measure(&o, &later, &f), KE_TIMEOUT);
	o.may_stop = true;
	assert_int_equal(sockets_measure(&o, &later, &f), 0);
	assert_true(later.stopped && later.partial);
	buf_clear(&text);
	sockets_report_text(&later, NULL, &text);
	assert_non_null(strstr(buf_text(&text), "partial: the walk was stopped"));

	o = (struct sockets_options){ .sysctl_root = root, .top = 1000 };
	assert_int_equal(sockets_measure(&o, &later, &f), 0);
	o.top = 1;
	assert_int_equal(sockets_measure(&o, &later, &f), 0);
	assert_true(later.n_paths <= 1 && later.n_services <= 1 && later.n_owners <= 1);
	buf_free(&text);
}

/* Totals that the walk cannot have seen. */
static void doubted(void **state)
{
	(void)state;
	if (!own_namespace)
		skip();
	struct fault f;
	struct sockets_options o = { .sysctl_root = root, .netdir = root };
	put("sockstat", "TCP: inuse 1 orphan 0 tw 500 alloc 1 mem 1\n");
	assert_int_equal(sockets_measure(&o, &later, &f), 0);
	assert_int_equal(later.discrepancy, 500 - (int)census_state(&later.counts, TCP_STATE_TIME_WAIT));
	assert_true(later.partial);
	struct buf text = BUF_INIT(65536);
	sockets_report_text(&later, NULL, &text);
	assert_non_null(strstr(buf_text(&text), "\npartial: "));
	buf_free(&text);

	put("sockstat", "TCP: inuse 1 orphan 0 tw 0 alloc 1 mem 1\n");
	assert_int_equal(sockets_measure(&o, &later, &f), 0);
	assert_int_equal(later.discrepancy, census_state(&later.counts, TCP_STATE_TIME_WAIT));
	assert_true(later.partial);

	o.netdir = "/nonexistent";
	assert_int_equal(sockets_measure(&o, &later, &f), 0);
	assert_int_equal(later.discrepancy, -1);
	assert_false(later.partial);
	o.sysctl_root = "/nonexistent";
	assert_int_equal(sockets_measure(&o, &later, &f), KE_NOENT);
}

/* --- JSON against proto/schema/sockets.schema.json: the few words of JSON Schema that it uses --------------------- */

static const cJSON *schema_root;

static const cJSON *get(const cJSON *object, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(object, name);
}

static bool type_is(const cJSON *v, const char *type)
{
	return (strcmp(type, "object") == 0 && cJSON_IsObject(v)) ||
	       (strcmp(type, "array") == 0 && cJSON_IsArray(v)) ||
	       (strcmp(type, "string") == 0 && cJSON_IsString(v)) ||
	       (strcmp(type, "boolean") == 0 && cJSON_IsBool(v)) ||
	       (strcmp(type, "null") == 0 && cJSON_IsNull(v)) ||
	       (strcmp(type, "integer") == 0 && cJSON_IsNumber(v));
}

static bool word_of(const cJSON *list, const char *text)
{
	const cJSON *item;
	cJSON_ArrayForEach(item, list) if (strcmp(item->valuestring, text) == 0) return true;
	return false;
}

static void check_type(const cJSON *schema, const cJSON *v, const char *at)
{
	const cJSON *type = get(schema, "type"), *item;
	bool ok = cJSON_IsString(type) && type_is(v, type->valuestring);
	if (cJSON_IsArray(type))
		cJSON_ArrayForEach(item, type) ok = ok || type_is(v, item->valuestring);
	if (!ok)
		fail_msg("%s: wrong type", at);
	const cJSON *min = get(schema, "minimum"), *max = get(schema, "maximum"),
	            *words = get(schema, "enum");
	if (cJSON_IsNumber(v) &&
	        ((min && v->valuedouble < min->valuedouble) || (max && v->valuedouble > max->valuedouble)))
		fail_msg("%s: out of bounds", at);
	if (words && !word_of(words, v->valuestring))
		fail_msg("%s: '%s' is none of the words", at, v->valuestring);
}

static void check(const cJSON *schema, const cJSON *v, const char *at)
{
	const cJSON *ref = get(schema, "$ref"), *item;
	if (ref)
		schema = get(get(schema_root, "$defs"), ref->valuestring + strlen("#/$defs/"));
	assert_non_null(schema);
	check_type(schema, v, at);
	if (cJSON_IsObject(v)) {
		cJSON_ArrayForEach(item, get(schema, "required")) if (!get(v, item->valuestring))
		        fail_msg("%s: member '%s' is missing", at, item->valuestring);
		cJSON_ArrayForEach(item, v)
		{
			const cJSON *of = get(get(schema, "properties"), item->string);
			if (!of)
				fail_msg("%s: member '%s' is not in the schema", at, item->string);
			check(of, item, item->string);
		}
	}
	if (cJSON_IsArray(v)) {
		const cJSON *max = get(schema, "maxItems"), *min = get(schema, "minItems");
		assert_true(!max || cJSON_GetArraySize(v) <= max->valueint);
		assert_true(!min || cJSON_GetArraySize(v) >= min->valueint);
		cJSON_ArrayForEach(item, v) check(get(schema, "items"), item, at);
	}
}

static void json_matches_schema(void **state)
{
	(void)state;
	if (!own_namespace)
		skip();
	char *text;
	size_t len;
	struct fault f;
	cJSON *schema, *doc;
	assert_int_equal(
	        file_read(KEDGE_SOURCE_DIR "/proto/schema/sockets.schema.json", 1 << 20, &text, &len, &f), 0);
	assert_int_equal(strict_parse(text, len, &strict_limits_default, &schema, &f), 0);
	file_free(text);
	schema_root = schema;

	/* The measured one, with a finding and with a bound, so that every list has a member. */
	report.n_advice = 1;
	report.change = (struct counters_change){ .known = true, .interval_ms = 5, .n_levels = 1 };
	report.change.levels[0] = (struct counters_level){ "sockstat.TCP.tw", 1, 2 };
	report.change.netstat.known[0] = true;
	report.change.netstat.delta[0] = UINT64_MAX;
	report.owners[0].cgroup = 77;
	report.advice[0] = (struct advice){ .rule = "TW010", .what = "x", .todo = "y" };
	struct buf out = BUF_INIT(65536);
	struct jsonw w = JSONW_INIT(&out, 0);
	sockets_report_json(&report, NULL, &w, NULL);
	assert_int_equal(out.rc, 0);
	assert_int_equal(strict_parse(buf_text(&out), out.len, &strict_limits_default, &doc, &f), 0);
	check(schema, doc, "(document)");
	assert_int_equal(get(get(doc, "states"), "TIME_WAIT")->valueint, CLOSED);
	assert_int_equal(get(get(get(doc, "families"), "ipv4"), "LISTEN")->valueint, 1);
	assert_int_equal(cJSON_GetArraySize(get(get(doc, "counters"), "moved")), 1);
	assert_true(cJSON_GetArraySize(get(doc, "owners")) >= 1);
	assert_true(cJSON_IsNull(get(get(doc, "ports"), "tcp_max_tw_buckets")));
	const cJSON *path = cJSON_GetArrayItem(get(doc, "paths"), 0);
	assert_string_equal(get(path, "destination")->valuestring, "127.0.0.1");
	cJSON_Delete(doc);
	cJSON_Delete(schema);
	buf_free(&out);
}

static void text_begins_like_netstat(void **state)
{
	(void)state;
	if (!own_namespace)
		skip();
	struct buf out = BUF_INIT(65536);
	sockets_report_text(&report, NULL, &out);
	assert_int_equal(out.rc, 0);
	static const char start[] = "TIME_WAIT 40\nLISTEN 1\n\nTIME_WAIT by destination (outgoing: 40)\n"
	                            "        40  127.0.0.1:2000\n\n";
	if (strncmp(buf_text(&out), start, sizeof start - 1) != 0)
		fail_msg("%s", buf_text(&out));
	assert_non_null(strstr(buf_text(&out), " ok "));
	assert_non_null(strstr(buf_text(&out), "127.0.0.1 -> 127.0.0.1:2000\n"));
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(measured),
		cmocka_unit_test(parts),
		cmocka_unit_test(doubted),
		cmocka_unit_test(json_matches_schema),
		cmocka_unit_test(text_begins_like_netstat),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
