/* worker.h — a few threads for what must not block a loop: commits, signatures, issuing. */
#ifndef KEDGE_SERVER_API_WORKER_H
#define KEDGE_SERVER_API_WORKER_H

#include "proto/err.h"

#define WORKER_QUEUE_MAX 4096

struct worker;

/* Called once on a worker's thread; owns ARG. */
typedef void worker_fn(void *arg);

/* N threads, 1..64. KE_SYSTEM, KE_NOMEM. */
int worker_start(unsigned n, struct worker **ret, struct fault *f);
/* Queue RUN(ARG). KE_BUSY: WORKER_QUEUE_MAX wait already, or the workers have stopped; ARG is still the caller's. */
int worker_post(struct worker *w, worker_fn *run, void *arg);
/* Run what is queued, then end the threads. worker_post() stays harmless until worker_free(). */
void worker_stop(struct worker *w);
/* Stops first. NULL is fine. */
void worker_free(struct worker *w);

#endif
