/* SPDX-License-Identifier: Apache-2.0 */
/* ACPI's IVRS table (AMD IOMMU specification 48882, 5.2): which IOMMUs there are, and what is special about
 * the functions behind them. */
#pragma once

#include <hv/acpi.h>
#include <hv/types.h>

#define IVRS_MAX_IOMMUS  16U
#define IVRS_MAX_RANGES  128U
#define IVRS_MAX_IOAPICS 16U
#define IVRS_NO_FUNCTION 0x10000U

struct ivrs_iommu {
    uint64_t paddr;       /* registers */
    uint16_t bdf;         /* its own PCI function, segment 0 */
    uint8_t block_type;   /* 10h, 11h or 40h: the richest block that describes it */
    uint8_t flags;        /* HtTunEn 0, PassPW 1, ResPassPW 2, Isoc 3, Coherent 5 */
};

/* Functions [first, last] that send under the id of another one (behind a PCI bridge), or that firmware
 * wants to pass special messages. */
struct ivrs_range {
    uint16_t first, last;
    uint32_t requester; /* IVRS_NO_FUNCTION: each under its own */
    uint8_t settings;   /* INIT 0, ExtINT 1, NMI 2, system management 5:4, LINT0 6, LINT1 7 */
};

struct ivrs_ioapic {
    uint8_t id;
    uint16_t bdf; /* under which it sends */
};

struct ivrs_info {
    struct ivrs_iommu iommus[IVRS_MAX_IOMMUS];
    unsigned iommu_count;
    struct ivrs_range ranges[IVRS_MAX_RANGES];
    unsigned range_count;
    struct ivrs_ioapic ioapics[IVRS_MAX_IOAPICS];
    unsigned ioapic_count;
    unsigned unity_count; /* memory that firmware wants mapped one to one (IVMD) */
};

/* Fills info from the table; parts that do not fit into it are reported and left out. Returns whether it
 * names an IOMMU. */
bool ivrs_parse(const struct acpi_header *table, struct ivrs_info *info);

/* The id under which a function's requests come. */
uint16_t ivrs_requester(const struct ivrs_info *info, uint16_t bdf);
/* What firmware wants of the function's device table entry (struct ivrs_range). */
uint8_t ivrs_settings(const struct ivrs_info *info, uint16_t bdf);
/* The id under which the IO-APIC with this APIC id sends, or IVRS_NO_FUNCTION. */
uint32_t ivrs_ioapic(const struct ivrs_info *info, uint32_t id);
