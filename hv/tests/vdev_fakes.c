/* SPDX-License-Identifier: Apache-2.0 */
/* See vdev_fakes.h. */
#include "vdev_fakes.h"

#include <hv/arch/cpu.h>
#include <hv/frame.h>
#include <hv/guest_copy.h>
#include <hv/hypercall.h>
#include <hv/ioapic.h>
#include <hv/iommu.h>
#include <hv/lock.h>
#include <hv/print.h>
#include <hv/string.h>
#include <hv/time.h>

#include <stdio.h>
#include <stdlib.h>

struct fake fake;
struct cpu *cpus[MAX_CPUS];
unsigned cpu_count = 1;
uint64_t host_tsc_khz = 1000000;
struct tsc_scale host_tsc_scale = {.mul_frac = 0x80000000, .shift = 1};
bool host_tsc_is_unstable;

static struct cpu boot_cpu;
static struct domain domain;
static struct vcpu vcpus[8];
static struct vcpu_info vcpu_infos[8];
static struct timer *timers[FAKE_MAX_TIMERS];
static void *allocations[64]; /* of the present domain and what it has */

struct domain *fake_domain(unsigned vcpu_count)
{
    for (unsigned n = 0; n < ARRAY_SIZE(allocations); n++) {
        page_free(allocations[n]);
    }
    memset(&fake, 0, sizeof(fake));
    memset(&domain, 0, sizeof(domain));
    memset(vcpus, 0, sizeof(vcpus));
    memset(vcpu_infos, 0, sizeof(vcpu_infos));
    memset(timers, 0, sizeof(timers));
    fake.code_bits = 64;
    fake.exception = -1;
    fake.unmapped_linear = ~0UL;
    fake.rflags = 2;
    memset(fake.segment_limit, 0xff, sizeof(fake.segment_limit));
    boot_cpu.apic_id = 7;
    cpus[0] = &boot_cpu;
    domain.domid = 3;
    domain.max_vcpus = vcpu_count;
    for (unsigned n = 0; n < vcpu_count; n++) {
        vcpus[n].id = n;
        vcpus[n].domain = &domain;
        vcpus[n].running_on = -1;
        vcpus[n].vcpu_info = &vcpu_infos[n];
        domain.vcpus[n] = &vcpus[n];
    }
    return &domain;
}

/* --- Memory, locks, messages --------------------------------------------------------------- */

/* The place of an allocation, or of none. */
static void **place_of(void *p)
{
    for (unsigned n = 0; n < ARRAY_SIZE(allocations); n++) {
        if (allocations[n] == p) {
            return &allocations[n];
        }
    }
    abort();
}

mfn_t frame_alloc_hv(unsigned order, unsigned node)
{
    void *p = fake.no_memory ? NULL : aligned_alloc(PAGE_SIZE, PAGE_SIZE << order);

    (void)node;
    if (p == NULL) {
        return MFN_NONE;
    }
    memset(p, 0, PAGE_SIZE << order);
    *place_of(NULL) = p;
    return mfn((uint64_t)p >> PAGE_SHIFT);
}

void frame_free_hv(mfn_t m, unsigned order)
{
    (void)order;
    page_free(mfn_to_virt(m));
}

void *page_alloc(void)
{
    mfn_t m = frame_alloc_hv(0, NODE_ANY);

    return mfn_is_none(m) ? NULL : mfn_to_virt(m);
}

void page_free(void *page)
{
    *place_of(page) = NULL;
    free(page);
}

void *mfn_to_virt(mfn_t m)
{
    return (void *)(m.n << PAGE_SHIFT);
}

mfn_t virt_to_mfn(const void *p)
{
    return mfn((uint64_t)p >> PAGE_SHIFT);
}

void spin_init(struct spinlock *lock, enum lock_rank rank)
{
    *lock = (struct spinlock){.rank = rank};
}

void lock_check_held(const struct spinlock *lock)
{
    if (lock->next == lock->serving) {
        abort();
    }
}

void spin_lock(struct spinlock *lock)
{
    if (lock->next != lock->serving) {
        abort(); /* taken twice */
    }
    lock->next++;
}

void spin_unlock(struct spinlock *lock)
{
    if (lock->next == lock->serving) {
        abort();
    }
    lock->serving++;
}

void printk(enum log_level level, const char *fmt, ...)
{
    (void)level;
    (void)fmt;
}

/* --- Time ----------------------------------------------------------------------------------- */

uint64_t now_ns(void)
{
    return fake.now_ns;
}

void timer_init(struct timer *t, void (*fire)(void *data), void *data)
{
    *t = (struct timer){.fire = fire, .data = data};
}

void timer_stop(struct timer *t)
{
    for (unsigned n = 0; n < FAKE_MAX_TIMERS; n++) {
        if (timers[n] == t) {
            timers[n] = NULL;
        }
    }
}

void timer_set(struct timer *t, uint64_t deadline_ns)
{
    timer_stop(t);
    t->deadline_ns = deadline_ns;
    for (unsigned n = 0; n < FAKE_MAX_TIMERS; n++) {
        if (timers[n] == NULL) {
            timers[n] = t;
            return;
        }
    }
    abort();
}

void fake_advance_ns(uint64_t ns)
{
    uint64_t end = fake.now_ns + ns;

    for (;;) {
        struct timer *first = NULL;

        for (unsigned n = 0; n < FAKE_MAX_TIMERS; n++) {
            if (timers[n] != NULL && timers[n]->deadline_ns <= end &&
                (first == NULL || timers[n]->deadline_ns < first->deadline_ns)) {
                first = timers[n];
            }
        }
        if (first == NULL) {
            break;
        }
        fake.now_ns = MAX(fake.now_ns, first->deadline_ns);
        timer_stop(first);
        first->fire(first->data);
    }
    fake.now_ns = end;
}

/* --- vCPUs ---------------------------------------------------------------------------------- */

struct vcpu *domain_vcpu(const struct domain *d, uint32_t vcpu_id)
{
    return vcpu_id < d->max_vcpus ? d->vcpus[vcpu_id] : NULL;
}

void vcpu_kick(struct vcpu *v)
{
    fake.kicks[v->id]++;
    v->pause_flags &= ~VCPU_BLOCKED;
}

void vcpu_set_flag(struct vcpu *v, enum vcpu_pause_flag flag)
{
    v->pause_flags |= flag;
}

void vcpu_clear_flag(struct vcpu *v, enum vcpu_pause_flag flag)
{
    v->pause_flags &= ~flag;
}

void vcpu_evtchn_upcall(struct vcpu *v)
{
    fake.upcalls[v->id]++;
}

void arch_vcpu_reset(struct vcpu *v)
{
    fake.resets[v->id]++;
}

void arch_vcpu_sipi(struct vcpu *v, uint8_t vector)
{
    fake.sipis[v->id]++;
    fake.sipi_vector[v->id] = vector;
}

void arch_inject_exception(struct vcpu *v, unsigned vector, bool has_error, uint32_t error_code)
{
    (void)v;
    (void)has_error;
    fake.exception = vector;
    fake.fault_code = error_code;
}

void arch_inject_page_fault(struct vcpu *v, uint64_t linear, uint32_t error_code)
{
    arch_inject_exception(v, 14, true, error_code);
    fake.fault_linear = linear;
}

unsigned arch_vcpu_cpl(const struct vcpu *v)
{
    (void)v;
    return fake.cpl;
}

uint64_t arch_vcpu_rip(const struct vcpu *v)
{
    (void)v;
    return fake.rip;
}

void arch_vcpu_advance_rip(struct vcpu *v, unsigned length)
{
    (void)v;
    fake.rip += length;
}

unsigned arch_vcpu_code_bits(const struct vcpu *v)
{
    (void)v;
    return fake.code_bits;
}

uint64_t arch_vcpu_segment_base(const struct vcpu *v, unsigned segment)
{
    (void)v;
    return fake.segment_base[segment];
}

bool arch_vcpu_is_in_segment(const struct vcpu *v, unsigned segment, uint64_t first, uint64_t last)
{
    (void)v;
    (void)first;
    return fake.code_bits == 64 || last <= fake.segment_limit[segment];
}

uint32_t arch_port_read(struct vcpu *v, uint16_t port, unsigned size)
{
    (void)v;
    (void)size;
    return port;
}

void arch_port_write(struct vcpu *v, uint16_t port, unsigned size, uint32_t value)
{
    (void)v;
    (void)port;
    (void)size;
    fake.port_written = value;
}

uint64_t arch_vcpu_rflags(const struct vcpu *v)
{
    (void)v;
    return fake.rflags;
}

void arch_vcpu_set_rflags(struct vcpu *v, uint64_t rflags)
{
    (void)v;
    fake.rflags = rflags;
}

uint64_t arch_vcpu_cr4(const struct vcpu *v)
{
    (void)v;
    return fake.cr4;
}

/* --- Guest memory: linear is physical ------------------------------------------------------- */

int guest_walk(struct vcpu *v, uint64_t linear, unsigned access, uint64_t *gpa,
               uint32_t *error_code)
{
    (void)v;
    if ((linear & PAGE_MASK) == fake.unmapped_linear) {
        *error_code = access;
        return -XEN_EFAULT;
    }
    *gpa = linear;
    return 0;
}

size_t guest_fetch(struct vcpu *v, void *dst, uint64_t linear, size_t size)
{
    size_t count = 0;
    uint32_t error_code;
    uint64_t gpa;

    while (count < size && guest_walk(v, linear + count, WALK_EXEC, &gpa, &error_code) == 0 &&
           gpa < FAKE_MEMORY_SIZE) {
        ((uint8_t *)dst)[count++] = fake.memory[gpa];
    }
    return count;
}

int guest_copy_in_gpa(struct domain *d, void *dst, uint64_t gpa, size_t size)
{
    (void)d;
    if (gpa > FAKE_MEMORY_SIZE - size) {
        return -XEN_EFAULT;
    }
    memcpy(dst, &fake.memory[gpa], size);
    return 0;
}

int guest_copy_out_gpa(struct domain *d, uint64_t gpa, const void *src, size_t size)
{
    (void)d;
    if (gpa > FAKE_MEMORY_SIZE - size) {
        return -XEN_EFAULT;
    }
    memcpy(&fake.memory[gpa], src, size);
    return 0;
}

/* --- Host interrupts: two IO-APICs of 24 pins ----------------------------------------------- */

static const struct ioapic_info ioapics[2] = {
    {.id = 0, .gsi_base = 0, .pin_count = 24, .paddr = 0xfec00000},
    {.id = 1, .gsi_base = 24, .pin_count = 24, .paddr = 0xfec01000},
};

unsigned ioapic_count(void)
{
    return ARRAY_SIZE(ioapics);
}

const struct ioapic_info *ioapic_info(unsigned n)
{
    return &ioapics[n];
}

int ioapic_route(uint32_t gsi, uint8_t vector, uint32_t apic_id, bool is_level, bool is_active_low,
                 bool is_masked)
{
    fake.pins[gsi].vector = vector;
    fake.pins[gsi].apic_id = apic_id;
    fake.pins[gsi].is_level = is_level;
    fake.pins[gsi].is_active_low = is_active_low;
    fake.pins[gsi].is_masked = is_masked;
    fake.pins[gsi].routes++;
    return 0;
}

void ioapic_mask(uint32_t gsi)
{
    fake.pins[gsi].is_masked = true;
}

bool ioapic_unmask(uint32_t gsi)
{
    fake.pins[gsi].is_masked = false;
    return fake.pins[gsi].is_level && fake.pins[gsi].is_asserted;
}

uint32_t iommu_apic_id_limit(void)
{
    return 0xfe;
}

bool ioapic_is_routed(uint32_t gsi)
{
    return fake.pins[gsi].vector != 0;
}

int irq_vector_alloc(irq_handler_fn handler, void *data)
{
    for (int vector = IRQ_VECTOR_FIRST; !fake.no_vectors && vector <= IRQ_VECTOR_LAST; vector++) {
        if (fake.irq_handler[vector] == NULL) {
            fake.irq_handler[vector] = handler;
            fake.irq_data[vector] = data;
            return vector;
        }
    }
    return -XEN_ENOSPC;
}

void irq_vector_free(int vector)
{
    fake.irq_handler[vector] = NULL;
}

bool fake_line_fires(uint32_t gsi)
{
    uint8_t vector = fake.pins[gsi].vector;

    if (vector == 0 || fake.pins[gsi].is_masked) {
        return false;
    }
    fake.irq_handler[vector](fake.irq_data[vector]);
    return true;
}
