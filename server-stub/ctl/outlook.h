/* outlook.h — what a rollout will meet: the fleet that the server lists, seen from a plan that is not signed yet.
 *
 * What the server says is not believed but shown; of all that is signed only the salt depends on it, and any salt is as good as
 * another for the hosts.
 */
#ifndef KEDGE_SERVER_CTL_OUTLOOK_H
#define KEDGE_SERVER_CTL_OUTLOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policies/rollout.h"
#include "proto/buf.h"

struct cJSON;

#define OUTLOOK_SALTS 64 /* drawn until the waves fit their shares */

struct outlook_host {
	char id[64];
	char kernel[16]; /* "6.1"; "?" before its first status */
	uint64_t memory; /* bytes; 0 not known */
	bool online;
};
struct outlook {
	struct outlook_host *hosts; /* owned: those that R selects */
	size_t n, enrolled;         /* enrolled: those that are not revoked */
};

/* From ROWS, the items of GET /v1/hosts, those that R selects by the facts that they last told (all, when they told none).
 * outlook_clear() *RET. KE_NOMEM. */
int outlook_read(const struct cJSON *rows, const struct rollout *r, struct outlook *ret, struct fault *f);
void outlook_clear(struct outlook *o);
/* Draw salts until no wave of R holds more of these hosts than its share says; the last one drawn stays when none does. DRAW fills
 * LEN random bytes. KE_SYSTEM. */
int outlook_salt(
        const struct outlook *o, struct rollout *r, int (*draw)(void *bytes, size_t len), struct fault *f);
/* A line for the fleet and one for each wave: how many hosts, of which kernels, and how likely the gates see a fault there, and
 * halt a good rollout. */
void outlook_text(const struct outlook *o, const struct rollout *r, struct buf *out);
/* Propose N canaries as the words of a --wave: online hosts, in turns from each pair of kernel release and memory class, the largest
 * first; and a line for each pair with how many it has. */
void outlook_canaries(const struct outlook *o, const struct rollout *r, size_t n, struct buf *out);

#endif
