/* SPDX-License-Identifier: Apache-2.0 */
/* HYPERVISOR_vm_assist (xen/xen.h): the one assistance that a guest of hardware virtualization can have. */
#include <hv/hypercall.h>

#define VALID_TYPES (1UL << VMASST_TYPE_runstate_update_flag)

long vm_assist_op(struct vcpu *v, unsigned cmd, unsigned type)
{
    uint64_t bit = type < 64 ? 1UL << type : 0;

    if (!(bit & VALID_TYPES)) {
        return -XEN_EINVAL;
    }
    switch (cmd) {
    case VMASST_CMD_enable:
        __atomic_fetch_or(&v->domain->vm_assist, bit, __ATOMIC_RELAXED);
        return 0;
    case VMASST_CMD_disable:
        __atomic_fetch_and(&v->domain->vm_assist, ~bit, __ATOMIC_RELAXED);
        return 0;
    default:
        return -XEN_ENOSYS;
    }
}
