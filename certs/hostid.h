/* hostid.h — the names of hosts, operators and fleets, and how they stand in a certificate.
 *
 * All three follow one strict grammar: 1 to 63 of lower-case letters, digits, '-' and '.', beginning and ending with a
 * letter or digit, and neither '-' nor '.' next to a '.'. So a name is a safe path segment, file name and URI part as
 * it stands, and two names that differ never mean the same. In a certificate an identity is the only URI among the
 * subject alternative names: spiffe://FLEET/host/ID or spiffe://FLEET/operator/NAME, without escapes, port or slash
 * at the end.
 */
#ifndef KEDGE_CERTS_HOSTID_H
#define KEDGE_CERTS_HOSTID_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/err.h"

#define HOSTID_MAX    63
#define HOSTID_ROOM   64
#define IDENTITY_ROOM 160 /* the longest URI and its NUL */

/* Does TEXT (LEN bytes) follow the grammar above? */
bool hostid_valid(const char *text, size_t len);
/* The same with a fault that says what is wrong; WHAT names the thing ("host id", "fleet name"). KE_NAME. */
int hostid_check(const char *what, const char *text, struct fault *f);

enum identity_kind { IDENTITY_NONE, IDENTITY_HOST, IDENTITY_OPERATOR };

struct identity {
	enum identity_kind kind;
	char fleet[HOSTID_ROOM];
	char name[HOSTID_ROOM]; /* host id or operator name */
};

/* "host" or "operator", as in the URI; "none" for IDENTITY_NONE. */
const char *identity_kind_name(enum identity_kind kind);
/* Fill *RET from names that are checked here. KE_NAME; KE_VALUE for IDENTITY_NONE. */
int identity_make(
        enum identity_kind kind, const char *fleet, const char *name, struct identity *ret, struct fault *f);
/* The URI of ID, which must be valid, into TEXT. Returns TEXT. */
char *identity_format(const struct identity *id, char text[IDENTITY_ROOM]);
/* Exactly what identity_format() writes. KE_NAME, with *RET untouched, for anything else, NUL bytes included. */
int identity_parse(const char *text, size_t len, struct identity *ret, struct fault *f);

#endif
