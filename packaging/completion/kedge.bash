# bash completion for kedge. Install as /usr/share/bash-completion/completions/kedge.
_kedge() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} word words=() i
	local -A second=(
		[repo]="init key add remove delegate prune sign refresh rotate status verify publish"
		[policy]="import export lint explain diff publish"
		[rollout]="plan start finish status explain history pause resume abort retry"
		[host]="revoke" [token]="create list revoke" [operator]="request sign" [audit]="list verify"
	)
	local first="repo policy rollout hosts host drift sockets refusals reports summary token operator audit"
	local common="--help --version --config --server --ca --cert --key --key-passphrase-file --format"
	case $prev in
	--format) COMPREPLY=($(compgen -W "text json sarif" -- "$cur")); return ;;
	--state) COMPREPLY=($(compgen -W "online offline mia revoked" -- "$cur")); return ;;
	--kind) COMPREPLY=($(compgen -W "epoch apply drift sockets status refusal gap override" -- "$cur")); return ;;
	--expires) COMPREPLY=($(compgen -W "root= targets= snapshot= timestamp=" -- "$cur")); return ;;
	--type) COMPREPLY=($(compgen -W "ed25519 ecdsa rsa" -- "$cur")); return ;;
	--keys) COMPREPLY=($(compgen -d -- "$cur")); return ;;
	--config|--ca|--cert|--key|--key-passphrase-file|--passphrase-file|--ca-cert|--ca-key|--output|-o|--root-key|--targets-key|--add)
		COMPREPLY=($(compgen -f -- "$cur")); return ;;
	esac
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		[[ $word == -* || ${COMP_WORDS[i-1]} == --* ]] || words+=("$word")
	done
	if [[ $cur == -* ]]; then
		local options=
		case "${words[0]:-} ${words[1]:-}" in
		"repo init") options="--keys --passphrase-file --root-keys --root-key --threshold-root --targets-keys --targets-key --targets-threshold --expires --shard-above --dry-run" ;;
		"repo add"|"repo refresh") options="--keys --passphrase-file --dry-run --role" ;;
		"repo remove"|"repo prune") options="--keys --passphrase-file --dry-run" ;;
		"repo delegate") options="--keys --passphrase-file --dry-run --path --hash-prefix --key --threshold --terminating --parent --end" ;;
		"repo rotate") options="--keys --passphrase-file --dry-run --add --drop --threshold" ;;
		"repo key") options="--keys --passphrase-file --type --dry-run" ;;
		"repo sign") options="--keys --passphrase-file --dry-run --merge --discard --output" ;;
		"repo status") options="--keys --passphrase-file --within" ;;
		"repo publish") options="--dry-run" ;;
		"policy import") options="--name --policy-version --output --skip-errors" ;;
		"policy export") options="--output --skip-errors" ;;
		"policy lint") options="--kernel --mem" ;;
		"policy publish") options="--keys --passphrase-file --dry-run --role --publish" ;;
		"rollout plan") options="--selector --wave --window --start --serial --standing --remove --why --soak --answered --evidence --failed --reverted --contested --drifted --background --excess --no-gates --forecast --allow-conflict --canaries" ;;
		"rollout start") options="--keys --passphrase-file --dry-run --selector --wave --window --start --serial --standing --remove --why --soak --answered --evidence --failed --reverted --contested --drifted --background --excess --no-gates --forecast --allow-conflict --role --publish" ;;
		"rollout status") options="--watch" ;;
		"rollout history") options="--limit" ;;
		"rollout pause" | "rollout resume" | "rollout abort" | "rollout retry") options="--why" ;;
		"rollout finish") options="--keys --passphrase-file --dry-run --why --role --publish" ;;
		"token create") options="--host --label --expires" ;;
		"token list"|"audit list") options="--limit" ;;
		"audit verify") options="--head" ;;
		"operator request") options="--output" ;;
		"operator sign") options="--ca-cert --ca-key --passphrase-file --fleet --name --days --output" ;;
		"hosts "*) options="--label --state --limit" ;;
		"drift "*) options="--host --sysctl --since --limit" ;;
		"sockets "*) options="--top --label --history --limit" ;;
		"refusals "*) options="--host --limit" ;;
		"reports "*) options="--kind --limit" ;;
		esac
		COMPREPLY=($(compgen -W "$options $common" -- "$cur"))
	elif [[ ${#words[@]} == 0 ]]; then
		COMPREPLY=($(compgen -W "$first" -- "$cur"))
	elif [[ ${#words[@]} == 1 && -n ${second[${words[0]}]:-} ]]; then
		COMPREPLY=($(compgen -W "${second[${words[0]}]}" -- "$cur"))
	elif [[ "${words[0]} ${words[1]:-}" == "repo rotate" && ${#words[@]} == 3 ]]; then
		COMPREPLY=($(compgen -W "root targets snapshot timestamp" -- "$cur"))
	else
		COMPREPLY=($(compgen -f -- "$cur"))
	fi
}
complete -o filenames -F _kedge kedge
