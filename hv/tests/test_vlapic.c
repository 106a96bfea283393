/* SPDX-License-Identifier: Apache-2.0 */
/* vdev/vlapic*.c: priorities, both register interfaces, destinations, INIT and SIPI, the timer. */
#include <hv/hypercall.h>
#include <hv/vlapic.h>

#include <criterion/criterion.h>

#include "../vdev/vlapic_state.h"
#include "vdev_fakes.h"

#define MSR(offset) (0x800U + ((offset) >> 4))
#define SVR_ON      0x1ffU
#define MSR_BASE    0x1bU
#define BASE_OFF    (APIC_BASE_ADDRESS | APIC_BASE_BSP)
#define BASE_XAPIC  (BASE_OFF | APIC_BASE_ENABLE)

static struct domain *d;
static struct vcpu *v0;

static void start(unsigned vcpus)
{
    d = fake_domain(vcpus);
    for (unsigned n = 0; n < vcpus; n++) {
        cr_assert_eq(vlapic_init(d->vcpus[n]), 0);
        vlapic_msr_write(d->vcpus[n], MSR(APIC_SVR), SVR_ON);
    }
    v0 = d->vcpus[0];
}

static uint64_t get(struct vcpu *v, uint32_t offset)
{
    uint64_t value = ~0UL;

    cr_assert_eq(vlapic_msr_read(v, MSR(offset), &value), 0, "read of %x refused", offset);
    return value;
}

static void set(struct vcpu *v, uint32_t offset, uint64_t value)
{
    cr_assert_eq(vlapic_msr_write(v, MSR(offset), value), 0, "write of %x refused", offset);
}

static void stop(void)
{
    for (unsigned n = 0; n < d->max_vcpus; n++) {
        vlapic_free(d->vcpus[n]);
    }
}

/* --- Start state ---------------------------------------------------------------------------- */

Test(vlapic, starts_in_x2apic_mode_with_even_ids)
{
    uint64_t base;

    d = fake_domain(2);
    cr_assert_eq(vlapic_init(d->vcpus[0]), 0);
    cr_assert_eq(vlapic_init(d->vcpus[1]), 0);

    cr_assert_eq(vlapic_msr_read(d->vcpus[0], MSR_BASE, &base), 0);
    cr_expect_eq(base, 0xfee00d00UL);
    cr_assert_eq(vlapic_msr_read(d->vcpus[1], MSR_BASE, &base), 0);
    cr_expect_eq(base, 0xfee00c00UL, "only vCPU 0 is the boot CPU");
    cr_expect_eq(get(d->vcpus[1], APIC_ID), 2);
    cr_expect_eq(get(d->vcpus[1], APIC_LDR), 1U << 2);
    cr_expect_eq(get(d->vcpus[1], APIC_SVR), 0xff);
    cr_expect_not(vlapic_is_enabled(d->vcpus[1]));
    stop();
}

Test(vlapic, reports_lack_of_memory)
{
    d = fake_domain(1);
    fake.no_memory = true;

    cr_expect_eq(vlapic_init(d->vcpus[0]), -XEN_ENOMEM);
}

/* --- Priorities ----------------------------------------------------------------------------- */

Test(vlapic, delivers_highest_vector_first_and_nests_by_class)
{
    start(1);

    vlapic_set_irq(v0, 0x41, false);
    vlapic_set_irq(v0, 0x53, false);
    cr_expect_eq(vlapic_pending_vector(v0), 0x53);
    vlapic_accept(v0, 0x53);
    cr_expect_eq(vlapic_pending_vector(v0), -1, "0x41 is below what is in service");
    cr_expect_eq(get(v0, APIC_PPR), 0x50);

    vlapic_set_irq(v0, 0x5f, false);
    cr_expect_eq(vlapic_pending_vector(v0), -1, "the same class does not nest");
    vlapic_set_irq(v0, 0x60, false);
    cr_expect_eq(vlapic_pending_vector(v0), 0x60);
    vlapic_accept(v0, 0x60);

    set(v0, APIC_EOI, 0);
    cr_expect_eq(vlapic_pending_vector(v0), -1);
    set(v0, APIC_EOI, 0);
    cr_expect_eq(vlapic_pending_vector(v0), 0x5f);
    vlapic_accept(v0, 0x5f);
    set(v0, APIC_EOI, 0);
    cr_expect_eq(vlapic_pending_vector(v0), 0x41);
    stop();
}

Test(vlapic, task_priority_holds_back_its_class_and_below)
{
    start(1);
    vlapic_set_irq(v0, 0x4f, false);

    vlapic_set_cr8(v0, 4);
    cr_expect_eq(vlapic_pending_vector(v0), -1);
    cr_expect_eq(get(v0, APIC_TPR), 0x40);
    vlapic_set_cr8(v0, 3);
    cr_expect_eq(vlapic_pending_vector(v0), 0x4f);
    set(v0, APIC_TPR, 0x57);
    cr_expect_eq(vlapic_get_cr8(v0), 5);
    cr_expect_eq(get(v0, APIC_PPR), 0x57);
    stop();
}

Test(vlapic, irr_and_isr_read_back)
{
    start(1);

    vlapic_set_irq(v0, 0xf3, false);
    cr_expect_eq(get(v0, APIC_IRR + 0x70), 1U << 19);
    cr_expect_eq(fake.kicks[0], 1);
    vlapic_accept(v0, 0xf3);
    cr_expect_eq(get(v0, APIC_IRR + 0x70), 0);
    cr_expect_eq(get(v0, APIC_ISR + 0x70), 1U << 19);
    set(v0, APIC_EOI, 0);
    cr_expect_eq(get(v0, APIC_ISR + 0x70), 0);
    cr_expect_eq(vlapic_pending_vector(v0), -1);
    cr_expect_eq(v0->arch.vlapic->pending, 0, "the fast path is back");
    stop();
}

Test(vlapic, eoi_without_interrupt_is_harmless)
{
    start(1);

    set(v0, APIC_EOI, 0);

    cr_expect_eq(get(v0, APIC_PPR), 0);
    stop();
}

Test(vlapic, disabled_takes_nothing_and_enabling_repeats_the_upcall)
{
    start(1);

    set(v0, APIC_SVR, 0xff);
    vlapic_set_irq(v0, 0xf3, false);
    cr_expect_eq(get(v0, APIC_IRR + 0x70), 0);
    cr_expect_eq(fake.kicks[0], 0);

    set(v0, APIC_SVR, SVR_ON);
    cr_expect_eq(fake.upcalls[0], 0);
    set(v0, APIC_SVR, 0xff);
    v0->vcpu_info->evtchn_upcall_pending = 1;
    set(v0, APIC_SVR, SVR_ON);
    cr_expect_eq(fake.upcalls[0], 1);
    set(v0, APIC_SVR, SVR_ON);
    cr_expect_eq(fake.upcalls[0], 1, "only the edge of the enable bit counts");
    stop();
}

Test(vlapic, illegal_vectors_set_esr_and_raise_the_error_interrupt)
{
    start(1);
    set(v0, APIC_LVT_ERROR, 0xfe);

    vlapic_set_irq(v0, 0x0f, false);
    cr_expect_eq(vlapic_pending_vector(v0), 0xfe);
    cr_expect_eq(get(v0, APIC_ESR), 0, "latched by a write only");
    set(v0, APIC_ESR, 0);
    cr_expect_eq(get(v0, APIC_ESR), APIC_ESR_RECEIVE_ILLEGAL);
    set(v0, APIC_ICR, 0x4000 | 1);
    set(v0, APIC_ESR, 0);
    cr_expect_eq(get(v0, APIC_ESR), APIC_ESR_SEND_ILLEGAL);

    /* An illegal vector in the error entry itself must not recurse. */
    set(v0, APIC_LVT_ERROR, 3);
    vlapic_set_irq(v0, 1, false);
    set(v0, APIC_ESR, 0);
    cr_expect_eq(get(v0, APIC_ESR), APIC_ESR_RECEIVE_ILLEGAL);
    stop();
}

/* --- Register interfaces -------------------------------------------------------------------- */

Test(vlapic, x2apic_refuses_what_is_reserved)
{
    static const struct {
        uint32_t offset;
        uint64_t value;
    } bad[] = {
        {APIC_ID, 0},
        {APIC_VERSION, 0},
        {APIC_LDR, 1},
        {APIC_DFR, 0},
        {APIC_ICR2, 0},
        {APIC_EOI, 1},
        {APIC_ESR, 1},
        {APIC_TPR, 0x100},
        {APIC_SVR, 0x1000},
        {APIC_LVT_TIMER, 1U << 18},
        {APIC_TIMER_NOW, 0},
        {APIC_ICR, 1U << 12},
        {APIC_SELF_IPI, 0x100},
        {APIC_TPR, 1UL << 32},
        {0x3a0, 0},
        {0x000, 0},
        {APIC_TIMER_DIV, 4},
    };
    uint64_t value;

    start(1);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        cr_expect_eq(vlapic_msr_write(v0, MSR(bad[i].offset), bad[i].value), -XEN_EINVAL,
                     "%x = %lx", bad[i].offset, bad[i].value);
    }
    cr_expect_eq(vlapic_msr_read(v0, MSR(APIC_EOI), &value), -XEN_EINVAL);
    cr_expect_eq(vlapic_msr_read(v0, MSR(APIC_SELF_IPI), &value), -XEN_EINVAL);
    cr_expect_eq(vlapic_msr_read(v0, MSR(APIC_DFR), &value), -XEN_EINVAL);
    cr_expect_eq(vlapic_msr_read(v0, MSR(APIC_APR), &value), -XEN_EINVAL);
    cr_expect_eq(vlapic_msr_read(v0, 0x840, &value), -XEN_EINVAL);
    cr_expect_eq(vlapic_msr_read(v0, 0x8ff, &value), -XEN_EINVAL);
    stop();
}

Test(vlapic, base_msr_takes_only_legal_changes)
{
    uint64_t value;

    start(1);
    cr_expect_eq(vlapic_msr_write(v0, MSR_BASE, BASE_XAPIC | APIC_BASE_EXTD), 0, "no change");
    cr_expect_eq(vlapic_msr_write(v0, MSR_BASE, BASE_XAPIC), -XEN_EINVAL, "x2APIC to xAPIC");
    cr_expect_eq(vlapic_msr_write(v0, MSR_BASE, BASE_OFF | APIC_BASE_EXTD), -XEN_EINVAL);
    cr_expect_eq(vlapic_msr_write(v0, MSR_BASE, 0xfed00d00), -XEN_EINVAL, "moves the page");
    cr_expect_eq(vlapic_msr_write(v0, MSR_BASE, 0xfee00d01), -XEN_EINVAL, "reserved bit");

    cr_expect_eq(vlapic_msr_write(v0, MSR_BASE, BASE_OFF), 0);
    cr_expect_not(vlapic_is_enabled(v0));
    cr_expect_not(vlapic_is_mmio_enabled(v0));
    cr_expect_eq(vlapic_msr_read(v0, MSR(APIC_ID), &value), -XEN_EINVAL);
    cr_expect_eq(vlapic_msr_write(v0, MSR_BASE, BASE_XAPIC | APIC_BASE_EXTD), -XEN_EINVAL);
    cr_expect_eq(vlapic_msr_write(v0, MSR_BASE, BASE_XAPIC), 0);
    cr_expect(vlapic_is_mmio_enabled(v0));
    cr_expect_eq(vlapic_mmio_read(v0, APIC_SVR), 0xff, "reset on the way through off");
    cr_expect_eq(vlapic_msr_write(v0, MSR_BASE, BASE_XAPIC | APIC_BASE_EXTD), 0);
    cr_expect_eq(get(v0, APIC_LDR), 1);
    stop();
}

static void to_xapic(struct vcpu *v)
{
    uint64_t base = vlapic_base(v) & APIC_BASE_BSP;

    cr_assert_eq(vlapic_msr_write(v, MSR_BASE, base | APIC_BASE_ADDRESS), 0);
    cr_assert_eq(vlapic_msr_write(v, MSR_BASE, base | APIC_BASE_ADDRESS | APIC_BASE_ENABLE), 0);
    vlapic_mmio_write(v, APIC_SVR, SVR_ON);
}

Test(vlapic, xapic_page_works_and_reports_missing_registers)
{
    start(2);
    to_xapic(d->vcpus[1]);

    cr_expect_eq(vlapic_mmio_read(d->vcpus[1], APIC_ID), 2U << 24);
    cr_expect_eq(vlapic_mmio_read(d->vcpus[1], APIC_VERSION) & 0xff, 0x14);
    vlapic_mmio_write(d->vcpus[1], APIC_LDR, 0x02ffffff);
    cr_expect_eq(vlapic_mmio_read(d->vcpus[1], APIC_LDR), 0x02000000);
    vlapic_mmio_write(d->vcpus[1], APIC_DFR, 0x00000000);
    cr_expect_eq(vlapic_mmio_read(d->vcpus[1], APIC_DFR), 0x0fffffff);

    cr_expect_eq(vlapic_mmio_read(d->vcpus[1], 0x3a0), 0);
    cr_expect_eq(vlapic_mmio_read(d->vcpus[1], 0xff0), 0);
    vlapic_mmio_write(d->vcpus[1], APIC_ESR, 0);
    cr_expect_eq(vlapic_mmio_read(d->vcpus[1], APIC_ESR), APIC_ESR_ILLEGAL_REGISTER);
    stop();
}

/* --- Destinations --------------------------------------------------------------------------- */

static unsigned who_has(uint8_t vector)
{
    unsigned who = 0;

    for (unsigned n = 0; n < d->max_vcpus; n++) {
        if ((d->vcpus[n]->arch.vlapic->regs[(APIC_IRR >> 4) + vector / 32] >> (vector % 32)) & 1) {
            who |= 1U << n;
        }
    }
    return who;
}

Test(vlapic, x2apic_destinations)
{
    static const struct {
        uint32_t dest;
        bool is_logical;
        unsigned who;
    } cases[] = {
        {0, false, 0x1},       {2, false, 0x2},         {6, false, 0x8},
        {1, false, 0},         {8, false, 0},           {0xffffffff, false, 0xf},
        {0xff, false, 0xf},    {0x00000001, true, 0x1}, {0x00000044, true, 0xa},
        {0x00010001, true, 0}, {0xffffffff, true, 0xf}, {0x00000002, true, 0},
    };

    start(4);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        uint8_t vector = 0x40 + i;
        bool taken =
            vlapic_deliver(d, cases[i].dest, cases[i].is_logical, APIC_FIXED, vector, false);

        cr_expect_eq(who_has(vector), cases[i].who, "dest %x logical %d: %x", cases[i].dest,
                     cases[i].is_logical, who_has(vector));
        cr_expect_eq(taken, cases[i].who != 0);
    }
    stop();
}

Test(vlapic, x2apic_clusters_beyond_the_first)
{
    d = fake_domain(8);
    for (unsigned n = 0; n < 8; n++) {
        d->vcpus[n]->id = n + 4; /* ids 8 .. 22 */
        cr_assert_eq(vlapic_init(d->vcpus[n]), 0);
        d->vcpus[n]->id = n;
        set(d->vcpus[n], APIC_SVR, SVR_ON);
    }

    cr_expect(vlapic_deliver(d, 0x00010005, true, APIC_FIXED, 0x50, false));
    cr_expect_eq(who_has(0x50), 1U << 4 | 1U << 5, "ids 16 and 18");
    stop();
}

Test(vlapic, xapic_flat_and_cluster_destinations)
{
    start(3);
    for (unsigned n = 0; n < 3; n++) {
        to_xapic(d->vcpus[n]);
        vlapic_mmio_write(d->vcpus[n], APIC_LDR, 1U << (24 + n));
    }

    vlapic_deliver(d, 0x5, true, APIC_FIXED, 0x40, false);
    cr_expect_eq(who_has(0x40), 0x5);
    for (unsigned n = 0; n < 3; n++) {
        vlapic_mmio_write(d->vcpus[n], APIC_DFR, 0);
        vlapic_mmio_write(d->vcpus[n], APIC_LDR, (n == 2 ? 0x21U : 0x10U | 1U << n) << 24);
    }
    vlapic_deliver(d, 0x13, true, APIC_FIXED, 0x41, false);
    cr_expect_eq(who_has(0x41), 0x3);
    vlapic_deliver(d, 0x21, true, APIC_FIXED, 0x42, false);
    cr_expect_eq(who_has(0x42), 0x4);
    vlapic_deliver(d, 0xff, true, APIC_FIXED, 0x43, false);
    cr_expect_eq(who_has(0x43), 0x7);
    stop();
}

Test(vlapic, lowest_priority_goes_to_one_vcpu_and_avoids_the_busy)
{
    start(3);
    vlapic_set_cr8(d->vcpus[0], 5);
    vlapic_set_cr8(d->vcpus[2], 2);

    for (unsigned i = 0; i < 8; i++) {
        cr_expect(vlapic_deliver(d, 0xffffffff, true, APIC_LOWEST, 0x80 + i, false));
        cr_expect_eq(who_has(0x80 + i), 0x2);
    }
    set(d->vcpus[1], APIC_SVR, 0xff);
    cr_expect(vlapic_deliver(d, 0xffffffff, true, APIC_LOWEST, 0x90, false));
    cr_expect_eq(who_has(0x90), 0x4, "the disabled one is no candidate");
    stop();
}

Test(vlapic, shorthands_and_self_ipi)
{
    start(3);

    set(v0, APIC_ICR, 0x4000 | 1U << 18 | 0x60);
    cr_expect_eq(who_has(0x60), 0x1);
    set(v0, APIC_ICR, 0x4000 | 2U << 18 | 0x61);
    cr_expect_eq(who_has(0x61), 0x7);
    set(v0, APIC_ICR, 0x4000 | 3U << 18 | 0x62);
    cr_expect_eq(who_has(0x62), 0x6);
    set(d->vcpus[1], APIC_SELF_IPI, 0x63);
    cr_expect_eq(who_has(0x63), 0x2);
    set(v0, APIC_ICR, 4UL << 32 | 0x4064);
    cr_expect_eq(who_has(0x64), 0x4);
    cr_expect_eq(get(v0, APIC_ICR), 4UL << 32 | 0x4064);
    stop();
}

Test(vlapic, nmi_ipi_sets_the_flag_even_when_disabled)
{
    start(2);
    set(d->vcpus[1], APIC_SVR, 0xff);

    set(v0, APIC_ICR, 2UL << 32 | 0x4400);

    cr_expect(d->vcpus[1]->arch.nmi_pending);
    cr_expect_eq(fake.kicks[1], 1);
    stop();
}

Test(vlapic, level_messages_set_tmr_and_edges_clear_it)
{
    start(1);

    vlapic_deliver(d, 0, false, APIC_FIXED, 0x31, true);
    cr_expect_eq(get(v0, APIC_TMR + 0x10), 1U << 17);
    vlapic_deliver(d, 0, false, APIC_FIXED, 0x31, false);
    cr_expect_eq(get(v0, APIC_TMR + 0x10), 0);
    stop();
}

/* --- INIT and SIPI -------------------------------------------------------------------------- */

static void send(uint32_t low)
{
    set(v0, APIC_ICR, 2UL << 32 | low);
}

Test(vlapic, init_then_sipi_starts_a_vcpu_that_was_never_up)
{
    struct vcpu *v1;

    start(2);
    v1 = d->vcpus[1];
    v1->pause_flags = VCPU_DOWN;

    send(0x4500);
    cr_expect_eq(v1->pause_flags, VCPU_DOWN, "INIT alone starts nothing");
    send(0x4609);
    cr_expect_eq(v1->pause_flags, 0);
    cr_expect_eq(fake.resets[1], 0, "the sender does not touch the target's state");

    vlapic_process_init_sipi(v1);
    cr_expect_eq(fake.resets[1], 1);
    cr_expect_eq(fake.sipis[1], 1);
    cr_expect_eq(fake.sipi_vector[1], 9);
    cr_expect_eq(v1->pause_flags, 0);
    cr_expect_not(vlapic_is_enabled(v1), "INIT resets the APIC");

    send(0x4609);
    vlapic_process_init_sipi(v1);
    cr_expect_eq(fake.sipis[1], 1, "the second SIPI is for nobody");
    stop();
}

Test(vlapic, init_stops_a_running_vcpu_until_sipi)
{
    struct vcpu *v1;

    start(2);
    v1 = d->vcpus[1];

    cr_expect_not(vlapic_has_init_sipi(v1));
    send(0x4500);
    cr_expect(vlapic_has_init_sipi(v1));
    cr_expect_eq(fake.kicks[1], 1);
    vlapic_process_init_sipi(v1);
    cr_expect_eq(v1->pause_flags, VCPU_WAIT_SIPI);
    cr_expect_eq(fake.resets[1], 1);
    cr_expect_eq(fake.sipis[1], 0);

    send(0x46aa);
    cr_expect_eq(v1->pause_flags, 0);
    vlapic_process_init_sipi(v1);
    cr_expect_eq(fake.sipi_vector[1], 0xaa);
    cr_expect_eq(v1->pause_flags, 0);
    stop();
}

Test(vlapic, sipi_to_a_running_vcpu_is_ignored)
{
    start(2);

    send(0x4609);
    vlapic_process_init_sipi(d->vcpus[1]);

    cr_expect_eq(fake.sipis[1], 0);
    stop();
}

Test(vlapic, init_deassert_is_ignored)
{
    start(2);

    send(0x8500);
    vlapic_process_init_sipi(d->vcpus[1]);

    cr_expect_eq(fake.resets[1], 0);
    stop();
}

/* --- Timer ---------------------------------------------------------------------------------- */

Test(vlapic, one_shot_timer_fires_once)
{
    start(1);
    set(v0, APIC_LVT_TIMER, 0xee);
    set(v0, APIC_TIMER_DIV, 0xb); /* by 1: 10 ns */
    set(v0, APIC_TIMER_INIT, 1000);

    fake_advance_ns(4000);
    cr_expect_eq(get(v0, APIC_TIMER_NOW), 600);
    cr_expect_eq(vlapic_pending_vector(v0), -1);
    fake_advance_ns(6000);
    cr_expect_eq(vlapic_pending_vector(v0), 0xee);
    cr_expect_eq(get(v0, APIC_TIMER_NOW), 0);
    vlapic_accept(v0, 0xee);
    set(v0, APIC_EOI, 0);
    fake_advance_ns(1000000);
    cr_expect_eq(vlapic_pending_vector(v0), -1);
    stop();
}

Test(vlapic, periodic_timer_goes_on_until_stopped)
{
    unsigned ticks = 0;

    start(1);
    set(v0, APIC_LVT_TIMER, APIC_LVT_PERIODIC | 0xee);
    set(v0, APIC_TIMER_DIV, 0x3);   /* by 16: 160 ns */
    set(v0, APIC_TIMER_INIT, 6250); /* 1 ms */

    for (unsigned i = 0; i < 10; i++) {
        fake_advance_ns(1000000);
        if (vlapic_pending_vector(v0) == 0xee) {
            ticks++;
            vlapic_accept(v0, 0xee);
            set(v0, APIC_EOI, 0);
        }
    }
    cr_expect_eq(ticks, 10);
    set(v0, APIC_TIMER_INIT, 0);
    fake_advance_ns(5000000);
    cr_expect_eq(vlapic_pending_vector(v0), -1);
    stop();
}

Test(vlapic, a_tiny_period_is_stretched)
{
    start(1);
    set(v0, APIC_LVT_TIMER, APIC_LVT_PERIODIC | 0xee);
    set(v0, APIC_TIMER_INIT, 1);

    fake_advance_ns(1000000);

    cr_expect_leq(fake.kicks[0], 20U);
    cr_expect_geq(fake.kicks[0], 19U);
    stop();
}

/* One shot of 200 ns, made periodic when it is over and has not been handled yet: kept its CPU busy for ever. */
Test(vlapic, a_tiny_count_does_not_become_a_tiny_period)
{
    start(1);
    set(v0, APIC_LVT_TIMER, 0xee);
    set(v0, APIC_TIMER_INIT, 10);
    fake.now_ns += 1000;
    set(v0, APIC_LVT_TIMER, APIC_LVT_PERIODIC | 0xee);

    fake_advance_ns(1000000);

    cr_expect_leq(fake.kicks[0], 21U);
    stop();
}

Test(vlapic, masked_timer_is_silent)
{
    start(1);
    set(v0, APIC_LVT_TIMER, APIC_LVT_MASKED | 0xee);
    set(v0, APIC_TIMER_INIT, 10);

    fake_advance_ns(1000000);

    cr_expect_eq(vlapic_pending_vector(v0), -1);
    stop();
}
