/* gates.h — what has to hold before a rollout goes on: the member "gates" of a rollout document. Signed like the rest of it,
 * and the control server's business alone: a host reads it as strictly as everything else and then looks at its own
 * wave only.
 *
 *   "gates":{"soak":600,"answered":900,"evidence":10,"failed":{"share":50},"reverted":{"hosts":3,"share":50},
 *            "contested":{"hosts":0},"drifted":{"share":100}}
 *
 * A wave is settled when enough of its hosts have answered; the next one opens when it has been settled for the soak time
 * and no limit is exceeded. Every member may be absent; a document without "gates" opens its waves by time alone.
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
};

/* "failed", "reverted", "contested", "drifted". */
const char *gate_name(enum gate g);
/* No soak, no limits: waves by time alone. */
struct gates gates_none(void);
/* What `kedge rollout start` writes unless told otherwise: 5 minutes, 90 %, 10 hosts, 5 % of each but drift. */
struct gates gates_default(void);
/* Read the object AT. Unknown members and a limit that says nothing are refused. *RET is untouched on errors. */
int gates_parse(const struct place *at, struct gates *ret, struct fault *f);
/* Would G hold back nothing? Then it need not be written. */
bool gates_idle(const struct gates *g);
/* Write G as the member "gates"; nothing when it is idle. */
void gates_print(const struct gates *g, struct jsonw *w);
/* One line for a person: "soak 600 s, 90 % answered, ...", with a newline. */
void gates_text(const struct gates *g, struct buf *out);

#endif
