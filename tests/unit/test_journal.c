/* The journal comes back as it was written, or not at all. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/engine/frame.h"
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
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/%s", t.dir, JOURNAL_NAME);
	assert_int_equal(file_replace(path, "kedge", 5, 0600, FILE_VOLATILE, &f), 0);
	assert_int_equal(journal_read(t.dir, &(struct journal *){ NULL }, &f), KE_SYNTAX);
	assert_string_equal(f.where, path);
	assert_non_null(strstr(f.what, "torn"));
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

/* Whole frames with right checksums, and what they say is no journal. */
static void what_no_journal_says(void **state)
{
	static const struct {
		const char *boot;
		uint32_t state;
		int64_t deadline;
		uint32_t n;
		const char *path, *old, *new; /* of one entry; path "": none follows */
		bool longer_head, longer_entry;
		int code;
		const char *remark;
	} rows[] = {
		{ "b", JOURNAL_APPLIED, 5, 1, "net/core/somaxconn", "1", "2", false, false, KE_OK, "good" },
		{ "b", JOURNAL_APPLYING, 0, 1, "net/core/somaxconn", "1", NULL, false, false, KE_OK,
		        "only changed along" },
		{ "b", JOURNAL_APPLYING, 0, 0, "", NULL, NULL, false, false, KE_OK, "no entries" },
		{ NULL, JOURNAL_APPLIED, 5, 0, "", NULL, NULL, false, false, KE_SYNTAX, "no boot" },
		{ "0123456789012345678901234567890123456789012345678901234567890123456789", JOURNAL_APPLIED,
		        5, 0, "", NULL, NULL, false, false, KE_SYNTAX, "a boot id that is too long" },
		{ "b", JOURNAL_APPLIED + 7, 5, 0, "", NULL, NULL, false, false, KE_SYNTAX, "a third state" },
		{ "b", JOURNAL_APPLIED, -1, 0, "", NULL, NULL, false, false, KE_SYNTAX,
		        "a deadline before time" },
		{ "b", JOURNAL_APPLIED, 5, JOURNAL_MAX_ENTRIES + 1, "", NULL, NULL, false, false, KE_SYNTAX,
		        "too many" },
		{ "b", JOURNAL_APPLIED, 5, JOURNAL_MAX_ENTRIES, "", NULL, NULL, false, false, KE_SYNTAX,
		        "entries that are not there" },
		{ "b", JOURNAL_APPLIED, 5, 0, "net/core/somaxconn", "1", "2", false, false, KE_SYNTAX,
		        "one that is not counted" },
		{ "b", JOURNAL_APPLIED, 5, 1, NULL, "1", "2", false, false, KE_SYNTAX, "no path" },
		{ "b", JOURNAL_APPLIED, 5, 1, "net.core.somaxconn", "1", "2", false, false, KE_SYNTAX,
		        "dots" },
		{ "b", JOURNAL_APPLIED, 5, 1, "net.core/somaxconn", "1", "2", false, false, KE_SYNTAX,
		        "a dot where a slash was" },
		{ "b", JOURNAL_APPLIED, 5, 1, "net/core/some conn", "1", "2", false, false, KE_SYNTAX,
		        "no name" },
		{ "b", JOURNAL_APPLIED, 5, 1, "net/ipv4/conf/*/rp_filter", "1", "2", false, false, KE_SYNTAX,
		        "a pattern" },
		{ "b", JOURNAL_APPLIED, 5, 1, "net/core/somaxconn", NULL, "2", false, false, KE_SYNTAX,
		        "no old value" },
		{ "b", JOURNAL_APPLIED, 5, 1, "net/core/somaxconn", "1", "2", true, false, KE_SYNTAX,
		        "a head that goes on" },
		{ "b", JOURNAL_APPLIED, 5, 1, "net/core/somaxconn", "1", "2", false, true, KE_SYNTAX,
		        "an entry that goes on" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct buf out = BUF_INIT(4096), part = BUF_INIT(4096);
		struct journal *j = NULL;
		buf_bytes(&out, "kedgejn1", FRAME_MAGIC_LEN);
		frame_text(&part, rows[i].boot);
		buf_bytes(&part, hash, SHA256_LEN);
		frame_u32(&part, rows[i].state);
		frame_u64(&part, 1);
		frame_u64(&part, (uint64_t)rows[i].deadline);
		frame_u32(&part, rows[i].n);
		if (rows[i].longer_head)
			frame_u32(&part, 0);
		frame_put(&out, &part);
		if (!rows[i].path || *rows[i].path) {
			frame_text(&part, rows[i].path);
			frame_text(&part, rows[i].old);
			frame_text(&part, rows[i].new);
			if (rows[i].longer_entry)
				frame_u32(&part, 0);
			frame_put(&out, &part);
		}
		int rc = journal_decode(buf_text(&out), out.len, &j);
		if (rc != rows[i].code)
			fail_msg("%s: %s", rows[i].remark, err_name(rc));
		if (!rc) {
			assert_int_equal(j->state, rows[i].state);
			assert_int_equal(j->deadline_ms, rows[i].deadline);
			assert_int_equal(j->n, rows[i].n);
		}
		journal_free(j);
		buf_free(&part);
		buf_free(&out);
	}
}

/* As many as can be read again, and no more. */
static void has_an_end(void **state)
{
	struct journal *j = NULL;
	struct name n = name_of("net.core.somaxconn");
	(void)state;

	assert_int_equal(journal_new("b", hash, &j), 0);
	for (size_t i = 0; i < JOURNAL_MAX_ENTRIES; i++)
		assert_int_equal(journal_add(j, &n, "", NULL), 0);
	assert_int_equal(journal_add(j, &n, "", NULL), KE_TOOBIG);
	assert_int_equal(j->n, JOURNAL_MAX_ENTRIES);
	journal_free(j);
}

static void a_place_that_cannot_be(void **state)
{
	char dir[PATH_MAX];
	struct journal *j = sample(), *back = NULL;
	struct fault f;
	struct tree t;
	(void)state;

	memset(dir, 'd', sizeof dir);
	dir[0] = '/';
	dir[sizeof dir - 1] = '\0';
	assert_int_equal(journal_write(dir, j, &f), KE_TOOBIG);
	assert_int_equal(journal_read(dir, &back, &f), KE_TOOBIG);
	assert_int_equal(journal_remove(dir, &f), KE_TOOBIG);
	assert_false(journal_exists(dir));
	tree_open(&t);
	assert_false(journal_exists(t.dir));
	assert_int_equal(journal_write(t.dir, j, &f), 0);
	assert_true(journal_exists(t.dir));
	tree_close(&t);
	journal_free(j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(grows),
		cmocka_unit_test(torn_is_noticed),
		cmocka_unit_test(bad_names_are_refused),
		cmocka_unit_test(what_no_journal_says),
		cmocka_unit_test(has_an_end),
		cmocka_unit_test(a_place_that_cannot_be),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
