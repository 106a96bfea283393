/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Says what the hypervisor tells dom0 of the machine, by the hypercalls that Xen's tools use:
 *
 *   cpu ID CORE SOCKET NODE
 *   node ID TOTAL_MIB FREE_MIB FREE_MIB_BY_AVAILHEAP DISTANCE…
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <xen/xen.h>

#include <xen/sysctl.h>

#include <xen/sys/privcmd.h>

#define MAX_CPUS  256
#define MAX_NODES 16

static struct arguments { /* all that the hypervisor reads and writes: in memory that stays in its place */
    struct xen_sysctl op;
    struct xen_sysctl_cputopo cpus[MAX_CPUS];
    struct xen_sysctl_meminfo memory[MAX_NODES];
    uint32_t distances[MAX_NODES * MAX_NODES];
} *args;

static int privcmd;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void sysctl(uint32_t cmd)
{
    struct privcmd_hypercall call = {.op = __HYPERVISOR_sysctl, .arg = {(uintptr_t)&args->op}};

    args->op.cmd = cmd;
    args->op.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    if (ioctl(privcmd, IOCTL_PRIVCMD_HYPERCALL, &call) != 0) {
        fail("sysctl");
    }
}

static unsigned long free_mib(int node)
{
    args->op.u.availheap = (struct xen_sysctl_availheap){.node = node};
    sysctl(XEN_SYSCTL_availheap);
    return args->op.u.availheap.avail_bytes >> 20;
}

int main(void)
{
    unsigned nodes;

    privcmd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
    args = mmap(NULL, sizeof(*args), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE | MAP_LOCKED,
                -1, 0);
    if (privcmd < 0 || args == MAP_FAILED) {
        fail("set-up");
    }
    args->op.u.cputopoinfo.num_cpus = MAX_CPUS;
    set_xen_guest_handle(args->op.u.cputopoinfo.cputopo, args->cpus);
    sysctl(XEN_SYSCTL_cputopoinfo);
    for (unsigned cpu = 0; cpu < args->op.u.cputopoinfo.num_cpus; cpu++) {
        printf("cpu %u %u %u %u\n", cpu, args->cpus[cpu].core, args->cpus[cpu].socket, args->cpus[cpu].node);
    }

    memset(&args->op, 0, sizeof(args->op));
    args->op.u.numainfo.num_nodes = MAX_NODES;
    set_xen_guest_handle(args->op.u.numainfo.meminfo, args->memory);
    set_xen_guest_handle(args->op.u.numainfo.distance, args->distances);
    sysctl(XEN_SYSCTL_numainfo);
    nodes = args->op.u.numainfo.num_nodes;
    for (unsigned node = 0; node < nodes; node++) {
        printf("node %u %lu %lu %lu", node, (unsigned long)(args->memory[node].memsize >> 20),
               (unsigned long)(args->memory[node].memfree >> 20), free_mib((int)node));
        for (unsigned to = 0; to < nodes; to++) {
            printf(" %u", args->distances[node * nodes + to]);
        }
        printf("\n");
    }
    return 0;
}
