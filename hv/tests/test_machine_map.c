/* SPDX-License-Identifier: Apache-2.0 */
/* boot/machine_map.c: what dom0 may map one to one. */
#include <hv/boot.h>
#include <hv/machine_map.h>

#include <criterion/criterion.h>

Test(machine_map, ram_kept_registers_and_what_has_no_address_are_not_dom0_s)
{
    boot_info.ranges[0] = (struct boot_range){.start = 0x100000, .end = 0x200800, .type = 1};
    boot_info.ranges[1] = (struct boot_range){.start = 0xf0000, .end = 0x100000, .type = 2};
    boot_info.range_count = 2;
    machine_map_keep(0xfee00000, PAGE_SIZE);

    cr_expect_not(machine_is_device_memory(mfn(0x100)));
    cr_expect_not(machine_is_device_memory(mfn(0x200)), "half of it is RAM");
    cr_expect_not(machine_is_device_memory(mfn(0xfee00)), "the host's local APIC");
    cr_expect_not(machine_is_device_memory(mfn(1UL << 40)), "beyond the processor's addresses");
    cr_expect(machine_is_device_memory(mfn(0xf0)));
    cr_expect(machine_is_device_memory(mfn(0x201)));
    cr_expect(machine_is_device_memory(mfn(0xfee01)));
}
