/* SPDX-License-Identifier: Apache-2.0 */
/* ACPI's IVRS table (AMD IOMMU specification 48882, 5.2): which IOMMUs there are. */
#pragma once

#include <hv/acpi.h>
#include <hv/types.h>

#define IVRS_MAX_IOMMUS  16U

struct ivrs_iommu {
    uint64_t paddr;       /* registers */
    uint16_t bdf;         /* its own PCI function, segment 0 */
    uint8_t block_type;   /* 10h, 11h or 40h: the richest block that describes it */
    uint8_t flags;        /* HtTunEn 0, PassPW 1, ResPassPW 2, Isoc 3, Coherent 5 */
};

struct ivrs_info {
    struct ivrs_iommu iommus[IVRS_MAX_IOMMUS];
    unsigned iommu_count;
    unsigned unity_count; /* memory that firmware wants mapped one to one (IVMD) */
};

/* Fills info from the table; parts that do not fit into it are reported and left out. Returns whether it
 * names an IOMMU. */
bool ivrs_parse(const struct acpi_header *table, struct ivrs_info *info);
