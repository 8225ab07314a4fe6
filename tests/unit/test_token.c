/* The enrolment token: one form and no other, and a secret that is compared by its hash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "certs/token.h"

#define ID   "0123456789abcdef"
#define HEX1 "1111111111111111111111111111111111111111111111111111111111111111"
#define HEX2 "2222222222222222222222222222222222222222222222222222222222222222"
#define HEX3 "abababababababababababababababababababababababababababababababab"
#define GOOD "kedge1." ID "." HEX1 "." HEX2 "." HEX3

static void only_one_form_is_a_token(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool good;
		const char *remark;
	} rows[] = {
		{ GOOD, true, "as it is printed" },
		{ GOOD "\n", true, "with its line end" },
		{ GOOD "\n\n", false, "two line ends" },
		{ GOOD "\r\n", false, "a foreign line end" },
		{ " " GOOD, false, "space in front" },
		{ GOOD " ", false, "space behind" },
		{ GOOD "a", false, "a digit too many" },
		{ "kedge1." ID "." HEX1 "." HEX2, false, "a part missing" },
		{ "kedge1." ID "." HEX1 "." HEX2 "." HEX3 "." HEX3, false, "a part too many" },
		{ "kedge2." ID "." HEX1 "." HEX2 "." HEX3, false, "another version" },
		{ "Kedge1." ID "." HEX1 "." HEX2 "." HEX3, false, "capital" },
		{ "kedge1.0123456789abcdeF." HEX1 "." HEX2 "." HEX3, false, "capital in the id" },
		{ "kedge1.0123456789abcdeg." HEX1 "." HEX2 "." HEX3, false, "no digit in the id" },
		{ "kedge1." ID "." HEX1 "." HEX2
		  ".ABababababababababababababababababababababababababababababababab",
		        false, "capital in the hash" },
		{ "kedge1." ID "." HEX1 ":" HEX2 "." HEX3, false, "another separator" },
		{ "kedge1." ID "" HEX1 "." HEX2 "." HEX3 "1", false, "separator missing" },
		{ "", false, "empty" },
		{ "\n", false, "only a line end" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct token t = { .id = "untouched" };
		struct fault f = { 0 };
		char text[TOKEN_ROOM];
		int rc = token_parse(rows[i].text, strlen(rows[i].text), &t, &f);
		if (rc != (rows[i].good ? KE_OK : KE_SYNTAX))
			fail_msg("%s", rows[i].remark);
		if (rc) {
			assert_string_equal(t.id, "untouched");
			assert_null(strstr(f.what, "1111"));
			assert_null(strstr(f.where, "1111"));
		} else {
			assert_string_equal(token_format(&t, text), GOOD);
			assert_int_equal(strlen(text), TOKEN_ROOM - 1);
		}
	}
	/* Not NUL-terminated, and one byte short of the whole. */
	struct token t;
	assert_int_equal(token_parse(GOOD, strlen(GOOD) - 1, &t, NULL), KE_SYNTAX);
	assert_int_equal(token_parse(NULL, 0, &t, NULL), KE_SYNTAX);
}

static void tokens_are_new_each_time(void **state)
{
	(void)state;
	unsigned char pin[SHA256_LEN], root[SHA256_LEN], hash[SHA256_LEN], other[SHA256_LEN];
	struct token a, b, back;
	char text[TOKEN_ROOM], secret[TOKEN_SECRET_ROOM];
	memset(pin, 1, sizeof pin);
	memset(root, 2, sizeof root);
	assert_int_equal(token_make(pin, root, &a, NULL), 0);
	assert_int_equal(token_make(pin, root, &b, NULL), 0);
	assert_memory_not_equal(a.secret, b.secret, sizeof a.secret);
	assert_string_not_equal(a.id, b.id);
	token_format(&a, text);
	assert_int_equal(token_parse(text, strlen(text), &back, NULL), 0);
	assert_memory_equal(&a, &back, sizeof a);
	token_hash(&a, hash);
	token_hash(&b, other);
	token_secret_text(&a, secret);
	assert_true(token_secret_matches(secret, 64, hash));
	assert_false(token_secret_matches(secret, 64, other));
	assert_false(token_secret_matches(secret, 63, hash));
	assert_false(token_secret_matches("", 0, hash));
	secret[63] = secret[63] == '0' ? '1' : '0';
	assert_false(token_secret_matches(secret, 64, hash));
	/* Nonsense must not match the hash of what nonsense decodes to. */
	unsigned char zero[TOKEN_SECRET_LEN] = { 0 }, zero_hash[SHA256_LEN];
	sha256(zero, sizeof zero, zero_hash);
	assert_false(token_secret_matches("zz", 2, zero_hash));
	token_wipe(&a);
	assert_memory_equal(a.secret, zero, sizeof zero);
}

/* The stored value is what sha256sum says of the 32 bytes, so that another program can check it. */
static void the_hash_is_sha256_of_the_bytes(void **state)
{
	(void)state;
	struct token t;
	unsigned char hash[SHA256_LEN];
	char hex[65];
	assert_int_equal(token_parse(GOOD, strlen(GOOD), &t, NULL), 0);
	token_hash(&t, hash);
	assert_string_equal(hex_encode(hash, sizeof hash, hex),
	        "02d449a31fbb267c8f352e9968a79e3e5fc95c1bbeaa502fd6454ebde5a4bedc");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_one_form_is_a_token),
		cmocka_unit_test(tokens_are_new_each_time),
		cmocka_unit_test(the_hash_is_sha256_of_the_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
