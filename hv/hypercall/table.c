/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a VMMCALL to its family. The number is in RAX; arguments are in RDI RSI RDX R10 R8 for 64-bit
 * callers, in EBX ECX EDX ESI EDI for 32-bit ones (xen/arch-x86/xen.h); the result goes to RAX.
 */
#include <hv/evtchn.h>
#include <hv/grant.h>
#include <hv/guest_struct.h>
#include <hv/hypercall.h>
#include <hv/trace.h>

long hypercall_run(struct vcpu *v, uint64_t number, const uint64_t *a)
{
    switch (number) {
    case __HYPERVISOR_event_channel_op:
        return event_channel_op(v, (unsigned)a[0], a[1]);
    case __HYPERVISOR_sched_op:
        return sched_op(v, (unsigned)a[0], a[1]);
    case __HYPERVISOR_vcpu_op:
        return vcpu_op(v, (unsigned)a[0], (unsigned)a[1], a[2]);
    case __HYPERVISOR_grant_table_op:
        return grant_table_op(v, (unsigned)a[0], a[1], (unsigned)a[2]);
    case __HYPERVISOR_memory_op:
        return memory_op(v, (unsigned)a[0], a[1]);
    case __HYPERVISOR_xen_version:
        return xen_version_op(v, (unsigned)a[0], a[1]);
    case __HYPERVISOR_hvm_op:
        return hvm_op(v, (unsigned)a[0], a[1]);
    case __HYPERVISOR_set_timer_op:
        return set_timer_op(v, guest_is_narrow(v) ? a[0] | a[1] << 32 : a[0]);
    case __HYPERVISOR_vm_assist:
        return vm_assist_op(v, (unsigned)a[0], (unsigned)a[1]);
    case __HYPERVISOR_console_io:
        return console_io_op(v, (unsigned)a[0], (unsigned)a[1], a[2]);
    case __HYPERVISOR_multicall:
        return multicall_op(v, a[0], (unsigned)a[1]);
    case __HYPERVISOR_physdev_op:
        return physdev_op(v, (unsigned)a[0], a[1]);
    case __HYPERVISOR_platform_op:
        return platform_op(v, a[0]);
    case __HYPERVISOR_domctl:
        return domctl_op(v, a[0]);
    case __HYPERVISOR_sysctl:
        return sysctl_op(v, a[0]);
    default:
        return -XEN_ENOSYS;
    }
}

static void read_args(const struct guest_gprs *g, bool is_64bit, uint64_t *a)
{
    a[0] = is_64bit ? g->rdi : (uint32_t)g->rbx;
    a[1] = is_64bit ? g->rsi : (uint32_t)g->rcx;
    a[2] = is_64bit ? g->rdx : (uint32_t)g->rdx;
    a[3] = is_64bit ? g->r10 : (uint32_t)g->rsi;
    a[4] = is_64bit ? g->r8 : (uint32_t)g->rdi;
}

bool hypercall_dispatch(struct vcpu *v)
{
    struct guest_gprs *gprs = &v->arch.gprs;
    bool is_64bit = arch_vcpu_code_bits(v) == 64;
    uint64_t a[HYPERCALL_ARGS];
    uint64_t number;
    long result;

    if (unlikely(arch_vcpu_cpl(v) != 0)) {
        gprs->rax = (uint64_t)-(long)XEN_EPERM;
        return true;
    }
    read_args(gprs, is_64bit, a);
    number = is_64bit ? gprs->rax : (uint32_t)gprs->rax;
    v->hypercall_count++;
    if (number < COUNTERS_HYPERCALLS) {
        this_cpu()->counters.hypercalls[index_nospec(number, COUNTERS_HYPERCALLS)]++;
    }
    trace(TRC_HVM_VMMCALL, (uint32_t)number);
    hypercall_begin();
    result = hypercall_run(v, number, a);
    if (result == HYPERCALL_RESTART) {
        return false;
    }
    gprs->rax = is_64bit ? (uint64_t)result : (uint32_t)result;
    return true;
}
