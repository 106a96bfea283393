/* SPDX-License-Identifier: Apache-2.0 */
/* VMMCALL: the hypercall instruction. */
#include <hv/hypercall.h>

#include "svm.h"

#define VMMCALL_LENGTH 3

void svm_exit_vmmcall(struct vcpu *v)
{
    struct vmcb *vmcb = v->arch.vmcb;
    unsigned length = VMMCALL_LENGTH;

    if (svm_features.has_next_rip && vmcb->next_rip > vmcb->rip) {
        length = vmcb->next_rip - vmcb->rip;
    }
    if (hypercall_dispatch(v)) {
        arch_vcpu_advance_rip(v, length);
    }
    /* What came during the call would make the guest leave as soon as it is entered. */
    svm_interrupt_window();
}
