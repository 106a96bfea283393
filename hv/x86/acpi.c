/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ACPI's static tables (ACPI 6.4, chapter 5). They are firmware's, so outside input: each is mapped by
 * its header first, then by its length, checksummed, and every entry checked against the table's end.
 */
#include <hv/acpi.h>

#include <hv/arch/machine.h>
#include <hv/arch/paging.h>
#include <hv/print.h>
#include <hv/string.h>

#define MAX_TABLE_SIZE (16U << 20)

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

struct entry {
    uint8_t type, length;
} PACKED;

struct madt_lapic {
    struct entry entry;
    uint8_t uid, apic_id;
    uint32_t flags;
} PACKED;

struct madt_ioapic {
    struct entry entry;
    uint8_t id, reserved;
    uint32_t paddr, gsi_base;
} PACKED;

struct madt_iso {
    struct entry entry;
    uint8_t bus, source;
    uint32_t gsi;
    uint16_t flags;
} PACKED;

struct madt_lapic_address {
    struct entry entry;
    uint16_t reserved;
    uint64_t paddr;
} PACKED;

struct madt_x2apic {
    struct entry entry;
    uint16_t reserved;
    uint32_t apic_id, flags, uid;
} PACKED;

struct srat_cpu {
    struct entry entry;
    uint8_t domain_low, apic_id;
    uint32_t flags;
    uint8_t eid, domain_high[3];
} PACKED;

struct srat_memory {
    struct entry entry;
    uint32_t domain;
    uint16_t reserved1;
    uint64_t base, length;
    uint32_t reserved2, flags;
    uint64_t reserved3;
} PACKED;

struct srat_x2apic {
    struct entry entry;
    uint16_t reserved1;
    uint32_t domain, apic_id, flags, clock, reserved2;
} PACKED;

#define MADT_LAPIC         0
#define MADT_IOAPIC        1
#define MADT_ISO           2
#define MADT_LAPIC_ADDRESS 5
#define MADT_X2APIC        9
#define MADT_CPU_ENABLED   1u
#define SRAT_CPU           0
#define SRAT_MEMORY        1
#define SRAT_X2APIC        2
#define SRAT_ENABLED       1u

struct acpi_info acpi_info;

static bool checksum_ok(const void *data, size_t size)
{
    uint8_t sum = 0;

    for (size_t i = 0; i < size; i++) {
        sum = (uint8_t)(sum + ((const uint8_t *)data)[i]);
    }
    return sum == 0;
}

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
    if (!checksum_ok(header, length)) {
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

/* Walks the entries of a table from `offset` on, each complete within the table. */
static const struct entry *next_entry(const struct acpi_header *table, uint32_t *offset, size_t *size)
{
    const struct entry *e = (const void *)((const char *)table + *offset);

    if (*offset + sizeof(*e) > table->length || e->length < sizeof(*e) ||
        *offset + e->length > table->length) {
        return NULL;
    }
    *size = e->length;
    *offset += e->length;
    return e;
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

static void add_ioapic(const struct madt_ioapic *io)
{
    if (acpi_info.ioapic_count == ACPI_MAX_IOAPICS) {
        pr_warn("acpi: more than %u IO-APICs", ACPI_MAX_IOAPICS);
        return;
    }
    acpi_info.ioapics[acpi_info.ioapic_count].id = io->id;
    acpi_info.ioapics[acpi_info.ioapic_count].gsi_base = io->gsi_base;
    acpi_info.ioapics[acpi_info.ioapic_count++].paddr = io->paddr;
}

static void parse_madt_entry(const struct entry *e, size_t size)
{
    const struct madt_lapic *lapic = (const void *)e;
    const struct madt_x2apic *x2apic = (const void *)e;
    const struct madt_iso *iso = (const void *)e;

    if (e->type == MADT_LAPIC && size >= sizeof(*lapic)) {
        if (lapic->flags & MADT_CPU_ENABLED && lapic->apic_id != 0xff) {
            add_cpu(lapic->apic_id);
        }
    } else if (e->type == MADT_X2APIC && size >= sizeof(*x2apic)) {
        if (x2apic->flags & MADT_CPU_ENABLED) {
            add_cpu(x2apic->apic_id);
        }
    } else if (e->type == MADT_IOAPIC && size >= sizeof(struct madt_ioapic)) {
        add_ioapic((const void *)e);
    } else if (e->type == MADT_ISO && size >= sizeof(*iso)) {
        if (acpi_info.iso_count < ACPI_MAX_ISO) {
            acpi_info.iso[acpi_info.iso_count++] = (struct acpi_iso){iso->source, iso->gsi, iso->flags};
        }
    } else if (e->type == MADT_LAPIC_ADDRESS && size >= sizeof(struct madt_lapic_address)) {
        acpi_info.lapic_paddr = ((const struct madt_lapic_address *)(const void *)e)->paddr;
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
    const struct madt *madt = (const void *)acpi_find("APIC");
    uint32_t offset = sizeof(*madt);
    const struct entry *e;
    size_t size;

    if (!madt || madt->header.length < sizeof(*madt)) {
        halt_with_message("acpi: no usable MADT: CPUs and interrupt controllers are unknown");
    }
    acpi_info.lapic_paddr = madt->lapic;
    while ((e = next_entry(&madt->header, &offset, &size))) {
        parse_madt_entry(e, size);
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

static void add_memory_node(const struct srat_memory *m)
{
    unsigned n = acpi_info.memory_node_count;

    if (n == ARRAY_SIZE(acpi_info.memory_nodes) || m->length == 0 || m->length > ~m->base) {
        return;
    }
    acpi_info.memory_nodes[n].start = m->base;
    acpi_info.memory_nodes[n].end = m->base + m->length;
    acpi_info.memory_nodes[n].node = node_number(m->domain);
    acpi_info.memory_node_count++;
}

static void parse_srat(void)
{
    const struct acpi_header *srat = acpi_find("SRAT");
    uint32_t offset = sizeof(*srat) + 12;
    const struct entry *e;
    size_t size;

    acpi_info.node_count = 1;
    while (srat && (e = next_entry(srat, &offset, &size))) {
        const struct srat_cpu *cpu = (const void *)e;
        const struct srat_x2apic *x2apic = (const void *)e;
        const struct srat_memory *memory = (const void *)e;

        if (e->type == SRAT_CPU && size >= sizeof(*cpu) && cpu->flags & SRAT_ENABLED) {
            set_cpu_node(cpu->apic_id, cpu->domain_low | (uint32_t)cpu->domain_high[0] << 8 |
                                           (uint32_t)cpu->domain_high[1] << 16 |
                                           (uint32_t)cpu->domain_high[2] << 24);
        } else if (e->type == SRAT_X2APIC && size >= sizeof(*x2apic) && x2apic->flags & SRAT_ENABLED) {
            set_cpu_node(x2apic->apic_id, x2apic->domain);
        } else if (e->type == SRAT_MEMORY && size >= sizeof(*memory) && memory->flags & SRAT_ENABLED) {
            add_memory_node(memory);
        }
    }
}

static void parse_slit(void)
{
    const struct acpi_header *slit = acpi_find("SLIT");
    const uint8_t *data = (const uint8_t *)(slit + 1);
    uint64_t n = 0;

    for (unsigned i = 0; i < 16; i++) {
        for (unsigned j = 0; j < 16; j++) {
            acpi_info.slit[i][j] = i == j ? 10 : 20;
        }
    }
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

/* Segment 0's first allocation (PCI Firmware Specification 3.2, 4.1.2). */
static void parse_mcfg(void)
{
    const struct acpi_header *mcfg = acpi_find("MCFG");

    for (uint32_t at = sizeof(*mcfg) + 8; mcfg && at + 16 <= mcfg->length; at += 16) {
        const uint8_t *entry = (const uint8_t *)mcfg + at;
        uint16_t segment;
        uint64_t base;

        memcpy(&base, entry, sizeof(base));
        memcpy(&segment, entry + 8, sizeof(segment));
        if (segment == 0 && base != 0 && entry[10] <= entry[11]) {
            acpi_info.mcfg_base = base;
            acpi_info.mcfg_bus_start = entry[10];
            acpi_info.mcfg_bus_end = entry[11];
            return;
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
    acpi_info.pm1a_evt_port = field32(fadt, 56);
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

static bool rsdp_ok(const struct rsdp *r)
{
    return memcmp(r->signature, "RSD PTR ", 8) == 0 && checksum_ok(r, 20);
}

/* PC firmware leaves it on a 16-byte boundary in the EBDA's first KiB or in 0xe0000-0xfffff (ACPI 5.2.5.1). */
static uint64_t scan_for_rsdp(void)
{
    const uint16_t *ebda = paging_map_firmware(0x40e, sizeof(*ebda));
    uint64_t ebda_paddr = (uint64_t)*ebda << 4;

    if (ebda_paddr >= 0x80000 && ebda_paddr <= 0x9fc00) {
        const char *area = paging_map_firmware(ebda_paddr, 1024);

        for (uint64_t at = 0; at + sizeof(struct rsdp) <= 1024; at += 16) {
            if (rsdp_ok((const void *)(area + at))) {
                return ebda_paddr + at;
            }
        }
    }

    const char *bios = paging_map_firmware(0xe0000, 0x20000);

    for (uint64_t at = 0; at + sizeof(struct rsdp) <= 0x20000; at += 16) {
        if (rsdp_ok((const void *)(bios + at))) {
            return 0xe0000 + at;
        }
    }
    return 0;
}

static void find_root(uint64_t rsdp_paddr)
{
    if (rsdp_paddr == 0) {
        rsdp_paddr = scan_for_rsdp();
    }
    if (rsdp_paddr == 0) {
        halt_with_message("acpi: no RSDP: this machine has no ACPI, which Nether needs");
    }

    const struct rsdp *r = paging_map_firmware(rsdp_paddr, sizeof(*r));

    if (!rsdp_ok(r)) {
        halt_with_message("acpi: the RSDP at 0x%lx is damaged", rsdp_paddr);
    }
    acpi_info.rsdp = rsdp_paddr;
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
