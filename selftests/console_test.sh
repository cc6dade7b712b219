#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# VMs without a terminal: options in a file, a console in a file and by its name, the
# console by queues, messages in a log, and failures that whoever started it hears of.
#
# lab: only=launcher timeout=600

set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=selftests/lib/launcher_test.sh
. "$here/lib/launcher_test.sh"
tap_files=("$work/log" "$work/said" "$work/err" "$work/strata/one.log" "$work/messages")
log=$work/log

linux_initrd "$here/guest/device-init" virtio_pci virtio_console || exit 1

gone() {
	local i

	for ((i = 0; i < 100; i++)); do
		strata list | grep -q '^one ' || return 0
		sleep 0.2
	done
	return 1
}

cat >one.conf <<END
# a VM
kernel	/boot/vmlinuz-$release
initrd $work/initrd
  memory   128M
append console=ttyS0 panic=-1 quiet talks
console $work/log
daemonize
END
before=$(date +%s)
is "it goes into the background" strata run --name one --config one.conf --memory 192M
is "and is there" eval "strata list | grep -q '^one  *running .* 192M'"
is "its console is in a file" comes 1 'guest: listens on /dev/ttyS0'
is "which only its owner may read" test "$(stat -c %a log)" = 600

mkfifo keys
strata console one <keys >said 2>err &
exec 7>keys
sleep 2
is "who comes sees what was last" grep -q 'guest: listens' said
echo 'hello' >&7
is "and types" comes 1 'guest: heard 5 hello'
sleep 1
is "and sees" grep -q 'guest: heard 5 hello' said
is "one at a time" eval "! strata console one </dev/null 2>err"
is "which is said" grep -q 'somebody has the console' err
# More than the port holds.
text=$(seq -s , 700 | head -c 2000)
echo "$text" >&7
is "much, too" comes 1 "guest: heard 2000 $text"
exec 7>&-
kill %1
wait %1 2>/dev/null
is "he leaves, and another comes" eval "(echo again; sleep 3) | timeout 5 strata console one >said 2>err;
	grep -q 'guest: heard 5 again' said"
is "by a terminal" eval "(sleep 2; printf 'third\\n'; sleep 2; printf '\\001x') |
	timeout 20 script -qec 'strata console one' /dev/null >said 2>&1; grep -q 'guest: heard 5 third' said"
is "which Ctrl-A x leaves" grep -q 'Ctrl-A x leaves it' said
is "and it is still there" strata pause one
is "goes on" strata resume one
(echo bye; sleep 5) | timeout 10 strata console one >said 2>&1
is "and ends" gone
is "its last words" grep -q 'guest: leaves' said

is "with a console by queues" strata run --name one --kernel "/boot/vmlinuz-$release" \
	--initrd initrd --append "console=ttyS0 panic=-1 quiet talks" --virtio-console --daemonize \
	--log messages
sleep 1
(sleep 25; echo hello; echo "$text"; sleep 4; echo bye; sleep 5) | timeout 120 strata console one >said 2>err
is "it listens there" grep -q 'guest: listens on /dev/hvc0' said
is "hears" grep -q 'guest: heard 5 hello' said
is "much, too" grep -q "guest: heard 2000 $text" said
is "and leaves" grep -q 'guest: leaves' said
is "without a word on its own" test ! -s messages
gone

is "one that crashes" strata run --name one --kernel "$here/guest/bin/micro" --append c --daemonize
gone
is "says so in its log" grep -q 'the guest crashed (triple fault)' strata/one.log
strata run --name one --kernel "$work/none" --daemonize 2>err
is "one that cannot start is status 1" test $? = 1
is "and says why, here" grep -q 'none' err
strata run --kernel "$here/guest/bin/micro" --daemonize 2>err
is "none without a name" test $? = 2
is "is told" grep -q 'wants a name' err
printf 'kernel x\nmemry 1G\n' >bad.conf
strata run --config bad.conf 2>err
is "a wrong option in a file is status 2" test $? = 2
is "and told with its line" grep -q 'line 2 of bad.conf' err
printf 'stats yes\n' >bad.conf
is "a value too many" eval "! strata run --config bad.conf 2>err && grep -q 'takes no value' err"
printf 'kernel\n' >bad.conf
is "one too few" eval "! strata run --config bad.conf 2>err && grep -q 'wants a value' err"
is "no such file" eval "! strata run --config none 2>err && grep -q 'cannot read none' err"
echo "# $(($(date +%s) - before)) s"
finish
