/* The trusted set against a simulated repository: every rule of the refresh, and one case per public advisory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <cJSON.h>

#include "proto/tree.h"
#include "tests/support/repo_sim.h"

#define NOW (REPO_SIM_NOW + 3600)

struct world {
	struct repo_sim *sim;
	struct repo_sim_client *client;
	struct fault f;
};

/* A repository with one target and a delegated role, and a client that has seen version 1 of it. */
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
	assert_int_equal(trust_ready(w->client->trust), code == 0);
}

static int64_t version(const struct world *w, enum tuf_top role)
{
	return trust_version(w->client->trust, role);
}

/* ---- the good way ---- */

static void first_refresh_asks_in_order(void **state)
{
	struct world *w = *state;
	const struct tuf_target *target;
	repo_sim_target(w->sim, "targets", "a/b.json", "hello");
	repo_sim_publish(w->sim);
	refresh(w, 0);
	assert_string_equal(w->client->asked, "2.root.json timestamp.json 2.snapshot.json 2.targets.json");
	want(w, repo_sim_find(w->client, w->sim, "a/b.json", &target, &w->f), 0);
	assert_int_equal(target->length, 5);
	struct buf name = BUF_INIT(512);
	assert_int_equal(trust_target_file(w->client->trust, target, &name), 0);
	assert_string_equal(
	        buf_text(&name), "a/2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824.b.json");
	buf_free(&name);
	assert_int_equal(trust_target_check(target, "hello", 5, NULL), 0);
	assert_int_equal(trust_target_check(target, "hellO", 5, NULL), KE_MISMATCH);
	assert_int_equal(trust_target_check(target, "hello ", 6, NULL), KE_MISMATCH);
	/* Nothing new: only the next root and the timestamp are asked for, in a new process and in the same one. */
	refresh(w, 0);
	assert_string_equal(w->client->asked, "2.root.json timestamp.json");
	want(w, repo_sim_refresh_again(w->client, w->sim, NOW, &w->f), 0);
	assert_string_equal(w->client->asked, "2.root.json timestamp.json");
	want(w, repo_sim_find(w->client, w->sim, "nobody", &target, &w->f), KE_NOENT);
	assert_true(trust_ready(w->client->trust));
	want(w, repo_sim_find(w->client, w->sim, "a/b.json", &target, &w->f), 0);
}

static void plain_repository_has_plain_names(void **state)
{
	struct world *w = *state;
	const struct tuf_target *target;
	repo_sim_client_free(w->client);
	repo_sim_free(w->sim);
	w->sim = repo_sim_new_plain();
	w->client = repo_sim_client_new(w->sim);
	repo_sim_target(w->sim, "targets", "a/b.json", "hello");
	repo_sim_publish(w->sim);
	refresh(w, 0);
	assert_string_equal(w->client->asked, "2.root.json timestamp.json snapshot.json targets.json");
	want(w, repo_sim_find(w->client, w->sim, "a/b.json", &target, &w->f), 0);
	struct buf name = BUF_INIT(512);
	assert_int_equal(trust_target_file(w->client->trust, target, &name), 0);
	assert_string_equal(buf_text(&name), "a/b.json");
	buf_free(&name);
}

static void stored_files_are_the_bytes_received(void **state)
{
	struct world *w = *state;
	struct repo_sim_file *ts = repo_sim_file(w->sim->metadata, "timestamp.json");
	char *spaced = malloc(ts->len + 1);
	size_t len = ts->len + 1;
	memcpy(spaced, ts->data, ts->len);
	spaced[ts->len] = ' ';
	repo_sim_put(&w->sim->metadata, "timestamp.json", spaced, len);
	refresh(w, 0);
	struct repo_sim_file *stored = repo_sim_file(w->client->cache, "timestamp.json");
	assert_int_equal(stored->len, len);
	assert_memory_equal(stored->data, spaced, len);
	free(spaced);
	size_t n = 0;
	for (struct repo_sim_file *file = w->client->cache; file; file = file->next)
		n++;
	assert_int_equal(n, 4);
}

/* ---- root ---- */

static void roots_are_followed_one_by_one(void **state)
{
	struct world *w = *state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(
		        release_expires(w->sim->release, "root", NOW + (100 + i) * REPO_SIM_DAY, &w->f), 0);
		repo_sim_publish(w->sim);
	}
	refresh(w, 0);
	assert_string_equal(w->client->asked, "2.root.json 3.root.json 4.root.json 5.root.json "
	                                      "timestamp.json 1.snapshot.json 1.targets.json");
	assert_int_equal(version(w, TUF_ROOT), 4);
}

static void set_version(struct cJSON *part, void *ctx)
{
	tree_set(part, "version", cJSON_CreateNumber(*(int *)ctx));
}

static const char *const root_keys[] = { "root-1", "root-2" };

/* 5.3.5: exactly the next version, whatever is signed. */
static void root_version_is_the_next(void **state)
{
	struct world *w = *state;
	static const struct {
		int version, code;
	} rows[] = { { 1, KE_ROLLBACK }, { 3, KE_MISMATCH }, { 2, KE_OK } };
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		int v = rows[i].version;
		struct repo_sim_file *one = repo_sim_file(w->sim->metadata, "1.root.json");
		repo_sim_put(&w->sim->metadata, "2.root.json", one->data, one->len);
		repo_sim_forge(w->sim, "2.root.json", root_keys, 2, set_version, &v);
		refresh(w, rows[i].code);
		assert_int_equal(version(w, TUF_ROOT), rows[i].code ? 1 : 2);
	}
}

static void swap_root_keys(struct world *w)
{
	struct release *r = w->sim->release;
	for (int i = 0; i < 2; i++) {
		static const char *const fresh[] = { "root-3", "root-4" };
		assert_int_equal(
		        release_key_add(r, "root", signkey_public(repo_sim_key(w->sim, fresh[i])), &w->f), 0);
		assert_int_equal(
		        release_key_drop(r, "root", signkey_id(repo_sim_key(w->sim, root_keys[i])), &w->f),
		        0);
	}
	repo_sim_publish(w->sim);
}

/* 5.3.4: the old threshold and the new one; each alone is not enough. */
static void new_root_needs_old_and_new_keys(void **state)
{
	struct world *w = *state;
	static const struct {
		const char *keys[4];
		size_t n;
		int code;
	} rows[] = {
		{ { "root-1", "root-2" }, 2, KE_SIGNATURE },
		{ { "root-3", "root-4" }, 2, KE_SIGNATURE },
		{ { "root-1", "root-3", "root-4" }, 3, KE_SIGNATURE },
		{ { "root-1", "root-2", "root-3" }, 3, KE_SIGNATURE },
		{ { "timestamp", "targets" }, 2, KE_SIGNATURE },
		{ { NULL }, 0, KE_SIGNATURE },
		{ { "root-1", "root-2", "root-3", "root-4" }, 4, KE_OK },
	};
	swap_root_keys(w);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		repo_sim_forge(w->sim, "2.root.json", rows[i].keys, rows[i].n, NULL, NULL);
		refresh(w, rows[i].code);
		assert_int_equal(version(w, TUF_ROOT), rows[i].code ? 1 : 2);
	}
}

static void first_root_signs_itself(void **state)
{
	struct world *w = *state;
	struct trust *t = NULL;
	repo_sim_forge(w->sim, "1.root.json", root_keys, 1, NULL, NULL);
	struct repo_sim_file *root = repo_sim_file(w->sim->metadata, "1.root.json");
	assert_int_equal(trust_new(root->data, root->len, &t, &w->f), KE_SIGNATURE);
	assert_int_equal(trust_new("{}", 2, &t, &w->f), KE_SCHEMA);
	assert_int_equal(trust_new("", 0, &t, &w->f), KE_SYNTAX);
	assert_null(t);
}

/* Expiry is asked of the last root only, and the roots on the way stay stored. */
static void only_the_last_root_must_not_be_expired(void **state)
{
	struct world *w = *state;
	int64_t late = REPO_SIM_NOW + 400 * (int64_t)REPO_SIM_DAY;
	w->sim->now = late;
	static const char *const roles[] = { "timestamp", "snapshot", "targets" };
	for (int i = 0; i < 3; i++)
		assert_int_equal(
		        release_expires(w->sim->release, roles[i], late + 30 * REPO_SIM_DAY, &w->f), 0);
	repo_sim_publish(w->sim);
	want(w, repo_sim_refresh(w->client, w->sim, late, &w->f), KE_EXPIRED);
	assert_string_equal(w->client->asked, "2.root.json");
	assert_int_equal(release_expires(w->sim->release, "root", late + 30 * REPO_SIM_DAY, &w->f), 0);
	repo_sim_publish(w->sim);
	want(w, repo_sim_refresh(w->client, w->sim, late, &w->f), 0);
	want(w, repo_sim_refresh(w->client, w->sim, late + 30 * REPO_SIM_DAY - 1, &w->f), 0);
	want(w, repo_sim_refresh(w->client, w->sim, late + 30 * REPO_SIM_DAY, &w->f), KE_EXPIRED);
	assert_int_equal(version(w, TUF_ROOT), 2);
}

static void chain_is_replayed_from_the_first_root(void **state)
{
	struct world *w = *state;
	swap_root_keys(w);
	struct repo_sim_file *one = repo_sim_file(w->sim->metadata, "1.root.json");
	struct repo_sim_file *two = repo_sim_file(w->sim->metadata, "2.root.json");
	struct trust *t;
	assert_int_equal(trust_new(one->data, one->len, &t, NULL), 0);
	assert_int_equal(trust_replay(t, one->data, one->len, NULL), KE_ROLLBACK);
	assert_int_equal(trust_replay(t, two->data, two->len, NULL), 0);
	assert_int_equal(trust_version(t, TUF_ROOT), 2);
	trust_free(t);
}

static void root_steps_are_limited(void **state)
{
	struct world *w = *state;
	for (int i = 0; i < TUF_ROOT_STEPS + 3; i++) {
		assert_int_equal(
		        release_expires(w->sim->release, "root", NOW + 100 * REPO_SIM_DAY + i, &w->f), 0);
		repo_sim_publish(w->sim);
	}
	refresh(w, 0);
	assert_int_equal(version(w, TUF_ROOT), TUF_ROOT_STEPS + 1);
	refresh(w, 0);
	assert_int_equal(version(w, TUF_ROOT), TUF_ROOT_STEPS + 4);
}

/* ---- timestamp, snapshot, targets ---- */

struct forgery {
	const char *role;
	const char *keys[3];
	size_t n;
	bool relist;
	int code;
	const char *remark;
};

static const struct forgery forgeries[] = {
	{ "timestamp", { NULL }, 0, false, KE_SIGNATURE, "unsigned timestamp" },
	{ "timestamp", { "snapshot" }, 1, false, KE_SIGNATURE, "timestamp by the snapshot's key" },
	{ "timestamp", { "root-1", "root-2" }, 2, false, KE_SIGNATURE, "timestamp by the root's keys" },
	{ "timestamp", { "timestamp", "stranger" }, 2, false, KE_OK,
	        "a stranger's signature besides is ignored" },
	{ "snapshot", { NULL }, 0, true, KE_SIGNATURE, "unsigned snapshot" },
	{ "snapshot", { "timestamp" }, 1, true, KE_SIGNATURE, "snapshot by the timestamp's key" },
	{ "targets", { NULL }, 0, true, KE_SIGNATURE, "unsigned targets" },
	{ "targets", { "snapshot" }, 1, true, KE_SIGNATURE, "targets by the snapshot's key" },
	{ "targets", { "targets", "stranger" }, 2, true, KE_OK, "a stranger's signature besides is ignored" },
	{ "targets", { "targets", "stranger" }, 2, false, KE_TOOBIG,
	        "good signatures, but more bytes than are listed" },
};

static void relist_timestamp(struct world *w);

static void forgeries_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof forgeries / sizeof forgeries[0]; i++) {
		const struct forgery *row = &forgeries[i];
		struct world *w;
		char name[TUF_FILE_ROOM];
		world_make((void **)&w);
		repo_sim_name(w->sim, row->role, name);
		if (row->relist && strcmp(row->role, "targets") == 0) {
			repo_sim_forge(w->sim, name, row->keys, row->n, NULL, NULL);
			repo_sim_relist(w->sim);
		} else {
			repo_sim_forge(w->sim, name, row->keys, row->n, NULL, NULL);
			if (row->relist)
				relist_timestamp(w);
		}
		int rc = repo_sim_refresh(w->client, w->sim, NOW, &w->f);
		if (rc != row->code)
			fail_msg("%s: %s, %s", row->remark, err_name(rc), w->f.what);
		if (rc)
			assert_non_null(strstr(w->f.where, row->role));
		world_free((void **)&w);
	}
}

static void list_snapshot(struct cJSON *part, void *ctx)
{
	cJSON *entry = cJSON_GetObjectItemCaseSensitive(
	        cJSON_GetObjectItemCaseSensitive(part, "meta"), "snapshot.json");
	(void)ctx;
	cJSON_DeleteItemFromObjectCaseSensitive(entry, "length");
	cJSON_DeleteItemFromObjectCaseSensitive(entry, "hashes");
}

/* The timestamp lists the snapshot by version only. */
static void relist_timestamp(struct world *w)
{
	repo_sim_forge(
	        w->sim, "timestamp.json", (const char *const[]){ "timestamp" }, 1, list_snapshot, NULL);
}

static void older_timestamp_is_refused(void **state)
{
	struct world *w = *state;
	struct repo_sim_file *old = repo_sim_files_copy(w->sim->metadata);
	repo_sim_renew(w->sim);
	refresh(w, 0);
	assert_int_equal(version(w, TUF_TIMESTAMP), 2);
	struct repo_sim_file *ts = repo_sim_file(old, "timestamp.json");
	repo_sim_put(&w->sim->metadata, "timestamp.json", ts->data, ts->len);
	refresh(w, KE_ROLLBACK);
	want(w, repo_sim_refresh_again(w->client, w->sim, NOW, &w->f), KE_ROLLBACK);
	assert_int_equal(version(w, TUF_TIMESTAMP), 2);
	repo_sim_files_free(&old);
}

static void set_snapshot_version(struct cJSON *part, void *ctx)
{
	cJSON *entry = cJSON_GetObjectItemCaseSensitive(
	        cJSON_GetObjectItemCaseSensitive(part, "meta"), "snapshot.json");
	tree_set(part, "version", cJSON_CreateNumber(((int *)ctx)[0]));
	tree_set(entry, "version", cJSON_CreateNumber(((int *)ctx)[1]));
}

/* 5.4.3.2: a newer timestamp that names an older snapshot. */
static void timestamp_does_not_take_the_snapshot_back(void **state)
{
	struct world *w = *state;
	repo_sim_target(w->sim, "targets", "a", "1");
	repo_sim_publish(w->sim);
	refresh(w, 0);
	repo_sim_forge(w->sim, "timestamp.json", (const char *const[]){ "timestamp" }, 1,
	        set_snapshot_version, (int[]){ 3, 1 });
	refresh(w, KE_ROLLBACK);
	assert_int_equal(version(w, TUF_SNAPSHOT), 0);
	struct repo_sim_file *kept = repo_sim_file(w->client->cache, "timestamp.json");
	assert_non_null(strstr(kept->data, "\"version\": 2"));
}

/* tough CVE-2025-2888: a snapshot that could not be fetched must not block the client until the next timestamp. */
static void failed_snapshot_is_fetched_again(void **state)
{
	struct world *w = *state;
	refresh(w, 0);
	repo_sim_target(w->sim, "targets", "a", "1");
	repo_sim_publish(w->sim);
	struct repo_sim_file *good = repo_sim_files_copy(w->sim->metadata);
	repo_sim_put(&w->sim->metadata, "2.snapshot.json", NULL, 0);
	refresh(w, KE_NOENT);
	assert_int_equal(version(w, TUF_TIMESTAMP), 2);
	repo_sim_files_free(&w->sim->metadata);
	w->sim->metadata = good;
	refresh(w, 0);
	assert_string_equal(w->client->asked, "2.root.json timestamp.json 2.snapshot.json 2.targets.json");
}

static void expiry_is_asked_of_every_role(void **state)
{
	static const struct {
		int days;
		const char *role;
	} rows[] = { { 7, "timestamp" }, { 30, "snapshot" }, { 90, "targets" }, { 365, "root" } };
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct world *w;
		world_make((void **)&w);
		int64_t end = REPO_SIM_NOW + rows[i].days * (int64_t)REPO_SIM_DAY;
		/* Everything but the role in question lives on. */
		for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++)
			if (k != i)
				assert_int_equal(release_expires(w->sim->release, rows[k].role,
				                         end + 400 * (int64_t)REPO_SIM_DAY, &w->f),
				        0);
		repo_sim_publish(w->sim);
		want(w, repo_sim_refresh(w->client, w->sim, end - 1, &w->f), 0);
		int rc = repo_sim_refresh(w->client, w->sim, end, &w->f);
		assert_int_equal(rc, KE_EXPIRED);
		assert_non_null(strstr(w->f.where, rows[i].role));
		world_free((void **)&w);
	}
}

static void edit_meta(struct cJSON *part, void *ctx)
{
	const char *what = ctx;
	cJSON *meta = cJSON_GetObjectItemCaseSensitive(part, "meta");
	cJSON *entry = cJSON_GetObjectItemCaseSensitive(meta, "a.json");
	tree_set(part, "version", cJSON_CreateNumber(3));
	if (strcmp(what, "drop") == 0)
		cJSON_DeleteItemFromObjectCaseSensitive(meta, "a.json");
	else
		tree_set(entry, "version", cJSON_CreateNumber(strcmp(what, "back") == 0 ? 1 : 3));
}

/* 5.5.5: no entry of the snapshot vanishes or goes back. */
static void snapshot_entries_stay(void **state)
{
	static const struct {
		const char *what;
		int code;
	} rows[] = { { "drop", KE_ROLLBACK }, { "back", KE_ROLLBACK }, { "forward", KE_OK } };
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct world *w;
		world_make((void **)&w);
		repo_sim_delegate(w->sim, "targets", "a", "a/*", false);
		repo_sim_publish(w->sim);
		repo_sim_target(w->sim, "a", "a/1", "1");
		repo_sim_publish(w->sim);
		refresh(w, 0);
		struct repo_sim_file *snap = repo_sim_file(w->sim->metadata, "3.snapshot.json");
		assert_non_null(snap);
		repo_sim_put(&w->sim->metadata, "4.snapshot.json", snap->data, snap->len);
		char what[16];
		snprintf(what, sizeof what, "%s", rows[i].what);
		repo_sim_forge(
		        w->sim, "4.snapshot.json", (const char *const[]){ "snapshot" }, 1, edit_meta, what);
		int four = 4;
		repo_sim_forge(w->sim, "4.snapshot.json", (const char *const[]){ "snapshot" }, 1, set_version,
		        &four);
		relist_timestamp(w);
		repo_sim_forge(w->sim, "timestamp.json", (const char *const[]){ "timestamp" }, 1,
		        set_snapshot_version, (int[]){ 4, 4 });
		refresh(w, rows[i].code);
		world_free((void **)&w);
	}
}

static void listed_version_is_the_version(void **state)
{
	struct world *w = *state;
	int two = 2;
	repo_sim_forge(w->sim, "1.targets.json", (const char *const[]){ "targets" }, 1, set_version, &two);
	repo_sim_relist(w->sim);
	refresh(w, KE_MISMATCH);
	assert_int_equal(version(w, TUF_TARGETS), 0);
}

/* ---- fast-forward recovery ---- */

static void fast_forward(struct world *w, int rotate)
{
	refresh(w, 0);
	/* The attacker, with the timestamp's and snapshot's keys, lets everything jump ahead. */
	struct repo_sim_file *honest = repo_sim_files_copy(w->sim->metadata);
	struct repo_sim_file *snap = repo_sim_file(w->sim->metadata, "1.snapshot.json");
	repo_sim_put(&w->sim->metadata, "900.snapshot.json", snap->data, snap->len);
	int v = 900;
	repo_sim_forge(w->sim, "900.snapshot.json", (const char *const[]){ "snapshot" }, 1, set_version, &v);
	relist_timestamp(w);
	repo_sim_forge(w->sim, "timestamp.json", (const char *const[]){ "timestamp" }, 1,
	        set_snapshot_version, (int[]){ 900, 900 });
	refresh(w, 0);
	repo_sim_files_free(&w->sim->metadata);
	w->sim->metadata = honest;
	refresh(w, KE_ROLLBACK);
	/* Root takes the stolen keys away. Bit 1 rotates the timestamp's key, bit 2 the snapshot's. */
	static const char *const roles[] = { "timestamp", "snapshot" }, *const fresh[] = { "ts-2", "snap-2" };
	for (int i = 0; i < 2; i++) {
		if (!(rotate & (1 << i)))
			continue;
		assert_int_equal(release_key_add(w->sim->release, roles[i],
		                         signkey_public(repo_sim_key(w->sim, fresh[i])), &w->f),
		        0);
		assert_int_equal(release_key_drop(w->sim->release, roles[i],
		                         signkey_id(repo_sim_key(w->sim, roles[i])), &w->f),
		        0);
	}
	repo_sim_publish(w->sim);
	refresh(w, 0);
	assert_int_equal(version(w, TUF_TIMESTAMP), 2);
}

static void rotated_keys_undo_a_fast_forward(void **state)
{
	(void)state;
	for (int rotate = 1; rotate <= 3; rotate++) {
		struct world *w;
		world_make((void **)&w);
		fast_forward(w, rotate);
		world_free((void **)&w);
	}
}

/* The old files go before the root that rotates is stored. */
static void drop_comes_before_the_new_root(void **state)
{
	struct world *w = *state;
	char order[256] = "";
	refresh(w, 0);
	assert_int_equal(release_key_add(w->sim->release, "timestamp",
	                         signkey_public(repo_sim_key(w->sim, "t2")), &w->f),
	        0);
	assert_int_equal(release_key_drop(w->sim->release, "timestamp",
	                         signkey_id(repo_sim_key(w->sim, "timestamp")), &w->f),
	        0);
	repo_sim_publish(w->sim);
	struct trust_request req;
	struct repo_sim_file *two = repo_sim_file(w->sim->metadata, "2.root.json");
	trust_begin(w->client->trust, NOW);
	assert_int_equal(trust_next(w->client->trust, &req, NULL), 0);
	assert_string_equal(req.file, "2.root.json");
	assert_int_equal(trust_give(w->client->trust, two->data, two->len, NULL), 0);
	assert_int_equal(trust_give(w->client->trust, two->data, two->len, NULL), KE_USAGE);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(trust_next(w->client->trust, &req, NULL), 0);
		size_t n = strlen(order);
		snprintf(order + n, sizeof order - n, "%s%s ", req.ask == TRUST_DROP ? "-" : "+", req.file);
	}
	assert_string_equal(order, "-timestamp.json -snapshot.json +root.json ");
}

/* ---- local copies ---- */

static void broken_cache_is_like_no_cache(void **state)
{
	static const char *const files[] = { "timestamp.json", "snapshot.json", "targets.json" };
	struct world *w = *state;
	for (size_t i = 0; i < 3; i++) {
		refresh(w, 0);
		repo_sim_put(&w->client->cache, files[i], "garbage", 7);
		refresh(w, 0);
		repo_sim_put(&w->client->cache, files[i], NULL, 0);
		refresh(w, 0);
		assert_non_null(repo_sim_file(w->client->cache, files[i]));
	}
	repo_sim_put(&w->client->cache, "root.json", "garbage", 7);
	assert_int_equal(repo_sim_refresh(w->client, w->sim, NOW, &w->f), KE_SYNTAX);
	assert_string_equal(w->client->asked, "");
}

/* A local timestamp counts for the rollback check although it is expired. */
static void expired_local_timestamp_still_guards(void **state)
{
	struct world *w = *state;
	struct repo_sim_file *old = repo_sim_files_copy(w->sim->metadata);
	repo_sim_renew(w->sim);
	refresh(w, 0);
	struct repo_sim_file *ts = repo_sim_file(old, "timestamp.json");
	repo_sim_put(&w->sim->metadata, "timestamp.json", ts->data, ts->len);
	want(w, repo_sim_refresh(w->client, w->sim, NOW + 20 * REPO_SIM_DAY, &w->f), KE_ROLLBACK);
	repo_sim_files_free(&old);
}

static void caps_hold(void **state)
{
	struct world *w = *state;
	static const struct {
		const char *name;
		size_t size;
	} rows[] = { { "2.root.json", TUF_ROOT_MAX + 1 }, { "timestamp.json", TUF_TIMESTAMP_MAX + 1 } };
	for (size_t i = 0; i < 2; i++) {
		struct repo_sim_file *good = repo_sim_files_copy(w->sim->metadata);
		char *big = malloc(rows[i].size);
		memset(big, ' ', rows[i].size);
		repo_sim_put(&w->sim->metadata, rows[i].name, big, rows[i].size);
		refresh(w, KE_TOOBIG);
		free(big);
		repo_sim_files_free(&w->sim->metadata);
		w->sim->metadata = good;
	}
	/* A listed length is the cap: one byte more is refused before anything is hashed. */
	struct repo_sim_file *snap = repo_sim_file(w->sim->metadata, "1.snapshot.json");
	char *more = calloc(1, snap->len + 1);
	memcpy(more, snap->data, snap->len);
	more[snap->len] = '\n';
	repo_sim_put(&w->sim->metadata, "1.snapshot.json", more, snap->len + 1);
	refresh(w, KE_TOOBIG);
	free(more);
}

/* ---- the sweep ---- */

/* The canonical form of the signed part of LEN bytes of DATA, or NULL. */
static char *meaning(const char *data, size_t len)
{
	struct envelope *env;
	struct buf out = BUF_INIT(TUF_META_MAX);
	char *text = NULL;
	if (envelope_open(data, len, &env, NULL))
		return NULL;
	assert_int_equal(canon_write(envelope_claims(env).node, &out), 0);
	assert_int_equal(buf_take(&out, &text, NULL), 0);
	envelope_free(env);
	return text;
}

/* What a client with an empty cache stores of a repository where one byte of FILE is changed. BEFORE is what it has
 * stored under that name already (NULL: nothing). White space, the case of a signature's digits and the names of unknown
 * members are nobody's statement: bytes that mean the same may be adopted where no hash is listed, nothing else. */
static void flip_one(struct world *w, const char *file, const char *cached, size_t at, const char *same,
        const struct repo_sim_file *before, bool hashed)
{
	struct repo_sim_client *client = repo_sim_client_new(w->sim);
	int rc = repo_sim_refresh(client, w->sim, NOW, &w->f);
	struct repo_sim_file *stored = repo_sim_file(client->cache, cached);
	if (rc == 0) {
		char *got = stored ? meaning(stored->data, stored->len) : NULL;
		if (hashed || !got || strcmp(got, same) != 0)
			fail_msg("%s: byte %zu flipped and adopted", file, at);
		free(got);
	} else if (before ? stored->len != before->len || memcmp(stored->data, before->data, before->len) != 0
	                  : stored != NULL) {
		fail_msg("%s: byte %zu flipped, refused, and stored", file, at);
	}
	repo_sim_client_free(client);
}

static void flip_sweep(struct world *w, const char *file, const char *cached, const char *before, bool hashed)
{
	static const unsigned char masks[] = { 0x01, 0x20, 0x80 };
	struct repo_sim_file *good = repo_sim_file(w->sim->metadata, file);
	char *same = meaning(good->data, good->len);
	assert_non_null(same);
	for (size_t i = 0; i < good->len; i++) {
		char keep = good->data[i];
		good->data[i] = (char)(keep ^ masks[i % 3]);
		flip_one(w, file, cached, i, same, before ? repo_sim_file(w->sim->metadata, before) : NULL,
		        hashed);
		good->data[i] = keep;
	}
	free(same);
}

/* Each byte of each file, one at a time. */
static void no_flipped_byte_is_adopted(void **state)
{
	struct world *w = *state;
	flip_sweep(w, "timestamp.json", "timestamp.json", NULL, false);
	flip_sweep(w, "1.snapshot.json", "snapshot.json", NULL, true);
	flip_sweep(w, "1.targets.json", "targets.json", NULL, true);
	assert_int_equal(release_expires(w->sim->release, "root", NOW + 300 * REPO_SIM_DAY, &w->f), 0);
	repo_sim_publish(w->sim);
	flip_sweep(w, "2.root.json", "root.json", "1.root.json", false);
}

#define T(name) cmocka_unit_test_setup_teardown(name, world_make, world_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(first_refresh_asks_in_order),
		T(plain_repository_has_plain_names),
		T(stored_files_are_the_bytes_received),
		T(roots_are_followed_one_by_one),
		T(root_version_is_the_next),
		T(new_root_needs_old_and_new_keys),
		T(first_root_signs_itself),
		T(only_the_last_root_must_not_be_expired),
		T(chain_is_replayed_from_the_first_root),
		T(root_steps_are_limited),
		cmocka_unit_test(forgeries_are_refused),
		T(older_timestamp_is_refused),
		T(timestamp_does_not_take_the_snapshot_back),
		T(failed_snapshot_is_fetched_again),
		cmocka_unit_test(expiry_is_asked_of_every_role),
		cmocka_unit_test(snapshot_entries_stay),
		T(listed_version_is_the_version),
		cmocka_unit_test(rotated_keys_undo_a_fast_forward),
		T(drop_comes_before_the_new_root),
		T(broken_cache_is_like_no_cache),
		T(expired_local_timestamp_still_guards),
		T(caps_hold),
		T(no_flipped_byte_is_adopted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
