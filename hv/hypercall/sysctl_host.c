/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XEN_SYSCTL_*: the machine: CPUs and their places, NUMA nodes, memory.
 *
 * Lists follow one rule (xen/sysctl.h): a NULL buffer asks for the number of entries; a buffer
 * that is too small gets what fits, and the number that there is.
 */
#include <hv/acpi.h>
#include <hv/cpuid_policy.h>
#include <hv/hypercall.h>
#include <hv/pci.h>
#include <hv/sysctl.h>
#include <hv/time.h>
#include <xen/physdev.h>

/* How APIC ids are made up: CPUID 8000_0008 and 8000_001E (AMD64 APM vol. 3, E.4.7 and E.4.17). */
struct topology {
    uint32_t package_shift; /* APIC id bits below the package's number */
    uint32_t threads_per_core, cores_per_socket;
};

static struct topology host_topology(void)
{
    const struct cpuid_policy *raw = cpuid_policy_system(XEN_SYSCTL_cpu_policy_raw);
    uint32_t size = raw->ext[8].ecx;
    uint32_t threads = (size & 0xff) + 1; /* of a package */
    struct topology t = {.package_shift = size >> 12 & 0xf, .threads_per_core = 1};

    if (t.package_shift == 0) {
        while (1u << t.package_shift < threads) {
            t.package_shift++;
        }
    }
    if (raw->ext[0].eax >= 0x8000001e) {
        t.threads_per_core = (raw->ext[0x1e].ebx >> 8 & 0xff) + 1;
    }
    t.cores_per_socket = MAX(threads / t.threads_per_core, 1U);
    return t;
}

static unsigned node_count(void)
{
    unsigned count = 32 - (unsigned)__builtin_clz(frame_nodes() | 1);

    for (unsigned cpu = 0; cpu < cpu_count; cpu++) {
        count = MAX(count, cpus[cpu]->node + 1);
    }
    return count;
}

long sysctl_physinfo(struct vcpu *v, struct xen_sysctl *op)
{
    struct xen_sysctl_physinfo *info = &op->u.physinfo;
    struct topology t = host_topology();
    struct frame_stats memory = frame_stats(NODE_ANY);
    uint32_t features[CPUID_FEATURE_WORDS];

    memset(&op->u, 0, sizeof(op->u));
    info->threads_per_core = t.threads_per_core;
    info->cores_per_socket = t.cores_per_socket;
    info->nr_cpus = cpu_count;
    info->max_cpu_id = cpu_count - 1;
    info->nr_nodes = node_count();
    info->max_node_id = info->nr_nodes - 1;
    info->cpu_khz = (uint32_t)host_tsc_khz;
    info->capabilities = XEN_SYSCTL_PHYSCAP_hvm | XEN_SYSCTL_PHYSCAP_hap | XEN_SYSCTL_PHYSCAP_gnttab_v1 |
                         XEN_SYSCTL_PHYSCAP_gnttab_v2;
    info->total_pages = memory.total;
    info->free_pages = memory.free - memory.dirty;
    info->scrub_pages = memory.dirty;
    info->max_mfn = frame_limit - 1;
    cpuid_policy_featureset(cpuid_policy_system(XEN_SYSCTL_cpu_policy_host), features);
    memcpy(info->hw_cap, features, sizeof(info->hw_cap));
    return 0;
}

/* A CPU that has nothing to do sleeps for as long as that is so, and counts when it wakes. */
static uint64_t idle_time(const struct cpu *c)
{
    uint64_t counted = READ_ONCE(c->idle_ns), since = READ_ONCE(c->idle_since), now = now_ns();

    return since != 0 && now > since ? counted + now - since : counted;
}

long sysctl_getcpuinfo(struct vcpu *v, struct xen_sysctl *op)
{
    struct xen_sysctl_getcpuinfo *list = &op->u.getcpuinfo;
    uint32_t count = MIN(cpu_count, list->max_cpus);

    for (uint32_t cpu = 0; cpu < count; cpu++) {
        struct xen_sysctl_cpuinfo info = {.idletime = idle_time(cpus[cpu])};

        if (guest_copy_out(v, guest_address(list->info) + cpu * sizeof(info), &info, sizeof(info)) != 0) {
            return -XEN_EFAULT;
        }
    }
    list->nr_cpus = count;
    return 0;
}

long sysctl_cputopoinfo(struct vcpu *v, struct xen_sysctl *op)
{
    struct xen_sysctl_cputopoinfo *list = &op->u.cputopoinfo;
    uint64_t buffer = guest_address(list->cputopo);
    uint32_t count = buffer == 0 ? 0 : MIN(cpu_count, list->num_cpus);
    struct topology t = host_topology();

    for (uint32_t cpu = 0; cpu < count; cpu++) {
        uint32_t id = cpus[cpu]->apic_id;
        struct xen_sysctl_cputopo place = {
            .core = (id & ((1u << t.package_shift) - 1)) / t.threads_per_core,
            .socket = id >> t.package_shift,
            .node = cpus[cpu]->node,
        };

        if (guest_copy_out(v, buffer + cpu * sizeof(place), &place, sizeof(place)) != 0) {
            return -XEN_EFAULT;
        }
    }
    list->num_cpus = cpu_count;
    return 0;
}

/* What the SLIT says; without one, or with a number that ACPI forbids, near and far (ACPI 6.4, 5.2.17). */
static uint32_t distance(unsigned from, unsigned to)
{
    uint8_t told = acpi_info.slit[from][to];

    return told >= 10 && told != 0xff ? told : (from == to ? 10 : 20);
}

long sysctl_numainfo(struct vcpu *v, struct xen_sysctl *op)
{
    struct xen_sysctl_numainfo *list = &op->u.numainfo;
    uint64_t memory = guest_address(list->meminfo), distances = guest_address(list->distance);
    unsigned nodes = node_count();
    uint32_t count = MIN(nodes, list->num_nodes);

    for (unsigned i = 0; i < count; i++) {
        struct frame_stats stats = frame_stats(i);
        struct xen_sysctl_meminfo info = {stats.total << PAGE_SHIFT, stats.free << PAGE_SHIFT};

        if (memory != 0 && guest_copy_out(v, memory + i * sizeof(info), &info, sizeof(info)) != 0) {
            return -XEN_EFAULT;
        }
        for (unsigned j = 0; j < count && distances != 0; j++) {
            uint32_t d = distance(i, j);

            if (guest_copy_out(v, distances + (i * nodes + j) * sizeof(d), &d, sizeof(d)) != 0) {
                return -XEN_EFAULT;
            }
        }
    }
    list->num_nodes = nodes;
    return 0;
}

/* No device's node is known (that is in the DSDT); but whether there is such a device is. */
static uint32_t device_node(const struct physdev_pci_device *device)
{
    pci_bdf bdf = (pci_bdf)(device->bus << 8 | device->devfn);

    if (device->seg != 0 || (pci_config_read(bdf, 0, 4) & 0xffff) == 0xffff) {
        return XEN_INVALID_DEV;
    }
    return XEN_INVALID_NODE_ID;
}

/* Does as many as may be done at once: the caller asks again for the rest. */
long sysctl_pcitopoinfo(struct vcpu *v, struct xen_sysctl *op)
{
    struct xen_sysctl_pcitopoinfo *list = &op->u.pcitopoinfo;
    uint64_t devices = guest_address(list->devs), nodes = guest_address(list->nodes);
    uint32_t done = 0;

    if (devices == 0 || nodes == 0) {
        return -XEN_EINVAL;
    }
    while (done < list->num_devs && (done < 64 || !hypercall_should_restart()) && done < 256) {
        struct physdev_pci_device device;
        uint32_t node;

        if (guest_copy_in(v, &device, devices + done * sizeof(device), sizeof(device)) != 0) {
            return -XEN_EFAULT;
        }
        node = device_node(&device);
        if (guest_copy_out(v, nodes + done * sizeof(node), &node, sizeof(node)) != 0) {
            return -XEN_EFAULT;
        }
        done++;
    }
    list->num_devs = done;
    return 0;
}

/* The heap is not sorted by address width: only ranges that hold all of it can be answered. */
long sysctl_availheap(struct vcpu *v, struct xen_sysctl *op)
{
    struct xen_sysctl_availheap *heap = &op->u.availheap;
    bool holds_all = heap->max_bitwidth == 0 || heap->max_bitwidth >= 64 ||
                     frame_limit <= (1UL << heap->max_bitwidth) >> PAGE_SHIFT;

    if (heap->min_bitwidth != 0 || !holds_all) {
        return -XEN_EOPNOTSUPP;
    }
    if (heap->node < -1 || heap->node >= (int32_t)MAX_NODES) {
        return -XEN_EINVAL;
    }
    heap->avail_bytes = frame_stats(heap->node < 0 ? NODE_ANY : (unsigned)heap->node).free << PAGE_SHIFT;
    return 0;
}
