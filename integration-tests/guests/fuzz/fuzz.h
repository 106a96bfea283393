/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest that asks for anything: see main.c. One struct cpu a vCPU, found from any stack of it; what ends
 * a step, be it an exception, is step_abort().
 */
#pragma once

#define CPUS            4
#define CPU_SIZE        32768
#define CPU_SAVED       0
#define SELECTOR_CODE   8
#define SELECTOR_DATA   16
#define SELECTOR_CODE32 24
#define TRAMPOLINE      0x5a000 /* a page whose number seldom comes up: what is at 8 is soon given away */

#ifndef __ASSEMBLER__
#include "../../fuzz/calls.h"

#include <stddef.h>

#define PAGE 4096UL

/* Guest-physical memory, which is mapped one to one. */
#define IMAGE       0x1358000UL /* this program, as it is linked */
#define ARENA       0x2000000UL /* what requests lie in, and what is given away and asked for again */
#define ARENA_PAGES 64U
#define HOLE        0x10000000UL /* no memory, until a request puts some there */
#define HOLE_PAGES  64U
#define SHARED_INFO (HOLE + HOLE_PAGES * PAGE)
#define GRANTS      (SHARED_INFO + PAGE)
#define GRANT_PAGES 2U
#define WILD        0x40000000UL /* 2 MiB of addresses whose page table is written at random */
#define LAPIC       0xfee00000UL

struct cpu {
    uint64_t saved[8]; /* CPU_SAVED */
    struct random random;
    unsigned id;
    uint32_t steps, aborted; /* steps begun, and those that an exception ended */
    uint32_t interruptions;  /* of the present step */
    uint64_t gdt[8];
    uint32_t tss[32];
    struct call_request request;
    uint8_t interrupt_stack[8192];
    uint8_t stack[];
};

extern struct cpu *cpu_of(unsigned id);
extern uint64_t pml4[], page_directories[], image_pt[], wild_pt[];
extern const uint8_t vectors[], text_end[];

int step_begin(struct cpu *cpu) __attribute__((returns_twice));
_Noreturn void step_abort(struct cpu *cpu);
_Noreturn void run_bytes(const uint64_t gprs[16], const void *code, uint64_t rflags);

/* cpu.c: the processor's own state. */
void protect_program(void);
void cpu_restore(struct cpu *cpu);   /* descriptor tables, control registers */
void lapic_restore(bool is_x2apic);  /* enabled, with a timer that ends what waits */
void lapic_send(bool is_x2apic, uint32_t apic_id, uint32_t command);
uint64_t hypercall(uint64_t number, const uint64_t args[CALL_ARGS]);
uint64_t read_msr(uint32_t msr);
void write_msr(uint32_t msr, uint64_t value);

/* say.c: lines on the hypervisor's console. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* hypercalls.c */
void hypercalls_init(unsigned domid);
void bring_back(uint64_t page); /* if it was given away */
void step_hypercall(struct cpu *cpu);
void step_refill(struct cpu *cpu);
void step_shared(struct cpu *cpu);
uint64_t make_pointer(struct random *r);
uint64_t make_frame(struct random *r);

/* hardware.c */
void step_msr(struct cpu *cpu);
void step_port(struct cpu *cpu);
void step_mmio(struct cpu *cpu);
void step_bytes(struct cpu *cpu);
void step_wild(struct cpu *cpu);
void step_ipi(struct cpu *cpu);

/* rings.c */
void rings_init(void);
void step_ring(struct cpu *cpu);

extern bool is_x2apic;     /* how this run drives its local APICs */
extern unsigned cpu_total; /* vCPUs in use */
#endif
