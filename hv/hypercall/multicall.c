/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HYPERVISOR_multicall (xen/xen.h): a list of hypercalls in one. Each is run with its arguments in the
 * registers, as if it had come alone, so that one which restarts finds its way back: its changed
 * arguments go back into the list, and the multicall comes again from that entry on.
 */
#include <hv/hypercall.h>
#include <hv/string.h>
#include <hv/vcpu.h>
#include <xen/xen.h>

/* An entry in the layout of the caller: six arguments, of 64 or 32 bits. */
struct entry_layout {
    bool is_64bit;
    size_t size;
};

struct compat_entry {
    uint32_t op, result, args[6];
};

static struct entry_layout layout_of(const struct vcpu *v)
{
    bool is_64bit = arch_vcpu_code_bits(v) == 64;

    return (struct entry_layout){is_64bit, is_64bit ? sizeof(struct multicall_entry) : sizeof(struct compat_entry)};
}

static int read_entry(struct vcpu *v, struct entry_layout layout, uint64_t address, struct multicall_entry *entry)
{
    struct compat_entry compat;

    if (layout.is_64bit) {
        return guest_copy_in(v, entry, address, sizeof(*entry));
    }
    if (guest_copy_in(v, &compat, address, sizeof(compat)) != 0) {
        return -XEN_EFAULT;
    }
    *entry = (struct multicall_entry){.op = compat.op, .result = compat.result};
    for (unsigned n = 0; n < ARRAY_SIZE(entry->args); n++) {
        entry->args[n] = compat.args[n];
    }
    return 0;
}

static int write_entry(struct vcpu *v, struct entry_layout layout, uint64_t address,
                       const struct multicall_entry *entry)
{
    struct compat_entry compat = {.op = (uint32_t)entry->op, .result = (uint32_t)entry->result};

    if (layout.is_64bit) {
        return guest_copy_out(v, address, entry, sizeof(*entry));
    }
    for (unsigned n = 0; n < ARRAY_SIZE(entry->args); n++) {
        compat.args[n] = (uint32_t)entry->args[n];
    }
    return guest_copy_out(v, address, &compat, sizeof(compat));
}

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
    struct entry_layout layout = layout_of(v);
    long result = 0;
    unsigned done;

    for (done = 0; done < count && result == 0; done++) {
        uint64_t address = calls + (uint64_t)done * layout.size;
        struct multicall_entry entry, after;
        long answer;

        if (done != 0 && hypercall_should_restart()) {
            result = HYPERCALL_RESTART;
            break;
        }
        if (read_entry(v, layout, address, &entry) != 0) {
            result = -XEN_EFAULT;
            break;
        }
        after = entry;
        answer = run_entry(v, &after);
        v->arch.gprs = before;
        if (answer == HYPERCALL_RESTART) {
            entry = after;
            result = HYPERCALL_RESTART;
        } else {
            entry.result = (xen_ulong_t)answer;
        }
        if (write_entry(v, layout, address, &entry) != 0) {
            result = -XEN_EFAULT;
        }
        if (result != 0) {
            break;
        }
    }
    if (result == HYPERCALL_RESTART) {
        hypercall_set_arg(v, 0, calls + (uint64_t)done * layout.size);
        hypercall_set_arg(v, 1, count - done);
    }
    return result;
}
