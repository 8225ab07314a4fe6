/* swarm_enrol.c — makes hosts: an operator asks for a token, the host asks with it for a certificate (EST). A few connections of
 * the operator make tokens, a few dozen hosts enrol at a time; the server signs as fast as it can. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cJSON.h>

#include "certs/cert.h"
#include "certs/csr.h"
#include "certs/est.h"
#include "certs/key.h"
#include "policies/knowledge.h"
#include "tests/sim/swarm_in.h"

/* Kernels and memories of the fleet, in turns. */
static const uint32_t kernels[] = { KERNEL(5, 10), KERNEL(6, 1), KERNEL(6, 1), KERNEL(6, 12) };
static const uint64_t memories[] = { 2ull << 30, 8ull << 30, 32ull << 30 };

static void pump(struct maker *m);

static bool host_make(struct sim_host *h)
{
	static char role[] = "role", web[] = "web";
	struct fault f = { 0 };
	uint64_t a = swarm_draw(h->swarm), b = swarm_draw(h->swarm);

	snprintf(h->id, sizeof h->id, "%.16s-%06u", h->swarm->opt.prefix, h->index);
	snprintf(h->boot_id, sizeof h->boot_id, "%08x-%04x-4%03x-8%03x-%012llx", (unsigned)a,
	        (unsigned)(a >> 32) & 0xffff, (unsigned)(a >> 48) & 0xfff, (unsigned)b & 0xfff,
	        (unsigned long long)(b >> 16));
	snprintf(h->chain.host, sizeof h->chain.host, "%s", h->id);
	h->chain.epoch = swarm_draw(h->swarm) | 1;
	h->label = (struct label){ role, web };
	h->facts = (struct host_facts){ .kernel = kernels[h->index % 4],
		.memory_bytes = memories[h->index % 3],
		.cpus = 2,
		.labels = &h->label,
		.n_labels = 1 };
	if (signkey_generate(SIGNKEY_ED25519, &h->sign, &f) || key_make(KEY_P256, &h->key, &f)) {
		host_trouble(h, "its keys", &f);
		return false;
	}
	return true;
}

/* ---- the certificate ---- */

static bool take_cert(struct sim_host *h, const struct wire_answer *a, struct fault *f)
{
	struct stack_st_X509 *list = NULL;

	if (a->status != 200) {
		fault_set(f, KE_HTTP, "simpleenroll", NULL, "status %d %.100s", a->status, a->body);
		return false;
	}
	int rc = est_certs_decode(a->body, a->len, &list, f);
	if (!rc)
		rc = est_cert_for(list, h->key, &h->cert, f);
	cert_list_free(list);
	return !rc;
}

static void enrolled(void *ctx, const struct wire_answer *a)
{
	struct sim_host *h = ctx;
	struct swarm *s = h->swarm;
	struct fault f = { 0 };

	if (!take_cert(h, a, &f))
		host_trouble(h, "enrolment", &f);
	wire_close(h->wire);
	h->wire = NULL;
	s->enrolling--;
	if (h->cert) {
		s->counts.enrolled++;
		say_epoch(h);
		say_status(h);
		host_go(h);
	}
	enrol_more(s);
}

static void base64(const char *text, char *out)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i += 3) {
		size_t left = len - i;
		unsigned v = (unsigned)(unsigned char)text[i] << 16;
		if (left > 1)
			v |= (unsigned)(unsigned char)text[i + 1] << 8;
		if (left > 2)
			v |= (unsigned char)text[i + 2];
		*out++ = digits[v >> 18];
		*out++ = digits[v >> 12 & 63];
		*out++ = left > 1 ? digits[v >> 6 & 63] : '=';
		*out++ = left > 2 ? digits[v & 63] : '=';
	}
	*out = '\0';
}

static void enrol(struct sim_host *h)
{
	char user[TOKEN_ID_ROOM + TOKEN_SECRET_ROOM], secret[TOKEN_SECRET_ROOM], code[2 * sizeof user],
	        fields[sizeof code + 128];
	struct wire_to to = h->swarm->as_host; /* has no certificate yet */
	struct fault f = { 0 };
	char *csr = NULL;
	size_t len = 0;

	snprintf(user, sizeof user, "%s:%s", h->token.id, token_secret_text(&h->token, secret));
	base64(user, code);
	snprintf(fields, sizeof fields, "Authorization: Basic %s\r\nContent-Type: application/pkcs10\r\n",
	        code);
	h->wire = wire_open(&to);
	if (!h->wire || csr_make_base64(h->key, h->id, &csr, &len, &f) ||
	        !wire_ask(h->wire, "POST", "/.well-known/est/simpleenroll", fields, csr, len, enrolled, h)) {
		host_trouble(h, "enrolment", &f);
		h->swarm->enrolling--;
	}
	free(csr);
}

/* ---- the token ---- */

static bool take_token(struct sim_host *h, const struct wire_answer *a)
{
	struct fault f = { 0 };
	cJSON *tree = a->status == 201 ? cJSON_ParseWithLength(a->body, a->len) : NULL;
	const cJSON *text = cJSON_GetObjectItemCaseSensitive(tree, "token");
	bool good = cJSON_IsString(text) &&
	            !token_parse(text->valuestring, strlen(text->valuestring), &h->token, &f);

	if (!good)
		fault_set(&f, KE_HTTP, "tokens", NULL, "status %d %.100s", a->status, a->body);
	cJSON_Delete(tree);
	if (!good)
		host_trouble(h, "its token", &f);
	return good;
}

static void made(void *ctx, const struct wire_answer *a)
{
	struct maker *m = ctx;
	struct sim_host *h = m->host;

	m->host = NULL;
	if (!a->status) {
		wire_close(m->wire);
		m->wire = NULL;
	}
	if (take_token(h, a))
		enrol(h);
	else
		h->swarm->enrolling--;
	enrol_more(h->swarm);
}

/* Ask for the next host's token. */
static void pump(struct maker *m)
{
	struct swarm *s = m->host->swarm;
	char body[128];

	if (!m->wire)
		m->wire = wire_open(&s->as_operator);
	snprintf(body, sizeof body, "{\"host\":\"%s\",\"labels\":{\"role\":\"web\"}}", m->host->id);
	if (!m->wire || !wire_ask(m->wire, "POST", "/v1/tokens", "Content-Type: application/json\r\n", body,
	                        strlen(body), made, m)) {
		const struct wire_answer none = { .etag = "", .body = "no connection" };
		made(m, &none);
	}
}

void enrol_more(struct swarm *s)
{
	for (size_t i = 0; i < SWARM_MAKERS; i++) {
		struct maker *m = &s->makers[i];
		if (m->host || s->next == s->opt.hosts || s->enrolling == SWARM_ENROLS)
			continue;
		m->host = &s->hosts[s->next++];
		s->enrolling++;
		if (host_make(m->host))
			pump(m);
		else
			m->host = NULL;
	}
	if (s->next == s->opt.hosts && !s->enrolling)
		for (size_t i = 0; i < SWARM_MAKERS; i++) {
			wire_close(s->makers[i].wire);
			s->makers[i].wire = NULL;
		}
}
