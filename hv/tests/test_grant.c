/* SPDX-License-Identifier: Apache-2.0 */
/* Grants: domain a grants, domain b maps and copies. */
#include <hv/frame.h>
#include <hv/grant.h>
#include <hv/hypercall.h>

#include <criterion/criterion.h>

#include "core/grant_entries.h"
#include "tests/host/fake.h"

#define GRANTED_GFN 40UL
#define SCRATCH(n)  ((FAKE_GUEST_PAGES + 100 + (n)) << PAGE_SHIFT) /* holes of b */
#define ARG         0x3000UL

static struct domain *a, *b;

static void setup(void)
{
    fake_host_init();
    fake_domain_create(0, 1);
    a = fake_domain_create(1, 1);
    b = fake_domain_create(2, 1);
    fake_cpu_use(0, b->vcpus[0]);
}

TestSuite(grant, .init = setup);

static struct grant_entry_v1 *entry(uint32_t ref)
{
    return (struct grant_entry_v1 *)a->grants->frames[ref / 512] + ref % 512;
}

static void grant_to_b(uint32_t ref, uint64_t frame, uint16_t flags)
{
    *entry(ref) = (struct grant_entry_v1){GTF_permit_access | flags, b->domid, (uint32_t)frame};
}

static struct gnttab_map_grant_ref map(uint32_t ref, uint64_t address, uint32_t flags)
{
    struct gnttab_map_grant_ref op = {.host_addr = address, .flags = flags, .ref = ref, .dom = a->domid};

    grant_map(b, a, &op);
    return op;
}

static int unmap(uint32_t handle, uint64_t address)
{
    struct gnttab_unmap_grant_ref op = {.host_addr = address, .handle = handle};

    grant_unmap(b, &op, 1);
    return op.status;
}

static mfn_t frame_at(struct domain *d, uint64_t gpa)
{
    return p2m_lookup(d, gfn(gpa >> PAGE_SHIFT)).mfn;
}

Test(grant, map_shows_the_page_and_marks_the_entry)
{
    struct gnttab_map_grant_ref op;
    mfn_t m = frame_at(a, GRANTED_GFN << PAGE_SHIFT);

    grant_to_b(9, GRANTED_GFN, 0);
    op = map(9, SCRATCH(0), GNTMAP_host_map);

    cr_assert_eq(op.status, GNTST_okay);
    cr_assert_eq(frame_at(b, SCRATCH(0)).n, m.n);
    cr_assert_eq(entry(9)->flags, GTF_permit_access | GTF_reading | GTF_writing);
    cr_assert_eq(frame_of(m)->refs, 2);
    cr_assert_eq(p2m_unmap(b, gfn(SCRATCH(0) >> PAGE_SHIFT), 0), -XEN_EBUSY);

    cr_assert_eq(unmap(op.handle, SCRATCH(0)), GNTST_okay);
    cr_assert(mfn_is_none(frame_at(b, SCRATCH(0))));
    cr_assert_eq(entry(9)->flags, GTF_permit_access);
    cr_assert_eq(frame_of(m)->refs, 1);
    cr_assert_eq(unmap(op.handle, SCRATCH(0)), GNTST_bad_handle);
}

Test(grant, read_only_stays_read_only)
{
    struct gnttab_map_grant_ref op;

    grant_to_b(9, GRANTED_GFN, GTF_readonly);
    cr_assert_eq(map(9, SCRATCH(0), GNTMAP_host_map).status, GNTST_general_error);
    op = map(9, SCRATCH(0), GNTMAP_host_map | GNTMAP_readonly);

    cr_assert_eq(op.status, GNTST_okay);
    cr_assert_eq(entry(9)->flags, GTF_permit_access | GTF_readonly | GTF_reading);
    cr_assert_not(p2m_lookup(b, gfn(SCRATCH(0) >> PAGE_SHIFT)).flags & P2M_W);
    cr_assert_eq(unmap(op.handle, SCRATCH(0)), GNTST_okay);
    cr_assert_eq(entry(9)->flags, GTF_permit_access | GTF_readonly);
}

Test(grant, two_mappings_count)
{
    struct gnttab_map_grant_ref reader, writer;

    grant_to_b(9, GRANTED_GFN, 0);
    reader = map(9, SCRATCH(0), GNTMAP_host_map | GNTMAP_readonly);
    writer = map(9, SCRATCH(1), GNTMAP_host_map);
    entry(9)->frame = 3; /* no effect while in use */
    cr_assert_eq(unmap(writer.handle, SCRATCH(1)), GNTST_okay);
    cr_assert_eq(entry(9)->flags, GTF_permit_access | GTF_reading);
    cr_assert_eq(unmap(reader.handle, SCRATCH(0)), GNTST_okay);
    cr_assert_eq(entry(9)->flags, GTF_permit_access);
}

Test(grant, map_refuses_what_was_not_granted)
{
    struct domain *c = fake_domain_create(3, 1);
    struct gnttab_map_grant_ref op = {.host_addr = SCRATCH(0), .flags = GNTMAP_host_map, .ref = 9};

    cr_assert_eq(map(9, SCRATCH(0), GNTMAP_host_map).status, GNTST_general_error, "invalid entry");
    grant_to_b(9, GRANTED_GFN, 0);
    grant_map(c, a, &op);
    cr_assert_eq(op.status, GNTST_general_error, "granted to another");
    cr_assert_eq(map(512, SCRATCH(0), GNTMAP_host_map).status, GNTST_bad_gntref);
    cr_assert_eq(map(0xffffffff, SCRATCH(0), GNTMAP_host_map).status, GNTST_bad_gntref);
    cr_assert_eq(map(9, SCRATCH(0), 0).status, GNTST_bad_gntref);
    cr_assert_eq(map(9, SCRATCH(0), GNTMAP_host_map | GNTMAP_contains_pte).status, GNTST_general_error);
    cr_assert_eq(map(9, SCRATCH(0), GNTMAP_device_map).status, GNTST_no_device_space);
    cr_assert_eq(map(9, 0, GNTMAP_host_map).status, GNTST_bad_virt_addr, "RAM is there");
    cr_assert_eq(map(9, ~0UL, GNTMAP_host_map).status, GNTST_bad_virt_addr);
    grant_to_b(10, FAKE_GUEST_PAGES + 3, 0);
    cr_assert_eq(map(10, SCRATCH(0), GNTMAP_host_map).status, GNTST_bad_page, "a hole of a");
    cr_assert_eq(entry(9)->flags, GTF_permit_access, "nothing left marked");
    cr_assert_eq(entry(10)->flags, GTF_permit_access);
    cr_assert_eq(frame_of(frame_at(a, GRANTED_GFN << PAGE_SHIFT))->refs, 1);
}

Test(grant, nobody_grants_what_is_anothers)
{
    struct gnttab_map_grant_ref op;

    grant_to_b(9, GRANTED_GFN, 0);
    op = map(9, SCRATCH(0), GNTMAP_host_map);
    cr_assert_eq(op.status, GNTST_okay);

    /* b grants the page it has mapped, to a. */
    *(struct grant_entry_v1 *)b->grants->frames[0] =
        (struct grant_entry_v1){GTF_permit_access, a->domid, (uint32_t)(SCRATCH(0) >> PAGE_SHIFT)};
    struct gnttab_map_grant_ref back = {.host_addr = SCRATCH(5), .flags = GNTMAP_host_map, .ref = 0};
    grant_map(a, b, &back);
    cr_assert_eq(back.status, GNTST_bad_page);
}

Test(grant, unmap_checks_the_address)
{
    struct gnttab_unmap_grant_ref nothing = {.handle = 0};
    struct gnttab_map_grant_ref op;

    grant_to_b(9, GRANTED_GFN, 0);
    op = map(9, SCRATCH(0), GNTMAP_host_map | GNTMAP_device_map);
    cr_assert_eq(op.dev_bus_addr, SCRATCH(0));
    cr_assert_eq(grant_mapped_count(b), 1);
    nothing.handle = op.handle;

    cr_assert_eq(unmap(op.handle, SCRATCH(1)), GNTST_bad_virt_addr);
    cr_assert_eq(unmap(op.handle + 1, SCRATCH(0)), GNTST_bad_handle);
    cr_assert_eq(unmap(0xffffffff, SCRATCH(0)), GNTST_bad_handle);
    grant_unmap(b, &nothing, 1);
    cr_assert_eq(nothing.status, GNTST_okay, "nothing was asked for");
    nothing.dev_bus_addr = SCRATCH(1);
    grant_unmap(b, &nothing, 1);
    cr_assert_eq(nothing.status, GNTST_bad_dev_addr);
    cr_assert_eq(grant_mapped_count(b), 1);
    cr_assert_eq(unmap(op.handle, SCRATCH(0)), GNTST_okay);
    cr_assert_eq(grant_mapped_count(b), 0);
}

Test(grant, batch_is_flushed_once)
{
    struct gnttab_unmap_grant_ref ops[GRANT_BATCH];
    uint64_t before;

    grant_to_b(9, GRANTED_GFN, 0);
    for (unsigned i = 0; i < GRANT_BATCH; i++) {
        ops[i] = (struct gnttab_unmap_grant_ref){.host_addr = SCRATCH(i)};
        ops[i].handle = map(9, SCRATCH(i), GNTMAP_host_map).handle;
    }
    before = b->p2m.flush_gen;
    grant_unmap(b, ops, GRANT_BATCH);

    cr_assert_eq(b->p2m.flush_gen, before + 1);
    cr_assert_eq(entry(9)->flags, GTF_permit_access);
}

Test(grant, handles_end_at_the_limit_and_come_back)
{
    const unsigned limit = 16 * GRANT_TRACKS_PER_PAGE;
    struct gnttab_map_grant_ref op = {0};

    grant_to_b(9, GRANTED_GFN, 0);
    for (unsigned i = 0; i < limit; i++) {
        op = map(9, SCRATCH(i), GNTMAP_host_map);
        cr_assert_eq(op.status, GNTST_okay);
    }
    cr_assert_eq(map(9, SCRATCH(limit), GNTMAP_host_map).status, GNTST_no_space);
    cr_assert_eq(unmap(op.handle, SCRATCH(limit - 1)), GNTST_okay);
    cr_assert_eq(map(9, SCRATCH(limit), GNTMAP_host_map).handle, op.handle);
    while (grant_release_mappings(b) == -XEN_ERESTART) {
    }
    cr_assert_eq(entry(9)->flags, GTF_permit_access);
    cr_assert_eq(frame_of(frame_at(a, GRANTED_GFN << PAGE_SHIFT))->refs, 1);
}

Test(grant, dead_granter_keeps_the_page_until_unmapped)
{
    uint64_t free_before = frame_stats(NODE_ANY).free;
    struct domain *g = fake_domain_create(8, 1);
    struct gnttab_map_grant_ref op = {.host_addr = SCRATCH(0), .flags = GNTMAP_host_map, .dom = 8};
    uint64_t tables;

    *(struct grant_entry_v1 *)g->grants->frames[0] = (struct grant_entry_v1){GTF_permit_access, b->domid, 7};
    grant_map(b, g, &op);
    cr_assert_eq(op.status, GNTST_okay);
    tables = b->p2m.table_frames;
    fake_domain_destroy(g);

    memset(fake_guest_memory(b, SCRATCH(0)), 0x5a, PAGE_SIZE);
    cr_assert_eq(unmap(op.handle, SCRATCH(0)), GNTST_okay);
    cr_assert_null(domain_get(8));
    cr_assert_eq(b->p2m.table_frames, tables);
    cr_assert_geq(frame_stats(NODE_ANY).free + 8, free_before, "only b's tables and handles remain");
}

Test(grant, dead_mapper_lets_go)
{
    struct domain *m = fake_domain_create(8, 1);
    struct gnttab_map_grant_ref op = {.host_addr = SCRATCH(0), .flags = GNTMAP_host_map, .ref = 9};

    *entry(9) = (struct grant_entry_v1){GTF_permit_access, 8, GRANTED_GFN};
    grant_map(m, a, &op);
    cr_assert_eq(op.status, GNTST_okay);
    fake_domain_destroy(m);

    cr_assert_null(domain_get(8));
    cr_assert_eq(entry(9)->flags, GTF_permit_access);
    cr_assert_eq(frame_of(frame_at(a, GRANTED_GFN << PAGE_SHIFT))->refs, 1);
}

/* --- Copy ---------------------------------------------------------------------------------------- */

static struct gnttab_copy copy_from_a(uint32_t ref, uint16_t offset, uint64_t to_gfn, uint16_t to, uint16_t len)
{
    struct gnttab_copy op = {
        .source = {.u.ref = ref, .domid = a->domid, .offset = offset},
        .dest = {.u.gmfn = to_gfn, .domid = DOMID_SELF, .offset = to},
        .len = len,
        .flags = GNTCOPY_source_gref,
    };

    grant_copy(b, &op, 1);
    return op;
}

Test(grant, copy_moves_bytes)
{
    char *source = fake_guest_memory(a, GRANTED_GFN << PAGE_SHIFT);

    memcpy(source + 100, "hello", 5);
    grant_to_b(9, GRANTED_GFN, GTF_readonly);

    cr_assert_eq(copy_from_a(9, 100, 5, 4091, 5).status, GNTST_okay);
    cr_assert_eq(memcmp((char *)fake_guest_memory(b, 5 << PAGE_SHIFT) + 4091, "hello", 5), 0);
    cr_assert_eq(entry(9)->flags, GTF_permit_access | GTF_readonly);
    cr_assert_eq(frame_of(frame_at(b, 5 << PAGE_SHIFT))->refs, 1);
}

Test(grant, copy_refuses)
{
    struct gnttab_copy op = {
        .source = {.u.gmfn = 5, .domid = a->domid},
        .dest = {.u.gmfn = 6, .domid = DOMID_SELF},
        .len = 8,
    };

    grant_to_b(9, GRANTED_GFN, GTF_readonly);
    cr_assert_eq(copy_from_a(9, 100, 5, 4092, 5).status, GNTST_bad_copy_arg);
    cr_assert_eq(copy_from_a(9, 4095, 5, 0, 2).status, GNTST_bad_copy_arg);
    cr_assert_eq(copy_from_a(9, 65535, 5, 0, 65535).status, GNTST_bad_copy_arg);
    cr_assert_eq(copy_from_a(9, 0, FAKE_GUEST_PAGES + 1, 0, 5).status, GNTST_bad_page);
    cr_assert_eq(copy_from_a(8, 0, 5, 0, 5).status, GNTST_general_error);
    grant_copy(b, &op, 1);
    cr_assert_eq(op.status, GNTST_permission_denied, "a frame number of another domain");
    op.source.domid = DOMID_SELF;
    op.dest = (struct gnttab_copy_ptr){.u.ref = 9, .domid = a->domid};
    op.flags = GNTCOPY_dest_gref;
    grant_copy(b, &op, 1);
    cr_assert_eq(op.status, GNTST_general_error, "read-only grant as destination");
    op.dest.domid = 99;
    grant_copy(b, &op, 1);
    cr_assert_eq(op.status, GNTST_bad_domain);
    cr_assert_eq(entry(9)->flags, GTF_permit_access | GTF_readonly);
}

/* Another vCPU could unmap it while it is written. */
Test(grant, copy_has_no_end_in_a_page_that_is_mapped_of_another)
{
    grant_to_b(9, GRANTED_GFN, 0);
    grant_to_b(10, GRANTED_GFN + 1, 0);
    cr_assert_eq(map(10, SCRATCH(0), GNTMAP_host_map).status, GNTST_okay);

    cr_expect_eq(copy_from_a(9, 0, SCRATCH(0) >> PAGE_SHIFT, 0, 5).status, GNTST_bad_page);
}

Test(grant, copy_batch_keeps_its_pages_open)
{
    struct gnttab_copy ops[GRANT_BATCH];

    grant_to_b(9, GRANTED_GFN, 0);
    for (unsigned i = 0; i < GRANT_BATCH; i++) {
        ops[i] = (struct gnttab_copy){
            .source = {.u.gmfn = 5, .domid = DOMID_SELF, .offset = (uint16_t)(i * 16)},
            .dest = {.u.ref = 9, .domid = a->domid, .offset = (uint16_t)(i * 8)},
            .len = 8,
            .flags = GNTCOPY_dest_gref,
        };
    }
    ops[3].dest.u.ref = 8; /* refused, the others go on */
    grant_copy(b, ops, GRANT_BATCH);
    for (unsigned i = 0; i < GRANT_BATCH; i++) {
        cr_assert_eq(ops[i].status, i == 3 ? GNTST_general_error : GNTST_okay);
    }
    cr_assert_eq(entry(9)->flags, GTF_permit_access);
    cr_assert_eq(frame_of(frame_at(a, GRANTED_GFN << PAGE_SHIFT))->refs, 1);
}

/* --- Version 2 ----------------------------------------------------------------------------------- */

static union grant_entry_v2 *entry_v2(uint32_t ref)
{
    return (union grant_entry_v2 *)a->grants->frames[ref / 256] + ref % 256;
}

Test(grant, version_2_keeps_reserved_entries_and_marks_status)
{
    struct gnttab_map_grant_ref op;
    mfn_t status;

    grant_to_b(1, GRANTED_GFN, 0);
    grant_to_b(9, GRANTED_GFN, 0);
    cr_assert_eq(grant_get_frame(a, 0, true, &status), -XEN_EINVAL);
    cr_assert_eq(grant_set_version(a, 3), -XEN_EINVAL);
    cr_assert_eq(grant_set_version(a, 2), 0);
    cr_assert_eq(entry_v2(1)->full_page.frame, GRANTED_GFN);
    cr_assert_eq(entry_v2(9)->hdr.flags, 0);

    op = map(1, SCRATCH(0), GNTMAP_host_map);
    cr_assert_eq(op.status, GNTST_okay);
    cr_assert_eq(a->grants->status[0][1], GTF_reading | GTF_writing);
    cr_assert_eq(entry_v2(1)->hdr.flags, GTF_permit_access, "the header is the guest's alone");
    cr_assert_eq(grant_set_version(a, 1), -XEN_EBUSY);
    cr_assert_eq(unmap(op.handle, SCRATCH(0)), GNTST_okay);
    cr_assert_eq(a->grants->status[0][1], 0);
    cr_assert_eq(grant_get_frame(a, 0, true, &status), 0);
    frame_put(status);
    cr_assert_eq(grant_set_version(a, 1), 0);
    cr_assert_eq(entry(1)->frame, GRANTED_GFN);
}

Test(grant, sub_page_grants_are_for_copies_within_them)
{
    cr_assert_eq(grant_set_version(a, 2), 0);
    entry_v2(9)->sub_page.frame = GRANTED_GFN;
    entry_v2(9)->sub_page.page_off = 64;
    entry_v2(9)->sub_page.length = 32;
    entry_v2(9)->hdr.domid = b->domid;
    entry_v2(9)->hdr.flags = GTF_permit_access | GTF_sub_page;

    cr_assert_eq(map(9, SCRATCH(0), GNTMAP_host_map).status, GNTST_general_error);
    cr_assert_eq(copy_from_a(9, 64, 5, 0, 32).status, GNTST_okay);
    cr_assert_eq(copy_from_a(9, 63, 5, 0, 8).status, GNTST_general_error);
    cr_assert_eq(copy_from_a(9, 64, 5, 0, 33).status, GNTST_general_error);
    entry_v2(9)->sub_page.page_off = 0xffff;
    cr_assert_eq(copy_from_a(9, 64, 5, 0, 8).status, GNTST_general_error);
    cr_assert_eq(a->grants->status[0][9], 0);
}

/* --- Table and hypercall ------------------------------------------------------------------------- */

Test(grant, table_grows_to_its_limit)
{
    uint32_t frames, max, status;
    mfn_t m;

    cr_assert_eq(grant_get_frame(a, 15, false, &m), 0);
    cr_assert_eq(frame_of(m)->refs, 2);
    frame_put(m);
    cr_assert_eq(grant_get_frame(a, 16, false, &m), -XEN_EINVAL);
    cr_assert_eq(grant_get_frame(a, ~0UL, false, &m), -XEN_EINVAL);
    grant_frame_counts(a, &frames, &max, &status);
    cr_assert_eq(frames, 16);
    cr_assert_eq(max, 16);
    cr_assert_eq(status, 0);
    a->grants->max_frames = 32;
    grant_to_b(16 * 512 - 1, GRANTED_GFN, 0);
    cr_assert_eq(map(16 * 512 - 1, SCRATCH(0), GNTMAP_host_map).status, GNTST_okay);
}

/* A status frame that there can never be made the table grow to its limit first. */
Test(grant, status_frames_are_as_many_as_the_entries_need)
{
    uint32_t frames, max, status;
    mfn_t m;

    cr_assert_eq(grant_set_version(a, 2), 0);
    cr_assert_eq(grant_get_frame(a, 2, true, &m), -XEN_EINVAL);
    cr_assert_eq(grant_get_frame(a, 0x1000000, true, &m), -XEN_EINVAL);
    grant_frame_counts(a, &frames, &max, &status);
    cr_expect_eq(frames, 1);
    cr_assert_eq(grant_get_frame(a, 1, true, &m), 0);
    frame_put(m);
    grant_frame_counts(a, &frames, &max, &status);
    cr_expect_eq(frames, 9);
    cr_expect_eq(status, 2);

    cr_expect_eq(grant_status_frames(8), 1);
    cr_expect_eq(grant_status_frames(9), 2);
    cr_expect_eq(grant_status_frames(0), 0);
}

Test(grant, swap_changes_places)
{
    grant_to_b(9, GRANTED_GFN, 0);
    grant_to_b(10, GRANTED_GFN + 1, GTF_readonly);
    cr_assert_eq(grant_swap(a, 9, 10), GNTST_okay);
    cr_assert_eq(entry(9)->frame, GRANTED_GFN + 1);
    cr_assert_eq(entry(10)->flags, GTF_permit_access);
    cr_assert_eq(grant_swap(a, 9, 100000), GNTST_bad_gntref);
    map(10, SCRATCH(0), GNTMAP_host_map);
    cr_assert_eq(grant_swap(a, 9, 10), GNTST_eagain);
}

Test(grant, hypercall_maps_an_array_and_restarts)
{
    const unsigned count = 100;
    struct gnttab_map_grant_ref *ops = fake_guest_memory(b, ARG);
    long rc;

    grant_to_b(9, GRANTED_GFN, 0);
    for (unsigned i = 0; i < count; i++) {
        ops[i] = (struct gnttab_map_grant_ref){
            .host_addr = SCRATCH(i), .flags = GNTMAP_host_map, .ref = 9, .dom = i == 5 ? 77 : a->domid};
    }
    rc = grant_table_op(b->vcpus[0], GNTTABOP_map_grant_ref, ARG, count);
    cr_assert_eq(rc, HYPERCALL_RESTART);
    rc = grant_table_op(b->vcpus[0], GNTTABOP_map_grant_ref, fake_restart_args[1],
                        (unsigned)fake_restart_args[2]);
    cr_assert_eq(rc, 0);
    for (unsigned i = 0; i < count; i++) {
        cr_assert_eq(ops[i].status, i == 5 ? GNTST_bad_domain : GNTST_okay);
    }
}

Test(grant, hypercall_queries)
{
    struct gnttab_query_size *size = fake_guest_memory(b, ARG);
    struct gnttab_get_version *version = fake_guest_memory(b, ARG);
    struct gnttab_transfer *transfer = fake_guest_memory(b, ARG);
    struct vcpu *v = b->vcpus[0];

    *size = (struct gnttab_query_size){.dom = DOMID_SELF};
    cr_assert_eq(grant_table_op(v, GNTTABOP_query_size, ARG, 1), 0);
    cr_assert_eq(size->status, GNTST_okay);
    cr_assert_eq(size->nr_frames, 1);
    cr_assert_eq(size->max_nr_frames, 16);
    *size = (struct gnttab_query_size){.dom = a->domid};
    cr_assert_eq(grant_table_op(v, GNTTABOP_query_size, ARG, 1), 0);
    cr_assert_eq(size->status, GNTST_permission_denied);
    cr_assert_eq(grant_table_op(v, GNTTABOP_query_size, ARG, 2), -XEN_EINVAL);

    *version = (struct gnttab_get_version){.dom = DOMID_SELF};
    cr_assert_eq(grant_table_op(v, GNTTABOP_get_version, ARG, 1), 0);
    cr_assert_eq(version->version, 1);
    *transfer = (struct gnttab_transfer){.domid = a->domid};
    cr_assert_eq(grant_table_op(v, GNTTABOP_transfer, ARG, 1), 0);
    cr_assert_eq(transfer->status, GNTST_bad_page);
    cr_assert_eq(grant_table_op(v, GNTTABOP_map_grant_ref, ~0UL << 12, 1), -XEN_EFAULT);
    cr_assert_eq(grant_table_op(v, GNTTABOP_map_grant_ref, ARG, 0x80000000), -XEN_EINVAL);
    cr_assert_eq(grant_table_op(v, 99, ARG, 1), -XEN_ENOSYS);
}
