/* knowledge.h — what kedge knows about sysctl keys.
 *
 * The facts live in policies/kb/NAME.json (schema: proto/schema/knob.schema.json), are turned into constant tables by
 * the build (kb_compile), and are looked up here. An unknown key is no error: knowledge_find() returns NULL and the
 * callers treat its value as text.
 */
#ifndef KEDGE_POLICIES_KNOWLEDGE_H
#define KEDGE_POLICIES_KNOWLEDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policies/name.h"
#include "policies/value.h"

enum knob_scope {
	KNOB_NETNS,      /* one value per network namespace */
	KNOB_HOST,       /* one value per host; absent in child network namespaces */
	KNOB_HOST_SHOWN, /* one value per host; shown read-only in child network namespaces */
};

/* Keys that no transaction may contain: writing them is an action, or cannot be undone. */
enum knob_danger {
	KNOB_PLAIN,
	KNOB_TRIGGER, /* writing is an action: drop_caches, route.flush */
	KNOB_ONE_WAY, /* cannot be set back: modules_disabled, unprivileged_bpf_disabled */
	KNOB_SECRET,  /* must not be reported: tcp_fastopen_key, stable_secret */
};

/* A kernel release as one number: 6.18 -> KERNEL(6, 18); 0 means "always" for added, "never" for removed. */
#define KERNEL(major, minor) ((uint32_t)(major) << 16 | (uint32_t)(minor))

struct knob {
	const char *path; /* name in path form; a segment may be "*" (conf/STAR/rp_filter) */
	struct value_shape shape;
	enum knob_scope scope;
	enum knob_danger danger;
	uint32_t added;               /* first kernel release that has it; 0: older than any we support */
	uint32_t removed;             /* first kernel release that lacks it; 0: still there */
	const char *unit;             /* "seconds", "pages", ...; never NULL */
	const char *initial;          /* the kernel's default as text, or NULL when it is computed */
	const char *initial_rule;     /* how the kernel computes its default, in words, or NULL */
	const char *module;           /* kernel module that brings the key, or NULL */
	const char *meaning;          /* one sentence; never NULL */
	const char *const *hazards;   /* NULL-terminated */
	const char *const *relations; /* NULL-terminated */
	const char *const *sources;   /* NULL-terminated */
	const char *const
	        *also_changes; /* NULL-terminated: path patterns that a write to this key changes too */
	const char *const
	        *after; /* NULL-terminated: keys that must be written before this one when both change */
};

/* The knob for NAME, exact match before patterns; NULL when unknown. */
const struct knob *knowledge_find(const struct name *n);
/* The known key nearest to NAME within edit distance 3, or NULL. */
const struct knob *knowledge_nearest(const struct name *n);
/* The shape by which NAME's values are read: the knob's, or text. Never NULL. */
const struct value_shape *knowledge_shape(const struct name *n);
/* All knobs, ordered by path; *RET_N of them. */
const struct knob *knowledge_all(size_t *ret_n);
/* Is NAME on the built-in never-list (kernel.core_pattern, kernel.modprobe, fs.binfmt_misc.*, ...)? No policy, ceiling
 * or command line can allow these. */
bool knowledge_never(const struct name *n);

#endif
