/* depot_rekey.c — single keys of a role: added, dropped, and how many of them have to sign. Refuses a key id
 * that fits none or several of the role's keys; that the rest reaches the threshold is checked when it is written. Called
 * by `repo rotate` with --add, --drop or --threshold. */
#include <string.h>

#include "server-stub/ctl/depot_in.h"

#define PREFIX_MIN 8

/* The one key of WHO whose id begins with PREFIX. */
static int find(const struct signers *who, const char *prefix, const char **ret, struct fault *f)
{
	size_t len = strlen(prefix), n = 0;

	if (len < PREFIX_MIN || len >= KEYID_ROOM || strspn(prefix, "0123456789abcdef") != len)
		return fault_set(f, KE_USAGE, prefix, NULL,
		        "write %d or more hexadecimal digits of the key's id", PREFIX_MIN);
	for (size_t i = 0; i < who->n; i++)
		if (strncmp(pubkey_id(who->keys[i]), prefix, len) == 0) {
			*ret = pubkey_id(who->keys[i]);
			n++;
		}
	if (n == 1)
		return KE_OK;
	return n ? fault_set(f, KE_VALUE, prefix, "write more digits", "%zu keys of the role begin so", n)
	         : fault_set(f, KE_NOENT, prefix, "see kedge repo status", "the role has no such key");
}

int depot_rekey(struct depot *d, const char *role, const struct depot_rekey *change, struct fault *f)
{
	const struct signers *who = NULL;
	int rc = depot_signers(d, role, &who, f);

	if (!rc)
		rc = depot_rekeyed(d, role, f);
	for (size_t i = 0; i < change->n_drop && !rc; i++) {
		const char *id = NULL;
		rc = find(who, change->drop[i], &id, f);
		if (!rc)
			rc = release_key_drop(d->release, role, id, f);
	}
	for (size_t i = 0; i < change->n_add && !rc; i++)
		rc = release_key_add(d->release, role, change->add[i], f);
	if (!rc && change->threshold)
		rc = release_threshold(d->release, role, change->threshold, f);
	return rc;
}
