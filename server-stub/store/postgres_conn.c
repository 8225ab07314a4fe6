/* postgres_conn.c — connecting to PostgreSQL: the connection string, what is added to it, what is asked of the server, and
 * its errors as codes of ours. Refuses a password in the string (it would be in the configuration, in backups of it and in
 * messages) and a server that forgets what it has acknowledged. Called by postgres.c. */
#include "server-stub/store/postgres.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define VERSION_MIN 120000
#define OPTIONS_MAX 96
#define RETRY_MS    250
#define STALL_SECONDS                                                                                        \
	30 /* a process that stands still inside a transaction loses it, and its locks with it */

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- errors ---- */

int pg_code(const char *sqlstate)
{
	static const struct {
		const char *begins;
		int code;
	} rows[] = {
		{ "23505", KE_EXIST }, /* unique_violation */
		{ "08P01", KE_STORE }, /* protocol_violation: our SQL is wrong */
		{ "08", KE_BUSY },     /* the connection */
		{ "25006", KE_BUSY },  /* read_only_sql_transaction: this one is a standby now */
		{ "40", KE_BUSY },     /* serialization_failure, deadlock_detected, ... */
		{ "53200", KE_NOMEM }, /* out_of_memory */
		{ "53300", KE_BUSY },  /* too_many_connections */
		{ "55P03", KE_BUSY },  /* lock_not_available: lock_timeout */
		{ "57P", KE_BUSY },    /* admin_shutdown, crash_shutdown, cannot_connect_now */
		{ "57014", KE_BUSY },  /* query_canceled */
		{ "25P03", KE_BUSY },  /* idle_in_transaction_session_timeout */
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (!strncmp(sqlstate, rows[i].begins, strlen(rows[i].begins)))
			return rows[i].code;
	return KE_STORE;
}

/* libpq's messages have several lines: one of them, without the last full stop. */
static void words_set(struct pg *pg, const char *text)
{
	size_t n = 0;
	bool space = false;

	for (; *text && n + 2 < sizeof pg->error; text++) {
		if (strchr(" \t\r\n", *text)) {
			space = n > 0;
			continue;
		}
		if (space)
			pg->error[n++] = ' ';
		space = false;
		pg->error[n++] = *text;
	}
	pg->error[n] = '\0';
}

int pg_failed(struct pg *pg, const PGresult *result)
{
	const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
	const char *text = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;

	/* the primary message only: details repeat the values of the row */
	words_set(pg, text ? text : pg->conn ? PQerrorMessage(pg->conn) : "no connection");
	if (!pg->error[0])
		words_set(pg, "the connection was lost");
	if (!state)
		return !pg->conn || PQstatus(pg->conn) == CONNECTION_BAD ? KE_BUSY : KE_NOMEM;
	return pg_code(state);
}

/* Notices are not for our log. But a commit that was not waited for until a standby has it comes as a mere warning. */
static void notice_take(void *arg, const PGresult *notice)
{
	struct pg *pg = arg;
	const char *state = PQresultErrorField(notice, PG_DIAG_SQLSTATE);

	if (state && !strncmp(state, "57", 2))
		pg->warned = true;
}

/* ---- the connection string ---- */

static const char *option(const struct pg *pg, const char *name)
{
	for (const PQconninfoOption *o = pg->options; o->keyword; o++)
		if (!strcmp(o->keyword, name))
			return o->val && o->val[0] ? o->val : NULL;
	return NULL;
}

int pg_options_read(struct pg *pg, const char *where, struct fault *f)
{
	static const char todo[] = "write postgresql://USER@HOST/DATABASE, see kedge-server(8)";
	char *error = NULL;

	pg->options = PQconninfoParse(where, &error);
	if (!pg->options) {
		/* its words may quote a part of the string that is a password */
		bool secret = strchr(where, '@') || strstr(where, "password");
		int rc = fault_set(f, error ? KE_USAGE : KE_NOMEM, "store", todo, "%s",
		        secret || !error ? "is no valid connection string" : error);
		PQfreemem(error);
		return rc;
	}
	const char *host = option(pg, "host"), *port = option(pg, "port"), *db = option(pg, "dbname");
	if (!host)
		host = option(pg, "hostaddr");
	snprintf(pg->place, sizeof pg->place, "postgresql://%.120s%s%.40s/%.80s", host ? host : "",
	        port ? ":" : "", port ? port : "", db ? db : "");
	if (option(pg, "password") || option(pg, "sslpassword"))
		return fault_set(f, KE_USAGE, pg->place,
		        "put it into a file of mode 0600, HOST:PORT:DATABASE:USER:PASSWORD a line, and add "
		        "passfile=FILE",
		        "the connection string holds a password");
	return KE_OK;
}

/* Are all hosts of the list on this machine? */
static bool is_local(const char *hosts)
{
	static const char *const local[] = { "/", "@", "127.", "::1", "localhost" };

	for (const char *at = hosts; at && *at;) {
		bool found = false;
		for (size_t i = 0; i < sizeof local / sizeof local[0] && !found; i++)
			found = !strncmp(at, local[i], strlen(local[i]));
		if (!found)
			return false;
		at = strchr(at, ',');
		at += at != NULL;
	}
	return true;
}

struct parameters {
	const char *names[OPTIONS_MAX + 1], *values[OPTIONS_MAX + 1];
	size_t n;
};

static void parameter_add(struct parameters *p, const char *name, const char *value)
{
	if (p->n < OPTIONS_MAX) {
		p->names[p->n] = name;
		p->values[p->n++] = value;
	}
}

/* What the string says, and for what it is silent about: of several hosts the one that writes, a peer that vanished is
 * noticed within some seconds, and across the network the server proves who it is. */
static void parameters_make(const struct pg *pg, struct parameters *ret)
{
	static const char *const presets[][2] = { { "target_session_attrs", "read-write" },
		{ "connect_timeout", "5" }, { "tcp_user_timeout", "10000" }, { "keepalives_idle", "5" },
		{ "keepalives_interval", "2" }, { "keepalives_count", "3" },
		{ "fallback_application_name", "kedge-server" } };
	const char *hosts = option(pg, "host");

	for (const PQconninfoOption *o = pg->options; o->keyword; o++)
		if (o->val && o->val[0] && strcmp(o->keyword, "client_encoding") != 0)
			parameter_add(ret, o->keyword, o->val);
	for (size_t i = 0; i < sizeof presets / sizeof presets[0]; i++)
		if (!option(pg, presets[i][0]))
			parameter_add(ret, presets[i][0], presets[i][1]);
	if (!option(pg, "sslmode") && !is_local(hosts ? hosts : option(pg, "hostaddr")))
		parameter_add(ret, "sslmode", "verify-full");
	parameter_add(ret, "client_encoding", "UTF8");
}

/* ---- what is asked of the server ---- */

static int unsupported(struct pg *pg, const char *words)
{
	words_set(pg, words);
	return KE_UNSUPPORTED;
}

/* An acknowledged record survives a power cut, and with a synchronous standby the loss of the primary. */
static int durability_judge(struct pg *pg, const PGresult *r)
{
	if (strtol(PQgetvalue(r, 0, 0), NULL, 10) < VERSION_MIN)
		return unsupported(pg, "is older than PostgreSQL 12");
	if (strcmp(PQgetvalue(r, 0, 1), "UTF8") != 0)
		return unsupported(pg, "the database's encoding is not UTF8 (createdb -E UTF8 -T template0)");
	if (strcmp(PQgetvalue(r, 0, 2), "on") != 0)
		return unsupported(
		        pg, "the server runs with fsync = off and would lose acknowledged records");
	return KE_OK;
}

static int settings_check(struct pg *pg)
{
	char sql[512];
	PGresult *r = PQexec(pg->conn,
	        "SELECT current_setting('server_version_num'), current_setting('server_encoding'),"
	        " current_setting('fsync')");
	int rc = PQresultStatus(r) == PGRES_TUPLES_OK ? durability_judge(pg, r) : pg_failed(pg, r);

	PQclear(r);
	if (rc)
		return rc;
	/* weaker than "on" means: acknowledged before it is on the disk, here or at the standby */
	snprintf(sql, sizeof sql,
	        "SELECT set_config('synchronous_commit', 'on', false) WHERE"
	        " current_setting('synchronous_commit') IN ('off', 'local', 'remote_write');"
	        "SET lock_timeout = %d; SET idle_in_transaction_session_timeout = '%ds';"
	        "SET default_transaction_read_only = %s",
	        pg->busy_ms, STALL_SECONDS, pg->reader ? "on" : "off");
	r = PQexec(pg->conn, sql);
	rc = PQresultStatus(r) == PGRES_COMMAND_OK ? KE_OK : pg_failed(pg, r);
	PQclear(r);
	return rc;
}

int pg_connect(struct pg *pg)
{
	struct parameters p = { 0 };

	PQfinish(pg->conn);
	pg->conn = NULL;
	pg->open = false;
	pg->ways = 0;
	if (now_ms() < pg->retry_ms) /* the words of the last try stand */
		return KE_BUSY;
	parameters_make(pg, &p);
	pg->conn = PQconnectdbParams(p.names, p.values, 0);
	int rc = PQstatus(pg->conn) == CONNECTION_OK ? KE_OK : pg_failed(pg, NULL);
	if (!rc) {
		PQsetNoticeReceiver(pg->conn, notice_take, pg);
		rc = settings_check(pg);
	}
	if (!rc) {
		pg->incarnation++;
		pg->retry_ms = 0;
		return KE_OK;
	}
	PQfinish(pg->conn);
	pg->conn = NULL;
	pg->retry_ms = now_ms() + RETRY_MS;
	return rc;
}
