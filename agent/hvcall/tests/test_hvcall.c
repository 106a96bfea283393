/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The families of hypercalls against a hypervisor played by the test: what goes out, what comes back, how
 * a refusal is worded, and that no buffer stays behind.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

#define __XEN_TOOLS__ 1
#include <xen/xen.h>

#include <xen/domctl.h>
#include <xen/event_channel.h>
#include <xen/hvm/hvm_op.h>
#include <xen/memory.h>
#include <xen/sysctl.h>

#include "agent/hvcall/domctl.h"
#include "agent/hvcall/evtchn.h"
#include "agent/hvcall/hvcall.h"
#include "agent/hvcall/hvm.h"
#include "agent/hvcall/memory.h"
#include "agent/hvcall/sysctl.h"
#include "agent/hvcall/tests/fake_xencall.h"

static struct hvcall *hv;
static struct err err;

static void start(void)
{
    cr_assert_eq(hvcall_open(&hv, &err), 0);
}

static void finish(void)
{
    cr_expect_eq(fake_buffers, 0, "every buffer is given back");
    hvcall_close(hv);
}

TestSuite(hvcall, .init = start, .fini = finish);

static struct xen_domctl *domctl_of(unsigned int number, uint64_t first)
{
    struct xen_domctl *op = (struct xen_domctl *)(uintptr_t)first;
    cr_assert_eq(number, __HYPERVISOR_domctl);
    cr_assert_eq(op->interface_version, XEN_DOMCTL_INTERFACE_VERSION);
    return op;
}

static long play_create(unsigned int number, uint64_t first, void *second)
{
    struct xen_domctl *op = domctl_of(number, first);
    (void)second;
    cr_expect_eq(op->cmd, XEN_DOMCTL_createdomain);
    cr_expect_eq(op->domain, 0);
    cr_expect_eq(op->u.createdomain.flags, XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap);
    cr_expect_eq(op->u.createdomain.arch.emulation_flags, XEN_X86_EMU_LAPIC);
    cr_expect_eq(op->u.createdomain.max_vcpus, 4);
    cr_expect_eq(op->u.createdomain.handle[15], 0xff);
    op->domain = 7;
    return 0;
}

Test(hvcall, a_domain_is_created_as_pvh)
{
    uint8_t handle[16] = {[15] = 0xff};
    struct domctl_limits limits = {.vcpus_max = 4};
    uint32_t domid = 0;
    fake_hypervisor = play_create;

    cr_expect_eq(domctl_create_pvh(hv, handle, &limits, &domid, &err), 0);
    cr_expect_eq(domid, 7);
}

static long play_next_domain(unsigned int number, uint64_t first, void *second)
{
    struct xen_domctl *op = domctl_of(number, first);
    (void)second;
    op->u.getdomaininfo.domain = op->domain + 1;
    return 0;
}

Test(hvcall, another_domains_description_is_not_taken_for_ours)
{
    struct domctl_info info;
    fake_hypervisor = play_next_domain;
    cr_expect_eq(domctl_get_info(hv, 5, &info, &err), -ERR_NOT_FOUND);
}

static int answer; /* errno value the hypervisor refuses with */

static long play_refusal(unsigned int number, uint64_t first, void *second)
{
    (void)number;
    (void)first;
    (void)second;
    return -answer;
}

Test(hvcall, refusals_keep_their_meaning)
{
    static const struct {
        int system;
        enum err_code code;
    } cases[] = {
        {ESRCH, ERR_NOT_FOUND},  {EPERM, ERR_PERMISSION},   {EINVAL, ERR_INVALID},
        {ENOMEM, ERR_NO_MEMORY}, {ENOSYS, ERR_UNAVAILABLE}, {EOPNOTSUPP, ERR_UNAVAILABLE},
        {EEXIST, ERR_EXISTS},    {EBUSY, ERR_CONFLICT},     {EFAULT, ERR_INTERNAL},
    };
    fake_hypervisor = play_refusal;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct domctl_info info;
        uint64_t value;
        uint32_t port;
        answer = cases[i].system;
        int expected = -(int)cases[i].code;
        cr_expect_eq(domctl_pause(hv, 3, &err), expected, "%d", answer);
        cr_expect_eq(domctl_get_info(hv, 3, &info, &err), expected);
        cr_expect_eq(hvm_get_param(hv, 3, 1, &value, &err), expected);
        cr_expect_eq(evtchn_alloc_unbound(hv, 3, 0, &port, &err), expected);
        cr_expect_neq(err.message[0], '\0');
    }
}

static long play_busy(unsigned int number, uint64_t first, void *second)
{
    domctl_of(number, first);
    (void)second;
    return fake_calls < 4 ? -EAGAIN : 0;
}

Test(hvcall, an_operation_that_asks_to_come_again_is_repeated)
{
    fake_hypervisor = play_busy;
    cr_expect_eq(domctl_destroy(hv, 3, &err), 0);
    cr_expect_eq(fake_calls, 4);
}

static long play_populate(unsigned int number, uint64_t first, void *second)
{
    struct xen_memory_reservation *reservation = second;
    cr_expect_eq(number, __HYPERVISOR_memory_op);
    cr_expect_eq(first, XENMEM_populate_physmap);
    cr_expect_eq(reservation->extent_order, 9);
    cr_expect_eq(reservation->domid, 3);
    xen_pfn_t *extents;
    memcpy(&extents, &reservation->extent_start, sizeof(extents));
    cr_expect_eq(extents[2], 1024);
    return 2;
}

Test(hvcall, a_partly_populated_range_is_no_error)
{
    const uint64_t gfns[] = {0, 512, 1024};
    size_t done = 0;
    fake_hypervisor = play_populate;
    cr_expect_eq(memory_populate(hv, 3, gfns, 3, 9, &done, &err), 0);
    cr_expect_eq(done, 2);
}

static long play_policy(unsigned int number, uint64_t first, void *second)
{
    struct xen_domctl *op = domctl_of(number, first);
    (void)second;
    op->u.cpu_policy.err_leaf = 0x7;
    op->u.cpu_policy.err_subleaf = 0x1;
    return -EINVAL;
}

Test(hvcall, a_refused_cpuid_leaf_is_named)
{
    xen_cpuid_leaf_t leaf = {.leaf = 7};
    xen_msr_entry_t msr = {0};
    fake_hypervisor = play_policy;
    cr_expect_eq(domctl_set_cpu_policy(hv, 3, &leaf, 1, &msr, 1, &err), -ERR_INVALID);
    cr_expect_neq(strstr(err.message, "leaf 0x7.0x1"), NULL, "%s", err.message);
}

static long play_long_list(unsigned int number, uint64_t first, void *second)
{
    struct xen_sysctl *op = (struct xen_sysctl *)(uintptr_t)first;
    cr_expect_eq(number, __HYPERVISOR_sysctl);
    (void)second;
    op->u.getdomaininfolist.num_domains = 1000;
    op->u.readconsole.count = 1000000;
    return 0;
}

Test(hvcall, counts_beyond_the_buffer_are_cut)
{
    struct domctl_info infos[2];
    size_t count = 0;
    char text[16];
    fake_hypervisor = play_long_list;
    cr_expect_eq(sysctl_list_domains(hv, 0, infos, 2, &count, &err), 0);
    cr_expect_eq(count, 2);
    cr_expect_eq(sysctl_read_console(hv, text, sizeof(text), &count, &err), 0);
    cr_expect_eq(count, sizeof(text));
}

Test(hvcall, no_memory_for_a_buffer_is_an_error_and_no_call)
{
    xen_cpuid_leaf_t leaf = {.leaf = 7};
    xen_msr_entry_t msr = {0};
    uint32_t port;
    struct memory_range range = {0};
    fake_hypervisor = play_refusal;
    for (int failing = 1; failing <= 2; failing++) {
        fake_fail_buffer = failing;
        cr_expect_eq(domctl_set_cpu_policy(hv, 3, &leaf, 1, &msr, 1, &err), -ERR_NO_MEMORY);
    }
    fake_fail_buffer = 1;
    cr_expect_eq(evtchn_alloc_unbound(hv, 3, 0, &port, &err), -ERR_NO_MEMORY);
    fake_fail_buffer = 1;
    cr_expect_eq(memory_set_map(hv, 3, &range, 1, &err), -ERR_NO_MEMORY);
    fake_fail_buffer = 1;
    cr_expect_eq(domctl_pause(hv, 3, &err), -ERR_NO_MEMORY);
    cr_expect_eq(fake_calls, 0);
}
