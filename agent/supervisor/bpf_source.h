/* bpf_source.h — the supervisor's part in BPF: starts the loader, keeps what it made. */
#ifndef KEDGE_AGENT_SUPERVISOR_BPF_SOURCE_H
#define KEDGE_AGENT_SUPERVISOR_BPF_SOURCE_H

#include <stdbool.h>

#include "agent/config/config.h"
#include "proto/err.h"

#define BPF_SOURCE_PATIENCE 5000 /* ms that the loader may take */

struct bpf_source {
	int link_fd;          /* while it is open the program is attached; -1: there is none */
	int ring_fd, desk_fd; /* for the keeper */
	bool whole, kernel, locks;
	char where[256]; /* the control group */
};

#define BPF_SOURCE_NONE ((struct bpf_source){ .link_fd = -1, .ring_fd = -1, .desk_fd = -1 })

/* Run kedge-bpf-loader of BIN_DIR and wait for it. *NOTE (may be NULL) tells what is missing when only a part could be had
 * (no kernel types). KE_NOENT, KE_ACCES, KE_UNSUPPORTED, KE_TIMEOUT, KE_SYSTEM: no BPF here, *F says why.
 * bpf_source_close() it. */
int bpf_source_open(const char *bin_dir, const struct agent_config *c, struct bpf_source *ret,
        struct fault *note, struct fault *f);
/* Detaches the program, unless somebody else holds the link. */
void bpf_source_close(struct bpf_source *s);

#endif
