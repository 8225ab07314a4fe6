/* --wave: what it becomes, what is refused, how it is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server-stub/ctl/waves.h"

static void good(void **state)
{
	(void)state;
	struct rollout *r = calloc(1, sizeof *r);
	struct buf out = BUF_INIT(4096);

	assert_int_equal(waves_add(r, "canary=web1,web2", NULL), 0);
	assert_int_equal(waves_add(r, "0.5%@1h", NULL), 0);
	assert_int_equal(waves_add(r, "20%@1h..7d", NULL), 0);
	assert_int_equal(waves_add(r, "100%@40d", NULL), 0);
	assert_int_equal(r->n_waves, 4);
	assert_int_equal(r->waves[0].n_canaries, 2);
	assert_string_equal(r->waves[0].canaries[1], "web2");
	assert_int_equal(r->waves[0].opens_before, 30 * 86400);
	assert_int_equal(r->waves[1].share, 5);
	assert_int_equal(r->waves[1].opens_after, 3600);
	assert_int_equal(r->waves[2].share, 200);
	assert_int_equal(r->waves[2].opens_before, 7 * 86400);
	assert_int_equal(r->waves[3].share, 1000);
	assert_int_equal(r->waves[3].opens_before, 70 * 86400);
	waves_text(r, &out);
	assert_string_equal(buf_text(&out),
	        "wave 1  opens 1970-01-01T00:00:00Z, closes 1970-01-31T00:00:00Z: hosts web1, web2\n"
	        "wave 2  opens 1970-01-01T01:00:00Z, closes 1970-01-31T00:00:00Z: 0.5 % of the hosts (places "
	        "0 to 4 of 0 "
	        "to 999)\n"
	        "wave 3  opens 1970-01-01T01:00:00Z, closes 1970-01-08T00:00:00Z: 19.5 % of the hosts "
	        "(places 5 to 199 of "
	        "0 to 999)\n"
	        "wave 4  opens 1970-02-10T00:00:00Z, closes 1970-03-12T00:00:00Z: all other hosts\n");
	buf_free(&out);
	rollout_free(r);
}

static void bad(void **state)
{
	(void)state;
	static const struct {
		const char *remark, *before, *text;
		int code;
	} rows[] = {
		{ "nothing", NULL, "", KE_USAGE },
		{ "no percent sign", NULL, "20", KE_USAGE },
		{ "nobody", NULL, "0%", KE_USAGE },
		{ "more than all", NULL, "101%", KE_USAGE },
		{ "finer than per mille", NULL, "0.05%", KE_USAGE },
		{ "no canary", NULL, "canary=", KE_NAME },
		{ "empty canary", NULL, "canary=web1,", KE_NAME },
		{ "canary that is no host id", NULL, "canary=Web1", KE_NAME },
		{ "a path as canary", NULL, "canary=../x", KE_NAME },
		{ "canary twice", NULL, "canary=web1,web1", KE_DUPLICATE },
		{ "canaries behind a share", "20%", "canary=web1", KE_RANGE },
		{ "canaries behind canaries", "canary=web1", "canary=web2", KE_RANGE },
		{ "opens in three years", NULL, "20%@1098d", KE_RANGE },
		{ "closes in three years", NULL, "20%@1h..1098d", KE_RANGE },
		{ "share falls", "20%", "10%", KE_RANGE },
		{ "share stays", "20%", "20%", KE_RANGE },
		{ "opens before the wave in front", "20%@2h", "100%@1h", KE_RANGE },
		{ "closes before it opens", NULL, "20%@2h..1h", KE_RANGE },
		{ "closes when it opens", NULL, "20%@2h..2h", KE_RANGE },
		{ "bad duration", NULL, "20%@soon", KE_USAGE },
		{ "bad end", NULL, "20%@1h..", KE_USAGE },
		{ "rest", NULL, "20%x", KE_USAGE },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct rollout *r = calloc(1, sizeof *r);
		struct fault f = { 0 };
		if (rows[i].before)
			assert_int_equal(waves_add(r, rows[i].before, NULL), 0);
		int rc = waves_add(r, rows[i].text, &f);
		if (rc != rows[i].code || !f.what[0] || r->n_waves != (rows[i].before != NULL))
			fail_msg("%s: %d '%s'", rows[i].remark, rc, f.what);
		rollout_free(r);
	}
}

static void too_many(void **state)
{
	(void)state;
	struct rollout *r = calloc(1, sizeof *r);

	for (int i = 1; i <= ROLLOUT_MAX_WAVES; i++) {
		char text[16];
		snprintf(text, sizeof text, "%d%%", i);
		assert_int_equal(waves_add(r, text, NULL), 0);
	}
	assert_int_equal(waves_add(r, "100%", NULL), KE_RANGE);
	rollout_free(r);
}

/* Without --wave: everybody at once, for 30 days; what hosts read of it. */
static void preset(void **state)
{
	(void)state;
	struct rollout *r = calloc(1, sizeof *r), *again = NULL;
	char *text;
	size_t len;

	assert_int_equal(waves_default(r, NULL), 0);
	assert_int_equal(waves_default(r, NULL), 0);
	assert_int_equal(r->n_waves, 1);
	r->policy = strdup("web");
	r->serial = 1;
	r->action = ROLLOUT_REMOVE;
	assert_int_equal(rollout_print(r, &text, &len), 0);
	assert_int_equal(rollout_parse(text, len, &again, NULL), 0);
	assert_int_equal(rollout_gate(again, "anybody", 0, NULL), ROLLOUT_OPEN);
	assert_int_equal(rollout_gate(again, "anybody", 30 * 86400, NULL), ROLLOUT_CLOSED);
	free(text);
	rollout_free(again);
	rollout_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good),
		cmocka_unit_test(bad),
		cmocka_unit_test(too_many),
		cmocka_unit_test(preset),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
