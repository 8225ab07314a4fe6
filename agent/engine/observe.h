/* observe.h — what the host holds now for the keys of a policy.
 *
 * One row a concrete key: settings whose name is a pattern become a row for each matching key that exists, but for
 * those it excepts (an explicit setting of the same key wins). Values come in canonical form, beside the kernel's own text. A key that cannot be
 * had says why, judged with the knowledge base and the running kernel's release.
 */
#ifndef KEDGE_AGENT_ENGINE_OBSERVE_H
#define KEDGE_AGENT_ENGINE_OBSERVE_H

#include <stdint.h>

#include "agent/engine/procsys.h"
#include "policies/policy.h"

enum key_state {
	KEY_PRESENT,    /* value read; when it is not what the setting wants it was also found writable */
	KEY_READ_ONLY,  /* value read, cannot be written */
	KEY_UNREADABLE, /* there, but the value cannot be read: no transaction may contain it */
	KEY_ABSENT,
};

enum key_reason {
	REASON_NONE,
	/* absent, may come: pending */
	REASON_MODULE,    /* detail: the module that brings the key */
	REASON_INTERFACE, /* detail: the interface that is not there, or "no match" for a pattern */
	/* absent, will not come: unsupported */
	REASON_REMOVED,   /* detail: the release that removed it */
	REASON_TOO_OLD,   /* detail: the release that brings it */
	REASON_UNKNOWN,   /* detail: the nearest known key, if any */
	REASON_HOST_WIDE, /* one value per host, not settable in this network namespace */
	REASON_MISSING,   /* known, should be there, is not: built without it */
	/* present, no use: unsupported */
	REASON_READ_ONLY,
	REASON_UNREADABLE,
	/* blocked */
	REASON_CEILING, /* outside this host's ceiling */
	REASON_NEVER,   /* on the never-list */
	REASON_TRIGGER, /* writing it is an action */
	REASON_ONE_WAY, /* cannot be set back */
	REASON_SECRET,  /* must not be reported */
};

#define REASON_DETAIL_LEN 64

struct observed {
	struct name name;
	const struct setting *setting; /* borrowed from the policy */
	const struct knob *knob;       /* NULL: unknown */
	enum key_state state;
	enum key_reason reason;
	int err;                        /* errno of the failed open or read, 0 otherwise */
	char detail[REASON_DETAIL_LEN]; /* what the reason names; may be "" */
	char *value;                    /* canonical; NULL when absent or unreadable */
	char *raw;                      /* as the kernel printed it, without the last newline; likewise */
};

struct observation {
	struct observed *keys; /* in the policy's order; matches of a pattern by name */
	size_t n;
};

/* Observe every key of P on a host that runs KERNEL. The policy must outlive the result. Failures of single keys are
 * rows, not errors; KE_NOMEM, KE_TOOBIG. observation_free() it. */
int observe_policy(struct procsys *ps, const struct policy *p, uint32_t kernel, struct observation **ret,
        struct fault *f);
void observation_free(struct observation *o);
/* One key, without a setting: fills everything of *RET but setting. observed_clear() it. */
int observe_key(struct procsys *ps, const struct name *n, uint32_t kernel, struct observed *ret);
void observed_clear(struct observed *o);
/* "module", "interface", "removed", ... as in JSON; never NULL. */
const char *reason_name(enum key_reason r);
/* The reason in words with its detail: "module nf_conntrack is not loaded". Returns BUF. */
const char *reason_text(enum key_reason r, const char *detail, char *buf, size_t size);

#endif
