/* tuf_refresh — the TUF client over files in memory, and libcrypto alone doing the signatures of the same files.
 *
 *	tuf_refresh make DIR TARGETS     write a published repository with TARGETS targets and three delegations
 *	tuf_refresh time DIR ROUNDS      CPU time of a refresh with nothing new, in turns with libcrypto alone; one line each
 *	tuf_refresh verify DIR           one first refresh of DIR; prints the number of targets
 *
 * "start" is a new process: the trusted root is read, its keys are decoded, every file is verified. "again" is a later
 * refresh of the same process. libcrypto alone decodes each key of root and targets once by its id and verifies exactly the
 * signatures that the client verified: root's two, the stored and the fetched timestamp's, the snapshot's, the targets'. In
 * "again" neither decodes a key. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cJSON.h>
#include <openssl/evp.h>

#include "proto/canon.h"
#include "proto/codec.h"
#include "proto/fileio.h"
#include "tests/support/repo_sim.h"

#define NOW (REPO_SIM_NOW + 3600)

static void need(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "tuf_refresh: %s\n", what);
	exit(1);
}

static int make(const char *dir, int targets)
{
	struct repo_sim *sim = repo_sim_new();
	struct fault f = { 0 };
	char path[4096], name[64];

	for (int i = 0; i < 3; i++) {
		snprintf(name, sizeof name, "team-%d", i);
		snprintf(path, sizeof path, "team-%d/*", i);
		repo_sim_delegate(sim, "targets", name, path, false);
	}
	for (int i = 0; i < targets; i++) {
		snprintf(name, sizeof name, "policies/%05d.json", i);
		need(release_target_set(sim->release, "targets", name, name, strlen(name), NULL, &f) == 0,
		        f.what);
	}
	repo_sim_publish(sim);
	for (int role = 0; role < TUF_TOP_COUNT; role++) {
		char newest[TUF_FILE_ROOM];
		struct repo_sim_file *file =
		        repo_sim_file(sim->metadata, repo_sim_name(sim, tuf_top_names[role], newest));
		need(file != NULL, newest);
		snprintf(path, sizeof path, "%s/%s.json", dir, tuf_top_names[role]);
		need(file_replace(path, file->data, file->len, 0644, FILE_VOLATILE, &f) == 0, f.what);
	}
	repo_sim_free(sim);
	return 0;
}

static struct blob {
	char *data;
	size_t len;
} blobs[TUF_TOP_COUNT];

static void blob_read(const char *dir, int role)
{
	char path[4096];
	struct fault f = { 0 };

	snprintf(path, sizeof path, "%s/%s.json", dir, tuf_top_names[role]);
	need(file_read(path, TUF_META_MAX, &blobs[role].data, &blobs[role].len, &f) == 0, f.what);
}

/* Everything is stored already, and the server has the same. With FIRST nothing is stored. */
static void drive(struct trust *t, const char *dir, bool first)
{
	struct trust_request req;
	struct fault f = { 0 };

	trust_begin(t, NOW);
	while (need(trust_next(t, &req, &f) == 0, f.what), req.ask != TRUST_DONE) {
		int role = 0;
		if (req.ask == TRUST_STORE || req.ask == TRUST_DROP)
			continue;
		while (strcmp(tuf_top_names[role], req.role) != 0)
			role++;
		bool absent = role == TUF_ROOT || (first && req.ask == TRUST_LOAD);
		if (dir && !absent)
			blob_read(dir, role);
		need(trust_give(t, absent ? NULL : blobs[role].data, absent ? 0 : blobs[role].len, &f) == 0,
		        f.what);
		if (dir && !absent) {
			file_free(blobs[role].data);
			blobs[role] = (struct blob){ 0 };
		}
	}
}

static struct trust *start(void)
{
	struct trust *t;
	struct fault f = { 0 };

	need(trust_new(blobs[TUF_ROOT].data, blobs[TUF_ROOT].len, &t, &f) == 0, f.what);
	return t;
}

/* ---- libcrypto alone ---- */

struct check {
	int key;
	unsigned char sig[64];
	const struct buf *text;
};

static unsigned char raw_keys[16][32];
static char key_ids[16][KEYID_ROOM];
static int n_keys, n_checks;
static struct check checks[16];
static struct buf canons[TUF_TOP_COUNT];

static int key_of(const char *keyid)
{
	for (int i = 0; i < n_keys; i++)
		if (strcmp(key_ids[i], keyid) == 0)
			return i;
	need(false, "a signature by a key that root does not have");
	return -1;
}

static void note_keys(const struct cJSON *part)
{
	for (const cJSON *key = cJSON_GetObjectItemCaseSensitive(part, "keys")->child; key; key = key->next) {
		const cJSON *val = cJSON_GetObjectItemCaseSensitive(key, "keyval");
		const char *hex = cJSON_GetObjectItemCaseSensitive(val, "public")->valuestring;
		snprintf(key_ids[n_keys], KEYID_ROOM, "%s", key->string);
		need(hex_decode(hex, strlen(hex), raw_keys[n_keys++], 32), "not an ed25519 key");
	}
}

/* The signatures of one file, to be checked TIMES over in each round. */
static void note_file(int role, int times)
{
	cJSON *tree = cJSON_ParseWithLength(blobs[role].data, blobs[role].len);
	const cJSON *part = cJSON_GetObjectItemCaseSensitive(tree, "signed");

	canons[role] = BUF_INIT(TUF_META_MAX);
	need(canon_write(part, &canons[role]) == 0, "no canonical form");
	if (role == TUF_ROOT)
		note_keys(part);
	if (role == TUF_TARGETS)
		note_keys(cJSON_GetObjectItemCaseSensitive(part, "delegations"));
	while (times-- > 0)
		for (const cJSON *sig = cJSON_GetObjectItemCaseSensitive(tree, "signatures")->child; sig;
		        sig = sig->next) {
			struct check *c = &checks[n_checks++];
			const char *hex = cJSON_GetObjectItemCaseSensitive(sig, "sig")->valuestring;
			c->key = key_of(cJSON_GetObjectItemCaseSensitive(sig, "keyid")->valuestring);
			c->text = &canons[role];
			need(hex_decode(hex, strlen(hex), c->sig, sizeof c->sig), "not an ed25519 signature");
		}
	cJSON_Delete(tree);
}

static EVP_PKEY *decoded[16];

static void bare_decode(void)
{
	for (int i = 0; i < n_keys; i++) {
		EVP_PKEY_free(decoded[i]);
		decoded[i] = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, raw_keys[i], 32);
		need(decoded[i] != NULL, "libcrypto refuses a key");
	}
}

static void bare_verify(int first)
{
	for (int i = first; i < n_checks; i++) {
		EVP_MD_CTX *ctx = EVP_MD_CTX_new();
		const struct check *c = &checks[i];
		need(EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, decoded[c->key]) == 1 &&
		                EVP_DigestVerify(ctx, c->sig, sizeof c->sig,
		                        (const unsigned char *)c->text->data, c->text->len) == 1,
		        "libcrypto refuses a signature");
		EVP_MD_CTX_free(ctx);
	}
}

static long now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return ts.tv_sec * 1000000000L + ts.tv_nsec;
}

static int long_cmp(const void *a, const void *b)
{
	const long *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int measure(const char *dir, int rounds)
{
	static const char *const names[] = { "start", "bare-start", "again", "bare-again" };
	long *spent = calloc((size_t)rounds * 4, sizeof *spent), at[5];
	struct trust *t = NULL;
	int root_checks = 0;

	need(spent != NULL, "memory");
	for (int role = 0; role < TUF_TOP_COUNT; role++) {
		blob_read(dir, role);
		note_file(role, role == TUF_TIMESTAMP ? 2 : 1);
		if (role == TUF_ROOT)
			root_checks = n_checks;
	}
	for (int i = -3; i < rounds; i++) { /* the first ones only warm up */
		trust_free(t);
		at[0] = now_ns();
		t = start();
		drive(t, NULL, false);
		at[1] = now_ns();
		bare_decode();
		bare_verify(0);
		at[2] = now_ns();
		drive(t, NULL, false);
		at[3] = now_ns();
		bare_verify(root_checks);
		at[4] = now_ns();
		for (int k = 0; k < 4 && i >= 0; k++)
			spent[k * rounds + i] = at[k + 1] - at[k];
	}
	printf("keys %d signatures %d root-signatures %d targets %zu\n", n_keys, n_checks, root_checks,
	        trust_targets(t)->n_targets);
	for (int k = 0; k < 4; k++) {
		qsort(spent + k * rounds, (size_t)rounds, sizeof *spent, long_cmp);
		printf("%s %ld %ld %ld\n", names[k], spent[k * rounds + rounds / 2], spent[k * rounds],
		        spent[k * rounds + rounds - 1]);
	}
	trust_free(t);
	free(spent);
	return 0;
}

static int verify(const char *dir)
{
	blob_read(dir, TUF_ROOT);
	struct trust *t = start();
	file_free(blobs[TUF_ROOT].data);
	drive(t, dir, true);
	printf("%zu\n", trust_targets(t)->n_targets);
	trust_free(t);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "make") == 0)
		return make(argv[2], (int)strtol(argv[3], NULL, 10));
	if (argc == 4 && strcmp(argv[1], "time") == 0 && strtol(argv[3], NULL, 10) > 0)
		return measure(argv[2], (int)strtol(argv[3], NULL, 10));
	if (argc == 3 && strcmp(argv[1], "verify") == 0)
		return verify(argv[2]);
	fputs("usage: tuf_refresh make DIR TARGETS | time DIR ROUNDS | verify DIR\n", stderr);
	return 1;
}
