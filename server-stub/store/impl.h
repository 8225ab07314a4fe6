/* impl.h — what the store's own files share: the handle, the two kinds of transaction, the audit row. Private. */
#ifndef KEDGE_SERVER_STORE_IMPL_H
#define KEDGE_SERVER_STORE_IMPL_H

#include <pthread.h>

#include "proto/buf.h"
#include "server-stub/store/db.h"
#include "server-stub/store/store.h"

#define STORE_READERS    4
#define STORE_ZERO_HASH  "0000000000000000000000000000000000000000000000000000000000000000"
#define STORE_LABELS_MAX 64

struct store_queue;   /* queue.c */
struct store_denials; /* denials.c */

struct store {
	char *where;
	int busy_ms;
	const struct db_driver *driver;

	pthread_mutex_t write_lock; /* guards writer and writer_bad */
	struct db *writer;
	bool writer_bad; /* a commit failed: what the file holds is uncertain, so the next one starts from a new handle */

	pthread_mutex_t pool_lock; /* guards pool, pool_free */
	pthread_cond_t pool_freed;
	struct db *pool[STORE_READERS];
	unsigned pool_free;

	struct store_queue *queue;
	struct store_denials *denials;
};

/* Start a write transaction and hold the writer until write_end(). */
int write_begin(struct store *s, struct db **ret, struct fault *f);
/* Commit when RC is 0, else roll back; let go of the writer. Returns RC or the commit's code. When RC came from the
 * database (KE_STORE, KE_BUSY, KE_NOMEM) F gets its words; else the caller has filled it. */
int write_end(struct store *s, struct db *db, int rc, struct fault *f);

/* Take a reading connection inside a read transaction (one snapshot) and give it back. read_end() returns RC, with the
 * database's words in F when RC came from there. read_one() is for a single statement. */
int read_begin(struct store *s, struct db **ret, struct fault *f);
int read_one(struct store *s, struct db **ret, struct fault *f);
int read_end(struct store *s, struct db *db, int rc, struct fault *f);

/* Run one query and call each() for its rows, which is what a row function is built from. Anything but 0 from each()
 * ends the walk and is returned. In walk_deep() each() may ask DB more, of the same snapshot, and rows may be many
 * (DB_MANY); it costs the time of two more statements. */
int walk(struct store *s, const char *sql, const struct db_value *values, size_t count,
        int (*each)(void *ctx, struct db *db, struct db_rows *rows), void *ctx, struct fault *f);
int walk_deep(struct store *s, const char *sql, const struct db_value *values, size_t count,
        int (*each)(void *ctx, struct db *db, struct db_rows *rows), void *ctx, struct fault *f);

/* LIMIT in 1..STORE_PAGE_MAX, else KE_RANGE with a fault. */
int page_check(unsigned limit, struct fault *f);
/* The id that a page begins after; of a page of the newest: before. */
int64_t page_cursor(const struct store_page *page);

/* Before the first row of a write transaction whose id is a cursor over all hosts (drifts, refusals, denials): other
 * processes that add such rows wait until this one has committed, so that ids become visible in their order and a reader
 * who has seen one has seen all below. The ids of records are only read by host, whose row is locked anyway. */
int feed_lock(struct db *db);
/* Nobody else appends to the audit chain or moves its base until the end of the transaction. */
int audit_lock(struct db *db);
/* Append one audit row inside the transaction of DB. DETAIL: JSON object, NULL for {}. */
int audit_row_add(struct db *db, const struct store_actor *actor, const char *action, const char *object,
        const char *detail);
/* The labels as a JSON object. */
void labels_write(struct buf *out, const struct store_label *labels, size_t count);

/* Take one batch inside a write transaction, which is lost with KE_STORE, KE_BUSY or KE_NOMEM. With every other code
 * nothing was written, but for KE_FORK: that the host is marked wants to be committed. */
int chain_append(struct db *db, const struct store_batch *batch, struct store_ack *ack, struct fault *f);
/* Write the rows of one record (records.c). */
int record_add(struct db *db, const struct store_batch *batch, const struct store_record *r);
/* Does R carry the fields of its kind? */
bool record_complete(const struct store_record *r);

int queue_start(struct store *s, const struct store_config *config);
void queue_stop(struct store *s);
bool queue_full(struct store *s);
int denials_make(struct store *s);
void denials_free(struct store *s);
/* Are there counts to store? Store them (called by the writer's thread). What cannot be stored is kept for later. */
bool denials_waiting(struct store *s);
void denials_flush(struct store *s);

#endif
