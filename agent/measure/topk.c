/* Space-Saving over fixed-size records.
 *
 * An open-addressing table of 16-bit slots finds a key's record. Until the table is full, adding is one look-up and one
 * addition: the common host talks to a few dozen destinations and never pays for more. When the first key has to be
 * displaced a min-heap over the counts is built, and kept from then on. Called by the census, once or twice a socket.
 *
 * SipHash is half the price of a look-up. In front of it lie hints, found by a cheap sum: "the last key with this sum
 * was in that record". A hint is believed only when the whole key is equal, so a stranger who makes sums collide gains
 * nothing but the price of SipHash.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/measure/topk.h"
#include "proto/err.h"

#define HINTS 8192

struct record {
	uint64_t hash, count, error;
	uint32_t heap_at; /* position in the heap, once there is one */
	uint32_t pad;
	uint64_t tail[]; /* the key, then the caller's note */
};

/* The count stands beside the index, so that comparing does not touch the records. */
struct heap_item {
	uint64_t count;
	uint64_t index;
};

struct topk {
	uint64_t hash_key[2];
	uint64_t total;
	size_t capacity, used;
	size_t stride; /* bytes a record */
	size_t mask;   /* slots - 1 */
	unsigned key_words;
	size_t note_size;
	bool displaced;
	unsigned char *records;
	uint16_t *slots;        /* 0: free; else index of the record + 1 */
	struct heap_item *heap; /* smallest count first */
	uint16_t hints[HINTS];
};

static inline uint64_t rotl(uint64_t x, unsigned n)
{
	return x << n | x >> (64 - n);
}

static inline void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotl(v[1], 13) ^ v[0];
	v[0] = rotl(v[0], 32);
	v[2] += v[3];
	v[3] = rotl(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotl(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotl(v[1], 17) ^ v[2];
	v[2] = rotl(v[2], 32);
}

uint64_t siphash13(const uint64_t key[2], const uint64_t *words, unsigned n)
{
	uint64_t v[4] = { key[0] ^ 0x736f6d6570736575ULL, key[1] ^ 0x646f72616e646f6dULL,
		key[0] ^ 0x6c7967656e657261ULL, key[1] ^ 0x7465646279746573ULL };
	for (unsigned i = 0; i < n; i++) {
		v[3] ^= words[i];
		sip_round(v);
		v[0] ^= words[i];
	}
	/* The last block holds the length in bytes, modulo 256. */
	uint64_t last = (uint64_t)(n * 8 & 0xff) << 56;
	v[3] ^= last;
	sip_round(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	sip_round(v);
	sip_round(v);
	sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static inline struct record *record_at(const struct topk *t, size_t i)
{
	return (struct record *)(void *)(t->records + i * t->stride);
}

static inline void *note_of(const struct topk *t, struct record *r)
{
	return r->tail + t->key_words;
}

int topk_new(
        size_t capacity, unsigned key_words, size_t note_size, const uint64_t hash_key[2], struct topk **ret)
{
	if (capacity < 1 || capacity > TOPK_MAX || key_words < 1 || key_words > TOPK_KEY_WORDS ||
	        note_size > 1024)
		return KE_RANGE;
	size_t slots = 4;
	while (slots < capacity * 2)
		slots *= 2;
	struct topk *t = calloc(1, sizeof *t);
	if (!t)
		return KE_NOMEM;
	t->hash_key[0] = hash_key[0];
	t->hash_key[1] = hash_key[1];
	t->capacity = capacity;
	t->key_words = key_words;
	t->note_size = note_size;
	t->stride = sizeof(struct record) + key_words * 8 + (note_size + 7) / 8 * 8;
	t->mask = slots - 1;
	/* Records are written before they are read; clearing all of them would touch memory that few hosts need. */
	t->records = malloc(capacity * t->stride);
	t->slots = calloc(slots, sizeof *t->slots);
	t->heap = malloc(capacity * sizeof *t->heap);
	if (!t->records || !t->slots || !t->heap) {
		topk_free(t);
		return KE_NOMEM;
	}
	*ret = t;
	return 0;
}

void topk_free(struct topk *t)
{
	if (!t)
		return;
	free(t->records);
	free(t->slots);
	free(t->heap);
	free(t);
}

static void heap_put(struct topk *t, size_t at, struct heap_item item)
{
	t->heap[at] = item;
	record_at(t, item.index)->heap_at = (uint32_t)at;
}

/* Counts only grow, so that a record only ever moves away from the root. */
static void heap_sink(struct topk *t, size_t at, struct heap_item item)
{
	for (size_t child; (child = 2 * at + 1) < t->used; at = child) {
		if (child + 1 < t->used && t->heap[child + 1].count < t->heap[child].count)
			child++;
		if (t->heap[child].count >= item.count)
			break;
		heap_put(t, at, t->heap[child]);
	}
	heap_put(t, at, item);
}

static void heap_build(struct topk *t)
{
	for (size_t i = 0; i < t->used; i++)
		heap_put(t, i, (struct heap_item){ record_at(t, i)->count, i });
	for (size_t i = t->used / 2; i-- > 0;)
		heap_sink(t, i, t->heap[i]);
}

/* Free the slot of record INDEX and close the gap in its probe run. */
static void slot_remove(struct topk *t, size_t index)
{
	size_t hole = record_at(t, index)->hash & t->mask;
	while (t->slots[hole] != index + 1)
		hole = (hole + 1) & t->mask;
	for (size_t next = (hole + 1) & t->mask; t->slots[next]; next = (next + 1) & t->mask) {
		size_t home = record_at(t, t->slots[next] - 1U)->hash & t->mask;
		/* Only what would still be found from its home may move into the hole. */
		if (((next - home) & t->mask) < ((next - hole) & t->mask))
			continue;
		t->slots[hole] = t->slots[next];
		hole = next;
	}
	t->slots[hole] = 0;
}

static void *record_fill(struct topk *t, size_t index, const uint64_t *key, uint64_t hash)
{
	struct record *r = record_at(t, index);
	size_t at = hash & t->mask;
	while (t->slots[at])
		at = (at + 1) & t->mask;
	t->slots[at] = (uint16_t)(index + 1);
	r->hash = hash;
	memcpy(r->tail, key, t->key_words * 8);
	return memset(note_of(t, r), 0, t->note_size);
}

/* KEY takes the place of the smallest and inherits its count as possible error. */
static void *displace(struct topk *t, const uint64_t *key, uint64_t hash, uint32_t weight)
{
	if (!t->displaced)
		heap_build(t);
	t->displaced = true;
	size_t index = t->heap[0].index;
	struct record *r = record_at(t, index);
	slot_remove(t, index);
	r->error = r->count;
	r->count += weight;
	void *note = record_fill(t, index, key, hash);
	heap_sink(t, 0, (struct heap_item){ r->count, index });
	return note;
}

static inline bool key_equal(const struct record *r, const uint64_t *key, unsigned words)
{
	for (unsigned i = 0; i < words; i++)
		if (r->tail[i] != key[i])
			return false;
	return true;
}

static inline uint16_t *hint_of(struct topk *t, const uint64_t *key, unsigned words)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < words; i++)
		sum = (sum ^ key[i]) * 0x9e3779b97f4a7c15ULL;
	return &t->hints[sum >> 51];
}

static void *record_count(struct topk *t, struct record *r, uint32_t weight)
{
	r->count += weight;
	if (t->displaced)
		heap_sink(t, r->heap_at, (struct heap_item){ r->count, t->heap[r->heap_at].index });
	return note_of(t, r);
}

static void *slow_add(struct topk *t, const uint64_t *key, uint32_t weight, uint16_t *hint)
{
	uint64_t hash = siphash13(t->hash_key, key, t->key_words);
	for (size_t at = hash & t->mask; t->slots[at]; at = (at + 1) & t->mask) {
		size_t index = t->slots[at] - 1U;
		struct record *r = record_at(t, index);
		if (r->hash != hash || !key_equal(r, key, t->key_words))
			continue;
		*hint = (uint16_t)index;
		return record_count(t, r, weight);
	}
	if (t->used == t->capacity)
		return displace(t, key, hash, weight);
	*hint = (uint16_t)t->used;
	*record_at(t, t->used) = (struct record){ .count = weight };
	return record_fill(t, t->used++, key, hash);
}

static inline void *add(struct topk *t, const uint64_t *key, uint32_t weight, unsigned words)
{
	t->total += weight;
	uint16_t *hint = hint_of(t, key, words);
	struct record *r = record_at(t, *hint);
	/* The first hint of all points at a record that does not exist yet. */
	if (*hint < t->used && key_equal(r, key, words))
		return record_count(t, r, weight);
	return slow_add(t, key, weight, hint);
}

void *topk_add(struct topk *t, const uint64_t *key, uint32_t weight)
{
	/* Told the length, the compiler unrolls: the paths' keys have five words, and this runs for every socket. */
	return t->key_words == 5 ? add(t, key, weight, 5) : add(t, key, weight, t->key_words);
}

size_t topk_count(const struct topk *t)
{
	return t->used;
}

size_t topk_capacity(const struct topk *t)
{
	return t->capacity;
}

bool topk_overflowed(const struct topk *t)
{
	return t->displaced;
}

uint64_t topk_total(const struct topk *t)
{
	return t->total;
}

struct topk_entry topk_at(const struct topk *t, size_t i)
{
	struct record *r = record_at(t, i);
	return (struct topk_entry){
		.count = r->count, .error = r->error, .key = r->tail, .note = note_of(t, r)
	};
}

static bool larger(const struct topk *t, const struct topk_entry *a, const struct topk_entry *b)
{
	if (a->count != b->count)
		return a->count > b->count;
	return memcmp(a->key, b->key, t->key_words * 8) < 0;
}

size_t topk_largest(const struct topk *t, struct topk_entry *ret, size_t max)
{
	size_t n = 0;
	for (size_t i = 0; i < t->used && max; i++) {
		struct topk_entry e = topk_at(t, i);
		if (n == max && !larger(t, &e, &ret[n - 1]))
			continue;
		size_t at = n < max ? n++ : n - 1;
		for (; at > 0 && larger(t, &e, &ret[at - 1]); at--)
			ret[at] = ret[at - 1];
		ret[at] = e;
	}
	return n;
}
