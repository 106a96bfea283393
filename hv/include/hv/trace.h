/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the hypervisor does, written down as it happens: a ring of records a CPU in Xen's form (xen/trace.h),
 * which dom0 maps and reads while it is written (xentrace). Each CPU writes its own ring, with
 * interrupts off, so there is no lock.
 *
 * dom0 may write what it likes into the rings. Where the next record goes is in our own memory; the
 * reader's index is read once a record, and one that cannot be is taken for a full ring.
 */
#pragma once

#include <hv/types.h>
#include <xen/xen.h>
#include <xen/trace.h>

#define TRACE_DATA_MAX 7U /* words of data in a record */

extern bool trace_is_on;

/* Writes a record with up to TRACE_DATA_MAX words of data. Any lock may be held. Costs a compare and
 * a branch while nobody traces: the data is not even looked at. */
#define trace(event, ...)                                                                          \
    do {                                                                                           \
        _Static_assert(sizeof((uint32_t[]){__VA_ARGS__}) <= TRACE_DATA_MAX * sizeof(uint32_t), "");   \
        if (unlikely(trace_is_on)) {                                                               \
            trace_record(event, (uint32_t[]){__VA_ARGS__},                                         \
                         sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t));                    \
        }                                                                                          \
    } while (0)

/* A vCPU in one word, as most records have it. */
#define TRACE_VCPU(domid, vcpu_id) ((uint32_t)(domid) << 16 | (vcpu_id))

void trace_record(uint32_t event, const uint32_t *data, unsigned count);

/* A ring has become half full: tells dom0 (VIRQ_TBUF). Called at the door, for CPU_WORK_TRACE. */
void trace_notify(void);

/* The operations of XEN_SYSCTL_tbuf_op, serialised by the control lock.
 *
 * set_size makes the rings, once and for good: of the next lower power of two of pages a CPU, and less
 * when that would be more than 16 MiB in all. 0, -XEN_EINVAL for no pages, -XEN_EBUSY when they
 * exist with another size, -XEN_ENOMEM. enable: 0, or -XEN_EINVAL when there are none. */
int trace_set_size(uint32_t pages);
int trace_enable(void);
void trace_disable(void);
void trace_set_event_mask(uint32_t mask);
void trace_set_cpu_mask(const unsigned long *mask);
/* Where the struct t_info is (0: none yet) and how large; the mask of events. */
void trace_get_info(uint64_t *info_mfn, uint32_t *info_bytes, uint32_t *mask);
