# SPDX-License-Identifier: Apache-2.0
# Unit tests of domains and what they share: the same files as in the image, compiled for the host with
# sanitizers, on the fake machine of tests/host/.
if(BUILD_TESTING)
    set(HV_HOSTED
        boot/options.c
        core/clock.c
        core/console.c
        core/cpuid_policy.c
        core/cpuid_serialise.c
        core/domain.c
        core/evtchn.c
        core/evtchn_2l.c
        core/evtchn_fifo.c
        core/evtchn_send.c
        core/grant.c
        core/grant_copy.c
        core/grant_map.c
        core/guest_time.c
        core/hvm_context.c
        core/sched.c
        core/timer.c
        core/trace.c
        core/vcpu.c
        hypercall/domctl_hvmcontext.c
        hypercall/event_channel_op.c
        hypercall/grant_table_op.c
        hypercall/memory_op.c
        hypercall/operation.c
        hypercall/physmap.c
        hypercall/sched_op.c
        hypercall/vcpu_op.c
        iommu/event_log.c
        iommu/remap.c
        lib/format.c
        lib/lock.c
        lib/print.c
        mm/frame.c
        mm/guest_copy.c
        mm/guest_struct.c
        mm/guest_tlb.c
        mm/guest_walk.c
        mm/p2m.c
        svm/context.c
        svm/exit_misc.c
        svm/exit_npf.c
        svm/inject.c
        svm/segment.c
        tests/host/fake.c
        tests/host/fake_hypercall.c
        tests/host/fake_vcpu.c
        vdev/decode.c
        vdev/emulate.c
        vdev/mmio.c
        vdev/vioapic.c
        vdev/vlapic.c
        vdev/vlapic_ipi.c
        vdev/vlapic_save.c
        vdev/vlapic_timer.c)

    add_library(hv_logic_hosted STATIC ${HV_HOSTED})
    target_compile_definitions(hv_logic_hosted PUBLIC HV_HOSTED __XEN_TOOLS__ NETHER_VERSION="${PROJECT_VERSION}")
    target_include_directories(hv_logic_hosted PUBLIC ${HV_INCLUDE} ${CMAKE_CURRENT_SOURCE_DIR})
    target_compile_options(hv_logic_hosted PUBLIC -fsanitize=address,undefined -fno-sanitize-recover=undefined
                           -fno-strict-aliasing -g)
    # Hidden: names of ours that libc has too (sched_yield) must not take the place of those.
    target_compile_options(hv_logic_hosted PRIVATE -fvisibility=hidden)
    target_link_options(hv_logic_hosted PUBLIC -fsanitize=address,undefined)
    target_link_libraries(hv_logic_hosted PRIVATE project_warnings)

    # One Criterion program for each subject: tests/test_<subject>.c.
    foreach(subject clock event_log evtchn evtchn_fifo frame grant guest_copy guest_struct
            hvm_context lock memory_op p2m remap sched svm_exit_misc svm_exit_npf svm_inject trace vcpu_op)
        nether_add_test(NAME hv_${subject} SOURCES tests/test_${subject}.c LIBS hv_logic_hosted LABELS unit hv)
    endforeach()
    nether_add_test(NAME hv_timer SOURCES tests/test_timer.c LIBS hv_logic_hosted LABELS unit hv)
    nether_add_test(NAME hv_svm_exit_ioio SOURCES tests/test_svm_exit_ioio.c svm/exit_ioio.c LIBS hv_logic_hosted LABELS unit hv)
    nether_add_test(NAME hv_operation SOURCES tests/test_operation.c LIBS hv_logic_hosted LABELS unit hv)
    nether_add_test(NAME hv_restart SOURCES tests/test_restart.c hypercall/restart.c LIBS hv_logic_hosted LABELS unit hv)
endif()
