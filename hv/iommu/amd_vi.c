/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AMD-Vi (AMD IOMMU specification 48882). All IOMMUs of the host share one device table, with an entry for
 * every requester id: blocked (an empty table, no permission), or translating through the p2m of the
 * domain that has it. With interrupt remapping (remap.c) it also says which vectors a function may raise.
 *
 * A flush is a command and a wait for its completion. An IOMMU that stops answering could let its
 * devices reach memory that was freed: then the host is stopped.
 */
#include <hv/iommu.h>

#include "event_log.h"
#include "ivrs.h"
#include "remap.h"

#include <hv/acpi.h>
#include <hv/arch/cpu.h>
#include <hv/arch/paging.h>
#include <hv/boot.h>
#include <hv/domain.h>
#include <hv/frame.h>
#include <hv/ioapic.h>
#include <hv/lock.h>
#include <hv/machine_map.h>
#include <hv/pci.h>
#include <hv/print.h>
#include <hv/time.h>
#include <hv/timer.h>

/* Registers, 48882 3.4 */
#define REG_DEVICE_TABLE  0x0000
#define REG_COMMAND_BASE  0x0008
#define REG_EXCLUSION     0x0020 /* memory that is not translated */
#define REG_FEATURES      0x0030
#define REG_COMMAND_HEAD  0x2000
#define REG_COMMAND_TAIL  0x2008
#define REGS_SIZE         0x4000

#define CONTROL_ENABLE     (1UL << 0)
#define CONTROL_HT_TUNNEL  (1UL << 1)
#define CONTROL_PASS_PW    (1UL << 8)
#define CONTROL_RES_PASS_PW (1UL << 9)
#define CONTROL_COHERENT   (1UL << 10)
#define CONTROL_ISOC       (1UL << 11)
#define CONTROL_COMMANDS   (1UL << 12)
#define CONTROL_WIDE_ENTRIES (1UL << 17) /* GAEn */
#define CONTROL_X2APIC     (1UL << 50)
#define FEATURE_X2APIC         (1UL << 2)
#define FEATURE_INVALIDATE_ALL (1UL << 6)
#define FEATURE_WIDE_ENTRIES   (1UL << 7) /* GASup */

#define COMMAND_WAIT            (1UL << 60)
#define COMMAND_WAIT_STORE      (1UL << 0)
#define COMMAND_INVALIDATE_DTE  (2UL << 60)
#define COMMAND_INVALIDATE_PAGES (3UL << 60)
#define COMMAND_INVALIDATE_INTERRUPTS (5UL << 60)
#define COMMAND_INVALIDATE_ALL  (8UL << 60)
#define ALL_PAGES 0x7ffffffffffff003UL /* every address; S: a range; PDE: cached table entries, too (2.4.3) */

#define DEVICE_COUNT 65536U
#define TABLE_ORDER  9U /* 65536 entries of 32 bytes: 2 MiB */
#define TABLE_SIZE_CODE 511UL

#define DTE_VALID       (1UL << 0)
#define DTE_TRANSLATION (1UL << 1)
#define DTE_4_LEVELS    (4UL << 9)
#define DTE_READ        (1UL << 61)
#define DTE_WRITE       (1UL << 62)
#define DTE_TAG         0xffffUL /* second quadword */
#define DTE_SYSMGT_SHIFT 40

#define XAPIC_ID_LAST  0xfeU
#define X2APIC_ID_LAST 0xffffffU /* what a remapping entry holds in one quadword */

#define COMPLETION_TIMEOUT_NS 1000000000UL
#define LOOK_EVERY_NS         1000000000UL

struct device_entry {
    uint64_t translation, domain, interrupts, attributes;
};

struct iommu {
    struct ivrs_iommu ivrs;
    volatile char *regs;
    struct event_log log;
    uint64_t *commands;
    uint32_t tail; /* byte offset */
    bool has_invalidate_all;
};

/* Protects the device table, and command buffers, and wait_done. */
static struct spinlock iommu_lock = SPINLOCK_INIT(LOCK_RANK_IOMMU);
static struct iommu iommus[IVRS_MAX_IOMMUS];
static unsigned iommu_count;
static struct ivrs_info ivrs;
static struct device_entry *device_table;
static mfn_t empty_table;
static volatile uint64_t *wait_done; /* one word an IOMMU, written by COMPLETION_WAIT */
static uint64_t wait_sequence;
static struct timer look_timer;
static bool is_remapping;
static uint32_t apic_id_limit = XAPIC_ID_LAST;

static uint64_t read_reg(const struct iommu *io, unsigned reg)
{
    return iommu_reg_read(io->regs, reg);
}

static void write_reg(const struct iommu *io, unsigned reg, uint64_t value)
{
    iommu_reg_write(io->regs, reg, value);
}

bool iommu_is_present(void)
{
    return iommu_count > 0;
}

static void NORETURN not_answering(const struct iommu *io)
{
    halt_with_message("iommu at 0x%lx does not complete commands (status 0x%lx): its devices could reach "
                      "freed memory, so the host is stopped",
                      io->ivrs.paddr, read_reg(io, REG_STATUS));
}

/* Queues one command, waiting for room. */
static void queue_command(struct iommu *io, uint64_t first, uint64_t second)
{
    uint32_t next = (io->tail + ENTRY_BYTES) % LOG_BYTES;
    uint64_t start = now_ns();

    while (next == (read_reg(io, REG_COMMAND_HEAD) & (LOG_BYTES - 1))) {
        if (now_ns() - start > COMPLETION_TIMEOUT_NS) {
            not_answering(io);
        }
        cpu_relax();
    }
    io->commands[io->tail / 8] = first;
    io->commands[io->tail / 8 + 1] = second;
    io->tail = next;
}

static void start_commands(struct iommu *io)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    write_reg(io, REG_COMMAND_TAIL, io->tail);
}

static void queue_all(uint64_t first, uint64_t second)
{
    for (unsigned i = 0; i < iommu_count; i++) {
        queue_command(&iommus[i], first, second);
    }
}

/* Has every IOMMU run what was queued, and waits until all are done. */
static void complete_all(void)
{
    uint64_t sequence = ++wait_sequence;
    uint64_t start = now_ns();

    for (unsigned i = 0; i < iommu_count; i++) {
        uint64_t where = (virt_to_mfn((const void *)wait_done).n << PAGE_SHIFT) + i * 8;

        queue_command(&iommus[i], COMMAND_WAIT | where | COMMAND_WAIT_STORE, sequence);
        start_commands(&iommus[i]);
    }
    for (unsigned i = 0; i < iommu_count; i++) {
        while (wait_done[i] != sequence) {
            if (now_ns() - start > COMPLETION_TIMEOUT_NS) {
                not_answering(&iommus[i]);
            }
            cpu_relax();
        }
    }
}

/* TLB tag of a domain; 0 is that of blocked devices. */
static uint64_t domain_tag(const struct domain *d)
{
    return d ? d->domid + 1u : 0;
}

/* For d, or for nobody: through an empty table and without permission. */
static void write_entry(uint16_t bdf, const struct domain *d)
{
    struct device_entry *e = &device_table[bdf];
    uint64_t blocked = DTE_VALID | DTE_TRANSLATION | DTE_4_LEVELS | empty_table.n << PAGE_SHIFT;
    uint64_t translation = blocked;

    if (d) {
        translation = DTE_VALID | DTE_TRANSLATION | DTE_4_LEVELS | d->p2m.root.n << PAGE_SHIFT |
                      DTE_READ | DTE_WRITE;
    }
    /* The hardware reads an entry in two halves: translate for nobody while its tag changes. */
    WRITE_ONCE(e->translation, blocked);
    WRITE_ONCE(e->domain, domain_tag(d) | (ivrs_settings(&ivrs, bdf) >> 4 & 3UL) << DTE_SYSMGT_SHIFT);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    WRITE_ONCE(e->translation, translation);
}

void iommu_flush(struct domain *d)
{
    if (iommu_count == 0) {
        return;
    }
    spin_guard(&iommu_lock);
    queue_all(COMMAND_INVALIDATE_PAGES | domain_tag(d) << 32, ALL_PAGES);
    complete_all();
}

bool iommu_owns_device(uint16_t bdf)
{
    for (unsigned i = 0; i < iommu_count; i++) {
        if (iommus[i].ivrs.bdf == bdf) {
            return true;
        }
    }
    return false;
}

int iommu_assign_all(struct domain *d)
{
    if (iommu_count == 0) {
        return -XEN_ENODEV;
    }
    spin_guard(&iommu_lock);
    d->p2m.has_iommu = true;
    for (unsigned bdf = 0; bdf < DEVICE_COUNT; bdf++) {
        if ((device_table[bdf].domain & DTE_TAG) == domain_tag(NULL) && !iommu_owns_device((uint16_t)bdf)) {
            write_entry((uint16_t)bdf, d);
        }
    }
    for (unsigned i = 0; i < iommu_count; i++) {
        if (iommus[i].has_invalidate_all) {
            queue_command(&iommus[i], COMMAND_INVALIDATE_ALL, 0);
            continue;
        }
        for (unsigned bdf = 0; bdf < DEVICE_COUNT; bdf++) {
            queue_command(&iommus[i], COMMAND_INVALIDATE_DTE | bdf, 0);
            start_commands(&iommus[i]);
        }
        queue_command(&iommus[i], COMMAND_INVALIDATE_PAGES, ALL_PAGES);
    }
    complete_all();
    return 0;
}

/* --- Interrupts ------------------------------------------------------------------------------------ */

uint32_t iommu_apic_id_limit(void)
{
    return apic_id_limit;
}

/* Nobody raises by what was read of the function's entries before. */
static void forget_interrupts(uint16_t bdf)
{
    queue_all(COMMAND_INVALIDATE_DTE | bdf, 0);
    queue_all(COMMAND_INVALIDATE_INTERRUPTS | bdf, 0);
    complete_all();
}

static int remap(uint16_t bdf, uint8_t vector, uint32_t apic_id)
{
    spin_guard(&iommu_lock);

    int rc = remap_set(&device_table[bdf].interrupts, vector, apic_id);

    if (rc > 0) {
        forget_interrupts(bdf);
    }
    return MIN(rc, 0);
}

int iommu_remap(uint16_t bdf, uint8_t vector, uint32_t apic_id)
{
    return is_remapping ? remap(ivrs_requester(&ivrs, bdf), vector, apic_id) : 0;
}

int iommu_remap_ioapic(uint32_t id, uint8_t vector, uint32_t apic_id)
{
    return is_remapping ? remap((uint16_t)ivrs_ioapic(&ivrs, id), vector, apic_id) : 0;
}

void iommu_remap_end(uint16_t bdf, uint8_t vector)
{
    if (!is_remapping) {
        return;
    }
    bdf = ivrs_requester(&ivrs, bdf);
    spin_guard(&iommu_lock);
    if (remap_clear(device_table[bdf].interrupts, vector)) {
        forget_interrupts(bdf);
    }
}

/* All IOMMUs share the tables, so they agree on the form of entries. IO-APICs are told apart by the ids that
 * firmware says they send under: without that their interrupts could not be told from forged ones. */
static uint64_t choose_remapping(void)
{
    uint64_t features = ~0UL;

    if (boot_options.iommu_no_intremap) {
        pr_warn("iommu: interrupts are not remapped, as iommu=no-intremap says: devices can forge them");
        return 0;
    }
    for (unsigned n = 0; n < ioapic_count(); n++) {
        if (ivrs_ioapic(&ivrs, ioapic_info(n)->id) == IVRS_NO_FUNCTION) {
            pr_warn("iommu: interrupts are not remapped, devices can forge them: firmware's IVRS table does not "
                    "name the IO-APIC with id %u", ioapic_info(n)->id);
            return 0;
        }
    }
    for (unsigned i = 0; i < ivrs.iommu_count; i++) {
        features &= read_reg(&iommus[i], REG_FEATURES);
    }
    is_remapping = true;
    if (!(features & FEATURE_WIDE_ENTRIES)) {
        pr_info("iommu: interrupts are remapped, entries of 32 bits");
        return 0;
    }
    remap_use_wide_entries();
    if (!(features & FEATURE_X2APIC)) {
        pr_info("iommu: interrupts are remapped, entries of 128 bits");
        return CONTROL_WIDE_ENTRIES;
    }
    apic_id_limit = X2APIC_ID_LAST;
    pr_info("iommu: interrupts are remapped, entries of 128 bits, x2APIC destinations");
    return CONTROL_WIDE_ENTRIES | CONTROL_X2APIC;
}

/* --- Faults ---------------------------------------------------------------------------------------- */

/* Whether DMA was refused since the last call, by the IOMMU's own PCI status: it aborted a request.
 * That is all that QEMU 7.2 tells: its model never writes an event. */
static bool fault_seen(const struct iommu *io)
{
    if (!(pci_config_read(io->ivrs.bdf, PCI_STATUS, 2) & PCI_STATUS_ABORTED)) {
        return false;
    }
    /* Written as 1 it is cleared. */
    pci_config_write(io->ivrs.bdf, PCI_STATUS, 2, PCI_STATUS_ABORTED);
    return true;
}

/* The logs are looked at once a second, not by interrupts, which a device could cause without end. */
static void look_for_faults(void *data)
{
    for (unsigned i = 0; i < iommu_count; i++) {
        bool was_refused = fault_seen(&iommus[i]);

        if (!event_log_report(&iommus[i].log) && was_refused) {
            printk_guest("iommu%u: DMA refused; it has logged no event that says whose", i);
        }
    }
    timer_set(&look_timer, now_ns() + LOOK_EVERY_NS);
}

void iommu_watch(void)
{
    if (iommu_count > 0) {
        timer_init(&look_timer, look_for_faults, NULL);
        look_for_faults(NULL);
    }
}

static uint64_t control_from_flags(uint8_t flags)
{
    return (flags & 1 ? CONTROL_HT_TUNNEL : 0) | (flags & 2 ? CONTROL_PASS_PW : 0) |
           (flags & 4 ? CONTROL_RES_PASS_PW : 0) | (flags & 8 ? CONTROL_ISOC : 0) |
           (flags & 0x20 ? CONTROL_COHERENT : 0);
}

static int find(struct iommu *io)
{
    io->regs = paging_map_mmio(io->ivrs.paddr, REGS_SIZE);
    machine_map_keep(io->ivrs.paddr, REGS_SIZE);
    if (read_reg(io, REG_FEATURES) == ~0UL) {
        pr_error("iommu: no answer at 0x%lx", io->ivrs.paddr);
        return -XEN_EIO;
    }
    io->has_invalidate_all = read_reg(io, REG_FEATURES) & FEATURE_INVALIDATE_ALL;
    return 0;
}

static int enable(struct iommu *io, uint64_t remapping)
{
    uint64_t control = control_from_flags(io->ivrs.flags) | remapping;
    void *events = page_alloc();

    io->commands = page_alloc();
    if (!io->commands || !events) {
        return -XEN_ENOMEM;
    }
    write_reg(io, REG_CONTROL, 0); /* whatever firmware or an earlier system left */
    write_reg(io, REG_EXCLUSION, 0);
    write_reg(io, REG_DEVICE_TABLE,
              virt_to_mfn(device_table).n << PAGE_SHIFT | TABLE_SIZE_CODE);
    write_reg(io, REG_COMMAND_BASE, virt_to_mfn(io->commands).n << PAGE_SHIFT | LOG_SIZE_CODE);
    write_reg(io, REG_COMMAND_HEAD, 0);
    write_reg(io, REG_COMMAND_TAIL, 0);
    event_log_init(&io->log, io->regs, events);
    write_reg(io, REG_CONTROL, control | CONTROL_EVENT_LOG | CONTROL_COMMANDS);
    write_reg(io, REG_CONTROL, control | CONTROL_EVENT_LOG | CONTROL_COMMANDS | CONTROL_ENABLE);
    return 0;
}

/* Blocked: every device, until it is given to a domain. */
static int create_tables(void)
{
    mfn_t table = frame_alloc_hv(TABLE_ORDER, NODE_ANY);

    wait_done = page_alloc();
    empty_table = frame_alloc_hv(ORDER_4K, NODE_ANY);
    if (mfn_is_none(table) || mfn_is_none(empty_table) || !wait_done) {
        return -XEN_ENOMEM;
    }
    device_table = mfn_to_virt(table);
    for (unsigned bdf = 0; bdf < DEVICE_COUNT; bdf++) {
        if (is_remapping) {
            device_table[bdf].interrupts = remap_blocked(ivrs_settings(&ivrs, (uint16_t)bdf));
        }
        write_entry((uint16_t)bdf, NULL);
    }
    return 0;
}

int iommu_init(void)
{
    const struct acpi_header *table = acpi_find("IVRS");

    if (boot_options.iommu_off || !table || !ivrs_parse(table, &ivrs)) {
        return -XEN_ENODEV;
    }

    int rc = 0;

    for (unsigned i = 0; i < ivrs.iommu_count && rc == 0; i++) {
        iommus[i].ivrs = ivrs.iommus[i];
        rc = find(&iommus[i]);
    }
    if (rc != 0) {
        return rc;
    }

    uint64_t remapping = choose_remapping();

    rc = create_tables();
    for (unsigned i = 0; i < ivrs.iommu_count && rc == 0; i++) {
        rc = enable(&iommus[i], remapping);
    }
    if (rc != 0) {
        return rc;
    }

    iommu_count = ivrs.iommu_count;
    spin_lock(&iommu_lock);
    complete_all(); /* proves that each one runs commands */
    spin_unlock(&iommu_lock);
    if (ivrs.unity_count > 0) {
        pr_warn("iommu: firmware wants %u memory ranges mapped one to one: not done", ivrs.unity_count);
    }
    for (unsigned i = 0; i < iommu_count; i++) {
        pr_info("iommu%u: at 0x%lx, features 0x%lx, all devices blocked", i, iommus[i].ivrs.paddr,
                read_reg(&iommus[i], REG_FEATURES));
    }
    return 0;
}
