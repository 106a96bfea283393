/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ACPI tables, after the ACPI specification 6.4, chapter 5 (section numbers below).
 *
 * The hardware-reduced profile says that there is no PM timer, no SCI, no PIC and no PIT, which is
 * so. The MADT has one local APIC for each vCPU and no I/O APIC; Linux takes the processor UID for
 * the vCPU's number, so the two are the same. The DSDT is empty: a guest's devices are in xenstore.
 */
#include "agent/domain/acpi.h"

#include <string.h>

#define LAPIC_ADDR 0xfee00000u

/* 5.2.9: boot architecture flags and fixed feature flags of the FADT */
enum {
    BOOT_NO_VGA = 1u << 2,
    BOOT_NO_CMOS_RTC = 1u << 5,
};
#define FADT_WBINVD        (1u << 0)
#define FADT_POWER_BUTTON  (1u << 4) /* not a fixed one */
#define FADT_SLEEP_BUTTON  (1u << 5) /* likewise */
#define FADT_APIC_PHYSICAL (1u << 19)
#define FADT_HW_REDUCED    (1u << 20)

struct header {
    char signature[4];
    uint32_t length;
    uint8_t revision;
    uint8_t checksum;
    char oem_id[6];
    char oem_table_id[8];
    uint32_t oem_revision;
    char creator_id[4];
    uint32_t creator_revision;
} __attribute__((packed));
_Static_assert(sizeof(struct header) == 36, "5.2.6: system description table header");

struct rsdp {
    char signature[8];
    uint8_t checksum; /* of the first 20 bytes */
    char oem_id[6];
    uint8_t revision;
    uint32_t rsdt_addr;
    uint32_t length;
    uint64_t xsdt_addr;
    uint8_t extended_checksum;
    uint8_t reserved[3];
} __attribute__((packed));
_Static_assert(sizeof(struct rsdp) == 36, "5.2.5.3: RSDP");

struct fadt {
    struct header header;
    uint32_t facs_addr;
    uint32_t dsdt_addr;
    uint8_t reserved0;
    uint8_t preferred_profile;
    uint8_t fixed_hardware[62]; /* all zero in the hardware-reduced profile, offsets 46..107 */
    uint8_t century;
    uint16_t boot_flags;
    uint8_t reserved1;
    uint32_t flags;
    uint8_t reset_register[12];
    uint8_t reset_value;
    uint16_t arm_boot_flags;
    uint8_t minor_revision;
    uint64_t facs_addr_64;
    uint64_t dsdt_addr_64;
    uint8_t blocks_64[96]; /* PM1a event .. GPE1, as above */
    uint8_t sleep_control[12];
    uint8_t sleep_status[12];
} __attribute__((packed));
_Static_assert(sizeof(struct fadt) == 268, "5.2.9: FADT of revision 5");
_Static_assert(__builtin_offsetof(struct fadt, boot_flags) == 109, "5.2.9");
_Static_assert(__builtin_offsetof(struct fadt, flags) == 112, "5.2.9");
_Static_assert(__builtin_offsetof(struct fadt, dsdt_addr_64) == 140, "5.2.9");

struct madt {
    struct header header;
    uint32_t lapic_addr;
    uint32_t flags; /* PCAT_COMPAT clear: there are no 8259s */
} __attribute__((packed));

struct madt_lapic {
    uint8_t type; /* 0 */
    uint8_t length;
    uint8_t processor_uid;
    uint8_t apic_id;
    uint32_t flags; /* bit 0: enabled */
} __attribute__((packed));

static uint8_t checksum(const void *bytes, size_t size_bytes)
{
    const uint8_t *at = bytes;
    uint8_t sum = 0;
    for (size_t i = 0; i < size_bytes; i++) {
        sum = (uint8_t)(sum + at[i]);
    }
    return (uint8_t)-sum;
}

static struct header make_header(const char *signature, uint8_t revision, size_t length)
{
    struct header header = {
        .length = (uint32_t)length,
        .revision = revision,
        .oem_id = {'N', 'E', 'T', 'H', 'E', 'R'},
        .oem_table_id = {'P', 'V', 'H', ' ', ' ', ' ', ' ', ' '},
        .oem_revision = 1,
        .creator_id = {'N', 'T', 'H', 'R'},
        .creator_revision = 1,
    };
    memcpy(header.signature, signature, sizeof(header.signature));
    return header;
}

/* Sets the checksum of the complete table of length bytes at table. */
static void seal(uint8_t *table, size_t length)
{
    size_t at = __builtin_offsetof(struct header, checksum);
    table[at] = 0;
    table[at] = checksum(table, length);
}

static size_t write_dsdt(uint8_t *out)
{
    struct header header = make_header("DSDT", 2, sizeof(header));
    memcpy(out, &header, sizeof(header));
    seal(out, sizeof(header));
    return sizeof(header);
}

static size_t write_fadt(uint8_t *out, uint64_t dsdt_addr)
{
    struct fadt fadt = {
        .header = make_header("FACP", 5, sizeof(fadt)),
        .dsdt_addr = (uint32_t)dsdt_addr,
        .dsdt_addr_64 = dsdt_addr,
        .boot_flags = BOOT_NO_VGA | BOOT_NO_CMOS_RTC,
        .flags = FADT_WBINVD | FADT_POWER_BUTTON | FADT_SLEEP_BUTTON | FADT_APIC_PHYSICAL |
                 FADT_HW_REDUCED,
        .minor_revision = 1,
    };
    memcpy(out, &fadt, sizeof(fadt));
    seal(out, sizeof(fadt));
    return sizeof(fadt);
}

static size_t write_madt(uint8_t *out, uint32_t vcpus)
{
    size_t length = sizeof(struct madt) + vcpus * sizeof(struct madt_lapic);
    struct madt madt = {
        .header = make_header("APIC", 4, length),
        .lapic_addr = LAPIC_ADDR,
    };
    memcpy(out, &madt, sizeof(madt));
    for (uint32_t vcpu = 0; vcpu < vcpus; vcpu++) {
        struct madt_lapic entry = {
            .type = 0,
            .length = sizeof(entry),
            .processor_uid = (uint8_t)vcpu,
            .apic_id = (uint8_t)acpi_apic_id(vcpu),
            .flags = 1,
        };
        memcpy(out + sizeof(madt) + vcpu * sizeof(entry), &entry, sizeof(entry));
    }
    seal(out, length);
    return length;
}

static size_t write_xsdt(uint8_t *out, const uint64_t *tables, size_t count)
{
    size_t length = sizeof(struct header) + count * sizeof(*tables);
    struct header header = make_header("XSDT", 1, length);
    memcpy(out, &header, sizeof(header));
    memcpy(out + sizeof(header), tables, count * sizeof(*tables));
    seal(out, length);
    return length;
}

static void write_rsdp(uint8_t *out, uint64_t xsdt_addr)
{
    struct rsdp rsdp = {
        .signature = {'R', 'S', 'D', ' ', 'P', 'T', 'R', ' '},
        .oem_id = {'N', 'E', 'T', 'H', 'E', 'R'},
        .revision = 2,
        .length = sizeof(rsdp),
        .xsdt_addr = xsdt_addr,
    };
    rsdp.checksum = checksum(&rsdp, 20);
    rsdp.extended_checksum = checksum(&rsdp, sizeof(rsdp));
    memcpy(out, &rsdp, sizeof(rsdp));
}

static size_t align_16(size_t value)
{
    return (value + 15) & ~(size_t)15;
}

size_t acpi_write(uint32_t vcpus, uint64_t base, uint8_t out[ACPI_BYTES_MAX])
{
    memset(out, 0, ACPI_BYTES_MAX);
    size_t at = align_16(sizeof(struct rsdp));

    uint64_t dsdt_addr = base + at;
    at = align_16(at + write_dsdt(out + at));

    uint64_t tables[2];
    tables[0] = base + at;
    at = align_16(at + write_fadt(out + at, dsdt_addr));
    tables[1] = base + at;
    at = align_16(at + write_madt(out + at, vcpus));

    uint64_t xsdt_addr = base + at;
    at += write_xsdt(out + at, tables, 2);
    write_rsdp(out, xsdt_addr);
    return at;
}
