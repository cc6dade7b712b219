# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Completion of strata's commands, options and names of VMs, in bash: what its help says.

_strata_names() {
	local folder=${XDG_RUNTIME_DIR:+$XDG_RUNTIME_DIR/strata} socket

	[ -n "$folder" ] || { [ "$(id -u)" = 0 ] && folder=/run/strata || folder=/tmp/strata-$(id -u); }
	for socket in "$folder"/*.control; do
		[ ! -S "$socket" ] || basename "$socket" .control
	done
}

_strata() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
	local command=${COMP_WORDS[1]} commands words

	COMPREPLY=()
	commands=$(strata help 2>/dev/null | sed -n 's/^  \([a-z][-a-z]*\) .*/\1/p')
	if [ "$COMP_CWORD" = 1 ] || [ "$command" = help ]; then
		words=$commands
	elif [[ $word == -* ]]; then
		words=$(strata help "$command" 2>/dev/null | grep -o -- '--[a-z][-a-z]*' | sort -u)
	else
		case $before in
		--kernel|--initrd|--flat|--disk|--device|--config|--console|--log|--symbols|--dump|\
		--output|--gdb)
			mapfile -t COMPREPLY < <(compgen -f -- "$word")
			return
			;;
		--on-crash)	words='stop reboot dump' ;;
		--on-reset)	words='stop reboot' ;;
		--net)		words='user tap=' ;;
		--sort)		words='time count p99 max vm' ;;
		*)		words=$(_strata_names) ;;
		esac
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -F _strata strata
