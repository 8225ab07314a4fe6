/* Floors and documents on disk: what was adopted is there after a restart, a floor never sinks, damage is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/keeper/adopted.h"
#include "proto/fileio.h"

#define DOC(version)                                                                                         \
	"{\"kedge_policy\":1,\"name\":\"web\",\"version\":" version                                          \
	",\"settings\":[{\"key\":\"net.ipv4.tcp_"                                                            \
	"fin_timeout\",\"value\":\"30\"}]}"

static char dir[64];

static int make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof dir, "/tmp/kedge-adopted.XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	static const char *const names[] = { "adopted.json", "policy.web.7.json", "policy.web.8.json",
		"policy.web.9.json", "policy.db.1.json" };
	char path[128];
	(void)state;

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		snprintf(path, sizeof path, "%s/%s", dir, names[i]);
		unlink(path);
	}
	return rmdir(dir);
}

static struct policy *parse(const char *text)
{
	struct policy *p;

	assert_int_equal(policy_parse(text, strlen(text), &p, NULL), 0);
	return p;
}

static int adopt(struct adopted_list *l, const char *name, int64_t serial, const char *doc, struct fault *f)
{
	struct policy *p = doc ? parse(doc) : NULL;
	int rc = adopted_set(l, dir, name, serial, p, doc, doc ? strlen(doc) : 0, f);

	if (rc)
		policy_free(p);
	return rc;
}

static void it_is_there_after_a_restart(void **state)
{
	(void)state;
	struct adopted_list l;
	struct fault f;

	assert_int_equal(adopted_read(dir, &l, &f), 0);
	assert_int_equal(l.n, 0);
	assert_int_equal(adopt(&l, "web", 7, DOC("1"), &f), 0);
	assert_int_equal(adopt(&l, "db", 1, NULL, &f), 0);
	assert_int_equal(adopt(&l, "web", 8, DOC("2"), &f), 0);
	adopted_clear(&l);
	assert_int_equal(adopted_read(dir, &l, &f), 0);
	assert_int_equal(l.n, 2);
	assert_int_equal(adopted_find(&l, "web")->serial, 8);
	assert_int_equal(adopted_find(&l, "web")->version, 2);
	assert_int_equal(adopted_find(&l, "web")->policy->n, 1);
	assert_true(adopted_find(&l, "db")->removed);
	assert_null(adopted_find(&l, "cache"));
	char path[128];
	snprintf(path, sizeof path, "%s/policy.web.7.json", dir);
	assert_int_not_equal(access(path, F_OK), 0);
	adopted_clear(&l);
}

static void the_floor_never_sinks(void **state)
{
	(void)state;
	struct adopted_list l;
	struct fault f;

	assert_int_equal(adopted_read(dir, &l, &f), 0);
	assert_int_equal(adopt(&l, "web", 8, DOC("2"), &f), 0);
	assert_int_equal(adopt(&l, "web", 8, DOC("3"), &f), KE_ROLLBACK);
	assert_int_equal(adopt(&l, "web", 7, DOC("1"), &f), KE_ROLLBACK);
	assert_int_equal(adopt(&l, "web", 7, NULL, &f), KE_ROLLBACK);
	assert_int_equal(adopted_find(&l, "web")->version, 2);
	assert_int_equal(adopt(&l, "web", 9, NULL, &f), 0);
	assert_int_equal(adopt(&l, "web", 9, DOC("2"), &f), KE_ROLLBACK);
	adopted_clear(&l);
	assert_int_equal(adopted_read(dir, &l, &f), 0);
	assert_int_equal(adopted_find(&l, "web")->serial, 9);
	adopted_clear(&l);
}

static void damage_is_told(void **state)
{
	(void)state;
	struct adopted_list l;
	struct fault f;
	char path[128], *text;
	size_t len;

	assert_int_equal(adopted_read(dir, &l, &f), 0);
	assert_int_equal(adopt(&l, "web", 8, DOC("2"), &f), 0);
	adopted_clear(&l);
	/* A document that was changed behind our back is not the one that was adopted. */
	snprintf(path, sizeof path, "%s/policy.web.8.json", dir);
	assert_int_equal(file_replace(path, DOC("3"), sizeof(DOC("3")) - 1, 0600, FILE_VOLATILE, NULL), 0);
	assert_int_equal(adopted_read(dir, &l, &f), KE_MISMATCH);
	assert_int_equal(file_replace(path, DOC("2"), sizeof(DOC("2")) - 1, 0600, FILE_VOLATILE, NULL), 0);
	/* A list cut anywhere is no list, and never an older one. */
	snprintf(path, sizeof path, "%s/adopted.json", dir);
	assert_int_equal(file_read(path, 65536, &text, &len, NULL), 0);
	for (size_t cut = 0; cut < len; cut++) {
		assert_int_equal(file_replace(path, text, cut, 0600, FILE_VOLATILE, NULL), 0);
		if (!adopted_read(dir, &l, &f))
			fail_msg("cut at %zu of %zu: accepted", cut, len);
	}
	file_free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_is_there_after_a_restart, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(the_floor_never_sinks, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(damage_is_told, make_dir, remove_dir),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
