/* PUT /v1/repo and reading back: what a client would accept is published at once, what it would refuse changes nothing. */
#include "tests/support/api_world.h"

static struct api_world *w;

static int set_up(void **state)
{
	(void)state;
	w = world_open();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	world_close(w);
	return 0;
}

static int64_t generation(void)
{
	int64_t g;

	NEED(store_repo_generation(w->store, &g, f));
	return g;
}

static void published_files_are_served(void **state)
{
	(void)state;
	repo_sim_target(w->sim, "targets", "policies/web/1.json", "{\"a\":1}");
	repo_sim_publish(w->sim);
	assert_int_equal(publish(w), 204);
	assert_int_equal(generation(), 1);

	struct repo_sim_file *file = repo_sim_file(w->sim->metadata, "1.root.json");
	struct client_answer a = ask(w, HOST, "GET", "/v1/repo/metadata/1.root.json", NULL, NULL, 0);
	assert_int_equal(a.status, 200);
	assert_int_equal(a.len, file->len);
	assert_memory_equal(a.body, file->data, a.len);
	unsigned char digest[SHA256_LEN];
	char hex[65], match[128];
	sha256(file->data, file->len, digest);
	hex_encode(digest, sizeof digest, hex);
	assert_non_null(strstr(a.head, hex));
	free(a.body);
	snprintf(match, sizeof match, "If-None-Match: \"%s\"\r\n", hex);
	assert_int_equal(status_for(w, VIEWER, "GET", "/v1/repo/metadata/1.root.json", match, NULL), 304);
	assert_int_equal(status_for(w, VIEWER, "GET", "/v1/repo/metadata/1.root.json",
	                         "If-None-Match: \"0\"\r\n", NULL),
	        200);
	assert_int_equal(status_for(w, HOST, "GET", "/v1/repo/metadata/9.root.json", NULL, NULL), 404);

	char path[1300];
	snprintf(path, sizeof path, "/v1/repo/%s", world_target(w, "policies/web/1.json"));
	a = ask(w, HOST, "GET", path, NULL, NULL, 0);
	assert_int_equal(a.status, 200);
	assert_string_equal(a.body, "{\"a\":1}");
	free(a.body);
	assert_int_equal(status_for(w, HOST, "GET", "/v1/repo/targets/policies/web/1.json", NULL, NULL), 404);
}

static void the_same_again_changes_nothing(void **state)
{
	(void)state;
	assert_int_equal(publish(w), 204);
	assert_int_equal(publish(w), 204);
	assert_int_equal(generation(), 1);
}

static void a_delegated_role_is_verified(void **state)
{
	(void)state;
	char name[TUF_FILE_ROOM], skip[1300];
	struct upload u;
	struct client_answer a;

	repo_sim_delegate(w->sim, "targets", "web", "rollouts/web/*", false);
	repo_sim_target(w->sim, "web", "rollouts/web/1.json", "{}");
	repo_sim_publish(w->sim);
	/* without the role's file, and with another's signature on it */
	snprintf(skip, sizeof skip, "metadata/%s", repo_sim_name(w->sim, "web", name));
	upload_begin(&u);
	upload_sim(&u, w->sim, skip);
	a = upload_send(w, ADMIN, &u);
	assert_int_equal(a.status, 422);
	assert_non_null(strstr(a.body, "web.json"));
	free(a.body);
	struct repo_sim_file *good = repo_sim_files_copy(w->sim->metadata);
	static const char *const forger[] = { "targets" };
	repo_sim_forge(w->sim, repo_sim_name(w->sim, "web", name), forger, 1, NULL, NULL);
	repo_sim_relist(w->sim);
	assert_int_equal(publish(w), 422);
	repo_sim_files_free(&w->sim->metadata);
	w->sim->metadata = good;
	assert_int_equal(generation(), 1);
	assert_int_equal(publish(w), 204);
	assert_int_equal(generation(), 2);
}

static void what_a_client_refuses_is_refused(void **state)
{
	(void)state;
	struct upload u;
	struct client_answer a;
	char skip[1300];

	repo_sim_target(w->sim, "targets", "policies/db/1.json", "{\"db\":1}");
	repo_sim_publish(w->sim);
	/* a listed target that is not sent */
	snprintf(skip, sizeof skip, "%s", world_target(w, "policies/db/1.json"));
	upload_begin(&u);
	upload_sim(&u, w->sim, skip);
	a = upload_send(w, ADMIN, &u);
	assert_int_equal(a.status, 422);
	assert_non_null(strstr(a.body, "policies/db/1.json"));
	free(a.body);
	/* the same with other bytes */
	upload_begin(&u);
	upload_sim(&u, w->sim, skip);
	upload_add(&u, skip, "{\"db\":2}", 8);
	a = upload_send(w, ADMIN, &u);
	assert_int_equal(a.status, 422);
	free(a.body);
	/* a target that nobody lists */
	upload_begin(&u);
	upload_sim(&u, w->sim, NULL);
	upload_add(&u, "targets/stray", "x", 1);
	a = upload_send(w, ADMIN, &u);
	assert_int_equal(a.status, 422);
	assert_non_null(strstr(a.body, "targets/stray"));
	free(a.body);
	/* a timestamp that is past its time */
	atomic_store(&w->now, WORLD_NOW + 8 * 86400);
	assert_int_equal(publish(w), 422);
	atomic_store(&w->now, WORLD_NOW);
	assert_int_equal(generation(), 2);
	assert_int_equal(publish(w), 204);
	assert_int_equal(generation(), 3);
}

static void an_older_repository_is_a_rollback(void **state)
{
	(void)state;
	struct repo_sim_file *old = repo_sim_files_copy(w->sim->metadata);
	struct upload u;

	repo_sim_renew(w->sim);
	assert_int_equal(publish(w), 204);
	struct repo_sim_file *stamp = repo_sim_file(old, "timestamp.json");
	upload_begin(&u);
	upload_add(&u, "metadata/timestamp.json", stamp->data, stamp->len);
	struct client_answer a = upload_send(w, ADMIN, &u);
	assert_int_equal(a.status, 422);
	assert_non_null(strstr(a.body, "rollback"));
	free(a.body);
	repo_sim_files_free(&old);
}

static void another_repository_is_refused(void **state)
{
	(void)state;
	int64_t before = generation();
	struct repo_sim *other = repo_sim_new(), *ours = w->sim;
	static const char *const thief[] = { "thief-1", "thief-2" };

	/* signed by keys that the pinned root does not know */
	repo_sim_forge(other, "timestamp.json", thief, 2, NULL, NULL);
	w->sim = other;
	assert_int_equal(publish(w), 422);
	w->sim = ours;
	repo_sim_free(other);
	assert_int_equal(generation(), before);
}

static void versioned_files_do_not_change(void **state)
{
	(void)state;
	struct upload u;
	static const char other[] = "{\"signed\":{},\"signatures\":[]}";

	repo_sim_renew(w->sim);
	upload_begin(&u);
	upload_sim(&u, w->sim, "metadata/1.targets.json");
	upload_add(&u, "metadata/1.targets.json", other, sizeof other - 1);
	struct client_answer a = upload_send(w, ADMIN, &u);
	assert_int_equal(a.status, 409);
	free(a.body);
}

static void a_new_root_is_followed(void **state)
{
	(void)state;
	int64_t before = generation();

	NEED(release_key_add(w->sim->release, "root", signkey_public(repo_sim_key(w->sim, "root-3")), f));
	repo_sim_publish(w->sim);
	assert_int_equal(publish(w), 204);
	assert_int_equal(generation(), before + 1);
	assert_int_equal(status_for(w, HOST, "GET", "/v1/repo/metadata/2.root.json", NULL, NULL), 200);
	/* and stays followed after a restart, with the pin in the store */
	world_halt(w);
	world_start(w);
	repo_sim_renew(w->sim);
	assert_int_equal(publish(w), 204);
}

static void forms(void **state)
{
	(void)state;
	static const struct {
		const char *remark, *body;
		int status;
	} rows[] = {
		{ "no body", "", 400 },
		{ "no JSON", "x", 400 },
		{ "no files", "{\"files\":[]}", 400 },
		{ "unknown member", "{\"files\":[],\"x\":1}", 400 },
		{ "no base64", "{\"files\":[{\"name\":\"metadata/a.json\",\"data\":\"?\"}]}", 400 },
		{ "outside", "{\"files\":[{\"name\":\"etc/passwd\",\"data\":\"\"}]}", 400 },
		{ "dots", "{\"files\":[{\"name\":\"targets/../x\",\"data\":\"\"}]}", 400 },
		{ "hidden metadata", "{\"files\":[{\"name\":\"metadata/.x\",\"data\":\"\"}]}", 400 },
		{ "a folder", "{\"files\":[{\"name\":\"targets/x/\",\"data\":\"\"}]}", 400 },
		{ "slash in metadata", "{\"files\":[{\"name\":\"metadata/a/b\",\"data\":\"\"}]}", 400 },
		{ "twice",
		        "{\"files\":[{\"name\":\"metadata/a\",\"data\":\"\"},{\"name\":\"metadata/"
		        "a\",\"data\":\"\"}]}",
		        400 },
	};

	int64_t before = generation();
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		int got = status_for(w, ADMIN, "PUT", "/v1/repo", NULL, rows[i].body);
		if (got != rows[i].status)
			fail_msg("%s: %d", rows[i].remark, got);
	}
	assert_int_equal(generation(), before);
}

/* A server that was given the trusted root refuses even the first publication of another. */
static void a_given_root_is_the_anchor(void **state)
{
	(void)state;
	struct api_world *outer = w;

	w = world_open();
	struct buf out = BUF_INIT(1 << 20);
	unsigned char seed[SIGNKEY_SEED_LEN] = { 9 };
	struct signkey *key;
	NEED(signkey_from_seed(seed, &key, f));
	struct release *r;
	struct release_files files;
	NEED(release_new(&r));
	NEED(release_init(r, true, f));
	static const char *const roles[] = { "root", "timestamp", "snapshot", "targets" };
	for (int i = 0; i < 4; i++) {
		NEED(release_key_add(r, roles[i], signkey_public(key), f));
		NEED(release_expires(r, roles[i], WORLD_NOW + 86400, f));
	}
	const struct signkey *signing[] = { key };
	NEED(release_write(r, WORLD_NOW, signing, 1, &files, f));
	for (size_t i = 0; i < files.n; i++)
		if (strcmp(files.list[i].role, "root") == 0)
			buf_bytes(&out, files.list[i].data, files.list[i].len);
	NEED(file_replace(world_at(w, "root.json"), out.data, out.len, 0644, FILE_VOLATILE, f));
	struct api_settings settings = w->settings;
	settings.repo_root = world_at(w, "root.json");
	NEED(api_reload(w->api, &settings, f));
	assert_int_equal(publish(w), 422);
	assert_int_equal(generation(), 0);
	struct upload u;
	upload_begin(&u);
	for (size_t i = 0; i < files.n; i++) {
		char name[300];
		snprintf(name, sizeof name, "metadata/%s", files.list[i].name);
		upload_add(&u, name, files.list[i].data, files.list[i].len);
	}
	struct client_answer a = upload_send(w, ADMIN, &u);
	assert_int_equal(a.status, 204);
	free(a.body);
	release_files_free(&files);
	release_free(r);
	signkey_free(key);
	buf_free(&out);
	world_close(w);
	w = outer;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_files_are_served),
		cmocka_unit_test(the_same_again_changes_nothing),
		cmocka_unit_test(a_delegated_role_is_verified),
		cmocka_unit_test(what_a_client_refuses_is_refused),
		cmocka_unit_test(an_older_repository_is_a_rollback),
		cmocka_unit_test(another_repository_is_refused),
		cmocka_unit_test(versioned_files_do_not_change),
		cmocka_unit_test(a_new_root_is_followed),
		cmocka_unit_test(forms),
		cmocka_unit_test(a_given_root_is_the_anchor),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
