/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The local APIC's timer (APM vol. 2, 16.4.1): one-shot and periodic counts of a 100 MHz bus clock
 * behind a divider. The count is never kept: it follows from the deadline of a host timer. Linux
 * under PVH does not use it (guest-abi 4.1), other guests do.
 */
#include <hv/time.h>
#include <hv/vcpu.h>
#include <hv/vlapic.h>

#include "vlapic_state.h"

#define BUS_CYCLE_NS 10U
/* A shorter period is stretched to this, so that no guest keeps a host CPU busy with its ticks. */
#define MIN_PERIOD_NS 50000U

static bool is_periodic(const struct vlapic *l)
{
    return l->regs[APIC_LVT_TIMER >> 4] & APIC_LVT_PERIODIC;
}

uint32_t vlapic_timer_divisor(const struct vlapic *l)
{
    uint32_t reg = l->regs[APIC_TIMER_DIV >> 4];
    uint32_t select = (reg & 3) | (reg & 8) >> 1;

    return 1U << ((select + 1) & 7);
}

/* Nanoseconds a count takes. */
static uint32_t tick_ns(const struct vlapic *l)
{
    return BUS_CYCLE_NS * vlapic_timer_divisor(l);
}

static uint64_t count_length_ns(const struct vlapic *l)
{
    return (uint64_t)l->regs[APIC_TIMER_INIT >> 4] * tick_ns(l);
}

static void expired(void *data)
{
    struct vcpu *v = data;
    struct vlapic *l = v->arch.vlapic;
    uint64_t deadline = l->timer_deadline_ns, period = MAX(l->timer_period_ns, (uint64_t)MIN_PERIOD_NS), now;

    if (deadline == 0) {
        return;
    }
    if (is_periodic(l)) { /* now: the count may have begun as another mode's */
        now = now_ns();
        deadline += period;
        /* Ticks that a descheduled vCPU missed are not made up for. */
        if (deadline <= now) {
            deadline = now + period - (now - deadline) % period;
        }
        WRITE_ONCE(l->timer_deadline_ns, deadline);
        timer_set(&l->timer, deadline);
    }
    vlapic_lvt_deliver(v, APIC_LVT_TIMER);
}

void vlapic_timer_init(struct vcpu *v)
{
    timer_init(&v->arch.vlapic->timer, expired, v);
}

void vlapic_timer_stop(struct vlapic *l)
{
    timer_stop(&l->timer);
    l->timer_deadline_ns = 0;
}

void vlapic_timer_start(struct vcpu *v)
{
    struct vlapic *l = v->arch.vlapic;

    vlapic_timer_stop(l);
    l->timer_period_ns = count_length_ns(l);
    if (l->timer_period_ns != 0) {
        l->timer_deadline_ns = now_ns() + l->timer_period_ns;
        timer_set(&l->timer, l->timer_deadline_ns);
    }
}

uint32_t vlapic_timer_count(const struct vlapic *l)
{
    uint64_t deadline = READ_ONCE(l->timer_deadline_ns), now = now_ns();

    if (deadline == 0 || deadline <= now) {
        return 0;
    }
    return MIN((deadline - now) / tick_ns(l), (uint64_t)l->regs[APIC_TIMER_INIT >> 4]);
}

void vlapic_timer_rescale(struct vcpu *v)
{
    struct vlapic *l = v->arch.vlapic;
    uint64_t length = count_length_ns(l);

    /* The mode's bit is looked at when the count ends; only another speed needs a new deadline. A
     * guest that changes it in mid-count gets a whole count, as nothing it could rely on says how
     * much of the old one is left. */
    if (l->timer_deadline_ns > now_ns() && length != l->timer_period_ns) {
        vlapic_timer_start(v);
    }
}
