/* SPDX-License-Identifier: Apache-2.0 */
/* svm/exit_misc.c: CR8, HLT. */
#include <criterion/criterion.h>

#include <hv/arch/x86.h>
#include <hv/vlapic.h>

#include "tests/host/fake.h"
#include "svm/svm.h"

static struct domain *d;
static struct vcpu *v;

static void setup(void)
{
    fake_host_init();
    fake_domain_create(0, 1);
    d = fake_domain_create(1, 1);
    v = d->vcpus[0];
    fake_cpu_use(0, v);
}

TestSuite(svm_exit_misc, .init = setup);

static void run_cr8(const char *code, bool is_write)
{
    v->arch.vmcb->rip = 0x1000;
    memcpy(fake_guest_memory(d, 0x1000), code, 4);
    svm_exit_cr8(v, is_write);
}

#define WRITE_CR8_FROM_RBX "\x44\x0f\x22\xc3"
#define READ_CR8_TO_RCX    "\x44\x0f\x20\xc1"

Test(svm_exit_misc, cr8_reads_what_was_written_to_tpr)
{
    cr_assert_eq(vlapic_msr_write(v, 0x808, 0x57), 0);
    v->arch.gprs.rcx = ~0UL;

    run_cr8(READ_CR8_TO_RCX, false);

    cr_expect_eq(v->arch.gprs.rcx, 5);
    cr_expect_eq(v->arch.vmcb->rip, 0x1004);
}

Test(svm_exit_misc, tpr_reads_what_was_written_to_cr8)
{
    uint64_t tpr;

    v->arch.gprs.rbx = 9;
    run_cr8(WRITE_CR8_FROM_RBX, true);

    cr_assert_eq(vlapic_msr_read(v, 0x808, &tpr), 0);
    cr_expect_eq(tpr, 0x90);

    v->arch.gprs.rbx = 0x10;
    run_cr8(WRITE_CR8_FROM_RBX, true);
    cr_expect_eq(v->arch.vmcb->event_inj & EVENT_VECTOR_MASK, EXC_GP);
    cr_expect_eq(vlapic_get_cr8(v), 9);
}

/* Bytes at the base plus RIP were taken for the instruction. */
Test(svm_exit_misc, the_base_of_cs_does_not_count_in_64_bit_code)
{
    v->arch.vmcb->cs.base = 0x1000;
    run_cr8(READ_CR8_TO_RCX, false);

    cr_expect_eq(v->arch.vmcb->rip, 0x1004);
    cr_expect_not(v->arch.vmcb->event_inj & EVENT_VALID);

    fake_code_bits = 32;
    v->arch.vmcb->rip = 0x1000;
    memcpy(fake_guest_memory(d, 0x2000), "\xf0\x0f\x20\xc2", 4); /* MOV EDX, CR8 of 32-bit code */
    svm_exit_cr8(v, false);

    cr_expect_eq(v->arch.vmcb->rip, 0x1004);
}

static bool halts(void)
{
    v->arch.vmcb->rip = 0x1000;
    v->arch.vmcb->rflags |= RFLAGS_IF;
    memcpy(fake_guest_memory(d, 0x1000), "\xf4", 1);
    svm_exit_hlt(v);
    return vcpu_has_flag(v, VCPU_BLOCKED);
}

Test(svm_exit_misc, hlt_waits_although_events_that_nothing_delivers_are_pending)
{
    v->vcpu_info->evtchn_upcall_pending = 1;

    cr_expect(halts());
}

Test(svm_exit_misc, hlt_goes_on_when_the_callback_is_pending)
{
    v->vcpu_info->evtchn_upcall_pending = 1;
    d->callback_vector = 0xf3;

    cr_expect_not(halts());
}

static void halt_for_good(struct vcpu *halting)
{
    halting->arch.vmcb->rip = 0x1000;
    halting->arch.vmcb->rflags &= ~RFLAGS_IF;
    svm_exit_hlt(halting);
}

/* It stayed down for ever. */
Test(svm_exit_misc, an_nmi_ends_a_hlt_with_interrupts_off)
{
    struct vcpu *second;

    d = fake_domain_create(2, 2);
    second = d->vcpus[1];
    halt_for_good(second);
    cr_assert(vcpu_has_flag(second, VCPU_DOWN));

    vlapic_set_irq(second, 0x51, false);
    cr_expect(vcpu_has_flag(second, VCPU_DOWN), "an interrupt does not");
    vcpu_nmi(second);
    cr_expect_not(vcpu_has_flag(second, VCPU_DOWN));
    svm_inject(second);
    cr_expect_eq(second->arch.vmcb->event_inj, EVENT_VALID | EVENT_TYPE_NMI | EXC_NMI);

    second->arch.vmcb->event_inj = 0;
    halt_for_good(second);
    cr_expect_not(d->is_shutting_down);
    halt_for_good(d->vcpus[0]);
    cr_expect(d->is_shutting_down, "all are down");
}

Test(svm_exit_misc, branch_predictions_end_where_another_domain_begins)
{
    struct vcpu *neighbour = fake_domain_create(2, 2)->vcpus[0];
    struct svm_cpu cpu = {.last_domid = 2};

    svm_features.has_ibpb = true;
    cr_assert_not(svm_needs_ibpb(&cpu, neighbour->domain->vcpus[1]), "the same domain");
    cr_assert(svm_needs_ibpb(&cpu, v));
    cr_assert_not(svm_needs_ibpb(&cpu, v));
    cr_assert(svm_needs_ibpb(&cpu, neighbour));
    svm_features.has_ibpb = false;
    cr_assert_not(svm_needs_ibpb(&cpu, v), "the processor has none");
}
