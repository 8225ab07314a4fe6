# For tests in which the agent uses BPF: the test runs in a control group of its own, as the root of a cgroup namespace of its own.
# So the agent attaches its program there (`coverage: partial`), sees the test's processes and nobody else's, and
# nothing is ever attached to this machine's root. Sourced before lib-fleet.sh.
# shellcheck shell=bash
if [ -z "${KEDGE_CGROUP:-}" ]; then
	[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
	unshare --cgroup --mount true 2>/dev/null || { echo "namespaces are not permitted here"; exit 77; }
	# Where the hierarchy is not mounted, in a mount namespace of the test's own.
	if ! grep -q ' - cgroup2 ' /proc/self/mountinfo; then
		[ "${KEDGE_CGROUP_TRIED:-}" != 1 ] || { echo "cgroup2 cannot be mounted here"; exit 77; }
		KEDGE_CGROUP_TRIED=1 exec unshare --mount sh -c 'mount -t cgroup2 none /sys/fs/cgroup 2>/dev/null; exec "$@"' sh "$0" "$@"
	fi
	KEDGE_CGROUP=$(sed -n 's/^[^ ]* [^ ]* [^ ]* [^ ]* \([^ ]*\) .* - cgroup2 .*/\1/p' /proc/self/mountinfo | head -n 1)/kedge-test.$$
	mkdir "$KEDGE_CGROUP" || { echo "no control group can be made here"; exit 77; }
	export KEDGE_CGROUP
	rc=0
	sh -c 'echo $$ >"$KEDGE_CGROUP/cgroup.procs" && exec unshare --cgroup --mount -- "$@"' sh "$0" "$@" || rc=$?
	# What was killed with the test may still be on its way out.
	for _ in $(seq 100); do find "$KEDGE_CGROUP" -depth -type d -exec rmdir {} + 2>/dev/null; [ -e "$KEDGE_CGROUP" ] || break; sleep 0.1; done
	exit $rc
fi
# In place of what shows the machine's: the same hierarchy, seen from our control group.
if [ "${KEDGE_INSIDE:-}" != 1 ]; then
	umount --lazy "${KEDGE_CGROUP%/*}" && mount -t cgroup2 none "${KEDGE_CGROUP%/*}" || { echo "cgroup2 cannot be mounted here"; exit 77; }
fi
