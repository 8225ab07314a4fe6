/* store.h — what the control server remembers: hosts, their records, tokens, the audit trail, the published repository.
 *
 * One interface; the back-end is chosen by what store_open() is given: the path of an SQLite file, or the "postgresql://"
 * address of a database that several processes share. Callers see no SQL, the store sees no HTTP and reads no JSON.
 *
 * Idioms, the same everywhere:
 *  - Every function is thread-safe. Changes are durable (synced) when the function returns or done() is called.
 *  - Lists come through a row function `int row(void *ctx, const struct X *x)`: 0 = go on, anything else ends the walk
 *    and is returned by the walk. A row and its strings are valid only during the call; a row function must not call
 *    the store. Text is never NULL unless said so; absent text is "".
 *  - Lists have a page: limit 1 to STORE_PAGE_MAX (else KE_RANGE); ask for one more than you show to learn whether
 *    there is a next page. An empty list is no error.
 *  - Hashes and keys travel as lower-case hex, epochs as 16 hex digits, times as seconds since 1970.
 *  - Errors: KE_STORE (the database failed: disk, corruption, newer schema), KE_BUSY (locked by somebody else, away for
 *    the moment, or the queue is full: answer 503 and let the client try again), KE_NOMEM, and what each function names.
 *    Either may mean that the connection was lost in the middle of a commit: what was asked for may have been done.
 *    F may be NULL; it carries the database's words.
 *  - Whoever changes something says who did it (struct store_actor); the audit row is written in the same transaction.
 */
#ifndef KEDGE_SERVER_STORE_STORE_H
#define KEDGE_SERVER_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/err.h"

struct store;

#define STORE_PAGE_MAX   10000
#define STORE_HEX_ROOM   65 /* 64 hex digits and a NUL */
#define STORE_EPOCH_ROOM 17

/* ---- open and close ---- */

struct store_config {
	const char *where; /* path of the SQLite file, made with mode 0600 when absent; or postgresql://... */
	int busy_ms;       /* how long to wait for a lock held by another process; 0: 2000 */
	unsigned commit_rows; /* group commit: at most so many records ... */
	unsigned commit_ms;   /* ... or so many milliseconds, whichever comes first; 0: 200 and 20 */
	unsigned queue_rows;  /* records that may wait; 0: 20000. A full queue answers KE_BUSY */
};

/* Open (and create or migrate) the store and start its writer thread. KE_STORE: unusable, or its schema is newer than
 * this program. KE_BUSY: another process is migrating it. KE_USAGE: the address of a database is not valid, or holds a
 * password. */
int store_open(const struct store_config *config, struct store **ret, struct fault *f);
/* Commit what waits in the queue (its done() functions are called), stop the writer, close. NULL is fine. */
void store_close(struct store *s);
/* Answers a trivial question and is able to take a batch: for /readyz. 0, KE_BUSY or KE_STORE. */
int store_ready(struct store *s, struct fault *f);
/* The back-end's own integrity check; reads the whole database. KE_STORE names the first damage. */
int store_check(struct store *s, struct fault *f);

struct store_stats {
	uint64_t commits, batches, records, duplicates, forks, busy, failures; /* since store_open() */
	uint64_t queue_rows;                                                   /* waiting now */
	uint64_t commit_us; /* duration of the last group commit */
};
void store_stats(struct store *s, struct store_stats *ret);

/* ---- who did it ---- */

struct store_actor {
	const char *name; /* "operator/anna", "host/web1", "token/4f2a..", "server" */
	const char *role; /* "admin", "operator", "viewer", "host", "" */
	int64_t time;     /* now */
};

struct store_label {
	const char *name, *value;
};

/* ---- hosts ---- */

struct store_policy_state {
	const char *policy;
	int64_t version, serial;
	const char
	        *state; /* from the last status record: "applied", "unconfirmed", "held", ...; "" unknown */
	const char *result; /* of the last apply record: "applied", "failed", "reverted", ...; "" none yet */
	const char *reason;
	int64_t time; /* of that apply record; 0 */
};

struct store_host {
	const char *id;
	const char *
	        state; /* "enrolled", "revoked", "forked" (two histories were seen; enrolling again ends it) */
	const char *cert_sha256; /* fingerprint of the present certificate */
	int64_t not_after;
	const char *record_key; /* of the present epoch; "" before the first record */
	const char *epoch;      /* "" before the first record */
	uint64_t seq;           /* last acknowledged record of the epoch */
	const char *head;       /* SHA-256 of that record's line; 64 zeros before the first */
	int64_t last_seen;      /* 0 never */
	int64_t created;        /* when it was enrolled, the last time */
	uint64_t forks;         /* how often a second history was refused */
	const char *labels;     /* JSON object: the labels given at enrolment */
	const char *facts;      /* JSON object of the last status; "{}" */
	int64_t status_time;    /* of the last status record; 0 none: the next five then mean nothing */
	const char *kernel, *agent_version;
	bool in_sync;
	int64_t drifted;
	const struct store_policy_state *policies; /* ordered by name */
	size_t policy_count;
};

struct store_host_filter {
	const char *state; /* NULL: any */
	const char
	        *label_name; /* NULL: any; matches labels of the enrolment and those that the host reports */
	const char *label_value;
	const char *after; /* cursor: ids greater than this; NULL: from the start */
	unsigned limit;
};

/* Hosts in the order of their ids (bytewise). */
int store_host_list(struct store *s, const struct store_host_filter *filter,
        int (*row)(void *ctx, const struct store_host *h), void *ctx, struct fault *f);
/* Call row() with one host. KE_NOENT: not known. */
int store_host_get(struct store *s, const char *id, int (*row)(void *ctx, const struct store_host *h),
        void *ctx, struct fault *f);

/* Is host ID revoked, and when was it enrolled the last time? Asked for every request of every host, so it reads nothing else.
 * KE_NOENT: not known. */
int store_host_standing(
        struct store *s, const char *id, bool *ret_revoked, int64_t *ret_created, struct fault *f);

struct store_enrolment {
	const char *host;
	const char *cert_sha256;
	int64_t not_after;
	const char *token_id;     /* NULL: enrolled without a token (tests, imports) with the labels below */
	const char *token_sha256; /* SHA-256 of the secret, hex */
	const struct store_label *labels; /* only without a token; a token brings its own */
	size_t label_count;
};

/* Use up the token and make (or renew) the host's row, in one transaction: of two that race, one gets KE_FORBIDDEN.
 * KE_FORBIDDEN: unknown, used or wrong token, or one bound to another host. KE_EXPIRED: the token is. KE_EXIST: the id
 * is taken, which only a token bound to it may take over. The next epoch of the host is accepted as a fresh start. */
int store_host_enrol(
        struct store *s, const struct store_actor *actor, const struct store_enrolment *e, struct fault *f);
/* A new certificate for an enrolled host. KE_NOENT; KE_FORBIDDEN: it is revoked. */
int store_host_renew(struct store *s, const struct store_actor *actor, const char *id,
        const char *cert_sha256, int64_t not_after, struct fault *f);
/* Its certificate is not accepted any more; its records stay. Revoking twice is no error. KE_NOENT. */
int store_host_revoke(struct store *s, const struct store_actor *actor, const char *id, struct fault *f);
/* The key that EPOCH of host ID was opened with (hex), to verify records that come. KE_NOENT. */
int store_epoch_key(
        struct store *s, const char *id, const char *epoch, char ret_key[STORE_HEX_ROOM], struct fault *f);

/* ---- records: the caller has verified signatures and schemas; the store keeps order and exactly-once ---- */

struct store_drift_in {
	const char *key, *wanted, *old_value, *new_value, *mode, *action, *source, *policy;
	int64_t version;
	const char *writer; /* JSON object */
};
struct store_refusal_in {
	const char *what, *name, *code, *reason;
	int64_t serial; /* -1: none */
};
struct store_apply_in {
	const char *policy, *result, *reason;
	int64_t version, serial;
};
struct store_status_in {
	const char *kernel, *agent_version;
	const char *facts; /* JSON object */
	bool in_sync;
	int64_t drifted;
	const struct store_policy_state *policies; /* policy, version, serial, state; the rest is ignored */
	size_t policy_count;
	const struct store_label *labels; /* that the host reports */
	size_t label_count;
};

struct store_record {
	uint64_t seq;     /* 1, 2, ... without holes within the batch */
	const char *prev; /* hex: SHA-256 of the line before */
	int64_t time;
	const char *kind;
	const char *line; /* the raw line without its newline */
	size_t line_len;
	/* exactly the one that fits the kind is set, the others are NULL; kinds without one set none */
	const struct store_drift_in *drift;
	const struct store_refusal_in *refusal;
	const struct store_apply_in *apply;
	const struct store_status_in *status;
};

/* Where the host's chain stands after a batch, or what refused it. */
struct store_ack {
	char epoch[STORE_EPOCH_ROOM]; /* "" when the host never reported */
	uint64_t acked;               /* highest acknowledged seq of that epoch */
	char head[STORE_HEX_ROOM];    /* SHA-256 of that record */
	unsigned stored, duplicates;  /* of this batch */
	size_t at;                    /* KE_CHAIN, KE_SCHEMA: index of the bad record */
	bool forked;                  /* the host is now listed as forked */
};

struct store_batch {
	const char *host;
	const char *epoch; /* all records of a batch are of one epoch */
	int64_t received;
	/* Only when records[0] has seq 1 (kind "epoch"): the body of that record. */
	const char *record_key;  /* hex ed25519 public key */
	const char *after_epoch; /* NULL: names no predecessor */
	uint64_t after_seq;
	const char *after_head;
	const struct store_record *records;
	size_t count; /* 0: only says that the host was seen; epoch may then be NULL */
	/* Called once, on the writer's thread, after COMMIT: hand over and return. It must not call the store.
	 *   0            all records are stored (or were before): acknowledge ack->acked of ack->epoch
	 *   KE_FORK      does not continue the stored chain, which ack names: nothing of the batch was stored
	 *   KE_CHAIN     the batch is inconsistent in itself: holes, a prev that is not the hash of the record before
	 *   KE_SCHEMA    a record lacks the fields of its kind, or an epoch does not begin with "epoch"
	 *   KE_FORBIDDEN the host is revoked;  KE_NOENT not enrolled;  KE_STORE, KE_BUSY: not stored, try again */
	void (*done)(void *ctx, int rc, const struct store_ack *ack, const struct fault *f);
	void *ctx;
};

/* Queue BATCH for the next group commit. On 0 the batch and all it points to belong to the store until done() was
 * called. KE_BUSY: the queue is full; done() is then not called. KE_TOOBIG: more records than the queue ever holds. */
int store_submit(struct store *s, const struct store_batch *batch);
/* The same, waiting for the answer. Ignores batch->done. RET_ACK is filled on every answer that done() would get. */
int store_append(
        struct store *s, const struct store_batch *batch, struct store_ack *ret_ack, struct fault *f);

/* ---- queries over records ---- */

struct store_page {
	int64_t cursor; /* the id of the last row seen; 0: from the start */
	unsigned limit;
	bool newest; /* descending ids, cursor means "older than" */
};

struct store_record_row {
	int64_t id;
	const char *host, *epoch, *kind, *line;
	uint64_t seq;
	int64_t time, received;
	size_t line_len;
};
/* Raw records of HOST, of one KIND or all (NULL). */
int store_record_list(struct store *s, const char *host, const char *kind, const struct store_page *page,
        int (*row)(void *ctx, const struct store_record_row *r), void *ctx, struct fault *f);
/* The latest record of a kind: "sockets" (a full measurement, not one of totals alone), "status", or "apply" (then POLICY names which; NULL otherwise). These are
 * kept even when retention took the raw record. id is 0. KE_NOENT: none yet. */
int store_record_latest(struct store *s, const char *host, const char *kind, const char *policy,
        int (*row)(void *ctx, const struct store_record_row *r), void *ctx, struct fault *f);

struct store_drift_row {
	int64_t id;
	const char *host;
	int64_t time, received;
	const char *key, *wanted, *old_value, *new_value, *mode, *action, *source, *policy;
	int64_t version;
	const char *writer; /* JSON object */
};
struct store_drift_filter {
	const char *host, *key; /* NULL: any */
	int64_t since;          /* record time; 0: any */
	struct store_page page;
};
int store_drift_list(struct store *s, const struct store_drift_filter *filter,
        int (*row)(void *ctx, const struct store_drift_row *r), void *ctx, struct fault *f);

struct store_refusal_row {
	int64_t id;
	const char *host;
	int64_t time, received;
	const char *what, *name, *code, *reason;
	int64_t serial; /* -1: none */
};
/* What hosts refused; HOST NULL: all. */
int store_refusal_list(struct store *s, const char *host, const struct store_page *page,
        int (*row)(void *ctx, const struct store_refusal_row *r), void *ctx, struct fault *f);

struct store_rollout_count {
	const char *policy;
	int64_t serial;
	const char *result; /* of the last apply record of that policy on the host */
	uint64_t hosts;     /* not counting revoked ones */
};
/* How many hosts stand where; POLICY NULL: all. Ordered by policy, serial, result. */
int store_rollout_counts(struct store *s, const char *policy,
        int (*row)(void *ctx, const struct store_rollout_count *c), void *ctx, struct fault *f);

struct store_summary {
	uint64_t enrolled, revoked, forked; /* hosts */
	uint64_t in_sync, out_of_sync;      /* by last status, not counting revoked */
	uint64_t records, drifts, refusals; /* rows now kept */
};
/* Numbers for /metrics and the summary. */
int store_summary(struct store *s, struct store_summary *ret, struct fault *f);

struct store_cert_ends {
	uint64_t past, day, week, month,
	        later; /* enrolled hosts whose certificate has ended, ends within a day,
	                                         * within seven, within thirty, later; each counted once */
};
/* When the certificates of hosts that are not revoked end, seen from NOW. */
int store_cert_ends(struct store *s, int64_t now, struct store_cert_ends *ret, struct fault *f);

/* ---- enrolment tokens ---- */

struct store_token {
	const char *id;
	const char *secret_sha256; /* only when making one; never given back */
	const char *host;          /* bound to this id; "" (NULL when making one): to none */
	const struct store_label *labels;
	size_t label_count;
	int64_t created, expires;
	const char *created_by;
	int64_t used; /* 0: not yet */
	const char *used_by;
};

/* created and created_by come from the actor. KE_EXIST: the id is taken. KE_RANGE: expires is not in the future. */
int store_token_create(
        struct store *s, const struct store_actor *actor, const struct store_token *t, struct fault *f);
/* Would store_host_enrol() accept the token for HOST at NOW? (Uses nothing up.) Codes as there, without KE_EXIST. */
int store_token_check(struct store *s, const char *id, const char *secret_sha256, const char *host,
        int64_t now, struct fault *f);
/* Tokens by id; AFTER NULL: from the start. */
int store_token_list(struct store *s, const char *after, unsigned limit,
        int (*row)(void *ctx, const struct store_token *t), void *ctx, struct fault *f);
/* KE_NOENT. */
int store_token_remove(struct store *s, const struct store_actor *actor, const char *id, struct fault *f);

/* ---- audit ---- */

struct store_audit_row {
	int64_t seq; /* 1, 2, ... without holes */
	int64_t time;
	const char *actor, *role, *action, *object;
	const char *detail; /* JSON object */
	const char *prev, *hash;
};

/* hash = SHA-256 over the netstrings ("LEN:BYTES,") of prev, seq, time, actor, role, action, object, detail; numbers
 * in decimal. prev is the hash of the row before, 64 zeros at the start. For whoever checks an export. KE_NOMEM. */
int store_audit_hash(const struct store_audit_row *row, char ret_hash[STORE_HEX_ROOM]);
/* A row for an action that changes nothing here (rollout paused, ...). DETAIL: JSON object or NULL. */
int store_audit_append(struct store *s, const struct store_actor *actor, const char *action,
        const char *object, const char *detail, struct fault *f);
int store_audit_list(struct store *s, const struct store_page *page,
        int (*row)(void *ctx, const struct store_audit_row *r), void *ctx, struct fault *f);

struct store_audit_state {
	int64_t first, last; /* seq; 0: empty. first is above 1 when retention took older rows */
	char hash
	        [STORE_HEX_ROOM]; /* of the last row: write it down elsewhere, nobody can then cut the end off */
	int64_t bad;              /* KE_CHAIN: the first row that does not fit; 0 */
};
/* Walk the whole chain. ANCHOR (may be NULL) is a state noted earlier: its row must still be there with its hash.
 * KE_CHAIN: *ret->bad names the first bad row (RET is filled then too). */
int store_audit_verify(struct store *s, const struct store_audit_state *anchor, struct store_audit_state *ret,
        struct fault *f);

struct store_denial {
	int64_t id;
	int64_t minute;  /* its first second */
	const char *who; /* identity or address; "(others)" when too many came in one second */
	const char *reason;
	uint64_t count;
};
/* Count a refused request. Never waits for the disk: the writer stores the counts about once a second, one row per
 * (who, reason, minute). */
void store_denial_count(struct store *s, const char *who, const char *reason, int64_t now);
int store_denial_list(struct store *s, const struct store_page *page,
        int (*row)(void *ctx, const struct store_denial *d), void *ctx, struct fault *f);

/* ---- the published repository ---- */

struct store_file {
	const char *name; /* "metadata/2.targets.json", "targets/policies/x/HASH.1.json" */
	const void *data;
	size_t len;
	const char *sha256; /* computed by the store; ignored when publishing */
	int64_t generation; /* of the publication that last changed this file; ignored when publishing */
};
enum store_publish_mode {
	STORE_REPLACE, /* the files given are the whole repository from now on */
	STORE_MERGE,   /* files of the same name are replaced, the others stay */
};

/* Switch to a new set of files at once. The generation grows by one. EXPECT >= 0: KE_CONFLICT unless it is the present
 * generation (two publishers: one wins). KE_DUPLICATE: a name is given twice. */
int store_repo_publish(struct store *s, const struct store_actor *actor, enum store_publish_mode mode,
        const struct store_file *files, size_t count, int64_t expect, int64_t *ret_generation,
        struct fault *f);
/* 0 before the first publication. */
int store_repo_generation(struct store *s, int64_t *ret, struct fault *f);
/* One file with its bytes. KE_NOENT. */
int store_repo_read(struct store *s, const char *name, int (*row)(void *ctx, const struct store_file *file),
        void *ctx, struct fault *f);
/* Files whose names begin with PREFIX, by name, without their bytes (data NULL, len set). No paging. */
int store_repo_list(struct store *s, const char *prefix, int (*row)(void *ctx, const struct store_file *file),
        void *ctx, struct fault *f);

/* ---- retention ---- */

struct store_retention {
	unsigned raw_days;  /* raw records; 0: 14 */
	unsigned long_days; /* drift, refusals, audit, denials; used or expired tokens; 0: 400 */
	unsigned rows;      /* at most so many of each kind in one call; 0: 500 */
};
/* Delete one small batch of what is older (by time of receipt); call again while *ret_deleted is above 0. */
int store_prune(struct store *s, const struct store_retention *r, int64_t now, uint64_t *ret_deleted,
        struct fault *f);

#endif
