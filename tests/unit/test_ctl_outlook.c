/* A plan against a listed fleet: who is meant, which salt fits, what is told, whom it proposes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cJSON.h>
#include <cmocka.h>

#include "server-stub/ctl/outlook.h"

static char role[] = "role", web[] = "web";
static struct label label = { role, web };
static struct selector only_web = { .labels = &label, .n_labels = 1 };

/* N hosts; every third is a database, every fifth offline, every second has the older kernel and less memory. */
static struct cJSON *fleet(int n)
{
	struct buf out = BUF_INIT(1 << 20);

	buf_char(&out, '[');
	for (int i = 0; i < n; i++)
		buf_fmt(&out,
		        "%s{\"id\":\"h%03d\",\"state\":\"%s\",\"kernel\":\"%s.0-9-amd64\",\"facts\":{"
		        "\"memory_"
		        "bytes\":%lld,\"labels\":{\"role\":\"%s\"}}}",
		        i ? "," : "", i, i % 5 == 4 ? "offline" : "online", i % 2 ? "5.10" : "6.1",
		        i % 2 ? 1LL << 31 : 1LL << 33, i % 3 == 2 ? "db" : "web");
	buf_char(&out, ']');
	struct cJSON *rows = cJSON_Parse(buf_text(&out));
	assert_non_null(rows);
	buf_free(&out);
	return rows;
}

static void reading(void **state)
{
	(void)state;
	static const char odd[] =
	        "[{\"id\":\"new\",\"state\":\"offline\"},{\"id\":\"gone\",\"state\":\"revoked\"},"
	        "{\"state\":\"online\"},5]";
	struct rollout r = { .selector = &only_web };
	struct cJSON *rows = fleet(30);
	struct outlook o;

	assert_int_equal(outlook_read(rows, &r, &o, NULL), 0);
	assert_int_equal(o.enrolled, 30);
	assert_int_equal(o.n, 20);
	assert_string_equal(o.hosts[0].kernel, "6.1");
	assert_string_equal(o.hosts[1].kernel, "5.10");
	assert_int_equal(o.hosts[1].memory, 1LL << 31);
	outlook_clear(&o);
	cJSON_Delete(rows);
	rows = cJSON_Parse(odd); /* who has told nothing may be meant; who has no name is nobody */
	assert_int_equal(outlook_read(rows, &r, &o, NULL), 0);
	assert_int_equal(o.enrolled, 1);
	assert_int_equal(o.n, 1);
	assert_string_equal(o.hosts[0].kernel, "?");
	outlook_clear(&o);
	cJSON_Delete(rows);
}

static unsigned char drawn;

static int draw(void *bytes, size_t len)
{
	memset(bytes, ++drawn, len);
	return 0;
}

static int no_draw(void *bytes, size_t len)
{
	(void)bytes;
	(void)len;
	return -1;
}

static void salt(void **state)
{
	(void)state;
	struct rollout_wave waves[] = { { .share = 50 }, { .share = 200 }, { .share = 1000 } };
	struct rollout r = { .waves = waves, .n_waves = 3 };
	struct cJSON *rows = fleet(400);
	struct outlook o;
	int64_t counts[3] = { 0 };
	size_t wave;

	assert_int_equal(outlook_read(rows, &r, &o, NULL), 0);
	drawn = 0;
	assert_int_equal(outlook_salt(&o, &r, draw, NULL), 0);
	for (size_t i = 0; i < o.n; i++)
		if (rollout_wave_of(&r, o.hosts[i].id, &wave))
			counts[wave]++;
	assert_true(counts[0] <= 20 && counts[0] + counts[1] <= 80);
	assert_true(rollout_fits(&r, counts, 400));
	assert_int_equal(outlook_salt(&o, &r, no_draw, NULL), KE_SYSTEM);
	outlook_clear(&o);
	cJSON_Delete(rows);
}

static void told(void **state)
{
	(void)state;
	static char one[] = "h000", two[] = "h001";
	char *canaries[] = { one, two };
	struct rollout_wave waves[] = { { .canaries = canaries, .n_canaries = 2 }, { .share = 1000 } };
	struct rollout r = { .waves = waves, .n_waves = 2, .gates = gates_default(), .selector = &only_web };
	struct cJSON *rows = fleet(30);
	struct buf out = BUF_INIT(65536);
	struct outlook o;

	assert_int_equal(outlook_read(rows, &r, &o, NULL), 0);
	outlook_text(&o, &r, &out);
	assert_string_equal(buf_text(&out),
	        "fleet   20 of 30 hosts are selected\n"
	        "wave 1  2 hosts (2 so far), 2 online; kernels 5.10: 1, 6.1: 1; sees a fault of 3.0 % with "
	        "6.9 %, halts a good one with 1.0 %\n"
	        "wave 2  18 hosts (20 so far), 14 online; kernels 5.10: 9, 6.1: 9; sees a fault of 3.0 % "
	        "with "
	        "15.4 %, halts a good one with 0.4 %\n");
	outlook_clear(&o);
	cJSON_Delete(rows);
	buf_free(&out);
}

static void canaries(void **state)
{
	(void)state;
	struct rollout_wave waves[] = { { .share = 1000 } };
	struct rollout r = { .waves = waves, .n_waves = 1 };
	struct cJSON *rows = fleet(30);
	struct buf out = BUF_INIT(65536);
	struct outlook o;

	assert_int_equal(outlook_read(rows, &r, &o, NULL), 0);
	outlook_canaries(&o, &r, 4, &out);
	const char *names = strstr(buf_text(&out), "canary="), *p = names;
	assert_non_null(names);
	/* In turns: an odd and an even number each time; none that is offline. */
	for (int i = 0; i < 4; i++) {
		int n = atoi((p = strchr(p, 'h')) + 1);
		assert_int_equal(n % 2, !(i % 2));
		assert_true(n % 5 != 4);
		p++;
	}
	assert_non_null(strstr(buf_text(&out), "5.10 <4G         2 of 12\n"));
	assert_non_null(strstr(buf_text(&out), "6.1 4-16G        2 of 12\n"));
	buf_clear(&out);
	outlook_canaries(&o, &r, 100, &out); /* all that there are, each once */
	size_t commas = 0;
	for (p = strstr(buf_text(&out), "canary="); *p != '\n'; p++)
		commas += *p == ',';
	assert_int_equal(commas, 23);
	outlook_clear(&o);
	buf_clear(&out);
	o = (struct outlook){ 0 };
	outlook_canaries(&o, &r, 3, &out);
	assert_non_null(strstr(buf_text(&out), "no host is online"));
	cJSON_Delete(rows);
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reading),
		cmocka_unit_test(salt),
		cmocka_unit_test(told),
		cmocka_unit_test(canaries),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
