/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XENMEM_*: the memory of another domain.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "agent/util/err.h"

struct hvcall;

/** One line of a guest's memory map; type as in the firmware's e820 table (1 RAM, 2 reserved ...). */
struct memory_range {
    uint64_t addr;
    uint64_t size_bytes;
    uint32_t type;
};

/**
 * XENMEM_populate_physmap: gives the domain count extents of 2^order pages, at the guest frames
 * gfns[] (each aligned to its extent). *done says how many were populated: fewer than count is not
 * an error here, for the caller may go on with smaller extents.
 */
int memory_populate(struct hvcall *hv, uint32_t domid, const uint64_t *gfns, size_t count,
                    unsigned int order, size_t *done, struct err *err);

/** XENMEM_decrease_reservation of single pages. ERR_INVALID when not all of them went. */
int memory_release(struct hvcall *hv, uint32_t domid, const uint64_t *gfns, size_t count,
                   struct err *err);

/** XENMEM_set_memory_map: what XENMEM_memory_map tells the guest. */
int memory_set_map(struct hvcall *hv, uint32_t domid, const struct memory_range *ranges,
                   size_t count, struct err *err);

/** XENMEM_add_to_physmap of page idx of space (XENMAPSPACE_*) at gfn. */
int memory_add_to_physmap(struct hvcall *hv, uint32_t domid, unsigned int space, uint64_t idx,
                          uint64_t gfn, struct err *err);

/** XENMEM_maximum_gpfn. */
int memory_max_gfn(struct hvcall *hv, uint32_t domid, uint64_t *gfn, struct err *err);
