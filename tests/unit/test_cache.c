/* The trusted set on disk: the chain of roots is walked again at every start, what was changed there ends it and is fetched
 * anew, and a disk that cannot be written stops the refresh. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/keeper/cache.h"
#include "tests/support/fault_tree.h"
#include "tests/support/repo_sim.h"

#define NOW   (REPO_SIM_NOW + 3600)
#define ROOTS 4

struct world {
	struct tree t; /* state: the cache */
	struct repo_sim *sim;
	struct trust *trust;
	char anchor[PATH_MAX];
	struct fault f;
};

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof *w);

	assert_non_null(w);
	tree_open(&w->t);
	assert_int_equal(dir_make(w->t.state, 0700, NULL), 0);
	w->sim = repo_sim_new();
	const struct repo_sim_file *root = repo_sim_file(w->sim->metadata, "1.root.json");
	snprintf(w->anchor, sizeof w->anchor, "%s/anchor", w->t.dir);
	assert_int_equal(file_replace(w->anchor, root->data, root->len, 0600, FILE_VOLATILE, NULL), 0);
	for (int i = 2; i <= ROOTS; i++) {
		assert_int_equal(
		        release_expires(w->sim->release, "root", NOW + (100 + i) * REPO_SIM_DAY, NULL), 0);
		repo_sim_publish(w->sim);
	}
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	trust_free(w->trust);
	repo_sim_free(w->sim);
	tree_close(&w->t);
	free(w);
	return 0;
}

/* A start; the version of the root that it comes to. */
static int64_t start(struct world *w)
{
	trust_free(w->trust);
	w->trust = NULL;
	w->f = (struct fault){ 0 };
	assert_int_equal(cache_open(w->t.state, w->anchor, &w->trust, &w->f), 0);
	return trust_version(w->trust, TUF_ROOT);
}

static int refresh(struct world *w)
{
	struct trust_request rq;
	int rc;

	trust_begin(w->trust, NOW);
	while (!(rc = trust_next(w->trust, &rq, &w->f)) && rq.ask != TRUST_DONE) {
		if (rq.ask == TRUST_FETCH) {
			const struct repo_sim_file *file = repo_sim_file(w->sim->metadata, rq.file);
			rc = trust_give(w->trust, file ? file->data : NULL, file ? file->len : 0, &w->f);
		} else {
			rc = cache_serve(w->t.state, w->trust, &rq, &w->f);
		}
		if (rc)
			break;
	}
	return rc;
}

static const char *in_cache(struct world *w, const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/%s", w->t.state, name);
	return path;
}

/* A directory in the place of a file: it can neither be read nor replaced. */
static void block(struct world *w, const char *name)
{
	unlink(in_cache(w, name));
	assert_int_equal(mkdir(in_cache(w, name), 0700), 0);
}

static void unblock(struct world *w, const char *name)
{
	assert_int_equal(rmdir(in_cache(w, name)), 0);
}

static void byte_change(struct world *w, const char *name)
{
	char *data;
	size_t len;

	assert_int_equal(file_read(in_cache(w, name), 1 << 20, &data, &len, NULL), 0);
	char *at = strstr(data, "\"version\"");
	assert_non_null(at);
	at[1] = 'V';
	assert_int_equal(file_replace(in_cache(w, name), data, len, 0600, FILE_VOLATILE, NULL), 0);
	file_free(data);
}

static void the_chain_is_walked_again(void **state)
{
	struct world *w = *state;

	assert_int_equal(start(w), 1);
	assert_int_equal(refresh(w), 0);
	assert_int_equal(start(w), ROOTS);
	assert_int_equal(w->f.code, 0);
	assert_int_equal(refresh(w), 0);
}

static void a_changed_history_ends_the_chain_and_is_mended(void **state)
{
	struct world *w = *state;

	start(w);
	assert_int_equal(refresh(w), 0);
	byte_change(w, "root_history/3.root.json");
	assert_int_equal(start(w), 2);
	assert_int_not_equal(w->f.code, 0);
	assert_int_equal(refresh(w), 0);
	assert_int_equal(start(w), ROOTS);
	/* Unreadable, or gone: the same. */
	block(w, "root_history/2.root.json");
	assert_int_equal(start(w), 1);
	unblock(w, "root_history/2.root.json");
	assert_int_equal(start(w), 1);
	assert_int_equal(refresh(w), 0);
	assert_int_equal(start(w), ROOTS);
}

static void a_root_that_was_put_there_is_no_anchor(void **state)
{
	struct world *w = *state;
	struct repo_sim *other = repo_sim_new();
	static const char *const keys[] = { "root-8", "root-9" };

	start(w);
	assert_int_equal(refresh(w), 0);
	/* Signed by somebody, a version ahead, in all places where a root lies. */
	repo_sim_forge(other, "1.root.json", keys, 2, NULL, NULL);
	const struct repo_sim_file *evil = repo_sim_file(other->metadata, "1.root.json");
	assert_int_equal(
	        file_replace(in_cache(w, "root.json"), evil->data, evil->len, 0600, FILE_VOLATILE, NULL), 0);
	assert_int_equal(file_replace(in_cache(w, "root_history/5.root.json"), evil->data, evil->len, 0600,
	                         FILE_VOLATILE, NULL),
	        0);
	assert_int_equal(start(w), ROOTS);
	assert_int_not_equal(w->f.code, 0);
	assert_int_equal(refresh(w), 0);
	assert_int_equal(trust_version(w->trust, TUF_ROOT), ROOTS);
	repo_sim_free(other);
}

static void a_disk_that_cannot_be_written_stops_the_refresh(void **state)
{
	struct world *w = *state;
	static const char *const rows[] = { "root_history/2.root.json", "root.json", "timestamp.json",
		"snapshot.json", "targets.json" };

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		start(w);
		block(w, rows[i]);
		if (!refresh(w))
			fail_msg("%s: went on", rows[i]);
		unblock(w, rows[i]);
		start(w);
		if (refresh(w))
			fail_msg("%s: did not recover: %s: %s", rows[i], w->f.where, w->f.what);
		assert_int_equal(trust_version(w->trust, TUF_ROOT), ROOTS);
		tree_close(&w->t);
		assert_int_equal(dir_make(w->t.state, 0700, NULL), 0);
		const struct repo_sim_file *root = repo_sim_file(w->sim->metadata, "1.root.json");
		assert_int_equal(
		        file_replace(w->anchor, root->data, root->len, 0600, FILE_VOLATILE, NULL), 0);
	}
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_chain_is_walked_again),
		T(a_changed_history_ends_the_chain_and_is_mended),
		T(a_root_that_was_put_there_is_no_anchor),
		T(a_disk_that_cannot_be_written_stops_the_refresh),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
