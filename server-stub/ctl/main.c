/* kedge — the operators' command. This file is its index: a table of commands; what each does is behind the function it
 * names. Authoring commands work on a directory and need no server; the others ask one. */
#include "certs/tls.h"
#include "server-stub/ctl/ctl.h"

#define SIGN  "keys passphrase-file dry-run"
#define WAVES SIGN " selector wave start serial standing remove why"

static const struct command commands[] = {
	{ "repo init", ctl_repo_init, "DIR", 1, 1,
	        "keys passphrase-file root-keys threshold-root targets-keys targets-threshold expires",
	        "make signing keys and an empty signed repository in DIR" },
	{ "repo add", ctl_repo_add, "DIR TARGETPATH FILE", 3, 3, SIGN,
	        "sign FILE into the repository as TARGETPATH" },
	{ "repo refresh", ctl_repo_refresh, "DIR", 1, 1, SIGN,
	        "a new timestamp and snapshot, before they expire" },
	{ "repo rotate", ctl_repo_rotate, "DIR ROLE", 2, 2, "keys passphrase-file",
	        "new keys for root, targets, snapshot or timestamp; the old ones are retired" },
	{ "repo verify", ctl_repo_verify, "DIR", 1, 1, "",
	        "verify all of DIR as a host would, from 1.root.json" },
	{ "repo publish", ctl_repo_publish, "DIR", 1, 1, "dry-run", "verify DIR and send it to the server" },
	{ 0 },
};

int main(int argc, char **argv)
{
	/* Before anything else starts OpenSSL in its own way; commands that need it report the error. */
	tls_init(NULL);
	return ctl_main(commands, &clock_system, argc, argv);
}
