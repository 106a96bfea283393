/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layout of the block: structure at 0, module list at 64, memory map at 128, command line in the
 * second half of the page. Everything the kernel finds by address, so only the order is ours.
 */
#include "agent/domain/start_info.h"

#include <string.h>

#include <xen/xen.h>

#include <xen/arch-x86/hvm/start_info.h>

#include "agent/domain/layout.h"

enum {
    MODULES_OFFSET = 64,
    MAP_OFFSET = 128,
    CMDLINE_OFFSET = START_INFO_BYTES - START_INFO_CMDLINE_BYTES,
};

_Static_assert(sizeof(struct hvm_start_info) == 56, "start info version 1");
_Static_assert(sizeof(struct hvm_start_info) <= MODULES_OFFSET, "start info before the modules");
_Static_assert(MODULES_OFFSET + sizeof(struct hvm_modlist_entry) <= MAP_OFFSET, "one module");
_Static_assert(MAP_OFFSET + LAYOUT_RANGES_MAX * sizeof(struct hvm_memmap_table_entry) <=
                   CMDLINE_OFFSET,
               "the memory map before the command line");

int start_info_write(const struct layout *layout, const char *cmdline,
                     uint8_t block[START_INFO_BYTES], struct err *err)
{
    size_t length = cmdline != NULL ? strlen(cmdline) : 0;
    if (length >= START_INFO_CMDLINE_BYTES) {
        return err_set_field(err, ERR_INVALID, "cmdline",
                             "the command line has %zu bytes, at most %d are allowed", length,
                             START_INFO_CMDLINE_BYTES - 1);
    }
    uint64_t base = layout->start_info_addr;
    struct hvm_start_info info = {
        .magic = XEN_HVM_START_MAGIC_VALUE,
        .version = 1,
        .cmdline_paddr = base + CMDLINE_OFFSET,
        .rsdp_paddr = LAYOUT_ACPI_ADDR,
        .memmap_paddr = base + MAP_OFFSET,
        .memmap_entries = (uint32_t)layout->range_count,
    };
    memset(block, 0, START_INFO_BYTES);
    if (layout->initrd_bytes != 0) {
        struct hvm_modlist_entry module = {
            .paddr = layout->initrd_addr,
            .size = layout->initrd_bytes,
        };
        info.nr_modules = 1;
        info.modlist_paddr = base + MODULES_OFFSET;
        memcpy(block + MODULES_OFFSET, &module, sizeof(module));
    }
    for (size_t i = 0; i < layout->range_count; i++) {
        struct hvm_memmap_table_entry entry = {
            .addr = layout->ranges[i].addr,
            .size = layout->ranges[i].size_bytes,
            .type = layout->ranges[i].type,
        };
        memcpy(block + MAP_OFFSET + i * sizeof(entry), &entry, sizeof(entry));
    }
    memcpy(block, &info, sizeof(info));
    if (length != 0) {
        memcpy(block + CMDLINE_OFFSET, cmdline, length);
    }
    return 0;
}
