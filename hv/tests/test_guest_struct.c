/* SPDX-License-Identifier: Apache-2.0 */
/* Callers in 32-bit mode: the layouts of their structures, and calls made with them. Offsets are those of the
 * ABI of x86_32, where a compiler would put the fields. */
#include <hv/evtchn.h>
#include <hv/frame.h>
#include <hv/grant.h>
#include <hv/guest_struct.h>
#include <hv/hypercall.h>
#include <hv/time.h>
#include <xen/memory.h>
#include <xen/sched.h>
#include <xen/vcpu.h>

#include <criterion/criterion.h>

#include <string.h>

#include "tests/host/fake.h"

#define ARG  0x3000UL
#define LIST 0x3800UL

static struct domain *d;
static struct vcpu *v;
static uint32_t *arg, *list;

static void setup(void)
{
    fake_host_init();
    fake_domain_create(0, 1);
    d = fake_domain_create(1, 1);
    v = d->vcpus[0];
    fake_cpu_use(0, v);
    fake_code_bits = 32;
    arg = fake_guest_memory(d, ARG);
    list = fake_guest_memory(d, LIST);
}

TestSuite(guest_struct, .init = setup);

/* The layout strings of the callers, against the 64-bit headers and the ABI's sizes for 32 bits. */
Test(guest_struct, sizes)
{
    static const struct {
        const char *layout;
        size_t size;
    } narrow[] = {
        {"ppwwh", 20}, {"hhwpp", 16}, {"hhhhppp", 20},      {"hp", 8},    {"wp", 8},   {"h|wp", 12}, {"hhwwwqp", 28},
        {"hwhp", 16},  {"whhp", 12},  {"phh|phh|hhh", 24},  {"phwh", 16}, {"pwq", 16}, {"qw", 12},   {"wqqqqq", 44},
    };

    for (size_t i = 0; i < sizeof(narrow) / sizeof(narrow[0]); i++) {
        cr_expect_eq(guest_struct_size(v, 1000, narrow[i].layout), narrow[i].size, "%s", narrow[i].layout);
    }
    fake_code_bits = 64;
    cr_expect_eq(guest_struct_size(v, 1000, "hp"), 1000);
}

Test(guest_struct, fields_find_their_places)
{
    struct gnttab_copy copy;
    uint32_t words[6] = {11, 12 | 13 << 16, 21, 22 | 23 << 16, 31 | 32 << 16, 0xffff};
    uint32_t back[GUEST_NARROW_MAX / 4];

    memcpy(arg, words, sizeof(words));
    cr_assert_eq(guest_struct_in(v, &copy, sizeof(copy), ARG, "phh|phh|hhh"), 0);
    cr_expect(copy.source.u.ref == 11 && copy.source.domid == 12 && copy.source.offset == 13);
    cr_expect(copy.dest.u.gmfn == 21 && copy.dest.domid == 22 && copy.dest.offset == 23);
    cr_expect(copy.len == 31 && copy.flags == 32 && copy.status == -1);

    cr_assert_eq(guest_struct_narrow(back, &copy, "phh|phh|hhh"), 24);
    cr_assert_arr_eq(back, words, sizeof(words));
}

Test(guest_struct, a_structure_may_end_with_the_memory)
{
    struct xen_remove_from_physmap remove;
    uint64_t end = FAKE_GUEST_PAGES * PAGE_SIZE;

    cr_assert_eq(guest_struct_in(v, &remove, sizeof(remove), end - 8, "hp"), 0);
    cr_assert_eq(guest_struct_in(v, &remove, sizeof(remove), end - 4, "hp"), -XEN_EFAULT);
}

Test(guest_struct, populate_and_place)
{
    const uint32_t reservation[] = {LIST, 2, 0, 0, DOMID_SELF};
    const uint32_t add[] = {DOMID_SELF, XENMAPSPACE_shared_info, 0, 0x102};
    const uint32_t remove[] = {DOMID_SELF, 0x100};

    memcpy(arg, reservation, sizeof(reservation));
    list[0] = 0x100;
    list[1] = 0x101;
    cr_assert_eq(memory_op(v, XENMEM_populate_physmap, ARG), 2);
    cr_assert_not(mfn_is_none(p2m_lookup(d, gfn(0x101)).mfn));

    memcpy(arg, add, sizeof(add));
    cr_assert_eq(memory_op(v, XENMEM_add_to_physmap, ARG), 0);
    cr_assert_eq(p2m_lookup(d, gfn(0x102)).mfn.n, d->shared_info_mfn.n);

    memcpy(arg, remove, sizeof(remove));
    cr_assert_eq(memory_op(v, XENMEM_remove_from_physmap, ARG), 0);
    cr_assert(mfn_is_none(p2m_lookup(d, gfn(0x100)).mfn));
}

Test(guest_struct, grant_table_setup)
{
    const uint32_t setup_table[] = {DOMID_SELF, 2, 0x7777, LIST};

    memcpy(arg, setup_table, sizeof(setup_table));
    list[2] = 5;
    cr_assert_eq(grant_table_op(v, GNTTABOP_setup_table, ARG, 1), 0);
    cr_assert_eq((int16_t)arg[2], GNTST_okay);
    cr_assert(list[0] == ~0u && list[1] == ~0u && list[2] == 5);
}

Test(guest_struct, grant_copies_are_24_bytes_apart)
{
    char *memory = fake_guest_memory(d, 0x4000);

    strcpy(memory, "one");
    strcpy(memory + 16, "two");
    for (unsigned i = 0; i < 2; i++) {
        const uint32_t copy[] = {4, DOMID_SELF | 16 * i << 16, 5, DOMID_SELF | 32 * i << 16, 4, 0xffff};

        memcpy(arg + i * 6, copy, sizeof(copy));
    }
    cr_assert_eq(grant_table_op(v, GNTTABOP_copy, ARG, 2), 0);
    cr_assert(arg[5] == 0 && arg[11] == 0);
    cr_assert_str_eq(fake_guest_memory(d, 0x5000), "one");
    cr_assert_str_eq(fake_guest_memory(d, 0x5020), "two");
}

Test(guest_struct, runstate_area)
{
    const uint32_t area[] = {0x5000 - 44, 0xdeadbeef}; /* up to the end of its page */
    uint32_t *runstate = fake_guest_memory(d, 0x5000 - 44);
    uint64_t entered;

    memcpy(arg, area, sizeof(area));
    cr_assert_eq(vcpu_op(v, VCPUOP_register_runstate_memory_area, 0, ARG), 0);
    fake_tsc += 5000;
    vcpu_runstate_change(v, RUNSTATE_blocked, now_ns());
    cr_assert_eq(runstate[0], RUNSTATE_blocked);
    memcpy(&entered, runstate + 1, sizeof(entered));
    cr_assert_eq(entered, v->runstate.state_entry_time);

    /* The layout stays what it was registered with: there is no room for more. */
    fake_code_bits = 64;
    domain_latch_width(v);
    vcpu_runstate_change(v, RUNSTATE_running, now_ns());
    cr_assert_eq(runstate[0], RUNSTATE_running);
    cr_assert_eq(*(uint32_t *)fake_guest_memory(d, 0x5000), 0);

    fake_code_bits = 32;
    cr_assert_eq(vcpu_op(v, VCPUOP_get_runstate_info, 0, ARG), 0);
    memcpy(&entered, arg + 1, sizeof(entered));
    cr_assert_eq(entered, v->runstate.state_entry_time);
}

Test(guest_struct, poll_reads_its_ports)
{
    const uint32_t poll[] = {LIST, 1, 1, 0}; /* a time that has passed */

    memcpy(arg, poll, sizeof(poll));
    list[0] = 70000000;
    cr_assert_eq(sched_op(v, SCHEDOP_poll, ARG), -XEN_EINVAL);
    list[0] = 1;
    fake_tsc += 5000;
    cr_assert_eq(sched_op(v, SCHEDOP_poll, ARG), 0);
    cr_assert_not(vcpu_has_flag(v, VCPU_BLOCKED));
}

Test(guest_struct, width_moves_the_wall_clock)
{
    const uint32_t *shared = (const uint32_t *)d->shared_info;
    uint32_t seconds = d->shared_info->wc_sec;

    memset(d->shared_info, 0, PAGE_SIZE);
    domain_latch_width(v);
    cr_assert(d->is_32bit);
    cr_assert_eq(shared[2308 / 4], seconds);
    cr_assert_eq(d->shared_info->wc_sec, 0);
    fake_code_bits = 64;
    domain_latch_width(v);
    cr_assert_not(d->is_32bit);
    cr_assert_eq(d->shared_info->wc_sec, seconds);
}
