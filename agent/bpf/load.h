/* load.h — maps, program and attachment, each a descriptor that ends with its last holder: nothing is pinned, nothing stays
 * attached when the agent is gone. */
#ifndef KEDGE_AGENT_BPF_LOAD_H
#define KEDGE_AGENT_BPF_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/watch/bpf_event.h"
#include "proto/err.h"

struct bpf_loaded {
	int link_fd, ring_fd, desk_fd; /* -1: not there */
	bool kernel;                   /* with kernel types */
	bool locks;
};

#define BPF_LOADED_NONE ((struct bpf_loaded){ -1, -1, -1, false, false })

struct load_options {
	bool whole;                /* CGROUP is the root of the machine's: for the desk */
	bool locks;                /* also refuse what the desk lists */
	const char *const *exempt; /* directories of control groups whose writers are never refused */
	size_t n_exempt;           /* at most BPF_EXEMPT_MAX */
	bool plain;                /* without kernel types, as on a kernel that has no BTF */
};

/* Make the maps and the program, and attach it to the control group of directory CGROUP. Needs CAP_BPF, CAP_NET_ADMIN and,
 * for kernel types, CAP_PERFMON. *NOTE tells what is missing when only the plain program could be loaded. KE_ACCES,
 * KE_UNSUPPORTED, KE_NOENT, KE_SYSTEM; nothing is left then. load_close() it. */
int load_program(const char *cgroup, const struct load_options *opt, struct bpf_loaded *ret,
        struct fault *note, struct fault *f);
void load_close(struct bpf_loaded *l);

#endif
