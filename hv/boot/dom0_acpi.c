/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dom0's ACPI: its own root and MADT, and the host's other tables where they lie, but for those that describe
 * what the hypervisor keeps (guest-abi 1.6): IOMMUs, HPET, NUMA by physical APIC ids, error records.
 */
#include "dom0_build.h"

#include <hv/acpi.h>
#include <hv/arch/cpu.h>
#include <hv/arch/paging.h>
#include <hv/domain.h>
#include <hv/ioapic.h>
#include <hv/print.h>
#include <hv/string.h>
#include <hv/vlapic.h>

struct rsdp {
    char signature[8];
    uint8_t checksum;
    char oem_id[6];
    uint8_t revision;
    uint32_t rsdt;
    uint32_t length;
    uint64_t xsdt;
    uint8_t extended_checksum, reserved[3];
} PACKED;

struct madt {
    struct acpi_header header;
    uint32_t lapic, flags;
} PACKED;

struct madt_lapic {
    uint8_t type, length, uid, apic_id;
    uint32_t flags;
} PACKED;

struct madt_ioapic {
    uint8_t type, length, id, reserved;
    uint32_t address, gsi_base;
} PACKED;

struct madt_iso {
    uint8_t type, length, bus, irq;
    uint32_t gsi;
    uint16_t flags;
} PACKED;

#define MADT_LAPIC  0
#define MADT_IOAPIC 1
#define MADT_ISO    2
#define LAPIC_ENABLED 1U
#define MAX_TABLES  64U

static const char *const hidden[] = {"IVRS", "DMAR", "HPET", "SRAT", "SLIT", "MSCT", "HMAT",
                                     "HEST", "BERT", "ERST", "EINJ", "APIC"};

/* Memory handed out piece by piece from the ACPI area. */
struct area {
    uint64_t at, end;
};

static void *take(struct area *area, size_t size, uint64_t *paddr)
{
    void *p = paddr_to_virt(area->at);

    if (size > area->end - area->at) {
        halt_with_message("dom0: its ACPI tables need more than %lu KiB", DOM0_ACPI_BYTES >> 10);
    }
    *paddr = area->at;
    area->at = ROUND_UP(area->at + size, 16UL);
    memset(p, 0, size);
    return p;
}

static uint8_t checksum(const void *data, size_t size)
{
    uint8_t sum = 0;

    for (size_t i = 0; i < size; i++) {
        sum += ((const uint8_t *)data)[i];
    }
    return (uint8_t)-sum;
}

static void fill_header(struct acpi_header *h, const char *signature, uint32_t length, uint8_t revision)
{
    memcpy(h->signature, signature, 4);
    h->length = length;
    h->revision = revision;
    memcpy(h->oem_id, "NETHER", 6);
    memcpy(h->oem_table_id, "NETHER  ", 8);
    h->oem_revision = 1;
    memcpy(&h->creator_id, "NTHR", 4);
    h->creator_revision = 1;
    h->checksum = checksum(h, length);
}

/* vCPUs with ACPI UID == vCPU id (guest-abi 1.5), the host's IO-APICs and overrides, no 8259. */
static uint64_t write_madt(const struct domain *d, struct area *area)
{
    size_t size = sizeof(struct madt) + d->max_vcpus * sizeof(struct madt_lapic) +
                  ioapic_count() * sizeof(struct madt_ioapic) + acpi_info.iso_count * sizeof(struct madt_iso);
    uint64_t paddr;
    struct madt *madt = take(area, size, &paddr);
    uint8_t *p = (uint8_t *)(madt + 1);

    madt->lapic = 0xfee00000;
    for (unsigned i = 0; i < d->max_vcpus; i++, p += sizeof(struct madt_lapic)) {
        *(struct madt_lapic *)p = (struct madt_lapic){MADT_LAPIC, sizeof(struct madt_lapic), (uint8_t)i,
                                                      (uint8_t)vlapic_id_of(i), LAPIC_ENABLED};
    }
    for (unsigned i = 0; i < ioapic_count(); i++, p += sizeof(struct madt_ioapic)) {
        const struct ioapic_info *info = ioapic_info(i);

        *(struct madt_ioapic *)p = (struct madt_ioapic){MADT_IOAPIC, sizeof(struct madt_ioapic), (uint8_t)info->id,
                                                        0, (uint32_t)info->paddr, info->gsi_base};
    }
    for (unsigned i = 0; i < acpi_info.iso_count; i++, p += sizeof(struct madt_iso)) {
        const struct acpi_iso *iso = &acpi_info.iso[i];

        *(struct madt_iso *)p =
            (struct madt_iso){MADT_ISO, sizeof(struct madt_iso), 0, iso->source_irq, iso->gsi, iso->flags};
    }
    fill_header(&madt->header, "APIC", (uint32_t)size, 4);
    return paddr;
}

static bool is_hidden(const char *signature)
{
    for (unsigned i = 0; i < ARRAY_SIZE(hidden); i++) {
        if (memcmp(signature, hidden[i], 4) == 0) {
            return true;
        }
    }
    return false;
}

static uint64_t write_xsdt(struct area *area, uint64_t madt)
{
    struct acpi_header *xsdt;
    uint64_t *entries, paddr, table;
    unsigned count = 0;

    xsdt = take(area, sizeof(*xsdt) + MAX_TABLES * sizeof(*entries), &paddr);
    entries = (uint64_t *)(xsdt + 1);
    memcpy(&entries[count++], &madt, sizeof(madt));
    for (unsigned n = 0; (table = acpi_table_address(n)) != 0 && count < MAX_TABLES; n++) {
        const struct acpi_header *h = paging_map_firmware(table, sizeof(*h));

        if (!is_hidden(h->signature)) {
            memcpy(&entries[count++], &table, sizeof(table));
        }
    }
    fill_header(xsdt, "XSDT", (uint32_t)(sizeof(*xsdt) + count * sizeof(*entries)), 1);
    return paddr;
}

uint64_t dom0_write_acpi(const struct domain *d, uint64_t at, uint64_t size)
{
    struct area area = {at, at + size};
    uint64_t paddr, madt = write_madt(d, &area), xsdt = write_xsdt(&area, madt);
    struct rsdp *rsdp = take(&area, sizeof(*rsdp), &paddr);

    memcpy(rsdp->signature, "RSD PTR ", 8);
    memcpy(rsdp->oem_id, "NETHER", 6);
    rsdp->revision = 2;
    rsdp->length = sizeof(*rsdp);
    rsdp->xsdt = xsdt;
    rsdp->checksum = checksum(rsdp, 20);
    rsdp->extended_checksum = checksum(rsdp, sizeof(*rsdp));
    return paddr;
}
