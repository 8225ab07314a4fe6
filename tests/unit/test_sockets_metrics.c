/* Metrics of made-up reports: both formats line by line, several namespaces, odd labels. Whether a strict reader takes a real
 * one is tests/system/210's question. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/measure/sockets_metrics.h"

static struct sockets_report *one, *two;

static struct sockets_report *made(void)
{
	static const unsigned char src[4] = { 10, 0, 0, 1 }, dst[4] = { 10, 0, 0, 5 };
	struct sockets_report *r = calloc(1, sizeof *r);
	assert_non_null(r);
	sockstat_init(&r->after);
	r->after.tcp_tw = 7;
	r->counts.state[CENSUS_IPV4][TCP_STATE_TIME_WAIT] = 5;
	r->counts.state[CENSUS_MAPPED][TCP_STATE_TIME_WAIT] = 2;
	r->ports.low = 32768;
	r->ports.high = 60999;
	r->took_ms = 1007;
	r->cpu_us = 5000042;
	r->n_paths = 1;
	r->paths[0] = (struct census_path){ .src = ip16_v4(src), .dst = ip16_v4(dst), .dst_port = 3306 };
	r->headroom[0] = (struct headroom){ .capacity = 28232,
		.used = 27102,
		.free = 1130,
		.permille = 959,
		.grade = HEADROOM_CRITICAL,
		.exhausted_in_s = -1 };
	r->n_owners = 1;
	r->owners[0] = (struct census_owner){ .uid = 33, .cgroup = 12345678901234ULL, .sockets = 4 };
	r->n_advice = 3;
	r->advice[0] = (struct advice){ .rule = "HEAD001", .level = ADVICE_CRITICAL };
	r->advice[1] = (struct advice){ .rule = "HEAD001", .level = ADVICE_CRITICAL };
	r->advice[2] = (struct advice){ .rule = "HEAD001", .level = ADVICE_WARNING };
	r->counters.known = true;
	r->counters.softnet = (struct softnet){ 9, 1, 0, 2 };
	int i = netstat_index("TW");
	r->counters.netstat.present[i] = true;
	r->counters.netstat.value[i] = UINT64_MAX; /* more than the format's integers */
	return r;
}

static int setup(void **state)
{
	(void)state;
	one = made();
	two = made();
	two->mode = SOCKETS_TOTALS;
	two->n_paths = two->n_owners = two->n_advice = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(one);
	free(two);
	return 0;
}

static void has(const struct buf *out, const char *lines)
{
	const char *at = strstr(buf_text(out), lines);
	if (!at || (at != buf_text(out) && at[-1] != '\n'))
		fail_msg("lacks\n%s", lines);
}

static void openmetrics(void **state)
{
	(void)state;
	const char *const cgroups[SOCKETS_TOP_MAX] = { "/a \"b\"\\c\n" };
	const struct metrics_subject s = { .report = one, .cgroups = cgroups };
	struct buf out = BUF_INIT(1 << 20);
	sockets_metrics(&s, 1, METRICS_OPENMETRICS, &out);
	assert_int_equal(out.rc, 0);
	has(&out, "kedge_tcp_connection_states{state=\"time_wait\"} 7\n");
	has(&out, "kedge_tcp_connection_states{state=\"fin_wait2\"} 0\n");
	has(&out, "kedge_sockstat_TCP_tw 7\n");
	assert_null(strstr(buf_text(&out), "\nkedge_sockstat_TCP_inuse ")); /* not told */
	has(&out, "# TYPE kedge_netstat_TcpExt_TW counter\n# HELP kedge_netstat_TcpExt_TW Statistic "
	          "TcpExtTW.\nkedge_netstat_TcpExt_TW_total 9223372036854775807\n");
	assert_null(strstr(buf_text(&out), "TWKilled")); /* a kernel without it */
	has(&out, "kedge_softnet_dropped_total 1\n");
	has(&out, "kedge_path_free_ports{source=\"10.0.0.1\",destination=\"10.0.0.5\",port=\"3306\"} 1130\n");
	has(&out, "kedge_path_grade{source=\"10.0.0.1\",destination=\"10.0.0.5\",port=\"3306\"} 3\n");
	has(&out, "# TYPE kedge_path_utilisation_ratio gauge\n# UNIT kedge_path_utilisation_ratio ratio\n");
	has(&out, "kedge_path_utilisation_ratio{source=\"10.0.0.1\",destination=\"10.0.0.5\",port=\"3306\"} "
	          "0.959\n");
	assert_null(strstr(buf_text(&out), "kedge_path_exhaustion_seconds{"));
	has(&out, "kedge_owner_sockets{uid=\"33\",cgroup_id=\"12345678901234\",cgroup=\"/a "
	          "\\\"b\\\"\\\\c\\n\"} 4\n");
	has(&out, "kedge_sockets_advice{rule=\"HEAD001\",level=\"critical\"} 2\n"
	          "kedge_sockets_advice{rule=\"HEAD001\",level=\"warning\"} 1\n");
	has(&out, "kedge_sockets_walk_seconds 1.007\n");
	has(&out, "kedge_sockets_cpu_seconds 5.000042\n");
	assert_string_equal(buf_text(&out) + out.len - 6, "# EOF\n");
	buf_free(&out);
}

static void older_format(void **state)
{
	(void)state;
	const struct metrics_subject s = { .report = one };
	struct buf out = BUF_INIT(1 << 20);
	one->headroom[0].exhausted_in_s = 90;
	sockets_metrics(&s, 1, METRICS_TEXT, &out);
	/* A counter's family is its sample, and nothing is said of units or the end. */
	has(&out, "# HELP kedge_netstat_TcpExt_TW_total Statistic TcpExtTW.\n"
	          "# TYPE kedge_netstat_TcpExt_TW_total counter\nkedge_netstat_TcpExt_TW_total ");
	has(&out, "kedge_path_exhaustion_seconds{source=\"10.0.0.1\",destination=\"10.0.0.5\",port=\"3306\"} "
	          "90\n");
	assert_null(strstr(buf_text(&out), "# UNIT"));
	assert_null(strstr(buf_text(&out), "# EOF"));
	buf_free(&out);
}

static void families_stand_together(void **state)
{
	(void)state;
	const struct metrics_subject s[] = { { .report = one, .netns = "self" },
		{ .report = two, .netns = "blue" } };
	struct buf out = BUF_INIT(1 << 20);
	sockets_metrics(s, 2, METRICS_OPENMETRICS, &out);
	/* Totals alone know no states: nothing is better than zeros. */
	has(&out, "kedge_tcp_connection_states{netns=\"self\",state=\"time_wait\"} 7\n");
	assert_null(strstr(buf_text(&out), "kedge_tcp_connection_states{netns=\"blue\""));
	has(&out, "kedge_sockstat_TCP_tw{netns=\"self\"} 7\nkedge_sockstat_TCP_tw{netns=\"blue\"} 7\n");
	has(&out, "kedge_softnet_processed_total 9\n"); /* of the host */
	buf_free(&out);

	out = BUF_INIT(64);
	sockets_metrics(s, 0, METRICS_OPENMETRICS, &out);
	assert_string_equal(buf_text(&out), "# EOF\n");
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(openmetrics, setup, teardown),
		cmocka_unit_test_setup_teardown(older_format, setup, teardown),
		cmocka_unit_test_setup_teardown(families_stand_together, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
