/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What guests are told of time: vcpu_time_info and the wall clock (xen/xen.h). A guest's system time is
 * the host's plus a fixed offset, and its TSC the host's plus a fixed offset, so what is
 * written stays true for as long as neither offset changes.
 */
#include <hv/arch/context.h>
#include <hv/time.h>
#include <hv/vcpu.h>

/* Where the wall clock is in a shared_info of the 32-bit layout: the version, seconds and nanoseconds in a row; and,
 * at the end of arch_shared_info, the seconds' upper half. */
#define COMPAT_WALLCLOCK    2304
#define COMPAT_SECONDS_HIGH 2340

static void write_time(struct vcpu_time_info *to, struct vcpu_time_info info)
{
    /* Odd while it changes: readers try again. */
    info.version = (READ_ONCE(to->version) | 1) + 2;
    WRITE_ONCE(to->version, info.version);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    *to = info;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    WRITE_ONCE(to->version, info.version + 1);
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

    spin_guard(&v->time_lock);
    write_time(&v->vcpu_info->time, info);
    if (!mfn_is_none(v->time_area_mfn)) {
        write_time((void *)((char *)mfn_to_virt(v->time_area_mfn) + (v->time_area & (PAGE_SIZE - 1))), info);
    }
}

void time_set_tsc_offset(struct domain *d, uint64_t offset)
{
    d->tsc_offset = offset;
    for_each_vcpu(d, v) {
        arch_vcpu_set_tsc_offset(v);
        time_update_vcpu(v);
    }
}

uint64_t time_host_deadline(const struct domain *d, uint64_t guest_ns)
{
    uint64_t host_ns = guest_ns - d->time_offset_ns;

    if ((int64_t)d->time_offset_ns < 0) {
        return host_ns > guest_ns ? host_ns : ~0UL;
    }
    return host_ns <= guest_ns ? host_ns : 0;
}

void time_update_wallclock(struct domain *d)
{
    char *shared = (char *)d->shared_info;
    uint32_t *clock = d->is_32bit ? (uint32_t *)(shared + COMPAT_WALLCLOCK) : &d->shared_info->wc_version;
    uint32_t *seconds_high = d->is_32bit ? (uint32_t *)(shared + COMPAT_SECONDS_HIGH) : &d->shared_info->wc_sec_hi;
    uint64_t base = wallclock_base_ns() + (uint64_t)d->wallclock_offset_s * NS_PER_S - d->time_offset_ns;
    uint64_t seconds = base / NS_PER_S;
    uint32_t version;

    spin_guard(&d->lock);
    version = (READ_ONCE(clock[0]) | 1) + 2;
    WRITE_ONCE(clock[0], version);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    clock[1] = (uint32_t)seconds;
    clock[2] = base % NS_PER_S;
    *seconds_high = seconds >> 32;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    WRITE_ONCE(clock[0], version + 1);
}
