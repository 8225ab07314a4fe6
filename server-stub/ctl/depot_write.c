/* depot_write.c — from edits to signed files: expiries, signatures, target files, and then either the switch or the pending
 * folder. Refuses a second change of a role that is pending. Called by the repo, policy and rollout commands. */
#include <stdlib.h>
#include <string.h>

#include "proto/fileio.h"
#include "server-stub/ctl/depot_in.h"

static int no_memory(struct fault *f)
{
	return fault_set(f, KE_NOMEM, NULL, NULL, "out of memory");
}

static int write_puts(const struct depot *d, struct fault *f)
{
	int rc = KE_OK;

	for (const struct put *p = d->puts; p && !rc; p = p->next) {
		char *path = depot_path(d->dir, p->file), *folder = path ? strdup(path) : NULL;
		if (!folder) {
			free(path);
			return no_memory(f);
		}
		*strrchr(folder, '/') = '\0';
		rc = dir_make(folder, 0755, f);
		if (!rc)
			rc = file_replace(path, p->data, p->len, 0644, FILE_DURABLE, f);
		free(folder);
		free(path);
	}
	return rc;
}

/* New expiries, and no second change of a role that is pending. */
static int prepare(struct depot *d, int64_t now, struct fault *f)
{
	const char *role;
	int rc = KE_OK;

	for (int i = 0; i < TUF_TOP_COUNT && !rc; i++)
		if (d->touched[i])
			rc = release_expires(d->release, tuf_top_names[i], now + d->conf.lifetime[i], f);
	/* What was resumed is signed as it is. */
	if (!rc && !d->resumed)
		rc = release_shard(d->release, d->conf.shard_above, f);
	if (!rc && !d->resumed)
		rc = release_expires_delegated(d->release, now + d->conf.lifetime[TUF_TARGETS], f);
	for (size_t i = 0; !rc && (role = release_role(d->release, i)); i++)
		if (release_changed(d->release, role))
			rc = pending_refuse(d, role, f);
	return rc;
}

int depot_preview(struct depot *d, int64_t now, struct release_pendings *ret, struct fault *f)
{
	int rc = prepare(d, now, f);

	return rc ? rc : release_preview(d->release, now, ret, f);
}

/* Put what was signed where it belongs. Frees both lists on failure. */
static int keep(struct depot *d, bool dry_run, struct release_files *files, struct release_pendings *pending,
        struct fault *f)
{
	int rc = dry_run ? KE_OK : write_puts(d, f);

	if (!rc && !dry_run && files->n)
		rc = stage_switch(d->dir, files, d->resumed, f);
	if (!rc && !dry_run && pending->n)
		rc = pending_write(d, pending, f);
	if (rc) {
		release_files_free(files);
		release_pendings_free(pending);
		return rc;
	}
	memset(d->touched, 0, sizeof d->touched);
	return KE_OK;
}

static size_t keys_of(const struct keyring *k, const struct signkey *keys[KEYRING_MAX])
{
	for (size_t i = 0; i < k->n; i++)
		keys[i] = k->keys[i];
	return k->n;
}

int depot_sign(struct depot *d, const struct keyring *k, int64_t now, bool dry_run,
        struct release_files *files, struct release_pendings *pending, struct fault *f)
{
	const struct signkey *keys[KEYRING_MAX];
	size_t n = keys_of(k, keys);
	int rc = prepare(d, now, f);

	if (!rc)
		rc = release_sign(d->release, now, keys, n, files, pending, f);
	return rc ? rc : keep(d, dry_run, files, pending, f);
}

int depot_write(struct depot *d, const struct keyring *k, int64_t now, bool dry_run,
        struct release_files *ret, struct fault *f)
{
	struct release_pendings none = { 0 };
	const struct signkey *keys[KEYRING_MAX];
	size_t n = keys_of(k, keys);
	int rc = prepare(d, now, f);

	if (!rc)
		rc = release_write(d->release, now, keys, n, ret, f);
	return rc ? rc : keep(d, dry_run, ret, &none, f);
}
