/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fair scheduler: one queue of runnable vCPUs ordered by the CPU time they have had (weighted), the
 * one with the least runs next. A vCPU that slept starts again just behind the one that had least, so
 * that sleeping earns a quick turn but no hoard. Credit2 is to take this file's place.
 *
 * A vCPU's registers are in the CPU it last ran on until sched_released(): until then only that CPU
 * may pick it.
 */
#include <hv/sched.h>

#include <hv/time.h>
#include <hv/trace.h>
#include <hv/vcpu.h>

#define SLICE_NS   10000000UL /* longest turn while others wait */
#define SLEEPER_NS 5000000UL  /* how far behind the least a waking vCPU may start */

static struct {
    struct spinlock lock; /* protects the queue, each vCPU's sched part and running_on */
    struct list queue;    /* runnable, not running; sorted by virtual_ns */
    uint64_t most_ns;     /* what the one that had most has had */
    unsigned long idle[BITMAP_LONGS(MAX_CPUS)];
} runq = {.lock = SPINLOCK_INIT(LOCK_RANK_SCHED), .queue = {&runq.queue, &runq.queue}};

unsigned sched_first_cpu;

static struct timer slice_timers[MAX_CPUS];

static void slice_over(void *data)
{
    __atomic_fetch_or(&this_cpu()->work, CPU_WORK_SCHED, __ATOMIC_SEQ_CST);
}

void sched_init_cpu(struct cpu *c)
{
    timer_init(&slice_timers[c->id], slice_over, NULL);
}

void sched_init_vcpu(struct vcpu *v)
{
    list_init(&v->sched.link);
    v->sched.cpu = sched_first_cpu + v->id % MAX(cpu_count - sched_first_cpu, 1U);
    v->sched.weight = v->domain->sched_weight;
    memset(v->sched.hard_affinity, 0xff, sizeof(v->sched.hard_affinity));
    memset(v->sched.soft_affinity, 0xff, sizeof(v->sched.soft_affinity));
    v->running_on = -1;
}

static void enqueue(struct vcpu *v)
{
    struct list *position;

    for (position = runq.queue.next; position != &runq.queue; position = position->next) {
        if (container_of(position, struct vcpu, sched.link)->sched.virtual_ns > v->sched.virtual_ns) {
            break;
        }
    }
    list_insert_before(&v->sched.link, position);
    v->sched.is_queued = true;
}

static void dequeue(struct vcpu *v)
{
    list_remove(&v->sched.link);
    v->sched.is_queued = false;
}

void sched_remove_vcpu(struct vcpu *v)
{
    spin_guard(&runq.lock);
    if (v->sched.is_queued) {
        dequeue(v);
    }
}

static bool may_run_on(const struct vcpu *v, unsigned cpu)
{
    return cpu >= sched_first_cpu && bit_test(v->sched.hard_affinity, cpu);
}

/* An idle CPU of a set that v may run on, its last if possible; -1 if there is none. */
static int idle_cpu(const struct vcpu *v, const unsigned long *set)
{
    for (unsigned i = 0; i < cpu_count; i++) {
        unsigned cpu = (v->sched.cpu + i) % cpu_count;

        if (bit_test(runq.idle, cpu) && bit_test(set, cpu) && may_run_on(v, cpu)) {
            return (int)cpu;
        }
    }
    return -1;
}

/* The CPU that v is on, or -1. To be asked once: sched_released() makes it -1 without the lock. */
static int cpu_of(const struct vcpu *v)
{
    return READ_ONCE(v->running_on);
}

/* The weighted time that v has had by now. */
static uint64_t virtual_now(const struct vcpu *v, uint64_t now)
{
    uint64_t charged = v->sched.charged_ns;

    if (cpu_of(v) < 0 || now <= charged) {
        return v->sched.virtual_ns;
    }
    return v->sched.virtual_ns + (now - charged) * SCHED_WEIGHT_DEFAULT / v->sched.weight;
}

static const struct vcpu *running_on(unsigned cpu)
{
    return cpus[cpu] == NULL ? NULL : READ_ONCE(cpus[cpu]->current);
}

static bool shares_cpu(const struct vcpu *v, const struct vcpu *other)
{
    for (unsigned i = 0; i < BITMAP_LONGS(MAX_CPUS); i++) {
        if (v->sched.hard_affinity[i] & other->sched.hard_affinity[i]) {
            return true;
        }
    }
    return false;
}

/* What the one that had least has had, of those on the CPUs that v may run on and of those that wait for them:
 * what others had elsewhere says nothing about v's turn. Without any, it starts behind all who ran before. */
static uint64_t least_beside(const struct vcpu *v, uint64_t now)
{
    uint64_t least = ~0UL;

    list_for_each(other, &runq.queue, struct vcpu, sched.link) {
        if (shares_cpu(v, other)) {
            least = other->sched.virtual_ns;
            break;
        }
    }
    for (unsigned i = 0; i < cpu_count; i++) {
        if (may_run_on(v, i) && running_on(i) != NULL) {
            least = MIN(least, virtual_now(running_on(i), now));
        }
    }
    return least != ~0UL ? least : runq.most_ns;
}

/* The CPU, of those v may run on, whose vCPU had more than v and most of all; else its last, or the
 * first it may: whoever runs there must at least share from now on. */
static unsigned busy_cpu(const struct vcpu *v)
{
    unsigned chosen = v->sched.cpu;
    uint64_t most = v->sched.virtual_ns, now = now_ns();

    for (unsigned i = 0; i < cpu_count; i++) {
        const struct vcpu *running = running_on(i);

        if (!may_run_on(v, i)) {
            continue;
        }
        if (!may_run_on(v, chosen)) {
            chosen = i;
        }
        if (running != NULL && virtual_now(running, now) > most) {
            most = virtual_now(running, now);
            chosen = i;
        }
    }
    return chosen;
}

/* A CPU to run v: an idle one it likes, an idle one, a busy one. */
static int choose_cpu(const struct vcpu *v)
{
    int cpu = idle_cpu(v, v->sched.soft_affinity);

    if (cpu < 0) {
        cpu = idle_cpu(v, v->sched.hard_affinity);
    }
    return cpu < 0 ? (int)busy_cpu(v) : cpu;
}

/* Makes a CPU look at the queue for v's sake. */
static void tickle(const struct vcpu *v)
{
    int cpu = cpu_of(v);

    if (cpu < 0) {
        cpu = choose_cpu(v);
    }
    if (cpus[cpu] != NULL) {
        bit_clear(runq.idle, (unsigned)cpu);
        cpu_raise(cpus[cpu], CPU_WORK_SCHED);
    }
}

static bool is_on_cpu(const struct vcpu *v)
{
    int cpu = cpu_of(v);

    return cpu >= 0 && cpus[cpu]->current == v;
}

void sched_wake(struct vcpu *v)
{
    spin_guard(&runq.lock);
    if (!v->sched.is_queued && !is_on_cpu(v) && vcpu_is_runnable(v)) {
        uint64_t now = now_ns(), least = least_beside(v, now);

        if (least > SLEEPER_NS) {
            v->sched.virtual_ns = MAX(v->sched.virtual_ns, least - SLEEPER_NS);
        }
        this_cpu()->counters.wakeups++;
        trace(TRC_SCHED_WAKE, v->domain->domid, v->id);
        vcpu_runstate_change(v, RUNSTATE_runnable, now);
        enqueue(v);
        __atomic_thread_fence(__ATOMIC_SEQ_CST); /* who tickles for v, we or sched_released()? */
        tickle(v);
    }
}

static int stopped_runstate(const struct vcpu *v)
{
    return vcpu_has_flag(v, VCPU_BLOCKED) ? RUNSTATE_blocked : RUNSTATE_offline;
}

void sched_sleep(struct vcpu *v, bool sync)
{
    if (v == current_vcpu() && !v->sched.is_queued) { /* its CPU is at work here */
        cpu_raise(this_cpu(), CPU_WORK_SCHED);
        return;
    }
    spin_lock(&runq.lock);
    if (!vcpu_is_runnable(v)) {
        int cpu = cpu_of(v);

        if (v->sched.is_queued) {
            dequeue(v);
            vcpu_runstate_change(v, stopped_runstate(v), now_ns());
        } else if (cpu >= 0) {
            cpu_raise(cpus[cpu], CPU_WORK_SCHED);
        }
    }
    spin_unlock(&runq.lock);

    while (sync && __atomic_load_n(&v->running_on, __ATOMIC_ACQUIRE) >= 0 &&
           !vcpu_is_runnable(v)) {
        cpu_relax();
    }
}

/* The first in the queue that this CPU may run. */
static struct vcpu *first_for(const struct cpu *c)
{
    list_for_each(v, &runq.queue, struct vcpu, sched.link) {
        int cpu = cpu_of(v);

        if (may_run_on(v, c->id) && (cpu < 0 || cpu == (int)c->id)) {
            return v;
        }
    }
    return NULL;
}

void sched_yield(struct vcpu *v)
{
    const struct vcpu *first;

    spin_guard(&runq.lock);
    first = first_for(this_cpu());
    if (first != NULL) { /* behind it */
        v->sched.virtual_ns = MAX(v->sched.virtual_ns, first->sched.virtual_ns + 1);
        v->sched.slice_start = 0;
        cpu_raise(this_cpu(), CPU_WORK_SCHED);
    }
}

void sched_set_weight(struct vcpu *v, unsigned weight)
{
    spin_guard(&runq.lock);
    v->sched.weight = (uint16_t)weight;
}

void sched_set_affinity(struct vcpu *v, const unsigned long *hard, const unsigned long *soft)
{
    int cpu;

    spin_guard(&runq.lock);
    if (hard != NULL) {
        memcpy(v->sched.hard_affinity, hard, sizeof(v->sched.hard_affinity));
    }
    if (soft != NULL) {
        memcpy(v->sched.soft_affinity, soft, sizeof(v->sched.soft_affinity));
    }
    cpu = cpu_of(v);
    if (cpu >= 0 && !may_run_on(v, (unsigned)cpu)) {
        cpu_raise(cpus[cpu], CPU_WORK_SCHED);
    } else if (v->sched.is_queued) {
        tickle(v);
    }
}

void sched_released(struct vcpu *v)
{
    struct domain *d = v->domain;

    domain_ref(d); /* who waited for v to leave may free both as soon as it has */
    /* Others may have passed it over in the queue while its registers were here. */
    __atomic_store_n(&v->running_on, -1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&v->sched.is_queued, __ATOMIC_SEQ_CST)) {
        spin_guard(&runq.lock);
        if (v->sched.is_queued) {
            tickle(v);
        }
    }
    if (vcpu_has_flag(v, VCPU_IN_SHUTDOWN)) {
        domain_check_shutdown(d);
    }
    domain_put(d);
}

/* Charges the current vCPU for the time since it was last looked at. */
static void account(struct vcpu *v, uint64_t now)
{
    v->sched.virtual_ns = virtual_now(v, now);
    v->sched.charged_ns = now;
    runq.most_ns = MAX(runq.most_ns, v->sched.virtual_ns);
}

/* Whether the current vCPU goes on although another waits. */
static bool may_continue(const struct vcpu *v, const struct vcpu *first, uint64_t now)
{
    uint64_t ran = now - v->sched.slice_start;

    if (first == NULL || ran < SCHED_RATE_LIMIT_NS) {
        return true;
    }
    return ran < SLICE_NS && v->sched.virtual_ns <= first->sched.virtual_ns;
}

/* While another waits for this CPU: it looks again when v's turn may end, and at the latest when it must. */
static void arm_slice(struct cpu *c, const struct vcpu *v, uint64_t now)
{
    bool is_limited = now - v->sched.slice_start < SCHED_RATE_LIMIT_NS;

    if (first_for(c) == NULL) { /* v's turn may be over long ago */
        return;
    }
    timer_set(&slice_timers[c->id], v->sched.slice_start + (is_limited ? SCHED_RATE_LIMIT_NS : SLICE_NS));
}

static void start(struct cpu *c, struct vcpu *v, uint64_t now)
{
    v->sched.cpu = c->id;
    v->sched.slice_start = now;
    v->sched.charged_ns = now;
    v->running_on = (int)c->id;
    vcpu_runstate_change(v, RUNSTATE_running, now);
}

/* The tools know an idle CPU as one that runs its vCPU of the idle domain. */
static void trace_switch(const struct cpu *c, const struct vcpu *from, const struct vcpu *to)
{
    domid_t from_domid = from == NULL ? DOMID_IDLE : from->domain->domid;
    domid_t to_domid = to == NULL ? DOMID_IDLE : to->domain->domid;

    if (likely(!trace_is_on)) {
        return;
    }
    if (from == NULL) {
        trace(TRC_SCHED_RUNSTATE_CHANGE | RUNSTATE_running << 8 | RUNSTATE_runnable << 4,
              TRACE_VCPU(DOMID_IDLE, c->id));
    }
    trace(TRC_SCHED_SWITCH, from_domid, from == NULL ? c->id : from->id, to_domid, to == NULL ? c->id : to->id);
    if (to == NULL) {
        trace(TRC_SCHED_RUNSTATE_CHANGE | RUNSTATE_runnable << 8 | RUNSTATE_running << 4,
              TRACE_VCPU(DOMID_IDLE, c->id));
    }
}

struct vcpu *sched_pick(void)
{
    struct cpu *c = this_cpu();
    struct vcpu *current = c->current, *next;
    uint64_t now = now_ns();

    spin_guard(&runq.lock);
    next = first_for(c);
    if (current != NULL) {
        account(current, now);
        if (vcpu_is_runnable(current)) {
            if (may_run_on(current, c->id) && may_continue(current, next, now)) {
                arm_slice(c, current, now);
                trace(TRC_SCHED_CONTINUE_RUNNING, TRACE_VCPU(current->domain->domid, current->id));
                return current;
            }
            vcpu_runstate_change(current, RUNSTATE_runnable, now);
            enqueue(current);
        } else {
            vcpu_runstate_change(current, stopped_runstate(current), now);
        }
        c->current = NULL; /* sched_wake() may queue it from now on */
    }
    if (next != current) {
        c->counters.switches++;
        trace_switch(c, current, next);
    }
    if (next != NULL) {
        dequeue(next);
        start(c, next, now);
        c->current = next;
        bit_clear(runq.idle, c->id);
        arm_slice(c, next, now);
    } else {
        bit_set(runq.idle, c->id);
    }
    return next;
}
