/* Space-Saving: exact while keys fit, bounded afterwards; SipHash against the vectors of another implementation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/measure/topk.h"
#include "proto/err.h"

static const uint64_t hash_key[2] = { 0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL };

/* `openssl mac -macopt c-rounds:1 -macopt d-rounds:3 -macopt size:8 SIPHASH` over the bytes 00 01 02 ... */
static void siphash_vectors(void **state)
{
	(void)state;
	uint64_t words[5];
	unsigned char bytes[40];
	for (unsigned i = 0; i < sizeof bytes; i++)
		bytes[i] = (unsigned char)i;
	memcpy(words, bytes, sizeof words);
	assert_true(siphash13(hash_key, words, 0) == 0xabac0158050fc4dcULL);
	assert_true(siphash13(hash_key, words, 1) == 0x369095118d299a8eULL);
	assert_true(siphash13(hash_key, words, 5) == 0xc1d2363299e41531ULL);
}

static void exact_while_keys_fit(void **state)
{
	(void)state;
	struct topk *t;
	assert_int_equal(topk_new(100, 2, sizeof(uint32_t), hash_key, &t), 0);
	for (uint64_t round = 0; round < 50; round++) {
		for (uint64_t k = 0; k <= round; k++) {
			uint32_t *note = topk_add(t, (uint64_t[]){ k, 0 }, 2);
			++*note;
		}
	}
	assert_int_equal(topk_count(t), 50);
	assert_false(topk_overflowed(t));
	assert_int_equal(topk_total(t), 2 * 50 * 51 / 2);
	struct topk_entry top[3];
	assert_int_equal(topk_largest(t, top, 3), 3);
	for (uint64_t i = 0; i < 3; i++) {
		assert_int_equal(top[i].key[0], i);
		assert_int_equal(top[i].count, 2 * (50 - i));
		assert_int_equal(top[i].error, 0);
		assert_int_equal(*(uint32_t *)top[i].note, 50 - i);
	}
	topk_free(t);
}

/* The first key is all zero, as a record that was never used might be. */
static void zero_key_is_a_key(void **state)
{
	(void)state;
	struct topk *t;
	assert_int_equal(topk_new(4, 5, 8, hash_key, &t), 0);
	static const uint64_t zero[5];
	topk_add(t, zero, 1);
	topk_add(t, zero, 1);
	assert_int_equal(topk_count(t), 1);
	assert_int_equal(topk_at(t, 0).count, 2);
	topk_free(t);
}

static uint64_t lcg(uint64_t *x)
{
	*x = *x * 6364136223846793005ULL + 1442695040888963407ULL;
	return *x >> 33;
}

#define KEYS 3000

/* Key k is drawn about in proportion to 1/(k+1), beside many rare ones; the table holds far fewer keys. */
static void bounds_hold_when_full(void **state)
{
	(void)state;
	static const size_t capacities[] = { 1, 2, 3, 64, 100, 500 };
	for (size_t c = 0; c < sizeof capacities / sizeof capacities[0]; c++) {
		static uint64_t truth[KEYS];
		memset(truth, 0, sizeof truth);
		struct topk *t;
		assert_int_equal(topk_new(capacities[c], 1, 0, hash_key, &t), 0);
		uint64_t x = 42, n = 60000;
		for (uint64_t i = 0; i < n; i++) {
			uint64_t k = lcg(&x) % (lcg(&x) % KEYS + 1);
			truth[k]++;
			topk_add(t, &k, 1);
		}
		assert_true(topk_overflowed(t));
		assert_int_equal(topk_count(t), capacities[c]);
		bool kept[KEYS] = { false };
		uint64_t sum = 0;
		for (size_t i = 0; i < topk_count(t); i++) {
			struct topk_entry e = topk_at(t, i);
			uint64_t k = e.key[0];
			assert_false(kept[k]);
			kept[k] = true;
			sum += e.count;
			assert_in_range(truth[k], e.count - e.error, e.count);
			assert_true(e.error <= n / capacities[c]);
		}
		/* Space-Saving neither loses nor invents weight. */
		assert_int_equal(sum, n);
		for (uint64_t k = 0; k < KEYS; k++)
			assert_true(kept[k] || truth[k] <= n / capacities[c]);
		topk_free(t);
	}
}

/* Every key is new: each displaces, and each must still be found at once. */
static void displaced_keys_are_gone(void **state)
{
	(void)state;
	struct topk *t;
	assert_int_equal(topk_new(16, 1, 8, hash_key, &t), 0);
	for (uint64_t k = 0; k < 10000; k++) {
		uint64_t *note = topk_add(t, &k, 1);
		assert_int_equal(*note, 0);
		*note = k + 1;
		note = topk_add(t, &k, 1);
		assert_int_equal(*note, k + 1);
	}
	assert_int_equal(topk_count(t), 16);
	assert_int_equal(topk_total(t), 20000);
	topk_free(t);
}

static void bad_shapes_are_refused(void **state)
{
	(void)state;
	struct topk *t = NULL;
	assert_int_equal(topk_new(0, 1, 0, hash_key, &t), KE_RANGE);
	assert_int_equal(topk_new(TOPK_MAX + 1, 1, 0, hash_key, &t), KE_RANGE);
	assert_int_equal(topk_new(1, 0, 0, hash_key, &t), KE_RANGE);
	assert_int_equal(topk_new(1, TOPK_KEY_WORDS + 1, 0, hash_key, &t), KE_RANGE);
	assert_null(t);
	topk_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(siphash_vectors),
		cmocka_unit_test(exact_while_keys_fit),
		cmocka_unit_test(zero_key_is_a_key),
		cmocka_unit_test(bounds_hold_when_full),
		cmocka_unit_test(displaced_keys_are_gone),
		cmocka_unit_test(bad_shapes_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
