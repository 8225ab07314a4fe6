/* draft.h — role files in the making, for repositories that no publisher would write.
 *
 * A draft is the signed part of one role file, who signs it, and what is done to it on the way to bytes. proto/release.h
 * cannot be used for this: it refuses most of what these tests are about. Signatures are made over what a reader of the
 * text sees, so that a refusal is a refusal of the thing itself and not of a broken signature. All randomness is a
 * struct dice, keys are derived from their names: the same seed has the same bytes. Errors abort.
 */
#ifndef KEDGE_TESTS_PEERS_DRAFT_H
#define KEDGE_TESTS_PEERS_DRAFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/buf.h"
#include "tests/support/repo_sim.h"

struct cJSON;

struct dice {
	uint64_t state;
};
/* 0 .. n-1. */
unsigned dice_roll(struct dice *d, unsigned n);

/* Text that cJSON cannot hold. The tree has MARK as a string; the file has TEXT in its place, what is signed CANON. */
struct raw {
	char mark[16];
	char *text;
	char *canon;
	size_t canon_len;
};
#define RAWS_MAX 8

struct signature_row {
	char keyid[80];
	char hex[600];
	const char *whole; /* instead: the whole entry */
};
#define ROWS_MAX 12

struct draft;
/* What becomes of the signatures; N of ROWS are in use. */
typedef void rows_edit(struct draft *d, struct signature_row *rows, size_t *n);
/* What becomes of the text. */
typedef void text_edit(struct draft *d, struct buf *text, struct dice *dice);

struct draft {
	char role[64];
	struct cJSON *part;
	struct cJSON *sealed; /* sign this instead of PART; NULL: PART */
	struct raw raws[RAWS_MAX];
	size_t n_raws;
	const char *signers[6]; /* names of keys */
	size_t n_signers;
	rows_edit *rows;
	const char *signatures; /* instead of the array of signatures; "": the member is left out */
	text_edit *text;
	bool late; /* the text is edited after its length and hashes were listed */
	bool withheld;
	struct buf bytes;  /* after draft_seal() */
	struct buf listed; /* what snapshot and timestamp say it is */
};

/* A draft from a published file. */
void draft_load(struct draft *d, const char *role, const struct repo_sim_file *file);
void draft_free(struct draft *d);
/* Sign and write it. */
void draft_seal(struct draft *d, struct repo_sim *sim, struct dice *dice);
/* Set the member at AT to the JSON text TEXT (NULL: remove it), which is signed as CANON (NULL: as TEXT). AT is names
 * joined by '|'; "#2" is an element of an array. False when there is no such place. */
bool draft_set(struct draft *d, struct repo_sim *sim, const char *at, const char *text, const char *canon);
/* The node at AT, or NULL. */
struct cJSON *draft_at(struct draft *d, struct repo_sim *sim, const char *at);
/* TEXT with $K{name} (a key's id), $P{name} (its public half) and $T{seconds} (a time, relative to the test's now)
 * filled in; allocated. */
char *draft_expand(struct repo_sim *sim, const char *text);

#define DRAFT_NOW (REPO_SIM_NOW + 3600)

#endif
