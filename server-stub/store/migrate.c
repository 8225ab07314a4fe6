/* migrate.c — the schema as a list of steps, only ever appended to. A step and its version number are one transaction:
 * killed anywhere, the next start runs the step again from nothing. Refuses databases that a newer program wrote (it
 * might store things this one would overlook) and databases that belong to somebody else. The steps are in SQLite's
 * words; a back-end with other names for types brings a table of them. Processes that start at once on an empty
 * database wait for each other, because each step reads the version under a lock. Called by store_open(). */
#include "server-stub/store/migrate.h"

#include <string.h>

#include "proto/buf.h"

#define STEP_MAX (64 << 10)

/* Step N (from 1) brings version N-1 to N. Never edit one that was released. */
static const char *const steps[] = {
	/* 1: hosts and their chains */
	"CREATE TABLE hosts (id TEXT PRIMARY KEY, "
	" state TEXT NOT NULL CHECK (state IN ('enrolled', 'revoked', 'forked')),"
	" cert_sha256 TEXT NOT NULL, not_after INTEGER NOT NULL, created INTEGER NOT NULL,"
	" record_key TEXT NOT NULL DEFAULT '', epoch TEXT NOT NULL DEFAULT '', seq INTEGER NOT NULL DEFAULT "
	"0,"
	" head TEXT NOT NULL DEFAULT '0000000000000000000000000000000000000000000000000000000000000000',"
	" fresh INTEGER NOT NULL DEFAULT 1, forks INTEGER NOT NULL DEFAULT 0, last_seen INTEGER NOT NULL "
	"DEFAULT 0,"
	" labels TEXT NOT NULL DEFAULT '{}', facts TEXT NOT NULL DEFAULT '{}',"
	" status_time INTEGER NOT NULL DEFAULT 0, kernel TEXT NOT NULL DEFAULT '',"
	" agent_version TEXT NOT NULL DEFAULT '', in_sync INTEGER NOT NULL DEFAULT 0,"
	" drifted INTEGER NOT NULL DEFAULT 0) STRICT, WITHOUT ROWID;"
	"CREATE TABLE host_labels (host TEXT NOT NULL, origin TEXT NOT NULL CHECK (origin IN ('enrolment', "
	"'host')),"
	" name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (host, origin, name)) STRICT, WITHOUT ROWID;"
	"CREATE INDEX host_labels_by_value ON host_labels (name, value, host);"
	"CREATE TABLE host_policies (host TEXT NOT NULL, policy TEXT NOT NULL, version INTEGER NOT NULL,"
	" serial INTEGER NOT NULL, state TEXT NOT NULL DEFAULT '', result TEXT NOT NULL DEFAULT '',"
	" reason TEXT NOT NULL DEFAULT '', time INTEGER NOT NULL DEFAULT 0,"
	" PRIMARY KEY (host, policy)) STRICT, WITHOUT ROWID;"
	"CREATE INDEX host_policies_by_rollout ON host_policies (policy, serial, result);"
	/* seq and head of an epoch count once it is closed; those of the present one are in hosts */
	"CREATE TABLE epochs (host TEXT NOT NULL, epoch TEXT NOT NULL, record_key TEXT NOT NULL,"
	" opened INTEGER NOT NULL, seq INTEGER NOT NULL DEFAULT 0, head TEXT NOT NULL DEFAULT '',"
	" PRIMARY KEY (host, epoch)) STRICT, WITHOUT ROWID;"
	/* AUTOINCREMENT: an id is a cursor, so it must not come again after retention emptied a table */
	"CREATE TABLE records (id INTEGER PRIMARY KEY AUTOINCREMENT, host TEXT NOT NULL, epoch TEXT NOT NULL,"
	" seq INTEGER NOT NULL, kind TEXT NOT NULL, time INTEGER NOT NULL, received INTEGER NOT NULL,"
	" line TEXT NOT NULL, UNIQUE (host, epoch, seq)) STRICT;"
	"CREATE INDEX records_by_kind ON records (host, kind, id);"
	"CREATE INDEX records_by_host ON records (host, id);"
	"CREATE TABLE latest (host TEXT NOT NULL, kind TEXT NOT NULL, policy TEXT NOT NULL, epoch TEXT NOT "
	"NULL,"
	" seq INTEGER NOT NULL, time INTEGER NOT NULL, received INTEGER NOT NULL, line TEXT NOT NULL,"
	" PRIMARY KEY (host, kind, policy)) STRICT;"
	"CREATE TABLE drifts (id INTEGER PRIMARY KEY AUTOINCREMENT, host TEXT NOT NULL, time INTEGER NOT "
	"NULL,"
	" received INTEGER NOT NULL, key TEXT NOT NULL, wanted TEXT NOT NULL, old_value TEXT NOT NULL,"
	" new_value TEXT NOT NULL, mode TEXT NOT NULL, action TEXT NOT NULL, source TEXT NOT NULL,"
	" policy TEXT NOT NULL, version INTEGER NOT NULL, writer TEXT NOT NULL) STRICT;"
	"CREATE INDEX drifts_by_host ON drifts (host, id);"
	"CREATE INDEX drifts_by_key ON drifts (key, id);"
	"CREATE TABLE refusals (id INTEGER PRIMARY KEY AUTOINCREMENT, host TEXT NOT NULL, time INTEGER NOT "
	"NULL,"
	" received INTEGER NOT NULL, what TEXT NOT NULL, name TEXT NOT NULL, code TEXT NOT NULL,"
	" reason TEXT NOT NULL, serial INTEGER NOT NULL) STRICT;"
	"CREATE INDEX refusals_by_host ON refusals (host, id);",
	/* 2: tokens, audit, denials */
	"CREATE TABLE tokens (id TEXT PRIMARY KEY, secret_sha256 TEXT NOT NULL, host TEXT NOT NULL,"
	" created INTEGER NOT NULL, created_by TEXT NOT NULL, expires INTEGER NOT NULL,"
	" used INTEGER NOT NULL DEFAULT 0, used_by TEXT NOT NULL DEFAULT '') STRICT, WITHOUT ROWID;"
	"CREATE TABLE token_labels (token TEXT NOT NULL REFERENCES tokens (id) ON DELETE CASCADE,"
	" name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (token, name)) STRICT, WITHOUT ROWID;"
	"CREATE TABLE audit (seq INTEGER PRIMARY KEY, time INTEGER NOT NULL, actor TEXT NOT NULL, role TEXT "
	"NOT NULL,"
	" action TEXT NOT NULL, object TEXT NOT NULL, detail TEXT NOT NULL, prev TEXT NOT NULL,"
	" hash TEXT NOT NULL) STRICT;"
	/* where the chain begins: the last row that retention took, or nothing */
	"CREATE TABLE audit_base (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL,"
	" hash TEXT NOT NULL) STRICT;"
	"INSERT INTO audit_base VALUES (1, 0, "
	"'0000000000000000000000000000000000000000000000000000000000000000');"
	"CREATE TABLE denials (id INTEGER PRIMARY KEY AUTOINCREMENT, minute INTEGER NOT NULL, who TEXT NOT "
	"NULL,"
	" reason TEXT NOT NULL, count INTEGER NOT NULL, UNIQUE (minute, who, reason)) STRICT;",
	/* 3: the published repository */
	"CREATE TABLE repo_files (name TEXT PRIMARY KEY, sha256 TEXT NOT NULL, generation INTEGER NOT NULL,"
	" len INTEGER NOT NULL, data BLOB NOT NULL) STRICT;"
	"CREATE TABLE repo_state (one INTEGER PRIMARY KEY CHECK (one = 1), generation INTEGER NOT NULL) "
	"STRICT;"
	"INSERT INTO repo_state VALUES (1, 0);",
	/* 4: rollouts that are executed. repo_state.news: the change at the last publication */
	"CREATE TABLE executions (policy TEXT NOT NULL, serial INTEGER NOT NULL, revision INTEGER NOT NULL,"
	" state TEXT NOT NULL, reason TEXT NOT NULL, since INTEGER NOT NULL,"
	" PRIMARY KEY (policy, serial)) STRICT, WITHOUT ROWID;"
	"CREATE TABLE execution_waves (policy TEXT NOT NULL, serial INTEGER NOT NULL, wave INTEGER NOT NULL,"
	" state TEXT NOT NULL, opened INTEGER NOT NULL, settled INTEGER NOT NULL, news INTEGER NOT NULL,"
	" PRIMARY KEY (policy, serial, wave)) STRICT, WITHOUT ROWID;"
	"CREATE TABLE execution_excused (policy TEXT NOT NULL, serial INTEGER NOT NULL, host TEXT NOT NULL,"
	" PRIMARY KEY (policy, serial, host)) STRICT, WITHOUT ROWID;"
	"CREATE TABLE execution_events (id INTEGER PRIMARY KEY AUTOINCREMENT, policy TEXT NOT NULL,"
	" serial INTEGER NOT NULL, time INTEGER NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL,"
	" wave INTEGER NOT NULL, why TEXT NOT NULL) STRICT;"
	"CREATE INDEX execution_events_by_policy ON execution_events (policy, id);"
	"CREATE TABLE rollout_lease (one INTEGER PRIMARY KEY CHECK (one = 1), holder TEXT NOT NULL,"
	" term INTEGER NOT NULL, until INTEGER NOT NULL) STRICT;"
	"INSERT INTO rollout_lease VALUES (1, '', 0, 0);"
	"CREATE TABLE rollout_change (one INTEGER PRIMARY KEY CHECK (one = 1), change INTEGER NOT NULL) "
	"STRICT;"
	"INSERT INTO rollout_change VALUES (1, 0);"
	"ALTER TABLE repo_state ADD COLUMN news INTEGER NOT NULL DEFAULT 0;"
	/* gates ask for these by host: of what there is much, only the few rows that matter are in the index */
	"CREATE INDEX refusals_by_serial ON refusals (host, serial);"
	"CREATE INDEX drifts_contested ON drifts (policy, version, host) WHERE action = 'contested';",
};

int schema_newest(void)
{
	return (int)(sizeof steps / sizeof steps[0]);
}

static const struct db_word *word_at(const struct db_word *words, const char *at)
{
	for (const struct db_word *w = words; w->ours; w++)
		if (!strncmp(at, w->ours, strlen(w->ours)))
			return w;
	return NULL;
}

/* Run the step that follows VERSION, in the back-end's words. */
static int step_script(struct db *db, int version)
{
	const struct db_word *words = db_driver_of(db)->words;
	struct buf text = BUF_INIT(STEP_MAX);

	if (!words)
		return db_script(db, steps[version]);
	for (const char *at = steps[version]; *at;) {
		const struct db_word *w = word_at(words, at);
		if (w)
			buf_str(&text, w->theirs);
		else
			buf_char(&text, *at);
		at += w ? strlen(w->ours) : 1;
	}
	int rc = text.rc ? text.rc : db_script(db, buf_text(&text));
	buf_free(&text);
	return rc;
}

/* The version; 0 for an empty database. Runs inside a write transaction. */
static int version_read(struct db *db, int *ret, struct fault *f)
{
	int64_t tables = 0, version = 0;
	int rc = db_number(db, db_driver_of(db)->count_tables, DB_NO_ARGS, &tables);

	if (!rc && tables > 0)
		rc = db_number(db, "SELECT version FROM kedge_schema", DB_NO_ARGS, &version);
	else if (!rc)
		rc = db_script(db, "CREATE TABLE kedge_schema (version INTEGER NOT NULL);"
		                   "INSERT INTO kedge_schema VALUES (0);");
	if (rc == KE_BUSY || rc == KE_NOMEM)
		return db_fault(db, rc, f);
	if (rc)
		return fault_set(f, KE_STORE, "store", "name an empty one or one that kedge-server made",
		        "is not a kedge database");
	if (version < 0 || version > schema_newest())
		return fault_set(f, KE_STORE, "store", "use the newer program, or restore an older backup",
		        "has schema version %lld, this program knows %d", (long long)version,
		        schema_newest());
	*ret = (int)version;
	return KE_OK;
}

/* One step. *RET_VERSION: where the database stands now. */
static int step_run(struct db *db, int to, int *ret_version, struct fault *f)
{
	int version = 0;
	const char *lock = db_driver_of(db)->lock_schema;
	int rc = db_begin(db, DB_BEGIN_WRITE);

	if (!rc && lock)
		rc = db_script(db, lock);
	if (rc) {
		db_fault(db, rc, f);
		goto out;
	}
	rc = version_read(db, &version, f);
	if (rc)
		goto out;
	if (version < to) {
		rc = step_script(db, version);
		if (!rc)
			rc = db_run(
			        db, "UPDATE kedge_schema SET version = $1", DB_ARGS(DB_I(version + 1)), NULL);
		version++;
	}
	if (!rc)
		rc = db_commit(db);
	if (rc)
		db_fault(db, rc, f);
out:
	if (rc)
		db_rollback(db);
	else
		*ret_version = version;
	return rc;
}

int schema_migrate(struct db *db, int to, struct fault *f)
{
	int version = 0, rc;

	do {
		rc = step_run(db, to, &version, f);
	} while (!rc && version < to);
	return rc;
}
