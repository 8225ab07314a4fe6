# Shared by the tests of whole fleets (8xx): a server, a mirror and real agents in network namespaces of scripts/fleet.sh. The
# test runs in a mount namespace of its own with its own /run/netns, so the names of its namespaces are seen by nobody
# else, and everything is gone with it, however it ends. Sourced first.
# shellcheck shell=bash
set -euo pipefail

: "${KEDGE_BIN:?is set by ctest: the folder of the built programs}" "${KEDGE_SRC:?}" "${KEDGE_BUILD:?}"
if [ "${KEDGE_INSIDE:-}" != 1 ]; then
	[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
	unshare --net --mount true 2>/dev/null || { echo "namespaces are not permitted here"; exit 77; }
	export KEDGE_INSIDE=1
	exec unshare --net --mount --fork --kill-child -- "$0" "$@"
fi
mkdir -p /run/netns
mount -t tmpfs -o mode=0755 netns /run/netns
# Debian's own, which starts at once; others in front of it in PATH may be wrappers.
if [ -x /usr/bin/python3 ]; then python3() { /usr/bin/python3 -I "$@"; }; fi
python3 -c '' 2>/dev/null || { echo "python3 is not installed"; exit 77; }

WORK=$(mktemp -d /tmp/kedge-test.XXXXXX)
chmod 0755 "$WORK" # the keeper and the courier are other users
FLEET=kedge-t BIN=$KEDGE_BIN TOOLS=$KEDGE_BUILD/tests
FLEET_STATUS=2 FLEET_REFRESH=1 FLEET_RETRY_MAX=1
HOSTS=()
exec 9>&2 # what went wrong is told there, also while the output goes to a log
. "$KEDGE_SRC/scripts/fleet.sh"
# shellcheck disable=SC2317
finish() {
	local rc=$? f
	# Whatever the test looked at: nobody made a call that is not on his list.
	if grep -s 'process ended .*signal=SYS' "$WORK"/log/* >&9; then rc=1; fi
	[ $rc = 0 ] || for f in "$WORK"/log/*; do [ -s "$f" ] && { echo "--- ${f##*/}"; tail -n "${KEDGE_LOG_LINES:-25}" "$f"; } >&9; done
	stop_all "${HOSTS[@]}"
	exit $rc
}
trap finish EXIT
# shellcheck disable=SC2154
trap 'echo "FAILED at line $LINENO: $BASH_COMMAND" >&2' ERR
fail() { echo "FAILED: $*" >&2; exit 1; }
[ -z "${KEDGE_TRACE:-}" ] || { PS4='+$SECONDS '; set -x; }

# fleet HOST...: everything up to enrolled, running hosts that have no policy yet.
fleet() {
	local host
	HOSTS=("$@")
	mkdir -p "$WORK/log"
	namespaces "$@"
	{
		make_pki
		"$BIN/kedge" repo init "$WORK/repo" --keys "$WORK/keys"
		start_server
		operator repo publish "$WORK/repo"
		start_mirror
		for host in "$@"; do
			make_host "$host"
			make_token "$host"
			enrol "$host" || fail "$host was not enrolled"
			start_host "$host"
		done
	} >"$WORK/log/setup" 2>&1
}
# policy NAME VERSION SETTINGS [MEMBERS]: signs a policy; SETTINGS is "KEY=VALUE..." with KEY:MODE for another mode than enforce,
# words of a value joined by commas; MEMBERS is JSON in front of "settings".
policy() {
	python3 - "$@" >"$WORK/$1.json" <<-'PY'
		import json, sys
		name, version, settings = sys.argv[1:4]
		p = {"kedge_policy": 1, "name": name, "version": int(version)}
		p.update(json.loads("{%s}" % (sys.argv[4] if len(sys.argv) > 4 else "")))
		p["settings"] = []
		for s in settings.split():
		    key, value = s.split("=", 1)
		    key, _, mode = key.partition(":")
		    p["settings"].append({"key": key, "value": value.replace(",", " "), **({"mode": mode} if mode else {})})
		print(json.dumps(p))
	PY
	"$BIN/kedge" policy publish "$WORK/repo" "$WORK/$1.json" --keys "$WORK/keys" >"$WORK/log.cli" 2>&1 || { cat "$WORK/log.cli" >&2; fail "policy $1"; }
}
# rollout ARGUMENTS...: kedge rollout start, published.
rollout() { operator rollout start "$WORK/repo" "$@" --keys "$WORK/keys" --publish >"$WORK/log.cli" 2>&1 || { cat "$WORK/log.cli" >&2; fail "rollout $*"; }; }

# On HOST: value KEY, set_key KEY VALUE, is KEY VALUE.
value() { inside "$1" cat "/proc/sys/${2//.//}" | tr '\t' ' '; }
set_key() { inside "$1" sysctl -q -w "$2=$3"; }
is() { [ "$(value "$1" "$2")" = "$3" ]; }
must_be() { is "$@" || fail "$2 on $1 is '$(value "$1" "$2")', not '$3'"; }
# soon HOST KEY VALUE: within 10 s.
soon() { within 10 is "$@" || must_be "$@"; }
# stays HOST KEY VALUE SECONDS
stays() { local end=$((SECONDS + $4)); while [ $SECONDS -lt $end ]; do must_be "$1" "$2" "$3"; sleep 0.3; done; }

# reported HOST KIND EXPRESSION: a record r of HOST on the server, kind KIND, is such that the Python EXPRESSION over its body b holds.
reported() {
	operator reports "$1" --kind "$2" --limit 1000 --format json >"$WORK/reports.json" &&
		python3 -c 'import json,sys
rows = [row["record"] for row in json.load(open(sys.argv[1]))["reports"]]
sys.exit(0 if any(eval("(" + sys.argv[2] + ")", {"b": r["body"], "r": r}) for r in rows) else 1)' "$WORK/reports.json" "$3"
}
must_report() { within "${PATIENCE:-15}" reported "$@" || { tail -c 3000 "$WORK/reports.json" >&2; fail "$1 did not report $2: $3"; }; }
# applied HOST POLICY SERIAL: confirmed there, and the server knows.
applied() { must_report "$1" apply "b['policy'] == '$2' and b['serial'] == $3 and b['result'] == 'confirmed'"; }
# shown HOST EXPRESSION: the Python EXPRESSION holds over what `kedge host HOST` answers: h, and its last status s.
shown() { operator host "$1" --format json >"$WORK/host.json" && python3 -c 'import json,sys
h = json.load(open(sys.argv[1]))["host"]
sys.exit(0 if eval(sys.argv[2], {"h": h, "s": h["status"]["body"]}) else 1)' "$WORK/host.json" "$2"; }
must_show() { within "${PATIENCE:-15}" shown "$@" || { cat "$WORK/host.json" >&2; fail "the server does not show of $1: $2"; }; }
# said HOST PATTERN: the agent's log has a line like that.
said() { grep -qE -- "$2" "$WORK/log/$1"; }
# The pids of HOST's keeper and courier now.
keeper() { pgrep -P "$(pid_of "$1")" -x kedge-keeper; }
courier() { pgrep -P "$(pid_of "$1")" -x kedge-courier; }
# chain HOST: the records of HOST on the server are one epoch, each there once, in order, and each names the SHA-256 of the line
# before it; prints their number.
chain() {
	operator reports "$1" --limit 100000 --format json >"$WORK/chain.json"
	python3 - "$WORK/chain.json" <<-'PY' || fail "the records of $1 are no chain"
		import hashlib, json, sys
		rows = [row["record"] for row in json.load(open(sys.argv[1]))["reports"]]
		rows.sort(key=lambda r: r["seq"])
		if [r["seq"] for r in rows] != list(range(1, len(rows) + 1)) or len({r["epoch"] for r in rows}) != 1:
		    sys.exit("sequence: %s" % [(r["epoch"], r["seq"]) for r in rows])
		prev = "0" * 64
		for r in rows:
		    if r["prev"] != prev:
		        sys.exit("record %d does not name the one before" % r["seq"])
		    prev = hashlib.sha256(json.dumps(r, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()
		print(len(rows))
	PY
}
# Every value below /proc/sys/net of HOST, one "path:value" a line, in FILE; keys that change by themselves are left out.
snapshot() { inside "$1" find /proc/sys/net -type f -perm -0444 ! -name '*fastopen_key' ! -name 'stable_secret' ! -path '*/neigh/*' -print0 | sort -z |
	inside "$1" xargs -0 grep -H '' 2>/dev/null | grep -v 'netfilter/nf_conntrack_count' >"$2" || true; }
