/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XEN_SYSCTL_perfc_op: what the host has done since boot or the last reset, and what each domain has made it do
 * since the domain's start. A caller learns how many values there are by a first call and makes room for as many:
 * so that number never changes, and the first DOMAIN_SLOTS domains stand in slots, with a row that names them.
 */
#include <hv/arch/cpu.h>
#include <hv/domain.h>
#include <hv/hypercall.h>
#include <hv/string.h>
#include <hv/sysctl.h>
#include <hv/vcpu.h>

#define HOST_VALUES  (sizeof(struct counters) / sizeof(uint32_t))
#define DOMAIN_SLOTS 256U

/* The members of struct counters, in its order, then the rows of domain_values. Names stay what they are: metrics are
 * made of them. */
static const struct xen_sysctl_perfc_desc names[] = {
    {"vmexits", COUNTERS_EXITS},
    {"hypercalls", COUNTERS_HYPERCALLS},
    {"interrupts", 1},
    {"timer interrupts", 1},
    {"kicks sent", 1},
    {"p2m flushes", 1},
    {"vcpu switches", 1},
    {"vcpu wakeups", 1},
    {"domain id", DOMAIN_SLOTS},
    {"domain nested page faults", DOMAIN_SLOTS},
    {"domain host interrupts", DOMAIN_SLOTS},
    {"domain interrupt windows", DOMAIN_SLOTS},
    {"domain CPUID", DOMAIN_SLOTS},
    {"domain HLT", DOMAIN_SLOTS},
    {"domain ports", DOMAIN_SLOTS},
    {"domain MSRs", DOMAIN_SLOTS},
    {"domain hypercalls", DOMAIN_SLOTS},
};

/* The exit codes' low 8 bits of the rows above but for the first (AMD64 APM vol. 2, appendix C). */
static const uint8_t row_exits[] = {0x00, 0x60, 0x64, 0x72, 0x78, 0x7b, 0x7c, 0x81};

#define ROWS (1 + ARRAY_SIZE(row_exits))

_Static_assert(COUNTERS_EXITS + COUNTERS_HYPERCALLS + ARRAY_SIZE(names) - ROWS - 2 == HOST_VALUES,
               "every counter has its name");

/* What had been counted at the last reset: each CPU alone writes its own. Control lock. */
static uint32_t at_reset[HOST_VALUES];
/* To be copied out. All-ones in the first row: a free slot. Control lock. */
static uint32_t domain_values[ROWS][DOMAIN_SLOTS];

static void sum_host(uint32_t *sums)
{
    for (unsigned n = 0; n < HOST_VALUES; n++) {
        sums[n] = 0;
        for (unsigned cpu = 0; cpu < cpu_count; cpu++) {
            sums[n] += READ_ONCE(((const uint32_t *)&cpus[cpu]->counters)[n]);
        }
    }
}

static void sum_domain(const struct domain *d, unsigned slot)
{
    domain_values[0][slot] = d->domid;
    for_each_vcpu(d, v) {
        for (unsigned row = 1; row < ROWS; row++) {
            domain_values[row][slot] += (uint32_t)READ_ONCE(v->exit_count[row_exits[row - 1]]);
        }
    }
}

static void sum_domains(void)
{
    unsigned slot = 0;

    memset(domain_values, 0, sizeof(domain_values));
    memset(domain_values[0], 0xff, sizeof(domain_values[0]));
    for_each_domain(d) {
        if (slot == DOMAIN_SLOTS) {
            domain_put(d);
            return;
        }
        sum_domain(d, slot++);
    }
}

static long query(struct vcpu *v, struct xen_sysctl_perfc_op *perfc)
{
    uint64_t desc = guest_address(perfc->desc), values = guest_address(perfc->val);
    uint32_t host[HOST_VALUES];

    perfc->nr_counters = ARRAY_SIZE(names);
    perfc->nr_vals = HOST_VALUES + ROWS * DOMAIN_SLOTS;
    if (desc != 0 && guest_copy_out(v, desc, names, sizeof(names)) != 0) {
        return -XEN_EFAULT;
    }
    if (values == 0) {
        return 0;
    }
    sum_host(host);
    for (unsigned n = 0; n < HOST_VALUES; n++) {
        host[n] -= at_reset[n];
    }
    sum_domains();
    return guest_copy_out(v, values, host, sizeof(host)) == 0 &&
                   guest_copy_out(v, values + sizeof(host), domain_values, sizeof(domain_values)) == 0
               ? 0
               : -XEN_EFAULT;
}

long sysctl_perfc_op(struct vcpu *v, struct xen_sysctl *op)
{
    switch (op->u.perfc_op.cmd) {
    case XEN_SYSCTL_PERFCOP_reset:
        sum_host(at_reset);
        return 0;
    case XEN_SYSCTL_PERFCOP_query:
        return query(v, &op->u.perfc_op);
    default:
        return -XEN_EINVAL;
    }
}
