/* SPDX-License-Identifier: Apache-2.0 */
/* Firmware's tables, right and damaged. */
#include <hv/acpi.h>
#include <hv/machine_map.h>

#include "../iommu/ivrs.h"
#include "boot_fakes.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

#define RSDP 0x1000u
#define XSDT 0x2000u
#define MADT 0x3000u
#define SRAT 0x4000u
#define MCFG 0x5000u

TestSuite(acpi, .init = fakes_reset);

static void seal(void *table, size_t size, size_t checksum_at)
{
    uint8_t *bytes = table, sum = 0;

    bytes[checksum_at] = 0;
    for (size_t i = 0; i < size; i++) {
        sum = (uint8_t)(sum + bytes[i]);
    }
    bytes[checksum_at] = (uint8_t)-sum;
}

static struct acpi_header *table(uint64_t paddr, const char *signature, const void *body, uint32_t size)
{
    struct acpi_header *h = fakes_ram(paddr);

    memcpy(h->signature, signature, 4);
    h->length = sizeof(*h) + size;
    memcpy(h + 1, body, size);
    seal(h, h->length, 9);
    return h;
}

/* RSDP and XSDT that name the tables. */
static void root(const uint64_t *tables, unsigned count)
{
    uint8_t *rsdp = fakes_ram(RSDP);
    uint64_t xsdt = XSDT;

    table(XSDT, "XSDT", tables, count * 8);
    memcpy(rsdp, "RSD PTR ", 8);
    rsdp[15] = 2;
    memcpy(rsdp + 24, &xsdt, 8);
    seal(rsdp, 20, 8);
}

/* 2 CPUs (apic ids 0 and the boot CPU's 3), a disabled one, an IO-APIC, an override. */
static const uint8_t madt_body[] = {
    0, 0, 0xe0, 0xfe, 1, 0, 0, 0,
    0, 8, 0, 0, 1, 0, 0, 0,
    0, 8, 1, 3, 1, 0, 0, 0,
    0, 8, 2, 5, 0, 0, 0, 0,
    1, 12, 7, 0, 0, 0, 0xc0, 0xfe, 16, 0, 0, 0,
    2, 10, 0, 0, 2, 0, 0, 0, 0x0d, 0,
};

Test(acpi, madt_gives_cpus_with_the_boot_cpu_first)
{
    uint64_t tables[] = {MADT};

    table(MADT, "APIC", madt_body, sizeof(madt_body));
    root(tables, 1);

    acpi_init(RSDP);

    cr_assert_eq(acpi_info.cpu_count, 2);
    cr_assert_eq(acpi_info.apic_ids[0], 3);
    cr_assert_eq(acpi_info.apic_ids[1], 0);
    cr_assert_eq(acpi_info.ioapic_count, 1);
    cr_assert_eq(acpi_info.ioapics[0].paddr, 0xfec00000);
    cr_assert_eq(acpi_info.ioapics[0].gsi_base, 16);
    cr_assert_eq(acpi_info.iso[0].gsi, 2);
    cr_assert_eq(acpi_info.lapic_paddr, 0xfee00000);
    cr_assert_eq(acpi_info.node_count, 1);
}

Test(acpi, damaged_table_is_left_out)
{
    uint64_t tables[] = {MADT, MCFG};
    const uint8_t mcfg[24] = {[8] = 0, 0, 0, 0xb0};

    table(MADT, "APIC", madt_body, sizeof(madt_body));
    table(MCFG, "MCFG", mcfg, sizeof(mcfg))->checksum ^= 1;
    root(tables, 2);

    acpi_init(RSDP);

    cr_assert_eq(acpi_info.mcfg_base, 0);
    cr_assert_null(acpi_find("MCFG"));
    cr_assert_not_null(acpi_find("APIC"));
}

Test(acpi, entries_that_lie_about_their_length_end_the_walk)
{
    uint64_t tables[] = {MADT};
    uint8_t body[sizeof(madt_body)];

    memcpy(body, madt_body, sizeof(body));
    body[17] = 0; /* the second CPU's length */
    table(MADT, "APIC", body, sizeof(body));
    root(tables, 1);
    acpi_init(RSDP);
    cr_assert_eq(acpi_info.cpu_count, 2, "apic id 0 and the boot CPU itself");
    cr_assert_eq(acpi_info.apic_ids[0], 3);

    acpi_info = (struct acpi_info){0};
    body[17] = 255;
    table(MADT, "APIC", body, sizeof(body));
    acpi_init(RSDP);
    cr_assert_eq(acpi_info.cpu_count, 2);
    cr_assert_eq(acpi_info.ioapic_count, 0);
}

Test(acpi, srat_gives_nodes)
{
    uint64_t tables[] = {MADT, SRAT};
    uint8_t body[12 + 16 + 40] = {[12] = 0, 16, 1, 3, 1, [28] = 1, 40, 1};

    body[28 + 8 + 3] = 0x40; /* base 0x40000000 */
    body[28 + 16 + 3] = 0x10;
    body[28 + 28] = 1;
    table(MADT, "APIC", madt_body, sizeof(madt_body));
    table(SRAT, "SRAT", body, sizeof(body));
    root(tables, 2);

    acpi_init(RSDP);

    cr_assert_eq(acpi_info.node_count, 2);
    cr_assert_eq(acpi_info.cpu_nodes[0], 1);
    cr_assert_eq(acpi_info.memory_node_count, 1);
    cr_assert_eq(acpi_info.memory_nodes[0].start, 0x40000000);
    cr_assert_eq(acpi_info.memory_nodes[0].end, 0x50000000);
    cr_assert_eq(acpi_info.memory_nodes[0].node, 1);
}

Test(acpi, no_madt_halts, .signal = SIGABRT)
{
    uint64_t none = 0;

    root(&none, 0);
    acpi_init(RSDP);
}

Test(acpi, damaged_rsdp_halts, .signal = SIGABRT)
{
    uint64_t none = 0;

    root(&none, 0);
    ((uint8_t *)fakes_ram(RSDP))[9] ^= 0xff;
    acpi_init(RSDP);
}

/* --- IVRS ------------------------------------------------------------------------------------------- */

static const uint8_t ivhd_10[] = {
    0x10, 0x21, 24 + 36, 0, 0x10, 0, 0x40, 0, 0, 0, 0xd8, 0xfe, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    2, 0x08, 0, 0,                     /* one device */
    67, 0x00, 0x01, 0, 0, 0xa0, 0, 0,  /* aliases 01:00.0 ... */
    4, 0xff, 0x01, 0,                  /* ... to 01:1f.7 of 00:14.0 */
    0, 0, 0, 0,
    72, 0, 0, 0xd7, 5, 0xa1, 0, 1,     /* the IO-APIC with id 5 is 00:14.1, and may pass messages */
    72, 0, 0, 0, 6, 0xa2, 0, 2,        /* an HPET */
};

static struct acpi_header *ivrs(const uint8_t *blocks, uint32_t size)
{
    uint8_t body[512] = {0};

    memcpy(body + 12, blocks, size);
    return table(SRAT, "IVRS", body, 12 + size);
}

Test(ivrs, where_the_iommu_is, .init = fakes_reset)
{
    struct ivrs_info info;

    cr_assert(ivrs_parse(ivrs(ivhd_10, sizeof(ivhd_10)), &info));

    cr_assert_eq(info.iommu_count, 1);
    cr_assert_eq(info.iommus[0].paddr, 0xfed80000);
    cr_assert_eq(info.iommus[0].bdf, 0x10);
    cr_assert_eq(info.iommus[0].flags, 0x21);
}

Test(ivrs, under_which_ids_functions_and_io_apics_send, .init = fakes_reset)
{
    struct ivrs_info info;

    cr_assert(ivrs_parse(ivrs(ivhd_10, sizeof(ivhd_10)), &info));

    cr_expect_eq(ivrs_requester(&info, 0x08), 0x08);
    cr_expect_eq(ivrs_requester(&info, 0x100), 0xa0);
    cr_expect_eq(ivrs_requester(&info, 0x1ff), 0xa0);
    cr_expect_eq(ivrs_requester(&info, 0x200), 0x200);
    cr_expect_eq(ivrs_ioapic(&info, 5), 0xa1);
    cr_expect_eq(ivrs_ioapic(&info, 6), IVRS_NO_FUNCTION);
    cr_expect_eq(ivrs_settings(&info, 0xa1), 0xd7);
    cr_expect_eq(ivrs_settings(&info, 0x08), 0);
}

Test(ivrs, device_entries_of_every_size_are_walked, .init = fakes_reset)
{
    uint8_t blocks[40 + 8 + 25 + 8] = {0x40, 0, sizeof(blocks), 0, 0x10, 0, 0x40, 0, 0, 0, 0xd8, 0xfe};
    struct ivrs_info info;

    memcpy(blocks + 40, (uint8_t[]){66, 0x08, 0x02, 0, 0, 0x10, 0x02, 0}, 8); /* 02:01.0 sends as 02:02.0 */
    blocks[48] = 240;                                                         /* named, 3 bytes of a name */
    blocks[48 + 21] = 3;
    memcpy(blocks + 73, (uint8_t[]){72, 0, 0, 0, 9, 0xa0, 0, 1}, 8);

    cr_assert(ivrs_parse(ivrs(blocks, sizeof(blocks)), &info));
    cr_expect_eq(ivrs_requester(&info, 0x208), 0x210);
    cr_expect_eq(ivrs_ioapic(&info, 9), 0xa0);

    blocks[48 + 21] = 200; /* beyond the block: what follows is not read */
    cr_assert(ivrs_parse(ivrs(blocks, sizeof(blocks)), &info));
    cr_expect_eq(ivrs_ioapic(&info, 9), IVRS_NO_FUNCTION);
}

Test(ivrs, the_richer_block_of_the_same_iommu_wins, .init = fakes_reset)
{
    uint8_t blocks[sizeof(ivhd_10) + 40] = {0};
    struct ivrs_info info;

    memcpy(blocks, ivhd_10, sizeof(ivhd_10));
    memcpy(blocks + sizeof(ivhd_10), ivhd_10, 24);
    blocks[sizeof(ivhd_10)] = 0x11;
    blocks[sizeof(ivhd_10) + 1] = 0x01;
    blocks[sizeof(ivhd_10) + 2] = 40;

    cr_assert(ivrs_parse(ivrs(blocks, sizeof(blocks)), &info));

    cr_assert_eq(info.iommu_count, 1);
    cr_assert_eq(info.iommus[0].block_type, 0x11);
    cr_assert_eq(info.iommus[0].flags, 0x01);
}

Test(ivrs, cut_off_blocks_are_left_out, .init = fakes_reset)
{
    uint8_t blocks[sizeof(ivhd_10)];
    struct ivrs_info info;

    memcpy(blocks, ivhd_10, sizeof(blocks));
    blocks[2] = 200; /* beyond the table */
    cr_assert_not(ivrs_parse(ivrs(blocks, sizeof(blocks)), &info));

    blocks[2] = 0; /* would not advance */
    cr_assert_not(ivrs_parse(ivrs(blocks, sizeof(blocks)), &info));

    cr_assert_not(ivrs_parse(ivrs(blocks, 3), &info));
}

/* They were device memory, and dom0's devices there had raw MSI registers. */
Test(acpi, other_segments_configuration_space_is_kept)
{
    uint64_t tables[] = {MADT, MCFG};
    const uint8_t mcfg[8 + 4 * 16] = {
        [8 + 3] = 0xb0, [8 + 11] = 0x7f,                          /* segment 0, buses 0 to 7f, at b000_0000 */
        [24 + 3] = 0xc0, [24 + 8] = 1, [24 + 10] = 2, [24 + 11] = 3, /* segment 1, buses 2 and 3, at c000_0000 */
        [40 + 3] = 0xb0, [40 + 10] = 0x80, [40 + 11] = 0xff,      /* the rest of segment 0 */
        [56 + 3] = 0xd0, [56 + 10] = 9,                           /* damaged: ends before it begins */
    };

    table(MADT, "APIC", madt_body, sizeof(madt_body));
    table(MCFG, "MCFG", mcfg, sizeof(mcfg));
    root(tables, 2);
    acpi_init(RSDP);

    cr_assert_eq(acpi_info.mcfg_base, 0xb0000000);
    cr_assert_eq(acpi_info.mcfg_bus_end, 0x7f);
    cr_assert(machine_is_device_memory(mfn(0xc01ff)));
    cr_assert_not(machine_is_device_memory(mfn(0xc0200)));
    cr_assert_not(machine_is_device_memory(mfn(0xc03ff)));
    cr_assert(machine_is_device_memory(mfn(0xc0400)));
    cr_assert_not(machine_is_device_memory(mfn(0xb8000)));
    cr_assert(machine_is_device_memory(mfn(0xd0900)));
}
