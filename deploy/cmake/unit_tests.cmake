# SPDX-License-Identifier: Apache-2.0
# nether_add_test(NAME name SOURCES files [LIBS libraries] [LABELS labels]): one Criterion test
# program, registered with ctest. The default label is "unit".
find_package(PkgConfig REQUIRED)
if(BUILD_TESTING)
    pkg_check_modules(CRITERION REQUIRED IMPORTED_TARGET criterion)
endif()

function(nether_add_test)
    if(NOT BUILD_TESTING)
        return()
    endif()
    cmake_parse_arguments(T "" "NAME" "SOURCES;LIBS;LABELS" ${ARGN})
    if(NOT T_LABELS)
        set(T_LABELS unit)
    endif()
    set(target test_${T_NAME})
    add_executable(${target} ${T_SOURCES})
    target_link_libraries(${target} PRIVATE ${T_LIBS} PkgConfig::CRITERION project_warnings
                                            project_sanitizers)
    add_test(NAME ${T_NAME} COMMAND ${target} --jobs 1)
    set_tests_properties(${T_NAME} PROPERTIES LABELS "${T_LABELS}" TIMEOUT 120)
endfunction()
