# Shared by the tests of the server: a PKI, a configuration and a running kedge-server in $WORK, on loopback of a
# namespace of the test's own. Sourced after lib.sh.
# shellcheck shell=bash

URL=https://127.0.0.1:8443
PKI=$WORK/pki
server_conf() {
	cat >"$WORK/server.conf" <<-CONF
		[server]
		fleet = north
		listen = 127.0.0.1:8443
		cert = $PKI/server.crt
		key = $PKI/server.key
		host_ca_cert = $PKI/host-ca.crt
		host_ca_key = $PKI/host-ca.key
		operator_ca = $PKI/operator-ca.crt
		store = $WORK/store.db
		[operators]
		admin = admin
	CONF
}
server_start() {
	"$KEDGE_BIN/kedge-server" --config "$WORK/server.conf" 2>>"$WORK/server.log" &
	SERVER=$!
	PIDS+=("$SERVER")
	local i
	for i in $(seq 100); do
		curl -sS --cacert "$PKI/server-ca.crt" -o /dev/null "$URL/healthz" 2>/dev/null && return
		kill -0 "$SERVER" 2>/dev/null || { cat "$WORK/server.log" >&2; exit 1; }
		sleep 0.1
	done
	echo "the server does not answer" >&2; cat "$WORK/server.log" >&2; exit 1
}
server_stop() { kill "$SERVER"; wait "$SERVER"; }
# call STATUS CURL-ARGUMENTS...: the answer's body is in $WORK/out, its status must be STATUS.
call() {
	local want=$1 got; shift
	got=$(curl -sS --cacert "$PKI/server-ca.crt" -o "$WORK/out" -w '%{http_code}' "$@" 2>"$WORK/err") || true
	[ "$got" = "$want" ] || fail "curl $* gave $got, not $want"
}
admin() { call "$@" --cert "$PKI/operators/admin.crt" --key "$PKI/operators/admin.key"; }

"$KEDGE_BIN/kedge-devca" init "$PKI" --fleet north --server-ip 127.0.0.1 --server-name localhost >/dev/null
server_conf
