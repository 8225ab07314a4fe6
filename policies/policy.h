/* policy.h — a policy: a named, versioned list of settings (schema: proto/schema/policy.schema.json).
 *
 * Data, open to everybody. Built from the JSON document (policy_parse), from a sysctl.conf (sysctl_conf_parse) or by a
 * test; freed by policy_free. A setting's value is kept canonical, as value_wanted() made it.
 */
#ifndef KEDGE_POLICIES_POLICY_H
#define KEDGE_POLICIES_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policies/bound.h"
#include "policies/knowledge.h"
#include "policies/name.h"
#include "policies/selector.h"
#include "policies/suppress.h"
#include "policies/value.h"
#include "proto/err.h"

#define POLICY_MAX_SETTINGS     2000
#define POLICY_MAX_EXCEPT       64 /* of one setting */
#define POLICY_NAME_MAX         64

#define POLICY_PRIORITY_MAX     1000
#define POLICY_PRIORITY_DEFAULT 100

enum setting_mode {
	SETTING_ENFORCE, /* apply, restore on drift */
	SETTING_MONITOR, /* apply once, then report */
	SETTING_AUDIT,   /* never write, only report */
	SETTING_LOCK,    /* enforce, and refuse other writers where the host allows that */
};

struct setting {
	struct name name;
	const struct knob *knob; /* NULL: unknown to the knowledge base */
	enum value_bound bound;  /* VALUE is what is wanted, or what is at least, or at most */
	char *value;             /* canonical text, without the bound's sign */
	char *why;               /* may be NULL */
	struct name *except;     /* of a pattern: keys and narrower patterns that are not meant */
	size_t n_except;
	enum setting_mode mode;
	bool required; /* a pending or unsupported key refuses the whole plan */
	bool optional; /* sysctl.d's "-" prefix: a missing key is no complaint */
	bool release; /* the value is the key's original: write it, and do not hold it afterwards. Never in documents */
	char *held;    /* of a release with a bound: the value that was held so far; else NULL */
	unsigned line; /* line in the source file, 0 when from JSON */
};

struct policy {
	char *name;
	int64_t version;
	int64_t priority;          /* 0..1000; the higher one wins where two policies set one key */
	int64_t confirm_timeout;   /* seconds; 0: the default */
	char *description;         /* may be NULL */
	struct selector *selector; /* NULL: every host */
	struct suppression *suppress; /* findings of lint that were judged */
	size_t n_suppress;
	struct setting *settings;
	size_t n;
};

/* Parse a policy document of LEN bytes. Strict: unknown members, duplicate keys, and values that do not fit the
 * knowledge base are refused with a field path in the fault. Keys on the never-list, triggers, one-way keys and
 * secrets are refused with KE_CEILING. A key unknown to the knowledge base is kept (knob NULL): whether that is
 * acceptable is the caller's decision. A key may have "*" segments, no "**". *RET is newly allocated; policy_free()
 * it. */
int policy_parse(const char *json, size_t len, struct policy **ret, struct fault *f);
/* Is NAME fit for a policy: 1 to 64 of a-z 0-9 - _ . and a letter or digit first? It becomes part of a file's path. */
bool policy_name_valid(const char *name);
/* An empty policy with a copy of NAME (KE_NAME when it is not valid) and the default priority. */
int policy_new(const char *name, int64_t version, struct policy **ret);
/* Append a setting; VALUE is canonicalised by the key's shape. Duplicate names: KE_DUPLICATE; forbidden keys as
 * above: KE_CEILING; wrong values: as value_wanted(). fault.where is the key. WHY may be NULL. The new setting is returned in *RET (owned by P, valid until the next append) when RET is not NULL. */
int policy_append(struct policy *p, const struct name *n, const char *value, const char *why,
        struct setting **ret, struct fault *f);
/* The same for a value with form B (VALUE without its sign); errors also as bound_value(). */
int policy_append_bound(struct policy *p, const struct name *n, enum value_bound b, const char *value,
        const char *why, struct setting **ret, struct fault *f);
/* Append a copy of S, all but its source line. Errors as policy_append(). */
int policy_append_copy(struct policy *p, const struct setting *s, struct setting **ret, struct fault *f);
const struct setting *policy_find(const struct policy *p, const struct name *n);
/* Keys that N names are not meant by the pattern S. Below conf and neigh, "all" and "default" are not meant by a "*" anyway: 0, and
 * nothing is kept. KE_VALUE: S is no pattern, or N is not narrower than it; KE_DUPLICATE,
 * KE_TOOBIG, KE_NOMEM. */
int setting_except(struct setting *s, const struct name *n, struct fault *f);
/* "enforce", "monitor", ... as in documents and records; never NULL. */
const char *setting_mode_name(enum setting_mode mode);
/* Is N one of the N_EXCEPT keys and patterns in EXCEPT? */
bool name_excepted(const struct name *except, size_t n_except, const struct name *n);
/* Does S mean the key N: by its name, or as a pattern and not as an exception? */
bool setting_covers(const struct setting *s, const struct name *n);
/* The setting of P that decides about the key N: its own, else the last pattern that means it; NULL: none. */
struct setting *policy_holder(const struct policy *p, const struct name *n);
/* Do A and B want the same of the same keys? Remarks and source lines do not count. */
bool setting_same(const struct setting *a, const struct setting *b);
/* Is the canonical value OBSERVED what S wants, so that nothing has to be written? */
bool setting_holds(const struct setting *s, const char *observed);
/* What has to be written where OBSERVED is (NULL: not known), canonical, newly allocated in *RET (free()). KE_NOMEM. */
int setting_wanted(const struct setting *s, const char *observed, char **ret);
/* Free what S points to; for settings that leave their policy. */
void setting_clear(struct setting *s);
/* The document as JSON text, two-space indented, newline at the end; newly allocated (free()). */
int policy_print(const struct policy *p, char **ret, size_t *ret_len);
void policy_free(struct policy *p);

#endif
