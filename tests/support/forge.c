/* forge KIND DIR OUT [KEYS] — what an attacker could put on a mirror, made from the published repository DIR into the existing
 * copy OUT of it:
 *
 *   unsigned   the next timestamp, without any signature
 *   expired    the next timestamp, properly signed, but past its end
 *   short      a next version of the role that lists rollouts (the delegated one of that name, else targets) with one file
 *              more, signed by one key fewer than the threshold; the snapshot and the timestamp that go with it are properly
 *              signed
 *   older      for DIR itself (OUT is ignored): properly signed roles that list, of every rollout, only serial 1
 *   none       likewise, and no rollout at all
 *
 * Uses the signing keys in KEYS (default DIR/../keys): whoever holds some of them is the attacker that thresholds, expiry
 * and floors are for. */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cJSON.h>

#include "proto/assignment.h"
#include "proto/canon.h"
#include "proto/clock.h"
#include "proto/codec.h"
#include "proto/fileio.h"
#include "proto/strict.h"
#include "proto/wire.h"
#include "server-stub/ctl/depot.h"
#include "server-stub/ctl/keyring.h"

static struct fault f;

static void check(int rc, const char *what)
{
	char line[1024];

	if (!rc)
		return;
	f.code = rc;
	fprintf(stderr, "forge: %s: %s\n", what, fault_line(&f, line, sizeof line));
	exit(1);
}

static cJSON *load(const char *dir, const char *name)
{
	char path[4096], *text;
	struct cJSON *tree;
	size_t len;

	snprintf(path, sizeof path, "%s/metadata/%s", dir, name);
	check(file_read(path, TUF_META_MAX, &text, &len, &f), path);
	const struct strict_limits limits = {
		.max_bytes = TUF_META_MAX, .max_nodes = TUF_NODES_MAX, .max_depth = TUF_DEPTH_MAX
	};
	check(strict_parse(text, len, &limits, &tree, &f), path);
	file_free(text);
	return tree;
}

static cJSON *signed_part(cJSON *tree)
{
	return cJSON_GetObjectItemCaseSensitive(tree, "signed");
}

static int64_t version(cJSON *tree)
{
	return (int64_t)cJSON_GetObjectItemCaseSensitive(signed_part(tree), "version")->valuedouble;
}

static void raise_version(cJSON *tree)
{
	cJSON_SetNumberValue(
	        cJSON_GetObjectItemCaseSensitive(signed_part(tree), "version"), (double)(version(tree) + 1));
}

/* Sign TREE anew with those of its present signers that K holds, at most MOST of them. */
static void sign(cJSON *tree, const struct keyring *k, unsigned most)
{
	struct buf text = BUF_INIT(TUF_META_MAX);
	cJSON *old = cJSON_DetachItemFromObjectCaseSensitive(tree, "signatures"), *item;
	cJSON *list = cJSON_AddArrayToObject(tree, "signatures");

	check(canon_write(signed_part(tree), &text), "canonical form");
	cJSON_ArrayForEach(item, old)
	{
		const char *id = cJSON_GetObjectItemCaseSensitive(item, "keyid")->valuestring;
		const struct signkey *key = keyring_find(k, id);
		struct buf sig = BUF_INIT(1024);
		char hex[2049];
		if (!key || !most--)
			break;
		check(signkey_sign(key, text.data, text.len, &sig, &f), "signature");
		cJSON *row = cJSON_CreateObject();
		cJSON_AddStringToObject(row, "keyid", id);
		cJSON_AddStringToObject(row, "sig", hex_encode(sig.data, sig.len, hex));
		cJSON_AddItemToArray(list, row);
		buf_free(&sig);
	}
	cJSON_Delete(old);
	buf_free(&text);
}

/* Write TREE as NAME; its bytes go to *RET_DIGEST (hex) and *RET_LEN when they are asked for. */
static void store(const char *out, const char *name, cJSON *tree, char digest[65], size_t *ret_len)
{
	char path[4096], *text = cJSON_PrintUnformatted(tree);
	unsigned char raw[SHA256_LEN];
	size_t len = strlen(text);

	snprintf(path, sizeof path, "%s/metadata/%s", out, name);
	check(file_replace(path, text, len, 0644, FILE_VOLATILE, &f), path);
	sha256(text, len, raw);
	if (digest)
		hex_encode(raw, sizeof raw, digest);
	if (ret_len)
		*ret_len = len;
	free(text);
}

/* "meta" entry NAME of TREE: version, length and hash of what was stored. */
static void relist(cJSON *tree, const char *name, int64_t v, const char *digest, size_t len)
{
	cJSON *entry = cJSON_GetObjectItemCaseSensitive(
	        cJSON_GetObjectItemCaseSensitive(signed_part(tree), "meta"), name);

	cJSON_SetNumberValue(cJSON_GetObjectItemCaseSensitive(entry, "version"), (double)v);
	cJSON_SetNumberValue(cJSON_GetObjectItemCaseSensitive(entry, "length"), (double)len);
	cJSON_SetValuestring(
	        cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(entry, "hashes"), "sha256"),
	        digest);
}

/* "N.ROLE.json" with the highest N in DIR. */
static cJSON *load_newest(const char *dir, const char *role)
{
	char path[4096], tail[64], best_name[300] = "";
	long long best = 0;
	struct dirent *de;

	snprintf(path, sizeof path, "%s/metadata", dir);
	snprintf(tail, sizeof tail, ".%s.json", role);
	DIR *d = opendir(path);
	while (d && (de = readdir(d))) {
		char *end;
		long long n = strtoll(de->d_name, &end, 10);
		if (n > best && strcmp(end, tail) == 0) {
			best = n;
			snprintf(best_name, sizeof best_name, "%s", de->d_name);
		}
	}
	if (d)
		closedir(d);
	return load(dir, best_name);
}

static void forge_unsigned(const char *dir, const char *out, const struct keyring *k)
{
	cJSON *t = load(dir, "timestamp.json");

	raise_version(t);
	sign(t, k, 0);
	store(out, "timestamp.json", t, NULL, NULL);
	cJSON_Delete(t);
}

static void forge_expired(const char *dir, const char *out, const struct keyring *k)
{
	cJSON *t = load(dir, "timestamp.json");
	char when[TIME_TEXT_ROOM];

	raise_version(t);
	cJSON_SetValuestring(cJSON_GetObjectItemCaseSensitive(signed_part(t), "expires"),
	        time_format(time(NULL) - 3600, when));
	sign(t, k, 99);
	store(out, "timestamp.json", t, NULL, NULL);
	cJSON_Delete(t);
}

static void forge_short(const char *dir, const char *out, const struct keyring *k)
{
	cJSON *snapshot = load_newest(dir, "snapshot");
	const char *role =
	        cJSON_HasObjectItem(cJSON_GetObjectItem(signed_part(snapshot), "meta"), "rollouts.json")
	                ? "rollouts"
	                : "targets";
	cJSON *targets = load_newest(dir, role);
	cJSON *timestamp = load(dir, "timestamp.json");
	cJSON *files = cJSON_GetObjectItemCaseSensitive(signed_part(targets), "targets");
	int signers = cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(targets, "signatures"));
	char name[64], entry[64], digest[65];
	size_t len;

	raise_version(targets);
	cJSON_AddItemToObject(files, "rollouts/evil/1.json", cJSON_Duplicate(files->child, true));
	sign(targets, k, (unsigned)signers - 1);
	snprintf(name, sizeof name, "%" PRId64 ".%s.json", version(targets), role);
	store(out, name, targets, digest, &len);
	raise_version(snapshot);
	snprintf(entry, sizeof entry, "%s.json", role);
	relist(snapshot, entry, version(targets), digest, len);
	sign(snapshot, k, 99);
	snprintf(name, sizeof name, "%" PRId64 ".snapshot.json", version(snapshot));
	store(out, name, snapshot, digest, &len);
	raise_version(timestamp);
	relist(timestamp, "snapshot.json", version(snapshot), digest, len);
	sign(timestamp, k, 99);
	store(out, "timestamp.json", timestamp, NULL, NULL);
	cJSON_Delete(targets);
	cJSON_Delete(snapshot);
	cJSON_Delete(timestamp);
}

struct older {
	struct depot *depot;
	int64_t most;
};

static int drop_newer(void *ctx, const char *role, const struct tuf_target *target)
{
	const struct older *o = ctx;
	char policy[65];
	int64_t serial;

	(void)role;
	if (!target_path_split("rollouts", target->path, policy, &serial) && serial > o->most)
		check(depot_drop(o->depot, target->path, &f), target->path);
	return 0;
}

/* Keep no serial over MOST of any rollout: drop the others from whatever role lists them, sign, write into the same directory. */
static void forge_older(const char *dir, int64_t most, const struct keyring *k)
{
	struct older o = { .most = most };
	struct release_files files;

	check(depot_open(dir, &o.depot, &f), dir);
	check(depot_each(o.depot, true, drop_newer, &o), "targets");
	check(depot_write(o.depot, k, time(NULL), false, &files, &f), "signing");
	release_files_free(&files);
	depot_close(o.depot);
}

int main(int argc, char **argv)
{
	struct keyring k;
	char keys[4096];

	if (argc < 4) {
		fputs("usage: forge unsigned|expired|short|older|none DIR OUT [KEYS]\n", stderr);
		return 1;
	}
	snprintf(keys, sizeof keys, "%s%s", argc > 4 ? argv[4] : argv[2], argc > 4 ? "" : "/../keys");
	check(keyring_load(keys, NULL, &k, &f), keys);
	if (strcmp(argv[1], "unsigned") == 0)
		forge_unsigned(argv[2], argv[3], &k);
	else if (strcmp(argv[1], "expired") == 0)
		forge_expired(argv[2], argv[3], &k);
	else if (strcmp(argv[1], "short") == 0)
		forge_short(argv[2], argv[3], &k);
	else if (strcmp(argv[1], "older") == 0)
		forge_older(argv[2], 1, &k);
	else if (strcmp(argv[1], "none") == 0)
		forge_older(argv[2], 0, &k);
	else
		check(KE_USAGE, argv[1]);
	keyring_clear(&k);
	return 0;
}
