/* cases.c — tuf_cases: mutated TUF repositories, and what kedge's own client makes of each.
 *
 *	tuf_cases [--seed N] [--first N] [--count N] [--verdicts FILE] [--list]
 *
 * Case I of a seed is a function of both, nothing else. The cases go to standard output, for other clients to read:
 *
 *	case INDEX DIGEST LENGTH\n            then LENGTH bytes of lines:
 *	now SECONDS\n
 *	put m|t NAMELEN DATALEN\nNAMEDATA\n   the server has this file, below the metadata or the targets URL
 *	drop m NAMELEN\nNAME\n                no longer
 *	trust LEN\nBYTES\n                    the root that the client begins with
 *	find LEN\nPATH\n                      look for and download this in the next run
 *	run\n                                 a new process with the same cache: refresh, then find
 *
 * FILE gets one line per case: index, digest, expectation, what was done, and one verdict per run (see verdict_add()). A
 * verdict that contradicts the specification ends the program with status 1 after all cases were made. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cJSON.h>

#include "proto/codec.h"
#include "proto/fileio.h"
#include "proto/strict.h"
#include "proto/tree.h"
#include "tests/peers/job.h"

#define WORLDS 6

static void need(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "tuf_cases: %s\n", what);
	abort();
}

/* The files of tests/vectors: another implementation's, with ECDSA and RSA signatures; nothing of it can be signed anew. */
static struct repo_sim_file *vectors;

static void vectors_load(void)
{
	static const char *const names[] = { "1.root.json", "timestamp.json", "1.snapshot.json",
		"1.targets.json", "1.dele.json" };

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		char path[512], *data;
		size_t len;
		snprintf(path, sizeof path, "%s/tests/vectors/python-tuf/%s", KEDGE_SOURCE_DIR, names[i]);
		need(file_read(path, TUF_META_MAX, &data, &len, NULL) == 0, path);
		repo_sim_put(&vectors, names[i], data, len);
		file_free(data);
	}
}

/* ---- choosing what to do */

static bool has_role(unsigned roles, unsigned bit)
{
	return (roles & bit) != 0;
}

static enum part choose_part(struct job *j, unsigned roles)
{
	static const struct {
		unsigned bit;
		enum part part;
	} all[] = { { R_ROOT, P_ROOT }, { R_TIMESTAMP, P_TIMESTAMP }, { R_SNAPSHOT, P_SNAPSHOT },
		{ R_TARGETS, P_TARGETS }, { R_D1, P_D1 }, { R_PAIR, P_PAIR } };
	enum part fit[6];
	unsigned n = 0;

	for (size_t i = 0; i < 6; i++)
		if (has_role(roles, all[i].bit))
			fit[n++] = all[i].part;
	return fit[dice_roll(&j->dice, n)];
}

static void expect_of(struct job *j, enum part part, enum expect expect)
{
	j->expect = expect;
	if (part == P_D1 || part == P_PAIR)
		j->role = part == P_D1 ? "d/one" : "p/one";
}

static void edit_part(struct job *j)
{
	unsigned k = dice_roll(&j->dice, (unsigned)(n_part_edits + n_file_edits));
	const struct part_edit *e = k < n_part_edits ? &part_edits[k] : &file_edits[k - n_part_edits];
	enum part part = choose_part(j, e->roles);
	struct draft *d = job_draft(j, part);
	bool sign = dice_roll(&j->dice, 8) != 0;
	struct cJSON *was = sign || d->sealed ? NULL : cJSON_Duplicate(d->part, true);
	const char *text = e->text, *canon = e->canon;
	char twice_type[64], type[32];

	if (strcmp(e->name, "twice-type") == 0) {
		const char *kind = part == P_D1 ? "targets" : part_names[part];
		snprintf(twice_type, sizeof twice_type, "\"x\",\"_type\":\"%s\"", kind);
		snprintf(type, sizeof type, "\"%s\"", kind);
		text = twice_type;
		canon = type;
	}
	bool done = d->n_raws < RAWS_MAX && draft_set(d, j->sim, e->at, text, canon);
	if (was)
		d->sealed = was;
	expect_of(j, part, !done ? ACCEPT : sign ? e->expect : canon ? FREE : REFUSE);
	/* A new member of targets may make a path known, but only where the role speaks for it. */
	if (done && sign && e->expect == ACCEPT && e->find)
		j->role = e->find;
	if (e->find && j->n_finds < FINDS_MAX)
		j->finds[j->n_finds++] = e->find;
	buf_fmt(&j->names, "%s@%s%s%s", e->name, part_names[part], sign ? "" : "-unsigned",
	        done ? "" : "-void");
}

static void edit_signatures(struct job *j)
{
	const struct sign_edit *e = &sign_edits[dice_roll(&j->dice, (unsigned)n_sign_edits)];
	enum part part = choose_part(j, e->roles);
	struct draft *d = job_draft(j, part);

	if (d->n_signers == 0)
		return;
	d->rows = e->rows;
	d->signatures = e->signatures;
	expect_of(j, part, e->expect);
	buf_fmt(&j->names, "%s@%s", e->name, part_names[part]);
}

static void edit_text(struct job *j)
{
	const struct wrap_edit *e = &wrap_edits[dice_roll(&j->dice, (unsigned)n_wrap_edits)];
	enum part part = choose_part(j, R_ALL);
	struct draft *d = job_draft(j, part);
	bool late = dice_roll(&j->dice, 2);

	d->text = e->edit;
	d->late = late;
	bool listed = j->w->listing && part != P_ROOT && part != P_TIMESTAMP;
	expect_of(j, part, late && listed && e->expect == ACCEPT ? REFUSE : e->expect);
	buf_fmt(&j->names, "%s@%s%s", e->name, part_names[part], late ? "-late" : "");
}

static void choose(struct job *j)
{
	unsigned edits = dice_roll(&j->dice, 100);

	edits = edits < 74 ? 1 : edits < 94 ? 2 : 3;
	for (unsigned i = 0; i < edits; i++) {
		unsigned kind = dice_roll(&j->dice, 100);
		buf_str(&j->names, i ? "+" : "");
		if (kind < 14 && i == 0) {
			const struct scene *s = &scenes[dice_roll(&j->dice, (unsigned)n_scenes)];
			buf_fmt(&j->names, "%s", s->name);
			s->play(j, s->which);
		} else if (kind < 66) {
			edit_part(j);
		} else if (kind < 82) {
			edit_signatures(j);
		} else {
			edit_text(j);
		}
	}
	/* What two edits make together, only other clients can tell. */
	if (edits > 1)
		j->expect = FREE;
}

/* ---- writing cases down, and running them */

struct run {
	struct buf out;      /* the case */
	struct buf verdicts; /* its line */
	struct repo_sim server;
	struct repo_sim_client *client;
};

static void frame_put(struct run *r, char where, const char *name, const char *data, size_t len)
{
	buf_fmt(&r->out, "put %c %zu %zu\n%s", where, strlen(name), len, name);
	buf_bytes(&r->out, data, len);
	buf_char(&r->out, '\n');
	repo_sim_put(where == 'm' ? &r->server.metadata : &r->server.targets, name, data, len);
}

static void frame_drop(struct run *r, const char *name)
{
	buf_fmt(&r->out, "drop m %zu\n%s\n", strlen(name), name);
	repo_sim_put(&r->server.metadata, name, NULL, 0);
}

static int64_t stored_version(const struct run *r, const char *role)
{
	char name[64];
	struct cJSON *tree;
	int64_t version = 0;

	snprintf(name, sizeof name, "%s.json", role);
	struct repo_sim_file *file = repo_sim_file(r->client->cache, name);
	if (file && strict_parse(file->data, file->len, &strict_limits_default, &tree, NULL) == 0) {
		const cJSON *v = cJSON_GetObjectItem(cJSON_GetObjectItem(tree, "signed"), "version");
		version = cJSON_IsNumber(v) ? (int64_t)v->valuedouble : 0;
		cJSON_Delete(tree);
	}
	return version;
}

/* " ok" or " KE_X at WHERE: WHAT", without what would disturb the line. */
static void why(struct buf *out, int rc, const struct fault *f)
{
	struct buf text = BUF_INIT(4096);

	buf_fmt(&text, "%s at %s: %s", err_name(rc), f->where, f->what);
	for (size_t i = 0; i < text.len && i < 240; i++)
		buf_char(out, strchr("\t\n|", text.data[i]) ? ' ' : text.data[i]);
	buf_free(&text);
}

static void find_one(struct run *r, const char *path)
{
	const struct tuf_target *target;
	struct fault f = { 0 };
	struct buf name = BUF_INIT(8192);
	unsigned char digest[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];
	int rc = repo_sim_find(r->client, &r->server, path, &target, &f);

	if (!rc && (rc = trust_target_file(r->client->trust, target, &name)))
		fault_set(&f, rc, NULL, NULL, "no name");
	struct repo_sim_file *file = rc ? NULL : repo_sim_file(r->server.targets, buf_text(&name));
	if (!rc && !file)
		rc = fault_set(&f, KE_NOENT, "download", NULL, "the server does not have it");
	if (!rc)
		rc = trust_target_check(target, file->data, file->len, &f);
	buf_fmt(&r->verdicts, "|%s=", path);
	if (rc) {
		buf_char(&r->verdicts, '-');
		why(&r->verdicts, rc, &f);
	} else {
		sha256(file->data, file->len, digest);
		buf_fmt(&r->verdicts, "%.8s", hex_encode(digest, sizeof digest, hex));
	}
	buf_free(&name);
}

/* Refresh, then FINDS. The verdict: "ok" or "no", the versions in the cache, why, and per path what was found. True when
 * the refresh went well. */
static bool verdict_add(struct run *r, const char *const *finds, size_t n)
{
	struct fault f = { 0 };
	int rc = repo_sim_refresh(r->client, &r->server, DRAFT_NOW, &f);

	for (size_t i = 0; i < n; i++)
		buf_fmt(&r->out, "find %zu\n%s\n", strlen(finds[i]), finds[i]);
	buf_str(&r->out, "run\n");
	buf_fmt(&r->verdicts, "\t%s %lld/%lld/%lld/%lld ", rc ? "no" : "ok",
	        (long long)stored_version(r, "root"), (long long)stored_version(r, "timestamp"),
	        (long long)stored_version(r, "snapshot"), (long long)stored_version(r, "targets"));
	if (rc)
		why(&r->verdicts, rc, &f);
	for (size_t i = 0; i < n; i++)
		if (!rc)
			find_one(r, finds[i]);
	return !rc;
}

/* The server of version 3, as J has it. */
static void serve_after(struct run *r, struct job *j)
{
	const struct draft *snap = j->loaded[P_SNAPSHOT] ? &j->drafts[P_SNAPSHOT] : NULL;
	const struct draft *ts = j->loaded[P_TIMESTAMP] ? &j->drafts[P_TIMESTAMP] : NULL;

	for (struct repo_sim_file *f = j->extra; f; f = f->next)
		frame_put(r, 'm', f->name, f->data, f->len);
	for (int i = 0; i < P_COUNT; i++) {
		char name[TUF_FILE_ROOM], entry[128];
		const char *role = j->loaded[i] ? j->drafts[i].role : part_names[i];
		int64_t version = 3;
		snprintf(entry, sizeof entry, "%s.json", role);
		const struct draft *lister = i == P_SNAPSHOT                   ? ts
		                             : i == P_TIMESTAMP || i == P_ROOT ? NULL
		                                                               : snap;
		struct cJSON *v =
		        lister ? cJSON_GetObjectItemCaseSensitive(
		                         cJSON_GetObjectItemCaseSensitive(
		                                 cJSON_GetObjectItemCaseSensitive(lister->part, "meta"),
		                                 entry),
		                         "version")
		               : NULL;
		if (cJSON_IsNumber(v) && v->valuedouble >= 1)
			version = (int64_t)v->valuedouble;
		for (int names = 0; names < 2; names++) {
			bool consistent = names ? !j->w->consistent : j->w->consistent;
			job_file_name(j, consistent, role, version, name);
			struct repo_sim_file *base;
			char usual[TUF_FILE_ROOM];
			base = repo_sim_file(
			        j->w->after, job_file_name(j, j->w->consistent, part_names[i], 3, usual));
			if (j->loaded[i] && j->drafts[i].withheld) {
				frame_drop(r, name);
				break;
			}
			if (names && !j->both_names && !j->other_names)
				break;
			if (!names && j->other_names && i != P_ROOT && i != P_TIMESTAMP) {
				frame_drop(r, name);
				continue;
			}
			if (j->loaded[i])
				frame_put(r, 'm', name, j->drafts[i].bytes.data, j->drafts[i].bytes.len);
			else
				frame_put(r, 'm', name, base->data, base->len);
		}
	}
}

static void trust_frame(struct run *r, const struct repo_sim_file *root)
{
	buf_fmt(&r->out, "now %d\ntrust %zu\n", DRAFT_NOW, root->len);
	buf_bytes(&r->out, root->data, root->len);
	buf_char(&r->out, '\n');
	r->client = calloc(1, sizeof *r->client);
	need(r->client != NULL, "memory");
	repo_sim_put(&r->client->cache, "root.json", root->data, root->len);
}

/* Does the last verdict contradict what the specification says? */
static const char *judge(const struct job *j, bool refreshed, const char *verdict)
{
	enum expect want = j->expect == BACK ? (j->two ? REFUSE : FREE) : j->expect;
	char found[600];

	if (want == FREE)
		return NULL;
	if (!j->role)
		return refreshed == (want == ACCEPT) ? NULL : want == ACCEPT ? "refused" : "ACCEPTED";
	if (!refreshed)
		return "the whole refresh failed";
	snprintf(found, sizeof found, "|%s=", j->role);
	const char *at = strstr(verdict, found);
	if (!at)
		return "not looked for";
	bool got = at[strlen(found)] != '-';
	return got == (want == ACCEPT) ? NULL : got ? "ACCEPTED" : "refused";
}

static const char *const usual_finds[] = { "a/one", "d/one", "d/two", "d/late", "t/one", "t/late", "h/one",
	"p/one", "none" };

/* A case on the simulated repository. Returns what is wrong with the verdict, or NULL. */
static const char *case_simulated(struct run *r, struct job *j)
{
	static const char *const first[] = { "d/one" };
	const char *finds[FINDS_MAX + 16];
	size_t n = 0;

	choose(j);
	job_seal(j);
	trust_frame(r, repo_sim_file(j->w->before, "1.root.json"));
	for (struct repo_sim_file *f = j->before ? j->before : j->w->before; f; f = f->next)
		if (j->two || strstr(f->name, ".root.json"))
			frame_put(r, 'm', f->name, f->data, f->len);
	/* What only root or timestamp have to do with, two paths show. */
	bool deep = false;
	for (int i = P_D1; i <= P_SNAPSHOT; i++)
		deep = deep || j->loaded[i];
	for (size_t i = 0; i < (deep ? sizeof usual_finds / sizeof usual_finds[0] : 2); i++)
		finds[n++] = usual_finds[i];
	for (size_t i = 0; i < j->n_finds; i++)
		finds[n++] = j->finds[i];
	for (struct repo_sim_file *f = j->w->targets_before; j->two && f; f = f->next)
		frame_put(r, 't', f->name, f->data, f->len);
	if (j->two)
		verdict_add(r, first, 1);
	for (struct repo_sim_file *f = j->w->targets; f; f = f->next)
		frame_put(r, 't', f->name, f->data, f->len);
	serve_after(r, j);
	size_t at = r->verdicts.len;
	bool ok = verdict_add(r, finds, n);
	return judge(j, ok, buf_text(&r->verdicts) + at);
}

/* A case on the files of tests/vectors: only text can be spoilt. Any change of what is signed has to be refused, but that is
 * for the other clients to confirm: a changed byte may be a blank, or the case of a digit. */
static const char *case_vectors(struct run *r, struct job *j)
{
	static const char *const finds[] = { "a/b.json", "d/\xc3\xa9", "d/e" };
	unsigned pick = dice_roll(&j->dice, 5);
	struct draft d = { 0 };

	trust_frame(r, repo_sim_file(vectors, "1.root.json"));
	for (struct repo_sim_file *f = vectors; f; f = f->next) {
		if (pick-- != 0) {
			frame_put(r, 'm', f->name, f->data, f->len);
			continue;
		}
		const struct wrap_edit *e = &wrap_edits[dice_roll(&j->dice, (unsigned)n_wrap_edits)];
		struct buf text = BUF_INIT(TUF_META_MAX);
		buf_bytes(&text, f->data, f->len);
		e->edit(&d, &text, &j->dice);
		buf_fmt(&j->names, "vectors:%s@%s", e->name, f->name);
		frame_put(r, 'm', f->name, text.data, text.len);
		if (strcmp(f->name, "1.root.json") == 0) {
			buf_clear(&r->out);
			repo_sim_client_free(r->client);
			trust_frame(r, repo_sim_file(r->server.metadata, f->name));
			for (struct repo_sim_file *g = r->server.metadata; g; g = g->next) {
				buf_fmt(&r->out, "put m %zu %zu\n%s", strlen(g->name), g->len, g->name);
				buf_bytes(&r->out, g->data, g->len);
				buf_char(&r->out, '\n');
			}
		}
		buf_free(&text);
	}
	frame_put(r, 't', "a/b.json", "hello", 5);
	frame_put(r, 't', "a/2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824.b.json",
	        "hello", 5);
	verdict_add(r, finds, 3);
	return NULL;
}

static bool case_make(struct world *worlds, uint64_t seed, unsigned index, FILE *verdicts)
{
	static const char *const words[] = { "free", "accept", "refuse", "back" };
	struct job j = { .dice = { seed * 0x9e3779b97f4a7c15 + index }, .names = BUF_INIT(4096) };
	struct run r = { .out = BUF_INIT(1 << 24), .verdicts = BUF_INIT(1 << 20) };
	unsigned char digest[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];
	const char *wrong;

	dice_roll(&j.dice, 2);
	j.w = &worlds[dice_roll(&j.dice, WORLDS)];
	j.sim = j.w->sim;
	j.two = dice_roll(&j.dice, 10) < 7;
	bool simulated = dice_roll(&j.dice, 100) >= 8;
	wrong = simulated ? case_simulated(&r, &j) : case_vectors(&r, &j);
	need(!r.out.rc && !r.verdicts.rc, "a case is too big");
	sha256(r.out.data, r.out.len, digest);
	hex_encode(digest, sizeof digest, hex);
	printf("case %u %.8s %zu\n", index, hex, r.out.len);
	fwrite(r.out.data, 1, r.out.len, stdout);
	if (verdicts)
		fprintf(verdicts, "%u\t%.8s\t%s\t%s%s\n", index, hex, words[j.expect], buf_text(&j.names),
		        buf_text(&r.verdicts));
	if (wrong)
		fprintf(stderr, "tuf_cases: seed %llu case %u: the specification says otherwise: %s: %s%s\n",
		        (unsigned long long)seed, index, wrong, buf_text(&j.names), buf_text(&r.verdicts));
	repo_sim_client_free(r.client);
	repo_sim_files_free(&r.server.metadata);
	repo_sim_files_free(&r.server.targets);
	buf_free(&r.out);
	buf_free(&r.verdicts);
	job_free(&j);
	return !wrong;
}

static void list_names(void)
{
	for (size_t i = 0; i < n_part_edits; i++)
		puts(part_edits[i].name);
	for (size_t i = 0; i < n_file_edits; i++)
		puts(file_edits[i].name);
	for (size_t i = 0; i < n_sign_edits; i++)
		puts(sign_edits[i].name);
	for (size_t i = 0; i < n_wrap_edits; i++)
		puts(wrap_edits[i].name);
	for (size_t i = 0; i < n_scenes; i++)
		puts(scenes[i].name);
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "seed", 1, NULL, 's' }, { "first", 1, NULL, 'f' },
		{ "count", 1, NULL, 'c' }, { "verdicts", 1, NULL, 'v' }, { "list", 0, NULL, 'l' },
		{ NULL, 0, NULL, 0 } };
	unsigned long long seed = 1, first = 0, count = 1000;
	struct world worlds[WORLDS];
	FILE *verdicts = NULL;
	bool ok = true;
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (opt) {
		case 's':
			seed = strtoull(optarg, NULL, 10);
			break;
		case 'f':
			first = strtoull(optarg, NULL, 10);
			break;
		case 'c':
			count = strtoull(optarg, NULL, 10);
			break;
		case 'v':
			need((verdicts = fopen(optarg, "we")) != NULL, optarg);
			break;
		case 'l':
			list_names();
			return 0;
		default:
			return 2;
		}
	}
	for (int i = 0; i < WORLDS; i++)
		world_make(&worlds[i], i % 2, i / 2);
	vectors_load();
	for (unsigned long long i = first; i < first + count; i++)
		ok = case_make(worlds, seed, (unsigned)i, verdicts) && ok;
	if (verdicts)
		fclose(verdicts);
	for (int i = 0; i < WORLDS; i++)
		world_free(&worlds[i]);
	repo_sim_files_free(&vectors);
	return fflush(stdout) || !ok;
}
