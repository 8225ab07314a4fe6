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

#include "policies/knowledge.h"
#include "policies/name.h"
#include "policies/selector.h"
#include "policies/value.h"
#include "proto/err.h"

#define POLICY_MAX_SETTINGS     2000
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
	char *value;             /* canonical text */
	char *why;               /* may be NULL */
	enum setting_mode mode;
	bool required; /* a pending or unsupported key refuses the whole plan */
	bool optional; /* sysctl.d's "-" prefix: a missing key is no complaint */
	bool release; /* the value is the key's original: write it, and do not hold it afterwards. Never in documents */
	unsigned line; /* line in the source file, 0 when from JSON */
};

struct policy {
	char *name;
	int64_t version;
	int64_t priority;          /* 0..1000; the higher one wins where two policies set one key */
	int64_t confirm_timeout;   /* seconds; 0: the default */
	char *description;         /* may be NULL */
	struct selector *selector; /* NULL: every host */
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
const struct setting *policy_find(const struct policy *p, const struct name *n);
/* The document as JSON text, two-space indented, newline at the end; newly allocated (free()). */
int policy_print(const struct policy *p, char **ret, size_t *ret_len);
void policy_free(struct policy *p);

#endif
