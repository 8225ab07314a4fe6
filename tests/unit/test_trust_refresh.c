/* Every rule of the refresh, TUF 5.3 to 5.6, and one case per public advisory. */
#include "proto/strict.h"
#include "tests/support/trust_world.h"

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
	/* The three of this refresh do not count in the next one. */
	for (int i = 0; i < TUF_ROOT_STEPS + 1; i++) {
		assert_int_equal(
		        release_expires(w->sim->release, "root", NOW + 101 * REPO_SIM_DAY + i, &w->f), 0);
		repo_sim_publish(w->sim);
	}
	want(w, repo_sim_refresh_again(w->client, w->sim, NOW, &w->f), 0);
	assert_int_equal(version(w, TUF_ROOT), 2 * TUF_ROOT_STEPS + 4);
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

/* ---- the ends of the ranges ---- */

static void set_last_version(struct cJSON *part, void *ctx)
{
	tree_set(part, "version", cJSON_CreateNumber((double)(STRICT_INT_MAX - *(int *)ctx)));
}

/* Behind the last version that JSON can say there is none to ask for. */
static void root_versions_end(void **state)
{
	struct world *w = *state;
	int one = 1, none = 0;
	char name[TUF_FILE_ROOM];
	struct repo_sim_file *root = repo_sim_file(w->sim->metadata, "1.root.json");
	tuf_file_name("root", STRICT_INT_MAX, name);
	repo_sim_put(&w->sim->metadata, name, root->data, root->len);
	repo_sim_forge(w->sim, name, root_keys, 2, set_last_version, &none);
	repo_sim_forge(w->sim, "1.root.json", root_keys, 2, set_last_version, &one);
	repo_sim_client_free(w->client);
	w->client = repo_sim_client_new(w->sim);
	refresh(w, 0);
	assert_string_equal(
	        w->client->asked, "9007199254740991.root.json timestamp.json 1.snapshot.json 1.targets.json");
}

static void drop_targets(struct cJSON *part, void *ctx)
{
	(void)ctx;
	cJSON_DeleteItemFromObjectCaseSensitive(
	        cJSON_GetObjectItemCaseSensitive(part, "meta"), "targets.json");
}

static void snapshot_must_list_the_targets(void **state)
{
	struct world *w = *state;
	repo_sim_forge(w->sim, "1.snapshot.json", (const char *const[]){ "snapshot" }, 1, drop_targets, NULL);
	relist_timestamp(w);
	repo_sim_put(&w->sim->metadata, "targets.json", "{}", 2);
	refresh(w, KE_UNTRUSTED);
	assert_string_equal(w->client->asked, "2.root.json timestamp.json 1.snapshot.json targets.json");
	assert_null(repo_sim_file(w->client->cache, "targets.json"));
	assert_null(trust_targets(w->client->trust));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(roots_are_followed_one_by_one),
		T(root_version_is_the_next),
		T(new_root_needs_old_and_new_keys),
		T(only_the_last_root_must_not_be_expired),
		T(root_steps_are_limited),
		cmocka_unit_test(forgeries_are_refused),
		T(older_timestamp_is_refused),
		T(timestamp_does_not_take_the_snapshot_back),
		T(failed_snapshot_is_fetched_again),
		cmocka_unit_test(expiry_is_asked_of_every_role),
		cmocka_unit_test(snapshot_entries_stay),
		T(listed_version_is_the_version),
		T(root_versions_end),
		T(snapshot_must_list_the_targets),
		cmocka_unit_test(rotated_keys_undo_a_fast_forward),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
