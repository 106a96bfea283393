/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual IO-APICs of the hardware domain: one for each of the host's, at the same address and
 * with the same GSIs. A pin that the guest unmasks is connected to the real one; its interrupts
 * reach the guest as its own redirection entry says.
 */
#pragma once

#include <hv/types.h>

struct domain;

/* Makes them for the hardware domain, which has them for good, and claims their pages. 0, -XEN_ENOMEM, -XEN_ENOSPC. */
int vioapic_init(struct domain *d);

/* A vCPU of d ended a level-triggered interrupt: pins with that vector may fire again. */
void vioapic_eoi(struct domain *d, uint8_t vector);

/* Prints the pins that have been connected, a line each. */
void vioapic_show(const struct domain *d);
