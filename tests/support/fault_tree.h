/* fault_tree.h — for tests of the engine: a directory that plays /proc/sys, and a policy from a few lines.
 *
 * Everything asserts: a test that cannot build its world has failed.
 */
#ifndef KEDGE_TESTS_SUPPORT_FAULT_TREE_H
#define KEDGE_TESTS_SUPPORT_FAULT_TREE_H

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policies/policy.h"
#include "proto/fileio.h"

struct tree {
	char dir[64];      /* the temporary directory */
	char root[80];     /* DIR/sys */
	char run[80];      /* DIR/run, not made */
	char state[80];    /* DIR/state, not made */
	char ceiling[80];  /* DIR/ceiling.conf, not made */
	char text[200000]; /* of the last tree_get() */
};

static inline void tree_open(struct tree *t)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(t->dir, sizeof t->dir, "%.40s/kedge-test-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(t->dir));
	snprintf(t->root, sizeof t->root, "%s/sys", t->dir);
	snprintf(t->run, sizeof t->run, "%s/run", t->dir);
	snprintf(t->state, sizeof t->state, "%s/state", t->dir);
	snprintf(t->ceiling, sizeof t->ceiling, "%s/ceiling.conf", t->dir);
	assert_int_equal(mkdir(t->root, 0755), 0);
}

static inline int tree_unlink(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st, (void)type, (void)at;
	return remove(path);
}

static inline void tree_close(struct tree *t)
{
	nftw(t->dir, tree_unlink, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void tree_path(const struct tree *t, const char *key, char path[PATH_MAX])
{
	assert_true(snprintf(path, PATH_MAX, "%s/%s", t->root, key) < PATH_MAX);
}

/* A key file with VALUE and a newline. */
static inline void tree_put(struct tree *t, const char *key, const char *value)
{
	char path[PATH_MAX], dir[PATH_MAX];
	struct fault f;

	tree_path(t, key, path);
	memcpy(dir, path, sizeof dir);
	*strrchr(dir, '/') = '\0';
	assert_int_equal(dir_make(dir, 0755, &f), 0);
	FILE *out = fopen(path, "w");
	assert_non_null(out);
	assert_true(fprintf(out, "%s\n", value) >= 0);
	assert_int_equal(fclose(out), 0);
}

static inline void tree_mode(struct tree *t, const char *key, mode_t mode)
{
	char path[PATH_MAX];

	tree_path(t, key, path);
	assert_int_equal(chmod(path, mode), 0);
}

/* What the file at PATH holds, without the last newline; "" when it is not there. */
static inline const char *file_get(struct tree *t, const char *path)
{
	FILE *in = fopen(path, "r");
	size_t n = 0;

	if (in) {
		n = fread(t->text, 1, sizeof t->text - 1, in);
		fclose(in);
	}
	if (n && t->text[n - 1] == '\n')
		n--;
	t->text[n] = '\0';
	return t->text;
}

static inline const char *tree_get(struct tree *t, const char *key)
{
	char path[PATH_MAX];

	tree_path(t, key, path);
	return file_get(t, path);
}

static inline struct name name_of(const char *text)
{
	struct name n;

	assert_int_equal(name_parse(text, strlen(text), &n, NULL), 0);
	return n;
}

struct row {
	const char *key, *value;
};

/* A policy of the rows up to one whose key is NULL. */
static inline struct policy *policy_of(const struct row *rows)
{
	struct policy *p = NULL;
	struct fault f;

	assert_int_equal(policy_new("test", 1, &p), 0);
	for (; rows->key; rows++) {
		struct name n = name_of(rows->key);
		int rc = policy_append(p, &n, rows->value, NULL, NULL, &f);
		if (rc)
			fail_msg("%s=%s: %s %s", rows->key, rows->value, f.where, f.what);
	}
	return p;
}

/* Give the setting I a value that the knowledge base would refuse. */
static inline void policy_force(struct policy *p, size_t i, const char *value)
{
	free(p->settings[i].value);
	p->settings[i].value = strdup(value);
	assert_non_null(p->settings[i].value);
}

/* A network namespace of one's own: 0, or -1 where it is not permitted (then say so and skip()). The process stays in it:
 * nothing a test does to /proc/sys/net can reach the machine. */
static inline int netns_enter(void)
{
	if (unshare(CLONE_NEWNET) == 0)
		return 0;
	print_message("skipped: unshare(CLONE_NEWNET): %s (needs root)\n", strerror(errno));
	return -1;
}

#endif
