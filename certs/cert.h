/* cert.h — certificates as files and bytes, and the facts that are read from them.
 *
 * PEM files hold one certificate or a chain; anything else in them but white space and text between blocks is
 * refused. Lists are STACK_OF(X509), written here as struct stack_st_X509.
 */
#ifndef KEDGE_CERTS_CERT_H
#define KEDGE_CERTS_CERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

#include "certs/hostid.h"
#include "proto/codec.h"
#include "proto/err.h"

#define CERT_FILE_MAX  262144
#define CERT_LIST_MAX  64   /* certificates in one file or message */
#define CERT_DER_MAX   8192 /* bytes of one certificate */
#define CERT_NAME_ROOM 256

struct stack_st_X509;

/* One certificate from DER, which it must fill. KE_SYNTAX, KE_TOOBIG. cert_free() it. */
int cert_from_der(const void *der, size_t len, X509 **ret, struct fault *f);
/* Its DER; free() it. */
int cert_to_der(const X509 *cert, unsigned char **ret, size_t *ret_len, struct fault *f);
/* All certificates of a PEM text, in order, at least one. */
int cert_list_from_pem(const char *pem, size_t len, struct stack_st_X509 **ret, struct fault *f);
/* The same from the file PATH; the fault names it. */
int cert_list_load(const char *path, struct stack_st_X509 **ret, struct fault *f);
/* PEM of all of LIST, NUL-terminated; free() it. */
int cert_list_to_pem(const struct stack_st_X509 *list, char **ret, size_t *ret_len, struct fault *f);
/* Replace PATH by LIST with mode 0644, synced. */
int cert_list_save(const char *path, const struct stack_st_X509 *list, struct fault *f);
/* The only certificate of PATH (KE_SCHEMA when there are several), and its opposite. */
int cert_load(const char *path, X509 **ret, struct fault *f);
int cert_save(const char *path, X509 *cert, struct fault *f);
/* A list that holds CERT (and then CA, unless NULL), with references of its own. */
int cert_list_of(X509 *cert, X509 *ca, struct stack_st_X509 **ret);
/* The certificate number I of LIST, not the caller's to free; NULL behind the last. */
X509 *cert_list_at(const struct stack_st_X509 *list, size_t i);
void cert_free(X509 *cert);
void cert_list_free(struct stack_st_X509 *list);

/* SHA-256 of the DER certificate: its fingerprint. */
int cert_fingerprint(const X509 *cert, unsigned char digest[SHA256_LEN]);
/* SHA-256 of its SubjectPublicKeyInfo: its pin. */
int cert_spki(const X509 *cert, unsigned char digest[SHA256_LEN]);
/* Validity as seconds since 1970; both ends belong to it. KE_SYNTAX for dates that are none. */
int cert_validity(const X509 *cert, int64_t *ret_not_before, int64_t *ret_not_after);
bool cert_is_ca(X509 *cert);
/* "CN = kedge host CA, O = north": for messages, cut to fit, without control characters. Returns TEXT. */
const char *cert_subject(const X509 *cert, char text[CERT_NAME_ROOM]);
/* The identity in CERT: exactly one URI, a kedge one, and no other alternative name. KE_NAME otherwise. Whether its
 * issuer may say so is verify.h's business. */
int cert_identity(const X509 *cert, struct identity *ret, struct fault *f);

#endif
