/* profile.h — the six kinds of certificate that exist in a fleet, and what each of them says.
 *
 * A table: who may issue it, what its key may be used for, how long it lives. issue.c writes certificates by it and
 * verify.c reads them by it, so that what is issued is what is accepted.
 */
#ifndef KEDGE_CERTS_PROFILE_H
#define KEDGE_CERTS_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

#include "certs/hostid.h"
#include "proto/err.h"

enum profile_kind {
	PROFILE_SERVER_CA,
	PROFILE_HOST_CA,
	PROFILE_OPERATOR_CA,
	PROFILE_SERVER,
	PROFILE_HOST,
	PROFILE_OPERATOR,
	PROFILE_COUNT,
};

struct profile {
	const char *name;           /* "host", "host-ca": in messages and file names */
	const char *title;          /* "host CA": common name of a CA, words of a message */
	bool is_ca;                 /* signs others; never shown in a handshake as one's own */
	enum profile_kind issuer;   /* the CA that may sign it; itself for a CA */
	enum identity_kind subject; /* whose URI it carries; IDENTITY_NONE: names of a server, or none */
	const char *key_usage;      /* X.509 extensions in OpenSSL's notation */
	const char *ext_key_usage;  /* NULL for a CA */
	int64_t lifetime;           /* seconds, when nobody asks for another */
	int64_t lifetime_max;       /* the longest that is issued */
};

#define PROFILE_BACKDATE 300 /* seconds notBefore lies in the past: clocks of hosts differ */

/* The row for KIND; never NULL for a kind of the enum. */
const struct profile *profile_get(enum profile_kind kind);
/* LIFETIME in seconds as it will be issued: 0 means the default. KE_RANGE below 60 s or above the maximum. */
int profile_lifetime(enum profile_kind kind, int64_t lifetime, int64_t *ret, struct fault *f);
/* Does CERT say what KIND asks: CA or not, key usage, extended key usage present (and nothing but the one purpose for
 * hosts and operators)? Times, issuer and names are not looked at. KE_UNTRUSTED with the deviation. */
int profile_check(enum profile_kind kind, X509 *cert, struct fault *f);

/* A server's names: DNS names (letters, digits, '-', '.', '_'; "*." in front is refused) and numeric addresses. */
#define PROFILE_NAMES_MAX 32
struct profile_names {
	const char *const *dns; /* DNS_COUNT strings, not owned */
	size_t dns_count;
	const char *const *ip; /* IP_COUNT numeric IPv4 or IPv6 addresses, not owned */
	size_t ip_count;
};
/* At least one name, at most PROFILE_NAMES_MAX, each well-formed: KE_NAME otherwise. */
int profile_names_check(const struct profile_names *names, struct fault *f);

#endif
