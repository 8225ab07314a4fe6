/* digest.c — looks an algorithm up once for the whole process. libcrypto's EVP_sha256() is a name only: each use of it goes
 * through the tables of all providers, which for the id of a key takes longer than the hashing. Called by pubkey.c (a role
 * file may hold a thousand keys) and tuf.c (whole files). */
#include "proto/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "proto/err.h"

/* Found once, never changed after that, and there until the process ends. */
static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;
static EVP_MD *found_sha256, *found_sha512;

static void look_up(void)
{
	found_sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	found_sha512 = EVP_MD_fetch(NULL, "SHA512", NULL);
}

/* NAME stands in where there was no memory for the look-up. */
static int digest(EVP_MD *const *found, const EVP_MD *name, const void *data, size_t len, unsigned char *ret)
{
	const EVP_MD *md = CRYPTO_THREAD_run_once(&once, look_up) && *found ? *found : name;

	return EVP_Digest(data, len, ret, NULL, md, NULL) == 1 ? KE_OK : KE_NOMEM;
}

int digest_sha256(const void *data, size_t len, unsigned char ret[SHA256_LEN])
{
	return digest(&found_sha256, EVP_sha256(), data, len, ret);
}

int digest_sha512(const void *data, size_t len, unsigned char ret[SHA512_LEN])
{
	return digest(&found_sha512, EVP_sha512(), data, len, ret);
}
