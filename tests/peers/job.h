/* job.h — one case in the making: a repository at version 2 that a client may have seen, and its spoilt version 3. */
#ifndef KEDGE_TESTS_PEERS_JOB_H
#define KEDGE_TESTS_PEERS_JOB_H

#include "tests/peers/edits.h"

/* In the order in which files are sealed: who lists comes behind whom it lists. */
enum part { P_ROOT, P_D1, P_D2, P_HASH, P_TERM, P_LATE, P_PAIR, P_TARGETS, P_SNAPSHOT, P_TIMESTAMP, P_COUNT };
extern const char *const part_names[P_COUNT];

#define FINDS_MAX 16

/* A repository, made once and only read afterwards. */
struct world {
	struct repo_sim *sim;          /* its keys */
	struct repo_sim_file *before;  /* the server at version 2 */
	struct repo_sim_file *after;   /* version 3, by name */
	struct repo_sim_file *targets; /* of version 3, by name in the targets URL */
	struct repo_sim_file *targets_before;
	bool consistent;
	int listing; /* of snapshot and timestamp: 0 versions, 1 length and SHA-256, 2 SHA-512 too */
};

/* Make one of the worlds; world_free() it. */
void world_make(struct world *w, bool consistent, int listing);
void world_free(struct world *w);

struct job {
	const struct world *w;
	struct repo_sim *sim;
	struct dice dice;
	bool two; /* the client refreshes at version 2 first */
	bool both_names, other_names;
	struct draft drafts[P_COUNT];
	bool loaded[P_COUNT];
	struct repo_sim_file *before; /* NULL: w->before as it is */
	struct repo_sim_file *extra;  /* served besides */
	const char *finds[FINDS_MAX];
	size_t n_finds;
	enum expect expect;
	const char *role; /* whom EXPECT is about when that is a delegated role: the path that tells */
	struct buf names; /* what was done, for people and for the table of differences */
};

/* The draft PART, loaded when it is first asked for; from then on it is sealed anew. */
struct draft *job_draft(struct job *j, enum part part);
/* The draft of version 2 of PART; *D is the caller's to free. */
void job_before(struct job *j, enum part part, struct draft *d);
/* Put FILE into the state before. */
void job_before_put(struct job *j, const char *name, const struct buf *bytes);
/* Seal what was loaded, in order, and list it again. */
void job_seal(struct job *j);
void job_free(struct job *j);
/* The name under which a role is served: versioned as METADATA lists it. */
char *job_file_name(
        const struct job *j, bool consistent, const char *role, int64_t version, char text[TUF_FILE_ROOM]);

struct scene {
	const char *name;
	void (*play)(struct job *j, int which);
	int which;
};
extern const struct scene scenes[];
extern const size_t n_scenes;

#endif
