/* seccomp_drop.c — a library for LD_PRELOAD that leaves one rule out of the filter a program makes: $KEDGE_DROP is "CALL N", the
 * N-th rule for CALL, or "" for none. scripts/seccomp-needed shows with it that each rule is missed by somebody. The
 * program itself knows nothing of it. A rule that is not there to be left out ends the program at once. */
#include <dlfcn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <seccomp.h>

static struct {
	int call, n, seen;
	bool dropped;
} drop = { .call = __NR_SCMP_ERROR };

static void read_wish(void)
{
	const char *wish = getenv("KEDGE_DROP");
	char name[64];

	drop.seen = 0;
	drop.dropped = false;
	if (!wish)
		_exit(99);
	if (!*wish)
		return;
	if (sscanf(wish, "%63s %d", name, &drop.n) == 2)
		drop.call = seccomp_syscall_resolve_name(name);
	if (drop.call == __NR_SCMP_ERROR)
		_exit(99);
}

scmp_filter_ctx seccomp_init(uint32_t action)
{
	scmp_filter_ctx (*real)(uint32_t) = (scmp_filter_ctx(*)(uint32_t))dlsym(RTLD_NEXT, "seccomp_init");

	read_wish();
	return real(action);
}

int seccomp_rule_add_array(
        scmp_filter_ctx ctx, uint32_t action, int call, unsigned n, const struct scmp_arg_cmp *args)
{
	int (*real)(scmp_filter_ctx, uint32_t, int, unsigned, const struct scmp_arg_cmp *) =
	        (int (*)(scmp_filter_ctx, uint32_t, int, unsigned, const struct scmp_arg_cmp *))dlsym(
	                RTLD_NEXT, "seccomp_rule_add_array");

	if (call == drop.call && ++drop.seen == drop.n) {
		drop.dropped = true;
		return 0;
	}
	return real(ctx, action, call, n, args);
}

int seccomp_rule_add(scmp_filter_ctx ctx, uint32_t action, int call, unsigned n, ...)
{
	struct scmp_arg_cmp args[6];
	va_list ap;

	va_start(ap, n);
	for (unsigned i = 0; i < n && i < 6; i++)
		args[i] = va_arg(ap, struct scmp_arg_cmp);
	va_end(ap);
	return seccomp_rule_add_array(ctx, action, call, n, args);
}

int seccomp_export_bpf(const scmp_filter_ctx ctx, int fd)
{
	int (*real)(scmp_filter_ctx, int) =
	        (int (*)(scmp_filter_ctx, int))dlsym(RTLD_NEXT, "seccomp_export_bpf");

	if (drop.call != __NR_SCMP_ERROR && !drop.dropped) {
		fprintf(stderr, "seccomp_drop: there is no such rule\n");
		_exit(99);
	}
	return real(ctx, fd);
}
