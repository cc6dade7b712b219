#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# strata-exits, -faults, -irq and -slow on a guest that does a known number of everything;
# and that the profile, the event and strata-exits agree about it.
#
# lab: only=svm,6.12,7.2 timeout=400

set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=selftests/lib/tap.sh
. "$here/lib/tap.sh"
PATH=$here/../userspace-tool:$here/../tracing:$PATH
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
tap_files=("$tmp/out" "$tmp/err" "$tmp/known")
known=$here/bin/trace_known
events=/sys/kernel/tracing/events/strata

if ! [ -x "$here/../tracing/strata-exits" ]; then
	skip "the BPF tools are not built"
	finish
fi

n=20000

# tool COMMAND...: its output in files
tool() {
	"$@" > "$tmp/out" 2> "$tmp/err" < /dev/null && [ ! -s "$tmp/err" ]
}

# of_known TOOL OPTION...: the same, while the known guest runs
of_known() {
	"$@" -- sh -c "$known $n > $tmp/known" > "$tmp/out" 2> "$tmp/err" < /dev/null &&
		[ ! -s "$tmp/err" ]
}

# What is said of the guest that trace_known ran last.
check() {
	python3 - "$tmp" "$n" "$@" <<'PYTHON'
import json, sys
tmp, n, what = sys.argv[1], int(sys.argv[2]), sys.argv[3]
profile = {}
for line in open(tmp + "/known"):
    word = line.split()
    if word[0] == "vm":
        vm = int(word[1])
    else:
        profile[word[1]] = (int(word[2]), int(word[3]))
SAME = ("cpuid", "msr-read", "msr-write", "hypercall")

def near(a, b):
    return abs(a - b) <= 0.01 * max(a, b)

def exits():
    d = json.load(open(tmp + "/out"))
    assert d["lost"] == 0
    told = {r["reason"]: r for r in d["exits"] if r["vm"] == vm}
    assert set(told) == set(profile), (sorted(told), sorted(profile))
    for name, (count, ticks) in profile.items():
        r = told[name]
        assert r["count"] == count == sum(r["log2"]), (name, r, count)
        assert near(r["ticks"], ticks), (name, r["ticks"], ticks)
        assert r["kernel"] + r["user"] + r["waiting"] + r["host-fault"] == r["ticks"], r
        assert 0 <= r["kernel"] and r["max"] <= r["ticks"], r
    for name in SAME:
        assert told[name]["count"] == n, (name, told[name])
    assert told["pio"]["count"] == n and told["mmio"]["count"] >= n
    return sum(r["count"] for r in told.values())

def agree():
    total = exits()
    assert total >= 100000, total
    hist = {}
    for line in open(tmp + "/hist"):
        if "hitcount:" not in line or " vm:" not in line:
            continue
        line = line.replace("[", " ").replace("]", " ")
        at = dict((w.rstrip(":"), v) for w, v in zip(line.split(), line.split()[1:]))
        if int(at["vm"].rstrip(",")) == vm:
            hist[int(at["reason"])] = (int(at["hitcount"]), int(at["ticks"]))
    assert sorted(c for c, _ in hist.values()) == sorted(c for c, _ in profile.values()), hist
    assert near(sum(t for _, t in hist.values()), sum(t for _, t in profile.values()))

def faults():
    d = json.load(open(tmp + "/out"))
    assert d["lost"] == 0
    page = {p["page"]: p for p in d["pages"] if p["vm"] == vm}
    for i in range(16):
        p = page[0x40000000 + i * 4096]
        assert p["count"] == 1 and not p["device"] and p["ticks"] > 0, p
    assert page[0x50000000]["count"] == n and page[0x50000000]["device"]
    small = [f for f in d["faults"] if f["vm"] == vm and f["level"] == 1]
    assert small and sum(f["count"] for f in small) >= 16
    for f in d["faults"]:
        assert sum(f["log2"]) == f["count"] and f["max"] <= f["ticks"], f

def irqs():
    d = json.load(open(tmp + "/out"))
    assert d["lost"] == 0
    v = [v for v in d["vectors"] if v["vm"] == vm]
    assert len(v) == 1 and v[0]["vector"] == 0x41 and v[0]["vcpu"] == 0, v
    assert v[0]["count"] == (n + 63) // 64 == sum(v[0]["log2"]), v
    assert 0 < v[0]["max"] <= v[0]["ns"]

def slow():
    d = json.load(open(tmp + "/out"))
    e = d["exits"]
    assert len(e) == 20 and all(x["vm"] == vm and x["reason"] == "pio" for x in e)
    assert [x["ticks"] for x in e] == sorted((x["ticks"] for x in e), reverse=True)
    assert all(x["detail"] == 0x80 for x in e), [x["detail"] for x in e]
    for x in e:
        assert x["kernel"] + x["user"] + x["waiting"] + x["host-fault"] == x["ticks"], x
    # The slowest take no less than their share, and no single one more than all do.
    count, ticks = profile["pio"]
    assert ticks * len(e) / count <= sum(x["ticks"] for x in e) <= ticks

def longer():
    d = json.load(open(tmp + "/out"))
    e = [x for x in d["longer"] if x["vm"] == vm]
    assert len(e) == profile["pio"][0] and len({x["rip"] for x in e}) == 1
    assert sum(x["ticks"] for x in e) == [r["ticks"] for r in d["exits"]][0]

{"exits": exits, "agree": agree, "faults": faults, "irqs": irqs, "slow": slow,
 "longer": longer}[what]()
PYTHON
}

# The event by itself, added up by the kernel.
agreement() {
	local status

	echo 'hist:keys=vm,reason:vals=ticks:size=4096' > "$events/strata_exit_done/trigger" || return 1
	of_known strata-exits --json
	status=$?
	cat "$events/strata_exit_done/hist" > "$tmp/hist"
	echo '!hist:keys=vm,reason:vals=ticks:size=4096' > "$events/strata_exit_done/trigger"
	[ $status = 0 ] && check agree
}
if [ -e "$events/strata_exit_done/trigger" ]; then
	is "the profile, the event and strata-exits agree" agreement
else
	skip "this kernel has no triggers"
fi
is "strata-exits" eval 'of_known strata-exits --json && check exits'
is "and draws it" eval 'of_known strata-exits --by vm && grep -qE "^vm [0-9]+: [0-9]{5,} exits" "$tmp/out" && grep -q "|####" "$tmp/out"'
n=500
is "single exits, longer than nothing" eval 'of_known strata-exits --json --reason pio --longer-than 1ns && check longer'
is "strata-faults" eval 'of_known strata-faults --json && check faults'
is "and draws it" eval 'of_known strata-faults --top 3 && grep -qE "4K: [0-9]+ faults" "$tmp/out" && grep -q "pages more" "$tmp/out"'
is "strata-irq" eval 'of_known strata-irq --json && check irqs'
is "and draws it" eval 'of_known strata-irq && grep -q "vcpu 0 vector 65: 8 interrupts" "$tmp/out"'
is "strata-slow" eval 'of_known strata-slow --json --reason pio --top 20 && check slow'
is "and as a table" eval 'of_known strata-slow && [ "$(wc -l < "$tmp/out")" = 11 ] && grep -q "exit reason" "$tmp/out"'
is "only of another VM" eval 'of_known strata-exits --vm 999 && [ "$(cat "$tmp/out")" = "no exits" ]'
is "for a time" eval 'tool strata-exits --duration 0.2 && [ "$(cat "$tmp/out")" = "no exits" ]'
is "the command's status" eval '! tool strata-slow -- sh -c "exit 7"; strata-slow -- sh -c "exit 7" > /dev/null; [ $? = 7 ]'

# refused PATTERN COMMAND...
refused() {
	local pattern=$1

	shift
	! tool "$@" && [ "$(wc -l < "$tmp/err")" = 1 ] && grep -q -- "$pattern" "$tmp/err"
}
is "a reason that is not there" refused "no exit reason 'frob'; there are:.* cpuid" strata-exits --reason frob
is "an option that is not there" refused "'--frob' is no option" strata-irq --frob
is "a value that is no duration" refused "needs a duration" strata-exits --longer-than 5
is "a value that is missing" refused "needs a value" strata-faults --top
is "not without privileges" refused "be root" setpriv --reuid 65534 --clear-groups strata-irq --duration 1
for tool in exits faults irq slow; do
	is "help of strata-$tool" eval 'tool strata-'$tool' --help && grep -q "^usage: strata-'$tool' " "$tmp/out"'
done
finish
