/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HYPERVISOR_physdev_op (xen/physdev.h) for a hardware domain that has no PIRQs: it tells which devices it
 * found, which needs nothing done (every function is its own from the start), and asks for a device's
 * MSI registers to be written again after a reset. The forms without a segment are for what does not know these.
 */
#include <hv/acpi.h>
#include <hv/hypercall.h>
#include <hv/iommu.h>
#include <hv/operation.h>
#include <hv/vcpu.h>
#include <hv/vmsi.h>
#include <xen/physdev.h>

static long device_op(struct vcpu *v, struct domain *d, unsigned cmd, void *arg)
{
    const struct physdev_pci_device *device = arg; /* so begins the structure of pci_device_add too */
    pci_bdf bdf = (pci_bdf)(device->bus << 8 | device->devfn);

    if (device->seg != 0) {
        return -XEN_ENODEV;
    }
    switch (cmd) {
    case PHYSDEVOP_pci_device_add: /* is there such a function for the domain to have? */
        return iommu_owns_device(bdf) || (pci_config_read(bdf, 0, 4) & 0xffff) == 0xffff ? -XEN_ENODEV : 0;
    case PHYSDEVOP_pci_device_remove:
        vmsi_forget(d, bdf);
        return 0;
    default: /* PHYSDEVOP_restore_msi_ext */
        return vmsi_restore(d, bdf);
    }
}

/* Firmware says that the window is free for ECAM: if it is the one of the MCFG. */
static long mmcfg_reserved(struct vcpu *v, struct domain *d, unsigned cmd, void *arg)
{
    const struct physdev_pci_mmcfg_reserved *window = arg;

    return window->segment == 0 && window->address == acpi_info.mcfg_base && acpi_info.mcfg_base != 0 ? 0
                                                                                                      : -XEN_ENODEV;
}

static const struct operation operations[] = {
    [PHYSDEVOP_pci_device_add] = {OP(device_op, physdev_pci_device_add, 0)},
    [PHYSDEVOP_pci_device_remove] = {OP(device_op, physdev_pci_device, 0)},
    [PHYSDEVOP_restore_msi_ext] = {OP(device_op, physdev_pci_device, 0)},
    [PHYSDEVOP_pci_mmcfg_reserved] = {OP(mmcfg_reserved, physdev_pci_mmcfg_reserved, 0)},
};

long physdev_op(struct vcpu *v, unsigned cmd, uint64_t arg)
{
    return v->domain->is_hardware ? operation_run(v, OPERATION(operations, cmd), cmd, arg) : -XEN_ENOSYS;
}
