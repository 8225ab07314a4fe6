/* journal.h — the values from before, on the way out before the first write.
 *
 * A file in the run directory, written whole and renamed: a reader sees a complete journal or none. The header names
 * boot, plan, state and deadline; every record and the header carry a CRC. After kill -9 the page cache survives and
 * the journal says how to go back; after a reboot /proc/sys is fresh and a journal of another boot is void.
 */
#ifndef KEDGE_AGENT_ENGINE_JOURNAL_H
#define KEDGE_AGENT_ENGINE_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/engine/procsys.h"
#include "proto/clock.h"
#include "proto/codec.h"

#define JOURNAL_NAME        "journal"
#define JOURNAL_MAX_BYTES   (8U << 20)
#define JOURNAL_MAX_ENTRIES 65536

enum journal_state {
	JOURNAL_APPLYING = 1, /* writes may have happened: go back */
	JOURNAL_APPLIED = 2,  /* all written; unconfirmed until confirmed or the deadline passes */
};

struct journal_entry {
	struct name name;
	char *old; /* the kernel's own text */
	char *new; /* wanted, canonical; NULL: not written itself, only changed along with another key */
};

struct journal {
	char boot_id[BOOT_ID_ROOM];
	unsigned char hash[SHA256_LEN]; /* of the plan */
	enum journal_state state;
	uint64_t serial;               /* of the transaction, within this boot: see original.h */
	int64_t deadline_ms;           /* CLOCK_BOOTTIME; 0: none */
	struct journal_entry *entries; /* the writes in writing order, then what they change along */
	size_t n;
};

/* The file's bytes -> journal. KE_SYNTAX: torn, of another version, or not a journal; never a part of one. */
int journal_decode(const void *data, size_t len, struct journal **ret);
/* Journal -> newly allocated bytes. KE_NOMEM, KE_TOOBIG. */
int journal_encode(const struct journal *j, char **ret, size_t *ret_len);
/* Append a copy of NAME, OLD and NEW (NULL: changed along only). */
int journal_add(struct journal *j, const struct name *name, const char *old, const char *new);
int journal_new(const char *boot_id, const unsigned char hash[SHA256_LEN], struct journal **ret);
void journal_free(struct journal *j);

/* Write J into RUN_DIR. */
int journal_write(const char *run_dir, const struct journal *j, struct fault *f);
/* Read RUN_DIR's journal. KE_NOENT: there is none; KE_SYNTAX: there is one that is torn. */
int journal_read(const char *run_dir, struct journal **ret, struct fault *f);
/* Is there one, whatever its state? */
bool journal_exists(const char *run_dir);
int journal_remove(const char *run_dir, struct fault *f);

#endif
