#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# STRATA_CHECK_LONG: Debian 12 from a virtio disk, with 2 CPUs, a network and the initial RAM
# disk of its own: to multi-user, files read and written and verified by fio, iperf3 to the
# host by libslirp and by a tap interface; the disk after it has powered off, and what was
# flushed after its launcher has been killed.
#
# lab: only=launcher timeout=3600

set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=selftests/lib/launcher_test.sh
. "$here/lib/launcher_test.sh"
image=${STRATA_CACHE:-$here/../.cache}/compat/debian-12.img
tap_files=("$work/log")

only_long "Debian from a disk"
[ -e "$image" ] || {
	echo "# $image is missing: run selftests/compat/build-disk"
	exit 1
}

# from_disk IMAGE PATH TO: a file of its only partition
from_disk() {
	debugfs -R "dump $2 $3" "$1?offset=1048576" 2>/dev/null
	[ -s "$3" ]
}

# What the guest is to do: it runs the script that its second disk holds (build-disk). Its
# console is opened for each line: a getty that begins hangs up who has it open.
orders() {
	{
		echo '{'
		cat
		# shellcheck disable=SC2016
		echo '} 2>&1 | while read -r line; do echo "$line" >/dev/ttyS0; done'
	} >said
	truncate -s 64K orders
	dd if=said of=orders conv=notrunc status=none
}

# debian SECONDS OPTION...
debian() {
	local seconds=$1

	shift
	timeout "$seconds" strata run --kernel kernel --initrd initrd.img --cpus 2 --memory 768M \
		--append "console=ttyS0 panic=-1 quiet root=LABEL=strata ro" --disk disk \
		--disk orders,readonly --rng "$@" >log 2>&1 </dev/null
}

cp --sparse=always "$image" disk
is "kernel and RAM disk of the image" eval "from_disk disk /vmlinuz kernel || from_disk disk \
	\"/boot/\$(debugfs -R 'ls -p /boot' 'disk?offset=1048576' 2>/dev/null | sed -n 's,.*/\(vmlinuz-[^/]*\)/.*,\1,p')\" kernel"
is "and its RAM disk" eval "from_disk disk \
	\"/boot/\$(debugfs -R 'ls -p /boot' 'disk?offset=1048576' 2>/dev/null | sed -n 's,.*/\(initrd.img-[^/]*\)/.*,\1,p')\" initrd.img"

iperf3 -s -D -p 5201 >/dev/null 2>&1
orders <<'END'
echo "debian: multi-user, $(nproc) CPUs, $(uname -r)"
sha256sum /usr/bin/* /usr/lib/x86_64-linux-gnu/*.so* 2>/dev/null | sha256sum | sed 's/^/debian: files /'
cp -a /usr/bin /var/tmp/copy && sync && echo 3 >/proc/sys/vm/drop_caches &&
	diff -r --no-dereference /usr/bin /var/tmp/copy && echo "debian: copies right"
fio --name=verify --directory=/var/tmp --size=48M --rw=randwrite --bs=4k --ioengine=psync \
	--verify=crc32c --do_verify=1 --verify_fatal=1 --end_fsync=1 >/tmp/fio 2>&1 &&
	echo "debian: fio right, $(grep -o 'IOPS=[^ ]*, BW=[^ ]*' /tmp/fio | tr '\n' ' ')" || { echo "debian: fio WRONG"; cat /tmp/fio; }
iperf3 -c 10.0.2.2 -t 5 -J >/tmp/iperf && grep -q bits_per_second /tmp/iperf &&
	echo "debian: iperf3 right,$(grep bits_per_second /tmp/iperf | tail -n 1)"
seq 1 300000 >/root/written
sha256sum </root/written | sed 's/^/debian: written /'
systemctl poweroff
END
is "Debian boots, works and powers off" debian 1500 --net user
is "it came to multi-user with 2 CPUs" grep -q 'debian: multi-user, 2 CPUs' log
is "its files are there" grep -q 'debian: files [0-9a-f]\{64\}' log
is "what is copied is the same" grep -q 'debian: copies right' log
is "what fio has written is what it reads" grep -q 'debian: fio right' log
is "iperf3 by libslirp" grep -q 'debian: iperf3 right' log
is "the file system is right" eval "e2fsck -fn 'disk?offset=1048576' >fsck 2>&1"
from_disk disk /root/written written
echo "# $(grep -o 'fio right.*' log); by libslirp: $(grep -o 'bits_per_second.*' log | head -n 1)"
is "and what was written is on it" grep -q "debian: written $(sha256sum <written)" log

modprobe -a tun vhost_net
ip tuntap add tap0 mode tap && ip addr add 10.0.2.2/24 dev tap0 && ip link set tap0 up
orders <<'END'
echo "debian: multi-user"
ip addr flush dev eth0 2>/dev/null; card=$(ls /sys/class/net | grep -v lo | head -n 1)
ip addr add 10.0.2.15/24 dev "$card"; ip link set "$card" up; sleep 2
iperf3 -c 10.0.2.2 -t 5 -J >/tmp/iperf && grep -q bits_per_second /tmp/iperf &&
	echo "debian: iperf3 right,$(grep bits_per_second /tmp/iperf | tail -n 1)"
n=0
while [ $n -lt 200 ]; do
	n=$((n + 1))
	seq $n $((n + 100000)) >/root/flushed.$n
	sync -f /root/flushed.$n
	echo "debian: flushed $n"
done
END
debian 1500 --net tap=tap0 &
is "by a tap interface" eval "for i in \$(seq 400); do grep -q 'debian: iperf3 right' log && break; sleep 1; done;
	grep -q 'debian: iperf3 right' log"
echo "# by a tap interface: $(grep -o 'bits_per_second.*' log | head -n 1)"
is "it writes and flushes" eval "for i in \$(seq 200); do grep -q 'debian: flushed 5' log && break; sleep 1; done;
	grep -q 'debian: flushed 5' log"
pkill -KILL -x strata
wait
last=$(sed -n 's/.*debian: flushed \([0-9]*\).*/\1/p' log | tail -n 1)
# Its journal is played back, as after a power failure.
e2fsck -fy 'disk?offset=1048576' >fsck 2>&1
is "the file system is right after that" eval "e2fsck -fn 'disk?offset=1048576' >fsck 2>&1"
for ((n = 1; n <= last; n++)); do
	from_disk disk "/root/flushed.$n" written
	cmp -s written <(seq $n $((n + 100000))) || break
done
is "and each of $last files that were flushed" test $n -gt "$last"
pkill -x iperf3

# As a PC does it: firmware, GRUB, the kernel that GRUB finds; and once more after a reset.
orders <<'END'
if [ -e /root/was-here ]; then
	echo "debian: started again"
	systemctl poweroff
else
	touch /root/was-here
	echo "debian: by GRUB, $(nproc) CPUs"
	systemctl reboot
fi
END
is "by firmware and GRUB" eval "timeout 1500 strata run --firmware --cpus 2 --memory 768M \
	--on-reset reboot --disk disk --disk orders,readonly --net user >log 2>&1 </dev/null"
is "it came to multi-user" grep -q 'debian: by GRUB, 2 CPUs' log
is "and again, after it had asked for a reset" grep -q 'debian: started again' log
is "by GRUB both times" test "$(grep -c 'GRUB: loading Linux' log)" = 2
finish
