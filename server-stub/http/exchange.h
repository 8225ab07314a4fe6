/* exchange.h — from a complete head to the handler: routing, rights, size. Internal to server-stub/http. */
#ifndef KEDGE_HTTP_EXCHANGE_H
#define KEDGE_HTTP_EXCHANGE_H

#include "server-stub/http/conn.h"

/* The first SIZE bytes of C's input are a complete head: take them, and refuse the request (it is then answered) or
 * go on to its body or handler; C's phase tells. false: out of memory, the connection is to be closed. */
bool exchange_begin(struct conn *c, size_t size);
/* The body is complete: call the handler, which may answer, defer or park. */
void exchange_dispatch(struct conn *c);
/* The request is over. */
void exchange_end(struct conn *c);

#endif
