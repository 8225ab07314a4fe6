/* cmd_sign.c — `repo sign`: one person after another signs what is pending. On a repository (adding the signatures of
 * carried files with --merge, or dropping all of it with --discard), or on one pending file that was carried to where the
 * keys are. Shows first what a signature would say. Refused: keys that no pending role names, a carried file whose content
 * is not what is pending, a signature that does not verify. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cJSON.h>

#include "proto/fileio.h"
#include "server-stub/ctl/cmd_repo.h"
#include "server-stub/ctl/tell_sign.h"

/* ---- a repository ---- */

/* One carried file, into what is pending. */
static int merge_one(struct work *w, const char *file, struct jsonw *json, struct fault *f)
{
	const char *role = NULL;
	size_t len, n = 0;
	char *data;
	int rc = file_read(file, TUF_META_MAX, &data, &len, f);

	if (rc)
		return rc;
	rc = release_pending_merge(depot_release(w->depot), data, len, &role, &n, f);
	file_free(data);
	if (rc) {
		fault_at(f, "%s", file);
		return rc;
	}
	if (json) {
		jsonw_object(json, NULL);
		jsonw_string(json, "file", file);
		jsonw_string(json, "role", role);
		jsonw_int(json, "signatures", (int64_t)n);
		jsonw_object_end(json);
	} else {
		buf_fmt(&w->ctl->out, "%s: %zu new signatures for %s\n", file, n, role);
	}
	return KE_OK;
}

static int merge(struct work *w, struct jsonw *json, struct fault *f)
{
	const struct args *a = &w->ctl->args;
	int rc = KE_OK;

	if (!args_has(a, "merge"))
		return KE_OK;
	if (json)
		jsonw_array(json, "merged");
	for (size_t i = 1; i < a->n_words && !rc; i++)
		rc = merge_one(w, a->words[i], json, f);
	if (json)
		jsonw_array_end(json);
	return rc;
}

/* Without carried signatures there must be a key at hand that helps, unless all signatures are there. */
static int check_helps(struct work *w, int64_t now, struct fault *f)
{
	struct release_pendings plan = { 0 };
	bool helps = args_has(&w->ctl->args, "merge"), ready = true;
	int rc = depot_preview(w->depot, now, &plan, f);

	for (size_t i = 0; i < plan.n && !rc; i++) {
		ready &= plan.list[i].ready;
		for (size_t k = 0; k < plan.list[i].n_may; k++)
			helps |= plan.list[i].data && keyring_find(&w->keys, plan.list[i].may[k]);
	}
	helps |= ready;
	release_pendings_free(&plan);
	if (!rc && !helps)
		rc = fault_set(f, KE_KEY, w->keys.dir, "kedge repo status tells who may sign",
		        "no key here can add a signature to what is pending");
	if (rc == KE_EXPIRED)
		fault_set(f, rc, w->ctl->args.words[0],
		        "drop it with kedge repo sign --discard, and make the change again",
		        "what is pending has expired");
	return rc;
}

static int sign_pending(struct work *w, int64_t now, struct jsonw *json, struct fault *f)
{
	struct ctl *c = w->ctl;
	int rc;

	if (!depot_waits(w->depot) && args_has(&c->args, "merge"))
		return fault_set(f, KE_NOENT, c->args.words[0], NULL,
		        "nothing is pending that carried files could belong to");
	if (!depot_waits(w->depot)) {
		if (!json)
			buf_str(&c->out, "nothing is pending\n");
		return KE_OK;
	}
	rc = work_keys(w, c->args.words[0], f);
	if (!rc)
		rc = merge(w, json, f);
	if (!rc)
		rc = check_helps(w, now, f);
	return rc ? rc : work_write(w, json, f);
}

static int sign_dir(struct ctl *c, struct fault *f)
{
	struct work w = { .ctl = c };
	struct jsonw json = { 0 };
	int64_t now = clock_wall(c->clock);
	int rc = depot_resume(c->args.words[0], now, &w.depot, f);

	if (!rc && c->json) {
		json = ctl_json(c, "kedge_repo");
		jsonw_string(&json, "dir", c->args.words[0]);
	}
	if (!rc)
		rc = sign_pending(&w, now, c->json ? &json : NULL, f);
	if (!rc && c->json)
		ctl_json_end(c, &json);
	work_end(&w);
	return rc;
}

static int discard(struct ctl *c, struct fault *f)
{
	bool dry = args_has(&c->args, "dry-run");
	struct buf names = BUF_INIT(1 << 20);
	struct jsonw json = { 0 };
	int rc = depot_discard(c->args.words[0], dry, &names, f);

	if (!rc && c->json) {
		json = ctl_json(c, "kedge_repo");
		jsonw_string(&json, "dir", c->args.words[0]);
		jsonw_bool(&json, "dry_run", dry);
		jsonw_array(&json, "discarded");
	} else if (!rc && !names.len) {
		buf_str(&c->out, "nothing is pending\n");
	}
	for (const char *p = buf_text(&names); !rc && *p;) {
		size_t n = strcspn(p, "\n");
		if (c->json)
			jsonw_string_n(&json, NULL, p, n);
		else
			buf_fmt(&c->out, "%s pending/%.*s\n", dry ? "would drop" : "dropped", (int)n, p);
		p += n + (p[n] == '\n');
	}
	if (!rc && c->json) {
		jsonw_array_end(&json);
		ctl_json_end(c, &json);
	}
	buf_free(&names);
	return rc;
}

/* ---- one file ---- */

struct carried {
	char *data;
	size_t len;
	struct envelope *env;
	const char *role; /* by its _type; delegated roles are "targets" */
};

static void carried_free(struct carried *x)
{
	envelope_free(x->env);
	file_free(x->data);
}

static int carried_read(const char *file, struct carried *x, struct fault *f)
{
	int rc = file_read(file, TUF_META_MAX, &x->data, &x->len, f);

	if (!rc)
		rc = envelope_open(x->data, x->len, &x->env, f);
	if (rc)
		return rc;
	struct place part = envelope_claims(x->env);
	rc = read_string(&part, "_type", 1, 32, &x->role, f);
	for (int i = 0; i < TUF_TOP_COUNT && !rc; i++)
		if (strcmp(x->role, tuf_top_names[i]) == 0)
			return KE_OK;
	return rc ? rc : fault_set(f, KE_SCHEMA, "_type", NULL, "'%.32s' is no role", x->role);
}

/* Does the file hold a place for that key? */
static bool awaited(const struct envelope *env, const char *keyid)
{
	const struct envelope_sig *sigs;
	size_t n = envelope_sigs(env, &sigs);

	for (size_t i = 0; i < n; i++)
		if (!sigs[i].hex[0] && strcmp(sigs[i].keyid, keyid) == 0)
			return true;
	return false;
}

/* Sign with those of K that X waits for. */
static int carried_sign(const struct carried *x, const struct keyring *k, struct buf *out,
        const char *ids[KEYRING_MAX], size_t *ret_n, struct fault *f)
{
	const struct signkey *own[KEYRING_MAX];
	const struct envelope_sig *sigs;
	size_t n = 0, n_sigs = envelope_sigs(x->env, &sigs);

	for (size_t i = 0; i < k->n; i++)
		if (awaited(x->env, signkey_id(k->keys[i])))
			own[n++] = k->keys[i];
	if (!n)
		return fault_set(f, KE_KEY, k->dir, NULL,
		        "the file waits for none of the keys here; it names those that may sign");
	for (size_t i = 0; i < n; i++)
		ids[i] = signkey_id(own[i]);
	*ret_n = n;
	return envelope_reseal(envelope_claims(x->env).node, sigs, n_sigs, own, n, out, f);
}

static void carried_tell(
        struct ctl *c, const char *to, const char *const *ids, size_t n, bool dry, struct jsonw *json)
{
	if (json) {
		jsonw_array(json, "signed_by");
		for (size_t i = 0; i < n; i++)
			jsonw_string(json, NULL, ids[i]);
		jsonw_array_end(json);
		jsonw_bool(json, "dry_run", dry);
		jsonw_string(json, "output", to);
		return;
	}
	for (size_t i = 0; i < n; i++)
		buf_fmt(&c->out, "%s by %.8s\n", dry ? "would be signed" : "signed", ids[i]);
	if (!dry)
		buf_fmt(&c->out, "carry %s back: kedge repo sign DIR --merge %s\n", to, to);
}

static int sign_carried(struct ctl *c, const struct keyring *k, struct jsonw *json, struct fault *f)
{
	const char *file = c->args.words[0], *output = args_value(&c->args, "output");
	const char *to = output ? output : file, *ids[KEYRING_MAX];
	bool dry = args_has(&c->args, "dry-run");
	struct buf out = BUF_INIT(TUF_META_MAX);
	struct carried x = { 0 };
	size_t n = 0;
	int rc = carried_read(file, &x, f);

	if (!rc)
		rc = tell_file(c, x.role, x.data, x.len, json, f);
	if (!rc)
		rc = carried_sign(&x, k, &out, ids, &n, f);
	if (!rc && !dry)
		rc = file_replace(to, out.data, out.len, 0644, FILE_DURABLE, f);
	if (rc)
		fault_at(f, "%s", file);
	else
		carried_tell(c, to, ids, n, dry, json);
	buf_free(&out);
	carried_free(&x);
	return rc;
}

static int sign_file(struct ctl *c, struct fault *f)
{
	struct keyring k = { 0 };
	struct jsonw json = { 0 };
	char *passphrase = NULL;
	int rc = c->config.keys ? passphrase_read(c->config.keys_passphrase_file, &passphrase, f)
	                        : fault_set(f, KE_USAGE, NULL, NULL, "--keys DIR is wanted");

	if (!rc)
		rc = keyring_load(c->config.keys, passphrase, &k, f);
	passphrase_free(passphrase);
	if (!rc && c->json) {
		json = ctl_json(c, "kedge_repo");
		jsonw_string(&json, "file", c->args.words[0]);
	}
	if (!rc)
		rc = sign_carried(c, &k, c->json ? &json : NULL, f);
	if (!rc && c->json)
		ctl_json_end(c, &json);
	keyring_clear(&k);
	return rc;
}

/* ---- */

static int check_words(const struct args *a, bool dir, struct fault *f)
{
	bool merges = args_has(a, "merge"), drops = args_has(a, "discard");

	if (merges != (a->n_words > 1))
		return fault_set(f, KE_USAGE, NULL, NULL,
		        merges ? "--merge wants the files that were carried here"
		               : "carried files are taken with --merge");
	if (merges && drops)
		return fault_set(f, KE_USAGE, NULL, NULL, "either --merge or --discard");
	if (!dir && (merges || drops))
		return fault_set(f, KE_USAGE, a->words[0], NULL, "--merge and --discard want a repository");
	if (dir && args_has(a, "output"))
		return fault_set(f, KE_USAGE, a->words[0], NULL, "--output goes with a single file");
	return KE_OK;
}

int ctl_repo_sign(struct ctl *c)
{
	struct stat st;
	struct fault f = { 0 };
	bool there = stat(c->args.words[0], &st) == 0, dir = there && S_ISDIR(st.st_mode);
	int rc = there ? check_words(&c->args, dir, &f)
	               : fault_set(&f, KE_NOENT, c->args.words[0],
	                         "give a repository, or a file from the folder pending of one", "%s",
	                         strerror(errno));

	if (!rc)
		rc = !dir                            ? sign_file(c, &f)
		     : args_has(&c->args, "discard") ? discard(c, &f)
		                                     : sign_dir(c, &f);
	return rc ? ctl_complain(c, &f) : CTL_DONE;
}
