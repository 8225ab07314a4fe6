# bash completion for kedge-server. Install as /usr/share/bash-completion/completions/kedge-server.
_kedge_server() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	case $prev in
	--config|-c) COMPREPLY=($(compgen -f -- "$cur")) ;;
	*) COMPREPLY=($(compgen -W "--config --check --debug --help --version" -- "$cur")) ;;
	esac
}
complete -F _kedge_server kedge-server
