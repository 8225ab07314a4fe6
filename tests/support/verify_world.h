/* verify_world.h — the keeper's rounds over a repository in memory: what is asked is answered from repo_sim, what comes out is
 * noted. For the tests of agent/keeper/verify.c. */
#ifndef KEDGE_TESTS_SUPPORT_VERIFY_WORLD_H
#define KEDGE_TESTS_SUPPORT_VERIFY_WORLD_H

#include "agent/keeper/cache.h"
#include "agent/keeper/verify.h"
#include "proto/clock.h"
#include "proto/fileio.h"
#include "tests/support/repo_sim.h"

#define NOW (REPO_SIM_NOW + 3600)

#define POLICY                                                                                               \
	"{\"kedge_policy\":1,\"name\":\"web\",\"version\":3,\"settings\":[{\"key\":\"net.ipv4.tcp_fin_"      \
	"timeout\","                                                                                         \
	"\"value\":\"30\"}]}"

struct world {
	struct repo_sim *sim;
	struct verify *verify;
	char dir[64];
	struct host_facts facts;
	const char *rollouts, *policies; /* the roles that list them */
	bool split;                      /* into shards */
	int64_t floor, now, later;       /* later: the time at the moment of adopting, if not 0 */
	/* what came out */
	unsigned adopted, refused, passed, done;
	enum refusal_what what;
	char document[4096], refusal[64], reason[1024];
	int done_rc;
	struct fault done_fault;
	/* the fetch that waits for its answer */
	uint32_t id;
	bool target;
	char name[512];
	size_t max;
	bool offline;
	char asked[4096];  /* names of metadata, each behind a blank */
	size_t most_asked; /* bytes of the last shard */
};

static inline int on_fetch(void *ctx, uint32_t id, enum fetch_where where, const char *name, size_t max)
{
	struct world *w = ctx;

	w->id = id;
	w->target = where == FETCH_TARGET;
	w->max = max;
	snprintf(w->name, sizeof w->name, "%s", name);
	if (!w->target) {
		size_t n = strlen(w->asked);
		snprintf(w->asked + n, sizeof w->asked - n, " %s", name);
		if (strstr(name, "rollouts-"))
			w->most_asked = max;
	}
	return 0;
}

static inline int on_now(void *ctx, int64_t *ret, struct fault *f)
{
	const struct world *w = ctx;

	if (w->later < 0)
		return fault_set(f, KE_CLOCK, NULL, NULL, "far ahead");
	*ret = w->later ? w->later : w->now;
	return 0;
}

static inline int on_floor(void *ctx, const char *policy, int64_t serial, struct fault *f)
{
	const struct world *w = ctx;

	assert_string_equal(policy, "web");
	if (serial == w->floor)
		return KE_EXIST;
	return serial < w->floor ? fault_set(f, KE_ROLLBACK, NULL, NULL, "older") : 0;
}

static inline int on_adopt(void *ctx, const struct rollout *r, struct policy *p, const char *document,
        size_t len, struct fault *f)
{
	struct world *w = ctx;
	(void)r;
	(void)f;

	w->adopted++;
	snprintf(w->document, sizeof w->document, "%.*s", (int)len, document ? document : "");
	policy_free(p);
	return 0;
}

static inline void on_refuse(
        void *ctx, enum refusal_what what, const char *name, int64_t serial, const struct fault *f)
{
	struct world *w = ctx;
	(void)serial;

	w->refused++;
	w->what = what;
	snprintf(w->refusal, sizeof w->refusal, "%s", err_name(f->code));
	snprintf(w->reason, sizeof w->reason, "%s: %s: %s", name, f->where, f->what);
}

static inline void on_pass(void *ctx, const char *name, int64_t serial, const struct fault *f)
{
	struct world *w = ctx;
	(void)serial;

	w->passed++;
	snprintf(w->refusal, sizeof w->refusal, "%s", err_name(f->code));
	snprintf(w->reason, sizeof w->reason, "%s: %s: %s", name, f->where, f->what);
}

static inline void on_done(void *ctx, int rc, const struct fault *f)
{
	struct world *w = ctx;

	w->done++;
	w->done_rc = rc;
	w->done_fault = f ? *f : (struct fault){ 0 };
}

/* A rollout of the policy as it is listed; EXTRA replaces the standing form. */
static inline void publish(struct world *w, int64_t serial, const char *policy, const char *extra)
{
	unsigned char digest[SHA256_LEN];
	char hex[65], path[64], text[1024];

	sha256(POLICY, strlen(POLICY), digest);
	snprintf(text, sizeof text,
	        "{\"kedge_rollout\":1,\"policy\":\"web\",\"version\":3,\"serial\":%lld,\"action\":\"apply\","
	        "\"target\":{\"path\":"
	        "\"policies/web/3.json\",\"length\":%zu,\"sha256\":\"%s\"},%s}",
	        (long long)serial, strlen(POLICY), hex_encode(digest, sizeof digest, hex),
	        extra ? extra : "\"standing\":true");
	snprintf(path, sizeof path, "rollouts/web/%lld.json", (long long)serial);
	repo_sim_target(w->sim, w->policies, "policies/web/3.json", policy);
	repo_sim_target(w->sim, w->rollouts, path, text);
	if (w->split)
		assert_int_equal(release_shard(w->sim->release, 1, NULL), 0);
	repo_sim_publish(w->sim);
}

static inline void files_remove(const char *path)
{
	char file[1024];
	DIR *dir = opendir(path);

	for (struct dirent *de; dir && (de = readdir(dir));) {
		snprintf(file, sizeof file, "%s/%s", path, de->d_name);
		unlink(file);
	}
	if (dir)
		closedir(dir);
}

static inline void cache_empty(struct world *w)
{
	char history[128];

	snprintf(history, sizeof history, "%s/root_history", w->dir);
	files_remove(history);
	files_remove(w->dir);
}

/* A host that has seen nothing yet. */
static inline void fresh(struct world *w)
{
	char anchor[128];
	struct trust *t;
	struct fault f = { 0 };
	const struct repo_sim_file *root = repo_sim_file(w->sim->metadata, "1.root.json");
	const struct verify_owner owner = { .ctx = w,
		.cache_dir = w->dir,
		.host = "web1",
		.facts = &w->facts,
		.fetch = on_fetch,
		.now = on_now,
		.floor = on_floor,
		.adopt = on_adopt,
		.refuse = on_refuse,
		.pass = on_pass,
		.done = on_done };

	verify_free(w->verify);
	cache_empty(w);
	snprintf(anchor, sizeof anchor, "%s/anchor", w->dir);
	assert_int_equal(file_replace(anchor, root->data, root->len, 0600, FILE_VOLATILE, NULL), 0);
	assert_int_equal(cache_open(w->dir, anchor, &t, &f), 0);
	assert_int_equal(verify_new(t, &owner, &w->verify), 0);
	w->adopted = w->refused = w->passed = w->done = 0;
	w->refusal[0] = w->reason[0] = '\0';
}

static inline void answer(struct world *w)
{
	struct repo_sim_file *file = repo_sim_file(w->target ? w->sim->targets : w->sim->metadata, w->name);
	uint32_t id = w->id;

	w->id = 0;
	if (w->offline)
		verify_fetched(w->verify, id, FRAME_FAILED, NULL, 0, "no route");
	else if (!file)
		verify_fetched(w->verify, id, FRAME_ABSENT, NULL, 0, "");
	else if (file->len > w->max)
		verify_fetched(w->verify, id, FRAME_FAILED, NULL, 0, "too long");
	else
		verify_fetched(w->verify, id, FRAME_OK, file->data, file->len, "");
}

static inline void round_run(struct world *w, const char *path)
{
	char *paths[] = { strdup(path) };
	const struct assignment a = { .rollouts = paths, .n = 1 };

	assert_true(verify_start(w->verify, w->now, &a));
	for (int i = 0; i < 50 && w->id; i++)
		answer(w);
	assert_false(verify_busy(w->verify));
	assert_int_equal(w->done, 1);
	free(paths[0]);
}

static inline int set_up(void **state)
{
	struct world *w = calloc(1, sizeof *w);

	/* In memory where that is possible: the sweep syncs thousands of files. */
	snprintf(w->dir, sizeof w->dir, "%s/kedge-verify.XXXXXX",
	        access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	if (!mkdtemp(w->dir))
		return -1;
	w->sim = repo_sim_new();
	w->rollouts = w->policies = "targets";
	w->now = NOW;
	*state = w;
	return 0;
}

static inline int tear_down(void **state)
{
	struct world *w = *state;
	char history[128];

	verify_free(w->verify);
	cache_empty(w);
	snprintf(history, sizeof history, "%s/root_history", w->dir);
	rmdir(history);
	rmdir(w->dir);
	repo_sim_free(w->sim);
	free(w);
	return 0;
}

#endif
