/* SPDX-License-Identifier: Apache-2.0 */
/* XEN_SYSCTL_readconsole and debug_keys: what the hypervisor says, by itself or asked. */
#include <hv/console.h>
#include <hv/debug_keys.h>
#include <hv/hypercall.h>
#include <hv/sysctl.h>

#define CHUNK         1024U
#define MAX_KEYS      64U

/* The ring's positions are 64 bits wide, the caller's are the low 32: those within a ring's length of the
 * oldest byte kept. */
static uint64_t widen(uint32_t index)
{
    uint64_t oldest = 0;

    console_ring_read(&oldest, NULL, 0, false);
    return oldest + (uint32_t)(index - (uint32_t)oldest);
}

/* Everything that is kept or, incrementally, from *index on. */
long sysctl_readconsole(struct vcpu *v, struct xen_sysctl *op)
{
    struct xen_sysctl_readconsole *read = &op->u.readconsole;
    uint64_t index = read->incremental ? widen(read->index) : 0;
    uint32_t done = 0;

    while (done < read->count) {
        char text[CHUNK];
        size_t size = console_ring_read(&index, text, MIN(read->count - done, CHUNK), false);

        if (size == 0) {
            break;
        }
        if (guest_copy_out(v, guest_address(read->buffer) + done, text, size) != 0) {
            return -XEN_EFAULT;
        }
        done += (uint32_t)size;
    }
    if (read->clear) {
        console_ring_read(&index, NULL, 0, true);
    }
    read->count = done;
    read->index = (uint32_t)index;
    return 0;
}

/* A key a call: up to 128 lines, for which nobody waits (see console_defer()). The rest comes again. */
long sysctl_debug_keys(struct vcpu *v, struct xen_sysctl *op)
{
    struct xen_sysctl_debug_keys *request = &op->u.debug_keys;
    char key;

    if (request->nr_keys > MAX_KEYS) {
        return -XEN_E2BIG;
    }
    if (request->nr_keys == 0) {
        return 0;
    }
    if (guest_copy_in(v, &key, guest_address(request->keys), 1) != 0) {
        return -XEN_EFAULT;
    }
    debug_key(key);
    request->keys.p++;
    request->nr_keys--;
    return request->nr_keys > 0 ? HYPERCALL_RESTART : 0;
}
