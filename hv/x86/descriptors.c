/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GDT and IDT, the same for all CPUs. We never leave ring 0, so a TSS is there for the IST alone (AMD64 APM vol. 2, 8.9.4): a
 * double fault, which is what a stack's end becomes, has a stack of its own. TR is the guest's once a guest has run, and
 * to have it back at each exit costs a VMSAVE and a VMLOAD more: only Debug builds do that.
 */
#include <hv/arch/cpu.h>
#include <hv/arch/layout.h>
#include <hv/arch/traps.h>
#include <hv/arch/x86.h>

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

#define GDT_TSS 4U /* first of two entries a CPU */

#ifdef NDEBUG
#define HAS_TSS 0
static uint64_t gdt[GDT_TSS] =
#else
#define HAS_TSS 1
static uint64_t gdt[GDT_TSS + 2 * MAX_CPUS] =
#endif
    {0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0x00cf9b000000ffff};
static struct idt_gate idt[256] ALIGNED(16);

static void fill_idt(void)
{
    for (unsigned i = 0; i < 256; i++) {
        idt[i] = (struct idt_gate){
            .offset_low = (uint16_t)trap_stubs[i],
            .selector = GDT_CODE64,
            .ist = HAS_TSS && i == EXC_DF,
            .type = 0x8e, /* interrupt gate: IF off in the handler */
            .offset_mid = (uint16_t)(trap_stubs[i] >> 16),
            .offset_high = (uint32_t)(trap_stubs[i] >> 32),
        };
    }
}

#if HAS_TSS
struct tss {
    uint32_t reserved1;
    uint64_t rsp[3], reserved2, ist[7];
    uint32_t reserved3[2];
    uint16_t reserved4, io_map;
} PACKED;

_Static_assert(sizeof(struct tss) == 104, "APM vol. 2, 12.2.5");

void descriptors_load_tss(void)
{
    static struct tss all[MAX_CPUS];
    unsigned id = this_cpu()->id, entry = GDT_TSS + 2 * id;
    uint64_t base = (uint64_t)&all[id];

    all[id].ist[0] = (uint64_t)this_cpu() + STACK_GUARD;
    gdt[entry] = (sizeof(struct tss) - 1) | (base & 0xffffff) << 16 | 0x89UL << 40 | (base >> 24 & 0xff) << 56;
    gdt[entry + 1] = base >> 32;
    __asm__ volatile("ltr %w0" : : "r"(entry * 8) : "memory");
}
#else
void descriptors_load_tss(void)
{
}
#endif

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
    descriptors_load_tss();
}
