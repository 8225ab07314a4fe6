/* managers.h — who else on this host writes sysctl keys, told before there is a fight over one.
 *
 * tuned, systemd-networkd, NetworkManager, kubelet, kube-proxy, docker, cfengine and puppet, found by their programs, units and
 * processes. Which keys they touch is read in their own files where those name keys (tuned's profiles, networkd's directives,
 * cfengine's and puppet's texts), and known where it is built into the program. (sysctl.d's readers are boot.h's matter.)
 */
#ifndef KEDGE_AGENT_LOCAL_MANAGERS_H
#define KEDGE_AGENT_LOCAL_MANAGERS_H

#include <stdbool.h>
#include <stddef.h>

#include "policies/name.h"
#include "proto/err.h"
#include "proto/jsonw.h"

enum manager_state { MANAGER_ABSENT, MANAGER_INSTALLED, MANAGER_ENABLED, MANAGER_RUNNING };

/* A manager that touches a key. */
struct manager_hit {
	const char *name;
	enum manager_state state; /* not ABSENT */
	char *file;               /* where it is asked to, as on the host; owned; NULL: it is built in */
	unsigned line;            /* of FILE */
	char *text;               /* that line, or what is built in; owned */
};

struct manager_hits {
	struct manager_hit *rows;
	size_t n;
};

#define MANAGERS 8

struct managers {
	const char *root; /* borrowed */
	enum manager_state states[MANAGERS];
};

/* Look who is there below ROOT ("" for the host's own), and which of them runs, by PROC ("/proc"). */
void managers_look(const char *root, const char *proc, struct managers *ret);
/* Who of M touches KEY? Appends to *RET; KE_NOMEM. manager_hits_clear() *RET in any case. */
int managers_touch(const struct managers *m, const struct name *key, struct manager_hits *ret);
/* The name of manager I, 0 to MANAGERS - 1. */
const char *managers_name(size_t i);
/* Does manager I of M, which is enabled or runs, touch KEY? Texts of policies (cfengine, puppet) are not searched for it. */
bool managers_one_touches(const struct managers *m, size_t i, const struct name *key);
void manager_hits_clear(struct manager_hits *h);
/* "installed", "enabled", "running". */
const char *manager_state_name(enum manager_state s);
/* The rows as the JSON array NAME. */
void manager_hits_json(const struct manager_hits *h, const char *name, struct jsonw *w);

/* managers_files.c: the rows of one manager that are read in files, appended to H. KE_NOMEM. */
int managers_tuned(
        const char *root, enum manager_state state, const struct name *key, struct manager_hits *h);
int managers_networkd(
        const char *root, enum manager_state state, const struct name *key, struct manager_hits *h);
/* Every line below DIR of ROOT that has KEY's dotted or slashed name in it. */
int managers_search(const char *root, const char *dir, const char *name, enum manager_state state,
        const struct name *key, struct manager_hits *h);
/* FILE may be NULL, LEN bytes of TEXT. */
int manager_hit_add(struct manager_hits *h, const char *name, enum manager_state state, const char *file,
        unsigned line, const char *text, size_t len);

#endif
