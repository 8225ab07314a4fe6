/* Hex, base64 and digests against published vectors: RFC 4648, FIPS 180-4, RFC 3720 appendix B.4. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/codec.h"

static void hex_both_ways(void **state)
{
	(void)state;
	static const unsigned char bytes[] = { 0x00, 0x0f, 0xa5, 0xff };
	char text[9];
	unsigned char back[4];
	assert_string_equal(hex_encode(bytes, 4, text), "000fa5ff");
	assert_true(hex_decode("000FA5fF", 8, back, 4));
	assert_memory_equal(back, bytes, 4);
	assert_string_equal(hex_encode(bytes, 0, text), "");
	assert_true(hex_decode("", 0, back, 0));
}

static void hex_refusals_touch_nothing(void **state)
{
	(void)state;
	static const struct {
		const char *remark, *text;
		size_t len;
	} rows[] = {
		{ "too short", "0011", 4 },
		{ "odd", "00112", 5 },
		{ "too long", "00112233", 8 },
		{ "not a digit at the end", "00112g", 6 },
		{ "not a digit in the middle", "00 122", 6 },
		{ "prefix", "0x0011", 6 },
		{ "sign", "-01122", 6 },
		{ "NUL inside", "0011\0002", 6 },
		{ "the neighbours of the digits: / : @ G ` g", "/:@G`g", 6 },
		{ "bytes beyond ASCII", "\xff\xfe\x80\x81\x82\x83", 6 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		print_message("%s\n", rows[i].remark);
		unsigned char out[4] = { 1, 2, 3, 4 };
		assert_false(hex_decode(rows[i].text, rows[i].len, out, 3));
		assert_memory_equal(out, "\1\2\3\4", 4);
	}
}

static void hex_any_length(void **state)
{
	(void)state;
	unsigned char out[3] = { 9, 9, 9 };
	size_t len = 77;
	assert_true(hex_decode_any("", 0, out, 3, &len));
	assert_int_equal(len, 0);
	assert_true(hex_decode_any("abcd", 4, out, 3, &len));
	assert_int_equal(len, 2);
	assert_memory_equal(out, "\xab\xcd\x09", 3);
	assert_true(hex_decode_any("abcdef", 6, out, 3, &len));
	assert_int_equal(len, 3);
	assert_false(hex_decode_any("abcdef00", 8, out, 3, &len));
	assert_false(hex_decode_any("abc", 3, out, 3, &len));
	assert_int_equal(len, 3);
}

static void base64_vectors(void **state)
{
	(void)state;
	static const struct {
		const char *bytes, *text;
		size_t len;
	} rows[] = {
		{ "", "", 0 },
		{ "f", "Zg==", 1 },
		{ "fo", "Zm8=", 2 },
		{ "foo", "Zm9v", 3 },
		{ "foob", "Zm9vYg==", 4 },
		{ "fooba", "Zm9vYmE=", 5 },
		{ "foobar", "Zm9vYmFy", 6 },
		{ "\0\0\0", "AAAA", 3 },
		{ "\xff\xff\xff", "////", 3 },
		{ "\xfb\xef\xbe", "++++", 3 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char text[BASE64_ROOM(6)];
		unsigned char back[6];
		size_t len = 99, text_len = strlen(rows[i].text);
		assert_string_equal(base64_encode(rows[i].bytes, rows[i].len, text), rows[i].text);
		assert_int_equal(text_len + 1, BASE64_ROOM(rows[i].len));
		assert_true(base64_decode(rows[i].text, text_len, back, &len));
		assert_int_equal(len, rows[i].len);
		assert_memory_equal(back, rows[i].bytes, len);
	}
}

static void base64_refusals(void **state)
{
	(void)state;
	static const struct {
		const char *remark, *text;
	} rows[] = {
		{ "a second spelling of 'f': bits that no byte carries", "Zh==" },
		{ "all of those bits", "Z/==" },
		{ "a second spelling of 'fo'", "Zm9=" },
		{ "no padding", "Zg" },
		{ "half the padding", "Zg=" },
		{ "padding alone", "====" },
		{ "one digit", "Z===" },
		{ "a digit behind the padding", "Zg=A" },
		{ "padding in the middle", "Zg==Zg==" },
		{ "padding first", "=m9v" },
		{ "too much padding", "Zm9v====" },
		{ "line break", "Zm9v\nZm9v\n\n\n" },
		{ "blank", "Zm 9" },
		{ "URL alphabet", "--__" },
		{ "a byte beyond ASCII", "Zm9\xff" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		print_message("%s\n", rows[i].remark);
		unsigned char out[16];
		size_t len = 99;
		assert_false(base64_decode(rows[i].text, strlen(rows[i].text), out, &len));
		assert_int_equal(len, 99);
	}
	unsigned char out[3];
	size_t len;
	assert_false(base64_decode("Zm\0v", 4, out, &len)); /* NUL is no digit */
	for (size_t part = 1; part < 8; part++)             /* LEN counts, also where good digits follow */
		if (part % 4)
			assert_false(base64_decode("Zm9vYmFy", part, (unsigned char[6]){ 0 }, &len));
}

/* Of all texts of one group that end in "==", exactly 256 are accepted: one for each byte. */
static void base64_has_one_spelling(void **state)
{
	(void)state;
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned one = 0, two = 0;
	unsigned char out[3];
	size_t len;
	for (int a = 0; a < 64; a++) {
		for (int b = 0; b < 64; b++) {
			char text[] = { digits[a], digits[b], '=', '=' };
			one += base64_decode(text, 4, out, &len);
			for (int c = 0; c < 64; c++) {
				text[2] = digits[c];
				two += base64_decode(text, 4, out, &len);
			}
		}
	}
	assert_int_equal(one, 256);
	assert_int_equal(two, 65536);
}

static void digests(void **state)
{
	(void)state;
	static const char two_blocks[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
	static const struct {
		const char *data, *sha256, *sha512;
	} rows[] = {
		{ "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		        "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
		        "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e" },
		{ "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
		        "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f" },
		{ two_blocks, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
		        "204a8fc6dda82f0a0ced7beb8e08a41657c16ef468b228a8279be331a703c335"
		        "96fd15c13b1b07f9aa1d3bea57789ca031ad85c7a71dd70354ec631238ca3445" },
	};
	unsigned char digest[SHA512_LEN];
	char text[2 * SHA512_LEN + 1];
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		sha256(rows[i].data, strlen(rows[i].data), digest);
		assert_string_equal(hex_encode(digest, SHA256_LEN, text), rows[i].sha256);
		sha512(rows[i].data, strlen(rows[i].data), digest);
		assert_string_equal(hex_encode(digest, SHA512_LEN, text), rows[i].sha512);
	}
	char *million = malloc(1000000);
	assert_non_null(million);
	memset(million, 'a', 1000000);
	sha256(million, 1000000, digest);
	free(million);
	assert_string_equal(hex_encode(digest, SHA256_LEN, text),
	        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void crc32c_vectors(void **state)
{
	(void)state;
	unsigned char data[32];
	assert_int_equal(crc32c(0, "", 0), 0);
	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
	memset(data, 0, sizeof data);
	assert_int_equal(crc32c(0, data, sizeof data), 0x8a9136aa);
	memset(data, 0xff, sizeof data);
	assert_int_equal(crc32c(0, data, sizeof data), 0x62a8ab43);
	for (unsigned i = 0; i < 32; i++)
		data[i] = (unsigned char)i;
	assert_int_equal(crc32c(0, data, sizeof data), 0x46dd794e);
	for (unsigned i = 0; i < 32; i++)
		data[i] = (unsigned char)(31 - i);
	assert_int_equal(crc32c(0, data, sizeof data), 0x113fdb5c);
	assert_int_equal(crc32c(crc32c(0, "1234", 4), "56789", 5), 0xe3069283); /* in two pieces */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hex_both_ways),
		cmocka_unit_test(hex_refusals_touch_nothing),
		cmocka_unit_test(hex_any_length),
		cmocka_unit_test(base64_vectors),
		cmocka_unit_test(base64_refusals),
		cmocka_unit_test(base64_has_one_spelling),
		cmocka_unit_test(digests),
		cmocka_unit_test(crc32c_vectors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
