/* audit.h — one row of the server's audit trail and the hash that chains it to the row before.
 *
 * Pure, so that whoever holds an export can check it with the same code that the store writes it with.
 */
#ifndef KEDGE_PROTO_AUDIT_H
#define KEDGE_PROTO_AUDIT_H

#include <stdint.h>

#define AUDIT_HEX_ROOM 65

struct audit_row {
	int64_t seq, time;
	const char *actor, *role, *action, *object;
	const char *detail; /* JSON object as text */
	const char *prev;   /* hash of the row before, 64 zeros at the start */
};

/* SHA-256 over the netstrings ("LEN:BYTES,") of prev, seq, time, actor, role, action, object, detail; numbers in decimal.
 * KE_NOMEM; KE_TOOBIG above 4 MiB. */
int audit_row_hash(const struct audit_row *row, char ret_hash[AUDIT_HEX_ROOM]);

#endif
