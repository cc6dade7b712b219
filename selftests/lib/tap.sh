# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Results of a test script, as TAP: to be sourced.
#
#	plan N			where the number of results is known beforehand
#	is WHAT COMMAND...	one result, by the command's exit status
#	skip WHY		one result that could not be had
#	finish			the end: the plan if there was none, and exit
#
# Files named in tap_files, what the last command said, are shown when a result
# is bad.

tap_number=0
tap_failed=0
tap_planned=
tap_files=()

plan() {
	tap_planned=$1
	echo "1..$1"
}

is() {
	local what=$1 file

	shift
	tap_number=$((tap_number + 1))
	if "$@"; then
		echo "ok $tap_number $what"
		return
	fi
	echo "not ok $tap_number $what"
	echo "# failed: $*"
	tap_failed=1
	for file in ${tap_files[@]+"${tap_files[@]}"}; do
		[ ! -e "$file" ] || tail -n 50 "$file" | sed 's/^/# /'
	done
}

skip() {
	tap_number=$((tap_number + 1))
	echo "ok $tap_number # SKIP $1"
}

finish() {
	[ -n "$tap_planned" ] || echo "1..$tap_number"
	exit $tap_failed
}
