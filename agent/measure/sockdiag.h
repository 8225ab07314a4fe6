/* sockdiag.h — all TCP sockets of this network namespace, one after the other.
 *
 * One request (the legacy TCPDIAG_GETSOCK, which the kernel takes for both families) makes one walk over the kernel's
 * table; two dumps by family would cost a fifth more. Nothing is kept: each socket is shown to a callback and
 * forgotten. The netlink socket is opened apart from the dump, so that a process can open it, drop what let it, and
 * dump later; it sees the namespace it was opened in.
 */
#ifndef KEDGE_MEASURE_SOCKDIAG_H
#define KEDGE_MEASURE_SOCKDIAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/measure/ip16.h"
#include "proto/clock.h"
#include "proto/err.h"

/* The kernel's numbers of the TCP states, as in idiag_state and in /proc/net/tcp. */
enum tcp_state {
	TCP_STATE_ESTABLISHED = 1,
	TCP_STATE_SYN_SENT,
	TCP_STATE_SYN_RECV,
	TCP_STATE_FIN_WAIT1,
	TCP_STATE_FIN_WAIT2,
	TCP_STATE_TIME_WAIT,
	TCP_STATE_CLOSE,
	TCP_STATE_CLOSE_WAIT,
	TCP_STATE_LAST_ACK,
	TCP_STATE_LISTEN,
	TCP_STATE_CLOSING,
	TCP_STATE_NEW_SYN_RECV, /* reported as SYN_RECV; appears in masks only */
	TCP_STATE_BOUND_INACTIVE,
	TCP_STATES /* one more than the largest */
};

/* Every state a socket in the connection or listener tables can have: what netstat -an lists. */
#define SOCKDIAG_ALL_STATES 0xfffU

enum sockdiag_timer {
	SOCKDIAG_TIMER_NONE,
	SOCKDIAG_TIMER_RETRANSMIT,
	SOCKDIAG_TIMER_KEEPALIVE,
	SOCKDIAG_TIMER_MINISOCKET, /* TIME_WAIT, or an ownerless FIN_WAIT_2 that was cut down to a minisocket */
	SOCKDIAG_TIMER_PROBE,
};

struct sockdiag_socket {
	struct ip16 local, remote;
	uint32_t expires_ms; /* until the timer fires; 0 without one */
	uint32_t inode;      /* 0: no process owns it */
	uint32_t uid;        /* of the owner; 0 without one */
	uint64_t cgroup;     /* of the owner, the id of a cgroup2 directory; 0: not told */
	uint16_t local_port, remote_port;
	uint8_t family; /* AF_INET, or AF_INET6 (also for mapped IPv4 addresses) */
	uint8_t state;  /* enum tcp_state */
	uint8_t timer;  /* enum sockdiag_timer */
};

/* Called once a socket. Anything but 0 ends the dump with that code. */
typedef int sockdiag_each(const struct sockdiag_socket *s, void *ctx);

struct sockdiag;

/* Open the netlink socket (close-on-exec). KE_ACCES, KE_UNSUPPORTED (no inet_diag in this kernel), KE_SYSTEM. */
int sockdiag_open(struct sockdiag **ret, struct fault *f);
/* Its descriptor, for a list of descriptors that may stay open; owned by D. */
int sockdiag_fd(const struct sockdiag *d);
void sockdiag_close(struct sockdiag *d);

/* Walk over the sockets whose state is in the mask STATES (bits 1 << enum tcp_state). CLOCK and DEADLINE_MS (boot
 * milliseconds of it) bound the walk. Errors: KE_TIMEOUT; KE_PROTO when an answer is malformed or not for us;
 * KE_SYSTEM when the kernel refuses or loses messages (ENOBUFS). After an error D may be used again. The walk is no
 * snapshot: sockets that come or go meanwhile may be seen or not. */
int sockdiag_dump(struct sockdiag *d, uint32_t states, const struct clock *clock, int64_t deadline_ms,
        sockdiag_each *each, void *ctx, struct fault *f);

/* The same for sockets that named their local port in bind(), connected or not, but no listeners: such a port is lost to
 * automatic connect(). Sockets that are bound and nothing else are seen from Linux 6.8 on; what is in TIME_WAIT does not tell, nor
 * does a bind() to an address and port 0. */
int sockdiag_dump_bound(struct sockdiag *d, const struct clock *clock, int64_t deadline_ms,
        sockdiag_each *each, void *ctx, struct fault *f);

/* The parser behind both, pure: LEN bytes of netlink messages of dump SEQ to port PORTID. *RET_DONE is set when the dump's
 * end (good or bad) was reached. KE_PROTO for anything that is not exactly what was asked for; an error message of the kernel
 * becomes the code of its errno. */
int sockdiag_parse(const void *data, size_t len, uint32_t seq, uint32_t portid, sockdiag_each *each,
        void *ctx, bool *ret_done, struct fault *f);

#endif
