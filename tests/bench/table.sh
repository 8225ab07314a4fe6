# Sourced by benchmarks: contenders, interleaved rounds, a table of medians.
# shellcheck shell=bash
#
#   contender NAME COMMAND [ARGUMENT...]   may be a shell command: contender NAME sh -c '...'
#   rounds N                               run each contender once, N times over
#   table NAME                             medians, and ratios against contender NAME
#   cpu_us NAME                            median CPU time in microseconds
#   bar TEXT A OP B                        check a bar with integers: A OP B (awk); failures count in $bars_failed

bench_names=(); declare -A bench_command=()
bench_tmp=$(mktemp -d); trap 'rm -rf "$bench_tmp"' EXIT
bars_failed=0

contender() {
	local name=$1; shift
	bench_names+=("$name")
	bench_command[$name]=$(printf '%q ' "$@")
}

rounds() {
	local i name
	for ((i = 0; i < $1; i++)); do
		for name in "${bench_names[@]}"; do
			eval "\"$KEDGE_BUILD/tests/cpu_of\" ${bench_command[$name]}" >>"$bench_tmp/$name"
		done
	done
}

# median NAME COLUMN
median() { cut -d' ' -f"$2" "$bench_tmp/$1" | sort -n | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }
cpu_us() { median "$1" 1; }

table() {
	local base name cpu
	base=$(cpu_us "$1")
	printf '%-22s %10s %10s %8s %8s %22s\n' contender 'CPU ms' 'wall ms' 'RSS KiB' 'ratio' 'CPU min-max ms'
	for name in "${bench_names[@]}"; do
		cpu=$(cpu_us "$name")
		awk -v n="$name" -v c="$cpu" -v w="$(median "$name" 2)" -v r="$(median "$name" 3)" -v b="$base" \
			-v lo="$(cut -d' ' -f1 "$bench_tmp/$name" | sort -n | head -1)" \
			-v hi="$(cut -d' ' -f1 "$bench_tmp/$name" | sort -n | tail -1)" \
			'BEGIN { printf "%-22s %10.1f %10.1f %8d %8.2f %22s\n", n, c / 1000, w / 1000, r, c / b,
				sprintf("%.1f-%.1f", lo / 1000, hi / 1000) }'
	done
}

bar() {
	if awk -v a="$2" -v b="$4" "BEGIN { exit !(a $3 b) }"; then
		echo "bar met:    $1"
	else
		echo "bar MISSED: $1"
		bars_failed=$((bars_failed + 1))
	fi
}
