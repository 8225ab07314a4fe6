/* What a person sees before signing: every difference that clients act on, and nothing that a terminal obeys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <cJSON.h>

#include "server-stub/ctl/meta_diff.h"
#include "tests/support/repo_sim.h"

static const struct cJSON *now(const struct repo_sim *sim, const char *role)
{
	return release_published(sim->release, role);
}

/* The lines between OLD and NEW; free() them. */
static char *lines(const char *role, const struct cJSON *old, const struct cJSON *new)
{
	struct buf out = BUF_INIT(1 << 20);
	struct fault f = { 0 };
	char *text = NULL;

	if (meta_diff(role, old, new, &out, &f))
		fail_msg("%s: %s: %s", role, f.where, f.what);
	if (!out.len)
		buf_str(&out, "");
	assert_int_equal(buf_take(&out, &text, NULL), 0);
	return text;
}

static void expect(const char *role, const struct cJSON *old, const struct cJSON *new, const char *want)
{
	char *text = lines(role, old, new);

	assert_string_equal(text ? text : "", want);
	free(text);
}

static void targets_line_by_line(void **state)
{
	(void)state;
	struct repo_sim *sim = repo_sim_new();
	struct fault f = { 0 };
	repo_sim_target(sim, "targets", "a", "1");
	repo_sim_target(sim, "targets", "b", "22");
	repo_sim_target(sim, "targets", "d", "4444");
	repo_sim_publish(sim);
	cJSON *old = cJSON_Duplicate(now(sim, "targets"), true);
	expect("targets", NULL, old, "+ target a (1 bytes)\n+ target b (2 bytes)\n+ target d (4 bytes)\n");
	expect("targets", old, old, "");
	assert_int_equal(release_target_drop(sim->release, "targets", "a", &f), 0);
	repo_sim_target(sim, "targets", "b", "33"); /* the same length, another hash */
	repo_sim_target(sim, "targets", "c\x1b[2J", "1");
	repo_sim_publish(sim);
	expect("targets", old, now(sim, "targets"),
	        "- target a\n~ target b (2 bytes)\n+ target c?[2J (1 bytes)\n");
	expect("targets", now(sim, "targets"), old,
	        "+ target a (1 bytes)\n~ target b (2 bytes)\n- target c?[2J\n");
	cJSON_Delete(old);
	repo_sim_free(sim);
}

static void delegations(void **state)
{
	(void)state;
	struct repo_sim *sim = repo_sim_new();
	struct fault f = { 0 };
	char want[200];
	repo_sim_publish(sim);
	cJSON *none = cJSON_Duplicate(now(sim, "targets"), true);
	repo_sim_delegate(sim, "targets", "a", "a/*", true);
	repo_sim_delegate(sim, "targets", "b", "b/*", false);
	repo_sim_publish(sim);
	cJSON *two = cJSON_Duplicate(now(sim, "targets"), true);
	const char *a = signkey_id(repo_sim_key(sim, "a")), *b = signkey_id(repo_sim_key(sim, "b"));
	snprintf(want, sizeof want,
	        "+ delegation a: 1 of 1 keys %.8s; paths a/*; terminating\n+ delegation b: 1 of 1 keys %.8s; "
	        "paths b/*\n",
	        a, b);
	expect("targets", none, two, want);
	expect("targets", two, none, "- delegation a\n- delegation b\n");
	repo_sim_delegate(sim, "targets", "a", "a/*", false);
	repo_sim_publish(sim);
	snprintf(want, sizeof want, "~ delegation a: 1 of 1 keys %.8s; paths a/*\n", a);
	expect("targets", two, now(sim, "targets"), want);
	/* The order decides which of two is asked first. */
	cJSON *swapped = cJSON_Duplicate(two, true),
	      *roles = cJSON_GetObjectItem(cJSON_GetObjectItem(swapped, "delegations"), "roles");
	cJSON_AddItemToArray(roles, cJSON_DetachItemFromArray(roles, 0));
	expect("targets", two, swapped, "~ the order of delegations\n");
	assert_int_equal(release_undelegate(sim->release, "targets", "b", &f), 0);
	repo_sim_publish(sim);
	snprintf(want, sizeof want, "- delegation b\n~ delegation a: 1 of 1 keys %.8s; paths a/*\n", a);
	expect("targets", two, now(sim, "targets"), want);
	cJSON_Delete(none);
	cJSON_Delete(two);
	cJSON_Delete(swapped);
	repo_sim_free(sim);
}

static void keys_of_a_root(void **state)
{
	(void)state;
	struct repo_sim *sim = repo_sim_new();
	struct fault f = { 0 };
	char want[200];
	cJSON *old = cJSON_Duplicate(now(sim, "root"), true);
	const struct signkey *more = repo_sim_key(sim, "more");
	char *first = lines("root", NULL, old);
	assert_non_null(strstr(first, "+ root needs 2 of 2 keys\n"));
	assert_non_null(strstr(first, "+ timestamp needs 1 of 1 keys\n"));
	free(first);
	assert_int_equal(release_key_add(sim->release, "targets", signkey_public(more), &f), 0);
	assert_int_equal(
	        release_key_drop(sim->release, "targets", signkey_id(repo_sim_key(sim, "targets")), &f), 0);
	assert_int_equal(release_key_add(sim->release, "root", signkey_public(more), &f), 0);
	repo_sim_publish(sim);
	snprintf(want, sizeof want,
	        "+ key %.8s for root\n~ root needs 2 of 3 keys, not 2 of 2\n- key %.8s for targets\n+ key "
	        "%.8s for targets\n",
	        signkey_id(more), signkey_id(repo_sim_key(sim, "targets")), signkey_id(more));
	expect("root", old, now(sim, "root"), want);
	cJSON_Delete(old);
	old = cJSON_Duplicate(now(sim, "root"), true);
	assert_int_equal(release_threshold(sim->release, "root", 1, &f), 0);
	repo_sim_publish(sim);
	expect("root", old, now(sim, "root"), "~ root needs 1 of 3 keys, not 2 of 3\n");
	expect("snapshot", NULL, now(sim, "snapshot"), "");
	cJSON_Delete(old);
	repo_sim_free(sim);
}

/* What clients do not read is signed, too. */
static void members_nobody_reads(void **state)
{
	(void)state;
	struct repo_sim *sim = repo_sim_new();
	repo_sim_target(sim, "targets", "a", "1");
	repo_sim_publish(sim);
	cJSON *one = cJSON_Duplicate(now(sim, "targets"), true), *two = cJSON_Duplicate(one, true);
	cJSON_AddStringToObject(two, "x-note", "1");
	expect("targets", one, two, "+ member x-note\n");
	expect("targets", two, one, "- member x-note\n");
	cJSON_SetValuestring(cJSON_GetObjectItem(two, "spec_version"), "1.0.0");
	expect("targets", one, two, "~ member spec_version\n+ member x-note\n");
	expect("targets", NULL, two, "+ target a (1 bytes)\n+ member x-note\n");
	cJSON *target = cJSON_GetObjectItem(cJSON_GetObjectItem(one, "targets"), "a");
	cJSON_AddItemToObject(target, "custom", cJSON_Parse("{\"n\":1}"));
	expect("targets", now(sim, "targets"), one, "~ target a (1 bytes)\n");
	cJSON *other = cJSON_Duplicate(one, true);
	target = cJSON_GetObjectItem(cJSON_GetObjectItem(other, "targets"), "a");
	cJSON_SetNumberValue(cJSON_GetObjectItem(cJSON_GetObjectItem(target, "custom"), "n"), 2);
	expect("targets", one, other, "~ target a (1 bytes)\n");
	cJSON_Delete(one);
	cJSON_Delete(two);
	cJSON_Delete(other);
	repo_sim_free(sim);
}

/* A carried file may hold anything. */
static void no_roles_are_refused(void **state)
{
	static const char *const rows[][2] = {
		{ "root", "{}" },
		{ "root", "{\"_type\":\"root\",\"spec_version\":\"1.0\",\"version\":1,\"expires\":\"2030-01-"
		          "01T00:00:00Z\",\"keys\":{}}" },
		{ "targets", "{}" },
		{ "targets", "{\"_type\":\"targets\",\"spec_version\":\"1.0\",\"version\":1,\"expires\":"
		             "\"2030-01-01T00:00:00Z\",\"targets\":[]}" },
		{ "targets", "[]" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct buf out = BUF_INIT(4096);
		cJSON *tree = cJSON_Parse(rows[i][1]);
		assert_int_not_equal(meta_diff(rows[i][0], NULL, tree, &out, NULL), 0);
		assert_int_equal(out.len, 0);
		cJSON_Delete(tree);
		buf_free(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(targets_line_by_line),
		cmocka_unit_test(delegations),
		cmocka_unit_test(keys_of_a_root),
		cmocka_unit_test(members_nobody_reads),
		cmocka_unit_test(no_roles_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
