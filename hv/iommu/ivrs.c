/* SPDX-License-Identifier: Apache-2.0 */
/* The IVRS table's blocks. Firmware's word, so every length is checked. */
#include "ivrs.h"

#include <hv/print.h>
#include <hv/string.h>

#define IVRS_HEADER_SIZE 48U

struct block {
    uint8_t type, flags;
    uint16_t length, bdf;
} PACKED;

struct ivhd {
    struct block block;
    uint16_t capability;
    uint64_t paddr;
    uint16_t segment, info;
    uint32_t features;
} PACKED;

_Static_assert(sizeof(struct ivhd) == 24, "48882, table 5.2.2");

#define IVHD_10 0x10
#define IVHD_11 0x11
#define IVHD_40 0x40
#define IVHD_11_SIZE 40U
#define IVMD_FIRST 0x20
#define IVMD_LAST  0x22

/* Device entries (48882, tables 5.2.2.1 to 5.2.2.4): types that are not here say nothing that is wanted. */
struct device_entry {
    uint8_t type;
    uint16_t bdf;
    uint8_t settings, handle;
    uint16_t source;
    uint8_t variety;
} PACKED;

#define ENTRY_ALL             1
#define ENTRY_SELECT          2
#define ENTRY_START           3
#define ENTRY_END             4
#define ENTRY_ALIAS_SELECT    66
#define ENTRY_ALIAS_START     67
#define ENTRY_EXTENDED_SELECT 70
#define ENTRY_EXTENDED_START  71
#define ENTRY_SPECIAL         72
#define ENTRY_NAMED           240 /* by ACPI, its length in the last byte */
#define ENTRY_NAMED_SIZE      22U
#define VARIETY_IOAPIC        1

/* One IOMMU may have several blocks; the highest type says most and replaces the others. */
static struct ivrs_iommu *iommu_for(const struct ivhd *ivhd, struct ivrs_info *info)
{
    for (unsigned i = 0; i < info->iommu_count; i++) {
        if (info->iommus[i].paddr == ivhd->paddr) {
            return info->iommus[i].block_type < ivhd->block.type ? &info->iommus[i] : NULL;
        }
    }
    if (info->iommu_count == IVRS_MAX_IOMMUS) {
        pr_warn("iommu: more than %u IOMMUs", IVRS_MAX_IOMMUS);
        return NULL;
    }
    return &info->iommus[info->iommu_count++];
}

static void add_range(struct ivrs_info *info, struct ivrs_range range)
{
    if (range.requester == IVRS_NO_FUNCTION && range.settings == 0) {
        return;
    }
    if (info->range_count == IVRS_MAX_RANGES) {
        pr_warn("iommu: more than %u special ranges: functions %04x-%04x are taken as usual ones",
                IVRS_MAX_RANGES, range.first, range.last);
        return;
    }
    info->ranges[info->range_count++] = range;
}

static void add_ioapic(struct ivrs_info *info, const struct device_entry *e)
{
    if (e->variety == VARIETY_IOAPIC && ivrs_ioapic(info, e->handle) == IVRS_NO_FUNCTION &&
        info->ioapic_count < IVRS_MAX_IOAPICS) {
        info->ioapics[info->ioapic_count++] = (struct ivrs_ioapic){e->handle, e->source};
    }
    add_range(info, (struct ivrs_range){e->source, e->source, IVRS_NO_FUNCTION, e->settings});
}

static uint32_t entry_size(const uint8_t *at, uint32_t left)
{
    if (*at == ENTRY_NAMED) {
        return left < ENTRY_NAMED_SIZE ? left : ENTRY_NAMED_SIZE + at[ENTRY_NAMED_SIZE - 1];
    }
    return 4U << (*at >> 6);
}

static void parse_devices(const uint8_t *at, uint32_t left, struct ivrs_info *info)
{
    struct ivrs_range open = {0};

    while (left >= 4 && entry_size(at, left) <= left) {
        struct device_entry e = {0};
        uint32_t size = entry_size(at, left);

        memcpy(&e, at, MIN(size, sizeof(e)));
        switch (e.type) {
        case ENTRY_ALL: add_range(info, (struct ivrs_range){0, 0xffff, IVRS_NO_FUNCTION, e.settings}); break;
        case ENTRY_SELECT:
        case ENTRY_EXTENDED_SELECT:
            add_range(info, (struct ivrs_range){e.bdf, e.bdf, IVRS_NO_FUNCTION, e.settings});
            break;
        case ENTRY_ALIAS_SELECT: add_range(info, (struct ivrs_range){e.bdf, e.bdf, e.source, e.settings}); break;
        case ENTRY_START:
        case ENTRY_EXTENDED_START: open = (struct ivrs_range){e.bdf, 0, IVRS_NO_FUNCTION, e.settings}; break;
        case ENTRY_ALIAS_START: open = (struct ivrs_range){e.bdf, 0, e.source, e.settings}; break;
        case ENTRY_END:
            open.last = e.bdf;
            add_range(info, open);
            break;
        case ENTRY_SPECIAL: add_ioapic(info, &e); break;
        default: break;
        }
        at += size;
        left -= size;
    }
}

static const struct ivrs_range *find_range(const struct ivrs_info *info, uint16_t bdf)
{
    for (unsigned i = 0; i < info->range_count; i++) {
        if (bdf >= info->ranges[i].first && bdf <= info->ranges[i].last) {
            return &info->ranges[i];
        }
    }
    return NULL;
}

uint16_t ivrs_requester(const struct ivrs_info *info, uint16_t bdf)
{
    const struct ivrs_range *range = find_range(info, bdf);

    return range && range->requester != IVRS_NO_FUNCTION ? (uint16_t)range->requester : bdf;
}

uint8_t ivrs_settings(const struct ivrs_info *info, uint16_t bdf)
{
    const struct ivrs_range *range = find_range(info, bdf);

    return range ? range->settings : 0;
}

uint32_t ivrs_ioapic(const struct ivrs_info *info, uint32_t id)
{
    for (unsigned i = 0; i < info->ioapic_count; i++) {
        if (info->ioapics[i].id == id) {
            return info->ioapics[i].bdf;
        }
    }
    return IVRS_NO_FUNCTION;
}

static void parse_ivhd(const uint8_t *at, struct ivrs_info *info)
{
    struct ivhd ivhd;

    memcpy(&ivhd, at, sizeof(ivhd));

    uint32_t header = ivhd.block.type == IVHD_10 ? sizeof(ivhd) : IVHD_11_SIZE;

    if (ivhd.block.length < header || ivhd.segment != 0 || ivhd.paddr == 0 ||
        ivhd.paddr % PAGE_SIZE != 0) {
        pr_warn("iommu: IVRS block of type 0x%x is not usable (segment %u, registers 0x%lx)",
                ivhd.block.type, ivhd.segment, ivhd.paddr);
        return;
    }

    parse_devices(at + header, ivhd.block.length - header, info);

    struct ivrs_iommu *iommu = iommu_for(&ivhd, info);

    if (!iommu) {
        return;
    }
    *iommu = (struct ivrs_iommu){.paddr = ivhd.paddr,
                                 .bdf = ivhd.block.bdf,
                                 .block_type = ivhd.block.type,
                                 .flags = ivhd.block.flags};
}

bool ivrs_parse(const struct acpi_header *table, struct ivrs_info *info)
{
    const uint8_t *base = (const uint8_t *)table;
    struct block block;

    memset(info, 0, sizeof(*info));
    for (uint32_t at = IVRS_HEADER_SIZE; at + sizeof(struct ivhd) <= table->length;
         at += block.length) {
        memcpy(&block, base + at, sizeof(block));
        if (block.length < sizeof(struct ivhd) || at + block.length > table->length) {
            pr_warn("iommu: IVRS block of type 0x%x has bad length %u", block.type, block.length);
            break;
        }
        if (block.type == IVHD_10 || block.type == IVHD_11 || block.type == IVHD_40) {
            parse_ivhd(base + at, info);
        } else if (block.type >= IVMD_FIRST && block.type <= IVMD_LAST) {
            info->unity_count++;
        }
    }
    return info->iommu_count > 0;
}
