/* Three generations of one repository, and a server that answers as the input says: which timestamp, how many roots, which
 * files are changed, cut, exchanged for others or absent, over up to three refreshes of one client while time goes on. The
 * third generation has another timestamp key.
 *
 * A refresh is a head byte (2 bits timestamp, 2 bits roots, 2 bits days, new process, search), the number of edits, and
 * four bytes for each: operation and file, offset high and low, value.
 *
 * Checked after each: what the client stored is what the publisher signed; versions do not fall unless the root rose; a
 * replaced key brings nothing in; what is trusted has not expired; the target found is the one that its role lists.
 *
 * Signatures are verified once, when the repository is made. From then on pubkey_verify() knows which ones hold; a replay
 * without libFuzzer asks libcrypto too and compares. Under libFuzzer a published file that comes unchanged is not parsed
 * again either: its envelope and role are taken from an earlier doc that was freed. The parsers have their own targets. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/canon.h"
#include "tests/support/repo_sim.h"

#define GENERATIONS 3
#define REFRESHES   3
#define POOL_MAX    32
#define KNOWN_MAX   64
#define PARSED_MAX  64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum kind { TIMESTAMP, SNAPSHOT, TARGETS, DELEGATED, ROOT, KINDS };
static const char *const cached[KINDS] = { "timestamp.json", "snapshot.json", "targets.json", "a.json",
	"root.json" };
static const char *const texts[] = { "first text", "second text" }; /* by version of the role a */

/* Everything that was ever published. */
static struct signed_file {
	enum kind kind;
	int version;
	struct repo_sim_file *file;
	struct buf canon; /* of the signed part */
} pool[POOL_MAX];
static size_t n_pool;
static size_t n_named; /* the first ones have a name of their own; the rest are the timestamps */

/* The signatures that hold. */
static struct {
	char keyid[KEYID_ROOM];
	struct buf data;
	unsigned char sig[64];
} known[KNOWN_MAX];
static size_t n_known;
static bool learning; /* while the repository is made */

int __real_pubkey_verify(
        const struct pubkey *key, const void *data, size_t len, const unsigned char *sig, size_t sig_len);
int __wrap_pubkey_verify(
        const struct pubkey *key, const void *data, size_t len, const unsigned char *sig, size_t sig_len);

static void need(bool ok)
{
	if (!ok)
		abort();
}

static bool is_known(
        const struct pubkey *key, const void *data, size_t len, const unsigned char *sig, size_t sig_len)
{
	for (size_t i = 0; i < n_known; i++)
		if (sig_len == sizeof known[i].sig && memcmp(known[i].sig, sig, sig_len) == 0 &&
		        strcmp(known[i].keyid, pubkey_id(key)) == 0 && known[i].data.len == len &&
		        memcmp(buf_text(&known[i].data), data, len) == 0)
			return true;
	return false;
}

int __wrap_pubkey_verify(
        const struct pubkey *key, const void *data, size_t len, const unsigned char *sig, size_t sig_len)
{
	bool holds = is_known(key, data, len, sig, sig_len);

	if (learning && !holds && __real_pubkey_verify(key, data, len, sig, sig_len) == 0) {
		need(n_known < KNOWN_MAX && sig_len == sizeof known[0].sig);
		strncpy(known[n_known].keyid, pubkey_id(key), KEYID_ROOM - 1);
		known[n_known].data = BUF_INIT(1 << 20);
		buf_bytes(&known[n_known].data, data, len);
		memcpy(known[n_known++].sig, sig, sig_len);
		return KE_OK;
	}
#ifndef KEDGE_FUZZ
	need(holds == (__real_pubkey_verify(key, data, len, sig, sig_len) == 0));
#endif
	return holds ? KE_OK : pubkey_usable(key) ? KE_SIGNATURE : KE_KEY;
}

/* A published file that was parsed: lent to one owner at a time. */
static struct parsed {
	const struct repo_sim_file *file;
	struct envelope *env;
	const struct cJSON *node; /* the signed part */
	void *role[TUF_TOP_COUNT];
	bool lent;
} parsed[PARSED_MAX];
static size_t n_parsed;

int __real_envelope_open(const void *data, size_t len, struct envelope **ret, struct fault *f);
int __wrap_envelope_open(const void *data, size_t len, struct envelope **ret, struct fault *f);
void __real_envelope_free(struct envelope *env);
void __wrap_envelope_free(struct envelope *env);

static const struct repo_sim_file *published_file(const void *data, size_t len)
{
#ifdef KEDGE_FUZZ
	for (size_t i = 0; i < n_pool && !learning; i++)
		if (pool[i].file->len == len && memcmp(pool[i].file->data, data, len) == 0)
			return pool[i].file;
#endif
	(void)data, (void)len;
	return NULL;
}

int __wrap_envelope_open(const void *data, size_t len, struct envelope **ret, struct fault *f)
{
	const struct repo_sim_file *file = published_file(data, len);
	const struct signers nobody = { .threshold = 1 };

	for (size_t i = 0; i < n_parsed && file; i++) {
		if (parsed[i].file != file || parsed[i].lent)
			continue;
		envelope_verify(parsed[i].env, &nobody, NULL); /* an earlier verdict is forgotten */
		parsed[i].lent = true;
		*ret = parsed[i].env;
		return KE_OK;
	}
	int rc = __real_envelope_open(data, len, ret, f);
	if (!rc && file && n_parsed < PARSED_MAX)
		parsed[n_parsed++] = (struct parsed){
			.file = file, .env = *ret, .node = envelope_claims(*ret).node, .lent = true
		};
	return rc;
}

void __wrap_envelope_free(struct envelope *env)
{
	for (size_t i = 0; i < n_parsed && env; i++)
		if (parsed[i].env == env) {
			parsed[i].lent = false;
			return;
		}
	__real_envelope_free(env);
}

/* The role that was made of the signed part NODE, or where to keep it; NULL: not of a published file. */
static void **role_slot(const struct cJSON *node, enum tuf_top top)
{
	for (size_t i = 0; i < n_parsed; i++)
		if (parsed[i].node == node)
			return &parsed[i].role[top];
	return NULL;
}

static bool role_kept(const void *role, enum tuf_top top)
{
	for (size_t i = 0; i < n_parsed && role; i++)
		if (parsed[i].role[top] == role)
			return true;
	return false;
}

#define STAND_IN(type, top)                                                                                  \
	int __real_##type##_parse(const struct place *at, struct type **ret, struct fault *f);               \
	int __wrap_##type##_parse(const struct place *at, struct type **ret, struct fault *f);               \
	void __real_##type##_free(struct type *role);                                                        \
	void __wrap_##type##_free(struct type *role);                                                        \
	int __wrap_##type##_parse(const struct place *at, struct type **ret, struct fault *f)                \
	{                                                                                                    \
		void **slot = role_slot(at->node, top);                                                      \
		int rc = KE_OK;                                                                              \
		if (slot && *slot)                                                                           \
			*ret = *slot;                                                                        \
		else if (!(rc = __real_##type##_parse(at, ret, f)) && slot)                                  \
			*slot = *ret;                                                                        \
		return rc;                                                                                   \
	}                                                                                                    \
	void __wrap_##type##_free(struct type *role)                                                         \
	{                                                                                                    \
		if (!role_kept(role, top))                                                                   \
			__real_##type##_free(role);                                                          \
	}

STAND_IN(tuf_root, TUF_ROOT)
STAND_IN(tuf_timestamp, TUF_TIMESTAMP)
STAND_IN(tuf_snapshot, TUF_SNAPSHOT)
STAND_IN(tuf_targets, TUF_TARGETS)

/* The canonical signed part of FILE. */
static void meaning(const struct repo_sim_file *file, struct buf *out)
{
	struct envelope *env;

	need(!envelope_open(file->data, file->len, &env, NULL) &&
	        !canon_write(envelope_claims(env).node, out));
	envelope_free(env);
}

static void pool_add(struct repo_sim *sim, enum kind kind, int version, const char *name)
{
	struct repo_sim_file *from = repo_sim_file(sim->metadata, name), *list = NULL;
	struct envelope *env;

	need(from && n_pool < POOL_MAX);
	repo_sim_put(&list, name, from->data, from->len);
	pool[n_pool] = (struct signed_file){ kind, version, list, BUF_INIT(1 << 20) };
	meaning(list, &pool[n_pool++].canon);
	need(!envelope_open(list->data, list->len, &env, NULL));
	for (size_t i = 0; i < sim->n_keys; i++)
		envelope_holds(env, signkey_pubkey(sim->keys[i]));
	envelope_free(env);
}

/* What changes before generation 2 and 3 is published. */
static void generation(struct repo_sim *sim, int number)
{
	sim->now += 3 * REPO_SIM_DAY;
	if (number == 2) {
		repo_sim_delegate(sim, "targets", "a", "*", false);
		need(!release_expires(sim->release, "root", sim->now + 99 * REPO_SIM_DAY, NULL));
	} else {
		need(!release_key_drop(
		        sim->release, "timestamp", signkey_id(repo_sim_key(sim, "timestamp")), NULL));
		need(!release_key_add(
		        sim->release, "timestamp", signkey_public(repo_sim_key(sim, "timestamp-2")), NULL));
		need(!release_expires(sim->release, "targets", sim->now + 99 * REPO_SIM_DAY, NULL));
	}
	repo_sim_target(sim, "a", "t", texts[number - 2]);
	repo_sim_renew(sim);
}

/* Made once, and only what was published is kept: signing takes longer than everything that is tested here. */
static void publish(void)
{
	static const char *const roles[KINDS] = { "timestamp", "snapshot", "targets", "a", "root" };
	struct repo_sim *sims[GENERATIONS];

	learning = true;
	/* The same history three times, each time cut off one generation later: that gives the three timestamps. */
	for (int g = 0; g < GENERATIONS; g++) {
		sims[g] = repo_sim_new();
		for (int i = 2; i <= g + 1; i++)
			generation(sims[g], i);
	}
	for (int kind = SNAPSHOT; kind < KINDS; kind++)
		for (int version = 1; version <= GENERATIONS; version++) {
			char name[TUF_FILE_ROOM];
			tuf_file_name(roles[kind], version, name);
			if (repo_sim_file(sims[GENERATIONS - 1]->metadata, name))
				pool_add(sims[GENERATIONS - 1], (enum kind)kind, version, name);
		}
	n_named = n_pool;
	for (int g = 0; g < GENERATIONS; g++)
		pool_add(sims[g], TIMESTAMP, g + 1, "timestamp.json");
	for (int g = 0; g < GENERATIONS; g++)
		repo_sim_free(sims[g]);
	learning = false;
}

static struct repo_sim_file *first_root(void)
{
	for (size_t i = 0; i < n_pool; i++)
		if (pool[i].kind == ROOT && pool[i].version == 1)
			return pool[i].file;
	abort();
}

struct input {
	const uint8_t *data;
	size_t left;
};

static unsigned take(struct input *in)
{
	if (!in->left)
		return 0;
	in->left--;
	return *in->data++;
}

/* What the server has in one refresh: one name after the other, owned data where OWN says so. */
struct served {
	struct repo_sim_file files[POOL_MAX];
	bool own[POOL_MAX];
	size_t n;
};

static void served_replace(struct served *s, size_t i, const char *data, size_t len)
{
	char *copy = malloc(len + 1); /* like repo_sim_put() */

	need(copy != NULL);
	memcpy(copy, data, len);
	copy[len] = '\0';
	if (s->own[i])
		free(s->files[i].data);
	s->files[i].data = copy;
	s->files[i].len = len;
	s->own[i] = true;
}

static void served_edit(struct served *s, struct input *in)
{
	static char nothing[] = "no such file";
	unsigned op = take(in), hi = take(in), at = hi << 8 | take(in), value = take(in);
	size_t i = (op & 31) % s->n;
	struct repo_sim_file *file = &s->files[i];
	const struct repo_sim_file *other = pool[value % n_pool].file;

	at = file->len ? at % (unsigned)file->len : 0;
	if (op >> 5 == 7) {
		file->name = nothing;
	} else if (op >> 5 == 6) {
		served_replace(s, i, other->data, other->len);
	} else if (op >> 5 == 5) {
		served_replace(s, i, file->data, at);
	} else if (file->len) {
		if (!s->own[i])
			served_replace(s, i, file->data, file->len);
		file->data[at] = (char)value;
	}
}

static void served_make(struct served *s, unsigned head, struct input *in)
{
	unsigned newest = head & 3, roots = head >> 2 & 3;

	s->n = 0;
	for (size_t i = 0; i < n_pool; i++) {
		if (pool[i].kind == ROOT && pool[i].version > (int)roots)
			continue;
		if (pool[i].kind == TIMESTAMP && pool[i].version != (int)newest)
			continue;
		s->own[s->n] = false;
		s->files[s->n++] = *pool[i].file;
	}
	for (unsigned n = take(in) % 16; n && in->left; n--)
		served_edit(s, in);
	for (size_t i = 0; i < s->n; i++)
		s->files[i].next = i + 1 < s->n ? &s->files[i + 1] : NULL;
}

static void served_free(struct served *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->own[i])
			free(s->files[i].data);
}

/* The version of what CLIENT stored as KIND, 0 when there is nothing. */
static int stored_version(struct repo_sim_client *client, enum kind kind)
{
	const struct repo_sim_file *file = repo_sim_file(client->cache, cached[kind]);
	struct buf canon = BUF_INIT(1 << 20);
	int version = 0;

	if (!file)
		return 0;
	for (size_t i = 0; i < n_pool; i++)
		if (pool[i].kind == kind && pool[i].file->len == file->len &&
		        memcmp(pool[i].file->data, file->data, file->len) == 0)
			return pool[i].version;
	meaning(file, &canon);
	for (size_t i = 0; i < n_pool && !version; i++)
		if (pool[i].kind == kind && strcmp(buf_text(&pool[i].canon), buf_text(&canon)) == 0)
			version = pool[i].version;
	buf_free(&canon);
	need(version > 0); /* else nobody signed it */
	return version;
}

static void check_stored(struct repo_sim_client *client, int versions[KINDS])
{
	int old[KINDS];

	memcpy(old, versions, sizeof old);
	for (int kind = 0; kind < KINDS; kind++)
		versions[kind] = stored_version(client, (enum kind)kind);
	need(versions[ROOT] >= old[ROOT] && versions[ROOT] > 0);
	bool rose = versions[ROOT] > old[ROOT];
	need(rose || (versions[TIMESTAMP] >= old[TIMESTAMP] && versions[SNAPSHOT] >= old[SNAPSHOT]));
	/* Without a snapshot, which is the case after the rotation, nothing holds the other two. */
	need(rose || !old[SNAPSHOT] ||
	        (versions[TARGETS] >= old[TARGETS] && versions[DELEGATED] >= old[DELEGATED]));
	need(versions[ROOT] < GENERATIONS || !versions[TIMESTAMP] || versions[TIMESTAMP] == GENERATIONS);
}

/* A refresh that succeeded. */
static void check_trusted(const struct repo_sim_client *client, const int versions[KINDS], int64_t now)
{
	static const enum kind kinds[TUF_TOP_COUNT] = { [TUF_ROOT] = ROOT,
		[TUF_TIMESTAMP] = TIMESTAMP,
		[TUF_SNAPSHOT] = SNAPSHOT,
		[TUF_TARGETS] = TARGETS };

	need(trust_ready(client->trust));
	for (int role = 0; role < TUF_TOP_COUNT; role++)
		need(trust_version(client->trust, (enum tuf_top)role) == versions[kinds[role]] &&
		        trust_expires(client->trust, (enum tuf_top)role) > now);
	/* Generation N has version N of these three. */
	need(versions[SNAPSHOT] == versions[TIMESTAMP] && versions[TARGETS] == versions[SNAPSHOT]);
}

static void search(struct repo_sim_client *client, const struct repo_sim *sim, int versions[KINDS])
{
	const struct tuf_target *target;

	if (repo_sim_find(client, sim, "t", &target, NULL))
		return;
	int version = stored_version(client, DELEGATED);
	need(version > 0 && version == versions[SNAPSHOT] - 1);
	need(!trust_target_check(target, texts[version - 1], strlen(texts[version - 1]), NULL));
	check_stored(client, versions);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int days[] = { 0, 1, 4, 40 };
	struct input in = { data, size };
	struct repo_sim sim = { .now = REPO_SIM_NOW };
	int versions[KINDS] = { [ROOT] = 1 };
	struct served served;

	if (!n_pool)
		publish();
	sim.metadata = first_root();
	struct repo_sim_client *client = repo_sim_client_new(&sim);
	for (int i = 0; i < REFRESHES && in.left; i++) {
		unsigned head = take(&in);
		served_make(&served, head, &in);
		sim.metadata = served.files;
		sim.now += (int64_t)days[head >> 4 & 3] * REPO_SIM_DAY;
		int rc = client->trust && head & 64 ? repo_sim_refresh_again(client, &sim, sim.now, NULL)
		                                    : repo_sim_refresh(client, &sim, sim.now, NULL);
		need(client->trust != NULL);
		check_stored(client, versions);
		if (!rc)
			check_trusted(client, versions, sim.now);
		if (!rc && head & 128)
			search(client, &sim, versions);
		served_free(&served);
	}
	repo_sim_client_free(client);
	return 0;
}
