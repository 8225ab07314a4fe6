/* codec.c — bytes to text and back, and digests. Table-free and constant in memory; used by everybody. */
#include "proto/codec.h"

#include <string.h>

#include <sha2.h>

char *hex_encode(const void *data, size_t len, char *text)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *in = data;

	for (size_t i = 0; i < len; i++) {
		text[2 * i] = digits[in[i] >> 4];
		text[2 * i + 1] = digits[in[i] & 15];
	}
	text[2 * len] = '\0';
	return text;
}

/* -1: none. Digits of a hash are random, and a branch on each would be guessed wrong every other time. */
static int hex_digit(char c)
{
	unsigned digit = (unsigned char)c - (unsigned)'0', letter = ((unsigned char)c | 0x20u) - 'a';
	int value = letter < 6 ? (int)letter + 10 : -1;

	return digit < 10 ? (int)digit : value;
}

bool hex_decode_any(const char *text, size_t len, void *data, size_t size, size_t *ret_len)
{
	unsigned char *out = data;
	int bad = 0;

	if (len % 2 || len / 2 > size)
		return false;
	for (size_t i = 0; i < len; i++)
		bad |= hex_digit(text[i]);
	if (bad < 0)
		return false;
	for (size_t i = 0; i < len / 2; i++)
		out[i] = (unsigned char)(hex_digit(text[2 * i]) << 4 | hex_digit(text[2 * i + 1]));
	*ret_len = len / 2;
	return true;
}

bool hex_decode(const char *text, size_t len, void *data, size_t size)
{
	size_t got;

	return len == 2 * size && hex_decode_any(text, len, data, size, &got);
}

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *base64_encode(const void *data, size_t len, char *text)
{
	const unsigned char *in = data;
	char *out = text;

	for (size_t i = 0; i < len; i += 3) {
		size_t have = len - i < 3 ? len - i : 3;
		uint32_t word = (uint32_t)in[i] << 16;
		if (have > 1)
			word |= (uint32_t)in[i + 1] << 8;
		if (have > 2)
			word |= in[i + 2];
		*out++ = base64_digits[word >> 18];
		*out++ = base64_digits[word >> 12 & 63];
		*out++ = have > 1 ? base64_digits[word >> 6 & 63] : '=';
		*out++ = have > 2 ? base64_digits[word & 63] : '=';
	}
	*out = '\0';
	return text;
}

static int base64_digit(char c)
{
	const char *at = c ? strchr(base64_digits, c) : NULL;

	return at ? (int)(at - base64_digits) : -1;
}

bool base64_decode(const char *text, size_t len, void *data, size_t *ret_len)
{
	unsigned char *out = data;
	size_t n = 0;

	if (len % 4)
		return false;
	for (size_t i = 0; i < len; i += 4) {
		bool last = i + 4 == len;
		unsigned pad = !last ? 0 : text[i + 3] != '=' ? 0 : text[i + 2] != '=' ? 1 : 2;
		uint32_t word = 0;
		for (unsigned k = 0; k < 4; k++) {
			int digit = k >= 4 - pad ? 0 : base64_digit(text[i + k]);
			if (digit < 0)
				return false;
			word = word << 6 | (uint32_t)digit;
		}
		if ((pad == 1 && (word & 0xff)) || (pad == 2 && (word & 0xffff)))
			return false; /* bits that no byte carries: a second spelling of the same bytes */
		for (unsigned k = 0; k < 3 - pad; k++)
			out[n++] = (unsigned char)(word >> (16 - 8 * k));
	}
	*ret_len = n;
	return true;
}

void sha256(const void *data, size_t len, unsigned char digest[SHA256_LEN])
{
	SHA2_CTX ctx;

	SHA256Init(&ctx);
	SHA256Update(&ctx, data, len);
	SHA256Final(digest, &ctx);
}

void sha512(const void *data, size_t len, unsigned char digest[SHA512_LEN])
{
	SHA2_CTX ctx;

	SHA512Init(&ctx);
	SHA512Update(&ctx, data, len);
	SHA512Final(digest, &ctx);
}

uint32_t crc32c(uint32_t crc, const void *data, size_t len)
{
	/* The remainders of the sixteen half bytes: one cache line, and a start needs no table to be made. */
	static const uint32_t half[16] = { 0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc,
		0x5125dad3, 0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
		0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75 };
	const unsigned char *in = data;

	crc = ~crc;
	for (size_t i = 0; i < len; i++) {
		crc ^= in[i];
		crc = crc >> 4 ^ half[crc & 15];
		crc = crc >> 4 ^ half[crc & 15];
	}
	return ~crc;
}
