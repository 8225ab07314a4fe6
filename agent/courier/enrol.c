/* enrol.c — the first contact, in five steps that read like the list: CAs under the token's pin, key and request,
 * certificate, roots until the token's hash is met, hand over. A certificate that is there already (an enrolment that was
 * cut off after it) is used and not asked for again, because the token is good for one. */
#include "agent/courier/enrol.h"

#include <ev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/x509.h>

#include "agent/courier/hostcert.h"
#include "agent/courier/problem.h"
#include "agent/courier/transfer.h"
#include "agent/ipc/frame.h"
#include "agent/ipc/seal.h"
#include "certs/cert.h"
#include "certs/csr.h"
#include "certs/est.h"
#include "certs/key.h"
#include "certs/token.h"
#include "proto/codec.h"
#include "proto/fileio.h"

#define ROOTS_MAX  1024
#define TIMEOUT_MS 60000
#define CONNECT_MS 10000

struct enrolment {
	const struct agent_config *config;
	struct ev_loop *loop;
	const struct clock *clock;
	struct token token;
	struct hostcert cert;
	struct transfers *transfers;
	char *ca_pem, *root;
	size_t ca_len, root_len;
};

/* ---- one question, waited for ---- */

struct wait {
	struct ev_loop *loop;
	int status;
	char *body;
	size_t len;
	struct fault fault;
};

static void answered(void *ctx, const struct transfer_answer *a)
{
	struct wait *w = ctx;

	if (a->fault) {
		w->fault = *a->fault;
	} else {
		w->status = a->status;
		w->len = a->len;
		w->body = malloc(a->len + 1);
		if (w->body)
			memcpy(w->body, a->body, a->len + 1);
		else
			fault_set(&w->fault, KE_NOMEM, NULL, NULL, "%s", "");
	}
	ev_break(w->loop, EVBREAK_ONE);
}

/* *RET_BODY is allocated, whatever the status. */
static int ask(struct enrolment *e, const struct transfer_request *rq, int *ret_status, char **ret_body,
        size_t *ret_len, struct fault *f)
{
	struct wait w = { .loop = e->loop };
	int rc = transfer_start(e->transfers, rq, answered, &w, NULL, f);

	if (rc)
		return rc;
	while (!w.body && !w.fault.code)
		ev_run(e->loop, 0);
	if (w.fault.code) {
		*f = w.fault;
		return f->code;
	}
	*ret_status = w.status;
	*ret_body = w.body;
	*ret_len = w.len;
	return KE_OK;
}

static int connect_as(struct enrolment *e, bool with_cert, struct fault *f)
{
	const struct transfer_options to = { .loop = e->loop,
		.clock = e->clock,
		.pin = e->token.pin,
		.cert_path = with_cert ? e->cert.cert_path : NULL,
		.key_path = with_cert ? e->cert.key_path : NULL,
		.proxy = e->config->proxy,
		.connect_ms = CONNECT_MS };

	transfers_close(e->transfers);
	e->transfers = NULL;
	return transfers_open(&to, &e->transfers, f);
}

/* ---- the server's CAs ---- */

/* EST's list has the CAs of hosts and operators too. Those that servers may be known by are the pinned one, and others of its
 * name (its successor, while it is replaced): a CA of hosts must not vouch for a server. */
static int server_cas(struct stack_st_X509 *list, const unsigned char pin[SHA256_LEN],
        struct stack_st_X509 *keep, struct fault *f)
{
	X509 *pinned = NULL;

	for (int i = 0; i < sk_X509_num(list) && !pinned; i++) {
		unsigned char spki[SHA256_LEN];
		X509 *cert = sk_X509_value(list, i);
		if (cert_is_ca(cert) && cert_spki(cert, spki) == KE_OK && memcmp(spki, pin, SHA256_LEN) == 0)
			pinned = cert;
	}
	if (!pinned)
		return fault_set(f, KE_MISMATCH, "cacerts", "ask for a new token",
		        "the server's list lacks the CA that the token names");
	for (int i = 0; i < sk_X509_num(list); i++) {
		X509 *cert = sk_X509_value(list, i);
		if (cert_is_ca(cert) &&
		        X509_NAME_cmp(X509_get_subject_name(cert), X509_get_subject_name(pinned)) == 0 &&
		        !sk_X509_push(keep, cert))
			return fault_set(f, KE_NOMEM, NULL, NULL, "%s", "");
	}
	return KE_OK;
}

static int take_cas(struct enrolment *e, const char *body, size_t len, struct fault *f)
{
	struct stack_st_X509 *list = NULL, *keep = sk_X509_new_null();
	int rc = keep ? est_certs_decode(body, len, &list, f) : fault_set(f, KE_NOMEM, NULL, NULL, "%s", "");

	if (!rc)
		rc = server_cas(list, e->token.pin, keep, f);
	if (!rc)
		rc = cert_list_to_pem(keep, &e->ca_pem, &e->ca_len, f);
	sk_X509_free(keep); /* the list's certificates */
	cert_list_free(list);
	return rc;
}

static int get_cas(struct enrolment *e, struct fault *f)
{
	char url[512], *body = NULL, text[PROBLEM_TEXT_ROOM];
	size_t len = 0;
	int status = 0;

	snprintf(url, sizeof url, "%s/.well-known/est/cacerts", e->config->server);
	const struct transfer_request rq = { .url = url, .max = EST_BODY_MAX, .timeout_ms = TIMEOUT_MS };
	int rc = ask(e, &rq, &status, &body, &len, f);
	if (!rc && status != 200)
		rc = fault_set(f, KE_HTTP, url, NULL, "%s", problem_text(status, body, len, text));
	if (!rc)
		rc = take_cas(e, body, len, f);
	free(body);
	return rc;
}

/* ---- the certificate ---- */

static int refused(int status, const char *body, size_t len, struct fault *f)
{
	char text[PROBLEM_TEXT_ROOM];

	problem_text(status, body, len, text);
	switch (status) {
	case 401:
		return fault_set(f, KE_FORBIDDEN, "token",
		        "it may be used up, expired or withdrawn: ask for a new one (kedge token create)",
		        "the server does not accept this token (%s)", text);
	case 403:
		return fault_set(f, KE_FORBIDDEN, "token",
		        "use the token that was made for this host, or correct host in agent.conf",
		        "the token is not for this host (%s)", text);
	case 409:
		return fault_set(f, KE_EXIST, "host",
		        "choose another host id, or have the old host deleted (kedge host delete)",
		        "the server knows a host of this name already (%s)", text);
	default:
		return fault_set(f, KE_HTTP, "simpleenroll", NULL, "%s", text);
	}
}

/* What the server issued must be what agent.conf says, or records would be refused later with a less clear reason. */
static int identity_is_ours(const struct enrolment *e, const X509 *cert, struct fault *f)
{
	struct identity id;
	char text[IDENTITY_ROOM];
	int rc = cert_identity(cert, &id, f);

	if (rc)
		return rc;
	if (id.kind == IDENTITY_HOST && strcmp(id.fleet, e->config->fleet) == 0 &&
	        strcmp(id.name, e->config->host) == 0)
		return KE_OK;
	return fault_set(f, KE_MISMATCH, "certificate", "correct host and fleet in agent.conf",
	        "was issued for %s, not for host %s of fleet %s", identity_format(&id, text), e->config->host,
	        e->config->fleet);
}

static int take_cert(struct enrolment *e, const EVP_PKEY *key, const char *body, size_t len, struct fault *f)
{
	struct stack_st_X509 *list = NULL, *own = NULL;
	X509 *cert = NULL;
	int rc = est_certs_decode(body, len, &list, f);

	if (!rc)
		rc = est_cert_for(list, key, &cert, f);
	if (!rc)
		rc = identity_is_ours(e, cert, f);
	if (!rc)
		rc = cert_list_of(cert, NULL, &own);
	if (!rc)
		rc = hostcert_accept(&e->cert, key, own, f);
	cert_list_free(own);
	cert_list_free(list);
	cert_free(cert);
	return rc;
}

static int get_cert(struct enrolment *e, struct fault *f)
{
	char url[512], secret[TOKEN_SECRET_ROOM], *request = NULL, *body = NULL;
	EVP_PKEY *key = NULL;
	size_t len = 0, request_len = 0;
	int status = 0, rc = hostcert_new_key(&e->cert, &key, f);

	if (!rc)
		rc = csr_make_base64(key, e->config->host, &request, &request_len, f);
	snprintf(url, sizeof url, "%s/.well-known/est/simpleenroll?host=%s", e->config->server,
	        e->config->host);
	const struct transfer_request rq = { .url = url,
		.type = "application/pkcs10",
		.body = request,
		.len = request_len,
		.base64 = true,
		.user = e->token.id,
		.secret = token_secret_text(&e->token, secret),
		.max = EST_BODY_MAX,
		.timeout_ms = TIMEOUT_MS };
	if (!rc)
		rc = ask(e, &rq, &status, &body, &len, f);
	if (!rc && status != 200)
		rc = refused(status, body, len, f);
	if (!rc)
		rc = take_cert(e, key, body, len, f);
	explicit_bzero(secret, sizeof secret);
	key_free(key);
	free(request);
	free(body);
	return rc;
}

/* ---- the first trusted root ---- */

/* The token names one root by its hash; which number it has, only the server knows. */
static int get_root(struct enrolment *e, struct fault *f)
{
	const char *repo = e->config->repo;

	for (unsigned n = 1; n <= ROOTS_MAX; n++) {
		char url[512], *body = NULL, text[PROBLEM_TEXT_ROOM];
		unsigned char digest[SHA256_LEN];
		size_t len = 0;
		int status = 0;
		snprintf(url, sizeof url, "%s%s/metadata/%u.root.json", repo ? repo : e->config->server,
		        repo ? "" : "/v1/repo", n);
		const struct transfer_request rq = {
			.url = url, .max = ENROL_ROOT_MAX, .timeout_ms = TIMEOUT_MS
		};
		int rc = ask(e, &rq, &status, &body, &len, f);
		if (rc)
			return rc;
		if (status == 200) {
			sha256(body, len, digest);
			if (memcmp(digest, e->token.root, SHA256_LEN) == 0) {
				e->root = body;
				e->root_len = len;
				return KE_OK;
			}
		} else if (status != 404) {
			rc = fault_set(f, KE_HTTP, url, NULL, "%s", problem_text(status, body, len, text));
		} else {
			rc = fault_set(f, KE_MISMATCH, "root.json", "ask for a new token",
			        "none of the %u roots that the server has is the one that the token names",
			        n - 1);
		}
		free(body);
		if (rc)
			return rc;
	}
	return fault_set(f, KE_TOOBIG, "root.json", NULL, "more than %d roots", ROOTS_MAX);
}

/* ---- the conversation with root's command ---- */

static int hand_over(int ipc, uint32_t what, const char *data, size_t len, struct fault *f)
{
	struct frame fr = frame_make(FRAME_FETCHED, what);
	int fd = -1, rc = seal_make("kedge-enrol", data, len, &fd, f);

	if (rc)
		return rc;
	fr.a = (int64_t)len;
	rc = frame_send(ipc, &fr, fd);
	close(fd);
	return rc ? fault_set(f, rc, "enrol", NULL, "the command is gone") : KE_OK;
}

static void hand_result(int ipc, const struct fault *f)
{
	struct frame fr = frame_make(FRAME_ANSWER, 0);

	fr.a = f->code;
	frame_say(&fr, "%s\n%s\n%s", f->where, f->what, f->todo);
	frame_send(ipc, &fr, -1);
}

static int token_receive(int ipc, struct token *ret, bool *ret_force, struct fault *f)
{
	struct frame fr;
	int payload = -1, rc = frame_receive(ipc, &fr, &payload);

	if (payload >= 0)
		close(payload);
	if (rc || fr.type != FRAME_ASK)
		return fault_set(f, rc ? rc : KE_PROTO, "--ipc", "run kedge-agent enrol", "no token came");
	rc = token_parse(fr.text, strlen(fr.text), ret, f);
	*ret_force = fr.a == ENROL_FORCE;
	explicit_bzero(&fr, sizeof fr);
	return rc;
}

static int enrol_all(struct enrolment *e, bool force, struct fault *f)
{
	int rc = hostcert_open(e->config->state_dir, &e->cert, f);

	if (!rc)
		rc = connect_as(e, false, f);
	if (!rc)
		rc = get_cas(e, f);
	if (!rc && (force || access(e->cert.cert_path, F_OK)))
		rc = get_cert(e, f);
	if (!rc)
		rc = connect_as(e, true, f);
	return rc ? rc : get_root(e, f);
}

int enrol_run(const struct agent_config *config, int ipc, struct ev_loop *loop, const struct clock *clock,
        struct fault *f)
{
	struct enrolment e = { .config = config, .loop = loop, .clock = clock };
	bool force = false;
	int rc = token_receive(ipc, &e.token, &force, f);

	if (!rc)
		rc = enrol_all(&e, force, f);
	transfers_close(e.transfers);
	if (!rc)
		rc = hand_over(ipc, ENROL_CA, e.ca_pem, e.ca_len, f);
	if (!rc)
		rc = hand_over(ipc, ENROL_ROOT, e.root, e.root_len, f);
	if (rc)
		f->code = rc;
	hand_result(ipc, rc ? f : &(struct fault){ 0 });
	token_wipe(&e.token);
	free(e.ca_pem);
	free(e.root);
	return rc;
}
