/* kedge — the operators' command. This file is its index: a table of commands; what each does is behind the function it
 * names. Authoring commands work on a directory and need no server; the others ask one. */
#include "certs/tls.h"
#include "server-stub/ctl/ctl.h"

#define SIGN "keys passphrase-file dry-run"
#define WAVES                                                                                                \
	"selector wave window start serial standing remove why soak answered evidence failed reverted "      \
	"contested "                                                                                         \
	"drifted background excess no-gates forecast allow-conflict"

static const struct command commands[] = {
	{ "repo init", ctl_repo_init, "DIR", 1, 1,
	        "keys passphrase-file root-keys root-key threshold-root targets-keys targets-key "
	        "targets-threshold expires shard-above dry-run",
	        "make signing keys and an empty signed repository in DIR" },
	{ "repo add", ctl_repo_add, "DIR TARGETPATH FILE", 3, 3, SIGN " role",
	        "sign FILE into the repository as TARGETPATH" },
	{ "repo remove", ctl_repo_remove, "DIR TARGETPATH", 2, 2, SIGN,
	        "list TARGETPATH no longer; hosts that hold it keep it" },
	{ "repo delegate", ctl_repo_delegate, "DIR NAME", 2, 2,
	        SIGN " path hash-prefix key threshold terminating parent end",
	        "let a role with its own keys list the paths that match, or --end that" },
	{ "repo prune", ctl_repo_prune, "DIR", 1, 1, SIGN,
	        "take off old rollouts and policies that none names, delete what nobody lists" },
	{ "repo refresh", ctl_repo_refresh, "DIR", 1, 1, SIGN " role",
	        "a new timestamp and snapshot, before they expire; --role: of a delegated role too" },
	{ "repo rotate", ctl_repo_rotate, "DIR ROLE", 2, 2, SIGN " add drop threshold",
	        "new keys for a role, a delegated one too, or single ones added and dropped" },
	{ "repo key", ctl_repo_key, "NAME", 1, 1, "keys passphrase-file type dry-run",
	        "make a signing key, and NAME.pub for others" },
	{ "repo sign", ctl_repo_sign, "DIR|FILE [CARRIED...]", 1, ARGS_WORDS_MAX,
	        SIGN " merge discard output", "sign what other people's changes wait for" },
	{ "repo status", ctl_repo_status, "DIR", 1, 1, "keys passphrase-file within",
	        "what expires when, whose keys are at hand, who must still sign" },
	{ "repo verify", ctl_repo_verify, "DIR", 1, 1, "",
	        "verify all of DIR as a host would, from 1.root.json" },
	{ "repo publish", ctl_repo_publish, "DIR", 1, 1, "dry-run", "verify DIR and send it to the server" },
	{ "policy import", ctl_policy_import, "FILE.conf", 1, 1, "name policy-version output skip-errors",
	        "make a policy document of a sysctl.conf, telling what is wrong with which line" },
	{ "policy export", ctl_policy_export, "FILE", 1, 1, "output skip-errors",
	        "write a policy as sysctl.d(5) text" },
	{ "policy lint", ctl_policy_lint, "FILE", 1, 1, "kernel mem",
	        "what is dead, dangerous or pointless in a policy or sysctl.conf on the fleet's kernels" },
	{ "policy explain", ctl_policy_explain, "KEY", 1, 1, "", "what a key means, and what to beware of" },
	{ "policy diff", ctl_policy_diff, "A B", 2, 2, "", "what differs between two policies, by meaning" },
	{ "policy publish", ctl_policy_publish, "DIR FILE", 2, 2, SIGN " role publish",
	        "sign a policy document into the repository as policies/NAME/VERSION.json" },
	{ "rollout plan", ctl_rollout_plan, "DIR POLICY [VERSION]", 2, 3, WAVES " canaries",
	        "print what rollout start would sign" },
	{ "rollout start", ctl_rollout_start, "DIR POLICY [VERSION]", 2, 3, SIGN " " WAVES " role publish",
	        "sign the plan that brings a policy to hosts, wave by wave" },
	{ "rollout finish", ctl_rollout_finish, "DIR POLICY", 2, 2, SIGN " why role publish",
	        "sign the standing form: hosts that come later adopt it at once" },
	{ "rollout status", ctl_rollout_status, "[POLICY]", 0, 1, "watch",
	        "how far rollouts have come: waves, and the hosts that fail" },
	{ "rollout explain", ctl_rollout_explain, "HOST", 1, 1, "",
	        "why a host has, or has not, got each policy's newest rollout" },
	{ "rollout history", ctl_rollout_history, "POLICY", 1, 1, "limit",
	        "what the server and operators decided about a policy's rollouts" },
	{ "rollout pause", ctl_rollout_pause, "POLICY [SERIAL]", 1, 2, "why",
	        "tell no further host of it until resume" },
	{ "rollout resume", ctl_rollout_resume, "POLICY [SERIAL]", 1, 2, "why",
	        "let a paused rollout go on" },
	{ "rollout abort", ctl_rollout_abort, "POLICY [SERIAL]", 1, 2, "why",
	        "tell no further host of it, for good" },
	{ "rollout retry", ctl_rollout_retry, "POLICY [SERIAL]", 1, 2, "why",
	        "let a halted rollout go on; what failed so far counts no more" },
	{ "hosts", ctl_hosts, "", 0, 0, "label state limit", "the fleet: state, kernel, policies" },
	{ "host", ctl_host, "ID", 1, 1, "", "one host: policies, status, processes, refusals, last drift" },
	{ "host revoke", ctl_host_revoke, "ID", 1, 1, "", "do not accept this host's certificate any more" },
	{ "drift", ctl_drift, "", 0, 0, "host sysctl since limit", "who changed which key on which host" },
	{ "sockets", ctl_sockets, "[HOST]", 0, 1, "top label history limit",
	        "a host's TCP states, destinations, port headroom; without HOST: the fleet's fullest paths" },
	{ "refusals", ctl_refusals, "", 0, 0, "host limit", "what hosts refused, and why" },
	{ "reports", ctl_reports, "HOST", 1, 1, "kind limit", "a host's records as it signed them" },
	{ "summary", ctl_summary, "", 0, 0, "", "the fleet in a few numbers" },
	{ "token create", ctl_token_create, "", 0, 0, "host label expires",
	        "make a one-time token that enrols a host" },
	{ "token list", ctl_token_list, "", 0, 0, "limit", "tokens, used and unused" },
	{ "token revoke", ctl_token_revoke, "ID", 1, 1, "", "withdraw a token" },
	{ "operator request", ctl_operator_request, "NAME KEYFILE", 2, 2, "output",
	        "make a key, and a request for an operator's certificate" },
	{ "operator sign", ctl_operator_sign, "REQUEST", 1, 1,
	        "ca-cert ca-key passphrase-file fleet name days output",
	        "sign a request with the operator CA" },
	{ "audit list", ctl_audit_list, "", 0, 0, "limit", "what operators did, newest first" },
	{ "audit verify", ctl_audit_verify, "", 0, 0, "head",
	        "recompute the chain of hashes over the whole trail" },
	{ 0 },
};

int main(int argc, char **argv)
{
	/* Before anything else starts OpenSSL in its own way; commands that need it report the error. */
	tls_init(NULL);
	return ctl_main(commands, &clock_system, argc, argv);
}
