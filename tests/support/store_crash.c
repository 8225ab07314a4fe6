/* store_crash.c — a store that is hurt on purpose, and the check that nothing acknowledged was lost.
 *
 *   store_crash kill DB ROUNDS SEED   each round a child lets hosts report, and is killed with SIGKILL some
 *                                     milliseconds later; then everything is checked, and the hosts go on from what
 *                                     they know to be acknowledged, as an agent does after a lost answer
 *   store_crash append DB COUNT       one host, COUNT batches one after the other; prints "acked SEQ" for each answer,
 *                                     "failed NAME" and tries again (a few times) when there is none. For strace's
 *                                     fault injection.
 *   store_crash check DB ACKED        the chain of that host is whole and reaches ACKED at least
 *   store_crash open DB               opens and closes: migrates
 *
 * Exit code 0: good; 1: something was lost, stored twice or damaged; 2: usage; 3: the store did not open. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/store_world.h"

#define HOSTS 4
#define BATCH 7
#define EPOCH "aaaaaaaaaaaaaaaa"

static const char *const names[HOSTS] = { "web1", "web2", "db1", "db2" };

struct answer {
	int host;
	uint64_t acked;
};

static int open_at(struct world *w, const char *path, int commit_ms)
{
	struct store_config config = { .commit_ms = (unsigned)commit_ms, .busy_ms = 2000 };
	char line[1024];

	memset(w, 0, sizeof *w);
	snprintf(w->path, sizeof w->path, "%s", path);
	int rc = world_reopen(w, config);
	if (rc)
		fprintf(stderr, "open: %s\n", fault_line(&w->f, line, sizeof line));
	return rc;
}

/* Lines depend on host, seq and the line before only, so that a repeat is byte-exact. */
static void teller_skip(struct teller *t, uint64_t to)
{
	while (t->seq < to) {
		teller_clear(t);
		teller_tell(t, t->seq ? "gap" : "epoch", "x");
	}
	teller_clear(t);
}

/* ---- checking ---- */

struct check {
	const char *host;
	uint64_t seq, head_seq;
	char head[STORE_HEX_ROOM], host_head[STORE_HEX_ROOM];
	struct teller told;
};

static int record_check(void *ctx, const struct store_record_row *r)
{
	struct check *c = ctx;

	teller_clear(&c->told);
	struct store_record *want = teller_tell(&c->told, c->told.seq ? "gap" : "epoch", "x");
	if (r->seq != want->seq || r->line_len != want->line_len ||
	        memcmp(r->line, want->line, r->line_len) != 0) {
		fprintf(stderr, "%s: record %" PRIu64 " where %" PRIu64 " belongs\n", c->host, r->seq,
		        want->seq);
		return -1000;
	}
	c->seq = (uint64_t)r->id;
	return 0;
}

static int head_row(void *ctx, const struct store_host *h)
{
	struct check *c = ctx;

	c->head_seq = h->seq;
	snprintf(c->host_head, sizeof c->host_head, "%s", h->head);
	if (strcmp(h->state, "enrolled") != 0) {
		fprintf(stderr, "%s is %s\n", h->id, h->state);
		return -1000;
	}
	return 0;
}

/* Every record from 1 to the head is there once, in order, byte-exact, and the head is at least ACKED. */
static int host_check(struct world *w, const char *host, uint64_t acked)
{
	struct check *c = calloc(1, sizeof *c);
	struct store_page page = { .limit = 1000 };
	uint64_t before;

	c->host = host;
	teller_start(&c->told, host, EPOCH);
	int rc = store_host_get(w->s, host, head_row, c, &w->f);
	if (rc == KE_NOENT && !acked) {
		free(c);
		return 0;
	}
	do {
		before = c->told.seq;
		page.cursor = (int64_t)c->seq;
		if (!rc)
			rc = store_record_list(w->s, host, NULL, &page, record_check, c, &w->f);
	} while (!rc && c->told.seq != before);
	bool good = !rc && c->told.seq == c->head_seq && c->head_seq >= acked &&
	            !strcmp(c->told.head, c->host_head);
	if (!good)
		fprintf(stderr,
		        "%s: rc %d, %" PRIu64 " records, head at %" PRIu64 ", %" PRIu64 " acknowledged\n",
		        host, rc, c->told.seq, c->head_seq, acked);
	free(c);
	return good ? 0 : 1;
}

static int store_whole(struct world *w)
{
	struct store_audit_state audit;
	char line[1024];

	if (!store_check(w->s, &w->f) && !store_audit_verify(w->s, NULL, &audit, &w->f))
		return 0;
	fprintf(stderr, "%s\n", fault_line(&w->f, line, sizeof line));
	return 1;
}

/* ---- kill ---- */

struct host_thread {
	struct world *w;
	int index, out;
	uint64_t acked;
	pthread_t thread;
};

static void *host_run(void *arg)
{
	struct host_thread *h = arg;
	struct teller *t = calloc(1, sizeof *t);
	struct store_ack ack;
	int rc = KE_OK;

	teller_start(t, names[h->index], EPOCH);
	teller_skip(t, h->acked);
	while (!rc) {
		teller_clear(t);
		for (int i = 0; i < BATCH; i++)
			teller_tell(t, t->seq ? "gap" : "epoch", "x");
		rc = store_append(h->w->s, &t->batch, &ack, NULL);
		struct answer a = { .host = h->index, .acked = ack.acked };
		if (!rc && write(h->out, &a, sizeof a) != sizeof a)
			rc = KE_IO;
	}
	fprintf(stderr, "%s: %s\n", names[h->index], err_text(rc));
	_exit(1);
}

static void child_run(const char *path, int out, const uint64_t acked[HOSTS])
{
	struct host_thread hosts[HOSTS];
	struct world w;

	if (open_at(&w, path, 2))
		_exit(1);
	for (int i = 0; i < HOSTS; i++) {
		if (world_enrol(&w, names[i]))
			_exit(1);
		hosts[i] = (struct host_thread){ .w = &w, .index = i, .out = out, .acked = acked[i] };
		if (pthread_create(&hosts[i].thread, NULL, host_run, &hosts[i]))
			_exit(1);
	}
	for (;;)
		pause();
}

/* One child, killed MS milliseconds after its start (LATE: after its first answer). ACKED grows by its answers. */
static int round_run(const char *path, unsigned ms, bool late, uint64_t acked[HOSTS])
{
	struct timespec wait = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };
	struct answer a;
	int ends[2], status;

	if (pipe(ends))
		return 1;
	pid_t child = fork();
	if (child < 0)
		return 1;
	if (child == 0) {
		close(ends[0]);
		child_run(path, ends[1], acked);
	}
	close(ends[1]);
	struct pollfd first = { .fd = ends[0], .events = POLLIN };
	if (late)
		poll(&first, 1, 20000);
	nanosleep(&wait, NULL); /* a pipe holds 4096 answers: the child does not wait for us */
	kill(child, SIGKILL);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	while (read(ends[0], &a, sizeof a) == sizeof a)
		if (a.acked > acked[a.host])
			acked[a.host] = a.acked;
	close(ends[0]);
	return WIFSIGNALED(status) ? 0 : 1;
}

static int run_kill(const char *path, int rounds, unsigned seed)
{
	uint64_t acked[HOSTS] = { 0 };
	int bad = 0;

	for (int i = 0; i < rounds && !bad; i++) {
		struct world w;
		bad = round_run(path, 1 + (unsigned)rand_r(&seed) % 150, i % 4 != 0, acked);
		if (!bad && open_at(&w, path, 1))
			bad = 1;
		if (bad)
			break;
		bad = store_whole(&w);
		for (int h = 0; h < HOSTS && !bad; h++)
			bad = host_check(&w, names[h], acked[h]);
		store_close(w.s);
	}
	printf("%d rounds, acknowledged: %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", rounds, acked[0],
	        acked[1], acked[2], acked[3]);
	if (!acked[0]) {
		fprintf(stderr, "nothing was ever acknowledged\n");
		bad = 1;
	}
	return bad;
}

/* ---- append, check ---- */

static int run_append(const char *path, int count)
{
	struct world w;
	struct store_ack ack;
	struct teller *t = calloc(1, sizeof *t);
	int rc = open_at(&w, path, 1);

	if (rc)
		return 3;
	for (int i = 0; i < 5 && (rc = world_enrol(&w, names[0])); i++)
		printf("failed %s\n", err_name(rc));
	teller_start(t, names[0], EPOCH);
	for (int n = 0; n < count && !rc; n++) {
		teller_clear(t);
		for (int i = 0; i < BATCH; i++)
			teller_tell(t, t->seq ? "gap" : "epoch", "x");
		for (int i = 0; i < 5; i++) {
			rc = store_append(w.s, &t->batch, &ack, NULL);
			if (!rc)
				break;
			printf("failed %s\n", err_name(rc));
		}
		if (!rc)
			printf("acked %" PRIu64 "\n", ack.acked);
		fflush(stdout);
	}
	store_close(w.s);
	free(t);
	return rc ? 1 : 0;
}

static int run_check(const char *path, uint64_t acked)
{
	struct world w;

	if (open_at(&w, path, 1))
		return 3;
	int bad = store_whole(&w);
	if (!bad)
		bad = host_check(&w, names[0], acked);
	store_close(w.s);
	return bad;
}

static int run_open(const char *path)
{
	struct world w;

	if (open_at(&w, path, 1))
		return 3;
	store_close(w.s);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "kill"))
		return run_kill(
		        argv[2], (int)strtol(argv[3], NULL, 10), (unsigned)strtoul(argv[4], NULL, 10));
	if (argc == 4 && !strcmp(argv[1], "append"))
		return run_append(argv[2], (int)strtol(argv[3], NULL, 10));
	if (argc == 4 && !strcmp(argv[1], "check"))
		return run_check(argv[2], strtoull(argv[3], NULL, 10));
	if (argc == 3 && !strcmp(argv[1], "open"))
		return run_open(argv[2]);
	fprintf(stderr,
	        "usage: store_crash kill DB ROUNDS SEED | append DB COUNT | check DB ACKED | open DB\n");
	return 2;
}
