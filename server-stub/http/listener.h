/* listener.h — accepting connections into a loop. Internal to server-stub/http. */
#ifndef KEDGE_HTTP_LISTENER_H
#define KEDGE_HTTP_LISTENER_H

#include "server-stub/http/loop.h"

/* Open LOOP's own SO_REUSEPORT socket on the configured address and *PORT (0: any; the port is then stored there). */
int listener_open(struct loop *loop, uint16_t *port, struct fault *f);
/* Accept, or stop accepting, as the number of connections and of handshakes allows. */
void listener_settle(struct loop *loop);
/* Accept nothing more. */
void listener_close(struct loop *loop);

#endif
