/* frame.h — what the agent's processes say to each other.
 *
 * One SOCK_SEQPACKET pair joins keeper and courier; one listening SOCK_SEQPACKET socket (agent.sock) lets root's
 * local commands ask the keeper. A message is one frame of exactly FRAME_SIZE bytes in host byte order and carries
 * at most one descriptor, a sealed memfd with the payload. There is no JSON, no pointer and no length that the receiver
 * would have to believe: a frame of another size, with an unknown type, an unterminated text, or more descriptors
 * than one is nonsense, and nonsense ends the conversation (KE_PROTO).
 */
#ifndef KEDGE_AGENT_IPC_FRAME_H
#define KEDGE_AGENT_IPC_FRAME_H

#include <stdint.h>

#include "proto/err.h"

#define FRAME_SIZE    512
#define FRAME_VERSION 1

enum frame_type {
	FRAME_HELLO =
	        1, /* both ways, first: a = role (enum frame_role), b = pid, text = version of the program */
	/* keeper -> courier */
	FRAME_FETCH,   /* id, a = enum fetch_where, b = most bytes, text = name (URL path below the place) */
	FRAME_PUSH,    /* id, a = first seq, b = last seq, fd = NDJSON lines */
	FRAME_CONFIRM, /* id: make a new TCP and TLS connection and a round trip on it */
	FRAME_NEWS_FROM, /* a = generation: tell of assignments newer than this */
	/* courier -> keeper */
	FRAME_FETCHED, /* id, status, fd unless ABSENT or FAILED; text = reason when FAILED */
	FRAME_PUSHED, /* id, status, a = acknowledged seq, b = epoch; FORKED: text = "EPOCH SEQ HEAD" of the server */
	FRAME_CONFIRMED, /* id, status, text = reason when FAILED */
	FRAME_NEWS,      /* a = generation, fd = assignment */
	FRAME_CONFINED, /* once, after HELLO: id = Landlock ABI, status = seccomp mode, a = uid, b = capabilities,
	                   text = "MISSING\nSELFTEST" */
	FRAME_SERVER_TIME, /* a = the server's clock, seconds since 1970, as seen on an authenticated connection */
	/* local command -> keeper, and the answer */
	FRAME_ASK,    /* a = enum ask, fd = document (ASK_WISH) */
	FRAME_ANSWER, /* a = exit code of the command, fd = its output */
	FRAME_TYPE_END
};

enum frame_role { ROLE_KEEPER = 1, ROLE_COURIER, ROLE_LOCAL };
enum fetch_where { FETCH_METADATA = 1, FETCH_TARGET };
enum frame_status { FRAME_OK, FRAME_ABSENT, FRAME_FAILED, FRAME_FORKED, FRAME_REFUSED };
enum ask { ASK_STATUS = 1, ASK_APPLY, ASK_REVERT, ASK_RETRY, ASK_VERIFY, ASK_WISH, ASK_SOCKETS };

struct frame {
	uint32_t magic; /* FRAME_MAGIC */
	uint16_t version;
	uint16_t type; /* enum frame_type */
	uint32_t id;   /* request and answer carry the same */
	int32_t status;
	int64_t a, b;
	char text[FRAME_SIZE - 32]; /* NUL-terminated */
};

#define FRAME_MAGIC 0x6b656467U

_Static_assert(sizeof(struct frame) == FRAME_SIZE, "a frame is what is on the socket");

/* A frame of TYPE with everything else zero. */
struct frame frame_make(enum frame_type type, uint32_t id);
/* Set F's text, cutting it when it is too long. */
void frame_say(struct frame *fr, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Send FR and, if PAYLOAD >= 0, that descriptor (which stays the caller's). Never blocks: KE_BUSY when the socket
 * is full, KE_CLOSED when the other side is gone. */
int frame_send(int fd, const struct frame *fr, int payload);
/* Receive one frame. *RET_PAYLOAD is the descriptor that came with it (the caller closes it) or -1. KE_BUSY: nothing
 * there on a non-blocking socket; KE_CLOSED: end; KE_PROTO: nonsense. */
int frame_receive(int fd, struct frame *ret, int *ret_payload);

#endif
