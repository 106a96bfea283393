# SPDX-License-Identifier: Apache-2.0
# Unit tests of boot, ACPI, console and virtual PCI: the real files over tests/boot_fakes.c.
if(BUILD_TESTING)
    add_library(boot_under_test STATIC
        boot/machine_map.c
        boot/multiboot.c
        boot/options.c
        boot/range_map.c
        core/clock.c
        core/console.c
        iommu/ivrs.c
        lib/format.c
        lib/lock.c
        lib/print.c
        lib/rtc.c
        tests/boot_fakes.c
        vdev/vmsi.c
        vdev/vmsi_table.c
        vdev/vpci.c
        x86/acpi.c)
    target_include_directories(boot_under_test PUBLIC ${CMAKE_CURRENT_SOURCE_DIR}/include)
    target_compile_definitions(boot_under_test PUBLIC HV_HOSTED __XEN_TOOLS__)
    target_compile_options(boot_under_test PUBLIC -g -fsanitize=address,undefined
                           -fno-sanitize-recover=undefined)
    target_link_options(boot_under_test PUBLIC -fsanitize=address,undefined)
    target_link_libraries(boot_under_test PRIVATE project_warnings)

    foreach(name machine_map multiboot acpi vpci print)
        nether_add_test(NAME ${name} SOURCES tests/test_${name}.c LIBS boot_under_test LABELS unit hv)
    endforeach()
endif()
