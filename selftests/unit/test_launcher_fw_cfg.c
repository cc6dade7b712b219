// SPDX-License-Identifier: GPL-2.0
/* fw_cfg: items, the directory of files, and reads beyond them. */
// sources: ../../userspace-tool/fw_cfg.c

#include "../../userspace-tool/fw_cfg.h"
#include "tap.h"

#include <string.h>

static __u64 big_endian(struct fw_cfg *f, unsigned int bytes)
{
	__u64 v = 0;

	while (bytes--)
		v = v << 8 | fw_cfg_read(f);
	return v;
}

/* What an item reads as, and whether nothing but zeroes follow. */
static bool reads(struct fw_cfg *f, __u16 key, const void *wanted, size_t len)
{
	const __u8 *p = wanted;
	bool right = true;
	size_t i;

	fw_cfg_select(f, key);
	for (i = 0; i < len; i++)
		right &= fw_cfg_read(f) == p[i];
	for (i = 0; i < 100; i++)
		right &= fw_cfg_read(f) == 0;
	return right;
}

int main(void)
{
	struct fw_cfg f = { 0 };
	char name[FW_CFG_NAME], long_name[2 * FW_CFG_NAME];
	unsigned int i, n = 0;
	__u16 key;

	tap_ok(!fw_cfg_init(&f), "begun");
	tap_ok(reads(&f, FW_CFG_SIGNATURE, "QEMU", 4), "it says what it is");
	tap_ok(reads(&f, FW_CFG_SIGNATURE, "QEMU", 4), "again when it is selected again");
	tap_ok(reads(&f, 0x4711, "", 0), "what there is not is zero");
	tap_ok(reads(&f, FW_CFG_DIRECTORY, "\0\0\0\0", 4), "no files");
	tap_ok(!fw_cfg_add_file(&f, "etc/one", "first", 5), "a file");
	memset(long_name, 'x', sizeof(long_name));
	long_name[sizeof(long_name) - 1] = '\0';
	tap_ok(!fw_cfg_add_file(&f, long_name, "2nd", 3), "one with a long name");

	fw_cfg_select(&f, FW_CFG_DIRECTORY);
	tap_ok(big_endian(&f, 4) == 2, "two files");
	tap_ok(big_endian(&f, 4) == 5, "the first one's length");
	key = big_endian(&f, 2);
	tap_ok(big_endian(&f, 2) == 0, "nothing");
	for (i = 0; i < sizeof(name); i++)
		name[i] = fw_cfg_read(&f);
	tap_ok(!strcmp(name, "etc/one"), "its name");
	tap_ok(big_endian(&f, 4) == 3, "the second one's length");
	tap_ok(big_endian(&f, 2) == key + 1U, "its key");
	big_endian(&f, 2);
	for (i = 0; i < sizeof(name); i++)
		name[i] = fw_cfg_read(&f);
	tap_ok(!name[FW_CFG_NAME - 1] && strlen(name) == FW_CFG_NAME - 1, "its name, cut");
	tap_ok(fw_cfg_read(&f) == 0, "no third");
	tap_ok(reads(&f, key, "first", 5) && reads(&f, key + 1, "2nd", 3), "what is in them");

	while (n < 2 * FW_CFG_ITEMS && !fw_cfg_add_file(&f, "more", "", 0))
		n++;
	tap_ok(n && n < FW_CFG_ITEMS, "as many as there is room for");
	fw_cfg_select(&f, FW_CFG_DIRECTORY);
	tap_ok(big_endian(&f, 4) == n + 2, "which the directory counts");
	fw_cfg_free(&f);
	tap_ok(reads(&f, FW_CFG_SIGNATURE, "", 0), "gone");
	return tap_done();
}
