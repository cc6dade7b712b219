#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Tests of the test machine: selftests/lab/run must report what it claims to.
# Prints TAP. None of the machines loads strata.ko.

# shellcheck disable=SC2016,SC2317

set -uo pipefail

lab=$(dirname "$(readlink -f "$0")")
# shellcheck source=selftests/lib/tap.sh
. "$lab/../lib/tap.sh"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
tap_files=("$dir/err")

# Runs a machine: the output is in $dir/out, messages in $dir/err, and the exit
# status in $status.
machine()
{
	status=0
	"$lab/run" "$@" > "$dir/out" 2> "$dir/err" || status=$?
}

status_is()
{
	[ "$status" = "$1" ]
}

says()
{
	grep -qE -- "$1" "$dir/err"
}

prints()
{
	grep -qxF -- "$1" "$dir/out"
}

# Wrong usage: status 2 and one line, without starting anything.
refuses()
{
	local name=$1 text=$2

	shift 2
	machine "$@"
	is "refuses $name" eval "status_is 2 && says '$text' && [ \$(wc -l < $dir/err) = 1 ]"
}

refuses "no command" "no command"
refuses "an unknown option" "unknown argument" --fast -- true
refuses "an option without its value" "needs a value" --smp
refuses "no CPUs" "number from 1" --smp 0 -- true
refuses "too little memory" "256 or more" --mem 16 -- true
refuses "five levels for an Intel CPU" "need --cpu svm" --la57 --cpu vmx -- true
refuses "an unknown CPU" "svm or vmx" --cpu z80 -- true
refuses "an unknown kernel" "6.1, 6.12, 7.2 or debug" --kernel 5 -- true
refuses "counting with two CPUs" "one CPU only" --icount --smp 2 -- true
refuses "a file that is not there" "cannot read" --no-module --copy "$dir/none" -- true
refuses "a module that is not there" "no such module" --module "$dir/none" -- true

machine --help
is "has a help text" eval "status_is 0 && grep -q -- --timeout $dir/out"

faulty()
{
	"$lab/splats" "$dir/log" > /dev/null
}

clean()
{
	! faulty
}

# The faults looked for, by what kernels print; and what is none.
while IFS= read -r line; do
	printf '[    1.000000] %s\n' "$line" > "$dir/log"
	is "takes for a fault: ${line:0:50}" faulty
done <<'LINES'
BUG: unable to handle page fault for address: ffffc90000a00000
BUG: kernel NULL pointer dereference, address: 0000000000000008
kernel BUG at mm/slub.c:379!
WARNING: CPU: 0 PID: 1 at kernel/cpu.c:1 f+0x1/0x2 [strata]
Oops: 0002 [#1] PREEMPT SMP NOPTI
invalid opcode: 0000 [#1] PREEMPT SMP
general protection fault, probably for non-canonical address 0xdead000000000100: 0000 [#1]
Kernel panic - not syncing: Fatal exception
WARNING: possible circular locking dependency detected
WARNING: possible recursive locking detected
WARNING: inconsistent lock state
WARNING: suspicious RCU usage
WARNING: bad unlock balance detected!
INFO: trying to register non-static key.
INFO: task strata:100 blocked for more than 120 seconds.
watchdog: BUG: soft lockup - CPU#0 stuck for 63s! [strata:100]
rcu: INFO: rcu_preempt self-detected stall on CPU
rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:
BUG: sleeping function called from invalid context at f.c:1
BUG: scheduling while atomic: strata/100/0x00000002
BUG: KASAN: use-after-free in f+0x1/0x2 [strata]
UBSAN: array-index-out-of-bounds in f.c:1:2
kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)
ODEBUG: free active (active state 0) object type: timer_list hint: f
BUG: Bad page state in process strata  pfn:12345
BUG kmalloc-64 (Tainted: G           O): Redzone overwritten
refcount_t: underflow; use-after-free.
list_add corruption. prev->next should be next, but was.
unchecked MSR access error: RDMSR from 0xc0010015 at rIP: 0xffffffff81000000
LINES

while IFS= read -r line; do
	printf '[    1.000000] %s\n' "$line" > "$dir/log"
	is "takes for no fault: ${line:0:50}" clean
done <<'LINES'
Speculative Return Stack Overflow: WARNING: See https://kernel.org/doc/html/latest/
strata: loading out-of-tree module taints kernel.
traps: guest[77] general protection fault ip:401000 sp:7ffc error:0 in guest[401000+1000]
FAULT_INJECTION: forcing a failure.
DEBUG_LOCKS: lockdep is on
LINES

# What a command sees, and that it alone decides about output and status.
echo "text of the file" > "$dir/with space.txt"
cc -O1 -o "$dir/tsc" "$lab/tsc.c" || echo "# cc failed"
machine --no-module --copy "$dir/with space.txt" --copy "$dir/tsc" -- sh -c '
	id -u; pwd; cat "with space.txt"; echo "$1"; echo to-stderr >&2
	cat; echo "$HOME $LANG"; ./tsc > /dev/null && echo ran
	echo x > /usr/written && cat /usr/written
	for fs in /proc /sys/kernel/debug /sys/kernel/tracing /sys/fs/cgroup /dev/pts; do
		[ -n "$(ls $fs)" ] && echo "has $fs"
	done
	lsmod | grep -q ^kvm || echo no-kvm
	grep -q svm /proc/cpuinfo && echo svm
	modprobe kvm_amd && [ -c /dev/kvm ] && echo kvm-on-request
	head -c 300000 /dev/zero | tr "\\0" a; echo
	sleep 1000 &
	exit 7' sh 'two words; $HOME'
is "exits with the command's status" status_is 7
is "runs as root" prints 0
is "runs in a working directory of its own" prints /run/lab/work
is "copies files there" prints "text of the file"
is "passes arguments as they are" prints 'two words; $HOME'
is "prints the error output too" prints to-stderr
is "has no input, and an environment" prints "/root C.UTF-8"
is "runs a copied program" prints ran
is "lets the command write anywhere" prints x
is "writes nothing here" test ! -e /usr/written
for fs in /proc /sys/kernel/debug /sys/kernel/tracing /sys/fs/cgroup /dev/pts; do
	is "mounts $fs" prints "has $fs"
done
is "has a CPU with SVM" prints svm
is "loads no kvm by itself" prints no-kvm
is "loads kvm when asked" prints kvm-on-request
is "prints long output whole" grep -qxE 'a{30000}.*' "$dir/out"
is "prints nothing else" eval "[ \$(tr -d a < $dir/out | wc -c) -lt 400 ]"

"$lab/run" --no-module -- head -c 3000000 /dev/zero 2> "$dir/err" |
	(sleep 25; wc -c) > "$dir/out"
is "a slow reader gets all of the output" prints 3000000
"$lab/run" --no-module --timeout 300 -- yes 2> "$dir/err" | head -n 1 > "$dir/out"
status=${PIPESTATUS[0]}
is "a reader that goes ends the run" status_is 141
is "with what it has read" prints y

machine --no-module -- "$dir/not-there"
is "a command that is not there gives 127" status_is 127

# Faults of the machine's kernel.
machine --no-module -- sh -c 'echo "<4>BUG: a test of the fault detection" > /dev/kmsg'
is "a fault in the log gives 97" status_is 97
is "and is shown" says 'BUG: a test of the fault detection'
is "with the place of the whole console" says 'full console is in /'

machine --no-module -- sh -c 'echo c > /proc/sysrq-trigger'
is "a panic gives 97" status_is 97
is "and is shown" says 'sysrq triggered crash'

machine --no-module -- sh -c 'echo b > /proc/sysrq-trigger'
is "a machine that resets itself gives 99" eval "status_is 99 && says 'without the command.s exit status'"

echo "no module" > "$dir/bad.ko"
machine --module "$dir/bad.ko" -- true
is "a module that does not load gives 99" eval "status_is 99 && says 'does not load'"

# Time.
machine --no-module --timeout 40 -- sh -c 'echo begins; sleep 1000'
is "a timeout gives 98" status_is 98
is "and says so" says 'no end after 40 s'
is "and shows the CPU's registers" says 'RIP='
is "and the processes" says 'process [0-9]*: sleep 1000'
is "output so far is printed" prints begins

# Stop the machine's sign of life, a child of its process 1.
machine --no-module --stall 15 -- sh -c '
	for p in /proc/[0-9]*; do
		set -- $(cat $p/stat 2> /dev/null)
		[ "$4 $2" != "1 (bash)" ] || kill -STOP "$1"
	done
	sleep 1000'
is "a stall gives 98" eval "status_is 98 && says 'stalled'"
is "and says that it does not answer" says "nor does it answer"

# Counting instructions.
machine --no-module --icount --copy "$dir/tsc" -- ./tsc
first=$(cat "$dir/out")
machine --no-module --icount --copy "$dir/tsc" -- ./tsc
is "--icount counts ($first)" test "${first:-0}" -ge 1000 -a "${first:-0}" -le 12000
is "--icount repeats itself" test "$first" = "$(cat "$dir/out")"

machine --no-module --smp 2 --la57 --mem 1024 --append "lab_test=1" -- \
	sh -c 'nproc; grep -o la57 /proc/cpuinfo | head -n 1; grep -o lab_test=1 /proc/cmdline'
is "--smp" prints 2
is "--la57" prints la57
is "--append" prints lab_test=1

machine --no-module --cpu-flags=-svm -- true
is "an option with '=' is not understood" status_is 2
machine --no-module --cpu-flags -svm -- grep -c svm /proc/cpuinfo
is "--cpu-flags" prints 0

finish
