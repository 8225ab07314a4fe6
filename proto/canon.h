/* canon.h — canonical JSON, the text that TUF signatures cover.
 *
 * The form is OLPC's (TUF 1.0.34, section 4.2): UTF-8 without white space, object members sorted by the bytes of their
 * names, only '"' and '\' escaped (a newline inside a string stays the byte 0x0a), integers in decimal. It is not
 * always valid JSON again and is never parsed, only hashed and signed.
 */
#ifndef KEDGE_PROTO_CANON_H
#define KEDGE_PROTO_CANON_H

#include "proto/buf.h"

struct cJSON;

/* Append the canonical form of TREE, which must come from strict_parse() or be built from integers, to OUT. Unknown
 * members are carried like any other; -0 is written 0. Returns 0, KE_SCHEMA (a number that is no integer within
 * +-(2^53-1), or a node that JSON does not know), KE_DUPLICATE, KE_NOMEM, or KE_TOOBIG (OUT's ceiling, or nested deeper
 * than 64); OUT's content is undefined on error. */
int canon_write(const struct cJSON *tree, struct buf *out);

#define KEYID_ROOM 65
/* The lower-case hex SHA-256 of TREE's canonical form, which is how TUF names a key object. Codes as above; KEYID is
 * untouched on error. */
int canon_sha256_hex(const struct cJSON *tree, char keyid[KEYID_ROOM]);

#endif
