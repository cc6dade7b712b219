// SPDX-License-Identifier: GPL-2.0
/*
 * An ELF core of a guest, for gdb and crash: its memory by guest physical addresses,
 * once as it is and once by the virtual addresses that the kernel has for it; registers
 * of each vCPU; and what a Linux says of itself in VMCOREINFO.
 */

#include "core_map.h"
#include "launcher.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/procfs.h>
#include <sys/user.h>
#include <unistd.h>

#define VMCOREINFO	"VMCOREINFO"
#define MAX_VMCOREINFO	65536

struct core {
	struct vm *vm;
	int fd;
	const char *path;
	struct blob notes;
	struct core_maps maps;
	__u64 data;			/* where memory begins in the file */
};

static size_t pad(size_t len)
{
	return (len + 3) & ~(size_t)3;
}

static int add_note(struct core *c, const char *name, __u32 type, const void *desc, size_t len)
{
	Elf64_Nhdr h = { .n_namesz = strlen(name) + 1, .n_descsz = len, .n_type = type };
	size_t at = c->notes.len, size = sizeof(h) + pad(h.n_namesz) + pad(len);
	__u8 *p = realloc(c->notes.data, at + size);

	if (!p) {
		err("no memory for the notes of the dump");
		return -1;
	}
	c->notes.data = p;
	c->notes.len = at + size;
	p += at;
	memset(p, 0, size);
	memcpy(p, &h, sizeof(h));
	memcpy(p + sizeof(h), name, h.n_namesz);
	memcpy(p + sizeof(h) + pad(h.n_namesz), desc, len);
	return 0;
}

/* Registers in the order that a debugger expects of a thread's. */
static int add_vcpu(struct core *c, const struct vcpu *vcpu)
{
	struct elf_prstatus status;
	struct user_regs_struct u;
	struct kvm_sregs s;
	struct kvm_regs r;

	if (ioctl(vcpu->fd, KVM_GET_REGS, &r) || ioctl(vcpu->fd, KVM_GET_SREGS, &s)) {
		err("cannot read the registers of vCPU %u: %s", vcpu->id, strerror(errno));
		return -1;
	}
	memset(&status, 0, sizeof(status));
	u = (struct user_regs_struct){
		.r15 = r.r15, .r14 = r.r14, .r13 = r.r13, .r12 = r.r12, .rbp = r.rbp,
		.rbx = r.rbx, .r11 = r.r11, .r10 = r.r10, .r9 = r.r9, .r8 = r.r8,
		.rax = r.rax, .rcx = r.rcx, .rdx = r.rdx, .rsi = r.rsi, .rdi = r.rdi,
		.orig_rax = ~0ULL, .rip = r.rip, .cs = s.cs.selector, .eflags = r.rflags,
		.rsp = r.rsp, .ss = s.ss.selector, .fs_base = s.fs.base, .gs_base = s.gs.base,
		.ds = s.ds.selector, .es = s.es.selector, .fs = s.fs.selector,
		.gs = s.gs.selector,
	};
	status.pr_pid = vcpu->id + 1;
	_Static_assert(sizeof(u) == sizeof(status.pr_reg), "registers");
	memcpy(&status.pr_reg, &u, sizeof(u));
	if (add_note(c, "CORE", NT_PRSTATUS, &status, sizeof(status)))
		return -1;
	core_map_guest(&c->maps, &c->vm->mem, &s);
	return 0;
}

/* Linux has it in memory as a note, for whoever dumps that. */
static const char *find_vmcoreinfo(const __u8 *mem, size_t len, size_t *found)
{
	static const char first[] = "OSRELEASE=";
	const __u8 *p = mem + sizeof(Elf64_Nhdr), *end = mem + len, *desc;
	Elf64_Nhdr h;

	while ((p = memmem(p, end - p, VMCOREINFO, sizeof(VMCOREINFO)))) {
		memcpy(&h, p - sizeof(h), sizeof(h));
		desc = p + pad(sizeof(VMCOREINFO));
		if (h.n_namesz == sizeof(VMCOREINFO) && !h.n_type && h.n_descsz < MAX_VMCOREINFO &&
		    h.n_descsz > sizeof(first) && end - desc > (ssize_t)h.n_descsz &&
		    !memcmp(desc, first, sizeof(first) - 1)) {
			*found = h.n_descsz;
			return (const char *)desc;
		}
		p++;
	}
	return NULL;
}

/**
 * core_vmcoreinfo() - what a Linux says of itself
 * @len: filled in
 *
 * Return: lines such as NAME=VALUE in the guest's memory, which may change; NULL for none.
 */
const char *core_vmcoreinfo(struct vm *vm, size_t *len)
{
	const char *info = find_vmcoreinfo(vm->mem.base, vm->mem.low, len);

	if (!info && vm->mem.high)
		info = find_vmcoreinfo(vm->mem.base + HOLE_END, vm->mem.high, len);
	return info;
}

static void put_header(Elf64_Ehdr *h, unsigned int segments)
{
	memset(h, 0, sizeof(*h));
	memcpy(h->e_ident, ELFMAG, SELFMAG);
	h->e_ident[EI_CLASS] = ELFCLASS64;
	h->e_ident[EI_DATA] = ELFDATA2LSB;
	h->e_ident[EI_VERSION] = EV_CURRENT;
	h->e_type = ET_CORE;
	h->e_machine = EM_X86_64;
	h->e_version = EV_CURRENT;
	h->e_phoff = sizeof(*h);
	h->e_ehsize = sizeof(*h);
	h->e_phentsize = sizeof(Elf64_Phdr);
	h->e_phnum = segments;
}

/* Where guest physical memory lies in the file. */
static __u64 file_offset(const struct core *c, __u64 gpa)
{
	return c->data + (gpa < HOLE_END ? gpa : c->vm->mem.low + gpa - HOLE_END);
}

static Elf64_Phdr load(const struct core *c, __u64 va, __u64 gpa, __u64 len)
{
	return (Elf64_Phdr){
		.p_type = PT_LOAD, .p_flags = PF_R | PF_W | PF_X, .p_offset = file_offset(c, gpa),
		.p_vaddr = va, .p_paddr = gpa, .p_filesz = len, .p_memsz = len, .p_align = 0,
	};
}

static bool write_at(const struct core *c, const void *data, size_t len, __u64 offset)
{
	const __u8 *p = data;

	while (len) {
		ssize_t n = pwrite(c->fd, p, len, offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			err("cannot write the dump %s: %s", c->path,
			    strerror(n ? errno : ENOSPC));
			return false;
		}
		p += n;
		len -= n;
		offset += n;
	}
	return true;
}

static bool write_headers(const struct core *c)
{
	const struct guest_mem *mem = &c->vm->mem;
	unsigned int i, n = 0, max = 3 + c->maps.nr;
	Elf64_Phdr *p = calloc(max, sizeof(*p));
	Elf64_Ehdr h;
	bool ok;

	if (!p) {
		err("no memory for the dump's headers");
		return false;
	}
	p[n++] = (Elf64_Phdr){ .p_type = PT_NOTE, .p_offset = sizeof(h) + max * sizeof(*p),
			       .p_filesz = c->notes.len, .p_memsz = c->notes.len };
	p[n++] = load(c, 0, 0, mem->low);
	if (mem->high)
		p[n++] = load(c, HOLE_END, HOLE_END, mem->high);
	for (i = 0; i < c->maps.nr; i++)
		p[n++] = load(c, c->maps.map[i].va, c->maps.map[i].gpa, c->maps.map[i].len);
	put_header(&h, n);
	ok = write_at(c, &h, sizeof(h), 0) && write_at(c, p, n * sizeof(*p), sizeof(h)) &&
	     write_at(c, c->notes.data, c->notes.len, p[0].p_offset);
	free(p);
	return ok;
}

static bool is_zero(const __u8 *page)
{
	return !page[0] && !memcmp(page, page + 1, SZ_4K - 1);
}

/* Pages of zeros are holes of the file. */
static bool write_memory(const struct core *c, __u64 gpa, __u64 len)
{
	const __u8 *mem = c->vm->mem.base + gpa;
	__u64 at, end;

	for (at = 0; at < len; at = end) {
		for (end = at; end < len && end - at < SZ_2M && !is_zero(mem + end); end += SZ_4K)
			;
		if (end > at && !write_at(c, mem + at, end - at, file_offset(c, gpa) + at))
			return false;
		if (end == at)
			end += SZ_4K;
	}
	return true;
}

static bool write_core(struct core *c)
{
	const struct guest_mem *mem = &c->vm->mem;
	const char *info;
	unsigned int i;
	size_t len;

	for (i = 0; i < c->vm->nr_vcpus; i++)
		if (add_vcpu(c, &c->vm->vcpus[i]))
			return false;
	core_map_merge(&c->maps);
	info = core_vmcoreinfo(c->vm, &len);
	if (info && add_note(c, VMCOREINFO, 0, info, len))
		return false;
	c->data = sizeof(Elf64_Ehdr) + (3 + c->maps.nr) * sizeof(Elf64_Phdr) + c->notes.len;
	c->data = (c->data + SZ_4K - 1) & ~(SZ_4K - 1);
	if (!write_headers(c) || !write_memory(c, 0, mem->low) ||
	    !write_memory(c, HOLE_END, mem->high))
		return false;
	/* Its end may be a hole. */
	if (!ftruncate(c->fd, c->data + mem->low + mem->high))
		return true;
	err("cannot write the dump %s: %s", c->path, strerror(errno));
	return false;
}

/* A file for a dump: replaced if it is there; only its owner may read it. */
int core_open(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0)
		err("cannot make the dump %s: %s", path, strerror(errno));
	return fd;
}

/**
 * core_write() - dump a guest into a file
 * @vm: its vCPUs do not run
 * @fd: of core_open(); closed in any case
 * @path: for messages
 */
int core_write(struct vm *vm, int fd, const char *path)
{
	struct core c = { .vm = vm, .fd = fd, .path = path };
	bool ok;

	if (fd < 0)
		return -1;
	ok = write_core(&c);
	if (close(fd) && ok) {
		err("cannot write the dump %s: %s", path, strerror(errno));
		ok = false;
	}
	free(c.notes.data);
	core_map_free(&c.maps);
	if (ok)
		err("the guest's memory and registers are in %s", path);
	return ok ? 0 : -1;
}
