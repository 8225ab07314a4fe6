# Shared by the tests of several kedge-server on one PostgreSQL: the database in $WORK/pg, servers "a" and "b" on ports 8441
# and 8442, a balancer on 8443 where lib-server.sh's $URL points. Sourced after lib-server.sh.
# shellcheck shell=bash

. "$KEDGE_SRC/tests/support/postgres.sh"
pg_there || { echo "PostgreSQL is not installed"; exit 77; }
# shellcheck disable=SC2034
PG=$WORK/pg STANDBY=$WORK/standby
declare -A SERVERS=()
# shellcheck disable=SC2034
URL_a=https://127.0.0.1:8441 URL_b=https://127.0.0.1:8442
chmod 0711 "$WORK"
# Also when the test fails: processes of PostgreSQL are not in $PIDS.
trap 'pg_down "$WORK/pg"; pg_down "$WORK/standby"; finish' EXIT

cat >"$WORK/cli.conf" <<-CONF
	[server]
	url = $URL
	ca = $PKI/server-ca.crt
	[operator]
	cert = $PKI/operators/admin.crt
	key = $PKI/operators/admin.key
CONF
kedge() { "$KEDGE_BIN/kedge" --config "$WORK/cli.conf" "$@" >"$WORK/out" 2>"$WORK/err" || fail "kedge $* ended with $?"; }
# up a|b...: starts these servers and waits until they answer.
up() {
	local name url
	for name in "$@"; do
		url=URL_$name
		sed "s/^listen = .*/listen = ${!url#https:\/\/}/; s|^store = .*|store = $(cat "$PG/where")|" "$WORK/server.conf" >"$WORK/$name.conf"
		"$KEDGE_BIN/kedge-server" --config "$WORK/$name.conf" 2>>"$WORK/$name.log" &
		SERVERS[$name]=$!
		PIDS+=("$!")
	done
	for name in "$@"; do url=URL_$name; answers "${!url}" || { cat "$WORK"/*.log >&2; fail "server $name does not answer"; }; done
}
answers() {
	local i
	for i in $(seq 200); do curl -sS --cacert "$PKI/server-ca.crt" -o /dev/null "$1/healthz" 2>/dev/null && return; sleep 0.05; done
	return 1
}
down() { kill "-$2" "${SERVERS[$1]}"; wait "${SERVERS[$1]}" 2>/dev/null || true; }
balancer() {
	"$KEDGE_SRC/tests/support/balancer" 8443 8441 8442 2>"$WORK/balancer.log" &
	PIDS+=("$!")
	answers "$URL" || fail "the balancer does not answer"
}
# reporters HOST...: each reports through the balancer until it is ended, and survives everything; HOST.acked says what it knows.
reporters() {
	local h
	REPORTERS=()
	for h in "$@"; do
		"$KEDGE_BUILD/tests/api_tool" report "$URL" "$h" "$h.crt" "$h.key" "$PKI/server-ca.crt" 00000000000000a1 100000 "${SIZE:-20}" >"$h.acked" 2>"$h.err" &
		REPORTERS+=("$!"); PIDS+=("$!")
	done
}
reporters_end() { local p; for p in "${REPORTERS[@]}"; do kill "$p" 2>/dev/null || true; wait "$p" 2>/dev/null || true; done; }
acked() { tail -n 1 "$1.acked" | cut -d' ' -f2; }
# progress HOST...: each of them gets a further batch acknowledged.
progress() {
	local h n i
	for h in "$@"; do
		n=$(wc -l <"$h.acked")
		for i in $(seq 300); do [ "$(wc -l <"$h.acked")" -le "$n" ] || break; sleep 0.1; done
		[ "$i" -lt 300 ] || { cat "$h.err" ./*.log >&2; fail "$h: nothing comes through any more"; }
	done
}
# judge HOST...: what was acknowledged is there once, each host has one history, the audit chain fits.
judge() {
	local h n low high state forks known
	for h in "$@"; do
		known=$(acked "$h")
		IFS='|' read -r n low high state forks < <(pg_sql "$PG" "SELECT count(*), min(r.seq), max(r.seq), h.state, h.forks FROM records AS r
			JOIN hosts AS h ON h.id = r.host WHERE h.id = '$h' GROUP BY h.state, h.forks")
		[ "$low" = 1 ] && [ "$n" = "$high" ] && [ "$state" = enrolled ] && [ "$forks" = 0 ] && [ "$high" -ge "$known" ] ||
			fail "$h: $n records from $low to $high, $state, $forks forks, $known acknowledged"
	done
}
# An operator who makes tokens through the balancer meanwhile: the ids of those that were answered with 201.
tokens() {
	local body
	while [ -e "$WORK/go" ]; do
		body=$(curl -sS -m 10 --cacert "$PKI/server-ca.crt" --cert "$PKI/operators/admin.crt" --key "$PKI/operators/admin.key" \
			-d '{"labels":{"role":"web"}}' -w ' %{http_code}' "$URL/v1/tokens" 2>/dev/null) || true
		[[ $body != *' 201' ]] || sed -nE 's/.*"token": ?"kedge1\.([0-9a-f]+)\..*/\1/p' <<<"$body"
		sleep 0.1
	done >"$WORK/tokens"
}
tokens_begin() { : >"$WORK/go"; tokens & TOKENS=$!; PIDS+=("$!"); }
# Each is there, with its row in a chain that fits.
tokens_judge() {
	local id
	rm "$WORK/go"; wait "$TOKENS" || true
	[ -s "$WORK/tokens" ] || fail "no token was ever made"
	while read -r id; do
		[ "$(pg_sql "$PG" "SELECT count(*) FROM audit WHERE action = 'token.create' AND object = '$id'")" = 1 ] || fail "token $id is lost"
	done <"$WORK/tokens"
	kedge audit verify
	echo "$(wc -l <"$WORK/tokens") tokens; $(head -n 1 "$WORK/out")"
}
