# A real server for a simulated fleet, in parts; sourced by tests/bench/fleet and by the system tests. Needs KEDGE_BIN and
# KEDGE_BUILD; everything lies in $SIM (sim_work makes it) and ends with sim_end.
# shellcheck shell=bash

SIM='' SERVER='' SIM_FLEETS=()
# Where a file costs no disk, when there is such a place: it is not the disk that is measured.
sim_work() {
	local where=/tmp
	[ ! -w /dev/shm ] || where=/dev/shm
	SIM=$(mktemp -d "$where/kedge-fleet.XXXXXX")
	SIM_FLEETS=()
	"$KEDGE_BIN/kedge-devca" init "$SIM/pki" --fleet sim --server-name localhost --server-ip 127.0.0.1 >/dev/null
	cat >"$SIM/cli.conf" <<-CONF
		[server]
		url = https://127.0.0.1:8443
		ca = $SIM/pki/server-ca.crt
		[operator]
		cert = $SIM/pki/operators/admin.crt
		key = $SIM/pki/operators/admin.key
	CONF
	cat >"$SIM/server.conf" <<-CONF
		[server]
		fleet = sim
		listen = 127.0.0.1:8443
		cert = $SIM/pki/server.crt
		key = $SIM/pki/server.key
		host_ca_cert = $SIM/pki/host-ca.crt
		host_ca_key = $SIM/pki/host-ca.key
		operator_ca = $SIM/pki/operator-ca.crt
		store = $SIM/store.sqlite
		[operators]
		admin = admin
		[limits]
		conns_per_address = 0
		handshakes_per_address = 0
	CONF
}
sim_operator() { "$KEDGE_BIN/kedge" --config "$SIM/cli.conf" "$@"; }
sim_server() {
	local i
	"$KEDGE_BIN/kedge-server" --config "$SIM/server.conf" >>"$SIM/server.log" 2>&1 &
	SERVER=$!; disown
	for i in $(seq 100); do
		! curl -sf --cacert "$SIM/pki/server-ca.crt" -o /dev/null https://127.0.0.1:8443/healthz || return 0
		sleep 0.05
	done
	cat "$SIM/server.log" >&2; return 1
}
sim_publish_first() {
	"$KEDGE_BIN/kedge" repo init "$SIM/repo" --keys "$SIM/keys" >/dev/null 2>&1
	sim_operator repo publish "$SIM/repo" >/dev/null
}
# sim_fleet NAME HOSTS [OPTION...]
sim_fleet() {
	local name=$1 hosts=$2; shift 2
	"$KEDGE_BUILD/tests/fleet" --port 8443 --ca "$SIM/pki/server-ca.crt" --operator-cert "$SIM/pki/operators/admin.crt" \
		--operator-key "$SIM/pki/operators/admin.key" --root "$SIM/repo/metadata/1.root.json" --hosts "$hosts" --prefix "$name" \
		--seconds 1800 "$@" >"$SIM/$name.out" 2>&1 &
	SIM_FLEETS+=("$name:$!"); disown
}
# sim_wait WORD SECONDS [TIMES]: every fleet has printed the line TIMES (1).
sim_wait() {
	local end=$((SECONDS + $2)) fleet
	for fleet in "${SIM_FLEETS[@]}"; do
		until [ "$(grep -c "^$1 " "$SIM/${fleet%%:*}.out")" -ge "${3:-1}" ]; do
			[ $SECONDS -lt $end ] && kill -0 "${fleet##*:}" 2>/dev/null || grep -q "^$1 " "$SIM/${fleet%%:*}.out" || {
				tail -n 20 "$SIM"/*.out "$SIM/server.log" >&2; echo "no '$1' from ${fleet%%:*}" >&2; return 1; }
			sleep 0.1
		done
	done
}
sim_moments() { sed -nE "s/^$1 +[0-9]+ at ([0-9.]+).*/\1/p" "$SIM"/*.out | sort -n; }
sim_first() { sim_moments "$1" | head -1; }
sim_last() { sim_moments "$1" | tail -1; }
# sim_policy VERSION: a policy "web" of ten keys, signed, not published.
sim_policy() {
	cat >"$SIM/web.json" <<-JSON
		{"kedge_policy": 1, "name": "web", "version": $1, "settings": [
		{"key": "net.ipv4.tcp_syn_retries", "value": "$((3 + $1 % 3))"}, {"key": "net.ipv4.tcp_fin_timeout", "value": "30"},
		{"key": "net.ipv4.tcp_keepalive_time", "value": "600"}, {"key": "net.ipv4.tcp_keepalive_intvl", "value": "30"},
		{"key": "net.ipv4.tcp_keepalive_probes", "value": "5"}, {"key": "net.ipv4.tcp_max_syn_backlog", "value": "8192"},
		{"key": "net.core.somaxconn", "value": "4096"}, {"key": "net.ipv4.tcp_slow_start_after_idle", "value": "0"},
		{"key": "net.ipv4.tcp_mtu_probing", "value": "1"}, {"key": "net.ipv4.ip_local_port_range", "value": "16384 60999"}]}
	JSON
	"$KEDGE_BIN/kedge" policy publish "$SIM/repo" "$SIM/web.json" --keys "$SIM/keys" >/dev/null
}
# sim_rollout VERSION [OPTION...]: one wave of everybody, unless options say otherwise.
sim_rollout() {
	local version=$1; shift
	sim_operator rollout start "$SIM/repo" web "$version" --keys "$SIM/keys" --publish "$@" >"$SIM/rollout.log" || { cat "$SIM/rollout.log" >&2; return 1; }
}
sim_rss() { sed -nE 's/^VmRSS:[[:space:]]*([0-9]+) kB/\1/p' "/proc/$SERVER/status"; }
sim_cpu() { awk '{ print $14 + $15 }' "/proc/$1/stat"; } # ticks of 10 ms
# sim_spent WORD NAME: what "cpu" or "shake" were at the last line WORD, over all fleets.
sim_spent() { sed -nE "s/^$1 .* $2 ([0-9.]+).*/\1/p" "$SIM"/*.out | awk '{ n += $1 } END { printf "%.2f", n }'; }
sim_end() {
	local f
	for f in "${SIM_FLEETS[@]}"; do kill "${f##*:}" 2>/dev/null || true; done
	[ -z "$SERVER" ] || kill "$SERVER" 2>/dev/null || true
	for f in $(seq 50); do kill -0 "$SERVER" 2>/dev/null || break; sleep 0.1; done
	rm -rf "${SIM:?}"
	SERVER='' SIM_FLEETS=()
}
