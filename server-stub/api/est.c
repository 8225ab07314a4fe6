/* est.c — how a host gets its certificate (RFC 7030): once by a one-time token, later by the certificate it has. From
 * a request only the key is taken, after the proof that its sender holds it; the name is the token's binding, or what
 * ?host= asks for when the token is bound to none, or the name in the certificate in use. The token is used up in the
 * transaction that writes the host's row, so of two who race with it one is refused; what was issued to the other is
 * never handed out. Token secrets appear neither in answers nor in logs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "certs/cert.h"
#include "certs/csr.h"
#include "certs/est.h"
#include "certs/token.h"
#include "server-stub/api/api_in.h"

#define EST_TYPE "application/pkcs7-mime; smime-type=certs-only"

static const struct http_field est_fields[] = { { "Content-Transfer-Encoding", "base64" }, { NULL, NULL } };

struct enrol {
	struct task task;
	char host[64]; /* asked for; "" none */
	bool renews;
	char token_id[TOKEN_ID_ROOM], token_sha256[STORE_HEX_ROOM];
	char address[64];
};

void est_cacerts(struct http_request *req)
{
	struct api *api = req->app;
	const struct settings *s = settings_hold(api);

	http_reply(req, 200, EST_TYPE, s->cacerts, s->cacerts_len, est_fields);
	settings_let(api);
}

/* "Basic BASE64(ID:SECRET)" into E. */
static int token_read(const char *authorization, struct enrol *e)
{
	unsigned char text[160], secret[TOKEN_SECRET_LEN], digest[SHA256_LEN];
	size_t skip = strlen("Basic "), n;

	if (strncasecmp(authorization, "Basic ", skip) != 0)
		return KE_SYNTAX;
	size_t len = strlen(authorization + skip);
	if (len / 4 * 3 > sizeof text || !base64_decode(authorization + skip, len, text, &n))
		return KE_SYNTAX;
	size_t id = TOKEN_ID_ROOM - 1;
	if (n != id + 1 + 2 * TOKEN_SECRET_LEN || text[id] != ':' || !token_id_valid((char *)text, id) ||
	        !hex_decode((char *)text + id + 1, 2 * TOKEN_SECRET_LEN, secret, sizeof secret))
		return KE_SYNTAX;
	memcpy(e->token_id, text, id);
	e->token_id[id] = '\0';
	sha256(secret, sizeof secret, digest);
	hex_encode(digest, sizeof digest, e->token_sha256);
	explicit_bzero(secret, sizeof secret);
	explicit_bzero(text, sizeof text);
	return KE_OK;
}

struct binding {
	const char *id;
	char host[64];
	bool found;
};

static int binding_row(void *ctx, const struct store_token *t)
{
	struct binding *b = ctx;

	if (strcmp(t->id, b->id) != 0)
		return 0;
	b->found = true;
	snprintf(b->host, sizeof b->host, "%s", t->host);
	return 0;
}

/* The id to certify: the token's binding when nothing is asked for. An unknown token finds no binding here and is
 * judged like any other by store_token_check(). */
static int host_choose(struct enrol *e, struct fault *f)
{
	char before[TOKEN_ID_ROOM];
	struct binding b = { .id = e->token_id };

	if (e->host[0])
		return hostid_check("host id", e->host, f);
	/* Everything that begins with the id but for its last digit: at most sixteen. */
	memcpy(before, e->token_id, sizeof before);
	before[TOKEN_ID_ROOM - 2] = '\0';
	int rc = store_token_list(e->task.api->store, before, 16, binding_row, &b, f);
	if (rc)
		return rc;
	if (!b.found)
		return fault_set(f, KE_FORBIDDEN, "token", NULL, "is not valid");
	if (!b.host[0])
		return fault_set(
		        f, KE_USAGE, "host", "name the host with ?host=ID", "the token is bound to none");
	memcpy(e->host, b.host, sizeof e->host);
	return KE_OK;
}

/* A certificate for the key in E's request and the name in e->host. */
static int certify(
        struct enrol *e, X509 **ret, char ret_print[STORE_HEX_ROOM], int64_t *ret_not_after, struct fault *f)
{
	struct api *api = e->task.api;
	unsigned char print[SHA256_LEN];
	struct csr csr = { 0 };
	X509 *cert = NULL;
	int64_t from;
	int rc = csr_parse(e->task.body ? e->task.body : "", e->task.body_len, &csr, f);

	if (rc)
		return rc;
	const struct settings *s = settings_hold(api);
	struct issue what = {
		.kind = PROFILE_HOST, .key = csr.key, .now = api_now(api), .lifetime = s->host_lifetime
	};
	rc = identity_make(IDENTITY_HOST, s->fleet, e->host, &what.id, f);
	if (!rc)
		rc = issue_cert(s->host_ca, &what, &cert, f);
	settings_let(api);
	csr_free(&csr);
	if (!rc)
		rc = cert_fingerprint(cert, print);
	if (!rc)
		rc = cert_validity(cert, &from, ret_not_after);
	if (rc) {
		cert_free(cert);
		return rc;
	}
	hex_encode(print, sizeof print, ret_print);
	*ret = cert;
	return KE_OK;
}

static int enter(struct enrol *e, const char *print, int64_t not_after, struct fault *f)
{
	struct store *store = e->task.api->store;
	struct store_enrolment entry = { .host = e->host,
		.cert_sha256 = print,
		.not_after = not_after,
		.token_id = e->token_id,
		.token_sha256 = e->token_sha256 };

	return e->renews ? store_host_renew(store, &e->task.actor.as, e->host, print, not_after, f)
	                 : store_host_enrol(store, &e->task.actor.as, &entry, f);
}

static int admit(struct enrol *e, struct fault *f)
{
	if (e->renews)
		return KE_OK;
	int rc = host_choose(e, f);
	return rc ? rc
	          : store_token_check(e->task.api->store, e->token_id, e->token_sha256, e->host,
	                    e->task.actor.as.time, f);
}

static void enrol_refuse(struct enrol *e, int rc, const struct fault *f)
{
	bool token = !e->renews && (rc == KE_FORBIDDEN || rc == KE_EXPIRED);
	char who[96], reason[64];

	if (token || rc == KE_EXIST || rc == KE_SIGNATURE) {
		snprintf(who, sizeof who, "%.95s", e->renews ? e->task.actor.name : e->address);
		snprintf(reason, sizeof reason, "enrolment: %s", err_name(rc));
		store_denial_count(e->task.api->store, who, reason, e->task.actor.as.time);
	}
	if (token)
		answer_fault_as(&e->task.answer, 401, rc, f);
	else if (rc == KE_KEY || rc == KE_SYNTAX || rc == KE_SIGNATURE)
		answer_fault_as(&e->task.answer, 400, rc, f); /* RFC 7030 section 4.2.3 */
	else
		answer_fault(&e->task.answer, rc, f);
}

static void enrol_run(void *arg)
{
	struct enrol *e = arg;
	struct stack_st_X509 *list = NULL;
	struct fault f = { 0 };
	X509 *cert = NULL;
	char print[STORE_HEX_ROOM], *body = NULL;
	int64_t not_after = 0;
	size_t len = 0;
	int rc = admit(e, &f);

	if (!rc)
		rc = certify(e, &cert, print, &not_after, &f);
	if (!rc && cert_list_of(cert, NULL, &list))
		rc = KE_NOMEM;
	if (!rc)
		rc = est_certs_encode(list, &body, &len, &f);
	/* Last, because it uses the token up. */
	if (!rc)
		rc = enter(e, print, not_after, &f);
	if (rc)
		enrol_refuse(e, rc, &f);
	else
		answer_bytes(&e->task.answer, 200, EST_TYPE, body, len, est_fields);
	free(body);
	cert_list_free(list);
	cert_free(cert);
	task_free(&e->task);
}

static void enrol_begin(struct http_request *req, struct enrol *e)
{
	struct answer now = answer_now(req);
	const char *type = http_field_get(req, "content-type");
	struct fault f = { 0 };
	int rc = KE_OK;

	if (type && strncasecmp(type, "application/pkcs10", 18) != 0)
		rc = fault_set(&f, KE_UNSUPPORTED, "Content-Type", NULL, "application/pkcs10 is wanted");
	else if (!e->renews)
		rc = query_text(req, "host", e->host, sizeof e->host, &f);
	if (rc < 0) {
		if (rc == KE_UNSUPPORTED)
			answer_fault_as(&now, 415, rc, &f);
		else
			answer_fault(&now, rc, &f);
		free(e);
		return;
	}
	snprintf(e->address, sizeof e->address, "%s", req->peer->address);
	if (!task_start(req, &e->task, enrol_run)) {
		free(e);
		return;
	}
}

void est_simpleenroll(struct http_request *req)
{
	struct api *api = req->app;
	struct enrol *e = calloc(1, sizeof *e);
	const char *field = http_field_get(req, "authorization");
	struct answer now = answer_now(req);

	if (!e) {
		answer_fault(&now, KE_NOMEM, NULL);
		return;
	}
	if (!field || token_read(field, e)) {
		struct fault f = { 0 };
		store_denial_count(api->store, req->peer->address, "enrolment: no token", api_now(api));
		answer_fault_as(&now, 401,
		        fault_set(&f, KE_FORBIDDEN, "Authorization", NULL,
		                "Basic with token id and secret is wanted"),
		        &f);
		free(e);
		return;
	}
	enrol_begin(req, e);
}

void est_simplereenroll(struct http_request *req)
{
	struct enrol *e = calloc(1, sizeof *e);
	struct answer now = answer_now(req);

	if (!e) {
		answer_fault(&now, KE_NOMEM, NULL);
		return;
	}
	e->renews = true;
	snprintf(e->host, sizeof e->host, "%.63s", req->who.name);
	enrol_begin(req, e);
}
