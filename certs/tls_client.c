/* tls_client.c — the side of those who call a server: the courier and the operators' command, both through libcurl. Trust
 * is one file of CAs, or, for the very first contact, the pin of an enrolment token. Everything libcurl or the
 * environment put into the context before is thrown away. */
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include "certs/ossl.h"
#include "certs/tls_state.h"

#define SERVER_CHAIN_MAX 65536

/* In the handshake, instead of OpenSSL's own check. */
static int server_verify(X509_STORE_CTX *ctx, void *arg)
{
	const struct tls_state *state = arg;
	struct verdict v;
	struct verify_server want = { .cas = state->cas,
		.pin = state->pinned ? state->pin : NULL,
		.name = state->server_name,
		.now = clock_wall(state->clock) };

	verify_server_cert(X509_STORE_CTX_get0_cert(ctx), X509_STORE_CTX_get0_untrusted(ctx), &want, &v);
	X509_STORE_CTX_set_error(ctx, tls_error_of(v.reason));
	X509_STORE_CTX_set_error_depth(ctx, (int)v.depth);
	if (state->verdict)
		*state->verdict = v;
	return v.reason == VERIFY_OK;
}

static int client_state_new(const struct tls_client *conf, struct tls_state **ret, struct fault *f)
{
	size_t len = conf->server_name ? strlen(conf->server_name) : 0;

	if (len == 0 || len >= sizeof((struct tls_state *)0)->server_name)
		return fault_set(f, KE_USAGE, NULL, NULL, "the server's name is missing or too long");
	if (!conf->pin && !conf->ca_path)
		return fault_set(
		        f, KE_USAGE, NULL, NULL, "neither a CA file nor a pin to know the server by");
	struct tls_state *state = calloc(1, sizeof *state);
	if (!state)
		return fault_set(f, KE_NOMEM, NULL, NULL, "%s", "");
	memcpy(state->server_name, conf->server_name, len + 1);
	state->clock = conf->clock;
	state->verdict = conf->verdict;
	state->pinned = conf->pin != NULL;
	if (conf->pin)
		memcpy(state->pin, conf->pin, sizeof state->pin);
	int rc = conf->pin ? KE_OK : cert_list_load(conf->ca_path, &state->cas, f);
	if (rc)
		tls_state_free(state);
	else
		*ret = state;
	return rc;
}

/* Judge servers by CONF and by nothing else. */
static int client_trust(SSL_CTX *ctx, const struct tls_client *conf, struct fault *f)
{
	struct tls_state *state = NULL;
	X509_STORE *empty = X509_STORE_new();
	int rc = empty ? client_state_new(conf, &state, f) : fault_set(f, KE_NOMEM, NULL, NULL, "%s", "");

	if (!rc && (rc = tls_state_attach(ctx, state)) != 0)
		tls_state_free(state);
	if (rc) {
		X509_STORE_free(empty);
		return rc;
	}
	SSL_CTX_set_cert_store(ctx, empty);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_cert_verify_callback(ctx, server_verify, state);
	if (conf->verdict)
		*conf->verdict = (struct verdict){ .reason = VERIFY_OK };
	return KE_OK;
}

int tls_client_configure(void *ssl_ctx, const struct tls_client *conf, struct fault *f)
{
	SSL_CTX *ctx = ssl_ctx;
	int rc = tls_basics(ctx, f);

	SSL_CTX_set_max_cert_list(ctx, SERVER_CHAIN_MAX);
	if (!rc)
		rc = client_trust(ctx, conf, f);
	if (!rc && conf->cert_path)
		rc = tls_own_cert(ctx, conf->cert_path, conf->key_path, conf->passphrase, PROFILE_COUNT,
		        clock_wall(conf->clock), f);
	return rc;
}

int tls_client_open(const struct tls_client *conf, SSL_CTX **ret, struct fault *f)
{
	int rc = tls_init(f);

	if (rc)
		return rc;
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	if (!ctx)
		return ossl_fault(f, KE_TLS, NULL, "cannot make a TLS context");
	rc = tls_client_configure(ctx, conf, f);
	if (rc)
		SSL_CTX_free(ctx);
	else
		*ret = ctx;
	return rc;
}
