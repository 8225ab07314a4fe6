/* The rollout document, and what it says to a host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policies/rollout.h"

#define SHA    "\"sha256\":\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\""
#define HEAD   "{\"kedge_rollout\":1,\"policy\":\"web\",\"version\":3,\"serial\":7,\"action\":\"apply\","
#define TARGET "\"target\":{\"path\":\"policies/web/3.json\",\"length\":10," SHA "},"
#define SALT   "\"salt\":\"00112233445566778899aabbccddeeff\",\"start\":\"2026-01-01T00:00:00Z\","
#define CANARY "{\"canaries\":[\"web1\"],\"opens_after\":0,\"opens_before\":100}"
#define HALF   "{\"share\":500,\"opens_after\":50,\"opens_before\":200}"
#define ALL    "{\"share\":1000,\"opens_after\":100,\"opens_before\":300}"
#define START  1767225600LL

static struct rollout *parse(const char *json)
{
	struct rollout *r = NULL;
	struct fault f;

	if (rollout_parse(json, strlen(json), &r, &f))
		fail_msg("%s: %s", f.where, f.what);
	return r;
}

static void round_trip(void **state)
{
	(void)state;
	struct rollout *r =
	        parse(HEAD TARGET "\"selector\":{\"labels\":{\"role\":\"web\"}}," SALT "\"waves\":[" CANARY
	                          "," HALF "," ALL "],\"why\":\"fewer ports\"}");
	char *one, *two;
	size_t len;

	assert_int_equal(rollout_print(r, &one, &len), 0);
	struct rollout *again = parse(one);
	assert_int_equal(rollout_print(again, &two, &len), 0);
	assert_string_equal(one, two);
	assert_int_equal(again->n_waves, 3);
	assert_string_equal(again->waves[0].canaries[0], "web1");
	rollout_free(r);
	rollout_free(again);
	free(one);
	free(two);
}

static void refusals(void **state)
{
	(void)state;
	static const struct {
		const char *remark, *json;
		int code;
		const char *where;
	} rows[] = {
		{ "no target", HEAD SALT "\"waves\":[" ALL "]}", KE_SCHEMA, "(document)" },
		{ "target of another policy",
		        HEAD "\"target\":{\"path\":\"policies/db/3.json\",\"length\":10," SHA "}," SALT
		             "\"waves\":[" ALL "]}",
		        KE_MISMATCH, "target" },
		{ "target of another version",
		        HEAD "\"target\":{\"path\":\"policies/web/4.json\",\"length\":10," SHA "}," SALT
		             "\"waves\":[" ALL "]}",
		        KE_MISMATCH, "target" },
		{ "no waves", HEAD TARGET SALT "\"waves\":[]}", KE_RANGE, "waves" },
		{ "shares fall", HEAD TARGET SALT "\"waves\":[" ALL "," HALF "]}", KE_RANGE,
		        "waves[1].share" },
		{ "canaries later", HEAD TARGET SALT "\"waves\":[" HALF "," CANARY "]}", KE_SCHEMA,
		        "waves[1]" },
		{ "canaries and share",
		        HEAD TARGET SALT "\"waves\":[{\"canaries\":[\"a\"],\"share\":5,\"opens_after\":0,"
		                         "\"opens_before\":1}]}",
		        KE_SCHEMA, "waves[0]" },
		{ "window of no length",
		        HEAD TARGET SALT "\"waves\":[{\"share\":5,\"opens_after\":9,\"opens_before\":9}]}",
		        KE_RANGE, "waves[0].opens_before" },
		{ "standing with waves", HEAD TARGET SALT "\"standing\":true,\"waves\":[" ALL "]}", KE_SCHEMA,
		        "(document)" },
		{ "removal with a target",
		        "{\"kedge_rollout\":1,\"policy\":\"web\",\"serial\":7,\"action\":\"remove\"," TARGET
		        "\"standing\":true}",
		        KE_SCHEMA, "(document)" },
		{ "serial 0",
		        "{\"kedge_rollout\":1,\"policy\":\"web\",\"serial\":0,\"action\":\"remove\","
		        "\"standing\":true}",
		        KE_RANGE, "serial" },
		{ "policy name climbs",
		        "{\"kedge_rollout\":1,\"policy\":\"../"
		        "x\",\"serial\":1,\"action\":\"remove\",\"standing\":true}",
		        KE_NAME, "(document)" },
		{ "unknown member",
		        "{\"kedge_rollout\":1,\"policy\":\"web\",\"serial\":1,\"action\":\"remove\","
		        "\"standing\":true,\"x\":1}",
		        KE_SCHEMA, "(document)" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct rollout *r = NULL;
		struct fault f = { 0 };
		int rc = rollout_parse(rows[i].json, strlen(rows[i].json), &r, &f);
		if (rc != rows[i].code || strcmp(f.where, rows[i].where) != 0 || r)
			fail_msg("%s: %d at '%s' (%s)", rows[i].remark, rc, f.where, f.what);
	}
}

static void gates(void **state)
{
	(void)state;
	struct rollout *r = parse(HEAD TARGET SALT "\"waves\":[" CANARY "," HALF "]}");
	char low[16] = "", high[16] = "";

	/* a host in the first half of the hash order, and one behind it */
	for (int i = 0; !low[0] || !high[0]; i++) {
		char id[16];
		snprintf(id, sizeof id, "h%d", i);
		strcpy(rollout_place(r->salt, id) < 500 ? low : high, id);
	}
	const struct {
		const char *host;
		int64_t at;
		enum rollout_gate gate;
	} rows[] = {
		{ "web1", -1, ROLLOUT_WAITS },
		{ "web1", 0, ROLLOUT_OPEN },
		{ "web1", 99, ROLLOUT_OPEN },
		{ "web1", 100, ROLLOUT_CLOSED },
		{ low, 49, ROLLOUT_WAITS },
		{ low, 50, ROLLOUT_OPEN },
		{ low, 200, ROLLOUT_CLOSED },
		{ high, 60, ROLLOUT_NO_WAVE },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (rollout_gate(r, rows[i].host, START + rows[i].at, NULL) != rows[i].gate)
			fail_msg("%s at %+lld", rows[i].host, (long long)rows[i].at);
	rollout_free(r);
}

static void places_spread(void **state)
{
	(void)state;
	static const unsigned char salt[ROLLOUT_SALT_LEN] = { 1 }, other[ROLLOUT_SALT_LEN] = { 2 };
	unsigned below = 0, moved = 0;

	for (int i = 0; i < 10000; i++) {
		char id[24];
		snprintf(id, sizeof id, "host-%d", i);
		unsigned place = rollout_place(salt, id);
		assert_in_range(place, 0, 999);
		below += place < 200;
		moved += place != rollout_place(other, id);
	}
	assert_in_range(below, 1850, 2150);
	assert_true(moved > 9900);
}

static void the_selector_counts(void **state)
{
	(void)state;
	struct rollout *r =
	        parse(HEAD TARGET "\"selector\":{\"labels\":{\"role\":\"web\"}},\"standing\":true}");
	static char role[] = "role", is_web[] = "web", is_db[] = "db";
	struct label web = { role, is_web }, db = { role, is_db };
	struct host_facts facts = { .labels = &web, .n_labels = 1 };
	struct fault f;

	assert_int_equal(rollout_check(r, "web1", &facts, 0, &f), 0);
	facts.labels = &db;
	assert_int_equal(rollout_check(r, "web1", &facts, 0, &f), KE_SELECTOR);
	rollout_free(r);
}

static void fits(void **state)
{
	(void)state;
	static char id[] = "web1";
	char *canaries[] = { id };
	struct rollout_wave waves[] = { { .canaries = canaries, .n_canaries = 1 }, { .share = 50 },
		{ .share = 200 }, { .share = 1000 } };
	const struct rollout r = { .waves = waves, .n_waves = 4 };
	static const struct {
		const char *remark;
		int64_t counts[4], n;
		bool fits;
	} rows[] = {
		{ "exactly", { 1, 50, 150, 799 }, 1000, true },
		{ "one too many in the first drawn wave", { 1, 51, 149, 799 }, 1000, false },
		{ "one too many in the second", { 1, 50, 151, 798 }, 1000, false },
		{ "the second takes what the first leaves", { 1, 40, 160, 799 }, 1000, true },
		{ "canaries are named, not drawn", { 900, 5, 15, 80 }, 1000, true },
		{ "a share of few hosts is at least one of them", { 0, 1, 0, 9 }, 10, true },
		{ "and not two", { 0, 2, 0, 8 }, 10, false },
		{ "nobody", { 0, 0, 0, 0 }, 0, true },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (rollout_fits(&r, rows[i].counts, rows[i].n) != rows[i].fits)
			fail_msg("%s", rows[i].remark);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(refusals),
		cmocka_unit_test(gates),
		cmocka_unit_test(places_spread),
		cmocka_unit_test(the_selector_counts),
		cmocka_unit_test(fits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
