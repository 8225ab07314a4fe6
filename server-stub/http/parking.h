/* parking.h — requests that wait for news of a key. Internal to server-stub/http; called in the loop's thread. */
#ifndef KEDGE_HTTP_PARKING_H
#define KEDGE_HTTP_PARKING_H

#include "server-stub/http/conn.h"

#define PARKING_KEY_MAX 255

/* C's request watches KEY, and only that. KE_NOMEM, KE_TOOBIG. */
int parking_watch(struct conn *c, const char *key);
/* C's request is over, or the connection is: it watches nothing. */
void parking_forget(struct conn *c);
/* Park C, which watches a key. */
void parking_park(struct conn *c, unsigned wait_ms, http_wake_fn *fn, void *arg);
/* Call the continuation of the parked C with WHY. Unless HTTP_GONE, C may be freed afterwards. */
void parking_end(struct conn *c, enum http_wake why);
/* News for KEY: note them, and make what is parked ready. */
void parking_wake(struct loop *loop, const char *key);
/* Call the continuations of what is ready. */
void parking_run_ready(struct loop *loop);

#endif
