/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual MSI: slots that carry a guest's message behind a host vector, and the MSI capability's registers. */
#include <hv/vmsi.h>

#include <hv/arch/cpu.h>
#include <hv/domain.h>
#include <hv/frame.h>
#include <hv/iommu.h>
#include <hv/irq.h>
#include <hv/print.h>
#include <hv/vlapic.h>

#include "vmsi_state.h"

#define SLOT_COUNT (IRQ_VECTOR_LAST - IRQ_VECTOR_FIRST + 1)

#define ADDRESS_BASE    0xfee00000UL
#define ADDRESS_LOGICAL (1UL << 2)
#define ROUTE_LOGICAL   (1u << 31)

/* Protects which slots are free. */
static struct spinlock slot_lock = SPINLOCK_INIT(LOCK_RANK_IRQ);
static struct vmsi_slot slots[SLOT_COUNT];

/* Destination: address bits 19:12, and 11:5 as its bits 14:8 (extended destination ids). */
uint32_t vmsi_route_encode(struct vmsi_message m)
{
    uint32_t dest = (uint32_t)(m.address >> 12 & 0xff) | (uint32_t)(m.address >> 5 & 0x7f) << 8;

    return (m.data & 0x7ff) | dest << 11 | (m.address & ADDRESS_LOGICAL ? ROUTE_LOGICAL : 0);
}

void vmsi_route_decode(uint32_t route, uint32_t *dest, bool *is_logical, uint8_t *mode, uint8_t *vector)
{
    *dest = route >> 11 & 0x7fff;
    *is_logical = route & ROUTE_LOGICAL;
    *mode = route >> 8 & 7;
    *vector = (uint8_t)route;
}

/* The interrupt has come: the guest gets its own message. */
static void deliver(void *data)
{
    struct vmsi_slot *slot = data;
    struct domain *d = __atomic_load_n(&slot->domain, __ATOMIC_ACQUIRE);
    uint32_t dest;
    bool is_logical;
    uint8_t mode, vector;

    if (!d) {
        return;
    }
    vmsi_route_decode(READ_ONCE(slot->route), &dest, &is_logical, &mode, &vector);
    vlapic_deliver(d, dest, is_logical, mode, vector, false);
}

static struct vmsi_slot *take_slot(struct domain *d)
{
    spin_guard(&slot_lock);
    for (unsigned i = 0; i < SLOT_COUNT; i++) {
        if (!slots[i].domain) {
            __atomic_store_n(&slots[i].domain, d, __ATOMIC_RELEASE);
            return &slots[i];
        }
    }
    return NULL;
}

static void give_back(struct vmsi_slot *slot)
{
    __atomic_store_n(&slot->domain, NULL, __ATOMIC_RELEASE);
}

/* One that the target vCPU is likely near to: fixed, so that moving vCPUs rewrite nothing. */
static const struct cpu *choose_cpu(struct vmsi_message message)
{
    uint32_t dest;
    bool is_logical;
    uint8_t mode, vector;

    vmsi_route_decode(vmsi_route_encode(message), &dest, &is_logical, &mode, &vector);

    const struct cpu *c = cpus[dest / 2 % cpu_count];

    return is_logical || c->apic_id > iommu_apic_id_limit() ? cpus[0] : c;
}

struct vmsi_slot *vmsi_slot_alloc(const struct vmsi_device *device, struct vmsi_message message)
{
    struct vmsi_slot *slot = take_slot(device->vpci->domain);

    if (!slot) {
        return NULL;
    }
    slot->bdf = device->bdf;
    slot->vector = irq_vector_alloc(deliver, slot);
    if (slot->vector >= 0) {
        if (iommu_remap(slot->bdf, (uint8_t)slot->vector, choose_cpu(message)->apic_id) == 0) {
            return slot;
        }
        irq_vector_free(slot->vector);
    }
    give_back(slot);
    return NULL;
}

void vmsi_slot_free(struct vmsi_slot *slot)
{
    iommu_remap_end(slot->bdf, (uint8_t)slot->vector);
    irq_vector_free(slot->vector);
    give_back(slot);
}

struct vmsi_message vmsi_slot_set(struct vmsi_slot *slot, struct vmsi_message message)
{
    const struct cpu *c = choose_cpu(message);

    WRITE_ONCE(slot->route, vmsi_route_encode(message));
    iommu_remap(slot->bdf, (uint8_t)slot->vector, c->apic_id);
    return (struct vmsi_message){ADDRESS_BASE | (c->apic_id & 0xffUL) << 12, (uint32_t)slot->vector};
}

struct vmsi_device *vmsi_device(struct vpci *vpci, pci_bdf bdf, bool create)
{
    list_for_each(device, &vpci->devices, struct vmsi_device, link) {
        if (device->bdf == bdf) {
            return device;
        }
    }

    struct vmsi_device *device = create ? page_alloc() : NULL;

    if (device) {
        device->vpci = vpci;
        device->bdf = bdf;
        list_add_tail(&device->link, &vpci->devices);
    }
    return device;
}

/* --- The MSI capability (PCI 3.0, 6.8.1) --------------------------------------------------------- */

static unsigned data_offset(const struct vmsi_device *device)
{
    return device->msi_is_64bit ? 12 : 8;
}

static struct vmsi_message guest_message(const struct vmsi_device *device)
{
    uint64_t high = device->msi_is_64bit ? (uint64_t)device->msi[2] << 32 : 0;

    return (struct vmsi_message){device->msi[1] | high, device->msi[data_offset(device) / 4]};
}

static void write_message(const struct vmsi_device *device, struct vmsi_message m)
{
    unsigned at = device->msi_capability;

    pci_config_write(device->bdf, at + PCI_MSI_ADDRESS, 4, (uint32_t)m.address);
    if (device->msi_is_64bit) {
        pci_config_write(device->bdf, at + PCI_MSI_ADDRESS + 4, 4, (uint32_t)(m.address >> 32));
    }
    pci_config_write(device->bdf, at + data_offset(device), 2, m.data);
}

/* Has the device send a message of the host's, which becomes the guest's. */
static void write_host_message(const struct vmsi_device *device)
{
    write_message(device, vmsi_slot_set(device->msi_slot, guest_message(device)));
}

static void enable_msi(struct vpci *vpci, pci_bdf bdf, unsigned at, uint32_t control)
{
    struct vmsi_device *device = vmsi_device(vpci, bdf, true);

    if (device) {
        device->msi_is_64bit = control & PCI_MSI_64BIT;
        for (unsigned offset = PCI_MSI_ADDRESS; offset <= data_offset(device); offset += 4) {
            device->msi[offset / 4] = pci_config_read(bdf, at + offset, 4);
        }
        device->msi_slot = vmsi_slot_alloc(device, guest_message(device));
    }
    if (!device || !device->msi_slot) {
        pr_warn("vpci: %02x:%02x.%u: no host vector or memory for its MSI", bdf >> 8, bdf >> 3 & 31, bdf & 7);
        return;
    }
    device->msi_capability = at;
    write_host_message(device);
    pci_config_write(bdf, at + PCI_MSI_CONTROL, 2, control);
}

static void disable_msi(struct vmsi_device *device, uint32_t control)
{
    pci_config_write(device->bdf, device->msi_capability + PCI_MSI_CONTROL, 2, control);
    write_message(device, guest_message(device));
    vmsi_slot_free(device->msi_slot);
    device->msi_slot = NULL;
    device->msi_capability = 0;
}

/* One vector is all we offer: several would need as many host vectors in a row. */
static void write_control(struct vpci *vpci, pci_bdf bdf, unsigned at, uint32_t value)
{
    struct vmsi_device *device = vmsi_device(vpci, bdf, false);
    bool was_enabled = device && device->msi_capability;
    uint32_t control = pci_config_read(bdf, at + PCI_MSI_CONTROL, 2);

    control = (control & ~(PCI_MSI_ENABLE | PCI_MSI_MULTIPLE)) | (value & PCI_MSI_ENABLE);
    if (control & PCI_MSI_ENABLE && !was_enabled) {
        enable_msi(vpci, bdf, at, control);
    } else if (!(control & PCI_MSI_ENABLE) && was_enabled) {
        disable_msi(device, control);
    } else {
        pci_config_write(bdf, at + PCI_MSI_CONTROL, 2, control);
    }
}

void vmsi_write(struct vpci *vpci, pci_bdf bdf, unsigned at, unsigned offset, unsigned size,
                uint32_t value)
{
    struct vmsi_device *device = vmsi_device(vpci, bdf, false);

    if (offset < PCI_MSI_ADDRESS) { /* id and next pointer are read-only; control in bits 31:16 */
        if (offset + size > PCI_MSI_CONTROL && offset <= PCI_MSI_CONTROL) {
            write_control(vpci, bdf, at, value >> (PCI_MSI_CONTROL - offset) * 8);
        }
    } else if (device && device->msi_capability) {
        memcpy((char *)device->msi + offset, &value, size); /* within a dword, as all accesses are */
        write_host_message(device);
    } else {
        pci_config_write(bdf, at + offset, size, value);
    }
}

uint32_t vmsi_read(struct vpci *vpci, pci_bdf bdf, unsigned at, unsigned offset, uint32_t value)
{
    struct vmsi_device *device = vmsi_device(vpci, bdf, false);

    if (offset == 0) {
        return value & ~(PCI_MSI_CAPABLE << 16);
    }
    if (!device || device->msi_capability != at) {
        return value;
    }
    if (offset < data_offset(device)) {
        return device->msi[offset / 4];
    }
    return (value & 0xffff0000) | (device->msi[offset / 4] & 0xffff);
}

void vmsi_forget(struct domain *d, pci_bdf bdf)
{
    struct vpci *vpci = d->vpci;
    struct vmsi_device *device;

    if (!vpci) {
        return;
    }
    spin_guard(&vpci->lock);
    device = vmsi_device(vpci, bdf, false);
    if (device && device->msi_capability) {
        disable_msi(device, 0);
    }
    if (device && device->msix_capability) {
        vmsi_table_control(vpci, bdf, device->msix_capability, 0);
    }
}

int vmsi_restore(struct domain *d, pci_bdf bdf)
{
    struct vpci *vpci = d->vpci;
    int rc = -XEN_ENOENT;

    if (!vpci) {
        return rc;
    }
    spin_guard(&vpci->lock);

    struct vmsi_device *device = vmsi_device(vpci, bdf, false);

    if (device && device->msi_capability) {
        unsigned control = device->msi_capability + PCI_MSI_CONTROL;

        write_host_message(device);
        pci_config_write(bdf, control, 2, pci_config_read(bdf, control, 2) | PCI_MSI_ENABLE);
        rc = 0;
    }
    if (device && device->msix_capability) {
        vmsi_table_restore(device);
        rc = 0;
    }
    return rc;
}
