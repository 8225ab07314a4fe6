/* Memory runs out at every single allocation of a refresh and a search, once and for ever: nothing leaks, nothing is
 * adopted or stored that the publisher did not say, the answer is KE_NOMEM, and the same object goes on afterwards. */
#include "tests/support/oom.h"
#include "tests/support/trust_world.h"

#define FILES 8

/* A host that allocates nothing itself. */
struct host {
	const struct repo_sim *sim;
	struct trust *trust;
	const struct repo_sim_file *cache[FILES]; /* each stored file is one that was served */
	char names[FILES][TUF_FILE_ROOM];
	char order[512]; /* "-dropped +stored ..." */
	struct fault f;
};

static const char *const paths[] = { "x/t", "y/u", "x/t" };

static const struct repo_sim_file **slot(struct host *h, const char *name)
{
	size_t i = 0;
	while (i < FILES && h->names[i][0] && strcmp(h->names[i], name) != 0)
		i++;
	assert_true(i < FILES);
	snprintf(h->names[i], sizeof h->names[i], "%s", name);
	return &h->cache[i];
}

static void store(struct host *h, const struct trust_request *req)
{
	const struct repo_sim_file *file = h->sim->metadata;
	if (req->ask == TRUST_STORE)
		while (file && (file->len != req->len || memcmp(file->data, req->data, req->len) != 0))
			file = file->next;
	/* Adopted, but never published. */
	assert_non_null(file);
	*slot(h, req->file) = req->ask == TRUST_STORE ? file : NULL;
	size_t n = strlen(h->order);
	snprintf(h->order + n, sizeof h->order - n, "%c%s ", req->ask == TRUST_STORE ? '+' : '-', req->file);
}

static int drive(struct host *h)
{
	struct trust_request req;
	int rc;
	while (!(rc = trust_next(h->trust, &req, &h->f)) && req.ask != TRUST_DONE) {
		const struct repo_sim_file *file;
		if (req.ask == TRUST_STORE || req.ask == TRUST_DROP) {
			store(h, &req);
			continue;
		}
		file = req.ask == TRUST_LOAD ? *slot(h, req.file) : repo_sim_file(h->sim->metadata, req.file);
		rc = trust_give(h->trust, file ? file->data : NULL, file ? file->len : 0, &h->f);
		if (rc)
			break;
	}
	return rc;
}

static int use(struct host *h)
{
	const struct tuf_target *target;
	trust_begin(h->trust, NOW);
	int rc = drive(h);
	for (size_t i = 0; i < sizeof paths / sizeof paths[0] && !rc; i++) {
		rc = trust_find(h->trust, paths[i], &h->f);
		if (!rc)
			rc = drive(h);
		if (!rc)
			rc = trust_target(h->trust, &target);
	}
	return rc;
}

/* As a new process: the trusted root, a refresh, three searches. */
static int start(struct host *h)
{
	const struct repo_sim_file *root = *slot(h, "root.json");
	int rc = trust_new(root->data, root->len, &h->trust, &h->f);
	return rc ? rc : use(h);
}

/* Twice in one process. */
static int start_twice(struct host *h)
{
	int rc = start(h);
	return rc ? rc : use(h);
}

static void host_end(struct host *h)
{
	trust_free(h->trust);
	h->trust = NULL;
}

/* What was stored by HOST is what was stored by GOOD, or the first part of it. */
static void check_order(const struct host *host, const struct host *good, size_t n)
{
	if (strncmp(host->order, good->order, strlen(host->order)) != 0)
		fail_msg("allocation %zu: '%s' is no beginning of '%s'", n, host->order, good->order);
}

static void check_recovery(struct host *h, const struct host *good, size_t n)
{
	int rc = use(h);
	if (rc)
		fail_msg("allocation %zu: does not recover: %s", n, h->f.what);
	for (size_t i = 0; i < FILES; i++)
		if (good->names[i][0])
			assert_ptr_equal(*slot(h, good->names[i]), good->cache[i]);
}

/* libcrypto gets along without some of its memory, and is silent about some: a signature that it cannot check does not
 * count, and a local copy whose signature does not count is fetched again. */
static bool code_is_right(int rc, bool fired, enum oom_scope scope)
{
	if (scope == OOM_OWN)
		return rc == (fired ? KE_NOMEM : KE_OK);
	return rc == KE_OK || (fired && (rc == KE_NOMEM || rc == KE_SIGNATURE));
}

/* WAS is a host with its cache; RUN is what it does. Every allocation of it fails. */
static size_t sweep(const struct host *was, int (*run)(struct host *), enum oom_scope scope, bool for_ever)
{
	struct host good = *was;
	assert_int_equal(run(&good), 0);
	host_end(&good);
	for (size_t n = 1;; n++) {
		struct host h = *was;
		size_t live = oom_live();
		oom_arm(scope, n, for_ever);
		int rc = run(&h);
		bool fired = oom_disarm();
		if (scope == OOM_OWN)
			check_order(&h, &good, n);
		if (!code_is_right(rc, fired, scope))
			fail_msg("allocation %zu%s: %s, %s", n, for_ever ? " and later" : "", err_name(rc),
			        h.f.what);
		if (h.trust)
			check_recovery(&h, &good, n);
		host_end(&h);
		if (oom_live() != live)
			fail_msg("allocation %zu: %zu are not freed", n, oom_live() - live);
		if (!fired)
			return n - 1;
	}
}

static void rotate_timestamp(struct repo_sim *sim)
{
	struct release *r = sim->release;
	assert_int_equal(release_key_add(r, "timestamp", signkey_public(repo_sim_key(sim, "t2")), NULL), 0);
	assert_int_equal(
	        release_key_drop(r, "timestamp", signkey_id(repo_sim_key(sim, "timestamp")), NULL), 0);
}

/* A host that has seen one state of the repository, and a newer one with a new root, delegations and targets. */
static struct repo_sim *repository(struct host *h, bool rotate)
{
	struct repo_sim *sim = repo_sim_new();
	repo_sim_delegate(sim, "targets", "a", "x/*", false);
	repo_sim_target(sim, "a", "x/t", "old");
	repo_sim_publish(sim);
	*h = (struct host){ .sim = sim };
	*slot(h, "root.json") = repo_sim_file(sim->metadata, "1.root.json");
	repo_sim_delegate(sim, "targets", "b", "y/*", true);
	repo_sim_target(sim, "b", "y/u", "text");
	repo_sim_publish(sim);
	assert_int_equal(start(h), 0);
	host_end(h);
	h->order[0] = '\0';
	/* The files that the cache points at stay as they are; new names come on top. */
	struct repo_sim_file *stamp = repo_sim_file(sim->metadata, "timestamp.json");
	repo_sim_put(&sim->metadata, "old-timestamp", stamp->data, stamp->len);
	*slot(h, "timestamp.json") = repo_sim_file(sim->metadata, "old-timestamp");
	assert_int_equal(release_expires(sim->release, "root", NOW + 300 * REPO_SIM_DAY, NULL), 0);
	if (rotate)
		rotate_timestamp(sim);
	repo_sim_target(sim, "a", "x/t", "new");
	repo_sim_publish(sim);
	return sim;
}

static void sweep_all(bool rotate, enum oom_scope scope)
{
	struct host h;
	struct repo_sim *sim = repository(&h, rotate);
	for (int for_ever = 0; for_ever <= 1; for_ever++) {
		size_t n = sweep(&h, rotate || for_ever ? start : start_twice, scope, for_ever);
		print_message("%zu allocations failed%s\n", n, for_ever ? " for ever" : " once");
		assert_true(n > 100);
	}
	repo_sim_free(sim);
}

static void no_memory_no_adoption(void **state)
{
	(void)state;
	sweep_all(false, OOM_OWN);
}

static void nor_while_keys_rotate(void **state)
{
	(void)state;
	sweep_all(true, OOM_OWN);
}

static void nor_when_libcrypto_has_none(void **state)
{
	(void)state;
	sweep_all(false, OOM_CRYPTO);
}

/* A server that goes back to an older timestamp is found out at every allocation that fails: a local copy that could not
 * be read for want of memory is not like one that is not there. */
static void rollback_is_refused_all_the_same(void **state)
{
	(void)state;
	struct host was;
	struct repo_sim *sim = repository(&was, false);
	assert_int_equal(start(&was), 0);
	host_end(&was);
	was.order[0] = '\0';
	struct repo_sim_file *old = repo_sim_file(sim->metadata, "old-timestamp");
	const struct repo_sim_file *new = repo_sim_file(sim->metadata, "timestamp.json");
	repo_sim_put(&sim->metadata, "new-timestamp", new->data, new->len);
	*slot(&was, "timestamp.json") = repo_sim_file(sim->metadata, "new-timestamp");
	repo_sim_put(&sim->metadata, "timestamp.json", old->data, old->len);
	for (size_t n = 1, fired = 1; fired; n++) {
		struct host h = was;
		size_t live = oom_live();
		oom_arm(OOM_OWN, n, false);
		int rc = start(&h);
		fired = oom_disarm();
		if (rc != (fired ? KE_NOMEM : KE_ROLLBACK) || h.order[0])
			fail_msg("allocation %zu: %s, %s", n, err_name(rc), h.order);
		host_end(&h);
		/* The timestamp that was refused is gone as well. */
		assert_int_equal(oom_live(), live);
	}
	repo_sim_free(sim);
}

/* A search through a role that is known already has to grow its list of whom to ask. */
static int search_again(struct host *h)
{
	int rc = trust_find(h->trust, "nobody", &h->f);
	return rc ? rc : drive(h);
}

static void search_through_known_roles(void **state)
{
	(void)state;
	struct repo_sim *sim = repo_sim_new();
	char name[16];
	repo_sim_delegate(sim, "targets", "a", "*", false);
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof name, "r%d", i);
		repo_sim_delegate(sim, "a", name, "*", false);
	}
	repo_sim_publish(sim);
	struct repo_sim_client *client = repo_sim_client_new(sim);
	const struct tuf_target *target;
	struct host h = { .sim = sim };
	assert_int_equal(repo_sim_refresh(client, sim, NOW, NULL), 0);
	assert_int_equal(repo_sim_find(client, sim, "other", &target, NULL), KE_NOENT);
	h.trust = client->trust;
	for (size_t n = 1, fired = 1; fired; n++) {
		oom_arm(OOM_OWN, n, false);
		int rc = search_again(&h);
		fired = oom_disarm();
		assert_int_equal(rc, fired ? KE_NOMEM : KE_NOENT);
		assert_true(trust_ready(h.trust));
	}
	repo_sim_client_free(client);
	repo_sim_free(sim);
}

/* A search that ends for want of memory does not end the refresh: the next search may begin at once. */
static void the_next_search_may_begin(void **state)
{
	(void)state;
	struct host was;
	struct repo_sim *sim = repository(&was, false);
	for (size_t n = 1, fired = 1; fired; n++) {
		struct host h = was;
		const struct tuf_target *target;
		assert_int_equal(start(&h), 0);
		trust_begin(h.trust, NOW);
		assert_int_equal(drive(&h), 0);
		oom_arm(OOM_OWN, n, false);
		int rc = trust_find(h.trust, "x/t", &h.f);
		if (!rc)
			rc = drive(&h);
		fired = oom_disarm();
		assert_int_equal(rc, fired ? KE_NOMEM : KE_OK);
		assert_int_equal(trust_find(h.trust, "x/t", &h.f), 0);
		assert_int_equal(drive(&h), 0);
		assert_int_equal(trust_target(h.trust, &target), 0);
		host_end(&h);
	}
	repo_sim_free(sim);
}

static void sealing_fails_whole(void **state)
{
	(void)state;
	struct repo_sim *sim = repo_sim_new();
	const struct signkey *keys[] = { repo_sim_key(sim, "root-1"), repo_sim_key(sim, "root-2") };
	cJSON *tree = cJSON_CreateObject();
	cJSON_AddStringToObject(tree, "a", "b");
	for (size_t n = 1, fired = 1; fired; n++) {
		struct buf out = BUF_INIT(TUF_META_MAX);
		size_t live = oom_live();
		oom_arm(OOM_OWN, n, false);
		int rc = envelope_seal(tree, keys, 2, &out, NULL);
		fired = oom_disarm();
		assert_int_equal(rc, fired ? KE_NOMEM : KE_OK);
		buf_free(&out);
		assert_int_equal(oom_live(), live);
	}
	cJSON_Delete(tree);
	repo_sim_free(sim);
}

/* A process that lives for months searches often: a search that failed holds no memory. */
static void nothing_is_kept_of_what_failed(void **state)
{
	static const struct {
		const char *path;
		const char *remark;
	} rows[] = {
		{ "nobody", "no role is asked" },
		{ "gone/x", "a role that the repository does not serve" },
		{ "nobody", "again" },
	};
	(void)state;
	struct repo_sim *sim = repo_sim_new();
	repo_sim_delegate(sim, "targets", "gone", "gone/*", false);
	repo_sim_publish(sim);
	repo_sim_put(&sim->metadata, "1.gone.json", NULL, 0);
	struct repo_sim_client *client = repo_sim_client_new(sim);
	assert_int_equal(repo_sim_refresh(client, sim, NOW, NULL), 0);
	size_t live = oom_live();
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct tuf_target *target;
		int rc = repo_sim_find(client, sim, rows[i].path, &target, NULL);
		if (rc != KE_NOENT || oom_live() != live)
			fail_msg(
			        "%s: %s, %zu are not freed", rows[i].remark, err_name(rc), oom_live() - live);
	}
	repo_sim_client_free(client);
	repo_sim_free(sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_memory_no_adoption),
		cmocka_unit_test(nor_while_keys_rotate),
		cmocka_unit_test(nor_when_libcrypto_has_none),
		cmocka_unit_test(rollback_is_refused_all_the_same),
		cmocka_unit_test(search_through_known_roles),
		cmocka_unit_test(the_next_search_may_begin),
		cmocka_unit_test(sealing_fails_whole),
		cmocka_unit_test(nothing_is_kept_of_what_failed),
	};
	if (!oom_hook_crypto())
		return 1;
	oom_hook_json();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
