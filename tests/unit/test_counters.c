/* Two looks compared: what moved, what does not count as moved, and when there are no figures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/measure/counters.h"

static struct counters before, after;

static void put(struct counters *c, const char *name, uint64_t value)
{
	int i = netstat_index(name);
	assert_true(i >= 0);
	c->netstat.present[i] = true;
	c->netstat.value[i] = value;
}

static int looks(void **state)
{
	(void)state;
	before = (struct counters){ .boot_ms = 1000, .netns = 7, .known = true };
	sockstat_init(&before.sockstat);
	before.sockstat.tcp_tw = 50;
	before.softnet = (struct softnet){ 100, 0, 0, 1 };
	put(&before, "TW", 1000);
	put(&before, "ListenOverflows", 4);
	put(&before, "CurrEstab", 9);
	after = before;
	after.boot_ms = 3000;
	after.sockstat.tcp_tw = 40;
	after.softnet.dropped = 6;
	put(&after, "TW", 1940);
	put(&after, "CurrEstab", 3);
	return 0;
}

static const char *text_of(const struct counters_change *c, struct buf *out)
{
	buf_clear(out);
	counters_text(c, out);
	return buf_text(out);
}

static const char *json_of(const struct counters_change *c, struct buf *out)
{
	struct jsonw w = JSONW_INIT(out, 0);
	buf_clear(out);
	jsonw_object(&w, NULL);
	counters_json(c, &w);
	jsonw_object_end(&w);
	return buf_text(out);
}

static void what_moved(void **state)
{
	(void)state;
	struct buf out = BUF_INIT(65536);
	struct counters_change c;
	uint64_t rate;
	counters_compare(&before, &after, &c);
	assert_true(c.known && !c.reset && c.softnet_known);
	assert_int_equal(c.interval_ms, 2000);
	assert_int_equal(counters_delta(&c, "TW", &rate), 940);
	assert_int_equal(rate, 470000);
	assert_int_equal(counters_delta(&c, "ListenOverflows", &rate), 0);
	assert_int_equal(counters_delta(&c, "CurrEstab", &rate), 0); /* a gauge */
	assert_int_equal(counters_delta(&c, "NoSuchCounter", &rate), 0);
	assert_string_equal(json_of(&c, &out),
	        "{\"counters\":{\"interval_ms\":2000,\"reset\":false,\"moved\":["
	        "{\"group\":\"TcpExt\",\"name\":\"TW\",\"gate\":\"info\",\"delta\":940,\"rate_milli\":470000}"
	        ","
	        "{\"group\":\"softnet\",\"name\":\"dropped\",\"gate\":\"hard\",\"delta\":6,\"rate_milli\":"
	        "3000}],"
	        "\"levels\":[{\"name\":\"Tcp.CurrEstab\",\"now\":3,\"change\":-6},"
	        "{\"name\":\"sockstat.TCP.tw\",\"now\":40,\"change\":-10}]}}");
	assert_non_null(strstr(text_of(&c, &out), "counters over 2.0 s\n"));
	assert_non_null(strstr(buf_text(&out), "TcpExt.TW "));
	assert_non_null(strstr(buf_text(&out), "470.0/s"));
	assert_non_null(strstr(buf_text(&out), "3.0/s  should not move\n"));
	assert_null(strstr(buf_text(&out), "ListenOverflows"));
	buf_free(&out);
}

static void when_there_are_no_figures(void **state)
{
	(void)state;
	struct buf out = BUF_INIT(65536);
	struct counters_change c;
	counters_compare(NULL, &after, &c);
	assert_false(c.known || c.reset);
	assert_string_equal(json_of(&c, &out), "{\"counters\":null}");
	assert_string_equal(text_of(&c, &out), "");

	after.boot_ms = before.boot_ms; /* no time has passed */
	counters_compare(&before, &after, &c);
	assert_false(c.known || c.interval_ms);
	after.boot_ms = 3000;

	put(&after, "ListenOverflows", 3); /* a counter fell */
	counters_compare(&before, &after, &c);
	assert_true(c.reset && !c.known && !c.softnet_known && c.n_levels == 0);
	assert_int_equal(counters_delta(&c, "TW", NULL), 0);
	assert_string_equal(json_of(&c, &out),
	        "{\"counters\":{\"interval_ms\":2000,\"reset\":true,\"moved\":[],\"levels\":[]}}");
	assert_non_null(strstr(text_of(&c, &out), "reset"));
	put(&after, "ListenOverflows", 4);

	after.netns = 8; /* the same numbers of another namespace */
	counters_compare(&before, &after, &c);
	assert_true(c.reset && !c.known);
	after.netns = 7;

	after.known = false; /* /proc/net/netstat could not be read */
	counters_compare(&before, &after, &c);
	assert_false(c.known || c.reset);
	buf_free(&out);
}

static void own_kernel(void **state)
{
	(void)state;
	struct counters c;
	struct sockstat s;
	sockstat_init(&s);
	counters_read("/proc/net", 5, &s, &c);
	assert_true(c.known && c.netns > 0 && c.softnet.cpus > 0 && c.boot_ms == 5);
	counters_read("/nonexistent", 5, &s, &c);
	assert_false(c.known);
	assert_int_equal(c.softnet.cpus, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_moved, looks),
		cmocka_unit_test_setup(when_there_are_no_figures, looks),
		cmocka_unit_test(own_kernel),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
