# Sourced by benchmarks: peers that are installed. Debian 12: apt-get install cfengine3 lldpd prometheus-node-exporter.
# shellcheck shell=bash
#
#   have NAME PACKAGE            is the command there? Else say so, and how it comes here
#   cfengine_make DIR LIST       a work directory of CFEngine's own with a policy that keeps the keys of LIST ("key = value")
#   cfengine DIR COMMAND...      a command of CFEngine in it; cf-agent needs -f DIR/inputs/promises.cf

have() {
	command -v "$1" >/dev/null && return 0
	echo "skipped: $1 is not installed (apt-get install $2)"
	return 1
}

# As short as a policy that compares and repairs can be; the daemons get nothing to schedule and nothing to serve.
cfengine_policy() {
	echo 'body common control { bundlesequence => { "kernel" }; }'
	echo 'body executor control { schedule => { "!any" }; }'
	echo 'body server control { allowconnects => { "127.0.0.1" }; }'
	echo 'bundle agent kernel {'
	echo 'vars:'
	local key value
	sed 's/ *= */=/' "$1" | while IFS='=' read -r key value; do
		printf '  "want[%s]" string => "%s";\n' "${key//./\/}" "${value// /\\s+}"
		printf '  "text[%s]" string => "%s=%s";\n' "${key//./\/}" "$key" "$value"
	done
	cat <<-'CF'
		  "keys" slist => getindices("want");
		  "now[$(keys)]" string => readfile("/proc/sys/$(keys)", "256");
		classes:
		  "good_$(keys)" expression => regcmp("$(want[$(keys)])\s*", "$(now[$(keys)])");
		commands:
		  "/sbin/sysctl" args => "-q -w \"$(text[$(keys)])\"", unless => canonify("good_$(keys)");
		}
	CF
}
cfengine() { CFENGINE_TEST_OVERRIDE_WORKDIR=$1 "${@:2}"; }
cfengine_make() {
	mkdir -p "$1"/{bin,inputs,ppkeys,state}
	chmod -R go-rwx "$1"
	ln -sf "$(command -v cf-promises)" "$1/bin/"
	(umask 077; cfengine_policy "$2" >"$1/inputs/promises.cf")
	cfengine "$1" cf-key >/dev/null
}
