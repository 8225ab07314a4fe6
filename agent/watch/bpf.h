/* bpf.h — the keeper's half of the BPF event source: reads what the program wrote, without a bpf(2) call.
 *
 * Two descriptors come from the supervisor: a ring buffer, which epoll can wait for, and a shared page. Both are mapped.
 * The program sees every write by every process below the control group that it is attached to, whichever procfs and
 * mount namespace it goes through, and fires before the write happens: an event is an attempt. Netlink, and other keys that a
 * write changes as well, it does not see: whoever reads this polls too.
 */
#ifndef KEDGE_WATCH_BPF_H
#define KEDGE_WATCH_BPF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/watch/bpf_event.h"
#include "agent/watch/writer.h"
#include "policies/name.h"
#include "proto/err.h"

#define BPF_BUDGET 200 /* events a second that are looked at */

struct bpf_reader;

/* Map the ring buffer RING_FD and the shared page DESK_FD; both stay the caller's and may be closed afterwards, except that
 * RING_FD is what one waits for. KE_SYSTEM. bpf_reader_close() it. */
int bpf_reader_open(int ring_fd, int desk_fd, struct bpf_reader **ret, struct fault *f);
void bpf_reader_close(struct bpf_reader *r);
/* The shared page. */
const struct bpf_desk *bpf_reader_desk(const struct bpf_reader *r);
/* Was the budget used up in this or the last second? NOW_MS: boot time. */
bool bpf_reader_flooded(const struct bpf_reader *r, int64_t now_ms);

enum bpf_news {
	BPF_POLL_NOW = 1, /* events were lost or not understood: nobody knows what changed */
	BPF_FLOODED = 2,  /* the budget of this second is used up: do not read before *RET_RESUME_MS */
	BPF_MORE = 4,     /* EVENTS was full: read again */
};

/* Copy at most ROOM events without waiting, oldest first, into EVENTS; *RET_N were filled. NOW_MS: boot time. Returns a set
 * of enum bpf_news. No system calls. */
unsigned bpf_reader_read(struct bpf_reader *r, int64_t now_ms, struct bpf_event *events, size_t room,
        size_t *ret_n, int64_t *ret_resume_ms);

/* The key that E is about. false: its name is not known, or is none. */
bool bpf_event_name(const struct bpf_event *e, struct name *ret);
/* What E tells of its writer, put together with what /proc told a moment later (W: writer_identify() of e->own_pid): the
 * event wins where both say something, because the process may have executed another program since, and is enough
 * when the process is gone. INITIAL: the parents' numbers are ours. */
void bpf_event_writer(const struct bpf_event *e, bool initial, struct writer *w);

/* ---- locks ---- */

/* What the program computes of a name: never 0. */
uint64_t bpf_lock_hash(const char *path);
/* Refuse writes to these N keys (our network namespace's) by anybody but WRITER from now on; N = 0: none. KE_TOOBIG: too many,
 * or too many of one place in the table; nothing is locked then. KE_UNSUPPORTED: the program cannot. */
int bpf_lock_set(struct bpf_reader *r, const struct name *keys, size_t n, pid_t writer);

#endif
