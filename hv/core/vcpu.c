/* SPDX-License-Identifier: Apache-2.0 */
/* vCPUs: making them, stopping and waking them, and their runstate as the guest may read it. */
#include <hv/vcpu.h>

#include <hv/evtchn.h>
#include <hv/guest_struct.h>
#include <hv/time.h>
#include <hv/trace.h>
#include <hv/vlapic.h>

_Static_assert(sizeof(struct vcpu) <= PAGE_SIZE, "a vCPU is one page");

/* For vCPUs of all domains that have no place in shared_info and have not registered one yet: nothing is ever
 * pending in it. */
static struct vcpu_info unregistered_info;

bool vcpu_has_info(const struct vcpu *v)
{
    return v->vcpu_info != &unregistered_info;
}

static void singleshot_fired(void *data)
{
    struct vcpu *v = data;

    evtchn_raise_virq(v, VIRQ_TIMER);
}

static void poll_timed_out(void *data)
{
    struct vcpu *v = data;

    if (READ_ONCE(v->is_polling)) { /* else an event has ended the poll, and v may wait for something else by now */
        evtchn_poll_end(v);
        vcpu_clear_flag(v, VCPU_BLOCKED);
    }
}

int vcpu_create(struct domain *d, unsigned id)
{
    struct vcpu *v;
    int rc;

    if (id >= d->max_vcpus) {
        return -XEN_EINVAL;
    }
    if (d->vcpus[id] != NULL) {
        return -XEN_EEXIST;
    }
    v = page_alloc();
    if (v == NULL) {
        return -XEN_ENOMEM;
    }
    v->id = id;
    v->domain = d;
    v->pause_flags = VCPU_DOWN;
    v->vcpu_info_mfn = v->time_area_mfn = MFN_NONE;
    v->runstate_mfn[0] = v->runstate_mfn[1] = MFN_NONE;
    v->vcpu_info = id < XEN_LEGACY_MAX_VCPUS ? &d->shared_info->vcpu_info[id] : &unregistered_info;
    v->runstate.state = RUNSTATE_offline;
    v->runstate.state_entry_time = now_ns();
    spin_init(&v->time_lock, LOCK_RANK_VCPU_TIME);
    timer_init(&v->singleshot, singleshot_fired, v);
    timer_init(&v->poll_timer, poll_timed_out, v);
    sched_init_vcpu(v);

    rc = arch_vcpu_init(v);
    rc = rc != 0 ? rc : vlapic_init(v);
    if (rc != 0) {
        arch_vcpu_free(v);
        page_free(v);
        return rc;
    }
    d->vcpus[id] = v;
    time_update_vcpu(v);
    return 0;
}

void vcpu_release_areas(struct vcpu *v)
{
    mfn_t pinned[4];

    timer_stop(&v->singleshot);
    timer_stop(&v->poll_timer);
    spin_lock(&v->time_lock);
    pinned[0] = v->runstate_mfn[0];
    pinned[1] = v->runstate_mfn[1];
    pinned[2] = v->time_area_mfn;
    pinned[3] = v->vcpu_info_mfn;
    v->runstate_mfn[0] = v->runstate_mfn[1] = v->time_area_mfn = v->vcpu_info_mfn = MFN_NONE;
    v->runstate_area = v->time_area = 0;
    v->vcpu_info = &unregistered_info;
    spin_unlock(&v->time_lock);
    for (unsigned i = 0; i < ARRAY_SIZE(pinned); i++) {
        frame_put_any(pinned[i]);
    }
}

void vcpu_free(struct vcpu *v)
{
    vcpu_release_areas(v);
    sched_remove_vcpu(v);
    vlapic_free(v);
    arch_vcpu_free(v);
    v->domain->vcpus[v->id] = NULL;
    page_free(v);
}

bool vcpu_is_runnable(const struct vcpu *v)
{
    return READ_ONCE(v->pause_flags) == 0 && READ_ONCE(v->domain->pause_count) == 0;
}

void vcpu_set_flag(struct vcpu *v, enum vcpu_pause_flag flag)
{
    __atomic_fetch_or(&v->pause_flags, flag, __ATOMIC_SEQ_CST);
    sched_sleep(v, false);
}

void vcpu_clear_flag(struct vcpu *v, enum vcpu_pause_flag flag)
{
    if (__atomic_fetch_and(&v->pause_flags, ~(uint32_t)flag, __ATOMIC_SEQ_CST) & flag) {
        sched_wake(v);
    }
}

bool vcpu_callback_is_pending(const struct vcpu *v)
{
    return v->domain->callback_vector != 0 && v->upcall_vector == 0 &&
           READ_ONCE(v->vcpu_info->evtchn_upcall_pending);
}

/* What would interrupt it. Pending events without a vector to say so by do not: nobody would take them, and
 * the vCPU would spin from HLT to HLT. */
static bool has_something_to_see(struct vcpu *v)
{
    return vcpu_callback_is_pending(v) || READ_ONCE(v->arch.nmi_pending) || vlapic_has_init_sipi(v) ||
           vlapic_pending_vector(v) >= 0;
}

void vcpu_block(struct vcpu *v)
{
    /* The flag first, then the look: who makes something pending afterwards clears it again. */
    vcpu_set_flag(v, VCPU_BLOCKED);
    if (has_something_to_see(v)) {
        vcpu_clear_flag(v, VCPU_BLOCKED);
    }
}

void vcpu_kick(struct vcpu *v)
{
    int cpu;

    if (vcpu_has_flag(v, VCPU_BLOCKED)) {
        if (unlikely(v->is_polling)) { /* a poll ends with any event, its port's or not */
            evtchn_poll_end(v);
        }
        vcpu_clear_flag(v, VCPU_BLOCKED);
        return;
    }
    cpu = READ_ONCE(v->running_on);
    if (cpu >= 0 && v != current_vcpu()) {
        cpu_raise(cpus[cpu], CPU_WORK_KICK);
    }
}

void vcpu_evtchn_upcall(struct vcpu *v)
{
    if (v->upcall_vector != 0) {
        vlapic_set_irq(v, v->upcall_vector, false);
    }
    vcpu_kick(v); /* whatever the vLAPIC thinks of the vector, SCHEDOP_block ends with the event */
}

/* The other CPU that runs v's guest code now; NULL if none does. */
static struct cpu *guest_cpu(const struct vcpu *v)
{
    int cpu = READ_ONCE(v->running_on);
    struct cpu *c = cpu >= 0 ? cpus[cpu] : NULL;

    bool is_there = c != NULL && c != this_cpu() && __atomic_load_n(&c->in_guest, __ATOMIC_SEQ_CST);

    return is_there && READ_ONCE(c->current) == v ? c : NULL;
}

void vcpu_start_flush(struct vcpu *v)
{
    struct cpu *c = guest_cpu(v);

    if (c != NULL) {
        arch_send_kick(c);
    }
}

void vcpu_wait_flushed(struct vcpu *v, uint64_t gen)
{
    while (__atomic_load_n(&v->arch.flush_gen, __ATOMIC_ACQUIRE) < gen && guest_cpu(v) != NULL) {
        cpu_relax();
    }
}

/* --- Runstate ------------------------------------------------------------------------------- */

/* Where the guest reads its runstate: up to two pages, pinned. Called with time_lock. */
static void write_area(struct vcpu *v, size_t offset, const void *data, size_t size)
{
    uint64_t start = (v->runstate_area & (PAGE_SIZE - 1)) + offset;

    for (size_t done = 0; done < size;) {
        uint64_t at = start + done;
        mfn_t m = v->runstate_mfn[at >> PAGE_SHIFT];
        size_t chunk = MIN(size - done, PAGE_SIZE - (at & (PAGE_SIZE - 1)));

        memcpy((char *)mfn_to_virt(m) + (at & (PAGE_SIZE - 1)), (const char *)data + done, chunk);
        done += chunk;
    }
}

/* All of it in the layout that the guest registered. With VMASST_TYPE_runstate_update_flag the guest can see that an
 * update is under way (xen/vcpu.h): the flag is written before and taken back after. */
static void publish_locked(struct vcpu *v)
{
    struct vcpu_runstate_info info = v->runstate;
    uint64_t entered = info.state_entry_time + v->domain->time_offset_ns; /* in the guest's system time */
    bool is_flagged = v->domain->vm_assist & (1UL << VMASST_TYPE_runstate_update_flag);
    const size_t entry_offset =
        v->runstate_is_narrow ? sizeof(uint32_t) : offsetof(struct vcpu_runstate_info, state_entry_time);
    char narrow[GUEST_NARROW_MAX];

    if (v->runstate_area == 0) {
        return;
    }
    info.state_entry_time = entered;
    if (is_flagged) {
        info.state_entry_time |= XEN_RUNSTATE_UPDATE;
        write_area(v, entry_offset, &info.state_entry_time, sizeof(info.state_entry_time));
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
    }
    if (v->runstate_is_narrow) {
        write_area(v, 0, narrow, guest_struct_narrow(narrow, &info, LAYOUT_RUNSTATE));
    } else {
        write_area(v, 0, &info, sizeof(info));
    }
    if (is_flagged) {
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        write_area(v, entry_offset, &entered, sizeof(entered));
    }
}

void vcpu_runstate_publish(struct vcpu *v)
{
    spin_guard(&v->time_lock);
    publish_locked(v);
}

void vcpu_runstate_change(struct vcpu *v, int state, uint64_t now)
{
    spin_guard(&v->time_lock);
    if (v->runstate.state == state) {
        return;
    }
    trace((uint32_t)(TRC_SCHED_RUNSTATE_CHANGE | v->runstate.state << 8 | state << 4),
          TRACE_VCPU(v->domain->domid, v->id));
    if (now > v->runstate.state_entry_time) {
        v->runstate.time[v->runstate.state] += now - v->runstate.state_entry_time;
    }
    v->runstate.state = state;
    v->runstate.state_entry_time = now;
    publish_locked(v);
}

void vcpu_runstate_get(struct vcpu *v, struct vcpu_runstate_info *info)
{
    uint64_t now = now_ns();

    spin_guard(&v->time_lock);
    *info = v->runstate;
    if (now > info->state_entry_time) {
        info->time[info->state] += now - info->state_entry_time;
    }
    info->state_entry_time += v->domain->time_offset_ns;
}
