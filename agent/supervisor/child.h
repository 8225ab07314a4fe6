/* child.h — starts one program as another user with few descriptors and a bare environment. */
#ifndef KEDGE_AGENT_SUPERVISOR_CHILD_H
#define KEDGE_AGENT_SUPERVISOR_CHILD_H

#include <limits.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/err.h"

#define CHILD_MAX_FDS 6

struct child {
	const char *path; /* of the program */
	char *const *argv;
	uid_t uid;
	gid_t gid;
	uint64_t keep_caps;
	int fds[CHILD_MAX_FDS]; /* stay open in it, under the same numbers; -1: none */
};

/* Start C; *RET_PID is running the program when this returns 0. The program gets SIGTERM when the calling process ends, no blocked
 * signals, and of the environment only JOURNAL_STREAM, KEDGE_SECCOMP, LANG, TZ and ASAN_OPTIONS, besides
 * GNUTLS_NO_IMPLICIT_INIT=1. All other descriptors are closed in it. KE_NOENT, KE_ACCES, KE_SYSTEM: nothing is running, and F says which step
 * failed. */
int child_start(const struct child *c, pid_t *ret_pid, struct fault *f);
/* The directory of this process's executable, where its companions are, into PATH. */
int child_bin_dir(char path[PATH_MAX], struct fault *f);

#endif
