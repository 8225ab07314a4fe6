/* program.h — the BPF program that sees writes to sysctls, made for the kernel that runs.
 *
 * Type cgroup/sysctl: the kernel runs it for every read and write below /proc/sys by a process in the control group that
 * it is attached to, through whichever procfs and from whichever namespace, before the write happens. Reads leave it
 * after two instructions. A write becomes one struct bpf_event in a ring buffer; where the kernel's types are known,
 * only if its key is one of this network namespace or of the whole host, and a locked key is refused.
 */
#ifndef KEDGE_AGENT_BPF_PROGRAM_H
#define KEDGE_AGENT_BPF_PROGRAM_H

#include <stdbool.h>

#include "agent/bpf/btf.h"
#include "agent/bpf/code.h"
#include "agent/watch/bpf_event.h"

/* Offsets of the kernel's members, by what they lead to. */
struct program_offsets {
	/* which key: the program's context -> the table's header -> its set, which lies inside a struct net */
	uint32_t ctx_head, head_root, head_set, root_default_set, net_sysctls, net_inum;
	/* who: from the task */
	uint32_t task_leader, task_pid, task_tgid, task_parent, task_comm, task_nsproxy, task_mm,
	        task_cgroups;
	uint32_t task_loginuid; /* 0: this kernel has none */
	uint32_t pid_level, pid_numbers, upid_nr, upid_ns, pidns_inum;
	uint32_t nsproxy_net, nsproxy_mnt, mnt_inum;
	uint32_t mm_exe, file_dentry, dentry_name;
	uint32_t css_cgroup, cgroup_kn, kn_id, kn_name, kn_parent;
};

/* Look all of them up. KE_NOENT: one is missing, F says which; the plain program is what remains. */
int program_offsets_find(const struct btf *b, struct program_offsets *ret, struct fault *f);

struct program_options {
	int ring_fd, desk_fd;                  /* the maps */
	const struct program_offsets *offsets; /* NULL: the plain program */
	uint32_t netns;                        /* inode of our network namespace */
	uint32_t pidns;                        /* inode of our pid namespace; 0: it is the initial one */
	bool locks;                            /* refuse what the desk lists; needs offsets */
	uint64_t exempt[BPF_EXEMPT_MAX];       /* ids of control groups whose writes are never refused */
	size_t n_exempt;
};

/* The program into *RET (empty before). KE_TOOBIG. */
int program_make(const struct program_options *opt, struct code *ret);

#endif
