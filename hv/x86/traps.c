/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exceptions of the hypervisor itself. Instructions that may fault by design stand in the exception table
 * with the place to go on at; any other exception is our bug.
 */
#include <hv/arch/cpu.h>
#include <hv/arch/machine.h>
#include <hv/arch/traps.h>
#include <hv/arch/x86.h>
#include <hv/boot.h>
#include <hv/print.h>

struct exception_entry {
    uint64_t rip, fixup;
};

#define EXCEPTION_COUNT 32U /* vectors from here on are interrupts, the hypervisor's or what firmware left pending */

extern const struct exception_entry exception_table[], exception_table_end[];

static const char *const names[] = {
    "divide error", "debug", "NMI", "breakpoint", "overflow", "bound range", "invalid opcode",
    "device not available", "double fault", "coprocessor overrun", "invalid TSS",
    "segment not present", "stack fault", "general protection", "page fault", "vector 15",
    "x87 error", "alignment check", "machine check", "SIMD error",
};

static bool fix_up(struct trap_frame *frame)
{
    for (const struct exception_entry *e = exception_table; e < exception_table_end; e++) {
        if (e->rip == frame->rip) {
            frame->rip = e->fixup;
            return true;
        }
    }
    return false;
}

/* It may come while this CPU holds any lock: it counts, halts or panics, and takes none. */
static void handle_nmi(const struct trap_frame *frame)
{
    if (panic_is_active()) {
        machine_halt();
    }
    this_cpu()->nmi_count++;
    if (boot_options.nmi_panics) {
        panic_by_button(frame);
    }
}

void trap_handle(struct trap_frame *frame)
{
    if (frame->vector >= EXCEPTION_COUNT) {
        irq_dispatch((uint8_t)frame->vector);
        return;
    }
    if (frame->vector == EXC_NMI) {
        handle_nmi(frame);
        return;
    }
    if (fix_up(frame)) {
        return;
    }
    panic_with_frame(frame, "exception %lu (%s), error 0x%lx, cr2 0x%lx", frame->vector,
                     frame->vector < ARRAY_SIZE(names) ? names[frame->vector] : "reserved",
                     frame->error, x86_read_cr(2));
}

bool x86_rdmsr_safe(uint32_t msr, uint64_t *value)
{
    uint32_t low = 0, high = 0, ok = 0;

    __asm__ volatile("1: rdmsr\n\t"
                     "mov $1, %2\n"
                     "2:\n\t"
                     ".pushsection .exception_table, \"a\"\n\t"
                     ".quad 1b, 2b\n\t"
                     ".popsection"
                     : "+a"(low), "+d"(high), "+r"(ok)
                     : "c"(msr));
    *value = (uint64_t)high << 32 | low;
    return ok;
}
