/* SPDX-License-Identifier: Apache-2.0 */
/* Questions about the host: counts, lists and their continuations, the console. */
#include <hv/boot.h>
#include <hv/console.h>
#include <hv/control.h>
#include <hv/cpuid_policy.h>
#include <hv/frame.h>
#include <hv/hypercall.h>
#include <hv/print.h>
#include <hv/sysctl.h>

#include <criterion/criterion.h>
#include <string.h>

#include "control_fakes.h"
#include "tests/host/fake.h"

#define OP     0x1000UL
#define BUFFER 0x3000UL

static struct vcpu *caller;
static struct xen_sysctl *op;
static char *buffer;

static void setup(void)
{
    fake_host_init();
    boot_options.console_serial = false;
    cpuid_policy_init_system(fake_cpuid);
    caller = fake_domain_create(0, 1)->vcpus[0];
    fake_cpu_use(0, caller);
    op = fake_guest_memory(caller->domain, OP);
    buffer = fake_guest_memory(caller->domain, BUFFER);
}

TestSuite(sysctl, .init = setup);

static long run(uint32_t cmd)
{
    op->cmd = cmd;
    op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    return sysctl_op(caller, OP);
}

Test(sysctl, checks_version_privilege_and_number)
{
    struct vcpu *guest = fake_domain_create(1, 1)->vcpus[0];
    struct xen_sysctl *its_op = fake_guest_memory(guest->domain, OP);

    *its_op = (struct xen_sysctl){.cmd = XEN_SYSCTL_physinfo, .interface_version = XEN_SYSCTL_INTERFACE_VERSION};
    cr_assert_eq(sysctl_op(guest, OP), -XEN_EPERM);
    op->interface_version = 1;
    cr_assert_eq(sysctl_op(caller, OP), -XEN_EACCES);
    cr_assert_eq(run(24), -XEN_ENOSYS);
    cr_assert_eq(run(100000), -XEN_ENOSYS);
    cr_assert_eq(run(XEN_SYSCTL_coverage_op), -XEN_EOPNOTSUPP);
}

Test(sysctl, physinfo_tells_what_there_is)
{
    const struct xen_sysctl_physinfo *info = &op->u.physinfo;

    memset(&op->u, 0xee, sizeof(op->u));
    cr_assert_eq(run(XEN_SYSCTL_physinfo), 0);

    cr_assert_eq(info->nr_cpus, FAKE_CPUS);
    cr_assert_eq(info->max_cpu_id, FAKE_CPUS - 1);
    cr_assert_eq(info->threads_per_core, 2);
    cr_assert_eq(info->cores_per_socket, 2);
    cr_assert_eq(info->nr_nodes, 1);
    cr_assert_eq(info->cpu_khz, 1000000);
    cr_assert_eq(info->free_pages, frame_stats(NODE_ANY).free);
    cr_assert_eq(info->arch_capabilities, 0);
    cr_assert_eq(op->u.pad[127], 0);
}

Test(sysctl, topology_follows_apic_ids)
{
    const struct xen_sysctl_cputopo *places = (const struct xen_sysctl_cputopo *)buffer;

    op->u.cputopoinfo = (struct xen_sysctl_cputopoinfo){0};
    cr_assert_eq(run(XEN_SYSCTL_cputopoinfo), 0);
    cr_assert_eq(op->u.cputopoinfo.num_cpus, FAKE_CPUS);

    op->u.cputopoinfo.cputopo.p = (void *)BUFFER;
    cr_assert_eq(run(XEN_SYSCTL_cputopoinfo), 0);
    cr_assert_eq(places[1].core, 0);
    cr_assert_eq(places[3].core, 1);
    cr_assert_eq(places[3].socket, 0);
}

Test(sysctl, a_short_buffer_gets_what_fits)
{
    memset(buffer, 0xee, 64);
    op->u.cputopoinfo = (struct xen_sysctl_cputopoinfo){.num_cpus = 2};
    op->u.cputopoinfo.cputopo.p = (void *)BUFFER;

    cr_assert_eq(run(XEN_SYSCTL_cputopoinfo), 0);

    cr_assert_eq(op->u.cputopoinfo.num_cpus, FAKE_CPUS);
    cr_assert_eq((uint8_t)buffer[2 * sizeof(struct xen_sysctl_cputopo)], 0xee);
}

Test(sysctl, numa_distances)
{
    const uint32_t *distance = (const uint32_t *)(buffer + 0x100);

    op->u.numainfo = (struct xen_sysctl_numainfo){.num_nodes = 16};
    op->u.numainfo.meminfo.p = (void *)BUFFER;
    op->u.numainfo.distance.p = (void *)(BUFFER + 0x100);

    cr_assert_eq(run(XEN_SYSCTL_numainfo), 0);

    cr_assert_eq(op->u.numainfo.num_nodes, 1);
    cr_assert_eq(distance[0], 10);
    cr_assert_eq(((const struct xen_sysctl_meminfo *)buffer)->memfree, frame_stats(0).free << PAGE_SHIFT);
}

Test(sysctl, domains_are_listed_from_the_first_asked)
{
    const struct xen_domctl_getdomaininfo *list = (const struct xen_domctl_getdomaininfo *)buffer;

    fake_domain_create(3, 1);
    fake_domain_create(7, 1);
    op->u.getdomaininfolist = (struct xen_sysctl_getdomaininfolist){.first_domain = 1, .max_domains = 10};
    op->u.getdomaininfolist.buffer.p = (void *)BUFFER;

    cr_assert_eq(run(XEN_SYSCTL_getdomaininfolist), 0);

    cr_assert_eq(op->u.getdomaininfolist.num_domains, 2);
    cr_assert_eq(list[0].domain, 3);
    cr_assert_eq(list[1].domain, 7);
}

Test(sysctl, a_long_list_is_made_in_pieces)
{
    const struct xen_domctl_getdomaininfo *list = (const struct xen_domctl_getdomaininfo *)buffer;
    unsigned calls = 0;
    long rc;

    for (domid_t domid = 1; domid < 20; domid++) {
        fake_domain_create(domid, 1);
    }
    op->u.getdomaininfolist = (struct xen_sysctl_getdomaininfolist){.max_domains = 20, .num_domains = 12345};
    op->u.getdomaininfolist.buffer.p = (void *)BUFFER;
    fake_wants_restart = true;

    op->cmd = XEN_SYSCTL_getdomaininfolist;
    op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    do {
        rc = sysctl_op(caller, OP);
        calls++;
    } while (rc == HYPERCALL_RESTART);

    cr_assert_eq(rc, 0);
    cr_assert_eq(calls, 2);
    cr_assert_eq(op->cmd, XEN_SYSCTL_getdomaininfolist);
    cr_assert_eq(op->u.getdomaininfolist.num_domains, 20);
    for (domid_t domid = 0; domid < 20; domid++) {
        cr_assert_eq(list[domid].domain, domid);
    }
}

static uint32_t read_console(bool incremental, uint32_t index, bool clear)
{
    memset(buffer, 0, 256);
    op->u.readconsole = (struct xen_sysctl_readconsole){.incremental = incremental, .clear = clear, .index = index, .count = 200};
    op->u.readconsole.buffer.p = (void *)BUFFER;
    cr_assert_eq(run(XEN_SYSCTL_readconsole), 0);
    return op->u.readconsole.count;
}

Test(sysctl, console_is_read_whole_and_on)
{
    uint32_t index;

    console_write("first\n", 6);
    cr_assert_eq(read_console(false, 0, false), 6);
    cr_assert_str_eq(buffer, "first\n");
    index = op->u.readconsole.index;

    console_write("second\n", 7);
    cr_assert_eq(read_console(true, index, false), 7);
    cr_assert_str_eq(buffer, "second\n");
    cr_assert_eq(read_console(false, 0, false), 13);
}

Test(sysctl, a_cleared_console_starts_anew)
{
    console_write("old\n", 4);
    cr_assert_eq(read_console(false, 0, true), 4);
    console_write("new\n", 4);
    cr_assert_eq(read_console(false, 0, false), 4);
    cr_assert_str_eq(buffer, "new\n");
}

Test(sysctl, debug_keys_print)
{
    boot_options.log_level = LOG_INFO;
    strcpy(buffer, "q?m");
    op->u.debug_keys = (struct xen_sysctl_debug_keys){.nr_keys = 3};
    op->u.debug_keys.keys.p = (void *)BUFFER;

    cr_assert_eq(run(XEN_SYSCTL_debug_keys), HYPERCALL_RESTART, "one at a time");
    cr_assert_eq(run(XEN_SYSCTL_debug_keys), HYPERCALL_RESTART);
    cr_assert_eq(run(XEN_SYSCTL_debug_keys), 0);
    cr_assert_gt(read_console(false, 0, false), 100);
    op->u.debug_keys = (struct xen_sysctl_debug_keys){.nr_keys = 65};
    cr_assert_eq(run(XEN_SYSCTL_debug_keys), -XEN_E2BIG);
}

Test(sysctl, one_pool_with_every_cpu)
{
    struct xen_sysctl_cpupool_op *pool = &op->u.cpupool_op;

    *pool = (struct xen_sysctl_cpupool_op){.op = XEN_SYSCTL_CPUPOOL_OP_INFO, .cpumap.nr_bits = 64};
    pool->cpumap.bitmap.p = (void *)BUFFER;
    cr_assert_eq(run(XEN_SYSCTL_cpupool_op), 0);
    cr_assert_eq(*(uint64_t *)buffer, 0xf);
    cr_assert_eq(pool->n_dom, 1);
    pool->cpupool_id = 1;
    cr_assert_eq(run(XEN_SYSCTL_cpupool_op), -XEN_ENOENT);
}

Test(sysctl, featuresets)
{
    struct xen_sysctl_cpu_featureset *set = &op->u.cpu_featureset;

    *set = (struct xen_sysctl_cpu_featureset){.index = XEN_SYSCTL_cpu_featureset_raw};
    cr_assert_eq(run(XEN_SYSCTL_get_cpu_featureset), 0);
    cr_assert_eq(set->nr_features, CPUID_FEATURE_WORDS);

    set->features.p = (void *)BUFFER;
    cr_assert_eq(run(XEN_SYSCTL_get_cpu_featureset), 0);
    cr_assert_eq(((uint32_t *)buffer)[0], 0x078bfbff);
    set->nr_features = 1;
    cr_assert_eq(run(XEN_SYSCTL_get_cpu_featureset), -XEN_ENOBUFS);
    cr_assert_eq(set->nr_features, 1);
    set->index = XEN_SYSCTL_cpu_featureset_pv;
    cr_assert_eq(run(XEN_SYSCTL_get_cpu_featureset), -XEN_EOPNOTSUPP);
    set->index = 6;
    cr_assert_eq(run(XEN_SYSCTL_get_cpu_featureset), -XEN_EINVAL);
}

Test(sysctl, devices_known_and_not)
{
    struct physdev_pci_device *devices = (struct physdev_pci_device *)buffer;
    uint32_t *nodes = (uint32_t *)(buffer + 0x100);

    devices[0] = (struct physdev_pci_device){.devfn = 3 << 3};
    devices[1] = (struct physdev_pci_device){.devfn = 4 << 3};
    op->u.pcitopoinfo = (struct xen_sysctl_pcitopoinfo){.num_devs = 2};
    op->u.pcitopoinfo.devs.p = (void *)BUFFER;
    op->u.pcitopoinfo.nodes.p = (void *)(BUFFER + 0x100);

    cr_assert_eq(run(XEN_SYSCTL_pcitopoinfo), 0);

    cr_assert_eq(op->u.pcitopoinfo.num_devs, 2);
    cr_assert_eq(nodes[0], XEN_INVALID_NODE_ID);
    cr_assert_eq(nodes[1], XEN_INVALID_DEV);
}

static long tbuf(uint32_t cmd, struct xen_sysctl_tbuf_op arg)
{
    op->u.tbuf_op = arg;
    op->u.tbuf_op.cmd = cmd;
    return run(XEN_SYSCTL_tbuf_op);
}

Test(sysctl, trace_buffers)
{
    struct xen_sysctl_tbuf_op map = {.cpu_mask.nr_bits = 64};

    cr_assert_eq(tbuf(XEN_SYSCTL_TBUFOP_enable, (struct xen_sysctl_tbuf_op){0}), -XEN_EINVAL);
    cr_assert_eq(tbuf(XEN_SYSCTL_TBUFOP_set_size, (struct xen_sysctl_tbuf_op){.size = 4}), 0);
    cr_assert_eq(tbuf(XEN_SYSCTL_TBUFOP_set_evt_mask, (struct xen_sysctl_tbuf_op){.evt_mask = 0x1000}), 0);
    map.cpu_mask.bitmap.p = (void *)0xffff0000UL;
    cr_assert_eq(tbuf(XEN_SYSCTL_TBUFOP_set_cpu_mask, map), -XEN_EFAULT);
    map.cpu_mask.bitmap.p = (void *)BUFFER;
    cr_assert_eq(tbuf(XEN_SYSCTL_TBUFOP_set_cpu_mask, map), 0);
    cr_assert_eq(tbuf(XEN_SYSCTL_TBUFOP_enable, (struct xen_sysctl_tbuf_op){0}), 0);
    cr_assert_eq(tbuf(XEN_SYSCTL_TBUFOP_get_info, (struct xen_sysctl_tbuf_op){0}), 0);
    cr_assert_eq(op->u.tbuf_op.evt_mask, 0x1000);
    cr_assert_eq(op->u.tbuf_op.size, PAGE_SIZE);
    cr_assert_eq(frame_of(mfn(op->u.tbuf_op.buffer_mfn))->owner, DOMID_XEN);
    cr_assert_eq(tbuf(XEN_SYSCTL_TBUFOP_disable, (struct xen_sysctl_tbuf_op){0}), 0);
    cr_assert_eq(tbuf(6, (struct xen_sysctl_tbuf_op){0}), -XEN_EINVAL);
}

static long perfc(uint32_t cmd, uint64_t names, uint64_t values)
{
    op->u.perfc_op = (struct xen_sysctl_perfc_op){.cmd = cmd};
    op->u.perfc_op.desc.p = (void *)names;
    op->u.perfc_op.val.p = (void *)values;
    return run(XEN_SYSCTL_perfc_op);
}

Test(sysctl, counters_are_summed_over_cpus)
{
    const struct xen_sysctl_perfc_desc *names = (const struct xen_sysctl_perfc_desc *)buffer;
    const uint32_t *values = fake_guest_memory(caller->domain, BUFFER + 0x1000);
    unsigned kicks = COUNTERS_EXITS + COUNTERS_HYPERCALLS + 2;

    cr_assert_eq(perfc(XEN_SYSCTL_PERFCOP_query, 0, 0), 0);
    cr_assert_eq(op->u.perfc_op.nr_counters, 17);

    cpus[0]->counters.kicks = 3;
    cpus[2]->counters.kicks = 4;
    cpus[1]->counters.exits[0x72] = 5;
    cr_assert_eq(perfc(XEN_SYSCTL_PERFCOP_query, BUFFER, BUFFER + 0x1000), 0);
    cr_assert_str_eq(names[4].name, "kicks sent");
    cr_assert_eq(values[kicks], 7);
    cr_assert_eq(values[0x72], 5);

    cr_assert_eq(perfc(XEN_SYSCTL_PERFCOP_reset, 0, 0), 0);
    cpus[2]->counters.kicks++;
    cr_assert_eq(perfc(XEN_SYSCTL_PERFCOP_query, 0, BUFFER + 0x1000), 0);
    cr_assert_eq(values[kicks], 1);
    cr_assert_eq(cpus[2]->counters.kicks, 5);

    cr_assert_eq(perfc(XEN_SYSCTL_PERFCOP_query, 0, 0xffff0000), -XEN_EFAULT);
    cr_assert_eq(perfc(3, 0, 0), -XEN_EINVAL);
}

Test(sysctl, counters_by_domain)
{
    const struct xen_sysctl_perfc_desc *names = (const struct xen_sysctl_perfc_desc *)buffer;
    const uint32_t *values = fake_guest_memory(caller->domain, BUFFER + 0x1000);
    const uint32_t *rows = values + COUNTERS_EXITS + COUNTERS_HYPERCALLS + 6;
    struct domain *guest = fake_domain_create(7, 2);

    guest->vcpus[0]->exit_count[0x81] = 3;
    guest->vcpus[1]->exit_count[0x81] = 4;
    guest->vcpus[1]->exit_count[0] = 5;
    cr_assert_eq(perfc(XEN_SYSCTL_PERFCOP_query, BUFFER, BUFFER + 0x1000), 0);

    cr_assert_eq(op->u.perfc_op.nr_vals, (uint32_t)(rows - values) + 9 * 256);
    cr_assert_str_eq(names[8].name, "domain id");
    cr_assert_eq(rows[0], caller->domain->domid);
    cr_assert_eq(rows[1], 7);
    cr_assert_eq(rows[2], ~0u);
    cr_assert_str_eq(names[9].name, "domain nested page faults");
    cr_assert_eq(rows[256 + 1], 5);
    cr_assert_str_eq(names[16].name, "domain hypercalls");
    cr_assert_eq(rows[8 * 256 + 1], 7);
    cr_assert_eq(rows[8 * 256 + 2], 0);

    cr_assert_eq(perfc(XEN_SYSCTL_PERFCOP_reset, 0, 0), 0);
    cr_assert_eq(perfc(XEN_SYSCTL_PERFCOP_query, BUFFER, BUFFER + 0x1000), 0);
    cr_assert_eq(rows[8 * 256 + 1], 7, "a domain's begin with the domain");
}
