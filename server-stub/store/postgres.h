/* postgres.h — what the files of the PostgreSQL back-end share: one connection and its errors. Private to them.
 *
 * A connection is made again when it was lost, and only between transactions; `incarnation` counts, so that statements
 * know when the server has forgotten them.
 */
#ifndef KEDGE_SERVER_STORE_POSTGRES_H
#define KEDGE_SERVER_STORE_POSTGRES_H

#include <libpq-fe.h>

#include "server-stub/store/db.h"

struct pg {
	PGconn *conn;              /* NULL: away */
	PQconninfoOption *options; /* what the connection string says */
	char place[256]; /* "postgresql://HOST:PORT/DATABASE" for messages: nothing of it is secret */
	int busy_ms;
	bool reader;
	int64_t retry_ms; /* monotonic clock: nobody knocks at a database that is away before this */
	unsigned incarnation, statements;
	unsigned ways;   /* statements under way whose answers were not read yet */
	int64_t changes; /* rows touched by the last statement */
	bool open;       /* inside BEGIN */
	bool warned;     /* the server warned that a commit may not be as durable as asked for */
	char error[320];
};

/* Values as libpq wants them, all binary. They point to what was bound and into `numbers`. */
#define PG_PARAMETERS_MAX 16
struct pg_bound {
	const char *values[PG_PARAMETERS_MAX];
	int lengths[PG_PARAMETERS_MAX], formats[PG_PARAMETERS_MAX];
	uint64_t numbers[PG_PARAMETERS_MAX];
	Oid types[PG_PARAMETERS_MAX];
};

/* Read the connection string WHERE; a password in it is refused. Connects to nothing. KE_USAGE, KE_NOMEM. */
int pg_options_read(struct pg *pg, const char *where, struct fault *f);
/* Connect and check that the server keeps what it says it keeps. KE_BUSY: it cannot be reached now. KE_UNSUPPORTED: it
 * is not one that this program can trust. The words are in pg->error. */
int pg_connect(struct pg *pg);
/* Note the words of RESULT (NULL: of the connection) and return the code. */
int pg_failed(struct pg *pg, const PGresult *result);
/* Our code for SQLSTATE. */
int pg_code(const char *sqlstate);

/* Send a prepared statement without waiting for its answer; a command as the last before pg_pipe_end(). An error is this
 * statement's or that of one before. */
int pg_pipe_send(struct pg *pg, const char *name, const struct pg_bound *b, size_t count);
int pg_pipe_send_text(struct pg *pg, const char *sql);
/* Read all answers. The first error; else *RET_LAST (may be NULL) is the result of the last statement, for PQclear(). */
int pg_pipe_end(struct pg *pg, PGresult **ret_last);

#endif
