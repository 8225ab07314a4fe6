/* rollout.h — a rollout: the signed plan that brings one policy version to the hosts it selects.
 *
 * A TUF target, rollouts/POLICY/SERIAL.json. A host decides from it alone, with local facts, whether and when the policy is
 * meant for it: the selector, its own place in the hash order, and the windows of the waves. The server can only
 * hold a rollout back, which it does by the gates (gates.h). Undoing is another rollout with a higher serial.
 *
 *   {"kedge_rollout":1,"policy":"web","version":3,"serial":7,"action":"apply",
 *    "target":{"path":"policies/web/3.json","length":1234,"sha256":"..."},"selector":{...},"salt":"32 hex",
 *    "start":"2026-11-24T20:00:00Z","waves":[{"canaries":["web1"],"opens_after":0,"opens_before":86400},
 *    {"share":1000,"opens_after":3600,"opens_before":864000}],"gates":{...},"windows":[...],
 *    "standing":false,"why":"..."}
 *
 * action "remove" has no target: what the policy set is restored to its originals. A standing rollout has no waves, gates,
 * salt or start: every selected host adopts it at once (in a window, if there are windows), for ever.
 */
#ifndef KEDGE_POLICIES_ROLLOUT_H
#define KEDGE_POLICIES_ROLLOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policies/gates.h"
#include "policies/selector.h"
#include "policies/windows.h"
#include "proto/codec.h"
#include "proto/err.h"

#define ROLLOUT_MAX_BYTES    262144
#define ROLLOUT_MAX_WAVES    32
#define ROLLOUT_MAX_CANARIES 1000
#define ROLLOUT_SALT_LEN     16
#define ROLLOUT_SHARE_ALL    1000 /* per mille */

enum rollout_action { ROLLOUT_APPLY, ROLLOUT_REMOVE };

struct rollout_wave {
	char **canaries; /* host ids, owned; a wave has canaries or a share */
	size_t n_canaries;
	int64_t share;        /* per mille of the hash order, cumulative: waves ascend; 0 for canaries */
	int64_t opens_after;  /* seconds after start */
	int64_t opens_before; /* seconds after start; later than opens_after */
};

struct rollout {
	char *policy;
	int64_t version; /* of the policy; 0 for remove */
	int64_t serial;
	enum rollout_action action;
	char *target_path; /* NULL for remove */
	int64_t target_length;
	unsigned char target_sha256[SHA256_LEN];
	struct selector *selector; /* NULL: every host */
	bool standing;
	unsigned char salt[ROLLOUT_SALT_LEN];
	int64_t start; /* seconds since 1970 */
	struct rollout_wave *waves;
	size_t n_waves;
	struct gates gates;     /* gates_none() when the document has none */
	struct windows windows; /* hours in which hosts may adopt it; none: always */
	char *why;              /* may be NULL */
};

/* Strict; *RET is newly allocated, rollout_free() it. */
int rollout_parse(const char *json, size_t len, struct rollout **ret, struct fault *f);
/* The document, two-space indented, newline at the end; newly allocated (free()). */
int rollout_print(const struct rollout *r, char **ret, size_t *ret_len);
void rollout_free(struct rollout *r);

/* The host's place in the hash order, 0..999 per mille: the first 8 bytes of SHA-256(salt || id) as a share. */
unsigned rollout_place(const unsigned char salt[ROLLOUT_SALT_LEN], const char *host);

/* The index of HOST's wave in *RET; 0 for a standing rollout. false: no wave holds it. The selector is not looked at. */
bool rollout_wave_of(const struct rollout *r, const char *host, size_t *ret);

/* Do the waves hold no more of a fleet of N hosts than their shares say? COUNTS has the number of hosts of each wave. The hash
 * order is a draw: 5 % of 10,000 hosts are 500 give or take 22, by the salt. Who knows the fleet draws salts until it fits. */
bool rollout_fits(const struct rollout *r, const int64_t *counts, int64_t n);

enum rollout_gate {
	ROLLOUT_OPEN,    /* adopt it now */
	ROLLOUT_WAITS,   /* the host's wave is not open yet, or no maintenance window is */
	ROLLOUT_CLOSED,  /* the host's wave has closed: a new serial is needed */
	ROLLOUT_NO_WAVE, /* no wave holds this host */
};

/* When the host's wave WAVE, which waits at NOW, may be adopted: its opening, or the next window. */
int64_t rollout_opens(const struct rollout *r, size_t wave, int64_t now);
/* What R says to HOST at NOW (seconds since 1970). *RET_WAVE, unless NULL, is the index of the host's wave. The selector
 * is not looked at. */
enum rollout_gate rollout_gate(const struct rollout *r, const char *host, int64_t now, size_t *ret_wave);
/* The same with the selector, as a code: 0, KE_SELECTOR, KE_WINDOW, with a fault. */
int rollout_check(const struct rollout *r, const char *host, const struct host_facts *facts, int64_t now,
        struct fault *f);

#endif
