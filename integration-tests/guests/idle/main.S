/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The smallest guest: enters by PVH (xen docs/misc/pvh.pandoc), then halts with interrupts on for ever.
 * It never speaks to a device, so creating and destroying it shows what the host itself costs and keeps.
 */
    .section .text
    .code32
    .globl entry
entry:
    /* Nothing is ever delivered: no event channel is bound and no interrupt controller is set up. */
    sti
1:  hlt
    jmp 1b

#include "../note.h"
