# SPDX-License-Identifier: Apache-2.0
# Unit tests of the control hypercalls, on the fake machine.
if(BUILD_TESTING)
    add_library(control_under_test STATIC
        core/debug_keys.c
        hypercall/control.c
        hypercall/cpu_policy.c
        hypercall/domctl.c
        hypercall/domctl_domain.c
        hypercall/domctl_memory.c
        hypercall/domctl_time.c
        hypercall/domctl_vcpu.c
        hypercall/multicall.c
        hypercall/sysctl.c
        hypercall/sysctl_console.c
        hypercall/sysctl_counters.c
        hypercall/sysctl_domains.c
        hypercall/sysctl_host.c
        hypercall/sysctl_sched.c
        hypercall/sysctl_trace.c
        tests/control_fakes.c)
    target_link_libraries(control_under_test PUBLIC hv_logic_hosted PRIVATE project_warnings)

    foreach(subject domctl sysctl multicall)
        nether_add_test(NAME hv_${subject} SOURCES tests/test_${subject}.c LIBS control_under_test LABELS unit hv)
    endforeach()
endif()
