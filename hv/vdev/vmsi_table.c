/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual MSI-X (PCI 3.0, 6.8.2): the pages of an enabled table are taken out of the guest's memory, so
 * that every access to it comes here. What else lies in those pages (the pending bits, registers) is
 * passed through. When the BAR moves, so does the trap.
 */
#include <hv/vmsi.h>

#include <hv/arch/cpu.h>
#include <hv/arch/paging.h>
#include <hv/arch/x86.h>
#include <hv/domain.h>
#include <hv/frame.h>
#include <hv/machine_map.h>
#include <hv/mmio.h>
#include <hv/p2m.h>
#include <hv/print.h>
#include <hv/vcpu.h>

#include "vmsi_state.h"

#define ENTRY_SIZE     16U
#define ENTRY_ADDRESS  0U
#define ENTRY_DATA     8U
#define ENTRY_CONTROL  12U
#define ENTRY_MASKED   1U

#define BAR_IO       1u
#define BAR_TYPE     6u
#define BAR_64BIT    4u
#define BAR_ADDRESS  0xfffffff0u

static const struct mmio_ops table_ops;

static void refuse(pci_bdf bdf, const char *why)
{
    pr_warn("vpci: %02x:%02x.%u: MSI-X not enabled: %s", bdf >> 8, bdf >> 3 & 31, bdf & 7, why);
}

/* --- The device's own table ------------------------------------------------------------------------ */

static uint32_t host_read(const struct vmsi_device *device, unsigned n, unsigned offset)
{
    return (uint32_t)x86_mmio_read(paging_window(device->table_paddr + n * ENTRY_SIZE + offset), 4);
}

static void host_write(const struct vmsi_device *device, unsigned n, unsigned offset, uint32_t value)
{
    x86_mmio_write(paging_window(device->table_paddr + n * ENTRY_SIZE + offset), 4, value);
}

/* Masked meanwhile: no message with half an address. */
static void host_set(const struct vmsi_device *device, unsigned n, struct vmsi_message m, uint32_t control)
{
    host_write(device, n, ENTRY_CONTROL, ENTRY_MASKED);
    host_write(device, n, ENTRY_ADDRESS, (uint32_t)m.address);
    host_write(device, n, ENTRY_ADDRESS + 4, (uint32_t)(m.address >> 32));
    host_write(device, n, ENTRY_DATA, m.data);
    host_write(device, n, ENTRY_CONTROL, control);
}

/* Makes the device's entry say what the guest's means. */
static void program(struct vmsi_device *device, unsigned n)
{
    struct vmsi_entry *entry = &device->entries[n];

    if (entry->control & ENTRY_MASKED) {
        host_write(device, n, ENTRY_CONTROL, ENTRY_MASKED);
        return;
    }
    if (!entry->slot) {
        entry->slot = vmsi_slot_alloc(device, entry->message);
    }
    if (!entry->slot) {
        pr_warn("vpci: %02x:%02x.%u: no host vector for MSI-X entry %u, it stays masked", device->bdf >> 8,
                device->bdf >> 3 & 31, device->bdf & 7, n);
        host_write(device, n, ENTRY_CONTROL, ENTRY_MASKED);
        return;
    }
    host_set(device, n, vmsi_slot_set(entry->slot, entry->message), 0);
}

/* --- The guest's accesses --------------------------------------------------------------------------- */

/* Whether gpa is in the table (else it is a neighbour in its page), and where. */
static bool in_table(const struct vmsi_device *device, uint64_t gpa, unsigned *n, unsigned *offset)
{
    uint64_t at = gpa - device->table_paddr;

    if (gpa < device->table_paddr || at >= (uint64_t)device->entry_count * ENTRY_SIZE) {
        return false;
    }
    *n = (unsigned)(at / ENTRY_SIZE);
    *offset = at % ENTRY_SIZE;
    return true;
}

static uint32_t *entry_word(struct vmsi_entry *entry, unsigned offset)
{
    switch (offset) {
    case ENTRY_ADDRESS: return (uint32_t *)&entry->message.address;
    case ENTRY_ADDRESS + 4: return (uint32_t *)&entry->message.address + 1;
    case ENTRY_DATA: return &entry->message.data;
    default: return &entry->control;
    }
}

static uint64_t table_read(struct vcpu *v, void *data, uint64_t gpa, unsigned size)
{
    struct vmsi_device *device = data;
    unsigned n, offset;
    uint64_t value;

    spin_guard(&device->vpci->lock);
    if (!device->msix_capability || !in_table(device, gpa, &n, &offset)) {
        return x86_mmio_read(paging_window(gpa), size);
    }
    /* Reads of less than 4 bytes are undefined for devices; the guest gets the bytes. */
    value = *entry_word(&device->entries[n], offset & ~3u) >> (offset & 3) * 8;
    if (size == 8) {
        value |= (uint64_t)*entry_word(&device->entries[n], offset + 4) << 32;
    }
    return value;
}

static void table_write(struct vcpu *v, void *data, uint64_t gpa, unsigned size, uint64_t value)
{
    struct vmsi_device *device = data;
    unsigned n, offset;

    spin_guard(&device->vpci->lock);
    if (!device->msix_capability || !in_table(device, gpa, &n, &offset)) {
        x86_mmio_write(paging_window(gpa), size, value);
    } else if (size >= 4) { /* software may write dwords and quadwords only (6.8.2) */
        *entry_word(&device->entries[n], offset) = (uint32_t)value;
        if (size == 8) {
            *entry_word(&device->entries[n], offset + 4) = (uint32_t)(value >> 32);
        }
        program(device, n);
    }
}

static const struct mmio_ops table_ops = {table_read, table_write};

/* --- Where the table is ---------------------------------------------------------------------------- */

/* A BAR says what dom0 wrote there: RAM and the hypervisor's own registers are nobody's table. */
static bool is_device_memory(uint64_t start, uint64_t size)
{
    if (start + size < start) {
        return false;
    }
    for (uint64_t page = start >> PAGE_SHIFT; page <= (start + size - 1) >> PAGE_SHIFT; page++) {
        if (!machine_is_device_memory(mfn(page))) {
            return false;
        }
    }
    return true;
}

/* Address of a table of so many entries by the BAR it is in; 0: that is not a memory BAR with an address, or is
 * off. */
static uint64_t find_table(pci_bdf bdf, unsigned at, unsigned count)
{
    uint32_t where = pci_config_read(bdf, at + PCI_MSIX_TABLE, 4);
    unsigned bar = PCI_BAR0 + (where & 7) * 4;
    uint32_t low = pci_config_read(bdf, bar, 4);
    uint64_t base = low & BAR_ADDRESS;

    if ((where & 7) > 5 || low & BAR_IO ||
        !(pci_config_read(bdf, PCI_COMMAND, 2) & PCI_COMMAND_MEMORY)) {
        return 0;
    }
    if ((low & BAR_TYPE) == BAR_64BIT && (where & 7) < 5) {
        base |= (uint64_t)pci_config_read(bdf, bar + 4, 4) << 32;
    }
    base += where & ~7u;
    return base >> PAGE_SHIFT != 0 && is_device_memory(base, count * ENTRY_SIZE) ? base : 0;
}

static void remove_trap(struct vmsi_device *device)
{
    if (device->trap_start != device->trap_end) {
        mmio_unregister(device->vpci->domain, gfn(device->trap_start));
    }
    device->trap_start = device->trap_end = 0;
}

/* Takes the frames of the table at paddr out of the guest's memory: claimed first, so that none is mapped again.
 * Where that fails (another device's table is there), there is no trap, and the table is where it was. */
static int set_trap(struct vmsi_device *device, uint64_t paddr)
{
    struct domain *d = device->vpci->domain;
    uint64_t first = paddr >> PAGE_SHIFT, end = ((paddr + device->entry_count * ENTRY_SIZE - 1) >> PAGE_SHIFT) + 1;
    int rc;

    remove_trap(device);
    rc = mmio_register(d, gfn(first), gfn(end), &table_ops, device);
    if (rc != 0) {
        return rc;
    }
    device->trap_start = first;
    device->trap_end = end;
    for (uint64_t frame = first; frame < end && rc == 0; frame++) {
        rc = p2m_unmap(d, gfn(frame), ORDER_4K);
    }
    if (rc != 0) {
        remove_trap(device);
        return rc;
    }
    device->table_paddr = paddr;
    return 0;
}

void vmsi_table_follow(struct vmsi_device *device)
{
    uint64_t paddr;

    if (!device->msix_capability) {
        return;
    }
    paddr = find_table(device->bdf, device->msix_capability, device->entry_count);
    if (paddr == 0 || paddr == device->table_paddr) {
        return;
    }
    if (set_trap(device, paddr) != 0) {
        refuse(device->bdf, "its table was moved to where it cannot be trapped");
        vmsi_table_control(device->vpci, device->bdf, device->msix_capability, 0);
    }
}

/* --- Enable and disable ------------------------------------------------------------------------------ */

static bool make_entries(struct vmsi_device *device, unsigned count)
{
    unsigned order = order_of(count * sizeof(device->entries[0]));

    if (!device->entries || order > device->entry_order) {
        mfn_t m = frame_alloc_hv(order, NODE_ANY);

        if (mfn_is_none(m)) {
            return false;
        }
        if (device->entries) {
            frame_free_hv(virt_to_mfn(device->entries), device->entry_order);
        }
        device->entries = mfn_to_virt(m);
        device->entry_order = order;
    }
    device->entry_count = count;
    return true;
}

/* What the guest has put into the table before it enabled it. */
static void adopt_entries(struct vmsi_device *device)
{
    for (unsigned n = 0; n < device->entry_count; n++) {
        device->entries[n] = (struct vmsi_entry){
            .message = {host_read(device, n, ENTRY_ADDRESS) | (uint64_t)host_read(device, n, ENTRY_ADDRESS + 4) << 32,
                        host_read(device, n, ENTRY_DATA)},
            .control = host_read(device, n, ENTRY_CONTROL),
        };
        program(device, n);
    }
}

static bool enable_table(struct vmsi_device *device, unsigned at, uint32_t control)
{
    unsigned count = (control & PCI_MSIX_SIZE) + 1;
    uint64_t paddr = find_table(device->bdf, at, count);

    if (paddr == 0) {
        refuse(device->bdf, "its table is in no enabled memory BAR of its own");
        return false;
    }
    if (!make_entries(device, count)) {
        refuse(device->bdf, "no memory");
        return false;
    }
    if (set_trap(device, paddr) != 0) {
        refuse(device->bdf, "its table cannot be trapped");
        return false;
    }
    device->msix_capability = at;
    adopt_entries(device);
    return true;
}

/* The guest finds its own values in the device's table again. */
static void disable_table(struct vmsi_device *device)
{
    for (unsigned n = 0; n < device->entry_count; n++) {
        struct vmsi_entry *entry = &device->entries[n];

        host_write(device, n, ENTRY_CONTROL, ENTRY_MASKED);
        if (entry->slot) {
            vmsi_slot_free(entry->slot);
            entry->slot = NULL;
        }
        host_set(device, n, entry->message, entry->control);
    }
    remove_trap(device);
    device->msix_capability = 0;
}

void vmsi_table_control(struct vpci *vpci, pci_bdf bdf, unsigned at, uint32_t value)
{
    struct vmsi_device *device = vmsi_device(vpci, bdf, value & PCI_MSIX_ENABLE);
    bool was_enabled = device && device->msix_capability;
    uint32_t control = pci_config_read(bdf, at + PCI_MSIX_CONTROL, 2);

    control = (control & PCI_MSIX_SIZE) | (value & (PCI_MSIX_ENABLE | PCI_MSIX_MASK_ALL));
    if (value & PCI_MSIX_ENABLE && !was_enabled) {
        if (!device || !enable_table(device, at, control)) {
            return;
        }
    }
    pci_config_write(bdf, at + PCI_MSIX_CONTROL, 2, control);
    if (!(value & PCI_MSIX_ENABLE) && was_enabled) {
        disable_table(device);
    }
}

void vmsi_table_restore(struct vmsi_device *device)
{
    unsigned control = device->msix_capability + PCI_MSIX_CONTROL;

    for (unsigned n = 0; n < device->entry_count; n++) {
        program(device, n);
    }
    pci_config_write(device->bdf, control, 2, pci_config_read(device->bdf, control, 2) | PCI_MSIX_ENABLE);
}
