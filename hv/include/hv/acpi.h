/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the hypervisor needs of ACPI: static tables only (ACPI 6.4, chapter 5), never AML. Tables are
 * checksummed; a damaged one is reported and left out.
 */
#pragma once

#include <hv/acpi_tables.h>
#include <hv/arch/cpu.h>

#define ACPI_MAX_IOAPICS 16U
#define ACPI_MAX_ISO     32U

struct acpi_info {
    uint64_t root; /* machine address of the XSDT or RSDT */
    bool root_is_xsdt;
    uint64_t lapic_paddr;
    uint32_t apic_ids[MAX_CPUS]; /* usable CPUs, boot CPU first */
    unsigned cpu_nodes[MAX_CPUS];
    unsigned cpu_count;
    struct {
        uint32_t id, gsi_base;
        uint64_t paddr;
    } ioapics[ACPI_MAX_IOAPICS];
    unsigned ioapic_count;
    struct acpi_madt_iso iso[ACPI_MAX_ISO]; /* flags: polarity bits 1:0, trigger 3:2 */
    unsigned iso_count;
    uint64_t mcfg_base;             /* segment 0, 0: none */
    uint8_t mcfg_bus_start, mcfg_bus_end;
    uint32_t pm_timer_port;         /* 0: none */
    bool pm_timer_32bit;
    uint32_t pm1a_cnt_port, pm1b_cnt_port;
    uint64_t hpet_paddr;            /* 0: none */
    struct {
        uint64_t start, end;
        unsigned node;
    } memory_nodes[64];             /* SRAT */
    unsigned memory_node_count, node_count;
    uint8_t slit[16][16];           /* node distances, 10: local, 0: not told */
};

extern struct acpi_info acpi_info;

/* Parses MADT, FADT, SRAT, SLIT, MCFG, HPET. Halts with a message without a MADT. */
void acpi_init(uint64_t rsdp);

/* The table with this signature (checksum right), mapped; NULL if there is none. */
const struct acpi_header *acpi_find(const char *signature);
/* Walks all tables of the root: returns the nth table's machine address, 0 at the end. */
uint64_t acpi_table_address(unsigned n);
