# SPDX-License-Identifier: Apache-2.0
# project_sanitizers: AddressSanitizer and UBSan for hosted code when NETHER_SANITIZE is ON.
# Hosted targets (programs, libraries, unit tests) link it; the hypervisor image never does.
add_library(project_sanitizers INTERFACE)
if(NETHER_SANITIZE)
    target_compile_options(project_sanitizers INTERFACE
        -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -g)
    target_link_options(project_sanitizers INTERFACE -fsanitize=address,undefined)
endif()
