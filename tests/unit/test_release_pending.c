/* Signatures that come one after another: counted by different keys that the role names, kept only while the content stays,
 * and nothing is published before everything is complete. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <cJSON.h>

#include "tests/support/repo_sim.h"

#define NOW (REPO_SIM_NOW + 3600)

/* Targets are signed by two of alice, bob and carol. */
static int world_make(void **state)
{
	static const char *const people[] = { "alice", "bob", "carol" };
	struct repo_sim *sim = repo_sim_new();
	struct fault f = { 0 };

	for (int i = 0; i < 3; i++)
		assert_int_equal(release_key_add(sim->release, "targets",
		                         signkey_public(repo_sim_key(sim, people[i])), &f),
		        0);
	assert_int_equal(
	        release_key_drop(sim->release, "targets", signkey_id(repo_sim_key(sim, "targets")), &f), 0);
	assert_int_equal(release_threshold(sim->release, "targets", 2, &f), 0);
	assert_int_equal(release_expires(sim->release, "snapshot", NOW + 30 * REPO_SIM_DAY, &f), 0);
	assert_int_equal(release_expires(sim->release, "timestamp", NOW + 7 * REPO_SIM_DAY, &f), 0);
	repo_sim_publish(sim);
	*state = sim;
	return 0;
}

static int world_free(void **state)
{
	repo_sim_free(*state);
	return 0;
}

/* Another machine: a release loaded from what is published. */
static struct release *machine(struct repo_sim *sim)
{
	static const char *const order[] = { "root", "timestamp", "snapshot", "targets" };
	struct release *r = NULL;
	struct fault f = { 0 };

	assert_int_equal(release_new(&r), 0);
	for (size_t i = 0; i < 4; i++) {
		char name[TUF_FILE_ROOM];
		struct repo_sim_file *file = repo_sim_file(sim->metadata, repo_sim_name(sim, order[i], name));
		if (release_load(r, order[i], file->data, file->len, &f))
			fail_msg("%s: %s", f.where, f.what);
	}
	return r;
}

struct outcome {
	struct release_files files;
	struct release_pendings pending;
};

static void outcome_clear(struct outcome *o)
{
	release_files_free(&o->files);
	release_pendings_free(&o->pending);
}

/* Sign R with the keys in the blank-separated NAMES. */
static int sign(
        struct repo_sim *sim, struct release *r, const char *names, struct outcome *ret, struct fault *f)
{
	const struct signkey *keys[16];
	size_t n = 0;

	for (const char *p = names; *p;) {
		char name[32] = "";
		size_t len = strcspn(p, " ");
		memcpy(name, p, len);
		keys[n++] = repo_sim_key(sim, name);
		p += len + (p[len] == ' ');
	}
	*ret = (struct outcome){ 0 };
	return release_sign(r, NOW, keys, n, &ret->files, &ret->pending, f);
}

static struct outcome signed_by(struct repo_sim *sim, struct release *r, const char *names)
{
	struct outcome o;
	struct fault f = { 0 };

	if (sign(sim, r, names, &o, &f))
		fail_msg("%s: %s: %s", names, f.where, f.what);
	return o;
}

static const struct release_pending *item(const struct outcome *o, const char *role)
{
	for (size_t i = 0; i < o->pending.n; i++)
		if (strcmp(o->pending.list[i].role, role) == 0)
			return &o->pending.list[i];
	fail_msg("%s is not pending", role);
	return NULL;
}

static bool delegated(const char *role)
{
	return strcmp(role, "root") != 0 && strcmp(role, "targets") != 0 && strcmp(role, "snapshot") != 0 &&
	       strcmp(role, "timestamp") != 0;
}

/* Delegators first. */
static void carry(struct release *r, const struct outcome *o)
{
	struct fault f = { 0 };

	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < o->pending.n; i++) {
			const struct release_pending *p = &o->pending.list[i];
			if (p->data && delegated(p->role) == (pass == 1) &&
			        release_pending_load(r, p->role, p->data, p->len, &f))
				fail_msg("%s: %s", f.where, f.what);
		}
}

static void put(struct release *r, const char *path)
{
	struct fault f = { 0 };

	assert_int_equal(release_target_set(r, "targets", path, "1", 1, NULL, &f), 0);
}

/* What a client that knew the version before makes of FILES. */
static void accepted(struct repo_sim *sim, const struct outcome *o, size_t files)
{
	struct repo_sim_client *client = repo_sim_client_new(sim);
	struct fault f = { 0 };

	assert_int_equal(o->pending.n, 0);
	assert_int_equal(o->files.n, files);
	for (size_t i = 0; i < o->files.n; i++)
		repo_sim_put(
		        &sim->metadata, o->files.list[i].name, o->files.list[i].data, o->files.list[i].len);
	if (repo_sim_refresh(client, sim, NOW, &f))
		fail_msg("%s: %s", f.where, f.what);
	repo_sim_client_free(client);
}

static size_t times(const char *text, const char *what)
{
	size_t n = 0;

	for (const char *p = text; (p = strstr(p, what)); p++)
		n++;
	return n;
}

static void two_people_one_after_another(void **state)
{
	struct repo_sim *sim = *state;
	struct release *a = machine(sim), *b = machine(sim);
	put(a, "t");
	struct outcome first = signed_by(sim, a, "alice snapshot timestamp");
	assert_int_equal(first.files.n, 0);
	assert_int_equal(first.pending.n, 3);
	const struct release_pending *p = item(&first, "targets");
	assert_int_equal(p->have, 1);
	assert_int_equal(p->need, 2);
	assert_int_equal(p->version, 3);
	assert_string_equal(p->name, "3.targets.json");
	assert_int_equal(p->n_may, 2);
	assert_int_equal(times(p->data, "\"sig\": \"\""), 2);
	assert_null(item(&first, "snapshot")->data);
	assert_null(item(&first, "timestamp")->data);
	/* Nothing of it is the present state. */
	assert_int_equal(release_version(a, "targets"), 2);
	assert_true(release_changed(a, "targets"));
	carry(b, &first);
	struct outcome second = signed_by(sim, b, "bob snapshot timestamp");
	accepted(sim, &second, 3);
	assert_int_equal(release_version(b, "targets"), 3);
	assert_int_equal(times(second.files.list[0].data, "\"keyid\""), 2);
	assert_int_equal(times(second.files.list[0].data, "\"sig\": \"\""), 0);
	outcome_clear(&first);
	outcome_clear(&second);
	release_free(a);
	release_free(b);
}

/* How often somebody signs does not matter, nor who the role does not name. */
static void a_person_counts_once(void **state)
{
	static const struct {
		const char *first, *then;
		unsigned have;
		const char *remark;
	} rows[] = {
		{ "alice", "alice", 1, "the same again" },
		{ "alice", "", 1, "nobody" },
		{ "alice", "root-1 root-2 targets snapshot", 1, "keys of other roles, and the former one" },
		{ "", "bob", 1, "a proposal, and its first signature" },
	};
	struct repo_sim *sim = *state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct release *a = machine(sim), *b = machine(sim);
		put(a, "t");
		struct outcome first = signed_by(sim, a, rows[i].first);
		carry(b, &first);
		struct outcome then = signed_by(sim, b, rows[i].then);
		if (then.files.n || item(&then, "targets")->have != rows[i].have)
			fail_msg("%s: %u", rows[i].remark, item(&then, "targets")->have);
		outcome_clear(&first);
		outcome_clear(&then);
		release_free(a);
		release_free(b);
	}
}

/* PENDING with EDIT made to its tree, as text. */
static char *edited(const struct release_pending *p, void (*edit)(cJSON *tree, void *ctx), void *ctx)
{
	cJSON *tree = cJSON_Parse(p->data);
	edit(tree, ctx);
	char *text = cJSON_Print(tree);
	cJSON_Delete(tree);
	return text;
}

static void add_signature(cJSON *tree, void *ctx)
{
	cJSON *sig = cJSON_CreateObject();
	const char *const *pair = ctx;
	cJSON_AddStringToObject(sig, "keyid", pair[0]);
	cJSON_AddStringToObject(sig, "sig", pair[1]);
	cJSON_AddItemToArray(cJSON_GetObjectItem(tree, "signatures"), sig);
}

static cJSON *signature_of(cJSON *tree, const char *keyid)
{
	cJSON *sig;
	cJSON_ArrayForEach(
	        sig, cJSON_GetObjectItem(
	                     tree, "signatures")) if (!strcmp(cJSON_GetObjectItem(sig, "keyid")->valuestring,
	                                                      keyid)) return sig;
	fail_msg("no signature by %s", keyid);
	return NULL;
}

/* One digit of the signature by the key CTX becomes another. */
static void flip_signature(cJSON *tree, void *ctx)
{
	char *hex = cJSON_GetObjectItem(signature_of(tree, ctx), "sig")->valuestring;
	hex[9] = hex[9] == 'a' ? 'b' : 'a';
}

static void flip_content(cJSON *tree, void *ctx)
{
	(void)ctx;
	cJSON *targets = cJSON_GetObjectItem(cJSON_GetObjectItem(tree, "signed"), "targets");
	cJSON_SetNumberValue(cJSON_GetObjectItem(cJSON_GetObjectItem(targets, "t"), "length"), 2);
}

/* A stranger's signature, and one under the name of the second id of a key that signed, count for nothing. */
static void strangers_do_not_count(void **state)
{
	struct repo_sim *sim = *state;
	struct release *a = machine(sim), *b = machine(sim);
	struct fault f = { 0 };
	size_t n = 9;
	put(a, "t");
	struct outcome first = signed_by(sim, a, "alice");
	const struct release_pending *p = item(&first, "targets");
	/* A valid signature over the same content, by mallory. */
	cJSON *tree = cJSON_Parse(p->data);
	struct buf out = BUF_INIT(1 << 20);
	const struct signkey *mallory = repo_sim_key(sim, "mallory");
	assert_int_equal(envelope_seal(cJSON_GetObjectItem(tree, "signed"), &mallory, 1, &out, &f), 0);
	carry(b, &first);
	assert_int_equal(release_pending_merge(b, buf_text(&out), out.len, NULL, &n, &f), 0);
	assert_int_equal(n, 0);
	struct outcome then = signed_by(sim, b, "mallory");
	assert_int_equal(item(&then, "targets")->have, 1);
	assert_null(strstr(item(&then, "targets")->data, signkey_id(mallory)));
	cJSON_Delete(tree);
	buf_free(&out);
	outcome_clear(&first);
	outcome_clear(&then);
	release_free(a);
	release_free(b);
}

static void one_key_with_two_ids_counts_once(void **state)
{
	struct repo_sim *sim = *state;
	struct release *a = machine(sim), *b;
	struct fault f = { 0 };
	cJSON *twin = cJSON_Duplicate(signkey_public(repo_sim_key(sim, "alice")), true);
	cJSON_AddStringToObject(twin, "x-note", "the same key");
	assert_int_equal(release_key_add(a, "targets", twin, &f), 0);
	struct outcome all = signed_by(sim, a, "root-1 root-2 alice bob snapshot timestamp");
	accepted(sim, &all, 4);
	release_free(a);
	/* Its signature, under both ids. */
	a = machine(sim);
	b = machine(sim);
	put(a, "t");
	struct outcome first = signed_by(sim, a, "alice");
	const struct release_pending *p = item(&first, "targets");
	struct place at = place_root(twin);
	struct pubkey *key = NULL;
	assert_int_equal(pubkey_parse(&at, &key, &f), 0);
	cJSON *tree = cJSON_Parse(p->data);
	cJSON *sig = signature_of(tree, signkey_id(repo_sim_key(sim, "alice")));
	cJSON_SetValuestring(
	        cJSON_GetObjectItem(signature_of(tree, pubkey_id(key)), "keyid"), pubkey_id(key));
	cJSON_ReplaceItemInObject(signature_of(tree, pubkey_id(key)), "sig",
	        cJSON_CreateString(cJSON_GetObjectItem(sig, "sig")->valuestring));
	char *text = cJSON_Print(tree);
	assert_int_equal(release_pending_load(b, "targets", text, strlen(text), &f), 0);
	struct outcome then = signed_by(sim, b, "");
	assert_int_equal(item(&then, "targets")->have, 1);
	free(text);
	cJSON_Delete(tree);
	cJSON_Delete(twin);
	pubkey_free(key);
	outcome_clear(&all);
	outcome_clear(&first);
	outcome_clear(&then);
	release_free(a);
	release_free(b);
}

static void tampered_files_are_refused(void **state)
{
	struct repo_sim *sim = *state;
	struct release *a = machine(sim), *b = machine(sim), *c = machine(sim);
	struct fault f = { 0 };
	size_t n = 0;
	char *alice = (char *)(uintptr_t)signkey_id(repo_sim_key(sim, "alice"));
	put(a, "t");
	struct outcome first = signed_by(sim, a, "alice");
	const struct release_pending *p = item(&first, "targets");
	char *content = edited(p, flip_content, NULL), *sig = edited(p, flip_signature, alice);
	const char *twice[] = { alice, "00" };
	char *dup = edited(p, add_signature, twice);
	assert_int_equal(release_pending_load(b, "targets", content, strlen(content), &f), KE_SIGNATURE);
	assert_int_equal(release_pending_load(b, "targets", sig, strlen(sig), &f), KE_SIGNATURE);
	assert_int_equal(release_pending_load(b, "targets", dup, strlen(dup), &f), KE_DUPLICATE);
	assert_int_equal(release_pending_load(b, "snapshot", p->data, p->len, &f), KE_SCHEMA);
	assert_int_equal(release_pending_load(b, "nobody", p->data, p->len, &f), KE_UNTRUSTED);
	assert_false(release_changed(b, "targets"));
	/* Into what is pending here: */
	carry(c, &first);
	assert_int_equal(release_pending_merge(c, content, strlen(content), NULL, &n, &f), KE_MISMATCH);
	assert_int_equal(release_pending_merge(c, sig, strlen(sig), NULL, &n, &f), KE_SIGNATURE);
	assert_int_equal(release_pending_merge(c, "{}", 2, NULL, &n, &f), KE_SCHEMA);
	assert_int_equal(release_pending_merge(b, p->data, p->len, NULL, &n, &f), KE_MISMATCH);
	struct outcome then = signed_by(sim, c, "");
	assert_int_equal(item(&then, "targets")->have, 1);
	assert_int_equal(item(&then, "targets")->len, p->len);
	assert_memory_equal(item(&then, "targets")->data, p->data, p->len);
	free(content);
	free(sig);
	free(dup);
	outcome_clear(&first);
	outcome_clear(&then);
	release_free(a);
	release_free(b);
	release_free(c);
}

/* A file that is cut off anywhere is refused, and nothing of it stays. */
static void torn_files_are_refused(void **state)
{
	struct repo_sim *sim = *state;
	struct release *a = machine(sim), *b = machine(sim);
	put(a, "t");
	struct outcome first = signed_by(sim, a, "alice");
	const struct release_pending *p = item(&first, "targets");
	for (size_t len = 0; len + 1 < p->len; len++) {
		assert_int_not_equal(release_pending_load(b, "targets", p->data, len, NULL), 0);
		assert_false(release_changed(b, "targets"));
	}
	struct outcome nothing = signed_by(sim, b, "alice bob");
	assert_int_equal(nothing.pending.n + nothing.files.n, 0);
	outcome_clear(&first);
	outcome_clear(&nothing);
	release_free(a);
	release_free(b);
}

static void stale_files_are_refused(void **state)
{
	struct repo_sim *sim = *state;
	struct release *a = machine(sim), *late;
	struct fault f = { 0 };
	put(a, "t");
	struct outcome first = signed_by(sim, a, "alice");
	const struct release_pending *p = item(&first, "targets");
	/* Meanwhile others publish this version. */
	put(sim->release, "other");
	repo_sim_publish(sim);
	late = machine(sim);
	assert_int_equal(release_pending_load(late, "targets", p->data, p->len, &f), KE_ROLLBACK);
	assert_non_null(strstr(f.what, "3"));
	assert_false(release_changed(late, "targets"));
	outcome_clear(&first);
	release_free(a);
	release_free(late);
}

/* What was signed says no more and no less than what was signed. */
static void a_change_drops_the_signatures(void **state)
{
	struct repo_sim *sim = *state;
	struct release *a = machine(sim), *b = machine(sim);
	put(a, "t");
	struct outcome first = signed_by(sim, a, "alice");
	carry(b, &first);
	put(b, "u");
	struct outcome then = signed_by(sim, b, "bob snapshot timestamp");
	assert_int_equal(then.files.n, 0);
	assert_int_equal(item(&then, "targets")->have, 1);
	assert_null(strstr(item(&then, "targets")->data, "\"sig\": \"\"}"));
	outcome_clear(&first);
	outcome_clear(&then);
	release_free(a);
	release_free(b);
}

/* Each signs a copy of the proposal at home. */
static void copies_are_merged(void **state)
{
	struct repo_sim *sim = *state;
	struct release *home = machine(sim);
	struct fault f = { 0 };
	put(home, "t");
	struct outcome proposal = signed_by(sim, home, "");
	assert_int_equal(item(&proposal, "targets")->n_may, 3);
	static const char *const people[] = { "carol", "bob", "carol" };
	static const size_t added[] = { 1, 1, 0 };
	carry(home, &proposal);
	for (int i = 0; i < 3; i++) {
		struct release *r = machine(sim);
		const char *role = NULL;
		size_t n = 9;
		carry(r, &proposal);
		struct outcome own = signed_by(sim, r, people[i]);
		const struct release_pending *p = item(&own, "targets");
		assert_int_equal(release_pending_merge(home, p->data, p->len, &role, &n, &f), 0);
		assert_string_equal(role, "targets");
		assert_int_equal(n, added[i]);
		outcome_clear(&own);
		release_free(r);
	}
	struct outcome all = signed_by(sim, home, "snapshot timestamp");
	accepted(sim, &all, 3);
	outcome_clear(&proposal);
	outcome_clear(&all);
	release_free(home);
}

/* More than enough is too much: the bytes are listed with their hash. */
static void what_is_complete_stays(void **state)
{
	struct repo_sim *sim = *state;
	struct release *a = machine(sim), *b = machine(sim), *c = machine(sim);
	put(a, "t");
	struct outcome first = signed_by(sim, a, "alice bob snapshot");
	assert_true(item(&first, "targets")->ready);
	assert_int_equal(item(&first, "targets")->n_may, 0);
	assert_true(item(&first, "snapshot")->ready);
	assert_false(item(&first, "timestamp")->ready);
	carry(b, &first);
	struct outcome then = signed_by(sim, b, "carol snapshot");
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(then.pending.list[i].len, first.pending.list[i].len);
		assert_memory_equal(
		        then.pending.list[i].data, first.pending.list[i].data, first.pending.list[i].len);
	}
	carry(c, &then);
	struct outcome last = signed_by(sim, c, "timestamp");
	accepted(sim, &last, 3);
	outcome_clear(&first);
	outcome_clear(&then);
	outcome_clear(&last);
	release_free(a);
	release_free(b);
	release_free(c);
}

/* From two of root-1, root-2 to two of r3, r4, r5: both thresholds, in any order. */
static void a_root_needs_both_thresholds(void **state)
{
	static const struct {
		const char *steps[4];
		unsigned have[4], before[4];
	} rows[] = {
		{ { "r3 r4", "root-1", "root-2" }, { 2, 2, 2 }, { 0, 1, 2 } },
		{ { "root-1 root-2", "r5", "r3" }, { 0, 1, 2 }, { 2, 2, 2 } },
		{ { "root-2 r4", "root-2 r4", "r3", "root-1" }, { 1, 1, 2, 2 }, { 1, 1, 1, 2 } },
	};
	static const char *const fresh[] = { "r3", "r4", "r5" };
	struct repo_sim *sim = *state;
	struct fault f = { 0 };
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct release *r = machine(sim);
		for (int k = 0; k < 3; k++)
			assert_int_equal(
			        release_key_add(r, "root", signkey_public(repo_sim_key(sim, fresh[k])), &f),
			        0);
		for (int k = 1; k <= 2; k++)
			assert_int_equal(
			        release_key_drop(r, "root",
			                signkey_id(repo_sim_key(sim, k == 1 ? "root-1" : "root-2")), &f),
			        0);
		struct outcome o = { 0 };
		for (int k = 0; k < 4 && rows[i].steps[k]; k++) {
			struct release *next = k ? machine(sim) : r;
			if (k)
				carry(next, &o);
			outcome_clear(&o);
			o = signed_by(sim, next, rows[i].steps[k]);
			bool last = rows[i].have[k] == 2 && rows[i].before[k] == 2;
			assert_int_equal(o.files.n, last);
			if (!last) {
				assert_int_equal(item(&o, "root")->have, rows[i].have[k]);
				assert_int_equal(item(&o, "root")->have_before, rows[i].before[k]);
				assert_int_equal(item(&o, "root")->need_before, 2);
			}
			if (k)
				release_free(next);
		}
		assert_string_equal(o.files.list[0].name, "3.root.json");
		outcome_clear(&o);
		release_free(r);
	}
}

/* A root that changes the keys of others: these are signed when the root is complete, by the new keys. */
static void a_pending_root_takes_its_roles_along(void **state)
{
	struct repo_sim *sim = *state;
	struct release *a = machine(sim), *b = machine(sim);
	struct fault f = { 0 };
	assert_int_equal(release_key_add(a, "timestamp", signkey_public(repo_sim_key(sim, "ts2")), &f), 0);
	assert_int_equal(release_key_drop(a, "timestamp", signkey_id(repo_sim_key(sim, "timestamp")), &f), 0);
	struct outcome first = signed_by(sim, a, "root-1 timestamp ts2");
	assert_int_equal(first.pending.n, 2);
	assert_int_equal(item(&first, "root")->have, 1);
	assert_null(item(&first, "timestamp")->data);
	carry(b, &first);
	assert_true(release_changed(b, "timestamp"));
	assert_false(release_changed(b, "snapshot"));
	struct outcome then = signed_by(sim, b, "root-2 timestamp");
	assert_true(item(&then, "root")->ready);
	assert_int_equal(item(&then, "timestamp")->have, 0);
	struct outcome last = signed_by(sim, b, "root-2 ts2");
	accepted(sim, &last, 2);
	outcome_clear(&first);
	outcome_clear(&then);
	outcome_clear(&last);
	release_free(a);
	release_free(b);
}

static void delegated_roles_wait_too(void **state)
{
	struct repo_sim *sim = *state;
	struct release *a = machine(sim), *b = machine(sim);
	struct fault f = { 0 };
	const struct cJSON *keys[] = { signkey_public(repo_sim_key(sim, "t1")),
		signkey_public(repo_sim_key(sim, "t2")) };
	const char *star = "team/*";
	struct release_delegation d = {
		.name = "team", .keys = keys, .n_keys = 2, .threshold = 2, .patterns = &star, .n_patterns = 1
	};
	assert_int_equal(release_delegate(a, "targets", &d, &f), 0);
	assert_int_equal(release_expires(a, "team", NOW + 9 * REPO_SIM_DAY, &f), 0);
	struct outcome first = signed_by(sim, a, "alice t1 snapshot timestamp");
	assert_int_equal(item(&first, "team")->have, 1);
	assert_int_equal(item(&first, "team")->version, 1);
	/* Its delegator first. */
	const struct release_pending *p = item(&first, "team");
	assert_int_equal(release_pending_load(b, "team", p->data, p->len, &f), KE_UNTRUSTED);
	p = item(&first, "targets");
	assert_int_equal(release_pending_load(b, "targets", p->data, p->len, &f), 0);
	p = item(&first, "team");
	assert_int_equal(release_pending_load(b, "team", p->data, p->len, &f), 0);
	struct outcome then = signed_by(sim, b, "bob t2 snapshot timestamp");
	accepted(sim, &then, 4);
	assert_non_null(release_signers(b, "team"));
	assert_non_null(release_published(b, "team"));
	assert_null(release_signers(b, "nobody"));
	assert_null(release_published(b, "nobody"));
	outcome_clear(&first);
	outcome_clear(&then);
	release_free(a);
	release_free(b);
}

/* Delegated roles that are still empty look the same: what is signed for one is signed for the other. */
static void twins_share_their_signatures(void **state)
{
	struct repo_sim *sim = *state;
	struct release *a = machine(sim);
	struct fault f = { 0 };
	const struct cJSON *keys[] = { signkey_public(repo_sim_key(sim, "t1")),
		signkey_public(repo_sim_key(sim, "t2")) };
	static const char *const names[] = { "one", "two" }, *const patterns[] = { "one/*", "two/*" };
	size_t n = 9;
	for (int i = 0; i < 2; i++) {
		struct release_delegation d = { .name = names[i],
			.keys = keys,
			.n_keys = 2,
			.threshold = 2,
			.patterns = &patterns[i],
			.n_patterns = 1 };
		assert_int_equal(release_delegate(a, "targets", &d, &f), 0);
		assert_int_equal(release_expires(a, names[i], NOW + 9 * REPO_SIM_DAY, &f), 0);
	}
	struct outcome none = signed_by(sim, a, "");
	carry(a, &none);
	struct release *b = machine(sim);
	carry(b, &none);
	struct outcome own = signed_by(sim, b, "t2");
	const struct release_pending *p = item(&own, "two");
	assert_int_equal(release_pending_merge(a, p->data, p->len, NULL, &n, &f), 0);
	assert_int_equal(n, 2);
	struct outcome then = signed_by(sim, a, "t1 alice bob snapshot timestamp");
	accepted(sim, &then, 5);
	outcome_clear(&none);
	outcome_clear(&own);
	outcome_clear(&then);
	release_free(a);
	release_free(b);
}

/* An expired role stops the write wherever it is, and leaves what is pending as it was. */
static void a_failure_changes_nothing(void **state)
{
	static const char *const roles[] = { "root", "targets", "snapshot", "timestamp" };
	struct repo_sim *sim = *state;
	for (size_t i = 0; i < 4; i++) {
		struct release *a = machine(sim), *b = machine(sim);
		struct fault f = { 0 };
		struct outcome failed;
		put(a, "t");
		struct outcome first = signed_by(sim, a, "alice");
		carry(b, &first);
		if (strcmp(roles[i], "targets") != 0) {
			assert_int_equal(release_expires(b, roles[i], NOW - 1, &f), 0);
			assert_int_equal(sign(sim, b, "root-1 root-2 bob snapshot timestamp", &failed, &f),
			        KE_EXPIRED);
			assert_int_equal(release_expires(b, roles[i], NOW + 5 * REPO_SIM_DAY, &f), 0);
		}
		struct release_pendings plan = { 0 };
		assert_int_equal(release_preview(b, NOW, &plan, &f), 0);
		for (size_t k = 0; k < plan.n; k++)
			if (strcmp(plan.list[k].role, "targets") == 0)
				assert_int_equal(plan.list[k].have, 1);
		release_pendings_free(&plan);
		for (size_t k = 0; k < 4; k++)
			assert_int_equal(release_version(b, roles[k]), release_version(a, roles[k]));
		struct outcome then = signed_by(sim, b, "root-1 root-2 bob snapshot timestamp");
		accepted(sim, &then, strcmp(roles[i], "root") == 0 ? 4 : 3);
		outcome_clear(&first);
		outcome_clear(&then);
		release_free(a);
		release_free(b);
	}
}

static void a_preview_signs_nothing(void **state)
{
	struct repo_sim *sim = *state;
	struct release *a = machine(sim);
	struct release_pendings plan = { 0 };
	struct fault f = { 0 };
	put(a, "t");
	assert_int_equal(release_preview(a, NOW, &plan, &f), 0);
	assert_int_equal(plan.n, 3);
	assert_int_equal(plan.list[0].have, 0);
	assert_int_equal(plan.list[0].expires, REPO_SIM_NOW + 90 * REPO_SIM_DAY);
	release_pendings_free(&plan);
	assert_int_equal(release_version(a, "targets"), 2);
	assert_string_equal(release_role(a, 0), "root");
	assert_null(release_role(a, 4));
	release_free(a);
}

int main(void)
{
#define TEST(F) cmocka_unit_test_setup_teardown(F, world_make, world_free)
	const struct CMUnitTest tests[] = {
		TEST(two_people_one_after_another),
		TEST(a_person_counts_once),
		TEST(strangers_do_not_count),
		TEST(one_key_with_two_ids_counts_once),
		TEST(tampered_files_are_refused),
		TEST(torn_files_are_refused),
		TEST(stale_files_are_refused),
		TEST(a_change_drops_the_signatures),
		TEST(copies_are_merged),
		TEST(what_is_complete_stays),
		TEST(a_root_needs_both_thresholds),
		TEST(a_pending_root_takes_its_roles_along),
		TEST(delegated_roles_wait_too),
		TEST(twins_share_their_signatures),
		TEST(a_failure_changes_nothing),
		TEST(a_preview_signs_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
