/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host interrupts: vectors of the CPUs' IDT, handed out to sources. Handlers run at the door with
 * interrupts off; the local APIC is acknowledged by the common code after the handler.
 */
#pragma once

#include <hv/types.h>

#define IRQ_VECTOR_FIRST    0x30
#define IRQ_VECTOR_LAST     0xef
#define IRQ_VECTOR_KICK     0xfb
#define IRQ_VECTOR_TIMER    0xfa
#define IRQ_VECTOR_SPURIOUS 0xff

typedef void (*irq_handler_fn)(void *data);

/* A free vector (the same on every CPU), or -XEN_ENOSPC. */
int irq_vector_alloc(irq_handler_fn handler, void *data);
void irq_vector_free(int vector);
