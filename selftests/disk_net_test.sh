#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The launcher's devices: Debian's kernel, unchanged and without arguments for it,
# finds disks, a network and random numbers, reads and writes them right, with
# interrupts by messages and by lines; what was flushed survives the launcher's death;
# and what each wrong option is told.
#
# lab: only=launcher timeout=600

set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=selftests/lib/launcher_test.sh
. "$here/lib/launcher_test.sh"
tap_files=("$work/log")

linux_files=("$here/guest/bin/vsock")
linux_initrd "$here/guest/device-init" virtio_pci virtio_blk virtio_net virtio_rng \
	vmw_vsock_virtio_transport || exit 1
head -c 8388608 /dev/urandom >disk
head -c 1048576 /dev/urandom >second
sum=$(head -c 1048576 disk | sha256sum)
sum=${sum%% *}

# run WORDS OPTION...
run() {
	local words=$1

	shift
	timeout 120 strata run --kernel "/boot/vmlinuz-$release" --initrd initrd \
		--append "console=ttyS0 panic=-1 quiet $words" "$@" >log 2>&1 </dev/null
}

with_devices() {
	local words=$1 first=$2 net=$3

	shift 3
	run "$words" --disk "$first,serial=first" --disk second,readonly \
		--net "$net,mac=52:54:00:aa:bb:cc" --rng "$@" &&
		grep -q "guest: vda 16384 sectors serial first sum $sum" log &&
		grep -q 'guest: vdb is read only' log && grep -q 'guest: mac 52:54:00:aa:bb:cc' log &&
		grep -q 'guest: network right' log && grep -q 'guest: random right' log
}

# What the guest has copied, and the zeros for what it discarded.
copy_is_right() {
	local file=$1 discarded=$2

	cmp <(head -c 1048576 disk) <(tail -c +1048577 "$file" | head -c 1048576) &&
		cmp <(head -c 1048576 "$discarded") <(tail -c +4194305 "$file" | head -c 1048576) &&
		cmp <(tail -c +5242881 disk) <(tail -c +5242881 "$file")
}

cp disk copy
is "disks, network and random numbers, 2 CPUs" with_devices devices copy user --cpus 2
is "by messages" grep -q 'guest: interrupts by messages' log
is "what is on the disk is what the guest has written" copy_is_right copy /dev/zero
# A tmpfs has no O_DIRECT, and of a block device nothing is discarded.
cp disk copy
modprobe -a loop tun
loop=$(losetup -f --show copy) || exit 1
ip tuntap add tap0 mode tap && ip addr add 10.0.2.2/24 dev tap0 && ip link set tap0 up
is "by lines, 1 CPU, a block device with O_DIRECT, a tap interface" \
	with_devices 'devices pci=nomsi' "$loop,direct" tap=tap0,vhost=off
is "which has carried frames" test "$(cat /sys/class/net/tap0/statistics/rx_packets)" -ge 4
is "there are no messages" grep -q 'guest: interrupts by lines' log
losetup -d "$loop"
is "on the disk as well" copy_is_right copy <(tail -c +4194305 disk)

# By the kernel itself, with messages and with lines.
carried() {
	cat /sys/class/net/tap0/statistics/rx_packets
}
if modprobe vhost_net 2>/dev/null && [ -e /dev/vhost-net ]; then
	ways=(devices)
	! long || ways+=('devices pci=nomsi')
	for words in "${ways[@]}"; do
		cp disk copy
		frames=$(carried)
		(sleep 4; pgrep -x "vhost-$(pgrep -nx strata)" >vhost) &
		is "a tap interface, by the kernel: $words" with_devices "$words" copy tap=tap0 --cpus 2
		is "which has carried frames" test "$(carried)" -ge $((frames + 4))
		is "in a thread of its own" test -s vhost
	done
else
	skip "no vhost-net here"
fi

# Sockets.
if modprobe vhost_vsock 2>/dev/null && [ -e /dev/vhost-vsock ]; then
	timeout 120 strata run --kernel "/boot/vmlinuz-$release" --initrd initrd --vsock 5 \
		--append "console=ttyS0 panic=-1 quiet vsock" >log 2>&1 </dev/null &
	is "a guest listens for sockets" comes 1 'guest: listens for sockets'
	sleep 1
	head -c 1048576 /dev/urandom >out
	echo answer | timeout 60 "$here/guest/bin/vsock" listen 1235 >in2 &
	timeout 60 "$here/guest/bin/vsock" connect 5 1234 <out >in
	is "a megabyte each way" comes 1 \
		"guest: sent $(sha256sum <in | cut -d' ' -f1)  - got $(sha256sum <out | cut -d' ' -f1)"
	is "and the other way about" comes 1 'guest: answer answer'
	is "it has said hello" grep -q hello in2
	is "an address that is taken" eval "strata run --kernel $here/guest/bin/micro --append h --vsock 5 \
		>/dev/null 2>&1 & sleep 1; ! strata run --kernel $here/guest/bin/micro --append p --vsock 5 2>log"
	is "is told" grep -q 'address 5 of --vsock cannot be had' log
	pkill -x strata
	is "the host's own" eval "! strata run --kernel $here/guest/bin/micro --vsock 2 2>log"
else
	skip "no vhost-vsock here"
fi

# The launcher is killed when the guest has flushed. Before, somebody asks it by a
# port of this machine's.
cp disk copy
strata run --kernel "/boot/vmlinuz-$release" --initrd initrd --disk copy \
	--net user,forward=tcp:8022:22 --append "console=ttyS0 panic=-1 quiet serve" \
	>log 2>&1 </dev/null &
launcher=$!
is "the guest serves" comes 1 'guest: serves'
is "a forwarded port reaches it" test "$(busybox nc 127.0.0.1 8022 </dev/null)" = hello
is "it flushes" comes 1 'guest: flushed'
kill -KILL $launcher
wait $launcher 2>/dev/null
is "flushed writes survive the launcher" cmp <(head -c 1048576 disk) \
	<(tail -c +1048577 copy | head -c 1048576)

# refused PATTERN OPTION...: one sentence, and a status
refused() {
	local pattern=$1

	shift
	strata run --kernel "/boot/vmlinuz-$release" "$@" >log 2>&1 </dev/null
	[ $? != 0 ] && [ "$(wc -l <log)" = 1 ] && grep -q -- "$pattern" log
}
touch empty
exec 9<disk
flock -x 9
is "a disk that is not there" refused 'cannot open.*No such file' --disk nowhere
is "one that is in use" refused 'in use by another VM' --disk disk
is "an empty one" refused 'is empty' --disk empty
is "a folder" refused 'neither a file nor a block device\|Is a directory' --disk "$work"
is "an unknown word" refused "knows no 'fast'" --disk second,fast
is "an unknown network" refused 'there are --net user and' --net wire
is "a wrong address" refused 'no address of a network card' --net user,mac=1:2
is "a wrong forward" refused 'a forward is' --net user,forward=tcp:1
is "a tap interface that may not be" refused 'cannot use the tap interface' --net tap=lo
is "a forward of a tap's" refused "knows no 'forward" --net tap=t,forward=tcp:1:2
finish
