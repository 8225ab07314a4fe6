/* Records: what is written reads back and verifies; one changed byte anywhere is noticed; chains break where they
 * should. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/record.h"
#include "proto/signkey.h"

#define BOOT "0f8e1c2d-0000-4000-8000-123456789abc"

struct world {
	struct signkey *key;
	unsigned char pub[RECORD_KEY_LEN];
	struct chain chain;
	struct buf out;
};

static struct world w;

static int set_up(void **state)
{
	(void)state;
	unsigned char seed[SIGNKEY_SEED_LEN] = { 7 };
	w = (struct world){ .chain = { .host = "web1", .epoch = 0xa1b2 }, .out = BUF_INIT(1 << 20) };
	return signkey_from_seed(seed, &w.key, NULL) || record_key(w.key, w.pub);
}

static int tear_down(void **state)
{
	(void)state;
	signkey_free(w.key);
	buf_free(&w.out);
	return 0;
}

static void append(enum record_kind kind, const char *body)
{
	assert_int_equal(
	        record_append(&w.chain, kind, 1790000000, BOOT, body, strlen(body), w.key, &w.out, NULL), 0);
}

static void append_epoch(void)
{
	struct record_epoch e = { 0 };
	struct buf body = BUF_INIT(4096);
	memcpy(e.key, w.pub, sizeof e.key);
	record_epoch_write(&e, &body);
	append(RECORD_EPOCH, buf_text(&body));
	buf_free(&body);
}

static void a_chain_reads_back(void **state)
{
	(void)state;
	struct chain c = { .host = "web1", .epoch = 0xa1b2 };
	struct record_epoch e;
	struct fault f;

	append_epoch();
	append(RECORD_DRIFT, "{\"key\":\"net.ipv4.tcp_fin_timeout\"}");
	append(RECORD_GAP, "{}");
	char *line = w.out.data;
	for (int i = 0; i < 3; i++) {
		char *end = strchr(line, '\n');
		struct record r;
		assert_non_null(end);
		assert_int_equal(record_parse(line, (size_t)(end - line), &r, &f), 0);
		assert_int_equal(record_verify(line, (size_t)(end - line), w.pub, &f), 0);
		assert_int_equal(chain_continue(&c, &r, &f), 0);
		if (i == 0) {
			assert_int_equal(record_epoch_read(&r, &e, &f), 0);
			assert_memory_equal(e.key, w.pub, sizeof w.pub);
			assert_false(e.has_after);
		}
		record_clear(&r);
		line = end + 1;
	}
	assert_int_equal(*line, '\0');
	assert_int_equal(c.seq, 3);
	assert_memory_equal(c.head, w.chain.head, sizeof c.head);
}

static void every_flipped_byte_is_noticed(void **state)
{
	(void)state;
	append_epoch();
	size_t len = w.out.len - 1;
	for (size_t i = 0; i < len; i++) {
		for (int bit = 0; bit < 8; bit++) {
			struct record r;
			w.out.data[i] = (char)(w.out.data[i] ^ 1 << bit);
			bool good = !record_parse(w.out.data, len, &r, NULL) &&
			            !record_verify(w.out.data, len, w.pub, NULL);
			record_clear(&r);
			if (good)
				fail_msg("byte %zu, bit %d: not noticed", i, bit);
			w.out.data[i] = (char)(w.out.data[i] ^ 1 << bit);
		}
	}
}

static void chains_break(void **state)
{
	(void)state;
	struct fault f;
	struct record r;
	append_epoch();
	size_t first = w.out.len;
	append(RECORD_STATUS, "{}");
	assert_int_equal(record_parse(w.out.data + first, w.out.len - first - 1, &r, &f), 0);
	static const struct {
		const char *remark;
		struct chain chain;
		const char *what;
	} rows[] = {
		{ "other host", { .host = "web2", .epoch = 0xa1b2, .seq = 1 }, "host" },
		{ "other epoch", { .host = "web1", .epoch = 0xa1b3, .seq = 1 }, "epoch" },
		{ "hole", { .host = "web1", .epoch = 0xa1b2, .seq = 0 }, "follow" },
		{ "again", { .host = "web1", .epoch = 0xa1b2, .seq = 2 }, "follow" },
		{ "other head", { .host = "web1", .epoch = 0xa1b2, .seq = 1 }, "before it" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct chain c = rows[i].chain;
		if (chain_continue(&c, &r, &f) != KE_CHAIN || !strstr(f.what, rows[i].what))
			fail_msg("%s: %s", rows[i].remark, f.what);
		assert_memory_equal(&c, &rows[i].chain, sizeof c);
	}
	record_clear(&r);
}

static void other_spellings_are_refused(void **state)
{
	(void)state;
	static const struct {
		const char *remark, *from, *to;
	} rows[] = {
		{ "white space", ",\"seq\"", ", \"seq\"" },
		{ "escaped host", "\"web1\"", "\"w\\u0065b1\"" },
		{ "upper-case epoch", "a1b2", "A1B2" },
		{ "order", "\"host\":\"web1\",\"epoch\":\"000000000000a1b2\"",
		        "\"epoch\":\"000000000000a1b2\",\"host\":\"web1\"" },
		{ "extra member", "{\"host\"", "{\"x\":1,\"host\"" },
		{ "member behind the signature", "\"}", "\",\"x\":1}" },
		{ "kind", "\"kind\":\"epoch\"", "\"kind\":\"Epoch\"" },
	};
	append_epoch();
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct buf text = BUF_INIT(8192);
		struct record r;
		const char *at = strstr(w.out.data, rows[i].from);
		/* the member behind the signature goes behind the last brace */
		for (const char *next = at; i == 5 && next; next = strstr(at + 1, rows[i].from))
			at = next;
		assert_non_null(at);
		buf_bytes(&text, w.out.data, (size_t)(at - w.out.data));
		buf_str(&text, rows[i].to);
		buf_str(&text, at + strlen(rows[i].from));
		if (!record_parse(text.data, text.len - 1, &r, NULL))
			fail_msg("accepted: %s", rows[i].remark);
		record_clear(&r);
		buf_free(&text);
	}
}

static void too_long_is_refused_and_nothing_moves(void **state)
{
	(void)state;
	char *body = malloc(RECORD_MAX_BYTES + 1);
	memset(body, ' ', RECORD_MAX_BYTES);
	body[0] = '{';
	body[RECORD_MAX_BYTES - 1] = '}';
	struct chain before = w.chain;
	assert_int_equal(
	        record_append(&w.chain, RECORD_STATUS, 0, BOOT, body, RECORD_MAX_BYTES, w.key, &w.out, NULL),
	        KE_TOOBIG);
	assert_memory_equal(&before, &w.chain, sizeof before);
	assert_int_equal(w.out.len, 0);
	free(body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_chain_reads_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(every_flipped_byte_is_noticed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(chains_break, set_up, tear_down),
		cmocka_unit_test_setup_teardown(other_spellings_are_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(too_long_is_refused_and_nothing_moves, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
