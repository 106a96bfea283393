/* SPDX-License-Identifier: Apache-2.0 */
/* boot/machine_map.c: what dom0 may map one to one. boot/range_map.c: ranges that overlap. */
#include <hv/boot.h>
#include <hv/machine_map.h>

#include <criterion/criterion.h>

#include <signal.h>
#include <stdio.h>

Test(machine_map, ram_kept_registers_and_what_has_no_address_are_not_dom0_s)
{
    range_map_add(&boot_info.map, 0x100000, 0x200800, E820_RAM);
    range_map_add(&boot_info.map, 0xf0000, 0x100000, 2);
    machine_map_keep(0xfee00000, PAGE_SIZE);

    cr_expect_not(machine_is_device_memory(mfn(0x100)));
    cr_expect_not(machine_is_device_memory(mfn(0x200)), "half of it is RAM");
    cr_expect_not(machine_is_device_memory(mfn(0xfee00)), "the host's local APIC");
    cr_expect_not(machine_is_device_memory(mfn(1UL << 40)), "beyond the processor's addresses");
    cr_expect(machine_is_device_memory(mfn(0xf0)));
    cr_expect(machine_is_device_memory(mfn(0x201)));
    cr_expect(machine_is_device_memory(mfn(0xfee01)));
}

/* The map as text: each range as "start-end type", in pages. */
static void expect_map(const struct range_map *map, const char *expected)
{
    char text[256];
    int length = 0;

    for (unsigned i = 0; i < map->count; i++) {
        const struct boot_range *r = &map->ranges[i];

        length += snprintf(text + length, sizeof(text) - (size_t)length, "%lx-%lx %s, ", r->start, r->end,
                           r->type == E820_RAM ? "RAM" : r->type == RANGE_TAKEN ? "taken" : "other");
    }
    cr_expect_str_eq(text, expected);
}

Test(range_map, the_stronger_type_wins_on_either_side)
{
    struct range_map map = {.count = 0};

    range_map_add(&map, 0x20, 0x30, 2);
    range_map_add(&map, 0x10, 0x40, E820_RAM);
    expect_map(&map, "10-20 RAM, 20-30 other, 30-40 RAM, ");
    range_map_add(&map, 0x18, 0x38, RANGE_TAKEN);
    expect_map(&map, "10-18 RAM, 18-38 taken, 38-40 RAM, ");
    range_map_add(&map, 0x0, 0x50, 2);
    expect_map(&map, "0-10 other, 10-18 other, 18-38 taken, 38-40 other, 40-50 other, ");
    range_map_add(&map, 0x8, 0x8, RANGE_TAKEN);
    range_map_add(&map, 0x9, 0x8, RANGE_TAKEN);
    expect_map(&map, "0-10 other, 10-18 other, 18-38 taken, 38-40 other, 40-50 other, ");
    range_map_add(&map, 0x0, ~0UL, RANGE_TAKEN);
    expect_map(&map, "0-ffffffffffffffff taken, ");
}

/* Page tables of a large host are many single frames, each taken off the top of what is left. */
Test(range_map, what_is_taken_side_by_side_is_one_range)
{
    struct range_map map = {.count = 0};

    range_map_add(&map, 0x0, 0x10000, E820_RAM);
    for (uint64_t end = 0x10000; end > 0x8000; end -= 0x10) {
        range_map_add(&map, end - 0x10, end, RANGE_TAKEN);
    }
    expect_map(&map, "0-8000 RAM, 8000-10000 taken, ");
}

Test(range_map, more_ranges_than_there_is_room_for_halt, .signal = SIGABRT)
{
    struct range_map map = {.count = 0};

    for (uint64_t n = 0; n <= BOOT_MAX_RANGES; n++) {
        range_map_add(&map, n * 2, n * 2 + 1, E820_RAM);
    }
}
