/* pair.h — keeper and courier, started together and ended together. */
#ifndef KEDGE_AGENT_SUPERVISOR_PAIR_H
#define KEDGE_AGENT_SUPERVISOR_PAIR_H

#include <stdbool.h>
#include <sys/types.h>

#include "agent/config/config.h"

struct pair {
	pid_t keeper, courier; /* 0: not running */
	bool unconfined;       /* one of them refused to run with less confinement than is required */
};

struct pair_start {
	const struct agent_config *config;
	const char *config_path;
	const char *bin_dir;
	bool require_sandbox;
	int control_fd;
	int fanotify_fd;              /* -1: none */
	int links_fd;                 /* readable when interfaces came or went; -1: none */
	int bpf_ring_fd, bpf_desk_fd; /* -1: none */
};

/* Start both with a fresh socket pair between them. On failure neither is running. */
int pair_start(const struct pair_start *how, struct pair *ret, struct fault *f);
/* SIGNAL to whichever runs. */
void pair_signal(const struct pair *p, int signal);
/* Collect what has ended, and say so in the log; never waits. */
void pair_reap(struct pair *p);

#endif
