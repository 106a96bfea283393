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

/* 0 if there is such a function for the domain to have. */
static long check_device(uint16_t segment, uint8_t bus, uint8_t devfn)
{
    pci_bdf bdf = (pci_bdf)(bus << 8 | devfn);

    if (segment != 0 || iommu_owns_device(bdf) || (pci_config_read(bdf, 0, 4) & 0xffff) == 0xffff) {
        return -XEN_ENODEV;
    }
    return 0;
}

static long pci_device_add(struct vcpu *v, struct domain *d, unsigned cmd, void *arg)
{
    const struct physdev_pci_device_add *device = arg;

    return check_device(device->seg, device->bus, device->devfn);
}

static long pci_device_remove(struct vcpu *v, struct domain *d, unsigned cmd, void *arg)
{
    const struct physdev_pci_device *device = arg;

    if (device->seg != 0) {
        return -XEN_ENODEV;
    }
    vmsi_forget(d, (pci_bdf)(device->bus << 8 | device->devfn));
    return 0;
}

/* The same with bus and function alone; so begins the structure of manage_pci_add_ext too. */
static long manage_pci_add(struct vcpu *v, struct domain *d, unsigned cmd, void *arg)
{
    const struct physdev_manage_pci *device = arg;

    return check_device(0, device->bus, device->devfn);
}

static long nothing(struct vcpu *v, struct domain *d, unsigned cmd, void *arg)
{
    return 0;
}

static long restore_msi(struct vcpu *v, struct domain *d, unsigned cmd, void *arg)
{
    const struct physdev_restore_msi *device = arg;

    return vmsi_restore(d, (pci_bdf)(device->bus << 8 | device->devfn));
}

static long restore_msi_ext(struct vcpu *v, struct domain *d, unsigned cmd, void *arg)
{
    const struct physdev_pci_device *device = arg;

    return device->seg == 0 ? vmsi_restore(d, (pci_bdf)(device->bus << 8 | device->devfn)) : -XEN_ENODEV;
}

/* The guest's firmware says the window is free for ECAM: right if it is the one that the MCFG named. */
static long pci_mmcfg_reserved(struct vcpu *v, struct domain *d, unsigned cmd, void *arg)
{
    const struct physdev_pci_mmcfg_reserved *window = arg;

    return window->segment == 0 && window->address == acpi_info.mcfg_base && window->address != 0 ? 0 : -XEN_ENODEV;
}

static const struct operation operations[] = {
    [PHYSDEVOP_pci_device_add] = {OP(pci_device_add, physdev_pci_device_add, 0)},
    [PHYSDEVOP_pci_device_remove] = {OP(pci_device_remove, physdev_pci_device, 0)},
    [PHYSDEVOP_manage_pci_add] = {OP(manage_pci_add, physdev_manage_pci, 0)},
    [PHYSDEVOP_manage_pci_add_ext] = {OP(manage_pci_add, physdev_manage_pci, 0)},
    [PHYSDEVOP_manage_pci_remove] = {.run = nothing},
    [PHYSDEVOP_restore_msi] = {OP(restore_msi, physdev_restore_msi, 0)},
    [PHYSDEVOP_restore_msi_ext] = {OP(restore_msi_ext, physdev_pci_device, 0)},
    [PHYSDEVOP_pci_mmcfg_reserved] = {OP(pci_mmcfg_reserved, physdev_pci_mmcfg_reserved, 0)},
};

long physdev_op(struct vcpu *v, unsigned cmd, uint64_t arg)
{
    return v->domain->is_hardware ? operation_run(v, OPERATION(operations, cmd), cmd, arg) : -XEN_ENOSYS;
}
