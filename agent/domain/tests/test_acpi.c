/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acpi.c: the tables are read here as a kernel reads them, from the RSDP on.
 */
#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

#include "agent/domain/acpi.h"

#define BASE 0xfc000000ull

static uint8_t tables[ACPI_BYTES_MAX];

static uint32_t u32_at(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof(value));
    return value;
}

static uint64_t u64_at(const uint8_t *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof(value));
    return value;
}

static uint8_t sum(const uint8_t *at, size_t size)
{
    uint8_t total = 0;
    for (size_t i = 0; i < size; i++) {
        total = (uint8_t)(total + at[i]);
    }
    return total;
}

/* The table of this signature, through the XSDT, with its checksum checked. */
static const uint8_t *find(const char *signature)
{
    const uint8_t *xsdt = tables + (u64_at(tables + 24) - BASE);
    cr_assert_eq(memcmp(xsdt, "XSDT", 4), 0);
    cr_assert_eq(sum(xsdt, u32_at(xsdt + 4)), 0);
    for (size_t at = 36; at < u32_at(xsdt + 4); at += 8) {
        const uint8_t *table = tables + (u64_at(xsdt + at) - BASE);
        cr_assert_eq(sum(table, u32_at(table + 4)), 0);
        if (memcmp(table, signature, 4) == 0) {
            return table;
        }
    }
    return NULL;
}

Test(acpi, the_root_pointer_has_both_checksums)
{
    acpi_write(1, BASE, tables);

    cr_expect_eq(memcmp(tables, "RSD PTR ", 8), 0);
    cr_expect_eq(tables[15], 2);
    cr_expect_eq(sum(tables, 20), 0);
    cr_expect_eq(sum(tables, 36), 0);
}

Test(acpi, every_vcpu_is_in_the_madt_with_its_number_and_apic_id)
{
    static const uint32_t counts[] = {1, 2, 64, 128};
    for (size_t c = 0; c < 4; c++) {
        size_t used = acpi_write(counts[c], BASE, tables);
        cr_assert_leq(used, ACPI_BYTES_MAX);

        const uint8_t *madt = find("APIC");
        cr_assert_not_null(madt);
        cr_expect_eq(u32_at(madt + 40) & 1, 0, "PCAT_COMPAT is clear");
        cr_assert_eq(u32_at(madt + 4), 44 + 8 * counts[c]);
        for (uint32_t vcpu = 0; vcpu < counts[c]; vcpu++) {
            const uint8_t *entry = madt + 44 + 8 * vcpu;
            cr_expect_eq(entry[0], 0);
            cr_expect_eq(entry[1], 8);
            cr_expect_eq(entry[2], vcpu);
            cr_expect_eq(entry[3], 2 * vcpu);
            cr_expect_eq(u32_at(entry + 4), 1);
        }
    }
}

Test(acpi, the_fadt_promises_no_legacy_hardware)
{
    acpi_write(2, BASE, tables);

    const uint8_t *fadt = find("FACP");
    cr_assert_not_null(fadt);
    cr_expect_eq(fadt[8], 5);
    cr_expect_eq(u32_at(fadt + 4), 268);
    cr_expect(u32_at(fadt + 112) & (1u << 20), "HW_REDUCED");
    cr_expect_eq(fadt[109] & 3, 0, "no legacy devices, no 8042");
    cr_expect_eq(fadt[109] & 0x24, 0x24, "no VGA, no CMOS clock");
    const uint8_t *dsdt = tables + (u64_at(fadt + 140) - BASE);
    cr_expect_eq(memcmp(dsdt, "DSDT", 4), 0);
    cr_expect_eq(sum(dsdt, u32_at(dsdt + 4)), 0);
    cr_expect_eq(u32_at(fadt + 40), u64_at(fadt + 140));
}
