/* tuf.c — what the roles share: header, hashes, keys, signers, file names. Refuses what the specification leaves no
 * room for (thresholds below one, a key under an id that is not its own, empty hashes); the role files are on top. */
#include "proto/tuf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "proto/clock.h"
#include "proto/strict.h"

const char *const tuf_top_names[TUF_TOP_COUNT + 1] = {
	[TUF_ROOT] = "root",
	[TUF_TIMESTAMP] = "timestamp",
	[TUF_SNAPSHOT] = "snapshot",
	[TUF_TARGETS] = "targets",
};

/* "1.x.y" with decimal numbers, and the "1.x" that sigstore writes; "1" alone is no version of anything. */
static bool spec_version_ok(const char *text)
{
	unsigned dots = 0;

	if (text[0] != '1' || (text[1] != '.' && text[1] != '\0'))
		return false;
	for (const char *p = text + 1; *p; p++) {
		if (*p == '.' && (++dots > 2 || p[1] < '0' || p[1] > '9'))
			return false;
		if (*p != '.' && (*p < '0' || *p > '9'))
			return false;
	}
	return dots > 0;
}

int tuf_header_parse(const struct place *at, const char *type, struct tuf_header *ret, struct fault *f)
{
	struct tuf_header header;
	const char *text;
	int rc;

	if ((rc = read_string(at, "_type", 1, 64, &text, f)))
		return rc;
	if (strcmp(text, type) != 0)
		return place_fault(at, f, KE_SCHEMA, NULL, "_type is '%.40s', not '%s'", text, type);
	if ((rc = read_string(at, "spec_version", 1, 64, &text, f)))
		return rc;
	if (!spec_version_ok(text))
		return place_fault(at, f, KE_SCHEMA, NULL, "spec_version '%.40s' is not 1.x", text);
	if ((rc = read_int(at, "version", 1, STRICT_INT_MAX, &header.version, f)) ||
	        (rc = read_time(at, "expires", &header.expires, f)))
		return rc;
	*ret = header;
	return KE_OK;
}

static bool lower_hex(const char *text, void *data, size_t size)
{
	return !strpbrk(text, "ABCDEF") && hex_decode(text, strlen(text), data, size);
}

int tuf_hashes_parse(const struct place *at, struct tuf_hashes *ret, struct fault *f)
{
	struct tuf_hashes hashes = { .any = true };
	struct place map, item = { 0 };
	const char *text;
	int rc = read_object(at, "hashes", &map, f);

	if (rc)
		return rc;
	if (!place_count(&map))
		return place_fault(&map, f, KE_SCHEMA, NULL, "must not be empty");
	while (place_next(&map, &item)) {
		if ((rc = place_string(&item, 1, 4096, &text, f)))
			return rc;
		if (strcmp(item.name, "sha256") == 0)
			hashes.has_sha256 = lower_hex(text, hashes.sha256, sizeof hashes.sha256);
		else if (strcmp(item.name, "sha512") == 0)
			hashes.has_sha512 = lower_hex(text, hashes.sha512, sizeof hashes.sha512);
		else
			hashes.foreign = true;
		if ((strcmp(item.name, "sha256") == 0 && !hashes.has_sha256) ||
		        (strcmp(item.name, "sha512") == 0 && !hashes.has_sha512))
			return place_fault(&item, f, KE_SCHEMA, NULL, "not a lower-case hexadecimal digest");
	}
	*ret = hashes;
	return KE_OK;
}

int tuf_meta_parse(const struct place *at, struct tuf_meta *ret, struct fault *f)
{
	struct tuf_meta meta = { .name = at->name };
	int rc;

	if ((rc = read_int(at, "version", 1, STRICT_INT_MAX, &meta.version, f)))
		return rc;
	meta.length = -1;
	if (read_has(at, "length") && (rc = read_int(at, "length", 0, STRICT_INT_MAX, &meta.length, f)))
		return rc;
	if (read_has(at, "hashes") && (rc = tuf_hashes_parse(at, &meta.hashes, f)))
		return rc;
	*ret = meta;
	return KE_OK;
}

/* libcrypto uses the processor's own instructions where there are any; these files are large. */
static int digest_check(const char *name, const EVP_MD *md, const void *data, size_t len,
        const unsigned char *want, struct fault *f)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned n;

	if (EVP_Digest(data, len, digest, &n, md, NULL) != 1)
		return fault_set(f, KE_NOMEM, NULL, NULL, "out of memory");
	if (memcmp(digest, want, n) != 0)
		return fault_set(f, KE_MISMATCH, NULL, NULL, "%s differs from the listed one", name);
	return KE_OK;
}

int tuf_bytes_check(
        const void *data, size_t len, int64_t length, const struct tuf_hashes *hashes, struct fault *f)
{
	int rc = KE_OK;

	if (length >= 0 && (uint64_t)length != len)
		return fault_set(
		        f, KE_MISMATCH, NULL, NULL, "%zu bytes, %lld are listed", len, (long long)length);
	if (hashes->foreign)
		return fault_set(
		        f, KE_MISMATCH, NULL, NULL, "listed with a hash algorithm that is not known");
	if (hashes->has_sha256)
		rc = digest_check("SHA-256", EVP_sha256(), data, len, hashes->sha256, f);
	if (!rc && hashes->has_sha512)
		rc = digest_check("SHA-512", EVP_sha512(), data, len, hashes->sha512, f);
	return rc;
}

static int key_cmp(const void *pa, const void *pb)
{
	const struct pubkey *const *a = pa, *const *b = pb;

	return strcmp(pubkey_id(*a), pubkey_id(*b));
}

int tuf_keys_parse(const struct place *at, struct tuf_keys *ret, struct fault *f)
{
	struct tuf_keys keys = { 0 };
	struct place item = { 0 };
	size_t n = place_count(at);
	int rc = KE_OK;

	if (n > TUF_KEYS_MAX)
		return place_fault(at, f, KE_TOOBIG, NULL, "more than %d keys", TUF_KEYS_MAX);
	keys.list = calloc(n ? n : 1, sizeof *keys.list);
	if (!keys.list)
		return place_fault(at, f, KE_NOMEM, NULL, "out of memory");
	while (!rc && place_next(at, &item)) {
		rc = pubkey_parse(&item, &keys.list[keys.n], f);
		if (rc)
			break;
		if (strcmp(pubkey_id(keys.list[keys.n++]), item.name) != 0)
			rc = place_fault(&item, f, KE_KEY, NULL, "the id is not the hash of the key");
	}
	if (rc) {
		tuf_keys_free(&keys);
		return rc;
	}
	qsort(keys.list, keys.n, sizeof *keys.list, key_cmp);
	*ret = keys;
	return KE_OK;
}

const struct pubkey *tuf_keys_find(const struct tuf_keys *keys, const char *keyid)
{
	size_t low = 0, high = keys->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int cmp = strcmp(pubkey_id(keys->list[mid]), keyid);
		if (cmp == 0)
			return keys->list[mid];
		if (cmp < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

void tuf_keys_free(struct tuf_keys *keys)
{
	for (size_t i = 0; i < keys->n; i++)
		pubkey_free(keys->list[i]);
	free(keys->list);
	*keys = (struct tuf_keys){ 0 };
}

static int signers_fill(
        const struct place *list, const struct tuf_keys *keys, struct signers *s, struct fault *f)
{
	struct place item = { 0 };
	const char *keyid;

	while (place_next(list, &item)) {
		int rc = place_string(&item, 1, 256, &keyid, f);
		if (rc)
			return rc;
		const struct pubkey *key = tuf_keys_find(keys, keyid);
		for (size_t i = 0; key && i < s->n; i++)
			if (s->keys[i] == key)
				return place_fault(
				        &item, f, KE_DUPLICATE, NULL, "key %.16s is listed twice", keyid);
		if (key)
			s->keys[s->n++] = key;
	}
	return KE_OK;
}

int tuf_signers_parse(
        const struct place *at, const struct tuf_keys *keys, struct signers *ret, struct fault *f)
{
	struct signers s = { 0 };
	struct place list;
	int rc;

	if ((rc = read_int(at, "threshold", 1, STRICT_INT_MAX, &s.threshold, f)) ||
	        (rc = read_array(at, "keyids", &list, f)))
		return rc;
	size_t n = place_count(&list);
	if (n > TUF_KEYS_MAX)
		return place_fault(&list, f, KE_TOOBIG, NULL, "more than %d keys", TUF_KEYS_MAX);
	s.keys = calloc(n ? n : 1, sizeof *s.keys);
	if (!s.keys)
		return place_fault(&list, f, KE_NOMEM, NULL, "out of memory");
	rc = signers_fill(&list, keys, &s, f);
	if (rc) {
		tuf_signers_free(&s);
		return rc;
	}
	*ret = s;
	return KE_OK;
}

void tuf_signers_free(struct signers *s)
{
	free(s->keys);
	*s = (struct signers){ 0 };
}

static bool plain_char(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
	       c == '_' || c == '~' || c == '-';
}

bool tuf_name_quote(const char *name, char *text, size_t size)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t n = 0;

	for (; *name; name++) {
		unsigned char c = (unsigned char)*name;
		if (n + 4 > size)
			return false;
		if (plain_char(*name)) {
			text[n++] = *name;
			continue;
		}
		text[n++] = '%';
		text[n++] = digits[c >> 4];
		text[n++] = digits[c & 15];
	}
	text[n] = '\0';
	return true;
}

char *tuf_file_name(const char *role, int64_t version, char text[TUF_FILE_ROOM])
{
	char quoted[TUF_ROLE_NAME_MAX + 4] = "";

	/* Parsers refuse longer names, so this cannot cut one. */
	if (!tuf_name_quote(role, quoted, sizeof quoted))
		quoted[0] = '\0';
	if (version)
		snprintf(text, TUF_FILE_ROOM, "%lld.%s.json", (long long)version, quoted);
	else
		snprintf(text, TUF_FILE_ROOM, "%s.json", quoted);
	return text;
}
