/* SPDX-License-Identifier: Apache-2.0 */
/* svm/inject.c: what an exit interrupted is delivered again, or executed again. */
#include <criterion/criterion.h>

#include <hv/arch/x86.h>
#include <hv/vlapic.h>

#include "tests/host/fake.h"
#include "svm/svm.h"

static struct vcpu *v;

static void setup(void)
{
    fake_host_init();
    fake_domain_create(0, 1);
    v = fake_domain_create(1, 1)->vcpus[0];
    fake_cpu_use(0, v);
    vlapic_msr_write(v, 0x80f, 0x1ff); /* SVR: the APIC is enabled */
}

TestSuite(svm_inject, .init = setup);

static uint64_t kept(uint64_t event)
{
    v->arch.vmcb->event_inj = 0x1234;
    v->arch.vmcb->exit_int_info = event;
    svm_keep_interrupted_event(v->arch.vmcb);
    return v->arch.vmcb->event_inj;
}

Test(svm_inject, an_interrupted_delivery_is_repeated)
{
    const uint64_t events[] = {
        EVENT_VALID | EVENT_TYPE_INTR | 0x31,
        EVENT_VALID | EVENT_TYPE_NMI | EXC_NMI,
        EVENT_VALID | EVENT_TYPE_EXC | EXC_DB,
        EVENT_VALID | EVENT_TYPE_EXC | EVENT_ERROR_VALID | EXC_PF | 6UL << 32,
    };

    for (unsigned i = 0; i < ARRAY_SIZE(events); i++) {
        cr_expect_eq(kept(events[i]), events[i], "event %lx", events[i]);
    }
    cr_expect_eq(kept(EVENT_TYPE_EXC | EXC_PF), 0, "not valid: nothing was interrupted");
}

Test(svm_inject, int3_and_into_execute_again)
{
    cr_expect_eq(kept(EVENT_VALID | EVENT_TYPE_EXC | EXC_BP), 0);
    cr_expect_eq(kept(EVENT_VALID | EVENT_TYPE_EXC | EXC_OF), 0);
    cr_expect_eq(kept(EVENT_VALID | EVENT_TYPE_SOFT | 0x80), 0);
}

Test(svm_inject, an_nmi_goes_in_at_once_or_makes_the_guest_exit_for_it)
{
    struct vmcb *vmcb = v->arch.vmcb;
    const uint64_t nmi = EVENT_VALID | EVENT_TYPE_NMI | EXC_NMI, fault = EVENT_VALID | EVENT_TYPE_EXC | EXC_UD;

    vmcb->event_inj = fault;
    vcpu_nmi(v);
    svm_inject(v);
    cr_expect_eq(vmcb->event_inj, fault);
    cr_expect_eq(fake_kick_count, 1, "behind the fault");

    vmcb->event_inj = 0;
    svm_inject(v);
    cr_expect_eq(vmcb->event_inj, nmi);
    cr_expect_not(v->arch.nmi_pending);
}

/* The processor's part: it delivers what it was offered, before the exit. */
static void deliver(void)
{
    cr_assert(v->arch.vmcb->vintr & VINTR_IRQ);
    v->arch.vmcb->vintr &= ~VINTR_IRQ;
}

static unsigned offered_vector(void)
{
    svm_inject(v);
    return v->arch.vmcb->vintr & VINTR_IRQ ? (v->arch.vmcb->vintr >> VINTR_VECTOR_SHIFT) & 0xff : 0;
}

Test(svm_inject, a_delivered_interrupt_is_in_service)
{
    vlapic_set_irq(v, 0x51, false);
    cr_assert_eq(offered_vector(), 0x51);
    deliver();
    vlapic_set_irq(v, 0x51, false); /* a second edge, while the handler runs */
    svm_take_back(v);
    cr_expect_eq(vlapic_in_service(v), 0x51);
    cr_expect_eq(vlapic_requested(v), 0x51);
    cr_expect_eq(offered_vector(), 0, "not before the EOI");
    cr_expect_eq(v->arch.offered, -1);
}

Test(svm_inject, one_that_was_not_taken_waits_behind_a_higher_one)
{
    vlapic_set_irq(v, 0x51, false);
    cr_assert_eq(offered_vector(), 0x51);
    svm_take_back(v);
    cr_expect_eq(vlapic_in_service(v), -1);
    cr_expect_not(v->arch.vmcb->vintr & VINTR_IRQ);
    vlapic_set_irq(v, 0x61, false);
    cr_expect_eq(offered_vector(), 0x61);
    deliver();
    svm_take_back(v);
    cr_expect_eq(vlapic_in_service(v), 0x61);
    cr_expect_eq(vlapic_requested(v), 0x51);
}

Test(svm_inject, an_interrupted_delivery_of_an_offer_is_offered_again)
{
    const uint64_t types[] = {EVENT_TYPE_INTR, EVENT_TYPE_EXC}; /* the latter is QEMU's */

    for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
        vlapic_set_irq(v, 0x51, false);
        cr_assert_eq(offered_vector(), 0x51);
        deliver();
        v->arch.vmcb->exit_int_info = EVENT_VALID | types[i] | 0x51;
        svm_take_back(v);
        svm_keep_interrupted_event(v->arch.vmcb);
        cr_expect_eq(v->arch.vmcb->event_inj, 0);
        cr_expect_eq(vlapic_in_service(v), -1);
        cr_expect_eq(offered_vector(), 0x51);
        svm_take_back(v);
    }
}

/* It was taken for the interrupt, which was delivered twice, and lost itself. */
Test(svm_inject, another_event_with_the_vector_of_an_offer_is_not_that)
{
    const uint64_t fault = EVENT_VALID | EVENT_TYPE_EXC | EVENT_ERROR_VALID | EXC_AC;

    vlapic_set_irq(v, EXC_AC, false);
    cr_assert_eq(offered_vector(), EXC_AC);
    deliver();
    v->arch.vmcb->exit_int_info = fault;
    svm_take_back(v);
    svm_keep_interrupted_event(v->arch.vmcb);
    cr_expect_eq(v->arch.vmcb->event_inj, fault);
    cr_expect_eq(vlapic_in_service(v), EXC_AC);

    vlapic_set_irq(v, 0x51, false);
    cr_assert_eq(offered_vector(), 0x51);
    deliver();
    v->arch.vmcb->exit_int_info = EVENT_VALID | EVENT_TYPE_SOFT | 0x51;
    svm_take_back(v);
    cr_expect_eq(vlapic_in_service(v), 0x51);
    cr_expect_neq(vlapic_requested(v), 0x51);
}

Test(svm_inject, the_callback_waits_for_the_vlapic_and_comes_for_as_long_as_events_do)
{
    v->domain->callback_vector = 0xf3;
    v->vcpu_info->evtchn_upcall_pending = 1;
    vlapic_set_irq(v, 0x51, false);
    cr_assert_eq(offered_vector(), 0x51);
    deliver();
    svm_take_back(v);
    for (unsigned i = 0; i < 2; i++) {
        cr_assert_eq(offered_vector(), 0xf3, "although 0x51 is in service");
        deliver();
        svm_take_back(v);
        cr_expect_eq(vlapic_in_service(v), 0x51);
    }
    v->vcpu_info->evtchn_upcall_pending = 0;
    cr_expect_eq(offered_vector(), 0);
}

Test(svm_inject, an_nmi_waits_for_the_end_of_a_shadow_without_a_kick)
{
    struct vmcb *vmcb = v->arch.vmcb;
    const uint64_t nmi = EVENT_VALID | EVENT_TYPE_NMI | EXC_NMI;

    vmcb->event_inj = 0;
    vmcb->interrupt_shadow = 1;
    vmcb->rflags |= RFLAGS_IF;
    vcpu_nmi(v);
    svm_inject(v);
    cr_expect_eq(vmcb->event_inj, 0);
    cr_expect_eq(fake_kick_count, 0, "the guest would exit before it gets on");
    cr_expect(vmcb->vintr & VINTR_IRQ);
    cr_expect(vmcb->intercepts[3] & INTERCEPT3_VINTR);

    vmcb->interrupt_shadow = 0;
    svm_take_back(v);
    cr_expect_not(vmcb->intercepts[3] & INTERCEPT3_VINTR);
    svm_inject(v);
    cr_expect_eq(vmcb->event_inj, nmi);

    vmcb->event_inj = 0;
    vmcb->interrupt_shadow = 1;
    vmcb->rflags &= ~RFLAGS_IF;
    vcpu_nmi(v);
    svm_inject(v);
    cr_expect_eq(vmcb->event_inj, nmi, "with IF clear no window would open");
}
