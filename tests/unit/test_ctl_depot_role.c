/* Delegated roles of a depot: where a path goes, what is found where, who signs, and what is split. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/fileio.h"
#include "server-stub/ctl/depot.h"
#include "server-stub/ctl/depot_check.h"

#define NOW 1700000000

struct world {
	char dir[64], repo[80], keys[80];
	struct depot *d;
	struct keyring k;
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
	plan.shard_above = 20;
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

static void begin(struct world *w)
{
	struct fault f = { 0 };

	if (depot_open(w->repo, &w->d, &f) || keyring_load(w->keys, NULL, &w->k, &f))
		fail_msg("%s: %s", f.where, f.what);
}

/* Write; the names of the files are joined by blanks in the static text. */
static const char *written(struct world *w, int want)
{
	static char text[65536];
	struct release_files files = { 0 };
	struct fault f = { 0 };
	int rc = depot_write(w->d, &w->k, NOW, false, &files, &f);

	if (rc != want)
		fail_msg("%d, not %d: %s: %s", rc, want, f.where, f.what);
	text[0] = '\0';
	for (size_t i = 0; i < files.n; i++) {
		if (i)
			strcat(text, " ");
		strncat(text, files.list[i].name, 100);
	}
	release_files_free(&files);
	return text;
}

static void end(struct world *w)
{
	depot_close(w->d);
	keyring_clear(&w->k);
}

static void put(struct world *w, const char *role, const char *path, int want)
{
	struct fault f = { 0 };
	int rc = depot_put(w->d, role, path, path, strlen(path), &f);

	if (rc != want)
		fail_msg("%s: %d, not %d: %s: %s", path, rc, want, f.where, f.what);
}

static const char *role_of(const struct world *w, const char *path)
{
	const struct tuf_target *target;
	const char *role = "nobody";

	depot_find(w->d, path, &role, &target);
	return role;
}

static void verifies(const struct world *w, int want, size_t targets)
{
	struct depot_check c;
	struct fault f = { 0 };
	int rc = depot_check(w->repo, NOW, &c, &f);

	if (rc != want || (!rc && c.n_targets != targets))
		fail_msg("%d, not %d: %s: %s; %zu targets", rc, want, f.where, f.what, c.n_targets);
	depot_check_clear(&c);
}

/* PATTERN to NAME, signed by a key of the ring with that name, or by a stranger's. */
static void delegate(struct world *w, const char *name, const char *pattern, bool terminating, bool ours)
{
	const struct signkey *key = NULL;
	struct signkey *stranger = NULL;
	struct fault f = { 0 };
	bool deferred = false;
	int rc =
	        ours ? keyring_make(&w->k, name, &key, &f) : signkey_generate(SIGNKEY_ED25519, &stranger, &f);

	assert_int_equal(rc, 0);
	const struct cJSON *public = signkey_public(ours ? key : stranger);
	const struct release_delegation d = { .name = name,
		.keys = &public,
		.n_keys = 1,
		.threshold = 1,
		.patterns = &pattern,
		.n_patterns = 1,
		.terminating = terminating };
	if (depot_delegate(w->d, "targets", &d, &w->k, &deferred, &f))
		fail_msg("%s: %s", f.where, f.what);
	assert_int_equal(deferred, !ours);
	signkey_free(stranger);
}

static void paths_go_where_clients_ask_first(void **state)
{
	struct world *w = *state;

	begin(w);
	put(w, NULL, "policies/web/1.json", 0);
	put(w, NULL, "rollouts/web/1.json", 0);
	put(w, NULL, "policies/deeper/than/that", 0);
	put(w, NULL, "other", 0);
	put(w, "policies", "rollouts/web/2.json", KE_UNTRUSTED);
	put(w, "nobody", "policies/web/2.json", KE_NOENT);
	assert_string_equal(written(w, 0),
	        "2.policies.json 2.rollouts.json 2.targets.json 2.snapshot.json timestamp.json");
	end(w);
	begin(w);
	assert_string_equal(role_of(w, "policies/web/1.json"), "policies");
	assert_string_equal(role_of(w, "rollouts/web/1.json"), "rollouts");
	assert_string_equal(role_of(w, "policies/deeper/than/that"), "targets");
	assert_string_equal(role_of(w, "other"), "targets");
	assert_string_equal(role_of(w, "none"), "nobody");
	/* replaced where it is; a role behind the one that lists it is no place */
	put(w, NULL, "policies/web/1.json", 0);
	put(w, "policies", "other", KE_EXIST);
	put(w, "targets", "policies/web/9.json", 0);
	assert_int_equal(depot_drop(w->d, "policies/web/2.json", NULL), KE_NOENT);
	assert_int_equal(depot_drop(w->d, "rollouts/web/1.json", NULL), 0);
	written(w, 0);
	end(w);
	verifies(w, 0, 4);
	begin(w);
	put(w, "policies", "policies/web/9.json", KE_EXIST);
	end(w);
}

static void a_team_comes_before_the_general_roles(void **state)
{
	struct world *w = *state;

	begin(w);
	put(w, NULL, "policies/web-old/1.json", 0);
	delegate(w, "web", "policies/web-*/*", false, true);
	assert_string_equal(
	        written(w, 0), "2.policies.json 1.web.json 2.targets.json 2.snapshot.json timestamp.json");
	end(w);
	begin(w);
	put(w, NULL, "policies/web-new/1.json", 0);
	put(w, NULL, "policies/db/1.json", 0);
	put(w, "policies", "policies/web-other/1.json", 0); /* the team does not list it: clients go on */
	put(w, "web", "policies/db/2.json", KE_UNTRUSTED);
	written(w, 0);
	end(w);
	verifies(w, 0, 4);
	begin(w);
	assert_string_equal(role_of(w, "policies/web-new/1.json"), "web");
	assert_string_equal(role_of(w, "policies/db/1.json"), "policies");
	assert_string_equal(role_of(w, "policies/web-old/1.json"), "policies");
	assert_string_equal(role_of(w, "policies/web-other/1.json"), "policies");
	assert_int_equal(depot_undelegate(w->d, "targets", "web", NULL), 0);
	assert_int_equal(depot_undelegate(w->d, "targets", "web", NULL), KE_NOENT);
	written(w, 0);
	end(w);
	verifies(w, 0, 3);
	begin(w);
	assert_string_equal(role_of(w, "policies/web-new/1.json"), "nobody");
	/* the name comes back with the version after the one that stayed in the snapshot */
	delegate(w, "web", "policies/web-*/*", true, true);
	assert_non_null(strstr(written(w, 0), "3.web.json"));
	end(w);
	begin(w);
	put(w, "policies", "policies/web-x/1.json", KE_UNTRUSTED); /* it is terminating now */
	end(w);
	verifies(w, 0, 1); /* and cuts off the two of the role behind it */
}

static void who_has_the_key_signs(void **state)
{
	struct world *w = *state;

	begin(w);
	delegate(w, "far", "policies/far/*", false, false);
	assert_string_equal(written(w, 0), "2.targets.json 2.snapshot.json timestamp.json");
	end(w);
	verifies(w, KE_UNTRUSTED, 0); /* a host that looks there would find no role */
	begin(w);
	put(w, NULL, "policies/far/1.json", 0);
	written(w, KE_SIGNATURE);
	end(w);
	begin(w);
	put(w, NULL, "policies/near/1.json", 0);
	written(w, 0);
	end(w);
	/* once it was published, a role is not left without a fitting signature */
	begin(w);
	delegate(w, "web", "policies/web/*", false, true);
	written(w, 0);
	end(w);
	begin(w);
	struct signkey *stranger = NULL;
	assert_int_equal(signkey_generate(SIGNKEY_ED25519, &stranger, NULL), 0);
	const struct cJSON *public = signkey_public(stranger);
	const char *pattern = "policies/web/*";
	const struct release_delegation again = { .name = "web",
		.keys = &public,
		.n_keys = 1,
		.threshold = 1,
		.patterns = &pattern,
		.n_patterns = 1 };
	bool deferred = true;
	assert_int_equal(depot_delegate(w->d, "targets", &again, &w->k, &deferred, NULL), KE_EXIST);
	assert_int_equal(depot_delegate(w->d, "nobody", &again, &w->k, &deferred, NULL), KE_NOENT);
	signkey_free(stranger);
	end(w);
}

static void many(struct world *w, int first, int last)
{
	char path[64];

	begin(w);
	for (int i = first; i <= last; i++) {
		snprintf(path, sizeof path, "rollouts/p%d/1.json", i);
		put(w, NULL, path, 0);
	}
	written(w, 0);
	end(w);
	verifies(w, 0, (size_t)last);
}

static int count(void *ctx, const char *role, const struct tuf_target *target)
{
	(void)role;
	(void)target;
	++*(int *)ctx;
	return 0;
}

static void a_large_role_is_split(void **state)
{
	struct world *w = *state;
	int n = 0;

	many(w, 1, 20);
	begin(w);
	assert_string_equal(role_of(w, "rollouts/p20/1.json"), "rollouts");
	end(w);
	many(w, 21, 21);
	begin(w);
	assert_int_equal(strlen(role_of(w, "rollouts/p20/1.json")), strlen("rollouts-0"));
	end(w);
	many(w, 22, 80);
	many(w, 81, 81);
	begin(w);
	assert_int_equal(strlen(role_of(w, "rollouts/p20/1.json")), strlen("rollouts-00"));
	assert_int_equal(depot_each(w->d, true, count, &n), 0);
	assert_int_equal(n, 81);
	/* one more is one shard */
	put(w, NULL, "rollouts/p82/1.json", 0);
	const char *files = written(w, 0);
	assert_int_equal(strncmp(files, "2.rollouts-", 11) && strncmp(files, "1.rollouts-", 11), 0);
	assert_null(strstr(files, "rollouts.json"));
	end(w);
	verifies(w, 0, 82);
	/* a role over the limit that is not written is left alone: who refreshes has other keys */
	char conf[128];
	snprintf(conf, sizeof conf, "%s/repo.conf", w->repo);
	assert_int_equal(file_replace(conf, "[roles]\nshard_above = 1\n", 24, 0644, FILE_VOLATILE, NULL), 0);
	begin(w);
	put(w, NULL, "policies/a/1.json", 0);
	assert_string_equal(written(w, 0), "2.policies.json 7.snapshot.json timestamp.json");
	end(w);
	assert_int_equal(file_replace(conf, "[roles]\nshard_above = 20\n", 25, 0644, FILE_VOLATILE, NULL), 0);
	begin(w);
	put(w, NULL, "policies/a/2.json", 0);
	put(w, NULL, "policies/a/3.json", 0);
	written(w, 0);
	end(w);
	assert_int_equal(file_replace(conf, "[roles]\nshard_above = 1\n", 24, 0644, FILE_VOLATILE, NULL), 0);
	begin(w);
	assert_int_equal(depot_touch(w->d, "snapshot", NULL), 0);
	assert_string_equal(written(w, 0), "9.snapshot.json timestamp.json");
	put(w, NULL, "other", 0);
	assert_null(strstr(written(w, 0), "policies"));
	end(w);
	/* a new version of all of them */
	begin(w);
	assert_int_equal(depot_renew(w->d, "rollouts", NULL), 0);
	assert_int_equal(depot_renew(w->d, "targets", NULL), KE_NOENT);
	files = written(w, 0);
	for (n = 0; (files = strstr(files, ".rollouts")); files++)
		n++;
	assert_int_equal(n, 257);
	end(w);
	verifies(w, 0, 86);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(paths_go_where_clients_ask_first, setup, teardown),
		cmocka_unit_test_setup_teardown(a_team_comes_before_the_general_roles, setup, teardown),
		cmocka_unit_test_setup_teardown(who_has_the_key_signs, setup, teardown),
		cmocka_unit_test_setup_teardown(a_large_role_is_split, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
