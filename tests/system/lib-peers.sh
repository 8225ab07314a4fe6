# Other TUF clients to compare ours with. Sourced before lib.sh, which shuts the network out: tuf-js is fetched here, once,
# below build/. Nothing is installed, and whoever has neither node nor the registry is told so.
# shellcheck shell=bash

# Name, version, SHA-512 of the package file. tuf-js also wants make-fetch-happen and debug, for a fetcher that is not used.
PEERS_JS="tuf-js 3.1.0 dd3dd3d385b3a306f05761438865c16ebf35b7ae20d4c5061894604f8c79a3decdfbc02b761542005f48c45af1b9226633713902c9fb9ca1e46a8d226dc65702
@tufjs/models 3.0.1 514607212ca1094dd980df3269e6abddc1804c76f748cb8a1ec43f9d56c75dc9a705ff8bcd0fdc41f84d1beadf6921e0a8628d126d9c3822d52c42d2b5443524
@tufjs/canonical-json 2.0.0 c95b55f33b1da3ca851defbfde4c3cd5d48bc85ec3e7be80e5c0850a2e17ec1dfdb564fb49e91a105527be75891f3fbda8eeea2536a1d496eb0e358aa85b5d58
minimatch 9.0.5 1ba4f4657e3cc60a33c7be7cee4a1e5fd62cd8d632e869affff3fcf6c12d7bd57dc2121aa4c345e2274ac675b642d09c2e24d695bff07c269b02d0055a1841a3
brace-expansion 2.0.2 26dd2f1f233e8e6501aa88c1ec4d4d21869db74bc8d10c63c5dd9312b5bde300f3f84d8b026e6f28c5d7c20e996414c73ee5250e0407297be318175f705d590d
balanced-match 1.0.2 de849e50ed13315ebb84dd4099b5ec2b8c9aa94eed8e21e56f144364ea47d0a5bdf82797e1b440697d009f1b74b71d8cae94695b041a3f02252121098585393f"

# peers_js FOLDER: tuf-js below FOLDER; JS_MODULES is where. 1, after saying why, when it cannot be had.
peers_js() {
	local dir=$1 name sum file new
	JS_MODULES=${KEDGE_TUF_JS:-$dir/tuf-js-3.1.0/node_modules}
	command -v node >/dev/null || { echo "skipped: tuf-js: there is no node"; return 1; }
	[ ! -e "$JS_MODULES/tuf-js/package.json" ] || return 0
	[ -z "${KEDGE_TUF_JS:-}" ] || { echo "skipped: tuf-js: $KEDGE_TUF_JS holds none"; return 1; }
	command -v npm >/dev/null || { echo "skipped: tuf-js: there is no npm to fetch it with"; return 1; }
	mkdir -p "$dir"
	new=$(mktemp -d "$dir/new.XXXXXX")
	# shellcheck disable=SC2046
	(cd "$new" && timeout 120 npm pack --silent $(awk '{ print $1 "@" $2 }' <<<"$PEERS_JS") >files 2>/dev/null) ||
		{ rm -rf "$new"; echo "skipped: tuf-js: npm cannot fetch it"; return 1; }
	while read -r name _ sum; do
		read -r file <&3
		echo "$sum  $new/$file" | sha512sum -c --status || { rm -rf "$new"; echo "$name: not the bytes that are known" >&2; exit 1; }
		mkdir -p "$new/node_modules/$name"
		tar -xzf "$new/$file" -C "$new/node_modules/$name" --strip-components=1
		rm "$new/$file"
	done <<<"$PEERS_JS" 3<"$new/files"
	# Two tests at once may fetch: the first one wins.
	mv -T "$new" "$dir/tuf-js-3.1.0" 2>/dev/null || rm -rf "$new"
}

# peers_python: a checkout of python-tuf in KEDGE_PYTHON_TUF (and what it needs, in PYTHONPATH). 1, after saying so, without.
peers_python() {
	[ -n "${KEDGE_PYTHON_TUF:-}" ] || { echo "skipped: python-tuf itself: KEDGE_PYTHON_TUF names no checkout"; return 1; }
	export PYTHONPATH=$KEDGE_PYTHON_TUF${PYTHONPATH:+:$PYTHONPATH} PYTHONDONTWRITEBYTECODE=1
	python3 -c 'import tuf.ngclient' || { echo "skipped: python-tuf itself: it cannot be imported from $KEDGE_PYTHON_TUF"; return 1; }
}
