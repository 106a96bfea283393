/* SPDX-License-Identifier: Apache-2.0 */
/* svm/inject.c: what an exit interrupted is delivered again, or executed again. */
#include <criterion/criterion.h>

#include <hv/arch/x86.h>

#include "host/fake.h"
#include "svm/svm.h"

static struct vcpu *v;

static void setup(void)
{
    fake_host_init();
    fake_domain_create(0, 1);
    v = fake_domain_create(1, 1)->vcpus[0];
    fake_cpu_use(0, v);
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
    svm_close_window(vmcb);
    svm_inject(v);
    cr_expect_eq(vmcb->event_inj, nmi);

    vmcb->event_inj = 0;
    vmcb->interrupt_shadow = 1;
    vmcb->rflags &= ~RFLAGS_IF;
    vcpu_nmi(v);
    svm_inject(v);
    cr_expect_eq(vmcb->event_inj, nmi, "with IF clear no window would open");
}
