/* seccomp.c — makes a filter of the role's list, has it tried (probe.c), and loads it. The program is made once and loaded as
 * it was tried. Called by lock.c. */
#include <errno.h>
#include <linux/filter.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/sandbox/sandbox_in.h"
#include "agent/sandbox/seccomp_list.h"

static int failed(struct fault *f, const char *what, int err)
{
	return fault_set(f, KE_SYSTEM, "seccomp", NULL, "%s: %s", what, strerror(err));
}

/* A process aborts by a signal to itself, and to nobody else. */
static int own_signals(scmp_filter_ctx ctx)
{
	return seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
	        SCMP_CMP(0, SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0));
}

static int fill(scmp_filter_ctx ctx, enum sandbox_role role)
{
	int rc = own_signals(ctx);

	for (size_t i = 0; !rc && i < seccomp_list_len; i++) {
		const struct seccomp_rule *r = &seccomp_list[i];
		if (r->roles & (1U << role))
			rc = seccomp_rule_add_array(ctx, r->action, r->call, r->n_args, r->args);
	}
	return rc;
}

static uint32_t default_action(void)
{
	switch (seccomp_mode()) {
	case SECCOMP_MODE_ERRNO:
		return SCMP_ACT_ERRNO(EPERM);
	case SECCOMP_MODE_LOG:
		return SCMP_ACT_LOG;
	case SECCOMP_MODE_KILL:
		break;
	}
	return SCMP_ACT_KILL_PROCESS;
}

/* The filter as the kernel takes it: N instructions, allocated. */
static int program_export(scmp_filter_ctx ctx, struct sock_filter **ret, size_t *ret_n, struct fault *f)
{
	int fd = memfd_create("filter", MFD_CLOEXEC);
	struct sock_filter *program = NULL;
	struct stat st;
	int rc = fd < 0 ? -errno : seccomp_export_bpf(ctx, fd);

	if (!rc && fstat(fd, &st))
		rc = -errno;
	if (!rc && (st.st_size <= 0 || st.st_size > BPF_MAXINSNS * (off_t)sizeof *program))
		rc = -E2BIG;
	if (!rc && (program = malloc((size_t)st.st_size)) == NULL)
		rc = -ENOMEM;
	if (!rc && pread(fd, program, (size_t)st.st_size, 0) != st.st_size)
		rc = -EIO;
	if (fd >= 0)
		close(fd);
	if (rc) {
		free(program);
		return failed(f, "cannot make the filter", -rc);
	}
	*ret = program;
	*ret_n = (size_t)st.st_size / sizeof *program;
	return KE_OK;
}

static int program_make(enum sandbox_role role, struct sock_filter **ret, size_t *ret_n, struct fault *f)
{
	scmp_filter_ctx ctx = seccomp_init(default_action());

	if (!ctx)
		return fault_set(f, KE_NOMEM, "seccomp", NULL, "%s", err_text(KE_NOMEM));
	/* A foreign architecture's numbers end the process. */
	int rc = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (!rc)
		rc = fill(ctx, role);
	if (rc)
		rc = failed(f, "cannot make the filter", -rc);
	else
		rc = program_export(ctx, ret, ret_n, f);
	seccomp_release(ctx);
	return rc;
}

int seccomp_lock(enum sandbox_role role, char *text, size_t size, struct fault *f)
{
	struct sock_filter *program = NULL;
	enum seccomp_mode mode = seccomp_mode();
	size_t n = 0;
	int rc;

	if (!seccomp_there())
		return fault_set(f, KE_UNSUPPORTED, "seccomp", NULL, "this kernel has none");
	rc = program_make(role, &program, &n, f);
	if (!rc && mode != SECCOMP_MODE_LOG)
		rc = probe_calls(program, n, mode == SECCOMP_MODE_KILL, text, size, f);
	if (!rc && filter_install(program, n))
		rc = failed(f, "cannot load the filter", errno);
	free(program);
	return rc;
}
