/* migrate.h — the schema, step by step. Private to the store. */
#ifndef KEDGE_SERVER_STORE_MIGRATE_H
#define KEDGE_SERVER_STORE_MIGRATE_H

#include "server-stub/store/db.h"

/* The version that this program writes. */
int schema_newest(void);
/* Bring the database to schema version TO (schema_newest(), or less in tests), each step in one transaction with its
 * version number, so that a crash leaves a whole step or none. KE_STORE: newer than this program, or not a kedge
 * database; KE_BUSY: somebody else holds it. */
int schema_migrate(struct db *db, int to, struct fault *f);

#endif
