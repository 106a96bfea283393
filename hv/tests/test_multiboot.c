/* SPDX-License-Identifier: Apache-2.0 */
/* What loaders say, well-formed and not, as struct boot_info. */
#include <hv/boot.h>

#include "boot_fakes.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

#define MB1 0x2badb002u
#define MB2 0x36d76289u
#define INFO 0x10000u

TestSuite(multiboot, .init = fakes_reset);

static void put32(uint64_t at, uint32_t value)
{
    memcpy(fakes_ram(at), &value, sizeof(value));
}

static void put64(uint64_t at, uint64_t value)
{
    memcpy(fakes_ram(at), &value, sizeof(value));
}

/* A Multiboot1 memory map entry at `at`; returns where the next one goes. */
static uint64_t put_range1(uint64_t at, uint64_t base, uint64_t length, uint32_t type)
{
    put32(at, 20);
    put64(at + 4, base);
    put64(at + 12, length);
    put32(at + 20, type);
    return at + 24;
}

static void put_info1(uint32_t flags, uint32_t map_length)
{
    put32(INFO, flags);
    put32(INFO + 44, map_length);
    put32(INFO + 48, 0x20000);
}

Test(multiboot, mb1_command_line_modules_and_map)
{
    uint64_t at = put_range1(0x20000, 0, 0x9fc00, 1);

    at = put_range1(at, 0x100000, 0x700000, 1);
    put_info1(1 << 2 | 1 << 3 | 1 << 6 | 1 << 9, (uint32_t)(at - 0x20000));
    put32(INFO + 16, 0x21000);
    strcpy(fakes_ram(0x21000), "nether dom0_mem=1G");
    put32(INFO + 20, 2);
    put32(INFO + 24, 0x22000);
    put32(0x22000, 0x300000);
    put32(0x22004, 0x301000);
    put32(0x22008, 0x23000);
    put32(0x22010, 0x400000);
    put32(0x22014, 0x400001);
    strcpy(fakes_ram(0x23000), "vmlinuz console=hvc0");
    put32(INFO + 64, 0x24000);
    strcpy(fakes_ram(0x24000), "qemu");

    multiboot_parse(MB1, INFO);

    cr_assert_str_eq(boot_info.cmdline, "dom0_mem=1G");
    cr_assert_str_eq(boot_info.loader, "qemu");
    cr_assert_eq(boot_info.module_count, 2);
    cr_assert_eq(boot_info.modules[0].start, 0x300000);
    cr_assert_str_eq(boot_info.modules[0].cmdline, "console=hvc0");
    cr_assert_str_eq(boot_info.modules[1].cmdline, "");
    cr_assert_eq(boot_info.map.count, 2);
    cr_assert_eq(boot_info.map.ranges[1].end, 0x800000);
}

Test(multiboot, overlapping_ranges_become_disjoint_and_ram_gives_way)
{
    uint64_t at = put_range1(0x20000, 0x100000, 0x400000, 1);

    at = put_range1(at, 0x200000, 0x1000, 2);      /* a hole in RAM */
    at = put_range1(at, 0x80000, 0x100000, 4);     /* covers RAM's start */
    at = put_range1(at, 0x400000, 0x200000, 1);    /* RAM again, partly told */
    at = put_range1(at, ~0UL - 0xfff, ~0UL, 2);    /* length beyond the end */
    put_info1(1 << 6, (uint32_t)(at - 0x20000));

    multiboot_parse(MB1, INFO);

    const struct boot_range *r = boot_info.map.ranges;

    for (unsigned i = 1; i < boot_info.map.count; i++) {
        cr_assert_geq(r[i].start, r[i - 1].end);
    }
    cr_assert_eq(r[0].start, 0x80000);
    cr_assert_eq(r[0].type, 4);

    uint64_t ram = 0;

    for (unsigned i = 0; i < boot_info.map.count; i++) {
        cr_assert_lt(r[i].start, r[i].end);
        ram += r[i].type == 1 ? r[i].end - r[i].start : 0;
    }
    cr_assert_eq(ram, 0x600000 - 0x180000 - 0x1000);
}

Test(multiboot, mb2_tags)
{
    put32(INFO + 8, 1); /* command line, its text without end */
    put32(INFO + 12, 8 + 5);
    memcpy(fakes_ram(INFO + 16), "a=b cGAR", 8);
    put32(INFO + 24, 3); /* module, its file's name without end */
    put32(INFO + 28, 16 + 3);
    put32(INFO + 32, 0x300000);
    put32(INFO + 36, 0x300010);
    memcpy(fakes_ram(INFO + 40), "/xyGARB q", 8);
    put32(INFO + 48, 6); /* memory map */
    put32(INFO + 52, 16 + 24);
    put32(INFO + 56, 24);
    put64(INFO + 64, 0x100000);
    put64(INFO + 72, 0x100000);
    put32(INFO + 80, 1);
    put32(INFO + 88, 15); /* RSDP */
    put32(INFO + 92, 8 + 36);
    put32(INFO + 136, 0);
    put32(INFO + 140, 8);
    put32(INFO, 144);

    multiboot_parse(MB2, INFO);

    cr_assert_str_eq(boot_info.cmdline, "a=b c");
    cr_assert_str_eq(boot_info.modules[0].cmdline, "");
    cr_assert_eq(boot_info.map.count, 1);
    cr_assert_eq(boot_info.rsdp, INFO + 96);
}

Test(multiboot, mb2_tag_beyond_the_end_halts, .signal = SIGABRT)
{
    put32(INFO, 24);
    put32(INFO + 8, 1);
    put32(INFO + 12, 4000);

    multiboot_parse(MB2, INFO);
}

Test(multiboot, mb2_tag_of_size_zero_halts_and_does_not_loop, .signal = SIGABRT)
{
    put32(INFO, 24);
    put32(INFO + 8, 9);

    multiboot_parse(MB2, INFO);
}

Test(multiboot, unknown_loader_halts, .signal = SIGABRT)
{
    multiboot_parse(0x12345678, INFO);
}

Test(multiboot, no_memory_map_halts, .signal = SIGABRT)
{
    put_info1(0, 0);

    multiboot_parse(MB1, INFO);
}

Test(multiboot, empty_module_halts, .signal = SIGABRT)
{
    put_info1(1 << 3 | 1 << 6, (uint32_t)(put_range1(0x20000, 0, 0x1000, 1) - 0x20000));
    put32(INFO + 20, 1);
    put32(INFO + 24, 0x22000);

    multiboot_parse(MB1, INFO);
}

Test(options, values_and_refusals)
{
    fakes_reset();

    boot_options_parse("dom0_mem=512M  dom0_max_vcpus=2 idle_cpus=1 iommu=off loglvl=debug noreboot com1=57600,8n1");
    cr_assert_eq(boot_options.dom0_mem_bytes, 512UL << 20);
    cr_assert_eq(boot_options.dom0_max_vcpus, 2);
    cr_assert_eq(boot_options.idle_cpus, 1);
    cr_assert(boot_options.iommu_off);
    cr_assert_eq(boot_options.log_level, 3);
    cr_assert(boot_options.no_reboot);
    cr_assert_eq(boot_options.serial_baud, 57600);

    boot_options_parse("dom0_mem=12x dom0_mem=99999999999999999999G dom0_max_vcpus=0 idle_cpus=1024 com1=0 com1=115200,7e1 com1=1152000000 junk");
    cr_assert_eq(boot_options.dom0_mem_bytes, 512UL << 20);
    cr_assert_eq(boot_options.dom0_max_vcpus, 2);
    cr_assert_eq(boot_options.serial_baud, 57600);
    cr_assert_not_null(strstr(fakes_serial, "junk not understood"));
}
