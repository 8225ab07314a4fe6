/* release_pending.c — signatures that come one after another: taking a pending file back, adding what was signed elsewhere,
 * and sealing a role on top of the signatures that it holds.
 *
 * A signature is kept only while it verifies over the content as it is now, and counted only for keys that the role
 * names; both are asked of envelope.c, which counts for clients too. Refused: files that do not follow what is
 * published, and bad signatures under good names, because somebody tampered with the file on its way. Called by
 * `kedge repo`. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <cJSON.h>

#include "proto/canon.h"
#include "proto/release_state.h"
#include "proto/tree.h"

static int no_memory(struct fault *f)
{
	return fault_set(f, KE_NOMEM, NULL, NULL, "out of memory");
}

void release_pending_clear(struct release_pending *item)
{
	for (size_t i = 0; i < item->n_may; i++)
		free(item->may[i]);
	free(item->may);
	free(item->role);
	free(item->name);
	free(item->data);
	*item = (struct release_pending){ 0 };
}

void release_pendings_free(struct release_pendings *p)
{
	for (size_t i = 0; i < p->n; i++)
		release_pending_clear(&p->list[i]);
	free(p->list);
	*p = (struct release_pendings){ 0 };
}

/* ---- what is published ---- */

bool release_changed(const struct release *r, const char *role)
{
	const struct draft *d = release_find(r, role);

	return d && d->dirty;
}

const char *release_role(const struct release *r, size_t i)
{
	const struct draft *d = r->drafts;

	while (d && i--)
		d = d->link;
	return d ? d->name : NULL;
}

const struct cJSON *release_published(const struct release *r, const char *role)
{
	const struct draft *d = release_find(r, role);
	const struct trust_doc *doc = !d ? NULL : strcmp(role, "root") == 0 ? &r->root : &d->base;

	return doc && doc->env ? envelope_claims(doc->env).node : NULL;
}

static int top_index(const char *role)
{
	for (int i = 0; i < TUF_TOP_COUNT; i++)
		if (strcmp(role, tuf_top_names[i]) == 0)
			return i;
	return -1;
}

const struct signers *release_signers(const struct release *r, const char *role)
{
	int top = top_index(role);

	if (top >= 0)
		return r->root.root ? &r->root.root->roles[top] : NULL;
	for (const struct draft *d = r->drafts; d; d = d->link)
		for (size_t i = 0; d->base.targets && i < d->base.targets->n_delegations; i++)
			if (strcmp(d->base.targets->delegations[i].name, role) == 0)
				return &d->base.targets->delegations[i].signers;
	return NULL;
}

/* ---- who signs by the edited state ---- */

struct named {
	struct tuf_root *root;
	struct tuf_targets *parent;
	const struct signers *who, *also; /* ALSO: the keys of the root before, or NULL */
};

static void named_clear(struct named *n)
{
	tuf_root_free(n->root);
	tuf_targets_free(n->parent);
	*n = (struct named){ 0 };
}

static int named_delegated(const struct release *r, const char *role, struct named *ret, struct fault *f)
{
	for (const struct draft *d = r->drafts; d && !ret->who; d = d->link) {
		struct place at = place_root(d->tree);
		struct tuf_targets *t;
		if (tuf_targets_parse(&at, &t, NULL))
			continue;
		for (size_t i = 0; i < t->n_delegations && !ret->who; i++)
			if (strcmp(t->delegations[i].name, role) == 0)
				ret->who = &t->delegations[i].signers;
		if (ret->who)
			ret->parent = t;
		else
			tuf_targets_free(t);
	}
	return ret->who ? KE_OK
	                : fault_set(f, KE_UNTRUSTED, role, "load the delegating role first",
	                          "no loaded role delegates to it");
}

/* ROOT (may be NULL) is the tree of a root that is being loaded itself. named_clear() *RET in any case. */
static int named_find(const struct release *r, const char *role, const struct cJSON *root, struct named *ret,
        struct fault *f)
{
	const struct draft *d = release_find(r, "root");
	int top = top_index(role);

	if (top < 0)
		return named_delegated(r, role, ret, f);
	if (!root && !d)
		return fault_set(f, KE_USAGE, NULL, NULL, "load root first");
	struct place at = place_root(root ? root : d->tree);
	int rc = tuf_root_parse(&at, &ret->root, f);
	if (rc)
		return rc;
	ret->who = &ret->root->roles[top];
	ret->also = top == TUF_ROOT && r->root.root ? &r->root.root->roles[TUF_ROOT] : NULL;
	return KE_OK;
}

static const struct pubkey *signer(const struct signers *who, const char *keyid)
{
	for (size_t i = 0; who && i < who->n; i++)
		if (strcmp(pubkey_id(who->keys[i]), keyid) == 0)
			return who->keys[i];
	return NULL;
}

static const struct pubkey *named_key(const struct named *n, const char *keyid)
{
	const struct pubkey *key = signer(n->who, keyid);

	return key ? key : signer(n->also, keyid);
}

/* Every signature of ENV under the id of a key that is named must be good. */
static int check_signatures(const struct envelope *env, const struct named *n, struct fault *f)
{
	const struct envelope_sig *sigs;
	size_t count = envelope_sigs(env, &sigs);

	for (size_t i = 0; i < count; i++) {
		const struct pubkey *key = sigs[i].hex[0] ? named_key(n, sigs[i].keyid) : NULL;
		if (key && !envelope_holds(env, key))
			return fault_set(f, KE_SIGNATURE, NULL, "fetch the file again from who signed it",
			        "the signature by key %.8s does not verify", sigs[i].keyid);
	}
	return KE_OK;
}

/* ---- loading ---- */

/* The pending signed part AT must be a role of KIND, and its version must follow VERSION (-1: any). */
static int check_form(
        const char *role, const struct place *at, int64_t version, int64_t *ret, struct fault *f)
{
	int top = top_index(role);
	struct tuf_header h = { 0 };
	int rc = tuf_header_parse(at, top < 0 ? "targets" : tuf_top_names[top], &h, f);

	if (!rc && version >= 0 && h.version != version + 1)
		rc = fault_set(f, KE_ROLLBACK, NULL, "drop what is pending, and make the change again",
		        "pending version %" PRId64 " does not follow version %" PRId64 ", which is published",
		        h.version, version);
	if (!rc)
		*ret = h.version;
	return rc;
}

/* Roles whose keys or threshold the pending root NEXT changes are signed anew with it. */
static void spread_root(struct release *r, const struct cJSON *next)
{
	const struct cJSON *now = release_published(r, "root");
	const cJSON *after = cJSON_GetObjectItemCaseSensitive(next, "roles");
	const cJSON *before = now ? cJSON_GetObjectItemCaseSensitive(now, "roles") : NULL;

	for (int i = 0; i < TUF_TOP_COUNT && before; i++) {
		struct draft *d = release_find(r, tuf_top_names[i]);
		if (d && !cJSON_Compare(cJSON_GetObjectItemCaseSensitive(before, tuf_top_names[i]),
		                 cJSON_GetObjectItemCaseSensitive(after, tuf_top_names[i]), true))
			d->dirty = true;
	}
}

/* The tree of D becomes PART. Of snapshot and timestamp only the expiry: what they list is found anew. */
static int adopt(struct release *r, struct draft *d, const struct cJSON *part, struct fault *f)
{
	cJSON *copy;

	if (strcmp(d->name, "snapshot") == 0 || strcmp(d->name, "timestamp") == 0) {
		copy = cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(part, "expires"), true);
		if (tree_set(d->tree, "expires", copy))
			return no_memory(f);
	} else {
		copy = cJSON_Duplicate(part, true);
		if (!copy)
			return no_memory(f);
		cJSON_Delete(d->tree);
		d->tree = copy;
	}
	if (strcmp(d->name, "root") == 0)
		spread_root(r, part);
	d->dirty = true;
	return KE_OK;
}

static int pending_load(
        struct release *r, const char *role, struct envelope *env, struct draft **ret, struct fault *f)
{
	struct place part = envelope_claims(env);
	struct draft *d = release_find(r, role);
	struct named named = { 0 };
	int64_t version = 0;
	int rc = check_form(role, &part, d ? d->version : -1, &version, f);

	if (!rc)
		rc = named_find(r, role, strcmp(role, "root") == 0 ? part.node : NULL, &named, f);
	if (!rc)
		rc = check_signatures(env, &named, f);
	named_clear(&named);
	if (!rc && !d) {
		rc = release_draft_add(r, role, cJSON_Duplicate(part.node, true), version - 1, f);
		d = release_find(r, role);
	}
	if (!rc)
		rc = adopt(r, d, part.node, f);
	if (!rc)
		*ret = d;
	return rc;
}

int release_pending_load(struct release *r, const char *role, const void *data, size_t len, struct fault *f)
{
	struct envelope *env = NULL;
	struct draft *d = NULL;
	int rc = envelope_open(data, len, &env, f);

	if (!rc)
		rc = pending_load(r, role, env, &d, f);
	if (rc) {
		envelope_free(env);
		fault_at(f, "%s", role);
		return rc;
	}
	envelope_free(d->held);
	d->held = env;
	return KE_OK;
}

/* ---- merging ---- */

static bool same_content(const struct envelope *a, const struct envelope *b)
{
	struct buf one = BUF_INIT(TUF_META_MAX), two = BUF_INIT(TUF_META_MAX);
	bool same = canon_write(envelope_claims(a).node, &one) == KE_OK &&
	            canon_write(envelope_claims(b).node, &two) == KE_OK && one.len == two.len &&
	            memcmp(buf_text(&one), buf_text(&two), one.len) == 0;

	buf_free(&one);
	buf_free(&two);
	return same;
}

/* The good signatures of ENV by keys that are named, behind the N in LIST that are of other keys; the new count. */
static size_t take(const struct envelope *env, const struct named *named, struct envelope_sig *list, size_t n)
{
	const struct envelope_sig *sigs;
	size_t count = envelope_sigs(env, &sigs);

	for (size_t i = 0; i < count; i++) {
		const struct pubkey *key = named_key(named, sigs[i].keyid);
		size_t k = 0;
		while (k < n && strcmp(list[k].keyid, sigs[i].keyid) != 0)
			k++;
		if (key && k == n && envelope_holds(env, key))
			list[n++] = sigs[i];
	}
	return n;
}

/* Room for all signatures of A and B (may be NULL), and one for each key that is named. */
static struct envelope_sig *list_new(
        const struct envelope *a, const struct envelope *b, const struct named *named)
{
	const struct envelope_sig *sigs;
	size_t n = (a ? envelope_sigs(a, &sigs) : 0) + (b ? envelope_sigs(b, &sigs) : 0) + named->who->n +
	           (named->also ? named->also->n : 0);

	return calloc(n + 1, sizeof(struct envelope_sig));
}

static int merge_into(const struct release *r, struct draft *d, const struct envelope *from, size_t *ret_new,
        struct fault *f)
{
	const struct cJSON *part = envelope_claims(d->held).node;
	struct buf out = BUF_INIT(TUF_META_MAX);
	struct envelope_sig *list = NULL;
	struct envelope *env = NULL;
	struct named named = { 0 };
	size_t before = 0, n = 0;
	int rc = named_find(r, d->name, NULL, &named, f);

	if (!rc)
		rc = check_signatures(from, &named, f);
	if (!rc && !(list = list_new(d->held, from, &named)))
		rc = no_memory(f);
	if (!rc) {
		before = take(d->held, &named, list, 0);
		n = take(from, &named, list, before);
		rc = envelope_reseal(part, list, n, NULL, 0, &out, f);
	}
	if (!rc)
		rc = envelope_open(buf_text(&out), out.len, &env, f);
	if (!rc) {
		envelope_free(d->held);
		d->held = env;
		*ret_new = n - before;
	}
	free(list);
	buf_free(&out);
	named_clear(&named);
	return rc;
}

int release_pending_merge(struct release *r, const void *data, size_t len, const char **ret_role,
        size_t *ret_new, struct fault *f)
{
	struct envelope *env = NULL;
	const char *role = NULL;
	size_t all = 0;
	int rc = envelope_open(data, len, &env, f);

	if (rc)
		return rc;
	/* Delegated roles do not say their name: two that are still empty may have one content, and then what is signed
	 * for one is signed for the other. */
	for (struct draft *d = r->drafts; d && !rc; d = d->link) {
		size_t n = 0;
		if (!d->held || !same_content(d->held, env))
			continue;
		rc = merge_into(r, d, env, &n, f);
		if (!role || (n && !all))
			role = d->name;
		all += n;
	}
	if (!rc && !role)
		rc = fault_set(f, KE_MISMATCH, NULL, "fetch the pending files again",
		        "what it signs is not what is pending here");
	envelope_free(env);
	if (rc)
		return rc;
	if (ret_role)
		*ret_role = role;
	*ret_new = all;
	return KE_OK;
}

/* ---- sealing ---- */

static int tally(
        const struct envelope *env, const struct named *named, struct release_pending *ret, struct fault *f)
{
	size_t have = 0, before = 0;
	int rc = envelope_count(env, named->who, &have, f);

	if (!rc && named->also)
		rc = envelope_count(env, named->also, &before, f);
	if (rc)
		return rc;
	ret->have = (unsigned)have;
	ret->need = (unsigned)named->who->threshold;
	ret->have_before = (unsigned)before;
	ret->need_before = named->also ? (unsigned)named->also->threshold : 0;
	ret->ready = ret->have >= ret->need && ret->have_before >= ret->need_before;
	return KE_OK;
}

/* TREE with signatures LIST and by KEYS into OUT, read again as *ENV, counted into *RET. */
static int seal_once(const struct cJSON *tree, const struct named *named, const struct envelope_sig *list,
        size_t n_list, const struct signkey *const *keys, size_t n, struct buf *out, struct envelope **env,
        struct release_pending *ret, struct fault *f)
{
	buf_clear(out);
	int rc = envelope_reseal(tree, list, n_list, keys, n, out, f);

	envelope_free(*env);
	*env = NULL;
	if (!rc)
		rc = envelope_open(buf_text(out), out->len, env, f);
	return rc ? rc : tally(*env, named, ret, f);
}

/* Add to *RET the keys of WHO that have not signed ENV. */
static int add_may(
        const struct envelope *env, const struct signers *who, struct release_pending *ret, struct fault *f)
{
	char **more = realloc(ret->may, (ret->n_may + who->n + 1) * sizeof *more);

	if (!more)
		return no_memory(f);
	ret->may = more;
	for (size_t i = 0; i < who->n; i++) {
		const char *id = pubkey_id(who->keys[i]);
		size_t k = 0;
		while (k < ret->n_may && strcmp(ret->may[k], id) != 0)
			k++;
		if (k < ret->n_may || !pubkey_usable(who->keys[i]) || envelope_holds(env, who->keys[i]))
			continue;
		if (!(ret->may[ret->n_may] = strdup(id)))
			return no_memory(f);
		ret->n_may++;
	}
	return KE_OK;
}

/* Not complete: say who may still sign, and hold a place for each in the file. */
static int seal_open(const struct draft *d, const struct named *named, struct envelope_sig *list,
        struct buf *out, struct envelope *env, struct release_pending *ret, struct fault *f)
{
	size_t n = take(env, named, list, 0);
	int rc = ret->have < ret->need ? add_may(env, named->who, ret, f) : KE_OK;

	if (!rc && ret->have_before < ret->need_before)
		rc = add_may(env, named->also, ret, f);
	for (size_t i = 0; i < ret->n_may && !rc; i++)
		list[n++] = (struct envelope_sig){ ret->may[i], "" };
	buf_clear(out);
	return rc ? rc : envelope_reseal(d->next, list, n, NULL, 0, out, f);
}

/* Those of KEYS that are named, allocated. */
static const struct signkey **own_keys(
        const struct signkey *const *keys, size_t n, const struct named *named, size_t *ret_n)
{
	const struct signkey **own = calloc(n ? n : 1, sizeof *own);
	size_t count = 0;

	for (size_t i = 0; own && i < n; i++)
		if (named_key(named, signkey_id(keys[i])))
			own[count++] = keys[i];
	*ret_n = count;
	return own;
}

int release_seal(const struct draft *d, const struct signers *who, const struct signers *also,
        const struct signkey *const *keys, size_t n, struct release_pending *ret, struct fault *f)
{
	const struct named named = { .who = who, .also = also };
	struct release_pending item = { 0 };
	struct buf out = BUF_INIT(TUF_META_MAX);
	struct envelope *held = NULL, *env = NULL;
	const struct envelope_sig *sigs = NULL;
	size_t n_own = 0, n_sigs = d->held ? envelope_sigs(d->held, &sigs) : 0;
	const struct signkey **own = own_keys(keys, n, &named, &n_own);
	struct envelope_sig *list = list_new(d->held, NULL, &named);
	int rc = own && list ? KE_OK : no_memory(f);

	/* What is held, over the content as it is now: what was edited since does not verify and falls away. */
	if (!rc)
		rc = seal_once(d->next, &named, sigs, n_sigs, NULL, 0, &out, &held, &item, f);
	if (!rc) {
		size_t kept = take(held, &named, list, 0);
		rc = seal_once(
		        d->next, &named, list, kept, own, item.ready ? 0 : n_own, &out, &env, &item, f);
	}
	if (!rc && !item.ready)
		rc = seal_open(d, &named, list, &out, env, &item, f);
	if (!rc && buf_take(&out, &item.data, &item.len))
		rc = no_memory(f);
	buf_free(&out);
	envelope_free(held);
	envelope_free(env);
	free(own);
	free(list);
	if (rc)
		release_pending_clear(&item);
	else
		*ret = item;
	return rc;
}
