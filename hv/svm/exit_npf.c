/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nested page faults: a guest touched a guest-physical address that its p2m does not allow. Either a
 * device answers there (emulation), or it is device memory of the host that the hardware domain
 * reaches for the first time, or nothing is there: reads give all-ones, writes are lost.
 */
#include <hv/machine_map.h>
#include <hv/mmio.h>
#include <hv/print.h>

#include "svm.h"

#define NPF_WRITE   (1UL << 1)
#define NPF_RESERVED (1UL << 3) /* the p2m's own entry has bits that this processor refuses */
#define NPF_FETCH   (1UL << 4)
#define NPF_TABLE   (1UL << 33) /* while the guest's own page tables were walked */

/* Whether another CPU has mended the translation meanwhile, or the entry is only older in the TLB. */
static bool is_spurious(struct domain *d, gfn_t g, uint64_t error)
{
    struct p2m_entry entry = p2m_lookup(d, g);

    return !mfn_is_none(entry.mfn) && (!(error & NPF_WRITE) || (entry.flags & P2M_W)) &&
           (!(error & NPF_FETCH) || (entry.flags & P2M_X));
}

/* Device memory of the host is the hardware domain's, one to one, unless the hypervisor keeps it. */
static bool map_host_device(struct vcpu *v, gfn_t g)
{
    struct domain *d = v->domain;
    mfn_t m = mfn(g.n);

    if (!d->is_hardware || !machine_is_device_memory(m) ||
        p2m_map(d, g, m, ORDER_4K, P2M_W | P2M_X | P2M_MMIO) != 0) {
        return false;
    }
    /* A region may have been claimed there meanwhile (MSI-X switched on by another vCPU). */
    if (mmio_is_claimed(v, g.n << PAGE_SHIFT)) {
        p2m_unmap(d, g, ORDER_4K);
    }
    return true;
}

void svm_exit_npf(struct vcpu *v)
{
    struct vmcb *vmcb = v->arch.vmcb;
    uint64_t error = vmcb->exit_info1, gpa = vmcb->exit_info2;
    gfn_t g = gfn(gpa >> PAGE_SHIFT);
    bool is_claimed = mmio_is_claimed(v, gpa);
    size_t count = 0;
    int rc;

    if (error & NPF_RESERVED) {
        domain_crash(v->domain, "d%uv%u: the processor refuses the p2m entry of guest-physical %lx",
                     v->domain->domid, v->id, gpa);
        return;
    }
    if (!is_claimed && (is_spurious(v->domain, g, error) || map_host_device(v, g))) {
        return;
    }
    if (error & NPF_TABLE) {
        domain_crash(v->domain,
                     "d%uv%u: page tables at guest-physical %lx, where there is no memory (rip %lx rsp %lx cr0 %lx "
                     "cr3 %lx cr4 %lx efer %lx)",
                     v->domain->domid, v->id, gpa, vmcb->rip, vmcb->rsp, vmcb->cr0, vmcb->cr3, vmcb->cr4,
                     vmcb->efer);
        return;
    }
    if (vmcb->event_inj & EVENT_VALID) { /* an event's delivery made the access, not the code at RIP */
        domain_crash(v->domain, "d%uv%u: event %lx is delivered through guest-physical %lx, where there is no memory",
                     v->domain->domid, v->id, vmcb->event_inj & EVENT_VECTOR_MASK, gpa);
        return;
    }
    if (svm_features.has_decode_assist) {
        count = MIN(vmcb->fetched_count, sizeof(vmcb->fetched_bytes));
    }
    rc = error & NPF_FETCH ? -XEN_EFAULT : mmio_emulate(v, gpa, vmcb->fetched_bytes, count);
    if (rc != 0) { /* the program's fault, which need not be the kernel's end */
        printk_guest("d%uv%u: cannot emulate the access to %lx at rip %lx: error %d\n", v->domain->domid, v->id, gpa,
                     vmcb->rip, -rc);
        arch_inject_exception(v, EXC_GP, true, 0);
    }
}
