/* bpf_event.h — what the BPF program writes and the keeper reads: two layouts in shared memory, and the loader's answer.
 *
 * Plain numbers of fixed width, written by instructions that agent/bpf/program.c makes from these very structs; nobody
 * outside one host and one version of kedge ever sees them.
 */
#ifndef KEDGE_WATCH_BPF_EVENT_H
#define KEDGE_WATCH_BPF_EVENT_H

#include <stdint.h>

#define BPF_RING_BYTES    (256U << 10) /* a power of two and whole pages */
#define BPF_COMM_ROOM     16
#define BPF_EXE_ROOM      64
#define BPF_NAME_ROOM     128
#define BPF_VALUE_ROOM    128
#define BPF_CGROUP_ROOM   80
#define BPF_CGROUP_LEVELS 4 /* names of the writer's control group, innermost first */
#define BPF_PARENTS       3

#define BPF_LOCK_SLOTS    1024 /* hashes of locked names: a power of two */
#define BPF_LOCK_PROBES   8
#define BPF_EXEMPT_MAX    8 /* control groups */
#define BPF_EXEMPT_DEEP   8 /* a writer's control group may lie so many levels below an exempt one */

enum bpf_event_flag {
	BPF_EVENT_KERNEL = 1,    /* the fields below that need kernel types are filled */
	BPF_EVENT_HOST_WIDE = 2, /* the key belongs to no namespace */
	BPF_EVENT_REFUSED = 4,   /* the write was refused: the key is locked */
};

/* One write, before the kernel's handler runs: an attempt. */
struct bpf_event {
	uint64_t at_ns;      /* CLOCK_MONOTONIC */
	uint64_t cgroup_id;  /* BPF_EVENT_KERNEL, as what stands further below */
	uint32_t flags;      /* enum bpf_event_flag */
	uint32_t pid;        /* process, as the initial pid namespace numbers it */
	uint32_t uid;        /* initial user namespace */
	int32_t name_status; /* what bpf_sysctl_get_name() said: length or negative */
	int32_t value_status;
	/* from here on: BPF_EVENT_KERNEL */
	uint32_t own_pid;   /* process, as the agent's pid namespace numbers it; 0: it is not in there */
	uint32_t key_netns; /* inode of the network namespace whose key it is */
	uint32_t netns;     /* of the writer */
	uint32_t mntns;
	uint32_t loginuid;
	uint32_t parent_pid[BPF_PARENTS];
	char parent_comm[BPF_PARENTS][BPF_COMM_ROOM];
	char exe[BPF_EXE_ROOM]; /* last component of the program's path */
	char cgroup[BPF_CGROUP_LEVELS][BPF_CGROUP_ROOM];
	/* always */
	char comm[BPF_COMM_ROOM];
	char name[BPF_NAME_ROOM];   /* "net/ipv4/ip_forward" */
	char value[BPF_VALUE_ROOM]; /* as it was written; cut */
};

/* The other map: one page and a bit that both sides see. */
struct bpf_desk {
	/* the program writes */
	uint64_t lost; /* events that found no room */
	/* the loader writes, once */
	uint32_t whole;   /* 1: attached to the root of the machine's control groups */
	uint32_t kernel;  /* 1: with kernel types (BTF): namespaces, login, parents */
	uint32_t locks;   /* 1: it can refuse */
	uint32_t initial; /* 1: parents' numbers are those of the agent's pid namespace */
	/* the keeper writes */
	uint32_t
	        writer; /* process that may write locked keys, as the agent's pid namespace numbers it; 0: none */
	uint32_t n_locked; /* locked names; 0: nothing is refused */
	uint64_t locked
	        [BPF_LOCK_SLOTS]; /* bpf_lock_hash() of each, open addressing with BPF_LOCK_PROBES probes; 0: free */
};

/* What kedge-bpf-loader sends over its socket, with the descriptors of link, ring and desk when code is 0. */
struct bpf_answer {
	int32_t code;                  /* KE_* */
	uint32_t whole, kernel, locks; /* as in the desk */
	char where[256];               /* the control group's directory */
	char text[256];                /* why not, or what is missing */
};

#endif
