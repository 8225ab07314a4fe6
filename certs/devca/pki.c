/* pki.c — writes the development PKI: three CAs that know nothing of each other, one server, one operator. Refuses to touch
 * a PKI that is there. Called by main.c and forest.c. */
#include "certs/devca/pki.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "certs/cert.h"
#include "proto/fileio.h"

int pki_path(const char *dir, const char *name, const char *suffix, char path[PKI_PATH_ROOM], struct fault *f)
{
	int n = snprintf(
	        path, PKI_PATH_ROOM, "%s/%s%s%s", dir, name, suffix ? "." : "", suffix ? suffix : "");

	if (n < 0 || n >= PKI_PATH_ROOM)
		return fault_set(f, KE_TOOBIG, NULL, NULL, "the name of the directory is too long");
	return KE_OK;
}

int pki_fleet(const char *dir, char ret[HOSTID_ROOM], struct fault *f)
{
	char path[PKI_PATH_ROOM], *text;
	size_t len;
	int rc = pki_path(dir, "fleet", NULL, path, f);

	if (!rc)
		rc = file_read(path, HOSTID_ROOM, &text, &len, f);
	if (rc)
		return rc;
	if (len && text[len - 1] == '\n')
		text[--len] = '\0';
	rc = hostid_check("fleet name", text, f);
	if (!rc)
		memcpy(ret, text, len + 1);
	else
		fault_at(f, "%s", path);
	file_free(text);
	return rc;
}

static int pki_make_ca(
        const char *dir, enum profile_kind kind, const char *fleet, int64_t now, struct fault *f)
{
	char crt[PKI_PATH_ROOM], key[PKI_PATH_ROOM];
	struct ca *ca = NULL;
	int rc = pki_path(dir, profile_get(kind)->name, "crt", crt, f);

	if (!rc)
		rc = pki_path(dir, profile_get(kind)->name, "key", key, f);
	if (!rc)
		rc = ca_make(kind, fleet, KEY_P256, now, 0, &ca, f);
	if (!rc)
		rc = ca_save(ca, crt, key, NULL, f);
	ca_free(ca);
	return rc;
}

int pki_ca(const char *dir, enum profile_kind kind, struct ca **ret, struct fault *f)
{
	char crt[PKI_PATH_ROOM], key[PKI_PATH_ROOM];
	int rc = pki_path(dir, profile_get(kind)->name, "crt", crt, f);

	if (!rc)
		rc = pki_path(dir, profile_get(kind)->name, "key", key, f);
	return rc ? rc : ca_load(kind, crt, key, NULL, ret, f);
}

/* Issue WHAT, of which key and CA come from here, into DIR/NAME.crt and .key; a server's file gets its CA too. */
static int pki_issue(const char *dir, const char *name, struct issue *what, struct fault *f)
{
	char crt[PKI_PATH_ROOM], key_path[PKI_PATH_ROOM];
	struct stack_st_X509 *list = NULL;
	struct ca *ca = NULL;
	EVP_PKEY *key = NULL;
	X509 *cert = NULL;
	int rc = pki_path(dir, name, "crt", crt, f);

	if (!rc)
		rc = pki_path(dir, name, "key", key_path, f);
	if (!rc)
		rc = pki_ca(dir, profile_get(what->kind)->issuer, &ca, f);
	if (!rc)
		rc = key_make(KEY_P256, &key, f);
	what->key = key;
	if (!rc)
		rc = issue_cert(ca, what, &cert, f);
	if (!rc && cert_list_of(cert, what->kind == PROFILE_SERVER ? ca_cert(ca) : NULL, &list))
		rc = fault_set(f, KE_NOMEM, NULL, NULL, "%s", "");
	if (!rc)
		rc = key_save(key_path, key, NULL, f);
	if (!rc)
		rc = cert_list_save(crt, list, f);
	cert_list_free(list);
	cert_free(cert);
	key_free(key);
	ca_free(ca);
	return rc;
}

int pki_add(const char *dir, enum profile_kind kind, const char *name, int64_t now, struct fault *f)
{
	struct issue what = { .kind = kind, .now = now };
	const struct profile *p = profile_get(kind);
	char fleet[HOSTID_ROOM], sub[80], path[PKI_PATH_ROOM];
	int rc = pki_fleet(dir, fleet, f);

	if (!rc)
		rc = identity_make(p->subject, fleet, name, &what.id, f);
	if (rc)
		return rc;
	snprintf(sub, sizeof sub, "%ss/%.63s", p->name, name);
	rc = pki_path(dir, sub, "key", path, f);
	if (!rc && access(path, F_OK) == 0)
		rc = fault_set(f, KE_EXIST, path, "remove it first", "there is one already");
	return rc ? rc : pki_issue(dir, sub, &what, f);
}

/* The directories and the file "fleet", which comes first: without it the rest is no PKI. */
static int pki_begin(const char *dir, const char *fleet, struct fault *f)
{
	static const char *const subs[] = { "operators", "hosts" };
	char path[PKI_PATH_ROOM], line[HOSTID_ROOM + 1];
	int rc = hostid_check("fleet name", fleet, f);

	if (!rc)
		rc = pki_path(dir, "fleet", NULL, path, f);
	if (!rc && access(path, F_OK) == 0)
		rc = fault_set(f, KE_EXIST, path, "choose another directory", "there is a PKI already");
	for (size_t i = 0; !rc && i < sizeof subs / sizeof subs[0]; i++) {
		rc = pki_path(dir, subs[i], NULL, path, f);
		if (!rc)
			rc = dir_make(path, 0755, f);
	}
	if (!rc)
		rc = pki_path(dir, "fleet", NULL, path, f);
	int n = snprintf(line, sizeof line, "%s\n", fleet);
	return rc ? rc : file_replace(path, line, (size_t)n, 0644, FILE_DURABLE, f);
}

int pki_init(
        const char *dir, const char *fleet, const struct profile_names *names, int64_t now, struct fault *f)
{
	static const enum profile_kind cas[] = { PROFILE_SERVER_CA, PROFILE_HOST_CA, PROFILE_OPERATOR_CA };
	struct issue server = { .kind = PROFILE_SERVER, .names = *names, .now = now };
	int rc = profile_names_check(names, f);

	if (!rc)
		rc = pki_begin(dir, fleet, f);
	for (size_t i = 0; !rc && i < sizeof cas / sizeof cas[0]; i++)
		rc = pki_make_ca(dir, cas[i], fleet, now, f);
	if (!rc)
		rc = pki_issue(dir, "server", &server, f);
	if (!rc)
		rc = pki_add(dir, PROFILE_OPERATOR, "admin", now, f);
	return rc;
}
