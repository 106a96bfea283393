/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's local APIC (AMD64 APM vol. 2, chapter 16): EOI, IPIs and the timer. x2APIC mode where the CPU
 * has it, else the register page; the timer runs one-shot at its bus clock divided by 1.
 */
#include <hv/arch/apic.h>

#include <hv/acpi.h>
#include <hv/arch/paging.h>
#include <hv/arch/x86.h>
#include <hv/irq.h>
#include <hv/print.h>
#include <hv/time.h>

#define MSR_TSC_DEADLINE 0x6e0U

#define LVT_TSC_DEADLINE (2u << 17)
#define ICR_BUSY         (1u << 12)
#define ICR_ASSERT       (1u << 14)
#define MESSAGE(type)    ((uint32_t)(type) << 8) /* enum apic_delivery in ICR and LVT */
#define TIMER_DIVIDE_1   0xbu

#define CALIBRATION_NS 10000000UL

static volatile uint32_t *regs; /* xAPIC page */
static bool is_enabled, is_x2apic, has_deadline;
static uint64_t timer_khz;

static uint32_t read_reg(unsigned reg)
{
    return is_x2apic ? (uint32_t)x86_rdmsr(MSR_X2APIC_FIRST + reg / 16) : regs[reg / 4];
}

static void write_reg(unsigned reg, uint32_t value)
{
    if (is_x2apic) {
        x86_wrmsr(MSR_X2APIC_FIRST + reg / 16, value);
    } else {
        regs[reg / 4] = value;
    }
}

bool lapic_is_x2apic(void)
{
    return is_x2apic;
}

void lapic_eoi(void)
{
    write_reg(APIC_EOI, 0);
}

/* Writes to memory made before are seen by whoever the IPI wakes: an x2APIC write does not order them. */
static void send(uint32_t apic_id, uint32_t command)
{
    if (is_x2apic) {
        __asm__ volatile("mfence; lfence" : : : "memory");
        x86_wrmsr(MSR_X2APIC_FIRST + APIC_ICR / 16, (uint64_t)apic_id << 32 | command);
        return;
    }
    while (read_reg(APIC_ICR) & ICR_BUSY) {
        cpu_relax();
    }
    write_reg(APIC_ICR2, apic_id << 24);
    write_reg(APIC_ICR, command);
}

void lapic_send_init(uint32_t apic_id)
{
    send(apic_id, MESSAGE(APIC_INIT) | ICR_ASSERT);
}

void lapic_send_sipi(uint32_t apic_id, uint8_t page)
{
    send(apic_id, MESSAGE(APIC_SIPI) | ICR_ASSERT | page);
}

/* Only to CPUs that we have started: the others still run firmware's code. */
void lapic_send_nmi_to_others(void)
{
    for (unsigned i = 0; is_enabled && i < cpu_count; i++) {
        if (cpus[i] != this_cpu()) {
            send(cpus[i]->apic_id, MESSAGE(APIC_NMI) | ICR_ASSERT);
        }
    }
}

void arch_send_kick(struct cpu *c)
{
    this_cpu()->counters.kicks++;
    send(c->apic_id, ICR_ASSERT | IRQ_VECTOR_KICK);
}

void lapic_enable(void)
{
    uint64_t base = x86_rdmsr(MSR_APIC_BASE) | APIC_BASE_ENABLE;

    x86_wrmsr(MSR_APIC_BASE, base);
    if (is_x2apic) {
        x86_wrmsr(MSR_APIC_BASE, base | APIC_BASE_EXTD);
    }
    /* First: while it is off, as after INIT, the LVT's entries stay masked whatever is written (APM vol. 2, 16.4.7). */
    write_reg(APIC_SVR, APIC_SVR_ENABLE | IRQ_VECTOR_SPURIOUS);
    write_reg(APIC_LVT_LINT0, APIC_LVT_MASKED);
    write_reg(APIC_LVT_LINT1, MESSAGE(APIC_NMI));
    write_reg(APIC_LVT_ERROR, APIC_LVT_MASKED);
    write_reg(APIC_TIMER_DIV, TIMER_DIVIDE_1);
    write_reg(APIC_TIMER_INIT, 0);
    write_reg(APIC_LVT_TIMER, IRQ_VECTOR_TIMER | (has_deadline ? LVT_TSC_DEADLINE : 0));
    /* Last: QEMU 7.2 keeps what the 8259 had raised by way of LINT0 until TPR is written, and has no vector for it
     * then. */
    write_reg(APIC_TPR, 0);
}

/* How fast the timer counts, against the TSC. */
static uint64_t measure_timer_khz(void)
{
    uint64_t start = now_ns();

    write_reg(APIC_LVT_TIMER, APIC_LVT_MASKED | IRQ_VECTOR_TIMER);
    write_reg(APIC_TIMER_INIT, ~0u);
    while (now_ns() - start < CALIBRATION_NS) {
        cpu_relax();
    }

    uint32_t left = read_reg(APIC_TIMER_NOW);
    uint64_t elapsed = now_ns() - start;

    write_reg(APIC_TIMER_INIT, 0);
    write_reg(APIC_LVT_TIMER, IRQ_VECTOR_TIMER);
    return (uint64_t)(~0u - left) * 1000000 / elapsed;
}

void lapic_init(void)
{
    uint32_t features = x86_cpuid(1, 0).ecx;

    has_deadline = features >> 24 & 1;
    is_x2apic = features >> 21 & 1;
    if (!is_x2apic) {
        regs = paging_map_mmio(acpi_info.lapic_paddr, PAGE_SIZE);
    }
    lapic_enable();
    is_enabled = true;
    if (!has_deadline) {
        timer_khz = measure_timer_khz();
        if (timer_khz == 0) {
            halt_with_message("lapic: the timer does not count");
        }
    }
    pr_info("lapic: %s mode, timer %s%lu kHz", is_x2apic ? "x2APIC" : "xAPIC",
            has_deadline ? "TSC deadline, " : "", has_deadline ? host_tsc_khz : timer_khz);
}

void arch_timer_program(uint64_t deadline_ns)
{
    if (has_deadline) {
        x86_wrmsr(MSR_TSC_DEADLINE, deadline_ns == ~0UL ? 0 : tsc_at_ns(deadline_ns));
        return;
    }

    uint64_t now = now_ns();
    /* A timer that fires early only looks again: far deadlines are cut to what 32 bits hold. */
    uint64_t wait = MIN(deadline_ns > now ? deadline_ns - now : 0, 1000000000UL);

    write_reg(APIC_TIMER_INIT, deadline_ns == ~0UL ? 0 : (uint32_t)MIN(wait * timer_khz / 1000000 + 1, 0xffffffffUL));
}
