/* original.h — what is in force, and what was there before.
 *
 * One file in the run directory, per boot: for every key that kedge ever applied since boot its original text and, while
 * it is part of the policy in force, the wanted value. So `revert` goes back over several applies, and `verify` and
 * `status` need no file.
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
#define ORIGINAL_MAX_BYTES (8U << 20)

struct original {
	struct name name;
	char *value;  /* the kernel's own text from before the first apply; NULL: never known */
	char *wanted; /* canonical; NULL: no longer part of the policy in force */
	enum setting_mode mode;
};

struct originals {
	char boot_id[BOOT_ID_ROOM];
	unsigned char hash[SHA256_LEN]; /* plan hash of the policy in force; zeros when none is */
	char *policy;                   /* its name; "" when none is in force */
	int64_t version;
	int64_t time; /* wall clock of the apply, seconds */
	struct original *keys;
	size_t n;
};

int originals_decode(const void *data, size_t len, struct originals **ret);
int originals_encode(const struct originals *o, char **ret, size_t *ret_len);
int originals_new(const char *boot_id, struct originals **ret);
void originals_free(struct originals *o);

/* Read RUN_DIR's file. KE_NOENT: none, or of another boot than BOOT_ID; KE_SYNTAX: damaged. */
int originals_read(const char *run_dir, const char *boot_id, struct originals **ret, struct fault *f);
int originals_write(const char *run_dir, const struct originals *o, struct fault *f);
int originals_remove(const char *run_dir, struct fault *f);

struct original *originals_find(struct originals *o, const struct name *n);
/* Note the key N with VALUE (NULL: never known) as its original, unless it has a row already; then its row, valid until
 * the next call, in *RET. */
int originals_note(struct originals *o, const struct name *n, const char *value, struct original **ret);
/* The policy in force as a policy document made of the rows that are wanted; KE_NOENT when none is. policy_free() it. */
int originals_policy(const struct originals *o, struct policy **ret, struct fault *f);

#endif
