/* pubfile.c — reads and writes NAME.pub. The id of a key is the hash of the whole object, so what is read is kept as it is,
 * unknown members included. Refuses keys that clients cannot use and files that exist. Called by `repo key`, `repo init`
 * and `repo rotate`. */
#include "server-stub/ctl/pubfile.h"

#include <string.h>
#include <unistd.h>

#include <cJSON.h>

#include "proto/fileio.h"
#include "proto/strict.h"

int pubfile_read(const char *path, struct cJSON **ret, struct fault *f)
{
	struct pubkey *key = NULL;
	cJSON *tree = NULL;
	char *text;
	size_t len;
	int rc = file_read(path, SIGNKEY_PEM_MAX, &text, &len, f);

	if (rc)
		return rc;
	if (strncmp(text, "-----BEGIN", 10) == 0)
		rc = pubkey_from_pem(text, len, &tree, f);
	else if (!(rc = pubkey_load(text, len, &key, f)))
		rc = strict_parse(text, len, &strict_limits_default, &tree, f);
	pubkey_free(key);
	file_free(text);
	if (rc)
		fault_at(f, "%s", path);
	else
		*ret = tree;
	return rc;
}

int pubfile_write(const char *path, const struct signkey *key, struct fault *f)
{
	struct buf text = BUF_INIT(SIGNKEY_PEM_MAX);
	int rc = access(path, F_OK) == 0
	                 ? fault_set(f, KE_EXIST, path, "choose another name", "is there already")
	                 : KE_OK;

	if (!rc && (rc = signkey_public_text(key, &text)))
		fault_set(f, rc, path, NULL, "%s", err_text(rc));
	if (!rc && (text.len == 0 || text.data[text.len - 1] != '\n'))
		buf_char(&text, '\n');
	if (!rc)
		rc = text.rc ? text.rc : file_replace(path, text.data, text.len, 0644, FILE_DURABLE, f);
	buf_free(&text);
	return rc;
}
