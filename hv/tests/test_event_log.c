/* SPDX-License-Identifier: Apache-2.0 */
/* iommu/event_log.c: entries as the specification lays them out (48882, 2.5.3), and what is printed
 * of them. */
#include <criterion/criterion.h>
#include <criterion/redirect.h>

#include <hv/frame.h>

#include "tests/host/fake.h"
#include "iommu/event_log.h"

#define WRITE      (1UL << 53)
#define INTERRUPT  (1UL << 51)
#define PAGE_FAULT (2UL << 60)
#define OVERFLOW   1UL

static _Alignas(8) char regs[0x4000];
static struct event_log io_log;
static uint64_t *entries;

static void setup(void)
{
    fake_host_init();
    entries = page_alloc();
    event_log_init(&io_log, regs, entries);
    iommu_reg_write(regs, REG_CONTROL, CONTROL_EVENT_LOG | 1);
    cr_redirect_stderr(); /* the fake's console */
}

TestSuite(event_log, .init = setup);

static void add(unsigned n, uint64_t first, uint64_t second)
{
    entries[2 * n] = first;
    entries[2 * n + 1] = second;
}

Test(event_log, a_refused_access_is_named_by_device_address_and_direction)
{
    add(0, PAGE_FAULT | WRITE | 1UL << 32 | 0x0028, 0x200000);
    add(1, PAGE_FAULT | 8UL << 32 | 0x1a03, 0x8000000000);

    add(2, PAGE_FAULT | INTERRUPT | WRITE | 0x0028, 0xfee00000);

    cr_expect(event_log_report(&io_log));

    cr_expect_stderr_eq_str("(nether) iommu: DMA refused: device 00:05.0 writes 0x200000\n"
                            "(nether) iommu: DMA refused: device 1a:00.3 reads 0x8000000000\n"
                            "(nether) iommu: interrupt refused: device 00:05.0 sends one that is not its own "
                            "(0xfee00000)\n");
    cr_expect_eq(iommu_reg_read(regs, REG_EVENT_HEAD), 48);
    cr_expect_not(event_log_report(&io_log), "each is told once");
}

Test(event_log, the_log_is_a_ring)
{
    for (unsigned n = 0; n < LOG_BYTES / ENTRY_BYTES; n++) {
        add(n, PAGE_FAULT | 8, n);
    }

    cr_expect(event_log_report(&io_log));
    cr_expect_eq(iommu_reg_read(regs, REG_EVENT_HEAD), 0);
    add(0, PAGE_FAULT | 8, 1);
    cr_expect(event_log_report(&io_log));
    cr_expect_eq(iommu_reg_read(regs, REG_EVENT_HEAD), ENTRY_BYTES);
}

Test(event_log, an_overflow_is_told_and_the_log_starts_again)
{
    add(0, PAGE_FAULT | 8, 0x1000);
    iommu_reg_write(regs, REG_STATUS, OVERFLOW);
    iommu_reg_write(regs, REG_EVENT_TAIL, 0x30);

    cr_expect(event_log_report(&io_log));

    cr_expect_eq(io_log.head, 0);
    cr_expect_eq(iommu_reg_read(regs, REG_EVENT_TAIL), 0);
    cr_expect_eq(iommu_reg_read(regs, REG_CONTROL), CONTROL_EVENT_LOG | 1);
}
