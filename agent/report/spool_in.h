/* spool_in.h — what the files of the spool share. Not for others.
 *
 * spool.c: opening, appending, reading, acknowledging. spool_line.c: lines and their order. spool_segment.c: files.
 * spool_state.c: the small file beside them. spool_epoch.c: carrying records into a new epoch.
 */
#ifndef KEDGE_REPORT_SPOOL_IN_H
#define KEDGE_REPORT_SPOOL_IN_H

#include "agent/report/spool.h"

#define SEGMENT_NAME_ROOM 40
#define SEGMENT_FILE_MAX  (32U << 20) /* no segment that we wrote is larger */

/* One file: lines FIRST to LAST in its first BYTES bytes. */
struct segment {
	int64_t first; /* in the file's name */
	int64_t last;  /* first - 1: empty */
	uint64_t bytes;
	int64_t newest; /* the highest time in it */
	bool keep;      /* holds drift, apply, refusal or override records */
};

struct segments {
	struct segment *row; /* owned */
	size_t n, room;
};

/* A place in a chain that the server is known to have. seq 0: none is known. */
struct known {
	uint64_t epoch;
	int64_t seq;
	unsigned char head[SHA256_LEN];
};

struct spool {
	int dir_fd, lock_fd;
	int fd;         /* of the last segment; -1: the next append opens a new one */
	bool dir_dirty; /* a rename may not be durable yet: the next append syncs the directory */
	struct chain chain;
	struct segments segs;
	uint64_t bytes;
	int64_t acked; /* of this epoch */
	struct known known;
	const struct signkey *key;
	unsigned char pub[RECORD_KEY_LEN];
	char boot_id[BOOT_ID_ROOM];
	unsigned char seed[SPOOL_SEED_LEN];
	uint32_t drawn; /* epochs made from the seed */
	uint64_t max_bytes;
	uint32_t segment_bytes;
	int64_t keep_seconds;
	int64_t dropped[RECORD_KINDS];
	int64_t failures;
	bool gain_known; /* what dropping telemetry would free was measured, and it did not suffice */
	uint64_t gain;
};

/* ---- spool_line.c ---- */

/* The parts of a line that are found by its fixed form. Points into the line. */
struct line {
	int64_t seq, time;
	unsigned char prev[SHA256_LEN];
	char boot_id[BOOT_ID_ROOM];
	enum record_kind kind;
	const char *body;
	size_t body_len;
};
/* Take LINE (without newline) of HOST and EPOCH apart. false: not in the form. The body and the signature are not
 * looked into: a line is known to be whole when the next one names its hash. */
bool line_read(const char *line, size_t len, const char *host, uint64_t epoch, struct line *ret);

/* Reads the lines of an epoch in order and says where they stop being a chain. */
struct scan {
	struct chain chain; /* host and epoch set by the caller; seq and head: of the last good line */
	bool any;           /* a line was read: chain.seq counts */
	bool broken;
	char why[160];
	int64_t torn; /* bytes behind the last line of the last segment */
};
/* Read TEXT, the whole segment whose name says FIRST, and fill in *SEG. LIMIT: the number in the next segment's name, which
 * says that whatever stands here from LIMIT on was never acknowledged; INT64_MAX for the last segment. The scan ends when
 * it is broken. */
void scan_segment(
        struct scan *sc, int64_t first, int64_t limit, const char *text, size_t len, struct segment *seg);

/* ---- spool_segment.c ---- */

const char *segment_name(uint64_t epoch, int64_t first, char name[SEGMENT_NAME_ROOM]);
bool segment_name_parse(const char *name, uint64_t *ret_epoch, int64_t *ret_first);
int segments_push(struct segments *l, const struct segment *seg);
/* The segments of EPOCH in the directory, ordered, with only first and bytes (the file's size) set. */
int segments_list(int dir_fd, uint64_t epoch, struct segments *ret, struct fault *f);
/* The epochs in the directory and their bytes; up to ROOM of them. */
struct epoch_size {
	uint64_t epoch, bytes;
};
int epochs_list(int dir_fd, struct epoch_size *ret, size_t room, size_t *ret_n, struct fault *f);
/* Remove the segments of every epoch but KEEP. */
int segments_sweep(int dir_fd, uint64_t keep, struct fault *f);
int segment_load(int dir_fd, uint64_t epoch, int64_t first, char **ret, size_t *ret_len, struct fault *f);
/* Call VISIT for every line of the segments, newline taken off; WHOLE: of the whole files, whatever seg->bytes says; a
 * rest without a newline is not visited. Ends at VISIT's first result that is not 0. */
typedef int line_visit(void *ctx, const char *line, size_t len, struct fault *f);
int segments_each(int dir_fd, uint64_t epoch, const struct segments *l, bool whole, line_visit *visit,
        void *ctx, struct fault *f);
/* Write LINE (with newline), which record L is, behind the last segment, or into a new one; SYNC: durable on return. On
 * an error nothing was added. */
int segment_write(
        struct spool *s, const char *line, size_t len, const struct line *l, bool sync, struct fault *f);
/* Remove the first segment. */
int segment_drop_first(struct spool *s, struct fault *f);

/* ---- spool_state.c ---- */

struct state {
	uint64_t epoch;
	int64_t acked;
	struct known known;
	unsigned char pub[RECORD_KEY_LEN]; /* of the epoch's records */
};
/* 0, KE_NOENT, KE_SYNTAX, KE_SCHEMA, ... */
int state_read(int dir_fd, struct state *ret, struct fault *f);
int state_write(int dir_fd, const struct state *st, struct fault *f);
/* S as it is now. */
int state_save(const struct spool *s, struct fault *f);

/* ---- spool_epoch.c ---- */

uint64_t epoch_draw(struct spool *s);
/* Begin epoch NEXT after AFTER (seq 0: none) at NOW, without carrying anything: for an empty spool. */
int epoch_first(struct spool *s, uint64_t next, const struct known *after, int64_t now, struct fault *f);
/* Carry every unacknowledged record into epoch NEXT. */
int epoch_carry(struct spool *s, uint64_t next, const struct known *after, int64_t now, struct fault *f);
/* The same from files that are damaged: L is what segments_list() found of OLD; only lines whose signature PUB verifies
 * count. */
int epoch_salvage(struct spool *s, uint64_t old, const struct segments *l, const unsigned char *pub,
        const struct known *after, int64_t now, struct spool_found *found, struct fault *f);
/* Make room for MORE bytes of a record of KIND by dropping telemetry. KE_TOOBIG: there is not enough of it. */
int epoch_compact(struct spool *s, enum record_kind kind, uint64_t more, int64_t now, struct fault *f);

#endif
