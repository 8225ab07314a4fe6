# A throw-away PostgreSQL for tests: in a directory of its own, on a Unix socket in there, never as root (it refuses) and never
# on a port. Sourced.
#   pg_make DIR            a new cluster and the database "kedge" in DIR, running; DIR/where: the connection string
#   pg_up DIR  pg_down DIR start (again), waiting for recovery; stop
#   pg_standby DIR FROM    a running copy of FROM in DIR, that FROM's commits wait for; pg_promote DIR: it is the primary
#   pg_kill9 DIR           kill -9 of the postmaster and of all its processes
#   pg_sql DIR SQL         run SQL, unaligned
# shellcheck shell=bash

PG_BIN=$(find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)
pg_there() { [ -n "$PG_BIN" ] && [ -x "$PG_BIN/initdb" ]; }
pg_as() { if [ "$(id -u)" = 0 ]; then setpriv --reuid nobody --regid nogroup --clear-groups env HOME="$1" "${@:2}"; else "${@:2}"; fi; }
# No durable writes while the cluster is made: it is thrown away if that fails. In use, fsync is on: the store refuses anything else.
pg_make() {
	local dir=$1
	mkdir -p "$dir"
	chmod 0711 "$dir"
	[ "$(id -u)" != 0 ] || chown nobody:nogroup "$dir"
	pg_as "$dir" "$PG_BIN/initdb" -D "$dir/data" -U kedge -A trust -E UTF8 --locale=C.UTF-8 -k --no-sync --no-instructions >"$dir/initdb.log" 2>&1 ||
		{ cat "$dir/initdb.log" >&2; return 1; }
	cat >>"$dir/data/postgresql.conf" <<-CONF
		listen_addresses = ''
		unix_socket_directories = '$dir'
		unix_socket_permissions = 0700
		shared_buffers = 32MB
		max_connections = 60
		deadlock_timeout = 200ms
		autovacuum_naptime = 5s
		log_min_messages = warning
		$2
	CONF
	printf 'postgresql://kedge@/kedge?host=%s\n' "$dir" >"$dir/where"
	pg_up "$dir" && pg_sql "$dir" 'CREATE DATABASE kedge' postgres >/dev/null
}
# A postmaster that was killed leaves its children behind for a moment; until they are gone it does not start.
pg_up() {
	for _ in $(seq 50); do
		pg_as "$1" "$PG_BIN/pg_ctl" -D "$1/data" -l "$1/log" -w -t 30 -s start >"$1/start.log" 2>&1 </dev/null && return
		sleep 0.1
	done
	cat "$1/start.log" >&2; tail -n 5 "$1/log" >&2
	return 1
}
pg_down() { pg_as "$1" "$PG_BIN/pg_ctl" -D "$1/data" -m immediate -s stop >/dev/null 2>&1 || true; }
pg_kill9() {
	local main children
	main=$(head -n 1 "$1/data/postmaster.pid")
	children=$(cat "/proc/$main/task/$main/children" 2>/dev/null || true)
	# shellcheck disable=SC2086
	kill -9 "$main" $children 2>/dev/null || true
}
pg_standby() {
	local dir=$1 from=$2
	mkdir -p "$dir"
	chmod 0711 "$dir"
	[ "$(id -u)" != 0 ] || chown nobody:nogroup "$dir"
	pg_as "$dir" "$PG_BIN/pg_basebackup" -h "$from" -U kedge -D "$dir/data" -R -X stream -c fast --no-sync >"$dir/basebackup.log" 2>&1 ||
		{ cat "$dir/basebackup.log" >&2; return 1; }
	printf "unix_socket_directories = '%s'\nsynchronous_standby_names = ''\nwal_retrieve_retry_interval = 200ms\n" "$dir" >>"$dir/data/postgresql.conf"
	pg_up "$dir" || return 1
	pg_sql "$from" "ALTER SYSTEM SET synchronous_standby_names = '*'"
	pg_sql "$from" 'SELECT pg_reload_conf()' >/dev/null
	printf 'postgresql://kedge@/kedge?host=%s,%s\n' "$from" "$dir" >"$from/where"
}
pg_promote() { pg_as "$1" "$PG_BIN/pg_ctl" -D "$1/data" -w -t 30 -s promote; }
pg_sql() { "$PG_BIN/psql" -h "$1" -U kedge -d "${3:-kedge}" -X -q -A -t -v ON_ERROR_STOP=1 -c "$2"; }
