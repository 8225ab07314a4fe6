/* What the roles share: header, hashes, file names, keys and signers. */
#include <stdlib.h>

#include "proto/canon.h"
#include "tests/support/tuf_rows.h"

static int open_header(const struct place *at, struct fault *f)
{
	struct tuf_header header;
	return tuf_header_parse(at, "targets", &header, f);
}

#define H(SPEC, VERSION, EXPIRES)                                                                            \
	"{\"_type\":\"targets\",\"spec_version\":" SPEC ",\"version\":" VERSION ",\"expires\":" EXPIRES "}"
#define DATE "\"2030-01-01T00:00:00Z\""

static const struct tuf_row headers[] = {
	{ H("\"1.0.34\"", "1", DATE), KE_OK, NULL, "good" },
	{ H("\"1.0\"", "1", DATE), KE_OK, NULL, "sigstore's short form" },
	{ H("\"1.99.7\"", "1", DATE), KE_OK, NULL, "a later minor version" },
	{ H("\"1.0.09\"", "1", DATE), KE_OK, NULL, "the first and the last digit" },
	{ H("\"1.0/0\"", "1", DATE), KE_SCHEMA, NULL, "the character before 0" },
	{ H("\"1.0:0\"", "1", DATE), KE_SCHEMA, NULL, "the character behind 9" },
	{ H("\"1./0\"", "1", DATE), KE_SCHEMA, NULL, "the character before 0, behind a dot" },
	{ H("\"1.:0\"", "1", DATE), KE_SCHEMA, NULL, "the character behind 9, behind a dot" },
	{ H("\"1.0.\"", "1", DATE), KE_SCHEMA, NULL, "an empty last part" },
	{ H("\"1..0\"", "1", DATE), KE_SCHEMA, NULL, "an empty part in between" },
	{ H("\"\"", "1", DATE), KE_SCHEMA, "spec_version", "an empty one" },
	{ H("\"1.0 \"", "1", DATE), KE_SCHEMA, NULL, "a space behind" },
	{ H("\"2.0.0\"", "1", DATE), KE_SCHEMA, NULL, "another major version" },
	{ H("\"10.0.0\"", "1", DATE), KE_SCHEMA, NULL, "which begins with 1" },
	{ H("\"1.0.0.0\"", "1", DATE), KE_SCHEMA, NULL, "too many parts" },
	{ H("\"1.\"", "1", DATE), KE_SCHEMA, NULL, "an empty part" },
	{ H("\"1\"", "1", DATE), KE_SCHEMA, NULL, "no version: neither three parts nor sigstore's two" },
	{ H("\"1.a\"", "1", DATE), KE_SCHEMA, NULL, "letters" },
	{ H("1", "1", DATE), KE_SCHEMA, "spec_version", "a number" },
	{ H("\"1.0.0\"", "0", DATE), KE_RANGE, "version", "version zero" },
	{ H("\"1.0.0\"", "-1", DATE), KE_RANGE, "version", "a negative version" },
	{ H("\"1.0.0\"", "9007199254740991", DATE), KE_OK, NULL, "the largest version" },
	{ H("\"1.0.0\"", "\"1\"", DATE), KE_SCHEMA, "version", "a version in quotes" },
	{ H("\"1.0.0\"", "true", DATE), KE_SCHEMA, "version", "a version that is true" },
	{ H("\"1.0.0\"", "1", "\"2030-01-01T00:00:00\""), KE_SCHEMA, "expires", "no Z" },
	{ H("\"1.0.0\"", "1", "\"2030-01-01T00:00:00.5Z\""), KE_SCHEMA, "expires", "fractions" },
	{ H("\"1.0.0\"", "1", "\"2030-01-01T00:00:00+00:00\""), KE_SCHEMA, "expires", "an offset" },
	{ H("\"1.0.0\"", "1", "\"2030-02-30T00:00:00Z\""), KE_SCHEMA, "expires", "30 February" },
	{ H("\"1.0.0\"", "1", "\"2030-01-01T24:00:00Z\""), KE_SCHEMA, "expires", "24 o'clock" },
	{ H("\"1.0.0\"", "1", "1893456000"), KE_SCHEMA, "expires", "a number" },
	{ "{\"_type\":\"root\",\"spec_version\":\"1.0.0\",\"version\":1,\"expires\":" DATE "}", KE_SCHEMA,
	        NULL, "another role's type" },
	{ "{\"_type\":\"" A63 "1\",\"spec_version\":\"1.0\"}", KE_SCHEMA, "(document)",
	        "a long type is another" },
	{ "{\"_type\":\"" A63 "11\",\"spec_version\":\"1.0\"}", KE_SCHEMA, "_type", "a longer one is none" },
	{ "{\"_type\":\"\",\"spec_version\":\"1.0\"}", KE_SCHEMA, "_type", "nor is an empty one" },
	{ "{\"_type\":\"x\",\"spec_version\":\"1.0\"}", KE_SCHEMA, "(document)", "a short one is another" },
	{ H("\"1.1" A63 "\"", "1", DATE), KE_SCHEMA, "spec_version", "more than 64 digits and dots" },
	{ H("\"1." A16 A16 A16 "11111111111111\"", "1", DATE), KE_OK, NULL, "exactly 64" },
	{ H("\"1." A16 A16 A16 "111111111111111\"", "1", DATE), KE_SCHEMA, "spec_version", "one more" },
	{ H("\"1\"", "1", DATE), KE_SCHEMA, "(document)", "one character is a string, but no version" },
	{ "{\"spec_version\":\"1.0.0\",\"version\":1,\"expires\":" DATE "}", KE_SCHEMA, NULL, "no type" },
	{ "{\"_type\":\"targets\",\"version\":1,\"expires\":" DATE "}", KE_SCHEMA, NULL, "no spec_version" },
	{ "{\"_type\":\"targets\",\"spec_version\":\"1.0.0\",\"expires\":" DATE "}", KE_SCHEMA, NULL,
	        "no version" },
	{ "{\"_type\":\"targets\",\"spec_version\":\"1.0.0\",\"version\":1}", KE_SCHEMA, NULL, "no expiry" },
};

static void headers_are_strict(void **state)
{
	(void)state;
	tuf_rows_check(headers, sizeof headers / sizeof headers[0], open_header);
}

static int open_hashes(const struct place *at, struct fault *f)
{
	struct tuf_hashes hashes;
	return tuf_hashes_parse(at, &hashes, f);
}

static const struct tuf_row hash_rows[] = {
	{ "{\"hashes\":{\"sha256\":\"" HASH "\"}}", KE_OK, NULL, "sha256" },
	{ "{\"hashes\":{\"sha512\":\"" HASH HASH "\"}}", KE_OK, NULL, "sha512" },
	{ "{\"hashes\":{\"blake2b-256\":\"" HASH "\"}}", KE_OK, NULL, "unknown: read, but nothing matches" },
	{ "{\"hashes\":{}}", KE_SCHEMA, "hashes", "empty" },
	{ "{}", KE_SCHEMA, NULL, "missing" },
	{ "{\"hashes\":[]}", KE_SCHEMA, "hashes", "an array" },
	{ "{\"hashes\":{\"sha256\":\"2cf2\"}}", KE_SCHEMA, "hashes.sha256", "short" },
	{ "{\"hashes\":{\"sha256\":\"" HASH "00\"}}", KE_SCHEMA, "hashes.sha256", "long" },
	{ "{\"hashes\":{\"sha256\":\"2CF24DBA5FB0A30E26E83B2AC5B9E29E1B161E5C1FA7425E73043362938B9824\"}}",
	        KE_SCHEMA, "hashes.sha256", "upper case" },
	{ "{\"hashes\":{\"sha512\":\"" HASH "\"}}", KE_SCHEMA, "hashes.sha512",
	        "the wrong length for sha512" },
	{ "{\"hashes\":{\"sha256\":1}}", KE_SCHEMA, "hashes.sha256", "a number" },
	{ "{\"hashes\":{\"x\":\"\"}}", KE_SCHEMA, "hashes.x", "an empty one of an unknown kind" },
	{ "{\"hashes\":{\"x\":\"0\"}}", KE_OK, NULL, "a short one of an unknown kind" },
};

static void hashes_are_strict(void **state)
{
	(void)state;
	tuf_rows_check(hash_rows, sizeof hash_rows / sizeof hash_rows[0], open_hashes);
}

/* An unknown kind of hash may be long, but not without end. */
static void long_hashes_are_limited(void **state)
{
	(void)state;
	for (int len = 4096; len <= 4097; len++) {
		char text[8192];
		const struct tuf_row row = { text, len == 4096 ? KE_OK : KE_SCHEMA, "hashes.x", "long hash" };
		snprintf(text, sizeof text, "{\"hashes\":{\"x\":\"%0*d\"}}", len, 0);
		tuf_rows_check(&row, 1, open_hashes);
	}
}

static void bytes_have_length_and_all_hashes(void **state)
{
	(void)state;
	struct tuf_hashes both = { .any = true, .has_sha256 = true, .has_sha512 = true }, none = { 0 };
	sha256("hello", 5, both.sha256);
	sha512("hello", 5, both.sha512);
	assert_int_equal(tuf_bytes_check("hello", 5, 5, &both, NULL), 0);
	assert_int_equal(tuf_bytes_check("hello", 5, -1, &both, NULL), 0);
	assert_int_equal(tuf_bytes_check("hello", 5, -1, &none, NULL), 0);
	assert_int_equal(tuf_bytes_check("hello", 5, 6, &none, NULL), KE_MISMATCH);
	assert_int_equal(tuf_bytes_check("hello", 5, 0, &none, NULL), KE_MISMATCH);
	assert_int_equal(tuf_bytes_check("", 0, 0, &none, NULL), 0);
	assert_int_equal(tuf_bytes_check("hellp", 5, 5, &both, NULL), KE_MISMATCH);
	struct tuf_hashes bad = both;
	bad.sha512[63] ^= 1;
	assert_int_equal(tuf_bytes_check("hello", 5, 5, &bad, NULL), KE_MISMATCH);
	bad = both;
	bad.sha256[0] ^= 1;
	assert_int_equal(tuf_bytes_check("hello", 5, 5, &bad, NULL), KE_MISMATCH);
	bad = both;
	bad.foreign = true;
	assert_int_equal(tuf_bytes_check("hello", 5, 5, &bad, NULL), KE_MISMATCH);
}

/* Whatever else is listed and right: a hash that nobody here can check is not passed over. */
static void unknown_hashes_never_match(void **state)
{
	static const struct {
		const char *text;
		int code;
	} rows[] = {
		{ "{\"hashes\":{\"sha256\":\"" HASH "\"}}", KE_OK },
		{ "{\"hashes\":{\"sha256\":\"" HASH "\",\"x\":\"00\"}}", KE_MISMATCH },
		{ "{\"hashes\":{\"x\":\"00\",\"sha256\":\"" HASH "\"}}", KE_MISMATCH },
		{ "{\"hashes\":{\"SHA256\":\"" HASH "\"}}", KE_MISMATCH },
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct tuf_hashes hashes = { 0 };
		struct cJSON *tree;
		assert_int_equal(
		        strict_parse(rows[i].text, strlen(rows[i].text), &strict_limits_default, &tree, NULL),
		        0);
		struct place at = place_root(tree);
		assert_int_equal(tuf_hashes_parse(&at, &hashes, NULL), 0);
		assert_true(hashes.any);
		assert_int_equal(tuf_bytes_check("hello", 5, 5, &hashes, NULL), rows[i].code);
		cJSON_Delete(tree);
	}
}

static void names_become_flat_files(void **state)
{
	static const struct {
		const char *role;
		int64_t version;
		const char *file;
	} rows[] = {
		{ "targets", 0, "targets.json" },
		{ "root", 7, "7.root.json" },
		{ "../delegatedrole", 1, "1...%2Fdelegatedrole.json" },
		{ "a b?[]", 0, "a%20b%3F%5B%5D.json" },
		{ "\xc3\xa9", 0, "%C3%A9.json" },
		{ "A-Z_0.9~", 9007199254740991, "9007199254740991.A-Z_0.9~.json" },
		{ ".", 0, "..json" },
		{ "AZaz09@[`{/:", 0, "AZaz09%40%5B%60%7B%2F%3A.json" },
	};
	char text[TUF_FILE_ROOM], quoted[16];
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_string_equal(tuf_file_name(rows[i].role, rows[i].version, text), rows[i].file);
	assert_false(tuf_name_quote("///////////////", quoted, sizeof quoted));
	assert_true(tuf_name_quote("////", quoted, sizeof quoted));
	assert_string_equal(quoted, "%2F%2F%2F%2F");
	/* The room for one escape and the NUL must be left, whatever comes. */
	assert_true(tuf_name_quote("abcdefghijklm", quoted, sizeof quoted));
	assert_false(tuf_name_quote("abcdefghijklmn", quoted, sizeof quoted));
}

/* No role of that name can have been read; the file name holds nothing of it. */
static void long_names_are_not_cut(void **state)
{
	char role[3 * TUF_ROLE_NAME_MAX], text[TUF_FILE_ROOM];
	(void)state;
	memset(role, 'a', sizeof role);
	role[sizeof role - 1] = '\0';
	assert_string_equal(tuf_file_name(role, 0, text), ".json");
	role[TUF_ROLE_NAME_MAX] = '\0';
	assert_int_equal(strlen(tuf_file_name(role, STRICT_INT_MAX, text)), TUF_ROLE_NAME_MAX + 22);
}

static int open_signers(const struct place *at, struct fault *f)
{
	struct tuf_keys keys;
	struct signers s;
	struct place map, role;
	int rc;
	if ((rc = read_object(at, "keys", &map, f)) || (rc = tuf_keys_parse(&map, &keys, f)))
		return rc;
	rc = read_object(at, "role", &role, f);
	if (!rc)
		rc = tuf_signers_parse(&role, &keys, &s, f);
	if (!rc) {
		/* An id without a key counts for nothing. */
		assert_true(s.n <= keys.n);
		tuf_signers_free(&s);
	}
	tuf_keys_free(&keys);
	return rc;
}

#define S(KEYS, IDS, THRESHOLD)                                                                              \
	"{\"keys\":" KEYS ",\"role\":{\"keyids\":" IDS ",\"threshold\":" THRESHOLD "}}"

static const struct tuf_row signer_rows[] = {
	{ S(KEYS_A, "[\"" ID_A "\"]", "1"), KE_OK, NULL, "good" },
	{ S(KEYS_A, "[\"" ID_A "\",\"ff\"]", "1"), KE_OK, NULL, "an id without a key" },
	{ S(KEYS_A, "[]", "1"), KE_OK, NULL, "nobody can sign, but that is how it stands" },
	{ S(KEYS_A, "[\"" ID_A "\"]", "0"), KE_RANGE, "role.threshold", "go-tuf GHSA-fphv-w9fq-2525" },
	{ S(KEYS_A, "[\"" ID_A "\"]", "-1"), KE_RANGE, "role.threshold", "negative" },
	{ S(KEYS_A, "[\"" ID_A "\"]", "\"1\""), KE_SCHEMA, "role.threshold", "in quotes" },
	{ S(KEYS_A, "[\"" ID_A "\"]", "null"), KE_SCHEMA, "role.threshold", "null" },
	{ S(KEYS_A, "[\"" ID_A "\",\"" ID_A "\"]", "2"), KE_DUPLICATE, "role.keyids[1]", "an id twice" },
	{ S(KEYS_2, "[\"" ID_A "\",\"" ID_B "\"]", "2"), KE_OK, NULL, "two" },
	{ S(KEYS_2, "[\"" ID_A "\",\"" ID_B "\",\"" ID_B "\"]", "2"), KE_DUPLICATE, "role.keyids[2]",
	        "the second one twice" },
	{ S(KEYS_2, "[\"" ID_B "\",\"" ID_A "\",\"" ID_B "\"]", "2"), KE_DUPLICATE, "role.keyids[2]",
	        "the first and the last" },
	{ S(KEYS_A, "\"" ID_A "\"", "1"), KE_SCHEMA, "role.keyids", "no array" },
	{ S(KEYS_A, "[1]", "1"), KE_SCHEMA, "role.keyids[0]", "a number" },
	{ S(KEYS_A, "[\"\"]", "1"), KE_SCHEMA, "role.keyids[0]", "an empty id" },
	{ S(KEYS_A, "[\"1\"]", "1"), KE_OK, NULL, "the shortest id" },
	{ S(KEYS_A, "[\"1" A255 "\"]", "1"), KE_OK, NULL, "the longest id" },
	{ S(KEYS_A, "[\"11" A255 "\"]", "1"), KE_SCHEMA, "role.keyids[0]", "a longer id" },
	{ S(KEYS_A, "[\"" ID_A "\"]", "9007199254740991"), KE_OK, NULL, "the largest threshold" },
	{ S("{\"00\":" ED_KEY(PUB_A) "}", "[\"00\"]", "1"), KE_KEY, "keys.00",
	        "CVE-2022-29173 and kin: a false id" },
	{ S("{\"" ID_A "\":[]}", "[]", "1"), KE_SCHEMA, NULL, "a key that is no object" },
	{ S("[]", "[]", "1"), KE_SCHEMA, "keys", "keys are no object" },
};

static void signers_are_strict(void **state)
{
	(void)state;
	tuf_rows_check(signer_rows, sizeof signer_rows / sizeof signer_rows[0], open_signers);
}

/* {"keys":{N keys},"role":{"keyids":[N_IDS ids],"threshold":1}}; the keys are of an unknown type. */
static char *many_keys(size_t n, size_t n_ids)
{
	struct buf out = BUF_INIT(1 << 22);
	char *text, id[KEYID_ROOM];
	buf_str(&out, "{\"keys\":{");
	for (size_t i = 0; i < n; i++) {
		char key[128];
		struct cJSON *tree;
		snprintf(key, sizeof key, "{\"keytype\":\"x%zu\",\"scheme\":\"x\",\"keyval\":{}}", i);
		assert_int_equal(strict_parse(key, strlen(key), &strict_limits_default, &tree, NULL), 0);
		assert_int_equal(canon_sha256_hex(tree, id), 0);
		cJSON_Delete(tree);
		buf_fmt(&out, "%s\"%s\":%s", i ? "," : "", id, key);
	}
	buf_str(&out, "},\"role\":{\"keyids\":[");
	for (size_t i = 0; i < n_ids; i++)
		buf_fmt(&out, "%s\"%zu\"", i ? "," : "", i);
	buf_str(&out, "],\"threshold\":1}}");
	assert_int_equal(buf_take(&out, &text, NULL), 0);
	return text;
}

static void keys_and_ids_are_limited(void **state)
{
	static const struct {
		size_t keys, ids;
		int code;
		const char *where;
	} rows[] = { { TUF_KEYS_MAX, TUF_KEYS_MAX, KE_OK, "" }, { TUF_KEYS_MAX + 1, 0, KE_TOOBIG, "keys" },
		{ 0, TUF_KEYS_MAX + 1, KE_TOOBIG, "role.keyids" } };
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char *text = many_keys(rows[i].keys, rows[i].ids);
		const struct tuf_row row = { text, rows[i].code, rows[i].where, "many keys" };
		tuf_rows_check(&row, 1, open_signers);
		free(text);
	}
}

/* Each one, whatever the order in the file; and nothing in between. */
static void keys_are_found_by_id(void **state)
{
	char *text = many_keys(9, 0), near[KEYID_ROOM];
	struct place map;
	struct tuf_keys keys;
	struct cJSON *tree;
	(void)state;
	assert_int_equal(strict_parse(text, strlen(text), &strict_limits_default, &tree, NULL), 0);
	struct place at = place_root(tree);
	assert_int_equal(read_object(&at, "keys", &map, NULL), 0);
	assert_int_equal(tuf_keys_parse(&map, &keys, NULL), 0);
	assert_int_equal(keys.n, 9);
	for (size_t i = 0; i < keys.n; i++) {
		memcpy(near, pubkey_id(keys.list[i]), sizeof near);
		assert_ptr_equal(tuf_keys_find(&keys, near), keys.list[i]);
		near[63] ^= 1;
		assert_null(tuf_keys_find(&keys, near));
	}
	assert_null(tuf_keys_find(&keys, ""));
	assert_null(tuf_keys_find(&keys, "~"));
	tuf_keys_free(&keys);
	cJSON_Delete(tree);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_are_strict),
		cmocka_unit_test(hashes_are_strict),
		cmocka_unit_test(long_hashes_are_limited),
		cmocka_unit_test(bytes_have_length_and_all_hashes),
		cmocka_unit_test(unknown_hashes_never_match),
		cmocka_unit_test(names_become_flat_files),
		cmocka_unit_test(long_names_are_not_cut),
		cmocka_unit_test(signers_are_strict),
		cmocka_unit_test(keys_and_ids_are_limited),
		cmocka_unit_test(keys_are_found_by_id),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
