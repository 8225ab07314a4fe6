/* tuf_root.c — the root role: which keys speak for which role. Refuses a root that lacks one of the four roles. Which
 * keys must have signed a root is decided in trust_doc.c: those of the root before it, and its own. */
#include <stdlib.h>
#include <string.h>

#include "proto/tuf.h"

static int read_roles(const struct place *at, struct tuf_root *root, struct fault *f)
{
	struct place roles, role;
	int rc = read_object(at, "roles", &roles, f);

	for (int i = 0; i < TUF_TOP_COUNT && !rc; i++)
		if (!(rc = read_object(&roles, tuf_top_names[i], &role, f)))
			rc = tuf_signers_parse(&role, &root->keys, &root->roles[i], f);
	return rc;
}

int tuf_root_parse(const struct place *at, struct tuf_root **ret, struct fault *f)
{
	struct tuf_root *root = calloc(1, sizeof *root);
	struct place keys;
	int rc;

	if (!root)
		return place_fault(at, f, KE_NOMEM, NULL, "out of memory");
	/* consistent_snapshot is required by the specification, but older repositories leave it out for false. */
	if ((rc = tuf_header_parse(at, "root", &root->header, f)) ||
	        (rc = read_opt_bool(at, "consistent_snapshot", &root->consistent_snapshot, false, f)) ||
	        (rc = read_object(at, "keys", &keys, f)) || (rc = tuf_keys_parse(&keys, &root->keys, f)) ||
	        (rc = read_roles(at, root, f))) {
		tuf_root_free(root);
		return rc;
	}
	*ret = root;
	return KE_OK;
}

void tuf_root_free(struct tuf_root *root)
{
	if (!root)
		return;
	for (int i = 0; i < TUF_TOP_COUNT; i++)
		tuf_signers_free(&root->roles[i]);
	tuf_keys_free(&root->keys);
	free(root);
}

bool tuf_root_rotated(const struct tuf_root *old, const struct tuf_root *new, enum tuf_top role)
{
	const struct signers *before = &old->roles[role], *after = &new->roles[role];

	for (size_t i = 0; i < before->n; i++) {
		size_t k = 0;
		while (k < after->n && strcmp(pubkey_id(before->keys[i]), pubkey_id(after->keys[k])) != 0)
			k++;
		if (k == after->n)
			return true;
	}
	return false;
}
