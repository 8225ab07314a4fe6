# Shared by the scripts in this folder: say what happens, install what is missing, build a preset. Sourced.
# shellcheck shell=bash

KEDGE_ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

say() { printf '\033[1m== %s\033[0m\n' "$*" | if [ -t 1 ]; then cat; else sed 's/\x1b\[[0-9;]*m//g'; fi; }
die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

need_root() { [ "$(id -u)" = 0 ] || die "needs root: it makes network namespaces and may install packages (try: sudo $0)"; }

# Debian packages by purpose. Everything is in Debian 12's main archive.
KEDGE_BUILD_PACKAGES="gcc libc6-dev cmake ninja-build pkg-config libcurl4-openssl-dev libssl-dev libcjson-dev libmnl-dev
 libcmocka-dev libsqlite3-dev libpq-dev zlib1g-dev libev-dev libseccomp-dev libmd-dev"
KEDGE_RUN_PACKAGES="iproute2 procps util-linux net-tools mawk openssl curl"
KEDGE_TEST_PACKAGES="strace python3-minimal python3-jsonschema postgresql-15"
KEDGE_PEER_PACKAGES="nodejs npm ca-certificates" # unless node and npm are there from elsewhere
KEDGE_CLANG_PACKAGES="clang clang-format clang-tidy libclang-rt-14-dev"

# install_missing PACKAGE...: installs the ones that dpkg does not know as installed, and says which.
install_missing() {
	local missing=() p
	for p in "$@"; do
		dpkg-query -W -f='${db:Status-Status}\n' "$p" 2>/dev/null | grep -qx installed || missing+=("$p")
	done
	if [ ${#missing[@]} = 0 ]; then return 0; fi
	[ "$(id -u)" = 0 ] || die "these packages are missing: ${missing[*]}; run as root, or: apt-get install ${missing[*]}"
	say "installing ${missing[*]}"
	export DEBIAN_FRONTEND=noninteractive
	# The tests start a PostgreSQL of their own: Debian's package shall not make and start one for the whole machine.
	if [[ " ${missing[*]} " == *" postgresql-"* ]] && [ ! -e /etc/postgresql-common/createcluster.conf ]; then
		mkdir -p /etc/postgresql-common
		echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
		export UCF_FORCE_CONFFOLD=1
	fi
	if ! apt-get install -y -q --no-install-recommends "${missing[@]}" >/tmp/kedge-apt.log 2>&1; then
		apt-get update -q >>/tmp/kedge-apt.log 2>&1 || true
		apt-get install -y -q --no-install-recommends "${missing[@]}" >>/tmp/kedge-apt.log 2>&1 ||
			{ tail -20 /tmp/kedge-apt.log >&2; die "apt-get could not install: ${missing[*]}"; }
	fi
}

# The unit tests of the TUF client by name, one a line: whoever measures those tests (coverage, mutate) takes this list.
tuf_tests() {
	(cd "$KEDGE_ROOT/tests/unit" && printf '%s\n' test_trust*.c test_tuf*.c test_envelope.c test_delegation.c) |
		sed 's/^test_//; s/\.c$//'
}

# build PRESET [TARGET...]: configure once, build (everything, or the targets); output only when something goes wrong.
build() {
	local preset=$1 log t=$SECONDS
	shift
	log="$KEDGE_ROOT/build/$preset.log"
	mkdir -p "$KEDGE_ROOT/build"
	say "building preset $preset"
	(cd "$KEDGE_ROOT" && { [ -f "build/$preset/build.ninja" ] || cmake --preset "$preset"; } && cmake --build --preset "$preset" ${1:+--target "$@"}) \
		>"$log" 2>&1 || { tail -60 "$log" >&2; die "build of preset $preset failed (whole log: $log)"; }
	[ $((SECONDS - t)) -lt 10 ] || echo "build of preset $preset: $((SECONDS - t)) s"
}
