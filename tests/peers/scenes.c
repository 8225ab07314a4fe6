/* scenes.c — attacks and lawful events that need more than one edit: keys rotate, versions run ahead and come back, one
 * key poses as two, roles have odd names, delegations form circles and long chains. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cJSON.h>

#include "proto/canon.h"
#include "proto/tree.h"
#include "tests/peers/job.h"

#define KEY_OBJECT(NAME)                                                                                     \
	"{\"keytype\":\"ed25519\",\"scheme\":\"ed25519\",\"keyval\":{\"public\":\"$P{" NAME "}\"}}"

static void set(struct job *j, enum part part, const char *at, const char *text)
{
	if (!draft_set(job_draft(j, part), j->sim, at, text, NULL)) {
		fprintf(stderr, "tuf_cases: no %s in %s\n", at, part_names[part]);
		abort();
	}
}

static void sign(struct job *j, enum part part, const char *a, const char *b)
{
	struct draft *d = job_draft(j, part);

	d->n_signers = 0;
	d->signers[d->n_signers++] = a;
	if (b)
		d->signers[d->n_signers++] = b;
}

/* WHICH: 0 signed by the new key, 1 by the old one, 2 by both. */
static void rotate_timestamp(struct job *j, int which)
{
	set(j, P_ROOT, "keys|$K{timestamp-2}", KEY_OBJECT("timestamp-2"));
	set(j, P_ROOT, "roles|timestamp|keyids", "[\"$K{timestamp-2}\"]");
	sign(j, P_TIMESTAMP, which == 1 ? "timestamp" : "timestamp-2", which == 2 ? "timestamp" : NULL);
	j->expect = which == 1 ? REFUSE : ACCEPT;
}

static void rotate_targets(struct job *j, int which)
{
	set(j, P_ROOT, "keys|$K{targets-2}", KEY_OBJECT("targets-2"));
	set(j, P_ROOT, "roles|targets|keyids", "[\"$K{targets-2}\"]");
	sign(j, P_TARGETS, which == 1 ? "targets" : "targets-2", NULL);
	j->expect = which == 1 ? REFUSE : ACCEPT;
}

/* WHICH: who signs. 0 both generations, 1 the old, 2 the new, 3 one old and both new, 4 both old and one new. */
static void rotate_root(struct job *j, int which)
{
	static const char *const who[][4] = { { "root-1", "root-2", "root-3", "root-4" },
		{ "root-1", "root-2" }, { "root-3", "root-4" }, { "root-1", "root-3", "root-4" },
		{ "root-1", "root-2", "root-3" } };
	struct draft *d = job_draft(j, P_ROOT);

	set(j, P_ROOT, "keys|$K{root-3}", KEY_OBJECT("root-3"));
	set(j, P_ROOT, "keys|$K{root-4}", KEY_OBJECT("root-4"));
	set(j, P_ROOT, "roles|root|keyids", "[\"$K{root-3}\",\"$K{root-4}\"]");
	for (d->n_signers = 0; d->n_signers < 4 && who[which][d->n_signers]; d->n_signers++)
		d->signers[d->n_signers] = who[which][d->n_signers];
	j->expect = which ? REFUSE : ACCEPT;
}

/* Before: versions ran ahead to 1000. WHICH: 0 root rotates both keys, 1 only the timestamp's, 2 none, 3 it adds one to each
 * and takes none away. */
static void fast_forward(struct job *j, int which)
{
	struct draft snap, ts;
	char name[TUF_FILE_ROOM];

	j->two = true;
	job_before(j, P_SNAPSHOT, &snap);
	draft_set(&snap, j->sim, "version", "1000", NULL);
	draft_set(&snap, j->sim, "meta|targets.json|version", "2", NULL);
	draft_seal(&snap, j->sim, &j->dice);
	job_before_put(j, job_file_name(j, j->w->consistent, "snapshot", 1000, name), &snap.bytes);
	job_before(j, P_TIMESTAMP, &ts);
	draft_set(&ts, j->sim, "version", "1000", NULL);
	draft_set(&ts, j->sim, "meta|snapshot.json", "{\"version\":1000}", NULL);
	draft_seal(&ts, j->sim, &j->dice);
	job_before_put(j, "timestamp.json", &ts.bytes);
	draft_free(&snap);
	draft_free(&ts);
	if (which == 0 || which == 1) {
		rotate_timestamp(j, 0);
		if (which == 0) {
			set(j, P_ROOT, "keys|$K{snapshot-2}", KEY_OBJECT("snapshot-2"));
			set(j, P_ROOT, "roles|snapshot|keyids", "[\"$K{snapshot-2}\"]");
			sign(j, P_SNAPSHOT, "snapshot-2", NULL);
		}
	}
	if (which == 3) {
		set(j, P_ROOT, "keys|$K{timestamp-2}", KEY_OBJECT("timestamp-2"));
		set(j, P_ROOT, "roles|timestamp|keyids", "[\"$K{timestamp-2}\",\"$K{timestamp}\"]");
	}
	j->expect = which < 2 ? ACCEPT : REFUSE;
}

static struct draft *doubled;
static char doubled_id[KEYID_ROOM];

static void second_id(struct draft *d, struct signature_row *rows, size_t *n)
{
	(void)d;
	rows[*n] = rows[0];
	snprintf(rows[*n].keyid, sizeof rows[*n].keyid, "%s", doubled_id);
	++*n;
}

/* One key under two ids meets a threshold of two. WHICH: 0 top-level targets, 1 d1. */
static void one_key_two_ids(struct job *j, int which)
{
	const char *key = which ? "d1" : "targets", *keys = which ? "delegations|keys" : "keys";
	enum part lister = which ? P_TARGETS : P_ROOT;
	char at[256], list[256];
	struct draft *d = job_draft(j, lister);
	struct cJSON *object = cJSON_Duplicate(signkey_public(repo_sim_key(j->sim, key)), true);

	cJSON_AddStringToObject(object, "x", "another id");
	canon_sha256_hex(object, doubled_id);
	tree_set(draft_at(d, j->sim, keys), doubled_id, object);
	snprintf(list, sizeof list, "[\"$K{%s}\",\"%s\"]", key, doubled_id);
	snprintf(at, sizeof at, "%s|keyids", which ? "delegations|roles|#0" : "roles|targets");
	set(j, lister, at, list);
	snprintf(at, sizeof at, "%s|threshold", which ? "delegations|roles|#0" : "roles|targets");
	set(j, lister, at, "2");
	doubled = job_draft(j, which ? P_D1 : P_TARGETS);
	doubled->rows = second_id;
	j->expect = REFUSE;
	j->role = which ? "d/one" : NULL;
}

static void false_id(struct draft *d, struct signature_row *rows, size_t *n)
{
	(void)d, (void)n;
	memset(rows[0].keyid, 'a', 64);
}

/* A key under an id that is not its own. WHICH: 0 top-level targets, 1 d1. */
static void key_under_false_id(struct job *j, int which)
{
	static const char id[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	enum part lister = which ? P_TARGETS : P_ROOT;
	char at[128], list[128];

	snprintf(at, sizeof at, "%s|%s", which ? "delegations|keys" : "keys", id);
	set(j, lister, at, which ? KEY_OBJECT("d1") : KEY_OBJECT("targets"));
	snprintf(at, sizeof at, "%s|keyids", which ? "delegations|roles|#0" : "roles|targets");
	snprintf(list, sizeof list, "[\"%s\"]", id);
	set(j, lister, at, list);
	job_draft(j, which ? P_D1 : P_TARGETS)->rows = false_id;
	j->expect = REFUSE;
}

static const char *const odd_names[] = { "../d1", "..", "%2e%2e", "a/b", "a\\b", "d 1", "d1.json", "1.d1",
	"1", "\xc3\xa9", "d?#", "d!'()*", "constructor", "hasOwnProperty", "Root", "mirrors", ".hidden",
	"d1\n" };
#define N_ODD_NAMES (int)(sizeof odd_names / sizeof odd_names[0])

/* d1 by another name, properly listed and served. */
static void odd_name(struct job *j, int which)
{
	const char *name = odd_names[dice_roll(&j->dice, N_ODD_NAMES)];
	struct draft *snap = job_draft(j, P_SNAPSHOT), *top = job_draft(j, P_TARGETS),
	             *d = job_draft(j, P_D1);
	struct cJSON *meta = draft_at(snap, j->sim, "meta");
	char file[128];

	(void)which;
	snprintf(d->role, sizeof d->role, "%s", name);
	snprintf(file, sizeof file, "%s.json", name);
	tree_set(meta, file, cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(meta, "d1.json"), true));
	tree_set(draft_at(top, j->sim, "delegations|roles|#0"), "name", cJSON_CreateString(name));
	j->expect = FREE;
	buf_fmt(&j->names, "(%d)", (int)(strlen(name)));
	buf_fmt(&j->names, "%s",
	        strcmp(name, "constructor") == 0 || strcmp(name, "hasOwnProperty") == 0 ? "-proto" : "");
}

/* d2 delegates back. WHICH: 0 to d1, 1 to itself. */
static void circle(struct job *j, int which)
{
	char text[512];

	snprintf(text, sizeof text,
	        "{\"keys\":{\"$K{%s}\":" KEY_OBJECT(
	                "%s") "},\"roles\":[{\"name\":\"%s\",\"keyids\":[\"$K{%s}\"],\"threshold\":1,"
	                      "\"paths\":[\"d/*\"],\"terminating\":false}]}",
	        which ? "d2" : "d1", which ? "d2" : "d1", which ? "d2" : "d1", which ? "d2" : "d1");
	set(j, P_D2, "delegations", text);
	j->expect = ACCEPT;
}

/* The same role by two delegators with different keys: late comes second, and its d2 is signed by another. */
static void two_delegators(struct job *j, int which)
{
	(void)which;
	set(j, P_LATE, "delegations",
	        "{\"keys\":{\"$K{x}\":" KEY_OBJECT(
	                "x") "},\"roles\":[{\"name\":\"d2\",\"keyids\":[\"$K{x}\"],\"threshold\":1,"
	                     "\"paths\":[\"*\",\"x/*\"],\"terminating\":false}]}");
	set(j, P_D2, "targets|x/one",
	        "{\"length\":5,\"hashes\":{\"sha256\":"
	        "\"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\"}}");
	set(j, P_TARGETS, "delegations|roles|#3|paths", "[\"d/*\",\"x/*\"]");
	j->finds[j->n_finds++] = "d/two";
	j->finds[j->n_finds++] = "x/one";
	j->expect = FREE;
}

/* A chain of WHICH roles; the last one lists c/deep. */
static void chain(struct job *j, int which)
{
	struct draft *top = job_draft(j, P_TARGETS), *snap = job_draft(j, P_SNAPSHOT);
	static const char hello[] = "{\"c/deep\":{\"length\":5,\"hashes\":{\"sha256\":"
	                            "\"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\"}}}";
	char text[1024], name[TUF_FILE_ROOM], role[16];

	for (int i = 0; i <= which; i++) {
		struct draft d, *at = &d;
		snprintf(role, sizeof role, "c%d", i);
		snprintf(text, sizeof text,
		        "{\"keys\":{\"$K{c}\":" KEY_OBJECT(
		                "c") "},\"roles\":[{\"name\":\"c%d\",\"keyids\":[\"$K{c}\"],"
		                     "\"threshold\":1,\"paths\":[\"c/*\"],\"terminating\":false}]}",
		        i ? i + 1 : 1);
		if (i == 0) {
			at = top;
		} else {
			draft_load(&d, role,
			        repo_sim_file(
			                j->w->after, job_file_name(j, j->w->consistent, "d1", 3, name)));
			d.signers[d.n_signers++] = "c";
		}
		draft_set(at, j->sim, "delegations", text, NULL);
		if (i == which)
			draft_set(at, j->sim, "delegations", NULL, NULL);
		if (i == 0)
			continue;
		draft_set(&d, j->sim, "targets", i == which ? hello : "{}", NULL);
		draft_seal(&d, j->sim, &j->dice);
		repo_sim_put(&j->extra, job_file_name(j, j->w->consistent, role, 3, name), d.bytes.data,
		        d.bytes.len);
		draft_free(&d);
		snprintf(name, sizeof name, "meta|%s.json", role);
		draft_set(snap, j->sim, name, "{\"version\":3}", NULL);
	}
	j->finds[j->n_finds++] = "c/deep";
	j->expect = which < 31 ? ACCEPT : FREE;
	if (which < 31)
		j->role = "c/deep";
}

/* Signed by somebody else's key, with every name in order. */
static void wrong_signer(struct job *j, int which)
{
	static const enum part parts[] = { P_TIMESTAMP, P_SNAPSHOT, P_TARGETS, P_D1, P_ROOT };
	enum part part = parts[which], other = parts[(which + 1) % 4];

	sign(j, part, part == P_ROOT ? "targets" : part_names[other], part == P_ROOT ? "snapshot" : NULL);
	j->expect = REFUSE;
	j->role = part == P_D1 ? "d/one" : NULL;
}

static void another_signer(struct job *j, int which)
{
	static const enum part parts[] = { P_TIMESTAMP, P_SNAPSHOT, P_TARGETS, P_D1, P_ROOT };
	struct draft *d = job_draft(j, parts[which]);

	d->signers[d->n_signers++] = "stranger";
	j->expect = ACCEPT;
}

/* consistent_snapshot the other way. WHICH: 0 files are there by both names, 1 by the old, 2 by the new. */
static void flip_consistent(struct job *j, int which)
{
	set(j, P_ROOT, "consistent_snapshot", j->w->consistent ? "false" : "true");
	j->both_names = which == 0;
	j->other_names = which == 2;
	/* The old names and the new ones: root and timestamp have but one. */
	j->expect = which == 1 ? REFUSE : ACCEPT;
}

/* Properly listed versions. WHICH: 0 targets 9, 1 targets 1, 2 d1 9, 3 d1 1. */
static void jump(struct job *j, int which)
{
	const char *version = which & 1 ? "1" : "9";

	set(j, which & 2 ? P_D1 : P_TARGETS, "version", version);
	set(j, P_SNAPSHOT, which & 2 ? "meta|d1.json|version" : "meta|targets.json|version", version);
	j->expect = which & 1 ? BACK : ACCEPT;
}

/* The next timestamp names the snapshot version that is known, with other bytes. */
static void snapshot_again(struct job *j, int which)
{
	(void)which;
	set(j, P_SNAPSHOT, "version", "2");
	set(j, P_TIMESTAMP, "meta|snapshot.json|version", "2");
	j->expect = FREE;
}

/* The next snapshot names the targets version that is known, with other bytes. */
static void targets_again(struct job *j, int which)
{
	(void)which;
	set(j, P_TARGETS, "version", "2");
	set(j, P_SNAPSHOT, "meta|targets.json|version", "2");
	j->expect = FREE;
}

/* The timestamp goes on, the snapshot that it names goes back. */
static void snapshot_back(struct job *j, int which)
{
	(void)which;
	set(j, P_SNAPSHOT, "version", "1");
	set(j, P_TIMESTAMP, "meta|snapshot.json|version", "1");
	j->expect = BACK;
}

static void withhold(struct job *j, int which)
{
	static const enum part parts[] = { P_ROOT, P_TIMESTAMP, P_SNAPSHOT, P_TARGETS, P_D1 };

	job_draft(j, parts[which])->withheld = true;
	j->expect = which ? REFUSE : ACCEPT;
	j->role = parts[which] == P_D1 ? "d/one" : NULL;
}

/* Nothing at all is wrong. */
static void nothing(struct job *j, int which)
{
	(void)which;
	j->expect = ACCEPT;
	j->role = "d/one";
}

const struct scene scenes[] = {
	{ "nothing", nothing, 0 },
	{ "rotate-timestamp", rotate_timestamp, 0 },
	{ "rotate-timestamp-old-signer", rotate_timestamp, 1 },
	{ "rotate-timestamp-both", rotate_timestamp, 2 },
	{ "rotate-targets", rotate_targets, 0 },
	{ "rotate-targets-old-signer", rotate_targets, 1 },
	{ "rotate-root", rotate_root, 0 },
	{ "rotate-root-old-only", rotate_root, 1 },
	{ "rotate-root-new-only", rotate_root, 2 },
	{ "rotate-root-one-old", rotate_root, 3 },
	{ "rotate-root-one-new", rotate_root, 4 },
	{ "fast-forward-both-rotated", fast_forward, 0 },
	{ "fast-forward-timestamp-rotated", fast_forward, 1 },
	{ "fast-forward-not-rotated", fast_forward, 2 },
	{ "fast-forward-key-added", fast_forward, 3 },
	{ "one-key-two-ids", one_key_two_ids, 0 },
	{ "one-key-two-ids-d1", one_key_two_ids, 1 },
	{ "key-under-false-id", key_under_false_id, 0 },
	{ "key-under-false-id-d1", key_under_false_id, 1 },
	{ "odd-name", odd_name, 0 },
	{ "odd-name", odd_name, 1 },
	{ "circle-d1", circle, 0 },
	{ "circle-self", circle, 1 },
	{ "two-delegators", two_delegators, 0 },
	{ "chain-5", chain, 5 },
	{ "chain-30", chain, 30 },
	{ "chain-31", chain, 31 },
	{ "chain-32", chain, 32 },
	{ "chain-33", chain, 33 },
	{ "chain-34", chain, 34 },
	{ "wrong-signer-timestamp", wrong_signer, 0 },
	{ "wrong-signer-snapshot", wrong_signer, 1 },
	{ "wrong-signer-targets", wrong_signer, 2 },
	{ "wrong-signer-d1", wrong_signer, 3 },
	{ "wrong-signer-root", wrong_signer, 4 },
	{ "another-signer-timestamp", another_signer, 0 },
	{ "another-signer-snapshot", another_signer, 1 },
	{ "another-signer-targets", another_signer, 2 },
	{ "another-signer-d1", another_signer, 3 },
	{ "another-signer-root", another_signer, 4 },
	{ "consistent-flipped-both-names", flip_consistent, 0 },
	{ "consistent-flipped-old-names", flip_consistent, 1 },
	{ "consistent-flipped-new-names", flip_consistent, 2 },
	{ "targets-jump", jump, 0 },
	{ "targets-back", jump, 1 },
	{ "d1-jump", jump, 2 },
	{ "d1-back", jump, 3 },
	{ "snapshot-again", snapshot_again, 0 },
	{ "targets-again", targets_again, 0 },
	{ "snapshot-back", snapshot_back, 0 },
	{ "withheld-root", withhold, 0 },
	{ "withheld-timestamp", withhold, 1 },
	{ "withheld-snapshot", withhold, 2 },
	{ "withheld-targets", withhold, 3 },
	{ "withheld-d1", withhold, 4 },
};
const size_t n_scenes = sizeof scenes / sizeof scenes[0];
