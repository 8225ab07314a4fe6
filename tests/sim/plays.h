/* plays.h — what a lying server says to one simulated host: to its questions, about its rollouts, about the date. */
#ifndef KEDGE_TESTS_SIM_PLAYS_H
#define KEDGE_TESTS_SIM_PLAYS_H

#include "tests/sim/oracle.h"

/* What a server can play. */
enum play {
	HONEST,
	HOLD,        /* nothing is there, or nothing answers */
	BURST,       /* then all that was ever signed, at once */
	EMPTY,       /* nothing is assigned */
	OLD_SERIALS, /* rollouts of the past */
	TO_AND_FRO,  /* between two of them */
	REPLAY,      /* an older publication, as it was */
	MIX,         /* files of several publications */
	DAMAGE,      /* cut, swapped and changed files */
	FORGE,       /* rollouts and policies of its own under signed names */
	WRONG_HOST,  /* what is for another host */
	CLOCK,       /* dates far off */
	LATE,        /* answers after hours */
	PLAYS
};
extern const char *const play_names[PLAYS];

/* What it does with a question for a confirmation. */
enum confirm { CONFIRM_YES, CONFIRM_NO, CONFIRM_LATER, CONFIRM_NEVER, CONFIRM_OTHER };

/* What the server keeps about a host. */
struct victim {
	struct oracle_host *h;
	struct frame held; /* a question that it has not answered; id 0: none */
	uint32_t asked[8]; /* ids of questions for confirmations, a ring */
	size_t n_asked;
	bool confirm_later;
	bool astray; /* at the beginning of its last honest round */
	int64_t at;  /* true time of the host's last step */
};

struct world {
	struct dice dice;
	struct signer *signer;
	struct victim victims[ORACLE_HOSTS];
	size_t n;
	unsigned long steps, frames, played[PLAYS], crashes, boots;
	size_t fro[2]; /* plans of TO_AND_FRO */
};

/* Answer all that the host asks, until it asks no more; questions for a confirmation as HOW has it. */
void play_talk(struct world *w, struct victim *v, enum play play, enum confirm how);
/* Answer the question ASK. */
void play_serve(struct world *w, struct victim *v, const struct frame *ask, enum play play);
/* Tell of an assignment. */
void play_assign(struct world *w, struct victim *v, enum play play);
/* Set the host's clock, or not, and name dates. */
void play_clock(struct world *w, struct victim *v);
/* Say that the confirmation ID succeeded, or not. */
void play_confirmed(struct world *w, struct victim *v, uint32_t id, enum frame_status status);

#endif
