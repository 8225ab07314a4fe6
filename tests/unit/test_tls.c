/* TLS as it is spoken: handshakes over a pair of memory BIOs between the contexts of tls.h and the forest of good and bad
 * certificates that kedge-devca makes. Every bad tree must be refused, and for its own reason. */
#include <fcntl.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "certs/cert.h"
#include "certs/issue.h"
#include "certs/key.h"
#include "certs/tls.h"
#include "proto/fileio.h"

extern char **environ;

/* ---- the world ---- */

#define PATHS 8
static char dir[] = "/tmp/kedge-tls-XXXXXX";
static int64_t skew; /* seconds the test's clock is ahead */

static int64_t skewed_wall(void *ctx)
{
	(void)ctx;
	return (int64_t)time(NULL) + skew;
}

static const struct clock test_clock = { .wall = skewed_wall };

/* DIR/NAME in one of a few buffers that take turns. */
static const char *at(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static const char *at(const char *fmt, ...)
{
	static char paths[PATHS][256];
	static unsigned turn;
	char *path = paths[turn++ % PATHS];
	va_list ap;
	int n = snprintf(path, 256, "%s/", dir);
	va_start(ap, fmt);
	vsnprintf(path + n, 256 - (size_t)n, fmt, ap);
	va_end(ap);
	return path;
}

static int run(const char *const *argv)
{
	pid_t pid;
	int status = -1;
	posix_spawn_file_actions_t quiet;
	posix_spawn_file_actions_init(&quiet);
	posix_spawn_file_actions_addopen(&quiet, 2, at("stderr"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
	int rc = posix_spawnp(&pid, argv[0], &quiet, NULL, (char *const *)(uintptr_t)argv, environ);
	posix_spawn_file_actions_destroy(&quiet);
	if (rc)
		return -1;
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

static int plant(void **state)
{
	(void)state;
	const char *argv[] = { KEDGE_BIN_DIR "/kedge-devca", "forest", dir, NULL };
	return mkdtemp(dir) ? run(argv) : -1;
}

static int fell(void **state)
{
	(void)state;
	const char *argv[] = { "rm", "-r", dir, NULL };
	return run(argv);
}

/* ---- handshakes ---- */

struct link {
	SSL *client, *server;
	bool done;
};

static struct link link_open(SSL_CTX *client, SSL_CTX *server, SSL_SESSION *session)
{
	struct link l = { SSL_new(client), SSL_new(server), false };
	BIO *a, *b;
	assert_int_equal(BIO_new_bio_pair(&a, 65536, &b, 65536), 1);
	SSL_set_bio(l.client, a, a);
	SSL_set_bio(l.server, b, b);
	SSL_set_connect_state(l.client);
	SSL_set_accept_state(l.server);
	if (session)
		assert_int_equal(SSL_set_session(l.client, session), 1);
	bool failed = false;
	for (int i = 0;
	        i < 20 && !failed && !(SSL_is_init_finished(l.client) && SSL_is_init_finished(l.server));
	        i++) {
		SSL *turn = i % 2 ? l.server : l.client;
		ERR_clear_error();
		int rc = SSL_do_handshake(turn);
		failed = rc <= 0 && SSL_get_error(turn, rc) != SSL_ERROR_WANT_READ;
	}
	/* The client hears of a refused certificate, and of its ticket, with the first read. */
	char byte;
	l.done = !failed && SSL_write(l.server, "s", 1) == 1 && SSL_read(l.client, &byte, 1) == 1 &&
	         SSL_write(l.client, "c", 1) == 1 && SSL_read(l.server, &byte, 1) == 1;
	ERR_clear_error();
	return l;
}

static void link_close(struct link *l)
{
	/* A session that was not closed is not resumed: RFC 8446 allows it, OpenSSL does not. */
	SSL_set_shutdown(l->client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(l->client);
	SSL_free(l->server);
}

static SSL_CTX *good_server(SSL_CTX *previous)
{
	struct tls_server conf = { .cert_path = at("server.crt"),
		.key_path = at("server.key"),
		.host_ca_path = at("host-ca.crt"),
		.operator_ca_path = at("operator-ca.crt"),
		.clock = &test_clock };
	SSL_CTX *ctx = NULL;
	struct fault f;
	char line[1024];
	if (tls_server_open(&conf, previous, &ctx, &f))
		fail_msg("%s", fault_line(&f, line, sizeof line));
	return ctx;
}

/* A client with the certificate NAME (NULL: none), a pin, or a CA file. */
static SSL_CTX *good_client(const char *name, const unsigned char *pin, const char *host, struct verdict *v)
{
	struct tls_client conf = { .server_name = host,
		.ca_path = pin ? NULL : at("server-ca.crt"),
		.pin = pin,
		.clock = &test_clock,
		.verdict = v };
	SSL_CTX *ctx = NULL;
	struct fault f;
	char line[1024];
	if (name) {
		conf.cert_path = at("%s.crt", name);
		conf.key_path = at("%s.key", name);
	}
	if (tls_client_open(&conf, &ctx, &f))
		fail_msg("%s", fault_line(&f, line, sizeof line));
	return ctx;
}

/* A peer without any scruples: shows whatever it is given and trusts everybody. */
static SSL_CTX *evil_peer(const SSL_METHOD *method, const char *name)
{
	SSL_CTX *ctx = SSL_CTX_new(method);
	EVP_PKEY *key = NULL;
	FILE *fp = fopen(at("forest/%s.key", name), "r");
	SSL_CTX_set_security_level(ctx, 0);
	assert_int_equal(SSL_CTX_use_certificate_chain_file(ctx, at("forest/%s.crt", name)), 1);
	assert_non_null(fp);
	key = PEM_read_PrivateKey(fp, NULL, NULL, NULL);
	fclose(fp);
	assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
	EVP_PKEY_free(key);
	return ctx;
}

struct tree {
	char side[16], name[64], reason[32];
};

static size_t forest_list(struct tree *trees, size_t room)
{
	FILE *fp = fopen(at("forest.tsv"), "r");
	size_t n = 0;
	assert_non_null(fp);
	while (n < room && fscanf(fp, "%15s %63s %31s", trees[n].side, trees[n].name, trees[n].reason) == 3)
		n++;
	fclose(fp);
	return n;
}

/* ---- tests ---- */

static void clients_refuse_bad_servers(void **state)
{
	(void)state;
	struct tree trees[64];
	size_t n = forest_list(trees, 64), seen = 0;
	unsigned char pin[SHA256_LEN];
	assert_int_equal(tls_server_pin(at("server.crt"), pin, NULL), 0);
	for (size_t i = 0; i < 2 * n; i++) {
		const struct tree *t = &trees[i / 2];
		if (strcmp(t->side, "server") != 0)
			continue;
		struct verdict v = { .reason = VERIFY_BROKEN };
		SSL_CTX *server = evil_peer(TLS_server_method(), t->name);
		SSL_CTX *client = good_client(NULL, i % 2 ? pin : NULL, "localhost", &v);
		struct link l = link_open(client, server, NULL);
		/* With a pin there is no list of CAs: who is not below the pinned one has the wrong pin. */
		const char *want = t->reason;
		if (i % 2 && (strcmp(want, "other-ca") == 0 || strcmp(want, "self-signed") == 0))
			want = "wrong-pin";
		/* Of a sub CA's chain the pinned one is not sent. */
		if (i % 2 && strcmp(t->name, "server-sub-ca") == 0)
			want = "wrong-pin";
		if (strcmp(verify_name(v.reason), want) != 0 || l.done != (v.reason == VERIFY_OK))
			fail_msg("%s%s: %s, not %s", t->name, i % 2 ? " (pin)" : "", verify_name(v.reason),
			        want);
		assert_int_equal(tls_peer_reason(l.client), v.reason);
		struct fault f = { 0 };
		assert_int_equal(verdict_fault(&v, &f) == 0, l.done);
		if (!l.done)
			assert_non_null(strstr(f.what, verify_text(v.reason)));
		link_close(&l);
		SSL_CTX_free(client);
		SSL_CTX_free(server);
		seen++;
	}
	assert_true(seen >= 28);
}

static void servers_refuse_bad_clients(void **state)
{
	(void)state;
	struct tree trees[64];
	size_t n = forest_list(trees, 64), seen = 0;
	SSL_CTX *server = good_server(NULL);
	for (size_t i = 0; i < n; i++) {
		const struct tree *t = &trees[i];
		/* TLS 1.3 has no signature scheme for P-192. */
		if (strcmp(t->side, "client") != 0 || strcmp(t->name, "host-p192") == 0)
			continue;
		SSL_CTX *client = evil_peer(TLS_client_method(), t->name);
		struct link l = link_open(client, server, NULL);
		if (strcmp(verify_name(tls_peer_reason(l.server)), t->reason) != 0 ||
		        l.done != (strcmp(t->reason, "ok") == 0))
			fail_msg(
			        "%s: %s, not %s", t->name, verify_name(tls_peer_reason(l.server)), t->reason);
		if (l.done) {
			struct peer_identity id;
			assert_int_equal(tls_peer_identity(l.server, NULL, &id, NULL, NULL), 0);
			assert_string_equal(id.id.fleet, "forest");
			assert_string_equal(id.id.name, t->name[0] == 'h' ? "oak" : "ann");
			assert_int_equal(id.id.kind, t->name[0] == 'h' ? IDENTITY_HOST : IDENTITY_OPERATOR);
		}
		link_close(&l);
		SSL_CTX_free(client);
		seen++;
	}
	assert_true(seen >= 18);
	SSL_CTX_free(server);
}

/* The same trees without a handshake, also those that TLS 1.3 cannot carry. */
static void judged_without_a_handshake(void **state)
{
	(void)state;
	struct tree trees[64];
	size_t n = forest_list(trees, 64);
	struct anchors *anchors;
	assert_int_equal(anchors_load(at("host-ca.crt"), at("operator-ca.crt"), &anchors, NULL), 0);
	for (size_t i = 0; i < n; i++) {
		STACK_OF(X509) * list;
		struct verdict v;
		if (strcmp(trees[i].side, "client") != 0)
			continue;
		assert_int_equal(cert_list_load(at("forest/%s.crt", trees[i].name), &list, NULL), 0);
		anchors_identify(anchors, sk_X509_value(list, 0), time(NULL), NULL, &v, NULL);
		if (strcmp(verify_name(v.reason), trees[i].reason) != 0)
			fail_msg("%s: %s (%s), not %s", trees[i].name, verify_name(v.reason), v.detail,
			        trees[i].reason);
		cert_list_free(list);
	}
	anchors_free(anchors);
}

/* A server's certificate COUNT intermediate CAs below a CA that sets no limit of its own. */
static enum verify_reason below_intermediates(int count, int *ret_ms)
{
	struct issue_raw raw = { .common_name = "deep",
		.not_before = time(NULL) - 60,
		.not_after = time(NULL) + 600,
		.basic_constraints = "critical,CA:TRUE",
		.key_usage = "critical,keyCertSign" };
	STACK_OF(X509) *cas = NULL, *chain = sk_X509_new_null();
	EVP_PKEY *key;
	X509 *above = NULL;
	assert_int_equal(key_make(KEY_P256, &key, NULL), 0);
	raw.key = key;
	for (int i = 0; i <= count; i++) {
		char name[16];
		snprintf(name, sizeof name, "ca %d", i);
		raw.common_name = name;
		X509 *cert;
		assert_int_equal(issue_raw(&raw, above, key, &cert, NULL), 0);
		if (!above)
			assert_int_equal(cert_list_of(cert, NULL, &cas), 0);
		sk_X509_push(chain, cert);
		above = cert;
	}
	struct issue_raw leaf = { .common_name = "leaf",
		.key = key,
		.not_before = raw.not_before,
		.not_after = raw.not_after,
		.basic_constraints = "CA:FALSE",
		.key_usage = "digitalSignature",
		.ext_key_usage = "serverAuth",
		.alt_names = "DNS:localhost" };
	X509 *cert;
	struct verdict v;
	assert_int_equal(issue_raw(&leaf, above, key, &cert, NULL), 0);
	struct verify_server want = { .cas = cas, .name = "localhost", .now = time(NULL) };
	clock_t start = clock();
	verify_server_cert(cert, chain, &want, &v);
	*ret_ms = (int)((clock() - start) * 1000 / CLOCKS_PER_SEC);
	cert_free(cert);
	cert_list_free(chain);
	cert_list_free(cas);
	key_free(key);
	return v.reason;
}

static void chains_have_a_limit(void **state)
{
	(void)state;
	static const struct {
		int count;
		enum verify_reason reason;
	} rows[] = { { 0, VERIFY_OK }, { 1, VERIFY_OK }, { 3, VERIFY_OK }, { 4, VERIFY_TOO_DEEP },
		{ 16, VERIFY_TOO_DEEP }, { 50, VERIFY_TOO_DEEP } };
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		int ms = 0;
		enum verify_reason got = below_intermediates(rows[i].count, &ms);
		if (got != rows[i].reason || ms >= 1000)
			fail_msg("%d intermediates: %s after %d ms", rows[i].count, verify_name(got), ms);
	}
}

static void a_client_may_be_nobody(void **state)
{
	(void)state;
	SSL_CTX *server = good_server(NULL), *client = good_client(NULL, NULL, "localhost", NULL);
	struct link l = link_open(client, server, NULL);
	struct peer_identity id = { .id.kind = IDENTITY_HOST };
	assert_true(l.done);
	assert_int_equal(SSL_version(l.client), TLS1_3_VERSION);
	assert_int_equal(tls_peer_identity(l.server, NULL, &id, NULL, NULL), 0);
	assert_int_equal(id.id.kind, IDENTITY_NONE);
	link_close(&l);
	SSL_CTX_free(client);
	/* Older versions are not spoken by either. */
	client = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_max_proto_version(client, TLS1_2_VERSION);
	l = link_open(client, server, NULL);
	assert_false(l.done);
	link_close(&l);
	SSL_CTX_free(client);
	SSL_CTX_free(server);
	client = good_client(NULL, NULL, "localhost", NULL);
	server = evil_peer(TLS_server_method(), "server-good");
	SSL_CTX_set_max_proto_version(server, TLS1_2_VERSION);
	l = link_open(client, server, NULL);
	assert_false(l.done);
	link_close(&l);
	SSL_CTX_free(client);
	SSL_CTX_free(server);
}

static void names_pins_and_clocks(void **state)
{
	(void)state;
	unsigned char pin[SHA256_LEN], host_pin[SHA256_LEN], leaf_pin[SHA256_LEN];
	STACK_OF(X509) * list;
	assert_int_equal(tls_server_pin(at("server.crt"), pin, NULL), 0);
	assert_int_equal(tls_server_pin(at("host-ca.crt"), host_pin, NULL), 0);
	assert_int_equal(cert_list_load(at("server.crt"), &list, NULL), 0);
	assert_int_equal(cert_spki(sk_X509_value(list, 0), leaf_pin), 0);
	cert_list_free(list);
	const struct {
		const char *name;
		const unsigned char *pin;
		int64_t skew;
		enum verify_reason reason;
		int code;
		const char *remark;
	} rows[] = {
		{ "localhost", NULL, 0, VERIFY_OK, KE_OK, "by name" },
		{ "127.0.0.1", NULL, 0, VERIFY_OK, KE_OK, "by address" },
		{ "127.0.0.2", NULL, 0, VERIFY_WRONG_HOST, KE_MISMATCH, "another address" },
		{ "localhos", NULL, 0, VERIFY_WRONG_HOST, KE_MISMATCH, "another name" },
		{ "localhost", pin, 0, VERIFY_OK, KE_OK, "by pin" },
		{ "127.0.0.2", pin, 0, VERIFY_WRONG_HOST, KE_MISMATCH, "pin, another address" },
		{ "localhost", host_pin, 0, VERIFY_WRONG_PIN, KE_MISMATCH, "pin of another CA" },
		{ "localhost", leaf_pin, 0, VERIFY_WRONG_PIN, KE_MISMATCH, "pin of the server itself" },
		{ "localhost", NULL, 366 * 86400, VERIFY_EXPIRED, KE_EXPIRED, "a year later" },
		{ "localhost", pin, 366 * 86400, VERIFY_EXPIRED, KE_EXPIRED, "pin, a year later" },
		{ "localhost", NULL, -86400, VERIFY_NOT_YET_VALID, KE_CLOCK, "a day too early" },
	};
	SSL_CTX *server = good_server(NULL);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct verdict v;
		skew = rows[i].skew;
		SSL_CTX *client = good_client(NULL, rows[i].pin, rows[i].name, &v);
		struct link l = link_open(client, server, NULL);
		if (v.reason != rows[i].reason || l.done != (v.reason == VERIFY_OK))
			fail_msg("%s: %s", rows[i].remark, verify_name(v.reason));
		assert_int_equal(verdict_fault(&v, NULL), rows[i].code);
		link_close(&l);
		SSL_CTX_free(client);
	}
	skew = 0;
	SSL_CTX_free(server);
}

/* A ticket lets a client in without its certificate being checked in the handshake: it must be checked all the same. */
static void resumed_sessions_are_judged_again(void **state)
{
	(void)state;
	SSL_CTX *server = good_server(NULL);
	SSL_CTX *client = good_client("forest/host-good", NULL, "localhost", NULL);
	struct link l = link_open(client, server, NULL);
	struct peer_identity id;
	struct verdict v;
	assert_true(l.done);
	SSL_SESSION *session = SSL_get1_session(l.client);
	assert_true(SSL_SESSION_is_resumable(session));
	link_close(&l);
	/* The reloaded server knows the ticket of the one before. */
	SSL_CTX *reloaded = good_server(server);
	SSL_CTX_free(server);
	l = link_open(client, reloaded, session);
	assert_true(l.done);
	assert_int_equal(SSL_session_reused(l.server), 1);
	assert_int_equal(tls_peer_identity(l.server, NULL, &id, &v, NULL), 0);
	assert_string_equal(id.id.name, "oak");
	/* The same connection a year later, and under a context that has dropped the host CA. */
	skew = 370 * 86400;
	assert_int_equal(tls_peer_identity(l.server, NULL, &id, &v, NULL), KE_EXPIRED);
	assert_int_equal(v.reason, VERIFY_EXPIRED);
	skew = 0;
	struct tls_server conf = { .cert_path = at("server.crt"),
		.key_path = at("server.key"),
		.operator_ca_path = at("operator-ca.crt"),
		.clock = &test_clock };
	SSL_CTX *without;
	assert_int_equal(tls_server_open(&conf, reloaded, &without, NULL), 0);
	assert_int_equal(tls_peer_identity(l.server, without, &id, &v, NULL), KE_UNTRUSTED);
	assert_int_equal(v.reason, VERIFY_OTHER_CA);
	link_close(&l);
	/* A stranger's server cannot read the ticket and makes a full handshake of it, no alert. */
	SSL_CTX *stranger = good_server(NULL);
	l = link_open(client, stranger, session);
	assert_true(l.done);
	assert_int_equal(SSL_session_reused(l.server), 0);
	link_close(&l);
	SSL_SESSION_free(session);
	SSL_CTX_free(stranger);
	SSL_CTX_free(without);
	SSL_CTX_free(reloaded);
	SSL_CTX_free(client);
}

static void bundle(const char *path, const char *one, const char *two)
{
	char *a, *b, *text;
	size_t n, m;
	assert_int_equal(file_read(one, CERT_FILE_MAX, &a, &n, NULL), 0);
	assert_int_equal(file_read(two, CERT_FILE_MAX, &b, &m, NULL), 0);
	text = malloc(n + m);
	memcpy(text, a, n);
	memcpy(text + n, b, m);
	assert_int_equal(file_replace(path, text, n + m, 0644, FILE_VOLATILE, NULL), 0);
	file_free(a);
	file_free(b);
	free(text);
}

/* While a CA is replaced both count; and the CA a certificate came from is told. */
static void two_cas_overlap(void **state)
{
	(void)state;
	struct ca *ca[2];
	X509 *cert[2];
	EVP_PKEY *key;
	struct anchors *anchors;
	assert_int_equal(key_make(KEY_P256, &key, NULL), 0);
	for (int i = 0; i < 2; i++) {
		struct issue what = { .kind = PROFILE_HOST,
			.key = key,
			.now = time(NULL),
			.id = { IDENTITY_HOST, "forest", "elm" } };
		assert_int_equal(
		        ca_make(PROFILE_HOST_CA, "forest", KEY_P256, time(NULL), 0, &ca[i], NULL), 0);
		assert_int_equal(issue_cert(ca[i], &what, &cert[i], NULL), 0);
		assert_int_equal(cert_save(at("ca%d.crt", i), ca_cert(ca[i]), NULL), 0);
	}
	bundle(at("both.crt"), at("ca0.crt"), at("ca1.crt"));
	assert_int_equal(anchors_load(at("both.crt"), at("operator-ca.crt"), &anchors, NULL), 0);
	for (int i = 0; i < 2; i++) {
		struct peer_identity id;
		unsigned char want[SHA256_LEN];
		assert_int_equal(anchors_identify(anchors, cert[i], time(NULL), &id, NULL, NULL), 0);
		assert_int_equal(cert_fingerprint(ca_cert(ca[i]), want), 0);
		assert_memory_equal(id.ca, want, sizeof want);
		assert_int_equal(cert_fingerprint(cert[i], want), 0);
		assert_memory_equal(id.fingerprint, want, sizeof want);
	}
	anchors_free(anchors);
	anchors = NULL;
	struct fault f;
	assert_int_equal(anchors_load(at("both.crt"), at("ca1.crt"), &anchors, &f), KE_DUPLICATE);
	assert_int_equal(
	        anchors_load(at("forest/host-good.crt"), NULL, &anchors, &f), KE_UNTRUSTED); /* no CA */
	assert_int_equal(anchors_load(at("absent.crt"), NULL, &anchors, &f), KE_NOENT);
	assert_null(anchors);
	for (int i = 0; i < 2; i++) {
		cert_free(cert[i]);
		ca_free(ca[i]);
	}
	key_free(key);
}

static void bad_configurations_are_told(void **state)
{
	(void)state;
	const struct {
		const char *cert, *key;
		int64_t skew;
		int rc;
		const char *remark;
	} rows[] = {
		{ "server.crt", "server.key", 0, KE_OK, "good" },
		{ "server.crt", "host-ca.key", 0, KE_MISMATCH, "another key" },
		{ "absent.crt", "server.key", 0, KE_NOENT, "no certificate" },
		{ "server.crt", "absent.key", 0, KE_NOENT, "no key" },
		{ "server.key", "server.key", 0, KE_SYNTAX, "a key for a certificate" },
		{ "server.crt", "server.crt", 0, KE_ACCES, "a public file for a key" },
		{ "server-ca.crt", "server-ca.key", 0, KE_UNTRUSTED, "the CA itself" },
		{ "forest/host-good.crt", "forest/host-good.key", 0, KE_UNTRUSTED, "a client's certificate" },
		{ "forest/server-expired.crt", "forest/server-expired.key", 0, KE_EXPIRED, "expired" },
		{ "forest/server-early.crt", "forest/server-early.key", 0, KE_CLOCK, "not yet valid" },
		{ "forest/server-rsa1024.crt", "forest/server-rsa1024.key", 0, KE_KEY, "a weak key" },
		{ "server.crt", "server.key", 366 * 86400, KE_EXPIRED, "good, but a year later" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct tls_server server = { .cert_path = at("%s", rows[i].cert),
			.key_path = at("%s", rows[i].key),
			.clock = &test_clock };
		struct fault f = { 0 };
		SSL_CTX *ctx = NULL;
		skew = rows[i].skew;
		int rc = tls_server_open(&server, NULL, &ctx, &f);
		skew = 0;
		if (rc != rows[i].rc || (rc && !f.what[0]) || (rc == 0) != (ctx != NULL))
			fail_msg("%s: %d %s", rows[i].remark, rc, f.what);
		SSL_CTX_free(ctx);
	}
	SSL_CTX *ctx = NULL;
	struct tls_client client = { .server_name = "localhost", .clock = &test_clock };
	assert_int_equal(tls_client_open(&client, &ctx, NULL), KE_USAGE); /* nothing to trust */
	client.ca_path = at("server-ca.crt");
	client.server_name = "";
	assert_int_equal(tls_client_open(&client, &ctx, NULL), KE_USAGE); /* nobody to meet */
	client.server_name = "localhost";
	client.cert_path = at("forest/host-expired.crt");
	client.key_path = at("forest/host-expired.key");
	assert_int_equal(tls_client_open(&client, &ctx, NULL), KE_EXPIRED);
	assert_null(ctx);
	unsigned char pin[SHA256_LEN];
	struct fault f;
	assert_int_equal(tls_server_pin(at("absent.crt"), pin, &f), KE_NOENT);
	STACK_OF(X509) * list;
	assert_int_equal(cert_list_load(at("server.crt"), &list, NULL), 0);
	assert_int_equal(cert_save(at("leaf.crt"), sk_X509_value(list, 0), NULL), 0);
	cert_list_free(list);
	assert_int_equal(tls_server_pin(at("leaf.crt"), pin, &f), KE_SCHEMA);
}

/* Whatever a context trusted before, as libcurl's default bundle, counts no more. */
static void earlier_trust_is_thrown_away(void **state)
{
	(void)state;
	struct verdict v;
	struct tls_client conf = {
		.server_name = "localhost", .ca_path = at("host-ca.crt"), .clock = &test_clock, .verdict = &v
	};
	SSL_CTX *server = good_server(NULL), *client = SSL_CTX_new(TLS_client_method());
	assert_int_equal(SSL_CTX_load_verify_file(client, at("server-ca.crt")), 1);
	SSL_CTX_set_verify(client, SSL_VERIFY_NONE, NULL);
	assert_int_equal(tls_client_configure(client, &conf, NULL), 0);
	struct link l = link_open(client, server, NULL);
	assert_false(l.done);
	assert_int_equal(v.reason, VERIFY_OTHER_CA);
	link_close(&l);
	/* Configured a second time, with the right CA, it is good. */
	conf.ca_path = at("server-ca.crt");
	assert_int_equal(tls_client_configure(client, &conf, NULL), 0);
	l = link_open(client, server, NULL);
	assert_true(l.done);
	link_close(&l);
	SSL_CTX_free(client);
	SSL_CTX_free(server);
}

/* A configuration that activates a module which is not there, and with it no other. */
static void the_environment_has_no_say(void **state)
{
	(void)state;
	const char *with[] = { KEDGE_BIN_DIR "/kedge-devca", "host", dir, "birch", NULL };
	const char *plain[] = { "openssl", "req", "-new", "-newkey", "ec", "-pkeyopt",
		"ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=x", "-keyout", "/dev/null", "-out",
		"/dev/null", NULL };
	static const char evil[] = "config_diagnostics = 1\nopenssl_conf = a\n[a]\nproviders = b\n"
	                           "[b]\nc = d\n[d]\nmodule = /nonexistent\nactivate = 1\n";
	assert_int_equal(file_replace(at("evil.cnf"), evil, sizeof evil - 1, 0644, FILE_VOLATILE, NULL), 0);
	assert_int_equal(setenv("OPENSSL_CONF", at("evil.cnf"), 1), 0);
	int spoiled = run(plain);
	assert_int_equal(run(with), 0);
	assert_int_equal(unsetenv("OPENSSL_CONF"), 0);
	/* The file is evil indeed: without it there would be nothing to show (-1: no openssl command here). */
	assert_int_not_equal(spoiled, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clients_refuse_bad_servers),
		cmocka_unit_test(servers_refuse_bad_clients),
		cmocka_unit_test(judged_without_a_handshake),
		cmocka_unit_test(chains_have_a_limit),
		cmocka_unit_test(a_client_may_be_nobody),
		cmocka_unit_test(names_pins_and_clocks),
		cmocka_unit_test(resumed_sessions_are_judged_again),
		cmocka_unit_test(two_cas_overlap),
		cmocka_unit_test(bad_configurations_are_told),
		cmocka_unit_test(earlier_trust_is_thrown_away),
		cmocka_unit_test(the_environment_has_no_say),
	};
	if (tls_init(NULL))
		return 1;
	return cmocka_run_group_tests(tests, plant, fell);
}
