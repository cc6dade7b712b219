#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A named VM: found, paused and resumed, sent an NMI, dumped as it runs, reset, shut down
# by its power button and ended at once; what its socket says to nonsense.
#
# lab: only=launcher timeout=600

set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=selftests/lib/launcher_test.sh
. "$here/lib/launcher_test.sh"
tap_files=("$work/log" "$work/said")

linux_initrd "$here/guest/device-init" button evdev || exit 1

ticks() {
	grep -c 'guest: tick' log
}

listed() {
	strata list | grep -q "^one  *$1  *$launcher  *2  *256M "
}

# says LINE PATTERN: what the socket answers
says() {
	perl -MIO::Socket::UNIX -e '
		my $s = IO::Socket::UNIX->new("strata/one.control") or exit 1;
		print $s "$ARGV[0]\n"; $s->flush; print scalar <$s>;' "$1" >said
	grep -q "$2" said
}

strata run --name one --kernel "/boot/vmlinuz-$release" --initrd initrd --cpus 2 \
	--append "console=ttyS0 panic=-1 quiet ticks" >log 2>&1 </dev/null &
launcher=$!
is "the guest works" comes 3 'guest: tick'
is "and is in the list" listed running
strata run --name one --kernel "$here/guest/bin/micro" >said 2>&1 </dev/null
is "its name is taken" grep -q 'there is a VM named one' said

is "it is paused" strata pause one
before=$(ticks)
sleep 3
is "and stands still" test "$(ticks)" = "$before"
is "as the list says" listed paused
is "no NMI then" eval "! strata nmi one 2>said"
is "for which there is a reason" grep -q 'resume it first' said
is "its core is written" strata dump one core
is "an ELF core" eval "readelf -h core 2>/dev/null | grep -q 'CORE (Core file)'"
is "it is still paused" listed paused
is "it goes on" strata resume one
is "and works" comes $((before + 3)) 'guest: tick'
is "it gets an NMI" strata nmi one
is "which it tells" comes 1 'NMI received for unknown reason'
before=$(ticks)
is "its core is written as it runs" strata dump one core2
is "and it goes on" comes $((before + 3)) 'guest: tick'

is "status, as JSON" says '{"command":"status"}' '"ok":true.*"name":"one".*"state":"running"'
is "an unknown command" says '{"command":"fly"}' '"error":"there is no such command"'
is "none" says '{}' "'command' is missing"
is "no JSON" says 'status' 'this is no JSON object'
is "a number for a command" says '{"command":7}' "'command' is missing"
is "a list" says '[1]' "'command' is missing"
is "a line without an end" says "$(head -c 5000 /dev/zero | tr '\0' x)" 'too long'
is "it still answers" says '{"command":"status"}' '"ok":true'

is "it is reset" strata reset one
is "and begins again" comes 2 'guest: begins'
is "under its name" listed running
is "its power button is pressed" strata stop one
is "which it hears of" comes 1 'guest: button'
wait $launcher
is "and powers off" test $? = 0
is "then nobody has that name" eval "! strata pause one 2>said"
is "as is said" grep -q 'there is no VM named one' said
is "and nothing is left" test ! -e strata/one.control

# start_micro NAME: one that runs and does nothing else
start_micro() {
	strata run --name "$1" --kernel "$here/guest/bin/micro" --append h --memory 32M >log 2>&1 \
		</dev/null &
	launcher=$!
}
start_micro two
is "another one runs" comes 1 '^micro guest'
is "and ends at once" strata stop two --force
wait $launcher
is "which is status 12" test $? = 12
start_micro three
is "a third one runs" comes 1 '^micro guest'
is "is paused" strata pause three
is "and ends from that" strata stop three --force
wait $launcher
is "as well" test $? = 12
start_micro three
is "one is killed" comes 1 '^micro guest'
kill -KILL $launcher
wait $launcher 2>/dev/null
timeout 20 strata run --name three --kernel "$here/guest/bin/micro" --append p --memory 32M \
	>log 2>&1 </dev/null
is "its name is free again" test $? = 0
strata run --name ../x --kernel "$here/guest/bin/micro" >said 2>&1 </dev/null
is "a path is no name" grep -q 'is no name for a VM' said

is "a boot is timed" eval "strata bench-boot --runs 1 --kernel /boot/vmlinuz-$release \
	--append 'console=ttyS0 quiet panic=-1' >said"
is "in phases" test "$(grep -c '^ *[0-9.]* *[0-9.]* *[0-9.]*  ' said)" = 8
is "one that does not come to a process" eval "! strata bench-boot --runs 1 \
	--kernel $here/guest/bin/micro --append p >said 2>&1"
is "is told" grep -q 'has not come to its first process: status 0' said
finish
