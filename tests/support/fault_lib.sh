# Shared by the fault tests of the engine; sourced. Everything happens in a fresh network namespace: the script runs itself
# again inside one, so that no value of the machine is ever touched.
#
#   fault_enter "$@"        re-run in a namespace; exit 77 where that, or strace, is not to be had
#   world                   an empty $T with run and state directories; $FE is the engine program for it
#   values                  every value below net/ipv4 and net/core, by cat and not by the code under test
#   pick N                  the numbers 1..N that this run tries: all with KEDGE_FAULT_ALL=1, else $SAMPLE of them by seed
set -euo pipefail

say() { printf '%s\n' "$*"; }
die() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }

fault_enter() {
	: "${KEDGE_BUILD:?}"
	local here
	here=$(readlink /proc/self/ns/net)
	if [ -z "${FAULT_OUTER_NET:-}" ]; then
		command -v strace >/dev/null || { say "skipped: no strace"; exit 77; }
		unshare -n true 2>/dev/null || { say "skipped: unshare -n is not permitted"; exit 77; }
		[ -x "$KEDGE_BUILD/tests/fault_engine" ] || die "fault_engine is not built"
		export KEDGE_SEED=${KEDGE_SEED:-$((RANDOM * 32768 + RANDOM))} FAULT_OUTER_NET=$here
		exec unshare -n "$0" "$@"
	fi
	[ "$here" != "$FAULT_OUTER_NET" ] || die "not in a network namespace of its own"
	T=$(mktemp -d /tmp/kedge-fault-XXXXXX)
	trap 'rm -rf "${T:?}"' EXIT
	FE="$KEDGE_BUILD/tests/fault_engine --run $T/run --state $T/state --ceiling $T/none"
	say "seed $KEDGE_SEED"
}

# Empty names are stopped here: no rm -rf may ever start at the root.
world() { rm -rf "${T:?}/run" "${T:?}/state"; }

values() { { grep -rsH . /proc/sys/net/ipv4 /proc/sys/net/core || true; } | sort; }

# killed CALL N ARGS...: run the engine and kill it at its N-th CALL. False when it lived to its end.
killed() {
	if { strace -qq -o /dev/null -e trace="$1" -e inject="$1:signal=SIGKILL:when=$2" $FE "${@:3}" >"$T/out" 2>&1; } 2>/dev/null; then
		return 1
	fi
}

# The sample is the same for the same seed, whatever the shell: the generator is awk's own.
pick() {
	if [ "${KEDGE_FAULT_ALL:-0}" = 1 ] || [ "$1" -le "$SAMPLE" ]; then
		seq "$1"
		return
	fi
	awk -v n="$1" -v k="$SAMPLE" -v seed="$KEDGE_SEED" 'BEGIN {
		srand(seed); for (i = 1; i <= n; i++) a[i] = i
		for (i = 1; i <= k; i++) { j = i + int(rand() * (n - i + 1)); t = a[i]; a[i] = a[j]; a[j] = t; print a[i] }
	}' | sort -n
}

# Twenty keys that a network namespace may set, each to a value that is not the kernel's own; among them the port pair, a
# coupled key and a vector.
twenty() {
	cat <<-'END'
	net.ipv4.tcp_syncookies = 2
	net.ipv4.tcp_fin_timeout = 31
	net.ipv4.ip_local_port_range = 20000 59000
	net.ipv4.tcp_keepalive_time = 1201
	net.ipv4.tcp_max_syn_backlog = 8191
	net.ipv4.tcp_max_tw_buckets = 50001
	net.core.somaxconn = 32768
	net.ipv4.tcp_rmem = 8192 131073 6291457
	net.ipv4.tcp_wmem = 8192 16385 4194305
	net.ipv4.ip_forward = 1
	net.ipv4.tcp_synack_retries = 2
	net.ipv4.tcp_syn_retries = 3
	net.ipv4.tcp_keepalive_intvl = 31
	net.ipv4.tcp_keepalive_probes = 4
	net.ipv4.tcp_retries2 = 8
	net.ipv4.tcp_slow_start_after_idle = 0
	net.ipv4.tcp_mtu_probing = 1
	net.ipv4.ip_unprivileged_port_start = 1025
	net.ipv4.conf.lo.rp_filter = 2
	net.ipv4.ip_local_reserved_ports = 30000-30010,30020
	END
}
