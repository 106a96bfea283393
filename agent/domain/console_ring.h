/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PV console's ring page (struct xencons_interface of <xen/io/console.h>), backend side.
 *
 * The guest may write anything into the page at any time. Each function reads the guest's index once,
 * checks it against our own private copy of ours, and touches only bytes inside the two rings.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct xencons_interface;

struct console_ring {
    struct xencons_interface *page; /* shared with the guest */
    uint32_t out_cons;              /* ours; the page's copies are only for the guest */
    uint32_t in_prod;
    uint64_t faults; /* times the guest's indices made no sense */
};

/** Takes up the ring as it is: our indices begin where the page says that we left off. */
void console_ring_init(struct console_ring *ring, struct xencons_interface *page);

/**
 * Copies guest output, at most size bytes, and leaves it there: who is killed before it is put away leaves it to the
 * next reader. Returns how many; 0 when there is none.
 */
size_t console_ring_peek(struct console_ring *ring, void *out, size_t size);

/** Gives back the space of the oldest count bytes, of those that were copied. */
void console_ring_take(struct console_ring *ring, size_t count);

/** Gives the guest input: at most size bytes. Returns how many fit. */
size_t console_ring_write(struct console_ring *ring, const void *data, size_t size);
