/* Enrolment: who gets a certificate, for which name, and how often. */
#include "certs/csr.h"
#include "certs/est.h"
#include "certs/token.h"
#include "tests/support/api_world.h"

static struct api_world *w;

static int set_up(void **state)
{
	(void)state;
	w = world_open();
	return publish(w) == 204 ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	world_close(w);
	return 0;
}

/* A token by the API; WISH is the body of its making. */
static struct token token_new(const char *wish)
{
	struct client_answer a = ask(w, ADMIN, "POST", "/v1/tokens", NULL, wish, strlen(wish));
	struct token t;
	cJSON *tree;

	if (a.status != 201)
		fail_msg("%d %s", a.status, a.body ? a.body : "");
	NEED(strict_parse(a.body, a.len, &strict_limits_default, &tree, f));
	const char *text = json_text(json_at(tree, "token", NULL));
	NEED(token_parse(text, strlen(text), &t, f));
	assert_string_equal(json_text(json_at(tree, "id", NULL)), t.id);
	cJSON_Delete(tree);
	free(a.body);
	return t;
}

static void basic(const char *id, const char *secret, char *field, size_t size)
{
	char text[200], coded[400];

	snprintf(text, sizeof text, "%s:%s", id, secret);
	base64_encode(text, strlen(text), coded);
	snprintf(field, size, "Content-Type: application/pkcs10\r\nAuthorization: Basic %s\r\n", coded);
}

/* Enrol KEY with T; *RET_CERT (may be NULL) is the certificate. */
static int enrol(const struct token *t, const char *host, EVP_PKEY *key, X509 **ret_cert)
{
	char secret[TOKEN_SECRET_ROOM], field[700], path[128] = "/.well-known/est/simpleenroll", *csr;
	struct stack_st_X509 *list;
	size_t len;

	if (host)
		snprintf(path, sizeof path, "/.well-known/est/simpleenroll?host=%s", host);
	basic(t->id, token_secret_text(t, secret), field, sizeof field);
	/* the name in the request is another on purpose */
	NEED(csr_make_base64(key, "somebody-else", &csr, &len, f));
	struct client_answer a = ask(w, NOBODY, "POST", path, field, csr, len);
	if (a.status == 200 && ret_cert) {
		NEED(est_certs_decode(a.body, a.len, &list, f));
		NEED(est_cert_for(list, key, ret_cert, f));
		cert_list_free(list);
	}
	free(csr);
	free(a.body);
	return a.status;
}

static const char *name_of(X509 *cert)
{
	static char uri[IDENTITY_ROOM];
	struct identity id;

	NEED(cert_identity(cert, &id, f));
	return identity_format(&id, uri);
}

static void a_bound_token_names_the_host(void **state)
{
	(void)state;
	struct token t = token_new("{\"host\":\"db1\",\"labels\":{\"role\":\"db\"}}");
	unsigned char pin[SHA256_LEN], root[SHA256_LEN];
	struct repo_sim_file *file = repo_sim_file(w->sim->metadata, "1.root.json");
	EVP_PKEY *key;
	X509 *cert;

	NEED(tls_server_pin(world_at(w, "server.crt"), pin, f));
	assert_memory_equal(t.pin, pin, sizeof pin);
	sha256(file->data, file->len, root);
	assert_memory_equal(t.root, root, sizeof root);
	NEED(key_make(KEY_P256, &key, f));
	assert_int_equal(enrol(&t, "db2", key, NULL), 401);
	assert_int_equal(enrol(&t, NULL, key, &cert), 200);
	assert_string_equal(name_of(cert), "spiffe://north/host/db1");
	/* once */
	assert_int_equal(enrol(&t, NULL, key, NULL), 401);
	/* with the token's labels */
	cJSON *tree = get_json(w, VIEWER, "/v1/hosts/db1");
	assert_string_equal(json_text(json_at(tree, "labels", "role", NULL)), "db");
	cJSON_Delete(tree);
	cert_free(cert);
	key_free(key);
}

/* What is issued works: the new host renews with it. */
static void a_host_renews(void **state)
{
	(void)state;
	struct token t = token_new("{\"host\":\"db3\"}");
	EVP_PKEY *key, *next;
	X509 *cert, *renewed;
	struct stack_st_X509 *list;
	char *csr;
	size_t len;

	NEED(key_make(KEY_P256, &key, f));
	assert_int_equal(enrol(&t, NULL, key, &cert), 200);
	NEED(cert_save(world_at(w, "db3.crt"), cert, f));
	NEED(key_save(world_at(w, "db3.key"), key, NULL, f));
	SSL_CTX *before = w->callers[HOST];
	w->callers[HOST] = world_client(w, "db3");
	NEED(key_make(KEY_P256, &next, f));
	NEED(csr_make_base64(next, "web1", &csr, &len, f));
	struct client_answer a = ask(w, HOST, "POST", "/.well-known/est/simplereenroll",
	        "Content-Type: application/pkcs10\r\n", csr, len);
	assert_int_equal(a.status, 200);
	NEED(est_certs_decode(a.body, a.len, &list, f));
	NEED(est_cert_for(list, next, &renewed, f));
	assert_string_equal(name_of(renewed), "spiffe://north/host/db3");
	free(a.body);
	/* not when it is revoked */
	assert_int_equal(status_for(w, ADMIN, "DELETE", "/v1/hosts/db3", NULL, NULL), 204);
	a = ask(w, HOST, "POST", "/.well-known/est/simplereenroll", NULL, csr, len);
	assert_int_equal(a.status, 403);
	free(a.body);
	SSL_CTX_free(w->callers[HOST]);
	w->callers[HOST] = before;
	free(csr);
	cert_list_free(list);
	cert_free(renewed);
	cert_free(cert);
	key_free(key);
	key_free(next);
}

static void a_free_token_takes_no_name_that_is_taken(void **state)
{
	(void)state;
	struct token t = token_new("{}");
	EVP_PKEY *key;
	X509 *cert;

	NEED(key_make(KEY_P256, &key, f));
	assert_int_equal(enrol(&t, NULL, key, NULL), 400); /* which host? */
	assert_int_equal(enrol(&t, "Bad_Name", key, NULL), 400);
	assert_int_equal(enrol(&t, "web1", key, NULL), 409);
	/* none of these used it up */
	assert_int_equal(enrol(&t, "fresh1", key, &cert), 200);
	assert_string_equal(name_of(cert), "spiffe://north/host/fresh1");
	cert_free(cert);
	/* a bound one takes the name over, also of a revoked host */
	t = token_new("{\"host\":\"old1\"}");
	assert_int_equal(status_for(w, REVOKED, "GET", "/v1/repo/metadata/1.root.json", NULL, NULL), 403);
	atomic_store(&w->now, WORLD_NOW + 1);
	assert_int_equal(enrol(&t, "old1", key, &cert), 200);
	/* the certificate from before stays out, the new one is in */
	assert_int_equal(status_for(w, REVOKED, "GET", "/v1/repo/metadata/1.root.json", NULL, NULL), 403);
	NEED(cert_save(world_at(w, "old1.crt"), cert, f));
	NEED(key_save(world_at(w, "old1.key"), key, NULL, f));
	SSL_CTX *before = w->callers[REVOKED];
	w->callers[REVOKED] = world_client(w, "old1");
	assert_int_equal(status_for(w, REVOKED, "GET", "/v1/repo/metadata/1.root.json", NULL, NULL), 200);
	SSL_CTX_free(w->callers[REVOKED]);
	w->callers[REVOKED] = before;
	atomic_store(&w->now, WORLD_NOW);
	cert_free(cert);
	key_free(key);
}

static void tokens_that_are_none(void **state)
{
	(void)state;
	struct token t = token_new("{\"host\":\"late1\",\"expires_in\":60}"), wrong = t;
	EVP_PKEY *key;
	char field[700];

	NEED(key_make(KEY_P256, &key, f));
	wrong.secret[0] ^= 1;
	assert_int_equal(enrol(&wrong, NULL, key, NULL), 401);
	wrong = t;
	wrong.id[0] = wrong.id[0] == 'a' ? 'b' : 'a';
	assert_int_equal(enrol(&wrong, NULL, key, NULL), 401);
	basic("x", "y", field, sizeof field);
	assert_int_equal(status_for(w, NOBODY, "POST", "/.well-known/est/simpleenroll", field, "x"), 401);
	assert_int_equal(status_for(w, NOBODY, "POST", "/.well-known/est/simpleenroll",
	                         "Authorization: Bearer abc\r\n", "x"),
	        401);
	/* withdrawn */
	struct token gone = token_new("{\"host\":\"gone1\"}");
	char path[64];
	snprintf(path, sizeof path, "/v1/tokens/%s", gone.id);
	assert_int_equal(status_for(w, ADMIN, "DELETE", path, NULL, NULL), 204);
	assert_int_equal(status_for(w, ADMIN, "DELETE", path, NULL, NULL), 404);
	assert_int_equal(enrol(&gone, NULL, key, NULL), 401);
	/* too late */
	atomic_store(&w->now, WORLD_NOW + 61);
	assert_int_equal(enrol(&t, NULL, key, NULL), 401);
	atomic_store(&w->now, WORLD_NOW);
	assert_int_equal(enrol(&t, NULL, key, NULL), 200);
	key_free(key);
}

static void requests_that_are_none(void **state)
{
	(void)state;
	struct token t = token_new("{\"host\":\"req1\"}");
	char secret[TOKEN_SECRET_ROOM], field[700], *csr;
	size_t len;
	EVP_PKEY *key;

	basic(t.id, token_secret_text(&t, secret), field, sizeof field);
	assert_int_equal(
	        status_for(w, NOBODY, "POST", "/.well-known/est/simpleenroll", field, "nonsense"), 400);
	assert_int_equal(status_for(w, NOBODY, "POST", "/.well-known/est/simpleenroll", field, NULL), 400);
	NEED(key_make(KEY_P256, &key, f));
	NEED(csr_make_pem(key, "req1", &csr, &len, f));
	csr[len / 2] = csr[len / 2] == 'A' ? 'B' : 'A';
	struct client_answer a = ask(w, NOBODY, "POST", "/.well-known/est/simpleenroll", field, csr, len);
	assert_int_equal(a.status, 400);
	free(a.body);
	free(csr);
	char other[700];
	snprintf(other, sizeof other, "Content-Type: text/plain\r\n%s", strstr(field, "Authorization"));
	assert_int_equal(status_for(w, NOBODY, "POST", "/.well-known/est/simpleenroll", other, "x"), 415);
	/* the token is still good */
	assert_int_equal(enrol(&t, NULL, key, NULL), 200);
	key_free(key);
}

static void cacerts(void **state)
{
	(void)state;
	struct client_answer a = ask(w, NOBODY, "GET", "/.well-known/est/cacerts", NULL, NULL, 0);
	unsigned char print[SHA256_LEN], want[SHA256_LEN];
	struct stack_st_X509 *list;

	assert_int_equal(a.status, 200);
	NEED(est_certs_decode(a.body, a.len, &list, f));
	unsigned found = 0;
	for (size_t i = 0; cert_list_at(list, i); i++) {
		NEED(cert_fingerprint(cert_list_at(list, i), print));
		NEED(cert_fingerprint(ca_cert(w->server_ca), want));
		found += memcmp(print, want, sizeof want) == 0;
		NEED(cert_fingerprint(ca_cert(w->host_ca), want));
		found += memcmp(print, want, sizeof want) == 0;
	}
	assert_int_equal(found, 2);
	cert_list_free(list);
	free(a.body);
}

/* Of many who race with one token one wins. */
static void a_race(void **state)
{
	(void)state;
	struct token t = token_new("{\"host\":\"race1\"}");
	char secret[TOKEN_SECRET_ROOM], field[700], head[1200], *csr;
	struct client *c[8];
	EVP_PKEY *key;
	size_t len;
	int won = 0;

	NEED(key_make(KEY_P256, &key, f));
	NEED(csr_make_base64(key, "x", &csr, &len, f));
	basic(t.id, token_secret_text(&t, secret), field, sizeof field);
	int n = snprintf(head, sizeof head,
	        "POST /.well-known/est/simpleenroll HTTP/1.1\r\nHost: a\r\n%sContent-Length: %zu\r\n\r\n",
	        field, len);
	for (int i = 0; i < 8; i++)
		c[i] = world_connect(w, NOBODY);
	for (int i = 0; i < 8; i++) {
		client_send_bytes(c[i], head, (size_t)n);
		client_send_bytes(c[i], csr, len);
	}
	for (int i = 0; i < 8; i++) {
		struct client_answer a = client_recv(c[i], false);
		if (a.status != 200 && a.status != 401)
			fail_msg("%d", a.status);
		won += a.status == 200;
		free(a.body);
		client_close(c[i]);
	}
	assert_int_equal(won, 1);
	free(csr);
	key_free(key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bound_token_names_the_host),
		cmocka_unit_test(a_host_renews),
		cmocka_unit_test(a_free_token_takes_no_name_that_is_taken),
		cmocka_unit_test(tokens_that_are_none),
		cmocka_unit_test(requests_that_are_none),
		cmocka_unit_test(cacerts),
		cmocka_unit_test(a_race),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
