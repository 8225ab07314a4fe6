/* One test for each public advisory about a TUF client: the attack, against the whole of ours. The advisory's number is in
 * the test's name; what is asserted is that the attack fails at the check that it is about, and that nothing of it stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <cJSON.h>

#include "proto/assignment.h"
#include "proto/canon.h"
#include "proto/fileio.h"
#include "proto/strict.h"
#include "proto/tree.h"
#include "tests/support/repo_sim.h"

#define NOW (REPO_SIM_NOW + 3600)

struct world {
	struct repo_sim *sim;
	struct repo_sim_client *client;
	struct fault f;
};

/* Version 1 of everything is published; the client knows nothing but the root. */
static int world_make(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	w->sim = repo_sim_new();
	w->client = repo_sim_client_new(w->sim);
	*state = w;
	return 0;
}

static int world_free(void **state)
{
	struct world *w = *state;
	repo_sim_client_free(w->client);
	repo_sim_free(w->sim);
	free(w);
	return 0;
}

static void want(struct world *w, int rc, int code)
{
	char line[1024];
	if (rc != code)
		fail_msg("got %s, wanted %s: %s", err_name(rc), err_name(code),
		        fault_line(&w->f, line, sizeof line));
	w->f = (struct fault){ 0 };
}

static void refresh(struct world *w, int code)
{
	want(w, repo_sim_refresh(w->client, w->sim, NOW, &w->f), code);
}

/* A client that knows nothing but the root. */
static void refresh_anew(struct world *w, int code)
{
	repo_sim_client_free(w->client);
	w->client = repo_sim_client_new(w->sim);
	refresh(w, code);
}

static void find(struct world *w, const char *path, int code)
{
	const struct tuf_target *target;
	want(w, repo_sim_find(w->client, w->sim, path, &target, &w->f), code);
}

static const char *const root_keys[] = { "root-1", "root-2" };

/* 2.root.json: the first one, edited, properly signed. */
static void next_root(struct world *w, repo_sim_edit *edit, void *ctx)
{
	struct repo_sim_file *one = repo_sim_file(w->sim->metadata, "1.root.json");
	repo_sim_put(&w->sim->metadata, "2.root.json", one->data, one->len);
	repo_sim_forge(w->sim, "2.root.json", root_keys, 2, edit, ctx);
}

static void set_version(cJSON *part, int version)
{
	tree_set(part, "version", cJSON_CreateNumber(version));
}

static cJSON *role_of(cJSON *root, const char *role)
{
	return cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(root, "roles"), role);
}

/* The file NAME gets a second signature: the first one again, by the id KEYID (NULL: the same), in capital letters if
 * UPPER, which is another text for the same bytes. */
static void sign_again(struct world *w, const char *name, const char *keyid, bool upper)
{
	struct repo_sim_file *file = repo_sim_file(w->sim->metadata, name);
	const struct strict_limits limits = { .max_bytes = 1 << 20, .max_nodes = 100000, .max_depth = 32 };
	struct buf text = BUF_INIT(1 << 20);
	struct jsonw out = JSONW_INIT(&text, 0);
	struct cJSON *tree;
	assert_int_equal(strict_parse(file->data, file->len, &limits, &tree, NULL), 0);
	cJSON *list = cJSON_GetObjectItemCaseSensitive(tree, "signatures");
	cJSON *copy = cJSON_Duplicate(cJSON_GetArrayItem(list, 0), true);
	if (keyid)
		tree_set(copy, "keyid", cJSON_CreateString(keyid));
	for (char *p = cJSON_GetObjectItemCaseSensitive(copy, "sig")->valuestring; upper && *p; p++)
		*p = (char)(*p >= 'a' && *p <= 'f' ? *p - 'a' + 'A' : *p);
	cJSON_AddItemToArray(list, copy);
	tree_write(&out, NULL, tree);
	repo_sim_put(&w->sim->metadata, name, buf_text(&text), text.len);
	buf_free(&text);
	cJSON_Delete(tree);
}

/* ---- thresholds ---- */

static void no_threshold(cJSON *part, void *ctx)
{
	set_version(part, 2);
	tree_set(role_of(part, "targets"), "threshold", cJSON_CreateNumber(*(int *)ctx));
}

/* go-tuf: a threshold of zero is met by a file that nobody signed. */
static void ghsa_fphv_w9fq_2525_threshold_zero(void **state)
{
	struct world *w = *state;
	for (int threshold = -1; threshold <= 0; threshold++) {
		next_root(w, no_threshold, &threshold);
		refresh(w, KE_RANGE);
		assert_int_equal(trust_version(w->client->trust, TUF_ROOT), 1);
	}
	/* Nor does it, should such a role ever get past the parser. */
	struct repo_sim_file *root = repo_sim_file(w->sim->metadata, "1.root.json");
	struct envelope *env;
	struct signers nobody = { .threshold = 0 };
	assert_int_equal(envelope_open(root->data, root->len, &env, NULL), 0);
	assert_int_equal(envelope_verify(env, &nobody, NULL), KE_SIGNATURE);
	envelope_free(env);
}

static void two_ids(cJSON *part, void *ctx)
{
	struct world *w = *(struct world **)ctx;
	char *second = ((char **)ctx)[1];
	const char *first = signkey_id(repo_sim_key(w->sim, "targets"));
	cJSON *keys = cJSON_GetObjectItemCaseSensitive(part, "keys"), *role = role_of(part, "targets");
	cJSON *key = cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(keys, first), true);
	cJSON_AddStringToObject(key, "remark", "makes another id");
	assert_int_equal(canon_sha256_hex(key, second), 0);
	tree_set(keys, second, key);
	cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(role, "keyids"), cJSON_CreateString(second));
	tree_set(role, "threshold", cJSON_CreateNumber(2));
	set_version(part, 2);
}

/* go-tuf: one key under two ids counts as two. */
static void ghsa_3633_5h82_39pq_one_key_two_ids(void **state)
{
	struct world *w = *state;
	char second[KEYID_ROOM];
	void *ctx[] = { w, second };
	next_root(w, two_ids, ctx);
	sign_again(w, "1.targets.json", second, false);
	repo_sim_relist(w->sim);
	refresh(w, KE_SIGNATURE);
	assert_int_equal(trust_version(w->client->trust, TUF_ROOT), 2);
	assert_null(repo_sim_file(w->client->cache, "targets.json"));
}

/* tough: one key id twice in a file meets a threshold of two. */
static void cve_2020_15093_one_id_twice(void **state)
{
	struct world *w = *state;
	next_root(w, NULL, NULL);
	repo_sim_forge(w->sim, "2.root.json", root_keys, 1, NULL, NULL);
	sign_again(w, "2.root.json", NULL, false);
	refresh(w, KE_DUPLICATE);
	assert_int_equal(trust_version(w->client->trust, TUF_ROOT), 1);
}

static void second_key(cJSON *part, void *ctx)
{
	struct world *w = ctx;
	const struct signkey *key = repo_sim_key(w->sim, "targets-b");
	cJSON *role = role_of(part, "targets");
	tree_set(cJSON_GetObjectItemCaseSensitive(part, "keys"), signkey_id(key),
	        cJSON_Duplicate(signkey_public(key), true));
	cJSON_AddItemToArray(
	        cJSON_GetObjectItemCaseSensitive(role, "keyids"), cJSON_CreateString(signkey_id(key)));
	tree_set(role, "threshold", cJSON_CreateNumber(2));
	set_version(part, 2);
}

/* python-tuf: different signatures by one key are counted one by one. */
static void cve_2020_6174_threshold_counts_signatures(void **state)
{
	struct world *w = *state;
	next_root(w, second_key, w);
	sign_again(w, "1.targets.json", NULL, true);
	repo_sim_relist(w->sim);
	refresh(w, KE_DUPLICATE);
	assert_null(repo_sim_file(w->client->cache, "targets.json"));
	repo_sim_forge(
	        w->sim, "1.targets.json", (const char *const[]){ "targets", "targets-b" }, 2, NULL, NULL);
	repo_sim_relist(w->sim);
	refresh_anew(w, 0);
}

/* ---- rollback ---- */

static void set_root_version(cJSON *part, void *ctx)
{
	set_version(part, *(int *)ctx);
}

/* tough: a root need not be the next one. */
static void cve_2025_2885_root_version_in_sequence(void **state)
{
	struct world *w = *state;
	static const struct {
		int version, code;
	} rows[] = { { 1, KE_ROLLBACK }, { 3, KE_MISMATCH }, { 1000, KE_MISMATCH }, { 2, KE_OK } };
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		int version = rows[i].version;
		next_root(w, set_root_version, &version);
		refresh(w, rows[i].code);
		assert_int_equal(trust_version(w->client->trust, TUF_ROOT), rows[i].code ? 1 : 2);
	}
}

struct listing {
	const char *file;
	int version, listed; /* listed 0: the entry is dropped */
};

static void change_listing(cJSON *part, void *ctx)
{
	const struct listing *l = ctx;
	cJSON *meta = cJSON_GetObjectItemCaseSensitive(part, "meta");
	set_version(part, l->version);
	if (l->listed)
		set_version(cJSON_GetObjectItemCaseSensitive(meta, l->file), l->listed);
	else
		cJSON_DeleteItemFromObjectCaseSensitive(meta, l->file);
}

/* Publish FILE under a new name and version, saying of WHAT that it is version LISTED. */
static void list_as(struct world *w, const char *role, const char *from, const char *to, const char *what,
        int version, int listed)
{
	struct listing l = { what, version, listed };
	struct repo_sim_file *file = repo_sim_file(w->sim->metadata, from);
	assert_non_null(file);
	repo_sim_put(&w->sim->metadata, to, file->data, file->len);
	repo_sim_forge(w->sim, to, &role, 1, change_listing, &l);
}

/* A client that has seen version 2 of everything but root. */
static void see_version_2(struct world *w)
{
	repo_sim_delegate(w->sim, "targets", "d", "d/*", false);
	assert_int_equal(release_floor(w->sim->release, "d", 1, NULL), 0);
	repo_sim_target(w->sim, "d", "d/one", "one");
	repo_sim_publish(w->sim);
	refresh(w, 0);
	assert_int_equal(trust_version(w->client->trust, TUF_SNAPSHOT), 2);
	find(w, "d/one", 0);
}

/* go-tuf: only root was kept from going back. */
static void cve_2022_29173_rollback_of_other_roles(void **state)
{
	struct world *w = *state;
	struct repo_sim_file *first = repo_sim_files_copy(w->sim->metadata);
	see_version_2(w);
	struct repo_sim_file *second = repo_sim_files_copy(w->sim->metadata);
	struct repo_sim_file *old = repo_sim_file(first, "timestamp.json");
	repo_sim_put(&w->sim->metadata, "timestamp.json", old->data, old->len);
	assert_int_equal(repo_sim_refresh(w->client, w->sim, NOW, &w->f), KE_ROLLBACK);
	assert_string_equal(w->f.where, "timestamp.json");
	old = repo_sim_file(second, "timestamp.json");
	repo_sim_put(&w->sim->metadata, "timestamp.json", old->data, old->len);
	refresh(w, 0);
	/* The timestamp goes on, the snapshot back. */
	list_as(w, "timestamp", "timestamp.json", "timestamp.json", "snapshot.json", 3, 1);
	refresh(w, KE_ROLLBACK);
	/* Both go on, the targets back. */
	list_as(w, "snapshot", "2.snapshot.json", "3.snapshot.json", "targets.json", 3, 1);
	list_as(w, "timestamp", "timestamp.json", "timestamp.json", "snapshot.json", 3, 3);
	repo_sim_relist(w->sim);
	refresh(w, KE_ROLLBACK);
	assert_int_equal(trust_version(w->client->trust, TUF_SNAPSHOT), 2);
	repo_sim_files_free(&first);
	repo_sim_files_free(&second);
}

/* tough: of delegated roles, the snapshot may drop and lower entries. */
static void cve_2025_2887_delegated_entries_stay(void **state)
{
	struct world *w = *state;
	see_version_2(w);
	for (int listed = 0; listed < 2; listed++) {
		list_as(w, "snapshot", "2.snapshot.json", listed ? "4.snapshot.json" : "3.snapshot.json",
		        "d.json", 3 + listed, listed);
		list_as(w, "timestamp", "timestamp.json", "timestamp.json", "snapshot.json", 3 + listed,
		        3 + listed);
		struct repo_sim_file *d = repo_sim_file(w->sim->metadata, "2.d.json");
		repo_sim_put(&w->sim->metadata, "1.d.json", d->data, d->len);
		repo_sim_relist(w->sim);
		refresh(w, KE_ROLLBACK);
		assert_int_equal(trust_version(w->client->trust, TUF_SNAPSHOT), 2);
	}
}

/* tough: a timestamp that was refused, since its snapshot goes back, is in the cache all the same, and blocks good ones. */
static void cve_2025_2888_refused_timestamp_is_not_kept(void **state)
{
	struct world *w = *state;
	see_version_2(w);
	struct repo_sim_file *good = repo_sim_files_copy(w->sim->metadata);
	list_as(w, "timestamp", "timestamp.json", "timestamp.json", "snapshot.json", 900, 1);
	refresh(w, KE_ROLLBACK);
	struct repo_sim_file *kept = repo_sim_file(w->client->cache, "timestamp.json");
	struct repo_sim_file *was = repo_sim_file(good, "timestamp.json");
	assert_int_equal(kept->len, was->len);
	assert_memory_equal(kept->data, was->data, was->len);
	repo_sim_renew(w->sim);
	refresh(w, 0);
	assert_int_equal(trust_version(w->client->trust, TUF_TIMESTAMP), 3);
	repo_sim_files_free(&good);
}

/* ---- delegations ---- */

/* tough: the search goes on behind a terminating delegation. */
static void cve_2025_2886_terminating_delegation_ends_the_search(void **state)
{
	struct world *w = *state;
	repo_sim_delegate(w->sim, "targets", "first", "x/*", false);
	repo_sim_delegate(w->sim, "first", "ends", "x/*", true);
	repo_sim_delegate(w->sim, "first", "sibling", "x/*", false);
	repo_sim_delegate(w->sim, "targets", "second", "x/*", false);
	repo_sim_target(w->sim, "sibling", "x/one", "of the sibling");
	repo_sim_target(w->sim, "second", "x/one", "of the second");
	repo_sim_publish(w->sim);
	refresh(w, 0);
	find(w, "x/one", KE_NOENT);
	assert_string_equal(w->client->asked, "1.first.json 1.ends.json");
}

/* tough: a signature twice meets the threshold of a delegated role. */
static void cve_2026_6966_delegated_threshold(void **state)
{
	struct world *w = *state;
	const struct cJSON *keys[] = { signkey_public(repo_sim_key(w->sim, "d-1")),
		signkey_public(repo_sim_key(w->sim, "d-2")) };
	const char *const patterns[] = { "d/*" };
	const struct release_delegation d = {
		.name = "d", .keys = keys, .n_keys = 2, .threshold = 2, .patterns = patterns, .n_patterns = 1
	};
	assert_int_equal(release_delegate(w->sim->release, "targets", &d, &w->f), 0);
	assert_int_equal(release_expires(w->sim->release, "d", NOW + REPO_SIM_DAY, &w->f), 0);
	repo_sim_target(w->sim, "d", "d/one", "one");
	repo_sim_publish(w->sim);
	repo_sim_forge(w->sim, "1.d.json", (const char *const[]){ "d-1" }, 1, NULL, NULL);
	repo_sim_relist(w->sim);
	refresh_anew(w, 0);
	find(w, "d/one", KE_SIGNATURE);
	sign_again(w, "1.d.json", NULL, true);
	repo_sim_relist(w->sim);
	refresh_anew(w, 0);
	find(w, "d/one", KE_DUPLICATE);
	assert_null(repo_sim_file(w->client->cache, "d.json"));
}

static void expire(cJSON *part, void *ctx)
{
	(void)ctx;
	tree_set(part, "expires", cJSON_CreateString("2026-11-01T00:00:00Z"));
}

static void renew(cJSON *part, void *ctx)
{
	(void)ctx;
	tree_set(part, "expires", cJSON_CreateString("2027-11-01T00:00:00Z"));
}

static void add_member(cJSON *part, void *ctx)
{
	cJSON_AddStringToObject(part, "remark", ctx);
}

/* tough: a delegated role may be expired, and be other bytes than the snapshot lists. */
static void cve_2026_6967_delegated_roles_get_every_check(void **state)
{
	struct world *w = *state;
	const char *const key[] = { "d" };
	see_version_2(w);
	repo_sim_forge(w->sim, "2.d.json", key, 1, expire, NULL);
	repo_sim_relist(w->sim);
	refresh_anew(w, 0);
	find(w, "d/one", KE_EXPIRED);
	repo_sim_forge(w->sim, "2.d.json", key, 1, renew, NULL);
	repo_sim_relist(w->sim);
	refresh_anew(w, 0);
	/* Longer than listed. */
	char remark[] = "x";
	struct repo_sim_file *d = repo_sim_file(w->sim->metadata, "2.d.json");
	char *was = strndup(d->data, d->len);
	size_t len = d->len;
	repo_sim_forge(w->sim, "2.d.json", key, 1, add_member, remark);
	find(w, "d/one", KE_TOOBIG);
	/* As long, well signed, and other bytes: a digit of the signature in capitals. */
	repo_sim_put(&w->sim->metadata, "2.d.json", was, len);
	d = repo_sim_file(w->sim->metadata, "2.d.json");
	char *digit = strpbrk(strstr(d->data, "\"sig\":") + 6, "abcdef");
	*digit = (char)(*digit - 'a' + 'A');
	find(w, "d/one", KE_MISMATCH);
	assert_null(repo_sim_file(w->client->cache, "d.json"));
	repo_sim_put(&w->sim->metadata, "2.d.json", was, len);
	find(w, "d/one", 0);
	free(was);
}

/* ---- names that become paths ---- */

static const char *const ways_out[] = { "../x", "../../etc/cron.d/x", "/etc/cron.d/x", "a/../../x", "..",
	"a/..", "./x", "a/./x" };

static void list_ways_out(cJSON *part, void *ctx)
{
	cJSON *targets = cJSON_GetObjectItemCaseSensitive(part, "targets");
	(void)ctx;
	for (size_t i = 0; i < sizeof ways_out / sizeof ways_out[0]; i++) {
		cJSON *target = cJSON_AddObjectToObject(targets, ways_out[i]);
		cJSON_AddNumberToObject(target, "length", 5);
		cJSON_AddStringToObject(cJSON_AddObjectToObject(target, "hashes"), "sha256",
		        "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
	}
}

/* The old client of sigstore: the name of a target leads out of the folder for targets. Ours hands none of them out. */
static void cve_2026_24137_target_names(void **state)
{
	struct world *w = *state;
	repo_sim_target(w->sim, "targets", "a/x", "hello");
	repo_sim_publish(w->sim);
	repo_sim_forge(w->sim, "2.targets.json", (const char *const[]){ "targets" }, 1, list_ways_out, NULL);
	repo_sim_relist(w->sim);
	refresh(w, 0);
	for (size_t i = 0; i < sizeof ways_out / sizeof ways_out[0]; i++)
		find(w, ways_out[i], KE_NAME);
	find(w, "a/x", 0);
}

/* tough: absolute target names, and links where a file is to be written. */
static void cve_2026_6968_writes_stay_in_their_folder(void **state)
{
	struct world *w = *state;
	(void)w;
	char dir[] = "/tmp/kedge-advisory.XXXXXX", outside[64], link[64], *data;
	size_t len;
	assert_false(trust_path_ok("/etc/passwd"));
	assert_non_null(mkdtemp(dir));
	snprintf(outside, sizeof outside, "%s/outside", dir);
	snprintf(link, sizeof link, "%s/d.json", dir);
	assert_int_equal(file_replace(outside, "kept", 4, 0600, FILE_VOLATILE, NULL), 0);
	assert_int_equal(symlink("outside", link), 0);
	assert_int_equal(file_replace(link, "metadata", 8, 0644, FILE_VOLATILE, NULL), 0);
	assert_int_equal(file_read(outside, 64, &data, &len, NULL), 0);
	assert_string_equal(data, "kept");
	file_free(data);
	struct stat st;
	assert_int_equal(lstat(link, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	unlink(link);
	unlink(outside);
	rmdir(dir);
}

static void call_it_root(cJSON *part, void *ctx)
{
	cJSON *delegations = cJSON_GetObjectItemCaseSensitive(part, "delegations");
	(void)ctx;
	tree_set(cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(delegations, "roles"), 0), "name",
	        cJSON_CreateString("root"));
}

/* python-tuf: the name of a role leads out of the folder for metadata. */
static void cve_2021_41131_role_names(void **state)
{
	struct world *w = *state;
	repo_sim_delegate(w->sim, "targets", "../../x", "d/*", false);
	repo_sim_target(w->sim, "../../x", "d/one", "one");
	repo_sim_publish(w->sim);
	refresh(w, 0);
	find(w, "d/one", 0);
	assert_string_equal(w->client->asked, "1...%2F..%2Fx.json");
	for (const struct repo_sim_file *file = w->client->cache; file; file = file->next)
		assert_null(strchr(file->name, '/'));
	assert_non_null(repo_sim_file(w->client->cache, "..%2F..%2Fx.json"));
	/* Nor can a delegated role take the file of a top-level one. */
	repo_sim_forge(w->sim, "2.targets.json", (const char *const[]){ "targets" }, 1, call_it_root, NULL);
	repo_sim_relist(w->sim);
	refresh_anew(w, KE_NAME);
}

/* go-tuf: the name of a repository, from a file that others write, is a folder. What kedge makes folders of from such files
 * are the names of policies. */
static void cve_2026_24686_names_of_folders(void **state)
{
	static const char *const bad[] = { "rollouts/../1.json", "rollouts/../../1.json", "rollouts/./1.json",
		"rollouts//1.json", "rollouts/a/../1.json", "rollouts/.hidden/1.json", "/rollouts/a/1.json",
		"../rollouts/a/1.json", "rollouts/a%2f../1.json", "rollouts/a\\b/1.json" };
	char name[65];
	int64_t number;
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (target_path_split("rollouts", bad[i], name, &number) != KE_NAME)
			fail_msg("%s: taken, as '%s'", bad[i], name);
	assert_int_equal(target_path_split("rollouts", "rollouts/web/1.json", name, &number), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, world_make, world_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(ghsa_fphv_w9fq_2525_threshold_zero),
		T(ghsa_3633_5h82_39pq_one_key_two_ids),
		T(cve_2020_15093_one_id_twice),
		T(cve_2020_6174_threshold_counts_signatures),
		T(cve_2025_2885_root_version_in_sequence),
		T(cve_2022_29173_rollback_of_other_roles),
		T(cve_2025_2887_delegated_entries_stay),
		T(cve_2025_2888_refused_timestamp_is_not_kept),
		T(cve_2025_2886_terminating_delegation_ends_the_search),
		T(cve_2026_6966_delegated_threshold),
		T(cve_2026_6967_delegated_roles_get_every_check),
		T(cve_2026_24137_target_names),
		T(cve_2026_6968_writes_stay_in_their_folder),
		T(cve_2021_41131_role_names),
		T(cve_2026_24686_names_of_folders),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
