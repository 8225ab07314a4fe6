/* NAME.pub: what one person writes another one reads as the same key; what no client could use is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <cJSON.h>

#include "proto/fileio.h"
#include "server-stub/ctl/pubfile.h"

static void round_trip(void **state)
{
	static const enum signkey_type types[] = { SIGNKEY_ED25519, SIGNKEY_ECDSA, SIGNKEY_RSA };
	char dir[] = "/tmp/kedge-unit.XXXXXX", path[64];
	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/a.pub", dir);
	for (size_t i = 0; i < 3; i++) {
		struct signkey *key = NULL;
		cJSON *tree = NULL;
		char id[KEYID_ROOM];
		assert_int_equal(signkey_generate(types[i], &key, NULL), 0);
		assert_int_equal(pubfile_write(path, key, NULL), 0);
		assert_int_equal(pubfile_write(path, key, NULL), KE_EXIST);
		assert_int_equal(pubfile_read(path, &tree, NULL), 0);
		assert_int_equal(canon_sha256_hex(tree, id), 0);
		assert_string_equal(id, signkey_id(key));
		cJSON_Delete(tree);
		signkey_free(key);
		unlink(path);
	}
	rmdir(dir);
}

static void what_is_no_key_is_refused(void **state)
{
	static const struct {
		const char *text;
		int code;
		const char *remark;
	} rows[] = {
		{ "", KE_SYNTAX, "nothing" },
		{ "{}", KE_SCHEMA, "no key object" },
		{ "{\"keytype\":\"x\",\"scheme\":\"y\",\"keyval\":{\"public\":\"00\"}}", KE_KEY,
		        "an unknown type" },
		{ "{\"keytype\":\"ed25519\",\"scheme\":\"ed25519\",\"keyval\":{\"public\":\"00\"}}", KE_KEY,
		        "too short" },
		{ "{\"keytype\":\"ed25519\",\"keytype\":\"ed25519\"}", KE_DUPLICATE, "a name twice" },
		{ "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----\n", KE_KEY,
		        "a torn PEM" },
		{ "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAEQFUZXzJj0cQ5rNqlQYbtfYKfPVkMGo/6VbC58pUyBw=\n"
		  "-----END PUBLIC KEY-----\n",
		        KE_OK, "a PEM of ed25519" },
	};
	char dir[] = "/tmp/kedge-unit.XXXXXX", path[64];
	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/a.pub", dir);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		cJSON *tree = NULL;
		struct fault f = { 0 };
		assert_int_equal(
		        file_replace(path, rows[i].text, strlen(rows[i].text), 0644, FILE_VOLATILE, &f), 0);
		int rc = pubfile_read(path, &tree, &f);
		if (rc != rows[i].code)
			fail_msg("%s: %s: %s", rows[i].remark, err_name(rc), f.what);
		if (rc)
			assert_non_null(strstr(f.where, "a.pub"));
		cJSON_Delete(tree);
	}
	unlink(path);
	rmdir(dir);
	cJSON *tree = NULL;
	assert_int_equal(pubfile_read(path, &tree, NULL), KE_NOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(what_is_no_key_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
