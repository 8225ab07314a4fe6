/* queue.c — group commit. Batches wait in a bounded list; one thread takes as many as fit a transaction, or what came
 * within some milliseconds, commits them together and only then answers each. A durable commit costs the disk a sync
 * (about 2 ms), so sharing one is worth a factor of sixty. A batch that is refused (a fork, a hole) does not disturb
 * its neighbours: it is refused before it has written anything. When a whole group fails for the database's sake, its
 * batches are tried one by one, so that a damaged page stops the hosts it belongs to and nobody else. Groups of several
 * processes run side by side: each locks its hosts in the order of their ids, so none waits for another in a circle.
 * When a commit's outcome is not known, trying again finds what was stored and counts it as duplicates. */
#include "server-stub/store/impl.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROWS_DEFAULT   200
#define MS_DEFAULT     20
#define QUEUE_DEFAULT  20000
#define FLUSH_EVERY_MS 1000

struct entry {
	const struct store_batch *batch;
	struct entry *next;
	int64_t arrived; /* ms, monotonic */
	size_t place;    /* in its group */
	int rc;
	struct store_ack ack;
	struct fault fault;
};

struct store_queue {
	pthread_mutex_t lock; /* guards all below but thread and the limits */
	pthread_cond_t wake;
	struct entry *first, *last;
	uint64_t rows;
	bool stop;
	struct store_stats stats;

	pthread_t thread;
	unsigned commit_rows, commit_ms, queue_rows;
};

static int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static unsigned batch_rows(const struct store_batch *b)
{
	return b->count ? (unsigned)b->count : 1; /* "was seen" costs an update too */
}

int store_submit(struct store *s, const struct store_batch *batch)
{
	struct store_queue *q = s->queue;
	int rc = KE_OK;

	if (batch->count > q->queue_rows)
		return KE_TOOBIG;
	struct entry *e = calloc(1, sizeof *e);
	if (!e)
		return KE_NOMEM;
	e->batch = batch;
	e->arrived = now_us() / 1000;
	pthread_mutex_lock(&q->lock);
	if (q->rows + batch_rows(batch) > q->queue_rows) {
		q->stats.busy++;
		rc = KE_BUSY;
	} else {
		if (q->last)
			q->last->next = e;
		else
			q->first = e;
		q->last = e;
		q->rows += batch_rows(batch);
		pthread_cond_signal(&q->wake);
	}
	pthread_mutex_unlock(&q->lock);
	if (rc)
		free(e);
	return rc;
}

bool queue_full(struct store *s)
{
	pthread_mutex_lock(&s->queue->lock);
	bool full = s->queue->rows >= s->queue->queue_rows;
	pthread_mutex_unlock(&s->queue->lock);
	return full;
}

void store_stats(struct store *s, struct store_stats *ret)
{
	pthread_mutex_lock(&s->queue->lock);
	*ret = s->queue->stats;
	ret->queue_rows = s->queue->rows;
	pthread_mutex_unlock(&s->queue->lock);
}

static bool fatal(int rc)
{
	return rc == KE_STORE || rc == KE_BUSY || rc == KE_NOMEM;
}

/* Returns a code only when the transaction is lost. */
static int entry_append(struct db *db, struct entry *e)
{
	e->rc = chain_append(db, e->batch, &e->ack, &e->fault);
	return fatal(e->rc) ? e->rc : KE_OK;
}

static bool feeds(const struct entry *e)
{
	for (size_t i = 0; i < e->batch->count; i++)
		if (e->batch->records[i].drift || e->batch->records[i].refusal)
			return true;
	return false;
}

/* By host; batches of one host in the order in which they came. */
static int entry_order(const void *a, const void *b)
{
	const struct entry *one = *(struct entry *const *)a, *two = *(struct entry *const *)b;
	int order = strcmp(one->batch->host, two->batch->host);

	return order ? order : one->place < two->place ? -1 : 1;
}

static int group_append(struct db *db, struct entry *group)
{
	size_t n = 0;
	bool feed = false;
	int rc = KE_OK;

	for (struct entry *e = group; e; e = e->next) {
		e->place = n++;
		feed = feed || feeds(e);
	}
	struct entry **order = calloc(n, sizeof(struct entry *));
	if (!order)
		return KE_NOMEM;
	n = 0;
	for (struct entry *e = group; e; e = e->next)
		order[n++] = e;
	qsort(order, n, sizeof(struct entry *), entry_order);
	if (feed)
		rc = feed_lock(db);
	for (size_t i = 0; i < n && !rc; i++)
		rc = entry_append(db, order[i]);
	free(order);
	return rc;
}

static void group_fail(struct entry *group, int rc, const struct fault *f)
{
	for (struct entry *e = group; e; e = e->next) {
		e->rc = rc;
		e->ack = (struct store_ack){ 0 };
		e->fault = *f;
	}
}

/* Fill the answers of a group; true when they are final. */
static bool group_commit(struct store *s, struct entry *group)
{
	struct fault f = { 0 };
	struct db *db;
	int rc = write_begin(s, &db, &f);

	if (rc) {
		group_fail(group, rc, &f);
		return rc == KE_BUSY || rc == KE_NOMEM; /* alone it would wait just as long */
	}
	rc = write_end(s, db, group_append(db, group), &f);
	if (rc)
		group_fail(group, rc, &f);
	return rc != KE_STORE && rc != KE_BUSY;
}

static void group_store(struct store *s, struct entry *group)
{
	if (group_commit(s, group) || !group->next)
		return;
	for (struct entry *e = group; e; e = e->next) {
		struct entry *rest = e->next;
		e->next = NULL;
		bool lasting = group_commit(s, e);
		e->next = rest;
		if (!lasting && e->rc == KE_BUSY && rest) { /* locked out: do not wait once for each */
			group_fail(rest, e->rc, &e->fault);
			return;
		}
	}
}

/* Take up to commit_rows rows, at least one batch. Called with the lock held. */
static struct entry *group_take(struct store_queue *q)
{
	struct entry *group = q->first, *end = NULL;
	unsigned rows = 0;

	for (struct entry *e = group; e; e = e->next) {
		if (end && rows + batch_rows(e->batch) > q->commit_rows)
			break;
		rows += batch_rows(e->batch);
		end = e;
	}
	if (end) {
		q->first = end->next;
		if (!q->first)
			q->last = NULL;
		end->next = NULL;
	}
	return group;
}

static void group_count(struct store_queue *q, const struct entry *group, int64_t took)
{
	q->stats.commits++;
	q->stats.commit_us = (uint64_t)took;
	for (const struct entry *e = group; e; e = e->next) {
		q->rows -= batch_rows(e->batch);
		q->stats.batches++;
		q->stats.records += e->ack.stored;
		q->stats.duplicates += e->ack.duplicates;
		q->stats.forks += e->rc == KE_FORK;
		q->stats.busy += e->rc == KE_BUSY;
		q->stats.failures += e->rc == KE_STORE || e->rc == KE_NOMEM;
	}
}

static void group_answer(struct entry *group)
{
	while (group) {
		struct entry *next = group->next;
		group->batch->done(group->batch->ctx, group->rc, &group->ack, &group->fault);
		free(group);
		group = next;
	}
}

/* Wait until a group is worth committing, a second passed, or the end. Called with the lock held. */
static void work_wait(struct store_queue *q)
{
	int64_t idle_until = now_us() / 1000 + FLUSH_EVERY_MS;

	while (!q->stop && q->rows < q->commit_rows) {
		int64_t until = q->first ? q->first->arrived + q->commit_ms : idle_until;
		if (now_us() / 1000 >= until)
			return;
		struct timespec t = { .tv_sec = until / 1000, .tv_nsec = until % 1000 * 1000000 };
		pthread_cond_timedwait(&q->wake, &q->lock, &t);
	}
}

static void *writer_run(void *arg)
{
	struct store *s = arg;
	struct store_queue *q = s->queue;
	int64_t flushed = now_us();
	bool stop;

	pthread_mutex_lock(&q->lock);
	do {
		work_wait(q);
		struct entry *group = group_take(q);
		stop = q->stop && !q->first;
		pthread_mutex_unlock(&q->lock);

		int64_t begun = now_us();
		if (group)
			group_store(s, group);
		int64_t ended = now_us();
		if (denials_waiting(s) && (stop || ended - flushed >= FLUSH_EVERY_MS * 1000)) {
			denials_flush(s);
			flushed = ended;
		}

		pthread_mutex_lock(&q->lock);
		if (group)
			group_count(q, group, ended - begun);
		pthread_mutex_unlock(&q->lock);
		group_answer(group);
		pthread_mutex_lock(&q->lock);
	} while (!stop);
	pthread_mutex_unlock(&q->lock);
	return NULL;
}

int queue_start(struct store *s, const struct store_config *config)
{
	struct store_queue *q = calloc(1, sizeof *q);
	pthread_condattr_t attr;

	if (!q)
		return KE_NOMEM;
	q->commit_rows = config->commit_rows ? config->commit_rows : ROWS_DEFAULT;
	q->commit_ms = config->commit_ms ? config->commit_ms : MS_DEFAULT;
	q->queue_rows = config->queue_rows ? config->queue_rows : QUEUE_DEFAULT;
	pthread_mutex_init(&q->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&q->wake, &attr);
	pthread_condattr_destroy(&attr);
	s->queue = q;
	if (!pthread_create(&q->thread, NULL, writer_run, s))
		return KE_OK;
	s->queue = NULL;
	pthread_cond_destroy(&q->wake);
	pthread_mutex_destroy(&q->lock);
	free(q);
	return KE_SYSTEM;
}

void queue_stop(struct store *s)
{
	struct store_queue *q = s->queue;

	if (!q)
		return;
	pthread_mutex_lock(&q->lock);
	q->stop = true;
	pthread_cond_signal(&q->wake);
	pthread_mutex_unlock(&q->lock);
	pthread_join(q->thread, NULL);
	pthread_cond_destroy(&q->wake);
	pthread_mutex_destroy(&q->lock);
	free(q);
	s->queue = NULL;
}

/* ---- the waiting form ---- */

struct waiter {
	pthread_mutex_t lock;
	pthread_cond_t answered;
	bool done;
	int rc;
	struct store_ack *ack;
	struct fault *fault;
};

static void waiter_done(void *ctx, int rc, const struct store_ack *ack, const struct fault *f)
{
	struct waiter *w = ctx;

	pthread_mutex_lock(&w->lock);
	w->rc = rc;
	*w->ack = *ack;
	if (w->fault && rc)
		*w->fault = *f;
	w->done = true;
	pthread_cond_signal(&w->answered);
	pthread_mutex_unlock(&w->lock);
}

int store_append(struct store *s, const struct store_batch *batch, struct store_ack *ret_ack, struct fault *f)
{
	struct waiter w = { .ack = ret_ack, .fault = f };
	struct store_batch mine = *batch;

	mine.done = waiter_done;
	mine.ctx = &w;
	pthread_mutex_init(&w.lock, NULL);
	pthread_cond_init(&w.answered, NULL);
	int rc = store_submit(s, &mine);
	if (rc) {
		fault_set(f, rc, "store", NULL, "the queue does not take the batch");
	} else {
		pthread_mutex_lock(&w.lock);
		while (!w.done)
			pthread_cond_wait(&w.answered, &w.lock);
		pthread_mutex_unlock(&w.lock);
		rc = w.rc;
	}
	pthread_cond_destroy(&w.answered);
	pthread_mutex_destroy(&w.lock);
	return rc;
}
