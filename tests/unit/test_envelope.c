/* Signatures are counted by different keys, and nothing comes out of the envelope before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <cJSON.h>

#include "proto/codec.h"
#include "proto/envelope.h"
#include "proto/strict.h"
#include "proto/tree.h"
#include "proto/wire.h"

#define KEYS 3

struct world {
	struct signkey *keys[KEYS];
	struct pubkey *twin; /* keys[0] again, under another id */
	char twin_id[KEYID_ROOM];
};

static int world_make(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	for (int i = 0; i < KEYS; i++) {
		unsigned char seed[SIGNKEY_SEED_LEN] = { (unsigned char)(i + 1) };
		assert_int_equal(signkey_from_seed(seed, &w->keys[i], NULL), 0);
	}
	cJSON *twin = cJSON_Duplicate(signkey_public(w->keys[0]), true);
	cJSON_AddStringToObject(twin, "x-note", "the same key");
	struct place at = place_root(twin);
	assert_int_equal(pubkey_parse(&at, &w->twin, NULL), 0);
	memcpy(w->twin_id, pubkey_id(w->twin), KEYID_ROOM);
	cJSON_Delete(twin);
	*state = w;
	return 0;
}

static int world_free(void **state)
{
	struct world *w = *state;
	for (int i = 0; i < KEYS; i++)
		signkey_free(w->keys[i]);
	pubkey_free(w->twin);
	free(w);
	return 0;
}

/* {"signed":{"a":"\n"},"signatures":[...]}: PLAN has a letter per signature: 0-2 by that key, t by key 0 under the
 * twin's id, u by an unknown id, e empty, h not hex, s short, f by key 1's id with key 2's signature. */
static char *file_of(const struct world *w, const char *plan)
{
	struct buf out = BUF_INIT(65536);
	char *text;
	buf_str(&out, "{\"signed\":{\"a\":\"\\n\"},\"signatures\":[");
	for (const char *p = plan; *p; p++) {
		struct buf sig = BUF_INIT(64);
		char hex[129];
		int key = *p >= '0' && *p <= '2' ? *p - '0' : *p == 'f' ? 2 : 0;
		const char *id = *p == 't'   ? w->twin_id
		                 : *p == 'u' ? "00"
		                 : *p == 'f' ? signkey_id(w->keys[1])
		                             : signkey_id(w->keys[key]);
		assert_int_equal(signkey_sign(w->keys[key], "{\"a\":\"\n\"}", 9, &sig, NULL), 0);
		hex_encode(sig.data, 64, hex);
		if (*p == 'e')
			hex[0] = '\0';
		if (*p == 's')
			hex[126] = '\0';
		if (*p == 'h')
			hex[5] = 'x';
		buf_fmt(&out, "%s{\"keyid\":\"%s\",\"sig\":\"%s\"}", p == plan ? "" : ",", id, hex);
		buf_free(&sig);
	}
	buf_str(&out, "]}");
	assert_int_equal(buf_take(&out, &text, NULL), 0);
	return text;
}

static const struct {
	const char *plan;
	int64_t threshold;
	bool with_twin;
	int code;
	const char *remark;
} rows[] = {
	{ "0", 1, false, KE_OK, "one of one" },
	{ "01", 2, false, KE_OK, "two of two" },
	{ "0", 2, false, KE_SIGNATURE, "one short" },
	{ "", 1, false, KE_SIGNATURE, "unsigned" },
	{ "", 0, false, KE_SIGNATURE, "go-tuf GHSA-fphv-w9fq-2525: a threshold of zero is met by nobody" },
	{ "0", 0, false, KE_SIGNATURE, "a threshold of zero with a signature" },
	{ "0", -1, false, KE_SIGNATURE, "a negative threshold" },
	{ "0t", 2, true, KE_SIGNATURE, "go-tuf GHSA-3633-5h82-39pq: one key under two ids is one key" },
	{ "t0", 2, true, KE_SIGNATURE, "in the other order" },
	{ "0t1", 2, true, KE_OK, "with a second key it is two" },
	{ "t", 1, true, KE_OK, "the other id alone is good" },
	{ "00", 2, false, KE_DUPLICATE,
	        "CVE-2020-6174, tough CVE-2020-15093: one id twice refuses the file" },
	{ "00", 1, false, KE_DUPLICATE, "even when one would do" },
	{ "0121", 1, false, KE_DUPLICATE, "an id that is not the first one twice" },
	{ "u0", 1, false, KE_OK, "an unknown id is passed over" },
	{ "u", 1, false, KE_SIGNATURE, "an unknown id counts for nothing" },
	{ "uu0", 1, false, KE_DUPLICATE, "an unknown id twice refuses the file too" },
	{ "e1", 1, false, KE_OK, "an empty signature does not count and does no harm" },
	{ "e1", 2, false, KE_SIGNATURE, "an empty signature does not count" },
	{ "h1", 2, false, KE_SIGNATURE, "no hexadecimal" },
	{ "s1", 2, false, KE_SIGNATURE, "a byte short" },
	{ "f0", 2, false, KE_SIGNATURE, "another key's signature under this id" },
	{ "012", 9007199254740991, false, KE_SIGNATURE, "a threshold beyond the number of keys" },
};

static void signatures_are_counted_by_key(void **state)
{
	struct world *w = *state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct pubkey *list[KEYS + 1] = { signkey_pubkey(w->keys[0]),
			signkey_pubkey(w->keys[1]), signkey_pubkey(w->keys[2]), w->twin };
		struct signers who = { list, rows[i].with_twin ? KEYS + 1 : KEYS, rows[i].threshold };
		char *text = file_of(w, rows[i].plan);
		struct envelope *env = NULL;
		struct place part;
		int rc = envelope_open(text, strlen(text), &env, NULL);
		if (!rc) {
			/* The door is shut until the signatures are counted, and after a failure. */
			assert_int_equal(envelope_signed(env, &part, NULL), KE_SIGNATURE);
			rc = envelope_verify(env, &who, NULL);
			assert_int_equal(envelope_signed(env, &part, NULL), rc);
		}
		if (rc != rows[i].code)
			fail_msg("%s: %s", rows[i].remark, err_name(rc));
		envelope_free(env);
		free(text);
	}
}

static const struct {
	const char *text;
	int code;
	const char *remark;
} forms[] = {
	{ "{\"signed\":{},\"signatures\":[]}", KE_OK, "the smallest" },
	{ "{\"signed\":{},\"signatures\":[],\"more\":1}", KE_OK, "unknown members outside are passed over" },
	{ "{\"signed\":{},\"signatures\":[{\"keyid\":\"a\",\"sig\":\"\",\"x\":1}]}", KE_OK,
	        "and inside a signature" },
	{ "{\"signatures\":[]}", KE_SCHEMA, "no signed part" },
	{ "{\"signed\":{}}", KE_SCHEMA, "no signatures" },
	{ "{\"signed\":[],\"signatures\":[]}", KE_SCHEMA, "signed is an array" },
	{ "{\"signed\":{},\"signatures\":{}}", KE_SCHEMA, "signatures is an object" },
	{ "{\"signed\":{},\"signatures\":[1]}", KE_SCHEMA, "a signature is a number" },
	{ "{\"signed\":{},\"signatures\":[{\"keyid\":\"a\"}]}", KE_SCHEMA, "sig is missing" },
	{ "{\"signed\":{},\"signatures\":[{\"sig\":\"a\"}]}", KE_SCHEMA, "keyid is missing" },
	{ "{\"signed\":{},\"signatures\":[{\"keyid\":1,\"sig\":\"\"}]}", KE_SCHEMA, "keyid is a number" },
	{ "{\"signed\":{},\"signatures\":[{\"keyid\":\"\",\"sig\":\"\"}]}", KE_SCHEMA, "an empty keyid" },
	{ "{\"signed\":{},\"signed\":{},\"signatures\":[]}", KE_DUPLICATE, "signed twice" },
	{ "{\"signed\":{},\"signatures\":[]}x", KE_SYNTAX, "something behind" },
	{ "{\"signed\":{\"a\":1.0},\"signatures\":[]}", KE_SYNTAX, "a fraction" },
	{ "{\"signed\":{\"a\":9007199254740992},\"signatures\":[]}", KE_RANGE, "2^53" },
	{ "[]", KE_SCHEMA, "an array" },
	{ "", KE_SYNTAX, "nothing" },
};

static void forms_are_strict(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
		struct envelope *env = NULL;
		int rc = envelope_open(forms[i].text, strlen(forms[i].text), &env, NULL);
		if (rc != forms[i].code)
			fail_msg("%s: %s", forms[i].remark, err_name(rc));
		envelope_free(env);
	}
}

static void signatures_are_limited(void **state)
{
	(void)state;
	struct buf out = BUF_INIT(1 << 20);
	struct envelope *env;
	buf_str(&out, "{\"signed\":{},\"signatures\":[");
	for (int i = 0; i <= TUF_SIGS_MAX; i++)
		buf_fmt(&out, "%s{\"keyid\":\"%d\",\"sig\":\"\"}", i ? "," : "", i);
	buf_str(&out, "]}");
	assert_int_equal(envelope_open(buf_text(&out), out.len, &env, NULL), KE_TOOBIG);
	buf_free(&out);
	out = BUF_INIT(1 << 20);
	buf_str(&out, "{\"signed\":{},\"signatures\":[");
	for (int i = 0; i < TUF_SIGS_MAX; i++)
		buf_fmt(&out, "%s{\"keyid\":\"%d\",\"sig\":\"\"}", i ? "," : "", i);
	buf_str(&out, "]}");
	assert_int_equal(envelope_open(buf_text(&out), out.len, &env, NULL), 0);
	envelope_free(env);
	buf_free(&out);
	/* The id of a key has a limit too. */
	for (int len = 256; len <= 257; len++) {
		out = BUF_INIT(1024);
		buf_fmt(&out, "{\"signed\":{},\"signatures\":[{\"keyid\":\"%0*d\",\"sig\":\"\"}]}", len, 0);
		int rc = envelope_open(buf_text(&out), out.len, &env, NULL);
		assert_int_equal(rc, len == 256 ? KE_OK : KE_SCHEMA);
		if (!rc)
			envelope_free(env);
		buf_free(&out);
	}
}

static void what_is_sealed_opens(void **state)
{
	struct world *w = *state;
	static const char text[] = "{\"z\":[1,{\"\\u20ac\":\"a\\nb\\u0001\"}],\"a\":1000000000000000}";
	const struct signkey *keys[] = { w->keys[0], w->keys[1], w->keys[0] };
	const struct pubkey *list[] = { signkey_pubkey(w->keys[0]), signkey_pubkey(w->keys[1]) };
	struct signers who = { list, 2, 2 };
	struct buf out = BUF_INIT(65536), canon = BUF_INIT(4096), again = BUF_INIT(4096);
	struct envelope *env;
	struct cJSON *tree;
	struct place part;
	assert_int_equal(strict_parse(text, strlen(text), &strict_limits_default, &tree, NULL), 0);
	assert_int_equal(envelope_seal(tree, keys, 3, &out, NULL), 0);
	assert_int_equal(envelope_open(buf_text(&out), out.len, &env, NULL), 0);
	assert_int_equal(envelope_verify(env, &who, NULL), 0);
	assert_int_equal(envelope_signed(env, &part, NULL), 0);
	assert_int_equal(canon_write(tree, &canon), 0);
	assert_int_equal(canon_write(part.node, &again), 0);
	assert_string_equal(buf_text(&canon), buf_text(&again));
	cJSON_Delete(tree);
	envelope_free(env);
	buf_free(&out);
	buf_free(&canon);
	buf_free(&again);
}

/* Each verdict stands alone: the door shuts again when the next signers are not content. */
static void a_later_verdict_counts(void **state)
{
	struct world *w = *state;
	static const struct {
		int key, code;
		const char *remark;
	} verdicts[] = {
		{ 0, KE_OK, "who signed" },
		{ 1, KE_SIGNATURE, "who did not" },
		{ 0, KE_OK, "the first again" },
		{ 2, KE_SIGNATURE, "another one" },
	};
	char *text = file_of(w, "0");
	struct envelope *env;
	struct place part;
	struct fault f = { 0 };
	assert_int_equal(envelope_open(text, strlen(text), &env, &f), 0);
	assert_string_equal(f.what, ""); /* no complaint where nothing is wrong */
	for (size_t i = 0; i < sizeof verdicts / sizeof verdicts[0]; i++) {
		const struct pubkey *key = signkey_pubkey(w->keys[verdicts[i].key]);
		struct signers who = { &key, 1, 1 };
		if (envelope_verify(env, &who, NULL) != verdicts[i].code ||
		        envelope_signed(env, &part, NULL) != verdicts[i].code)
			fail_msg("%s", verdicts[i].remark);
	}
	envelope_free(env);
	free(text);
}

/* The bytes of a sealed file are the same everywhere. */
static const char sealed[] = "{\n"
                             " \"signatures\": [\n"
                             "  {\n"
                             "   \"keyid\": \"k2\",\n"
                             "   \"sig\": \"00\"\n"
                             "  },\n"
                             "  {\n"
                             "   \"keyid\": \"k1\",\n"
                             "   \"sig\": \"\"\n"
                             "  }\n"
                             " ],\n"
                             " \"signed\": {\n"
                             "  \"a\": [\n"
                             "   1\n"
                             "  ],\n"
                             "  \"b\": {}\n"
                             " }\n"
                             "}\n";

static void sealed_bytes_are_these(void **state)
{
	struct buf out = BUF_INIT(4096);
	cJSON *tree = cJSON_Parse("{\"a\":[1],\"b\":{}}");
	const struct envelope_sig kept[] = { { "k1", "" }, { "k2", "00" } };
	(void)state;
	assert_int_equal(envelope_reseal(tree, kept, 2, NULL, 0, &out, NULL), 0);
	assert_string_equal(buf_text(&out), sealed);
	buf_free(&out);
	cJSON_Delete(tree);
}

/* One signs after another: what is there stays, nobody signs twice, and held places come last until they are filled. */
static void signatures_are_added(void **state)
{
	struct world *w = *state;
	const struct signkey *both[] = { w->keys[1], w->keys[0] };
	const struct pubkey *list[] = { signkey_pubkey(w->keys[0]), signkey_pubkey(w->keys[1]) };
	const struct signers who = { list, 2, 2 };
	const struct envelope_sig places[] = { { signkey_id(w->keys[1]), "" }, { "00", "" } }, *sigs;
	struct buf out = BUF_INIT(65536);
	struct envelope *env;
	struct cJSON *tree = cJSON_Parse("{\"a\":1}");
	size_t n = 9;
	assert_int_equal(envelope_reseal(tree, places, 2, both + 1, 1, &out, NULL), 0);
	assert_int_equal(envelope_open(buf_text(&out), out.len, &env, NULL), 0);
	assert_int_equal(envelope_sigs(env, &sigs), 3);
	assert_string_equal(sigs[0].keyid, signkey_id(w->keys[0]));
	assert_string_equal(sigs[1].keyid, signkey_id(w->keys[1]));
	assert_string_equal(sigs[1].hex, "");
	assert_true(envelope_holds(env, list[0]));
	assert_false(envelope_holds(env, list[1]));
	assert_false(envelope_holds(env, signkey_pubkey(w->keys[2])));
	assert_int_equal(envelope_count(env, &who, &n, NULL), 0);
	assert_int_equal(n, 1);
	/* The next one fills his place; the first does not sign again. */
	struct buf more = BUF_INIT(65536);
	struct envelope *full;
	assert_int_equal(envelope_reseal(tree, sigs, 3, both, 2, &more, NULL), 0);
	assert_int_equal(envelope_open(buf_text(&more), more.len, &full, NULL), 0);
	assert_int_equal(envelope_count(full, &who, &n, NULL), 0);
	assert_int_equal(n, 2);
	const struct envelope_sig *then;
	assert_int_equal(envelope_sigs(full, &then), 3);
	assert_string_equal(then[0].hex, sigs[0].hex);
	assert_string_equal(then[2].keyid, "00");
	assert_int_equal(envelope_verify(full, &who, NULL), 0);
	envelope_free(full);
	envelope_free(env);
	buf_free(&more);
	buf_free(&out);
	cJSON_Delete(tree);
}

/* What has no canonical form is signed by nobody; what does not fit is no file. */
static void seals_fail_whole(void **state)
{
	struct world *w = *state;
	const struct signkey *keys[] = { w->keys[0] };
	struct buf out = BUF_INIT(65536), small = BUF_INIT(64);
	struct fault f = { 0 };
	cJSON *tree = cJSON_CreateObject();
	cJSON *half = cJSON_AddNumberToObject(tree, "a", 0.5);
	assert_int_equal(envelope_seal(tree, keys, 1, &out, &f), KE_SCHEMA);
	assert_int_equal(f.code, KE_SCHEMA);
	assert_non_null(strstr(f.what, "no canonical form"));
	assert_null(strstr(buf_text(&out), "keyid"));
	cJSON_SetNumberValue(half, 1);
	assert_int_equal(envelope_seal(tree, keys, 1, &small, &f), KE_TOOBIG);
	assert_int_equal(f.code, KE_TOOBIG);
	cJSON_Delete(tree);
	buf_free(&out);
	buf_free(&small);
	envelope_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(signatures_are_counted_by_key, world_make, world_free),
		cmocka_unit_test(forms_are_strict),
		cmocka_unit_test(signatures_are_limited),
		cmocka_unit_test_setup_teardown(what_is_sealed_opens, world_make, world_free),
		cmocka_unit_test_setup_teardown(a_later_verdict_counts, world_make, world_free),
		cmocka_unit_test(sealed_bytes_are_these),
		cmocka_unit_test_setup_teardown(signatures_are_added, world_make, world_free),
		cmocka_unit_test_setup_teardown(seals_fail_whole, world_make, world_free),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
