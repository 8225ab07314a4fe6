/* forest.c — makes wrong certificates on purpose: one table, a row a tree, each wrong in one way only, so that a test can
 * demand its own reason. Called by main.c. */
#include "certs/devca/forest.h"

#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "certs/cert.h"
#include "certs/devca/pki.h"
#include "certs/verify.h"
#include "proto/buf.h"
#include "proto/fileio.h"

#define DAY    86400
#define SERVER "DNS:localhost,IP:127.0.0.1"
#define HOST   "URI:spiffe://forest/host/oak"
#define PERSON "URI:spiffe://forest/operator/ann"

enum signer { BY_SERVER_CA, BY_HOST_CA, BY_OPERATOR_CA, BY_OTHER_CA, BY_ITSELF, BY_SUB_CA };
enum odd_key { PLAIN, RSA_1024, EC_P192, EC_EXPLICIT };

struct tree {
	const char *name;
	bool client;
	enum signer signer;
	const char *alt_names, *purpose;
	int from_days, to_days; /* relative to now */
	enum odd_key key;
	bool is_ca;
	enum verify_reason reason;
};

#define YEAR -1, 365
static const struct tree trees[] = {
	{ "server-good", false, BY_SERVER_CA, SERVER, "serverAuth", YEAR, PLAIN, false, VERIFY_OK },
	{ "server-both-eku", false, BY_SERVER_CA, SERVER, "serverAuth,clientAuth", YEAR, PLAIN, false,
	        VERIFY_OK },
	{ "server-other-ca", false, BY_OTHER_CA, SERVER, "serverAuth", YEAR, PLAIN, false, VERIFY_OTHER_CA },
	{ "server-of-host-ca", false, BY_HOST_CA, SERVER, "serverAuth", YEAR, PLAIN, false, VERIFY_OTHER_CA },
	{ "server-self", false, BY_ITSELF, SERVER, "serverAuth", YEAR, PLAIN, false, VERIFY_SELF_SIGNED },
	{ "server-expired", false, BY_SERVER_CA, SERVER, "serverAuth", -20, -10, PLAIN, false,
	        VERIFY_EXPIRED },
	{ "server-early", false, BY_SERVER_CA, SERVER, "serverAuth", 10, 20, PLAIN, false,
	        VERIFY_NOT_YET_VALID },
	{ "server-elsewhere", false, BY_SERVER_CA, "DNS:elsewhere.example", "serverAuth", YEAR, PLAIN, false,
	        VERIFY_WRONG_HOST },
	{ "server-cn-only", false, BY_SERVER_CA, NULL, "serverAuth", YEAR, PLAIN, false, VERIFY_WRONG_HOST },
	{ "server-client-eku", false, BY_SERVER_CA, SERVER, "clientAuth", YEAR, PLAIN, false,
	        VERIFY_WRONG_PURPOSE },
	{ "server-no-eku", false, BY_SERVER_CA, SERVER, NULL, YEAR, PLAIN, false, VERIFY_WRONG_PURPOSE },
	{ "server-is-ca", false, BY_SERVER_CA, SERVER, "serverAuth", YEAR, PLAIN, true,
	        VERIFY_WRONG_PURPOSE },
	{ "server-rsa1024", false, BY_SERVER_CA, SERVER, "serverAuth", YEAR, RSA_1024, false, VERIFY_WEAK },
	{ "server-sub-ca", false, BY_SUB_CA, SERVER, "serverAuth", YEAR, PLAIN, false, VERIFY_TOO_DEEP },
	{ "host-good", true, BY_HOST_CA, HOST, "clientAuth", YEAR, PLAIN, false, VERIFY_OK },
	{ "operator-good", true, BY_OPERATOR_CA, PERSON, "clientAuth", YEAR, PLAIN, false, VERIFY_OK },
	{ "host-other-ca", true, BY_OTHER_CA, HOST, "clientAuth", YEAR, PLAIN, false, VERIFY_OTHER_CA },
	{ "host-of-server-ca", true, BY_SERVER_CA, HOST, "clientAuth", YEAR, PLAIN, false, VERIFY_OTHER_CA },
	{ "host-of-operator-ca", true, BY_OPERATOR_CA, HOST, "clientAuth", YEAR, PLAIN, false,
	        VERIFY_WRONG_ISSUER },
	{ "operator-of-host-ca", true, BY_HOST_CA, PERSON, "clientAuth", YEAR, PLAIN, false,
	        VERIFY_WRONG_ISSUER },
	{ "host-self", true, BY_ITSELF, HOST, "clientAuth", YEAR, PLAIN, false, VERIFY_SELF_SIGNED },
	{ "host-expired", true, BY_HOST_CA, HOST, "clientAuth", -20, -10, PLAIN, false, VERIFY_EXPIRED },
	{ "host-early", true, BY_HOST_CA, HOST, "clientAuth", 10, 20, PLAIN, false, VERIFY_NOT_YET_VALID },
	{ "host-server-eku", true, BY_HOST_CA, HOST, "serverAuth", YEAR, PLAIN, false, VERIFY_WRONG_PURPOSE },
	{ "host-both-eku", true, BY_HOST_CA, HOST, "serverAuth,clientAuth", YEAR, PLAIN, false,
	        VERIFY_WRONG_PURPOSE },
	{ "host-no-eku", true, BY_HOST_CA, HOST, NULL, YEAR, PLAIN, false, VERIFY_WRONG_PURPOSE },
	{ "host-is-ca", true, BY_HOST_CA, HOST, "clientAuth", YEAR, PLAIN, true, VERIFY_WRONG_PURPOSE },
	{ "host-no-name", true, BY_HOST_CA, NULL, "clientAuth", YEAR, PLAIN, false, VERIFY_NO_IDENTITY },
	{ "host-two-names", true, BY_HOST_CA, HOST ",URI:spiffe://forest/host/elm", "clientAuth", YEAR, PLAIN,
	        false, VERIFY_NO_IDENTITY },
	{ "host-dns-name", true, BY_HOST_CA, "DNS:oak", "clientAuth", YEAR, PLAIN, false,
	        VERIFY_NO_IDENTITY },
	{ "host-odd-uri", true, BY_HOST_CA, "URI:spiffe://forest/host/oak/x", "clientAuth", YEAR, PLAIN,
	        false, VERIFY_NO_IDENTITY },
	{ "host-rsa1024", true, BY_HOST_CA, HOST, "clientAuth", YEAR, RSA_1024, false, VERIFY_WEAK },
	{ "host-p192", true, BY_HOST_CA, HOST, "clientAuth", YEAR, EC_P192, false, VERIFY_WEAK },
	{ "host-explicit", true, BY_HOST_CA, HOST, "clientAuth", YEAR, EC_EXPLICIT, false, VERIFY_WEAK },
};

static EVP_PKEY *odd_key_make(enum odd_key kind)
{
	EVP_PKEY *key = NULL;

	switch (kind) {
	case PLAIN:
		return EVP_EC_gen("P-256");
	case RSA_1024:
		return EVP_RSA_gen(1024);
	case EC_P192:
		return EVP_EC_gen("P-192");
	case EC_EXPLICIT:
		key = EVP_EC_gen("P-256");
		if (key)
			EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_ENCODING, "explicit");
	}
	return key;
}

struct forest {
	char dir[PKI_PATH_ROOM]; /* DIR/forest */
	int64_t now;
	struct ca *ca[BY_OTHER_CA + 1];
	X509 *sub_cert; /* below the server CA, which allows none */
	EVP_PKEY *sub_key;
};

static int forest_sub_ca(struct forest *w, struct fault *f)
{
	int rc = key_make(KEY_P256, &w->sub_key, f);
	struct issue_raw raw = { .common_name = "forest sub CA",
		.key = w->sub_key,
		.not_before = w->now - DAY,
		.not_after = w->now + 365LL * DAY,
		.basic_constraints = "critical,CA:TRUE",
		.key_usage = "critical,keyCertSign" };

	return rc ? rc : issue_raw_by(w->ca[BY_SERVER_CA], &raw, &w->sub_cert, f);
}

static int tree_issue(
        const struct forest *w, const struct tree *t, EVP_PKEY *key, X509 **ret, struct fault *f)
{
	struct issue_raw raw = { .common_name = t->client ? "oak" : "localhost",
		.key = key,
		.not_before = w->now + (int64_t)t->from_days * DAY,
		.not_after = w->now + (int64_t)t->to_days * DAY,
		.basic_constraints = t->is_ca ? "critical,CA:TRUE" : "critical,CA:FALSE",
		.key_usage = t->is_ca ? "critical,digitalSignature,keyCertSign" : "critical,digitalSignature",
		.ext_key_usage = t->purpose,
		.alt_names = t->alt_names };

	if (t->signer == BY_ITSELF)
		return issue_raw(&raw, NULL, key, ret, f);
	if (t->signer == BY_SUB_CA)
		return issue_raw(&raw, w->sub_cert, w->sub_key, ret, f);
	return issue_raw_by(w->ca[t->signer], &raw, ret, f);
}

/* The certificate, its CA where there is one, its key, and its line in INDEX. */
static int tree_plant(const struct forest *w, const struct tree *t, struct buf *index, struct fault *f)
{
	char crt[PKI_PATH_ROOM], key_path[PKI_PATH_ROOM];
	struct stack_st_X509 *list = NULL;
	X509 *cert = NULL;
	EVP_PKEY *key = odd_key_make(t->key);
	X509 *above = t->signer == BY_ITSELF   ? NULL
	              : t->signer == BY_SUB_CA ? w->sub_cert
	                                       : ca_cert(w->ca[t->signer]);
	int rc = key ? KE_OK : fault_set(f, KE_KEY, t->name, NULL, "cannot make its key");

	if (!rc)
		rc = pki_path(w->dir, t->name, "crt", crt, f);
	if (!rc)
		rc = pki_path(w->dir, t->name, "key", key_path, f);
	if (!rc)
		rc = tree_issue(w, t, key, &cert, f);
	if (!rc && cert_list_of(cert, above, &list))
		rc = fault_set(f, KE_NOMEM, NULL, NULL, "%s", "");
	if (!rc)
		rc = cert_list_save(crt, list, f);
	if (!rc)
		rc = key_save(key_path, key, NULL, f);
	buf_fmt(index, "%s\t%s\t%s\n", t->client ? "client" : "server", t->name, verify_name(t->reason));
	cert_list_free(list);
	cert_free(cert);
	key_free(key);
	return rc;
}

static int forest_open(const char *dir, struct forest *w, struct fault *f)
{
	static const char *const dns[] = { "localhost" }, *const ip[] = { "127.0.0.1" };
	static const struct profile_names names = { dns, 1, ip, 1 };
	char path[PKI_PATH_ROOM];
	int rc = pki_path(dir, "fleet", NULL, path, f);

	if (!rc && access(path, F_OK) != 0)
		rc = pki_init(dir, "forest", &names, w->now, f);
	if (!rc)
		rc = pki_path(dir, "forest", NULL, w->dir, f);
	if (!rc)
		rc = dir_make(w->dir, 0755, f);
	if (!rc)
		rc = pki_ca(dir, PROFILE_SERVER_CA, &w->ca[BY_SERVER_CA], f);
	if (!rc)
		rc = pki_ca(dir, PROFILE_HOST_CA, &w->ca[BY_HOST_CA], f);
	if (!rc)
		rc = pki_ca(dir, PROFILE_OPERATOR_CA, &w->ca[BY_OPERATOR_CA], f);
	/* The other CA bears the names of the right one: only its key differs. */
	if (!rc)
		rc = ca_make(PROFILE_SERVER_CA, "forest", KEY_P256, w->now, 0, &w->ca[BY_OTHER_CA], f);
	return rc ? rc : forest_sub_ca(w, f);
}

int forest_make(const char *dir, int64_t now, struct fault *f)
{
	struct forest w = { .now = now };
	struct buf index = BUF_INIT(16384);
	char path[PKI_PATH_ROOM];
	int rc = forest_open(dir, &w, f);

	for (size_t i = 0; !rc && i < sizeof trees / sizeof trees[0]; i++)
		rc = tree_plant(&w, &trees[i], &index, f);
	if (!rc)
		rc = pki_path(dir, "forest", "tsv", path, f);
	if (!rc)
		rc = index.rc ? fault_set(f, index.rc, path, NULL, "%s", "")
		              : file_replace(path, index.data, index.len, 0644, FILE_VOLATILE, f);
	for (size_t i = 0; i < sizeof w.ca / sizeof w.ca[0]; i++)
		ca_free(w.ca[i]);
	cert_free(w.sub_cert);
	key_free(w.sub_key);
	buf_free(&index);
	return rc;
}
