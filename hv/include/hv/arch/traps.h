/* SPDX-License-Identifier: Apache-2.0 */
/* Exceptions and interrupts of the host: the frame that x86/traps.S pushes, and who handles it. */
#pragma once

#include <hv/types.h>

struct trap_frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
    uint64_t rdi, rsi, rbp, rdx, rcx, rbx, rax;
    uint64_t vector, error;
    uint64_t rip, cs, rflags, rsp, ss;
};

/* Loads the GDT and IDT that all CPUs share. */
void descriptors_init(void);
/* Debug builds: makes TR this CPU's own, so that double faults have a stack. It is not in a guest's VMCB then. */
void descriptors_load_tss(void);

/* Called by x86/traps.S with interrupts off. */
void trap_handle(struct trap_frame *frame);
/* A vector that is no exception: runs its handler, then acknowledges. */
void irq_dispatch(uint8_t vector);

/* panic() with the registers of a trap. */
void panic_with_frame(const struct trap_frame *frame, const char *fmt, ...) NORETURN PRINTF(2, 3);
/* The operator's, for a host that hangs: the views of the debug keys too. */
void panic_by_button(const struct trap_frame *frame) NORETURN;

/* Name of the function at address and the offset in it; NULL if it is not in our text. */
const char *symbol_find(uint64_t address, uint64_t *offset);
