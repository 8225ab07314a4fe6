/* The published repository: a set of files, switched at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/store_world.h"

static struct world w;

static int setup(void **state)
{
	(void)state;
	world_open(&w);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_close(&w);
	return 0;
}

static char seen[400];

static int file_row(void *ctx, const struct store_file *file)
{
	size_t at = strlen(seen);
	(void)ctx;
	if (file->data) {
		unsigned char digest[SHA256_LEN];
		char hex[STORE_HEX_ROOM];
		sha256(file->data, file->len, digest);
		assert_string_equal(hex_encode(digest, sizeof digest, hex), file->sha256);
	}
	snprintf(seen + at, sizeof seen - at, "%s@%d:%.*s;", file->name, (int)file->generation,
	        file->data ? (int)file->len : 0, file->data ? (const char *)file->data : "");
	return 0;
}

static const char *list(const char *prefix)
{
	seen[0] = '\0';
	assert_int_equal(store_repo_list(w.s, prefix, file_row, NULL, &w.f), KE_OK);
	return seen;
}

static const char *text(const char *name)
{
	seen[0] = '\0';
	assert_int_equal(store_repo_read(w.s, name, file_row, NULL, &w.f), KE_OK);
	return seen;
}

static int publish(enum store_publish_mode mode, const struct store_file *files, size_t count, int64_t expect)
{
	int64_t generation = -1, now = -2;
	int rc = store_repo_publish(w.s, &world_admin, mode, files, count, expect, &generation, &w.f);
	assert_int_equal(store_repo_generation(w.s, &now, &w.f), KE_OK);
	assert_int_equal(generation, rc ? -1 : now);
	return rc;
}

static void a_set_is_switched_at_once(void **state)
{
	(void)state;
	static const struct store_file one[] = { { "metadata/1.root.json", "root", 4, NULL, 0 },
		{ "targets/a%b", "x\0y", 3, NULL, 0 }, { "targets/empty", "", 0, NULL, 0 } };
	static const struct store_file two[] = { { "metadata/2.root.json", "newer", 5, NULL, 0 },
		{ "targets/empty", "full", 4, NULL, 0 } };
	int64_t generation = -1;
	assert_int_equal(store_repo_generation(w.s, &generation, &w.f), KE_OK);
	assert_int_equal(generation, 0);
	assert_int_equal(publish(STORE_REPLACE, one, 3, 0), KE_OK);
	assert_string_equal(list(NULL), "metadata/1.root.json@1:;targets/a%b@1:;targets/empty@1:;");
	assert_string_equal(text("metadata/1.root.json"), "metadata/1.root.json@1:root;");
	assert_string_equal(text("targets/empty"), "targets/empty@1:;");
	assert_int_equal(publish(STORE_MERGE, two, 2, -1), KE_OK);
	assert_string_equal(list(NULL),
	        "metadata/1.root.json@1:;metadata/2.root.json@2:;targets/a%b@1:;targets/empty@2:;");
	assert_string_equal(text("targets/empty"), "targets/empty@2:full;");
	assert_string_equal(list("targets/a%"), "targets/a%b@1:;");
	assert_string_equal(list("targets/%"), "");
	assert_int_equal(publish(STORE_REPLACE, two, 2, 2), KE_OK);
	assert_string_equal(list(""), "metadata/2.root.json@3:;targets/empty@3:;");
	assert_int_equal(store_repo_read(w.s, "targets/a%b", file_row, NULL, &w.f), KE_NOENT);
	assert_int_equal(world_sql(&w, "SELECT count(*) FROM audit WHERE action = 'repo.publish'"), 3);
}

static void what_fails_changes_nothing(void **state)
{
	(void)state;
	static const struct store_file one[] = { { "a", "1", 1, NULL, 0 } };
	static const struct store_file twice[] = { { "b", "1", 1, NULL, 0 }, { "b", "2", 1, NULL, 0 } };
	assert_int_equal(publish(STORE_REPLACE, one, 1, 0), KE_OK);
	assert_int_equal(publish(STORE_REPLACE, one, 1, 0), KE_CONFLICT); /* of two publishers one wins */
	assert_int_equal(publish(STORE_REPLACE, twice, 2, 1), KE_DUPLICATE);
	assert_int_equal(publish(STORE_MERGE, twice, 2, 1), KE_DUPLICATE);
	assert_string_equal(list(NULL), "a@1:;");
	assert_int_equal(world_sql(&w, "SELECT count(*) FROM audit"), 1);
	assert_int_equal(publish(STORE_REPLACE, NULL, 0, 1), KE_OK);
	assert_string_equal(list(NULL), "");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = { TEST(a_set_is_switched_at_once),
		TEST(what_fails_changes_nothing) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
