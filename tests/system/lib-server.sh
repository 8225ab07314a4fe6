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

# token BODY: makes a token; $id, $secret, $pin, $root are its parts.
# shellcheck disable=SC2034
token() {
	admin 201 -d "$1" "$URL/v1/tokens"
	IFS=. read -r _ id secret pin root < <(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["token"])' "$WORK/out")
}
# enrol HOST: $WORK/HOST.key and HOST.crt, by curl and openssl.
enrol() {
	token "{\"host\":\"$1\",\"labels\":{\"role\":\"web\"}}"
	openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$WORK/$1.key" 2>/dev/null
	openssl req -new -key "$WORK/$1.key" -subj "/CN=$1" -outform DER | base64 >"$WORK/$1.csr"
	call 200 -u "$id:$secret" -H 'Content-Type: application/pkcs10' --data-binary "@$WORK/$1.csr" "$URL/.well-known/est/simpleenroll"
	base64 -d <"$WORK/out" | openssl pkcs7 -inform DER -print_certs | openssl x509 -out "$WORK/$1.crt"
}
# publish [PATH=TEXT]...: the first publication.
publish() {
	"$KEDGE_BUILD/tests/api_tool" publication "$@" >"$WORK/publication"
	admin 204 -T "$WORK/publication" "$URL/v1/repo"
}
