/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a CPU has done since boot, to be counted where it happens: `this_cpu()->counters.x++`. Only the CPU
 * itself writes them; they are summed when they are read (XEN_SYSCTL_perfc_op). 32 bits wide, as that
 * operation has them: they wrap.
 */
#pragma once

#include <hv/types.h>

#define COUNTERS_EXITS      256U /* by the exit code's low 8 bits: nested page faults are 0 */
#define COUNTERS_HYPERCALLS 64U

struct counters {
    uint32_t exits[COUNTERS_EXITS];
    uint32_t hypercalls[COUNTERS_HYPERCALLS]; /* by number; each time that one restarts counts */
    uint32_t interrupts;                      /* of the host, all kinds */
    uint32_t timer_interrupts;
    uint32_t kicks;                           /* interrupts sent to make another CPU look */
    uint32_t p2m_flushes;
    uint32_t switches; /* to another vCPU than before, or to none */
    uint32_t wakeups;  /* vCPUs that became runnable */
};
