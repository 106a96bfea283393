/* SPDX-License-Identifier: Apache-2.0 */
/* HYPERVISOR_hvm_op (xen/hvm/hvm_op.h, params.h): parameters and the upcall vector. */
#include <hv/hypercall.h>
#include <hv/operation.h>
#include <hv/time.h>
#include <xen/hvm/hvm_op.h>

#define CALLBACK_TYPE_SHIFT  56
#define CALLBACK_TYPE_VECTOR 2UL

/* What a guest may set for itself; everything else only its toolstack. */
static bool guest_may_set(uint32_t index)
{
    return index == HVM_PARAM_CALLBACK_IRQ || index == HVM_PARAM_VM86_TSS || index == HVM_PARAM_ACPI_IOPORTS_LOCATION;
}

static bool guest_may_get(uint32_t index)
{
    return guest_may_set(index) || index == HVM_PARAM_ALTP2M || index == HVM_PARAM_STORE_PFN ||
           index == HVM_PARAM_STORE_EVTCHN || index == HVM_PARAM_CONSOLE_PFN ||
           index == HVM_PARAM_CONSOLE_EVTCHN;
}

/* A vector for the whole domain (type 2), or 0 and 1: markers for guests that use per-vCPU vectors. */
static long set_callback(struct domain *d, uint64_t value)
{
    bool is_vector = value >> CALLBACK_TYPE_SHIFT == CALLBACK_TYPE_VECTOR;

    if (is_vector && (value & 0xff) < 0x10) {
        return -XEN_EINVAL;
    }
    d->callback_vector = is_vector ? value & 0xff : 0;
    for_each_vcpu(d, v) {
        vcpu_kick(v);
    }
    return 0;
}

static long check_param(const struct vcpu *v, uint32_t index, bool is_guests)
{
    if (index >= HVM_NR_PARAMS) {
        return -XEN_EINVAL;
    }
    return v->domain->is_privileged || is_guests ? 0 : -XEN_EPERM;
}

static uint64_t *param_of(struct domain *d, uint32_t index)
{
    return &d->params[index_nospec(index, HVM_NR_PARAMS)];
}

static long set_param(struct vcpu *v, struct domain *d, unsigned cmd, void *arg)
{
    const struct xen_hvm_param *param = arg;
    long rc = check_param(v, param->index, guest_may_set(param->index));

    if (rc == 0 && param->index == HVM_PARAM_CALLBACK_IRQ) {
        rc = set_callback(d, param->value);
        if (rc == 0 && d == v->domain) {
            domain_latch_width(v);
        }
    }
    if (rc == 0) {
        WRITE_ONCE(*param_of(d, param->index), param->value);
    }
    return rc;
}

static long get_param(struct vcpu *v, struct domain *d, unsigned cmd, void *arg)
{
    struct xen_hvm_param *param = arg;
    long rc = check_param(v, param->index, guest_may_get(param->index));

    if (rc == 0) {
        param->value = READ_ONCE(*param_of(d, param->index));
    }
    return rc;
}

static long set_upcall_vector(struct vcpu *caller, struct domain *d, unsigned cmd, void *arg)
{
    const struct xen_hvm_evtchn_upcall_vector *request = arg;
    struct vcpu *v = domain_vcpu(d, request->vcpu);

    if (request->vector < 0x10) {
        return -XEN_EINVAL;
    }
    if (v == NULL) {
        return -XEN_ENOENT;
    }
    v->upcall_vector = request->vector;
    /* The edge may have come before the vector was known. */
    if (READ_ONCE(v->vcpu_info->evtchn_upcall_pending)) {
        vcpu_evtchn_upcall(v);
    }
    return 0;
}

static long get_time(struct vcpu *v, struct domain *d, unsigned cmd, void *arg)
{
    ((struct xen_hvm_get_time *)arg)->now = now_ns() + d->time_offset_ns;
    return 0;
}

/* Others (pagetable_dying and the like) belong to shadow paging. */
static const struct operation operations[] = {
    [HVMOP_set_param] = {OP_ON(set_param, xen_hvm_param, domid, 0)},
    [HVMOP_get_param] = {OP_ON(get_param, xen_hvm_param, domid, OP_GIVES)},
    [HVMOP_set_evtchn_upcall_vector] = {OP(set_upcall_vector, xen_hvm_evtchn_upcall_vector, 0)},
    [HVMOP_get_time] = {OP(get_time, xen_hvm_get_time, OP_GIVES)},
};

long hvm_op(struct vcpu *v, unsigned cmd, uint64_t arg)
{
    if (cmd == HVMOP_flush_tlbs) { /* nested paging: the guest flushes its own */
        return arg == 0 ? 0 : -XEN_EINVAL;
    }
    return operation_run(v, OPERATION(operations, cmd), cmd, arg);
}
