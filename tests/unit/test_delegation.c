/* Patterns, and the order in which roles are asked; whole searches run against a simulated repository. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <cJSON.h>

#include "proto/delegation.h"
#include "proto/tree.h"
#include "tests/support/repo_sim.h"

#define NOW (REPO_SIM_NOW + 3600)

static const struct {
	const char *pattern, *path;
	bool match;
	const char *remark;
} patterns[] = {
	{ "a", "a", true, "equal" },
	{ "a", "b", false, "different" },
	{ "a", "A", false, "case matters" },
	{ "*", "a", true, "a star" },
	{ "*", "", true, "a star matches nothing too" },
	{ "*", "a/b", false, "a star does not cross a slash" },
	{ "*/*", "a/b", true, "two segments" },
	{ "*/*", "a", false, "too few segments" },
	{ "*/*", "a/b/c", false, "too many segments" },
	{ "a/*", "a/", true, "an empty segment" },
	{ "a*", "a/b", false, "not behind the slash" },
	{ "*.tgz", "x.tgz", true, "a suffix" },
	{ "*.tgz", ".tgz", true, "a leading dot is nothing special" },
	{ "*.tgz", "x.tgz.sig", false, "the end counts" },
	{ "*a*a*b", "aaaaaab", true, "going back" },
	{ "*a*a*b", "aaaaaac", false, "going back in vain" },
	{ "a?c", "abc", true, "a question mark" },
	{ "a?c", "a/c", false, "is no slash" },
	{ "a?c", "ac", false, "is exactly one" },
	{ "a?c",
	        "a\xc3\xa9"
	        "c",
	        true, "code point of two bytes" },
	{ "?", "\xf0\x9f\x98\x80", true, "code point of four bytes" },
	{ "??", "\xf0\x9f\x98\x80", false, "is one, not two" },
	{ "?ab",
	        "\xf0\x9f\x98\x80"
	        "ab",
	        true, "with something behind it" },
	{ "*?", "\xc3\xa9", true, "a star does not split it" },
	{ "[ab]", "a", false, "brackets have no meaning" },
	{ "[ab]", "[ab]", true, "but themselves" },
	{ "a\\*", "a\\x", true, "nor has a backslash" },
	{ "*ab", "aab", true, "a letter that matched is given back" },
	{ "*ab/c", "aab/c", true, "before a slash too" },
	{ "a*/b?/*c", "aXY/b1/xyzc", true, "all together" },
	{ "a*/b?/*c", "a/b/c/b1/c", false, "segment by segment" },
	{ "?", "\xff", true, "a byte that is no UTF-8 counts as one" },
	{ "?", "\xff\xff", false, "two of them as two" },
	{ "*b",
	        "\xff"
	        "b",
	        true, "and a star goes past it" },
	{ "?\xa9", "\xc3\xa9", false, "half a code point is no match" },
	{ "a**b", "ab", true, "two stars are one" },
	{ "a/*b/c", "a/xb/d", false, "a star of an earlier segment is settled" },
	{ "a*", "a", true, "a star at the end matches nothing too" },
	{ "a?", "a", false, "a question mark at the end does not" },
	{ "*?", "a/", false, "nor does it match a slash behind a star" },
	{ "", "", true, "nothing" },
	{ "", "a", false, "nothing does not match something" },
};

static void patterns_match_segments(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++)
		if (delegation_pattern_matches(patterns[i].pattern, patterns[i].path) != patterns[i].match)
			fail_msg("%s: '%s' and '%s'", patterns[i].remark, patterns[i].pattern,
			        patterns[i].path);
}

static void many_stars_stay_cheap(void **state)
{
	(void)state;
	char pattern[513], path[1025];
	for (int i = 0; i < 256; i++)
		memcpy(pattern + 2 * i, "*a", 2);
	memcpy(pattern + 511, "b", 2);
	memset(path, 'a', 1024);
	path[1024] = '\0';
	/* Exponential matchers do not come back from this. */
	assert_false(delegation_pattern_matches(pattern, path));
}

static void hash_prefixes_match(void **state)
{
	(void)state;
	unsigned char digest[SHA256_LEN];
	char hex[65], first[3];
	sha256("a/b.json", 8, digest);
	hex_encode(digest, sizeof digest, hex);
	snprintf(first, sizeof first, "%.2s", hex);
	const char *good[] = { "zz", first }, *upper[] = { "ZZ" };
	struct tuf_delegation d = { .by_hash = true, .patterns = good, .n = 2 };
	assert_true(delegation_matches(&d, "a/b.json"));
	d.patterns = upper;
	d.n = 1;
	assert_false(delegation_matches(&d, "a/b.json"));
	const char *whole[] = { hex };
	d.patterns = whole;
	assert_true(delegation_matches(&d, "a/b.json"));
	const char *empty[] = { "" };
	d.patterns = empty;
	assert_true(delegation_matches(&d, "a/b.json"));
	d.n = 0;
	assert_false(delegation_matches(&d, "a/b.json"));
	/* The same words as patterns. */
	const char *names[] = { first, "a/?.json" };
	d = (struct tuf_delegation){ .patterns = names, .n = 2 };
	assert_true(delegation_matches(&d, "a/b.json"));
	d.n = 1;
	assert_false(delegation_matches(&d, "a/b.json"));
}

/* ---- searches ---- */

struct edge {
	const char *from, *to, *pattern;
	bool terminating;
};

struct search {
	struct edge edges[8];
	const char *holder; /* the role that lists "t"; NULL: nobody */
	const char *order;  /* roles asked, in order, as fetched names without version */
	int code;
	const char *remark;
};

static const struct search searches[] = {
	{ { { "targets", "a", "*", 0 } }, "a", "a", KE_OK, "one step" },
	{ { { "targets", "a", "x*", 0 } }, "a", "", KE_NOENT, "the pattern does not match" },
	{ { { "targets", "a", "*", 0 }, { "targets", "b", "*", 0 } }, "b", "a b", KE_OK,
	        "in order of appearance" },
	{ { { "targets", "a", "*", 0 }, { "a", "c", "*", 0 }, { "targets", "b", "*", 0 } }, "b", "a c b",
	        KE_OK, "depth first" },
	{ { { "targets", "a", "*", 0 }, { "a", "c", "*", 0 }, { "targets", "b", "*", 0 } }, "c", "a c", KE_OK,
	        "the first that lists it ends the search" },
	{ { { "targets", "a", "*", 1 }, { "targets", "b", "*", 0 } }, "b", "a", KE_NOENT,
	        "terminating: the later sibling is not asked" },
	{ { { "targets", "a", "*", 0 }, { "targets", "b", "*", 1 }, { "targets", "c", "*", 0 } }, "c", "a b",
	        KE_NOENT, "terminating behind another: those after it are not asked" },
	{ { { "targets", "a", "*", 0 }, { "targets", "b", "x", 1 }, { "targets", "c", "*", 0 } }, "c", "a c",
	        KE_OK, "terminating behind another, but not for this path" },
	{ { { "targets", "a", "x", 1 }, { "targets", "b", "*", 0 } }, "b", "b", KE_OK,
	        "terminating, but not for this path" },
	{ { { "targets", "a", "*", 0 }, { "a", "c", "*", 1 }, { "targets", "b", "*", 0 } }, "b", "a c",
	        KE_NOENT, "terminating further down forgets the ancestors' siblings" },
	{ { { "targets", "a", "*", 0 }, { "a", "a", "*", 0 }, { "targets", "b", "*", 0 } }, "b", "a b", KE_OK,
	        "a role that delegates to itself" },
	{ { { "targets", "a", "*", 0 }, { "a", "b", "*", 0 }, { "b", "a", "*", 0 } }, NULL, "a b", KE_NOENT,
	        "a circle" },
	{ { { "targets", "../x", "*", 0 } }, "../x", "..%2Fx", KE_OK,
	        "CVE-2021-41131: a role name is no path" },
};

static void run_search(const struct search *s)
{
	struct repo_sim *sim = repo_sim_new();
	struct fault f = { 0 };
	const struct tuf_target *target;
	char asked[512] = "";

	for (size_t i = 0; i < 8 && s->edges[i].from; i++)
		repo_sim_delegate(
		        sim, s->edges[i].from, s->edges[i].to, s->edges[i].pattern, s->edges[i].terminating);
	if (s->holder)
		repo_sim_target(sim, s->holder, "t", "text");
	repo_sim_publish(sim);
	struct repo_sim_client *client = repo_sim_client_new(sim);
	assert_int_equal(repo_sim_refresh(client, sim, NOW, &f), 0);
	int rc = repo_sim_find(client, sim, "t", &target, &f);
	/* "1.a.json 1.b.json" -> "a b" */
	for (char *save, *name = strtok_r(client->asked, " ", &save); name;
	        name = strtok_r(NULL, " ", &save)) {
		size_t n = strlen(asked);
		snprintf(
		        asked + n, sizeof asked - n, "%s%.*s", n ? " " : "", (int)strlen(name) - 7, name + 2);
	}
	if (rc != s->code || strcmp(asked, s->order) != 0)
		fail_msg("%s: %s, asked '%s', wanted '%s': %s", s->remark, err_name(rc), asked, s->order,
		        f.what);
	/* Once more in the same process: what was verified is not asked for again, nor in a new one. */
	assert_int_equal(repo_sim_find(client, sim, "t", &target, &f), s->code);
	assert_string_equal(client->asked, "");
	assert_int_equal(repo_sim_refresh(client, sim, NOW, &f), 0);
	assert_int_equal(repo_sim_find(client, sim, "t", &target, &f), s->code);
	assert_string_equal(client->asked, "");
	repo_sim_client_free(client);
	repo_sim_free(sim);
}

static void searches_ask_in_order(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof searches / sizeof searches[0]; i++)
		run_search(&searches[i]);
}

/* Each role is visited once, the first one too, whoever delegates to it again. */
static void no_role_is_visited_twice(void **state)
{
	static const char *all[] = { "*" };
	struct tuf_delegation edges[] = { { .name = "a", .patterns = all, .n = 1 },
		{ .name = "b", .patterns = all, .n = 1 }, { .name = "a", .patterns = all, .n = 1 } };
	struct tuf_targets top = { .delegations = edges, .n_delegations = 1 };
	struct tuf_targets loop = { .delegations = edges, .n_delegations = 3 };
	static const char *const order[] = { "a", "b" };
	struct walk_step step;
	struct walk *w;
	(void)state;
	assert_int_equal(walk_new("t", &top, &w), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(walk_next(w, &step), 0);
		assert_string_equal(step.edge->name, order[i]);
		assert_ptr_equal(step.from, i ? &loop : &top);
		assert_int_equal(walk_expand(w, &loop), 0);
	}
	assert_int_equal(walk_next(w, &step), KE_NOENT);
	assert_int_equal(walk_next(w, &step), KE_NOENT);
	walk_free(w);
}

/* Roles by hash are asked when the path's hash begins so; SHA-256 of "t" begins with e3b98a4d. */
static void hashes_lead_the_search(void **state)
{
	static const char *wide[] = { "e4", "e3" }, *other[] = { "e4", "3b" }, *narrow[] = { "e3b98a4d" };
	struct tuf_delegation edges[] = { { .name = "a", .by_hash = true, .patterns = wide, .n = 2 },
		{ .name = "b", .by_hash = true, .patterns = other, .n = 2 },
		{ .name = "c", .by_hash = true, .patterns = narrow, .n = 1 } };
	struct tuf_targets top = { .delegations = edges, .n_delegations = 2 };
	struct tuf_targets below = { .delegations = edges + 1, .n_delegations = 2 };
	struct walk_step step;
	struct walk *w;
	(void)state;
	assert_int_equal(walk_new("t", &top, &w), 0);
	assert_int_equal(walk_next(w, &step), 0);
	assert_string_equal(step.edge->name, "a");
	assert_int_equal(walk_expand(w, &below), 0);
	assert_int_equal(walk_next(w, &step), 0);
	assert_string_equal(step.edge->name, "c");
	assert_int_equal(walk_next(w, &step), KE_NOENT);
	walk_free(w);
}

static void searches_are_limited(void **state)
{
	(void)state;
	for (int roles = TUF_DELEGATIONS; roles <= TUF_DELEGATIONS + 1; roles++) {
		struct repo_sim *sim = repo_sim_new();
		struct fault f = { 0 };
		const struct tuf_target *target;
		char name[16] = "targets", next[16];
		for (int i = 1; i <= roles; i++) {
			snprintf(next, sizeof next, "r%d", i);
			repo_sim_delegate(sim, name, next, "*", false);
			memcpy(name, next, sizeof name);
		}
		repo_sim_target(sim, name, "t", "text");
		repo_sim_publish(sim);
		struct repo_sim_client *client = repo_sim_client_new(sim);
		assert_int_equal(repo_sim_refresh(client, sim, NOW, &f), 0);
		assert_int_equal(repo_sim_find(client, sim, "t", &target, &f),
		        roles > TUF_DELEGATIONS ? KE_TOOBIG : KE_OK);
		repo_sim_client_free(client);
		repo_sim_free(sim);
	}
}

/* ---- delegated roles get every check (tough CVE-2025-2885, -2886, -2887, CVE-2026-6966, -6967, -6968) ---- */

static void set_version(struct cJSON *part, void *ctx)
{
	tree_set(part, "version", cJSON_CreateNumber(*(int *)ctx));
}

static void set_past(struct cJSON *part, void *ctx)
{
	(void)ctx;
	tree_set(part, "expires", cJSON_CreateString("2026-01-01T00:00:00Z"));
}

static void unlist(struct cJSON *part, void *ctx)
{
	(void)ctx;
	cJSON_DeleteItemFromObjectCaseSensitive(cJSON_GetObjectItemCaseSensitive(part, "meta"), "a.json");
}

static const struct {
	const char *key;
	repo_sim_edit *edit;
	int version;
	bool relist;
	int code;
	const char *remark;
} bad_roles[] = {
	{ "a", NULL, 0, true, KE_OK, "signed again by its key" },
	{ "targets", NULL, 0, true, KE_SIGNATURE, "by the key of the delegating role" },
	{ "b", NULL, 0, true, KE_SIGNATURE, "by the key of another delegated role" },
	{ NULL, NULL, 0, true, KE_SIGNATURE, "unsigned" },
	{ "a", set_version, 2, true, KE_MISMATCH, "a version that the snapshot does not list" },
	{ "a", set_past, 0, true, KE_EXPIRED, "expired" },
	{ "a", set_version, 2, false, KE_MISMATCH, "bytes that the snapshot does not list" },
};

static void delegated_roles_get_every_check(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bad_roles / sizeof bad_roles[0]; i++) {
		struct repo_sim *sim = repo_sim_new();
		struct fault f = { 0 };
		const struct tuf_target *target;
		int v = bad_roles[i].version;
		repo_sim_delegate(sim, "targets", "a", "*", false);
		repo_sim_delegate(sim, "targets", "b", "*", false);
		repo_sim_target(sim, "b", "t", "text");
		repo_sim_publish(sim);
		repo_sim_forge(sim, "1.a.json", (const char *const[]){ bad_roles[i].key },
		        bad_roles[i].key != NULL, bad_roles[i].edit, &v);
		if (bad_roles[i].relist)
			repo_sim_relist(sim);
		struct repo_sim_client *client = repo_sim_client_new(sim);
		assert_int_equal(repo_sim_refresh(client, sim, NOW, &f), 0);
		/* A bad role on the way ends the search; "b" lists the target, but is not asked. */
		int rc = repo_sim_find(client, sim, "t", &target, &f);
		if (rc != bad_roles[i].code)
			fail_msg("%s: %s, %s", bad_roles[i].remark, err_name(rc), f.what);
		if (rc) {
			assert_null(repo_sim_file(client->cache, "a.json"));
			assert_null(repo_sim_file(client->cache, "b.json"));
			assert_int_equal(trust_target(client->trust, &target), KE_NOENT);
			assert_true(trust_ready(client->trust));
		}
		repo_sim_client_free(client);
		repo_sim_free(sim);
	}
}

static void role_must_be_listed_and_served(void **state)
{
	(void)state;
	struct repo_sim *sim = repo_sim_new();
	struct fault f = { 0 };
	const struct tuf_target *target;
	repo_sim_delegate(sim, "targets", "a", "*", false);
	repo_sim_target(sim, "a", "t", "text");
	repo_sim_publish(sim);
	struct repo_sim_client *client = repo_sim_client_new(sim);
	struct repo_sim_file *all = repo_sim_files_copy(sim->metadata);
	repo_sim_put(&sim->metadata, "1.a.json", NULL, 0);
	assert_int_equal(repo_sim_refresh(client, sim, NOW, &f), 0);
	assert_int_equal(repo_sim_find(client, sim, "t", &target, &f), KE_NOENT);
	repo_sim_files_free(&sim->metadata);
	sim->metadata = all;
	assert_int_equal(repo_sim_find(client, sim, "t", &target, &f), 0);
	repo_sim_client_free(client);
	repo_sim_forge(sim, "2.snapshot.json", (const char *const[]){ "snapshot" }, 1, unlist, NULL);
	repo_sim_relist(sim);
	client = repo_sim_client_new(sim);
	assert_int_equal(repo_sim_refresh(client, sim, NOW, &f), 0);
	assert_int_equal(repo_sim_find(client, sim, "t", &target, &f), KE_UNTRUSTED);
	assert_string_equal(client->asked, "");
	repo_sim_client_free(client);
	repo_sim_free(sim);
}

static void set_key_of_b(struct cJSON *part, void *ctx)
{
	struct repo_sim *sim = ctx;
	cJSON *del = cJSON_GetObjectItemCaseSensitive(part, "delegations");
	const struct signkey *key = repo_sim_key(sim, "other");
	cJSON *role = cJSON_GetObjectItemCaseSensitive(del, "roles")->child;
	cJSON *keyids = cJSON_CreateArray();
	cJSON_AddItemToArray(keyids, cJSON_CreateString(signkey_id(key)));
	tree_set(role, "keyids", keyids);
	cJSON_AddItemToObject(cJSON_GetObjectItemCaseSensitive(del, "keys"), signkey_id(key),
	        cJSON_Duplicate(signkey_public(key), true));
}

/* One role, two delegators with different keys: what one of them believes is no news for the other. */
static void verdicts_belong_to_the_delegator(void **state)
{
	(void)state;
	struct repo_sim *sim = repo_sim_new();
	struct fault f = { 0 };
	const struct tuf_target *target;
	repo_sim_delegate(sim, "targets", "a", "x/*", false);
	repo_sim_delegate(sim, "targets", "b", "y/*", false);
	repo_sim_delegate(sim, "a", "shared", "*/*", false);
	repo_sim_delegate(sim, "b", "shared", "*/*", false);
	repo_sim_target(sim, "shared", "x/t", "text");
	repo_sim_target(sim, "shared", "y/t", "text");
	repo_sim_publish(sim);
	repo_sim_forge(sim, "1.b.json", (const char *const[]){ "b" }, 1, set_key_of_b, sim);
	repo_sim_relist(sim);
	struct repo_sim_client *client = repo_sim_client_new(sim);
	assert_int_equal(repo_sim_refresh(client, sim, NOW, &f), 0);
	assert_int_equal(repo_sim_find(client, sim, "x/t", &target, &f), 0);
	assert_int_equal(repo_sim_find(client, sim, "y/t", &target, &f), KE_SIGNATURE);
	assert_int_equal(repo_sim_find(client, sim, "x/t", &target, &f), 0);
	repo_sim_client_free(client);
	repo_sim_free(sim);
}

/* CVE-2026-24137, CVE-2026-24686: a target name is no way out of the directory. */
static void paths_do_not_climb(void **state)
{
	(void)state;
	static const char *const bad[] = { "", "/etc/passwd", "..", "../x", "a/../b", "a/..", ".", "./a",
		"a/." };
	static const char *const good[] = { "a", "a/b", "..a", "a..", "a/...", "a//b" };
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_false(trust_path_ok(bad[i]));
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		assert_true(trust_path_ok(good[i]));
	struct repo_sim *sim = repo_sim_new();
	struct fault f = { 0 };
	struct repo_sim_client *client = repo_sim_client_new(sim);
	const struct tuf_target *target;
	assert_int_equal(repo_sim_refresh(client, sim, NOW, &f), 0);
	assert_int_equal(repo_sim_find(client, sim, "../x", &target, &f), KE_NAME);
	repo_sim_client_free(client);
	repo_sim_free(sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns_match_segments),
		cmocka_unit_test(many_stars_stay_cheap),
		cmocka_unit_test(hash_prefixes_match),
		cmocka_unit_test(searches_ask_in_order),
		cmocka_unit_test(no_role_is_visited_twice),
		cmocka_unit_test(hashes_lead_the_search),
		cmocka_unit_test(searches_are_limited),
		cmocka_unit_test(delegated_roles_get_every_check),
		cmocka_unit_test(role_must_be_listed_and_served),
		cmocka_unit_test(verdicts_belong_to_the_delegator),
		cmocka_unit_test(paths_do_not_climb),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
