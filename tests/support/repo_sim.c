/* repo_sim.c — the simulated repository of the TUF tests; see repo_sim.h. */
#include "tests/support/repo_sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cJSON.h>

#include "proto/codec.h"
#include "proto/strict.h"
#include "proto/tree.h"

static void need(bool ok, const char *what, const struct fault *f)
{
	char line[1024];

	if (ok)
		return;
	fprintf(stderr, "repo_sim: %s: %s\n", what, f ? fault_line(f, line, sizeof line) : "");
	abort();
}

struct repo_sim_file *repo_sim_file(struct repo_sim_file *list, const char *name)
{
	while (list && strcmp(list->name, name) != 0)
		list = list->next;
	return list;
}

void repo_sim_put(struct repo_sim_file **list, const char *name, const void *data, size_t len)
{
	struct repo_sim_file *file = repo_sim_file(*list, name);

	if (!data) {
		for (; *list; list = &(*list)->next) {
			if (*list != file)
				continue;
			*list = file->next;
			free(file->name);
			free(file->data);
			free(file);
			return;
		}
		return;
	}
	char *copy = malloc(len + 1);
	need(copy != NULL, "memory", NULL);
	memcpy(copy, data, len);
	copy[len] = '\0';
	if (!file) {
		file = calloc(1, sizeof *file);
		need(file && (file->name = strdup(name)), "memory", NULL);
		file->next = *list;
		*list = file;
	}
	free(file->data);
	file->data = copy;
	file->len = len;
}

void repo_sim_files_free(struct repo_sim_file **list)
{
	while (*list)
		repo_sim_put(list, (*list)->name, NULL, 0);
}

struct repo_sim_file *repo_sim_files_copy(const struct repo_sim_file *list)
{
	struct repo_sim_file *copy = NULL;

	for (; list; list = list->next)
		repo_sim_put(&copy, list->name, list->data, list->len);
	return copy;
}

const struct signkey *repo_sim_key(struct repo_sim *sim, const char *name)
{
	unsigned char seed[SIGNKEY_SEED_LEN];
	struct fault f = { 0 };

	for (size_t i = 0; i < sim->n_keys; i++)
		if (strcmp(sim->key_names[i], name) == 0)
			return sim->keys[i];
	need(sim->n_keys < sizeof sim->keys / sizeof sim->keys[0], "too many keys", NULL);
	sha256(name, strlen(name), seed);
	need(signkey_from_seed(seed, &sim->keys[sim->n_keys], &f) == 0, name, &f);
	need((sim->key_names[sim->n_keys] = strdup(name)) != NULL, "memory", NULL);
	return sim->keys[sim->n_keys++];
}

static void expire_in(struct repo_sim *sim, const char *role, int days)
{
	struct fault f = { 0 };

	need(release_expires(sim->release, role, sim->now + (int64_t)days * REPO_SIM_DAY, &f) == 0, role, &f);
}

static struct repo_sim *sim_new(bool consistent)
{
	static const char *const keys[][2] = { { "root", "root-1" }, { "root", "root-2" },
		{ "timestamp", "timestamp" }, { "snapshot", "snapshot" }, { "targets", "targets" } };
	struct repo_sim *sim = calloc(1, sizeof *sim);
	struct fault f = { 0 };

	need(sim && release_new(&sim->release) == 0, "memory", NULL);
	sim->now = REPO_SIM_NOW;
	need(release_init(sim->release, consistent, &f) == 0, "init", &f);
	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
		need(release_key_add(sim->release, keys[i][0], signkey_public(repo_sim_key(sim, keys[i][1])),
		             &f) == 0,
		        keys[i][1], &f);
	need(release_threshold(sim->release, "root", 2, &f) == 0, "threshold", &f);
	expire_in(sim, "root", 365);
	expire_in(sim, "targets", 90);
	expire_in(sim, "snapshot", 30);
	expire_in(sim, "timestamp", 7);
	repo_sim_publish(sim);
	return sim;
}

struct repo_sim *repo_sim_new(void)
{
	return sim_new(true);
}

struct repo_sim *repo_sim_new_plain(void)
{
	return sim_new(false);
}

void repo_sim_free(struct repo_sim *sim)
{
	if (!sim)
		return;
	release_free(sim->release);
	repo_sim_files_free(&sim->metadata);
	repo_sim_files_free(&sim->targets);
	for (size_t i = 0; i < sim->n_keys; i++) {
		signkey_free(sim->keys[i]);
		free(sim->key_names[i]);
	}
	free(sim);
}

void repo_sim_publish(struct repo_sim *sim)
{
	struct release_files files = { 0 };
	struct fault f = { 0 };

	need(release_write(sim->release, sim->now, (const struct signkey *const *)sim->keys, sim->n_keys,
	             &files, &f) == 0,
	        "publish", &f);
	for (size_t i = 0; i < files.n; i++)
		repo_sim_put(&sim->metadata, files.list[i].name, files.list[i].data, files.list[i].len);
	release_files_free(&files);
}

void repo_sim_renew(struct repo_sim *sim)
{
	expire_in(sim, "timestamp", 7);
	repo_sim_publish(sim);
}

void repo_sim_target(struct repo_sim *sim, const char *role, const char *path, const char *text)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	unsigned char digest[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1], name[2048];
	struct fault f = { 0 };

	need(release_target_set(sim->release, role, path, text, strlen(text), NULL, &f) == 0, path, &f);
	sha256(text, strlen(text), digest);
	snprintf(name, sizeof name, "%.*s%s.%s", (int)(base - path), path,
	        hex_encode(digest, sizeof digest, hex), base);
	repo_sim_put(&sim->targets, name, text, strlen(text));
	repo_sim_put(&sim->targets, path, text, strlen(text));
}

void repo_sim_delegate(
        struct repo_sim *sim, const char *parent, const char *name, const char *pattern, bool terminating)
{
	const struct cJSON *key = signkey_public(repo_sim_key(sim, name));
	const struct release_delegation d = { .name = name,
		.keys = &key,
		.n_keys = 1,
		.threshold = 1,
		.patterns = &pattern,
		.n_patterns = 1,
		.terminating = terminating };
	struct fault f = { 0 };

	need(release_delegate(sim->release, parent, &d, &f) == 0, name, &f);
	expire_in(sim, name, 90);
}

static struct cJSON *read_tree(struct repo_sim *sim, const char *name)
{
	const struct strict_limits limits = {
		.max_bytes = TUF_META_MAX, .max_nodes = TUF_NODES_MAX, .max_depth = TUF_DEPTH_MAX
	};
	struct repo_sim_file *file = repo_sim_file(sim->metadata, name);
	struct fault f = { 0 };
	struct cJSON *tree;

	need(file != NULL, name, NULL);
	need(strict_parse(file->data, file->len, &limits, &tree, &f) == 0, name, &f);
	return tree;
}

void repo_sim_forge(struct repo_sim *sim, const char *name, const char *const *keys, size_t n,
        repo_sim_edit *edit, void *ctx)
{
	struct cJSON *tree = read_tree(sim, name);
	cJSON *part = cJSON_GetObjectItemCaseSensitive(tree, "signed");
	const struct signkey *with[16];
	struct buf out = BUF_INIT(TUF_META_MAX);
	struct fault f = { 0 };

	need(n <= 16, "too many keys", NULL);
	for (size_t i = 0; i < n; i++)
		with[i] = repo_sim_key(sim, keys[i]);
	if (edit)
		edit(part, ctx);
	need(envelope_seal(part, with, n, &out, &f) == 0, name, &f);
	repo_sim_put(&sim->metadata, name, buf_text(&out), out.len);
	buf_free(&out);
	cJSON_Delete(tree);
}

const char *repo_sim_name(const struct repo_sim *sim, const char *role, char text[TUF_FILE_ROOM])
{
	char plain[TUF_FILE_ROOM];

	for (int64_t version = 1000; version > 0; version--)
		if (repo_sim_file(sim->metadata, tuf_file_name(role, version, text)))
			return text;
	snprintf(text, TUF_FILE_ROOM, "%s", tuf_file_name(role, 0, plain));
	return text;
}

/* Every entry of meta gets the present length and SHA-256 of the newest file of its role. */
static void relist(struct cJSON *part, void *ctx)
{
	struct repo_sim *sim = ctx;
	cJSON *meta = cJSON_GetObjectItemCaseSensitive(part, "meta");

	for (cJSON *entry = meta->child; entry; entry = entry->next) {
		char role[256], name[TUF_FILE_ROOM], hex[2 * SHA256_LEN + 1];
		unsigned char digest[SHA256_LEN];
		snprintf(role, sizeof role, "%.*s", (int)(strlen(entry->string) - 5), entry->string);
		struct repo_sim_file *file = repo_sim_file(sim->metadata, repo_sim_name(sim, role, name));
		need(file != NULL, name, NULL);
		sha256(file->data, file->len, digest);
		tree_set(entry, "length", cJSON_CreateNumber((double)file->len));
		cJSON *hashes = cJSON_CreateObject();
		cJSON_AddStringToObject(hashes, "sha256", hex_encode(digest, sizeof digest, hex));
		tree_set(entry, "hashes", hashes);
	}
}

void repo_sim_relist(struct repo_sim *sim)
{
	char name[TUF_FILE_ROOM];

	repo_sim_forge(sim, repo_sim_name(sim, "snapshot", name), (const char *const[]){ "snapshot" }, 1,
	        relist, sim);
	repo_sim_forge(sim, "timestamp.json", (const char *const[]){ "timestamp" }, 1, relist, sim);
}

struct repo_sim_client *repo_sim_client_new(const struct repo_sim *sim)
{
	struct repo_sim_client *client = calloc(1, sizeof *client);
	struct repo_sim_file *root = repo_sim_file(sim->metadata, "1.root.json");

	need(client && root, "client", NULL);
	repo_sim_put(&client->cache, "root.json", root->data, root->len);
	return client;
}

/* The loop that every caller of trust.h has. */
static int drive(struct repo_sim_client *client, const struct repo_sim *sim, struct fault *f)
{
	struct trust_request req;
	int rc;

	while (!(rc = trust_next(client->trust, &req, f)) && req.ask != TRUST_DONE) {
		struct repo_sim_file *file = NULL;
		if (req.ask == TRUST_STORE || req.ask == TRUST_DROP) {
			repo_sim_put(
			        &client->cache, req.file, req.ask == TRUST_STORE ? req.data : NULL, req.len);
			continue;
		}
		if (req.ask == TRUST_FETCH) {
			size_t n = strlen(client->asked);
			snprintf(client->asked + n, sizeof client->asked - n, "%s%s", n ? " " : "", req.file);
		}
		file = repo_sim_file(req.ask == TRUST_LOAD ? client->cache : sim->metadata, req.file);
		rc = trust_give(client->trust, file ? file->data : NULL, file ? file->len : 0, f);
		if (rc)
			break;
	}
	return rc;
}

int repo_sim_refresh_again(
        struct repo_sim_client *client, const struct repo_sim *sim, int64_t now, struct fault *f)
{
	client->asked[0] = '\0';
	trust_begin(client->trust, now);
	return drive(client, sim, f);
}

int repo_sim_refresh(struct repo_sim_client *client, const struct repo_sim *sim, int64_t now, struct fault *f)
{
	struct repo_sim_file *root = repo_sim_file(client->cache, "root.json");

	trust_free(client->trust);
	client->trust = NULL;
	client->asked[0] = '\0';
	int rc = root ? trust_new(root->data, root->len, &client->trust, f) : KE_NOENT;
	return rc ? rc : repo_sim_refresh_again(client, sim, now, f);
}

int repo_sim_find(struct repo_sim_client *client, const struct repo_sim *sim, const char *path,
        const struct tuf_target **ret, struct fault *f)
{
	client->asked[0] = '\0';
	int rc = trust_find(client->trust, path, f);

	if (!rc)
		rc = drive(client, sim, f);
	return rc ? rc : trust_target(client->trust, ret);
}

void repo_sim_client_free(struct repo_sim_client *client)
{
	if (!client)
		return;
	trust_free(client->trust);
	repo_sim_files_free(&client->cache);
	free(client);
}
