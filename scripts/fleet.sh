# A fleet of kedge hosts in network namespaces, in parts: namespaces, certificates, repository, server, mirror, hosts. Sourced
# by scripts/demo and by the tests in tests/system. Three names are parameters, so that two fleets do not meet:
#
#   FLEET   the namespaces are called FLEET-server and FLEET-HOST
#   WORK    an existing directory of the fleet's own: everything lies in it, and it goes with the fleet
#   BIN, TOOLS   the built programs, and those of tests/support
#
# Inside WORK: pki, keys, repo (the publisher's), mirror (a link to what hosts fetch), HOST/{etc,state,run}, log/NAME and
# pids/NAME of everything that was started here. Only processes whose pid is in such a file are ever ended.
# shellcheck shell=bash

: "${FLEET:?names the namespaces}" "${WORK:?is the directory of the fleet}" "${BIN:?}" "${TOOLS:?}"
SERVER_IP=10.77.0.1 MIRROR_PORT=8444 FLEET_N=0
SERVER_URL=https://$SERVER_IP:8443
ns() { ip netns exec "$FLEET-$1" "${@:2}"; }
inside() { nsenter --net="/run/netns/$FLEET-$1" -- "${@:2}"; }
operator() { inside server "$BIN/kedge" --config "$WORK/cli.conf" "$@"; }
# within SECONDS COMMAND...: the command succeeds within that time; it will not, once a process was ended for a system call.
within() {
	local end=$((SECONDS + $1)); shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] && ! grep -qs 'process ended .*signal=SYS' "$WORK"/log/* || return 1
		sleep 0.2
	done
}

# background NAME WHERE COMMAND...: started in WHERE's namespace, its own pid noted, its output at the end of a log.
background() {
	local name=$1 where=$2; shift 2
	mkdir -p "$WORK"/{pids,log}
	(exec nsenter --net="/run/netns/$FLEET-$where" -- "$@") >>"$WORK/log/$name" 2>&1 &
	echo $! >"$WORK/pids/$name"; disown
}
pid_of() { cat "$WORK/pids/$1"; }
# stop NAME [SIGNAL]: ends what background() started, and waits until it is gone.
stop() {
	local pid n
	[ -e "$WORK/pids/$1" ] || return 0
	pid=$(pid_of "$1")
	kill "-${2:-TERM}" "$pid" 2>/dev/null || true
	for n in $(seq 50); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
	rm -f "$WORK/pids/$1"
}
# stop_all HOST...: ends everything, removes the namespaces of these hosts and the server's, and the directory.
stop_all() {
	local file host
	for file in "$WORK"/pids/*; do [ ! -e "$file" ] || kill "$(cat "$file")" 2>/dev/null || true; done
	for file in "$WORK"/pids/*; do [ ! -e "$file" ] || stop "$(basename "$file")"; done
	for host in server "$@"; do ip netns del "$FLEET-$host" 2>/dev/null || true; done
	rm -rf "${WORK:?}"
}

# namespaces HOST...: the server's, with a bridge, and the hosts' as 10.77.0.11, .12, ...
namespaces() {
	local host n=10
	ip netns add "$FLEET-server"
	ns server ip link set lo up
	ns server ip link add br0 type bridge
	ns server ip addr add $SERVER_IP/24 dev br0
	ns server ip link set br0 up
	for host in "$@"; do
		n=$((n + 1))
		ip netns add "$FLEET-$host"
		ip -n "$FLEET-server" link add "to-$host" type veth peer name eth0 netns "$FLEET-$host"
		ns server ip link set "to-$host" master br0 up
		ns "$host" ip link set lo up
		ns "$host" ip addr add 10.77.0.$n/24 dev eth0
		ns "$host" ip link set eth0 up
	done
}

# Three CAs, a server certificate, an operator called admin, and her cli.conf.
make_pki() {
	"$BIN/kedge-devca" init "$WORK/pki" --fleet demo --server-name kedge.demo --server-ip $SERVER_IP
	cat >"$WORK/cli.conf" <<-CONF
		[server]
		url = $SERVER_URL
		ca = $WORK/pki/server-ca.crt
		[operator]
		cert = $WORK/pki/operators/admin.crt
		key = $WORK/pki/operators/admin.key
	CONF
}

server_answers() { inside server curl -sf --cacert "$WORK/pki/server-ca.crt" "$SERVER_URL/healthz"; }
# The control server; again after a stop, on the same store.
start_server() {
	[ -e "$WORK/server.conf" ] || cat >"$WORK/server.conf" <<-CONF
		[server]
		fleet = demo
		listen = $SERVER_IP:8443
		cert = $WORK/pki/server.crt
		key = $WORK/pki/server.key
		host_ca_cert = $WORK/pki/host-ca.crt
		host_ca_key = $WORK/pki/host-ca.key
		operator_ca = $WORK/pki/operator-ca.crt
		store = $WORK/store.sqlite
		[operators]
		admin = admin
	CONF
	background server server "$BIN/kedge-server" --config "$WORK/server.conf"
	within 10 server_answers || fail "the server does not answer"
}

# Hosts fetch the repository from a plain mirror, as from a CDN: it needs no trust. `mirror_shows DIR` makes it lie.
start_mirror() {
	mirror_shows "$WORK/repo"
	background mirror server "$TOOLS/mirror" "$WORK/mirror" $SERVER_IP $MIRROR_PORT "$WORK/pki/server.crt" "$WORK/pki/server.key"
}
mirror_shows() { ln -sfn "$1" "$WORK/mirror"; }

# make_host HOST: its directories, agent.conf and ceiling.conf; times are short, so that nobody waits. BPF only where a test asks
# for it: attached to the machine's control groups it would see what other fleets do.
make_host() {
	local dir=$WORK/$1
	FLEET_N=$((FLEET_N + 1))
	mkdir -p "$dir"/{etc/trust,state,run}
	cat >"$dir/etc/agent.conf" <<-CONF
		[agent]
		host = $1
		fleet = demo
		server = $SERVER_URL
		repo = https://$SERVER_IP:$MIRROR_PORT
		ca = $dir/etc/trust/server-ca.pem
		root = $dir/etc/trust/root.json
		events = ${FLEET_EVENTS:-fanotify}
		[labels]
		role = web
		[users]
		keeper = $((64000 + FLEET_N))
		courier = $((64100 + FLEET_N))
		[paths]
		run = $dir/run
		state = $dir/state
		ceiling = $dir/etc/ceiling.conf
		[times]
		sockets = ${FLEET_SOCKETS:-3}
		status = ${FLEET_STATUS:-5}
		refresh = ${FLEET_REFRESH:-2}
		retry_max = ${FLEET_RETRY_MAX:-300}
	CONF
	printf '# what policies may touch on this host\nnet.ipv4.*\nnet.core.somaxconn\n!net.ipv4.ip_forward\n%s\n' "${FLEET_CEILING:-}" >"$dir/etc/ceiling.conf"
	chmod -R go-w "$dir"
}
# make_token HOST: an enrolment token for HOST in $WORK/token.
make_token() {
	operator token create --host "$1" --label role=web --format json >"$WORK/token.json"
	sed -n 's/.*"token": *"\([^"]*\)".*/\1/p' "$WORK/token.json" >"$WORK/token"
}
enrol() { inside "$1" "$BIN/kedge-agent" enrol --config "$WORK/$1/etc/agent.conf" --token-file "$WORK/token"; }
start_host() { background "$1" "$1" "$BIN/kedge-agent" run --config "$WORK/$1/etc/agent.conf"; }
