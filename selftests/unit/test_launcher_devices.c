// SPDX-License-Identifier: GPL-2.0
/* The launcher's devices, driven through their ports as a guest does. */
// sources: ../../userspace-tool/ports.c ../../userspace-tool/fw_cfg.c ../../userspace-tool/serial.c
// sources: ../../userspace-tool/rtc.c ../../userspace-tool/i8042.c
// sources: ../../userspace-tool/pm.c

#include "../../userspace-tool/acpi.h"
#include "../../userspace-tool/launcher.h"
#include "tap.h"

#include <string.h>
#include <time.h>

#define COM(reg)	(SERIAL_PORT + (reg))

static struct vm vm;
static char sent[64];
static size_t nr_sent;
static unsigned int wakeups;
static int stopped;
static bool line;
static unsigned int edges;

/* What the devices ask of the rest of the launcher. */
bool write_all(int fd, const void *buf, size_t len)
{
	if (fd == vm.wake_fd) {
		wakeups++;
	} else {
		memcpy(sent + nr_sent, buf, len);
		nr_sent += len;
	}
	return true;
}

void console_put(struct vm *v, const void *bytes, size_t len)
{
	write_all(-1, bytes, len);
}

void vm_stop(struct vm *v, enum exit_status status)
{
	stopped = status;
}

void vm_irq_line(struct vm *v, unsigned int gsi, bool level)
{
	if (gsi == SERIAL_GSI) {
		edges += level && !line;
		line = level;
	}
}

/* There is no bus here. */
__u32 pci_port_read(struct vm *v, __u16 port, unsigned int size)
{
	return 0;
}

void pci_port_write(struct vm *v, __u16 port, unsigned int size, __u32 value)
{
}

static void reset(void)
{
	memset(&vm, 0, sizeof(vm));
	vm.wake_fd = 99;
	pthread_mutex_init(&vm.io_lock, NULL);
	rtc_init(&vm);
	nr_sent = 0;
	wakeups = 0;
	stopped = -1;
	line = false;
	edges = 0;
}

static __u8 in8(__u16 port)
{
	return port_read(&vm, port, 1);
}

static void out8(__u16 port, __u8 value)
{
	port_write(&vm, port, 1, value);
}

static void test_serial(void)
{
	unsigned int i;
	bool same = true;

	reset();
	out8(COM(0), 'h');
	out8(COM(0), 'i');
	tap_ok(nr_sent == 2 && !memcmp(sent, "hi", 2), "serial: bytes are sent at once");
	tap_ok(in8(COM(5)) == 0x60 && !line, "serial: always ready to send, no interrupt unasked");

	out8(COM(1), 2);
	tap_ok(line && edges == 1, "serial: enabling the transmitter's interrupt raises it");
	tap_ok(in8(COM(2)) == 2 && !line, "serial: reading its identification lowers it");
	out8(COM(0), 'x');
	tap_ok(line && edges == 2, "serial: a byte sent makes a new edge");
	out8(COM(1), 0);
	tap_ok(!line && in8(COM(2)) == 1, "serial: disabled, it is gone");
	out8(COM(1), 2);
	tap_ok(line && edges == 3, "serial: enabled again, it is back");
	out8(COM(1), 0);

	tap_ok(serial_room(&vm) == 1, "serial: room for one byte without FIFO");
	out8(COM(2), 1);
	tap_ok(serial_room(&vm) == 16 && (in8(COM(2)) & 0xc0) == 0xc0,
	       "serial: for sixteen with it, and the guest can tell");
	out8(COM(1), 1);
	for (i = 0; i < 16; i++)
		serial_receive(&vm, 'a' + i);
	tap_ok(!serial_room(&vm) && line && in8(COM(2)) == 0xc4, "serial: full, with interrupt");
	vm.input_waits = true;
	for (i = 0; i < 16; i++)
		same &= in8(COM(5)) & 1 && in8(COM(0)) == 'a' + i;
	tap_ok(same, "serial: received bytes come in order");
	tap_ok(!line && !(in8(COM(5)) & 1), "serial: empty, the interrupt is gone");
	tap_ok(wakeups == 1, "serial: room for input wakes the main loop, once");
	serial_receive(&vm, 'z');
	out8(COM(2), 3);
	tap_ok(!(in8(COM(5)) & 1) && !line, "serial: the FIFO can be cleared");

	out8(COM(3), 0x80);
	out8(COM(0), 12);
	out8(COM(1), 34);
	tap_ok(in8(COM(0)) == 12 && in8(COM(1)) == 34 && nr_sent == 3,
	       "serial: the divisor behind DLAB sends nothing");
	out8(COM(3), 3);
	tap_ok(in8(COM(1)) == 1 && in8(COM(3)) == 3, "serial: and leaves the interrupt enable alone");
	out8(COM(7), 0x5a);
	tap_ok(in8(COM(7)) == 0x5a, "serial: the scratch register");

	out8(COM(4), 0x1a);
	tap_ok((in8(COM(6)) & 0xf0) == 0x90, "serial: loop-back mirrors the modem lines");
	out8(COM(0), 'L');
	tap_ok(nr_sent == 3 && in8(COM(0)) == 'L', "serial: and returns what is sent");
}

static void rtc_set(__u8 reg, __u8 value)
{
	out8(0x70, reg);
	out8(0x71, value);
}

static __u8 rtc_get(__u8 reg)
{
	out8(0x70, reg);
	return in8(0x71);
}

static int bcd(__u8 v)
{
	return (v >> 4) * 10 + (v & 15);
}

static void test_rtc(void)
{
	time_t now;
	struct tm tm;
	int year;

	reset();
	now = time(NULL);
	gmtime_r(&now, &tm);
	year = bcd(rtc_get(0x32)) * 100 + bcd(rtc_get(9));
	tap_ok(year == tm.tm_year + 1900 || year == tm.tm_year + 1901, "rtc: the host's year");
	tap_ok(!(rtc_get(10) & 0x80) && rtc_get(13) == 0x80, "rtc: no update runs, battery is good");

	rtc_set(11, 0x82);
	rtc_set(0x32, 0x20);
	rtc_set(9, 0x31);
	rtc_set(8, 0x12);
	rtc_set(7, 0x31);
	rtc_set(4, 0x22);
	rtc_set(2, 0x59);
	rtc_set(0, 0x58);
	tap_ok(rtc_get(0) == 0x58 && rtc_get(9) == 0x31, "rtc: registers hold still while set");
	rtc_set(11, 0x02);
	tap_ok(rtc_get(9) == 0x31 && rtc_get(8) == 0x12 && rtc_get(4) == 0x22,
	       "rtc: the guest's time goes on from there");
	/* 31 December 2031 is a Wednesday. */
	tap_ok(rtc_get(6) == 4, "rtc: the weekday follows");
	rtc_set(11, 0x06);
	tap_ok(rtc_get(9) == 31 && rtc_get(4) == 22, "rtc: binary mode");
	rtc_set(11, 0x00);
	tap_ok(rtc_get(4) == 0x90, "rtc: twelve-hour mode: ten in the evening");
	rtc_set(0x0e, 0xab);
	tap_ok(rtc_get(0x0e) == 0xab && rtc_get(0x8e) == 0xab, "rtc: bytes of the user, NMI bit apart");
}

static void test_ends(void)
{
	unsigned int port;
	bool silent = true;

	reset();
	tap_ok(port_read(&vm, PM_CONTROL_PORT, 2) == ACPI_PM1_SCI_ENABLE, "pm: ACPI mode is on");
	port_write(&vm, PM_CONTROL_PORT, 2, ACPI_S5_TYPE << ACPI_PM1_SLEEP_TYPE);
	tap_ok(stopped < 0, "pm: a sleep type alone does nothing");
	port_write(&vm, PM_CONTROL_PORT, 2, 3 << ACPI_PM1_SLEEP_TYPE | ACPI_PM1_SLEEP_ENABLE);
	tap_ok(stopped < 0, "pm: another sleep state does nothing");
	port_write(&vm, PM_CONTROL_PORT, 2,
		   ACPI_S5_TYPE << ACPI_PM1_SLEEP_TYPE | ACPI_PM1_SLEEP_ENABLE);
	tap_ok(stopped == STATUS_POWEROFF, "pm: S5 powers off");
	reset();
	out8(PM_CONTROL_PORT + 1,
	     (ACPI_S5_TYPE << ACPI_PM1_SLEEP_TYPE | ACPI_PM1_SLEEP_ENABLE) >> 8);
	tap_ok(stopped == STATUS_POWEROFF, "pm: so it does by a byte access");

	reset();
	port_write(&vm, 0xcf8, 4, 0x80000604);
	port_write(&vm, RESET_PORT, 1, 0x02);
	tap_ok(stopped < 0, "reset: neither PCI's address port nor the type bit alone");
	tap_ok(port_read(&vm, 0xcf8, 4) == 0xffffffff, "ports: there is no PCI");
	port_write(&vm, RESET_PORT, 1, RESET_VALUE);
	tap_ok(stopped == STATUS_RESET, "reset: the reset register");
	reset();
	out8(0x64, 0xfe);
	tap_ok(stopped == STATUS_RESET, "reset: the keyboard controller");
	reset();
	tap_ok((in8(0x64) & 3) == 1, "i8042: takes commands, output never ends");
	out8(0x92, 0x02);
	tap_ok(stopped < 0 && in8(0x92) == 2, "port 0x92: A20 is on");
	out8(0x92, 0x03);
	tap_ok(stopped == STATUS_RESET, "reset: port 0x92");
	reset();
	out8(EXIT_PORT, 0xff);
	tap_ok(stopped == STATUS_GUEST_BASE + 63, "exit port: six bits of status");
	out8(EXIT_PORT, 5);
	tap_ok(stopped == STATUS_GUEST_BASE + 5, "exit port: a value of the guest's");

	reset();
	for (port = 0; port < 0x10000; port++) {
		unsigned int size;

		for (size = 1; size <= 4; size *= 2)
			port_read(&vm, port, size);
	}
	silent = stopped < 0;
	tap_ok(silent, "ports: reading any of them in any size ends nothing");
	tap_ok(port_read(&vm, 0xffff, 4) == 0xffffffff, "ports: an access past the last one floats");
}

int main(void)
{
	test_serial();
	test_rtc();
	test_ends();
	return tap_done();
}
