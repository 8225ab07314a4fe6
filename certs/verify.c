/* verify.c — the judgement over a peer's certificate. Each is made with a fresh X509_STORE_CTX, our own time and our own
 * list of trusted CAs, so that the same function serves the handshake, the look at a resumed session, and the tests.
 * A CA that is in our list ends the chain, self-signed or not. Called by tls_server.c and tls_client.c only. */
#include "certs/verify.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "certs/key.h"
#include "certs/ossl.h"
#include "proto/clock.h"

/* 112 bits: RSA 2048, no SHA-1 in signatures (OpenSSL's security level 2). */
#define AUTH_LEVEL 2
/* Intermediate certificates between a server's and a trusted one. Clients' come straight from their CA. */
#define SERVER_DEPTH 3

static const struct {
	const char *name, *text, *todo;
	int code;
} reasons[VERIFY_REASON_COUNT] = {
	[VERIFY_OK] = { "ok", "the certificate is good", NULL, KE_OK },
	[VERIFY_WRONG_HOST] = { "wrong-host", "the certificate is for another host name",
	        "use a name that is in the certificate, or issue one with this name", KE_MISMATCH },
	[VERIFY_EXPIRED] = { "expired", "the certificate has expired", "renew it, or set the clock right",
	        KE_EXPIRED },
	[VERIFY_NOT_YET_VALID] = { "not-yet-valid", "the certificate is not valid yet",
	        "compare the clocks of both sides", KE_CLOCK },
	[VERIFY_OTHER_CA] = { "other-ca", "the certificate comes from a CA that is not trusted here",
	        "check which CA file is configured", KE_UNTRUSTED },
	[VERIFY_SELF_SIGNED] = { "self-signed", "the certificate is signed by itself",
	        "issue it from the fleet's CA", KE_UNTRUSTED },
	[VERIFY_WRONG_PURPOSE] = { "wrong-purpose", "the certificate is made for another purpose",
	        "servers need serverAuth, hosts and operators clientAuth", KE_UNTRUSTED },
	[VERIFY_WRONG_PIN] = { "wrong-pin", "no CA of the server has the key that the token names",
	        "this is another server, or its CA was replaced: get a new token", KE_MISMATCH },
	[VERIFY_NO_IDENTITY] = { "no-identity", "the certificate does not name one host or operator",
	        "enrol, or have it signed by `kedge operator sign`", KE_UNTRUSTED },
	[VERIFY_WRONG_ISSUER] = { "wrong-issuer",
	        "a host's name from the operator CA, or an operator's from the host CA", NULL, KE_UNTRUSTED },
	[VERIFY_WEAK] = { "weak", "a key or signature in the chain is too weak or unusual",
	        "use EC P-256 or P-384, Ed25519, or RSA of at least 2048 bits, and SHA-256", KE_UNTRUSTED },
	[VERIFY_TOO_DEEP] = { "too-deep", "the chain of certificates is too long", NULL, KE_UNTRUSTED },
	[VERIFY_BROKEN] = { "broken", "the certificate or its chain is broken", NULL, KE_UNTRUSTED },
};

const char *verify_text(enum verify_reason reason)
{
	return (unsigned)reason < VERIFY_REASON_COUNT ? reasons[reason].text : reasons[VERIFY_BROKEN].text;
}

const char *verify_name(enum verify_reason reason)
{
	return (unsigned)reason < VERIFY_REASON_COUNT ? reasons[reason].name : reasons[VERIFY_BROKEN].name;
}

int verdict_fault(const struct verdict *v, struct fault *f)
{
	enum verify_reason r = (unsigned)v->reason < VERIFY_REASON_COUNT ? v->reason : VERIFY_BROKEN;
	char from[TIME_TEXT_ROOM], to[TIME_TEXT_ROOM], now[TIME_TEXT_ROOM];

	if (r == VERIFY_OK)
		return KE_OK;
	if (r == VERIFY_EXPIRED || r == VERIFY_NOT_YET_VALID)
		return fault_set(f, reasons[r].code, v->subject, reasons[r].todo,
		        "%s (valid from %s to %s, now is %s)", reasons[r].text,
		        time_format(v->not_before, from), time_format(v->not_after, to),
		        time_format(v->now, now));
	return fault_set(f, reasons[r].code, v->subject, reasons[r].todo, "%s%s%s%s", reasons[r].text,
	        v->detail[0] ? " (" : "", v->detail, v->detail[0] ? ")" : "");
}

static enum verify_reason reason_of(int error)
{
	switch (error) {
	case X509_V_OK:
		return VERIFY_OK;
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		return VERIFY_WRONG_HOST;
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return VERIFY_EXPIRED;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return VERIFY_NOT_YET_VALID;
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_CERT_UNTRUSTED:
		return VERIFY_OTHER_CA;
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
		return VERIFY_SELF_SIGNED;
	case X509_V_ERR_INVALID_PURPOSE:
		return VERIFY_WRONG_PURPOSE;
	case X509_V_ERR_EE_KEY_TOO_SMALL:
	case X509_V_ERR_CA_KEY_TOO_SMALL:
	case X509_V_ERR_CA_MD_TOO_WEAK:
	case X509_V_ERR_EC_KEY_EXPLICIT_PARAMS:
		return VERIFY_WEAK;
	case X509_V_ERR_CERT_CHAIN_TOO_LONG:
	case X509_V_ERR_PATH_LENGTH_EXCEEDED:
		return VERIFY_TOO_DEEP;
	default:
		return VERIFY_BROKEN;
	}
}

/* Describe CERT in V, with REASON and the words DETAIL. */
static void verdict_set(
        struct verdict *v, enum verify_reason reason, unsigned depth, const X509 *cert, const char *detail)
{
	v->reason = reason;
	v->depth = depth;
	cert_subject(cert, v->subject);
	if (cert_validity(cert, &v->not_before, &v->not_after))
		v->not_before = v->not_after = 0;
	snprintf(v->detail, sizeof v->detail, "%.*s", (int)sizeof v->detail - 1, detail);
}

struct chain_check {
	X509 *leaf;
	STACK_OF(X509) * untrusted; /* may be NULL */
	STACK_OF(X509) * trusted;
	int purpose, depth;
	const char *name; /* NULL: names are not compared */
	int64_t now;
};

static bool chain_param(X509_VERIFY_PARAM *param, const struct chain_check *c)
{
	unsigned char addr[16];

	X509_VERIFY_PARAM_set_time(param, (time_t)c->now);
	X509_VERIFY_PARAM_set_depth(param, c->depth);
	X509_VERIFY_PARAM_set_auth_level(param, AUTH_LEVEL);
	X509_VERIFY_PARAM_set_hostflags(
	        param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	bool good =
	        X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_TRUSTED_FIRST) &&
	        X509_VERIFY_PARAM_set_purpose(param, c->purpose);
	if (!good || !c->name)
		return good;
	if (inet_pton(AF_INET, c->name, addr) == 1 || inet_pton(AF_INET6, c->name, addr) == 1)
		return X509_VERIFY_PARAM_set1_ip_asc(param, c->name);
	return X509_VERIFY_PARAM_set1_host(param, c->name, 0);
}

/* Build and check the chain; fills V. *RET_ANCHOR (may be NULL) is the trusted CA at its end, a reference. */
static void chain_run(const struct chain_check *c, struct verdict *v, X509 **ret_anchor)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();

	if (!ctx || !X509_STORE_CTX_init(ctx, NULL, c->leaf, c->untrusted)) {
		verdict_set(v, VERIFY_BROKEN, 0, c->leaf, "out of memory");
		goto out;
	}
	X509_STORE_CTX_set0_trusted_stack(ctx, c->trusted);
	if (!chain_param(X509_STORE_CTX_get0_param(ctx), c)) {
		verdict_set(v, VERIFY_BROKEN, 0, c->leaf, "cannot set up the check");
		goto out;
	}
	bool good = X509_verify_cert(ctx) == 1;
	int error = X509_STORE_CTX_get_error(ctx);
	const STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(ctx);
	if (good && error == X509_V_OK && sk_X509_num(chain) > 0) {
		verdict_set(v, VERIFY_OK, 0, c->leaf, "");
		X509 *anchor = sk_X509_value(chain, sk_X509_num(chain) - 1);
		if (ret_anchor && X509_up_ref(anchor))
			*ret_anchor = anchor;
		goto out;
	}
	X509 *bad = X509_STORE_CTX_get_current_cert(ctx);
	int depth = X509_STORE_CTX_get_error_depth(ctx);
	enum verify_reason reason = error == X509_V_OK ? VERIFY_BROKEN : reason_of(error);
	verdict_set(v, reason, bad && depth > 0 ? (unsigned)depth : 0, bad ? bad : c->leaf,
	        X509_verify_cert_error_string(error));
out:
	X509_STORE_CTX_free(ctx);
	ERR_clear_error();
}

/* ---- clients ---- */

struct anchors {
	STACK_OF(X509) * all; /* hosts' first */
	int host_count;
};

static int anchors_add(struct anchors *t, const struct stack_st_X509 *cas, struct fault *f)
{
	for (int i = 0; i < sk_X509_num(cas); i++) {
		X509 *ca = sk_X509_value(cas, i);
		char name[CERT_NAME_ROOM];
		int rc = profile_check(PROFILE_HOST_CA, ca, f);
		if (rc) {
			fault_at(f, "%s", cert_subject(ca, name));
			return rc;
		}
		if (!X509_add_cert(t->all, ca, X509_ADD_FLAG_UP_REF))
			return ossl_fault(f, KE_NOMEM, NULL, "cannot keep a CA");
	}
	return KE_OK;
}

/* One key that vouches for hosts and for operators would make the two kinds one. */
static int anchors_check_apart(const struct anchors *t, struct fault *f)
{
	for (int i = 0; i < t->host_count; i++)
		for (int j = t->host_count; j < sk_X509_num(t->all); j++) {
			X509 *host = sk_X509_value(t->all, i), *people = sk_X509_value(t->all, j);
			char name[CERT_NAME_ROOM];
			if (key_same(X509_get0_pubkey(host), X509_get0_pubkey(people)))
				return fault_set(f, KE_DUPLICATE, cert_subject(host, name),
				        "make a CA of its own for operators",
				        "one key cannot be host CA and operator CA");
		}
	ERR_clear_error();
	return KE_OK;
}

int anchors_make(const struct stack_st_X509 *host_cas, const struct stack_st_X509 *operator_cas,
        struct anchors **ret, struct fault *f)
{
	struct anchors *t = calloc(1, sizeof *t);
	int rc = KE_OK;

	if (t)
		t->all = sk_X509_new_null();
	if (!t || !t->all)
		rc = fault_set(f, KE_NOMEM, NULL, NULL, "%s", "");
	if (!rc && host_cas)
		rc = anchors_add(t, host_cas, f);
	if (!rc)
		t->host_count = sk_X509_num(t->all);
	if (!rc && operator_cas)
		rc = anchors_add(t, operator_cas, f);
	if (!rc)
		rc = anchors_check_apart(t, f);
	if (rc)
		anchors_free(t);
	else
		*ret = t;
	return rc;
}

int anchors_load(
        const char *host_ca_path, const char *operator_ca_path, struct anchors **ret, struct fault *f)
{
	STACK_OF(X509) *hosts = NULL, *operators = NULL;
	int rc = host_ca_path ? cert_list_load(host_ca_path, &hosts, f) : KE_OK;

	if (!rc && operator_ca_path)
		rc = cert_list_load(operator_ca_path, &operators, f);
	if (!rc)
		rc = anchors_make(hosts, operators, ret, f);
	cert_list_free(hosts);
	cert_list_free(operators);
	return rc;
}

void anchors_free(struct anchors *t)
{
	if (!t)
		return;
	cert_list_free(t->all);
	free(t);
}

const struct stack_st_X509 *anchors_cas(const struct anchors *t)
{
	return t->all;
}

static bool anchors_has_host_ca(const struct anchors *t, const X509 *anchor)
{
	for (int i = 0; i < t->host_count; i++)
		if (X509_cmp(sk_X509_value(t->all, i), anchor) == 0)
			return true;
	return false;
}

/* The chain is good: does ANCHOR's word count for what LEAF says? Fills V and ID. */
static void identity_judge(
        const struct anchors *t, X509 *leaf, X509 *anchor, struct identity *id, struct verdict *v)
{
	struct fault why = { 0 };

	if (cert_identity(leaf, id, &why))
		verdict_set(v, VERIFY_NO_IDENTITY, 0, leaf, why.what);
	else if ((id->kind == IDENTITY_HOST) != anchors_has_host_ca(t, anchor))
		verdict_set(v, VERIFY_WRONG_ISSUER, 0, leaf, "");
	else if (profile_check(id->kind == IDENTITY_HOST ? PROFILE_HOST : PROFILE_OPERATOR, leaf, &why))
		verdict_set(v, VERIFY_WRONG_PURPOSE, 0, leaf, why.what);
	else if (key_check(X509_get0_pubkey(leaf), &why))
		verdict_set(v, VERIFY_WEAK, 0, leaf, why.what);
}

int anchors_identify(const struct anchors *t, X509 *leaf, int64_t now, struct peer_identity *ret,
        struct verdict *verdict, struct fault *f)
{
	struct verdict v = { .now = now };
	struct peer_identity id = { 0 };
	X509 *anchor = NULL;
	struct chain_check check = {
		.leaf = leaf, .trusted = t->all, .purpose = X509_PURPOSE_SSL_CLIENT, .depth = 0, .now = now
	};

	chain_run(&check, &v, &anchor);
	if (v.reason == VERIFY_OK && anchor)
		identity_judge(t, leaf, anchor, &id.id, &v);
	id.not_before = v.not_before;
	id.not_after = v.not_after;
	if (v.reason == VERIFY_OK && (!anchor || cert_fingerprint(leaf, id.fingerprint) ||
	                                     cert_fingerprint(anchor, id.ca) || cert_spki(leaf, id.spki)))
		verdict_set(&v, VERIFY_BROKEN, 0, leaf, "out of memory");
	X509_free(anchor);
	if (verdict)
		*verdict = v;
	int rc = verdict_fault(&v, f);
	if (!rc && ret)
		*ret = id;
	return rc;
}

/* ---- servers ---- */

/* The CA of CHAIN whose key has the digest PIN, as a list of one; NULL when there is none. */
static STACK_OF(X509) * chain_pinned(const struct stack_st_X509 *chain, const unsigned char *pin)
{
	unsigned char spki[SHA256_LEN];
	STACK_OF(X509) *list = NULL;

	for (int i = 0; i < sk_X509_num(chain); i++) {
		X509 *cert = sk_X509_value(chain, i);
		if (cert_is_ca(cert) && cert_spki(cert, spki) == 0 && memcmp(spki, pin, sizeof spki) == 0)
			return cert_list_of(cert, NULL, &list) ? NULL : list;
	}
	return NULL;
}

int verify_server_cert(
        X509 *leaf, struct stack_st_X509 *chain, const struct verify_server *want, struct verdict *ret)
{
	struct verdict v = { .now = want->now };
	struct fault why = { 0 };
	STACK_OF(X509) *trusted = NULL;

	if (want->pin)
		trusted = chain_pinned(chain, want->pin);
	else if (want->cas)
		trusted = X509_chain_up_ref(want->cas);
	if (!trusted) {
		verdict_set(&v, want->pin ? VERIFY_WRONG_PIN : VERIFY_OTHER_CA, 0, leaf, "");
	} else {
		struct chain_check check = { .leaf = leaf,
			.untrusted = chain,
			.trusted = trusted,
			.purpose = X509_PURPOSE_SSL_SERVER,
			.depth = SERVER_DEPTH,
			.name = want->name,
			.now = want->now };
		chain_run(&check, &v, NULL);
	}
	if (v.reason == VERIFY_OK && profile_check(PROFILE_SERVER, leaf, &why))
		verdict_set(&v, VERIFY_WRONG_PURPOSE, 0, leaf, why.what);
	if (v.reason == VERIFY_WRONG_HOST)
		snprintf(v.detail, sizeof v.detail, "not for '%.70s'", want->name);
	cert_list_free(trusted);
	*ret = v;
	return verdict_fault(&v, NULL);
}
