/* SPDX-License-Identifier: Apache-2.0 */
/* svm/exit_npf.c: which nested page faults are emulated, and which end the guest. */
#include <criterion/criterion.h>

#include <hv/arch/x86.h>
#include <hv/p2m.h>

#include "tests/host/fake.h"
#include "svm/svm.h"

#define PRESENT  1UL
#define RESERVED 8UL
#define CODE     0x1000UL
#define HOLE     (FAKE_GUEST_PAGES * PAGE_SIZE)

static struct domain *d;
static struct vcpu *v;

static void setup(void)
{
    fake_host_init();
    fake_domain_create(0, 1);
    d = fake_domain_create(1, 1);
    v = d->vcpus[0];
    fake_cpu_use(0, v);
    v->arch.vmcb->rip = CODE;
    memcpy(fake_guest_memory(d, CODE), "\x8b\x03", 2); /* mov (%rbx), %eax */
    v->arch.gprs.rbx = HOLE;
}

TestSuite(svm_exit_npf, .init = setup);

static void fault(uint64_t error, uint64_t gpa)
{
    v->arch.vmcb->exit_info1 = error;
    v->arch.vmcb->exit_info2 = gpa;
    svm_exit_npf(v);
}

Test(svm_exit_npf, reading_a_hole_gives_all_ones)
{
    fault(0, HOLE);

    cr_expect_eq(v->arch.gprs.rax, 0xffffffff);
    cr_expect_eq(v->arch.vmcb->rip, CODE + 2);
    cr_expect_not(d->is_shutting_down);
}

Test(svm_exit_npf, the_access_of_an_event_s_delivery_is_not_taken_for_the_code_s)
{
    v->arch.vmcb->event_inj = EVENT_VALID | EVENT_TYPE_INTR | 0x31;
    v->arch.gprs.rax = 7;

    fault(0, HOLE);

    cr_expect(d->is_shutting_down);
    cr_expect_eq(v->arch.gprs.rax, 7);
    cr_expect_eq(v->arch.vmcb->rip, CODE);
}

Test(svm_exit_npf, an_event_s_delivery_through_memory_that_is_there_by_now_goes_on)
{
    v->arch.vmcb->event_inj = EVENT_VALID | EVENT_TYPE_INTR | 0x31;

    fault(0, CODE);

    cr_expect_not(d->is_shutting_down);
}

Test(svm_exit_npf, an_entry_that_the_processor_refuses_does_not_fault_for_ever)
{
    fault(PRESENT, CODE);
    cr_expect_not(d->is_shutting_down, "an older translation in the TLB");

    fault(PRESENT | RESERVED, CODE);
    cr_expect(d->is_shutting_down);
}

/* A program of the guest that may reach a hole must not be able to end the guest. */
Test(svm_exit_npf, an_instruction_that_is_not_emulated_is_a_fault_of_its_own)
{
    memcpy(fake_guest_memory(d, CODE), "\x0f\x10\x03", 3); /* movups (%rbx), %xmm0 */

    fault(0, HOLE);

    cr_expect_not(d->is_shutting_down);
    cr_expect_eq(v->arch.vmcb->event_inj & EVENT_VECTOR_MASK, EXC_GP);
    cr_expect_eq(v->arch.vmcb->rip, CODE);
}

Test(svm_exit_npf, code_in_a_hole_is_a_fault_of_its_own)
{
    fault(1UL << 4, HOLE);

    cr_expect_not(d->is_shutting_down);
    cr_expect(v->arch.vmcb->event_inj & EVENT_VALID);
}
