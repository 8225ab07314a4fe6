/* seccomp_list.h — the system calls that each role may make, as data. For this folder only. */
#ifndef KEDGE_AGENT_SANDBOX_SECCOMP_LIST_H
#define KEDGE_AGENT_SANDBOX_SECCOMP_LIST_H

#include <stddef.h>
#include <stdint.h>

#include <seccomp.h>

struct seccomp_rule {
	unsigned roles; /* bits: 1 << enum sandbox_role */
	uint32_t action;
	int call;
	unsigned n_args; /* all of them must fit */
	struct scmp_arg_cmp args[2];
};

extern const struct seccomp_rule seccomp_list[];
extern const size_t seccomp_list_len;

#endif
