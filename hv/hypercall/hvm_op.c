/* SPDX-License-Identifier: Apache-2.0 */
/* HYPERVISOR_hvm_op (xen/hvm/hvm_op.h, params.h): parameters and the upcall vector. */
#include <hv/arch/cpu.h>
#include <hv/domain.h>
#include <hv/hypercall.h>
#include <hv/time.h>
#include <hv/vcpu.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>

#define CALLBACK_TYPE_SHIFT  56
#define CALLBACK_TYPE_VECTOR 2UL

/* What a guest may set for itself; everything else only its toolstack. */
static bool guest_may_set(uint32_t index)
{
    return index == HVM_PARAM_CALLBACK_IRQ || index == HVM_PARAM_VM86_TSS || index == HVM_PARAM_ACPI_IOPORTS_LOCATION;
}

static bool guest_may_get(uint32_t index)
{
    switch (index) {
    case HVM_PARAM_CALLBACK_IRQ:
    case HVM_PARAM_STORE_PFN:
    case HVM_PARAM_STORE_EVTCHN:
    case HVM_PARAM_CONSOLE_PFN:
    case HVM_PARAM_CONSOLE_EVTCHN:
    case HVM_PARAM_VM86_TSS:
    case HVM_PARAM_ACPI_IOPORTS_LOCATION:
    case HVM_PARAM_ALTP2M:
        return true;
    default:
        return false;
    }
}

/* A vector for the whole domain (type 2), or 0 and 1: markers for guests that use per-vCPU vectors. */
static long set_callback(struct domain *d, uint64_t value)
{
    uint64_t type = value >> CALLBACK_TYPE_SHIFT;

    if (type == CALLBACK_TYPE_VECTOR) {
        if ((value & 0xff) < 0x10) {
            return -XEN_EINVAL;
        }
        d->callback_vector = value & 0xff;
        for (unsigned i = 0; i < d->max_vcpus; i++) {
            if (d->vcpus[i] != NULL) {
                vcpu_kick(d->vcpus[i]);
            }
        }
        return 0;
    }
    d->callback_vector = 0;
    return 0;
}

static long set_param(struct vcpu *v, uint64_t arg)
{
    struct xen_hvm_param param;
    struct domain *d;
    long rc;

    if (guest_copy_in(v, &param, arg, sizeof(param)) != 0) {
        return -XEN_EFAULT;
    }
    if (param.index >= HVM_NR_PARAMS) {
        return -XEN_EINVAL;
    }
    d = domain_get_for(v, param.domid, &rc);
    if (d == NULL) {
        return rc;
    }
    if (!v->domain->is_privileged && !guest_may_set(param.index)) {
        rc = -XEN_EPERM;
    } else if (param.index == HVM_PARAM_CALLBACK_IRQ) {
        rc = set_callback(d, param.value);
        if (rc == 0 && d == v->domain) {
            domain_latch_width(v);
        }
    }
    if (rc == 0) {
        WRITE_ONCE(d->params[param.index], param.value);
    }
    domain_put(d);
    return rc;
}

static long get_param(struct vcpu *v, uint64_t arg)
{
    struct xen_hvm_param param;
    struct domain *d;
    long rc;

    if (guest_copy_in(v, &param, arg, sizeof(param)) != 0) {
        return -XEN_EFAULT;
    }
    if (param.index >= HVM_NR_PARAMS) {
        return -XEN_EINVAL;
    }
    d = domain_get_for(v, param.domid, &rc);
    if (d == NULL) {
        return rc;
    }
    if (!v->domain->is_privileged && !guest_may_get(param.index)) {
        rc = -XEN_EPERM;
    } else {
        param.value = READ_ONCE(d->params[param.index]);
    }
    domain_put(d);
    return rc != 0 ? rc : guest_copy_out(v, arg, &param, sizeof(param));
}

static long set_upcall_vector(struct vcpu *caller, uint64_t arg)
{
    struct xen_hvm_evtchn_upcall_vector request;
    struct vcpu *v;

    if (guest_copy_in(caller, &request, arg, sizeof(request)) != 0) {
        return -XEN_EFAULT;
    }
    if (request.vector < 0x10) {
        return -XEN_EINVAL;
    }
    v = domain_vcpu(caller->domain, request.vcpu);
    if (v == NULL) {
        return -XEN_ENOENT;
    }
    v->upcall_vector = request.vector;
    /* The edge may have come before the vector was known. */
    if (READ_ONCE(v->vcpu_info->evtchn_upcall_pending)) {
        vcpu_evtchn_upcall(v);
    }
    return 0;
}

static long get_time(struct vcpu *v, uint64_t arg)
{
    struct xen_hvm_get_time time = {.now = now_ns() + v->domain->time_offset_ns};

    return guest_copy_out(v, arg, &time, sizeof(time));
}

long hvm_op(struct vcpu *v, unsigned cmd, uint64_t arg)
{
    switch (cmd) {
    case HVMOP_set_param:
        return set_param(v, arg);
    case HVMOP_get_param:
        return get_param(v, arg);
    case HVMOP_set_evtchn_upcall_vector:
        return set_upcall_vector(v, arg);
    case HVMOP_get_time:
        return get_time(v, arg);
    case HVMOP_flush_tlbs: /* nested paging: the guest flushes its own */
        return arg == 0 ? 0 : -XEN_EINVAL;
    default: /* pagetable_dying and the like belong to shadow paging */
        return -XEN_ENOSYS;
    }
}
