/* hostcert.c — key first, then certificate, each synced; then two renames, key first. A crash leaves: a lone new key (kept for
 * the next try), a complete new pair (taken into use), or, between the renames, a lone new certificate whose key is in
 * place already (taken into use). The order of the renames is what tells these apart. */
#include "agent/courier/hostcert.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/x509.h>

#include "certs/cert.h"
#include "certs/key.h"
#include "proto/fileio.h"

static int path_of(const char *state_dir, const char *name, char path[PATH_MAX], struct fault *f)
{
	/* Room for the temporary names of fileio. */
	if (snprintf(path, PATH_MAX, "%s/courier/%s", state_dir, name) < PATH_MAX - 32)
		return KE_OK;
	return fault_set(f, KE_TOOBIG, state_dir, NULL, "is too long a path");
}

static int dir_sync(const char *path, struct fault *f)
{
	char dir[PATH_MAX];
	int n = snprintf(dir, sizeof dir, "%.*s", (int)(strrchr(path, '/') - path), path);
	int fd = n < (int)sizeof dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	int rc = fd < 0 || fsync(fd)
	                 ? fault_set(f, err_from_errno(errno), dir, NULL, "cannot sync: %s", strerror(errno))
	                 : KE_OK;

	if (fd >= 0)
		close(fd);
	return rc;
}

/* Done already is done as well. */
static int rename_durably(const char *from, const char *to, struct fault *f)
{
	if (rename(from, to) && errno != ENOENT)
		return fault_set(f, err_from_errno(errno), from, NULL, "cannot rename: %s", strerror(errno));
	return dir_sync(to, f);
}

static int switch_pair(const struct hostcert *h, struct fault *f)
{
	int rc = rename_durably(h->new_key_path, h->key_path, f);

	return rc ? rc : rename_durably(h->new_cert_path, h->cert_path, f);
}

int hostcert_open(const char *state_dir, struct hostcert *ret, struct fault *f)
{
	int rc = path_of(state_dir, "host.crt", ret->cert_path, f);

	if (!rc)
		rc = path_of(state_dir, "host.key", ret->key_path, f);
	if (!rc)
		rc = path_of(state_dir, "host.new.crt", ret->new_cert_path, f);
	if (!rc)
		rc = path_of(state_dir, "host.new.key", ret->new_key_path, f);
	if (!rc && access(ret->new_cert_path, F_OK) == 0)
		rc = switch_pair(ret, f);
	return rc;
}

int hostcert_new_key(const struct hostcert *h, EVP_PKEY **ret, struct fault *f)
{
	EVP_PKEY *key = NULL;

	if (access(h->new_key_path, F_OK) == 0 && key_load(h->new_key_path, NULL, ret, NULL) == KE_OK)
		return KE_OK;
	int rc = key_make(KEY_P256, &key, f);
	if (!rc)
		rc = key_save(h->new_key_path, key, NULL, f);
	if (rc) {
		key_free(key);
		return rc;
	}
	*ret = key;
	return KE_OK;
}

int hostcert_accept(
        const struct hostcert *h, const EVP_PKEY *key, const struct stack_st_X509 *chain, struct fault *f)
{
	EVP_PKEY *saved = NULL;
	const X509 *first = sk_X509_value(chain, 0);
	int rc = key_load(h->new_key_path, NULL, &saved, f);

	if (rc)
		return rc;
	if (!first || !key_same(X509_get0_pubkey(first), saved) || !key_same(key, saved))
		rc = fault_set(
		        f, KE_MISMATCH, "certificate", NULL, "does not belong to the key that waits for it");
	key_free(saved);
	if (!rc)
		rc = cert_list_save(h->new_cert_path, chain, f);
	return rc ? rc : switch_pair(h, f);
}
