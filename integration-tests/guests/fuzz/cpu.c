/* SPDX-License-Identifier: Apache-2.0 */
/* The processor: descriptor tables of its own for each CPU, exceptions, the local APIC. */
#include "fuzz.h"

#include <string.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/xen.h>

#define MSR_APIC_BASE 0x1bU
#define MSR_EFER      0xc0000080U
#define MSR_X2APIC    0x800U
#define APIC_ENABLED  (1UL << 11)
#define APIC_X2APIC   (1UL << 10)

#define REG_TPR          0x08
#define REG_EOI          0x0b
#define REG_SPURIOUS     0x0f
#define REG_ICR          0x30
#define REG_ICR_HIGH     0x31
#define REG_LVT_TIMER    0x32
#define REG_TIMER_COUNT  0x38
#define REG_TIMER_DIVIDE 0x3e

#define VECTOR_TIMER    0xe0U
#define VECTOR_SPURIOUS 0xffU
#define TIMER_PERIODIC  (1U << 17)
#define TIMER_COUNT     20000000U /* of nanoseconds */

#define STORM            256U /* interruptions of one step */
#define EXCEPTION_NMI    2
#define FIRST_INTERRUPT  32

struct gate {
    uint16_t offset_low, selector, type, offset_middle;
    uint32_t offset_high, reserved;
};

struct table_register {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

static struct gate idt[256];

uint64_t read_msr(uint32_t msr)
{
    uint32_t low, high;

    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return low | (uint64_t)high << 32;
}

void write_msr(uint32_t msr, uint64_t value)
{
    __asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

uint64_t hypercall(uint64_t number, const uint64_t args[CALL_ARGS])
{
    register uint64_t r10 __asm__("r10") = args[3];
    register uint64_t r8 __asm__("r8") = args[4];
    uint64_t rdi = args[0], rsi = args[1], rdx = args[2];

    __asm__ volatile("vmmcall"
                     : "+a"(number), "+D"(rdi), "+S"(rsi), "+d"(rdx), "+r"(r10), "+r"(r8)
                     :
                     : "memory");
    return number;
}

static void lapic_write(bool x2apic, unsigned reg, uint32_t value)
{
    if (x2apic) {
        write_msr(MSR_X2APIC + reg, value);
    } else {
        *(volatile uint32_t *)(LAPIC + reg * 16) = value;
    }
}

void lapic_restore(bool x2apic)
{
    uint64_t wanted = LAPIC | APIC_ENABLED | (x2apic ? APIC_X2APIC : 0);
    uint64_t keep = 1UL << 8; /* BSP */
    uint64_t now = read_msr(MSR_APIC_BASE);

    if ((now & ~keep) != wanted) {
        write_msr(MSR_APIC_BASE, (now & keep) | LAPIC); /* off: the way between the two modes */
        write_msr(MSR_APIC_BASE, (now & keep) | LAPIC | APIC_ENABLED);
        write_msr(MSR_APIC_BASE, (now & keep) | wanted);
    }
    lapic_write(x2apic, REG_SPURIOUS, 0x100 | VECTOR_SPURIOUS);
    lapic_write(x2apic, REG_TPR, 0);
    lapic_write(x2apic, REG_TIMER_DIVIDE, 0xb);
    lapic_write(x2apic, REG_LVT_TIMER, TIMER_PERIODIC | VECTOR_TIMER);
    lapic_write(x2apic, REG_TIMER_COUNT, TIMER_COUNT);
    for (unsigned i = 0; i < 8; i++) { /* what was in service when a step was ended */
        lapic_write(x2apic, REG_EOI, 0);
    }
}

void lapic_send(bool x2apic, uint32_t apic_id, uint32_t command)
{
    if (x2apic) {
        write_msr(MSR_X2APIC + REG_ICR, command | (uint64_t)apic_id << 32);
    } else {
        lapic_write(false, REG_ICR_HIGH, apic_id << 24);
        lapic_write(false, REG_ICR, command);
    }
}

/* The domain's callback comes again and again while the event's byte is set, wherever a step has put that. */
static void stop_callback(void)
{
    struct xen_hvm_param parameter = {.domid = DOMID_SELF, .index = HVM_PARAM_CALLBACK_IRQ};
    uint64_t args[CALL_ARGS] = {HVMOP_set_param, (uint64_t)&parameter};

    hypercall(__HYPERVISOR_hvm_op, args);
}

/* Called by all vectors, on the interrupt stack. What interrupts goes on, an exception ends the step; of a
 * vector below 32 it does not matter whether an error code was pushed. */
void trap(struct cpu *cpu, uint64_t vector);
void trap(struct cpu *cpu, uint64_t vector)
{
    if (vector == EXCEPTION_NMI) {
        return;
    }
    if (++cpu->interruptions % STORM == 0) {
        stop_callback();
    }
    if (vector >= FIRST_INTERRUPT) {
        if (vector != VECTOR_SPURIOUS) {
            lapic_write(is_x2apic, REG_EOI, 0);
        }
        return;
    }
    cpu->aborted++;
    step_abort(cpu);
}

static void fill_idt(void)
{
    for (unsigned i = 0; i < 256; i++) {
        uint64_t stub = (uint64_t)vectors + i * 16;

        idt[i] = (struct gate){(uint16_t)stub, SELECTOR_CODE, 0x8e01, (uint16_t)(stub >> 16), 0, 0};
    }
}

/* The program itself is read-only: what is written at random would soon be its end. */
void protect_program(void)
{
    uint64_t first = IMAGE & ~(PAGE * 512 - 1);

    for (unsigned i = 0; i < 512; i++) {
        uint64_t page = first + i * PAGE;

        image_pt[i] = page | (page >= IMAGE && page + PAGE <= (uint64_t)text_end ? 1 : 3);
    }
    page_directories[IMAGE / (PAGE * 512)] = (uint64_t)image_pt | 3;
}

void cpu_restore(struct cpu *cpu)
{
    struct table_register idtr = {sizeof(idt) - 1, (uint64_t)idt};
    struct table_register gdtr = {sizeof(cpu->gdt) - 1, (uint64_t)cpu->gdt};
    uint64_t tss = (uint64_t)cpu->tss;
    uint64_t interrupt_stack = (uint64_t)cpu->interrupt_stack + sizeof(cpu->interrupt_stack) - 16;

    fill_idt();
    memset(cpu->tss, 0, sizeof(cpu->tss));
    memcpy(&cpu->tss[9], &interrupt_stack, sizeof(interrupt_stack)); /* IST1 */
    cpu->gdt[1] = 0x00af9b000000ffff;
    cpu->gdt[2] = 0x00cf93000000ffff;
    cpu->gdt[3] = 0x00cf9b000000ffff;
    cpu->gdt[4] = 0x0000890000000000 | (sizeof(cpu->tss) - 1) | (tss & 0xffffff) << 16 | (tss >> 24 & 0xff) << 56;
    cpu->gdt[5] = tss >> 32;
    __asm__ volatile("lgdt %0; lidt %1; ltr %w2" : : "m"(gdtr), "m"(idtr), "r"(4 * 8) : "memory");
    __asm__ volatile("mov %0, %%cr3" : : "r"(pml4) : "memory");
    __asm__ volatile("mov %0, %%cr0" : : "r"(0x80010013UL) : "memory");
    __asm__ volatile("mov %0, %%cr4" : : "r"(0x620UL) : "memory");
    __asm__ volatile("mov %0, %%db7" : : "r"(0x400UL) : "memory");
}
