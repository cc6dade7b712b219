#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# strata list, stat, hist and top on a guest of another process: what they say
# agrees with itself, and other users learn nothing.
#
# lab: timeout=300

set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=selftests/lib/tap.sh
. "$here/lib/tap.sh"
PATH=$here/../userspace-tool:$PATH
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
tap_files=("$tmp/out" "$tmp/err")

# A CPU without ticks (nohz_full) would leave a busy guest without exits.
taskset -c 0 strata run --kernel "$here/guest/bin/micro" --append h --memory 32M --cpus 2 --timeout 280 \
	> /dev/null 2>&1 < /dev/null &
pid=$!
sleep 1

# tool ARGUMENT...: output in files, status in $status
tool() {
	strata "$@" > "$tmp/out" 2> "$tmp/err" < /dev/null
	status=$?
	[ $status = 0 ] && [ ! -s "$tmp/err" ]
}

# Its shares: what the software's switches and the hardware take, each by an estimate.
calibrated() {
	tool stat "$vm" --calibrate && grep -qE '^  switches .*estimated, [1-9]' "$tmp/out" &&
		grep -qE '^  hardware .*estimated, ' "$tmp/out" &&
		tool stat "$vm" --calibrate --json && python3 - "$tmp/out" <<'PYTHON'
import json, sys
d = json.load(open(sys.argv[1]))
assert d["switches_sampled"] > 0 and d["ticks_per_switch"] > 0
assert d["hardware_ticks_per_switch"] >= 0
assert d["ticks_per_switch"] * d["all"]["count"] < d["guest"]
PYTHON
}

# refused STATUS PATTERN ARGUMENT...
refused() {
	local wanted=$1 pattern=$2

	shift 2
	! tool "$@" && [ $status = "$wanted" ] && [ "$(wc -l < "$tmp/err")" = 1 ] &&
		grep -q -- "$pattern" "$tmp/err"
}

lists() {
	tool list && [ "$(awk -v pid=$pid '$2 == pid && $3 == "strata"' "$tmp/out" | wc -l)" = 2 ]
}

is "list shows the guest's vCPUs, by its process" lists
vm=$(awk -v pid=$pid '$2 == pid { print $1; exit }' "$tmp/out")

table() {
	tool stat "$@" && grep -q '^exit reason .*count.*p50.*p99.*max.*kernel.*user.*waiting' "$tmp/out" &&
		awk '$1 == "all" { all = $3 } NR > 1 && !/^(all|the|  )/ { sum += $2 }
			END { exit !(all > 0 && sum == all) }' "$tmp/out"
}

is "stat by the VM's number; the reasons make the whole" table "$vm"
is "by the process" table "pid:$pid"
is "of one vCPU" table "$vm" --vcpu 0
is "of the next half second" table "$vm" --diff 0.5

json() {
	tool stat "$vm" --json && python3 - "$tmp/out" <<'PYTHON'
import json, sys
d = json.load(open(sys.argv[1]))
assert d["vcpus"] == 2 and d["guest"] > 0 and d["tsc_khz"] > 0
for name, r in list(d["reasons"].items()) + [("all", d["all"])]:
    assert sum(r["log2"]) == r["count"] > 0, name
    assert r["kernel"] + r["user"] + r["waiting"] + r["host-fault"] == r["ticks"], name
    assert r["max"] <= r["ticks"], name
for key in ("count", "ticks", "kernel", "user", "waiting"):
    assert sum(r[key] for r in d["reasons"].values()) == d["all"][key], key
PYTHON
}

if command -v python3 > /dev/null; then
	is "stat --json, and its parts make the whole" json
else
	skip "stat --json: no python3 here"
fi

bars() {
	tool hist "$vm" pio && awk '/^pio: / { n = $2 } / to / { sum += $4 }
		END { exit !(n > 0 && sum == n) }' "$tmp/out"
}

is "hist draws all exits of a reason" bars
is "hist draws each reason" eval 'tool hist "$vm" && grep -q "^intr: " "$tmp/out"'

pictures() {
	tool top --rounds 2 --interval 0.3 --sort "$1" &&
		[ "$(grep -c "sorted by $1" "$tmp/out")" = 2 ] && grep -q ' intr ' "$tmp/out"
}

for key in time count p99 max vm; do
	is "top, twice, by $key" pictures $key
done
is "top of one VM" eval 'tool top "$vm" --rounds 1 --interval 0.1 && grep -q "^2 vCPUs" "$tmp/out"'

picture() {
	tool picture "$vm" --seconds 0.5 --output "$tmp/svg" && [ ! -s "$tmp/out" ] &&
		grep -q '^<svg ' "$tmp/svg" && [ "$(tail -n 1 "$tmp/svg")" = '</svg>' ] &&
		grep -q "VM $vm, vCPU 1" "$tmp/svg" && grep -q '<title>guest [0-9.]*%' "$tmp/svg" &&
		grep -q 'intr: [0-9]* exits' "$tmp/svg" || return
	! command -v python3 > /dev/null ||
		python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' "$tmp/svg"
}

is "picture" picture
is "a picture needs a place" refused 2 'needs --output' picture "$vm"
is "one that can be written" refused 1 'No such file' picture "$vm" --seconds 0.1 --output /nowhere/x
is "a VM that is not there" refused 1 'no such VM' stat 4000000
is "a VM that is no number" refused 2 'is no VM' stat frob
is "no VM" refused 2 'which VM' stat
is "a reason that is none" refused 2 "no exit reason 'frob'" hist "$vm" frob
is "an option that is none" refused 2 'no option --frob' stat "$vm" --frob
is "hist has no --json" refused 2 'no option --json' hist "$vm" --json
is "a bad interval" refused 2 '--interval needs' top --interval 0
is "a bad key" refused 2 '--sort needs' top --sort frob
is "a bad vCPU" refused 2 "--vcpu needs" stat "$vm" --vcpu frob
is "a device without profiles" refused 1 'does not speak the KVM API' list --device /dev/null

# Another user who may use the device.
chmod 666 /dev/strata
# The guest's interrupts, console and timer are about the same ports and pages again and
# again; what is counted cannot be more than what there was.
keys() {
	tool keys "$vm" --seconds 1 "$@" && grep -q '^exit reason .*what .*count .*share' "$tmp/out"
}
keys_json() {
	tool keys "$vm" --seconds 1 --json && python3 - "$tmp/out" <<'PYTHON'
import json, sys
d = json.load(open(sys.argv[1]))
assert d["tsc_khz"] > 0 and d["keys"]
for k in d["keys"]:
    assert k["count"] > 0 and k["ticks"] > 0 and k["kind"] in ("rip", "detail"), k
assert [k["count"] for k in d["keys"]] == sorted((k["count"] for k in d["keys"]), reverse=True)
PYTHON
}
is "keys: what exits are about" keys
is "of one reason" eval 'keys intr && ! grep -v -e "^exit reason" -e "^intr " "$tmp/out" && grep -q "rip 0x" "$tmp/out"'
is "of one vCPU, the first only" eval 'keys --vcpu 0 --top 1 intr && [ "$(wc -l < "$tmp/out")" = 2 ]'
is "as JSON" keys_json
is "keys of a reason that is not there" refused 2 "no exit reason 'frob'" keys "$vm" frob
is "keys without a VM" refused 2 "takes a VM" keys
is "an estimate of the switches" calibrated

stranger() {
	setpriv --reuid 65534 --clear-groups strata "$@" > "$tmp/out" 2> "$tmp/err"
}
sees_none() {
	stranger list && [ "$(wc -l < "$tmp/out")" = 1 ]
}
is "another user sees none of them" sees_none
is "and reads none of them" eval '! stranger stat "$vm" && grep -q "another user" "$tmp/err"'
chmod 660 /dev/strata

kill $pid
wait $pid
is "afterwards the list is empty" eval 'tool list && [ "$(wc -l < "$tmp/out")" = 1 ]'
finish
