/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HYPERVISOR_multicall (xen/xen.h): a list of hypercalls in one. Each is run with its arguments in the
 * registers, as if it had come alone, so that one which restarts finds its way back: its changed
 * arguments go back into the list, and the multicall comes again from that entry on.
 */
#include <hv/guest_struct.h>
#include <hv/hypercall.h>

#define LAYOUT_ENTRY "pppppppp" /* see hv/guest_struct.h */

/* Runs the entry's call; its arguments are then what the call made of them. */
static long run_entry(struct vcpu *v, struct multicall_entry *entry)
{
    uint64_t args[HYPERCALL_ARGS];
    long result;

    if (entry->op == __HYPERVISOR_multicall) {
        return -XEN_EINVAL;
    }
    for (unsigned n = 0; n < HYPERCALL_ARGS; n++) {
        args[n] = entry->args[n];
        hypercall_set_arg(v, n, args[n]);
    }
    result = hypercall_run(v, entry->op, args);
    for (unsigned n = 0; n < HYPERCALL_ARGS; n++) {
        entry->args[n] = hypercall_get_arg(v, n);
    }
    return result;
}

long multicall_op(struct vcpu *v, uint64_t calls, unsigned count)
{
    const struct guest_gprs before = v->arch.gprs;
    size_t size = guest_struct_size(v, sizeof(struct multicall_entry), LAYOUT_ENTRY);
    unsigned done;

    for (done = 0; done < count; done++) {
        uint64_t address = calls + (uint64_t)done * size;
        struct multicall_entry entry, after;
        long answer;

        if (done != 0 && hypercall_should_restart()) {
            break;
        }
        if (guest_struct_in(v, &entry, sizeof(entry), address, LAYOUT_ENTRY) != 0) {
            return -XEN_EFAULT;
        }
        after = entry;
        answer = run_entry(v, &after);
        v->arch.gprs = before;
        if (answer == HYPERCALL_RESTART) {
            entry = after;
        } else {
            entry.result = (xen_ulong_t)answer;
        }
        if (guest_struct_out(v, address, &entry, sizeof(entry), LAYOUT_ENTRY) != 0) {
            return -XEN_EFAULT;
        }
        if (answer == HYPERCALL_RESTART) {
            break;
        }
    }
    if (done == count) {
        return 0;
    }
    hypercall_set_arg(v, 0, calls + (uint64_t)done * size);
    hypercall_set_arg(v, 1, count - done);
    return HYPERCALL_RESTART;
}
