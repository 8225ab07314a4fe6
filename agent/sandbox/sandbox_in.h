/* sandbox_in.h — the parts of sandbox_lock(). For this folder only. */
#ifndef KEDGE_AGENT_SANDBOX_SANDBOX_IN_H
#define KEDGE_AGENT_SANDBOX_SANDBOX_IN_H

#include "agent/sandbox/sandbox.h"

/* The Landlock ABI of this kernel; 0: none. */
int landlock_abi(void);
/* Restrict this thread to RULES' paths and ports. *RET_ABI is what was used, 0 when the kernel has no Landlock (no error). */
int landlock_lock(const struct sandbox_rules *rules, int *ret_abi, struct fault *f);

/* What $KEDGE_SECCOMP asks for. */
enum seccomp_mode { SECCOMP_MODE_KILL, SECCOMP_MODE_ERRNO, SECCOMP_MODE_LOG };
enum seccomp_mode seccomp_mode(void);
/* Can this kernel load a filter that ends the process? */
bool seccomp_there(void);
/* Load ROLE's list, after a look at what it refuses: "19 calls refused, execve SIGSYS" into TEXT. KE_UNSUPPORTED: the kernel
 * has no seccomp; KE_FORBIDDEN: it lets something through that must not pass. */
int seccomp_lock(enum sandbox_role role, char *text, size_t size, struct fault *f);

/* PROGRAM of N instructions (struct sock_filter) is going to be loaded. Try in children of this process, under a copy of it, what
 * must be refused: seccomp_lock()'s TEXT and errors. KILLS: it ends the process, which one child has to show. */
struct sock_filter;
int probe_calls(
        const struct sock_filter *program, size_t n, bool kills, char *text, size_t size, struct fault *f);
/* Install PROGRAM in every thread of this process. 0, or -1 with errno. */
int filter_install(const struct sock_filter *program, size_t n);

/* What is missing in IS for RULES' full confinement, into TEXT ("": nothing). */
size_t missing_tell(
        const struct sandbox_rules *rules, const struct sandbox_report *is, char *text, size_t size);

/* The effective capabilities of this thread, as bits. */
int caps_effective(uint64_t *ret);

#endif
