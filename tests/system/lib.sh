# Shared by the system tests: sourced first. Each test runs again inside a network namespace of its own, so
# nothing it writes belongs to this machine; it vanishes with the test.
# shellcheck shell=bash
set -euo pipefail

: "${KEDGE_BIN:?is set by ctest: the folder of the built programs}" "${KEDGE_SRC:?}" "${KEDGE_BUILD:?}"
if [ "${KEDGE_INSIDE:-}" != 1 ]; then
	[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
	export KEDGE_INSIDE=1
	exec unshare --net --fork --kill-child -- "$0" "$@"
fi
ip link set lo up
WORK=$(mktemp -d /tmp/kedge-test.XXXXXX)
PIDS=()
# shellcheck disable=SC2317
finish() {
	local pid
	for pid in "${PIDS[@]}"; do kill "$pid" 2>/dev/null || true; done
	rm -rf "$WORK"
}
trap finish EXIT
# shellcheck disable=SC2154
trap 'echo "FAILED at line $LINENO: $BASH_COMMAND" >&2' ERR

# The agent with directories of the test's own. Output in $WORK/out, errors in $WORK/err, status in $got. With
# KEDGE_CONFINE=1 it runs as another user with CAP_NET_ADMIN only, as the keeper does.
CONFINE=()
if [ "${KEDGE_CONFINE:-}" = 1 ]; then CONFINE=("$KEDGE_BUILD/tests/confine" 64999); chown 64999 "$WORK"; chmod 755 "$WORK"; fi
agent() { "${CONFINE[@]}" "$KEDGE_BIN/kedge-agent" --state-dir "$WORK/state" --run-dir "$WORK/run" --ceiling "$WORK/ceiling.conf" "$@"; }
run_agent() { got=0; agent "$@" >"$WORK/out" 2>"$WORK/err" || got=$?; }
fail() { echo "FAILED: $*" >&2; { echo "--- output"; cat "$WORK/out"; echo "--- errors"; cat "$WORK/err"; } >&2 2>/dev/null || true; exit 1; }
# expect STATUS ARGUMENTS...: the agent ends with STATUS.
expect() { local want=$1; shift; run_agent "$@"; [ "$got" = "$want" ] || fail "kedge-agent $* ended with $got, not $want"; }
says() { grep -qE -- "$1" "$WORK/out" || fail "output lacks: $1"; }
complains() { grep -qE -- "$1" "$WORK/err" || fail "errors lack: $1"; }
silent() { [ ! -s "$WORK/err" ] || fail "unexpected errors"; }
value() { tr '\t' ' ' <"/proc/sys/${1//.//}"; }
is() { local v; v=$(value "$1"); [ "$v" = "$2" ] || fail "$1 is '$v', not '$2'"; }
# Every value below /proc/sys/net, one "path value" a line, in $1; keys that change by themselves are left out.
snapshot() { find /proc/sys/net -type f -perm -0444 ! -name '*fastopen_key' ! -name 'stable_secret' ! -path '*/neigh/*' -print0 | sort -z |
	xargs -0 grep -H '' 2>/dev/null | grep -v 'netfilter/nf_conntrack_count' >"$1" || true; }
# json FILE-OR-'-' EXPRESSION: evaluates a Python expression over the document `d`.
json() { python3 -c 'import json,sys; d=json.load(open(sys.argv[1])); r=eval(sys.argv[2]); print(r); sys.exit(0 if r else 1)' "$1" "$2" >/dev/null || fail "not so: $2"; }
