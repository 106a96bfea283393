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
