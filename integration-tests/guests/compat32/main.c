/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest of 32-bit code: uses each kind of hypercall whose structures have another layout for it, through the
 * hypercall page, in every mode in which 32-bit code runs. What could go wrong: arguments read or answers written
 * by the 64-bit layout; shared_info, runstate or event bits at the 64-bit places; arguments
 * walked through the wrong kind of page tables.
 *
 * One line a mode on the PV console: "compat32: MODE ok", then "compat32: done".
 */
#include "../pv/pv.h"

#include <stdbool.h>

#include <xen/event_channel.h>
#include <xen/features.h>
#include <xen/grant_table.h>
#include <xen/memory.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>

#define PAGE_SIZE 4096U
#define PAGE      __attribute__((aligned(4096)))

#define MSR_HYPERCALL_PAGE 0x40000000U

#define WC_SEC_64 3076 /* where the wall clock's seconds are in a 64-bit guest's shared_info */

const char guest_name[] = "compat32";

void main(void);
void paging_off(void);
void paging_32(void);
void paging_pae(void);
void paging_compat(void);
long call_64(unsigned number, unsigned a, unsigned msr);

/* Pages of RAM that other things take the place of. */
static char shared_page[PAGE_SIZE] PAGE, grant_page[PAGE_SIZE] PAGE, scratch_page[PAGE_SIZE] PAGE;
static char vcpu_info_page[PAGE_SIZE] PAGE;

static struct shared_info *const shared = (void *)shared_page;
static volatile struct vcpu_info *info = (void *)shared_page; /* of vCPU 0 */
static evtchn_port_t ipi, timer;

static xen_ulong_t gfn_of(const void *p)
{
    return (uintptr_t)p / PAGE_SIZE;
}

static void must(bool holds, const char *what)
{
    if (!holds) {
        fail(what);
    }
}

static bool equal(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

/* --- Set-up -------------------------------------------------------------------------------------- */

static void ask_for_hypercall_page(void)
{
    wrmsr(MSR_HYPERCALL_PAGE, (uintptr_t)hypercall_page);
}

static void place(unsigned space, unsigned idx, void *page)
{
    struct xen_add_to_physmap add = {.domid = DOMID_SELF, .space = space, .idx = idx, .gpfn = gfn_of(page)};

    must(hypercall(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, (uintptr_t)&add, 0) == 0, "add_to_physmap");
}

static evtchn_port_t bind_ipi(void)
{
    struct evtchn_bind_ipi bind = {.vcpu = 0};

    must(hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_ipi, (uintptr_t)&bind, 0) == 0, "bind_ipi");
    return bind.port;
}

static evtchn_port_t bind_timer(void)
{
    struct evtchn_bind_virq bind = {.virq = VIRQ_TIMER, .vcpu = 0};

    must(hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq, (uintptr_t)&bind, 0) == 0, "bind_virq");
    return bind.port;
}

/* --- What is tried in each mode ------------------------------------------------------------------ */

static void try_version(void)
{
    static xen_capabilities_info_t capabilities;
    struct xen_platform_parameters parameters[2] = {{1}, {2}};
    struct xen_feature_info features = {.submap_idx = 0};

    must(hypercall(__HYPERVISOR_xen_version, XENVER_version, 0, 0) == (4 << 16 | 17), "version");
    must(hypercall(__HYPERVISOR_xen_version, XENVER_get_features, (uintptr_t)&features, 0) == 0 &&
             features.submap & 1U << XENFEAT_auto_translated_physmap,
         "get_features");
    must(hypercall(__HYPERVISOR_xen_version, XENVER_capabilities, (uintptr_t)capabilities, 0) == 0 &&
             capabilities[0] == 'h',
         "capabilities");
    must(hypercall(__HYPERVISOR_xen_version, XENVER_platform_parameters, (uintptr_t)parameters, 0) == 0 &&
             parameters[1].virt_start == 2,
         "platform_parameters");
}

static bool clock_runs(void)
{
    return shared->wc_sec > 1000000000 && (shared->wc_version & 1) == 0 && shared->arch.wc_sec_hi == 0;
}

static bool is_pending(evtchn_port_t port)
{
    return __atomic_load_n(&shared->evtchn_pending[port / 32], __ATOMIC_SEQ_CST) & 1U << port % 32;
}

static void clear(evtchn_port_t port)
{
    info->evtchn_upcall_pending = 0;
    info->evtchn_pending_sel = 0;
    __atomic_fetch_and(&shared->evtchn_pending[port / 32], ~(1U << port % 32), __ATOMIC_SEQ_CST);
}

static void try_events(void)
{
    struct evtchn_send send = {.port = ipi};

    clear(ipi);
    must(hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_send, (uintptr_t)&send, 0) == 0, "send");
    must(is_pending(ipi) && info->evtchn_upcall_pending == 1, "the event is not pending");
    must(info->evtchn_pending_sel == 1U << ipi / 32, "the selector");
    clear(ipi);

    shared->evtchn_mask[ipi / 32] |= 1U << ipi % 32;
    hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_send, (uintptr_t)&send, 0);
    must(is_pending(ipi) && !info->evtchn_upcall_pending, "a masked event is told");
    must(hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_unmask, (uintptr_t)&send, 0) == 0 &&
             info->evtchn_upcall_pending && !(shared->evtchn_mask[ipi / 32] & 1U << ipi % 32),
         "unmask");
    clear(ipi);
}

/* The deadline has more than 32 bits sooner or later: its halves come in two registers. */
static void try_timer(void)
{
    struct vcpu_runstate_info now;
    struct sched_poll poll = {.nr_ports = 1};
    uint64_t deadline;

    must(hypercall(__HYPERVISOR_vcpu_op, VCPUOP_get_runstate_info, 0, (uintptr_t)&now) == 0 &&
             now.state == RUNSTATE_running && now.time[RUNSTATE_running] != 0,
         "get_runstate_info");
    deadline = now.state_entry_time + 5000000000ULL; /* 5 s after it began to run, more than 32 bits */
    must(deadline >> 32 != 0, "a deadline of 64 bits");
    clear(timer);
    set_xen_guest_handle(poll.ports, &timer);
    must(hypercall(__HYPERVISOR_set_timer_op, (uint32_t)deadline, (uint32_t)(deadline >> 32), 0) == 0, "set_timer_op");
    must(!is_pending(timer), "the timer came too early");
    must(hypercall(__HYPERVISOR_set_timer_op, 1, 0, 0) == 0, "set_timer_op");
    must(hypercall(__HYPERVISOR_sched_op, SCHEDOP_poll, (uintptr_t)&poll, 0) == 0 && is_pending(timer), "poll");
    clear(timer);
    must(hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0) == 0, "yield");
}

/* It is registered across a page's end, and is written at each change of state. */
static void try_runstate(void)
{
    volatile struct vcpu_runstate_info *runstate = (void *)scratch_page;
    struct vcpu_register_runstate_memory_area area = {.addr.p = ~0ULL};

    area.addr.v = (void *)scratch_page;
    must(hypercall(__HYPERVISOR_vcpu_op, VCPUOP_register_runstate_memory_area, 0, (uintptr_t)&area) == 0,
         "register_runstate");
    must(runstate->state == RUNSTATE_running && runstate->state_entry_time != 0, "the runstate area");
    must((runstate->time[RUNSTATE_running] | runstate->time[RUNSTATE_runnable]) >> 40 == 0, "runstate times");
    area.addr.v = NULL;
    hypercall(__HYPERVISOR_vcpu_op, VCPUOP_register_runstate_memory_area, 0, (uintptr_t)&area);
}

static void try_memory(void)
{
    static char page[PAGE_SIZE] PAGE;
    xen_pfn_t list[2] = {gfn_of(page), 0};
    struct xen_memory_reservation reservation = {.nr_extents = 1, .domid = DOMID_SELF};

    set_xen_guest_handle(reservation.extent_start, list);
    must(hypercall(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, (uintptr_t)&reservation, 0) == 1,
         "decrease_reservation");
    must(hypercall(__HYPERVISOR_memory_op, XENMEM_populate_physmap, (uintptr_t)&reservation, 0) == 1, "populate");
    must(page[0] == 0 && page[PAGE_SIZE - 1] == 0, "new memory is not clean");
    page[0] = 1;
}

static void try_grants(void)
{
    static char from[PAGE_SIZE] PAGE, to[PAGE_SIZE] PAGE;
    static const char text[] = "what was granted";
    xen_pfn_t frames[2] = {0, 7};
    struct gnttab_setup_table table = {.dom = DOMID_SELF, .nr_frames = 1, .status = 9};
    struct gnttab_query_size size = {.dom = DOMID_SELF};
    struct gnttab_copy copy[2];

    set_xen_guest_handle(table.frame_list, frames);
    must(hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_setup_table, (uintptr_t)&table, 1) == 0 &&
             table.status == GNTST_okay && frames[1] == 7,
         "setup_table");
    must(hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_query_size, (uintptr_t)&size, 1) == 0 &&
             size.status == GNTST_okay && size.nr_frames >= 1,
         "query_size");
    for (unsigned i = 0; i < sizeof(text); i++) {
        from[i] = text[i];
    }
    for (unsigned i = 0; i < 2; i++) {
        copy[i] = (struct gnttab_copy){
            .source = {.u.gmfn = gfn_of(from), .domid = DOMID_SELF, .offset = (uint16_t)(8 * i)},
            .dest = {.u.gmfn = gfn_of(to), .domid = DOMID_SELF, .offset = (uint16_t)(8 * i)},
            .len = i == 0 ? 8 : sizeof(text) - 8,
            .status = 9,
        };
    }
    to[0] = 0;
    must(hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_copy, (uintptr_t)copy, 2) == 0 &&
             copy[0].status == GNTST_okay && copy[1].status == GNTST_okay && equal(to, text),
         "grant copy");
}

static void try_multicall(void)
{
    struct multicall_entry calls[2] = {
        {.op = __HYPERVISOR_xen_version, .args = {XENVER_version}},
        {.op = __HYPERVISOR_xen_version, .args = {XENVER_pagesize}},
    };

    must(hypercall(__HYPERVISOR_multicall, (uintptr_t)calls, 2, 0) == 0 && calls[0].result == (4 << 16 | 17) &&
             calls[1].result == PAGE_SIZE,
         "multicall");
}

static void try_all(const char *mode)
{
    ask_for_hypercall_page();
    must(clock_runs(), "the wall clock");
    try_version();
    try_events();
    try_timer();
    try_runstate();
    try_memory();
    try_grants();
    try_multicall();
    print("compat32: ");
    print(mode);
    print(" ok\r\n");
}

/* Once a vCPU: the place of vcpu_info, and that events go there now. */
static void move_vcpu_info(void)
{
    struct vcpu_register_vcpu_info request = {.mfn = gfn_of(vcpu_info_page), .offset = 64};

    must(hypercall(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, 0, (uintptr_t)&request) == 0, "register_vcpu_info");
    info = (void *)(vcpu_info_page + 64);
    must(info->time.tsc_to_system_mul != 0, "the time in vcpu_info");
}

/* 64-bit code asks for the page: the shared page has the 64-bit layout then. */
static void try_long_mode(void)
{
    must(call_64(__HYPERVISOR_xen_version, XENVER_version, MSR_HYPERCALL_PAGE) == (4 << 16 | 17), "a call in 64-bit mode");
    must(*(uint32_t *)(shared_page + WC_SEC_64) > 1000000000, "the wall clock of 64-bit code");
    print("compat32: 64-bit ok\r\n");
}

void main(void)
{
    ask_for_hypercall_page();
    console_init();
    place(XENMAPSPACE_shared_info, 0, shared_page);
    place(XENMAPSPACE_grant_table, 0, grant_page);
    ipi = bind_ipi();
    timer = bind_timer();

    try_all("no-paging");
    move_vcpu_info();
    paging_32();
    try_all("two-level");
    paging_off();
    paging_pae();
    try_all("pae");
    paging_off();
    paging_compat();
    try_all("compatibility");
    try_long_mode();
    print("compat32: done\r\n");
    power_off();
}
