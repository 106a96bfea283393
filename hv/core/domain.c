/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Domains: the table that finds them, their references, and the way of their life:
 *
 *   domain_create() -> ALIVE --domain_shutdown()--> shut down --domain_resume()--> running again
 *                        |                             |
 *                        +-----domain_destroy()--------+--> DYING --all given back--> DEAD
 *                                                                 --last reference--> freed
 *
 * A dead domain's struct stays as long as anyone maps one of its frames.
 */
#include <hv/domain.h>

#include <hv/arch/machine.h>
#include <hv/cpuid_policy.h>
#include <hv/evtchn.h>
#include <hv/grant.h>
#include <hv/guest_struct.h>
#include <hv/vcpu.h>
#include <hv/mmio.h>
#include <hv/print.h>
#include <hv/time.h>
#include <hv/vlapic.h>
#include <xen/sched.h>

#define DOMAINS_PER_PAGE (PAGE_SIZE / sizeof(struct domain *))
#define DOMAIN_PAGES     ((DOMID_FIRST_RESERVED + DOMAINS_PER_PAGE - 1) / DOMAINS_PER_PAGE)

#define MAX_CONTROL_PAUSES 255U

/* What a domain gets whose configuration leaves its grant limits to us (-1). */
#define DEFAULT_GRANT_FRAMES    64U
#define DEFAULT_MAPTRACK_FRAMES 1024U

_Static_assert(sizeof(struct domain) <= PAGE_SIZE, "a domain is one page");

struct domain *dom0;

/* Protects the table and the step from one reference to none. */
static struct spinlock table_lock = SPINLOCK_INIT(LOCK_RANK_DOMAIN_LIST);
static struct domain **table[DOMAIN_PAGES];

static struct domain **slot_of(domid_t domid)
{
    struct domain **page;

    if (domid >= DOMID_FIRST_RESERVED) {
        return NULL;
    }
    domid = (domid_t)index_nospec(domid, DOMID_FIRST_RESERVED);
    page = table[domid / DOMAINS_PER_PAGE];
    return page == NULL ? NULL : &page[domid % DOMAINS_PER_PAGE];
}

void domain_ref(struct domain *d)
{
    __atomic_add_fetch(&d->refs, 1, __ATOMIC_RELAXED);
}

static struct domain *get_locked(domid_t domid)
{
    struct domain **slot = slot_of(domid), *d = slot != NULL ? *slot : NULL;

    if (d != NULL) {
        domain_ref(d);
    }
    return d;
}

struct domain *domain_get(domid_t domid)
{
    spin_guard(&table_lock);
    return get_locked(domid);
}

struct domain *domain_get_for(struct vcpu *v, domid_t domid, long *rc)
{
    struct domain *d = v->domain;

    if (domid == DOMID_SELF || domid == d->domid) {
        domain_ref(d);
    } else {
        d = d->is_privileged ? domain_get(domid) : NULL;
    }
    *rc = d != NULL ? 0 : v->domain->is_privileged ? -XEN_ESRCH : -XEN_EPERM;
    return d;
}

struct domain *domain_get_next(domid_t domid)
{
    spin_guard(&table_lock);
    for (unsigned id = domid; id < DOMID_FIRST_RESERVED; id++) {
        struct domain *d = get_locked(id);

        if (d != NULL) {
            return d;
        }
        if (table[id / DOMAINS_PER_PAGE] == NULL) {
            id |= DOMAINS_PER_PAGE - 1;
        }
    }
    return NULL;
}

struct domain *domain_put_next(struct domain *d)
{
    struct domain *next = domain_get_next(d->domid + 1U);

    domain_put(d);
    return next;
}

static int table_insert(struct domain *d)
{
    struct domain ***page = &table[d->domid / DOMAINS_PER_PAGE];

    spin_guard(&table_lock);
    if (*page == NULL) {
        *page = page_alloc();
    }
    if (*page == NULL) {
        return -XEN_ENOMEM;
    }
    if (*slot_of(d->domid) != NULL) {
        return -XEN_EEXIST;
    }
    *slot_of(d->domid) = d;
    return 0;
}

static void domain_free(struct domain *d)
{
    for (unsigned i = 0; i < d->max_vcpus; i++) {
        if (d->vcpus[i] != NULL) {
            vcpu_free(d->vcpus[i]);
        }
    }
    grant_free_domain(d);
    evtchn_free_domain(d);
    p2m_free(d);
    page_free(d->mmio);
    page_free(d->cpuid);
    page_free(d->memory_map);
    frame_put_any(d->shared_info_mfn);
    page_free(d);
}

void domain_put(struct domain *d)
{
    uint32_t refs;
    bool is_last;

    if (d == NULL) {
        return;
    }
    refs = __atomic_load_n(&d->refs, __ATOMIC_ACQUIRE);
    /* Only the last step needs the table: nobody may find it between. */
    while (refs > 1) {
        if (__atomic_compare_exchange_n(&d->refs, &refs, refs - 1, true, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
            return;
        }
    }
    spin_lock(&table_lock);
    is_last = __atomic_sub_fetch(&d->refs, 1, __ATOMIC_ACQ_REL) == 0;
    if (is_last) {
        *slot_of(d->domid) = NULL;
    }
    spin_unlock(&table_lock);
    if (is_last) {
        domain_free(d);
    }
}

void domain_frames_added(struct domain *d, uint64_t count)
{
    if (__atomic_fetch_add(&d->frames_owned, count, __ATOMIC_ACQ_REL) == 0) {
        domain_ref(d);
    }
}

bool domain_frames_reserve(struct domain *d, uint64_t count)
{
    uint64_t owned = __atomic_load_n(&d->frames_owned, __ATOMIC_ACQUIRE);

    do {
        if (owned + count > READ_ONCE(d->frames_max)) {
            return false;
        }
    } while (!__atomic_compare_exchange_n(&d->frames_owned, &owned, owned + count, true,
                                          __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
    if (owned == 0) {
        domain_ref(d);
    }
    return true;
}

void domain_frames_freed(domid_t owner, uint64_t count)
{
    struct domain *d = *slot_of(owner); /* its frames keep it there */

    if (__atomic_sub_fetch(&d->frames_owned, count, __ATOMIC_ACQ_REL) == 0) {
        domain_put(d);
    }
}

static int alloc_shared_info(struct domain *d)
{
    d->shared_info = page_alloc();
    if (d->shared_info == NULL) {
        return -XEN_ENOMEM;
    }
    d->shared_info_mfn = virt_to_mfn(d->shared_info);
    frame_share(d->shared_info_mfn, d->domid);
    return 0;
}

static int init_parts(struct domain *d)
{
    const struct xen_domctl_createdomain *config = &d->config;
    int frames = config->max_grant_frames, maptrack = config->max_maptrack_frames;
    int rc = alloc_shared_info(d);

    rc = rc != 0 ? rc : p2m_init(d);
    rc = rc != 0 ? rc : cpuid_policy_init_domain(d);
    rc = rc != 0 ? rc : evtchn_init_domain(d, config->max_evtchn_port);
    rc = rc != 0 ? rc : grant_init_domain(d, frames < 0 ? DEFAULT_GRANT_FRAMES : (uint32_t)frames,
                                          maptrack < 0 ? DEFAULT_MAPTRACK_FRAMES : (uint32_t)maptrack);
    return rc;
}

int domain_create(domid_t domid, const struct xen_domctl_createdomain *config, bool is_privileged,
                  struct domain **out)
{
    struct domain *d;
    int rc;

    if (domid >= DOMID_FIRST_RESERVED || config->max_vcpus == 0 || config->max_vcpus > MAX_VCPUS) {
        return -XEN_EINVAL;
    }
    d = page_alloc();
    if (d == NULL) {
        return -XEN_ENOMEM;
    }
    d->domid = domid;
    d->is_privileged = is_privileged;
    d->config = *config;
    d->max_vcpus = config->max_vcpus;
    d->refs = 1;
    d->shared_info_mfn = MFN_NONE;
    d->p2m.root = MFN_NONE;
    d->control_pause_count = 1;
    d->sched_weight = SCHED_WEIGHT_DEFAULT;
    d->pause_count = 1;
    d->shutdown_code = SHUTDOWN_CODE_NONE;
    spin_init(&d->lock, LOCK_RANK_DOMAIN);

    rc = init_parts(d);
    if (rc == 0) {
        time_update_wallclock(d);
        domain_ref(d); /* the caller's */
        rc = table_insert(d);
    }
    if (rc != 0) {
        domain_free(d);
        return rc;
    }
    *out = d;
    return 0;
}

struct vcpu *domain_vcpu(const struct domain *d, uint32_t vcpu_id)
{
    return vcpu_id < d->max_vcpus ? d->vcpus[index_nospec(vcpu_id, d->max_vcpus)] : NULL;
}

/* As in Xen events are not carried over: who changes its mode begins anew. */
void domain_latch_width(struct vcpu *v)
{
    struct domain *d = v->domain;
    bool is_32bit = guest_is_narrow(v);

    if (READ_ONCE(d->is_32bit) != is_32bit) {
        WRITE_ONCE(d->is_32bit, is_32bit);
        time_update_wallclock(d);
    }
}

/* The nodes of the CPUs that v may run on; of those it would rather run on, if there are any. */
static uint32_t vcpu_nodes(const struct vcpu *v)
{
    uint32_t hard = 0, soft = 0;

    for (unsigned cpu = 0; cpu < cpu_count; cpu++) {
        uint32_t node = bit_test(v->sched.hard_affinity, cpu) ? 1U << cpus[cpu]->node : 0;

        hard |= node;
        soft |= bit_test(v->sched.soft_affinity, cpu) ? node : 0;
    }
    return soft != 0 ? soft : hard;
}

void domain_update_nodes(struct domain *d)
{
    uint32_t nodes = d->node_affinity;

    for_each_vcpu(d, v) {
        nodes |= d->node_affinity == 0 ? vcpu_nodes(v) : 0;
    }
    WRITE_ONCE(d->memory_nodes, nodes);
}

void domain_pause(struct domain *d)
{
    __atomic_add_fetch(&d->pause_count, 1, __ATOMIC_SEQ_CST);
    for_each_vcpu(d, v) {
        sched_sleep(v, true);
    }
}

void domain_unpause(struct domain *d)
{
    if (__atomic_sub_fetch(&d->pause_count, 1, __ATOMIC_SEQ_CST) != 0) {
        return;
    }
    for_each_vcpu(d, v) {
        sched_wake(v);
    }
}

int domain_control_pause(struct domain *d)
{
    if (d->control_pause_count == MAX_CONTROL_PAUSES) {
        return -XEN_EOVERFLOW;
    }
    d->control_pause_count++;
    domain_pause(d);
    return 0;
}

int domain_control_unpause(struct domain *d)
{
    if (d->control_pause_count == 0) {
        return -XEN_EINVAL;
    }
    if (--d->control_pause_count == 0) {
        d->was_started = true;
    }
    domain_unpause(d);
    return 0;
}

/* dom0 is the host: its end is the machine's. */
static void hardware_domain_shutdown(uint32_t reason)
{
    pr_info("d0: shut down, reason %u\n", reason);
    if (reason == SHUTDOWN_reboot) {
        machine_reset();
    }
    if (reason == SHUTDOWN_crash || reason == SHUTDOWN_watchdog) {
        machine_stop();
    }
    machine_halt();
}

void domain_shutdown(struct domain *d, uint32_t reason)
{
    if (d->is_hardware) {
        hardware_domain_shutdown(reason);
    }
    spin_lock(&d->lock);
    if (!d->is_shutting_down && d->shutdown_code == SHUTDOWN_CODE_NONE) {
        d->shutdown_code = reason;
    }
    d->is_shutting_down = true;
    spin_unlock(&d->lock);

    for_each_vcpu(d, v) {
        vcpu_set_flag(v, VCPU_IN_SHUTDOWN);
    }
    domain_check_shutdown(d);
}

void domain_check_down(struct domain *d)
{
    for_each_vcpu(d, v) {
        if (!vcpu_has_flag(v, VCPU_DOWN)) {
            return;
        }
    }
    domain_shutdown(d, SHUTDOWN_poweroff);
}

void domain_set_shutdown_code(struct domain *d, uint32_t reason)
{
    spin_guard(&d->lock);
    d->shutdown_code = reason;
}

static bool has_running_vcpu(const struct domain *d)
{
    for_each_vcpu(d, v) {
        if (__atomic_load_n(&v->running_on, __ATOMIC_ACQUIRE) >= 0) {
            return true;
        }
    }
    return false;
}

void domain_check_shutdown(struct domain *d)
{
    bool is_complete = false;

    if (!READ_ONCE(d->is_shutting_down)) {
        return;
    }
    spin_lock(&d->lock);
    if (d->is_shutting_down && !d->is_shut_down && !has_running_vcpu(d)) {
        d->is_shut_down = true;
        is_complete = true;
    }
    spin_unlock(&d->lock);
    if (is_complete) {
        evtchn_raise_global_virq(dom0, VIRQ_DOM_EXC);
    }
}

void domain_resume(struct domain *d)
{
    spin_lock(&d->lock);
    d->is_shutting_down = d->is_shut_down = false;
    d->shutdown_code = SHUTDOWN_CODE_NONE;
    spin_unlock(&d->lock);
    for_each_vcpu(d, v) {
        vcpu_clear_flag(v, VCPU_IN_SHUTDOWN);
    }
}

void domain_crash(struct domain *d, const char *fmt, ...)
{
    char message[192];
    va_list args;

    va_start(args, fmt);
    hv_vsnprintf(message, sizeof(message), fmt, args);
    va_end(args);
    if (d->is_hardware) {
        pr_error("%s\n", message);
    } else {
        printk_guest("%s\n", message);
    }
    domain_shutdown(d, SHUTDOWN_crash);
}

int domain_destroy(struct domain *d)
{
    enum domain_state before;
    int rc;

    if (d->is_hardware) {
        return -XEN_EINVAL;
    }
    spin_lock(&d->lock);
    before = d->state;
    d->state = before == DOMAIN_ALIVE ? DOMAIN_DYING : before;
    spin_unlock(&d->lock);
    if (before == DOMAIN_DEAD) {
        return 0;
    }
    if (before == DOMAIN_ALIVE) {
        domain_pause(d); /* for ever */
    }

    rc = evtchn_close_all(d);
    rc = rc != 0 ? rc : grant_release_mappings(d);
    if (rc != 0) {
        return rc;
    }
    for_each_vcpu(d, v) {
        vcpu_release_areas(v);
    }
    rc = p2m_teardown(d);
    if (rc != 0) {
        return rc;
    }
    spin_lock(&d->lock);
    d->state = DOMAIN_DEAD;
    spin_unlock(&d->lock);
    evtchn_raise_global_virq(dom0, VIRQ_DOM_EXC);
    domain_put(d); /* the list's reference */
    return 0;
}
