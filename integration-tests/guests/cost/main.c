/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What entering the hypervisor costs, seen from a guest: reads the TSC, does one thing, reads it
 * again, many times over. Under an emulator that counts instructions (one is one tick of the TSC) the
 * difference is the number of instructions from guest to guest, the hypervisor's and these few here.
 *
 * One line an operation on the PV console: "cost: NAME MIN MEDIAN MAX", less what an empty measurement
 * takes; then "cost: done". integration-tests/bench reads it.
 *
 * A first guest then waits for events of the domain whose number follows its own and answers each. A
 * guest that finds such a one in the domain before it measures the round trip to it, and nothing else.
 */
#include "../pv/pv.h"

#include <stdbool.h>

#include <xen/arch-x86/cpuid.h>
#include <xen/event_channel.h>
#include <xen/features.h>
#include <xen/hvm/hvm_op.h>
#include <xen/memory.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>

#define ROUNDS  1001
#define WARM_UP 20

#define SHARED_INFO_GFN 1 /* where Linux puts it too */
#define ARGUMENTS       ((void *)0x40000000UL)

#define MSR_APIC_BASE 0x1b
#define APIC_ENABLE_X2APIC 0xc00
#define X2APIC_EOI           0x80b
#define X2APIC_SPURIOUS      0x80f
#define X2APIC_LVT_TIMER     0x832
#define X2APIC_INITIAL_COUNT 0x838
#define X2APIC_DIVIDE        0x83e
#define APIC_DIVIDE_BY_1     0xb
#define TICK_COUNT           50000

#define VECTOR_UPCALL   0x60
#define VECTOR_TIMER    0x70
#define VECTOR_SPURIOUS 0xff
#define VECTORS         256

#define PORTS_TRIED 32 /* a new domain's first ports are the toolstack's */

const char guest_name[] = "cost";

static struct shared_info *const shared = (void *)(SHARED_INFO_GFN << 12);

/* --- Results ------------------------------------------------------------------------------------- */

static uint64_t samples[ROUNDS];
static uint64_t empty_cost;

static void sort_samples(void)
{
    for (unsigned i = 1; i < ROUNDS; i++) {
        uint64_t sample = samples[i];
        unsigned at = i;

        for (; at > 0 && samples[at - 1] > sample; at--) {
            samples[at] = samples[at - 1];
        }
        samples[at] = sample;
    }
}

static void report(const char *name)
{
    sort_samples();
    print("cost: ");
    print(name);
    for (unsigned i = 0; i < 3; i++) {
        print(" ");
        print_number(samples[i * (ROUNDS - 1) / 2] - empty_cost);
    }
    print("\r\n");
}

/* Round by round; what came before round 0 was for warming up. */
static void keep_sample(int round, uint64_t sample)
{
    samples[round < 0 ? 0 : round] = sample;
}

/* Does `prepare` and then measures `operation`, in each round. */
#define MEASURE(name, prepare, operation)                                                          \
    do {                                                                                           \
        for (int round = -WARM_UP; round < ROUNDS; round++) {                                      \
            uint64_t start;                                                                        \
                                                                                                   \
            prepare;                                                                               \
            start = tsc();                                                                         \
            operation;                                                                             \
            keep_sample(round, tsc() - start);                                                     \
        }                                                                                          \
        report(name);                                                                              \
    } while (0)

/* --- Interrupts ---------------------------------------------------------------------------------- */

struct interrupt_frame;

struct gate {
    uint16_t offset_low, selector, attributes, offset_middle;
    uint32_t offset_high, reserved;
};

static struct gate idt[VECTORS];
static volatile uint64_t handler_tsc; /* when a handler began last; 0: not yet */
static volatile uint64_t loop_tsc;    /* when the interrupted loop looked last */
static volatile uint64_t tick_cost;

static void clear_events(void)
{
    shared->vcpu_info[0].evtchn_upcall_pending = 0;
    shared->vcpu_info[0].evtchn_pending_sel = 0;
    shared->evtchn_pending[0] = 0;
}

__attribute__((interrupt)) static void on_upcall(struct interrupt_frame *frame)
{
    handler_tsc = tsc();
    (void)frame;
    clear_events();
    wrmsr(X2APIC_EOI, 0);
}

__attribute__((interrupt)) static void on_timer(struct interrupt_frame *frame)
{
    handler_tsc = tsc();
    (void)frame;
    tick_cost = handler_tsc - loop_tsc;
    wrmsr(X2APIC_EOI, 0);
}

__attribute__((interrupt)) static void on_unexpected(struct interrupt_frame *frame)
{
    (void)frame;
    fail("an exception or an unexpected interrupt");
}

static void set_gate(unsigned vector, void (*handler)(struct interrupt_frame *))
{
    uint64_t offset = (uintptr_t)handler;

    idt[vector] = (struct gate){
        .offset_low = (uint16_t)offset,
        .selector = 0x08,
        .attributes = 0x8e00,
        .offset_middle = (uint16_t)(offset >> 16),
        .offset_high = (uint32_t)(offset >> 32),
    };
}

static void interrupts_init(void)
{
    struct __attribute__((packed)) {
        uint16_t limit;
        uint64_t base;
    } pointer = {sizeof(idt) - 1, (uintptr_t)idt};

    for (unsigned vector = 0; vector < VECTORS; vector++) {
        set_gate(vector, on_unexpected);
    }
    set_gate(VECTOR_UPCALL, on_upcall);
    set_gate(VECTOR_TIMER, on_timer);
    __asm__ volatile("lidt %0" : : "m"(pointer));
    wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | APIC_ENABLE_X2APIC);
    wrmsr(X2APIC_SPURIOUS, 0x100 | VECTOR_SPURIOUS);
    wrmsr(X2APIC_DIVIDE, APIC_DIVIDE_BY_1);
    wrmsr(X2APIC_LVT_TIMER, VECTOR_TIMER);
}

static void interrupts_on(void)
{
    __asm__ volatile("sti" : : : "memory");
}

static void interrupts_off(void)
{
    __asm__ volatile("cli" : : : "memory");
}

/* With interrupts off: waits for one and takes it. */
static void wait_for_interrupt(void)
{
    __asm__ volatile("sti; hlt; cli" : : : "memory");
}

/* --- What is measured ---------------------------------------------------------------------------- */

static void map_shared_info(void)
{
    struct xen_add_to_physmap map = {
        .domid = DOMID_SELF,
        .space = XENMAPSPACE_shared_info,
        .gpfn = SHARED_INFO_GFN,
    };

    if (hypercall(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, (uintptr_t)&map, 0) != 0) {
        fail("shared_info cannot be mapped");
    }
}

/* The host's system time in nanoseconds, from shared_info. */
static uint64_t system_time(void)
{
    const volatile struct vcpu_time_info *time = &shared->vcpu_info[0].time;
    uint64_t delta = tsc() - time->tsc_timestamp;

    delta = time->tsc_shift < 0 ? delta >> -time->tsc_shift : delta << time->tsc_shift;
    return time->system_time + (uint64_t)(((unsigned __int128)delta * time->tsc_to_system_mul) >> 32);
}

static void cpuid(uint32_t leaf)
{
    uint32_t ebx, ecx = 0, edx;

    __asm__ volatile("cpuid" : "+a"(leaf), "=b"(ebx), "+c"(ecx), "=d"(edx) : : "memory");
}

static void measure_plain(void)
{
    struct xen_feature_info *features = ARGUMENTS;

    MEASURE("hypercall", , hypercall(__HYPERVISOR_xen_version, XENVER_version, 0, 0));
    MEASURE("cpuid", , cpuid(1));
    MEASURE("get_features", features->submap_idx = 0,
            hypercall(__HYPERVISOR_xen_version, XENVER_get_features, (uintptr_t)features, 0));
    if (!(features->submap & 1U << XENFEAT_auto_translated_physmap)) {
        fail("XENVER_get_features gives no features");
    }
}

/* The deadline is a millisecond ahead, as a kernel's next tick: the first of the processor's timers. */
static void measure_arm_timer(void)
{
    struct vcpu_set_singleshot_timer *set = ARGUMENTS;
    long result = 0;

    hypercall(__HYPERVISOR_vcpu_op, VCPUOP_stop_periodic_timer, 0, 0);
    set->flags = 0;
    MEASURE("set_timer", set->timeout_abs_ns = system_time() + 1000000,
            result |= hypercall(__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 0, (uintptr_t)set));
    hypercall(__HYPERVISOR_vcpu_op, VCPUOP_stop_singleshot_timer, 0, 0);
    if (result != 0) {
        fail("VCPUOP_set_singleshot_timer is refused");
    }
}

static long send_event(const struct evtchn_send *send)
{
    return hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_send, (uintptr_t)send, 0);
}

/* An event to oneself that only becomes pending: nobody is told, for there is no vector yet. */
static void measure_send(struct evtchn_send *send)
{
    struct evtchn_bind_ipi bind = {.vcpu = 0};

    if (hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_ipi, (uintptr_t)&bind, 0) != 0) {
        fail("EVTCHNOP_bind_ipi is refused");
    }
    send->port = bind.port;
    MEASURE("send", clear_events(), send_event(send));
    if (!(shared->evtchn_pending[0] & 1UL << bind.port) || !shared->vcpu_info[0].evtchn_upcall_pending) {
        fail("an event that was sent is not pending");
    }
    clear_events();
}

static void set_upcall_vector(void)
{
    struct xen_hvm_evtchn_upcall_vector upcall = {.vcpu = 0, .vector = VECTOR_UPCALL};

    if (hypercall(__HYPERVISOR_hvm_op, HVMOP_set_evtchn_upcall_vector, (uintptr_t)&upcall, 0) != 0) {
        fail("HVMOP_set_evtchn_upcall_vector is refused");
    }
}

/* The same with a vector: until its handler begins, and until the sender goes on. */
static void measure_upcall(const struct evtchn_send *send)
{
    set_upcall_vector();
    interrupts_on();
    for (int round = -WARM_UP; round < ROUNDS; round++) {
        uint64_t start = tsc();

        handler_tsc = 0;
        send_event(send);
        if (handler_tsc == 0) {
            fail("an upcall did not come");
        }
        keep_sample(round, handler_tsc - start);
    }
    report("upcall");
    MEASURE("upcall_return", , send_event(send));
    interrupts_off();
}

static void measure_apic_timer(void)
{
    MEASURE("apic_timer_set", , wrmsr(X2APIC_INITIAL_COUNT, 1U << 30));
    wrmsr(X2APIC_INITIAL_COUNT, 0);

    interrupts_on();
    for (int round = -WARM_UP; round < ROUNDS; round++) {
        handler_tsc = 0;
        wrmsr(X2APIC_INITIAL_COUNT, TICK_COUNT);
        while (handler_tsc == 0) {
            loop_tsc = tsc();
        }
        keep_sample(round, tick_cost);
    }
    report("apic_timer_tick");
    interrupts_off();
}

/* --- Two guests ---------------------------------------------------------------------------------- */

static domid_t own_domid(void)
{
    uint32_t eax = 0x40000004, ebx, ecx = 0, edx;

    __asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
    if (!(eax & XEN_HVM_CPUID_DOMID_PRESENT)) {
        fail("CPUID does not say which domain this is");
    }
    return (domid_t)ecx;
}

/* A port to the domain before this one, if one of its ports waits for us. */
static bool find_partner(struct evtchn_send *send)
{
    struct evtchn_bind_interdomain bind = {.remote_dom = own_domid() - 1};

    for (bind.remote_port = 1; bind.remote_port < PORTS_TRIED; bind.remote_port++) {
        if (hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_interdomain, (uintptr_t)&bind, 0) == 0) {
            send->port = bind.local_port;
            return true;
        }
    }
    return false;
}

static void wait_for_event(void)
{
    while (handler_tsc == 0) {
        wait_for_interrupt();
    }
}

/* Lets all interrupts in that are on their way, and whatever the partner has to say; did any come? */
static bool is_disturbed(void)
{
    handler_tsc = 0;
    interrupts_on();
    for (int i = 0; i < WARM_UP; i++) {
        hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0);
    }
    interrupts_off();
    return handler_tsc != 0;
}

/* From the send until the handler of the answer begins; both guests halt while they wait. */
static void measure_round_trip(const struct evtchn_send *send)
{
    set_upcall_vector();
    is_disturbed(); /* binding raises an event of its own */

    for (int round = -WARM_UP; round < ROUNDS; round++) {
        uint64_t start = tsc();

        handler_tsc = 0;
        send_event(send);
        wait_for_event();
        keep_sample(round, handler_tsc - start);
    }
    if (is_disturbed()) {
        fail("more answers came than were asked for");
    }
    report("round_trip");
}

static evtchn_port_t offer_port(void)
{
    struct evtchn_alloc_unbound alloc = {.dom = DOMID_SELF, .remote_dom = own_domid() + 1};

    if (hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, (uintptr_t)&alloc, 0) != 0) {
        fail("EVTCHNOP_alloc_unbound is refused");
    }
    return alloc.port;
}

__attribute__((noreturn)) static void answer_events(struct evtchn_send *send)
{
    for (;;) {
        handler_tsc = 0;
        wait_for_event();
        send_event(send);
    }
}

static uint64_t empty_measurement(void)
{
    uint64_t start = tsc();

    return tsc() - start;
}

void main(void);

void main(void)
{
    console_init();
    map_shared_info();
    interrupts_init();
    print("cost: begin\r\n");

    empty_cost = empty_measurement();

    if (find_partner(ARGUMENTS)) {
        measure_round_trip(ARGUMENTS);
        print("cost: done\r\n");
        power_off();
    }
    measure_plain();
    measure_arm_timer();
    measure_send(ARGUMENTS);
    measure_upcall(ARGUMENTS);
    measure_apic_timer();
    ((struct evtchn_send *)ARGUMENTS)->port = offer_port();
    print("cost: done\r\n");
    answer_events(ARGUMENTS);
}
