/* postgres_pipe.c — statements that are sent without waiting for the answer of the one before. A record is some rows, and a turn
 * to the database and back for each would be most of what storing it costs. Their answers are read together with that of
 * the next statement whose answer is wanted; the first error is everybody's, since the transaction is lost with it. Refuses
 * to have many under way, so that the two sides cannot block each other with full buffers. Called by postgres.c. */
#include "server-stub/store/postgres.h"

#include <stddef.h>

/* An answer is some thirty bytes: so many fit any socket's buffer while we are still sending. */
#define WAYS_MAX 128

int pg_pipe_send(struct pg *pg, const char *name, const struct pg_bound *b, size_t count)
{
	int rc = pg->ways < WAYS_MAX ? KE_OK : pg_pipe_end(pg, NULL);

	if (rc)
		return rc;
	if ((!pg->ways && !PQenterPipelineMode(pg->conn)) ||
	        !PQsendQueryPrepared(pg->conn, name, (int)count, b->values, b->lengths, b->formats, 1))
		return pg_failed(pg, NULL);
	pg->ways++;
	return KE_OK;
}

int pg_pipe_send_text(struct pg *pg, const char *sql)
{
	if (!PQsendQueryParams(pg->conn, sql, 0, NULL, NULL, NULL, NULL, 0))
		return pg_failed(pg, NULL);
	pg->ways++;
	return KE_OK;
}

/* The answer of one statement, and the end mark behind it. */
static PGresult *answer_read(PGconn *conn)
{
	PGresult *r = PQgetResult(conn), *more;

	while (r && (more = PQgetResult(conn)))
		PQclear(more);
	return r;
}

int pg_pipe_end(struct pg *pg, PGresult **ret_last)
{
	unsigned ways = pg->ways;
	int rc = KE_OK;

	pg->ways = 0;
	if (!ways)
		return KE_OK;
	if (!PQpipelineSync(pg->conn))
		rc = pg_failed(pg, NULL);
	for (unsigned i = 0; i < ways && PQstatus(pg->conn) == CONNECTION_OK; i++) {
		PGresult *r = answer_read(pg->conn);
		ExecStatusType status = PQresultStatus(r);
		if (!rc && status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
			rc = pg_failed(pg, r);
		if (!rc && ret_last && i + 1 == ways)
			*ret_last = r;
		else
			PQclear(r);
	}
	PQclear(PQgetResult(pg->conn)); /* the mark of the synchronisation */
	if (!PQexitPipelineMode(pg->conn) || PQstatus(pg->conn) != CONNECTION_OK) {
		if (!rc && ret_last)
			PQclear(*ret_last);
		rc = rc ? rc : pg_failed(pg, NULL);
	}
	return rc;
}
