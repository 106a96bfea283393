/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interrupt remapping tables (AMD IOMMU specification 48882, 2.2.5): which function of the host may raise which
 * host vector, and on which CPU. A function has a table from its first vector on; `interrupts` is the
 * third quadword of its device table entry.
 */
#pragma once

#include <hv/types.h>

/* Entries of 16 bytes instead of 4, for all tables from now on. */
void remap_use_wide_entries(void);

/* A function that may raise nothing but the special messages that firmware wants to pass (struct ivrs_range). */
uint64_t remap_blocked(uint8_t settings);

/* The function may raise `vector`, which goes to this CPU. 1 if that is new, so that the IOMMU must forget
 * what it has read, 0 if it is so already, or -XEN_ENOMEM. */
int remap_set(uint64_t *interrupts, uint8_t vector, uint32_t apic_id);
/* It may not any more. True if it could. */
bool remap_clear(uint64_t interrupts, uint8_t vector);
