/* worker.c — one queue, a few threads. It is bounded, because whoever can ask faster than the disk syncs must be told
 * so (503) rather than be remembered. Handlers post through task_start(). */
#include "server-stub/api/worker.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

#define THREADS_MAX 64

struct job {
	worker_fn *run;
	void *arg;
	struct job *next;
};

struct worker {
	pthread_mutex_t lock;
	pthread_cond_t some;
	struct job *first, **tail;
	unsigned waiting, n_threads;
	bool stopping;
	pthread_t threads[THREADS_MAX];
};

static struct job *job_take(struct worker *w)
{
	pthread_mutex_lock(&w->lock);
	while (!w->first && !w->stopping)
		pthread_cond_wait(&w->some, &w->lock);
	struct job *job = w->first;
	if (job) {
		w->first = job->next;
		if (!w->first)
			w->tail = &w->first;
		w->waiting--;
	}
	pthread_mutex_unlock(&w->lock);
	return job;
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;

	for (struct job *job; (job = job_take(w));) {
		job->run(job->arg);
		free(job);
	}
	return NULL;
}

int worker_start(unsigned n, struct worker **ret, struct fault *f)
{
	struct worker *w = calloc(1, sizeof *w);
	sigset_t all, before;

	if (!w)
		return fault_set(f, KE_NOMEM, NULL, NULL, "%s", "");
	w->tail = &w->first;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->some, NULL);
	/* Signals are the main thread's business. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (; w->n_threads < n && w->n_threads < THREADS_MAX; w->n_threads++)
		if (pthread_create(&w->threads[w->n_threads], NULL, worker_main, w))
			break;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (w->n_threads < n || !n) {
		worker_free(w);
		return fault_set(f, KE_SYSTEM, "workers", NULL, "threads cannot be started");
	}
	*ret = w;
	return KE_OK;
}

int worker_post(struct worker *w, worker_fn *run, void *arg)
{
	struct job *job = malloc(sizeof *job);
	int rc = KE_OK;

	if (!job)
		return KE_NOMEM;
	*job = (struct job){ .run = run, .arg = arg };
	pthread_mutex_lock(&w->lock);
	if (w->stopping || w->waiting == WORKER_QUEUE_MAX) {
		rc = KE_BUSY;
	} else {
		*w->tail = job;
		w->tail = &job->next;
		w->waiting++;
		pthread_cond_signal(&w->some);
	}
	pthread_mutex_unlock(&w->lock);
	if (rc)
		free(job);
	return rc;
}

void worker_stop(struct worker *w)
{
	pthread_mutex_lock(&w->lock);
	w->stopping = true;
	pthread_cond_broadcast(&w->some);
	pthread_mutex_unlock(&w->lock);
	for (unsigned i = 0; i < w->n_threads; i++)
		pthread_join(w->threads[i], NULL);
	w->n_threads = 0;
}

void worker_free(struct worker *w)
{
	if (!w)
		return;
	worker_stop(w);
	pthread_cond_destroy(&w->some);
	pthread_mutex_destroy(&w->lock);
	free(w);
}
