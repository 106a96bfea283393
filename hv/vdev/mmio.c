/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Emulated device memory: the table of regions of a domain, and one access to guest-physical memory
 * as the device side sees it. The xAPIC page is not in the table: it belongs to each vCPU.
 */
#include <hv/mmio.h>

#include <hv/guest_copy.h>
#include <hv/vcpu.h>
#include <hv/vlapic.h>

#define XAPIC_GFN 0xfee00UL

struct mmio_region {
    uint64_t start, end; /* guest frames, end exclusive */
    const struct mmio_ops *ops;
    void *data;
};

#define MAX_REGIONS ((PAGE_SIZE - 64) / sizeof(struct mmio_region))

struct mmio_regions {
    struct spinlock lock; /* protects the rest; rank MMIO; not held while ops run */
    unsigned count;
    struct mmio_region regions[MAX_REGIONS]; /* in no order, not overlapping */
};

_Static_assert(sizeof(struct mmio_regions) <= PAGE_SIZE, "the table is one page");

/* --- Regions ------------------------------------------------------------------------------ */

/* The region that has any of the frames [start, end), or NULL. An emulated access costs more than to look at all. */
static struct mmio_region *overlapping(struct mmio_regions *m, uint64_t start, uint64_t end)
{
    for (unsigned i = 0; i < m->count; i++) {
        if (m->regions[i].start < end && start < m->regions[i].end) {
            return &m->regions[i];
        }
    }
    return NULL;
}

/* With the first region: before d runs, or under its VPCI lock. */
static int create_table(struct domain *d)
{
    struct mmio_regions *m = page_alloc();

    if (m == NULL) {
        return -XEN_ENOMEM;
    }
    spin_init(&m->lock, LOCK_RANK_MMIO);
    __atomic_store_n(&d->mmio, m, __ATOMIC_RELEASE);
    return 0;
}

int mmio_register(struct domain *d, gfn_t start, gfn_t end, const struct mmio_ops *ops, void *data)
{
    int rc = d->mmio == NULL ? create_table(d) : 0;
    struct mmio_regions *m = d->mmio;

    if (rc != 0) {
        return rc;
    }
    if (start.n >= end.n) {
        return -XEN_EINVAL;
    }
    spin_guard(&m->lock);
    if (overlapping(m, start.n, end.n) != NULL) {
        return -XEN_EEXIST;
    }
    if (m->count == MAX_REGIONS) {
        return -XEN_ENOSPC;
    }
    m->regions[m->count++] = (struct mmio_region){start.n, end.n, ops, data};
    return 0;
}

void mmio_unregister(struct domain *d, gfn_t start)
{
    struct mmio_regions *m = d->mmio;
    struct mmio_region *region;

    if (m == NULL) {
        return;
    }
    spin_guard(&m->lock);
    region = overlapping(m, start.n, start.n + 1);
    if (region != NULL && region->start == start.n) {
        *region = m->regions[--m->count];
    }
}

static bool find(struct domain *d, uint64_t gpa, struct mmio_region *region)
{
    struct mmio_regions *m = d->mmio;
    const struct mmio_region *found;

    if (m == NULL) {
        return false;
    }
    spin_guard(&m->lock);
    found = overlapping(m, gpa >> PAGE_SHIFT, (gpa >> PAGE_SHIFT) + 1);
    if (found != NULL) {
        *region = *found;
    }
    return found != NULL;
}

/* --- The xAPIC page of the vCPU that looks ------------------------------------------------- */

/* Registers are 32 bits wide at 16-byte steps; what lies between reads as 0 (APM vol. 2, 16.3.2).
 */
static uint64_t xapic_read(struct vcpu *v, void *data, uint64_t gpa, unsigned size)
{
    unsigned offset = gpa & (PAGE_SIZE - 1);

    return (offset & 0xf) >= 4 ? 0 : low_bytes(vlapic_mmio_read(v, offset) >> (8 * (offset & 3)), size);
}

static void xapic_write(struct vcpu *v, void *data, uint64_t gpa, unsigned size, uint64_t value)
{
    if ((gpa & 0xf) == 0 && size >= 4) {
        vlapic_mmio_write(v, gpa & (PAGE_SIZE - 1), (uint32_t)value);
    }
}

static const struct mmio_ops xapic_ops = {xapic_read, xapic_write};

static bool find_for_vcpu(struct vcpu *v, uint64_t gpa, struct mmio_region *region)
{
    if (unlikely(gpa >> PAGE_SHIFT == XAPIC_GFN) && vlapic_is_mmio_enabled(v)) {
        *region = (struct mmio_region){XAPIC_GFN, XAPIC_GFN + 1, &xapic_ops, NULL};
        return true;
    }
    return find(v->domain, gpa, region);
}

bool mmio_is_claimed(struct vcpu *v, uint64_t gpa)
{
    struct mmio_region region;

    return find_for_vcpu(v, gpa, &region);
}

/* --- Accesses ----------------------------------------------------------------------------- */

/* The largest naturally aligned piece at gpa of what is left. */
static unsigned aligned_piece(uint64_t gpa, unsigned left)
{
    unsigned piece = 8;

    while ((gpa & (piece - 1)) != 0 || piece > left) {
        piece /= 2;
    }
    return piece;
}

uint64_t mmio_read(struct vcpu *v, uint64_t gpa, unsigned size)
{
    struct mmio_region region;
    uint64_t value = 0;

    if (!find_for_vcpu(v, gpa, &region)) {
        return guest_copy_in_gpa(v->domain, &value, gpa, size) == 0 ? value : low_bytes(~0UL, size);
    }
    for (unsigned done = 0, piece; done < size; done += piece) {
        piece = aligned_piece(gpa + done, size - done);
        value |= low_bytes(region.ops->read(v, region.data, gpa + done, piece), piece)
                 << (8 * done);
    }
    return value;
}

void mmio_write(struct vcpu *v, uint64_t gpa, unsigned size, uint64_t value)
{
    struct mmio_region region;

    if (!find_for_vcpu(v, gpa, &region)) {
        /* Nobody there, or read-only for this guest: the write is lost. */
        (void)guest_copy_out_gpa(v->domain, gpa, &value, size);
        return;
    }
    for (unsigned done = 0, piece; done < size; done += piece) {
        piece = aligned_piece(gpa + done, size - done);
        region.ops->write(v, region.data, gpa + done, piece, low_bytes(value >> (8 * done), piece));
    }
}
