/* SPDX-License-Identifier: GPL-2.0 */
/* Kernels for Multiboot 1 (Multiboot Specification 0.6.96): reading their headers, pure. */
#ifndef STRATA_IMAGE_MULTIBOOT_H
#define STRATA_IMAGE_MULTIBOOT_H

#include "image.h"

bool image_is_multiboot(const __u8 *data, size_t len);
const char *multiboot_parse(const __u8 *data, size_t len, struct elf_image *out);

#endif
