/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The console ring. Indices run freely and are masked on use; producer - consumer is the fill.
 */
#include "agent/domain/console_ring.h"

#include <stdint.h>
#include <string.h>

#include <xen/xen.h>

#include <xen/io/console.h>

#define OUT_BYTES ((uint32_t)sizeof(((struct xencons_interface *)0)->out))
#define IN_BYTES  ((uint32_t)sizeof(((struct xencons_interface *)0)->in))

void console_ring_init(struct console_ring *ring, struct xencons_interface *page)
{
    *ring = (struct console_ring){.page = page};
    ring->out_cons = __atomic_load_n(&page->out_cons, __ATOMIC_ACQUIRE);
    ring->in_prod = __atomic_load_n(&page->in_prod, __ATOMIC_ACQUIRE);
}

size_t console_ring_peek(struct console_ring *ring, void *out, size_t size)
{
    /* Acquire: the bytes are read after the index that announces them. */
    uint32_t prod = __atomic_load_n(&ring->page->out_prod, __ATOMIC_ACQUIRE);
    uint32_t available = prod - ring->out_cons;
    if (available > OUT_BYTES) {
        /* Nonsense: take the guest's index for the truth and the ring for empty. */
        ring->faults++;
        ring->out_cons = prod;
        __atomic_store_n(&ring->page->out_cons, prod, __ATOMIC_RELEASE);
        return 0;
    }
    size_t count = available < size ? available : size;
    for (size_t i = 0; i < count; i++) {
        ((char *)out)[i] = ring->page->out[(ring->out_cons + i) & (OUT_BYTES - 1)];
    }
    return count;
}

void console_ring_take(struct console_ring *ring, size_t count)
{
    ring->out_cons += (uint32_t)count;
    /* Release: the space is given back after the bytes were read. */
    __atomic_store_n(&ring->page->out_cons, ring->out_cons, __ATOMIC_RELEASE);
}

size_t console_ring_write(struct console_ring *ring, const void *data, size_t size)
{
    uint32_t cons = __atomic_load_n(&ring->page->in_cons, __ATOMIC_ACQUIRE);
    uint32_t used = ring->in_prod - cons;
    if (used > IN_BYTES) {
        ring->faults++;
        return 0;
    }
    size_t room = IN_BYTES - used;
    size_t count = room < size ? room : size;
    for (size_t i = 0; i < count; i++) {
        ring->page->in[(ring->in_prod + i) & (IN_BYTES - 1)] = ((const char *)data)[i];
    }
    ring->in_prod += (uint32_t)count;
    __atomic_store_n(&ring->page->in_prod, ring->in_prod, __ATOMIC_RELEASE);
    return count;
}
