/* SPDX-License-Identifier: Apache-2.0 */
/* Control operations on domains: who may, which arguments are refused and how, and what they do. */
#include <hv/control.h>
#include <hv/cpuid_policy.h>
#include <hv/domctl.h>
#include <hv/frame.h>
#include <hv/hypercall.h>

#include <criterion/criterion.h>
#include <string.h>

#include "control_fakes.h"
#include "tests/host/fake.h"

#define OP     0x1000UL
#define BUFFER 0x3000UL

static struct vcpu *caller;
static struct xen_domctl *op;
static char *buffer;

static void setup(void)
{
    fake_host_init();
    cpuid_policy_init_system(fake_cpuid);
    caller = fake_domain_create(0, 1)->vcpus[0];
    fake_cpu_use(0, caller);
    op = fake_guest_memory(caller->domain, OP);
    buffer = fake_guest_memory(caller->domain, BUFFER);
}

TestSuite(domctl, .init = setup);

static long run(uint32_t cmd, domid_t domid)
{
    op->cmd = cmd;
    op->domain = domid;
    op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    return domctl_op(caller, OP);
}

static void fill_create(void)
{
    memset(&op->u, 0, sizeof(op->u));
    op->u.createdomain = (struct xen_domctl_createdomain){
        .flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap,
        .max_vcpus = 2,
        .max_evtchn_port = 1023,
        .max_grant_frames = -1,
        .max_maptrack_frames = -1,
        .grant_opts = XEN_DOMCTL_GRANT_version(1),
        .arch.emulation_flags = XEN_X86_EMU_LAPIC,
    };
}

static domid_t create(void)
{
    fill_create();
    cr_assert_eq(run(XEN_DOMCTL_createdomain, 0), 0);
    return op->domain;
}

static domid_t create_with_vcpus(void)
{
    domid_t domid = create();

    op->u.max_vcpus.max = 2;
    cr_assert_eq(run(XEN_DOMCTL_max_vcpus, domid), 0);
    return domid;
}

static void info_of(domid_t domid, struct xen_domctl_getdomaininfo *info)
{
    cr_assert_eq(run(XEN_DOMCTL_getdomaininfo, domid), 0);
    *info = op->u.getdomaininfo;
}

Test(domctl, another_version_is_refused)
{
    op->cmd = XEN_DOMCTL_getdomaininfo;
    op->interface_version = XEN_DOMCTL_INTERFACE_VERSION + 1;

    cr_assert_eq(domctl_op(caller, OP), -XEN_EACCES);
}

Test(domctl, only_for_the_privileged)
{
    struct vcpu *guest = fake_domain_create(1, 1)->vcpus[0];
    struct xen_domctl *its_op = fake_guest_memory(guest->domain, OP);

    its_op->cmd = XEN_DOMCTL_getdomaininfo;
    its_op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;

    cr_assert_eq(domctl_op(guest, OP), -XEN_EPERM);
}

Test(domctl, unreadable_arguments_are_a_fault)
{
    cr_assert_eq(domctl_op(caller, 0x80000000UL), -XEN_EFAULT);
}

Test(domctl, unknown_numbers_and_domains)
{
    cr_assert_eq(run(7, 0), -XEN_ENOSYS);
    cr_assert_eq(run(100000, 0), -XEN_ENOSYS);
    cr_assert_eq(run(XEN_DOMCTL_pausedomain, 5), -XEN_ESRCH);
    cr_assert_eq(run(XEN_DOMCTL_pausedomain, DOMID_SELF), -XEN_ESRCH);
}

Test(domctl, while_another_operation_runs_the_call_comes_again)
{
    cr_assert(spin_trylock(&control_lock));
    cr_assert_eq(run(XEN_DOMCTL_getdomaininfo, 0), HYPERCALL_RESTART);
    spin_unlock(&control_lock);
    cr_assert_eq(run(XEN_DOMCTL_getdomaininfo, 0), 0);
}

/* --- Creation ------------------------------------------------------------------------------------ */

struct refusal {
    void (*spoil)(struct xen_domctl_createdomain *config);
    long error;
};

static void make_pv(struct xen_domctl_createdomain *c)
{
    c->flags = 0;
}

static void want_shadow(struct xen_domctl_createdomain *c)
{
    c->flags = XEN_DOMCTL_CDF_hvm;
}

static void want_unknown_flag(struct xen_domctl_createdomain *c)
{
    c->flags |= 1u << 20;
}

static void want_nested(struct xen_domctl_createdomain *c)
{
    c->flags |= XEN_DOMCTL_CDF_nested_virt;
}

static void want_devices(struct xen_domctl_createdomain *c)
{
    c->arch.emulation_flags |= XEN_X86_EMU_PIT;
}

static void want_unknown_device(struct xen_domctl_createdomain *c)
{
    c->arch.emulation_flags |= 1u << 30;
}

static void no_vcpus(struct xen_domctl_createdomain *c)
{
    c->max_vcpus = 0;
}

static void many_vcpus(struct xen_domctl_createdomain *c)
{
    c->max_vcpus = MAX_VCPUS + 1;
}

static void no_grant_version(struct xen_domctl_createdomain *c)
{
    c->grant_opts = 0;
}

static void grant_version_3(struct xen_domctl_createdomain *c)
{
    c->grant_opts = 3;
}

static void other_pool(struct xen_domctl_createdomain *c)
{
    c->cpupool_id = 1;
}

static void want_trace(struct xen_domctl_createdomain *c)
{
    c->vmtrace_size = 4096;
}

Test(domctl, create_refuses_what_it_cannot_give)
{
    static const struct refusal refusals[] = {
        {make_pv, -XEN_EINVAL},          {want_shadow, -XEN_EINVAL},        {want_unknown_flag, -XEN_EINVAL},
        {want_nested, -XEN_EINVAL},      {want_devices, -XEN_EOPNOTSUPP},   {want_unknown_device, -XEN_EINVAL},
        {no_vcpus, -XEN_EINVAL},         {many_vcpus, -XEN_EINVAL},         {no_grant_version, -XEN_EINVAL},
        {grant_version_3, -XEN_EINVAL},  {other_pool, -XEN_EINVAL},         {want_trace, -XEN_EINVAL},
    };
    uint64_t free_before = frame_stats(NODE_ANY).free;

    for (unsigned i = 0; i < ARRAY_SIZE(refusals); i++) {
        fill_create();
        refusals[i].spoil(&op->u.createdomain);
        cr_expect_eq(run(XEN_DOMCTL_createdomain, 0), refusals[i].error, "case %u", i);
    }
    cr_assert_eq(frame_stats(NODE_ANY).free, free_before);
}

Test(domctl, domids_go_on_from_the_last_one)
{
    domid_t first = create(), second = create();

    cr_assert_eq(first, 1);
    cr_assert_eq(second, 2);
    cr_assert_eq(run(XEN_DOMCTL_destroydomain, first), 0);
    cr_assert_eq(create(), 3);
}

Test(domctl, a_domid_can_be_asked_for_once)
{
    fill_create();
    cr_assert_eq(run(XEN_DOMCTL_createdomain, 40), 0);
    cr_assert_eq(op->domain, 40);
    fill_create();
    cr_assert_eq(run(XEN_DOMCTL_createdomain, 40), -XEN_EEXIST);
}

Test(domctl, a_new_domain_is_paused_and_has_nothing)
{
    struct xen_domctl_getdomaininfo info;

    info_of(create(), &info);

    cr_assert_eq(info.flags, XEN_DOMINF_hvm_guest | XEN_DOMINF_hap | XEN_DOMINF_paused);
    cr_assert_eq(info.tot_pages, 0);
    cr_assert_eq(info.nr_online_vcpus, 0);
    cr_assert_eq(info.max_vcpu_id, XEN_INVALID_MAX_VCPU_ID);
    cr_assert_eq(info.arch_config.emulation_flags, XEN_X86_EMU_LAPIC);
}

Test(domctl, vcpus_are_made_as_announced_and_once)
{
    domid_t domid = create();
    struct xen_domctl_getdomaininfo info;

    op->u.max_vcpus.max = 3;
    cr_assert_eq(run(XEN_DOMCTL_max_vcpus, domid), -XEN_EINVAL);
    op->u.max_vcpus.max = 2;
    cr_assert_eq(run(XEN_DOMCTL_max_vcpus, domid), 0);
    cr_assert_eq(run(XEN_DOMCTL_max_vcpus, domid), 0);

    info_of(domid, &info);
    cr_assert_eq(info.max_vcpu_id, 1);
    cr_assert_eq(info.nr_online_vcpus, 0);
}

Test(domctl, making_vcpus_can_be_interrupted)
{
    domid_t domid = create();
    unsigned calls = 0;
    long rc;

    fake_wants_restart = true;
    op->u.max_vcpus.max = 2;
    do {
        rc = run(XEN_DOMCTL_max_vcpus, domid);
        calls++;
    } while (rc == HYPERCALL_RESTART);

    cr_assert_eq(rc, 0);
    cr_assert_eq(calls, 3);
}

/* --- Life ---------------------------------------------------------------------------------------- */

Test(domctl, pauses_nest)
{
    domid_t domid = create_with_vcpus();
    struct xen_domctl_getdomaininfo info;

    cr_assert_eq(run(XEN_DOMCTL_pausedomain, domid), 0);
    cr_assert_eq(run(XEN_DOMCTL_unpausedomain, domid), 0);
    info_of(domid, &info);
    cr_assert(info.flags & XEN_DOMINF_paused);

    cr_assert_eq(run(XEN_DOMCTL_unpausedomain, domid), 0);
    info_of(domid, &info);
    cr_assert_not(info.flags & XEN_DOMINF_paused);
    cr_assert_eq(run(XEN_DOMCTL_unpausedomain, domid), -XEN_EINVAL);
}

Test(domctl, pauses_are_limited)
{
    domid_t domid = create();

    for (unsigned i = 0; i < 254; i++) {
        cr_assert_eq(run(XEN_DOMCTL_pausedomain, domid), 0);
    }
    cr_assert_eq(run(XEN_DOMCTL_pausedomain, domid), -XEN_EOVERFLOW);
}

Test(domctl, nothing_to_unpause_without_vcpus)
{
    cr_assert_eq(run(XEN_DOMCTL_unpausedomain, create()), -XEN_EINVAL);
}

Test(domctl, not_on_oneself)
{
    static const uint32_t others_only[] = {
        XEN_DOMCTL_destroydomain, XEN_DOMCTL_pausedomain,
        XEN_DOMCTL_resumedomain,  XEN_DOMCTL_max_vcpus,
        XEN_DOMCTL_settscinfo,    XEN_DOMCTL_set_cpu_policy,
        XEN_DOMCTL_shadow_op,     XEN_DOMCTL_gethvmcontext,
        XEN_DOMCTL_sethvmcontext, XEN_DOMCTL_gethvmcontext_partial,
        XEN_DOMCTL_gettscinfo,    XEN_DOMCTL_getpageframeinfo3};

    for (unsigned i = 0; i < ARRAY_SIZE(others_only); i++) {
        cr_expect_eq(run(others_only[i], 0), -XEN_EINVAL, "operation %u", others_only[i]);
    }
}

Test(domctl, destroy_gives_everything_back)
{
    uint64_t free_before = frame_stats(NODE_ANY).free;
    domid_t domid;

    run(XEN_DOMCTL_destroydomain, create_with_vcpus()); /* pages of the domain table stay */
    free_before = frame_stats(NODE_ANY).free;
    domid = create_with_vcpus();

    cr_assert_eq(run(XEN_DOMCTL_destroydomain, domid), 0);

    cr_assert_eq(frame_stats(NODE_ANY).free, free_before);
    cr_assert_eq(run(XEN_DOMCTL_pausedomain, domid), -XEN_ESRCH);
}

Test(domctl, a_dead_domain_that_is_still_mapped_is_dying)
{
    struct xen_domctl_getdomaininfo info;
    struct domain *d = fake_domain_create(9, 1);

    domain_ref(d);
    cr_assert_eq(run(XEN_DOMCTL_destroydomain, 9), 0);

    info_of(9, &info);
    cr_assert(info.flags & XEN_DOMINF_dying);
    domain_put(d);
}

Test(domctl, info_goes_on_to_the_next_domain)
{
    domid_t domid = create();

    cr_assert_eq(run(XEN_DOMCTL_getdomaininfo, 1 + domid), -XEN_ESRCH);
    cr_assert_eq(run(XEN_DOMCTL_getdomaininfo, DOMID_SELF), -XEN_EINVAL);
    fill_create();
    cr_assert_eq(run(XEN_DOMCTL_createdomain, 100), 0);
    cr_assert_eq(run(XEN_DOMCTL_getdomaininfo, domid + 1), 0);
    cr_assert_eq(op->domain, 100);
    cr_assert_eq(op->u.getdomaininfo.domain, 100);
}

Test(domctl, shutdown_reason_is_told)
{
    struct xen_domctl_getdomaininfo info;
    struct domain *d = fake_domain_create(9, 1);

    domain_shutdown(d, 3);

    info_of(9, &info);
    cr_assert(info.flags & XEN_DOMINF_shutdown);
    cr_assert_eq((info.flags >> XEN_DOMINF_shutdownshift) & XEN_DOMINF_shutdownmask, 3);
    cr_assert_eq(run(XEN_DOMCTL_resumedomain, 9), 0);
    info_of(9, &info);
    cr_assert_not(info.flags & XEN_DOMINF_shutdown);
}

/* --- Memory, time, share ------------------------------------------------------------------------- */

Test(domctl, memory_limit_is_in_kib)
{
    struct xen_domctl_getdomaininfo info;
    domid_t domid = create();

    op->u.max_mem.max_memkb = 4097;
    cr_assert_eq(run(XEN_DOMCTL_max_mem, domid), 0);
    info_of(domid, &info);
    cr_assert_eq(info.max_pages, 1024);
}

Test(domctl, frame_types)
{
    uint64_t *frames = (uint64_t *)buffer;

    fake_domain_create(9, 1);
    frames[0] = 3;
    frames[1] = FAKE_GUEST_PAGES + 10;
    op->u.getpageframeinfo3.num = 2;
    op->u.getpageframeinfo3.array.p = (void *)BUFFER;

    cr_assert_eq(run(XEN_DOMCTL_getpageframeinfo3, 9), 0);
    cr_assert_eq(frames[0], XEN_DOMCTL_PFINFO_NOTAB);
    cr_assert_eq(frames[1], XEN_DOMCTL_PFINFO_XTAB);

    op->u.getpageframeinfo3.num = 1025;
    cr_assert_eq(run(XEN_DOMCTL_getpageframeinfo3, 9), -XEN_E2BIG);
}

Test(domctl, paging_pool_is_whole_pages_that_exist)
{
    domid_t domid = create();

    op->u.paging_mempool.size = 4UL << 20;
    cr_assert_eq(run(XEN_DOMCTL_set_paging_mempool_size, domid), 0);
    op->u.paging_mempool.size = 0;
    cr_assert_eq(run(XEN_DOMCTL_get_paging_mempool_size, domid), 0);
    cr_assert_eq(op->u.paging_mempool.size, 4UL << 20);

    op->u.paging_mempool.size = 4097;
    cr_assert_eq(run(XEN_DOMCTL_set_paging_mempool_size, domid), -XEN_EINVAL);
    op->u.paging_mempool.size = 1UL << 40;
    cr_assert_eq(run(XEN_DOMCTL_set_paging_mempool_size, domid), -XEN_ENOMEM);
}

Test(domctl, time_goes_on_from_where_it_was_saved)
{
    domid_t domid = create_with_vcpus();

    fake_tsc = 1000000;
    op->u.tsc_info = (struct xen_domctl_tsc_info){.incarnation = 1, .elapsed_nsec = 5000};
    cr_assert_eq(run(XEN_DOMCTL_settscinfo, domid), 0);
    fake_tsc += 100;

    cr_assert_eq(run(XEN_DOMCTL_gettscinfo, domid), 0);
    cr_assert_eq(op->u.tsc_info.elapsed_nsec, 5100);
    cr_assert_eq(op->u.tsc_info.gtsc_khz, 1000000);
    cr_assert_eq(op->u.tsc_info.incarnation, 1);
}

Test(domctl, another_tsc_rate_is_not_to_be_had)
{
    domid_t domid = create_with_vcpus();

    op->u.tsc_info = (struct xen_domctl_tsc_info){.gtsc_khz = 999};
    cr_assert_eq(run(XEN_DOMCTL_settscinfo, domid), -XEN_EOPNOTSUPP);
    op->u.tsc_info = (struct xen_domctl_tsc_info){.tsc_mode = 9};
    cr_assert_eq(run(XEN_DOMCTL_settscinfo, domid), -XEN_EINVAL);
}

Test(domctl, weights_reach_the_vcpus)
{
    struct domain *d = fake_domain_create(9, 2);
    struct xen_domctl_scheduler_op *sched = &op->u.scheduler_op;

    *sched = (struct xen_domctl_scheduler_op){.sched_id = XEN_SCHEDULER_CREDIT2, .cmd = XEN_DOMCTL_SCHEDOP_getinfo};
    cr_assert_eq(run(XEN_DOMCTL_scheduler_op, 9), 0);
    cr_assert_eq(sched->u.credit2.weight, 256);

    sched->cmd = XEN_DOMCTL_SCHEDOP_putinfo;
    sched->u.credit2.weight = 512;
    cr_assert_eq(run(XEN_DOMCTL_scheduler_op, 9), 0);
    cr_assert_eq(d->vcpus[1]->sched.weight, 512);
    vcpu_free(d->vcpus[1]);
    cr_assert_eq(vcpu_create(d, 1), 0);
    cr_assert_eq(d->vcpus[1]->sched.weight, 512, "one that is made later");

    sched->u.credit2.weight = 0;
    cr_assert_eq(run(XEN_DOMCTL_scheduler_op, 9), -XEN_EINVAL);
    sched->u.credit2 = (struct xen_domctl_sched_credit2){256, 50};
    cr_assert_eq(run(XEN_DOMCTL_scheduler_op, 9), -XEN_EOPNOTSUPP);
    sched->sched_id = XEN_SCHEDULER_RTDS;
    cr_assert_eq(run(XEN_DOMCTL_scheduler_op, 9), -XEN_EINVAL);
}

Test(domctl, affinity_is_kept_whole_and_answered_with_what_is_online)
{
    struct xen_domctl_vcpuaffinity *affinity = &op->u.vcpuaffinity;

    fake_domain_create(9, 2);
    memset(buffer, 0, 64);
    buffer[0] = 0x16; /* CPUs 1, 2 and, not online, 4 */
    memset(buffer + 16, 0x5a, 8);
    *affinity = (struct xen_domctl_vcpuaffinity){.vcpu = 1, .flags = XEN_VCPUAFFINITY_HARD, .cpumap_hard.nr_bits = 12};
    affinity->cpumap_hard.bitmap.p = (void *)BUFFER;

    cr_assert_eq(run(XEN_DOMCTL_setvcpuaffinity, 9), 0);
    cr_assert_eq(buffer[0], 0x06);
    cr_assert_eq(buffer[16], 0x5a);
    cr_assert_eq(run(XEN_DOMCTL_getvcpuaffinity, 9), 0);
    cr_assert_eq(buffer[0], 0x16);

    buffer[0] = 0x10;
    cr_assert_eq(run(XEN_DOMCTL_setvcpuaffinity, 9), -XEN_EINVAL);
    affinity->vcpu = 2;
    cr_assert_eq(run(XEN_DOMCTL_getvcpuaffinity, 9), -XEN_EINVAL);
}

Test(domctl, a_map_longer_than_ours_ends_in_zeros)
{
    struct xen_domctl_vcpuaffinity *affinity = &op->u.vcpuaffinity;

    fake_domain_create(9, 1);
    memset(buffer, 0xee, 64);
    *affinity = (struct xen_domctl_vcpuaffinity){.flags = XEN_VCPUAFFINITY_SOFT, .cpumap_soft.nr_bits = 300};
    affinity->cpumap_soft.bitmap.p = (void *)BUFFER;

    cr_assert_eq(run(XEN_DOMCTL_getvcpuaffinity, 9), 0);
    cr_assert_eq((uint8_t)buffer[31], 0xff);
    cr_assert_eq((uint8_t)buffer[32], 0);
    cr_assert_eq((uint8_t)buffer[37], 0);
    cr_assert_eq((uint8_t)buffer[38], 0xee);
}

Test(domctl, nodes_are_those_that_exist)
{
    domid_t domid = create();

    memset(buffer, 0xff, 8);
    op->u.nodeaffinity.nodemap.nr_bits = 64;
    op->u.nodeaffinity.nodemap.bitmap.p = (void *)BUFFER;
    cr_assert_eq(run(XEN_DOMCTL_setnodeaffinity, domid), 0);
    cr_assert_eq(run(XEN_DOMCTL_getnodeaffinity, domid), 0);
    cr_assert_eq(*(uint64_t *)buffer, 1);

    *(uint64_t *)buffer = 2;
    cr_assert_eq(run(XEN_DOMCTL_setnodeaffinity, domid), -XEN_EINVAL);
}

/* --- CPUID --------------------------------------------------------------------------------------- */

Test(domctl, a_policy_is_read_and_given_back)
{
    struct xen_domctl_cpu_policy *policy = &op->u.cpu_policy;
    domid_t domid = create();

    *policy = (struct xen_domctl_cpu_policy){0};
    cr_assert_eq(run(XEN_DOMCTL_get_cpu_policy, domid), 0);
    cr_assert_eq(policy->nr_leaves, CPUID_MAX_LEAVES);

    policy->leaves.p = (void *)BUFFER;
    policy->msrs.p = (void *)(BUFFER + 0x1000);
    cr_assert_eq(run(XEN_DOMCTL_get_cpu_policy, domid), 0);
    cr_assert_gt(policy->nr_leaves, 5);
    cr_assert_eq(run(XEN_DOMCTL_set_cpu_policy, domid), 0);

    policy->nr_leaves = 1;
    cr_assert_eq(run(XEN_DOMCTL_get_cpu_policy, domid), -XEN_ENOBUFS);
    policy->nr_leaves = 100000;
    cr_assert_eq(run(XEN_DOMCTL_set_cpu_policy, domid), -XEN_E2BIG);
}

Test(domctl, the_leaf_at_fault_is_named)
{
    struct xen_domctl_cpu_policy *policy = &op->u.cpu_policy;
    xen_cpuid_leaf_t *leaf = (xen_cpuid_leaf_t *)buffer;
    domid_t domid = create();

    *leaf = (xen_cpuid_leaf_t){.leaf = 0x12345, .subleaf = 0xffffffff, .a = 1};
    *policy = (struct xen_domctl_cpu_policy){.nr_leaves = 1, .leaves.p = (void *)BUFFER};

    cr_assert_eq(run(XEN_DOMCTL_set_cpu_policy, domid), -XEN_ERANGE);
    cr_assert_eq(policy->err_leaf, 0x12345);
    cr_assert_eq(policy->err_msr, ~0u);
}

Test(domctl, a_policy_is_fixed_once_the_domain_has_run)
{
    domid_t domid = create_with_vcpus();

    cr_assert_eq(run(XEN_DOMCTL_unpausedomain, domid), 0);
    op->u.cpu_policy = (struct xen_domctl_cpu_policy){0};
    cr_assert_eq(run(XEN_DOMCTL_set_cpu_policy, domid), -XEN_EEXIST);
}
