// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_GET_STATS_FD: the profile in KVM's binary format, for readers that exist.
 *
 * A file is made whole at each read: header, id, descriptors, data. The names that
 * KVM has as well mean the same here; "NAME_exits" and "NAME_ticks" stand for each
 * reason, by its name in uapi/strata.h.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kvm.h>
#include <linux/mm.h>
#include <linux/pid.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "ioctl.h"
#include "profile.h"
#include "stats.h"

#define NAME_SIZE	48
#define ID_SIZE		48
/* Where the name begins: newer kernels count it in the structure, user space never. */
#define DESC_SIZE	(offsetof(struct kvm_stats_desc, name) + NAME_SIZE)

/* KVM's logarithmic histograms have a bucket for 0, and then one for each power. */
#define HIST_SIZE	(STRATA_PROFILE_BUCKETS + 1)

/* More than the longest file. */
#define MAX_DESCS	(2 * STRATA_NR_EXIT_REASONS + 16)
#define MAX_DATA	(STRATA_NR_EXIT_REASONS * (HIST_SIZE + 1) + 16)

struct builder {
	struct kvm_stats_desc *desc;	/* the next one */
	u64 *data;
	u32 nr_desc, nr_data;
};

/* A new descriptor; where its values go. */
static u64 *add(struct builder *b, u32 flags, u16 size, const char *prefix, const char *suffix)
{
	u64 *data = b->data + b->nr_data;

	b->desc->flags = flags;
	b->desc->size = size;
	b->desc->offset = b->nr_data * sizeof(u64);
	snprintf(b->desc->name, NAME_SIZE, "%s%s", prefix, suffix);
	b->desc = (void *)b->desc + DESC_SIZE;
	b->nr_desc++;
	b->nr_data += size;
	return data;
}

/* Counters that KVM has, too. */
static const struct {
	const char *name;
	u8 reason;
} same_as_kvm[] = {
	{ "io_exits", STRATA_EXIT_PIO },
	{ "mmio_exits", STRATA_EXIT_MMIO },
	{ "halt_exits", STRATA_EXIT_HLT },
	{ "irq_exits", STRATA_EXIT_INTR },
	{ "irq_window_exits", STRATA_EXIT_INTR_WINDOW },
	{ "nmi_window_exits", STRATA_EXIT_NMI_WINDOW },
	{ "hypercalls", STRATA_EXIT_HYPERCALL },
	{ "pf_taken", STRATA_EXIT_NESTED_FAULT },
};

static void vcpu_stats(struct builder *b, const struct strata_vcpu *vcpu)
{
	const u32 count = KVM_STATS_TYPE_CUMULATIVE | KVM_STATS_UNIT_NONE | KVM_STATS_BASE_POW10;
	const u32 cycles = KVM_STATS_TYPE_CUMULATIVE | KVM_STATS_UNIT_CYCLES | KVM_STATS_BASE_POW10;
	const u32 hist = KVM_STATS_TYPE_LOG_HIST | KVM_STATS_UNIT_CYCLES | KVM_STATS_BASE_POW10;
	const struct strata_profile *p = vcpu->profile;
	unsigned int i, n;
	u64 *exits, *data;

	exits = add(b, count, 1, "exits", "");
	*add(b, cycles, 1, "guest_ticks", "") = strata_profile_guest_ticks(p);
	*add(b, cycles, 1, "run_ticks", "") = READ_ONCE(p->run_ticks);
	*add(b, count, 1, "user_exits", "") = READ_ONCE(p->user_exits);
	for (i = 0; i < ARRAY_SIZE(same_as_kvm); i++)
		*add(b, count, 1, same_as_kvm[i].name, "") =
			strata_profile_exits(&p->reason[same_as_kvm[i].reason]);
	for (i = 0; i < STRATA_NR_EXIT_REASONS; i++) {
		const struct strata_profile_reason *r = &p->reason[i];

		*add(b, cycles, 1, p->reason_name[i], "_ticks") = READ_ONCE(r->ticks);
		data = add(b, hist, HIST_SIZE, p->reason_name[i], "_exits");
		for (n = 0; n < STRATA_PROFILE_BUCKETS; n++) {
			data[n + 1] = READ_ONCE(r->hist[n]);
			*exits += data[n + 1];
		}
	}
}

static void vm_stats(struct builder *b, struct strata_vm *vm)
{
	*add(b, KVM_STATS_TYPE_INSTANT | KVM_STATS_UNIT_NONE | KVM_STATS_BASE_POW10, 1, "vcpus",
	     "") = READ_ONCE(vm->nr_vcpus);
	*add(b, KVM_STATS_TYPE_CUMULATIVE | KVM_STATS_UNIT_NONE | KVM_STATS_BASE_POW10, 1,
	     "remote_tlb_flush", "") = atomic64_read(&vm->tlb_gen) - 1;
}

static ssize_t read_stats(struct strata_vm *vm, const struct strata_vcpu *vcpu, char __user *u,
			  size_t size, loff_t *pos)
{
	const size_t room = sizeof(struct kvm_stats_header) + ID_SIZE + MAX_DESCS * DESC_SIZE +
			    MAX_DATA * sizeof(u64);
	struct kvm_stats_header *head;
	struct builder b = {};
	ssize_t r;

	head = kvzalloc(room, GFP_KERNEL_ACCOUNT);
	if (!head)
		return -ENOMEM;
	head->name_size = NAME_SIZE;
	head->id_offset = sizeof(*head);
	head->desc_offset = head->id_offset + ID_SIZE;
	head->data_offset = head->desc_offset + MAX_DESCS * DESC_SIZE;
	b.desc = (void *)head + head->desc_offset;
	b.data = (void *)head + head->data_offset;
	if (vcpu) {
		snprintf((void *)head + head->id_offset, ID_SIZE, "kvm-%d/vcpu-%u",
			 pid_vnr(vm->pid), vcpu->id);
		vcpu_stats(&b, vcpu);
	} else {
		snprintf((void *)head + head->id_offset, ID_SIZE, "kvm-%d", pid_vnr(vm->pid));
		vm_stats(&b, vm);
	}
	head->num_desc = b.nr_desc;
	r = simple_read_from_buffer(u, size, pos, head,
				    head->data_offset + b.nr_data * sizeof(u64));
	kvfree(head);
	return r;
}

static ssize_t vcpu_read(struct file *file, char __user *u, size_t size, loff_t *pos)
{
	struct strata_vcpu *vcpu = file->private_data;

	return read_stats(vcpu->vm, vcpu, u, size, pos);
}

static ssize_t vm_read(struct file *file, char __user *u, size_t size, loff_t *pos)
{
	return read_stats(file->private_data, NULL, u, size, pos);
}

static const struct file_operations vcpu_stats_fops = {
	.owner = THIS_MODULE,
	.read = vcpu_read,
	.release = strata_vcpu_release,
	.llseek = noop_llseek,
};

static const struct file_operations vm_stats_fops = {
	.owner = THIS_MODULE,
	.read = vm_read,
	.release = strata_vm_release,
	.llseek = noop_llseek,
};

static int stats_fd(const char *name, const struct file_operations *fops, void *what,
		    struct strata_vm *vm)
{
	struct file *file;
	int fd = get_unused_fd_flags(O_CLOEXEC);

	if (fd < 0)
		return fd;
	file = anon_inode_getfile(name, fops, what, O_RDONLY);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	/* Without it an anonymous file has no position to read from. */
	file->f_mode |= FMODE_PREAD;
	strata_vm_get(vm);
	fd_install(fd, file);
	return fd;
}

/**
 * strata_vcpu_stats_fd - KVM_GET_STATS_FD on a vCPU
 * @vcpu: any; the file holds its VM
 *
 * Return: a file descriptor, or -EMFILE, -ENOMEM.
 */
int strata_vcpu_stats_fd(struct strata_vcpu *vcpu)
{
	return stats_fd("strata-vcpu-stats", &vcpu_stats_fops, vcpu, vcpu->vm);
}

/**
 * strata_vm_stats_fd - KVM_GET_STATS_FD on a VM
 * @vm: the file holds it
 *
 * Return: a file descriptor, or -EMFILE, -ENOMEM.
 */
int strata_vm_stats_fd(struct strata_vm *vm)
{
	return stats_fd("strata-vm-stats", &vm_stats_fops, vm, vm);
}
