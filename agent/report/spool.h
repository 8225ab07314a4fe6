/* spool.h — the records of this host, on disk until the server has them, and a while longer.
 *
 * A directory of segments, each a file of record lines (proto/record.h), named EPOCH-SEQ by the first line it may hold.
 * spool_append() signs, chains, writes and syncs one line: when it returns 0 the record survives a power cut, when it
 * does not there is no such record. Opening reads everything once: a torn last line is cut off; where lines are missing or
 * damaged, the rest is carried into a new epoch, which begins with what the server is known to have and with a gap record.
 *
 * The spool is bounded. When it is full, records the server has go first, then sockets, then status, each leaving
 * a gap record in a new epoch, because a chain has no holes. Drift, apply and refusal records that the server does not
 * have are never dropped: when only those are left, spool_append() says KE_TOOBIG. While an epoch is changed the directory
 * holds the carried records twice.
 *
 * Only the keeper uses it, from one thread; the directory is locked.
 */
#ifndef KEDGE_REPORT_SPOOL_H
#define KEDGE_REPORT_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/buf.h"
#include "proto/clock.h"
#include "proto/record.h"

struct spool;

#define SPOOL_MAX_BYTES     (64ULL << 20)
#define SPOOL_SEGMENT_BYTES (1U << 20)
#define SPOOL_KEEP_SECONDS  (30 * 86400)
#define SPOOL_SEED_LEN      32

struct spool_options {
	const char *dir;           /* made (0700) when it is not there */
	const char *host;          /* 1 to 63 bytes; a spool of another host is damage */
	const char *boot_id;       /* of the records that will be appended */
	const struct signkey *key; /* ed25519; borrowed, must live as long as the spool */
	/* Random bytes, new for each spool_open(): the numbers of epochs that the spool must open by itself (damage,
	 * compaction) are made from them. */
	unsigned char seed[SPOOL_SEED_LEN];
	int64_t time;           /* now, for the epoch and gap records that opening may write */
	uint64_t max_bytes;     /* of all segments; 0: SPOOL_MAX_BYTES; at least 4 segments */
	uint32_t segment_bytes; /* a segment is closed before it outgrows this; 0: SPOOL_SEGMENT_BYTES */
	int64_t keep_seconds; /* how long acknowledged drift and apply records stay; 0: SPOOL_KEEP_SECONDS */
};

/* What opening found. */
struct spool_found {
	bool new_epoch; /* the chain was begun: the spool is new, or damaged, or the record key is another one */
	bool damaged; /* lines were missing, changed or foreign; f of spool_open() says where */
	int64_t torn; /* bytes of a torn last line that were cut off */
	int64_t lost; /* records that are gone (as far as the numbers tell; at least 1 for unreadable bytes) */
	int64_t carried; /* records that went into the new epoch */
};

/* Open, check and if need be repair the spool; spool_close() it. RET_FOUND and F are filled on success too when
 * something was damaged (F says what, for the log). KE_BUSY: another process has it open. KE_IO, KE_ACCES, KE_NOMEM,
 * KE_KEY (not an ed25519 key), KE_NAME (host). Nothing is deleted on an error. */
int spool_open(
        const struct spool_options *opt, struct spool **ret, struct spool_found *ret_found, struct fault *f);
void spool_close(struct spool *s);

/* Append one record of KIND with the JSON object BODY. 0: it is on disk, and *RET_SEQ (may be NULL) is its number. KE_IO
 * (no space, I/O error): the file was cut back to its last good end and its descriptor is never used again; the next
 * append opens a new file. KE_TOOBIG: over RECORD_MAX_BYTES, or the spool is full of what must not be dropped. May take
 * seconds when a full spool must be compacted. */
int spool_append(struct spool *s, enum record_kind kind, int64_t time, const char *body, size_t body_len,
        int64_t *ret_seq, struct fault *f);

/* Append whole lines to OUT, as stored, beginning with record FROM (0: the first that is not acknowledged), at least one,
 * then as many as fit into MAX_BYTES together. All are of the present epoch. KE_NOENT: there are none. KE_RANGE: FROM is
 * no longer there or was never written. KE_IO, KE_NOMEM. */
int spool_read(struct spool *s, int64_t from, size_t max_bytes, struct buf *out, int64_t *ret_first,
        int64_t *ret_last, struct fault *f);

/* The server has committed everything of EPOCH up to SEQ. Durable when it returns 0. An epoch that is not the present one
 * and a SEQ that is not higher than what is acknowledged are ignored (0). KE_RANGE: SEQ was never written. NOW: the
 * time, for dropping acknowledged records that are older than keep_seconds. */
int spool_ack(struct spool *s, uint64_t epoch, int64_t seq, int64_t now, struct fault *f);

enum spool_forked {
	SPOOL_REWOUND, /* the server's head is a place in our own chain: sending goes on from there, no new epoch */
	SPOOL_NEW_EPOCH,
};

/* The server refused a batch (409) because its chain of this host stands at EPOCH, SEQ, HEAD. When that is a record of our
 * own, sending continues behind it. Otherwise a new epoch NEXT (random, not 0) is opened that names the server's head;
 * every record that was not acknowledged is carried into it with its own time and boot id, signed again. */
int spool_fork(struct spool *s, uint64_t epoch, int64_t seq, const unsigned char head[SHA256_LEN],
        uint64_t next, int64_t now, enum spool_forked *ret, struct fault *f);

struct spool_stats {
	uint64_t epoch;
	int64_t first_seq, last_seq; /* on disk; last_seq is never 0 */
	int64_t acked_seq;           /* of this epoch; 0: none */
	unsigned char head[SHA256_LEN];
	uint64_t bytes; /* of all segments */
	unsigned segments;
	int64_t dropped[RECORD_KINDS]; /* by compaction since spool_open() */
	int64_t failures;              /* appends that could not be made durable since spool_open() */
};
void spool_stats(const struct spool *s, struct spool_stats *ret);

#endif
