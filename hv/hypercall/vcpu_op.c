/* SPDX-License-Identifier: Apache-2.0 */
/* HYPERVISOR_vcpu_op (xen/vcpu.h). */
#include <hv/evtchn.h>
#include <hv/guest_struct.h>
#include <hv/hypercall.h>
#include <hv/time.h>

/* The page of the caller's own RAM behind its linear address, with a reference; MFN_NONE if none.
 * Only its own: what it maps of others would still be written when they have taken it back. */
static mfn_t pin_linear(struct vcpu *v, uint64_t linear)
{
    uint32_t error_code;
    uint64_t gpa;

    if (guest_walk(v, linear, WALK_WRITE, &gpa, &error_code) != 0) {
        return MFN_NONE;
    }
    return p2m_get_own_frame(v->domain, gfn(gpa >> PAGE_SHIFT), true);
}

/* Pins the pages of an area of size bytes, at most two. A 32-bit caller's pointer lies in a union with a 64-bit
 * number, whose other half may be anything. *linear: 0 for no area any more. */
static bool pin_area(struct vcpu *caller, uint64_t *linear, size_t size, mfn_t pages[2])
{
    uint64_t last;

    pages[0] = pages[1] = MFN_NONE;
    *linear = guest_is_narrow(caller) ? (uint32_t)*linear : *linear;
    if (*linear == 0) {
        return true;
    }
    last = *linear + size - 1;
    pages[0] = pin_linear(caller, *linear);
    if (mfn_is_none(pages[0]) || *linear >> PAGE_SHIFT == last >> PAGE_SHIFT) {
        return !mfn_is_none(pages[0]);
    }
    pages[1] = pin_linear(caller, last);
    if (mfn_is_none(pages[1])) {
        frame_put(pages[0]);
    }
    return !mfn_is_none(pages[1]);
}

static long register_vcpu_info(struct vcpu *v, uint64_t arg, struct vcpu *caller)
{
    struct vcpu_register_vcpu_info info;
    struct vcpu_info *to;
    bool is_first;
    mfn_t m;

    if (guest_copy_in(caller, &info, arg, sizeof(info)) != 0) {
        return -XEN_EFAULT;
    }
    if (info.offset > PAGE_SIZE - sizeof(struct vcpu_info) || info.offset % sizeof(uint64_t) != 0) {
        return -XEN_EINVAL;
    }
    m = p2m_get_own_frame(v->domain, gfn(info.mfn), true);
    if (mfn_is_none(m)) {
        return -XEN_EINVAL;
    }
    to = (struct vcpu_info *)((char *)mfn_to_virt(m) + info.offset);

    spin_lock(&v->time_lock);
    is_first = mfn_is_none(v->vcpu_info_mfn);
    if (is_first) {
        memset(to, 0, sizeof(*to));
        if (v->id < XEN_LEGACY_MAX_VCPUS) { /* others have none yet */
            memcpy(to, v->vcpu_info, sizeof(*to));
        }
        v->vcpu_info_mfn = m;
        v->vcpu_info = to;
    }
    spin_unlock(&v->time_lock);
    if (!is_first) {
        frame_put(m);
        return -XEN_EINVAL;
    }
    time_update_vcpu(v);
    evtchn_vcpu_info_moved(v);
    return 0;
}

static long register_runstate(struct vcpu *v, uint64_t arg, struct vcpu *caller)
{
    size_t size = guest_struct_size(caller, sizeof(struct vcpu_runstate_info), LAYOUT_RUNSTATE);
    struct vcpu_register_runstate_memory_area area;
    mfn_t pages[2], old[2];

    if (guest_copy_in(caller, &area, arg, sizeof(area)) != 0 || !pin_area(caller, &area.addr.p, size, pages)) {
        return -XEN_EFAULT;
    }
    spin_lock(&v->time_lock);
    memcpy(old, v->runstate_mfn, sizeof(old));
    memcpy(v->runstate_mfn, pages, sizeof(pages));
    v->runstate_area = area.addr.p;
    v->runstate_is_narrow = guest_is_narrow(caller);
    spin_unlock(&v->time_lock);
    frame_put_any(old[0]);
    frame_put_any(old[1]);
    vcpu_runstate_publish(v);
    return 0;
}

/* In one page: the guest's vDSO reads it from a page of its own. */
static long register_time_area(struct vcpu *v, uint64_t arg, struct vcpu *caller)
{
    struct vcpu_register_time_memory_area area;
    mfn_t pages[2], old;

    if (guest_copy_in(caller, &area, arg, sizeof(area)) != 0) {
        return -XEN_EFAULT;
    }
    if (area.addr.p % 8 != 0 || area.addr.p % PAGE_SIZE > PAGE_SIZE - sizeof(struct vcpu_time_info)) {
        return -XEN_EINVAL;
    }
    if (!pin_area(caller, &area.addr.p, sizeof(struct vcpu_time_info), pages)) {
        return -XEN_EFAULT;
    }
    spin_lock(&v->time_lock);
    old = v->time_area_mfn;
    v->time_area_mfn = pages[0];
    v->time_area = area.addr.p;
    spin_unlock(&v->time_lock);
    frame_put_any(old);
    time_update_vcpu(v);
    return 0;
}

static long get_runstate(struct vcpu *v, uint64_t arg, struct vcpu *caller)
{
    struct vcpu_runstate_info info;

    vcpu_runstate_get(v, &info);
    return guest_struct_out(caller, arg, &info, sizeof(info), LAYOUT_RUNSTATE);
}

/* Without what the alignment of 64-bit callers adds at the end. */
#define SINGLESHOT_SIZE (offsetof(struct vcpu_set_singleshot_timer, flags) + sizeof(uint32_t))

static long set_singleshot(struct vcpu *v, uint64_t arg)
{
    struct vcpu_set_singleshot_timer set;
    uint64_t now = now_ns() + v->domain->time_offset_ns;

    if (guest_copy_in(v, &set, arg, SINGLESHOT_SIZE) != 0) {
        return -XEN_EFAULT;
    }
    if ((set.flags & VCPU_SSHOTTMR_future) && set.timeout_abs_ns < now) {
        return -XEN_ETIME;
    }
    timer_set(&v->singleshot, time_host_deadline(v->domain, set.timeout_abs_ns));
    return 0;
}

static long up(struct vcpu *v)
{
    if (!v->is_initialised) {
        return -XEN_EINVAL;
    }
    vcpu_clear_flag(v, VCPU_DOWN);
    return 0;
}

long vcpu_op(struct vcpu *caller, unsigned cmd, unsigned vcpu_id, uint64_t arg)
{
    struct vcpu *v = domain_vcpu(caller->domain, vcpu_id);

    if (v == NULL) {
        return -XEN_ENOENT;
    }
    switch (cmd) {
    case VCPUOP_set_singleshot_timer:
        return v == caller ? set_singleshot(v, arg) : -XEN_EINVAL;
    case VCPUOP_stop_singleshot_timer:
        if (v != caller) {
            return -XEN_EINVAL;
        }
        timer_stop(&v->singleshot);
        return 0;
    case VCPUOP_stop_periodic_timer: /* there is none: stopping it always succeeds */
        return 0;
    case VCPUOP_is_up:
        return !vcpu_has_flag(v, VCPU_DOWN);
    case VCPUOP_up:
        return up(v);
    case VCPUOP_down:
        WRITE_ONCE(v->is_halted, false); /* an NMI waits until it is up */
        vcpu_set_flag(v, VCPU_DOWN);
        domain_check_down(v->domain);
        return 0;
    case VCPUOP_register_vcpu_info:
        return register_vcpu_info(v, arg, caller);
    case VCPUOP_register_runstate_memory_area:
        return register_runstate(v, arg, caller);
    case VCPUOP_register_vcpu_time_memory_area:
        return register_time_area(v, arg, caller);
    case VCPUOP_get_runstate_info:
        return get_runstate(v, arg, caller);
    case VCPUOP_send_nmi:
        vcpu_nmi(v);
        return 0;
    default: /* initialise and the PV periodic timer are for guests without a local APIC */
        return -XEN_ENOSYS;
    }
}
