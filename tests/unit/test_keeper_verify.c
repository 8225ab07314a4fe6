/* The verifying machine against a simulated repository: what is adopted, what is refused and why, and that no changed
 * byte anywhere is ever adopted. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

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
	int64_t floor, now, later; /* later: the time at the moment of adopting, if not 0 */
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

static int on_fetch(void *ctx, uint32_t id, enum fetch_where where, const char *name, size_t max)
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

static int on_now(void *ctx, int64_t *ret, struct fault *f)
{
	const struct world *w = ctx;

	if (w->later < 0)
		return fault_set(f, KE_CLOCK, NULL, NULL, "far ahead");
	*ret = w->later ? w->later : w->now;
	return 0;
}

static int on_floor(void *ctx, const char *policy, int64_t serial, struct fault *f)
{
	const struct world *w = ctx;

	assert_string_equal(policy, "web");
	if (serial == w->floor)
		return KE_EXIST;
	return serial < w->floor ? fault_set(f, KE_ROLLBACK, NULL, NULL, "older") : 0;
}

static int on_adopt(void *ctx, const struct rollout *r, struct policy *p, const char *document, size_t len,
        struct fault *f)
{
	struct world *w = ctx;
	(void)r;
	(void)f;

	w->adopted++;
	snprintf(w->document, sizeof w->document, "%.*s", (int)len, document ? document : "");
	policy_free(p);
	return 0;
}

static void on_refuse(
        void *ctx, enum refusal_what what, const char *name, int64_t serial, const struct fault *f)
{
	struct world *w = ctx;
	(void)serial;

	w->refused++;
	w->what = what;
	snprintf(w->refusal, sizeof w->refusal, "%s", err_name(f->code));
	snprintf(w->reason, sizeof w->reason, "%s: %s: %s", name, f->where, f->what);
}

static void on_pass(void *ctx, const char *name, int64_t serial, const struct fault *f)
{
	struct world *w = ctx;
	(void)serial;

	w->passed++;
	snprintf(w->refusal, sizeof w->refusal, "%s", err_name(f->code));
	snprintf(w->reason, sizeof w->reason, "%s: %s: %s", name, f->where, f->what);
}

static void on_done(void *ctx, int rc, const struct fault *f)
{
	struct world *w = ctx;

	w->done++;
	w->done_rc = rc;
	w->done_fault = f ? *f : (struct fault){ 0 };
}

/* A rollout of the policy as it is listed; EXTRA replaces the standing form. */
static void publish(struct world *w, int64_t serial, const char *policy, const char *extra)
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

static void files_remove(const char *path)
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

static void cache_empty(struct world *w)
{
	char history[128];

	snprintf(history, sizeof history, "%s/root_history", w->dir);
	files_remove(history);
	files_remove(w->dir);
}

/* A host that has seen nothing yet. */
static void fresh(struct world *w)
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

static void answer(struct world *w)
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

static void round_run(struct world *w, const char *path)
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

static int set_up(void **state)
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

static int tear_down(void **state)
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

static void what_is_signed_is_adopted(void **state)
{
	struct world *w = *state;

	publish(w, 7, POLICY, NULL);
	fresh(w);
	round_run(w, "rollouts/web/7.json");
	assert_int_equal(w->adopted, 1);
	assert_string_equal(w->document, POLICY);
	assert_int_equal(w->done_rc, 0);
	/* The same again, with the floor risen: nothing is fetched but what the refresh needs. */
	w->floor = 7;
	w->done = 0;
	round_run(w, "rollouts/web/7.json");
	assert_int_equal(w->adopted, 1);
	assert_int_equal(w->refused, 0);
}

static void refusals_have_their_reasons(void **state)
{
	struct world *w = *state;
	static const struct {
		const char *remark, *extra, *policy;
		int64_t floor;
		const char *path, *code;
		enum refusal_what what;
	} rows[] = {
		{ "older serial", NULL, POLICY, 8, "rollouts/web/7.json", "rollback", REFUSAL_ROLLOUT },
		{ "not listed", NULL, POLICY, 0, "rollouts/web/9.json", "untrusted", REFUSAL_ROLLOUT },
		{ "wave closed",
		        "\"salt\":\"00112233445566778899aabbccddeeff\",\"start\":\"2026-01-01T00:00:00Z\","
		        "\"waves\":["
		        "{\"share\":1000,\"opens_after\":0,\"opens_before\":60}]",
		        POLICY, 0, "rollouts/web/7.json", "window", REFUSAL_ROLLOUT },
		{ "another document than promised", NULL,
		        "{\"kedge_policy\":1,\"name\":\"web\",\"version\":3,\"settings\":[]}", 0,
		        "rollouts/web/7.json", "mismatch", REFUSAL_POLICY },
		{ "an empty document", NULL, "", 0, "rollouts/web/7.json", "schema", REFUSAL_POLICY },
		{ "rollout is no rollout", "\"standing\":true,\"x\":1", POLICY, 0, "rollouts/web/7.json",
		        "schema", REFUSAL_ROLLOUT },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		publish(w, 7, rows[i].policy, rows[i].extra);
		fresh(w);
		w->floor = rows[i].floor;
		round_run(w, rows[i].path);
		if (w->adopted || w->refused != 1 || strcmp(w->refusal, rows[i].code) != 0 || w->done_rc ||
		        w->what != rows[i].what)
			fail_msg("%s: adopted %u, refused %u '%s' (%s)", rows[i].remark, w->adopted,
			        w->refused, w->refusal, w->reason);
	}
}

static void others_and_later_are_no_refusals(void **state)
{
	struct world *w = *state;

	publish(w, 7, POLICY, "\"selector\":{\"labels\":{\"role\":\"db\"}},\"standing\":true");
	fresh(w);
	round_run(w, "rollouts/web/7.json");
	assert_int_equal(w->adopted + w->refused, 0);
	assert_int_equal(w->passed, 1);
	assert_string_equal(w->refusal, "selector");
	publish(w, 8, POLICY,
	        "\"salt\":\"00112233445566778899aabbccddeeff\",\"start\":\"2030-01-01T00:00:00Z\",\"waves\":["
	        "{\"share\":1000,\"opens_after\":0,\"opens_before\":60}]");
	fresh(w);
	round_run(w, "rollouts/web/8.json");
	assert_int_equal(w->adopted + w->refused, 0);
	assert_int_equal(w->passed, 1);
	assert_string_equal(w->refusal, "window");
	assert_non_null(strstr(w->reason, "opens at 2030-01-01T00:00:00Z"));
}

/* What was judged at the beginning of the round is judged again at its end. */
static void the_moment_of_adopting_counts(void **state)
{
	struct world *w = *state;

	publish(w, 7, POLICY,
	        "\"salt\":\"00112233445566778899aabbccddeeff\",\"start\":\"2026-11-30T00:00:00Z\",\"waves\":["
	        "{\"share\":1000,\"opens_after\":0,\"opens_before\":7200}]");
	static const struct {
		const char *remark, *code;
		int64_t later;
		unsigned adopted;
	} rows[] = {
		{ "at once", "", 0, 1 },
		{ "an hour later the wave is closed", "window", NOW + 3600, 0 },
		{ "the clock ran away meanwhile", "clock", -1, 0 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		fresh(w);
		w->later = rows[i].later;
		round_run(w, "rollouts/web/7.json");
		if (w->adopted != rows[i].adopted || strcmp(w->refusal, rows[i].code) != 0)
			fail_msg("%s: adopted %u, '%s' (%s)", rows[i].remark, w->adopted, w->refusal,
			        w->reason);
	}
}

static void a_round_can_be_given_up(void **state)
{
	struct world *w = *state;
	const struct assignment none = { 0 };

	publish(w, 7, POLICY, NULL);
	fresh(w);
	assert_true(verify_start(w->verify, NOW, &none));
	uint32_t id = w->id;
	verify_give_up(w->verify, "too long");
	assert_false(verify_busy(w->verify));
	assert_int_equal(w->done_rc, KE_HTTP);
	verify_fetched(w->verify, id, FRAME_OK, "{}", 2, "");
	verify_give_up(w->verify, "nothing to give up");
	assert_int_equal(w->done, 1);
}

static void forged_metadata_ends_the_round(void **state)
{
	struct world *w = *state;
	struct repo_sim_file *good;
	static const char *const one[] = { "targets" };

	publish(w, 7, POLICY, NULL);
	good = repo_sim_files_copy(w->sim->metadata);
	const struct {
		const char *remark, *role;
		size_t n;
		int code;
	} rows[] = {
		{ "timestamp unsigned", "timestamp", 0, KE_SIGNATURE },
		{ "timestamp signed by the wrong key", "timestamp", 1, KE_SIGNATURE },
		{ "targets unsigned", "targets", 0, KE_SIGNATURE },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char name[TUF_FILE_ROOM];
		repo_sim_forge(w->sim, repo_sim_name(w->sim, rows[i].role, name), one, rows[i].n, NULL, NULL);
		if (strcmp(rows[i].role, "targets") == 0)
			repo_sim_relist(w->sim);
		fresh(w);
		round_run(w, "rollouts/web/7.json");
		if (w->adopted || w->done_rc != rows[i].code)
			fail_msg("%s: adopted %u, round %d (%s)", rows[i].remark, w->adopted, w->done_rc,
			        w->done_fault.what);
		repo_sim_files_free(&w->sim->metadata);
		w->sim->metadata = repo_sim_files_copy(good);
	}
	repo_sim_files_free(&good);
}

static void no_answer_is_no_verdict(void **state)
{
	struct world *w = *state;

	publish(w, 7, POLICY, NULL);
	fresh(w);
	w->offline = true;
	round_run(w, "rollouts/web/7.json");
	assert_int_equal(w->adopted + w->refused, 0);
	assert_int_equal(w->done_rc, KE_HTTP);
	w->offline = false;
	w->done = 0;
	round_run(w, "rollouts/web/7.json");
	assert_int_equal(w->adopted, 1);
}

/* One bit of every byte of FILE: nothing but the very document that was signed is ever adopted. Returns how often it was. */
static unsigned sweep(struct world *w, struct repo_sim_file *file)
{
	unsigned adopted = 0;

	for (size_t i = 0; i < file->len; i++) {
		char good = file->data[i];
		file->data[i] = (char)(good ^ 1 << (i % 7));
		fresh(w);
		round_run(w, "rollouts/web/7.json");
		if (w->adopted && strcmp(w->document, POLICY) != 0)
			fail_msg("%s, byte %zu: '%s' was adopted", file->name, i, w->document);
		adopted += w->adopted;
		file->data[i] = good;
	}
	return adopted;
}

static void no_changed_byte_is_adopted(void **state)
{
	struct world *w = *state;
	static const char *const roles[] = { "snapshot", "targets" };
	char name[TUF_FILE_ROOM];

	/* A second root, so that the host has to take one from the wire. */
	assert_int_equal(
	        release_expires(w->sim->release, "root", REPO_SIM_NOW + 300 * REPO_SIM_DAY, NULL), 0);
	publish(w, 7, POLICY, NULL);
	assert_string_equal(repo_sim_name(w->sim, "root", name), "2.root.json");
	/* Nobody lists a root's hash: as below for the timestamp. */
	assert_in_range(sweep(w, repo_sim_file(w->sim->metadata, "2.root.json")), 0, 600);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(
		        sweep(w, repo_sim_file(w->sim->metadata, repo_sim_name(w->sim, roles[i], name))), 0);
	unsigned swept = 0;
	for (struct repo_sim_file *file = w->sim->targets; file; file = file->next) {
		const char *base = strrchr(file->name, '/');
		if (!base || strlen(base) < 65)
			continue; /* the copy for repositories without consistent snapshots, which nobody asks for here */
		assert_int_equal(sweep(w, file), 0);
		swept++;
	}
	assert_int_equal(swept, 2); /* rollout and policy */
	/* Nobody lists the timestamp's hash, so white space and the case of a signature's digits are free: the signed part is
	 * the same then, and what is adopted is what was signed. */
	assert_in_range(sweep(w, repo_sim_file(w->sim->metadata, "timestamp.json")), 0, 200);
}

/* ---- delegated roles ---- */

/* The roles policies and rollouts, as kedge repo init makes them. */
static void delegate(struct world *w)
{
	repo_sim_delegate(w->sim, "targets", "policies", "policies/*/*", false);
	repo_sim_delegate(w->sim, "targets", "rollouts", "rollouts/*/*", false);
	w->policies = "policies";
	w->rollouts = "rollouts";
}

/* Split them: with more than one target each delegates to 256 shards. */
static void split(struct world *w)
{
	char path[64];
	struct fault f = { 0 };

	for (int i = 0; i < 5; i++) {
		snprintf(path, sizeof path, "policies/p%d/1.json", i);
		repo_sim_target(w->sim, "policies", path, "{}");
		snprintf(path, sizeof path, "rollouts/p%d/1.json", i);
		repo_sim_target(w->sim, "rollouts", path, "{}");
	}
	if (release_shard(w->sim->release, 1, &f) ||
	        release_expires_delegated(w->sim->release, w->sim->now + 90 * REPO_SIM_DAY, &f))
		fail_msg("%s: %s", f.where, f.what);
	repo_sim_publish(w->sim);
	w->split = true;
}

static unsigned count(const char *text, const char *part)
{
	unsigned n = 0;

	for (; (text = strstr(text, part)); text++)
		n++;
	return n;
}

static void a_host_asks_for_the_roles_that_it_needs(void **state)
{
	struct world *w = *state;

	delegate(w);
	repo_sim_delegate(w->sim, "targets", "others", "others/*", false);
	publish(w, 7, POLICY, NULL);
	split(w);
	fresh(w);
	w->asked[0] = '\0';
	round_run(w, "rollouts/web/7.json");
	if (w->adopted != 1 || count(w->asked, "rollouts-") != 1 || count(w->asked, "policies-") != 1 ||
	        count(w->asked, ".rollouts.json") != 1 || strstr(w->asked, "others"))
		fail_msg("adopted %u, asked%s (%s)", w->adopted, w->asked, w->reason);
	/* Shards are listed without a length: the cap of a role whose length nobody says. */
	assert_int_equal(w->most_asked, TUF_TARGETS_MAX);
	/* Another target in each role, and a new serial: what is cached stays, one shard is fetched again. */
	w->floor = 7;
	w->done = 0;
	publish(w, 8, POLICY, NULL);
	w->asked[0] = '\0';
	round_run(w, "rollouts/web/8.json");
	assert_int_equal(w->adopted, 2);
	if (count(w->asked, "rollouts-") != 1 || count(w->asked, "targets.json") != 0)
		fail_msg("asked%s", w->asked);
}

static void a_shard_is_not_read_without_end(void **state)
{
	struct world *w = *state;
	char *large = calloc(1, TUF_TARGETS_MAX + 1);

	delegate(w);
	publish(w, 7, POLICY, NULL);
	split(w);
	struct repo_sim_file *copy = repo_sim_files_copy(w->sim->metadata);
	for (const struct repo_sim_file *file = copy; file; file = file->next)
		if (strstr(file->name, ".rollouts-e")) /* SHA-256 of rollouts/web/7.json begins with e9 */
			repo_sim_put(&w->sim->metadata, file->name, large, TUF_TARGETS_MAX + 1);
	repo_sim_files_free(&copy);
	free(large);
	fresh(w);
	round_run(w, "rollouts/web/7.json");
	assert_int_equal(w->adopted, 0);
	assert_int_equal(w->done_rc, KE_HTTP);
}

/* Whatever is wrong with a role on the way, nothing is adopted, even where a role behind it lists the path. */
static void a_role_that_cannot_be_verified_is_no_verdict(void **state)
{
	struct world *w = *state;
	static const struct {
		const char *remark, *role, *signer;
		enum refusal_what what;
	} rows[] = {
		{ "the role that lists the rollout", "rollouts", "targets", REFUSAL_ROLLOUT },
		{ "nobody signed it", "rollouts", NULL, REFUSAL_ROLLOUT },
		{ "a role that is asked before it", "team", "rollouts", REFUSAL_ROLLOUT },
		{ "the role that lists the policy", "policies", "rollouts", REFUSAL_POLICY },
	};

	repo_sim_delegate(w->sim, "targets", "team", "rollouts/web*/*", false);
	delegate(w);
	publish(w, 7, POLICY, NULL);
	struct repo_sim_file *good = repo_sim_files_copy(w->sim->metadata);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char name[TUF_FILE_ROOM];
		repo_sim_forge(w->sim, repo_sim_name(w->sim, rows[i].role, name), &rows[i].signer,
		        rows[i].signer != NULL, NULL, NULL);
		repo_sim_relist(w->sim);
		fresh(w);
		round_run(w, "rollouts/web/7.json");
		if (w->adopted || w->refused != 1 || strcmp(w->refusal, "signature") != 0 ||
		        w->what != rows[i].what || w->done_rc || !strstr(w->reason, rows[i].role))
			fail_msg("%s: adopted %u, refused %u '%s' (%s)", rows[i].remark, w->adopted,
			        w->refused, w->refusal, w->reason);
		repo_sim_files_free(&w->sim->metadata);
		w->sim->metadata = repo_sim_files_copy(good);
		fresh(w);
		round_run(w, "rollouts/web/7.json"); /* and honest again */
		assert_int_equal(w->adopted, 1);
	}
	repo_sim_files_free(&good);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_signed_is_adopted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refusals_have_their_reasons, set_up, tear_down),
		cmocka_unit_test_setup_teardown(others_and_later_are_no_refusals, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_moment_of_adopting_counts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_round_can_be_given_up, set_up, tear_down),
		cmocka_unit_test_setup_teardown(forged_metadata_ends_the_round, set_up, tear_down),
		cmocka_unit_test_setup_teardown(no_answer_is_no_verdict, set_up, tear_down),
		cmocka_unit_test_setup_teardown(no_changed_byte_is_adopted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_host_asks_for_the_roles_that_it_needs, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_shard_is_not_read_without_end, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		        a_role_that_cannot_be_verified_is_no_verdict, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
