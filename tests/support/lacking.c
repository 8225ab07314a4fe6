/* lacking landlock|seccomp COMMAND [ARGUMENT...] — run COMMAND on a kernel that seems to have no Landlock, or no seccomp filters:
 * their calls fail as they do there. What it starts inherits that. For the tests of partial confinement. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOAD_NR BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))
#define END(v)  BPF_STMT(BPF_RET | BPF_K, v)

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";
	/* landlock_create_ruleset is the first of its three, and the only one that is asked for the ABI. */
	unsigned nr = strcmp(what, "landlock") == 0 ? 444 : SYS_seccomp;
	struct sock_filter filter[] = { LOAD_NR, BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
		END(SECCOMP_RET_ERRNO | ENOSYS), END(SECCOMP_RET_ALLOW) };
	const struct sock_fprog program = { .len = sizeof filter / sizeof filter[0], .filter = filter };

	if (strcmp(what, "landlock") != 0 && strcmp(what, "seccomp") != 0) {
		fputs("usage: lacking landlock|seccomp COMMAND [ARGUMENT...]\n", stderr);
		return 1;
	}
	/* Root needs no no_new_privs for it, and the programs are to see that they set it themselves. */
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) {
		perror("seccomp");
		return 1;
	}
	execvp(argv[2], argv + 2);
	perror(argv[2]);
	return 127;
}
