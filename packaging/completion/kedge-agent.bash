# bash completion for kedge-agent. Install as /usr/share/bash-completion/completions/kedge-agent.
_kedge_agent() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} word command=
	local commands="run enrol apply confirm diff verify revert retry override hold status lint explain sockets"
	local common="--format --ceiling --run-dir --state-dir --root --help"
	case $prev in
	--format)
		word="text json"
		[[ " ${COMP_WORDS[*]} " != *" sockets "* ]] || word+=" openmetrics"
		COMPREPLY=($(compgen -W "$word" -- "$cur")); return ;;
	--netns) COMPREPLY=($(compgen -W "all self $(ls /run/netns 2>/dev/null)" -- "$cur")); return ;;
	--ceiling|--config|--token-file|--textfile) COMPREPLY=($(compgen -f -- "$cur")); return ;;
	--token|--confirm-timeout|--count|--top|--dest|--reason) COMPREPLY=(); return ;;
	--for) COMPREPLY=($(compgen -W "30m 2h 1d" -- "$cur")); return ;;
	--run-dir|--state-dir|--root|--files) COMPREPLY=($(compgen -d -- "$cur")); return ;;
	esac
	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		case " $commands " in *" $word "*) command=$word; break ;; esac
	done
	case $command in
	"") COMPREPLY=($(compgen -W "$commands $common --version" -- "$cur")) ;;
	run) COMPREPLY=($(compgen -W "$common --config --require-sandbox" -- "$cur")) ;;
	enrol) COMPREPLY=($(compgen -W "$common --config --token --token-file --force" -- "$cur")) ;;
	apply)
		if [[ $cur == -* ]]; then
			COMPREPLY=($(compgen -W "$common --dry-run --ignore-unknown --retry --detailed-exitcodes --confirm-timeout" -- "$cur"))
		else
			COMPREPLY=($(compgen -f -- "$cur"))
		fi ;;
	diff|verify|lint)
		if [[ $cur == -* ]]; then
			COMPREPLY=($(compgen -W "$common" -- "$cur"))
		else
			COMPREPLY=($(compgen -f -- "$cur"))
		fi ;;
	override)
		if [[ $cur == -* ]]; then
			COMPREPLY=($(compgen -W "$common --for --reason" -- "$cur"))
		elif [[ $prev == set || $prev == end ]]; then
			COMPREPLY=($(compgen -W "$(find /proc/sys/net -type f -printf 'net.%P\n' 2>/dev/null | tr / .)" -- "$cur"))
		else
			COMPREPLY=($(compgen -W "set list end" -- "$cur"))
		fi ;;
	hold)
		if [[ $cur == -* ]]; then
			COMPREPLY=($(compgen -W "$common --for --reason" -- "$cur"))
		else
			COMPREPLY=($(compgen -W "end" -- "$cur"))
		fi ;;
	status) COMPREPLY=($(compgen -W "$common --files" -- "$cur")) ;;
	sockets)
		COMPREPLY=($(compgen -W "$common --watch --count --dest --top --totals --netns --textfile" -- "$cur")) ;;
	explain)
		COMPREPLY=($(compgen -W "$common --files $(find /proc/sys/net -type f -printf 'net.%P\n' 2>/dev/null | tr / .)" -- "$cur")) ;;
	*) COMPREPLY=($(compgen -W "$common" -- "$cur")) ;;
	esac
}
complete -o filenames -F _kedge_agent kedge-agent
