/* envelope.c — counts signatures.
 *
 * The bugs of other clients, kept out here: a threshold of zero, a key counted once per signature or once per id, a
 * signature over the bytes as they came instead of their meaning. Called by trust_doc.c (what comes in) and release.c
 * (what goes out). */
#include "proto/envelope.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cJSON.h>

#include "proto/codec.h"
#include "proto/jsonw.h"
#include "proto/strict.h"
#include "proto/tree.h"
#include "proto/wire.h"

#define SIG_LEN_MAX 2048 /* bytes of one signature: RSA of 16384 bits */

struct envelope {
	struct cJSON *tree;
	struct place top, part; /* the file, its signed part */
	struct buf canon;
	struct envelope_sig *sigs;
	size_t n_sigs;
	bool verified;
};

static int read_signature(const struct place *at, struct envelope *env, struct fault *f)
{
	struct envelope_sig *sig = &env->sigs[env->n_sigs];
	int rc;

	if ((rc = read_string(at, "keyid", 1, 256, &sig->keyid, f)) ||
	        (rc = read_string(at, "sig", 0, TUF_META_MAX, &sig->hex, f)))
		return rc;
	for (size_t i = 0; i < env->n_sigs; i++)
		if (strcmp(env->sigs[i].keyid, sig->keyid) == 0)
			return place_fault(at, f, KE_DUPLICATE, NULL, "key %.16s signs twice", sig->keyid);
	env->n_sigs++;
	return KE_OK;
}

static int read_form(struct envelope *env, struct fault *f)
{
	struct place list, item = { 0 };
	int rc;

	env->top = place_root(env->tree);
	if ((rc = read_object(&env->top, "signed", &env->part, f)) ||
	        (rc = read_array(&env->top, "signatures", &list, f)))
		return rc;
	size_t n = place_count(&list);
	if (n > TUF_SIGS_MAX)
		return place_fault(&list, f, KE_TOOBIG, NULL, "more than %d signatures", TUF_SIGS_MAX);
	env->sigs = calloc(n ? n : 1, sizeof *env->sigs);
	if (!env->sigs)
		return place_fault(&list, f, KE_NOMEM, NULL, "out of memory");
	while (!rc && place_next(&list, &item))
		rc = read_signature(&item, env, f);
	if (!rc && (rc = canon_write(env->part.node, &env->canon)))
		rc = place_fault(&env->part, f, rc, NULL, "no canonical form: %s", err_text(rc));
	return rc;
}

int envelope_open(const void *data, size_t len, struct envelope **ret, struct fault *f)
{
	const struct strict_limits limits = {
		.max_bytes = TUF_META_MAX, .max_nodes = TUF_NODES_MAX, .max_depth = TUF_DEPTH_MAX
	};
	struct envelope *env = calloc(1, sizeof *env);
	int rc;

	if (!env)
		return fault_set(f, KE_NOMEM, NULL, NULL, "out of memory");
	env->canon = BUF_INIT(TUF_META_MAX);
	rc = strict_parse(data, len, &limits, &env->tree, f);
	if (!rc)
		rc = read_form(env, f);
	if (rc) {
		envelope_free(env);
		return rc;
	}
	*ret = env;
	return KE_OK;
}

void envelope_free(struct envelope *env)
{
	if (!env)
		return;
	cJSON_Delete(env->tree);
	buf_free(&env->canon);
	free(env->sigs);
	free(env);
}

static const struct pubkey *signer_find(const struct signers *who, const char *keyid)
{
	for (size_t i = 0; i < who->n; i++)
		if (strcmp(pubkey_id(who->keys[i]), keyid) == 0)
			return who->keys[i];
	return NULL;
}

static int signature_check(
        const struct envelope *env, const struct envelope_sig *sig, const struct pubkey *key)
{
	unsigned char raw[SIG_LEN_MAX];
	size_t len;

	if (!hex_decode_any(sig->hex, strlen(sig->hex), raw, sizeof raw, &len))
		return KE_SIGNATURE;
	return pubkey_verify(key, buf_text(&env->canon), env->canon.len, raw, len);
}

static bool already_counted(const struct pubkey *const *counted, size_t n, const struct pubkey *key)
{
	for (size_t i = 0; i < n; i++)
		if (pubkey_same(counted[i], key))
			return true;
	return false;
}

int envelope_count(const struct envelope *env, const struct signers *who, size_t *ret, struct fault *f)
{
	const struct pubkey **counted = calloc(env->n_sigs ? env->n_sigs : 1, sizeof *counted);
	size_t n = 0;
	int rc = counted ? KE_OK : KE_NOMEM;

	for (size_t i = 0; i < env->n_sigs && rc != KE_NOMEM; i++) {
		const struct pubkey *key = signer_find(who, env->sigs[i].keyid);
		if (!key || already_counted(counted, n, key))
			continue;
		rc = signature_check(env, &env->sigs[i], key);
		if (!rc)
			counted[n++] = key;
	}
	free(counted);
	if (rc == KE_NOMEM)
		return fault_set(f, KE_NOMEM, NULL, NULL, "out of memory");
	*ret = n;
	return KE_OK;
}

int envelope_verify(struct envelope *env, const struct signers *who, struct fault *f)
{
	size_t n = 0;
	int rc = envelope_count(env, who, &n, f);

	env->verified = false; /* an earlier verdict was about other signers */
	if (rc)
		return rc;
	/* A threshold below one would accept a file that nobody signed; the role parsers refuse it, and so does this. */
	if (who->threshold < 1 || (int64_t)n < who->threshold)
		return fault_set(f, KE_SIGNATURE, "signatures", NULL,
		        "%zu valid signatures by different keys, %lld are needed", n,
		        (long long)who->threshold);
	env->verified = true;
	return KE_OK;
}

bool envelope_holds(const struct envelope *env, const struct pubkey *key)
{
	for (size_t i = 0; i < env->n_sigs; i++)
		if (strcmp(env->sigs[i].keyid, pubkey_id(key)) == 0)
			return signature_check(env, &env->sigs[i], key) == KE_OK;
	return false;
}

size_t envelope_sigs(const struct envelope *env, const struct envelope_sig **ret)
{
	*ret = env->sigs;
	return env->n_sigs;
}

int envelope_signed(const struct envelope *env, struct place *ret, struct fault *f)
{
	if (!env->verified)
		return fault_set(f, KE_SIGNATURE, "signatures", NULL, "not verified");
	*ret = env->part;
	return KE_OK;
}

struct place envelope_claims(const struct envelope *env)
{
	return env->part;
}

static int write_signature(
        struct jsonw *w, const struct buf *canon, const struct signkey *key, struct fault *f)
{
	struct buf sig = BUF_INIT(SIG_LEN_MAX);
	int rc = signkey_sign(key, buf_text(canon), canon->len, &sig, f);

	if (!rc) {
		jsonw_object(w, NULL);
		jsonw_string(w, "keyid", signkey_id(key));
		jsonw_hex(w, "sig", buf_text(&sig), sig.len);
		jsonw_object_end(w);
	}
	buf_free(&sig);
	return rc;
}

static bool key_given(const struct signkey *const *keys, size_t n, const char *keyid)
{
	for (size_t k = 0; k < n; k++)
		if (strcmp(signkey_id(keys[k]), keyid) == 0)
			return true;
	return false;
}

/* Those of the N signatures KEPT that are (not) empty; an empty one holds the place of a key that signs later. */
static void write_kept(struct jsonw *w, const struct envelope_sig *kept, size_t n, bool empty,
        const struct signkey *const *keys, size_t n_keys)
{
	for (size_t i = 0; i < n; i++) {
		if (!kept[i].hex[0] != empty || (empty && key_given(keys, n_keys, kept[i].keyid)))
			continue;
		jsonw_object(w, NULL);
		jsonw_string(w, "keyid", kept[i].keyid);
		jsonw_string(w, "sig", kept[i].hex);
		jsonw_object_end(w);
	}
}

static bool signed_already(const struct envelope_sig *kept, size_t n, const char *keyid)
{
	for (size_t i = 0; i < n; i++)
		if (kept[i].hex[0] && strcmp(kept[i].keyid, keyid) == 0)
			return true;
	return false;
}

int envelope_reseal(const struct cJSON *tree, const struct envelope_sig *kept, size_t n_kept,
        const struct signkey *const *keys, size_t n, struct buf *out, struct fault *f)
{
	struct buf canon = BUF_INIT(TUF_META_MAX);
	struct jsonw w = JSONW_INIT(out, 1);
	int rc = canon_write(tree, &canon);

	if (rc)
		rc = fault_set(f, rc, NULL, NULL, "no canonical form: %s", err_text(rc));
	jsonw_object(&w, NULL);
	jsonw_array(&w, "signatures");
	write_kept(&w, kept, n_kept, false, keys, n);
	for (size_t i = 0; i < n && !rc; i++)
		if (!key_given(keys, i, signkey_id(keys[i])) &&
		        !signed_already(kept, n_kept, signkey_id(keys[i])))
			rc = write_signature(&w, &canon, keys[i], f);
	write_kept(&w, kept, n_kept, true, keys, n);
	jsonw_array_end(&w);
	tree_write(&w, "signed", tree);
	jsonw_object_end(&w);
	buf_char(out, '\n');
	buf_free(&canon);
	if (!rc && out->rc)
		rc = fault_set(f, out->rc, NULL, NULL, "%s", err_text(out->rc));
	return rc;
}

int envelope_seal(const struct cJSON *tree, const struct signkey *const *keys, size_t n, struct buf *out,
        struct fault *f)
{
	return envelope_reseal(tree, NULL, 0, keys, n, out, f);
}
