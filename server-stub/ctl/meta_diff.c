/* meta_diff.c — two versions of a role side by side. Both are read by the client's own parsers, so what is shown is what
 * hosts will understand; what is no valid role is refused instead of shown. Called before anything is signed. */
#include "server-stub/ctl/meta_diff.h"

#include <stdbool.h>
#include <string.h>

#include <cJSON.h>

#include "proto/tuf.h"
#include "server-stub/ctl/writer.h"

/* ---- root ---- */

static bool names_key(const struct signers *who, const char *keyid)
{
	for (size_t i = 0; who && i < who->n; i++)
		if (strcmp(pubkey_id(who->keys[i]), keyid) == 0)
			return true;
	return false;
}

static void keys_beyond(
        char sign, const char *role, const struct signers *a, const struct signers *b, struct buf *out)
{
	for (size_t i = 0; a && i < a->n; i++)
		if (!names_key(b, pubkey_id(a->keys[i])))
			buf_fmt(out, "%c key %.8s for %s\n", sign, pubkey_id(a->keys[i]), role);
}

static void diff_root(const struct tuf_root *old, const struct tuf_root *new, struct buf *out)
{
	for (int i = 0; i < TUF_TOP_COUNT; i++) {
		const struct signers *was = old ? &old->roles[i] : NULL, *is = &new->roles[i];
		keys_beyond('-', tuf_top_names[i], was, is, out);
		keys_beyond('+', tuf_top_names[i], is, was, out);
		if (!was)
			buf_fmt(out, "+ %s needs %lld of %zu keys\n", tuf_top_names[i],
			        (long long)is->threshold, is->n);
		else if (was->threshold != is->threshold || was->n != is->n)
			buf_fmt(out, "~ %s needs %lld of %zu keys, not %lld of %zu\n", tuf_top_names[i],
			        (long long)is->threshold, is->n, (long long)was->threshold, was->n);
	}
	if (old && old->consistent_snapshot != new->consistent_snapshot)
		buf_fmt(out, "~ consistent snapshots %s\n", new->consistent_snapshot ? "on" : "off");
}

/* ---- targets ---- */

static void target_line(char sign, const struct tuf_target *t, struct buf *out)
{
	buf_fmt(out, "%c target ", sign);
	text_safe(out, t->path);
	if (sign != '-')
		buf_fmt(out, " (%lld bytes)", (long long)t->length);
	buf_char(out, '\n');
}

static bool same_target(const struct tuf_target *a, const struct tuf_target *b)
{
	return a->length == b->length && a->hashes.has_sha256 == b->hashes.has_sha256 &&
	       a->hashes.has_sha512 == b->hashes.has_sha512 &&
	       memcmp(a->hashes.sha256, b->hashes.sha256, sizeof a->hashes.sha256) == 0 &&
	       memcmp(a->hashes.sha512, b->hashes.sha512, sizeof a->hashes.sha512) == 0 &&
	       !a->custom == !b->custom && (!a->custom || cJSON_Compare(a->custom, b->custom, true));
}

/* Both lists are sorted by path. */
static void diff_listed(const struct tuf_targets *old, const struct tuf_targets *new, struct buf *out)
{
	size_t i = 0, k = 0, n_old = old ? old->n_targets : 0;

	while (i < n_old || k < new->n_targets) {
		const struct tuf_target *was = i < n_old ? &old->targets[i] : NULL;
		const struct tuf_target *is = k < new->n_targets ? &new->targets[k] : NULL;
		int order = !was ? 1 : !is ? -1 : strcmp(was->path, is->path);
		if (order < 0) {
			target_line('-', was, out);
		} else if (order > 0) {
			target_line('+', is, out);
		} else if (!same_target(was, is)) {
			target_line('~', is, out);
		}
		i += order <= 0;
		k += order >= 0;
	}
}

static void delegation_line(char sign, const struct tuf_delegation *d, struct buf *out)
{
	buf_fmt(out, "%c delegation ", sign);
	text_safe(out, d->name);
	if (sign != '-') {
		buf_fmt(out, ": %lld of %zu keys", (long long)d->signers.threshold, d->signers.n);
		for (size_t i = 0; i < d->signers.n; i++)
			buf_fmt(out, " %.8s", pubkey_id(d->signers.keys[i]));
		buf_fmt(out, "; %s", d->by_hash ? "hashes" : "paths");
		for (size_t i = 0; i < d->n; i++) {
			buf_char(out, ' ');
			text_safe(out, d->patterns[i]);
		}
		buf_str(out, d->terminating ? "; terminating" : "");
	}
	buf_char(out, '\n');
}

static const struct tuf_delegation *delegation_find(const struct tuf_targets *t, const char *name)
{
	for (size_t i = 0; t && i < t->n_delegations; i++)
		if (strcmp(t->delegations[i].name, name) == 0)
			return &t->delegations[i];
	return NULL;
}

/* What their lines say is what they mean. */
static bool same_delegation(const struct tuf_delegation *a, const struct tuf_delegation *b)
{
	struct buf one = BUF_INIT(TUF_META_MAX), two = BUF_INIT(TUF_META_MAX);
	bool same = a->signers.n == b->signers.n;

	delegation_line('+', a, &one);
	delegation_line('+', b, &two);
	same = same && !one.rc && !two.rc && strcmp(buf_text(&one), buf_text(&two)) == 0;
	for (size_t i = 0; same && i < a->signers.n; i++)
		same = names_key(&b->signers, pubkey_id(a->signers.keys[i]));
	buf_free(&one);
	buf_free(&two);
	return same;
}

static void diff_delegations(const struct tuf_targets *old, const struct tuf_targets *new, struct buf *out)
{
	size_t last = 0;
	bool moved = false;

	for (size_t i = 0; old && i < old->n_delegations; i++)
		if (!delegation_find(new, old->delegations[i].name))
			delegation_line('-', &old->delegations[i], out);
	for (size_t i = 0; i < new->n_delegations; i++) {
		const struct tuf_delegation *was = delegation_find(old, new->delegations[i].name);
		if (!was || !same_delegation(was, &new->delegations[i]))
			delegation_line(was ? '~' : '+', &new->delegations[i], out);
		if (was) {
			moved |= (size_t)(was - old->delegations) < last;
			last = (size_t)(was - old->delegations);
		}
	}
	/* Clients search in this order. */
	if (moved)
		buf_str(out, "~ the order of delegations\n");
}

/* ---- */

/* Members that no client of ours reads are signed like the others: that they differ is said, at least. */
static void diff_others(const struct cJSON *old, const struct cJSON *new, struct buf *out)
{
	static const char *const shown[] = { "version", "expires", "keys", "roles", "consistent_snapshot",
		"targets", "delegations" };
	const cJSON *lists[] = { old, new };

	for (int side = 0; side < 2; side++)
		for (const cJSON *m = lists[side] ? lists[side]->child : NULL; m; m = m->next) {
			const cJSON *other = cJSON_GetObjectItemCaseSensitive(lists[!side], m->string);
			bool skip = side == 0 && other; /* said from the other side */
			for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++)
				skip |= strcmp(m->string, shown[i]) == 0;
			if (skip || (other && cJSON_Compare(m, other, true)) ||
			        (!old && m->string[0] == '_') ||
			        (!old && strcmp(m->string, "spec_version") == 0))
				continue;
			buf_fmt(out, "%c member ", other ? '~' : side ? '+' : '-');
			text_safe(out, m->string);
			buf_char(out, '\n');
		}
}

static int read_root(const struct cJSON *tree, struct tuf_root **ret, struct fault *f)
{
	struct place at = place_root(tree);

	return tree ? tuf_root_parse(&at, ret, f) : KE_OK;
}

static int read_targets(const struct cJSON *tree, struct tuf_targets **ret, struct fault *f)
{
	struct place at = place_root(tree);

	return tree ? tuf_targets_parse(&at, ret, f) : KE_OK;
}

int meta_diff(
        const char *role, const struct cJSON *old, const struct cJSON *new, struct buf *out, struct fault *f)
{
	struct tuf_root *root_was = NULL, *root_is = NULL;
	struct tuf_targets *was = NULL, *is = NULL;
	int rc = KE_OK;

	if (strcmp(role, "snapshot") == 0 || strcmp(role, "timestamp") == 0)
		return KE_OK;
	if (strcmp(role, "root") == 0) {
		rc = read_root(old, &root_was, f);
		if (!rc)
			rc = read_root(new, &root_is, f);
		if (!rc)
			diff_root(root_was, root_is, out);
	} else {
		rc = read_targets(old, &was, f);
		if (!rc)
			rc = read_targets(new, &is, f);
		if (!rc) {
			diff_delegations(was, is, out);
			diff_listed(was, is, out);
		}
	}
	if (!rc)
		diff_others(old, new, out);
	tuf_root_free(root_was);
	tuf_root_free(root_is);
	tuf_targets_free(was);
	tuf_targets_free(is);
	return rc ? rc : out->rc;
}
