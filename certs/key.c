/* key.c — key pairs. Refuses weak and odd keys with the reason, and private key files that others can read. Passphrases
 * come as arguments; OpenSSL is never left to ask a terminal. */
#include "certs/key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "certs/ossl.h"
#include "proto/fileio.h"

#define KEY_ADVICE "use EC P-256 or P-384, Ed25519, or RSA of at least 2048 bits"

int key_make(enum key_type type, EVP_PKEY **ret, struct fault *f)
{
	EVP_PKEY *key = NULL;

	switch (type) {
	case KEY_P256:
		key = EVP_EC_gen("P-256");
		break;
	case KEY_P384:
		key = EVP_EC_gen("P-384");
		break;
	case KEY_ED25519:
		key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
		break;
	case KEY_RSA2048:
		key = EVP_RSA_gen(2048);
		break;
	}
	if (!key)
		return ossl_fault(f, KE_KEY, NULL, "cannot make a key pair");
	*ret = key;
	return KE_OK;
}

void key_free(EVP_PKEY *key)
{
	EVP_PKEY_free(key);
}

static int key_check_ec(const EVP_PKEY *key, struct fault *f)
{
	char group[64] = "";
	int explicit = 0;

	/* Explicit parameters may describe a curve whose private keys are known (CVE-2020-0601). */
	if (!EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &explicit) ||
	        explicit ||
	        !EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof group, NULL))
		return fault_set(f, KE_KEY, NULL, KEY_ADVICE, "the EC key has explicit curve parameters");
	if (strcmp(group, "prime256v1") != 0 && strcmp(group, "P-256") != 0 &&
	        strcmp(group, "secp384r1") != 0 && strcmp(group, "P-384") != 0)
		return fault_set(f, KE_KEY, NULL, KEY_ADVICE, "the EC curve %s is not accepted", group);
	return KE_OK;
}

static int key_check_rsa(const EVP_PKEY *key, struct fault *f)
{
	int bits = EVP_PKEY_get_bits(key);
	BIGNUM *e = NULL;

	if (bits < 2048 || bits > 8192)
		return fault_set(f, KE_KEY, NULL, KEY_ADVICE, "an RSA key of %d bits is not accepted", bits);
	if (!EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e))
		return ossl_fault(f, KE_KEY, NULL, "the RSA key has no exponent");
	/* Small ones are misused, large ones make every verification slow. */
	bool good = BN_is_odd(e) && BN_num_bits(e) >= 17 && BN_num_bits(e) <= 32;
	BN_free(e);
	if (!good)
		return fault_set(f, KE_KEY, NULL, "use 65537", "the RSA exponent is not accepted");
	return KE_OK;
}

int key_check(const EVP_PKEY *key, struct fault *f)
{
	switch (EVP_PKEY_get_base_id(key)) {
	case EVP_PKEY_EC:
		return key_check_ec(key, f);
	case EVP_PKEY_RSA:
		return key_check_rsa(key, f);
	case EVP_PKEY_ED25519:
		return KE_OK;
	default:
		return fault_set(f, KE_KEY, NULL, KEY_ADVICE, "keys of this type are not accepted");
	}
}

bool key_same(const EVP_PKEY *a, const EVP_PKEY *b)
{
	return EVP_PKEY_eq(a, b) == 1;
}

int key_spki(const EVP_PKEY *key, unsigned char digest[SHA256_LEN])
{
	unsigned char *der = NULL;
	int len = i2d_PUBKEY(key, &der);

	if (len <= 0)
		return ossl_fault(NULL, KE_KEY, NULL, "");
	sha256(der, (size_t)len, digest);
	OPENSSL_free(der);
	return KE_OK;
}

int key_save(const char *path, EVP_PKEY *key, const char *passphrase, struct fault *f)
{
	/* A BIO of this kind overwrites its bytes when it is freed. */
	BIO *bio = BIO_new(BIO_s_secmem());
	int rc = KE_NOMEM;
	char *pem;

	if (!bio)
		return ossl_fault(f, KE_NOMEM, path, "cannot encode the key");
	size_t pass_len = passphrase ? strlen(passphrase) : 0;
	if (pass_len > 1024) {
		rc = fault_set(f, KE_TOOBIG, path, NULL, "the passphrase is longer than 1024 bytes");
		goto out;
	}
	if (!PEM_write_bio_PKCS8PrivateKey(
	            bio, key, passphrase ? EVP_aes_256_cbc() : NULL, passphrase, (int)pass_len, NULL, NULL)) {
		rc = ossl_fault(f, KE_KEY, path, "cannot encode the key");
		goto out;
	}
	long len = BIO_get_mem_data(bio, &pem);
	rc = file_replace(path, pem, (size_t)len, 0600, FILE_DURABLE, f);
out:
	BIO_free(bio);
	return rc;
}

struct passphrase {
	const char *text; /* NULL: none was given */
	bool asked;
};

/* pem_password_cb: only here so that OpenSSL does not ask the terminal. */
static int passphrase_give(char *buf, int size, int rwflag, void *user)
{
	struct passphrase *p = user;

	(void)rwflag;
	p->asked = true;
	size_t len = p->text ? strlen(p->text) : 0;
	if (!p->text || size < 0 || len > (size_t)size)
		return -1;
	memcpy(buf, p->text, len);
	return (int)len;
}

static int key_from_pem(const char *path, const char *pem, size_t len, const char *passphrase, EVP_PKEY **ret,
        struct fault *f)
{
	struct passphrase pass = { .text = passphrase };
	BIO *bio = BIO_new_mem_buf(pem, (int)len);
	EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, passphrase_give, &pass) : NULL;

	BIO_free(bio);
	if (!key && pass.asked && !passphrase)
		return ossl_fault(f, KE_KEY, path, "the key is encrypted and no passphrase was given");
	if (!key && pass.asked)
		return ossl_fault(f, KE_KEY, path, "the passphrase does not open the key");
	if (!key)
		return ossl_fault(f, KE_KEY, path, "no private key in PEM form");
	int rc = key_check(key, f);
	if (rc) {
		fault_at(f, "%s", path);
		EVP_PKEY_free(key);
		return rc;
	}
	*ret = key;
	return KE_OK;
}

/* Open PATH and judge who can read it: on the descriptor, so that it is the file that is read. */
static int key_open(const char *path, int *ret_fd, struct fault *f)
{
	struct stat st;
	int rc = KE_OK;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0 || fstat(fd, &st)) {
		rc = fault_set(
		        f, err_from_errno(errno), path, NULL, "cannot open the key: %s", strerror(errno));
		goto fail;
	}
	if (!S_ISREG(st.st_mode))
		rc = fault_set(f, KE_ACCES, path, NULL, "a key must be a regular file");
	else if (st.st_mode & 077)
		rc = fault_set(f, KE_ACCES, path, "chmod 600 it; if others could read it, make a new key",
		        "the key is open to others (mode %04o)", (unsigned)st.st_mode & 07777u);
	else if (st.st_uid != geteuid() && st.st_uid != 0)
		rc = fault_set(f, KE_ACCES, path, NULL, "the key belongs to another user (uid %u)",
		        (unsigned)st.st_uid);
	if (rc)
		goto fail;
	*ret_fd = fd;
	return KE_OK;
fail:
	if (fd >= 0)
		close(fd);
	return rc;
}

int key_load(const char *path, const char *passphrase, EVP_PKEY **ret, struct fault *f)
{
	int fd = -1;
	char *pem = NULL;
	size_t len = 0;
	int rc = key_open(path, &fd, f);

	if (rc)
		return rc;
	rc = file_read_fd(fd, KEY_FILE_MAX, &pem, &len, f);
	close(fd);
	if (rc) {
		fault_at(f, "%s", path);
		return rc;
	}
	rc = key_from_pem(path, pem, len, passphrase, ret, f);
	OPENSSL_cleanse(pem, len);
	file_free(pem);
	return rc;
}
