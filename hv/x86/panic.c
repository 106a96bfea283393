/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end: a message, registers, a symbolised stack; the other CPUs are stopped by NMI first, so that
 * nothing goes on with state that cannot be trusted. Frame pointers are always on.
 */
#include <hv/arch/apic.h>
#include <hv/arch/cpu.h>
#include <hv/arch/layout.h>
#include <hv/arch/machine.h>
#include <hv/arch/traps.h>
#include <hv/arch/x86.h>
#include <hv/console.h>
#include <hv/debug_keys.h>
#include <hv/print.h>

#define STACK_FRAMES_MAX 32U

static bool is_panicking;

bool panic_is_active(void)
{
    return READ_ONCE(is_panicking);
}

static void print_address(uint64_t address)
{
    uint64_t offset;
    const char *name = symbol_find(address, &offset);

    if (name) {
        printk(LOG_ERROR, "  [%016lx] %s+0x%lx", address, name, offset);
    } else {
        printk(LOG_ERROR, "  [%016lx]", address);
    }
}

static void print_stack(uint64_t rip, uint64_t rbp)
{
    uint64_t bottom = (uint64_t)this_cpu() + STACK_LOWEST;
    uint64_t top = (uint64_t)this_cpu() + CPU_STACK_SIZE;

    print_address(rip);
    for (unsigned i = 0; i < STACK_FRAMES_MAX; i++) {
        if (rbp < bottom || rbp > top - 16 || rbp % 8 != 0) {
            return;
        }

        const uint64_t *frame = (const uint64_t *)rbp;

        if (frame[1] == 0 || frame[0] <= rbp) {
            return;
        }
        print_address(frame[1] - 1);
        rbp = frame[0];
    }
}

static void print_registers(const struct trap_frame *f)
{
    printk(LOG_ERROR, "rip %016lx cs %04lx rflags %08lx rsp %016lx", f->rip, f->cs, f->rflags,
           f->rsp);
    printk(LOG_ERROR, "rax %016lx rbx %016lx rcx %016lx rdx %016lx", f->rax, f->rbx, f->rcx, f->rdx);
    printk(LOG_ERROR, "rsi %016lx rdi %016lx rbp %016lx r8  %016lx", f->rsi, f->rdi, f->rbp, f->r8);
    printk(LOG_ERROR, "r9  %016lx r10 %016lx r11 %016lx r12 %016lx", f->r9, f->r10, f->r11, f->r12);
    printk(LOG_ERROR, "r13 %016lx r14 %016lx r15 %016lx", f->r13, f->r14, f->r15);
}

/* The first CPU to come here speaks; any other one stops silently. */
static void begin(void)
{
    __asm__ volatile("cli");
    if (__atomic_exchange_n(&is_panicking, true, __ATOMIC_SEQ_CST)) {
        machine_halt();
    }
    lapic_send_nmi_to_others();
    console_flush();
}

static void begin_panic(const char *fmt, va_list args)
{
    char text[200];

    begin();
    hv_vsnprintf(text, sizeof(text), fmt, args);
    printk(LOG_ERROR, "PANIC on cpu%u: %s", this_cpu()->id, text);
}

static void print_place(uint64_t rip, uint64_t rbp)
{
    printk(LOG_ERROR, "cr0 %016lx cr2 %016lx cr3 %016lx cr4 %016lx", x86_read_cr(0), x86_read_cr(2),
           x86_read_cr(3), x86_read_cr(4));
    machine_check_show();
    printk(LOG_ERROR, "stack:");
    print_stack(rip, rbp);
}

void panic(const char *fmt, ...)
{
    uint64_t rip = (uint64_t)__builtin_return_address(0) - 1;
    const uint64_t *frame = __builtin_frame_address(0);
    va_list args;

    va_start(args, fmt);
    begin_panic(fmt, args);
    va_end(args);
    print_place(rip, frame[0]);
    machine_stop();
}

void panic_with_frame(const struct trap_frame *frame, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    begin_panic(fmt, args);
    va_end(args);
    print_registers(frame);
    print_place(frame->rip, frame->rbp);
    machine_stop();
}

void panic_by_button(const struct trap_frame *frame)
{
    begin();
    printk(LOG_ERROR, "PANIC on cpu%u: NMI (nmi=panic on the command line)", this_cpu()->id);
    print_registers(frame);
    print_place(frame->rip, frame->rbp);
    for (const char *key = "tqri"; *key != '\0'; key++) {
        debug_key(*key);
    }
    machine_stop();
}

#ifdef __SSP_STRONG__
/* Debug builds: each frame with an array has this below its return address, and looks before it returns. The zero
 * byte ends whatever string runs over it. */
extern uintptr_t __stack_chk_guard;
void __stack_chk_fail(void) NORETURN;

uintptr_t __stack_chk_guard = 0x5ca1ab1e0ddba100;

void __stack_chk_fail(void)
{
    panic("stack: a local array was overrun");
}
#endif

void halt_with_message(const char *fmt, ...)
{
    char text[200];
    va_list args;

    begin();
    va_start(args, fmt);
    hv_vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    printk(LOG_ERROR, "%s", text);
    printk(LOG_ERROR, "halted");
    machine_halt();
}
