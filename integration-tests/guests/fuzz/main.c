/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hostile guest: asks for anything, in the order that a seed decides.
 *
 *   fuzz.seed=N fuzz.steps=N fuzz.cpus=N    on its command line
 *   fuzz.trace=N                            from step N on vCPU 0 says what it does, slowly
 *
 * Every vCPU takes steps from its own stream of numbers; an exception ends a step and the next one begins.
 * vCPU 0 says how far it is and, after its last step, powers off. A step may be the guest's own end:
 * that is no finding, a host that is not well afterwards is.
 */
#include "fuzz.h"

#include <string.h>
#include <xen/arch-x86/hvm/start_info.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/xen.h>

#define REPORT_EVERY   8192U
#define MAINTAIN_EVERY 64U
#define TRACE_TICKS    400000000UL  /* so that no line is dropped: the hypervisor prints ten a second */
#define QUIET_TICKS    1500000000UL /* until what was said before counts no more */

extern const uint8_t trampoline[], trampoline_end[];
extern uint32_t start_info;

/* CPU_SIZE each, aligned to it. */
uint8_t cpus[CPUS][CPU_SIZE] __attribute__((aligned(CPU_SIZE)));
_Static_assert(sizeof(struct cpu) + 8192 < CPU_SIZE, "room for a stack");

bool is_x2apic;
unsigned cpu_total = 1;
static bool is_quiet; /* all wait while vCPU 0 reports */
static uint64_t seed, step_total = 10000, trace_from = ~0UL;

struct cpu *cpu_of(unsigned id)
{
    return (struct cpu *)cpus[id];
}

static const struct {
    void (*run)(struct cpu *cpu);
    unsigned weight;
    const char *name;
} kinds[] = {
    {step_hypercall, 60, "hypercall"}, {step_refill, 3, "refill"}, {step_shared, 4, "shared"}, {step_msr, 6, "msr"},
    {step_port, 4, "port"},            {step_mmio, 6, "mmio"},     {step_bytes, 14, "bytes"},  {step_wild, 2, "wild"},
    {step_ipi, 1, "ipi"},              {step_ring, 2, "ring"},
};

static unsigned choose(struct random *r)
{
    unsigned total = 0, at;

    for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        total += kinds[i].weight;
    }
    at = random_below(r, total);
    for (unsigned i = 0;; i++) {
        if (at < kinds[i].weight) {
            return i;
        }
        at -= kinds[i].weight;
    }
}

static uint64_t option(const char *line, const char *name, uint64_t otherwise)
{
    for (; *line != '\0'; line++) {
        const char *at = line, *with = name;
        uint64_t value = 0;

        while (*with != '\0' && *at == *with) {
            at++;
            with++;
        }
        if (*with == '\0' && *at == '=') {
            for (at++; *at >= '0' && *at <= '9'; at++) {
                value = value * 10 + (uint64_t)(*at - '0');
            }
            return value;
        }
    }
    return otherwise;
}

static void power_off(void)
{
    struct sched_shutdown shutdown = {SHUTDOWN_poweroff};
    uint64_t args[CALL_ARGS] = {SCHEDOP_shutdown, (uint64_t)&shutdown};

    hypercall(__HYPERVISOR_sched_op, args);
}

/* The others: started by INIT and SIPI, and brought up again where they took themselves down. */
static void start_others(void)
{
    for (unsigned id = 1; id < cpu_total; id++) {
        lapic_send(is_x2apic, id * 2, 0x4500);
        lapic_send(is_x2apic, id * 2, 0x4600 | TRAMPOLINE / PAGE);
    }
}

/* All of the lowest 2 MiB may have been given away at once; a CPU that is started there then would be the guest's end. */
static void prepare_trampoline(void)
{
    bring_back(TRAMPOLINE);
    memcpy((void *)TRAMPOLINE, trampoline, (size_t)(trampoline_end - trampoline));
}

static void maintain(struct cpu *cpu)
{
    cpu_restore(cpu);
    lapic_restore(is_x2apic);
    if (cpu->id == 0 && cpu_total > 1) {
        prepare_trampoline();
        for (unsigned id = 1; id < cpu_total; id++) {
            uint64_t args[CALL_ARGS] = {VCPUOP_up, id};

            hypercall(__HYPERVISOR_vcpu_op, args);
        }
        if (cpu->steps % (MAINTAIN_EVERY * 16) == 0) {
            start_others();
        }
    }
}

static void spin(uint64_t ticks)
{
    uint64_t began = __builtin_ia32_rdtsc();

    while (__builtin_ia32_rdtsc() - began < ticks) {
    }
}

static void trace(struct cpu *cpu, unsigned kind)
{
    struct random ahead = cpu->random;

    say("fuzz: step %u: %s, next %lx", cpu->steps, kinds[kind].name, random_next(&ahead));
    spin(TRACE_TICKS);
}

static void report(const struct cpu *cpu, const char *what)
{
    unsigned steps = 0, aborted = 0;

    __atomic_store_n(&is_quiet, true, __ATOMIC_SEQ_CST);
    spin(QUIET_TICKS);
    for (unsigned id = 0; id < cpu_total; id++) {
        steps += cpu_of(id)->steps;
        aborted += cpu_of(id)->aborted;
    }
    say("fuzz: seed %u %s step %u, all %u, %u ended by an exception", (unsigned)seed, what, cpu->steps, steps, aborted);
    __atomic_store_n(&is_quiet, false, __ATOMIC_SEQ_CST);
}

static _Noreturn void run(struct cpu *cpu)
{
    for (;;) {
        unsigned kind;

        step_begin(cpu);
        __asm__ volatile("sti; cld");
        cpu->steps++;
        cpu->interruptions = 0;
        if (cpu->steps % MAINTAIN_EVERY == 0) {
            maintain(cpu);
        }
        if (cpu->id == 0 && cpu->steps % REPORT_EVERY == 0 && cpu->steps < step_total) {
            report(cpu, "is at");
        }
        if (cpu->id == 0 && cpu->steps >= step_total) {
            report(cpu, "is done at");
            power_off();
        }
        while (cpu->id != 0 && __atomic_load_n(&is_quiet, __ATOMIC_SEQ_CST)) {
            __asm__ volatile("pause");
        }
        kind = choose(&cpu->random);
        if (cpu->id == 0 && cpu->steps >= trace_from) {
            trace(cpu, kind);
        }
        kinds[kind].run(cpu);
    }
}

static unsigned find_domid(void)
{
    uint32_t a = 0x40000004, b, c = 0, d;

    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    return a & 1u << 4 ? c : 0x7ff0;
}

void cpu_main(struct cpu *cpu);
void cpu_main(struct cpu *cpu)
{
    static bool is_started;

    if (!is_started) {
        const struct hvm_start_info *info = (const void *)(uint64_t)start_info;
        const char *line = (const char *)info->cmdline_paddr;

        is_started = true;
        seed = option(line, "fuzz.seed", 1);
        step_total = option(line, "fuzz.steps", step_total);
        trace_from = option(line, "fuzz.trace", trace_from);
        cpu_total = (unsigned)option(line, "fuzz.cpus", 1) & (2 * CPUS - 1);
        cpu_total = cpu_total > CPUS ? CPUS : cpu_total;
        is_x2apic = seed % 2 == 0;
        for (unsigned id = 0; id < CPUS; id++) {
            cpu_of(id)->id = id;
            cpu_of(id)->random.state = seed * CPUS + id + 1;
        }
        protect_program();
        cpu_restore(cpu);
        if (step_begin(cpu) != 0) {
            say("fuzz: an exception in the preparations");
            power_off();
        }
        hypercalls_init(find_domid());
        rings_init();
        for (unsigned i = 0; i < ARENA_PAGES * 2; i++) {
            step_refill(cpu);
        }
        step_wild(cpu);
        say("fuzz: seed %u, %u vCPUs", (unsigned)seed, cpu_total);
    }
    cpu_restore(cpu);
    (void)step_begin(cpu);
    lapic_restore(is_x2apic);
    if (cpu->id == 0) {
        prepare_trampoline();
        start_others();
    }
    run(cpu);
}
