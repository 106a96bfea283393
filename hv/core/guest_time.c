/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What guests are told of time: vcpu_time_info and the wall clock (xen/xen.h). A guest's system time is
 * the host's plus a fixed offset, and its TSC the host's plus a fixed offset, so what is
 * written stays true for as long as neither offset changes.
 */
#include <hv/arch/context.h>
#include <hv/time.h>
#include <hv/vcpu.h>

#define NS_PER_S 1000000000UL

/* Where the wall clock is in a shared_info: the version, seconds and nanoseconds in a row; and, with the
 * 32-bit layout at the end of arch_shared_info, the seconds' upper half. */
struct wallclock_place {
    size_t at, high;
};

static const struct wallclock_place place_64 = {offsetof(struct shared_info, wc_version),
                                                offsetof(struct shared_info, wc_sec_hi)};
static const struct wallclock_place place_32 = {2304, 2340};

static void write_time(struct vcpu_time_info *to, const struct vcpu_time_info *from)
{
    uint32_t version = (READ_ONCE(to->version) | 1) + 2;

    /* Odd while it changes: readers try again. */
    WRITE_ONCE(to->version, version);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    to->tsc_timestamp = from->tsc_timestamp;
    to->system_time = from->system_time;
    to->tsc_to_system_mul = from->tsc_to_system_mul;
    to->tsc_shift = from->tsc_shift;
    to->flags = from->flags;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    WRITE_ONCE(to->version, version + 1);
}

void time_update_vcpu(struct vcpu *v)
{
    const struct domain *d = v->domain;
    struct vcpu_time_info info = {
        .tsc_timestamp = host_boot_tsc + d->tsc_offset,
        .system_time = d->time_offset_ns,
        .tsc_to_system_mul = host_tsc_scale.mul_frac,
        .tsc_shift = host_tsc_scale.shift,
        .flags = host_tsc_is_unstable ? 0 : XEN_PVCLOCK_TSC_STABLE_BIT,
    };

    spin_lock(&v->time_lock);
    write_time(&v->vcpu_info->time, &info);
    if (!mfn_is_none(v->time_area_mfn)) {
        write_time((void *)((char *)mfn_to_virt(v->time_area_mfn) + (v->time_area & (PAGE_SIZE - 1))), &info);
    }
    spin_unlock(&v->time_lock);
}

void time_set_tsc_offset(struct domain *d, uint64_t offset)
{
    d->tsc_offset = offset;
    for_each_vcpu(d, v) {
        arch_vcpu_set_tsc_offset(v);
        time_update_vcpu(v);
    }
}

void time_update_wallclock(struct domain *d)
{
    const struct wallclock_place *place = d->is_32bit ? &place_32 : &place_64;
    uint32_t *clock = (uint32_t *)((char *)d->shared_info + place->at);
    uint32_t *seconds_high = (uint32_t *)((char *)d->shared_info + place->high);
    uint64_t base = wallclock_base_ns() + (uint64_t)d->wallclock_offset_s * NS_PER_S - d->time_offset_ns;
    uint64_t seconds = base / NS_PER_S;
    uint32_t version;

    spin_lock(&d->lock);
    version = (READ_ONCE(clock[0]) | 1) + 2;
    WRITE_ONCE(clock[0], version);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    clock[1] = (uint32_t)seconds;
    clock[2] = base % NS_PER_S;
    *seconds_high = seconds >> 32;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    WRITE_ONCE(clock[0], version + 1);
    spin_unlock(&d->lock);
}
