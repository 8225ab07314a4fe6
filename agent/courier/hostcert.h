/* hostcert.h — the host's certificate and key on disk, and how a new pair takes the place of the old one.
 *
 *	STATE_DIR/courier/host.crt host.key          in use
 *	STATE_DIR/courier/host.new.crt host.new.key  a new pair; without the certificate: a key that waits for one
 *
 * Two files cannot be renamed at once. The new pair is complete and synced before the first rename, and whoever opens the
 * directory next finishes what was begun, so the pair in use is always one pair.
 */
#ifndef KEDGE_AGENT_COURIER_HOSTCERT_H
#define KEDGE_AGENT_COURIER_HOSTCERT_H

#include <limits.h>

#include <openssl/types.h>

#include "proto/err.h"

struct stack_st_X509;

struct hostcert {
	char cert_path[PATH_MAX], key_path[PATH_MAX];
	char new_cert_path[PATH_MAX], new_key_path[PATH_MAX];
};

/* The paths for STATE_DIR, and the end of a change that was cut off. KE_IO and the like. */
int hostcert_open(const char *state_dir, struct hostcert *ret, struct fault *f);
/* The key that waits for a certificate, made (P-256) and synced when there is none: a request that was cut off is repeated with
 * the same key. key_free() *RET. */
int hostcert_new_key(const struct hostcert *h, EVP_PKEY **ret, struct fault *f);
/* CHAIN's first certificate belongs to the waiting key KEY: put both in use. KE_MISMATCH when it does not. */
int hostcert_accept(
        const struct hostcert *h, const EVP_PKEY *key, const struct stack_st_X509 *chain, struct fault *f);

#endif
