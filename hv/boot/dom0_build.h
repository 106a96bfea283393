/* SPDX-License-Identifier: Apache-2.0 */
/* What the three files that build dom0 share: dom0.c (the whole), dom0_kernel.c, dom0_acpi.c. */
#pragma once

#include <hv/boot.h>
#include <xen/arch-x86/hvm/start_info.h>

struct domain;

#define DOM0_MAP_ENTRIES 120U /* Linux has room for 128 and adds one */
#define DOM0_ACPI_BYTES  (64UL << 10)

/* Where things lie in dom0, in bytes. */
struct dom0_layout {
    uint64_t kernel_start, kernel_end;
    uint32_t entry;
    uint64_t initrd, initrd_size;
    uint64_t acpi_start, acpi_end, rsdp;
    struct range_map map;
};

/* Copies the kernel's segments to their physical addresses in dom0's RAM; halts with a message when the
 * module is no ELF file with a PVH entry, or does not fit. */
void dom0_load_kernel(struct domain *d, const struct boot_module *module, struct dom0_layout *layout);

/* Writes dom0's ACPI root, table list and MADT to [at, at + size); returns the RSDP's address. */
uint64_t dom0_write_acpi(const struct domain *d, uint64_t at, uint64_t size);
