/* cmd_rotate.c — `repo key`: a signing key and its public part; `repo rotate`: which keys speak for a role. All keys new, or
 * single ones added and dropped. Hosts follow from the old root to the new one, which the old root's keys sign, too; so a
 * rotation by one of several people is pending until enough of them agree. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cJSON.h>

#include "server-stub/ctl/cmd_repo.h"
#include "server-stub/ctl/pubfile.h"

/* ---- rotate ---- */

/* The keys and words of --add and --drop. */
struct singles {
	cJSON *add[IMPORTS_MAX];
	const char *drop[IMPORTS_MAX];
	struct depot_rekey change;
};

static void singles_free(struct singles *s)
{
	for (size_t i = 0; i < s->change.n_add; i++)
		cJSON_Delete(s->add[i]);
}

static int singles_read(const struct args *a, struct singles *s, struct fault *f)
{
	const char *text = args_value(a, "threshold"), *word;
	int64_t n = 0;
	size_t at = 0;
	int rc = text ? args_int(text, 1, IMPORTS_MAX, &n, f) : KE_OK;

	if (rc)
		fault_at(f, "--threshold");
	s->change.threshold = (unsigned)n;
	s->change.add = (const struct cJSON *const *)s->add;
	s->change.drop = s->drop;
	while (!rc && (word = args_next(a, "add", &at))) {
		if (s->change.n_add == IMPORTS_MAX)
			return fault_set(f, KE_TOOBIG, "--add", NULL, "more than %d keys", IMPORTS_MAX);
		rc = pubfile_read(word, &s->add[s->change.n_add], f);
		s->change.n_add += !rc;
	}
	at = 0;
	while (!rc && (word = args_next(a, "drop", &at))) {
		if (s->change.n_drop == IMPORTS_MAX)
			return fault_set(f, KE_TOOBIG, "--drop", NULL, "more than %d keys", IMPORTS_MAX);
		s->drop[s->change.n_drop++] = word;
	}
	return rc;
}

static int change(struct work *w, struct fault *f)
{
	const struct args *a = &w->ctl->args;
	struct singles s = { 0 };
	int rc;

	if (args_has(a, "add") || args_has(a, "drop") || args_has(a, "threshold")) {
		rc = singles_read(a, &s, f);
		if (!rc)
			rc = depot_rekey(w->depot, a->words[1], &s.change, f);
		singles_free(&s);
	} else {
		w->keys.dry = args_has(a, "dry-run");
		rc = depot_rotate(w->depot, a->words[1], &w->keys, f);
	}
	return rc;
}

int ctl_repo_rotate(struct ctl *c)
{
	struct work w = { 0 };
	struct fault f = { 0 };
	struct jsonw json = { 0 };
	int rc = work_begin(c, c->args.words[0], &w, &f);

	if (!rc)
		rc = change(&w, &f);
	if (!rc && c->json)
		json = ctl_json(c, "kedge_repo");
	if (!rc)
		rc = work_write(&w, c->json ? &json : NULL, &f);
	if (!rc && c->json)
		ctl_json_end(c, &json);
	work_end(&w);
	return rc ? ctl_complain(c, &f) : CTL_DONE;
}

/* ---- key ---- */

static int key_type(const struct ctl *c, enum signkey_type *ret, struct fault *f)
{
	static const char *const names[] = { "ed25519", "ecdsa", "rsa" };
	const char *text = args_value(&c->args, "type");

	*ret = SIGNKEY_ED25519;
	for (int i = 0; text && i < 3; i++)
		if (strcmp(text, names[i]) == 0) {
			*ret = (enum signkey_type)i;
			return KE_OK;
		}
	return text ? fault_set(f, KE_USAGE, "--type", "write ed25519, ecdsa or rsa",
	                      "'%.40s' is no type of key", text)
	            : KE_OK;
}

static int key_name(const char *name, struct fault *f)
{
	size_t len = strlen(name);

	if (len && len <= 64 && name[0] != '.' &&
	        strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == len)
		return KE_OK;
	return fault_set(f, KE_NAME, name, NULL, "a name has letters, digits, '.', '_' and '-'");
}

/* Makes the key in C's directory. PUB is where its public part goes. */
static int key_make(struct ctl *c, enum signkey_type type, bool dry, struct keyring *k, const char *pub,
        const struct signkey **ret, struct fault *f)
{
	char *passphrase = NULL;
	int rc = passphrase_read(c->config.keys_passphrase_file, &passphrase, f);

	if (rc)
		return rc;
	*k = (struct keyring){ .dir = strdup(c->config.keys), .passphrase = passphrase, .dry = dry };
	if (!k->dir)
		return fault_set(f, KE_NOMEM, NULL, NULL, "out of memory");
	/* The name is taken first, so that no key is left without its public part. */
	if (access(pub, F_OK) == 0)
		return fault_set(f, KE_EXIST, pub, "choose another name", "is there already");
	rc = keyring_create(k, c->args.words[0], type, ret, f);
	if (!rc && !dry)
		rc = pubfile_write(pub, *ret, f);
	if (!rc && !dry && !passphrase)
		ctl_warn(c,
		        "warning: the signing key %s is not encrypted; whoever copies it can sign "
		        "(--passphrase-file FILE)",
		        k->files[0]);
	return rc;
}

static void key_tell(
        struct ctl *c, const struct keyring *k, const struct signkey *key, const char *pub, bool dry)
{
	if (c->json) {
		struct jsonw w = ctl_json(c, "kedge_key");
		jsonw_string(&w, "keyid", signkey_id(key));
		jsonw_string(&w, "file", k->files[0]);
		jsonw_string(&w, "public", pub);
		jsonw_bool(&w, "encrypted", k->passphrase != NULL);
		jsonw_bool(&w, "dry_run", dry);
		ctl_json_end(c, &w);
	} else if (dry) {
		buf_fmt(&c->out, "would make a key in %s, and %s\n", k->dir, pub);
	} else {
		buf_fmt(&c->out, "key %s in %s/%s\ngive others %s\n", signkey_id(key), k->dir, k->files[0],
		        pub);
	}
}

int ctl_repo_key(struct ctl *c)
{
	bool dry = args_has(&c->args, "dry-run");
	enum signkey_type type;
	const struct signkey *key = NULL;
	struct keyring k = { 0 };
	struct fault f = { 0 };
	char *pub = NULL;
	int rc = key_type(c, &type, &f);

	if (!rc)
		rc = key_name(c->args.words[0], &f);
	if (!rc && !c->config.keys)
		rc = fault_set(&f, KE_USAGE, NULL, "keep it away from the server",
		        "--keys DIR is wanted: where to put the signing key");
	if (!rc && asprintf(&pub, "%s/%s.pub", c->config.keys, c->args.words[0]) < 0) {
		pub = NULL;
		rc = fault_set(&f, KE_NOMEM, NULL, NULL, "out of memory");
	}
	if (!rc)
		rc = key_make(c, type, dry, &k, pub, &key, &f);
	if (!rc)
		key_tell(c, &k, key, pub, dry);
	keyring_clear(&k);
	free(pub);
	return rc ? ctl_complain(c, &f) : CTL_DONE;
}
