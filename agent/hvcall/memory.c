/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XENMEM_* (<xen/memory.h>).
 */
#include "agent/hvcall/memory.h"

#include <errno.h>
#include <string.h>

#include "agent/hvcall/internal.h"

#include <xen/memory.h>

/* Issues cmd on a copy of argument; what the hypervisor wrote comes back into argument. */
static long issue(struct hvcall *hv, uint64_t cmd, void *argument, size_t size_bytes)
{
    void *shared = hvcall_bounce(hv, argument, size_bytes, NULL);
    if (shared == NULL) {
        errno = ENOMEM;
        return -1;
    }
    long result = hvcall_issue(hv, __HYPERVISOR_memory_op, cmd, shared);
    memcpy(argument, shared, size_bytes);
    hvcall_free(hv, shared);
    return result;
}

/* A reservation call over a list of extents. Returns the number done, or -1 with errno. */
static long reserve(struct hvcall *hv, uint64_t cmd, uint32_t domid, const uint64_t *gfns,
                    size_t count, unsigned int order)
{
    xen_pfn_t *extents = hvcall_alloc(hv, count * sizeof(*extents), NULL);
    if (extents == NULL) {
        errno = ENOMEM;
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        extents[i] = gfns[i];
    }
    struct xen_memory_reservation reservation = {
        .nr_extents = count,
        .extent_order = order,
        .domid = (domid_t)domid,
    };
    set_xen_guest_handle(reservation.extent_start, extents);
    long done = issue(hv, cmd, &reservation, sizeof(reservation));
    hvcall_free(hv, extents);
    return done;
}

int memory_populate(struct hvcall *hv, uint32_t domid, const uint64_t *gfns, size_t count,
                    unsigned int order, size_t *done, struct err *err)
{
    long result = reserve(hv, XENMEM_populate_physmap, domid, gfns, count, order);
    if (result < 0) {
        return hvcall_failed(err, (int)domid, "populate the memory");
    }
    *done = (size_t)result;
    return 0;
}

int memory_release(struct hvcall *hv, uint32_t domid, const uint64_t *gfns, size_t count,
                   struct err *err)
{
    long result = reserve(hv, XENMEM_decrease_reservation, domid, gfns, count, 0);
    if (result < 0) {
        return hvcall_failed(err, (int)domid, "release the memory");
    }
    if ((size_t)result != count) {
        return err_set(err, ERR_INVALID, "only %ld of %zu pages of domain %u could be released",
                       result, count, domid);
    }
    return 0;
}

int memory_set_map(struct hvcall *hv, uint32_t domid, const struct memory_range *ranges,
                   size_t count, struct err *err)
{
    /* The table is the e820 one: 20 bytes a line, packed. */
    struct entry {
        uint64_t addr;
        uint64_t size;
        uint32_t type;
    } __attribute__((packed));

    struct entry *entries = hvcall_alloc(hv, count * sizeof(*entries), err);
    if (entries == NULL) {
        return -ERR_NO_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        entries[i].addr = ranges[i].addr;
        entries[i].size = ranges[i].size_bytes;
        entries[i].type = ranges[i].type;
    }
    struct xen_foreign_memory_map map = {
        .domid = (domid_t)domid,
        .map.nr_entries = (unsigned int)count,
    };
    set_xen_guest_handle(map.map.buffer, entries);
    int result = 0;
    if (issue(hv, XENMEM_set_memory_map, &map, sizeof(map)) < 0) {
        result = hvcall_failed(err, (int)domid, "set the memory map");
    }
    hvcall_free(hv, entries);
    return result;
}

int memory_add_to_physmap(struct hvcall *hv, uint32_t domid, unsigned int space, uint64_t idx,
                          uint64_t gfn, struct err *err)
{
    struct xen_add_to_physmap add = {
        .domid = (domid_t)domid,
        .space = space,
        .idx = idx,
        .gpfn = gfn,
    };
    if (issue(hv, XENMEM_add_to_physmap, &add, sizeof(add)) < 0) {
        return hvcall_failed(err, (int)domid, "place a special page");
    }
    return 0;
}

int memory_max_gfn(struct hvcall *hv, uint32_t domid, uint64_t *gfn, struct err *err)
{
    domid_t argument = (domid_t)domid;
    long result = issue(hv, XENMEM_maximum_gpfn, &argument, sizeof(argument));
    if (result < 0) {
        return hvcall_failed(err, (int)domid, "name the highest frame");
    }
    *gfn = (uint64_t)result;
    return 0;
}
