/* SPDX-License-Identifier: Apache-2.0 */
/* GDT and IDT, the same for all CPUs (see hv/arch/traps.h for why there is no TSS). */
#include <hv/arch/layout.h>
#include <hv/arch/traps.h>

struct table_pointer {
    uint16_t limit;
    uint64_t base;
} PACKED;

struct idt_gate {
    uint16_t offset_low, selector;
    uint8_t ist, type;
    uint16_t offset_mid;
    uint32_t offset_high, reserved;
};

_Static_assert(sizeof(struct idt_gate) == 16, "APM vol. 2, 4.8.4");

extern const uint64_t trap_stubs[256];

static uint64_t gdt[4] = {0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0x00cf9b000000ffff};
static struct idt_gate idt[256] ALIGNED(16);

static void fill_idt(void)
{
    for (unsigned i = 0; i < 256; i++) {
        idt[i] = (struct idt_gate){
            .offset_low = (uint16_t)trap_stubs[i],
            .selector = GDT_CODE64,
            .type = 0x8e, /* interrupt gate: IF off in the handler */
            .offset_mid = (uint16_t)(trap_stubs[i] >> 16),
            .offset_high = (uint32_t)(trap_stubs[i] >> 32),
        };
    }
}

void descriptors_init(void)
{
    struct table_pointer gdt_pointer = {sizeof(gdt) - 1, (uint64_t)gdt};
    struct table_pointer idt_pointer = {sizeof(idt) - 1, (uint64_t)idt};

    fill_idt(); /* the same values again on every CPU */
    __asm__ volatile("lgdt %0\n\t"
                     "lidt %1\n\t"
                     "pushq %2\n\t"
                     "leaq 1f(%%rip), %%rax\n\t"
                     "pushq %%rax\n\t"
                     "lretq\n"
                     "1:\n\t"
                     "mov %3, %%ds\n\t"
                     "mov %3, %%es\n\t"
                     "mov %3, %%ss\n\t"
                     "mov %4, %%fs\n\t"
                     "mov %4, %%gs\n\t"
                     "lldt %w4"
                     :
                     : "m"(gdt_pointer), "m"(idt_pointer), "i"(GDT_CODE64), "r"(GDT_DATA), "r"(0)
                     : "rax", "memory");
}
