/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Population and writing of guest memory.
 *
 * Mapping a foreign page costs dom0 two hypercalls, one to map and one to unmap, and a kernel has some ten
 * thousand pages. So the writer does not map them: the domain's first grant frame is ours to fill while
 * it is being built, so we let it grant us its own pages, a few hundred at a time, and have the
 * hypervisor copy into them, 16 pages a hypercall. Where that does not work (no gntdev, no
 * acquire_resource for grant tables) the pages are mapped.
 */
#include "agent/domain/guest_memory.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <xen/grant_table.h>
#include <xen/memory.h>

#include "agent/domain/ctx.h"
#include "agent/domain/layout.h"
#include "agent/hvcall/memory.h"
#include "agent/util/log.h"

#define PAGE_SHIFT     12
#define ORDER_2M       9
#define ORDER_1G       18
#define EXTENTS_BATCH  512

#define GRANT_REFS       (PAGE_BYTES / sizeof(grant_entry_v1_t))
#define GRANT_REF_FIRST  GNTTAB_NR_RESERVED_ENTRIES
#define GRANT_BATCH      (GRANT_REFS - GRANT_REF_FIRST)
#define MAP_BATCH        1024

/* ---- population ---- */

static int no_memory(struct err *err, uint32_t domid)
{
    return err_set_field(err, ERR_NO_MEMORY, "memory_bytes",
                         "the host ran out of memory while domain %u was given its own", domid);
}

/*
 * Populates the frames [gfn, end) with extents of 2^order pages as far as that goes; *gfn is left at
 * the first frame that is not populated. Running out of such extents is no error.
 */
static int populate_order(struct domain_ctx *ctx, uint32_t domid, uint64_t *gfn, uint64_t end,
                          unsigned int order, struct err *err)
{
    uint64_t step = 1ull << order;
    uint64_t extents[EXTENTS_BATCH];

    while (end - *gfn >= step) {
        size_t count = 0;
        while (count < EXTENTS_BATCH && end - *gfn >= (count + 1) * step) {
            extents[count] = *gfn + count * step;
            count++;
        }
        size_t done = 0;
        int result = memory_populate(ctx->hv, domid, extents, count, order, &done, err);
        if (result != 0) {
            return result;
        }
        *gfn += done * step;
        if (done < count) {
            return 0;
        }
    }
    return 0;
}

/* Populates [gfn, end), trying the largest extents (order_max) first and single pages last. */
static int populate_range(struct domain_ctx *ctx, uint32_t domid, uint64_t gfn, uint64_t end,
                          unsigned int order_max, struct err *err)
{
    static const unsigned int orders[] = {ORDER_1G, ORDER_2M, 0};

    for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]) && gfn < end; i++) {
        uint64_t mask = (1ull << orders[i]) - 1;
        if (orders[i] > order_max || (gfn & mask) != 0) {
            continue;
        }
        int result = populate_order(ctx, domid, &gfn, end, orders[i], err);
        if (result != 0) {
            return result;
        }
    }
    return gfn < end ? no_memory(err, domid) : 0;
}

int guest_memory_populate(struct domain_ctx *ctx, uint32_t domid, const struct layout *layout,
                          struct err *err)
{
    /*
     * No 1 GiB extents below 4 GiB: the guest places its shared info page and grant frames there,
     * which would break them up again at once.
     */
    const struct {
        uint64_t addr;
        uint64_t size_bytes;
        unsigned int order_max;
    } ranges[] = {
        {0, layout->ram_low_bytes, ORDER_2M},
        {LAYOUT_HIGH_START, layout->ram_high_bytes, ORDER_1G},
        {LAYOUT_ACPI_ADDR, PAGE_BYTES, 0},
        {LAYOUT_CONSOLE_ADDR, PAGE_BYTES, 0},
        {LAYOUT_STORE_ADDR, PAGE_BYTES, 0},
    };
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        uint64_t first = ranges[i].addr >> PAGE_SHIFT;
        uint64_t end = first + (ranges[i].size_bytes >> PAGE_SHIFT);
        int result = populate_range(ctx, domid, first, end, ranges[i].order_max, err);
        if (result != 0) {
            return result;
        }
    }
    return 0;
}

/* ---- writing ---- */

struct guest_writer {
    struct domain_ctx *ctx;
    uint32_t domid;
    xenforeignmemory_resource_handle *frame; /* grant frame 0, or NULL */
    grant_entry_v1_t *entries;               /* in it */
    bool can_copy;                           /* grant copy has not failed yet */
    uint8_t *zeroes;                         /* one page */
    xengnttab_grant_copy_segment_t segments[GRANT_BATCH];
};

int guest_writer_open(struct domain_ctx *ctx, uint32_t domid, struct guest_writer **out,
                      struct err *err)
{
    struct guest_writer *writer = calloc(1, sizeof(*writer));
    if (writer == NULL) {
        return err_set(err, ERR_NO_MEMORY, "no memory to write into the domain");
    }
    writer->ctx = ctx;
    writer->domid = domid;
    writer->zeroes = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (writer->zeroes == MAP_FAILED) {
        free(writer);
        return err_set(err, ERR_NO_MEMORY, "no memory to write into the domain");
    }

    void *address = NULL;
    writer->frame = xenforeignmemory_map_resource(
        ctx->foreign, (domid_t)domid, XENMEM_resource_grant_table,
        XENMEM_resource_grant_table_id_shared, 0, 1, &address, PROT_READ | PROT_WRITE, 0);
    if (writer->frame != NULL) {
        writer->entries = address;
        writer->can_copy = ctx->grants != NULL;
    } else {
        log_warn("domain=%u: cannot reach its grant table: %s", domid, strerror(errno));
    }
    *out = writer;
    return 0;
}

void guest_writer_close(struct guest_writer *writer)
{
    if (writer == NULL) {
        return;
    }
    if (writer->frame != NULL) {
        for (size_t ref = GRANT_REF_FIRST; ref < GRANT_REFS; ref++) {
            writer->entries[ref] = (grant_entry_v1_t){0};
        }
        xenforeignmemory_unmap_resource(writer->ctx->foreign, writer->frame);
    }
    munmap(writer->zeroes, PAGE_BYTES);
    free(writer);
}

static void set_entry(struct guest_writer *writer, uint32_t ref, uint64_t gfn)
{
    writer->entries[ref].frame = (uint32_t)gfn;
    writer->entries[ref].domid = OWN_DOMID;
    __atomic_store_n(&writer->entries[ref].flags, GTF_permit_access, __ATOMIC_RELEASE);
}

int guest_writer_grant(struct guest_writer *writer, uint32_t ref, uint64_t addr, struct err *err)
{
    if (writer->frame == NULL) {
        return err_set(err, ERR_UNAVAILABLE, "the hypervisor gives no access to grant tables");
    }
    set_entry(writer, ref, addr >> PAGE_SHIFT);
    return 0;
}

/* The part of [addr, addr + size) that lies in addr's page. */
static size_t in_page(uint64_t addr, uint64_t size_bytes)
{
    uint64_t room = PAGE_BYTES - addr % PAGE_BYTES;
    return (size_t)(size_bytes < room ? size_bytes : room);
}

/*
 * Copies as much as one batch of grants takes; data NULL writes zeroes. Returns the bytes written, or
 * 0 when copying does not work here.
 */
static size_t copy_batch(struct guest_writer *writer, uint64_t addr, const uint8_t *data,
                         uint64_t size_bytes)
{
    size_t count = 0;
    size_t written = 0;
    while (count < GRANT_BATCH && written < size_bytes) {
        uint64_t to = addr + written;
        size_t length = in_page(to, size_bytes - written);
        uint32_t ref = (uint32_t)(GRANT_REF_FIRST + count);
        set_entry(writer, ref, to >> PAGE_SHIFT);
        xengnttab_grant_copy_segment_t *segment = &writer->segments[count];
        *segment = (xengnttab_grant_copy_segment_t){
            .dest.foreign = {.ref = ref,
                             .offset = (uint16_t)(to % PAGE_BYTES),
                             .domid = (uint16_t)writer->domid},
            .len = (uint16_t)length,
            .flags = GNTCOPY_dest_gref,
        };
        segment->source.virt =
            data != NULL ? (void *)(uintptr_t)(data + written) : writer->zeroes;
        written += length;
        count++;
    }
    if (xengnttab_grant_copy(writer->ctx->grants, (uint32_t)count, writer->segments) != 0) {
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        if (writer->segments[i].status != GNTST_okay) {
            return 0;
        }
    }
    return written;
}

/* The same by mapping the pages. Returns 0 with errno set when they cannot be mapped. */
static size_t map_batch(struct guest_writer *writer, uint64_t addr, const uint8_t *data,
                        uint64_t size_bytes)
{
    static _Thread_local xen_pfn_t gfns[MAP_BATCH];
    static _Thread_local int errors[MAP_BATCH];
    xenforeignmemory_handle *foreign = writer->ctx->foreign;

    size_t offset = addr % PAGE_BYTES;
    size_t room = MAP_BATCH * PAGE_BYTES - offset;
    size_t length = size_bytes < room ? (size_t)size_bytes : room;
    size_t count = (offset + length + PAGE_BYTES - 1) / PAGE_BYTES;
    for (size_t i = 0; i < count; i++) {
        gfns[i] = (addr >> PAGE_SHIFT) + i;
    }
    uint8_t *pages = xenforeignmemory_map(foreign, writer->domid, PROT_READ | PROT_WRITE, count,
                                          gfns, errors);
    if (pages == NULL) {
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        if (errors[i] != 0) {
            xenforeignmemory_unmap(foreign, pages, count);
            errno = abs(errors[i]);
            return 0;
        }
    }
    if (data != NULL) {
        memcpy(pages + offset, data, length);
    } else {
        memset(pages + offset, 0, length);
    }
    xenforeignmemory_unmap(foreign, pages, count);
    return length;
}

static int write_all(struct guest_writer *writer, uint64_t addr, const uint8_t *data,
                     uint64_t size_bytes, struct err *err)
{
    while (size_bytes != 0) {
        size_t written = 0;
        if (writer->can_copy) {
            written = copy_batch(writer, addr, data, size_bytes);
            if (written == 0) {
                writer->can_copy = false;
                log_warn("domain=%u: grant copy does not work, mapping pages instead",
                         writer->domid);
            }
        }
        if (written == 0) {
            written = map_batch(writer, addr, data, size_bytes);
        }
        if (written == 0) {
            return err_set(err, ERR_INTERNAL, "cannot write to address 0x%llx of domain %u: %s",
                           (unsigned long long)addr, writer->domid, strerror(errno));
        }
        addr += written;
        size_bytes -= written;
        if (data != NULL) {
            data += written;
        }
    }
    return 0;
}

int guest_writer_copy(struct guest_writer *writer, uint64_t addr, const void *data,
                      size_t size_bytes, struct err *err)
{
    return write_all(writer, addr, data, size_bytes, err);
}

int guest_writer_zero(struct guest_writer *writer, uint64_t addr, uint64_t size_bytes,
                      struct err *err)
{
    return write_all(writer, addr, NULL, size_bytes, err);
}
