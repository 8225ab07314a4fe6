/* gates.h — what has to hold before a rollout goes on: the member "gates" of a rollout document. Signed like the rest of it,
 * and the control server's business alone: a host reads it as strictly as everything else and then looks at its own
 * wave only.
 *
 *   "gates":{"soak":600,"answered":900,"evidence":10,"failed":{"share":50},"reverted":{"hosts":3,"share":50},
 *            "contested":{"hosts":0},"drifted":{"share":100},"harm":{"background":5,"excess":30}}
 *
 * A wave is settled when enough of its hosts have answered; the next one opens when it has been settled for the soak time
 * and no limit is exceeded. Every member may be absent; a document without "gates" opens its waves by time alone.
 *
 * "harm" judges by chance instead of by a fixed share. Of a fleet of any size some hosts fail whatever is rolled out: the
 * background. A rollout is halted when more hosts failed, reverted or were lost than the background explains (once in
 * 50,000 rollouts it would, in each of the looks below), and it is not let out of a wave that is large enough to tell while
 * a fault of "excess" on top could still hide in it (once in 5,000). Two thresholds on one count:
 *
 *   most   the most that chance explains: the smallest k with P(X > k) <= 1/50000, X of all hosts that are reached, each
 *          failing with the background's share. Counts only grow and N is everybody reached, so it may be looked at as
 *          often as one likes: halting early is halting on what the end would say, too (curtailed sampling).
 *   least  so few that a fault does not explain them: the largest k with P(X <= k) <= 1/5000, X of the hosts that have
 *          answered, each failing with background + excess. Asked once, when the next wave would open; and only if a good
 *          rollout would more likely than not be below it. A wave of 100 cannot rule out a fault of 3 %: it passes. One of 500
 *          can, and must: with 0.5 % of background one good rollout in nine is held there for a person to look at; of
 *          1,000, one in 15,000.
 */
#ifndef KEDGE_POLICIES_GATES_H
#define KEDGE_POLICIES_GATES_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/buf.h"
#include "proto/err.h"
#include "proto/jsonw.h"
#include "proto/reader.h"

#define GATES_EVIDENCE_MAX 1000000
#define GATES_SOAK_MAX     (366 * 86400LL)
#define GATES_NO_LIMIT     (-1)
#define GATES_HARM_MAX     500 /* per mille, of background and excess each */

/* So many may be, more may not. */
struct gate_limit {
	int64_t hosts; /* of the whole rollout; GATES_NO_LIMIT */
	int64_t share; /* per mille of the hosts that a wave reaches; GATES_NO_LIMIT */
};

enum gate { GATE_FAILED, GATE_REVERTED, GATE_CONTESTED, GATE_DRIFTED, GATE_COUNT };

struct gates {
	int64_t soak;     /* seconds that a wave stays settled before the next one opens */
	int64_t answered; /* per mille of the reached hosts that must have answered before a wave is settled */
	int64_t evidence; /* hosts that must have answered before shares are judged, or all that there are */
	struct gate_limit limits[GATE_COUNT];
	int64_t background; /* per mille of hosts that fail whatever is rolled out */
	int64_t excess;     /* per mille on top that must not pass; 0 or less: harm is not judged */
};

/* "failed", "reverted", "contested", "drifted". */
const char *gate_name(enum gate g);
/* No soak, no limits: waves by time alone. */
struct gates gates_none(void);
/* What `kedge rollout start` writes unless told otherwise: 5 minutes, 90 %, 10 hosts, 5 % of each but drift,
 * 3 % of harm over a background of 0.5 %. */
struct gates gates_default(void);
/* Read the object AT. Unknown members and a limit that says nothing are refused. *RET is untouched on errors. */
int gates_parse(const struct place *at, struct gates *ret, struct fault *f);
/* Does G compare what fails with what fails anyway? */
bool gates_harm(const struct gates *g);
/* Would G hold back nothing? Then it need not be written. */
bool gates_idle(const struct gates *g);
/* Write G as the member "gates"; nothing when it is idle. */
void gates_print(const struct gates *g, struct jsonw *w);
/* One line for a person: "soak 600 s, 90 % answered, ...", with a newline. */
void gates_text(const struct gates *g, struct buf *out);

/* More failing hosts than this of N that are reached are harm: "most" above, with a background of SHARE (0..1, which may have been
 * measured and be more than the signed one). */
int64_t gates_most(double share, int64_t n);
/* More failing hosts than this of N that answered leave room for a fault: "least" above; -1: N hosts cannot tell, and need not. */
int64_t gates_least(const struct gates *g, double share, int64_t n);
/* The signed background as a share of 1. */
double gates_background(const struct gates *g);
/* How likely a wave after which N hosts have answered halts the rollout when each host fails with SHARE (0..1), all of them by
 * "failed": the smallest of all limits counts. 0..1. */
double gates_power(const struct gates *g, double share, int64_t n);

#endif
