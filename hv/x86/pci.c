/* SPDX-License-Identifier: Apache-2.0 */
/* The host's configuration space: the first 256 bytes by CF8/CFC (safe everywhere), the rest by ECAM. */
#include <hv/pci.h>

#include <hv/acpi.h>
#include <hv/arch/paging.h>
#include <hv/arch/x86.h>

#define CONFIG_ADDRESS 0xcf8
#define CONFIG_DATA    0xcfc
#define CAPABILITIES_MAX 48U /* more do not fit: the list is a loop */

/* Protects the address port. */
static struct spinlock pci_lock = SPINLOCK_INIT(LOCK_RANK_PCI);

/* The register in ECAM; NULL outside of it. */
static volatile void *ecam_register(pci_bdf bdf, unsigned offset)
{
    unsigned bus = bdf >> 8;

    if (acpi_info.mcfg_base == 0 || bus < acpi_info.mcfg_bus_start || bus > acpi_info.mcfg_bus_end) {
        return NULL;
    }
    return paging_window(acpi_info.mcfg_base + ((uint64_t)bdf << 12) + offset);
}

static void select_register(pci_bdf bdf, unsigned offset)
{
    x86_out(CONFIG_ADDRESS, 4, 0x80000000u | (uint32_t)bdf << 8 | (offset & 0xfc));
}

uint32_t pci_config_read(pci_bdf bdf, unsigned offset, unsigned size)
{
    uint16_t port = (uint16_t)(CONFIG_DATA + (offset & 3));

    if (offset >= 256) {
        volatile void *reg = ecam_register(bdf, offset);

        return reg ? (uint32_t)x86_mmio_read(reg, size) : ~0u;
    }
    spin_guard(&pci_lock);
    select_register(bdf, offset);
    return x86_in(port, size);
}

void pci_config_write(pci_bdf bdf, unsigned offset, unsigned size, uint32_t value)
{
    uint16_t port = (uint16_t)(CONFIG_DATA + (offset & 3));

    if (offset >= 256) {
        volatile void *reg = ecam_register(bdf, offset);

        if (reg) {
            x86_mmio_write(reg, size, value);
        }
        return;
    }
    spin_guard(&pci_lock);
    select_register(bdf, offset);
    x86_out(port, size, value);
}

unsigned pci_find_capability(pci_bdf bdf, uint8_t id)
{
    if (!(pci_config_read(bdf, PCI_STATUS, 2) & PCI_STATUS_CAPS)) {
        return 0;
    }

    unsigned at = pci_config_read(bdf, PCI_CAP_POINTER, 1) & 0xfc;

    for (unsigned i = 0; i < CAPABILITIES_MAX && at >= 0x40; i++) {
        uint32_t header = pci_config_read(bdf, at, 2);

        if ((header & 0xff) == id) {
            return at;
        }
        at = header >> 8 & 0xfc;
    }
    return 0;
}
