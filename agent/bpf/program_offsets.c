/* program_offsets.c — the members that the program walks along, in the order in which program.h lists them. A kernel that lacks
 * one of them, but for the login, gets the plain program. Called by the loader. */
#include "agent/bpf/program.h"

static const struct row {
	const char *type, *member, *renamed; /* as newer kernels call it; NULL: as ever */
	size_t at;
} rows[] = {
	{ "bpf_sysctl_kern", "head", NULL, offsetof(struct program_offsets, ctx_head) },
	{ "ctl_table_header", "root", NULL, offsetof(struct program_offsets, head_root) },
	{ "ctl_table_header", "set", NULL, offsetof(struct program_offsets, head_set) },
	{ "ctl_table_root", "default_set", NULL, offsetof(struct program_offsets, root_default_set) },
	{ "net", "sysctls", NULL, offsetof(struct program_offsets, net_sysctls) },
	{ "net", "ns.inum", NULL, offsetof(struct program_offsets, net_inum) },
	{ "task_struct", "group_leader", NULL, offsetof(struct program_offsets, task_leader) },
	{ "task_struct", "thread_pid", NULL, offsetof(struct program_offsets, task_pid) },
	{ "task_struct", "tgid", NULL, offsetof(struct program_offsets, task_tgid) },
	{ "task_struct", "real_parent", NULL, offsetof(struct program_offsets, task_parent) },
	{ "task_struct", "comm", NULL, offsetof(struct program_offsets, task_comm) },
	{ "task_struct", "nsproxy", NULL, offsetof(struct program_offsets, task_nsproxy) },
	{ "task_struct", "mm", NULL, offsetof(struct program_offsets, task_mm) },
	{ "task_struct", "cgroups", NULL, offsetof(struct program_offsets, task_cgroups) },
	{ "pid", "level", NULL, offsetof(struct program_offsets, pid_level) },
	{ "pid", "numbers", NULL, offsetof(struct program_offsets, pid_numbers) },
	{ "upid", "nr", NULL, offsetof(struct program_offsets, upid_nr) },
	{ "upid", "ns", NULL, offsetof(struct program_offsets, upid_ns) },
	{ "pid_namespace", "ns.inum", NULL, offsetof(struct program_offsets, pidns_inum) },
	{ "nsproxy", "net_ns", NULL, offsetof(struct program_offsets, nsproxy_net) },
	{ "nsproxy", "mnt_ns", NULL, offsetof(struct program_offsets, nsproxy_mnt) },
	{ "mnt_namespace", "ns.inum", NULL, offsetof(struct program_offsets, mnt_inum) },
	{ "mm_struct", "exe_file", NULL, offsetof(struct program_offsets, mm_exe) },
	{ "file", "f_path.dentry", NULL, offsetof(struct program_offsets, file_dentry) },
	{ "dentry", "d_name.name", NULL, offsetof(struct program_offsets, dentry_name) },
	{ "css_set", "dfl_cgrp", NULL, offsetof(struct program_offsets, css_cgroup) },
	{ "cgroup", "kn", NULL, offsetof(struct program_offsets, cgroup_kn) },
	{ "kernfs_node", "id", NULL, offsetof(struct program_offsets, kn_id) },
	{ "kernfs_node", "name", NULL, offsetof(struct program_offsets, kn_name) },
	{ "kernfs_node", "parent", "__parent", offsetof(struct program_offsets, kn_parent) },
};

int program_offsets_find(const struct btf *b, struct program_offsets *ret, struct fault *f)
{
	struct program_offsets o = { 0 };

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct row *r = &rows[i];
		uint32_t *to = (uint32_t *)(void *)((char *)&o + r->at);
		int rc = btf_offset(b, r->type, r->member, to);
		if (rc && r->renamed)
			rc = btf_offset(b, r->type, r->renamed, to);
		if (rc)
			return fault_set(f, rc, "BTF", NULL, "struct %s has no %s", r->type, r->member);
	}
	if (btf_offset(b, "task_struct", "loginuid.val", &o.task_loginuid))
		o.task_loginuid = 0; /* a kernel without audit */
	*ret = o;
	return KE_OK;
}
