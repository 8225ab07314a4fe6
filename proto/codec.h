/* codec.h — hex, base64, SHA-256 and SHA-512.
 *
 * Hashes come from libmd, not from libcrypto: kedge-agent hashes too, and must not pay for mapping a TLS stack.
 */
#ifndef KEDGE_PROTO_CODEC_H
#define KEDGE_PROTO_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHA256_LEN 32
#define SHA512_LEN 64

/* LEN bytes as 2*LEN lower-case digits and a NUL into TEXT (2*LEN + 1 bytes). Returns TEXT. */
char *hex_encode(const void *data, size_t len, char *text);
/* Exactly 2*SIZE digits of either case -> SIZE bytes. false: wrong length or not hex; DATA is then untouched. */
bool hex_decode(const char *text, size_t len, void *data, size_t size);
/* Any even number of digits up to 2*SIZE; the number of bytes is returned in *RET_LEN. */
bool hex_decode_any(const char *text, size_t len, void *data, size_t size, size_t *ret_len);

/* Standard base64 with padding (RFC 4648 section 4) into TEXT, which needs BASE64_ROOM(len) bytes. Returns TEXT. */
#define BASE64_ROOM(len) (((len) + 2) / 3 * 4 + 1)
char *base64_encode(const void *data, size_t len, char *text);
/* Strict: canonical padding, no white space. DATA needs len/4*3 bytes; undefined after false. */
bool base64_decode(const char *text, size_t len, void *data, size_t *ret_len);

void sha256(const void *data, size_t len, unsigned char digest[SHA256_LEN]);
void sha512(const void *data, size_t len, unsigned char digest[SHA512_LEN]);

/* CRC-32C (Castagnoli) of LEN bytes, continuing from CRC (0 to start). Detects torn records; no protection
 * against anybody. */
uint32_t crc32c(uint32_t crc, const void *data, size_t len);

#endif
