/* SPDX-License-Identifier: Apache-2.0 */
/* Layouts of ACPI's static tables (ACPI 6.4, chapter 5): the host's as they are read, dom0's as they are made. */
#pragma once

#include <hv/types.h>

struct acpi_header {
    char signature[4];
    uint32_t length;
    uint8_t revision, checksum;
    char oem_id[6], oem_table_id[8];
    uint32_t oem_revision, creator_id, creator_revision;
} PACKED;

_Static_assert(sizeof(struct acpi_header) == 36, "ACPI 6.4, 5.2.6");

struct acpi_rsdp {
    char signature[8];
    uint8_t checksum;
    char oem_id[6];
    uint8_t revision;
    uint32_t rsdt;
    uint32_t length;
    uint64_t xsdt;
    uint8_t extended_checksum, reserved[3];
} PACKED;

#define ACPI_RSDP_V1_SIZE 20U /* what its first checksum covers */

struct acpi_madt {
    struct acpi_header header;
    uint32_t lapic, flags;
} PACKED;

enum { MADT_LAPIC = 0, MADT_IOAPIC = 1, MADT_ISO = 2, MADT_LAPIC_ADDRESS = 5, MADT_X2APIC = 9 };
enum { SRAT_CPU = 0, SRAT_MEMORY = 1, SRAT_X2APIC = 2 };
#define MADT_CPU_ENABLED 1U
#define SRAT_ENABLED     1U

struct acpi_madt_lapic {
    uint8_t type, length, uid, apic_id;
    uint32_t flags;
} PACKED;

struct acpi_madt_ioapic {
    uint8_t type, length, id, reserved;
    uint32_t paddr, gsi_base;
} PACKED;

struct acpi_madt_iso {
    uint8_t type, length, bus, irq;
    uint32_t gsi;
    uint16_t flags;
} PACKED;

struct acpi_madt_lapic_address {
    uint8_t type, length, reserved[2];
    uint64_t paddr;
} PACKED;

struct acpi_madt_x2apic {
    uint8_t type, length, reserved[2];
    uint32_t apic_id, flags, uid;
} PACKED;

struct acpi_srat_cpu {
    uint8_t type, length, domain_low, apic_id;
    uint32_t flags, domain_high; /* domain_high: bits 31:8 */
} PACKED;

struct acpi_srat_memory {
    uint8_t type, length;
    uint32_t domain;
    uint16_t reserved1;
    uint64_t base, size;
    uint32_t reserved2, flags;
    uint64_t reserved3;
} PACKED;

struct acpi_srat_x2apic {
    uint8_t type, length, reserved1[2];
    uint32_t domain, apic_id, flags, clock, reserved2;
} PACKED;

/* The sum of bytes, which is 0 over a table that is right. */
static inline uint8_t acpi_sum(const void *data, size_t size)
{
    uint8_t sum = 0;

    for (size_t i = 0; i < size; i++) {
        sum = (uint8_t)(sum + ((const uint8_t *)data)[i]);
    }
    return sum;
}
