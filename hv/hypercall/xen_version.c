/* SPDX-License-Identifier: Apache-2.0 */
/* HYPERVISOR_xen_version (xen/version.h): which ABI this is, and what it offers. */
#include <hv/boot.h>
#include <hv/cpuid_policy.h>
#include <hv/guest_struct.h>
#include <hv/hypercall.h>
#include <xen/features.h>
#include <xen/version.h>

static long copy_text(struct vcpu *v, uint64_t arg, const char *text, size_t size)
{
    char buf[1024] = {0};

    size = MIN(size, sizeof(buf));
    memcpy(buf, text, MIN(strlen(text), size - 1));
    return guest_copy_out(v, arg, buf, size);
}

static uint32_t features(const struct domain *d)
{
    uint32_t bits = 1U << XENFEAT_auto_translated_physmap | 1U << XENFEAT_hvm_callback_vector |
                    1U << XENFEAT_hvm_safe_pvclock | 1U << XENFEAT_memory_op_vnode_supported;

    return d->is_hardware ? bits | 1U << XENFEAT_dom0 : bits;
}

static long get_features(struct vcpu *v, uint64_t arg)
{
    struct xen_feature_info info;

    if (guest_copy_in(v, &info, arg, sizeof(info)) != 0) {
        return -XEN_EFAULT;
    }
    info.submap = info.submap_idx == 0 ? features(v->domain) : 0;
    return guest_copy_out(v, arg, &info, sizeof(info));
}

static long compile_info(struct vcpu *v, uint64_t arg)
{
    struct xen_compile_info info = {.compiler = "gcc " __VERSION__, .compile_by = "nether"};

    return guest_copy_out(v, arg, &info, sizeof(info));
}

long xen_version_op(struct vcpu *v, unsigned cmd, uint64_t arg)
{
    switch (cmd) {
    case XENVER_version:
        return XEN_ABI_VERSION;
    case XENVER_extraversion:
        return copy_text(v, arg, ".nether", sizeof(xen_extraversion_t));
    case XENVER_compile_info:
        return compile_info(v, arg);
    case XENVER_capabilities:
        return copy_text(v, arg, "hvm-3.0-x86_32 hvm-3.0-x86_32p hvm-3.0-x86_64 ", sizeof(xen_capabilities_info_t));
    case XENVER_changeset:
        return copy_text(v, arg, NETHER_VERSION, sizeof(xen_changeset_info_t));
    case XENVER_platform_parameters:
        return guest_struct_out(v, arg, &(struct xen_platform_parameters){.virt_start = DIRECTMAP_BASE},
                                sizeof(struct xen_platform_parameters), "p");
    case XENVER_get_features:
        return get_features(v, arg);
    case XENVER_pagesize:
        return PAGE_SIZE;
    case XENVER_guest_handle:
        return guest_copy_out(v, arg, v->domain->config.handle, sizeof(xen_domain_handle_t));
    case XENVER_commandline:
        return v->domain->is_privileged ? copy_text(v, arg, boot_info.cmdline, sizeof(xen_commandline_t)) : -XEN_EPERM;
    case XENVER_build_id:
        return -XEN_ENODATA;
    default:
        return -XEN_ENOSYS;
    }
}
