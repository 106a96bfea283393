/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ACPI tables of a PVH guest: RSDP, XSDT, FADT, MADT, DSDT and nothing else.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* The most the tables for DOMAIN_VCPUS_MAX vCPUs can take. */
#define ACPI_BYTES_MAX 4096

/** The APIC id of a vCPU, as CPUID and the local APIC report it (Xen's rule, and Nether's). */
static inline uint32_t acpi_apic_id(uint32_t vcpu)
{
    return vcpu * 2;
}

/**
 * Writes the tables for a guest of vcpus (at most 128: APIC ids up to 254) into out, to be placed
 * at guest address base. The RSDP comes first, so base is its address. Returns the bytes used.
 */
size_t acpi_write(uint32_t vcpus, uint64_t base, uint8_t out[ACPI_BYTES_MAX]);
