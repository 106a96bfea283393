/* SPDX-License-Identifier: Apache-2.0 */
/* The event log of an AMD-Vi IOMMU (48882, 2.5), and the registers that it shares with amd_vi.c
 * (3.4). */
#pragma once

#include <hv/types.h>

#define REG_EVENT_BASE    0x0010
#define REG_CONTROL       0x0018
#define REG_EVENT_HEAD    0x2010
#define REG_EVENT_TAIL    0x2018
#define REG_STATUS        0x2020
#define CONTROL_EVENT_LOG (1UL << 2)

#define LOG_BYTES     4096U       /* of an event log and of a command buffer */
#define LOG_SIZE_CODE (8UL << 56) /* 2^8 entries of 16 bytes */
#define ENTRY_BYTES   16U

struct event_log {
    volatile char *regs;
    volatile uint64_t *entries;
    uint32_t head; /* byte offset */
};

/* Gives the IOMMU the log's page, all zero; it writes there once CONTROL_EVENT_LOG is set. */
void event_log_init(struct event_log *log, volatile char *regs, void *page);

/* Prints what came since the last call: device, address, direction. False if nothing did. */
bool event_log_report(struct event_log *log);

static inline uint64_t iommu_reg_read(volatile char *regs, unsigned reg)
{
    return *(volatile uint64_t *)(regs + reg);
}

static inline void iommu_reg_write(volatile char *regs, unsigned reg, uint64_t value)
{
    *(volatile uint64_t *)(regs + reg) = value;
}
