/* topk.h — the keys that occur most, in fixed memory.
 *
 * Space-Saving (Metwally, Agrawal, El Abbadi 2005): as long as no more than CAPACITY different keys were seen every
 * count is exact. After that a new key takes the place of the smallest, inherits its count and remembers it as its
 * possible error. True count: between count - error and count; a key above total / CAPACITY is never missing.
 *
 * Keys are addresses that strangers can choose, so the table is hashed with SipHash-1-3 under a random key.
 */
#ifndef KEDGE_MEASURE_TOPK_H
#define KEDGE_MEASURE_TOPK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOPK_KEY_WORDS 5 /* longest key, in 64-bit words */
#define TOPK_MAX       32768U

struct topk;

struct topk_entry {
	uint64_t count; /* upper bound */
	uint64_t error; /* count - error is a lower bound */
	const uint64_t *key;
	void *note; /* NOTE_SIZE bytes of the caller's, zeroed when the key (re)enters the table */
};

/* A table of CAPACITY (1..TOPK_MAX) keys of KEY_WORDS (1..TOPK_KEY_WORDS) words each, with NOTE_SIZE bytes of the
 * caller's beside each. HASH_KEY is random. KE_RANGE, KE_NOMEM. */
int topk_new(
        size_t capacity, unsigned key_words, size_t note_size, const uint64_t hash_key[2], struct topk **ret);
void topk_free(struct topk *t);
/* Count KEY WEIGHT times. Returns the key's note (8-byte aligned, valid until the next call). */
void *topk_add(struct topk *t, const uint64_t *key, uint32_t weight);
/* Number of keys in the table; never more than its capacity. */
size_t topk_count(const struct topk *t);
size_t topk_capacity(const struct topk *t);
/* Was a key ever displaced? As long as not, all counts are exact. */
bool topk_overflowed(const struct topk *t);
/* Sum of all weights. */
uint64_t topk_total(const struct topk *t);
/* The I-th entry, I < topk_count(), in no order. */
struct topk_entry topk_at(const struct topk *t, size_t i);
/* The (at most MAX) largest by count into RET, largest first; equal counts by key, so that the order is the same
 * every time. Returns how many. */
size_t topk_largest(const struct topk *t, struct topk_entry *ret, size_t max);

/* SipHash-1-3 of N words (8 * N bytes, words little-endian) under KEY. */
uint64_t siphash13(const uint64_t key[2], const uint64_t *words, unsigned n);

#endif
