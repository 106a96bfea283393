/* SPDX-License-Identifier: Apache-2.0 */
/* The host's IO-APICs: index and data register, a 64-bit redirection entry a pin. */
#include <hv/ioapic.h>

#include <hv/acpi.h>
#include <hv/arch/paging.h>
#include <hv/iommu.h>
#include <hv/lock.h>
#include <hv/print.h>

#define IOAPIC_VERSION 1U
#define IOAPIC_ENTRY   0x10U
#define IOAPIC_EOI     (0x40U / 4) /* of version 0x20 and above */

struct ioapic {
    struct ioapic_info info;
    volatile uint32_t *regs;
    bool has_eoi;
};

/* Protects every IO-APIC's index register. */
static struct spinlock ioapic_lock = SPINLOCK_INIT(LOCK_RANK_IRQ);
static struct ioapic ioapics[ACPI_MAX_IOAPICS];
static unsigned count;

static uint32_t read_reg(const struct ioapic *io, unsigned reg)
{
    io->regs[0] = reg;
    return io->regs[4];
}

static void write_reg(const struct ioapic *io, unsigned reg, uint32_t value)
{
    io->regs[0] = reg;
    io->regs[4] = value;
}

unsigned ioapic_count(void)
{
    return count;
}

const struct ioapic_info *ioapic_info(unsigned n)
{
    return &ioapics[n].info;
}

void ioapic_init(void)
{
    for (unsigned i = 0; i < acpi_info.ioapic_count; i++) {
        struct ioapic *io = &ioapics[count];

        io->regs = paging_map_mmio(acpi_info.ioapics[i].paddr, PAGE_SIZE);

        uint32_t version = read_reg(io, IOAPIC_VERSION);

        if (version == ~0u) {
            pr_warn("ioapic%u: no answer at 0x%lx, left out", i, acpi_info.ioapics[i].paddr);
            continue;
        }
        io->has_eoi = (version & 0xff) >= 0x20;
        io->info = (struct ioapic_info){
            .id = acpi_info.ioapics[i].id,
            .gsi_base = acpi_info.ioapics[i].gsi_base,
            .pin_count = (version >> 16 & 0xff) + 1,
            .paddr = acpi_info.ioapics[i].paddr,
        };
        for (unsigned pin = 0; pin < io->info.pin_count; pin++) {
            write_reg(io, IOAPIC_ENTRY + 2 * pin, RTE_MASKED);
            write_reg(io, IOAPIC_ENTRY + 2 * pin + 1, 0);
        }
        pr_info("ioapic%u: id %u, gsi %u-%u at 0x%lx", i, io->info.id, io->info.gsi_base,
                io->info.gsi_base + io->info.pin_count - 1, io->info.paddr);
        count++;
    }
}

static const struct ioapic *find(uint32_t gsi, unsigned *pin)
{
    for (unsigned i = 0; i < count; i++) {
        const struct ioapic_info *info = &ioapics[i].info;

        if (gsi >= info->gsi_base && gsi - info->gsi_base < info->pin_count) {
            *pin = gsi - info->gsi_base;
            return &ioapics[i];
        }
    }
    return NULL;
}

int ioapic_route(uint32_t gsi, uint8_t vector, uint32_t apic_id, bool is_level, bool is_active_low,
                 bool is_masked)
{
    unsigned pin;
    const struct ioapic *io = find(gsi, &pin);

    if (!io) {
        return -XEN_ENOENT;
    }

    uint32_t entry = vector | (is_level ? RTE_LEVEL : 0) | (is_active_low ? RTE_ACTIVE_LOW : 0);
    int rc = iommu_remap_ioapic(io->info.id, vector, apic_id);

    if (rc != 0) {
        return rc;
    }
    spin_guard(&ioapic_lock);
    write_reg(io, IOAPIC_ENTRY + 2 * pin, RTE_MASKED); /* never half an entry live */
    write_reg(io, IOAPIC_ENTRY + 2 * pin + 1, apic_id << 24);
    write_reg(io, IOAPIC_ENTRY + 2 * pin, entry | (is_masked ? RTE_MASKED : 0));
    return 0;
}

/* The local APIC's EOI does not reach an IO-APIC whose interrupt the IOMMU has sent as an edge. Without an EOI
 * register a level is ended by being an edge for a moment. */
static void end_level(const struct ioapic *io, unsigned pin, uint32_t entry)
{
    if (io->has_eoi) {
        io->regs[IOAPIC_EOI] = entry & RTE_VECTOR;
    } else {
        write_reg(io, IOAPIC_ENTRY + 2 * pin, (entry & ~RTE_LEVEL) | RTE_MASKED);
        write_reg(io, IOAPIC_ENTRY + 2 * pin, entry | RTE_MASKED);
    }
}

void ioapic_mask(uint32_t gsi)
{
    unsigned pin;
    const struct ioapic *io = find(gsi, &pin);

    if (!io) {
        return;
    }
    spin_guard(&ioapic_lock);

    uint32_t entry = read_reg(io, IOAPIC_ENTRY + 2 * pin);

    write_reg(io, IOAPIC_ENTRY + 2 * pin, entry | RTE_MASKED);
    if (entry & RTE_LEVEL) {
        end_level(io, pin, entry);
    }
}

bool ioapic_unmask(uint32_t gsi)
{
    unsigned pin;
    const struct ioapic *io = find(gsi, &pin);

    if (!io) {
        return false;
    }
    spin_guard(&ioapic_lock);
    write_reg(io, IOAPIC_ENTRY + 2 * pin, read_reg(io, IOAPIC_ENTRY + 2 * pin) & ~RTE_MASKED);

    uint32_t entry = read_reg(io, IOAPIC_ENTRY + 2 * pin);

    return (entry & RTE_LEVEL) && (entry & (RTE_PENDING | RTE_REMOTE_IRR));
}

bool ioapic_is_routed(uint32_t gsi)
{
    unsigned pin;
    const struct ioapic *io = find(gsi, &pin);

    spin_guard(&ioapic_lock);
    return io && (read_reg(io, IOAPIC_ENTRY + 2 * pin) & RTE_VECTOR);
}
