# SPDX-License-Identifier: Apache-2.0
# hv_freestanding: how the hypervisor image is compiled and linked. There is no hosted libc, no
# floating point and no red zone; the target supplies memcpy, memmove, memset and memcmp itself.
# No jump tables: a guest's number in a switch would, in a processor that guesses its comparison wrong, choose where the
# jump's target is read from. No indirect branches either: a guest could teach the processor where they go; a thunk's
# RET goes where the thunk's own CALL has said. A release is optimised as a whole: the path of an exit is many small functions of many files.
add_library(hv_freestanding INTERFACE)
target_compile_options(hv_freestanding INTERFACE
    $<$<COMPILE_LANGUAGE:C>:-std=gnu11>
    -ffreestanding -fno-pic -fno-pie -mno-red-zone -mgeneral-regs-only -mcmodel=kernel
    -fno-asynchronous-unwind-tables -fno-unwind-tables -fcf-protection=none
    -fno-omit-frame-pointer -fno-strict-aliasing -fno-common -fno-jump-tables
    -mindirect-branch=thunk -mindirect-branch-register
    $<IF:$<CONFIG:Debug>,-fstack-protector-strong;-mstack-protector-guard=global,-fno-stack-protector>)
target_compile_options(hv_freestanding INTERFACE $<$<CONFIG:Release>:-flto=auto>)
target_link_options(hv_freestanding INTERFACE $<$<CONFIG:Release>:-flto=auto>
    -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,noexecstack -Wl,-z,max-page-size=4096)
