/* Each rule speaks when it should, and is silent one step before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/measure/advice.h"

/* A quiet host; tests change one thing. */
struct host {
	struct ports ports;
	struct census_counts counts;
	struct sockstat sockstat;
	struct census_path paths[6];
	struct headroom headroom[6];
	size_t n_paths;
	struct census_service service;
	struct counters_change change;
	struct advice got[ADVICE_MAX];
	size_t n;
};

static struct host *quiet(void)
{
	static struct host h;
	memset(&h, 0, sizeof h);
	h.ports = (struct ports){
		.low = 32768, .high = 60999, .tw_reuse = 2, .timestamps = 1, .max_tw_buckets = 262144
	};
	sockstat_init(&h.sockstat);
	return &h;
}

static void path_add(struct host *h, unsigned char dst_byte, uint32_t used, uint32_t time_wait)
{
	unsigned char src[4] = { 10, 0, 0, 1 }, dst[4] = { 10, 0, 0, dst_byte };
	struct census_path *p = &h->paths[h->n_paths];
	*p = (struct census_path){ .src = ip16_v4(src),
		.dst = ip16_v4(dst),
		.dst_port = 3306,
		.used = used,
		.time_wait = time_wait,
		.live = used - time_wait };
	struct headroom_input in = { .low = h->ports.low,
		.high = h->ports.high,
		.used = used,
		.live = p->live,
		.timestamps = 1,
		.reuse_delay_ms = 1000 };
	headroom_compute(&in, &h->headroom[h->n_paths++]);
}

static void give(struct host *h)
{
	struct advice_input in = { .ports = &h->ports,
		.counts = &h->counts,
		.sockstat = &h->sockstat,
		.paths = h->paths,
		.headroom = h->headroom,
		.n_paths = h->n_paths,
		.services = &h->service,
		.n_services = 1,
		.change = &h->change };
	h->n = advice_give(&in, h->got);
}

static const struct advice *found(const struct host *h, const char *rule)
{
	for (size_t i = 0; i < h->n; i++)
		if (strcmp(h->got[i].rule, rule) == 0)
			return &h->got[i];
	return NULL;
}

static void quiet_host(void **state)
{
	(void)state;
	struct host *h = quiet();
	path_add(h, 5, 14115, 14115); /* just below half */
	give(h);
	assert_int_equal(h->n, 0);
}

static void full_path(void **state)
{
	(void)state;
	struct host *h = quiet();
	path_add(h, 5, 27200, 27100);
	give(h);
	const struct advice *a = found(h, "HEAD001");
	assert_non_null(a);
	assert_int_equal(a->level, ADVICE_CRITICAL);
	assert_string_equal(a->what, "10.0.0.1 -> 10.0.0.5:3306 is at 96 %: 27200 of 28232 ports used, 27100 "
	                             "in TIME_WAIT (closed by "
	                             "this host) and 100 open; 468 new connections a second are sustainable");
	assert_non_null(strstr(a->todo, "keep-alive"));
	assert_non_null(strstr(a->todo, "tcp_fin_timeout does not shorten TIME_WAIT"));
	assert_ptr_equal(a, &h->got[0]);

	h = quiet();
	path_add(h, 5, 24000, 100); /* 85 %, nearly all open */
	give(h);
	a = found(h, "HEAD001");
	assert_non_null(a);
	assert_int_equal(a->level, ADVICE_WARNING);
	assert_null(strstr(a->todo, "tcp_fin_timeout"));

	h = quiet();
	path_add(h, 5, 20000, 20000);
	h->headroom[0].grade = HEADROOM_CRITICAL;
	h->headroom[0].exhausted_in_s = 12;
	give(h);
	a = found(h, "HEAD001");
	assert_non_null(a);
	assert_non_null(strstr(a->what, "at this pace the rest is gone in 12 s"));
}

static void no_more_than_three_paths(void **state)
{
	(void)state;
	struct host *h = quiet();
	for (unsigned char i = 0; i < 6; i++)
		path_add(h, i, 28000, 28000);
	give(h);
	unsigned n = 0;
	for (size_t i = 0; i < h->n; i++)
		n += strcmp(h->got[i].rule, "HEAD001") == 0;
	assert_int_equal(n, 3);
}

static void slow_path(void **state)
{
	(void)state;
	struct host *h = quiet();
	path_add(h, 5, 14116, 0);
	give(h);
	assert_non_null(found(h, "HEAD002"));
	assert_null(found(h, "HEAD001"));
	assert_null(found(h, "HEAD003"));
}

static void reuse(void **state)
{
	(void)state;
	static const struct {
		int tw_reuse, timestamps;
		bool loopback;
		const char *words; /* NULL: silence */
	} rows[] = {
		{ 2, 1, false, "loopback connections only" },
		{ 2, 1, true, NULL },
		{ 0, 1, false, "leaves every entry" },
		{ 0, 1, true, "leaves every entry" },
		{ 1, 1, false, NULL },
		{ 1, 0, false, "no effect while tcp_timestamps = 0" },
		{ 2, 0, true, "no effect while tcp_timestamps = 0" },
		{ -1, 1, false, NULL },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct host *h = quiet();
		h->ports.tw_reuse = rows[i].tw_reuse;
		h->ports.timestamps = rows[i].timestamps;
		path_add(h, 5, 14116, 14116);
		unsigned char lo[4] = { 127, 0, 0, 1 };
		if (rows[i].loopback)
			h->paths[0].dst = ip16_v4(lo);
		give(h);
		const struct advice *a = found(h, "HEAD003");
		if (!a != !rows[i].words || (a && !strstr(a->what, rows[i].words)))
			fail_msg("row %zu: %s", i, a ? a->what : "silence");
	}
}

static void ranges(void **state)
{
	(void)state;
	struct host *h = quiet();
	h->ports.low = 10000;
	h->ports.high = 65000;
	give(h);
	assert_non_null(found(h, "PORT001"));
	assert_null(found(h, "PORT007"));

	h = quiet();
	for (uint32_t p = 0; p < 7058; p++)
		port_set_add(&h->ports.reserved, (uint16_t)(40000 + p));
	give(h);
	assert_null(found(h, "PORT007")); /* exactly a quarter */
	port_set_add(&h->ports.reserved, 50000);
	give(h);
	assert_non_null(found(h, "PORT007"));
}

static void buckets(void **state)
{
	(void)state;
	static const struct {
		int64_t tw, max;
		int level; /* -1: silence */
	} rows[] = { { 131071, 262144, -1 }, { 131072, 262144, ADVICE_WARNING },
		{ 4800, 6000, ADVICE_CRITICAL }, { 4799, 6000, ADVICE_WARNING }, { -1, 6000, -1 },
		{ 5000, -1, -1 }, { 5000, 0, -1 } };
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct host *h = quiet();
		h->sockstat.tcp_tw = rows[i].tw;
		h->ports.max_tw_buckets = rows[i].max;
		give(h);
		const struct advice *a = found(h, "TW006");
		if ((a ? (int)a->level : -1) != rows[i].level)
			fail_msg("row %zu", i);
	}
}

/* Rules that compare one count with one threshold. */
static void counts(void **state)
{
	(void)state;
	static const struct {
		const char *rule;
		size_t at;
		uint64_t threshold;
	} rows[] = {
		{ "CW001", offsetof(struct census_counts, state[CENSUS_IPV6][TCP_STATE_CLOSE_WAIT]), 100 },
		{ "SYN001", offsetof(struct census_counts, state[CENSUS_IPV4][TCP_STATE_SYN_SENT]), 100 },
		{ "FW001", offsetof(struct census_counts, fin_wait2_mini), 1000 },
		{ "TW010", offsetof(struct census_counts, service_time_wait), 1000 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct host *h = quiet();
		uint64_t n = rows[i].threshold - 1;
		memcpy((char *)&h->counts + rows[i].at, &n, sizeof n);
		give(h);
		assert_int_equal(h->n, 0);
		n++;
		memcpy((char *)&h->counts + rows[i].at, &n, sizeof n);
		give(h);
		assert_int_equal(h->n, 1);
		assert_string_equal(h->got[0].rule, rows[i].rule);
		assert_true(h->got[0].what[0] && h->got[0].todo[0]);
	}
	struct host *h = quiet();
	h->counts.service_time_wait = 5000;
	h->counts.outgoing_time_wait = 5001;
	give(h);
	assert_int_equal(h->n, 0);
}

static void moved(struct host *h, const char *name, uint64_t delta, uint64_t rate_milli)
{
	int i = netstat_index(name);
	assert_true(i >= 0);
	h->change.known = true;
	h->change.interval_ms = 60000;
	h->change.netstat.known[i] = true;
	h->change.netstat.delta[i] = delta;
	h->change.netstat.rate_milli[i] = rate_milli;
}

/* Counters that rise between two looks. */
static void counters(void **state)
{
	(void)state;
	static const struct {
		const char *counter;
		uint64_t delta, rate_milli;
		const char *rule; /* NULL: silence */
		enum advice_level level;
		const char *remark;
	} rows[] = {
		{ "TW", 60000, 1000000, NULL, 0, "60 thousand of 262 thousand" },
		{ "TW", 209700, 3495000, NULL, 0, "just below four fifths" },
		{ "TW", 210000, 3500000, "TW012", ADVICE_WARNING, "four fifths" },
		{ "TW", 300000, 5000000, "TW012", ADVICE_CRITICAL, "more than there is room for" },
		{ "TCPTimeWaitOverflow", 1, 16, "CNT001", ADVICE_CRITICAL, "a single one" },
		{ "ListenOverflows", 3, 50, "CNT002", ADVICE_WARNING, "accept queue" },
		{ "TCPReqQFullDrop", 3, 50, "CNT003", ADVICE_WARNING, "SYN queue, dropped" },
		{ "TCPReqQFullDoCookies", 3, 50, "CNT003", ADVICE_WARNING, "SYN queue, cookies" },
		{ "TCPAbortOnMemory", 3, 50, "CNT004", ADVICE_CRITICAL, "memory" },
		{ "RcvPruned", 3, 50, "CNT005", ADVICE_WARNING, "receive queue" },
		{ "TCPTimeWaitOverflow", 0, 0, NULL, 0, "did not move" },
		{ "TWRecycled", 1000, 16666, NULL, 0, "nothing to say about" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct host *h = quiet();
		moved(h, rows[i].counter, rows[i].delta, rows[i].rate_milli);
		give(h);
		if (h->n != (rows[i].rule ? 1 : 0) ||
		        (rows[i].rule && (strcmp(h->got[0].rule, rows[i].rule) != 0 ||
		                                 h->got[0].level != rows[i].level)))
			fail_msg("%s: %zu findings, %s", rows[i].remark, h->n, h->n ? h->got[0].rule : "");
	}
	struct host *h = quiet();
	moved(h, "TCPTimeWaitOverflow", 5, 83);
	give(h);
	assert_string_equal(
	        h->got[0].what, "5 connections ended without TIME_WAIT in 60 s (TCPTimeWaitOverflow)");
	h->change.known = false; /* a reset */
	give(h);
	assert_int_equal(h->n, 0);
	h->change.softnet_known = true;
	h->change.softnet.dropped = 4;
	give(h);
	assert_non_null(found(h, "CNT006"));
}

static void bound(void **state)
{
	(void)state;
	struct host *h = quiet();
	h->counts.bound_in_range = 1411; /* of 28232: just below a twentieth */
	give(h);
	assert_int_equal(h->n, 0);
	h->counts.bound_in_range = 1412;
	give(h);
	assert_non_null(found(h, "BIND001"));
}

static void worst_first_and_bounded(void **state)
{
	(void)state;
	struct host *h = quiet();
	h->ports.high = 60998;
	h->ports.tw_reuse = 0;
	for (unsigned char i = 0; i < 5; i++)
		path_add(h, i, 28000, 28000);
	path_add(h, 9, 15000, 15000);
	h->sockstat.tcp_tw = 262144;
	h->counts.state[CENSUS_IPV4][TCP_STATE_CLOSE_WAIT] =
	        h->counts.state[CENSUS_IPV4][TCP_STATE_SYN_SENT] = 1000;
	h->counts.fin_wait2_mini = 5000;
	h->counts.service_time_wait = 5000;
	memset(&h->ports.reserved, 0xff, sizeof h->ports.reserved);
	give(h);
	assert_int_equal(h->n, 12);
	for (size_t i = 1; i < h->n; i++)
		assert_true(h->got[i - 1].level >= h->got[i].level);
	assert_string_equal(h->got[3].rule, "TW006");
	assert_string_equal(advice_level_name(h->got[0].level), "critical");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quiet_host),
		cmocka_unit_test(full_path),
		cmocka_unit_test(no_more_than_three_paths),
		cmocka_unit_test(slow_path),
		cmocka_unit_test(reuse),
		cmocka_unit_test(ranges),
		cmocka_unit_test(buckets),
		cmocka_unit_test(counts),
		cmocka_unit_test(counters),
		cmocka_unit_test(bound),
		cmocka_unit_test(worst_first_and_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
