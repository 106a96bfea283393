/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tries to reach machine frames that are not dom0's, by every way that the ABI and the kernel offer.
 *
 *   reach < RANGES     "START END" a line, in hexadecimal, END not among them
 *
 * Prints a line a way: its name, how many frames were tried, how many were reached, and the first that was. What is
 * reached is taken back, but what was written there is not. The first line says of how many controls all were
 * reached: frames that dom0 may have.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xen/domctl.h>
#include <xen/grant_table.h>
#include <xen/memory.h>
#include <xen/xen.h>
#include <xenforeignmemory.h>

#define PAGE       4096UL
#define SCRATCH    0x4000000UL /* a guest frame of dom0 where nothing is: far above all RAM */
#define RANGES_MAX 65536
#define GRANT      8 /* the entry that names a frame */

struct privcmd_hypercall {
    uint64_t op, args[5];
};
#define IOCTL_PRIVCMD_HYPERCALL _IOC(_IOC_NONE, 'P', 0, sizeof(struct privcmd_hypercall))

struct way {
    const char *name;
    bool (*reach)(uint64_t frame, unsigned with); /* true: it was reached */
    unsigned with;
};

static int privcmd, dev_mem;
static domid_t helper;                /* a domain with one page, its frame 0, and a grant table */
static struct grant_entry_v1 *grants; /* its, mapped here */
static char *page;

static long hypercall(uint64_t number, uint64_t a, uint64_t b, uint64_t c)
{
    struct privcmd_hypercall call = {.op = number, .args = {a, b, c}};

    return ioctl(privcmd, IOCTL_PRIVCMD_HYPERCALL, &call);
}

static long domctl(struct xen_domctl *op, uint32_t cmd, domid_t domid)
{
    op->cmd = cmd;
    op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op->domain = domid;
    return hypercall(__HYPERVISOR_domctl, (uint64_t)op, 0, 0);
}

static void forget(domid_t domid)
{
    struct xen_remove_from_physmap remove = {.domid = domid, .gpfn = SCRATCH};

    hypercall(__HYPERVISOR_memory_op, XENMEM_remove_from_physmap, (uint64_t)&remove, 0);
}

/* --- The ways ------------------------------------------------------------------------------------- */

/* Mapped as memory of another domain, or of what stands for one. */
static bool by_foreign_map(uint64_t frame, unsigned owner)
{
    uint64_t to = SCRATCH;
    int error = -EINVAL;
    struct xen_add_to_physmap_batch batch = {
        .domid = DOMID_SELF, .space = XENMAPSPACE_gmfn_foreign, .size = 1, .u.foreign_domid = (domid_t)owner};

    set_xen_guest_handle(batch.idxs, &frame);
    set_xen_guest_handle(batch.gpfns, &to);
    set_xen_guest_handle(batch.errs, &error);
    if (hypercall(__HYPERVISOR_memory_op, XENMEM_add_to_physmap_batch, (uint64_t)&batch, 0) != 0 || error != 0) {
        return false;
    }
    forget(DOMID_SELF);
    return true;
}

/* Moved to another place of the domain's own memory. */
static bool by_move(uint64_t frame, unsigned whose)
{
    struct xen_add_to_physmap add = {
        .domid = (domid_t)whose, .space = XENMAPSPACE_gmfn, .idx = frame, .gpfn = SCRATCH};

    if (hypercall(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, (uint64_t)&add, 0) != 0) {
        return false;
    }
    forget((domid_t)whose);
    return true;
}

static bool copy(struct gnttab_copy *op)
{
    op->len = 64;
    op->status = 1;
    return hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_copy, (uint64_t)op, 1) == 0 && op->status == GNTST_okay;
}

/* The frame of this program's page, for copies: dom0's frames are the machine's. */
static uint64_t own_frame(void)
{
    static uint64_t frame;
    int pagemap;

    if (frame == 0) {
        pagemap = open("/proc/self/pagemap", O_RDONLY);
        if (pagemap < 0 ||
            pread(pagemap, &frame, sizeof(frame), (off_t)((uintptr_t)page / PAGE * 8)) != sizeof(frame)) {
            perror("pagemap");
            exit(1);
        }
        close(pagemap);
        frame &= (1UL << 55) - 1;
    }
    return frame;
}

static bool by_copy_from(uint64_t frame, unsigned whose)
{
    struct gnttab_copy op = {.source = {.u.gmfn = frame, .domid = (domid_t)whose},
                             .dest = {.u.gmfn = own_frame(), .domid = DOMID_SELF}};

    return copy(&op);
}

static bool by_copy_to(uint64_t frame, unsigned whose)
{
    struct gnttab_copy op = {.source = {.u.gmfn = own_frame(), .domid = DOMID_SELF},
                             .dest = {.u.gmfn = frame, .domid = (domid_t)whose}};

    return copy(&op);
}

/* The helper grants what is not its own. */
static void grant(uint64_t frame)
{
    grants[GRANT].flags = 0;
    grants[GRANT].domid = 0;
    grants[GRANT].frame = (uint32_t)frame;
    __atomic_store_n(&grants[GRANT].flags, GTF_permit_access, __ATOMIC_SEQ_CST);
}

static bool by_granted_copy(uint64_t frame, unsigned with)
{
    struct gnttab_copy op = {.source = {.u.ref = GRANT, .domid = helper},
                             .dest = {.u.gmfn = own_frame(), .domid = DOMID_SELF},
                             .flags = GNTCOPY_source_gref};

    (void)with;
    grant(frame);
    return copy(&op);
}

static bool by_granted_map(uint64_t frame, unsigned with)
{
    struct gnttab_map_grant_ref map = {
        .host_addr = SCRATCH * PAGE, .flags = GNTMAP_host_map, .ref = GRANT, .dom = helper};
    struct gnttab_unmap_grant_ref unmap = {.host_addr = SCRATCH * PAGE};

    (void)with;
    grant(frame);
    map.status = 1;
    if (hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, (uint64_t)&map, 1) != 0 ||
        map.status != GNTST_okay) {
        return false;
    }
    unmap.handle = map.handle;
    hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, (uint64_t)&unmap, 1);
    return true;
}

/* Given to the helper as if it were a device's. */
static bool by_device_permission(uint64_t frame, unsigned with)
{
    struct xen_domctl op = {.u.iomem_permission = {.first_mfn = frame, .nr_mfns = 1, .allow_access = 1}};

    (void)with;
    return domctl(&op, XEN_DOMCTL_iomem_permission, helper) == 0;
}

static bool by_device_mapping(uint64_t frame, unsigned with)
{
    struct xen_domctl op = {0};

    (void)with;
    op.u.memory_mapping.first_gfn = SCRATCH;
    op.u.memory_mapping.first_mfn = frame;
    op.u.memory_mapping.nr_mfns = 1;
    op.u.memory_mapping.add_mapping = DPCI_ADD_MAPPING;
    return domctl(&op, XEN_DOMCTL_memory_mapping, helper) == 0;
}

/* A page of a grant table with this number. */
static bool by_resource(uint64_t frame, unsigned whose)
{
    uint64_t to = SCRATCH;
    struct xen_mem_acquire_resource resource = {
        .domid = (domid_t)whose, .type = XENMEM_resource_grant_table, .nr_frames = 1, .frame = frame};

    set_xen_guest_handle(resource.frame_list, &to);
    if (hypercall(__HYPERVISOR_memory_op, XENMEM_acquire_resource, (uint64_t)&resource, 0) != 0) {
        return false;
    }
    forget(DOMID_SELF);
    return true;
}

/* As memory of the machine: where the kernel lets it be mapped there must be nothing. */
static bool by_dev_mem(uint64_t frame, unsigned with)
{
    volatile uint64_t *mapped = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, dev_mem, (off_t)(frame * PAGE));
    bool is_reached;

    (void)with;
    if (mapped == MAP_FAILED) {
        return false;
    }
    is_reached = mapped[0] != ~0UL || mapped[511] != ~0UL;
    mapped[0] = 0x5a5a5a5a5a5a5a5a;
    is_reached = is_reached || mapped[0] != ~0UL;
    munmap((void *)mapped, PAGE);
    return is_reached;
}

/* --- All of them ----------------------------------------------------------------------------------- */

/* The helper's one page. */
static void populate_helper(void)
{
    uint64_t frame = 0;
    struct xen_domctl op = {.u.max_mem.max_memkb = 64};
    struct xen_memory_reservation reservation = {.nr_extents = 1, .domid = helper};

    set_xen_guest_handle(reservation.extent_start, &frame);
    if (domctl(&op, XEN_DOMCTL_max_mem, helper) != 0 ||
        hypercall(__HYPERVISOR_memory_op, XENMEM_populate_physmap, (uint64_t)&reservation, 0) != 1) {
        perror("the helper's page");
        exit(1);
    }
}

static void make_helper(void)
{
    struct xen_domctl op = {.u.createdomain = {.flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap,
                                               .max_vcpus = 1,
                                               .max_evtchn_port = 1023,
                                               .max_grant_frames = 1,
                                               .max_maptrack_frames = 1,
                                               .grant_opts = XEN_DOMCTL_GRANT_version(1),
                                               .arch.emulation_flags = XEN_X86_EMU_LAPIC}};
    xenforeignmemory_handle *foreign = xenforeignmemory_open(NULL, 0);
    void *address = NULL;

    if (domctl(&op, XEN_DOMCTL_createdomain, 0) != 0) {
        perror("createdomain");
        exit(1);
    }
    helper = (domid_t)op.domain;
    populate_helper();
    if (foreign == NULL || xenforeignmemory_map_resource(foreign, helper, XENMEM_resource_grant_table,
                                                         XENMEM_resource_grant_table_id_shared, 0, 1, &address,
                                                         PROT_READ | PROT_WRITE, 0) == NULL) {
        perror("the helper's grant table");
        exit(1);
    }
    grants = address;
}

/* The same ways, where they must lead somewhere. */
static void try_controls(void)
{
    unsigned reached = by_foreign_map(own_frame(), 0) + by_foreign_map(0, helper) +
                       by_copy_from(own_frame(), DOMID_SELF) + by_copy_to(own_frame(), DOMID_SELF) +
                       by_granted_copy(0, 0) + by_granted_map(0, 0) + by_resource(0, helper) + by_move(0, helper);

    printf("controls: 8 tried, %u reached, first 0\n", reached);
}

static void try_all(const struct way *way, const uint64_t (*ranges)[2], unsigned range_count)
{
    uint64_t first = 0;
    unsigned long tried = 0, reached = 0;

    for (unsigned i = 0; i < range_count; i++) {
        for (uint64_t frame = ranges[i][0]; frame < ranges[i][1]; frame++) {
            tried++;
            if (way->reach(frame, way->with)) {
                first = reached++ == 0 ? frame : first;
            }
        }
    }
    printf("%s: %lu tried, %lu reached, first %lx\n", way->name, tried, reached, first);
}

int main(void)
{
    static uint64_t ranges[RANGES_MAX][2];
    struct xen_domctl destroy = {0};
    unsigned range_count = 0;

    mlockall(MCL_CURRENT | MCL_FUTURE); /* the hypervisor does not wait for a page to come */
    privcmd = open("/dev/xen/privcmd", O_RDWR);
    dev_mem = open("/dev/mem", O_RDWR | O_SYNC);
    page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (privcmd < 0 || dev_mem < 0 || page == MAP_FAILED) {
        perror("reach");
        return 1;
    }
    while (range_count < RANGES_MAX && scanf("%lx %lx", &ranges[range_count][0], &ranges[range_count][1]) == 2) {
        range_count++;
    }
    make_helper();
    try_controls();

    const struct way ways[] = {
        {"foreign map of DOMID_XEN", by_foreign_map, DOMID_XEN},
        {"foreign map of DOMID_IO", by_foreign_map, DOMID_IO},
        {"foreign map of dom0", by_foreign_map, 0},
        {"foreign map of a guest", by_foreign_map, helper},
        {"move in dom0", by_move, DOMID_SELF},
        {"move in a guest", by_move, helper},
        {"copy from dom0's", by_copy_from, DOMID_SELF},
        {"copy from DOMID_XEN's", by_copy_from, DOMID_XEN},
        {"copy from DOMID_IO's", by_copy_from, DOMID_IO},
        {"copy to dom0's", by_copy_to, DOMID_SELF},
        {"copy to DOMID_XEN's", by_copy_to, DOMID_XEN},
        {"copy of a guest's grant", by_granted_copy, 0},
        {"map of a guest's grant", by_granted_map, 0},
        {"device memory's permission", by_device_permission, 0},
        {"device memory's mapping", by_device_mapping, 0},
        {"resource of a guest", by_resource, helper},
        {"resource of dom0", by_resource, DOMID_SELF},
        {"/dev/mem", by_dev_mem, 0},
    };
    for (unsigned i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        try_all(&ways[i], ranges, range_count);
    }
    munmap(grants, PAGE);
    domctl(&destroy, XEN_DOMCTL_destroydomain, helper);
    return 0;
}
