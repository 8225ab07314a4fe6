/* The trusted set as a machine: what it asks for in which order, what is stored, and what it does with local copies. */
#include "proto/trust_state.h"
#include "tests/support/trust_world.h"

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

/* ---- the first root ---- */

static void first_root_signs_itself(void **state)
{
	struct world *w = *state;
	struct trust *t = NULL;
	repo_sim_forge(w->sim, "1.root.json", root_keys, 1, NULL, NULL);
	struct repo_sim_file *root = repo_sim_file(w->sim->metadata, "1.root.json");
	assert_int_equal(trust_new(root->data, root->len, &t, &w->f), KE_SIGNATURE);
	assert_int_equal(trust_new("{}", 2, &t, &w->f), KE_SCHEMA);
	assert_string_equal(w->f.where, "trusted root: (document)");
	assert_int_equal(trust_new("", 0, &t, &w->f), KE_SYNTAX);
	char *big = malloc(TUF_ROOT_MAX + 1);
	memset(big, ' ', TUF_ROOT_MAX + 1);
	assert_int_equal(trust_new(big, TUF_ROOT_MAX + 1, &t, &w->f), KE_TOOBIG);
	assert_int_equal(trust_new(big, TUF_ROOT_MAX, &t, &w->f), KE_SYNTAX);
	free(big);
	assert_null(t);
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

/* What an earlier refresh had still to tell is not told by the next one: its first question is its own. */
static void a_new_refresh_asks_first(void **state)
{
	struct world *w = *state;
	struct trust_request req;
	struct trust *t;
	swap_root_keys(w);
	struct repo_sim_file *one = repo_sim_file(w->sim->metadata, "1.root.json");
	struct repo_sim_file *two = repo_sim_file(w->sim->metadata, "2.root.json");
	assert_int_equal(trust_new(one->data, one->len, &t, NULL), 0);
	trust_begin(t, NOW);
	assert_int_equal(trust_next(t, &req, NULL), 0);
	assert_int_equal(trust_give(t, two->data, two->len, NULL), 0);
	trust_begin(t, NOW);
	assert_int_equal(trust_next(t, &req, NULL), 0);
	assert_int_equal(req.ask, TRUST_FETCH);
	assert_string_equal(req.file, "3.root.json");
	trust_free(t);
}

/* The fault names the file that is to blame: the last root when it is too old, the next one when it is wrong. */
static void faults_name_the_file(void **state)
{
	static const struct {
		const char
		        *file; /* replaced by garbage; NULL: a version that is not the next, 0 days later */
		int days, code;
		const char *where, *remark;
	} rows[] = {
		{ NULL, 400, KE_EXPIRED, "root.json", "the last root is too old" },
		{ "2.root.json", 0, KE_SYNTAX, "2.root.json: line 1", "the next root is none" },
		{ "timestamp.json", 0, KE_SYNTAX, "timestamp.json: line 1", "no timestamp" },
		{ NULL, 0, KE_MISMATCH, "2.root.json", "the next root but one" },
		{ NULL, 20, KE_MISMATCH, "2.root.json", "the same later" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct world *w;
		int v = 3;
		world_make((void **)&w);
		if (rows[i].file)
			repo_sim_put(&w->sim->metadata, rows[i].file, "x", 1);
		if (rows[i].code == KE_MISMATCH) {
			struct repo_sim_file *one = repo_sim_file(w->sim->metadata, "1.root.json");
			repo_sim_put(&w->sim->metadata, "2.root.json", one->data, one->len);
			repo_sim_forge(w->sim, "2.root.json", root_keys, 2, set_version, &v);
		}
		int rc = repo_sim_refresh(
		        w->client, w->sim, NOW + rows[i].days * (int64_t)REPO_SIM_DAY, &w->f);
		if (rc != rows[i].code || strncmp(w->f.where, rows[i].where, strlen(rows[i].where)) != 0)
			fail_msg("%s: %s at %s", rows[i].remark, err_name(rc), w->f.where);
		world_free((void **)&w);
	}
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

/* A copy that is larger than any that was adopted is no copy. */
static void large_local_copy_is_like_none(void **state)
{
	struct world *w = *state;
	refresh(w, 0);
	struct repo_sim_file *ts = repo_sim_file(w->client->cache, "timestamp.json");
	char *big = malloc(TUF_TIMESTAMP_MAX + 1);
	memset(big, ' ', TUF_TIMESTAMP_MAX + 1);
	memcpy(big, ts->data, ts->len);
	for (size_t size = TUF_TIMESTAMP_MAX; size <= TUF_TIMESTAMP_MAX + 1; size++) {
		repo_sim_put(&w->client->cache, "timestamp.json", big, size);
		refresh(w, 0);
		/* Taken as it is, or replaced by the one that is served. */
		ts = repo_sim_file(w->client->cache, "timestamp.json");
		assert_int_equal(ts->len == size, size == TUF_TIMESTAMP_MAX);
	}
	free(big);
}

/* ---- the machine ---- */

static void answers_want_a_question(void **state)
{
	struct world *w = *state;
	struct repo_sim_file *root = repo_sim_file(w->sim->metadata, "1.root.json");
	const struct tuf_target *target;
	struct trust_request req;
	struct trust *t;
	repo_sim_delegate(w->sim, "targets", "a", "*", false);
	repo_sim_publish(w->sim);
	assert_int_equal(trust_new(root->data, root->len, &t, NULL), 0);
	w->client->trust = t;
	/* Before the first refresh. */
	assert_int_equal(trust_give(t, "x", 1, NULL), KE_USAGE);
	assert_int_equal(trust_find(t, "a", &w->f), KE_UNTRUSTED);
	assert_int_equal(trust_next(t, &req, NULL), 0);
	assert_int_equal(req.ask, TRUST_DONE);
	/* After one. */
	want(w, repo_sim_refresh_again(w->client, w->sim, NOW, &w->f), 0);
	assert_int_equal(trust_give(t, NULL, 0, &w->f), KE_USAGE);
	assert_int_equal(trust_target(t, &target), KE_NOENT);
	/* In a search, before anybody knows what it wants to see. */
	assert_int_equal(trust_find(t, "a", NULL), 0);
	assert_int_equal(trust_give(t, NULL, 0, NULL), KE_USAGE);
	assert_int_equal(trust_find(t, "b", NULL), KE_UNTRUSTED);
	assert_int_equal(trust_next(t, &req, NULL), 0);
	assert_int_equal(req.ask, TRUST_LOAD);
	assert_string_equal(req.file, "a.json");
	assert_string_equal(req.role, "a");
	assert_int_equal(trust_give(t, NULL, 0, NULL), 0);
	assert_int_equal(trust_next(t, &req, NULL), 0);
	assert_int_equal(req.ask, TRUST_FETCH);
	assert_string_equal(req.file, "1.a.json");
	assert_int_equal(req.max, repo_sim_file(w->sim->metadata, "1.a.json")->len);
	assert_int_equal(trust_give(t, NULL, 0, NULL), KE_NOENT);
	/* That ended the search, not the refresh. */
	assert_int_equal(trust_give(t, NULL, 0, NULL), KE_USAGE);
	assert_true(trust_ready(t));
}

static void a_failure_is_repeated_until_the_next_begin(void **state)
{
	struct world *w = *state;
	struct trust_request req = { .ask = TRUST_STORE };
	struct fault f = { 0 };
	repo_sim_put(&w->sim->metadata, "timestamp.json", "{}", 2);
	refresh(w, KE_SCHEMA);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(trust_next(w->client->trust, &req, &f), KE_SCHEMA);
		assert_string_equal(f.where, "timestamp.json: (document)");
		assert_string_equal(f.what, "member 'signed' is missing");
		assert_int_equal(trust_next(w->client->trust, &req, NULL), KE_SCHEMA);
		assert_int_equal(req.ask, TRUST_STORE);
		assert_int_equal(trust_give(w->client->trust, "{}", 2, &f), KE_USAGE);
	}
	assert_null(trust_targets(w->client->trust));
	assert_int_equal(trust_find(w->client->trust, "a", NULL), KE_UNTRUSTED);
	repo_sim_renew(w->sim);
	want(w, repo_sim_refresh_again(w->client, w->sim, NOW, &w->f), 0);
	/* Nothing that an earlier refresh promised outlives a new one that fails. */
	repo_sim_put(&w->sim->metadata, "timestamp.json", NULL, 0);
	want(w, repo_sim_refresh_again(w->client, w->sim, NOW, NULL), KE_NOENT);
	assert_false(trust_ready(w->client->trust));
	assert_null(trust_targets(w->client->trust));
	assert_int_equal(trust_find(w->client->trust, "a", NULL), KE_UNTRUSTED);
}

/* What each question says: whom, which file, how much of it. */
static void questions_say_what_is_wanted(void **state)
{
	struct world *w = *state;
	static const struct {
		enum trust_ask ask;
		const char *role, *file, *served;
		size_t max; /* 0: the length that is listed */
	} rows[] = {
		{ TRUST_FETCH, "root", "2.root.json", NULL, TUF_ROOT_MAX },
		{ TRUST_LOAD, "timestamp", "timestamp.json", NULL, TUF_TIMESTAMP_MAX },
		{ TRUST_FETCH, "timestamp", "timestamp.json", "timestamp.json", TUF_TIMESTAMP_MAX },
		{ TRUST_STORE, "timestamp", "timestamp.json", "timestamp.json", 0 },
		{ TRUST_LOAD, "snapshot", "snapshot.json", NULL, TUF_META_MAX },
		{ TRUST_FETCH, "snapshot", "1.snapshot.json", "1.snapshot.json", 0 },
		{ TRUST_STORE, "snapshot", "snapshot.json", "1.snapshot.json", 0 },
		{ TRUST_LOAD, "targets", "targets.json", NULL, 0 },
		{ TRUST_FETCH, "targets", "1.targets.json", "1.targets.json", 0 },
		{ TRUST_STORE, "targets", "targets.json", "1.targets.json", 0 },
		{ TRUST_DONE, NULL, "", NULL, 0 },
	};
	struct repo_sim_file *root = repo_sim_file(w->sim->metadata, "1.root.json");
	struct trust *t;
	assert_int_equal(trust_new(root->data, root->len, &t, NULL), 0);
	trust_begin(t, NOW);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct trust_request req;
		struct repo_sim_file *file =
		        rows[i].served ? repo_sim_file(w->sim->metadata, rows[i].served) : NULL;
		assert_int_equal(trust_next(t, &req, NULL), 0);
		assert_int_equal(req.ask, rows[i].ask);
		assert_string_equal(req.file, rows[i].file);
		if (rows[i].role)
			assert_string_equal(req.role, rows[i].role);
		if (req.ask == TRUST_STORE) {
			assert_int_equal(req.max, 0);
			assert_int_equal(req.len, file->len);
			assert_memory_equal(req.data, file->data, file->len);
			continue;
		}
		if (rows[i].max || (file && req.ask == TRUST_FETCH))
			assert_int_equal(req.max, rows[i].max ? rows[i].max : file->len);
		assert_int_equal(trust_ready(t), req.ask == TRUST_DONE);
		if (req.ask != TRUST_DONE)
			assert_int_equal(
			        trust_give(t, file ? file->data : NULL, file ? file->len : 0, NULL), 0);
	}
	trust_free(t);
}

/* In the same process nothing is asked that is known: what was verified stays, but is verified again. */
static void a_second_refresh_asks_for_news_only(void **state)
{
	struct world *w = *state;
	static const char *const asked[] = { "2.root.json", "timestamp.json" };
	struct repo_sim_file *ts = repo_sim_file(w->sim->metadata, "timestamp.json");
	struct trust_request req;
	refresh(w, 0);
	const struct tuf_targets *before = trust_targets(w->client->trust);
	trust_begin(w->client->trust, NOW);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(trust_next(w->client->trust, &req, NULL), 0);
		assert_int_equal(req.ask, TRUST_FETCH);
		assert_string_equal(req.file, asked[i]);
		assert_null(trust_targets(w->client->trust));
		assert_int_equal(trust_give(w->client->trust, i ? ts->data : NULL, i ? ts->len : 0, NULL), 0);
	}
	assert_int_equal(trust_next(w->client->trust, &req, NULL), 0);
	assert_int_equal(req.ask, TRUST_DONE);
	assert_ptr_equal(trust_targets(w->client->trust), before);
}

/* A new root takes the targets' key away: what this process has verified itself counts no more. */
static void what_is_in_memory_is_verified_again(void **state)
{
	struct world *w = *state;
	struct release *r = w->sim->release;
	refresh(w, 0);
	struct repo_sim_file *stale = repo_sim_files_copy(w->sim->metadata);
	assert_int_equal(release_key_add(r, "targets", signkey_public(repo_sim_key(w->sim, "t2")), NULL), 0);
	assert_int_equal(
	        release_key_drop(r, "targets", signkey_id(repo_sim_key(w->sim, "targets")), NULL), 0);
	repo_sim_publish(w->sim);
	struct repo_sim_file *two = repo_sim_file(w->sim->metadata, "2.root.json");
	repo_sim_put(&stale, "2.root.json", two->data, two->len);
	repo_sim_files_free(&w->sim->metadata);
	w->sim->metadata = stale;
	want(w, repo_sim_refresh_again(w->client, w->sim, NOW, &w->f), KE_SIGNATURE);
	assert_string_equal(w->client->asked, "2.root.json 3.root.json timestamp.json 1.targets.json");
	assert_int_equal(version(w, TUF_TARGETS), 0);
}

static void unlisted_lengths_have_their_own_caps(void **state)
{
	static const struct {
		int64_t length;
		size_t cap;
	} rows[] = { { -1, 77 }, { 0, 0 }, { 5, 5 }, { TUF_META_MAX, TUF_META_MAX },
		{ TUF_META_MAX + 1, TUF_META_MAX }, { INT64_MAX, TUF_META_MAX } };
	(void)state;
	assert_int_equal(trust_cap(NULL, 77), 77);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_int_equal(trust_cap(&(struct tuf_meta){ .length = rows[i].length }, 77), rows[i].cap);
}

static void drop_lengths(struct cJSON *part, void *ctx)
{
	(void)ctx;
	for (cJSON *m = cJSON_GetObjectItemCaseSensitive(part, "meta")->child; m; m = m->next) {
		cJSON_DeleteItemFromObjectCaseSensitive(m, "length");
		cJSON_DeleteItemFromObjectCaseSensitive(m, "hashes");
	}
}

/* Neither timestamp nor snapshot list a length: each role has its own cap then. */
static void caps_of_unlisted_files_differ(void **state)
{
	struct world *w = *state;
	static const struct {
		const char *file, *served;
		size_t max;
	} rows[] = { { "2.root.json", NULL, TUF_ROOT_MAX },
		{ "timestamp.json", "timestamp.json", TUF_TIMESTAMP_MAX },
		{ "1.snapshot.json", "1.snapshot.json", TUF_SNAPSHOT_MAX },
		{ "1.targets.json", "1.targets.json", TUF_TARGETS_MAX } };
	struct repo_sim_file *root = repo_sim_file(w->sim->metadata, "1.root.json");
	size_t fetched = 0;
	struct trust *t;
	repo_sim_forge(w->sim, "1.snapshot.json", (const char *const[]){ "snapshot" }, 1, drop_lengths, NULL);
	relist_timestamp(w);
	assert_int_equal(trust_new(root->data, root->len, &t, NULL), 0);
	trust_begin(t, NOW);
	for (struct trust_request req; trust_next(t, &req, NULL) == 0 && req.ask != TRUST_DONE;) {
		struct repo_sim_file *file = NULL;
		if (req.ask == TRUST_STORE)
			continue;
		if (req.ask == TRUST_FETCH) {
			assert_string_equal(req.file, rows[fetched].file);
			assert_int_equal(req.max, rows[fetched].max);
			if (rows[fetched].served)
				file = repo_sim_file(w->sim->metadata, rows[fetched].served);
			fetched++;
		}
		assert_int_equal(trust_give(t, file ? file->data : NULL, file ? file->len : 0, NULL), 0);
	}
	assert_int_equal(fetched, 4);
	assert_true(trust_ready(t));
	trust_free(t);
}

static void versions_and_expiries_are_told(void **state)
{
	struct world *w = *state;
	static const int days[TUF_TOP_COUNT] = {
		[TUF_ROOT] = 365, [TUF_TIMESTAMP] = 7, [TUF_SNAPSHOT] = 30, [TUF_TARGETS] = 90
	};
	struct repo_sim_file *root = repo_sim_file(w->sim->metadata, "1.root.json");
	assert_int_equal(trust_new(root->data, root->len, &w->client->trust, NULL), 0);
	for (int role = TUF_TIMESTAMP; role < TUF_TOP_COUNT; role++) {
		assert_int_equal(trust_version(w->client->trust, role), 0);
		assert_int_equal(trust_expires(w->client->trust, role), 0);
	}
	assert_null(trust_targets(w->client->trust));
	assert_null(trust_snapshot(w->client->trust));
	refresh(w, 0);
	for (int role = TUF_ROOT; role < TUF_TOP_COUNT; role++) {
		assert_int_equal(trust_version(w->client->trust, role), 1);
		assert_int_equal(trust_expires(w->client->trust, role),
		        REPO_SIM_NOW + days[role] * (int64_t)REPO_SIM_DAY);
	}
	assert_non_null(trust_targets(w->client->trust));
	assert_int_equal(trust_snapshot(w->client->trust)->header.version, 1);
	trust_begin(w->client->trust, NOW);
	assert_null(trust_snapshot(w->client->trust));
	assert_int_equal(trust_root(w->client->trust)->header.version, 1);
	assert_true(trust_root(w->client->trust)->consistent_snapshot);
	trust_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(first_refresh_asks_in_order),
		T(plain_repository_has_plain_names),
		T(stored_files_are_the_bytes_received),
		T(first_root_signs_itself),
		T(chain_is_replayed_from_the_first_root),
		T(drop_comes_before_the_new_root),
		T(a_new_refresh_asks_first),
		cmocka_unit_test(faults_name_the_file),
		T(broken_cache_is_like_no_cache),
		T(expired_local_timestamp_still_guards),
		T(caps_hold),
		T(large_local_copy_is_like_none),
		T(answers_want_a_question),
		T(a_failure_is_repeated_until_the_next_begin),
		T(questions_say_what_is_wanted),
		T(a_second_refresh_asks_for_news_only),
		T(what_is_in_memory_is_verified_again),
		cmocka_unit_test(unlisted_lengths_have_their_own_caps),
		T(caps_of_unlisted_files_differ),
		T(versions_and_expiries_are_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
