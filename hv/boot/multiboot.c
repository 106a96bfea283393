/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Multiboot1 (0.6.96) and Multiboot2 (2.0) information -> struct boot_info. What the loader says is
 * outside input: offsets and counts are checked, strings bounded, ranges sorted and made disjoint
 * (range_map.c: firmware memory never counts as RAM).
 */
#include <hv/arch/cpu.h>
#include <hv/boot.h>
#include <hv/print.h>

#define MB1_MAGIC 0x2badb002U
#define MB2_MAGIC 0x36d76289U

#define MB1_CMDLINE (1u << 2)
#define MB1_MODULES (1u << 3)
#define MB1_MEMMAP  (1u << 6)
#define MB1_LOADER  (1u << 9)

struct mb1_info {
    uint32_t flags, mem_lower, mem_upper, boot_device, cmdline;
    uint32_t module_count, module_addr;
    uint32_t symbols[4];
    uint32_t memmap_length, memmap_addr;
    uint32_t drives_length, drives_addr, config_table, loader_name;
};

struct mb1_module {
    uint32_t start, end, cmdline, reserved;
};

struct mb1_range {
    uint32_t size; /* of what follows */
    uint64_t base, length;
    uint32_t type;
} PACKED;

struct mb2_tag {
    uint32_t type, size;
};

struct mb2_module {
    struct mb2_tag tag;
    uint32_t start, end;
    char cmdline[];
};

struct mb2_memmap {
    struct mb2_tag tag;
    uint32_t entry_size, entry_version;
};

struct mb2_range {
    uint64_t base, length;
    uint32_t type, reserved;
};

enum { MB2_END = 0, MB2_CMDLINE = 1, MB2_LOADER = 2, MB2_MODULE = 3, MB2_MEMMAP = 6, MB2_RSDP1 = 14, MB2_RSDP2 = 15 };

struct boot_info boot_info;

static char string_pool[4096]; /* module command lines and the loader's name */
static size_t string_pool_used;

/* Copies a text that ends with a NUL or after max bytes, cut to what there is room for; returns its length. */
static size_t copy_text(char *to, size_t room, const char *from, size_t max)
{
    size_t length = 0;

    while (length < MIN(room - 1, max) && from[length]) {
        to[length] = from[length];
        length++;
    }
    to[length] = '\0';
    return length;
}

static const char *keep_string(const char *text, size_t max)
{
    char *copy = &string_pool[string_pool_used];
    size_t room = sizeof(string_pool) - string_pool_used;

    string_pool_used += MIN(copy_text(copy, room, text, max) + 1, room - 1);
    return copy;
}

/* QEMU's and old loaders' command lines begin with the file's name; GRUB 2's do not. */
static const char *skip_file_name(const char *cmdline, size_t *max)
{
    bool has_name = *max != 0 && (*cmdline == '/' || *cmdline == '.' || strncmp(boot_info.loader, "qemu", 4) == 0);

    for (; has_name && *max != 0 && *cmdline && *cmdline != ' '; --*max) {
        cmdline++;
    }
    for (; *max != 0 && *cmdline == ' '; --*max) {
        cmdline++;
    }
    return cmdline;
}

static void set_cmdline(const char *text, size_t max)
{
    text = skip_file_name(text, &max);
    copy_text(boot_info.cmdline, sizeof(boot_info.cmdline), text, max);
}

static void add_module(uint64_t start, uint64_t end, const char *cmdline, size_t max)
{
    if (boot_info.module_count == BOOT_MAX_MODULES) {
        pr_warn("boot: more than %u modules, the rest is ignored", BOOT_MAX_MODULES);
        return;
    }
    if (end <= start) {
        halt_with_message("boot: module %u is empty: boot loader's information is damaged",
                          boot_info.module_count);
    }
    cmdline = skip_file_name(cmdline, &max);
    boot_info.modules[boot_info.module_count++] = (struct boot_module){
        .start = start, .end = end, .cmdline = keep_string(cmdline, max)};
}

static void add_loader_range(uint64_t base, uint64_t length, uint32_t type)
{
    if (length > ~base) {
        length = ~base;
    }
    range_map_add(&boot_info.map, base, base + length, type);
}

static void parse_mb1(uint32_t info_paddr)
{
    const struct mb1_info *info = paddr_to_virt(info_paddr);

    if (info->flags & MB1_LOADER) {
        boot_info.loader = keep_string(paddr_to_virt(info->loader_name), 64);
    }
    if (info->flags & MB1_CMDLINE) {
        set_cmdline(paddr_to_virt(info->cmdline), ~0UL);
    }
    if (!(info->flags & MB1_MEMMAP)) {
        halt_with_message("boot: the boot loader gave no memory map");
    }
    for (uint64_t offset = 0; offset + sizeof(struct mb1_range) <= info->memmap_length;) {
        const struct mb1_range *range = paddr_to_virt(info->memmap_addr + offset);

        add_loader_range(range->base, range->length, range->type);
        offset += (uint64_t)range->size + sizeof(range->size);
    }
    for (unsigned i = 0; info->flags & MB1_MODULES && i < info->module_count; i++) {
        const struct mb1_module *module = paddr_to_virt(info->module_addr + i * sizeof(*module));

        add_module(module->start, module->end,
                   module->cmdline ? paddr_to_virt(module->cmdline) : "", ~0UL);
    }
}

static void parse_mb2_memmap(const struct mb2_memmap *map)
{
    if (map->entry_size < sizeof(struct mb2_range)) {
        return;
    }
    for (uint64_t offset = sizeof(*map); offset + map->entry_size <= map->tag.size;
         offset += map->entry_size) {
        const struct mb2_range *range = (const void *)((const char *)map + offset);

        add_loader_range(range->base, range->length, range->type);
    }
}

static void parse_mb2_tag(const struct mb2_tag *tag, uint64_t paddr)
{
    const char *text = (const char *)(tag + 1);
    const struct mb2_module *module = (const void *)tag;

    switch (tag->type) {
    case MB2_CMDLINE:
        set_cmdline(text, tag->size - sizeof(*tag));
        break;
    case MB2_LOADER:
        boot_info.loader = keep_string(text, tag->size - sizeof(*tag));
        break;
    case MB2_MODULE:
        if (tag->size >= sizeof(*module)) {
            add_module(module->start, module->end, module->cmdline, tag->size - sizeof(*module));
        }
        break;
    case MB2_MEMMAP:
        if (tag->size >= sizeof(struct mb2_memmap)) {
            parse_mb2_memmap((const void *)tag);
        }
        break;
    case MB2_RSDP1: /* the tag holds a copy of the RSDP; the newer tag wins */
    case MB2_RSDP2:
        if (tag->type == MB2_RSDP2 || boot_info.rsdp == 0) {
            boot_info.rsdp = paddr + sizeof(*tag);
        }
        break;
    }
}

static void parse_mb2(uint32_t info_paddr)
{
    uint32_t total = *(const uint32_t *)paddr_to_virt(info_paddr);

    for (uint64_t offset = 8; offset + sizeof(struct mb2_tag) <= total;) {
        const struct mb2_tag *tag = paddr_to_virt(info_paddr + offset);

        if (tag->type == MB2_END) {
            break;
        }
        if (tag->size < sizeof(*tag) || offset + tag->size > total) {
            halt_with_message("boot: Multiboot2 tag %u has bad size %u", tag->type, tag->size);
        }
        parse_mb2_tag(tag, info_paddr + offset);
        offset += ROUND_UP((uint64_t)tag->size, 8);
    }
    if (boot_info.map.count == 0) {
        halt_with_message("boot: the boot loader gave no memory map");
    }
}

void multiboot_parse(uint32_t magic, uint32_t info_paddr)
{
    boot_info.loader = "unknown boot loader";
    if (magic == MB1_MAGIC) {
        parse_mb1(info_paddr);
    } else if (magic == MB2_MAGIC) {
        parse_mb2(info_paddr);
    } else {
        halt_with_message("boot: not started by a Multiboot loader (magic 0x%x)", magic);
    }
}
