/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hypercalls: one table, then one family a file. A handler copies its arguments in, checks, then calls
 * core/ or mm/. It returns 0 or a positive result, a -XEN_E* number, or HYPERCALL_RESTART after it wrote its
 * progress back: then the vCPU's RIP stays on the VMMCALL and the call comes again after the door
 * (interrupts, scheduling) was passed.
 */
#pragma once

#include <hv/guest_copy.h>
#include <hv/vcpu.h>

#define HYPERCALL_RESTART (-(long)XEN_ERESTART)
#define HYPERCALL_ARGS    5U /* in registers */

/* Called by the vendor part for VMMCALL/VMCALL from guest kernel mode: dispatches by RAX, puts the result
 * in RAX. Returns whether RIP is to be advanced (false: the call restarts). */
bool hypercall_dispatch(struct vcpu *v);

/* Runs one hypercall: its number and five arguments; for dispatch and multicalls. */
long hypercall_run(struct vcpu *v, uint64_t number, const uint64_t *args);

/* Whether a long operation should stop and restart: work is pending at the door, or the CPU has
 * been in this hypercall for 200 us since hypercall_begin(). Ask between two elements, so that each
 * round gets on. */
bool hypercall_should_restart(void);
void hypercall_begin(void);

/* A restarting call changes its own argument n (0-4) for when it comes again. */
void hypercall_set_arg(struct vcpu *v, unsigned n, uint64_t value);
uint64_t hypercall_get_arg(struct vcpu *v, unsigned n);

/* The families (arguments as the ABI numbers them). */
long xen_version_op(struct vcpu *v, unsigned cmd, uint64_t arg);
long memory_op(struct vcpu *v, unsigned cmd, uint64_t arg);
long vcpu_op(struct vcpu *v, unsigned cmd, unsigned vcpu_id, uint64_t arg);
long sched_op(struct vcpu *v, unsigned cmd, uint64_t arg);
long hvm_op(struct vcpu *v, unsigned cmd, uint64_t arg);
long physdev_op(struct vcpu *v, unsigned cmd, uint64_t arg);
long platform_op(struct vcpu *v, uint64_t arg);
long console_io_op(struct vcpu *v, unsigned cmd, unsigned count, uint64_t buffer);
long domctl_op(struct vcpu *v, uint64_t arg);
long sysctl_op(struct vcpu *v, uint64_t arg);
long vm_assist_op(struct vcpu *v, unsigned cmd, unsigned type);
long set_timer_op(struct vcpu *v, uint64_t deadline_ns);
long multicall_op(struct vcpu *v, uint64_t calls, unsigned count);
