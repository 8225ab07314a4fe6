/* reader.h — typed reads from a strictly parsed JSON tree, with field paths.
 *
 * A struct place is a value and the way that leads to it, kept on the stack by the caller, so that a complaint can say
 * "settings[3].value" without anybody building the path on the good way. Every read either succeeds or fills the
 * fault with the path, what is wrong, and what was expected. Look-ups are case-sensitive.
 *
 * Document parsers read like the schema: read_members() refuses unknown members, then one read per member.
 */
#ifndef KEDGE_PROTO_READER_H
#define KEDGE_PROTO_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/err.h"
#include "proto/strict.h"

struct place {
	const struct cJSON *node;
	const struct place *up; /* NULL at the root */
	const char *name;       /* member name in UP, or NULL when UP is an array */
	size_t index;           /* index in UP when it is an array */
};

/* The root of TREE. */
struct place place_root(const struct cJSON *tree);
/* "settings[3].value" into BUF; "(document)" for the root. Returns BUF. */
const char *place_path(const struct place *at, char *buf, size_t size);
/* Fill F with the path of AT. Returns CODE. */
int place_fault(const struct place *at, struct fault *f, int code, const char *todo, const char *fmt, ...)
        __attribute__((format(printf, 5, 6)));

bool place_is_object(const struct place *at);
bool place_is_array(const struct place *at);
bool place_is_string(const struct place *at);
bool place_is_int(const struct place *at);

/* AT must be an object whose members are all in KNOWN (NULL-terminated). */
int read_members(const struct place *at, const char *const *known, struct fault *f);
/* Is there a member NAME (and is AT an object)? */
bool read_has(const struct place *at, const char *name);
/* The member NAME of AT, whatever its type, in *RET (which then refers to AT). KE_SCHEMA when there is none. */
int read_any(const struct place *at, const char *name, struct place *ret, struct fault *f);
int read_object(const struct place *at, const char *name, struct place *ret, struct fault *f);
int read_array(const struct place *at, const char *name, struct place *ret, struct fault *f);
/* A string of MIN..MAX bytes. *RET points into the tree. */
int read_string(
        const struct place *at, const char *name, size_t min, size_t max, const char **ret, struct fault *f);
int read_int(
        const struct place *at, const char *name, int64_t min, int64_t max, int64_t *ret, struct fault *f);
int read_bool(const struct place *at, const char *name, bool *ret, struct fault *f);
/* One of WORDS (NULL-terminated); *RET is its index. */
int read_word(
        const struct place *at, const char *name, const char *const *words, unsigned *ret, struct fault *f);
/* Exactly SIZE bytes as lower- or upper-case hex. */
int read_hex(const struct place *at, const char *name, void *ret, size_t size, struct fault *f);
/* An RFC 3339 time in UTC ("2026-11-24T20:23:36Z") as seconds since 1970. */
int read_time(const struct place *at, const char *name, int64_t *ret, struct fault *f);

/* The same for members that may be absent: *RET is set to FALLBACK then. */
int read_opt_string(const struct place *at, const char *name, size_t max, const char **ret,
        const char *fallback, struct fault *f);
int read_opt_int(const struct place *at, const char *name, int64_t min, int64_t max, int64_t *ret,
        int64_t fallback, struct fault *f);
int read_opt_bool(const struct place *at, const char *name, bool *ret, bool fallback, struct fault *f);
int read_opt_word(const struct place *at, const char *name, const char *const *words, unsigned *ret,
        unsigned fallback, struct fault *f);

/* The value at AT itself, for array elements and map values. */
int place_string(const struct place *at, size_t min, size_t max, const char **ret, struct fault *f);
int place_int(const struct place *at, int64_t min, int64_t max, int64_t *ret, struct fault *f);

/* Walk an array or object in document order: start with struct place item = { 0 }; while (place_next(at, &item)) ...
 * For objects item.name is the member's name. Linear over the whole walk. */
bool place_next(const struct place *at, struct place *item);
size_t place_count(const struct place *at);

#endif
