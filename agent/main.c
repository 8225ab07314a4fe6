/* kedge-agent — the program on every host. This file is its index: a table of commands; what each does is behind the
 * function it names. Links neither libcurl nor libcrypto, and loads libcjson and libmnl only
 * when they are needed (lazy.c). What knows the rules of lint is kedge-inspect, beside it: what is linked here is paid for
 * at every apply. */
#include "agent/local/local.h"

static const struct local_command commands[] = {
	{ "run", cmd_run, "the daemon: start keeper and courier, watch them" },
	{ "enrol", cmd_enrol, "get this host's certificate and trust with a one-time token" },
	{ "apply", cmd_apply, "bring this host to FILE (a policy or a sysctl.conf), all of it or nothing" },
	{ "confirm", cmd_confirm, "keep what an apply --confirm-timeout waits with" },
	{ "diff", cmd_diff, "what differs from FILE, or from the policy in force" },
	{ "verify", cmd_verify, "every key of FILE, or of the policy in force, compared with the kernel" },
	{ "revert", cmd_revert, "the values from before the first apply since boot" },
	{ "retry", cmd_retry, "allow a plan that is held to be applied again" },
	{ "override", cmd_override, "let a key hold another value for a while" },
	{ "hold", cmd_hold, "keep the daemon's hands off this host for a while" },
	{ "status", cmd_status, "what is in force, and whether it still holds" },
	{ "lint", NULL, "what each line of FILE does on this kernel, and what to write instead" },
	{ "explain", NULL, "what a key means, holds, and may hold" },
	{ "sockets", cmd_sockets, "TCP states, TIME_WAIT by destination, port headroom" },
	{ 0 },
};

int main(int argc, char **argv)
{
	return local_main(commands, argc, argv);
}
