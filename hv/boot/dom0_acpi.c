/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dom0's ACPI: its own root and MADT, and the host's other tables where they lie, but for those that describe
 * what the hypervisor keeps (guest-abi 1.6): IOMMUs, HPET, NUMA by physical APIC ids, error records.
 */
#include "dom0_build.h"

#include <hv/acpi.h>
#include <hv/arch/paging.h>
#include <hv/domain.h>
#include <hv/ioapic.h>
#include <hv/print.h>
#include <hv/vlapic.h>

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
    h->checksum = (uint8_t)-acpi_sum(h, length);
}

/* vCPUs with ACPI UID == vCPU id (guest-abi 1.5), the host's IO-APICs and overrides, no 8259. */
static uint64_t write_madt(const struct domain *d, struct area *area)
{
    size_t iso_size = acpi_info.iso_count * sizeof(struct acpi_madt_iso);
    size_t size = sizeof(struct acpi_madt) + d->max_vcpus * sizeof(struct acpi_madt_lapic) +
                  ioapic_count() * sizeof(struct acpi_madt_ioapic) + iso_size;
    uint64_t paddr;
    struct acpi_madt *madt = take(area, size, &paddr);
    struct acpi_madt_lapic *lapic = (void *)(madt + 1);
    struct acpi_madt_ioapic *io = (void *)(lapic + d->max_vcpus);

    madt->lapic = 0xfee00000;
    for (unsigned i = 0; i < d->max_vcpus; i++) {
        lapic[i] = (struct acpi_madt_lapic){MADT_LAPIC, sizeof(*lapic), (uint8_t)i, (uint8_t)vlapic_id_of(i),
                                            MADT_CPU_ENABLED};
    }
    for (unsigned i = 0; i < ioapic_count(); i++) {
        const struct ioapic_info *info = ioapic_info(i);

        io[i] = (struct acpi_madt_ioapic){MADT_IOAPIC, sizeof(*io), (uint8_t)info->id, 0, (uint32_t)info->paddr,
                                          info->gsi_base};
    }
    memcpy(io + ioapic_count(), acpi_info.iso, iso_size);
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

        /* Configuration space that we do not know of we do not virtualise: a damaged table is no table. */
        if (!is_hidden(h->signature) && (acpi_info.mcfg_base != 0 || memcmp(h->signature, "MCFG", 4) != 0)) {
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
    struct acpi_rsdp *rsdp = take(&area, sizeof(*rsdp), &paddr);

    memcpy(rsdp->signature, "RSD PTR ", 8);
    memcpy(rsdp->oem_id, "NETHER", 6);
    rsdp->revision = 2;
    rsdp->length = sizeof(*rsdp);
    rsdp->xsdt = xsdt;
    rsdp->checksum = (uint8_t)-acpi_sum(rsdp, ACPI_RSDP_V1_SIZE);
    rsdp->extended_checksum = (uint8_t)-acpi_sum(rsdp, sizeof(*rsdp));
    return paddr;
}
