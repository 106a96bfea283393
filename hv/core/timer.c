/* SPDX-License-Identifier: Apache-2.0 */
/* Timer queues: one sorted list a CPU, its first deadline in that CPU's local APIC timer. */
#include <hv/timer.h>

#include <hv/arch/cpu.h>
#include <hv/time.h>

#define NEVER (~0UL)

void timer_init(struct timer *t, void (*fire)(void *data), void *data)
{
    *t = (struct timer){.fire = fire, .data = data};
    list_init(&t->link);
}

void timer_init_cpu(struct cpu *c)
{
    spin_init(&c->timer_lock, LOCK_RANK_TIMER);
    list_init(&c->timers);
    c->timer_programmed_ns = NEVER;
}

static void remove_locked(struct timer *t)
{
    list_remove(&t->link);
    WRITE_ONCE(t->is_queued, false);
}

/* Takes t out of whatever queue it is in; it may be moved by its own callback's CPU meanwhile. */
static void dequeue(struct timer *t)
{
    while (READ_ONCE(t->is_queued)) {
        struct cpu *c = cpus[READ_ONCE(t->cpu)];

        spin_guard(&c->timer_lock);
        if (t->is_queued && t->cpu == c->id) {
            remove_locked(t);
        }
    }
}

static void program(struct cpu *c)
{
    uint64_t deadline = NEVER;

    if (!list_is_empty(&c->timers)) {
        deadline = container_of(c->timers.next, struct timer, link)->deadline_ns;
    }
    if (deadline != c->timer_programmed_ns) {
        c->timer_programmed_ns = deadline;
        arch_timer_program(deadline);
    }
}

void timer_set(struct timer *t, uint64_t deadline_ns)
{
    struct cpu *c = this_cpu();
    struct list *position;

    dequeue(t);
    spin_guard(&c->timer_lock);
    t->deadline_ns = deadline_ns;
    t->cpu = c->id;
    for (position = c->timers.next; position != &c->timers; position = position->next) {
        if (container_of(position, struct timer, link)->deadline_ns > deadline_ns) {
            break;
        }
    }
    list_insert_before(&t->link, position);
    t->is_queued = true;
    program(c);
}

void timer_stop(struct timer *t)
{
    for (;;) {
        dequeue(t);
        /* A callback that runs never waits for us: it runs to completion. It may have set t again before its end,
         * and another CPU may have done so meanwhile, so that t->cpu does not tell where it runs. */
        if (__atomic_load_n(&t->firing, __ATOMIC_ACQUIRE) == (this_cpu()->firing == t) &&
            !READ_ONCE(t->is_queued)) {
            return;
        }
        cpu_relax();
    }
}

/* The first timer that is due, off the queue; NULL if none is. Programs the hardware for the rest. */
static struct timer *take_due(struct cpu *c, uint64_t now)
{
    struct timer *t;

    spin_guard(&c->timer_lock);
    t = container_of(c->timers.next, struct timer, link);
    if (list_is_empty(&c->timers) || t->deadline_ns > now) {
        program(c);
        return NULL;
    }
    c->firing = t;
    __atomic_fetch_add(&t->firing, 1, __ATOMIC_ACQ_REL);
    remove_locked(t);
    return t;
}

void timer_run(void)
{
    struct cpu *c = this_cpu();
    struct timer *t;

    c->timer_programmed_ns = 0; /* the interrupt has used it up */
    while ((t = take_due(c, now_ns())) != NULL) {
        t->fire(t->data);
        c->firing = NULL;
        __atomic_fetch_sub(&t->firing, 1, __ATOMIC_RELEASE);
    }
}
