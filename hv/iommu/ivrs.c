/* SPDX-License-Identifier: Apache-2.0 */
/* The IVRS table's blocks and device entries. Firmware's word, so every length is checked. */
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

struct device_entry {
    uint8_t type;
    uint16_t bdf;
    uint8_t settings;
    uint8_t reserved; /* from here on: 8-byte entries only */
    uint16_t source;
    uint8_t extended;
} PACKED;

_Static_assert(sizeof(struct ivhd) == 24, "48882, table 5.2.2");
_Static_assert(sizeof(struct device_entry) == 8, "48882, table 5.2.2.2");

#define IVHD_10 0x10
#define IVHD_11 0x11
#define IVHD_40 0x40
#define IVHD_11_SIZE 40U
#define IVMD_FIRST 0x20
#define IVMD_LAST  0x22

#define DEVICE_RANGE_END         4
#define DEVICE_ALIAS_SELECT      66
#define DEVICE_ALIAS_RANGE_START 67
#define DEVICE_ACPI              240

static uint32_t entry_size(const uint8_t *entry, uint32_t room)
{
    if (entry[0] == DEVICE_ACPI) { /* id strings, then a length and that many bytes */
        return room < 22 ? 0 : 22 + (uint32_t)entry[21];
    }
    return 4u << (entry[0] >> 6);
}

static void add_alias(struct ivrs_info *info, uint16_t first, uint16_t last, uint16_t source)
{
    if (info->alias_count == IVRS_MAX_ALIASES) {
        pr_warn("iommu: more than %u device aliases, the rest is left out", IVRS_MAX_ALIASES);
        return;
    }
    info->aliases[info->alias_count++] = (struct ivrs_alias){first, last, source};
}

static void parse_devices(const uint8_t *at, const uint8_t *end, struct ivrs_info *info)
{
    bool in_range = false;
    uint16_t range_start = 0, range_source = 0;

    while (end - at >= 4) {
        struct device_entry e = {0};
        uint32_t size = entry_size(at, (uint32_t)(end - at));

        if (size == 0 || size > end - at) {
            pr_warn("iommu: IVRS device entry of type %u is cut off", at[0]);
            return;
        }
        memcpy(&e, at, MIN((size_t)size, sizeof(e)));
        if (e.type == DEVICE_ALIAS_SELECT) {
            add_alias(info, e.bdf, e.bdf, e.source);
        } else if (e.type == DEVICE_ALIAS_RANGE_START) {
            in_range = true;
            range_start = e.bdf;
            range_source = e.source;
        } else if (e.type == DEVICE_RANGE_END && in_range) {
            add_alias(info, range_start, e.bdf, range_source);
            in_range = false;
        }
        at += size;
    }
}

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

    struct ivrs_iommu *iommu = iommu_for(&ivhd, info);

    if (!iommu) {
        return;
    }
    *iommu = (struct ivrs_iommu){.paddr = ivhd.paddr,
                                 .bdf = ivhd.block.bdf,
                                 .capability = ivhd.capability,
                                 .block_type = ivhd.block.type,
                                 .flags = ivhd.block.flags};
    parse_devices(at + header, at + ivhd.block.length, info);
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
