/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the hypervisor lives in its own address space. Plain numbers: assembly and the linker script
 * read them too.
 *
 *   0xffff800000000000  direct map of all RAM, firmware tables and mapped device registers
 *   0xffffffff80000000  the image: physical address 0 + offset; loaded at IMAGE_LOAD_PADDR
 *   0xffffffffa0000000  stacks of the secondary CPUs, STACK_STRIDE apart
 *   0xffffffffb0000000  a page each CPU, a window on any machine address
 */
#pragma once

#define IMAGE_OFFSET     0xffffffff80000000
#define IMAGE_LOAD_PADDR 0x200000
#define STACK_AREA_BASE  0xffffffffa0000000
#define WINDOW_BASE      0xffffffffb0000000

/* A CPU's stack: page 0 holds struct cpu, page 1 is never mapped, the rest is the stack itself. In a Debug build page 1 is
 * the stack of double faults (x86/descriptors.c), and page 2 is never mapped. */
#define STACK_STRIDE     0x8000
#ifdef NDEBUG
#define STACK_GUARD      0x1000
#else
#define STACK_GUARD      0x2000
#endif
#define STACK_LOWEST     (STACK_GUARD + 0x1000)

#define GDT_CODE64 0x08
#define GDT_DATA   0x10
#define GDT_CODE32 0x18
