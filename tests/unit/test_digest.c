/* The digests are those of FIPS 180-4, at the first call and later, and one does not stand in for the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/digest.h"

static const struct {
	const char *text, *sha256, *sha512, *remark;
} rows[] = {
	{ "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	        "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
	        "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
	        "nothing" },
	{ "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
	        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
	        "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
	        "one block" },
	{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
	        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
	        "204a8fc6dda82f0a0ced7beb8e08a41657c16ef468b228a8279be331a703c335"
	        "96fd15c13b1b07f9aa1d3bea57789ca031ad85c7a71dd70354ec631238ca3445",
	        "the length does not fit into the first block" },
	{ "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
	        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
	        "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
	        "a second time" },
};

static void vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		unsigned char small[SHA256_LEN], large[SHA512_LEN];
		char text[2 * SHA512_LEN + 1];
		assert_int_equal(digest_sha256(rows[i].text, strlen(rows[i].text), small), 0);
		assert_int_equal(digest_sha512(rows[i].text, strlen(rows[i].text), large), 0);
		if (strcmp(hex_encode(small, sizeof small, text), rows[i].sha256) != 0)
			fail_msg("%s: SHA-256 %s", rows[i].remark, text);
		if (strcmp(hex_encode(large, sizeof large, text), rows[i].sha512) != 0)
			fail_msg("%s: SHA-512 %s", rows[i].remark, text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
