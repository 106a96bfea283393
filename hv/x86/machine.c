/* SPDX-License-Identifier: Apache-2.0 */
/* Stopping and resetting the host. */
#include <hv/arch/cpu.h>
#include <hv/arch/machine.h>
#include <hv/arch/x86.h>
#include <hv/boot.h>
#include <hv/console.h>

void machine_halt(void)
{
    for (;;) {
        __asm__ volatile("cli; hlt");
    }
}

/* The chipset's reset register, the keyboard controller's line, then a triple fault: one of them works. */
void machine_reset(void)
{
    static const struct {
        uint16_t limit;
        uint64_t base;
    } PACKED no_idt = {0, 0};

    __asm__ volatile("cli");
    console_flush();
    x86_out8(0xcf9, 0x02);
    x86_out8(0xcf9, 0x06);
    for (unsigned i = 0; i < 100000 && x86_in8(0x64) & 2; i++) {
        cpu_relax();
    }
    x86_out8(0x64, 0xfe);
    __asm__ volatile("lidt %0; int3" : : "m"(no_idt));
    machine_halt();
}

void machine_stop(void)
{
    if (boot_options.no_reboot) {
        console_flush();
        machine_halt();
    }
    machine_reset();
}
