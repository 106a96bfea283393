/* SPDX-License-Identifier: Apache-2.0 */
/* One operation of a family: copy in, check, find the domain, run, copy out. */
#include <hv/operation.h>

#include <hv/guest_struct.h>
#include <hv/hypercall.h>

long operation_run(struct vcpu *v, const struct operation *op, unsigned cmd, uint64_t arg)
{
    uint64_t copy[OPERATION_MAX_SIZE / sizeof(uint64_t)];
    struct domain *d = v->domain;
    long rc;

    if (op == NULL || op->run == NULL) {
        return -XEN_ENOSYS;
    }
    if ((op->flags & OP_PRIVILEGED) && !d->is_privileged) {
        return -XEN_EPERM;
    }
    if (guest_struct_in(v, copy, op->size, arg, op->layout) != 0) {
        return -XEN_EFAULT;
    }
    if (op->domid_at == 0) {
        rc = op->run(v, d, cmd, copy);
    } else {
        d = domain_get_for(v, *(const domid_t *)((const char *)copy + op->domid_at - 1), &rc);
        if (d == NULL) {
            return rc;
        }
        rc = op->run(v, d, cmd, copy);
        domain_put(d);
    }
    if (unlikely(op->flags & (rc == 0 ? OP_GIVES : OP_TELLS)) &&
        guest_struct_out(v, arg, copy, op->size, op->layout) != 0) {
        return -XEN_EFAULT;
    }
    return rc;
}
