/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ACPI's static tables (ACPI 6.4, chapter 5). They are firmware's, so outside input: each is mapped by
 * its header first, then by its length, checksummed, and every entry checked against the table's end.
 */
#include <hv/acpi.h>

#include <hv/arch/machine.h>
#include <hv/arch/paging.h>
#include <hv/machine_map.h>
#include <hv/print.h>

#define MAX_TABLE_SIZE (16U << 20)

struct acpi_info acpi_info;

/* The table at paddr, mapped whole; NULL (reported) when it is damaged. */
static const struct acpi_header *map_table(uint64_t paddr)
{
    const struct acpi_header *header = paging_map_firmware(paddr, sizeof(*header));
    uint32_t length = header->length;

    if (length < sizeof(*header) || length > MAX_TABLE_SIZE) {
        pr_warn("acpi: table at 0x%lx has length %u, left out", paddr, length);
        return NULL;
    }
    header = paging_map_firmware(paddr, length);
    if (acpi_sum(header, length) != 0) {
        pr_warn("acpi: %.*s at 0x%lx has a bad checksum, left out", 4, header->signature, paddr);
        return NULL;
    }
    return header;
}

uint64_t acpi_table_address(unsigned n)
{
    const struct acpi_header *root = acpi_info.root ? paddr_to_virt(acpi_info.root) : NULL;
    unsigned size = acpi_info.root_is_xsdt ? 8 : 4;
    uint64_t address = 0;

    if (!root || n >= (root->length - sizeof(*root)) / size) {
        return 0;
    }
    memcpy(&address, (const char *)(root + 1) + (size_t)n * size, size);
    return address;
}

const struct acpi_header *acpi_find(const char *signature)
{
    uint64_t paddr;

    for (unsigned n = 0; (paddr = acpi_table_address(n)) != 0; n++) {
        const struct acpi_header *header = paging_map_firmware(paddr, sizeof(*header));

        if (memcmp(header->signature, signature, 4) == 0) {
            header = map_table(paddr);
            if (header) {
                return header;
            }
        }
    }
    return NULL;
}

/* The next entry of a table from *offset on that is complete within it and has a type of `sizes`, which says how
 * long such an entry is at least; NULL at the end. */
static const void *next_entry(const struct acpi_header *table, uint32_t *offset, const uint8_t *sizes, unsigned types)
{
    while (*offset + 2 <= table->length) {
        const uint8_t *entry = (const uint8_t *)table + *offset;
        uint8_t type = entry[0], length = entry[1];

        if (length < 2 || *offset + length > table->length) {
            return NULL;
        }
        *offset += length;
        if (type < types && sizes[type] != 0 && length >= sizes[type]) {
            return entry;
        }
    }
    return NULL;
}

static void add_cpu(uint32_t apic_id)
{
    for (unsigned i = 0; i < acpi_info.cpu_count; i++) {
        if (acpi_info.apic_ids[i] == apic_id) {
            return;
        }
    }
    if (acpi_info.cpu_count == MAX_CPUS) {
        pr_warn("acpi: more than %u CPUs, apic id %u is left out", MAX_CPUS, apic_id);
        return;
    }
    acpi_info.apic_ids[acpi_info.cpu_count++] = apic_id;
}

static void add_ioapic(const struct acpi_madt_ioapic *io)
{
    if (acpi_info.ioapic_count == ACPI_MAX_IOAPICS) {
        pr_warn("acpi: more than %u IO-APICs", ACPI_MAX_IOAPICS);
        return;
    }
    acpi_info.ioapics[acpi_info.ioapic_count].id = io->id;
    acpi_info.ioapics[acpi_info.ioapic_count].gsi_base = io->gsi_base;
    acpi_info.ioapics[acpi_info.ioapic_count++].paddr = io->paddr;
}

static void parse_madt_entry(const void *entry)
{
    const struct acpi_madt_lapic *lapic = entry;
    const struct acpi_madt_x2apic *x2apic = entry;

    switch (*(const uint8_t *)entry) {
    case MADT_LAPIC:
        if ((lapic->flags & MADT_CPU_ENABLED) && lapic->apic_id != 0xff) {
            add_cpu(lapic->apic_id);
        }
        break;
    case MADT_X2APIC:
        if (x2apic->flags & MADT_CPU_ENABLED) {
            add_cpu(x2apic->apic_id);
        }
        break;
    case MADT_IOAPIC:
        add_ioapic(entry);
        break;
    case MADT_ISO:
        if (acpi_info.iso_count < ACPI_MAX_ISO) {
            acpi_info.iso[acpi_info.iso_count] = *(const struct acpi_madt_iso *)entry;
            acpi_info.iso[acpi_info.iso_count++].length = sizeof(struct acpi_madt_iso);
        }
        break;
    case MADT_LAPIC_ADDRESS:
        acpi_info.lapic_paddr = ((const struct acpi_madt_lapic_address *)entry)->paddr;
        break;
    }
}

/* The boot CPU becomes number 0. */
static void put_boot_cpu_first(void)
{
    uint32_t boot_id = x86_boot_apic_id();

    for (unsigned i = 0; i < acpi_info.cpu_count; i++) {
        if (acpi_info.apic_ids[i] == boot_id) {
            acpi_info.apic_ids[i] = acpi_info.apic_ids[0];
            acpi_info.apic_ids[0] = boot_id;
            return;
        }
    }
    pr_warn("acpi: boot CPU (apic id %u) is not in the MADT", boot_id);
    if (acpi_info.cpu_count < MAX_CPUS) {
        acpi_info.cpu_count++;
    }
    memmove(&acpi_info.apic_ids[1], &acpi_info.apic_ids[0],
            (acpi_info.cpu_count - 1) * sizeof(acpi_info.apic_ids[0]));
    acpi_info.apic_ids[0] = boot_id;
}

static void parse_madt(void)
{
    static const uint8_t sizes[] = {
        [MADT_LAPIC] = sizeof(struct acpi_madt_lapic),
        [MADT_IOAPIC] = sizeof(struct acpi_madt_ioapic),
        [MADT_ISO] = sizeof(struct acpi_madt_iso),
        [MADT_LAPIC_ADDRESS] = sizeof(struct acpi_madt_lapic_address),
        [MADT_X2APIC] = sizeof(struct acpi_madt_x2apic),
    };
    const struct acpi_madt *madt = (const void *)acpi_find("APIC");
    uint32_t offset = sizeof(*madt);
    const void *entry;

    if (!madt || madt->header.length < sizeof(*madt)) {
        halt_with_message("acpi: no usable MADT: CPUs and interrupt controllers are unknown");
    }
    acpi_info.lapic_paddr = madt->lapic;
    while ((entry = next_entry(&madt->header, &offset, sizes, ARRAY_SIZE(sizes)))) {
        parse_madt_entry(entry);
    }
    put_boot_cpu_first();
}

static unsigned node_number(uint32_t domain)
{
    unsigned node = domain < 16 ? domain : 15;

    acpi_info.node_count = MAX(acpi_info.node_count, node + 1);
    return node;
}

static void set_cpu_node(uint32_t apic_id, uint32_t domain)
{
    for (unsigned i = 0; i < acpi_info.cpu_count; i++) {
        if (acpi_info.apic_ids[i] == apic_id) {
            acpi_info.cpu_nodes[i] = node_number(domain);
        }
    }
}

static void add_memory_node(const struct acpi_srat_memory *m)
{
    unsigned n = acpi_info.memory_node_count;

    if (n == ARRAY_SIZE(acpi_info.memory_nodes) || m->size == 0 || m->size > ~m->base) {
        return;
    }
    acpi_info.memory_nodes[n].start = m->base;
    acpi_info.memory_nodes[n].end = m->base + m->size;
    acpi_info.memory_nodes[n].node = node_number(m->domain);
    acpi_info.memory_node_count++;
}

static void parse_srat(void)
{
    static const uint8_t sizes[] = {
        [SRAT_CPU] = sizeof(struct acpi_srat_cpu),
        [SRAT_MEMORY] = sizeof(struct acpi_srat_memory),
        [SRAT_X2APIC] = sizeof(struct acpi_srat_x2apic),
    };
    const struct acpi_header *srat = acpi_find("SRAT");
    uint32_t offset = sizeof(*srat) + 12;
    const uint8_t *entry;

    acpi_info.node_count = 1;
    while (srat && (entry = next_entry(srat, &offset, sizes, ARRAY_SIZE(sizes)))) {
        const struct acpi_srat_cpu *cpu = (const void *)entry;
        const struct acpi_srat_x2apic *x2apic = (const void *)entry;
        const struct acpi_srat_memory *memory = (const void *)entry;

        if (*entry == SRAT_CPU && (cpu->flags & SRAT_ENABLED)) {
            set_cpu_node(cpu->apic_id, cpu->domain_low | (cpu->domain_high & ~0xffU));
        } else if (*entry == SRAT_X2APIC && (x2apic->flags & SRAT_ENABLED)) {
            set_cpu_node(x2apic->apic_id, x2apic->domain);
        } else if (*entry == SRAT_MEMORY && (memory->flags & SRAT_ENABLED)) {
            add_memory_node(memory);
        }
    }
}

static void parse_slit(void)
{
    const struct acpi_header *slit = acpi_find("SLIT");
    const uint8_t *data = (const uint8_t *)(slit + 1);
    uint64_t n = 0;

    if (!slit || slit->length < sizeof(*slit) + 8) {
        return;
    }
    memcpy(&n, data, sizeof(n));
    if (n == 0 || n > 0xffff || sizeof(*slit) + 8 + n * n > slit->length) {
        return;
    }
    for (unsigned i = 0; i < MIN(n, 16UL); i++) {
        memcpy(acpi_info.slit[i], data + 8 + i * n, MIN(n, 16UL));
    }
}

/* Segment 0's first allocation (PCI Firmware Specification 3.2, 4.1.2). It is virtualised for dom0; what would be raw
 * configuration space, dom0 does not get: it finds no devices there. */
static void parse_mcfg(void)
{
    const struct acpi_header *mcfg = acpi_find("MCFG");

    for (uint32_t at = sizeof(*mcfg) + 8; mcfg && at + 16 <= mcfg->length; at += 16) {
        const uint8_t *entry = (const uint8_t *)mcfg + at;
        uint16_t segment;
        uint64_t base;

        memcpy(&base, entry, sizeof(base));
        memcpy(&segment, entry + 8, sizeof(segment));
        if (base == 0 || entry[10] > entry[11]) {
            continue;
        }
        if (segment == 0 && acpi_info.mcfg_base == 0) {
            acpi_info.mcfg_base = base;
            acpi_info.mcfg_bus_start = entry[10];
            acpi_info.mcfg_bus_end = entry[11];
        } else {
            pr_warn("acpi: PCI segment %u, buses %x to %x: configuration space at 0x%lx is hidden", segment, entry[10],
                    entry[11], base);
            machine_map_keep(base + ((uint64_t)entry[10] << 20), (uint64_t)(entry[11] - entry[10] + 1) << 20);
        }
    }
}

static uint32_t field32(const struct acpi_header *table, unsigned offset)
{
    uint32_t value = 0;

    if (offset + sizeof(value) <= table->length) {
        memcpy(&value, (const char *)table + offset, sizeof(value));
    }
    return value;
}

static void parse_fadt(void)
{
    const struct acpi_header *fadt = acpi_find("FACP");

    if (!fadt) {
        return;
    }
    acpi_info.pm1a_cnt_port = field32(fadt, 64);
    acpi_info.pm1b_cnt_port = field32(fadt, 68);
    acpi_info.pm_timer_port = field32(fadt, 76);
    acpi_info.pm_timer_32bit = field32(fadt, 112) >> 8 & 1;
}

static void parse_hpet(void)
{
    const struct acpi_header *hpet = acpi_find("HPET");

    if (hpet && hpet->length >= 52) {
        memcpy(&acpi_info.hpet_paddr, (const char *)hpet + 44, sizeof(acpi_info.hpet_paddr));
    }
}

static bool rsdp_ok(const struct acpi_rsdp *r)
{
    return memcmp(r->signature, "RSD PTR ", 8) == 0 && acpi_sum(r, ACPI_RSDP_V1_SIZE) == 0;
}

/* Where on a 16-byte boundary of the area it is; 0: nowhere. */
static uint64_t scan_area(uint64_t paddr, uint64_t size)
{
    const char *area = paging_map_firmware(paddr, size);

    for (uint64_t at = 0; at + sizeof(struct acpi_rsdp) <= size; at += 16) {
        if (rsdp_ok((const void *)(area + at))) {
            return paddr + at;
        }
    }
    return 0;
}

/* PC firmware leaves it in the EBDA's first KiB or in 0xe0000-0xfffff (ACPI 5.2.5.1). */
static uint64_t scan_for_rsdp(void)
{
    const uint16_t *ebda = paging_map_firmware(0x40e, sizeof(*ebda));
    uint64_t ebda_paddr = (uint64_t)*ebda << 4, found = 0;

    if (ebda_paddr >= 0x80000 && ebda_paddr <= 0x9fc00) {
        found = scan_area(ebda_paddr, 1024);
    }
    return found != 0 ? found : scan_area(0xe0000, 0x20000);
}

static void find_root(uint64_t rsdp_paddr)
{
    if (rsdp_paddr == 0) {
        rsdp_paddr = scan_for_rsdp();
    }
    if (rsdp_paddr == 0) {
        halt_with_message("acpi: no RSDP: this machine has no ACPI, which Nether needs");
    }

    const struct acpi_rsdp *r = paging_map_firmware(rsdp_paddr, sizeof(*r));

    if (!rsdp_ok(r)) {
        halt_with_message("acpi: the RSDP at 0x%lx is damaged", rsdp_paddr);
    }
    if (r->revision >= 2 && r->xsdt != 0 && map_table(r->xsdt)) {
        acpi_info.root = r->xsdt;
        acpi_info.root_is_xsdt = true;
    } else if (r->rsdt != 0 && map_table(r->rsdt)) {
        acpi_info.root = r->rsdt;
    } else {
        halt_with_message("acpi: neither XSDT nor RSDT is usable");
    }
}

void acpi_init(uint64_t rsdp)
{
    find_root(rsdp);
    for (unsigned n = 0; acpi_table_address(n) != 0; n++) {
        const struct acpi_header *h = paging_map_firmware(acpi_table_address(n), sizeof(*h));

        pr_debug("acpi: %.*s at 0x%lx, %u bytes", 4, h->signature, acpi_table_address(n), h->length);
    }
    parse_madt();
    parse_fadt();
    parse_srat();
    parse_slit();
    parse_mcfg();
    parse_hpet();
    pr_info("acpi: %u CPUs, %u IO-APICs, %u nodes, PM timer 0x%x, ECAM 0x%lx", acpi_info.cpu_count,
            acpi_info.ioapic_count, acpi_info.node_count, acpi_info.pm_timer_port, acpi_info.mcfg_base);
}
