/* repo_once make DIR KEYS N | more DIR KEYS I | host DIR CACHE [PATH...] | all DIR N — parts of the benchmark `repo`:
 *
 *   make   a repository in DIR with N/2 policies and as many rollouts, one of each name
 *   more   one more policy and its rollout, with number I
 *   host   refresh and find each PATH as a host does, from what it has in CACHE (which exists); prints "bytes NAME" for each
 *          metadata file that it had to fetch
 *   all    find all N targets in one trusted set; prints the largest resident set of this process in KiB */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "proto/fileio.h"
#include "proto/trust.h"
#include "server-stub/ctl/depot.h"

static struct fault f;

static void check(int rc, const char *what)
{
	char line[1024];

	if (!rc)
		return;
	f.code = rc;
	fprintf(stderr, "repo_once: %s: %s\n", what, fault_line(&f, line, sizeof line));
	exit(1);
}

static void put_both(struct depot *d, long i)
{
	char path[64], text[64];
	int len;

	snprintf(path, sizeof path, "policies/tuning-%05ld/1.json", i);
	len = snprintf(text, sizeof text, "{\"kedge_policy\":1,\"n\":%ld}", i);
	check(depot_put(d, NULL, path, text, (size_t)len, &f), path);
	snprintf(path, sizeof path, "rollouts/tuning-%05ld/1.json", i);
	len = snprintf(text, sizeof text, "{\"kedge_rollout\":1,\"n\":%ld}", i);
	check(depot_put(d, NULL, path, text, (size_t)len, &f), path);
}

static void publish(const char *dir, const char *keys, long from, long count)
{
	struct depot *d;
	struct keyring k;
	struct release_files files;

	check(depot_open(dir, &d, &f), dir);
	check(keyring_load(keys, NULL, &k, &f), keys);
	for (long i = from; i < from + count; i++)
		put_both(d, i);
	check(depot_write(d, &k, time(NULL), false, &files, &f), "write");
	release_files_free(&files);
	keyring_clear(&k);
	depot_close(d);
}

static void make(const char *dir, const char *keys, long n)
{
	struct depot_plan plan = depot_plan_default;

	plan.keys = keys;
	check(depot_init(dir, &plan, time(NULL), &f), dir);
	publish(dir, keys, 0, n / 2);
}

/* The answer to a question: a file of the cache or of the repository. */
static void answer(struct trust *t, const struct trust_request *rq, const char *dir, const char *cache)
{
	char path[4096], *data = NULL;
	size_t len = 0;
	bool fetch = rq->ask == TRUST_FETCH;

	int n = snprintf(path, sizeof path, "%s/%s", fetch ? dir : cache ? cache : "/nonexistent", rq->file);
	check(n < 0 || n >= (int)sizeof path ? KE_TOOBIG : KE_OK, rq->file);
	int rc = file_read(path, rq->max, &data, &len, NULL);
	if (!rc && fetch && cache)
		printf("%zu %s\n", len, rq->file);
	check(trust_give(t, rc ? NULL : data, len, &f), rq->file);
	if (!rc)
		file_free(data);
}

static void drive(struct trust *t, const char *dir, const char *cache)
{
	struct trust_request rq;
	char path[4096], metadata[4096];
	int rc;

	snprintf(metadata, sizeof metadata, "%.4000s/metadata", dir);
	while (!(rc = trust_next(t, &rq, &f)) && rq.ask != TRUST_DONE) {
		snprintf(path, sizeof path, "%.3000s/%s", cache ? cache : "", rq.file);
		if (rq.ask == TRUST_STORE && cache)
			check(file_replace(path, rq.data, rq.len, 0644, FILE_VOLATILE, &f), path);
		else if (rq.ask == TRUST_LOAD || rq.ask == TRUST_FETCH)
			answer(t, &rq, metadata, cache);
	}
	check(rc, "trust");
}

static struct trust *begin(const char *dir, const char *cache)
{
	char path[4096], *root;
	struct trust *t;
	size_t len;

	snprintf(path, sizeof path, "%s/metadata/1.root.json", dir);
	check(file_read(path, TUF_ROOT_MAX, &root, &len, &f), path);
	check(trust_new(root, len, &t, &f), path);
	file_free(root);
	trust_begin(t, time(NULL));
	drive(t, dir, cache);
	return t;
}

static void find(struct trust *t, const char *path, const char *dir, const char *cache)
{
	const struct tuf_target *target;

	check(trust_find(t, path, &f), path);
	drive(t, dir, cache);
	check(trust_target(t, &target), path);
}

static void find_all(const char *dir, long n)
{
	struct trust *t = begin(dir, NULL);
	struct rusage use;
	char path[64];

	for (long i = 0; i < n / 2; i++) {
		snprintf(path, sizeof path, "policies/tuning-%05ld/1.json", i);
		find(t, path, dir, NULL);
		snprintf(path, sizeof path, "rollouts/tuning-%05ld/1.json", i);
		find(t, path, dir, NULL);
	}
	trust_free(t);
	getrusage(RUSAGE_SELF, &use);
	printf("%ld\n", use.ru_maxrss);
}

int main(int argc, char **argv)
{
	if (argc == 5 && strcmp(argv[1], "make") == 0) {
		make(argv[2], argv[3], atol(argv[4]));
	} else if (argc == 5 && strcmp(argv[1], "more") == 0) {
		publish(argv[2], argv[3], atol(argv[4]), 1);
	} else if (argc >= 4 && strcmp(argv[1], "host") == 0) {
		struct trust *t = begin(argv[2], argv[3]);
		for (int i = 4; i < argc; i++)
			find(t, argv[i], argv[2], argv[3]);
		trust_free(t);
	} else if (argc == 4 && strcmp(argv[1], "all") == 0) {
		find_all(argv[2], atol(argv[3]));
	} else {
		fputs("usage: repo_once make DIR KEYS N | more DIR KEYS I | host DIR CACHE [PATH...] | all "
		      "DIR N\n",
		        stderr);
		return 1;
	}
	return 0;
}
