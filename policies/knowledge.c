/* knowledge.c — look-ups in the tables made by kb_compile, and the never-list.
 *
 * No start-up work, no allocation, no writing: binary search over sorted paths, then the few patterns. The never-list
 * is code and not data on purpose: what no policy may touch must not be editable where policies are edited.
 * Called by policy, lint, engine and the commands.
 */
#include "policies/knowledge.h"

#include <stdlib.h>
#include <string.h>

#include "policies/kb_table.h"

/* Segments may be "*" or end in '*' (a prefix); a leading "**" segment stands for any number of them; a trailing one
 * for any rest. What gives code execution as root, opens memory or the kernel, cannot be set back, is an action, or
 * is a secret. */
static const char *const never[] = {
	"kernel/core_pattern",
	"kernel/core_pipe_limit",
	"kernel/modprobe",
	"kernel/modules_disabled",
	"kernel/hotplug",
	"kernel/poweroff_cmd",
	"kernel/usermodehelper/**",
	"kernel/kexec*",
	"kernel/sysrq",
	"kernel/ns_last_pid",
	"kernel/randomize_va_space",
	"kernel/unprivileged_bpf_disabled",
	"kernel/yama/**",
	"fs/suid_dumpable",
	"fs/protected_*",
	"fs/binfmt_misc/**",
	"vm/mmap_min_addr",
	"vm/drop_caches",
	"vm/compact_memory",
	"dev/tty/ldisc_autoload",
	"net/core/bpf_jit_*",
	"net/ipv4/tcp_fastopen_key",
	"**/flush",
	"**/stable_secret",
};

static int path_cmp(const void *key, const void *item)
{
	return strcmp(key, ((const struct knob *)item)->path);
}

const struct knob *knowledge_find(const struct name *n)
{
	const struct knob *k = bsearch(n->path, kb_knobs, kb_knobs_n, sizeof kb_knobs[0], path_cmp);
	for (size_t i = 0; !k && i < kb_patterns_n; i++)
		if (name_match_path(kb_knobs[kb_patterns[i]].path, n->path))
			k = &kb_knobs[kb_patterns[i]];
	return k;
}

const char *knob_list_next(const char *item)
{
	return item + strlen(item) + 1;
}

bool knob_list_matches(const char *list, const struct name *n)
{
	for (const char *s = list; *s; s = knob_list_next(s))
		if (name_match_path(s, n->path))
			return true;
	return false;
}

static const char *text_or_null(uint32_t offset)
{
	return offset ? kb_texts + offset : NULL;
}

const char *knob_module(const struct knob *k)
{
	return text_or_null(k->module);
}

const char *knob_also_changes(const struct knob *k)
{
	return kb_texts + k->also_changes;
}

const char *knob_after(const struct knob *k)
{
	return kb_texts + k->after;
}

const char *knob_after_raised(const struct knob *k)
{
	return kb_texts + k->after_raised;
}

struct knob_doc knowledge_doc(const struct knob *k)
{
	const uint32_t *row = kb_docs[k - kb_knobs];
	return (struct knob_doc){
		.unit = kb_texts + row[KB_UNIT],
		.initial = text_or_null(row[KB_INITIAL]),
		.initial_rule = text_or_null(row[KB_INITIAL_RULE]),
		.bounds_note = text_or_null(row[KB_BOUNDS_NOTE]),
		.effect = text_or_null(row[KB_EFFECT]),
		.meaning = kb_texts + row[KB_MEANING],
		.words = kb_texts + row[KB_WORDS],
		.hazards = kb_texts + row[KB_HAZARDS],
		.relations = kb_texts + row[KB_RELATIONS],
		.history = kb_texts + row[KB_HISTORY],
		.sources = kb_texts + row[KB_SOURCES],
		.starts_from = text_or_null(row[KB_STARTS_FROM]),
		.scope_since = text_or_null(row[KB_SCOPE_SINCE]),
		.requires = text_or_null(row[KB_REQUIRES]),
		.readback = text_or_null(row[KB_READBACK]),
	};
}

struct value_shape knowledge_bounds(const struct knob *k, uint32_t kernel)
{
	struct value_shape shape = k->shape;
	if (kernel && kernel < k->earlier_before) {
		shape.has_min = shape.has_max = true;
		shape.min = k->earlier_min;
		shape.max = k->earlier_max;
	}
	return shape;
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;
	return m < c ? m : c;
}

/* Edit distance of A and B, or MOST + 1 when it is larger than MOST. */
static unsigned distance(const char *a, const char *b, unsigned most)
{
	/* What both begin with does not count, and most keys begin alike. */
	while (*a && *a == *b) {
		a++;
		b++;
	}
	size_t a_len = strlen(a), b_len = strlen(b);
	while (a_len && b_len && a[a_len - 1] == b[b_len - 1]) {
		a_len--;
		b_len--;
	}
	unsigned row[KNOB_PATH_ROOM];
	if (b_len >= KNOB_PATH_ROOM || a_len > b_len + most || b_len > a_len + most)
		return most + 1;
	for (size_t j = 0; j <= b_len; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; i <= a_len; i++) {
		unsigned diagonal = row[0], least = row[0] = (unsigned)i;
		for (size_t j = 1; j <= b_len; j++) {
			unsigned above = row[j];
			row[j] = min3(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
			least = row[j] < least ? row[j] : least;
		}
		if (least > most)
			return most + 1;
	}
	return row[b_len] <= most ? row[b_len] : most + 1;
}

const struct knob *knowledge_nearest(const struct name *n)
{
	const struct knob *nearest = NULL;
	unsigned best = 4;
	for (size_t i = 0; i < kb_knobs_n && best; i++) {
		unsigned d = distance(n->path, kb_knobs[i].path, best - 1);
		if (d < best) {
			best = d;
			nearest = &kb_knobs[i];
		}
	}
	return nearest;
}

static int name_text_cmp(const void *key, const void *item)
{
	return strcmp(key, kb_texts + *(const uint32_t *)item);
}

/* net/ipv4/conf/eth0/x -> net/ipv4/conf/STAR/x, likewise neigh: the list of names has interfaces as a wildcard. */
static void interface_star(const struct name *n, struct name *ret)
{
	const char *family, *kind, *interface;
	size_t family_len, kind_len, interface_len;
	*ret = *n;
	if (name_segments(n) != 5 || !name_segment(n, 1, &family, &family_len) ||
	        !name_segment(n, 2, &kind, &kind_len) || !name_segment(n, 3, &interface, &interface_len))
		return;
	if ((kind_len != 4 || memcmp(kind, "conf", 4) != 0) &&
	        (kind_len != 5 || memcmp(kind, "neigh", 5) != 0))
		return;
	size_t at = (size_t)(interface - n->path);
	ret->path[at] = '*';
	/* The name only gets shorter: a segment has at least one byte. */
	memmove(ret->path + at + 1, interface + interface_len, strlen(interface + interface_len) + 1);
}

bool knowledge_exists(const struct name *n)
{
	struct name star;
	const struct knob *k = knowledge_find(n);
	if (k)
		return true;
	interface_star(n, &star);
	return bsearch(n->path, kb_names, kb_names_n, sizeof kb_names[0], name_text_cmp) ||
	       bsearch(star.path, kb_names, kb_names_n, sizeof kb_names[0], name_text_cmp);
}

const struct value_shape *knowledge_shape(const struct name *n)
{
	const struct knob *k = knowledge_find(n);
	return k ? &k->shape : &value_shape_text;
}

const struct knob *knowledge_all(size_t *ret_n)
{
	*ret_n = kb_knobs_n;
	return kb_knobs;
}

/* Can the segments A and B (each may be "*"; A may be a prefix ending in '*') be the same? */
static bool segment_meets(const char *a, size_t a_len, const char *b, size_t b_len)
{
	if ((b_len == 1 && *b == '*') || (b_len == 2 && b[0] == '*' && b[1] == '*'))
		return true;
	if (a_len && a[a_len - 1] == '*')
		return b_len >= a_len - 1 && memcmp(a, b, a_len - 1) == 0;
	return a_len == b_len && memcmp(a, b, a_len) == 0;
}

static bool never_meets(const char *entry, const char *path)
{
	if (strncmp(entry, "**/", 3) == 0) {
		const char *slash = strrchr(path, '/');
		const char *last = slash ? slash + 1 : path;
		return segment_meets(entry + 3, strlen(entry + 3), last, strlen(last));
	}
	/* Most entries differ in the first letter, and this is asked of every key. */
	if (*entry != *path && *entry != '*' && *path != '*')
		return false;
	for (;;) {
		size_t e_len = (size_t)(strchrnul(entry, '/') - entry),
		       p_len = (size_t)(strchrnul(path, '/') - path);
		if ((e_len == 2 && memcmp(entry, "**", 2) == 0) || (p_len == 2 && memcmp(path, "**", 2) == 0))
			return true;
		if (!segment_meets(entry, e_len, path, p_len))
			return false;
		if (!entry[e_len] || !path[p_len])
			return !entry[e_len] && !path[p_len];
		entry += e_len + 1;
		path += p_len + 1;
	}
}

bool knowledge_never(const struct name *n)
{
	for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
		if (never_meets(never[i], n->path))
			return true;
	return false;
}
