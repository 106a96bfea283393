/* SPDX-License-Identifier: Apache-2.0 */
/* The hypervisor's own page tables: direct map, image (W^X), stacks, device registers. */
#pragma once

#include <hv/types.h>

/* Machine address of the top-level table (x86/trampoline.S loads it). */
extern uint64_t paging_root;

/* Builds the tables and switches this CPU to them; the identity map is gone afterwards. */
void paging_init(void);
/* Switches a secondary CPU to them. */
void paging_load(void);

/* Maps device registers uncached in the direct map. Same address, same result; never fails but by
 * panic for lack of a table page: boot only. paddr and size need no alignment. */
void *paging_map_mmio(uint64_t paddr, size_t size);
/* Device registers wherever dom0 has put them, through a page of this CPU: good until the next call, to the page's end.
 * No table is made for it, and what the direct map has of the address does not matter. */
volatile void *paging_window(uint64_t paddr);
/* Maps firmware tables read-only in the direct map where RAM is not mapped there already. */
const void *paging_map_firmware(uint64_t paddr, size_t size);

/* A stack for secondary CPU `cpu` (id): its bottom, where its struct cpu goes; NULL without memory. */
void *paging_map_stack(unsigned cpu, unsigned node);
