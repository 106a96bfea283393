/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HYPERVISOR_physdev_op (xen/physdev.h) for a hardware domain that has no PIRQs: it tells which devices it
 * found, which needs nothing done (every function is its own from the start), and asks for a device's
 * MSI registers to be written again after a reset.
 */
#include <hv/acpi.h>
#include <hv/hypercall.h>
#include <hv/iommu.h>
#include <hv/operation.h>
#include <hv/vcpu.h>
#include <hv/vmsi.h>
#include <xen/physdev.h>

static pci_bdf bdf_of(uint8_t bus, uint8_t devfn)
{
    return (pci_bdf)(bus << 8 | devfn);
}

/* 0 if there is such a function for the domain to have. */
static long check_device(uint16_t segment, pci_bdf bdf)
{
    if (segment != 0 || iommu_owns_device(bdf) || (pci_config_read(bdf, 0, 4) & 0xffff) == 0xffff) {
        return -XEN_ENODEV;
    }
    return 0;
}

union argument {
    struct physdev_pci_device_add add;
    struct physdev_manage_pci manage; /* so begins the structure of manage_pci_add_ext too */
    struct physdev_pci_device device;
    struct physdev_restore_msi restore;
    struct physdev_pci_mmcfg_reserved window;
};

static long run(struct vcpu *v, struct domain *d, unsigned cmd, void *arg)
{
    const union argument *op = arg;

    switch (cmd) {
    case PHYSDEVOP_pci_device_add:
        return check_device(op->add.seg, bdf_of(op->add.bus, op->add.devfn));
    case PHYSDEVOP_manage_pci_add:
    case PHYSDEVOP_manage_pci_add_ext:
        return check_device(0, bdf_of(op->manage.bus, op->manage.devfn));
    case PHYSDEVOP_pci_device_remove:
        if (op->device.seg != 0) {
            return -XEN_ENODEV;
        }
        vmsi_forget(d, bdf_of(op->device.bus, op->device.devfn));
        return 0;
    case PHYSDEVOP_restore_msi:
        return vmsi_restore(d, bdf_of(op->restore.bus, op->restore.devfn));
    case PHYSDEVOP_restore_msi_ext:
        return op->device.seg == 0 ? vmsi_restore(d, bdf_of(op->device.bus, op->device.devfn)) : -XEN_ENODEV;
    case PHYSDEVOP_pci_mmcfg_reserved: /* firmware says the window is free for ECAM: if it is the one of the MCFG */
        return op->window.segment == 0 && op->window.address == acpi_info.mcfg_base && acpi_info.mcfg_base != 0
                   ? 0
                   : -XEN_ENODEV;
    default: /* PHYSDEVOP_manage_pci_remove */
        return 0;
    }
}

static const struct operation operations[] = {
    [PHYSDEVOP_pci_device_add] = {OP(run, physdev_pci_device_add, 0)},
    [PHYSDEVOP_pci_device_remove] = {OP(run, physdev_pci_device, 0)},
    [PHYSDEVOP_manage_pci_add] = {OP(run, physdev_manage_pci, 0)},
    [PHYSDEVOP_manage_pci_add_ext] = {OP(run, physdev_manage_pci, 0)},
    [PHYSDEVOP_manage_pci_remove] = {.run = run},
    [PHYSDEVOP_restore_msi] = {OP(run, physdev_restore_msi, 0)},
    [PHYSDEVOP_restore_msi_ext] = {OP(run, physdev_pci_device, 0)},
    [PHYSDEVOP_pci_mmcfg_reserved] = {OP(run, physdev_pci_mmcfg_reserved, 0)},
};

long physdev_op(struct vcpu *v, unsigned cmd, uint64_t arg)
{
    return v->domain->is_hardware ? operation_run(v, OPERATION(operations, cmd), cmd, arg) : -XEN_ENOSYS;
}
