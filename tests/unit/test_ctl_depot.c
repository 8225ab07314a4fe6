/* The repository directory: made, changed, read back; signing again gives the same bytes; a failure changes nothing. */
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

#include "proto/fileio.h"
#include "server-stub/ctl/depot.h"
#include "server-stub/ctl/depot_check.h"
#include "server-stub/ctl/depot_in.h"

#define NOW 1700000000

struct world {
	char dir[64], repo[80], keys[80];
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);

	snprintf(w->dir, sizeof w->dir, "/tmp/kedge-unit.XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->repo, sizeof w->repo, "%s/repo", w->dir);
	snprintf(w->keys, sizeof w->keys, "%s/keys", w->dir);
	struct depot_plan plan = depot_plan_default;
	plan.keys = w->keys;
	assert_int_equal(depot_init(w->repo, &plan, NOW, NULL), 0);
	*state = w;
	return 0;
}

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

static int teardown(void **state)
{
	struct world *w = *state;
	const char *const argv[] = { "rm", "-rf", w->dir, NULL };

	run(argv);
	free(w);
	return 0;
}

static void open_all(const struct world *w, struct depot **d, struct keyring *k)
{
	struct fault f = { 0 };

	if (depot_open(w->repo, d, &f) || keyring_load(w->keys, NULL, k, &f))
		fail_msg("%s: %s", f.where, f.what);
}

static void check(const struct world *w, int64_t now, int want, size_t targets)
{
	struct depot_check c;
	struct fault f = { 0 };
	int rc = depot_check(w->repo, now, &c, &f);

	if (rc != want || (!rc && c.n_targets != targets))
		fail_msg("%d, not %d: %s: %s; %zu targets", rc, want, f.where, f.what, c.n_targets);
	depot_check_clear(&c);
}

static void put_and_read(void **state)
{
	const struct world *w = *state;
	struct release_files files = { 0 };
	struct depot *d = NULL, *second = NULL;
	struct keyring k = { 0 };
	struct fault f = { 0 };
	char *data;
	size_t len;

	check(w, NOW, 0, 0);
	open_all(w, &d, &k);
	assert_int_equal(depot_open(w->repo, &second, &f), KE_BUSY);
	assert_int_equal(depot_put(d, NULL, "a/b.json", "hello", 5, NULL), 0);
	assert_int_equal(depot_put(d, NULL, "../x", "hello", 5, NULL), KE_NAME);
	assert_int_equal(depot_write(d, &k, NOW + 10, false, &files, &f), 0);
	assert_int_equal(files.n, 3);
	assert_string_equal(files.list[0].name, "2.targets.json");
	assert_string_equal(files.list[1].name, "2.snapshot.json");
	assert_string_equal(files.list[2].name, "timestamp.json");
	release_files_free(&files);
	depot_close(d);
	keyring_clear(&k);
	check(w, NOW + 10, 0, 1);
	open_all(w, &d, &k);
	assert_int_equal(depot_read(d, "a/b.json", &data, &len, &f), 0);
	assert_int_equal(len, 5);
	assert_memory_equal(data, "hello", 5);
	file_free(data);
	assert_int_equal(depot_read(d, "a/c.json", &data, &len, &f), KE_NOENT);
	depot_close(d);
	keyring_clear(&k);
}

/* The same change at the same time gives the same bytes: nothing random is in a signature, no map changes its order. */
static void stable(void **state)
{
	const struct world *w = *state;
	struct release_files first = { 0 }, again = { 0 };
	struct release_files *runs[] = { &first, &again };

	for (int i = 0; i < 2; i++) {
		struct depot *d = NULL;
		struct keyring k = { 0 };
		open_all(w, &d, &k);
		assert_int_equal(depot_put(d, NULL, "p/1.json", "one", 3, NULL), 0);
		assert_int_equal(depot_put(d, NULL, "p/2.json", "two", 3, NULL), 0);
		assert_int_equal(depot_write(d, &k, NOW + 20, true, runs[i], NULL), 0);
		depot_close(d);
		keyring_clear(&k);
	}
	assert_int_equal(first.n, 3);
	assert_int_equal(again.n, 3);
	for (size_t i = 0; i < first.n; i++) {
		assert_string_equal(first.list[i].name, again.list[i].name);
		assert_int_equal(first.list[i].len, again.list[i].len);
		assert_memory_equal(first.list[i].data, again.list[i].data, first.list[i].len);
	}
	release_files_free(&first);
	release_files_free(&again);
	check(w, NOW + 20, 0, 0); /* dry: nothing was written */
}

static void without_keys(void **state)
{
	const struct world *w = *state;
	struct release_files files = { 0 };
	struct keyring none = { 0 };
	struct depot *d = NULL;
	struct fault f = { 0 };

	assert_int_equal(depot_open(w->repo, &d, &f), 0);
	assert_int_equal(depot_put(d, NULL, "a", "x", 1, NULL), 0);
	assert_int_equal(depot_write(d, &none, NOW, false, &files, &f), KE_SIGNATURE);
	depot_close(d);
	check(w, NOW, 0, 0);
	assert_int_equal(keyring_load("/nonexistent", NULL, &none, &f), KE_NOENT);
	keyring_clear(&none);
}

static void expiry(void **state)
{
	const struct world *w = *state;
	struct release_files files = { 0 };
	struct depot *d = NULL;
	struct keyring k = { 0 };

	check(w, NOW + 7 * 86400 - 1, 0, 0);
	check(w, NOW + 7 * 86400, KE_EXPIRED, 0);
	open_all(w, &d, &k);
	assert_int_equal(depot_touch(d, "snapshot", NULL), 0);
	assert_int_equal(depot_write(d, &k, NOW + 7 * 86400, false, &files, NULL), 0);
	assert_int_equal(files.n, 2);
	release_files_free(&files);
	depot_close(d);
	keyring_clear(&k);
	check(w, NOW + 7 * 86400, 0, 0);
}

static void rotation(void **state)
{
	const struct world *w = *state;
	static const char *const roles[] = { "targets", "snapshot", "timestamp", "root", "root" };

	for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
		struct release_files files = { 0 };
		struct depot *d = NULL;
		struct keyring k = { 0 };
		struct fault f = { 0 };
		char id[65] = "";
		open_all(w, &d, &k);
		const struct signers *now = NULL;
		assert_int_equal(depot_signers(d, roles[i], &now, NULL), 0);
		assert_int_equal(now->n, 1);
		snprintf(id, sizeof id, "%s", pubkey_id(now->keys[0]));
		if (depot_rotate(d, roles[i], &k, &f) || depot_write(d, &k, NOW + 1, false, &files, &f))
			fail_msg("%s: %s: %s", roles[i], f.where, f.what);
		assert_non_null(keyring_find(&k, id));
		assert_int_equal(keyring_retire(&k, id, NULL), 0);
		assert_int_equal(depot_version(d, "root"), (int64_t)i + 2);
		release_files_free(&files);
		depot_close(d);
		keyring_clear(&k);
		check(w, NOW + 1, 0, 0);
		assert_int_equal(keyring_load(w->keys, NULL, &k, NULL), 0);
		assert_null(keyring_find(&k, id));
		assert_int_equal(k.n, 6);
		keyring_clear(&k);
	}
}

static void plans(void **state)
{
	const struct world *w = *state;
	struct depot_plan plan = depot_plan_default;
	char path[100];

	plan.keys = w->keys;
	assert_int_equal(depot_init(w->repo, &plan, NOW, NULL), KE_EXIST);
	snprintf(path, sizeof path, "%s/other", w->dir);
	plan.threshold[TUF_ROOT] = 2;
	assert_int_equal(depot_init(path, &plan, NOW, NULL), KE_RANGE);
	plan.n_keys[TUF_ROOT] = 17;
	assert_int_equal(depot_init(path, &plan, NOW, NULL), KE_RANGE);
	assert_int_equal(access(path, F_OK), -1);
	struct depot *d = NULL;
	assert_int_equal(depot_open(path, &d, NULL), KE_NOENT);
	assert_int_equal(access(path, F_OK), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(put_and_read, setup, teardown),
		cmocka_unit_test_setup_teardown(stable, setup, teardown),
		cmocka_unit_test_setup_teardown(without_keys, setup, teardown),
		cmocka_unit_test_setup_teardown(expiry, setup, teardown),
		cmocka_unit_test_setup_teardown(rotation, setup, teardown),
		cmocka_unit_test_setup_teardown(plans, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
