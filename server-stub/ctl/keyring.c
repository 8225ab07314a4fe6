/* keyring.c — the directory of signing keys. Refuses a key that others may read: what is signed with it cannot be told
 * from what they signed. Called by depot.c and by the repo commands. */
#include "server-stub/ctl/keyring.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/fileio.h"

static int no_memory(struct fault *f)
{
	return fault_set(f, KE_NOMEM, NULL, NULL, "out of memory");
}

static char *join(const char *dir, const char *name)
{
	char *path = NULL;

	return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

static int begin(struct keyring *k, const char *dir, const char *passphrase, struct fault *f)
{
	*k = (struct keyring){ .dir = strdup(dir) };
	if (passphrase)
		k->passphrase = strdup(passphrase);
	return k->dir && (!passphrase || k->passphrase) ? KE_OK : no_memory(f);
}

/* Takes KEY over. */
static int add(struct keyring *k, struct signkey *key, const char *file, struct fault *f)
{
	char *name = strdup(file);
	int rc = !name ? no_memory(f)
	         : k->n == KEYRING_MAX
	                 ? fault_set(f, KE_TOOBIG, k->dir, NULL, "more than %d keys", KEYRING_MAX)
	                 : KE_OK;

	if (rc) {
		signkey_free(key);
		free(name);
		return rc;
	}
	k->keys[k->n] = key;
	k->files[k->n++] = name;
	return KE_OK;
}

static int load_one(struct keyring *k, const char *file, struct fault *f)
{
	char *path = join(k->dir, file), *pem = NULL;
	struct signkey *key = NULL;
	struct stat st;
	size_t len = 0;
	int rc = path ? KE_OK : no_memory(f);

	if (!rc && stat(path, &st) == 0 && (st.st_mode & 077))
		rc = fault_set(f, KE_ACCES, path, "chmod 600 it, or better make a new key",
		        "others may read this signing key");
	if (!rc)
		rc = file_read(path, SIGNKEY_PEM_MAX, &pem, &len, f);
	if (!rc) {
		rc = signkey_load(pem, len, k->passphrase, &key, f);
		if (rc)
			fault_at(f, "%s", path);
		explicit_bzero(pem, len);
		file_free(pem);
	}
	free(path);
	return rc ? rc : add(k, key, file, f);
}

static int is_pem(const struct dirent *d)
{
	size_t len = strlen(d->d_name);

	return len > 4 && d->d_name[0] != '.' && strcmp(d->d_name + len - 4, ".pem") == 0;
}

int keyring_load(const char *dir, const char *passphrase, struct keyring *ret, struct fault *f)
{
	struct dirent **list = NULL;
	int rc = begin(ret, dir, passphrase, f);

	if (rc)
		return rc;
	int n = scandir(dir, &list, is_pem, alphasort);
	if (n < 0)
		return fault_set(f, err_from_errno(errno), dir, "name the directory with --keys",
		        "the signing keys cannot be read: %s", strerror(errno));
	for (int i = 0; i < n; i++) {
		if (!rc)
			rc = load_one(ret, list[i]->d_name, f);
		free(list[i]);
	}
	free(list);
	return rc;
}

int keyring_create(struct keyring *k, const char *name, enum signkey_type type, const struct signkey **ret,
        struct fault *f)
{
	struct buf pem = BUF_INIT(SIGNKEY_PEM_MAX);
	struct signkey *key = NULL;
	char *file = NULL, *path = NULL;
	int rc = k->dry ? KE_OK : dir_make(k->dir, 0700, f);

	if (!rc)
		rc = signkey_generate(type, &key, f);
	if (!rc && asprintf(&file, "%s.%.8s.pem", name, signkey_id(key)) < 0) {
		file = NULL;
		rc = no_memory(f);
	}
	if (!rc && !k->dry) {
		rc = signkey_save(key, k->passphrase, &pem, f);
		path = join(k->dir, file);
		if (!rc)
			rc = path ? file_replace(path, pem.data, pem.len, 0600, FILE_DURABLE, f)
			          : no_memory(f);
	}
	signkey_wipe(&pem);
	free(path);
	if (rc)
		signkey_free(key);
	else
		rc = add(k, key, file, f);
	free(file);
	if (!rc)
		*ret = key;
	return rc;
}

int keyring_make(struct keyring *k, const char *role, const struct signkey **ret, struct fault *f)
{
	return keyring_create(k, role, SIGNKEY_ED25519, ret, f);
}

bool keyring_names(const char *dir, const char *keyid)
{
	struct dirent **list = NULL;
	char part[16];
	bool found = false;
	int n = scandir(dir, &list, is_pem, NULL);
	size_t len = (size_t)snprintf(part, sizeof part, ".%.8s.pem", keyid);

	for (int i = 0; i < n; i++) {
		size_t all = strlen(list[i]->d_name);
		found |= all > len && strcmp(list[i]->d_name + all - len, part) == 0;
		free(list[i]);
	}
	free(list);
	return found;
}

const struct signkey *keyring_find(const struct keyring *k, const char *keyid)
{
	for (size_t i = 0; i < k->n; i++)
		if (strcmp(signkey_id(k->keys[i]), keyid) == 0)
			return k->keys[i];
	return NULL;
}

int keyring_retire(struct keyring *k, const char *keyid, struct fault *f)
{
	char *folder = join(k->dir, "retired"), *from = NULL, *to = NULL;
	int rc = folder ? dir_make(folder, 0700, f) : no_memory(f);

	for (size_t i = 0; i < k->n && !rc; i++) {
		if (strcmp(signkey_id(k->keys[i]), keyid) != 0)
			continue;
		from = join(k->dir, k->files[i]);
		to = join(folder, k->files[i]);
		if (!from || !to)
			rc = no_memory(f);
		else if (rename(from, to))
			rc = fault_set(f, err_from_errno(errno), from, "move it away by hand",
			        "cannot be moved to retired/: %s", strerror(errno));
		break;
	}
	free(folder);
	free(from);
	free(to);
	return rc;
}

void keyring_clear(struct keyring *k)
{
	for (size_t i = 0; i < k->n; i++) {
		signkey_free(k->keys[i]);
		free(k->files[i]);
	}
	if (k->passphrase)
		explicit_bzero(k->passphrase, strlen(k->passphrase));
	free(k->passphrase);
	free(k->dir);
	*k = (struct keyring){ 0 };
}
