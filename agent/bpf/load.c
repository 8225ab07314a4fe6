/* load.c — five bpf(2) calls: two maps, the program, its attachment by a link. By the bare system call: see
 * docs/dependencies.md. First the program with kernel types, then, when the kernel will not have that, the plain one. */
#include "agent/bpf/load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/bpf/program.h"
#include "proto/fileio.h"

#define PID_INITIAL 0xEFFFFFFCU /* PROC_PID_INIT_INO */
#define LOG_BYTES   (64U << 10)

static int bpf(enum bpf_cmd cmd, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, cmd, attr, sizeof *attr);
}

static int failed(struct fault *f, const char *what)
{
	int err = errno;
	int code = err == EPERM                                     ? KE_ACCES
	           : err == EINVAL || err == E2BIG || err == ENOSYS ? KE_UNSUPPORTED
	                                                            : err_from_errno(err);

	return fault_set(f, code, "bpf", NULL, "cannot %s: %s", what, strerror(err));
}

static int ring_make(int *ret, struct fault *f)
{
	union bpf_attr a = { .map_type = BPF_MAP_TYPE_RINGBUF, .max_entries = BPF_RING_BYTES };

	memcpy(a.map_name, "kedge_ring", sizeof "kedge_ring");
	return (*ret = bpf(BPF_MAP_CREATE, &a)) < 0 ? failed(f, "make a ring buffer") : KE_OK;
}

static int desk_make(int *ret, struct fault *f)
{
	union bpf_attr a = { .map_type = BPF_MAP_TYPE_ARRAY,
		.key_size = 4,
		.value_size = sizeof(struct bpf_desk),
		.max_entries = 1,
		.map_flags = BPF_F_MMAPABLE };

	memcpy(a.map_name, "kedge_desk", sizeof "kedge_desk");
	return (*ret = bpf(BPF_MAP_CREATE, &a)) < 0 ? failed(f, "make a shared page") : KE_OK;
}

static int desk_write(int fd, bool whole, const struct bpf_loaded *l, bool initial, struct fault *f)
{
	struct bpf_desk *d = calloc(1, sizeof *d);
	uint32_t first = 0;
	int rc = KE_OK;

	if (!d)
		return fault_set(f, KE_NOMEM, NULL, NULL, "%s", err_text(KE_NOMEM));
	d->whole = whole;
	d->kernel = l->kernel;
	d->locks = l->locks;
	d->initial = initial;
	union bpf_attr a = {
		.map_fd = (uint32_t)fd, .key = (uint64_t)(uintptr_t)&first, .value = (uint64_t)(uintptr_t)d
	};
	if (bpf(BPF_MAP_UPDATE_ELEM, &a))
		rc = failed(f, "write the shared page");
	free(d);
	return rc;
}

/* The verifier's last line: the reason. */
static int refused(const char *log, struct fault *f)
{
	int err = errno;
	const char *end = log + strlen(log);

	errno = err;
	failed(f, "load the program");
	while (end > log && end[-1] == '\n')
		end--;
	const char *line = memrchr(log, '\n', (size_t)(end - log));
	/* The last line counts instructions; the one before says why. */
	if (line && strncmp(line + 1, "processed ", 10) == 0) {
		end = line;
		line = memrchr(log, '\n', (size_t)(end - log));
	}
	line = line ? line + 1 : log;
	size_t used = strlen(f->what);
	if (end > line)
		snprintf(f->what + used, sizeof f->what - used, " (%.*s)", (int)(end - line), line);
	return f->code;
}

static int program_load(const struct program_options *opt, int *ret, struct fault *f)
{
	struct code *c = calloc(1, sizeof *c);
	char *log = calloc(1, LOG_BYTES);
	struct fault why = { 0 };
	int rc = c && log ? program_make(opt, c) : KE_NOMEM;

	if (rc) {
		fault_set(f, rc, "bpf", NULL, "%s", err_text(rc));
	} else {
		union bpf_attr a = { .prog_type = BPF_PROG_TYPE_CGROUP_SYSCTL,
			.expected_attach_type = BPF_CGROUP_SYSCTL,
			.insn_cnt = (uint32_t)c->n,
			.insns = (uint64_t)(uintptr_t)c->insn,
			/* The helpers that read kernel memory are for programs under the kernel's licence. */
			.license = (uint64_t)(uintptr_t) "GPL",
			.log_buf = (uint64_t)(uintptr_t)log,
			.log_size = LOG_BYTES,
			.log_level = 1 };
		memcpy(a.prog_name, "kedge_sysctl", sizeof "kedge_sysctl");
		*ret = bpf(BPF_PROG_LOAD, &a);
		if (*ret < 0 && errno == ENOSPC) { /* the log was too long, not the program */
			a.log_level = 0;
			a.log_size = 0;
			a.log_buf = 0;
			*ret = bpf(BPF_PROG_LOAD, &a);
		}
		if (*ret < 0)
			rc = refused(log, f ? f : &why);
	}
	free(log);
	free(c);
	return rc;
}

static int attach(const char *cgroup, int prog, int *ret, struct fault *f)
{
	int dir = open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	union bpf_attr a = { .link_create = { .prog_fd = (uint32_t)prog,
		                     .target_fd = (uint32_t)dir,
		                     .attach_type = BPF_CGROUP_SYSCTL } };

	if (dir < 0)
		return failed(f, "open the control group");
	*ret = bpf(BPF_LINK_CREATE, &a);
	int rc = *ret < 0 ? failed(f, "attach to the control group") : KE_OK;
	close(dir);
	return rc;
}

static uint32_t namespace_inode(const char *name)
{
	struct stat st;
	char path[48];

	snprintf(path, sizeof path, "/proc/self/ns/%s", name);
	return stat(path, &st) ? 0 : (uint32_t)st.st_ino;
}

static int exempt_find(const struct load_options *opt, struct program_options *p, struct fault *f)
{
	for (size_t i = 0; i < opt->n_exempt && i < BPF_EXEMPT_MAX; i++) {
		struct stat st;
		/* On 64-bit machines a control group's inode is its id. */
		if (stat(opt->exempt[i], &st) || !S_ISDIR(st.st_mode))
			return fault_set(f, KE_NOENT, opt->exempt[i], NULL, "is no control group");
		p->exempt[p->n_exempt++] = st.st_ino;
	}
	return KE_OK;
}

/* With the kernel's types. */
static int load_typed(struct program_options *p, int *ret, struct fault *f)
{
	struct program_offsets o;
	struct btf *b = NULL;
	char *data = NULL;
	size_t len;
	int rc = file_read(BTF_PATH, BTF_MAX_BYTES, &data, &len, f);

	if (!rc)
		rc = btf_open(data, len, &b, f);
	if (!rc)
		rc = program_offsets_find(b, &o, f);
	btf_free(b);
	file_free(data);
	if (rc)
		return rc;
	p->offsets = &o;
	rc = program_load(p, ret, f);
	p->offsets = NULL;
	return rc;
}

int load_program(const char *cgroup, const struct load_options *opt, struct bpf_loaded *ret,
        struct fault *note, struct fault *f)
{
	const struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	struct bpf_loaded l = BPF_LOADED_NONE;
	struct program_options p = {
		.netns = namespace_inode("net"), .pidns = namespace_inode("pid"), .locks = opt->locks
	};
	int prog = -1;

	if (p.pidns == PID_INITIAL)
		p.pidns = 0;
	setrlimit(RLIMIT_MEMLOCK, &all); /* kernels before 5.11 count maps against it */
	int rc = exempt_find(opt, &p, f);
	if (!rc)
		rc = ring_make(&l.ring_fd, f);
	if (!rc)
		rc = desk_make(&l.desk_fd, f);
	if (rc)
		goto out;
	p.ring_fd = l.ring_fd;
	p.desk_fd = l.desk_fd;
	l.kernel = !opt->plain && load_typed(&p, &prog, note) == KE_OK;
	l.locks = l.kernel && opt->locks;
	if (!l.kernel) {
		p.locks = false;
		rc = program_load(&p, &prog, f);
	}
	if (!rc)
		rc = attach(cgroup, prog, &l.link_fd, f);
	if (!rc)
		rc = desk_write(l.desk_fd, opt->whole, &l, !p.pidns, f);
out:
	if (prog >= 0)
		close(prog);
	if (rc)
		load_close(&l);
	else
		*ret = l;
	return rc;
}

void load_close(struct bpf_loaded *l)
{
	int *const fds[] = { &l->link_fd, &l->ring_fd, &l->desk_fd };

	for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
}
