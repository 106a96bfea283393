/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks the hypervisor for anything as dom0, in the order that a seed decides.
 *
 *   fuzz_dom0 SEED SECONDS [SPARED [trace]]    prints how many calls it made, how many were done, domains, contexts;
 *                                              with trace, each call before it is made
 *   fuzz_dom0 before DOMID                     makes and destroys domains, until DOMID is the next that a domain gets
 *
 * It makes domains of its own, which it uses as badly as it can, and destroys them in the end. What is not tried is
 * in allowed(): what the ABI lets dom0 ask for and what ends dom0, the host, or somebody else's guest. Of all guests
 * it spares one, the domid SPARED: no argument has that number anywhere, so what happens to it is a defect. It should
 * be a number that means nothing else, not 1.
 */
#include "../fuzz/calls.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <xen/domctl.h>
#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/memory.h>
#include <xen/platform.h>
#include <xen/sched.h>
#include <xen/sysctl.h>
#include <xen/vcpu.h>
#include <xen/xen.h>

#define PAGE         4096UL
#define NOBODY       0x10000U /* no domid */
#define USUAL_WEIGHT 256U
#define ARENA_PAGES  64U
#define VICTIMS      4U
#define CONTEXT_SIZE 16384U
#define FIRST_RECORD 40U /* behind the header and its own descriptor, in a context */

struct privcmd_hypercall {
    uint64_t op, args[CALL_ARGS];
};
#define IOCTL_PRIVCMD_HYPERCALL _IOC(_IOC_NONE, 'P', 0, sizeof(struct privcmd_hypercall))

static int privcmd;
static uint8_t *arena;
static domid_t victims[VICTIMS];
static unsigned vcpus_of[VICTIMS];
static uint32_t spared = NOBODY;
static unsigned long call_total, done_total, domain_total, ran_total;

static long issue(uint64_t number, const uint64_t *args)
{
    struct privcmd_hypercall call = {.op = number};

    memcpy(call.args, args, sizeof(call.args));
    return ioctl(privcmd, IOCTL_PRIVCMD_HYPERCALL, &call);
}

/* --- What may be named ------------------------------------------------------------------------- */

static uint64_t make_domid(struct random *r)
{
    static const uint16_t special[] = {DOMID_SELF, DOMID_IO, DOMID_XEN, DOMID_COW, DOMID_INVALID, DOMID_IDLE};

    switch (random_below(r, 8)) {
    case 0:
        return 0;
    case 1:
        return special[random_below(r, sizeof(special) / sizeof(special[0]))];
    case 2:
        return 0x5000 + random_below(r, 0x1000); /* nobody: domids are given from 1 on */
    default:
        return victims[random_below(r, VICTIMS)];
    }
}

/* Low ones are a victim's memory; dom0's own are far above all RAM, where it has nothing. */
static uint64_t make_frame(struct random *r)
{
    switch (random_below(r, 8)) {
    case 0:
        return 0x4000000 + random_below(r, 64);
    case 1:
        return call_number(r);
    default:
        return random_below(r, 64);
    }
}

/* The hypervisor writes where it is told, as the kernel may: so this program's own memory, and what is none. */
static uint64_t make_pointer(struct random *r)
{
    uint64_t offset = random_below(r, PAGE) & ~7UL;

    switch (random_below(r, 16)) {
    case 0:
        return 0;
    case 1: /* in no page table of a process */
        return 0x7ff000000000 + offset;
    case 2:
        return 0x800000000000 - random_below(r, 64);
    case 3: /* the last page before one that is not there */
        return (uint64_t)arena + ARENA_PAGES * PAGE - random_below(r, 64);
    case 4: /* the program's own code: not writable */
        return (uint64_t)&call_make_up & ~7UL;
    default:
        return (uint64_t)arena + random_below(r, ARENA_PAGES - 1) * PAGE + offset;
    }
}

/* In any half of a word, wherever a domid may stand. */
static bool names_spared(const void *words, size_t size)
{
    const uint16_t *half = words;

    for (size_t i = 0; i < size / sizeof(*half); i++) {
        if (half[i] == spared) {
            return true;
        }
    }
    return false;
}

static bool is_own(uint64_t domid)
{
    return domid == 0 || domid == DOMID_SELF;
}

static uint16_t half_at(const struct call_request *q, unsigned offset)
{
    uint16_t value;

    memcpy(&value, q->structure + offset, sizeof(value));
    return value;
}

static uint32_t word_at(const struct call_request *q, unsigned offset)
{
    uint32_t value;

    memcpy(&value, q->structure + offset, sizeof(value));
    return value;
}

static bool is_one_of(uint64_t value, const uint16_t *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i] == value) {
            return true;
        }
    }
    return false;
}

#define ONE_OF(value, ...)                                                                                    \
    is_one_of(value, (const uint16_t[]){__VA_ARGS__}, sizeof((const uint16_t[]){__VA_ARGS__}) / sizeof(uint16_t))

static bool allowed_on_own_memory(uint64_t op, const struct call_request *q)
{
    switch (op & 63) {
    case XENMEM_populate_physmap: /* these take dom0's own pages from under it, or hide them */
    case XENMEM_decrease_reservation:
    case XENMEM_increase_reservation:
    case XENMEM_exchange:
        return !is_own(half_at(q, offsetof(struct xen_memory_reservation, domid)));
    case XENMEM_add_to_physmap_batch: /* also dom0's memory in a victim that runs, and writes there */
        return !is_own(half_at(q, 0)) && !(half_at(q, offsetof(struct xen_add_to_physmap_batch, space)) ==
                                               XENMAPSPACE_gmfn_foreign &&
                                           is_own(half_at(q, offsetof(struct xen_add_to_physmap_batch, u))));
    case XENMEM_add_to_physmap:
    case XENMEM_remove_from_physmap:
    case XENMEM_set_memory_map: /* Linux has read it; the next kernel (kexec) would not find its memory */
        return !is_own(half_at(q, 0));
    case XENMEM_acquire_resource: /* maps into dom0, at frames that the arena names */
        return false;
    default:
        return true;
    }
}

static bool allowed_domctl(const struct call_request *q)
{
    switch (word_at(q, 0)) {
    case XEN_DOMCTL_sendtrigger: /* an NMI, which the kernel may take for the operator's button */
        return !is_own(half_at(q, offsetof(struct xen_domctl, domain)));
    case XEN_DOMCTL_scheduler_op: /* shares with which all but a victim that spins seem to hang */
        return !is_own(half_at(q, offsetof(struct xen_domctl, domain))) &&
               half_at(q, offsetof(struct xen_domctl, u.scheduler_op.u.credit2.weight)) <= USUAL_WEIGHT;
    default:
        return true;
    }
}

static bool allowed_sysctl(const struct call_request *q)
{
    switch (word_at(q, 0)) {
    case XEN_SYSCTL_readconsole: /* with clear, the log is gone */
        return false;
    case XEN_SYSCTL_tbuf_op: /* rings that stay until the host starts again, which would look like a leak */
        return word_at(q, offsetof(struct xen_sysctl, u.tbuf_op.cmd)) != XEN_SYSCTL_TBUFOP_set_size;
    default:
        return true;
    }
}

static bool allowed(const struct call_request *q)
{
    uint64_t op = (uint32_t)q->args[0]; /* as the hypervisor takes it */

    if (names_spared(q->args, sizeof(q->args)) || names_spared(q->structure, q->size)) {
        return false;
    }
    switch (q->number) {
    case __HYPERVISOR_sched_op: /* its own end, or its kernel's vCPU asleep for ever; of others: not the witness */
        return ONE_OF(op, SCHEDOP_yield, SCHEDOP_watchdog, SCHEDOP_pin_override) ||
               (op == SCHEDOP_remote_shutdown && q->size != 0 && !is_own(half_at(q, 0)));
    case __HYPERVISOR_set_timer_op: /* the kernel's own timer */
        return false;
    case __HYPERVISOR_vcpu_op: /* the kernel's vCPUs down, their timers, and where their state is told */
        return ONE_OF(op, VCPUOP_is_up, VCPUOP_get_runstate_info, VCPUOP_stop_periodic_timer, VCPUOP_get_physid);
    case __HYPERVISOR_event_channel_op: /* the kernel's ports, how it is told of events, new ports that nobody closes */
        return ONE_OF(op, EVTCHNOP_status, EVTCHNOP_bind_pirq) ||
               (ONE_OF(op, EVTCHNOP_alloc_unbound, EVTCHNOP_reset) && q->size != 0 && !is_own(half_at(q, 0)));
    case __HYPERVISOR_grant_table_op: /* the layout of a table that the kernel has live entries in; frames in its way;
                                         a table that stays larger, which would look like a leak */
        return !(op == GNTTABOP_setup_table && (q->size == 0 || is_own(half_at(q, 0)))) &&
               !ONE_OF(op, GNTTABOP_set_version, GNTTABOP_map_grant_ref, GNTTABOP_unmap_grant_ref, GNTTABOP_copy,
                       GNTTABOP_swap_grant_ref);
    case __HYPERVISOR_memory_op:
        return q->size != 0 && allowed_on_own_memory(op, q);
    case __HYPERVISOR_hvm_op: /* the kernel's interrupt for events */
        return op == HVMOP_set_param ? q->size != 0 && !is_own(half_at(q, 0)) : op != HVMOP_set_evtchn_upcall_vector;
    case __HYPERVISOR_multicall: /* any of these */
    case __HYPERVISOR_console_io: /* noise, and what is typed */
    case __HYPERVISOR_platform_op: /* the host's clock is dom0's to set; the tests' timestamps need it */
        return false;
    case __HYPERVISOR_domctl:
        return q->size != 0 && allowed_domctl(q);
    case __HYPERVISOR_sysctl:
        return q->size != 0 && allowed_sysctl(q);
    case __HYPERVISOR_physdev_op: /* dom0's own devices: they are gone, and so are their interrupts */
        return !ONE_OF(op, PHYSDEVOP_pci_device_remove, PHYSDEVOP_manage_pci_remove);
    case __HYPERVISOR_kexec_op: /* another kernel */
        return false;
    default:
        return true;
    }
}

/* --- Domains of its own ------------------------------------------------------------------------- */

static long domctl(struct xen_domctl *op, uint32_t cmd, domid_t domid)
{
    uint64_t args[CALL_ARGS] = {(uint64_t)op};

    op->cmd = cmd;
    op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op->domain = domid;
    return issue(__HYPERVISOR_domctl, args);
}

static void populate(domid_t domid)
{
    uint64_t frames[64];
    struct xen_memory_reservation reservation = {.nr_extents = 64, .domid = domid};
    uint64_t args[CALL_ARGS] = {XENMEM_populate_physmap, (uint64_t)&reservation};

    for (unsigned i = 0; i < 64; i++) {
        frames[i] = i;
    }
    set_xen_guest_handle(reservation.extent_start, frames);
    issue(__HYPERVISOR_memory_op, args);
}

static void make_victim(struct random *r, unsigned n)
{
    struct xen_domctl op = {0};

    vcpus_of[n] = 1 + random_below(r, 4);
    op.u.createdomain = (struct xen_domctl_createdomain){
        .flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap,
        .max_vcpus = vcpus_of[n],
        .max_evtchn_port = 1023,
        .max_grant_frames = 4,
        .max_maptrack_frames = 4,
        .grant_opts = XEN_DOMCTL_GRANT_version(1 + random_below(r, 2)),
        .arch.emulation_flags = XEN_X86_EMU_LAPIC,
    };
    victims[n] = DOMID_INVALID;
    if (domctl(&op, XEN_DOMCTL_createdomain, 0) != 0) {
        return;
    }
    victims[n] = (domid_t)op.domain;
    domain_total++;
    op.u.max_mem.max_memkb = 1024;
    domctl(&op, XEN_DOMCTL_max_mem, victims[n]);
    populate(victims[n]);
}

static void destroy_victim(unsigned n)
{
    struct xen_domctl op = {0};

    if (victims[n] != DOMID_INVALID) {
        domctl(&op, XEN_DOMCTL_destroydomain, victims[n]);
    }
    victims[n] = DOMID_INVALID;
}

/* Numbers are given in order, so one that is far from those of a fresh host takes a while to come. */
static int go_before(domid_t wanted)
{
    struct xen_domctl_createdomain smallest = {
        .flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap,
        .max_vcpus = 1,
        .max_evtchn_port = 1023,
        .max_grant_frames = 1,
        .max_maptrack_frames = 1,
        .grant_opts = XEN_DOMCTL_GRANT_version(1),
        .arch.emulation_flags = XEN_X86_EMU_LAPIC,
    };
    domid_t got;

    do {
        struct xen_domctl op = {.u.createdomain = smallest};

        if (domctl(&op, XEN_DOMCTL_createdomain, 0) != 0) {
            return 1;
        }
        got = (domid_t)op.domain;
        if (domctl(&op, XEN_DOMCTL_destroydomain, got) != 0) {
            return 1;
        }
    } while (got + 1 != wanted);
    return 0;
}

/* A vCPU's state with some bytes of it changed, and then it runs. */
static void run_changed_context(struct random *r, unsigned n)
{
    static uint8_t context[CONTEXT_SIZE];
    struct xen_domctl op = {0};

    op.u.max_vcpus.max = vcpus_of[n];
    domctl(&op, XEN_DOMCTL_max_vcpus, victims[n]);
    op.u.hvmcontext.size = sizeof(context);
    set_xen_guest_handle(op.u.hvmcontext.buffer, context);
    if (domctl(&op, XEN_DOMCTL_gethvmcontext, victims[n]) != 0) {
        return;
    }
    for (unsigned i = random_below(r, 4); i != 0; i--) {
        uint32_t at = FIRST_RECORD + random_below(r, random_once_in(r, 2) ? 1000 : op.u.hvmcontext.size - FIRST_RECORD);
        uint64_t value = call_number(r);

        if (at < CONTEXT_SIZE - 8) {
            memcpy(context + (random_once_in(r, 2) ? at & ~7u : at), &value, 1u << random_below(r, 4));
        }
    }
    set_xen_guest_handle(op.u.hvmcontext.buffer, context);
    ran_total += domctl(&op, XEN_DOMCTL_sethvmcontext, victims[n]) == 0;
    domctl(&op, XEN_DOMCTL_unpausedomain, victims[n]);
}

/* --- The loop ------------------------------------------------------------------------------------ */

static void refill(struct random *r)
{
    uint64_t *words = (uint64_t *)(arena + random_below(r, ARENA_PAGES) * PAGE);

    for (unsigned i = 0; i < 512; i++) {
        words[i] = random_once_in(r, 4) ? call_number(r) : make_frame(r);
    }
}

static void one_call(struct random *r, bool trace)
{
    static struct call_request q;
    const struct call_source source = {r, make_domid, make_frame, make_pointer};

    if (call_make_up(&source, &q) == NULL) {
        q.size = 0; /* of any number: it is refused unless it is harmless whatever its arguments are */
    }
    if (!allowed(&q)) {
        return;
    }
    if (q.size != 0) {
        uint64_t at = (uint64_t)arena + random_below(r, ARENA_PAGES * PAGE - q.size) / 8 * 8;

        memcpy((void *)at, q.structure, q.size);
        q.args[q.structure_arg] = random_once_in(r, 32) ? make_pointer(r) : at;
        if (q.args[q.structure_arg] != at && q.number != __HYPERVISOR_domctl && q.number != __HYPERVISOR_sysctl) {
            q.args[q.structure_arg] = 0x7ff000000000; /* elsewhere may be a request that is not allowed */
        } else if (q.args[q.structure_arg] != at) {
            q.args[q.structure_arg] = 0x800000000000 - random_below(r, 64);
        }
    }
    if (trace) {
        fprintf(stderr, "%lu: %u (%lx %lx %lx) %x\n", call_total, q.number, q.args[0], q.args[1], q.args[2],
                q.size != 0 ? word_at(&q, 0) : 0);
    }
    call_total++;
    done_total += issue(q.number, q.args) >= 0;
}

int main(int argc, char **argv)
{
    struct random r = {.state = argc > 1 ? strtoull(argv[1], NULL, 0) : 1};
    time_t end = time(NULL) + (argc > 2 ? atoi(argv[2]) : 5);
    bool trace = argc > 4;

    mlockall(MCL_CURRENT | MCL_FUTURE); /* the hypervisor does not wait for a page to come */
    privcmd = open("/dev/xen/privcmd", O_RDWR);
    arena = mmap(NULL, (ARENA_PAGES + 1) * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1,
                 0);
    if (privcmd < 0 || arena == MAP_FAILED || munmap(arena + ARENA_PAGES * PAGE, PAGE) != 0) {
        perror("fuzz_dom0");
        return 1;
    }
    if (argc > 2 && strcmp(argv[1], "before") == 0) {
        return go_before((domid_t)atoi(argv[2]));
    }
    spared = argc > 3 ? (uint32_t)atoi(argv[3]) : NOBODY;
    for (unsigned i = 0; i < VICTIMS; i++) {
        victims[i] = DOMID_INVALID;
    }
    for (unsigned i = 0; i < ARENA_PAGES; i++) {
        refill(&r);
    }
    while (time(NULL) < end) {
        unsigned n = random_below(&r, VICTIMS);

        if (random_once_in(&r, 64)) {
            destroy_victim(n);
            make_victim(&r, n);
        }
        if (random_once_in(&r, 16)) {
            run_changed_context(&r, n);
        }
        if (random_once_in(&r, 8)) {
            refill(&r);
        }
        one_call(&r, trace);
    }
    for (unsigned i = 0; i < VICTIMS; i++) {
        destroy_victim(i);
    }
    printf("%lu calls, %lu done, %lu domains, %lu contexts taken\n", call_total, done_total, domain_total, ran_total);
    return 0;
}
