/* world.c — the repositories that all cases begin with, written by our own publisher and its simulated server: every role at
 * version 2, then at version 3. Only lengths and hashes are listed anew, since there are worlds that list none. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cJSON.h>

#include "proto/codec.h"
#include "tests/peers/job.h"

static void need(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "tuf_cases: %s\n", what);
	abort();
}

static void delegate(struct repo_sim *sim, const char *parent, const char *name, const char *const *patterns,
        size_t n_patterns, bool by_hash, bool terminating)
{
	const struct cJSON *keys[2] = { signkey_public(repo_sim_key(sim, name)), NULL };
	struct release_delegation d = { .name = name,
		.keys = keys,
		.n_keys = 1,
		.threshold = 1,
		.patterns = patterns,
		.n_patterns = n_patterns,
		.by_hash = by_hash,
		.terminating = terminating };
	struct fault f = { 0 };

	if (strcmp(name, "pair") == 0) {
		keys[0] = signkey_public(repo_sim_key(sim, "pair-1"));
		keys[1] = signkey_public(repo_sim_key(sim, "pair-2"));
		d.n_keys = d.threshold = 2;
	}
	need(release_delegate(sim->release, parent, &d, &f) == 0, name);
	need(release_floor(sim->release, name, 1, &f) == 0, name);
}

static void publish(struct repo_sim *sim, int version)
{
	static const char *const files[][2] = { { "targets", "a/one" }, { "d1", "d/one" }, { "d2", "d/two" },
		{ "late", "d/late" }, { "late", "t/late" }, { "hash", "h/one" }, { "term", "t/one" },
		{ "pair", "p/one" } };
	char text[64];

	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		snprintf(text, sizeof text, "%s of version %d", files[i][1], version);
		repo_sim_target(sim, files[i][0], files[i][1], text);
	}
	for (int i = 0; i < P_COUNT; i++)
		need(release_expires(sim->release, part_names[i],
		             sim->now + (100 + version) * (int64_t)REPO_SIM_DAY, NULL) == 0,
		        part_names[i]);
	repo_sim_publish(sim);
}

/* Every path that an edit may make known, with the bytes "hello". */
static void serve_hello(struct world *w)
{
	static const char hash[] = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

	for (size_t i = 0; i < n_file_edits; i++) {
		const char *path = file_edits[i].find, *slash = path ? strrchr(path, '/') : NULL;
		const char *base = slash ? slash + 1 : path;
		char name[512];
		if (!path)
			continue;
		snprintf(name, sizeof name, "%.*s%s.%s", (int)(base - path), path, hash, base);
		repo_sim_put(&w->targets, name, "hello", 5);
		repo_sim_put(&w->targets, path, "hello", 5);
	}
	static const char *const more[] = { "c/deep", "x/one" };
	for (size_t i = 0; i < 2; i++) {
		char name[512];
		snprintf(name, sizeof name, "%.2s%s.%s", more[i], hash, more[i] + 2);
		repo_sim_put(&w->targets, name, "hello", 5);
		repo_sim_put(&w->targets, more[i], "hello", 5);
	}
}

/* List FILES anew as w->listing wants. VERSION is that of every role. */
static void relist(struct world *w, struct repo_sim_file **files, int version)
{
	struct job j = { .w = w, .sim = w->sim };
	char name[TUF_FILE_ROOM];
	struct repo_sim_file *keep = w->after;

	w->after = *files;
	for (int i = 0; i < P_COUNT; i++) {
		struct draft *d = &j.drafts[i];
		draft_load(d, part_names[i],
		        repo_sim_file(
		                *files, job_file_name(&j, w->consistent, part_names[i], version, name)));
		j.loaded[i] = true;
		static const char *const signers[][2] = { { "root-1", "root-2" }, { "pair-1", "pair-2" } };
		d->signers[0] = i == P_ROOT ? signers[0][0] : i == P_PAIR ? signers[1][0] : part_names[i];
		d->signers[1] = i == P_ROOT ? signers[0][1] : signers[1][1];
		d->n_signers = i == P_ROOT || i == P_PAIR ? 2 : 1;
	}
	job_seal(&j);
	for (int i = 0; i < P_COUNT; i++)
		repo_sim_put(files, job_file_name(&j, w->consistent, part_names[i], version, name),
		        j.drafts[i].bytes.data, j.drafts[i].bytes.len);
	w->after = keep;
	job_free(&j);
}

void world_make(struct world *w, bool consistent, int listing)
{
	static const char *const d[] = { "d/*" }, *const t[] = { "t/*" }, *const td[] = { "t/*", "d/*" },
	                         *const p[] = { "p/*" };
	unsigned char digest[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];
	const char *prefix[] = { hex };

	*w = (struct world){ .consistent = consistent, .listing = listing };
	w->sim = consistent ? repo_sim_new() : repo_sim_new_plain();
	sha256("h/one", 5, digest);
	hex_encode(digest, sizeof digest, hex);
	hex[4] = '\0';
	delegate(w->sim, "targets", "d1", d, 1, false, false);
	delegate(w->sim, "targets", "hash", prefix, 1, true, false);
	delegate(w->sim, "targets", "term", t, 1, false, true);
	delegate(w->sim, "targets", "late", td, 2, false, false);
	delegate(w->sim, "targets", "pair", p, 1, false, false);
	delegate(w->sim, "d1", "d2", d, 1, false, false);
	publish(w->sim, 2);
	w->before = repo_sim_files_copy(w->sim->metadata);
	relist(w, &w->before, 2);
	w->targets_before = repo_sim_files_copy(w->sim->targets);
	publish(w->sim, 3);
	w->after = repo_sim_files_copy(w->sim->metadata);
	relist(w, &w->after, 3);
	w->targets = repo_sim_files_copy(w->sim->targets);
	serve_hello(w);
}

void world_free(struct world *w)
{
	repo_sim_free(w->sim);
	repo_sim_files_free(&w->before);
	repo_sim_files_free(&w->after);
	repo_sim_files_free(&w->targets);
	repo_sim_files_free(&w->targets_before);
}
