/* token.h — the enrolment token, one line of text that an operator carries to a new host.
 *
 *     kedge1.ID.SECRET.PIN.ROOT
 *
 * ID (16 digits) names the token; SECRET (64) proves it; PIN (64) is the SHA-256 of the server CA's public key and ROOT
 * (64) the SHA-256 of root.json, so that the first contact has both of its anchors. All are lower-case hex; ROOT is what
 * sha256sum prints. The server keeps the SHA-256 of the secret's 32 bytes and never the secret.
 */
#ifndef KEDGE_CERTS_TOKEN_H
#define KEDGE_CERTS_TOKEN_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/codec.h"
#include "proto/err.h"

#define TOKEN_ID_ROOM     17
#define TOKEN_SECRET_LEN  32
#define TOKEN_SECRET_ROOM (2 * TOKEN_SECRET_LEN + 1)
#define TOKEN_ROOM        219 /* the text and its NUL */

struct token {
	char id[TOKEN_ID_ROOM];
	unsigned char secret[TOKEN_SECRET_LEN];
	unsigned char pin[SHA256_LEN];
	unsigned char root[SHA256_LEN];
};

/* A new token with random id and secret for these anchors. KE_SYSTEM when there is no randomness. */
int token_make(const unsigned char pin[SHA256_LEN], const unsigned char root[SHA256_LEN], struct token *ret,
        struct fault *f);
/* The text. Returns TEXT. */
char *token_format(const struct token *t, char text[TOKEN_ROOM]);
/* Exactly one token; one line end after it is allowed. KE_SYNTAX otherwise, and the fault never repeats the text. */
int token_parse(const char *text, size_t len, struct token *ret, struct fault *f);
/* What the server stores. */
void token_hash(const struct token *t, unsigned char digest[SHA256_LEN]);
/* The secret alone as text, for an Authorization header. Returns TEXT. */
char *token_secret_text(const struct token *t, char text[TOKEN_SECRET_ROOM]);
bool token_id_valid(const char *text, size_t len);
/* Is TEXT the secret whose hash is stored as DIGEST? The time taken does not depend on how much is right. */
bool token_secret_matches(const char *text, size_t len, const unsigned char digest[SHA256_LEN]);
/* Overwrite the secret. */
void token_wipe(struct token *t);

#endif
