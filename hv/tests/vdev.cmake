# SPDX-License-Identifier: Apache-2.0
# Unit tests of the virtual devices and the CPUID policy: the real files over tests/vdev_fakes.c.
if(BUILD_TESTING)
    add_library(vdev_under_test STATIC
        core/cpuid_policy.c
        core/cpuid_serialise.c
        tests/vdev_fakes.c
        vdev/decode.c
        vdev/emulate.c
        vdev/mmio.c
        vdev/vioapic.c
        vdev/vlapic.c
        vdev/vlapic_ipi.c
        vdev/vlapic_timer.c)
    target_include_directories(vdev_under_test PUBLIC ${CMAKE_CURRENT_SOURCE_DIR}/include)
    target_compile_definitions(vdev_under_test PUBLIC HV_HOSTED __XEN_TOOLS__)
    target_compile_options(vdev_under_test PUBLIC -g -fsanitize=address,undefined
                           -fno-sanitize-recover=undefined)
    target_link_options(vdev_under_test PUBLIC -fsanitize=address,undefined)
    target_link_libraries(vdev_under_test PRIVATE project_warnings)

    # What the assembler makes of tests/decode_*.s, as a C table of bytes and lengths.
    set(decode_tables)
    foreach(bits 16 32 64)
        set(source ${CMAKE_CURRENT_SOURCE_DIR}/tests/decode_${bits}.s)
        set(table ${CMAKE_CURRENT_BINARY_DIR}/decode_${bits}.inc)
        set(machine i386)
        if(bits EQUAL 16)
            set(machine i8086)
        elseif(bits EQUAL 64)
            set(machine i386:x86-64)
        endif()
        add_custom_command(
            OUTPUT ${table}
            COMMAND ${CMAKE_C_COMPILER} -c -x assembler ${source} -o decode_${bits}.o
            COMMAND ${CMAKE_OBJDUMP} -d -w -m ${machine} --insn-width=16 decode_${bits}.o
                    > decode_${bits}.txt
            COMMAND awk -v bits=${bits} -f ${CMAKE_CURRENT_SOURCE_DIR}/tests/decode_table.awk
                    decode_${bits}.txt > ${table}
            DEPENDS ${source} tests/decode_table.awk
            VERBATIM)
        list(APPEND decode_tables ${table})
    endforeach()

    nether_add_test(NAME decode SOURCES tests/test_decode.c ${decode_tables}
                    LIBS vdev_under_test LABELS unit hv)
    target_include_directories(test_decode PRIVATE ${CMAKE_CURRENT_BINARY_DIR})
    foreach(name vlapic vioapic emulate cpuid_policy)
        nether_add_test(NAME ${name} SOURCES tests/test_${name}.c LIBS vdev_under_test LABELS unit hv)
    endforeach()
endif()
