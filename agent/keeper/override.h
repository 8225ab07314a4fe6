/* override.h — exceptions that root made for a while: keys that hold another value, and the host on hold.
 *
 * A row lasts for as long as was asked for, by the clock that counts from boot and that nobody can set. What is left of it is kept on
 * disk, so that a restart of the agent neither ends nor lengthens it. Over a reboot the wall clock says how long the host was
 * down; set back, it gives nothing: a row never has more left than it had when it was last written down, which is done every
 * minute. Set ahead, it ends a row early.
 */
#ifndef KEDGE_KEEPER_OVERRIDE_H
#define KEDGE_KEEPER_OVERRIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policies/name.h"
#include "proto/buf.h"
#include "proto/clock.h"
#include "proto/err.h"
#include "proto/jsonw.h"

#define OVERRIDE_MAX        64 /* rows, with the hold */
#define OVERRIDE_VALUE_MAX  4096
#define OVERRIDE_REASON_MAX 256
#define OVERRIDE_COMM_MAX   63
#define OVERRIDE_POLICY     "override"   /* what drift from an overridden key's value is drift from */
#define OVERRIDE_SECONDS    (30 * 86400) /* the longest that can be asked for */

/* Who asked. */
struct override_by {
	int64_t uid, loginuid, pid; /* loginuid -1: not set, or not known */
	char comm[OVERRIDE_COMM_MAX + 1];
};

struct override_row {
	struct name key;      /* an empty path: the whole host, a hold */
	char *value, *reason; /* owned; value canonical, NULL for a hold */
	int64_t seconds;      /* asked for */
	int64_t since, until; /* wall clock; until is only what is told, and what a reboot is measured with */
	int64_t left_ms;      /* at the list's at_ms */
	struct override_by by;
};

struct override_list {
	struct override_row rows[OVERRIDE_MAX]; /* oldest first; one a key, at most one hold */
	size_t n;
	char boot_id[BOOT_ID_ROOM]; /* of at_ms; "": no row was ever counted down */
	int64_t at_ms;              /* boot time */
};

/* What time it is: the boot's id, its clock, and the wall clock with its floor. */
struct override_now {
	const char *boot_id;
	int64_t boot_ms, wall;
};

/* Is TEXT of LEN bytes a reason: 1 to OVERRIDE_REASON_MAX bytes of UTF-8 without control characters, not only blanks? */
bool override_reason_valid(const char *text, size_t len);

/* Read STATE_DIR/overrides.json; no file: none. KE_SYNTAX, KE_SCHEMA and others: damaged; *RET is untouched.
 * override_clear() it. */
int override_read(const char *state_dir, struct override_list *ret, struct fault *f);
/* The file's bytes. */
int override_parse(const char *text, size_t len, struct override_list *ret, struct fault *f);
/* Replace the file; with no rows it is removed. DURABLE: also over a power cut. */
int override_write(const struct override_list *l, const char *state_dir, bool durable, struct fault *f);
void override_clear(struct override_list *l);

/* Count down to NOW. Rows that have nothing left have left_ms <= 0 and stay in the list. */
void override_pass(struct override_list *l, const struct override_now *now);
/* Milliseconds until the first row ends; INT64_MAX: there is none. */
int64_t override_next_ms(const struct override_list *l);

/* The row of KEY, of the hold (KEY NULL); NULL: none. */
struct override_row *override_find(struct override_list *l, const struct name *key);
/* Add ROW in the place of the one of its key, its strings becoming L's; the list must have been counted down to now. KE_TOOBIG: full;
 * L is unchanged, and the strings are the caller's. */
int override_put(struct override_list *l, const struct override_row *row);
/* Take row AT out; *RET, whose strings the caller frees, is what it was (NULL: they are freed). */
void override_take(struct override_list *l, size_t at, struct override_row *ret);
void override_row_clear(struct override_row *row);

/* L as the document that `override` and `hold` answer with (proto/schema/overrides.schema.json). */
void override_json(const struct override_list *l, struct jsonw *w);

#endif
