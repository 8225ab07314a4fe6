/* The journal comes back as it was written, or not at all. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/engine/journal.h"
#include "tests/support/fault_tree.h"

static const unsigned char hash[SHA256_LEN] = { 1, 2, 3 };

static struct journal *sample(void)
{
	struct journal *j = NULL;
	struct name a = name_of("net.ipv4.tcp_rmem"), b = name_of("net/ipv4/conf/eth0.1/rp_filter");

	assert_int_equal(journal_new("09fc0bda-862f-4e8e-ad2b-b7b22da31a32", hash, &j), 0);
	j->state = JOURNAL_APPLIED;
	j->serial = 7;
	j->deadline_ms = 123456789012;
	assert_int_equal(journal_add(j, &a, "4096\t131072\t6291456", "1 2 3"), 0);
	assert_int_equal(journal_add(j, &b, "", NULL), 0);
	return j;
}

static void same(const struct journal *a, const struct journal *b)
{
	assert_string_equal(a->boot_id, b->boot_id);
	assert_memory_equal(a->hash, b->hash, SHA256_LEN);
	assert_int_equal(a->state, b->state);
	assert_int_equal(a->serial, b->serial);
	assert_int_equal(a->deadline_ms, b->deadline_ms);
	assert_int_equal(a->n, b->n);
	for (size_t i = 0; i < a->n; i++) {
		assert_string_equal(a->entries[i].name.path, b->entries[i].name.path);
		assert_string_equal(a->entries[i].old, b->entries[i].old);
		if (a->entries[i].new)
			assert_string_equal(a->entries[i].new, b->entries[i].new);
		else
			assert_null(b->entries[i].new);
	}
}

static void round_trip(void **state)
{
	struct tree t;
	struct journal *j = sample(), *back = NULL;
	struct fault f;
	(void)state;

	tree_open(&t);
	assert_int_equal(journal_read(t.dir, &back, &f), KE_NOENT);
	assert_int_equal(journal_write(t.dir, j, &f), 0);
	assert_int_equal(journal_read(t.dir, &back, &f), 0);
	same(j, back);
	assert_int_equal(journal_remove(t.dir, &f), 0);
	assert_int_equal(journal_read(t.dir, &(struct journal *){ NULL }, &f), KE_NOENT);
	assert_int_equal(journal_remove(t.dir, &f), 0);
	assert_int_equal(journal_write(t.run, j, &f), KE_NOENT);
	journal_free(j);
	journal_free(back);
	tree_close(&t);
}

static void grows(void **state)
{
	struct journal *j = NULL, *back = NULL;
	char *data = NULL, key[64];
	size_t len = 0;
	(void)state;

	assert_int_equal(journal_new("b", hash, &j), 0);
	for (int i = 0; i < 1000; i++) {
		snprintf(key, sizeof key, "net.ipv4.k%d", i);
		struct name n = name_of(key);
		assert_int_equal(journal_add(j, &n, key, "1"), 0);
	}
	assert_int_equal(journal_encode(j, &data, &len), 0);
	assert_int_equal(journal_decode(data, len, &back), 0);
	same(j, back);
	free(data);
	journal_free(j);
	journal_free(back);
}

/* Every prefix, and every byte with every bit flipped: an error, each time. */
static void torn_is_noticed(void **state)
{
	struct journal *j = sample(), *back = NULL;
	char *data = NULL;
	size_t len = 0;
	(void)state;

	assert_int_equal(journal_encode(j, &data, &len), 0);
	for (size_t n = 0; n < len; n++) {
		char *copy = malloc(n ? n : 1); /* exactly as long, for the sanitizer */
		memcpy(copy, data, n);
		assert_int_equal(journal_decode(copy, n, &back), KE_SYNTAX);
		free(copy);
	}
	for (size_t i = 0; i < len; i++) {
		for (int bit = 0; bit < 8; bit++) {
			data[i] = (char)(data[i] ^ (1 << bit));
			if (journal_decode(data, len, &back) != KE_SYNTAX)
				fail_msg("byte %zu bit %d was not noticed", i, bit);
			data[i] = (char)(data[i] ^ (1 << bit));
		}
	}
	char *longer = malloc(len + 1);
	memcpy(longer, data, len);
	longer[len] = 0;
	assert_int_equal(journal_decode(longer, len + 1, &back), KE_SYNTAX);
	free(longer);
	assert_null(back);
	free(data);
	journal_free(j);
}

/* Checksums keep nobody from writing one; names are parsed like any input. */
static void bad_names_are_refused(void **state)
{
	static const char *const paths[] = { "net/../kernel/core_pattern", "/etc/passwd", "net//x", "single",
		"net.ipv4.x", "net/ipv4/*", "" };
	(void)state;

	for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
		struct journal *j = sample(), *back = NULL;
		char *data = NULL;
		size_t len = 0;
		snprintf(j->entries[0].name.path, sizeof j->entries[0].name.path, "%s", paths[i]);
		assert_int_equal(journal_encode(j, &data, &len), 0);
		if (journal_decode(data, len, &back) != KE_SYNTAX)
			fail_msg("'%s' was taken", paths[i]);
		free(data);
		journal_free(j);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(grows),
		cmocka_unit_test(torn_is_noticed),
		cmocka_unit_test(bad_names_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
