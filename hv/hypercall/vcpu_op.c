/* SPDX-License-Identifier: Apache-2.0 */
/* HYPERVISOR_vcpu_op (xen/vcpu.h). */
#include <hv/arch/cpu.h>
#include <hv/domain.h>
#include <hv/evtchn.h>
#include <hv/frame.h>
#include <hv/guest_struct.h>
#include <hv/hypercall.h>
#include <hv/string.h>
#include <hv/time.h>
#include <hv/vcpu.h>

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

/* A 32-bit caller's pointer lies in a union with a 64-bit number, whose other half may be anything. */
static uint64_t area_address(const struct vcpu *caller, uint64_t address)
{
    return guest_is_narrow(caller) ? (uint32_t)address : address;
}

static void put(mfn_t m)
{
    if (!mfn_is_none(m)) {
        frame_put(m);
    }
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
    struct vcpu_register_runstate_memory_area area;
    mfn_t pages[2] = {MFN_NONE, MFN_NONE}, old[2];
    uint64_t linear, last;

    if (guest_copy_in(caller, &area, arg, sizeof(area)) != 0) {
        return -XEN_EFAULT;
    }
    linear = area_address(caller, area.addr.p);
    last = linear + guest_struct_size(caller, sizeof(struct vcpu_runstate_info), LAYOUT_RUNSTATE) - 1;
    if (linear != 0) {
        pages[0] = pin_linear(caller, linear);
        if (mfn_is_none(pages[0])) {
            return -XEN_EFAULT;
        }
        if (linear >> PAGE_SHIFT != last >> PAGE_SHIFT) {
            pages[1] = pin_linear(caller, last);
            if (mfn_is_none(pages[1])) {
                put(pages[0]);
                return -XEN_EFAULT;
            }
        }
    }
    spin_lock(&v->time_lock);
    memcpy(old, v->runstate_mfn, sizeof(old));
    memcpy(v->runstate_mfn, pages, sizeof(pages));
    v->runstate_area = linear;
    v->runstate_is_narrow = guest_is_narrow(caller);
    spin_unlock(&v->time_lock);
    put(old[0]);
    put(old[1]);
    vcpu_runstate_publish(v);
    return 0;
}

static long register_time_area(struct vcpu *v, uint64_t arg, struct vcpu *caller)
{
    struct vcpu_register_time_memory_area area;
    mfn_t page = MFN_NONE, old;
    uint64_t linear;

    if (guest_copy_in(caller, &area, arg, sizeof(area)) != 0) {
        return -XEN_EFAULT;
    }
    linear = area_address(caller, area.addr.p);
    if (linear != 0) {
        /* One page: the guest's vDSO reads it from a page of its own. */
        if ((linear & (PAGE_SIZE - 1)) > PAGE_SIZE - sizeof(struct vcpu_time_info) || linear % 8 != 0) {
            return -XEN_EINVAL;
        }
        page = pin_linear(caller, linear);
        if (mfn_is_none(page)) {
            return -XEN_EFAULT;
        }
    }
    spin_lock(&v->time_lock);
    old = v->time_area_mfn;
    v->time_area_mfn = page;
    v->time_area = linear;
    spin_unlock(&v->time_lock);
    put(old);
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
    timer_set(&v->singleshot, set.timeout_abs_ns - v->domain->time_offset_ns);
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

static long send_nmi(struct vcpu *v)
{
    vcpu_nmi(v);
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
        vcpu_set_flag(v, VCPU_DOWN);
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
        return send_nmi(v);
    default: /* initialise and the PV periodic timer are for guests without a local APIC */
        return -XEN_ENOSYS;
    }
}
