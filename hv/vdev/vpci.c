/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration accesses of the hardware domain, by ports 0xcf8/0xcfc and by ECAM. They go to the device,
 * except to the IOMMUs (absent) and to the registers of MSI and MSI-X (virtual); writes that can move an
 * MSI-X table are watched.
 */
#include <hv/vpci.h>

#include <hv/acpi.h>
#include <hv/vcpu.h>
#include <hv/iommu.h>
#include <hv/mmio.h>

#include "vmsi_state.h"

#define ADDRESS_PORT   0xcf8
#define DATA_PORT      0xcfc
#define ADDRESS_ENABLE (1u << 31)
#define ADDRESS_EXTENDED 0x0f000000u /* AMD's register bits 11:8: ECAM does that */

#define STANDARD_END 0x40U
#define BARS_END     0x28U
#define CONFIG_END   0x100U

/* How many bytes of the MSI capability are virtual: up to the data register. The mask bits are the device's. */
static unsigned msi_size(pci_bdf bdf, unsigned at)
{
    return pci_config_read(bdf, at + PCI_MSI_CONTROL, 2) & PCI_MSI_64BIT ? 14 : 10;
}

/* One dword of a function, as the guest sees it. */
static uint32_t read_dword(struct vpci *vpci, pci_bdf bdf, unsigned offset)
{
    uint32_t value = pci_config_read(bdf, offset, 4);
    unsigned at;

    if (offset < STANDARD_END || offset >= CONFIG_END || value == ~0u) {
        return value;
    }
    at = pci_find_capability(bdf, PCI_CAP_ID_MSI);
    if (at && offset >= at && offset < at + msi_size(bdf, at)) {
        spin_guard(&vpci->lock);
        return vmsi_read(vpci, bdf, at, offset - at, value);
    }
    return value;
}

uint32_t vpci_config_read(struct domain *d, pci_bdf bdf, unsigned offset, unsigned size)
{
    uint32_t value = iommu_owns_device(bdf) ? ~0u : read_dword(d->vpci, bdf, offset & ~3u) >> (offset & 3) * 8;

    return (uint32_t)low_bytes(value, size);
}

/* Writes to MSI and MSI-X registers; false: it was none. Called with the lock held. */
static bool write_interrupt_register(struct vpci *vpci, pci_bdf bdf, unsigned offset, unsigned size,
                                     uint32_t value)
{
    unsigned at = pci_find_capability(bdf, PCI_CAP_ID_MSI);

    if (at && offset >= at && offset < at + msi_size(bdf, at)) {
        vmsi_write(vpci, bdf, at, offset - at, size, value);
        return true;
    }
    at = pci_find_capability(bdf, PCI_CAP_ID_MSIX);
    if (at && offset >= at && offset < at + PCI_MSIX_TABLE) {
        if (offset + size == at + PCI_MSIX_TABLE && size >= 2) {
            vmsi_table_control(vpci, bdf, at, value >> (size - 2) * 8);
        } else if (offset == at + PCI_MSIX_CONTROL + 1) { /* only the byte with the enable bits */
            vmsi_table_control(vpci, bdf, at, value << 8);
        }
        return true;
    }
    return false;
}

void vpci_config_write(struct domain *d, pci_bdf bdf, unsigned offset, unsigned size, uint32_t value)
{
    struct vpci *vpci = d->vpci;
    struct vmsi_device *device;

    if (iommu_owns_device(bdf)) {
        return;
    }
    if (offset >= CONFIG_END) {
        pci_config_write(bdf, offset, size, value);
        return;
    }
    spin_guard(&vpci->lock);
    if (offset < STANDARD_END || !write_interrupt_register(vpci, bdf, offset, size, value)) {
        pci_config_write(bdf, offset, size, value);
    }
    device = vmsi_device(vpci, bdf, false);
    if (device && (offset == PCI_COMMAND || (offset >= PCI_BAR0 && offset < BARS_END))) {
        vmsi_table_follow(device);
    }
}

/* --- Ports ------------------------------------------------------------------------------------------- */

/* The function and register that 0xcf8 selects; false when it selects none, or the access is crooked. */
static bool selected(const struct vpci *vpci, uint16_t port, unsigned size, pci_bdf *bdf, unsigned *offset)
{
    uint32_t address = vpci->address_port;

    if (!(address & ADDRESS_ENABLE) || address & ADDRESS_EXTENDED || port < DATA_PORT ||
        port % size != 0) {
        return false;
    }
    *bdf = (pci_bdf)(address >> 8);
    *offset = (address & 0xfc) | (port & 3);
    return true;
}

bool vpci_port_read(struct vcpu *v, uint16_t port, unsigned size, uint32_t *value)
{
    struct vpci *vpci = v->domain->vpci;
    unsigned offset;
    pci_bdf bdf;

    if (port == ADDRESS_PORT && size == 4) {
        *value = READ_ONCE(vpci->address_port);
    } else if (selected(vpci, port, size, &bdf, &offset)) {
        *value = vpci_config_read(v->domain, bdf, offset, size);
    } else {
        return false;
    }
    return true;
}

bool vpci_port_write(struct vcpu *v, uint16_t port, unsigned size, uint32_t value)
{
    struct vpci *vpci = v->domain->vpci;
    unsigned offset;
    pci_bdf bdf;

    if (port == ADDRESS_PORT && size == 4) {
        WRITE_ONCE(vpci->address_port, value);
    } else if (selected(vpci, port, size, &bdf, &offset)) {
        vpci_config_write(v->domain, bdf, offset, size, value);
    } else {
        return false;
    }
    return true;
}

/* --- ECAM -------------------------------------------------------------------------------------------- */

static uint64_t ecam_read(struct vcpu *v, void *data, uint64_t gpa, unsigned size)
{
    pci_bdf bdf = (pci_bdf)((gpa - acpi_info.mcfg_base) >> 12);
    unsigned offset = gpa & 0xfff;
    uint64_t value = vpci_config_read(v->domain, bdf, offset, MIN(size, 4u));

    if (size == 8) {
        value |= (uint64_t)vpci_config_read(v->domain, bdf, offset + 4, 4) << 32;
    }
    return value;
}

static void ecam_write(struct vcpu *v, void *data, uint64_t gpa, unsigned size, uint64_t value)
{
    pci_bdf bdf = (pci_bdf)((gpa - acpi_info.mcfg_base) >> 12);
    unsigned offset = gpa & 0xfff;

    vpci_config_write(v->domain, bdf, offset, MIN(size, 4u), (uint32_t)value);
    if (size == 8) {
        vpci_config_write(v->domain, bdf, offset + 4, 4, (uint32_t)(value >> 32));
    }
}

static const struct mmio_ops ecam_ops = {ecam_read, ecam_write};

int vpci_init(struct domain *hw)
{
    struct vpci *vpci = page_alloc();
    uint64_t start, end;

    if (!vpci) {
        return -XEN_ENOMEM;
    }
    vpci->domain = hw;
    spin_init(&vpci->lock, LOCK_RANK_VPCI);
    list_init(&vpci->devices);
    hw->vpci = vpci;
    if (acpi_info.mcfg_base == 0) {
        return 0;
    }
    start = acpi_info.mcfg_base + ((uint64_t)acpi_info.mcfg_bus_start << 20);
    end = acpi_info.mcfg_base + ((uint64_t)(acpi_info.mcfg_bus_end + 1) << 20);
    return mmio_register(hw, gfn(start >> PAGE_SHIFT), gfn(end >> PAGE_SHIFT), &ecam_ops, NULL);
}
