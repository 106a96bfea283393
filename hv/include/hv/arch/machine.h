/* SPDX-License-Identifier: Apache-2.0 */
/* The host as a whole: start of the secondary CPUs, clock set-up, reset. */
#pragma once

#include <hv/types.h>

/* Sets up struct cpu of the boot CPU; before anything that takes a lock. */
void cpu_init_boot(void);
/* Starts every other CPU that the MADT lists; each ends in cpu_run(). One that does not start is reported
 * and left out. */
void smp_start_all(void);

/* Calibrates the TSC and reads the real-time clock. Needs acpi_info. */
void tsc_init(void);

/* Two CPUs compare their TSCs: one leads, from tsc_lead(true) to tsc_lead(false), the other one follows. The end returns by
 * how many ticks one was seen to be behind the other. */
uint64_t tsc_lead(bool begin);
void tsc_follow(void);

/* Machine checks of this CPU are reported from now on, each is a panic. */
void machine_check_init_cpu(void);
/* Prints what this CPU's banks hold; whether an uncorrected error is among it. */
bool machine_check_show(void);

/* Resets the machine (never returns). */
void machine_reset(void) NORETURN;
/* Stops this CPU for good. */
void machine_halt(void) NORETURN;
/* The end of a panic or of dom0: reset, or halt when noreboot was given. */
void machine_stop(void) NORETURN;

/* The local APIC id of this CPU, from CPUID. */
uint32_t x86_boot_apic_id(void);
