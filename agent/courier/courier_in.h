/* courier_in.h — the inside of the courier, shared by its errands. For this folder only. */
#ifndef KEDGE_AGENT_COURIER_COURIER_IN_H
#define KEDGE_AGENT_COURIER_COURIER_IN_H

#include <ev.h>
#include <limits.h>

#include "agent/courier/backoff.h"
#include "agent/courier/courier.h"
#include "agent/courier/hostcert.h"
#include "agent/courier/outbox.h"
#include "agent/courier/transfer.h"

/* One request of the keeper that is under way. */
struct errand {
	struct courier *courier;
	struct errand *prev, *next;
	uint32_t id;
	uint64_t transfer;
	/* push */
	char *batch; /* as it came: sent again without gzip when the server does not know that */
	size_t len;
	bool plain;
};

struct news {
	bool wanted;
	int64_t generation;
	uint64_t transfer; /* 0: none is out */
	struct backoff backoff;
	ev_timer timer;
	int64_t begun_ms;
};

struct renewal {
	ev_timer timer;
	uint64_t transfer;
	unsigned attempts;
};

struct courier {
	struct courier_options opt;
	struct transfers *transfers;
	struct hostcert cert;
	struct outbox outbox;
	ev_io ipc;
	struct errand *errands;
	struct news news;
	struct renewal renewal;
	bool no_gzip;       /* the server answered 415 */
	int64_t hold_until; /* boot ms: the server asked to be left alone */
	int64_t time_told;  /* boot ms of the last SERVER_TIME; -1: never */
};

int64_t courier_now(const struct courier *c);
/* "SERVER/PATH" printed from FMT; allocated (free()), NULL: no memory. */
char *courier_url(const struct courier *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* What every answer of the server is good for: its clock, and its wish for silence. */
void courier_heard(struct courier *c, const struct transfer_answer *a, bool tell_time);
/* The seconds that are left of that wish, rounded up; 0: none. */
int64_t courier_hold_s(const struct courier *c);

/* A new errand for request ID; it is on the courier's list until errand_end(). NULL: no memory. */
struct errand *errand_new(struct courier *c, uint32_t id);
void errand_end(struct errand *e);
/* Answer request ID with TYPE and FAILED (or another STATUS), A, and the words of F or TEXT. */
void errand_failed(struct courier *c, enum frame_type type, uint32_t id, enum frame_status status, int64_t a,
        const struct fault *f, const char *text);

/* The errands. Payloads are taken over. */
void fetch_begin(struct courier *c, const struct frame *fr);
void push_begin(struct courier *c, const struct frame *fr, int payload);
void confirm_begin(struct courier *c, const struct frame *fr);
void news_open(struct courier *c);
void news_from(struct courier *c, int64_t generation);
void news_close(struct courier *c);
/* Look at the certificate's age now and then, and renew it in time. */
void renewal_open(struct courier *c);
void renewal_close(struct courier *c);

#endif
