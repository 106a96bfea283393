# SPDX-License-Identifier: Apache-2.0
# nether_add_proto_library(NAME name PROTOS dir/a.proto dir/b.proto): C code from .proto files by
# protobuf-c, generated into the build folder (same sub-folders) and wrapped in a static library.
find_package(PkgConfig REQUIRED)
find_program(PROTOC_C protoc-c)

function(nether_add_proto_library)
    cmake_parse_arguments(P "" "NAME" "PROTOS" ${ARGN})
    if(NOT PROTOC_C)
        message(FATAL_ERROR "protoc-c is missing: install protobuf-c-compiler")
    endif()
    pkg_check_modules(PROTOBUF_C REQUIRED IMPORTED_TARGET libprotobuf-c)

    set(generated)
    foreach(proto ${P_PROTOS})
        string(REGEX REPLACE "\\.proto$" ".pb-c" out ${CMAKE_CURRENT_BINARY_DIR}/${proto})
        add_custom_command(
            OUTPUT ${out}.c ${out}.h
            COMMAND ${PROTOC_C} --c_out=${CMAKE_CURRENT_BINARY_DIR}
                    -I${CMAKE_CURRENT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR}/${proto}
            DEPENDS ${P_PROTOS}
            VERBATIM)
        list(APPEND generated ${out}.c ${out}.h)
    endforeach()

    add_library(${P_NAME} STATIC ${generated})
    target_include_directories(${P_NAME} PUBLIC ${CMAKE_CURRENT_BINARY_DIR})
    target_link_libraries(${P_NAME} PUBLIC PkgConfig::PROTOBUF_C PRIVATE project_sanitizers)
endfunction()
