/* edits.h — the tables of what is done to a repository: to signed parts, to signatures, to text, to all of it. */
#ifndef KEDGE_TESTS_PEERS_EDITS_H
#define KEDGE_TESTS_PEERS_EDITS_H

#include "tests/peers/draft.h"

/* What the specification says of one edit, alone. REFUSE: of a top-level role, the refresh fails; of a delegated role,
 * none of its targets is found. BACK: REFUSE for a client that saw the state before, else FREE. */
enum expect { FREE, ACCEPT, REFUSE, BACK };

#define R_ROOT      1u
#define R_TIMESTAMP 2u
#define R_SNAPSHOT  4u
#define R_TARGETS   8u
#define R_D1        16u
#define R_PAIR      32u
#define R_TOP       (R_ROOT | R_TIMESTAMP | R_SNAPSHOT | R_TARGETS)
#define R_FILES     (R_TARGETS | R_D1)
#define R_ALL       (R_TOP | R_D1)

struct part_edit {
	const char *name;
	unsigned roles;
	const char *at;    /* see draft_set() */
	const char *text;  /* NULL: the member is removed */
	const char *canon; /* NULL: as TEXT */
	enum expect expect;
	const char *find; /* one more target path to look for; may be NULL */
};
extern const struct part_edit part_edits[];
extern const size_t n_part_edits;
/* Delegations, targets: continues the table. */
extern const struct part_edit file_edits[];
extern const size_t n_file_edits;

struct sign_edit {
	const char *name;
	unsigned roles;
	rows_edit *rows;
	const char *signatures;
	enum expect expect;
};
extern const struct sign_edit sign_edits[];
extern const size_t n_sign_edits;

struct wrap_edit {
	const char *name;
	text_edit *edit;
	enum expect expect;
};
extern const struct wrap_edit wrap_edits[];
extern const size_t n_wrap_edits;

#endif
