/* program.c — the instructions, in the order in which they run: is it a write, which key, whose key, may it be written,
 * who writes. R6 holds the context, R7 the task, R9 the event's room in the ring, R8 walks along kernel pointers;
 * everything else is on the stack. A kernel pointer that cannot be read becomes 0, and so does what lies behind it. */
#include "agent/bpf/program.h"

#include <string.h>

/* The stack, from the frame pointer downwards. */
enum slot {
	SLOT_READ = -8,   /* what follow() and read32() just read */
	SLOT_FLAGS = -16, /* enum bpf_event_flag */
	SLOT_NETNS = -24,
	SLOT_STATUS = -32,
	SLOT_OWN_PID = -40,
	SLOT_SET = -48,
	SLOT_NAME = -48 - BPF_NAME_ROOM, /* padded with zeros: it is hashed */
};

#define EVENT(MEMBER) ((int16_t)offsetof(struct bpf_event, MEMBER))
#define DESK(MEMBER)  ((int16_t)offsetof(struct bpf_desk, MEMBER))

#define FNV_OFFSET    UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME     UINT64_C(0x100000001b3)

static void slot_set(struct code *c, enum slot s, int32_t value)
{
	code_store_value(c, BPF_DW, FP, (int16_t)s, value);
}

/* SLOT_READ = SIZE bytes of the kernel's memory at REG + OFF, zeros when there is none. */
static void read_kernel(struct code *c, enum reg reg, int32_t off, int32_t size)
{
	code_move(c, R1, FP);
	code_op_value(c, BPF_ADD, R1, SLOT_READ);
	code_set(c, R2, size);
	code_move(c, R3, reg);
	code_op_value(c, BPF_ADD, R3, off);
	code_call(c, BPF_FUNC_probe_read_kernel);
}

/* TO = the pointer at FROM + OFF. */
static void follow(struct code *c, enum reg to, enum reg from, uint32_t off)
{
	read_kernel(c, from, (int32_t)off, 8);
	code_load(c, BPF_DW, to, FP, SLOT_READ);
}

/* R0 = the 32 bits at FROM + OFF. */
static void read32(struct code *c, enum reg from, int32_t off)
{
	read_kernel(c, from, off, 4);
	code_load(c, BPF_W, R0, FP, SLOT_READ);
}

/* The key's name to SLOT_NAME, its length or why not to SLOT_STATUS. */
static void take_name(struct code *c)
{
	for (int off = 0; off < BPF_NAME_ROOM; off += 8)
		code_store_value(c, BPF_DW, FP, (int16_t)(SLOT_NAME + off), 0);
	code_move(c, R1, R6);
	code_move(c, R2, FP);
	code_op_value(c, BPF_ADD, R2, SLOT_NAME);
	code_set(c, R3, BPF_NAME_ROOM);
	code_set(c, R4, 0); /* the whole name */
	code_call(c, BPF_FUNC_sysctl_get_name);
	code_store(c, BPF_DW, FP, SLOT_STATUS, R0);
}

/* Whose key it is. The set of tables that it is registered in lies inside the struct net it belongs to; keys of the whole
 * host are in their root's own set. Taken from the open file's table, not from the writer: a descriptor can travel. Returns
 * the jump of "another namespace's". */
static size_t judge_scope(struct code *c, const struct program_options *opt)
{
	const struct program_offsets *o = opt->offsets;
	int32_t net;
	uint32_t to_inum = o->net_inum - o->net_sysctls; /* wraps: the set comes after it */

	memcpy(&net, "net/", sizeof net);
	follow(c, R8, R6, o->ctx_head);
	follow(c, R7, R8, o->head_set);
	follow(c, R8, R8, o->head_root);
	code_op_value(c, BPF_ADD, R8, (int32_t)o->root_default_set);
	size_t namespaced = code_if(c, BPF_JNE, R7, R8);
	slot_set(c, SLOT_FLAGS, BPF_EVENT_KERNEL | BPF_EVENT_HOST_WIDE);
	size_t host_wide = code_jump(c);
	code_land(c, namespaced);
	/* Others (user.*, mqueue): unknown to us, reading the key again tells. */
	code_load(c, BPF_W, R0, FP, SLOT_NAME);
	size_t other = code_if_value(c, BPF_JNE, R0, net);
	read32(c, R7, (int32_t)to_inum);
	code_store(c, BPF_DW, FP, SLOT_NETNS, R0);
	code_set64(c, R1, opt->netns);
	size_t foreign = code_if(c, BPF_JNE, R0, R1);
	code_land(c, other);
	code_land(c, host_wide);
	return foreign;
}

/* SLOT_OWN_PID = the process's number in the pid namespace of inode PIDNS, of those at most four levels deep. */
static void find_own_pid(struct code *c, const struct program_options *opt)
{
	const struct program_offsets *o = opt->offsets;

	follow(c, R8, R7, o->task_leader);
	follow(c, R8, R8, o->task_pid);
	for (uint32_t level = 0; level < 4; level++) {
		uint32_t at = o->pid_numbers + level * (o->upid_ns + 8);
		read32(c, R8, (int32_t)o->pid_level);
		size_t above = code_if_value(c, BPF_JLT, R0, (int32_t)level);
		follow(c, R9, R8, at + o->upid_ns);
		read32(c, R9, (int32_t)o->pidns_inum);
		code_set64(c, R1, opt->pidns);
		size_t other = code_if(c, BPF_JNE, R0, R1);
		read32(c, R8, (int32_t)(at + o->upid_nr));
		code_store(c, BPF_DW, FP, SLOT_OWN_PID, R0);
		code_land(c, above);
		code_land(c, other);
	}
}

static void take_task(struct code *c, const struct program_options *opt)
{
	if (opt->offsets) {
		code_call(c, BPF_FUNC_get_current_task);
		code_move(c, R7, R0);
	}
	if (opt->pidns) {
		if (opt->offsets)
			find_own_pid(c, opt);
		return;
	}
	if (opt->offsets) {
		read32(c, R7, (int32_t)opt->offsets->task_tgid);
	} else {
		code_call(c, BPF_FUNC_get_current_pid_tgid);
		code_op_value(c, BPF_RSH, R0, 32);
	}
	code_store(c, BPF_DW, FP, SLOT_OWN_PID, R0);
}

/* R3 = bpf_lock_hash() of SLOT_NAME. */
static void hash_name(struct code *c)
{
	code_set64(c, R3, FNV_OFFSET);
	code_set64(c, R2, FNV_PRIME);
	for (int off = 0; off < BPF_NAME_ROOM; off += 8) {
		code_load(c, BPF_DW, R1, FP, (int16_t)(SLOT_NAME + off));
		code_op(c, BPF_XOR, R3, R1);
		code_op(c, BPF_MUL, R3, R2);
	}
	code_move(c, R1, R3);
	code_op_value(c, BPF_RSH, R1, 32);
	code_op(c, BPF_XOR, R3, R1);
	size_t fine = code_if_value(c, BPF_JNE, R3, 0);
	code_set(c, R3, 1);
	code_land(c, fine);
}

/* Jumps that go to the same place. */
struct jumps {
	size_t at[BPF_LOCK_PROBES + BPF_EXEMPT_DEEP * BPF_EXEMPT_MAX + 8];
	size_t n;
};

static void jumps_land(struct code *c, struct jumps *j)
{
	while (j->n)
		code_land(c, j->at[--j->n]);
}

/* Not refused: writers in exempt control groups, and below. */
static void judge_exempt(struct code *c, const struct program_options *opt, struct jumps *free)
{
	const struct program_offsets *o = opt->offsets;

	if (!opt->n_exempt)
		return;
	follow(c, R8, R7, o->task_cgroups);
	follow(c, R8, R8, o->css_cgroup);
	follow(c, R8, R8, o->cgroup_kn);
	for (int level = 0; level < BPF_EXEMPT_DEEP; level++) {
		follow(c, R9, R8, o->kn_id);
		for (size_t i = 0; i < opt->n_exempt; i++) {
			code_set64(c, R1, opt->exempt[i]);
			free->at[free->n++] = code_if(c, BPF_JEQ, R9, R1);
		}
		follow(c, R8, R8, o->kn_parent);
	}
}

/* Refuse the write when its key is locked; only keys of our own network namespace can be. */
static void judge_lock(struct code *c, const struct program_options *opt)
{
	struct jumps free = { .n = 0 };
	size_t hit[BPF_LOCK_PROBES];

	code_load(c, BPF_DW, R0, FP, SLOT_NETNS);
	free.at[free.n++] = code_if_value(c, BPF_JEQ, R0, 0);
	code_map_value(c, R8, opt->desk_fd);
	code_load(c, BPF_W, R0, R8, DESK(n_locked));
	free.at[free.n++] = code_if_value(c, BPF_JEQ, R0, 0);
	code_load(c, BPF_DW, R0, FP, SLOT_OWN_PID);
	code_load(c, BPF_W, R1, R8, DESK(writer));
	size_t nobody = code_if_value(c, BPF_JEQ, R1, 0);
	free.at[free.n++] = code_if(c, BPF_JEQ, R0, R1);
	code_land(c, nobody);
	hash_name(c);
	for (int i = 0; i < BPF_LOCK_PROBES; i++) {
		code_move(c, R1, R3);
		code_op_value(c, BPF_ADD, R1, i);
		code_op_value(c, BPF_AND, R1, BPF_LOCK_SLOTS - 1);
		code_op_value(c, BPF_LSH, R1, 3);
		code_move(c, R2, R8);
		code_op(c, BPF_ADD, R2, R1);
		code_load(c, BPF_DW, R1, R2, DESK(locked));
		hit[i] = code_if(c, BPF_JEQ, R1, R3);
	}
	free.at[free.n++] = code_jump(c);
	for (int i = 0; i < BPF_LOCK_PROBES; i++)
		code_land(c, hit[i]);
	judge_exempt(c, opt, &free);
	code_load(c, BPF_DW, R0, FP, SLOT_FLAGS);
	code_op_value(c, BPF_OR, R0, BPF_EVENT_REFUSED);
	code_store(c, BPF_DW, FP, SLOT_FLAGS, R0);
	jumps_land(c, &free);
}

/* R9 = room for one event. Returns the jump of "there is none", which is counted. */
static size_t reserve(struct code *c, const struct program_options *opt)
{
	code_map(c, R1, opt->ring_fd);
	code_set(c, R2, (int32_t)sizeof(struct bpf_event));
	code_set(c, R3, 0);
	code_call(c, BPF_FUNC_ringbuf_reserve);
	code_move(c, R9, R0);
	size_t room = code_if_value(c, BPF_JNE, R0, 0);
	code_map_value(c, R1, opt->desk_fd);
	code_set(c, R2, 1);
	code_add_atomic(c, R1, DESK(lost), R2);
	size_t full = code_jump(c);
	code_land(c, room);
	return full;
}

static void slot_to_event(struct code *c, enum slot s, int16_t off)
{
	code_load(c, BPF_DW, R0, FP, (int16_t)s);
	code_store(c, BPF_W, R9, off, R0);
}

/* What helpers tell. Kernels before 6.1 have these two for other programs only: with the kernel's types they are not needed. */
static void fill_task_plain(struct code *c)
{
	code_call(c, BPF_FUNC_get_current_pid_tgid);
	code_op_value(c, BPF_RSH, R0, 32);
	code_store(c, BPF_W, R9, EVENT(pid), R0);
	code_move(c, R1, R9);
	code_op_value(c, BPF_ADD, R1, EVENT(comm));
	code_set(c, R2, BPF_COMM_ROOM);
	code_call(c, BPF_FUNC_get_current_comm);
}

static void fill_always(struct code *c)
{
	code_call(c, BPF_FUNC_ktime_get_ns);
	code_store(c, BPF_DW, R9, EVENT(at_ns), R0);
	code_call(c, BPF_FUNC_get_current_uid_gid);
	code_store(c, BPF_W, R9, EVENT(uid), R0);
	for (int off = 0; off < BPF_NAME_ROOM; off += 8) {
		code_load(c, BPF_DW, R0, FP, (int16_t)(SLOT_NAME + off));
		code_store(c, BPF_DW, R9, (int16_t)(EVENT(name) + off), R0);
	}
	code_move(c, R1, R6);
	code_move(c, R2, R9);
	code_op_value(c, BPF_ADD, R2, EVENT(value));
	code_set(c, R3, BPF_VALUE_ROOM);
	code_call(c, BPF_FUNC_sysctl_get_new_value);
	code_store(c, BPF_W, R9, EVENT(value_status), R0);
	slot_to_event(c, SLOT_FLAGS, EVENT(flags));
	slot_to_event(c, SLOT_NETNS, EVENT(key_netns));
	slot_to_event(c, SLOT_STATUS, EVENT(name_status));
	slot_to_event(c, SLOT_OWN_PID, EVENT(own_pid));
}

/* The event's SIZE bytes at OFF = the string at REG + FROM, or the one that the pointer there leads to. */
static void fill_text(struct code *c, int16_t off, int32_t size, enum reg reg, uint32_t from, bool pointer)
{
	if (pointer)
		follow(c, R3, reg, from);
	else
		code_move(c, R3, reg);
	if (!pointer)
		code_op_value(c, BPF_ADD, R3, (int32_t)from);
	code_move(c, R1, R9);
	code_op_value(c, BPF_ADD, R1, off);
	code_set(c, R2, size);
	code_call(c, BPF_FUNC_probe_read_kernel_str);
}

static void fill_namespaces(struct code *c, const struct program_offsets *o)
{
	follow(c, R8, R7, o->task_nsproxy);
	follow(c, R3, R8, o->nsproxy_net);
	read32(c, R3, (int32_t)o->net_inum);
	code_store(c, BPF_W, R9, EVENT(netns), R0);
	follow(c, R3, R8, o->nsproxy_mnt);
	read32(c, R3, (int32_t)o->mnt_inum);
	code_store(c, BPF_W, R9, EVENT(mntns), R0);
}

static void fill_cgroup(struct code *c, const struct program_offsets *o)
{
	follow(c, R8, R7, o->task_cgroups);
	follow(c, R8, R8, o->css_cgroup);
	follow(c, R8, R8, o->cgroup_kn);
	follow(c, R3, R8, o->kn_id);
	code_store(c, BPF_DW, R9, EVENT(cgroup_id), R3);
	for (int i = 0; i < BPF_CGROUP_LEVELS; i++) {
		fill_text(c, (int16_t)(EVENT(cgroup) + i * BPF_CGROUP_ROOM), BPF_CGROUP_ROOM, R8, o->kn_name,
		        true);
		follow(c, R8, R8, o->kn_parent);
	}
}

static void fill_parents(struct code *c, const struct program_offsets *o)
{
	code_move(c, R8, R7);
	for (int i = 0; i < BPF_PARENTS; i++) {
		follow(c, R8, R8, o->task_parent);
		read32(c, R8, (int32_t)o->task_tgid);
		code_store(c, BPF_W, R9, (int16_t)(EVENT(parent_pid) + 4 * i), R0);
		fill_text(c, (int16_t)(EVENT(parent_comm) + i * BPF_COMM_ROOM), BPF_COMM_ROOM, R8,
		        o->task_comm, false);
	}
}

static void fill_kernel(struct code *c, const struct program_offsets *o)
{
	read32(c, R7, (int32_t)o->task_tgid);
	code_store(c, BPF_W, R9, EVENT(pid), R0);
	fill_text(c, EVENT(comm), BPF_COMM_ROOM, R7, o->task_comm, false);
	code_set(c, R0, -1);
	if (o->task_loginuid)
		read32(c, R7, (int32_t)o->task_loginuid);
	code_store(c, BPF_W, R9, EVENT(loginuid), R0);
	fill_namespaces(c, o);
	fill_cgroup(c, o);
	fill_parents(c, o);
	follow(c, R8, R7, o->task_mm);
	follow(c, R8, R8, o->mm_exe);
	follow(c, R8, R8, o->file_dentry);
	fill_text(c, EVENT(exe), BPF_EXE_ROOM, R8, o->dentry_name, true);
}

int program_make(const struct program_options *opt, struct code *ret)
{
	struct code *c = ret;
	size_t foreign = 0, full;

	code_move(c, R6, R1);
	code_load(c, BPF_W, R0, R6, offsetof(struct bpf_sysctl, write));
	size_t reads = code_if_value(c, BPF_JEQ, R0, 0);
	take_name(c);
	slot_set(c, SLOT_FLAGS, opt->offsets ? BPF_EVENT_KERNEL : 0);
	slot_set(c, SLOT_NETNS, 0);
	slot_set(c, SLOT_OWN_PID, 0);
	if (opt->offsets)
		foreign = judge_scope(c, opt);
	take_task(c, opt);
	if (opt->offsets && opt->locks)
		judge_lock(c, opt);
	full = reserve(c, opt);
	fill_always(c);
	if (opt->offsets)
		fill_kernel(c, opt->offsets);
	else
		fill_task_plain(c);
	code_move(c, R1, R9);
	code_set(c, R2, 0);
	code_call(c, BPF_FUNC_ringbuf_submit);
	code_land(c, full);
	/* 0 refuses with EPERM. */
	code_load(c, BPF_DW, R1, FP, SLOT_FLAGS);
	code_op_value(c, BPF_AND, R1, BPF_EVENT_REFUSED);
	code_set(c, R0, 0);
	size_t refuse = code_if_value(c, BPF_JNE, R1, 0);
	code_land(c, reads);
	if (foreign)
		code_land(c, foreign);
	code_set(c, R0, 1);
	code_land(c, refuse);
	code_exit(c);
	return c->full ? KE_TOOBIG : KE_OK;
}
