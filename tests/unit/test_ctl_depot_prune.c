/* Pruning: which rollouts and policies go, which files, and that nothing else does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "policies/rollout.h"
#include "proto/fileio.h"
#include "server-stub/ctl/depot.h"
#include "server-stub/ctl/depot_check.h"

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
	plan.shard_above = 8;
	assert_int_equal(depot_init(w->repo, &plan, NOW, NULL), 0);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		execlp("rm", "rm", "-rf", w->dir, (char *)NULL);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	free(w);
	return 0;
}

struct session {
	struct depot *d;
	struct keyring k;
	struct fault f;
};

static struct session begin(const struct world *w)
{
	struct session s = { 0 };

	if (depot_open(w->repo, &s.d, &s.f) || keyring_load(w->keys, NULL, &s.k, &s.f))
		fail_msg("%s: %s", s.f.where, s.f.what);
	return s;
}

static void end(struct session *s)
{
	depot_close(s->d);
	keyring_clear(&s->k);
}

/* "policies/web/3", or "rollouts/web/7=3" (of version 3), with "s" in front: its standing form, "r": a removal. */
static void put(struct session *s, const char *what)
{
	char path[64], policy[32], *text;
	int number = 0, version = 0;
	size_t len;

	if (sscanf(what, "policies/%31[^/]/%d", policy, &number) == 2) {
		snprintf(path, sizeof path, "policies/%s/%d.json", policy, number);
		assert_int_equal(depot_put(s->d, NULL, path, what, strlen(what), &s->f), 0);
		return;
	}
	bool standing = what[0] == 's', remove = what[0] == 'r' && what[1] == 'r';
	sscanf(what + (standing || remove), "rollouts/%31[^/]/%d=%d", policy, &number, &version);
	snprintf(path, sizeof path, "policies/%s/%d.json", policy, version);
	struct rollout_wave all = { .share = ROLLOUT_SHARE_ALL, .opens_before = 60 };
	struct rollout r = { .policy = policy,
		.serial = number,
		.action = remove ? ROLLOUT_REMOVE : ROLLOUT_APPLY,
		.version = remove ? 0 : version,
		.target_path = remove ? NULL : path,
		.target_length = remove ? 0 : 1,
		.standing = standing,
		.start = NOW,
		.waves = standing ? NULL : &all,
		.n_waves = !standing };
	assert_int_equal(rollout_print(&r, &text, &len), 0);
	snprintf(path, sizeof path, "rollouts/%s/%d.json", policy, number);
	if (depot_put(s->d, NULL, path, text, len, &s->f))
		fail_msg("%s: %s", path, s->f.what);
	free(text);
}

static void write_all(struct session *s)
{
	struct release_files files = { 0 };

	if (depot_write(s->d, &s->k, NOW, false, &files, &s->f))
		fail_msg("%s: %s", s->f.where, s->f.what);
	release_files_free(&files);
}

static void publish(const struct world *w, const char *list)
{
	struct session s = begin(w);
	char *copy = strdup(list), *rest = copy, *item;

	while ((item = strsep(&rest, " ")))
		put(&s, item);
	free(copy);
	write_all(&s);
	end(&s);
}

static void prune(const struct world *w, bool dry, const char *dropped, size_t deleted)
{
	struct session s = begin(w);
	struct depot_pruned p;
	char text[4096] = "";

	if (depot_prune(s.d, &s.k, NOW, dry, &p, &s.f))
		fail_msg("%s: %s", s.f.where, s.f.what);
	for (size_t i = 0; i < p.n_dropped; i++) {
		strcat(text, i ? " " : "");
		strcat(text, p.dropped[i]);
	}
	assert_string_equal(text, dropped);
	if (deleted != SIZE_MAX)
		assert_int_equal(p.n_deleted, deleted);
	depot_pruned_clear(&p);
	end(&s);
}

static size_t verified(const struct world *w)
{
	struct depot_check c;
	struct fault f = { 0 };

	if (depot_check(w->repo, NOW, &c, &f))
		fail_msg("%s: %s", f.where, f.what);
	size_t n = c.n_targets;
	assert_int_equal(c.n_strays, 0);
	depot_check_clear(&c);
	return n;
}

static void what_goes(void **state)
{
	const struct world *w = *state;
	static const struct {
		const char *remark, *there, *dropped;
	} rows[] = {
		{ "the newest rollout and what it names",
		        "policies/a/1 policies/a/2 rollouts/a/1=1 rollouts/a/2=2",
		        "policies/a/1.json rollouts/a/1.json" },
		{ "a version that only an old rollout names, and one that none names but is the newest",
		        "policies/b/1 policies/b/2 policies/b/3 rollouts/b/1=1 rollouts/b/2=2",
		        "policies/b/1.json rollouts/b/1.json" },
		{ "the standing form stays while a newer one is under way",
		        "policies/c/1 policies/c/2 policies/c/3 rollouts/c/1=1 srollouts/c/2=1 "
		        "rollouts/c/3=2 "
		        "rollouts/c/4=3",
		        "policies/c/2.json rollouts/c/1.json rollouts/c/3.json" },
		{ "of standing forms the newest", "policies/d/1 policies/d/2 srollouts/d/1=1 srollouts/d/2=2",
		        "policies/d/1.json rollouts/d/1.json" },
		{ "a removal names no version; the newest stays",
		        "policies/e/1 policies/e/2 rollouts/e/1=1 rrollouts/e/2=0",
		        "policies/e/1.json rollouts/e/1.json" },
		{ "nothing to do", "policies/f/1 rollouts/f/10=1", "" },
	};
	size_t left = 0;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		publish(w, rows[i].there);
		print_message("%s\n", rows[i].remark);
		prune(w, true, rows[i].dropped, SIZE_MAX);
		prune(w, false, rows[i].dropped, SIZE_MAX);
		prune(w, false, "", SIZE_MAX);
		size_t now = verified(w);
		assert_true(now > left);
		left = now;
	}
}

static bool there(const struct world *w, const char *name)
{
	char path[256];

	snprintf(path, sizeof path, "%s/%s", w->repo, name);
	return access(path, F_OK) == 0;
}

static void which_files_go(void **state)
{
	const struct world *w = *state;
	char path[256];

	publish(w, "policies/a/1 rollouts/a/1=1"); /* version 2 of everything but root and targets */
	publish(w, "policies/a/2 rollouts/a/2=2"); /* version 3 */
	snprintf(path, sizeof path, "%s/targets/stray", w->repo);
	assert_int_equal(file_replace(path, "x", 1, 0644, FILE_VOLATILE, NULL), 0);
	snprintf(path, sizeof path, "%s/metadata/2.root.json.tmp", w->repo);
	assert_int_equal(file_replace(path, "x", 1, 0644, FILE_VOLATILE, NULL), 0);
	/* versions 1 and 2 of three roles, the two strays, two targets */
	prune(w, true, "policies/a/1.json rollouts/a/1.json", 10);
	assert_true(there(w, "targets/stray"));
	prune(w, false, "policies/a/1.json rollouts/a/1.json", 10);
	static const char *const stay[] = { "metadata/1.root.json", "metadata/1.targets.json",
		"metadata/3.snapshot.json", "metadata/4.snapshot.json", "metadata/3.policies.json",
		"metadata/4.policies.json", "metadata/timestamp.json" };
	static const char *const go[] = { "metadata/2.snapshot.json", "metadata/2.policies.json",
		"metadata/1.rollouts.json", "targets/stray", "metadata/2.root.json.tmp" };
	for (size_t i = 0; i < sizeof stay / sizeof stay[0]; i++)
		if (!there(w, stay[i]))
			fail_msg("%s is gone", stay[i]);
	for (size_t i = 0; i < sizeof go / sizeof go[0]; i++)
		if (there(w, go[i]))
			fail_msg("%s is left", go[i]);
	assert_int_equal(verified(w), 2);
	/* the version before is not needed the next time */
	prune(w, false, "", 3);
	assert_false(there(w, "metadata/3.snapshot.json"));
}

/* Old and new shards: what is looked for is found in any of them, and former shards' files stay while the snapshot lists them. */
static void shards_are_pruned(void **state)
{
	const struct world *w = *state;
	char list[64];

	for (int i = 1; i <= 34; i++) {
		snprintf(list, sizeof list, "policies/p/%d rollouts/p/%d=%d", i, i, i);
		publish(w, list);
	}
	assert_int_equal(verified(w), 68);
	struct session s = begin(w);
	struct depot_pruned p;
	assert_int_equal(depot_prune(s.d, &s.k, NOW, false, &p, &s.f), 0);
	assert_int_equal(p.n_dropped, 66);
	depot_pruned_clear(&p);
	end(&s);
	assert_int_equal(verified(w), 2);
	assert_true(there(w, "metadata/1.policies-00.json"));
}

/* A rollout that cannot be read stops everything. */
static void what_does_not_hold_together_is_left_alone(void **state)
{
	const struct world *w = *state;
	struct session s = begin(w);
	struct depot_pruned p;

	put(&s, "policies/a/1");
	put(&s, "policies/a/2");
	assert_int_equal(depot_put(s.d, NULL, "rollouts/a/1.json", "{}", 2, &s.f), 0);
	write_all(&s);
	end(&s);
	s = begin(w);
	assert_int_not_equal(depot_prune(s.d, &s.k, NOW, false, &p, &s.f), 0);
	assert_non_null(strstr(s.f.where, "rollouts/a/1.json"));
	depot_pruned_clear(&p);
	end(&s);
	assert_int_equal(verified(w), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_goes, setup, teardown),
		cmocka_unit_test_setup_teardown(which_files_go, setup, teardown),
		cmocka_unit_test_setup_teardown(shards_are_pruned, setup, teardown),
		cmocka_unit_test_setup_teardown(what_does_not_hold_together_is_left_alone, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
