#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# gdb on a guest: from its first instruction on, and on one that runs. Breakpoints in the
# kernel's start-up, steps, registers, variables, all vCPUs, Ctrl-C, and a guest that goes
# on when gdb has left it.
#
# lab: only=launcher timeout=600

set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=selftests/lib/launcher_test.sh
. "$here/lib/launcher_test.sh"
tap_files=("$work/said" "$work/log")

# Both kernels are the same, and neither is moved.
symbol() {
	awk -v name="$1" '$3 == name { print "0x" $1; exit }' /proc/kallsyms
}

# debug: gdb, with the commands of standard input
debug() {
	{ printf 'set confirm off\nset pagination off\nset architecture i386:x86-64\n'; cat; } >commands
	timeout 120 gdb -batch -nx -x commands >said 2>&1
}

# gdb said that it lets the guest run; how soon, depends on how busy this machine is
let_run() {
	local i

	for ((i = 0; i < 200; i++)); do
		grep -q '^now' said && break
		sleep 0.5
	done
	sleep 3
}

shows() {
	grep -q "$1" said
}

linux_initrd "$here/guest/device-init" button evdev || exit 1
linux_vmlinux || exit 1
start=$(symbol start_kernel)
# Linux is mapped there, by Documentation/arch/x86/x86_64/mm.rst of its own.
physical=$(printf '0x%x' $((start - 0xffffffff80000000)))

strata run --name one --kernel vmlinux --initrd initrd --cpus 2 --gdb ./socket \
	--append "console=ttyS0 panic=-1 quiet nokaslr ticks" >log 2>&1 </dev/null &
launcher=$!
is "it waits for a debugger" comes 1 'target remote ./socket'
debug <<END
target remote ./socket
info threads
info registers cr0 eflags
break *$physical
continue
info registers rip
x/s $(symbol linux_banner)
delete
stepi
info registers rip
print/x \$rax = 0x1234567890
print/x \$rax
set var *(int *)$(symbol panic_timeout) = 77
print *(int *)$(symbol panic_timeout)
break *$(symbol rest_init)
continue
info registers rip
x/s *(char **)$(symbol saved_command_line)
delete
detach
END
is "gdb has both vCPUs" shows 'Thread 2 (vCPU 1)'
is "before paging" shows '^cr0  *0x[0-7]*1 '
is "a breakpoint in the kernel's start-up, before it is mapped" shows "^rip  *$start "
is "its banner" shows "Linux version $release"
is "one step" shows "^rip  *$(symbol __fentry__) "
is "a register is changed" eval "[ \$(grep -c '= 0x1234567890' said) = 2 ]"
is "a variable is changed" shows '^\$3 = 77'
is "a breakpoint where it is mapped" shows "Breakpoint 2, $(symbol rest_init)"
is "a variable is read" shows 'console=ttyS0 panic=-1 quiet nokaslr ticks'
is "gdb leaves it" shows 'detached'
is "and it works" comes 2 'guest: tick'

cat >remote <<END
target remote | strata gdb one
shell strata resume one
info threads
thread 2
info registers rip
hbreak *$(symbol do_nanosleep)
info breakpoints
delete
x/i *0
END
debug <remote
is "gdb comes by its name" shows 'Thread 1 (vCPU 0)'
is "nobody else lets it go on" shows 'a debugger holds the VM'
is "to the other vCPU" shows 'Switching to thread 2'
is "no memory, no answer" shows 'Cannot access memory at address 0x0'
is "hardware breakpoints are there to be set" shows 'hw breakpoint'
before=$(grep -c 'guest: tick' log)
is "the guest goes on after gdb" comes $((before + 2)) 'guest: tick'

debug <<END
target remote | strata gdb one
break *$(symbol do_nanosleep)
continue
info registers rip
x/2i \$rip
stepi
continue
continue
delete
detach
END
is "a breakpoint in what runs" shows "^rip  *$(symbol do_nanosleep) "
is "is out of sight" eval "! grep -q 'int1\|icebp\|int3' said"
is "and met again and again" test "$(grep -c "Breakpoint 1, $(symbol do_nanosleep)" said)" -ge 2
before=$(grep -c 'guest: tick' log)
is "and gone" comes $((before + 2)) 'guest: tick'

# In the middle of a packet, and with nonsense.
perl -MIO::Socket::UNIX -e '
	my $s = IO::Socket::UNIX->new("socket") or exit 1;
	print $s "\$qSupported#37"; $s->flush;
	for my $p ("g", "G00", "m0", "mffffffffffffffff,ffffffffffffffff", "M0,8:00", "Zz", "Z0,,",
		   "Z9,0,1", "P999=0", "pffffffff", "vCont;x", "vCont;", "Hgffff", "Tffff", "q", "Q",
		   "qXfer:features:read:target.xml:fffffff,1", "X0,ffffffff:", "") {
		my $sum = 0; $sum += ord for split //, $p;
		printf $s "\$%s#%02x", $p, $sum % 256;
	}
	print $s "\$broken#zz\$" . "x" x 100000 . "#00\x03+-+-\$g"; $s->flush;
	sleep 1; sysread $s, my $answer, 65536; print $answer' >said
is "nonsense has answers" shows 'PacketSize=.*E01.*E22'
before=$(grep -c 'guest: tick' log)
is "and does no harm" comes $((before + 2)) 'guest: tick'

: >said
(let_run; strata stop one --force) &
debug <<'END'
target remote ./socket
echo now\n
continue
END
is "gdb hears of the end" shows 'exited with code 014'
wait $launcher
is "which is the launcher's own status" test $? = 12
is "nothing is left" test ! -e socket

strata run --name two --kernel "$here/guest/bin/micro" --append h --memory 32M >log 2>&1 \
	</dev/null &
launcher=$!
is "another one runs" comes 1 '^micro guest'
: >said
(let_run; pkill -INT -x gdb) &
debug <<'END'
target remote | strata gdb two
echo now\n
continue
info registers rip
kill
END
is "Ctrl-C stops it" shows 'Program received signal SIGINT'
is "where it is" shows '^rip '
is "which ends it" eval "! strata stop two --force 2>said"
wait $launcher
is "as if forced" test $? = 12
is "a port is a number" eval "! strata run --kernel vmlinux --gdb 99999 2>said"
is "or a path, as is said" shows 'is no port and no path'
finish
