/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HYPERVISOR_physdev_op (xen/physdev.h) for a hardware domain that has no PIRQs: it tells which devices it
 * found, which needs nothing done (every function is its own from the start), and asks for a device's
 * MSI registers to be written again after a reset.
 */
#include <hv/acpi.h>
#include <hv/domain.h>
#include <hv/hypercall.h>
#include <hv/iommu.h>
#include <hv/pci.h>
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

static long pci_device_add(struct vcpu *v, uint64_t arg)
{
    struct physdev_pci_device_add device;

    if (guest_copy_in(v, &device, arg, offsetof(struct physdev_pci_device_add, optarr)) != 0) {
        return -XEN_EFAULT;
    }
    return check_device(device.seg, device.bus, device.devfn);
}

static long pci_device_remove(struct vcpu *v, uint64_t arg)
{
    struct physdev_pci_device device;

    if (guest_copy_in(v, &device, arg, sizeof(device)) != 0) {
        return -XEN_EFAULT;
    }
    if (device.seg != 0) {
        return -XEN_ENODEV;
    }
    vmsi_forget(v->domain, (pci_bdf)(device.bus << 8 | device.devfn));
    return 0;
}

static long manage_pci_add(struct vcpu *v, uint64_t arg)
{
    struct physdev_manage_pci device;

    if (guest_copy_in(v, &device, arg, sizeof(device)) != 0) {
        return -XEN_EFAULT;
    }
    return check_device(0, device.bus, device.devfn);
}

static long manage_pci_add_ext(struct vcpu *v, uint64_t arg)
{
    struct physdev_manage_pci_ext device;

    if (guest_copy_in(v, &device, arg, sizeof(device)) != 0) {
        return -XEN_EFAULT;
    }
    return check_device(0, device.bus, device.devfn);
}

static long restore_msi(struct vcpu *v, uint64_t arg)
{
    struct physdev_restore_msi device;

    if (guest_copy_in(v, &device, arg, sizeof(device)) != 0) {
        return -XEN_EFAULT;
    }
    return vmsi_restore(v->domain, (pci_bdf)(device.bus << 8 | device.devfn));
}

static long restore_msi_ext(struct vcpu *v, uint64_t arg)
{
    struct physdev_pci_device device;

    if (guest_copy_in(v, &device, arg, sizeof(device)) != 0) {
        return -XEN_EFAULT;
    }
    if (device.seg != 0) {
        return -XEN_ENODEV;
    }
    return vmsi_restore(v->domain, (pci_bdf)(device.bus << 8 | device.devfn));
}

/* The guest's firmware says the window is free for ECAM: right if it is the one that the MCFG named. */
static long pci_mmcfg_reserved(struct vcpu *v, uint64_t arg)
{
    struct physdev_pci_mmcfg_reserved window;

    if (guest_copy_in(v, &window, arg, sizeof(window)) != 0) {
        return -XEN_EFAULT;
    }
    return window.segment == 0 && window.address == acpi_info.mcfg_base && window.address != 0 ? 0 : -XEN_ENODEV;
}

long physdev_op(struct vcpu *v, unsigned cmd, uint64_t arg)
{
    if (!v->domain->is_hardware) {
        return -XEN_ENOSYS;
    }
    switch (cmd) {
    case PHYSDEVOP_pci_device_add:
        return pci_device_add(v, arg);
    case PHYSDEVOP_pci_device_remove:
        return pci_device_remove(v, arg);
    case PHYSDEVOP_manage_pci_add:
        return manage_pci_add(v, arg);
    case PHYSDEVOP_manage_pci_add_ext:
        return manage_pci_add_ext(v, arg);
    case PHYSDEVOP_manage_pci_remove:
        return 0;
    case PHYSDEVOP_restore_msi:
        return restore_msi(v, arg);
    case PHYSDEVOP_restore_msi_ext:
        return restore_msi_ext(v, arg);
    case PHYSDEVOP_pci_mmcfg_reserved:
        return pci_mmcfg_reserved(v, arg);
    default:
        return -XEN_ENOSYS;
    }
}
