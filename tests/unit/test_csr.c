/* Certificate requests: our own in every encoding, foreign ones, and those that must be refused. */
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "certs/csr.h"
#include "certs/key.h"
#include "proto/fileio.h"

extern char **environ;

static void every_key_type_in_every_encoding(void **state)
{
	(void)state;
	static const enum key_type types[] = { KEY_P256, KEY_P384, KEY_ED25519, KEY_RSA2048 };
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
		EVP_PKEY *key;
		unsigned char *der, spki[SHA256_LEN];
		char *text;
		size_t len;
		struct csr c;
		assert_int_equal(key_make(types[i], &key, NULL), 0);
		assert_int_equal(key_spki(key, spki), 0);
		assert_int_equal(csr_make(key, "web-1", &der, &len, NULL), 0);
		assert_int_equal(csr_parse(der, len, &c, NULL), 0);
		assert_string_equal(c.common_name, "web-1");
		assert_memory_equal(c.spki, spki, sizeof spki);
		assert_true(key_same(c.key, key));
		csr_free(&c);
		free(der);
		assert_int_equal(csr_make_base64(key, "web-1", &text, &len, NULL), 0);
		assert_int_equal(csr_parse(text, len, &c, NULL), 0);
		csr_free(&c);
		free(text);
		assert_int_equal(csr_make_pem(key, "web-1", &text, &len, NULL), 0);
		assert_int_equal(csr_parse(text, len, &c, NULL), 0);
		csr_free(&c);
		free(text);
		key_free(key);
	}
}

/* A request of KEY with common name CN and, if asked, alternative names and CA:TRUE; signed by SIGNER with MD. */
static size_t foreign_csr(EVP_PKEY *key, EVP_PKEY *signer, const EVP_MD *md, const char *cn, size_t cn_len,
        bool greedy, unsigned char **ret)
{
	X509_REQ *req = X509_REQ_new();
	unsigned char *der = NULL;
	X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(req), "CN", MBSTRING_ASC,
	        (const unsigned char *)cn, (int)cn_len, -1, 0);
	assert_int_equal(X509_REQ_set_pubkey(req, key), 1);
	if (greedy) {
		STACK_OF(X509_EXTENSION) *exts = sk_X509_EXTENSION_new_null();
		sk_X509_EXTENSION_push(
		        exts, X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "CA:TRUE"));
		sk_X509_EXTENSION_push(exts, X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name,
		                                     "URI:spiffe://north/operator/root"));
		assert_int_equal(X509_REQ_add_extensions(req, exts), 1);
		sk_X509_EXTENSION_pop_free(exts, X509_EXTENSION_free);
	}
	assert_true(X509_REQ_sign(req, signer, md) > 0);
	int len = i2d_X509_REQ(req, &der);
	X509_REQ_free(req);
	*ret = der;
	return (size_t)len;
}

static EVP_PKEY *explicit_key(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_ENCODING, "explicit");
	return key;
}

static EVP_PKEY *small_exponent_key(void)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	EVP_PKEY *key = NULL;
	BIGNUM *e = BN_new();
	BN_set_word(e, 3);
	EVP_PKEY_keygen_init(ctx);
	EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 2048);
	EVP_PKEY_CTX_set1_rsa_keygen_pubexp(ctx, e);
	EVP_PKEY_generate(ctx, &key);
	BN_free(e);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static void strangers_are_judged(void **state)
{
	(void)state;
	EVP_PKEY *good = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256");
	EVP_PKEY *rsa1024 = EVP_RSA_gen(1024), *p192 = EVP_EC_gen("P-192"), *odd = explicit_key();
	EVP_PKEY *k256 = EVP_EC_gen("secp256k1"), *small = small_exponent_key();
	const struct {
		EVP_PKEY *key, *signer;
		const EVP_MD *md;
		const char *cn;
		size_t cn_len;
		bool greedy;
		int rc;
		const char *get, *remark;
	} rows[] = {
		{ good, good, EVP_sha256(), "web-1", 5, false, KE_OK, "web-1", "plain" },
		{ good, good, EVP_sha512(), "web-1", 5, false, KE_OK, "web-1", "SHA-512" },
		{ good, good, EVP_sha256(), "web-1", 5, true, KE_OK, "web-1",
		        "asks for CA:TRUE and a foreign name" },
		{ good, good, EVP_sha256(), "web-1\0.evil", 11, false, KE_OK, "", "NUL in the common name" },
		{ good, good, EVP_sha256(), "Web 1", 5, false, KE_OK, "",
		        "a common name that is no host id" },
		{ good, good, EVP_sha1(), "web-1", 5, false, KE_SIGNATURE, NULL, "SHA-1" },
		{ good, other, EVP_sha256(), "web-1", 5, false, KE_SIGNATURE, NULL, "signed by another key" },
		{ rsa1024, rsa1024, EVP_sha256(), "web-1", 5, false, KE_KEY, NULL, "RSA-1024" },
		{ small, small, EVP_sha256(), "web-1", 5, false, KE_KEY, NULL, "RSA with exponent 3" },
		{ p192, p192, EVP_sha256(), "web-1", 5, false, KE_KEY, NULL, "P-192" },
		{ k256, k256, EVP_sha256(), "web-1", 5, false, KE_KEY, NULL, "secp256k1" },
		{ odd, odd, EVP_sha256(), "web-1", 5, false, KE_KEY, NULL, "explicit curve parameters" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		unsigned char *der;
		struct csr c = { 0 };
		struct fault f = { 0 };
		size_t len = foreign_csr(rows[i].key, rows[i].signer, rows[i].md, rows[i].cn, rows[i].cn_len,
		        rows[i].greedy, &der);
		int rc = csr_parse(der, len, &c, &f);
		if (rc != rows[i].rc)
			fail_msg("%s: %d %s", rows[i].remark, rc, f.what);
		if (!rc)
			assert_string_equal(c.common_name, rows[i].get);
		csr_free(&c);
		OPENSSL_free(der);
	}
	EVP_PKEY *all[] = { good, other, rsa1024, p192, odd, k256, small };
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		EVP_PKEY_free(all[i]);
}

static void bytes_that_are_no_request(void **state)
{
	(void)state;
	EVP_PKEY *key;
	unsigned char *der;
	size_t len;
	struct csr c;
	assert_int_equal(key_make(KEY_P256, &key, NULL), 0);
	assert_int_equal(csr_make(key, "web-1", &der, &len, NULL), 0);
	unsigned char *copy = calloc(1, len + 1);
	for (size_t cut = 0; cut < len; cut++) {
		memcpy(copy, der, cut);
		assert_int_not_equal(csr_parse(copy, cut, &c, NULL), 0);
	}
	memcpy(copy, der, len);
	assert_int_equal(csr_parse(copy, len + 1, &c, NULL), KE_SYNTAX); /* a byte behind it */
	copy[len - 1] ^= 1;                                              /* in the signature */
	assert_int_equal(csr_parse(copy, len, &c, NULL), KE_SIGNATURE);
	char *big = malloc(CSR_MAX + 1);
	memset(big, 'A', CSR_MAX + 1);
	assert_int_equal(csr_parse(big, CSR_MAX + 1, &c, NULL), KE_TOOBIG);
	assert_int_equal(csr_parse(big, CSR_MAX, &c, NULL), KE_SYNTAX);
	static const char *const texts[] = { "", " ", "-", "0", "hello",
		"-----BEGIN CERTIFICATE REQUEST-----\n", "-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n",
		"-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n",
		"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n" };
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		assert_int_equal(csr_parse(texts[i], strlen(texts[i]), &c, NULL), KE_SYNTAX);
	assert_int_equal(csr_make(key, "Not A Name", &der, &len, NULL), KE_NAME);
	free(big);
	free(copy);
	free(der);
	key_free(key);
}

/* Enrolment must work with tools that know nothing of kedge. */
static void openssl_req_is_understood(void **state)
{
	(void)state;
	char dir[] = "/tmp/kedge-csr-XXXXXX", out[64], key[64], *data;
	assert_non_null(mkdtemp(dir));
	snprintf(out, sizeof out, "%s/csr", dir);
	snprintf(key, sizeof key, "%s/key", dir);
	static const char *const keys[] = { "ec:none", "rsa:2048", "ed25519" };
	for (size_t i = 0; i < 6; i++) {
		const char *kind = keys[i / 2];
		const char *argv[] = { "openssl", "req", "-new", "-nodes", "-newkey",
			kind[0] == 'e' && kind[1] == 'c' ? "ec" : kind, "-pkeyopt", "ec_paramgen_curve:P-256",
			"-subj", "/O=someone/CN=web-7", "-addext", "subjectAltName=DNS:evil.example",
			"-keyout", key, "-out", out, "-outform", i % 2 ? "DER" : "PEM", NULL };
		if (i / 2) { /* no curve to choose */
			argv[6] = "-batch";
			argv[7] = "-sha256";
		}
		pid_t pid;
		int status = -1;
		posix_spawn_file_actions_t quiet;
		posix_spawn_file_actions_init(&quiet);
		posix_spawn_file_actions_addopen(&quiet, 2, "/dev/null", 1 /* O_WRONLY */, 0);
		int rc = posix_spawnp(&pid, "openssl", &quiet, NULL, (char *const *)(uintptr_t)argv, environ);
		posix_spawn_file_actions_destroy(&quiet);
		if (rc) {
			rmdir(dir);
			skip(); /* no openssl command here */
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
		size_t len;
		struct csr c;
		struct fault f = { 0 };
		assert_int_equal(file_read(out, CSR_MAX, &data, &len, NULL), 0);
		if (csr_parse(data, len, &c, &f))
			fail_msg("%s %s: %s", kind, i % 2 ? "DER" : "PEM", f.what);
		assert_string_equal(c.common_name, "web-7");
		csr_free(&c);
		file_free(data);
	}
	unlink(out);
	unlink(key);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_type_in_every_encoding),
		cmocka_unit_test(strangers_are_judged),
		cmocka_unit_test(bytes_that_are_no_request),
		cmocka_unit_test(openssl_req_is_understood),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
