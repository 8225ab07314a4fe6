/* keyring.h — the signing keys in a directory: ROLE.KEYID.pem, PKCS#8, mode 0600, encrypted when a passphrase is given.
 *
 * Which key counts for which role is said by root.json alone; the names of the files are for people. Keys that were
 * rotated away are moved to the folder "retired" beside them.
 */
#ifndef KEDGE_SERVER_CTL_KEYRING_H
#define KEDGE_SERVER_CTL_KEYRING_H

#include <stdbool.h>

#include "proto/signkey.h"

#define KEYRING_MAX 64

struct keyring {
	char *dir;
	char *passphrase; /* NULL: keys are not encrypted */
	struct signkey *keys[KEYRING_MAX];
	char *files[KEYRING_MAX]; /* names in dir */
	size_t n;
	bool dry; /* new keys are not kept: for a dry run */
};

/* Read every *.pem in DIR, in the order of their names. KE_ACCES: others may read one. KE_NOENT: no such directory.
 * keyring_clear() *RET in any case. */
int keyring_load(const char *dir, const char *passphrase, struct keyring *ret, struct fault *f);
/* Make an ed25519 key for ROLE and save it in K->dir (made, 0700, when it is not there). *RET belongs to K. */
int keyring_make(struct keyring *k, const char *role, const struct signkey **ret, struct fault *f);
/* The same for a key of any TYPE, as NAME.KEYID.pem. */
int keyring_create(struct keyring *k, const char *name, enum signkey_type type, const struct signkey **ret,
        struct fault *f);
/* Is there a file in DIR whose name says that it holds the key with that id? For telling only: nothing is opened. */
bool keyring_names(const char *dir, const char *keyid);
/* The key with that id, or NULL. */
const struct signkey *keyring_find(const struct keyring *k, const char *keyid);
/* Move the file of KEYID to retired/. Nothing when K does not hold it. */
int keyring_retire(struct keyring *k, const char *keyid, struct fault *f);
void keyring_clear(struct keyring *k);

#endif
