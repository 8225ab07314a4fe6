/* api_world.h — a whole kedge-server in the test's process: a PKI, a store, the API and its HTTP server on loopback with
 * TLS, a simulated TUF repository, and callers of every kind. Time stands at WORLD_NOW unless a test moves it. Header
 * only: each test is a program. */
#ifndef KEDGE_TESTS_SUPPORT_API_WORLD_H
#define KEDGE_TESTS_SUPPORT_API_WORLD_H

#include <ftw.h>
#include <stdatomic.h>

#include "tests/support/http_client.h"

#include <cJSON.h>

#include "certs/cert.h"
#include "certs/issue.h"
#include "certs/tls.h"
#include "proto/fileio.h"
#include "proto/jsonw.h"
#include "proto/record.h"
#include "proto/signkey.h"
#include "server-stub/api/api.h"
#include "tests/support/repo_sim.h"

#define WORLD_NOW   REPO_SIM_NOW
#define WORLD_FLEET "north"

enum caller {
	NOBODY,
	HOST,       /* web1, enrolled */
	OTHER_HOST, /* web2, enrolled */
	REVOKED,    /* old1, revoked */
	GHOST,      /* a good certificate of a host that is not enrolled here */
	VIEWER,
	OPERATOR,
	ADMIN,
	STRANGER, /* an operator's certificate without a role */
	EXPIRED,  /* web1's of long ago */
	OTHER_CA, /* web1's of a CA that is not ours */
	OTHER_FLEET,
	CALLERS
};

struct api_world {
	char dir[64];
	atomic_llong now;
	struct clock clock;
	struct ca *server_ca, *host_ca, *operator_ca, *other_ca;
	SSL_CTX *callers[CALLERS];
	struct api_settings settings;
	struct store *store;
	struct api *api;
	SSL_CTX *tls;
	struct http_server *server;
	uint16_t port;
	struct repo_sim *sim;
};

static const struct api_operator world_operators[] = { { "vera", HTTP_ROLE_VIEWER },
	{ "otto", HTTP_ROLE_OPERATOR }, { "anna", HTTP_ROLE_ADMIN } };

static inline int64_t world_wall(void *ctx)
{
	return atomic_load(&((struct api_world *)ctx)->now);
}

#define NEED(CALL)                                                                                           \
	do {                                                                                                 \
		struct fault need_f = { 0 };                                                                 \
		struct fault *f = &need_f;                                                                   \
		char need_line[1024];                                                                        \
		if (CALL)                                                                                    \
			fail_msg("%s: %s", #CALL, fault_line(f, need_line, sizeof need_line));               \
	} while (0)

/* DIR/NAME in one of eight buffers that take turns. */
static inline const char *world_at(const struct api_world *w, const char *name)
{
	static char paths[8][160];
	static unsigned turn;
	char *path = paths[turn++ % 8];

	snprintf(path, sizeof paths[0], "%s/%s", w->dir, name);
	return path;
}

static inline struct ca *world_ca(struct api_world *w, enum profile_kind kind, const char *name)
{
	struct ca *ca;
	char crt[64], key[64];

	snprintf(crt, sizeof crt, "%s.crt", name);
	snprintf(key, sizeof key, "%s.key", name);
	NEED(ca_make(kind, WORLD_FLEET, KEY_P256, WORLD_NOW - 400 * 86400, 0, &ca, f));
	NEED(ca_save(ca, world_at(w, crt), world_at(w, key), NULL, f));
	return ca;
}

/* A certificate of CA and its key as NAME.crt and NAME.key. */
static inline void world_issue(
        struct api_world *w, const struct ca *ca, struct issue what, const char *name, bool with_ca)
{
	struct stack_st_X509 *list;
	EVP_PKEY *key;
	X509 *cert;
	char crt[64], key_name[64];

	snprintf(crt, sizeof crt, "%s.crt", name);
	snprintf(key_name, sizeof key_name, "%s.key", name);
	NEED(key_make(KEY_P256, &key, f));
	what.key = key;
	NEED(issue_cert(ca, &what, &cert, f));
	NEED(cert_list_of(cert, with_ca ? ca_cert(ca) : NULL, &list));
	NEED(cert_list_save(world_at(w, crt), list, f));
	NEED(key_save(world_at(w, key_name), key, NULL, f));
	cert_list_free(list);
	cert_free(cert);
	key_free(key);
}

/* A client's context with NAME.crt (NULL: none). */
static inline SSL_CTX *world_client(struct api_world *w, const char *name)
{
	char crt[64], key[64];
	struct tls_client conf = {
		.server_name = "127.0.0.1", .ca_path = world_at(w, "server-ca.crt"), .clock = &w->clock
	};
	SSL_CTX *ctx;

	if (name) {
		snprintf(crt, sizeof crt, "%s.crt", name);
		snprintf(key, sizeof key, "%s.key", name);
		conf.cert_path = world_at(w, crt);
		conf.key_path = world_at(w, key);
	}
	NEED(tls_client_open(&conf, &ctx, f));
	return ctx;
}

static inline void world_caller(struct api_world *w, enum caller who, const struct ca *ca,
        enum identity_kind kind, const char *fleet, const char *id, int64_t now)
{
	struct issue what = { .kind = kind == IDENTITY_HOST ? PROFILE_HOST : PROFILE_OPERATOR, .now = now };
	char name[32];

	snprintf(name, sizeof name, "caller-%d", who);
	NEED(identity_make(kind, fleet, id, &what.id, f));
	world_issue(w, ca, what, name, false);
	/* A client refuses to use a certificate of its own that has expired: it believes in another time. */
	atomic_store(&w->now, now);
	w->callers[who] = world_client(w, name);
	atomic_store(&w->now, WORLD_NOW);
}

static inline void world_pki(struct api_world *w)
{
	static const char *const address[] = { "127.0.0.1" };
	struct issue server = {
		.kind = PROFILE_SERVER, .now = WORLD_NOW, .names = { .ip = address, .ip_count = 1 }
	};
	int64_t then = WORLD_NOW - 399 * 86400LL;

	w->server_ca = world_ca(w, PROFILE_SERVER_CA, "server-ca");
	w->host_ca = world_ca(w, PROFILE_HOST_CA, "host-ca");
	w->operator_ca = world_ca(w, PROFILE_OPERATOR_CA, "operator-ca");
	w->other_ca = world_ca(w, PROFILE_HOST_CA, "other-ca");
	world_issue(w, w->server_ca, server, "server", true);
	w->callers[NOBODY] = world_client(w, NULL);
	world_caller(w, HOST, w->host_ca, IDENTITY_HOST, WORLD_FLEET, "web1", WORLD_NOW);
	world_caller(w, OTHER_HOST, w->host_ca, IDENTITY_HOST, WORLD_FLEET, "web2", WORLD_NOW);
	world_caller(w, REVOKED, w->host_ca, IDENTITY_HOST, WORLD_FLEET, "old1", WORLD_NOW);
	world_caller(w, GHOST, w->host_ca, IDENTITY_HOST, WORLD_FLEET, "ghost", WORLD_NOW);
	world_caller(w, VIEWER, w->operator_ca, IDENTITY_OPERATOR, WORLD_FLEET, "vera", WORLD_NOW);
	world_caller(w, OPERATOR, w->operator_ca, IDENTITY_OPERATOR, WORLD_FLEET, "otto", WORLD_NOW);
	world_caller(w, ADMIN, w->operator_ca, IDENTITY_OPERATOR, WORLD_FLEET, "anna", WORLD_NOW);
	world_caller(w, STRANGER, w->operator_ca, IDENTITY_OPERATOR, WORLD_FLEET, "mallory", WORLD_NOW);
	world_caller(w, EXPIRED, w->host_ca, IDENTITY_HOST, WORLD_FLEET, "web1", then);
	world_caller(w, OTHER_CA, w->other_ca, IDENTITY_HOST, WORLD_FLEET, "web1", WORLD_NOW);
	world_caller(w, OTHER_FLEET, w->host_ca, IDENTITY_HOST, "south", "web1", WORLD_NOW);
}

static inline void world_enrol(struct api_world *w, const char *host)
{
	const struct store_actor actor = { "operator/anna", "admin", atomic_load(&w->now) };
	struct store_enrolment e = { .host = host,
		.cert_sha256 = "c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00",
		.not_after = WORLD_NOW + 86400 };

	NEED(store_host_enrol(w->store, &actor, &e, f));
}

/* Start (again) on the directory that is there. */
static inline void world_start(struct api_world *w)
{
	struct store_config store = { .where = world_at(w, "store.db"), .commit_ms = 1 };
	struct tls_server tls = { .cert_path = world_at(w, "server.crt"),
		.key_path = world_at(w, "server.key"),
		.host_ca_path = world_at(w, "host-ca.crt"),
		.operator_ca_path = world_at(w, "operator-ca.crt"),
		.clock = &w->clock };
	struct http_config http = { .address = "127.0.0.1",
		.threads = 1,
		.clock = &w->clock,
		.limits = http_limits_default(),
		.identify = api_identify,
		.refused = api_refused };

	NEED(store_open(&store, &w->store, f));
	NEED(api_open(w->store, &w->clock, 2, &w->settings, &w->api, f));
	NEED(tls_server_open(&tls, NULL, &w->tls, f));
	http.tls = w->tls;
	http.app = w->api;
	http.routes = api_routes(&http.n_routes);
	NEED(http_server_start(&http, &w->server, f));
	api_serve(w->api, w->server);
	w->port = http_server_port(w->server);
}

static inline void world_halt(struct api_world *w)
{
	http_server_stop(w->server, 2000);
	api_drain(w->api);
	store_close(w->store);
	http_server_free(w->server);
	api_close(w->api);
	SSL_CTX_free(w->tls);
}

/* Everything running; web1 and web2 enrolled, old1 revoked, nothing published. */
static inline struct api_world *world_open(void)
{
	struct api_world *w = calloc(1, sizeof *w);
	static char paths[5][96];
	static const char *const names[] = { "server.crt", "host-ca.crt", "host-ca.crt", "host-ca.key",
		"operator-ca.crt" };

	assert_non_null(w);
	NEED(tls_init(f));
	atomic_store(&w->now, WORLD_NOW);
	w->clock = (struct clock){ .wall = world_wall, .boot_ms = clock_system.boot_ms, .ctx = w };
	snprintf(w->dir, sizeof w->dir, "/tmp/kedge-api-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	world_pki(w);
	for (int i = 0; i < 5; i++)
		snprintf(paths[i], sizeof paths[i], "%s/%s", w->dir, names[i]);
	w->settings = (struct api_settings){ .fleet = WORLD_FLEET,
		.server_cert = paths[0],
		.host_ca = paths[1],
		.host_ca_cert = paths[2],
		.host_ca_key = paths[3],
		.operator_ca = paths[4],
		.poll = 60,
		.operators = world_operators,
		.n_operators = sizeof world_operators / sizeof world_operators[0] };
	world_start(w);
	world_enrol(w, "web1");
	world_enrol(w, "web2");
	world_enrol(w, "old1");
	const struct store_actor actor = { "operator/anna", "admin", WORLD_NOW };
	NEED(store_host_revoke(w->store, &actor, "old1", f));
	w->sim = repo_sim_new();
	return w;
}

static inline int world_remove(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static inline void world_close(struct api_world *w)
{
	world_halt(w);
	for (int i = 0; i < CALLERS; i++)
		SSL_CTX_free(w->callers[i]);
	ca_free(w->server_ca);
	ca_free(w->host_ca);
	ca_free(w->operator_ca);
	ca_free(w->other_ca);
	repo_sim_free(w->sim);
	assert_int_equal(nftw(w->dir, world_remove, 8, FTW_DEPTH | FTW_PHYS), 0);
	free(w);
}

/* ---- asking ---- */

static inline struct client *world_connect(struct api_world *w, enum caller who)
{
	return client_open(w->port, w->callers[who], NULL);
}

/* One request on C. FIELDS: further header lines, each with its CRLF, or NULL. free() the answer's body. */
static inline struct client_answer ask_on(struct client *c, const char *method, const char *path,
        const char *fields, const void *body, size_t len)
{
	char head[4096];
	int n = snprintf(
	        head, sizeof head, "%s %s HTTP/1.1\r\nHost: kedge\r\n%s", method, path, fields ? fields : "");

	if (body)
		n += snprintf(head + n, sizeof head - (size_t)n, "Content-Length: %zu\r\n", len);
	n += snprintf(head + n, sizeof head - (size_t)n, "\r\n");
	assert_true((size_t)n < sizeof head);
	client_send_bytes(c, head, (size_t)n);
	if (len)
		client_send_bytes(c, body, len);
	return client_recv(c, strcmp(method, "HEAD") == 0);
}

/* One request on a connection of its own; status -1: the connection was refused. */
static inline struct client_answer ask(struct api_world *w, enum caller who, const char *method,
        const char *path, const char *fields, const void *body, size_t len)
{
	struct client *c = world_connect(w, who);
	struct client_answer a = { .status = -1 };

	if (c)
		a = ask_on(c, method, path, fields, body, len);
	client_close(c);
	return a;
}

static inline int status_for(struct api_world *w, enum caller who, const char *method, const char *path,
        const char *fields, const char *body)
{
	struct client_answer a = ask(w, who, method, path, fields, body, body ? strlen(body) : 0);

	free(a.body);
	return a.status;
}

/* GET that must give 200 and JSON; cJSON_Delete() it. */
static inline cJSON *get_json(struct api_world *w, enum caller who, const char *path)
{
	struct client_answer a = ask(w, who, "GET", path, NULL, NULL, 0);
	cJSON *tree = NULL;
	struct fault f;

	if (a.status != 200)
		fail_msg("GET %s: %d %s", path, a.status, a.body ? a.body : "");
	if (strict_parse(a.body, a.len, &strict_limits_default, &tree, &f))
		fail_msg("GET %s: no JSON: %s: %s", path, a.body, f.what);
	free(a.body);
	return tree;
}

/* A member by a path of names and indices: "hosts", "0", "id"; ended by NULL. */
static inline const cJSON *json_at(const cJSON *at, ...)
{
	va_list ap;
	const char *name;

	va_start(ap, at);
	while (at && (name = va_arg(ap, const char *)))
		at = cJSON_IsArray(at) ? cJSON_GetArrayItem(at, atoi(name))
		                       : cJSON_GetObjectItemCaseSensitive(at, name);
	va_end(ap);
	return at;
}

static inline const char *json_text(const cJSON *node)
{
	return cJSON_IsString(node) ? node->valuestring : "(no string)";
}

/* ---- publishing ---- */

struct upload {
	struct buf json;
	struct jsonw w;
};

static inline void upload_add(struct upload *u, const char *name, const void *data, size_t len)
{
	char *text = malloc(BASE64_ROOM(len));

	assert_non_null(text);
	jsonw_object(&u->w, NULL);
	jsonw_string(&u->w, "name", name);
	jsonw_string(&u->w, "data", base64_encode(data, len, text));
	jsonw_object_end(&u->w);
	free(text);
}

static inline void upload_begin(struct upload *u)
{
	u->json = BUF_INIT(64u << 20);
	u->w = JSONW_INIT(&u->json, 0);
	jsonw_object(&u->w, NULL);
	jsonw_array(&u->w, "files");
}

static inline struct client_answer upload_send(struct api_world *w, enum caller who, struct upload *u)
{
	jsonw_array_end(&u->w);
	jsonw_object_end(&u->w);
	assert_int_equal(u->json.rc, 0);
	struct client_answer a = ask(
	        w, who, "PUT", "/v1/repo", "Content-Type: application/json\r\n", u->json.data, u->json.len);
	buf_free(&u->json);
	return a;
}

/* Does the last segment begin with a hash? The simulation serves each target under its plain name, too. */
static inline bool world_hashed(const char *name)
{
	const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name;

	return strspn(base, "0123456789abcdef") == 64 && base[64] == '.';
}

/* "targets/DIR/HASH.NAME" of the simulated target PATH, in a buffer of this function's. */
static inline const char *world_target(const struct api_world *w, const char *path)
{
	static char name[1200];
	const struct repo_sim_file *file = repo_sim_file(w->sim->targets, path);
	const char *base = strrchr(path, '/') + 1;
	unsigned char digest[SHA256_LEN];
	char hex[65];

	assert_non_null(file);
	sha256(file->data, file->len, digest);
	snprintf(name, sizeof name, "targets/%.*s%s.%s", (int)(base - path), path,
	        hex_encode(digest, sizeof digest, hex), base);
	return name;
}

/* All that the simulated repository has, but SKIP (a whole name, may be NULL). */
static inline void upload_sim(struct upload *u, const struct repo_sim *sim, const char *skip)
{
	char name[1200];

	for (int targets = 0; targets < 2; targets++)
		for (const struct repo_sim_file *file = targets ? sim->targets : sim->metadata; file;
		        file = file->next) {
			if (targets && !world_hashed(file->name))
				continue;
			snprintf(name, sizeof name, "%s/%s", targets ? "targets" : "metadata", file->name);
			if (!skip || strcmp(skip, name) != 0)
				upload_add(u, name, file->data, file->len);
		}
}

/* Publish the whole simulated repository; the answer's status. */
static inline int publish(struct api_world *w)
{
	struct upload u;

	upload_begin(&u);
	upload_sim(&u, w->sim, NULL);
	struct client_answer a = upload_send(w, ADMIN, &u);
	if (a.status != 204)
		print_message("publish: %d %s\n", a.status, a.body ? a.body : "");
	free(a.body);
	return a.status;
}

/* ---- reports ---- */

/* A host that tells records. */
struct voice {
	struct signkey *key;
	unsigned char pub[RECORD_KEY_LEN];
	struct chain chain;
	struct buf out; /* lines not sent yet */
};

#define VOICE_BOOT "0f8e1c2d-0000-4000-8000-123456789abc"

static inline void voice_tell(struct voice *v, enum record_kind kind, const char *body)
{
	NEED(record_append(&v->chain, kind, WORLD_NOW, VOICE_BOOT, body, strlen(body), v->key, &v->out, f));
}

/* Its first record, kind epoch, is told. AFTER: the chain that this one follows, or NULL. */
static inline void voice_open(struct voice *v, const char *host, uint64_t epoch, const struct chain *after)
{
	unsigned char seed[SIGNKEY_SEED_LEN] = { (unsigned char)epoch,
		(unsigned char)host[strlen(host) - 1] };
	struct record_epoch e = { 0 };
	struct buf body = BUF_INIT(4096);

	*v = (struct voice){ .chain = { .epoch = epoch }, .out = BUF_INIT(8u << 20) };
	snprintf(v->chain.host, sizeof v->chain.host, "%s", host);
	NEED(signkey_from_seed(seed, &v->key, f));
	NEED(record_key(v->key, v->pub));
	memcpy(e.key, v->pub, sizeof e.key);
	if (after) {
		e.has_after = true;
		e.after_epoch = after->epoch;
		e.after_seq = after->seq;
		memcpy(e.after_head, after->head, sizeof e.after_head);
	}
	record_epoch_write(&e, &body);
	voice_tell(v, RECORD_EPOCH, buf_text(&body));
	buf_free(&body);
}

static inline void voice_close(struct voice *v)
{
	signkey_free(v->key);
	buf_free(&v->out);
}

#define NDJSON "Content-Type: application/x-ndjson\r\n"

/* Send what was told (it stays told until buf_clear(&v->out)). */
static inline struct client_answer voice_send(struct api_world *w, enum caller who, const struct voice *v)
{
	char path[128];

	snprintf(path, sizeof path, "/v1/hosts/%s/reports", v->chain.host);
	return ask(w, who, "POST", path, NDJSON, v->out.data, v->out.len);
}

#define STATUS_BODY                                                                                          \
	"{\"agent_version\":\"0.1.0\",\"kernel\":\"6.1.0\",\"in_sync\":true,\"drifted\":0,\"policies\":[{"   \
	"\"name\":\"web\",\"version\":1,\"serial\":1,\"state\":\"applied\"}],\"facts\":{\"memory_bytes\":"   \
	"1024,\"labels\":{\"role\":\"web\"}}}"
#define DRIFT_BODY                                                                                           \
	"{\"key\":\"net.ipv4.tcp_fin_timeout\",\"wanted\":\"30\",\"old\":\"30\",\"new\":\"60\",\"mode\":"    \
	"\"enforce\",\"action\":\"restored\",\"source\":\"poll\",\"policy\":\"web\",\"version\":1,"          \
	"\"writer\":"                                                                                        \
	"{\"state\":\"unknown\"}}"
#define REFUSAL_BODY                                                                                         \
	"{\"what\":\"rollout\",\"name\":\"rollouts/web/1.json\",\"code\":\"selector\",\"reason\":\"not for " \
	"me\",\"serial\":1}"
#define APPLY_BODY                                                                                           \
	"{\"policy\":\"web\",\"version\":1,\"serial\":1,\"result\":\"applied\",\"keys\":[{\"key\":"          \
	"\"net.ipv4.tcp_fin_timeout\",\"outcome\":\"applied\",\"old\":\"60\",\"new\":\"30\"}]}"

#endif
