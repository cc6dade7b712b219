// SPDX-License-Identifier: GPL-2.0
/* The launcher's ACPI tables: checksums, pointers, lengths, contents. */
// sources: ../../userspace-tool/acpi.c

#include "../../userspace-tool/acpi.h"
#include "tap.h"

#include <string.h>

#define GPA	0xe0000ULL

static __u8 buf[0x20000];

static const struct acpi_config config = {
	.cpus = 3,
	.lapic = 0xfee00000,
	.ioapic = 0xfec00000,
	.timer_gsi = 2,
	.sci_gsi = 9,
	.pm_port = 0x600,
	.reset_port = 0xcf9,
	.reset_value = 6,
	.serial_port = 0x3f8,
	.serial_irq = 4,
};

static __u32 get32(const __u8 *p)
{
	__u32 v;

	memcpy(&v, p, 4);
	return v;
}

static __u64 get64(const __u8 *p)
{
	__u64 v;

	memcpy(&v, p, 8);
	return v;
}

static bool sums_to_zero(const __u8 *p, size_t len)
{
	__u8 sum = 0;

	while (len--)
		sum += *p++;
	return !sum;
}

/* A table by its guest address, NULL unless it lies in what was built. */
static const __u8 *at(__u64 gpa, size_t used, const char *signature)
{
	const __u8 *p = buf + (gpa - GPA);

	if (gpa < GPA || gpa - GPA + 36 > used || memcmp(p, signature, 4))
		return NULL;
	if (get32(p + 4) > used - (gpa - GPA))
		return NULL;
	return p;
}

static const __u8 *find(const __u8 *p, size_t len, const char *text)
{
	return memmem(p, len, text, strlen(text));
}

static void test_madt(const __u8 *madt)
{
	const __u8 *p = madt + 44, *end = madt + get32(madt + 4);
	int cpus = 0, ioapics = 0, timer = 0, sci = 0, nmi = 0;

	while (p < end && p[1]) {
		if (p[0] == 0 && p[2] == cpus && p[3] == cpus && get32(p + 4) == 1)
			cpus++;
		if (p[0] == 1 && get32(p + 4) == 0xfec00000 && get32(p + 8) == 0)
			ioapics++;
		if (p[0] == 2 && p[3] == 0 && get32(p + 4) == 2)
			timer++;
		if (p[0] == 2 && p[3] == 9 && get32(p + 4) == 9 && p[8] == 0xd)
			sci++;
		if (p[0] == 4 && p[2] == 0xff && p[5] == 1)
			nmi++;
		p += p[1];
	}
	tap_ok(p == end, "MADT: the entries fill the table");
	tap_ok(cpus == 3, "MADT: three enabled processors with ids 0 to 2");
	tap_ok(ioapics == 1 && timer == 1 && sci == 1 && nmi == 1,
	       "MADT: an IOAPIC, overrides of timer and SCI, the NMI line");
}

static void test_fadt(const __u8 *fadt, size_t used)
{
	__u32 flags = get32(fadt + 112);

	tap_ok(get32(fadt + 4) == 276 && fadt[8] == 6, "FADT: length and revision of ACPI 6");
	tap_ok(at(get64(fadt + 140), used, "DSDT"), "FADT: points to the DSDT");
	tap_ok(get32(fadt + 40) == get64(fadt + 140), "FADT: both DSDT pointers agree");
	tap_ok(at(get32(fadt + 36), used, "FACS") && get32(fadt + 36) % 64 == 0,
	       "FADT: points to an aligned FACS");
	tap_ok(flags & 1 << 10 && fadt[116] == 1 && get64(fadt + 120) == 0xcf9 && fadt[128] == 6,
	       "FADT: the reset register");
	tap_ok(!(flags & 1 << 20), "FADT: not hardware-reduced");
	tap_ok(get32(fadt + 56) == 0x600 && get32(fadt + 64) == 0x604 &&
	       get64(fadt + 152) == 0x600 && get64(fadt + 176) == 0x604 &&
	       fadt[88] == 4 && fadt[89] == 2, "FADT: PM1 event and control, old and new form");
	tap_ok(!get32(fadt + 48), "FADT: no SMI command");
}

/* \_S5_ = Package { 5, 5, 0, 0 }, and the serial port's resources. */
static void test_dsdt(const __u8 *dsdt)
{
	static const __u8 s5[] = { 0x12, 0x0a, 4, 0x0a, 5, 0x0a, 5, 0x0a, 0, 0x0a, 0 };
	static const __u8 crs[] = { 0x47, 1, 0xf8, 3, 0xf8, 3, 1, 8, 0x22, 0x10, 0, 0x79, 0 };
	size_t len = get32(dsdt + 4);
	const __u8 *p = find(dsdt, len, "\\_S5_"), *scope;

	tap_ok(p && p[-1] == 8 && !memcmp(p + 5, s5, sizeof(s5)), "DSDT: the sleep type of S5");
	scope = dsdt + 36 + 1 + 5 + sizeof(s5);
	tap_ok(scope[0] == 0x10 && !(scope[1] & 0xc0) &&
	       scope + 1 + scope[1] == dsdt + len, "DSDT: the scope ends where the table ends");
	p = find(dsdt, len, "COM1");
	tap_ok(p && p[-3] == 0x5b && p[-2] == 0x82 && p - 1 + p[-1] == dsdt + len,
	       "DSDT: the serial device fills the scope");
	p = find(dsdt, len, "_HID");
	tap_ok(p && p[4] == 0x0c && get32(p + 5) == 0x0105d041, "DSDT: PNP0501");
	p = find(dsdt, len, "_CRS");
	tap_ok(p && p[4] == 0x11 && p[7] == sizeof(crs) && !memcmp(p + 8, crs, sizeof(crs)) &&
	       p + 8 + sizeof(crs) == dsdt + len, "DSDT: ports 0x3f8 to 0x3ff and interrupt 4");
}

int main(void)
{
	static const struct acpi_config many = { .cpus = 254 };
	const __u8 *xsdt, *fadt, *madt, *dsdt;
	size_t used, size;
	bool bounded = true;

	used = acpi_build(buf, sizeof(buf), GPA, &config);
	tap_ok(used && !memcmp(buf, "RSD PTR ", 8) && buf[15] == 2, "RSDP of revision 2 at the start");
	tap_ok(sums_to_zero(buf, 20) && sums_to_zero(buf, 36), "RSDP: both checksums");
	xsdt = at(get64(buf + 24), used, "XSDT");
	if (!tap_ok(xsdt && sums_to_zero(xsdt, get32(xsdt + 4)) && get32(xsdt + 4) == 36 + 2 * 8,
		    "XSDT: two tables, checksum"))
		return tap_done();
	fadt = at(get64(xsdt + 36), used, "FACP");
	madt = at(get64(xsdt + 44), used, "APIC");
	if (!tap_ok(fadt && madt, "XSDT: points to FADT and MADT"))
		return tap_done();
	dsdt = at(get64(fadt + 140), used, "DSDT");
	tap_ok(sums_to_zero(fadt, get32(fadt + 4)) && sums_to_zero(madt, get32(madt + 4)) &&
	       dsdt && sums_to_zero(dsdt, get32(dsdt + 4)), "checksums of FADT, MADT and DSDT");
	test_madt(madt);
	test_fadt(fadt, used);
	if (dsdt)
		test_dsdt(dsdt);

	/* Every size that is too small is refused, and nothing beyond it is written. */
	for (size = 0; size < used; size++) {
		memset(buf, 0xee, sizeof(buf));
		if (acpi_build(buf, size, GPA, &config) || buf[size] != 0xee)
			bounded = false;
	}
	tap_ok(bounded, "a buffer of any smaller size is refused and not overrun");
	tap_ok(acpi_build(buf, used, GPA, &config) == used, "a buffer of just the size does");
	tap_ok(acpi_build(buf, sizeof(buf), GPA, &many), "254 processors fit");
	return tap_done();
}
