/* DIR/pending: a change waits there whole, nothing published moves before it is complete, and a crash in the middle of a
 * switch leaves the old or the new. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <cJSON.h>

#include "proto/fileio.h"
#include "server-stub/ctl/depot.h"
#include "server-stub/ctl/depot_check.h"

#define NOW 1700000000

/* Alice makes the repository; targets and root need her and Bob. */
struct world {
	char dir[64], repo[80], alice[80], bob[80];
	const struct signkey *key_a, *key_b;
	struct keyring a, b;
};

static int run(const char *const *argv)
{
	pid_t pid = fork();

	if (pid == 0) {
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	int status = 1;
	while (waitpid(pid, &status, 0) < 0)
		;
	return status;
}

/* A shell line in the test's directory. */
static void shell(const struct world *w, const char *line)
{
	char text[400];

	snprintf(text, sizeof text, "cd %s && %s", w->dir, line);
	const char *const argv[] = { "sh", "-ec", text, NULL };
	if (run(argv) != 0)
		fail_msg("%s", line);
}

static bool there(const struct world *w, const char *name)
{
	char path[200];

	snprintf(path, sizeof path, "%s/%s", w->repo, name);
	return access(path, F_OK) == 0;
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);

	snprintf(w->dir, sizeof w->dir, "/tmp/kedge-unit.XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->repo, sizeof w->repo, "%s/repo", w->dir);
	snprintf(w->alice, sizeof w->alice, "%s/alice", w->dir);
	snprintf(w->bob, sizeof w->bob, "%s/bob", w->dir);
	w->a = (struct keyring){ .dir = strdup(w->alice) };
	w->b = (struct keyring){ .dir = strdup(w->bob) };
	assert_int_equal(keyring_create(&w->a, "alice", SIGNKEY_ED25519, &w->key_a, NULL), 0);
	assert_int_equal(keyring_create(&w->b, "bob", SIGNKEY_ECDSA, &w->key_b, NULL), 0);
	const struct depot_import imports[] = {
		{ TUF_ROOT, signkey_public(w->key_a) },
		{ TUF_ROOT, signkey_public(w->key_b) },
		{ TUF_TARGETS, signkey_public(w->key_a) },
		{ TUF_TARGETS, signkey_public(w->key_b) },
	};
	struct depot_plan plan = depot_plan_default;
	plan.keys = w->alice;
	plan.imports = imports;
	plan.n_imports = 4;
	plan.n_keys[TUF_ROOT] = plan.n_keys[TUF_TARGETS] = 0;
	plan.threshold[TUF_ROOT] = plan.threshold[TUF_TARGETS] = 2;
	struct fault f = { 0 };
	if (depot_init(w->repo, &plan, NOW, &f))
		fail_msg("%s: %s", f.where, f.what);
	assert_int_equal(depot_init(w->repo, &plan, NOW, &f), KE_EXIST);
	keyring_clear(&w->a);
	assert_int_equal(keyring_load(w->alice, NULL, &w->a, NULL), 0);
	assert_int_equal(w->a.n, 3); /* alice, snapshot, timestamp */
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	const char *const argv[] = { "rm", "-rf", w->dir, NULL };

	run(argv);
	keyring_clear(&w->a);
	keyring_clear(&w->b);
	free(w);
	return 0;
}

static void check(const struct world *w, int want, size_t targets)
{
	struct depot_check c;
	struct fault f = { 0 };
	int rc = depot_check(w->repo, NOW, &c, &f);

	if (rc != want || (!rc && c.n_targets != targets))
		fail_msg("%d, not %d: %s: %s; %zu targets", rc, want, f.where, f.what, c.n_targets);
	depot_check_clear(&c);
}

/* Sign what is pending with K. Returns how many files went out; what still waits goes to RET_PENDING. */
static size_t resume(const struct world *w, const struct keyring *k, size_t *ret_pending)
{
	struct release_files files = { 0 };
	struct release_pendings pending = { 0 };
	struct depot *d = NULL;
	struct fault f = { 0 };

	if (depot_resume(w->repo, NOW, &d, &f) || depot_sign(d, k, NOW, false, &files, &pending, &f))
		fail_msg("%s: %s", f.where, f.what);
	size_t n = files.n;
	*ret_pending = pending.n;
	release_files_free(&files);
	release_pendings_free(&pending);
	depot_close(d);
	return n;
}

/* Both sign. */
static void complete(const struct world *w, size_t files)
{
	size_t pending;

	assert_int_equal(resume(w, &w->b, &pending), 0);
	assert_true(pending > 0);
	assert_int_equal(resume(w, &w->a, &pending), files);
	assert_int_equal(pending, 0);
	assert_false(there(w, "pending"));
}

/* Put NAME with K; it has to be pending. */
static void propose(const struct world *w, const struct keyring *k, const char *name)
{
	struct release_files files = { 0 };
	struct release_pendings pending = { 0 };
	struct depot *d = NULL;
	struct fault f = { 0 };

	if (depot_open(w->repo, &d, &f) || depot_put(d, NULL, name, name, strlen(name), &f) ||
	        depot_sign(d, k, NOW, false, &files, &pending, &f))
		fail_msg("%s: %s", f.where, f.what);
	assert_int_equal(files.n, 0);
	assert_true(pending.n > 0);
	release_pendings_free(&pending);
	depot_close(d);
}

static void version_1_waits(void **state)
{
	struct world *w = *state;
	struct depot *d = NULL;
	struct fault f = { 0 };

	assert_true(there(w, "pending/1.root.json"));
	assert_true(there(w, "pending/1.targets.json"));
	assert_false(there(w, "pending/1.snapshot.json"));
	assert_false(there(w, "metadata/1.root.json"));
	check(w, KE_NOENT, 0);
	assert_int_equal(depot_open(w->repo, &d, &f), KE_NOENT);
	assert_non_null(strstr(f.what, "waits for signatures"));
	complete(w, 6);
	check(w, KE_OK, 0);
	assert_int_equal(depot_open(w->repo, &d, &f), 0);
	depot_close(d);
}

static void discarded(void **state)
{
	struct world *w = *state;
	struct buf names = BUF_INIT(4096);
	struct depot *d = NULL;

	assert_int_equal(depot_discard(w->repo, true, &names, NULL), 0);
	assert_string_equal(
	        buf_text(&names), "1.policies.json\n1.rollouts.json\n1.root.json\n1.targets.json\n");
	assert_true(there(w, "pending"));
	buf_clear(&names);
	assert_int_equal(depot_discard(w->repo, false, &names, NULL), 0);
	assert_false(there(w, "pending"));
	assert_int_equal(depot_resume(w->repo, NOW, &d, NULL), KE_NOENT);
	buf_free(&names);
}

static void one_change_at_a_time(void **state)
{
	struct world *w = *state;
	struct release_files files = { 0 };
	struct depot *d = NULL;
	struct fault f = { 0 };

	complete(w, 6);
	propose(w, &w->a, "one");
	check(w, KE_OK, 0);
	assert_int_equal(depot_open(w->repo, &d, NULL), 0);
	assert_true(depot_waits(d));
	assert_int_equal(depot_put(d, NULL, "two", "2", 1, &f), KE_EXIST);
	assert_non_null(strstr(f.todo, "repo sign"));
	size_t before = w->a.n;
	assert_int_equal(depot_rotate(d, "targets", &w->a, &f), KE_EXIST);
	assert_int_equal(w->a.n, before); /* no key was made for it */
	depot_close(d);
	/* The job that keeps snapshot and timestamp fresh goes on, more than once. */
	for (int i = 0; i < 2; i++) {
		assert_int_equal(depot_open(w->repo, &d, NULL), 0);
		assert_int_equal(depot_touch(d, "snapshot", NULL), 0);
		assert_int_equal(depot_write(d, &w->a, NOW, false, &files, NULL), 0);
		assert_int_equal(files.n, 2);
		release_files_free(&files);
		depot_close(d);
		assert_true(there(w, "pending/2.targets.json"));
	}
	complete(w, 3);
	check(w, KE_OK, 1);
	assert_true(there(w, "metadata/4.snapshot.json"));
}

/* A snapshot that waits is made again when another one was published, or when it got too old. */
static void followers_are_made_again(void **state)
{
	struct world *w = *state;
	struct release_files files = { 0 };
	struct release_pendings pending = { 0 };
	struct depot *d = NULL;
	size_t n;

	complete(w, 6);
	propose(w, &w->a, "one");
	assert_int_equal(resume(w, &w->b, &n), 0);
	assert_true(there(w, "pending/2.snapshot.json"));
	assert_int_equal(depot_open(w->repo, &d, NULL), 0);
	assert_int_equal(depot_touch(d, "snapshot", NULL), 0);
	assert_int_equal(depot_write(d, &w->a, NOW, false, &files, NULL), 0);
	release_files_free(&files);
	depot_close(d);
	/* After 40 days the pending snapshot, too, would have expired. */
	assert_int_equal(depot_resume(w->repo, NOW + 40 * 86400, &d, NULL), 0);
	assert_int_equal(depot_sign(d, &w->a, NOW + 40 * 86400, false, &files, &pending, NULL), 0);
	assert_int_equal(files.n, 3);
	assert_string_equal(files.list[1].name, "3.snapshot.json");
	release_files_free(&files);
	depot_close(d);
	assert_false(there(w, "pending"));
}

static void what_expired_is_said(void **state)
{
	struct world *w = *state;
	struct release_pendings plan = { 0 };
	struct depot *d = NULL;

	complete(w, 6);
	propose(w, &w->a, "one");
	assert_int_equal(depot_resume(w->repo, NOW + 200 * 86400, &d, NULL), 0);
	assert_int_equal(depot_preview(d, NOW + 200 * 86400, &plan, NULL), KE_EXPIRED);
	depot_close(d);
}

static void single_keys_change(void **state)
{
	struct world *w = *state;
	const struct signkey *carol = NULL;
	struct keyring c = { .dir = strdup(w->bob), .dry = true };
	struct release_files files = { 0 };
	struct release_pendings pending = { 0 };
	struct depot *d = NULL;
	struct fault f = { 0 };
	char prefix[9] = "";
	size_t n;

	complete(w, 6);
	assert_int_equal(keyring_create(&c, "carol", SIGNKEY_ED25519, &carol, NULL), 0);
	const struct cJSON *add = signkey_public(carol);
	memcpy(prefix, signkey_id(w->key_b), 8);
	const char *drop = prefix;
	const struct {
		const char *role;
		struct depot_rekey change;
		int code;
		const char *remark;
	} rows[] = {
		{ "targets", { NULL, 0, &(const char *){ "12345678" }, 1, 0 }, KE_NOENT, "no such key" },
		{ "targets", { NULL, 0, &(const char *){ "1234567" }, 1, 0 }, KE_USAGE, "too short" },
		{ "targets", { NULL, 0, &(const char *){ "1234567X" }, 1, 0 }, KE_USAGE, "no digits" },
		{ "mirrors", { &add, 1, NULL, 0, 0 }, KE_NAME, "no role" },
		{ "targets", { NULL, 0, &drop, 1, 0 }, KE_RANGE, "two of one" },
		{ "targets", { NULL, 0, NULL, 0, 3 }, KE_RANGE, "three of two" },
		{ "targets", { &add, 1, &drop, 1, 0 }, KE_OK, "one for another" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(depot_open(w->repo, &d, NULL), 0);
		int rc = depot_rekey(d, rows[i].role, &rows[i].change, &f);
		if (!rc)
			rc = depot_sign(d, &w->a, NOW, false, &files, &pending, &f);
		if (rc != rows[i].code)
			fail_msg("%s: %s: %s", rows[i].remark, err_name(rc), f.what);
		depot_close(d);
	}
	assert_int_equal(pending.n, 4);
	assert_int_equal(files.n, 0);
	release_pendings_free(&pending);
	/* Root waits for bob, who is still one of the two; targets for carol. */
	assert_int_equal(resume(w, &w->b, &n), 0);
	assert_int_equal(resume(w, &w->a, &n), 0);
	assert_int_equal(n, 4);
	assert_int_equal(resume(w, &c, &n), 0);
	assert_int_equal(resume(w, &w->a, &n), 4);
	check(w, KE_OK, 0);
	keyring_clear(&c);
}

/* Every state that a crash can leave, made by hand. */
static void crashes(void **state)
{
	static const struct {
		const char *make; /* from a repository with the change "one" pending, signed by alice */
		size_t published; /* targets, after the next open */
		bool pending;
		const char *remark;
	} rows[] = {
		{ "cp -r repo/pending repo/.pending.new && : >repo/.pending.new/2.targets.json", 0, true,
		        "the new folder is being written" },
		{ "cp -r repo/pending repo/.pending.new && mv repo/pending repo/.pending.old", 0, true,
		        "the old one was moved away" },
		{ "cp -r repo/pending repo/.pending.old", 0, true, "the old one is being removed" },
		{ "mv repo/pending repo/.pending.old && rm -f repo/.pending.old/2*", 0, false,
		        "it is being dropped" },
		{ "cp -r done/.staged.new repo/.staged.new", 0, true, "the switch is not committed" },
		{ "cp -r done/.staged.new repo/.staged", 1, false, "it is committed" },
		{ "cp -r done/.staged.new repo/.staged && mv repo/.staged/2.targets.json repo/metadata/", 1,
		        false, "one file was moved" },
		{ "cp -r done/.staged.new repo/.staged && mv repo/.staged/*.json repo/metadata/", 1, false,
		        "all were moved" },
		{ "cp -r done/.staged.new repo/.staged && mv repo/.staged/*.json repo/metadata/ && mv "
		  "repo/pending "
		  "repo/.pending.old",
		        1, false, "what was pending is being dropped" },
		{ "cp -r done/.staged.new repo/.staged && mv repo/.staged/*.json repo/metadata/ && rm -r "
		  "repo/pending "
		  "repo/.staged/.settles-pending",
		        1, false, "only the folder is left" },
	};
	struct world *w = *state;
	size_t n;

	complete(w, 6);
	propose(w, &w->a, "one");
	/* What the switch would have staged. */
	shell(w, "cp -r repo before && mkdir -p done/.staged.new");
	complete(w, 3);
	shell(w, "cp repo/metadata/2.targets.json repo/metadata/2.snapshot.json repo/metadata/timestamp.json "
	         "done/.staged.new/ && : >done/.staged.new/.settles-pending");
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct depot *d = NULL;
		shell(w, "rm -rf repo && cp -r before repo");
		shell(w, rows[i].make);
		if (depot_open(w->repo, &d, NULL))
			fail_msg("%s: cannot be opened", rows[i].remark);
		if (depot_waits(d) != rows[i].pending)
			fail_msg("%s: pending is %d", rows[i].remark, !rows[i].pending);
		depot_close(d);
		assert_false(there(w, ".staged"));
		assert_false(there(w, ".staged.new"));
		assert_false(there(w, ".pending.new"));
		assert_false(there(w, ".pending.old"));
		check(w, KE_OK, rows[i].published);
		if (!rows[i].pending)
			continue;
		assert_int_equal(resume(w, &w->b, &n), 0);
		assert_int_equal(resume(w, &w->a, &n), 3);
		check(w, KE_OK, 1);
	}
}

static void stray_and_stale_files_are_refused(void **state)
{
	struct world *w = *state;
	struct depot *d = NULL;
	struct fault f = { 0 };
	struct buf names = BUF_INIT(4096);

	complete(w, 6);
	propose(w, &w->a, "one");
	shell(w, "mkdir keep && cp repo/pending/* keep/");
	complete(w, 3);
	/* A copy from before, put back. */
	shell(w, "mkdir repo/pending && cp keep/* repo/pending/");
	assert_int_equal(depot_resume(w->repo, NOW, &d, &f), KE_ROLLBACK);
	assert_non_null(strstr(f.todo, "--discard"));
	assert_int_equal(depot_discard(w->repo, false, &names, NULL), 0);
	static const char *const strays[] = { "x.json", "02.targets.json", "2.targets.json.bak",
		"0.root.json", "2..json", "2.%zz.json", "2.%00.json", "99999999999999999999.root.json" };
	for (size_t i = 0; i < sizeof strays / sizeof strays[0]; i++) {
		char line[120];
		snprintf(line, sizeof line, "mkdir repo/pending && : >'repo/pending/%s'", strays[i]);
		shell(w, line);
		int rc = depot_open(w->repo, &d, &f);
		if (rc != KE_NAME)
			fail_msg("%s: %s", strays[i], err_name(rc));
		shell(w, "rm -r repo/pending");
	}
	buf_free(&names);
}

int main(void)
{
#define TEST(F) cmocka_unit_test_setup_teardown(F, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(version_1_waits),
		TEST(discarded),
		TEST(one_change_at_a_time),
		TEST(followers_are_made_again),
		TEST(what_expired_is_said),
		TEST(single_keys_change),
		TEST(crashes),
		TEST(stray_and_stale_files_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
