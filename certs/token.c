/* token.c — the enrolment token: made by the server, carried by a person, read by a new host. Refuses everything but the
 * one form, and no fault repeats what it was given: it may be a secret with a typing error in it. */
#include "certs/token.h"

#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "certs/ossl.h"

#define TOKEN_PREFIX "kedge1."
#define TOKEN_ID_LEN (TOKEN_ID_ROOM - 1)

int token_make(const unsigned char pin[SHA256_LEN], const unsigned char root[SHA256_LEN], struct token *ret,
        struct fault *f)
{
	unsigned char id[TOKEN_ID_LEN / 2];
	struct token t;

	if (RAND_bytes(id, sizeof id) != 1 || RAND_bytes(t.secret, sizeof t.secret) != 1)
		return ossl_fault(f, KE_SYSTEM, NULL, "no randomness for a token");
	hex_encode(id, sizeof id, t.id);
	memcpy(t.pin, pin, SHA256_LEN);
	memcpy(t.root, root, SHA256_LEN);
	*ret = t;
	token_wipe(&t);
	return KE_OK;
}

char *token_format(const struct token *t, char text[TOKEN_ROOM])
{
	char secret[TOKEN_SECRET_ROOM], pin[2 * SHA256_LEN + 1], root[2 * SHA256_LEN + 1];

	snprintf(text, TOKEN_ROOM, TOKEN_PREFIX "%s.%s.%s.%s", t->id, token_secret_text(t, secret),
	        hex_encode(t->pin, SHA256_LEN, pin), hex_encode(t->root, SHA256_LEN, root));
	OPENSSL_cleanse(secret, sizeof secret);
	return text;
}

static bool lower_hex(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!(text[i] >= '0' && text[i] <= '9') && !(text[i] >= 'a' && text[i] <= 'f'))
			return false;
	return true;
}

bool token_id_valid(const char *text, size_t len)
{
	return len == TOKEN_ID_LEN && lower_hex(text, len);
}

/* LEN digits at *AT as bytes, and then STOP unless it is NUL. */
static bool part_take(const char **at, void *out, size_t size, char stop)
{
	const char *text = *at;

	if (!lower_hex(text, 2 * size) || !hex_decode(text, 2 * size, out, size))
		return false;
	if (stop && text[2 * size] != stop)
		return false;
	*at = text + 2 * size + (stop ? 1 : 0);
	return true;
}

static int token_refuse(struct fault *f)
{
	return fault_set(f, KE_SYNTAX, NULL, "copy the whole line that `kedge token` printed",
	        "not an enrolment token (kedge1.ID.SECRET.PIN.ROOT)");
}

int token_parse(const char *text, size_t len, struct token *ret, struct fault *f)
{
	struct token t = { 0 };
	size_t prefix = strlen(TOKEN_PREFIX);

	if (len && text[len - 1] == '\n')
		len--;
	/* The whole has one length, so that no part can run past the end. */
	if (len != TOKEN_ROOM - 1)
		return token_refuse(f);
	const char *at = text + prefix;
	bool good = memcmp(text, TOKEN_PREFIX, prefix) == 0 && token_id_valid(at, TOKEN_ID_LEN) &&
	            at[TOKEN_ID_LEN] == '.';
	if (good) {
		memcpy(t.id, at, TOKEN_ID_LEN);
		at += TOKEN_ID_LEN + 1;
		good = part_take(&at, t.secret, sizeof t.secret, '.') &&
		       part_take(&at, t.pin, sizeof t.pin, '.') &&
		       part_take(&at, t.root, sizeof t.root, '\0');
	}
	if (good)
		*ret = t;
	token_wipe(&t);
	return good ? KE_OK : token_refuse(f);
}

void token_hash(const struct token *t, unsigned char digest[SHA256_LEN])
{
	sha256(t->secret, sizeof t->secret, digest);
}

char *token_secret_text(const struct token *t, char text[TOKEN_SECRET_ROOM])
{
	return hex_encode(t->secret, sizeof t->secret, text);
}

bool token_secret_matches(const char *text, size_t len, const unsigned char digest[SHA256_LEN])
{
	unsigned char secret[TOKEN_SECRET_LEN] = { 0 }, got[SHA256_LEN];
	bool form = len == 2 * sizeof secret && lower_hex(text, len) &&
	            hex_decode(text, len, secret, sizeof secret);

	sha256(secret, sizeof secret, got);
	OPENSSL_cleanse(secret, sizeof secret);
	return (CRYPTO_memcmp(got, digest, sizeof got) == 0) && form;
}

void token_wipe(struct token *t)
{
	OPENSSL_cleanse(t->secret, sizeof t->secret);
}
