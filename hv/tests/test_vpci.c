/* SPDX-License-Identifier: Apache-2.0 */
/* What the hardware domain sees of MSI and MSI-X, and what the device is told instead. */
#include <hv/boot.h>
#include <hv/frame.h>
#include <hv/machine_map.h>
#include <hv/mmio.h>
#include <hv/vmsi.h>
#include <hv/vpci.h>

#include "boot_fakes.h"

#include <criterion/criterion.h>
#include <hv/vcpu.h>
#include <string.h>

#define MSI  0x50u
#define MSIX 0x70u
#define BAR  0x100000u
#define TABLE (BAR + 0x800u)

static struct domain hw;
static struct vcpu vcpu = {.domain = &hw};

static uint32_t host32(unsigned offset)
{
    return pci_config_read(FAKE_BDF, offset, 4);
}

static uint32_t table32(unsigned entry, unsigned offset)
{
    return *(uint32_t *)fakes_ram(TABLE + entry * 16 + offset);
}

/* A device with 64-bit MSI and 4 MSI-X entries whose table lies in BAR 1 (64-bit), memory on. */
static void setup(void)
{
    fakes_reset();
    hw = (struct domain){.is_hardware = true};
    cr_assert_eq(vpci_init(&hw), 0);
    pci_config_write(FAKE_BDF, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
    pci_config_write(FAKE_BDF, PCI_CAP_POINTER, 1, MSI);
    pci_config_write(FAKE_BDF, MSI, 4, PCI_CAP_ID_MSI | MSIX << 8 | (0x6 | PCI_MSI_64BIT) << 16);
    pci_config_write(FAKE_BDF, MSIX, 4, PCI_CAP_ID_MSIX | 3 << 16);
    pci_config_write(FAKE_BDF, MSIX + PCI_MSIX_TABLE, 4, 0x800 | 1);
    pci_config_write(FAKE_BDF, PCI_BAR0 + 4, 4, BAR | 4);
    for (unsigned i = 0; i < 4; i++) {
        *(uint32_t *)fakes_ram(TABLE + i * 16 + 12) = 1; /* masked after reset */
    }
}

TestSuite(vpci, .init = setup);

static void enable_msi(void)
{
    vpci_config_write(&hw, FAKE_BDF, MSI + 4, 4, 0xfee02000);
    vpci_config_write(&hw, FAKE_BDF, MSI + 8, 4, 0);
    vpci_config_write(&hw, FAKE_BDF, MSI + 12, 2, 0x0041);
    vpci_config_write(&hw, FAKE_BDF, MSI + 2, 2, PCI_MSI_64BIT | PCI_MSI_ENABLE);
}

static void enable_msix(void)
{
    vpci_config_write(&hw, FAKE_BDF, MSIX + 2, 2, PCI_MSIX_ENABLE);
}

Test(vpci, route_keeps_every_part_of_a_message)
{
    struct vmsi_message m = {0xfee00000 | 0xa5 << 12 | 0x7f << 5 | 4, 0x0731};
    uint32_t dest;
    bool is_logical;
    uint8_t mode, vector;

    vmsi_route_decode(vmsi_route_encode(m), &dest, &is_logical, &mode, &vector);

    cr_assert_eq(dest, 0x7fa5);
    cr_assert(is_logical);
    cr_assert_eq(mode, 7);
    cr_assert_eq(vector, 0x31);
}

Test(vpci, one_msi_vector_is_offered)
{
    cr_assert_eq(vpci_config_read(&hw, FAKE_BDF, MSI + 2, 2), PCI_MSI_64BIT);
    cr_assert_eq(vpci_config_read(&hw, FAKE_BDF, MSI + 2, 1), PCI_MSI_64BIT);
}

Test(vpci, enabled_msi_is_translated_and_reads_back)
{
    enable_msi();

    int vector = (int)(host32(MSI + 12) & 0xff);

    cr_assert_eq(host32(MSI + 4), 0xfee03000, "to the host CPU with apic id 3");
    cr_assert_neq(vector, 0x41);
    cr_assert_eq(fakes_remapping.count, 1);
    cr_assert_eq(fakes_remapping.bdf, FAKE_BDF);
    cr_assert_eq(fakes_remapping.apic_id[vector], 3);
    cr_assert(host32(MSI) >> 16 & PCI_MSI_ENABLE);
    cr_assert_eq(vpci_config_read(&hw, FAKE_BDF, MSI + 4, 4), 0xfee02000);
    cr_assert_eq(vpci_config_read(&hw, FAKE_BDF, MSI + 12, 2), 0x41);

    cr_assert(fakes_interrupt(vector));
    cr_assert_eq(fakes_delivery.dest, 2);
    cr_assert_eq(fakes_delivery.vector, 0x41);
}

Test(vpci, msi_can_be_moved_while_enabled)
{
    enable_msi();

    int vector = (int)(host32(MSI + 12) & 0xff);

    vpci_config_write(&hw, FAKE_BDF, MSI + 4, 4, 0xfee04000);
    vpci_config_write(&hw, FAKE_BDF, MSI + 12, 2, 0x55);

    cr_assert_eq(host32(MSI + 12) & 0xff, (uint32_t)vector);
    cr_assert(fakes_interrupt(vector));
    cr_assert_eq(fakes_delivery.dest, 4);
    cr_assert_eq(fakes_delivery.vector, 0x55);
}

Test(vpci, disabled_msi_gives_the_vector_back_and_the_registers_are_the_guests)
{
    enable_msi();
    cr_assert_eq(fakes_vectors_in_use, 1);

    vpci_config_write(&hw, FAKE_BDF, MSI + 2, 2, PCI_MSI_64BIT);

    cr_assert_eq(fakes_vectors_in_use, 0);
    cr_assert_eq(fakes_remapping.count, 0);
    cr_assert_eq(host32(MSI + 4), 0xfee02000);
    cr_assert_eq(host32(MSI + 12) & 0xffff, 0x41);
}

Test(vpci, msi_stays_off_when_vectors_have_run_out)
{
    fakes_vectors_max = 0;

    enable_msi();

    cr_assert_eq(host32(MSI) >> 16 & PCI_MSI_ENABLE, 0);
    cr_assert_eq(host32(MSI + 12) & 0xff, 0x41);
}

Test(vpci, msi_stays_off_without_memory_for_a_remapping_table)
{
    fakes_remapping.no_memory = true;

    enable_msi();

    cr_assert_eq(host32(MSI) >> 16 & PCI_MSI_ENABLE, 0);
    cr_assert_eq(fakes_vectors_in_use, 0);
}

Test(vpci, msix_table_is_trapped_and_translated)
{
    enable_msix();
    cr_assert_eq(fakes_regions, 1);
    cr_assert_eq(fakes_unmapped, 1);

    fakes_mmio_write(TABLE + 16, 4, 0xfee06000);
    fakes_mmio_write(TABLE + 20, 4, 0);
    fakes_mmio_write(TABLE + 24, 4, 0x77);
    cr_assert_eq(table32(1, 12), 1, "masked until the guest unmasks");
    fakes_mmio_write(TABLE + 28, 4, 0);

    int vector = (int)table32(1, 8);

    cr_assert_eq(table32(1, 0), 0xfee03000);
    cr_assert_eq(table32(1, 12), 0);
    cr_assert_eq(fakes_mmio_read(TABLE + 16, 8), 0xfee06000);
    cr_assert_eq(fakes_mmio_read(TABLE + 24, 4), 0x77);
    cr_assert(fakes_interrupt(vector));
    cr_assert_eq(fakes_delivery.dest, 6);
    cr_assert_eq(fakes_delivery.vector, 0x77);
}

Test(vpci, what_shares_the_tables_page_is_passed_through)
{
    enable_msix();

    fakes_mmio_write(BAR + 0x10, 4, 0x12345678);

    cr_assert_eq(*(uint32_t *)fakes_ram(BAR + 0x10), 0x12345678);
    cr_assert_eq(fakes_mmio_read(BAR + 0x12, 2), 0x1234);
}

Test(vpci, msix_values_written_before_enabling_are_adopted)
{
    uint32_t *entry = fakes_ram(TABLE);

    entry[0] = 0xfee08000;
    entry[2] = 0x66;
    entry[3] = 0;

    enable_msix();

    cr_assert_eq(fakes_mmio_read(TABLE, 4), 0xfee08000);
    cr_assert(fakes_interrupt((int)entry[2]));
    cr_assert_eq(fakes_delivery.vector, 0x66);
}

Test(vpci, msix_trap_follows_the_bar)
{
    enable_msix();

    vpci_config_write(&hw, FAKE_BDF, PCI_BAR0 + 4, 4, 0x200000 | 4);

    cr_assert_eq(fakes_regions, 1);
    fakes_mmio_write(0x200000 + 0x800 + 8, 4, 0x44);
    cr_assert_eq(fakes_mmio_read(0x200000 + 0x800 + 8, 4), 0x44);
}

Test(vpci, msix_without_a_placed_bar_is_not_enabled)
{
    vpci_config_write(&hw, FAKE_BDF, PCI_COMMAND, 2, 0);

    enable_msix();

    cr_assert_eq(host32(MSIX) >> 16 & PCI_MSIX_ENABLE, 0);
    cr_assert_eq(fakes_regions, 0);
}

Test(vpci, msix_in_ram_or_in_the_hypervisor_s_registers_is_not_enabled)
{
    static const uint32_t bars[] = {0x300000, 0x301000, 0x302000};
    uint32_t *ram = fakes_ram(0x300000);

    boot_info.map.ranges[0] = (struct boot_range){.start = 0x300000, .end = 0x301000, .type = 1};
    boot_info.map.count = 1;
    machine_map_keep(0x301800, 0x800);

    for (unsigned i = 0; i < 2; i++) {
        vpci_config_write(&hw, FAKE_BDF, PCI_BAR0 + 4, 4, bars[i] | 4);
        enable_msix();
        cr_assert_eq(host32(MSIX) >> 16 & PCI_MSIX_ENABLE, 0, "BAR at %x", bars[i]);
    }
    cr_assert_eq(fakes_regions, 0);
    for (unsigned i = 0; i < 2 * PAGE_SIZE / 4; i++) {
        cr_assert_eq(ram[i], 0, "%x was written", 0x300000 + i * 4);
    }

    vpci_config_write(&hw, FAKE_BDF, PCI_BAR0 + 4, 4, bars[2] | 4);
    enable_msix();
    cr_assert_eq(fakes_regions, 1);
    vpci_config_write(&hw, FAKE_BDF, PCI_BAR0 + 4, 4, bars[0] | 4);
    cr_assert_eq(ram[0x800 / 4 + 3], 0, "moved onto RAM later");
}

Test(vpci, msix_beyond_what_the_processor_can_address_is_not_enabled)
{
    static const uint32_t bars[] = {0xfffff000, 0x80200000};

    for (unsigned i = 0; i < ARRAY_SIZE(bars); i++) { /* the first is the last page there is: the table wraps */
        pci_config_write(FAKE_BDF, MSIX + PCI_MSIX_TABLE, 4, (i == 0 ? 0xff0 : 0) | 1);
        vpci_config_write(&hw, FAKE_BDF, PCI_BAR0 + 4, 4, bars[i] | 4);
        vpci_config_write(&hw, FAKE_BDF, PCI_BAR0 + 8, 4, 0xffffffff);
        enable_msix();
        cr_assert_eq(host32(MSIX) >> 16 & PCI_MSIX_ENABLE, 0);
    }
    cr_assert_eq(fakes_regions, 0);
}

/* It was followed: written to through the other one's trap, it wrote into the other one's table. */
Test(vpci, msix_moved_onto_another_device_s_trap_is_switched_off)
{
    static const struct mmio_ops others;

    enable_msix();
    fakes_mmio_write(TABLE + 8, 4, 0x77);
    fakes_mmio_write(TABLE + 12, 4, 0);
    cr_assert_eq(mmio_register(&hw, gfn(0x200), gfn(0x201), &others, NULL), 0);

    vpci_config_write(&hw, FAKE_BDF, PCI_BAR0 + 4, 4, 0x200000 | 4);

    cr_assert_eq(host32(MSIX) >> 16 & PCI_MSIX_ENABLE, 0);
    cr_assert_eq(fakes_regions, 1, "the other one's alone");
    cr_assert_eq(fakes_vectors_in_use, 0);
    cr_assert_eq(*(uint32_t *)fakes_ram(0x200000 + 0x800 + 8), 0, "the other one's table was written");
}

/* Each place took a page of tables out of the heap, for ever; the last one was a panic. */
Test(vpci, msix_moved_about_takes_no_memory)
{
    enable_msix();
    void *before = page_alloc();

    for (uint32_t bar = 0x100000; bar < 0x300000; bar += PAGE_SIZE) {
        vpci_config_write(&hw, FAKE_BDF, PCI_BAR0 + 4, 4, bar | 4);
    }

    cr_assert_eq(fakes_regions, 1);
    cr_assert_eq(fakes_mapped, 0);
    cr_assert_eq((char *)page_alloc() - (char *)before, PAGE_SIZE);
}

Test(vpci, msix_table_does_not_grow_into_ram_when_the_device_lies_about_its_size)
{
    boot_info.map.ranges[0] = (struct boot_range){.start = 0x300000, .end = 0x301000, .type = 1};
    boot_info.map.count = 1;
    enable_msix();

    pci_config_write(FAKE_BDF, MSIX + 2, 2, PCI_MSIX_ENABLE | 0); /* one entry; it said four */
    vpci_config_write(&hw, FAKE_BDF, PCI_BAR0 + 4, 4, (0x2ffff0 - 0x800) | 4);

    cr_assert_eq(fakes_unmapped, 1, "RAM was taken for the table");
}

Test(vpci, disabled_msix_gives_everything_back)
{
    enable_msix();
    fakes_mmio_write(TABLE + 8, 4, 0x77);
    fakes_mmio_write(TABLE + 12, 4, 0);
    cr_assert_eq(fakes_vectors_in_use, 1);

    cr_assert_eq(fakes_remapping.count, 1);

    vpci_config_write(&hw, FAKE_BDF, MSIX + 2, 2, 0);

    cr_assert_eq(fakes_vectors_in_use, 0);
    cr_assert_eq(fakes_remapping.count, 0);
    cr_assert_eq(fakes_regions, 0);
    cr_assert_eq(table32(0, 8), 0x77);
}

/* Pulled out while both were enabled; another device, with its capability elsewhere, is put in. */
Test(vpci, what_was_enabled_of_a_device_that_is_gone_is_forgotten)
{
    enable_msi();
    enable_msix();
    fakes_mmio_write(TABLE + 12, 4, 0);
    cr_assert_eq(fakes_vectors_in_use, 2);

    vmsi_forget(&hw, FAKE_BDF);

    cr_assert_eq(fakes_vectors_in_use, 0);
    cr_assert_eq(fakes_regions, 0);
    pci_config_write(FAKE_BDF, PCI_CAP_POINTER, 1, 0x90);
    pci_config_write(FAKE_BDF, 0x90, 4, PCI_CAP_ID_MSI | PCI_MSI_64BIT << 16);
    vpci_config_write(&hw, FAKE_BDF, 0x90 + 4, 4, 0xfee02000);
    vpci_config_write(&hw, FAKE_BDF, 0x90 + 12, 2, 0x41);
    vpci_config_write(&hw, FAKE_BDF, 0x90 + 2, 2, PCI_MSI_64BIT | PCI_MSI_ENABLE);
    cr_assert_eq(host32(0x90 + 4), 0xfee03000, "the new device has a message of ours");
    cr_assert(fakes_interrupt((int)(host32(0x90 + 12) & 0xff)));
    vmsi_forget(&hw, PCI_BDF(9, 9, 0));
}

Test(vpci, restore_writes_lost_registers_again)
{
    enable_msix();
    fakes_mmio_write(TABLE + 8, 4, 0x77);
    fakes_mmio_write(TABLE + 12, 4, 0);

    uint32_t vector = table32(0, 8);

    memset(fakes_ram(TABLE), 0, 64);
    pci_config_write(FAKE_BDF, MSIX + 2, 2, 3);
    cr_assert_eq(vmsi_restore(&hw, FAKE_BDF), 0);

    cr_assert_eq(table32(0, 8), vector);
    cr_assert_eq(table32(1, 12), 1);
    cr_assert(host32(MSIX) >> 16 & PCI_MSIX_ENABLE);
    cr_assert_lt(vmsi_restore(&hw, PCI_BDF(9, 9, 0)), 0);
}

Test(vpci, ports_select_a_register)
{
    uint32_t value;

    cr_assert_not(vpci_port_read(&vcpu, 0xcfc, 4, &value), "nothing is selected yet");
    cr_assert(vpci_port_write(&vcpu, 0xcf8, 4, 0x80000000 | FAKE_BDF << 8 | MSI));
    cr_assert(vpci_port_read(&vcpu, 0xcf8, 4, &value));
    cr_assert_eq(value, 0x80000000 | FAKE_BDF << 8 | MSI);
    cr_assert(vpci_port_read(&vcpu, 0xcfc, 1, &value));
    cr_assert_eq(value, PCI_CAP_ID_MSI);
    cr_assert(vpci_port_read(&vcpu, 0xcfe, 2, &value));
    cr_assert_eq(value, PCI_MSI_64BIT);
    cr_assert_not(vpci_port_read(&vcpu, 0xcfd, 2, &value), "crooked");
}

Test(vpci, the_iommu_is_not_there)
{
    cr_assert_eq(vpci_config_read(&hw, PCI_BDF(0, 5, 0), 0, 4), ~0u);
    cr_assert_eq(vpci_config_read(&hw, PCI_BDF(0, 5, 0), 2, 2), 0xffffu);
}
