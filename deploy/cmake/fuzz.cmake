# SPDX-License-Identifier: Apache-2.0
# nether_add_fuzz(NAME name SOURCES files [LIBS libraries] [ROUNDS n] [LABELS labels]): a fuzz target
# (agent/util/tests/fuzz.h). With NETHER_FUZZ it becomes libfuzz_NAME, a libFuzzer program; in any build
# with tests fuzz_NAME, whose ROUNDS deterministic inputs are a unit test. With NETHER_FUZZ all hosted code is
# instrumented: a build folder of its own is wanted, and clang:
#   CC=clang cmake -S . -B build-fuzz -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DNETHER_FUZZ=ON
# Without the seeds (fuzz_NAME --seeds FOLDER, then libfuzz_NAME FOLDER) it does not get far: what is in libraries is not
# instrumented, so that nothing leads libFuzzer to a first valid JSON document or compressed kernel.
option(NETHER_FUZZ "Build libFuzzer programs (needs clang)" OFF)
if(NETHER_FUZZ)
    if(NOT CMAKE_C_COMPILER_ID MATCHES Clang)
        message(FATAL_ERROR "NETHER_FUZZ needs clang: set CC=clang")
    endif()
    target_compile_options(project_sanitizers INTERFACE
        -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -g)
    target_link_options(project_sanitizers INTERFACE -fsanitize=address,undefined)
endif()

function(nether_add_fuzz)
    if(NOT BUILD_TESTING)
        return()
    endif()
    cmake_parse_arguments(F "" "NAME;ROUNDS" "SOURCES;LIBS;LABELS" ${ARGN})
    if(NOT F_LABELS)
        set(F_LABELS unit)
    endif()
    if(NOT F_ROUNDS)
        set(F_ROUNDS 2000)
    endif()
    add_executable(fuzz_${F_NAME} ${F_SOURCES} ${PROJECT_SOURCE_DIR}/agent/util/tests/fuzz_driver.c)
    target_link_libraries(fuzz_${F_NAME} PRIVATE ${F_LIBS} nether_util project_warnings
                                                 project_sanitizers)
    add_test(NAME fuzz_${F_NAME} COMMAND fuzz_${F_NAME} ${F_ROUNDS})
    set_tests_properties(fuzz_${F_NAME} PROPERTIES LABELS "${F_LABELS}" TIMEOUT 120)
    if(NETHER_FUZZ)
        add_executable(libfuzz_${F_NAME} ${F_SOURCES})
        target_link_libraries(libfuzz_${F_NAME} PRIVATE ${F_LIBS} nether_util project_warnings
                                                        project_sanitizers)
        target_link_options(libfuzz_${F_NAME} PRIVATE -fsanitize=fuzzer)
    endif()
endfunction()
