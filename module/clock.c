// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's TSC and kvmclock.
 *
 * A VM has one pair of (host TSC, kvmclock) from which every vCPU's page is
 * made, so that all of them tell the same time. It is taken once; while the
 * host's TSC is stable nothing ever replaces it but KVM_SET_CLOCK. On a host
 * whose TSC is not stable each page is made from a fresh pair, and the guest
 * is not told that its vCPUs agree.
 */
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/timekeeping.h>
#include <asm/pvclock-abi.h>
#include <asm/tsc.h>

#include "clock_math.h"
#include "msr.h"
#include "strata.h"

#define CLOCK_ENABLED	1ull
#define CLOCK_RESERVED	2ull	/* the page is aligned to 4 bytes */

/* Samples of (TSC, time): the one with the least between its two readings. */
#define SAMPLES		4

static struct clock_scale host_scale __read_mostly;

/**
 * strata_clock_setup - at load
 *
 * Return: 0, or -EOPNOTSUPP when the kernel does not know the TSC's rate.
 */
int strata_clock_setup(void)
{
	if (!tsc_khz) {
		pr_err("strata: the kernel could not calibrate the TSC\n");
		return -EOPNOTSUPP;
	}
	clock_scale_of(tsc_khz, &host_scale);
	return 0;
}

/* Boot time and the host's TSC at one moment; any context but NMI. */
static u64 sample(u64 *tsc)
{
	u64 best = ~0ull, ns = 0;
	int i;

	*tsc = 0;
	for (i = 0; i < SAMPLES; i++) {
		u64 before = rdtsc_ordered();
		u64 now = ktime_get_boottime_ns();
		u64 after = rdtsc_ordered();

		if (after - before < best) {
			best = after - before;
			*tsc = before + best / 2;
			ns = now;
		}
	}
	return ns;
}

/* The VM's pair; a TSC that went back was reset by a suspend of the host. */
static void reference(struct strata_vm *vm, u64 *tsc, u64 *ns)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&vm->tsc_lock, flags);
	if (check_tsc_unstable() || !vm->clock_ref_tsc || rdtsc() < vm->clock_ref_tsc)
		vm->clock_ref_ns = sample(&vm->clock_ref_tsc) + vm->clock_offset;
	*tsc = vm->clock_ref_tsc;
	*ns = vm->clock_ref_ns;
	raw_spin_unlock_irqrestore(&vm->tsc_lock, flags);
}

static u64 clock_at(struct strata_vm *vm, u64 *host_tsc)
{
	u64 tsc, ns, now;

	reference(vm, &tsc, &ns);
	now = rdtsc_ordered();
	if (host_tsc)
		*host_tsc = now;
	/* Another CPU may have taken the pair a moment later than our TSC says. */
	return now > tsc ? ns + clock_ticks_to_ns(&host_scale, now - tsc) : ns;
}

/**
 * strata_clock_ns - kvmclock now, in ns
 * @vm: any; any context but NMI
 */
u64 strata_clock_ns(struct strata_vm *vm)
{
	return clock_at(vm, NULL);
}

/* The host's TSC at the vCPU's rate. */
static u64 scaled(struct strata_vcpu *vcpu, u64 tsc)
{
	u64 ratio = READ_ONCE(vcpu->tsc_ratio);

	return ratio ? tsc_scale(tsc, ratio, strata_vendor->tsc_frac) : tsc;
}

/**
 * strata_guest_tsc - the guest's TSC now
 * @vcpu: any; any context
 */
u64 strata_guest_tsc(struct strata_vcpu *vcpu)
{
	return scaled(vcpu, rdtsc()) + READ_ONCE(vcpu->tsc_offset);
}

static void update_all_clocks(struct strata_vm *vm)
{
	struct strata_vcpu *vcpu;
	unsigned int i;

	strata_for_each_vcpu(i, vcpu, vm)
		strata_request_kick(vcpu, STRATA_REQ_CLOCK);
}

/* @vcpu's TSC is another; whether the TSCs agree stands in every vCPU's page. */
static void tsc_changed(struct strata_vcpu *vcpu)
{
	if (vcpu->apic)
		strata_lapic_tsc_changed(vcpu);
	update_all_clocks(vcpu->vm);
}

/* What later writes by user space are compared with; tsc_lock held. */
static void remember_tsc(struct strata_vcpu *vcpu, u64 offset, u64 tsc, u64 ns)
{
	struct strata_vm *vm = vcpu->vm;

	vm->tsc_set |= tsc != 0;
	vm->tsc_last_offset = offset;
	vm->tsc_last_write = tsc;
	vm->tsc_last_ns = ns;
	vm->tsc_last_khz = vcpu->tsc_khz;
}

/**
 * strata_write_tsc - set the guest's TSC
 * @vcpu: its mutex is held, or it is being created
 * @tsc: the value
 * @host: by ioctl or at creation: a value that matches what the VM's other
 *	vCPUs got makes the TSCs the same
 */
void strata_write_tsc(struct strata_vcpu *vcpu, u64 tsc, bool host)
{
	struct strata_vm *vm = vcpu->vm;
	u64 old = READ_ONCE(vcpu->tsc_offset);
	unsigned long flags;
	u64 offset, now, host_tsc;

	raw_spin_lock_irqsave(&vm->tsc_lock, flags);
	host_tsc = rdtsc();
	offset = tsc - scaled(vcpu, host_tsc);
	if (host) {
		now = ktime_get_boottime_ns();
		/*
		 * 0 is a reset, and a new vCPU. Another value is compared with what user
		 * space set, not with those: a VM that is restored is younger than its TSC.
		 */
		if ((!tsc || vm->tsc_set) && vm->tsc_last_ns &&
		    vm->tsc_last_khz == vcpu->tsc_khz &&
		    tsc_write_matches(tsc, vm->tsc_last_write, now - vm->tsc_last_ns,
				      vcpu->tsc_khz))
			offset = vm->tsc_last_offset;
		else
			vm->tsc_last_host = host_tsc;
		remember_tsc(vcpu, offset, tsc, now);
	}
	WRITE_ONCE(vcpu->tsc_offset, offset);
	raw_spin_unlock_irqrestore(&vm->tsc_lock, flags);

	strata_set_request(vcpu, STRATA_REQ_TSC);
	if (offset != old)
		tsc_changed(vcpu);
}

/**
 * strata_set_tsc_offset - guest TSC = host TSC, scaled, + offset
 * @vcpu: its mutex is held
 * @offset: the same for two vCPUs of one frequency makes their TSCs the same
 */
void strata_set_tsc_offset(struct strata_vcpu *vcpu, u64 offset)
{
	struct strata_vm *vm = vcpu->vm;
	unsigned long flags;
	u64 host_tsc;

	raw_spin_lock_irqsave(&vm->tsc_lock, flags);
	host_tsc = rdtsc();
	if (offset != vm->tsc_last_offset || vm->tsc_last_khz != vcpu->tsc_khz)
		vm->tsc_last_host = host_tsc;
	remember_tsc(vcpu, offset, scaled(vcpu, host_tsc) + offset, ktime_get_boottime_ns());
	WRITE_ONCE(vcpu->tsc_offset, offset);
	raw_spin_unlock_irqrestore(&vm->tsc_lock, flags);

	strata_set_request(vcpu, STRATA_REQ_TSC);
	tsc_changed(vcpu);
}

/**
 * strata_tsc_khz_ok - can a guest's TSC have this frequency?
 * @khz: that is asked for
 * @ratio: the hardware's ratio for it; 0: the host's own rate
 *
 * Return: 0, or -EINVAL where this CPU does not scale, or not as far.
 */
int strata_tsc_khz_ok(u32 khz, u64 *ratio)
{
	*ratio = 0;
	if (tsc_same_rate(khz, tsc_khz))
		return 0;
	if (!strata_vendor->tsc_frac)
		return -EINVAL;
	*ratio = tsc_ratio_of(khz, tsc_khz, strata_vendor->tsc_frac,
			      strata_vendor->tsc_ratio_max);
	return *ratio ? 0 : -EINVAL;
}

/**
 * strata_set_tsc_khz - KVM_SET_TSC_KHZ on a vCPU
 * @vcpu: its mutex is held
 * @khz: the frequency; 0: the host's
 *
 * The TSC is what it would be had it had this frequency since user space wrote
 * it last, for any of the VM's vCPUs: so those that agreed, and get the same
 * frequency, agree again.
 *
 * Return: 0, or -EINVAL as from strata_tsc_khz_ok().
 */
int strata_set_tsc_khz(struct strata_vcpu *vcpu, u32 khz)
{
	struct strata_vm *vm = vcpu->vm;
	unsigned long flags;
	u64 ratio, at_write;
	bool same, last;
	int r;

	if (!khz)
		khz = tsc_khz;
	r = strata_tsc_khz_ok(khz, &ratio);
	if (r)
		return r;
	raw_spin_lock_irqsave(&vm->tsc_lock, flags);
	same = ratio == vcpu->tsc_ratio;
	last = vm->tsc_last_khz == vcpu->tsc_khz && vm->tsc_last_offset == vcpu->tsc_offset;
	at_write = scaled(vcpu, vm->tsc_last_host) + vcpu->tsc_offset;
	vcpu->tsc_khz = khz;
	WRITE_ONCE(vcpu->tsc_ratio, ratio);
	WRITE_ONCE(vcpu->tsc_offset, at_write - scaled(vcpu, vm->tsc_last_host));
	/* The TSC that the next write may be meant to match is now this one. */
	if (last) {
		vm->tsc_last_khz = khz;
		vm->tsc_last_offset = vcpu->tsc_offset;
	}
	raw_spin_unlock_irqrestore(&vm->tsc_lock, flags);
	if (same)
		return 0;
	strata_set_request(vcpu, STRATA_REQ_TSC);
	tsc_changed(vcpu);
	return 0;
}

/**
 * strata_init_tsc - the TSC of a new vCPU: at the VM's frequency, and its vCPUs agree
 * @vcpu: not published yet; vm->lock is held
 */
void strata_init_tsc(struct strata_vcpu *vcpu)
{
	vcpu->tsc_khz = vcpu->vm->tsc_khz;
	strata_tsc_khz_ok(vcpu->tsc_khz, &vcpu->tsc_ratio);
	strata_write_tsc(vcpu, 0, true);
}

/**
 * strata_set_clock_msr - MSR_KVM_SYSTEM_TIME, where the vCPU wants its page
 * @vcpu: its mutex is held; any context
 * @val: guest-physical address, bit 0: on
 *
 * The page is written before the next entry.
 *
 * Return: 0, or 1 for an address that is not aligned to 4 bytes.
 */
int strata_set_clock_msr(struct strata_vcpu *vcpu, u64 val)
{
	if (val & CLOCK_RESERVED)
		return 1;
	vcpu->clock_msr = val;
	if (val & CLOCK_ENABLED)
		strata_set_request(vcpu, STRATA_REQ_CLOCK);
	return 0;
}

/**
 * strata_set_wall_clock_msr - MSR_KVM_WALL_CLOCK: write the wall time of boot there
 * @vcpu: its mutex is held; any context
 * @val: guest-physical address; 0: nowhere
 *
 * Return: 0, or 1 for an address that is not aligned to 4 bytes.
 */
int strata_set_wall_clock_msr(struct strata_vcpu *vcpu, u64 val)
{
	if (val & 3)
		return 1;
	WRITE_ONCE(vcpu->vm->wall_clock_gpa, val);
	if (val) {
		vcpu->msrs->wall_pending = true;
		strata_set_request(vcpu, STRATA_REQ_CLOCK);
	}
	return 0;
}

/*
 * Both pages are read by the guest while they may be written: an odd version
 * says that it is being written, and each write has a version of its own.
 */
static int begin_update(struct strata_vm *vm, u64 gpa, u32 *version)
{
	if (strata_read_guest(vm, gpa, version, sizeof(*version)))
		return -EFAULT;
	*version = (*version | 1) + 2;
	if (strata_write_guest(vm, gpa, version, sizeof(*version)))
		return -EFAULT;
	/* The odd version before the values. */
	smp_wmb();
	return 0;
}

static void end_update(struct strata_vm *vm, u64 gpa, u32 version)
{
	/* The values before the even version. */
	smp_wmb();
	version++;
	strata_write_guest(vm, gpa, &version, sizeof(version));
}

static void write_wall_clock(struct strata_vcpu *vcpu)
{
	u64 gpa = READ_ONCE(vcpu->vm->wall_clock_gpa);
	struct pvclock_wall_clock wc = {};
	u64 ns;
	u32 rest;

	vcpu->msrs->wall_pending = false;
	if (!gpa || begin_update(vcpu->vm, gpa, &wc.version))
		return;
	ns = ktime_get_real_ns() - strata_clock_ns(vcpu->vm);
	wc.sec = div_u64_rem(ns, NSEC_PER_SEC, &rest);
	wc.nsec = rest;
	if (!strata_write_guest(vcpu->vm, gpa, &wc, sizeof(wc)))
		end_update(vcpu->vm, gpa, wc.version);
}

/* Do all TSCs agree, so that one vCPU's page serves every other? */
static bool tscs_agree(struct strata_vm *vm)
{
	struct strata_vcpu *vcpu, *first = NULL;
	unsigned int i;

	if (check_tsc_unstable())
		return false;
	strata_for_each_vcpu(i, vcpu, vm) {
		if (!first)
			first = vcpu;
		if (READ_ONCE(vcpu->tsc_offset) != READ_ONCE(first->tsc_offset) ||
		    READ_ONCE(vcpu->tsc_ratio) != READ_ONCE(first->tsc_ratio))
			return false;
	}
	return true;
}

/**
 * strata_update_clock - serve STRATA_REQ_CLOCK
 * @vcpu: outside guest mode, its mutex held; sleeps
 *
 * A page that lies in no slot, in MMIO or in read-only memory is not written;
 * nobody is told, as on KVM. The write marks it dirty.
 */
void strata_update_clock(struct strata_vcpu *vcpu)
{
	struct pvclock_vcpu_time_info t = {};
	u64 gpa = vcpu->clock_msr & ~CLOCK_ENABLED;
	struct clock_scale scale = host_scale;
	struct strata_vm *vm = vcpu->vm;
	u8 old_flags;
	u64 tsc, ns;

	if (vcpu->msrs->wall_pending)
		write_wall_clock(vcpu);
	if (!(vcpu->clock_msr & CLOCK_ENABLED))
		return;
	/* The guest clears GUEST_STOPPED when it has seen it. */
	if (strata_read_guest(vm, gpa + offsetof(struct pvclock_vcpu_time_info, flags),
			      &old_flags, sizeof(old_flags)) ||
	    begin_update(vm, gpa, &t.version))
		return;

	reference(vm, &tsc, &ns);
	t.tsc_timestamp = scaled(vcpu, tsc) + READ_ONCE(vcpu->tsc_offset);
	t.system_time = ns;
	if (vcpu->tsc_ratio)
		clock_scale_of(vcpu->tsc_khz, &scale);
	t.tsc_to_system_mul = scale.mul;
	t.tsc_shift = scale.shift;
	t.flags = old_flags & PVCLOCK_GUEST_STOPPED;
	if (vcpu->msrs->clock_stopped)
		t.flags |= PVCLOCK_GUEST_STOPPED;
	if (tscs_agree(vm))
		t.flags |= PVCLOCK_TSC_STABLE_BIT;
	if (strata_write_guest(vm, gpa, &t, sizeof(t)))
		return;
	end_update(vm, gpa, t.version);
	vcpu->msrs->clock_stopped = false;
}

/**
 * strata_clock_migrated - the vCPU is on another CPU than before
 * @vcpu: any; any context
 *
 * Where the TSC is not stable its page must be made anew.
 */
void strata_clock_migrated(struct strata_vcpu *vcpu)
{
	if ((vcpu->clock_msr & CLOCK_ENABLED) && check_tsc_unstable())
		strata_set_request(vcpu, STRATA_REQ_CLOCK);
}

/**
 * strata_kvmclock_ctrl - KVM_KVMCLOCK_CTRL: tell the guest that it stood still
 * @vcpu: its mutex is held
 *
 * Return: 0, or -EINVAL when it has no clock page.
 */
int strata_kvmclock_ctrl(struct strata_vcpu *vcpu)
{
	if (!(vcpu->clock_msr & CLOCK_ENABLED))
		return -EINVAL;
	vcpu->msrs->clock_stopped = true;
	strata_set_request(vcpu, STRATA_REQ_CLOCK);
	return 0;
}

/**
 * strata_get_clock - KVM_GET_CLOCK
 * @vm: any
 * @d: all of it is written
 */
int strata_get_clock(struct strata_vm *vm, struct kvm_clock_data *d)
{
	u64 host_tsc;

	memset(d, 0, sizeof(*d));
	d->clock = clock_at(vm, &host_tsc);
	if (check_tsc_unstable())
		return 0;
	d->realtime = ktime_get_real_ns();
	d->host_tsc = host_tsc;
	d->flags = KVM_CLOCK_REALTIME | KVM_CLOCK_HOST_TSC;
	if (tscs_agree(vm))
		d->flags |= KVM_CLOCK_TSC_STABLE;
	return 0;
}

/**
 * strata_set_clock - KVM_SET_CLOCK
 * @vm: any
 * @d: the time; with KVM_CLOCK_REALTIME it goes on from that moment
 *
 * Return: 0, or -EINVAL for unknown flags.
 */
int strata_set_clock(struct strata_vm *vm, const struct kvm_clock_data *d)
{
	u64 clock = d->clock, now = ktime_get_real_ns(), boot;
	unsigned long flags;

	if (d->flags & ~(u32)STRATA_CLOCK_FLAGS)
		return -EINVAL;
	if ((d->flags & KVM_CLOCK_REALTIME) && now > d->realtime)
		clock += now - d->realtime;

	raw_spin_lock_irqsave(&vm->tsc_lock, flags);
	boot = sample(&vm->clock_ref_tsc);
	vm->clock_ref_ns = clock;
	vm->clock_offset = clock - boot;
	raw_spin_unlock_irqrestore(&vm->tsc_lock, flags);
	update_all_clocks(vm);
	return 0;
}
