/* tls.c — what server and client contexts have in common: OpenSSL's start without configuration, protocol version, own
 * certificate, and the state that hangs on a context so that it lives exactly as long. */
#include "certs/tls.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "certs/cert.h"
#include "certs/key.h"
#include "certs/ossl.h"
#include "certs/tls_state.h"

int tls_init(struct fault *f)
{
	/* Whoever is first decides whether $OPENSSL_CONF is read; all later calls find it decided. */
	if (OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
		return ossl_fault(f, KE_TLS, NULL, "OpenSSL does not start");
	return KE_OK;
}

static void state_free_cb(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp)
{
	(void)parent;
	(void)ad;
	(void)idx;
	(void)argl;
	(void)argp;
	tls_state_free(ptr);
}

/* The number under which a context keeps our state: OpenSSL hands it out once for the whole process. */
static CRYPTO_ONCE state_once = CRYPTO_ONCE_STATIC_INIT;
static int state_index = -1;

static void state_register(void)
{
	state_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, state_free_cb);
}

int tls_state_attach(SSL_CTX *ctx, struct tls_state *state)
{
	if (!CRYPTO_THREAD_run_once(&state_once, state_register) || state_index < 0)
		return KE_NOMEM;
	tls_state_free(SSL_CTX_get_ex_data(ctx, state_index));
	return SSL_CTX_set_ex_data(ctx, state_index, state) == 1 ? KE_OK : KE_NOMEM;
}

struct tls_state *tls_state_of(const SSL_CTX *ctx)
{
	if (!CRYPTO_THREAD_run_once(&state_once, state_register) || state_index < 0)
		return NULL;
	return SSL_CTX_get_ex_data(ctx, state_index);
}

void tls_state_free(struct tls_state *state)
{
	if (!state)
		return;
	anchors_free(state->anchors);
	cert_list_free(state->cas);
	free(state);
}

int tls_basics(SSL_CTX *ctx, struct fault *f)
{
	char groups[] = "X25519:P-256:P-384"; /* OpenSSL's macro takes the const away */

	SSL_CTX_set_security_level(ctx, 2);
	SSL_CTX_clear_options(ctx, SSL_OP_NO_TLSv1_3);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION);
	if (!SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) ||
	        !SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) ||
	        !SSL_CTX_set1_groups_list(ctx, groups) || !SSL_CTX_set_max_early_data(ctx, 0) ||
	        !SSL_CTX_set_recv_max_early_data(ctx, 0))
		return ossl_fault(f, KE_TLS, NULL, "cannot set up TLS 1.3");
	return KE_OK;
}

/* Is CERT valid at NOW? The words are verify.c's, so that one's own certificate reads like the other side's. */
static int own_validity(X509 *cert, int64_t now, struct fault *f)
{
	struct verdict v = { .reason = VERIFY_OK, .now = now };

	if (cert_validity(cert, &v.not_before, &v.not_after))
		v.reason = VERIFY_BROKEN;
	else if (now > v.not_after)
		v.reason = VERIFY_EXPIRED;
	else if (now < v.not_before)
		v.reason = VERIFY_NOT_YET_VALID;
	return verdict_fault(&v, f);
}

/* Put the certificates of LIST (own first) and KEY into CTX. */
static int own_use(SSL_CTX *ctx, const struct stack_st_X509 *list, EVP_PKEY *key, struct fault *f)
{
	X509 *own = sk_X509_value(list, 0);

	SSL_CTX_clear_chain_certs(ctx);
	if (SSL_CTX_use_certificate(ctx, own) != 1)
		return ossl_fault(f, KE_TLS, NULL, "OpenSSL does not take the certificate");
	for (int i = 1; i < sk_X509_num(list); i++)
		if (SSL_CTX_add1_chain_cert(ctx, sk_X509_value(list, i)) != 1)
			return ossl_fault(f, KE_TLS, NULL, "OpenSSL does not take the chain");
	if (SSL_CTX_use_PrivateKey(ctx, key) != 1)
		return ossl_fault(f, KE_TLS, NULL, "OpenSSL does not take the key");
	return KE_OK;
}

int tls_own_cert(SSL_CTX *ctx, const char *cert_path, const char *key_path, const char *passphrase,
        enum profile_kind kind, int64_t now, struct fault *f)
{
	STACK_OF(X509) *list = NULL;
	EVP_PKEY *key = NULL;
	int rc = cert_list_load(cert_path, &list, f);

	if (rc)
		return rc;
	X509 *own = sk_X509_value(list, 0);
	rc = kind == PROFILE_COUNT ? KE_OK : profile_check(kind, own, f);
	if (!rc)
		rc = own_validity(own, now, f);
	if (rc) {
		fault_at(f, "%s", cert_path);
		goto out;
	}
	rc = key_load(key_path, passphrase, &key, f);
	if (!rc && X509_check_private_key(own, key) != 1) {
		ERR_clear_error();
		rc = fault_set(
		        f, KE_MISMATCH, key_path, NULL, "not the key of the certificate in %s", cert_path);
	}
	if (!rc)
		rc = own_use(ctx, list, key, f);
out:
	key_free(key);
	cert_list_free(list);
	return rc;
}

static const int errors[VERIFY_REASON_COUNT] = {
	[VERIFY_OK] = X509_V_OK,
	[VERIFY_WRONG_HOST] = X509_V_ERR_HOSTNAME_MISMATCH,
	[VERIFY_EXPIRED] = X509_V_ERR_CERT_HAS_EXPIRED,
	[VERIFY_NOT_YET_VALID] = X509_V_ERR_CERT_NOT_YET_VALID,
	[VERIFY_OTHER_CA] = X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
	[VERIFY_SELF_SIGNED] = X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT,
	[VERIFY_WRONG_PURPOSE] = X509_V_ERR_INVALID_PURPOSE,
	[VERIFY_WRONG_PIN] = X509_V_ERR_CERT_UNTRUSTED,
	[VERIFY_NO_IDENTITY] = X509_V_ERR_APPLICATION_VERIFICATION,
	[VERIFY_WRONG_ISSUER] = X509_V_ERR_CERT_REJECTED,
	[VERIFY_WEAK] = X509_V_ERR_EE_KEY_TOO_SMALL,
	[VERIFY_TOO_DEEP] = X509_V_ERR_CERT_CHAIN_TOO_LONG,
	[VERIFY_BROKEN] = X509_V_ERR_UNSPECIFIED,
};

int tls_error_of(enum verify_reason reason)
{
	return errors[reason];
}

enum verify_reason tls_reason_of(long error)
{
	for (unsigned i = 0; i < VERIFY_REASON_COUNT; i++)
		if (errors[i] == error)
			return (enum verify_reason)i;
	return VERIFY_BROKEN;
}
