/* knowledge.h — what kedge knows about sysctl keys.
 *
 * The facts live in policies/kb/NAME.json (schema: proto/schema/knob.schema.json), are turned into constant tables by
 * the build (kb_compile), and are looked up here without start-up work or allocation. An unknown key is no error:
 * knowledge_find() returns NULL and the callers treat its value as text.
 *
 * What decides (shape, scope, order) is in struct knob; what is told to people is in struct knob_doc, which is made
 * on request from one block of text, so that programs that only apply never touch those pages.
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
	KNOB_HOST_WIDE,  /* one value per host and the same file everywhere: fs.*, not a network key */
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

#define KNOB_PATH_ROOM       64

struct knob {
	char path[KNOB_PATH_ROOM]; /* name in path form; a segment may be "*" (conf/STAR/rp_filter) */
	struct value_shape shape;
	enum knob_scope scope;
	enum knob_danger danger;
	bool read_only;    /* read-only everywhere: tells, cannot be set */
	uint32_t added;    /* first kernel release that has it; 0: older than any we support */
	uint32_t removed;  /* first kernel release that lacks it; 0: still there */
	uint32_t obsolete; /* first kernel release where it has no effect any more; 0: it has one */
	/* Kernels before this release had other bounds; 0: none of ours had. Ask knowledge_bounds(). */
	uint32_t earlier_before;
	int64_t earlier_min, earlier_max;
	/* Offsets into the texts; 0: none. Read them with the functions below. No pointers: every one would be relocated at
	 * each start of a program that mostly asks for a few keys. */
	uint32_t module, also_changes, after, after_raised;
};

/* The item after ITEM in a list of texts, which are kept in one block: each ends with a NUL, the list with an empty
 * text. Walk it with for (const char *s = list; *s; s = knob_list_next(s)) ... */
const char *knob_list_next(const char *item);
/* Does N match one of the patterns of LIST? */
bool knob_list_matches(const char *list, const struct name *n);

/* The kernel module that brings the key, or NULL. */
const char *knob_module(const struct knob *k);
/* Lists of names and patterns in path form, never NULL. A write to K changes these too. */
const char *knob_also_changes(const struct knob *k);
/* These must be written before K when both change. */
const char *knob_after(const struct knob *k);
/* The same, but only when K's (first) number rises; it then overrules the other key's list. Together:
 * ip_unprivileged_port_start before ip_local_port_range, except when it rises. */
const char *knob_after_raised(const struct knob *k);

/* What is told to people about a knob. All pointers stay valid. */
struct knob_doc {
	const char *unit;         /* "seconds", "pages", ...; never NULL */
	const char *initial;      /* the kernel's default in canonical text, or NULL when it is computed */
	const char *initial_rule; /* how the kernel computes its default, in words, or NULL */
	const char *bounds_note;  /* what the kernel does at the bounds, or NULL */
	const char *effect;       /* when a new value takes effect, or NULL */
	const char *meaning;      /* one sentence; never NULL */
	const char *words;        /* list: "1=strict": what single values mean */
	const char *hazards;      /* list */
	const char *relations;    /* list */
	const char *history;      /* list */
	const char *sources;      /* list */
	const char
	        *starts_from; /* what a new network namespace gets: "default", or "host": a copy; or NULL */
	const char *scope_since; /* since when the scope is what it is, or NULL */
	const char *requires;    /* the kernel's configuration option or module that it needs, or NULL */
	const char *readback;    /* how the kernel prints it when not as plain decimal, or NULL */
};

/* The knob for NAME, exact match before patterns; NULL when unknown. */
const struct knob *knowledge_find(const struct name *n);
/* The texts about K, which must come from this module. */
struct knob_doc knowledge_doc(const struct knob *k);
/* K's shape with the bounds that KERNEL (KERNEL(6, 1); 0: the newest) has. */
struct value_shape knowledge_bounds(const struct knob *k, uint32_t kernel);
/* The known key nearest to NAME within edit distance 3, or NULL. Of equally near ones the first by path. */
const struct knob *knowledge_nearest(const struct name *n);
/* Is there a sysctl of this name, described here or only known by name? Interface names count as wildcards. */
bool knowledge_exists(const struct name *n);
/* The shape by which NAME's values are read: the knob's, or text. Never NULL. */
const struct value_shape *knowledge_shape(const struct name *n);
/* All knobs, ordered by path; *RET_N of them. */
const struct knob *knowledge_all(size_t *ret_n);
/* Is NAME on the built-in never-list (kernel.core_pattern, kernel.modprobe, fs.binfmt_misc.*, ...)? No policy, ceiling
 * or command line can allow these. A pattern is on it when it could match a name that is. */
bool knowledge_never(const struct name *n);

#endif
