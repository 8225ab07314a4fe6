/* config.c — reads cli.conf strictly: an unknown section or name is an error with its line, since a misspelt setting that
 * is passed over would send commands to the wrong server or as the wrong person. Called by ctl_main(). */
#include "server-stub/ctl/config.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/fileio.h"
#include "proto/ini.h"

#define PASSPHRASE_MAX 1024

static int set(char **field, const char *folder, size_t folder_len, const char *value, struct fault *f)
{
	char *copy = NULL;

	if (folder && value[0] != '/')
		copy = asprintf(&copy, "%.*s%s", (int)folder_len, folder, value) < 0 ? NULL : copy;
	else
		copy = strdup(value);
	if (!copy)
		return fault_set(f, KE_NOMEM, NULL, NULL, "out of memory");
	free(*field);
	*field = copy;
	return KE_OK;
}

static int each(void *ctx, const struct ini_line *at, struct fault *f)
{
	struct ctl_config *c = ctx;
	const struct {
		const char *section, *name;
		char **field;
		bool is_path;
	} rows[] = {
		{ "server", "url", &c->url, false },
		{ "server", "ca", &c->ca, true },
		{ "operator", "cert", &c->cert, true },
		{ "operator", "key", &c->key, true },
		{ "operator", "passphrase_file", &c->passphrase_file, true },
		{ "repository", "keys", &c->keys, true },
		{ "repository", "passphrase_file", &c->keys_passphrase_file, true },
	};
	const char *slash = strrchr(c->path, '/');

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (strcmp(at->section, rows[i].section) == 0 && strcmp(at->name, rows[i].name) == 0)
			return set(rows[i].field, rows[i].is_path && slash ? c->path : NULL,
			        slash ? (size_t)(slash - c->path + 1) : 0, at->value, f);
	return ini_unknown(at, f);
}

static int default_path(const char *home, char **ret, struct fault *f)
{
	char *path = NULL;

	if (home && home[0] == '/') {
		if (asprintf(&path, "%s/.config/kedge/cli.conf", home) < 0)
			return fault_set(f, KE_NOMEM, NULL, NULL, "out of memory");
		if (access(path, F_OK) == 0) {
			*ret = path;
			return KE_OK;
		}
		free(path);
	}
	if (access("/etc/kedge/cli.conf", F_OK) != 0)
		return KE_OK;
	return set(ret, NULL, 0, "/etc/kedge/cli.conf", f);
}

int ctl_config_read(const struct args *a, const char *home, struct ctl_config *ret, struct fault *f)
{
	const struct {
		const char *option;
		char **field;
	} rows[] = {
		{ "server", &ret->url },
		{ "ca", &ret->ca },
		{ "cert", &ret->cert },
		{ "key", &ret->key },
		{ "key-passphrase-file", &ret->passphrase_file },
		{ "keys", &ret->keys },
		{ "passphrase-file", &ret->keys_passphrase_file },
	};
	const char *given = args_value(a, "config");

	*ret = (struct ctl_config){ 0 };
	int rc = given ? set(&ret->path, NULL, 0, given, f) : default_path(home, &ret->path, f);
	if (!rc && ret->path)
		rc = ini_read(ret->path, each, ret, f);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0] && !rc; i++) {
		const char *value = args_value(a, rows[i].option);
		if (value)
			rc = set(rows[i].field, NULL, 0, value, f);
	}
	return rc;
}

void ctl_config_clear(struct ctl_config *c)
{
	free(c->path);
	free(c->url);
	free(c->ca);
	free(c->cert);
	free(c->key);
	free(c->passphrase_file);
	free(c->keys);
	free(c->keys_passphrase_file);
	*c = (struct ctl_config){ 0 };
}

int passphrase_read(const char *path, char **ret, struct fault *f)
{
	struct stat st;
	char *text;
	size_t len;

	if (!path) {
		*ret = NULL;
		return KE_OK;
	}
	if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 077))
		return fault_set(f, KE_ACCES, path, "chmod 600 it", "others may read this passphrase");
	int rc = file_read(path, PASSPHRASE_MAX, &text, &len, f);
	if (rc)
		return rc;
	text[strcspn(text, "\r\n")] = '\0';
	if (!text[0]) {
		file_free(text);
		return fault_set(f, KE_USAGE, path, NULL, "holds no passphrase");
	}
	*ret = strdup(text);
	explicit_bzero(text, len);
	file_free(text);
	return *ret ? KE_OK : fault_set(f, KE_NOMEM, NULL, NULL, "out of memory");
}

void passphrase_free(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}
