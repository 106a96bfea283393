/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an IOMMU says of refused DMA and interrupts. An entry is there when it is not zero, as we leave what was
 * read: the tail register can be ahead of what is written, and QEMU before 10 does not move it.
 * (QEMU 7.2 takes the log for full at all times and writes nothing: see fault_seen() in amd_vi.c.)
 */
#include "event_log.h"

#include <hv/arch/cpu.h>
#include <hv/print.h>

#define STATUS_EVENT_OVERFLOW (1UL << 0)

#define EVENT_IO_PAGE_FAULT 2U
#define EVENT_INTERRUPT     (1UL << 51) /* I */
#define EVENT_WRITE         (1UL << 53 | 1UL << 49) /* RW; QEMU has it where NX is, which needs a PASID */

void event_log_init(struct event_log *log, volatile char *regs, void *page)
{
    log->regs = regs;
    log->entries = page;
    log->head = 0;
    iommu_reg_write(regs, REG_EVENT_BASE, virt_to_mfn(page).n << PAGE_SHIFT | LOG_SIZE_CODE);
    iommu_reg_write(regs, REG_EVENT_HEAD, 0);
    iommu_reg_write(regs, REG_EVENT_TAIL, 0);
}

/* Devices are domains' to drive, so their faults are guest-caused messages. */
static void report(uint64_t first, uint64_t second)
{
    unsigned code = (unsigned)(first >> 60);
    uint16_t bdf = (uint16_t)first;

    if (code == EVENT_IO_PAGE_FAULT && first & EVENT_INTERRUPT) {
        printk_guest("iommu: interrupt refused: device %02x:%02x.%u sends one that is not its own (0x%lx)", bdf >> 8,
                     bdf >> 3 & 31, bdf & 7, second);
    } else if (code == EVENT_IO_PAGE_FAULT) {
        printk_guest("iommu: DMA refused: device %02x:%02x.%u %s 0x%lx", bdf >> 8, bdf >> 3 & 31,
                     bdf & 7, first & EVENT_WRITE ? "writes" : "reads", second);
    } else {
        printk_guest("iommu: event %u, device %02x:%02x.%u: %016lx %016lx", code, bdf >> 8,
                     bdf >> 3 & 31, bdf & 7, first, second);
    }
}

/* After an overflow the log starts when it is switched off and on (3.4.3). */
static void restart(struct event_log *log)
{
    uint64_t control = iommu_reg_read(log->regs, REG_CONTROL);

    printk_guest("iommu: event log overflowed, refused DMA went unreported");
    iommu_reg_write(log->regs, REG_CONTROL, control & ~CONTROL_EVENT_LOG);
    iommu_reg_write(log->regs, REG_STATUS, STATUS_EVENT_OVERFLOW);
    iommu_reg_write(log->regs, REG_EVENT_HEAD, 0);
    iommu_reg_write(log->regs, REG_EVENT_TAIL, 0);
    log->head = 0;
    iommu_reg_write(log->regs, REG_CONTROL, control);
}

bool event_log_report(struct event_log *log)
{
    unsigned count = 0;

    for (; count < LOG_BYTES / ENTRY_BYTES; count++) { /* a device may fault as fast as we read */
        volatile uint64_t *entry = &log->entries[log->head / sizeof(*entry)];

        if (entry[0] == 0 && entry[1] == 0) {
            break;
        }
        report(entry[0], entry[1]);
        entry[0] = entry[1] = 0;
        log->head = (log->head + ENTRY_BYTES) % LOG_BYTES;
    }
    if (count != 0) {
        iommu_reg_write(log->regs, REG_EVENT_HEAD, log->head);
    }
    if (iommu_reg_read(log->regs, REG_STATUS) & STATUS_EVENT_OVERFLOW) {
        restart(log);
        return true;
    }
    return count != 0;
}
