/* confine UID COMMAND [ARGUMENT...] — run COMMAND as UID with no capability but CAP_NET_ADMIN and without a way to new ones: what
 * the keeper of the `net` profile is, before it locks its system calls and paths. The system tests of one host run a second
 * time this way (KEDGE_CONFINE=1). */
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/sandbox/sandbox.h"

int main(int argc, char **argv)
{
	struct fault f = { 0 };
	char line[1024];

	if (argc < 3) {
		fputs("usage: confine UID COMMAND [ARGUMENT...]\n", stderr);
		return 1;
	}
	uid_t uid = (uid_t)strtoul(argv[1], NULL, 10);
	if (uid == 0 || sandbox_become(uid, uid, SANDBOX_CAP(CAP_NET_ADMIN), &f)) {
		fprintf(stderr, "confine: %s\n", fault_line(&f, line, sizeof line));
		return 1;
	}
	execvp(argv[2], argv + 2);
	perror(argv[2]);
	return 127;
}
