/* SPDX-License-Identifier: Apache-2.0 */
/* The scheduler: who runs next, where, and for how long. */
#include <hv/sched.h>

#include <hv/bitmap.h>
#include <hv/time.h>
#include <hv/timer.h>

#include <criterion/criterion.h>

#include "tests/host/fake.h"

#define MS 1000000UL

static struct domain *d;

static void setup(void)
{
    fake_host_init();
    sched_first_cpu = 0;
    d = fake_domain_create(1, 3);
}

TestSuite(sched, .init = setup);

/* What CPU n chooses, having given up the vCPU that it chose before if that no longer runs there. */
static struct vcpu *pick(unsigned n)
{
    struct vcpu *old = cpus[n]->current, *next;

    fake_cpu_use(n, old);
    next = sched_pick();
    if (old != NULL && old != next) {
        sched_released(old);
    }
    return next;
}

/* CPU n lets its vCPU run for ns, then looks at the queue. */
static struct vcpu *run(unsigned n, uint64_t ns)
{
    fake_tsc += ns;
    return pick(n);
}

static void only_on(struct vcpu *v, unsigned cpu)
{
    unsigned long set[BITMAP_LONGS(MAX_CPUS)] = {0};

    bit_set(set, cpu);
    sched_set_affinity(v, set, NULL);
}

static void block(struct vcpu *v)
{
    vcpu_set_flag(v, VCPU_BLOCKED);
    sched_sleep(v, false);
}

static void wake_all(void)
{
    for (unsigned i = 0; i < d->max_vcpus; i++) {
        sched_wake(d->vcpus[i]);
    }
}

Test(sched, each_cpu_takes_another_vcpu)
{
    struct vcpu *a, *b, *c;

    wake_all();
    a = pick(0);
    b = pick(1);
    c = pick(2);
    cr_assert(a != NULL && b != NULL && c != NULL);
    cr_assert(a != b && b != c && a != c);
    cr_assert_null(pick(3));
    cr_assert_eq(a->running_on, 0);
    cr_assert_eq(b->running_on, 1);
}

Test(sched, a_turn_ends_when_another_waits)
{
    struct vcpu *a, *b;

    wake_all();
    block(d->vcpus[2]);
    a = pick(0);
    cr_assert_eq(run(0, SCHED_RATE_LIMIT_NS / 2), a, "not within the rate limit");
    b = run(0, 20 * MS);
    cr_assert(b != NULL && b != a);
    cr_assert_eq(run(0, 30 * MS), a);
}

Test(sched, time_is_shared_by_weight)
{
    uint64_t had[2] = {0, 0};

    wake_all();
    block(d->vcpus[2]);
    sched_set_weight(d->vcpus[0], 3 * SCHED_WEIGHT_DEFAULT);
    for (unsigned turn = 0; turn < 4000; turn++) {
        struct vcpu *v = pick(0);

        had[v->id] += MS;
        fake_tsc += MS;
    }
    cr_assert(had[0] > had[1] * 27 / 10 && had[0] < had[1] * 33 / 10, "%lu ms and %lu ms", had[0] / MS, had[1] / MS);
}

Test(sched, who_slept_gains_a_quick_turn_but_no_hoard)
{
    uint64_t had = 0;

    wake_all();
    block(d->vcpus[1]);
    block(d->vcpus[2]);
    for (unsigned turn = 0; turn < 1000; turn++) {
        cr_assert_eq(pick(0), d->vcpus[0]);
        fake_tsc += MS;
    }
    vcpu_clear_flag(d->vcpus[1], VCPU_BLOCKED);
    sched_wake(d->vcpus[1]);
    cr_assert_eq(pick(0), d->vcpus[1]);
    for (unsigned turn = 0; turn < 100; turn++) {
        had += pick(0) == d->vcpus[1];
        fake_tsc += MS;
    }
    cr_assert(had >= 45 && had <= 65, "%lu of 100 ms", had);
}

Test(sched, a_vcpu_stays_where_it_may_run)
{
    wake_all();
    only_on(d->vcpus[1], 2);
    cr_assert_eq(pick(0), d->vcpus[0]);
    cr_assert_eq(pick(1), d->vcpus[2]);
    cr_assert_null(pick(3));
    cr_assert_eq(pick(2), d->vcpus[1]);

    only_on(d->vcpus[1], 3);
    cr_assert_null(pick(2), "it leaves");
    cr_assert_eq(pick(3), d->vcpus[1]);
}

Test(sched, registers_are_fetched_before_another_cpu_takes_over)
{
    struct vcpu *v = d->vcpus[0];

    wake_all();
    block(d->vcpus[1]);
    block(d->vcpus[2]);
    cr_assert_eq(pick(0), v);
    only_on(v, 1);
    fake_cpu_use(0, v);
    cr_assert_null(sched_pick());
    cr_assert_null(pick(1), "its registers are still in CPU 0");
    sched_released(v);
    cr_assert_eq(pick(1), v);
}

Test(sched, idle_cpus_run_nothing)
{
    struct vcpu *v;

    sched_first_cpu = 2;
    wake_all();
    v = fake_domain_create(2, 3)->vcpus[2];
    cr_assert_geq(v->sched.cpu, 2);
    cr_assert_null(pick(0));
    cr_assert_null(pick(1));
    cr_assert_not_null(pick(2));
    cr_assert_not_null(pick(3));
}

Test(sched, who_yields_goes_behind_the_first_that_waits)
{
    struct vcpu *a;

    wake_all();
    block(d->vcpus[2]);
    a = pick(0);
    fake_tsc += SCHED_RATE_LIMIT_NS;
    fake_cpu_use(0, a);
    sched_yield(a);
    cr_assert_neq(pick(0), a);
}

Test(sched, who_waits_for_another_cpu_does_not_disturb_this_one)
{
    for (unsigned i = 0; i < 3; i++) {
        only_on(d->vcpus[i], i == 0 ? 0 : 1);
    }
    wake_all();
    cr_assert_eq(pick(0), d->vcpus[0]);
    cr_assert_not_null(pick(1));
    fake_tsc += 30 * MS;
    fake_cpu_use(0, d->vcpus[0]);
    timer_run();
    cr_assert_eq(pick(0), d->vcpus[0]);
    cr_assert_gt(cpus[0]->timer_programmed_ns, now_ns(), "a timer that is due as soon as it is set");
}

/* CPU 0's vCPU had 100 s; on CPU 1 one always runs and had 1 s. */
static void busy_and_busier(void)
{
    only_on(d->vcpus[0], 0);
    only_on(d->vcpus[1], 1);
    only_on(d->vcpus[2], 1);
    wake_all();
    block(d->vcpus[2]);
    d->vcpus[1]->sched.virtual_ns = 1000 * MS;
    cr_assert_eq(pick(1), d->vcpus[1]);
    d->vcpus[0]->sched.virtual_ns = 100000 * MS;
    cr_assert_eq(pick(0), d->vcpus[0]);
}

Test(sched, who_wakes_is_measured_by_those_beside_it)
{
    busy_and_busier();
    fake_tsc += 2 * MS;
    vcpu_clear_flag(d->vcpus[2], VCPU_BLOCKED);
    cr_assert_eq(pick(1), d->vcpus[2], "it waits for time that another CPU's vCPU had");
}

Test(sched, who_yields_goes_behind_those_beside_it)
{
    struct domain *other;
    uint64_t before;

    busy_and_busier();
    other = fake_domain_create(2, 1); /* waits for CPU 0 */
    only_on(other->vcpus[0], 0);
    before = d->vcpus[1]->sched.virtual_ns;
    fake_cpu_use(1, d->vcpus[1]);
    sched_yield(d->vcpus[1]);
    cr_assert_eq(d->vcpus[1]->sched.virtual_ns, before);
}
