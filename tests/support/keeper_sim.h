/* keeper_sim.h — for tests of the keeper: all its pieces over a directory that plays /proc/sys, a clock that stands still, and
 * one end of the courier's socket in the test's hand. It can crash, and start again in this boot or in another one.
 *
 * Everything asserts: a test that cannot build its world has failed.
 */
#ifndef KEDGE_TESTS_SUPPORT_KEEPER_SIM_H
#define KEDGE_TESTS_SUPPORT_KEEPER_SIM_H

#include <sys/socket.h>

#include "agent/ipc/seal.h"
#include "agent/keeper/cache.h"
#include "agent/keeper/keeper.h"
#include "tests/support/fault_tree.h"
#include "tests/support/repo_sim.h"

/* The kernel's own values. */
static const struct {
	const char *path, *value;
} sim_keys[] = {
	{ "net/ipv4/tcp_fin_timeout", "60" },
	{ "net/ipv4/tcp_keepalive_time", "7200" },
	{ "net/core/somaxconn", "4096" },
};
#define SIM_KEYS (sizeof sim_keys / sizeof sim_keys[0])

struct sim {
	struct keeper k;
	struct tree t;
	struct repo_sim *repo;
	struct agent_config config;
	struct clock clock;
	int64_t wall, boot_ms;
	char boot_id[BOOT_ID_ROOM];
	int courier; /* the other end */
	char host[64], server[32];
	struct label label; /* role = what the test says; no name: none */
	bool own_repo;
};

static inline int64_t sim_wall(void *ctx)
{
	return ((const struct sim *)ctx)->wall;
}

static inline int64_t sim_boot(void *ctx)
{
	return ((const struct sim *)ctx)->boot_ms;
}

static inline void sim_path(const struct sim *s, const char *dir, const char *file, char path[PATH_MAX])
{
	(void)s;
	assert_true(snprintf(path, PATH_MAX, "%s/%s", dir, file) < PATH_MAX);
}

/* The keeper's start, but for the sandbox; link_start() is the test's. */
static inline void sim_start(struct sim *s)
{
	const struct engine_options eo = { .root = s->t.root,
		.kind = PROCSYS_DIRECTORY,
		.run_dir = s->t.run,
		.state_dir = s->t.state,
		.ceiling = s->t.ceiling,
		.boot_id = s->boot_id,
		.kernel = 6 << 16 | 12,
		.clock = &s->clock };
	const struct repo_sim_file *root = repo_sim_file(s->repo->metadata, "1.root.json");
	char anchor[PATH_MAX], trust[PATH_MAX];
	struct keeper *k = &s->k;
	struct fault f = { 0 };
	struct trust *t;
	int pair[2];

	*k = (struct keeper){
		.clock = &s->clock, .config = &s->config, .control = -1, .confinement = "full"
	};
	k->loop = ev_loop_new(EVFLAG_AUTO);
	k->facts = (struct host_facts){ .kernel = 6 << 16 | 12,
		.memory_bytes = 1 << 30,
		.cpus = 2,
		.labels = &s->label,
		.n_labels = s->label.name ? 1 : 0 };
	k->state_dir = strdup(s->t.state);
	sim_path(s, s->t.state, "trust", trust);
	k->trust_dir = strdup(trust);
	sim_path(s, s->t.dir, "anchor", anchor);
	assert_int_equal(dir_make(trust, 0700, &f), 0);
	assert_int_equal(file_replace(anchor, root->data, root->len, 0600, FILE_VOLATILE, &f), 0);
	assert_int_equal(engine_open(&eo, &k->engine, &f), 0);
	assert_int_equal(era_open(k, &f), 0);
	assert_int_equal(adopted_read(k->state_dir, &k->adopted, &f), 0);
	assert_int_equal(held_read(k->state_dir, &k->held, &f), 0);
	assert_int_equal(cache_open(trust, anchor, &t, &f), 0);
	assert_int_equal(link_verify_open(k, t), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	s->courier = pair[1];
	link_open(k, pair[0]);
	assert_int_equal(lookout_start(k, -1, &f), 0);
	appear_start(k, -1);
	assert_int_equal(journalist_start(k, &f), 0);
	ev_timer_stop(k->loop, &k->sockets);
	if (enforce_start(k, &f))
		fail_msg("enforce_start: %s: %s", f.where, f.what);
}

/* The end of the process, with nothing said: whoever wants a good end calls enforce_stop() first. */
static inline void sim_crash(struct sim *s)
{
	struct keeper *k = &s->k;

	spool_close(k->spool);
	signkey_free(k->key);
	poller_free(k->poller);
	contest_free(k->contest);
	plan_free(k->plan);
	policy_free(k->merged);
	policy_free(k->pending.policy);
	free(k->pending.document);
	verify_free(k->verify);
	assignment_free(k->assignment);
	adopted_clear(&k->adopted);
	override_clear(&k->overrides);
	about_clear(k);
	engine_close(k->engine);
	free(k->report);
	free(k->previous);
	free(k->trust_dir);
	free(k->state_dir);
	close(k->proc_fd);
	close(k->fanotify.root_fd);
	close(k->ipc);
	close(s->courier);
	ev_loop_destroy(k->loop);
}

static inline void sim_kernel_values(struct sim *s)
{
	for (size_t i = 0; i < SIM_KEYS; i++)
		tree_put(&s->t, sim_keys[i].path, sim_keys[i].value);
}

/* A started keeper of HOST, with the label role = ROLE (may be NULL). It trusts the first root of REPO; NULL: a repository of
 * its own. sim_free() it. */
static inline struct sim *sim_new(const char *host, char *role, struct repo_sim *repo)
{
	static char role_name[] = "role";
	struct sim *s = calloc(1, sizeof *s);

	assert_non_null(s);
	tree_open(&s->t);
	s->wall = REPO_SIM_NOW;
	s->boot_ms = 100000;
	s->clock = (struct clock){ sim_wall, sim_boot, s };
	snprintf(s->boot_id, sizeof s->boot_id, "11111111-1111-1111-1111-111111111111");
	s->own_repo = !repo;
	s->repo = repo ? repo : repo_sim_new();
	snprintf(s->host, sizeof s->host, "%s", host);
	s->label = (struct label){ role ? role_name : NULL, role };
	snprintf(s->server, sizeof s->server, "https://localhost");
	s->config = (struct agent_config){ .host = s->host,
		.server = s->server,
		.poll_ms = 50,
		.sockets_s = 60,
		.sockets_cpu = 5,
		.status_s = 900,
		.refresh_s = 300,
		.confirm_s = 120,
		.retry_max_s = 300,
		.ceiling = s->t.ceiling };
	sim_kernel_values(s);
	sim_start(s);
	return s;
}

static inline void sim_free(struct sim *s)
{
	sim_crash(s);
	if (s->own_repo)
		repo_sim_free(s->repo);
	tree_close(&s->t);
	free(s);
}

static inline int sim_open(void **state)
{
	*state = sim_new("web1", NULL, NULL);
	return 0;
}

static inline int sim_close(void **state)
{
	sim_free(*state);
	return 0;
}

/* The machine went down and comes up again: the kernel's own values, an empty run directory. */
static inline void sim_reboot(struct sim *s)
{
	sim_crash(s);
	nftw(s->t.run, tree_unlink, 16, FTW_DEPTH | FTW_PHYS);
	s->boot_id[0]++;
	s->boot_ms = 5000;
	sim_kernel_values(s);
	sim_start(s);
}

static inline void sim_break(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)w, (void)revents;
	ev_break(loop, EVBREAK_ALL);
}

/* Let the keeper run for so long. */
static inline void sim_spin(struct sim *s, double seconds)
{
	ev_timer end;

	ev_now_update(s->k.loop);
	ev_timer_init(&end, sim_break, seconds, 0.);
	ev_timer_start(s->k.loop, &end);
	ev_run(s->k.loop, 0);
	ev_timer_stop(s->k.loop, &end);
}

/* The next frame of TYPE that the keeper sent; others are dropped. False: there is none. */
static inline bool sim_frame(struct sim *s, enum frame_type type, struct frame *ret)
{
	int payload;

	while (!frame_receive(s->courier, ret, &payload)) {
		if (payload >= 0)
			close(payload);
		if (ret->type == type)
			return true;
	}
	return false;
}

/* Say FR, with LEN bytes of DATA in a sealed descriptor unless DATA is NULL. 0 or KE_BUSY. */
static inline int sim_say(struct sim *s, const struct frame *fr, const void *data, size_t len)
{
	int fd = -1;

	if (data)
		assert_int_equal(seal_make("test", data, len, &fd, NULL), 0);
	int rc = frame_send(s->courier, fr, fd);
	if (fd >= 0)
		close(fd);
	return rc;
}

/* One turn of the loop, without waiting. */
static inline void sim_turn(struct sim *s)
{
	ev_run(s->k.loop, EVRUN_NOWAIT);
}

/* Both clocks go on. */
static inline void sim_pass(struct sim *s, int64_t seconds)
{
	s->wall += seconds;
	s->boot_ms += 1000 * seconds;
}

/* Tell of an assignment for HOST with N ROLLOUTS, before the keeper looks by itself what is published. */
static inline void sim_assign(struct sim *s, const char *host, const char *const *rollouts, size_t n)
{
	struct frame news = frame_make(FRAME_NEWS, 0);
	char *text;
	size_t len;

	news.a = 1;
	ev_timer_stop(s->k.loop, &s->k.refresh);
	assert_int_equal(assignment_print(host, 1, rollouts, n, &text, &len), 0);
	assert_int_equal(sim_say(s, &news, text, len), 0);
	free(text);
}

/* Answer the fetch ASK with what the repository has. */
static inline void sim_serve(struct sim *s, const struct frame *ask)
{
	struct repo_sim_file *file =
	        repo_sim_file(ask->a == FETCH_TARGET ? s->repo->targets : s->repo->metadata, ask->text);
	struct frame fr = frame_make(FRAME_FETCHED, ask->id);

	fr.status = file ? FRAME_OK : FRAME_ABSENT;
	assert_int_equal(sim_say(s, &fr, file ? file->data : NULL, file ? file->len : 0), 0);
}

/* An honest courier, a second and a bit after the last round, tells of ROLLOUTS and fetches what is asked for, to the end of
 * the round. */
static inline void sim_round(struct sim *s, const char *const *rollouts, size_t n)
{
	struct frame ask;

	sim_pass(s, 2);
	sim_assign(s, s->host, rollouts, n);
	do {
		sim_turn(s);
		if (sim_frame(s, FRAME_FETCH, &ask))
			sim_serve(s, &ask);
	} while (verify_busy(s->k.verify));
}

/* Offer SERIAL of policy NAME, with the one setting KEY = VALUE, as a verified rollout. */
static inline int sim_offer_mode(struct sim *s, const char *name, int64_t serial, const char *key,
        const char *value, const char *mode, struct fault *f)
{
	char policy[POLICY_NAME_MAX + 1], text[512];
	struct rollout r = { .policy = policy, .version = serial, .serial = serial };
	struct policy *p;

	snprintf(policy, sizeof policy, "%s", name);

	int n = snprintf(text, sizeof text,
	        "{\"kedge_policy\":1,\"name\":\"%s\",\"version\":%lld,\"settings\":[{\"key\":\"%s\","
	        "\"value\":\"%s\","
	        "\"mode\":\"%s\"}]}",
	        name, (long long)serial, key, value, mode);
	assert_int_equal(policy_parse(text, (size_t)n, &p, f), 0);
	int rc = enforce_adopt(&s->k, &r, p, text, (size_t)n, f);
	if (rc)
		policy_free(p);
	return rc;
}

static inline int sim_offer(
        struct sim *s, const char *name, int64_t serial, const char *key, const char *value, struct fault *f)
{
	return sim_offer_mode(s, name, serial, key, value, "enforce", f);
}

/* Offer it, and have it confirmed. */
static inline void sim_adopt(
        struct sim *s, const char *name, int64_t serial, const char *key, const char *value)
{
	struct fault f = { 0 };

	if (sim_offer(s, name, serial, key, value, &f))
		fail_msg("%s %lld: %s: %s", name, (long long)serial, f.where, f.what);
	if (s->k.pending.active)
		enforce_confirmed(&s->k, 0, "");
	assert_false(s->k.pending.active);
	assert_int_equal(adopted_find(&s->k.adopted, name)->serial, serial);
}

/* How many records that contain WORDS are in the spool, of those not acknowledged? */
static inline unsigned sim_records(struct sim *s, const char *words)
{
	struct buf lines = BUF_INIT(64 << 20);
	int64_t first, last;
	unsigned n = 0;

	if (spool_read(s->k.spool, 0, 60 << 20, &lines, &first, &last, NULL) == 0) {
		buf_char(&lines, '\0');
		for (const char *at = lines.data; (at = strstr(at, words)); at += strlen(words))
			n++;
	}
	buf_free(&lines);
	return n;
}

#endif
