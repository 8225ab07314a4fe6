/* original.h — what is in force, and what was there before.
 *
 * One file in the run directory, per boot: for every key that kedge ever applied since boot its original text and, while
 * it is part of the policy in force, the wanted value. So `revert` goes back over several applies, and `verify` and
 * `status` need no file.
 *
 * Renaming this file into place is the commit point of an apply: each apply takes the next serial, its journal carries
 * it, and a journal whose serial the file already has belongs to an apply that was done.
 */
#ifndef KEDGE_AGENT_ENGINE_ORIGINAL_H
#define KEDGE_AGENT_ENGINE_ORIGINAL_H

#include <stdbool.h>
#include <stdint.h>

#include "policies/policy.h"
#include "proto/clock.h"
#include "proto/codec.h"
#include "proto/err.h"

#define ORIGINAL_NAME      "originals"
#define ORIGINAL_NEXT_NAME "originals.next" /* of an apply that waits for confirmation */
#define ORIGINAL_MERGED    "resolved" /* the policy's name where it is the keeper's, of all that is in force */
#define ORIGINAL_MAX_BYTES (8U << 20)

struct original {
	struct name name; /* a concrete key, or a pattern of the policy in force (which has no original) */
	char *value;      /* the kernel's own text from before the first apply; NULL: not known (yet) */
	char *wanted;     /* canonical, of a setting of the policy in force; NULL: not one of its settings */
	enum value_bound bound; /* of wanted */
	struct name *except;    /* of a pattern that is wanted, as in struct setting */
	size_t n_except;
	enum setting_mode mode;
	bool required, optional; /* as in struct setting */
	bool lost; /* the original is lost for good: a damaged file, or applied before this one began */
};

struct originals {
	char boot_id[BOOT_ID_ROOM];
	unsigned char hash[SHA256_LEN]; /* plan hash of the policy in force; zeros when none is */
	char *policy;                   /* its name; "" when none is in force */
	int64_t version;
	uint64_t serial; /* of the transaction that wrote the file */
	int64_t time;    /* wall clock of the apply, seconds */
	struct original *keys;
	size_t n;
};

int originals_decode(const void *data, size_t len, struct originals **ret);
int originals_encode(const struct originals *o, char **ret, size_t *ret_len);
int originals_new(const char *boot_id, struct originals **ret);
void originals_free(struct originals *o);

/* Read RUN_DIR's file. KE_NOENT: none, or of another boot than BOOT_ID; KE_SYNTAX: damaged. */
int originals_read(const char *run_dir, const char *boot_id, struct originals **ret, struct fault *f);
/* Replace RUN_DIR/NAME (ORIGINAL_NAME, ORIGINAL_NEXT_NAME). */
int originals_write(const char *run_dir, const char *name, const struct originals *o, struct fault *f);
/* Make the file that waits for confirmation the one in force. KE_NOENT: none waits. */
int originals_promote(const char *run_dir, struct fault *f);
int originals_remove(const char *run_dir, const char *name, struct fault *f);

struct original *originals_find(struct originals *o, const struct name *n);
/* Make sure N has a row, and note VALUE (may be NULL) as its original unless that is known or lost already. Its row, valid
 * until the next call, in *RET (may be NULL). */
int originals_note(struct originals *o, const struct name *n, const char *value, struct original **ret);
/* Row K as the setting that it is of; everything is borrowed from K, and value is NULL when it is none. */
struct setting originals_setting(const struct original *k);
/* The row of the setting by which key N is in force: its own, or a pattern's, the last one; NULL when by none. */
const struct original *originals_holder(const struct originals *o, const struct name *n);
/* The policy in force as a policy document made of the rows that are wanted; KE_NOENT when none is. policy_free() it. */
int originals_policy(const struct originals *o, struct policy **ret, struct fault *f);

#endif
