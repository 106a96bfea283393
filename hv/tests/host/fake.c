/* SPDX-License-Identifier: Apache-2.0 */
/* The machine below the seam, for unit tests: see fake.h. */
#include "fake.h"

#include <hv/arch/machine.h>
#include <hv/boot.h>
#include <hv/console.h>
#include <hv/evtchn.h>
#include <hv/frame.h>
#include <hv/grant.h>
#include <hv/hypercall.h>
#include <hv/iommu.h>
#include <hv/ioapic.h>
#include <hv/irq.h>
#include <hv/machine_map.h>
#include <hv/print.h>
#include <hv/time.h>
#include <hv/timer.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

uint64_t fake_tsc;
unsigned fake_kick_count, fake_flush_count;

struct boot_info boot_info;
struct cpu *cpus[MAX_CPUS];
unsigned cpu_count;

static struct cpu fake_cpus[FAKE_CPUS];
static unsigned current_cpu;
static char *arena;

/* --- RAM ----------------------------------------------------------------------------------------- */

void *mfn_to_virt(mfn_t m)
{
    if (m.n >= FAKE_RAM_BYTES / PAGE_SIZE) {
        panic("fake: mfn %lx is not RAM", m.n);
    }
    return arena + m.n * PAGE_SIZE;
}

mfn_t virt_to_mfn(const void *p)
{
    return mfn((uint64_t)((const char *)p - arena) / PAGE_SIZE);
}

void page_clear(void *page)
{
    memset(page, 0, PAGE_SIZE);
}

/* --- CPUs ---------------------------------------------------------------------------------------- */

struct cpu *this_cpu(void)
{
    return &fake_cpus[current_cpu];
}

void fake_cpu_use(unsigned n, struct vcpu *v)
{
    current_cpu = n;
    fake_cpus[n].current = v;
}

uint64_t arch_read_tsc(void)
{
    return fake_tsc;
}

void arch_timer_program(uint64_t deadline_ns)
{
    (void)deadline_ns;
}

/* Nobody takes the work up: tests do what they want done. */
void cpu_raise(struct cpu *c, uint32_t work)
{
    __atomic_fetch_or(&c->work, work, __ATOMIC_SEQ_CST);
    if (c != this_cpu()) {
        arch_send_kick(c);
    }
}

void arch_send_kick(struct cpu *c)
{
    (void)c;
    fake_kick_count++;
}

/* --- The rest of the machine --------------------------------------------------------------------- */

void serial_write(const char *text, size_t size)
{
    fwrite(text, 1, size, stderr);
}

size_t serial_offer(const char *text, size_t size)
{
    serial_write(text, size);
    return size;
}

bool panic_is_active(void)
{
    return false;
}

void panic(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
    abort();
}

void halt_with_message(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    abort();
}

void machine_reset(void)
{
    abort();
}

void machine_stop(void)
{
    abort();
}

void machine_halt(void)
{
    abort();
}

void iommu_flush(struct domain *d)
{
    (void)d;
    fake_flush_count++;
}

bool machine_is_device_memory(mfn_t m)
{
    return m.n >= FAKE_RAM_BYTES / PAGE_SIZE;
}

unsigned ioapic_count(void)
{
    return 0;
}

const struct ioapic_info *ioapic_info(unsigned n)
{
    (void)n;
    return NULL;
}

int ioapic_route(uint32_t gsi, uint8_t vector, uint32_t apic_id, bool is_level, bool is_active_low,
                 bool is_masked)
{
    (void)gsi, (void)vector, (void)apic_id, (void)is_level, (void)is_active_low, (void)is_masked;
    return -XEN_ENOENT;
}

void ioapic_mask(uint32_t gsi)
{
    (void)gsi;
}

bool ioapic_unmask(uint32_t gsi)
{
    (void)gsi;
    return false;
}

uint32_t iommu_apic_id_limit(void)
{
    return 0xfe;
}

bool ioapic_is_routed(uint32_t gsi)
{
    (void)gsi;
    return false;
}

int irq_vector_alloc(irq_handler_fn handler, void *data)
{
    (void)handler, (void)data;
    return -XEN_ENOSPC;
}

void irq_vector_free(int vector)
{
    (void)vector;
}

/* --- Set-up -------------------------------------------------------------------------------------- */

void fake_host_init(void)
{
    const uint64_t frames = FAKE_RAM_BYTES / PAGE_SIZE;

    arena = mmap(NULL, FAKE_RAM_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (arena == MAP_FAILED) {
        panic("fake: no memory");
    }
    frame_init(calloc(frames, sizeof(struct frame)), frames);
    frame_add_range(mfn(1), mfn(frames), 0, FRAME_CLEAN);

    boot_options.log_level = LOG_WARN;
    host_tsc_khz = 1000000;
    host_tsc_scale = tsc_scale_for_khz(host_tsc_khz);
    cpu_count = FAKE_CPUS;
    for (unsigned i = 0; i < FAKE_CPUS; i++) {
        struct cpu *c = &fake_cpus[i];

        memset(c, 0, sizeof(*c));
        c->id = c->apic_id = i;
        c->is_online = true;
        cpus[i] = c;
        timer_init_cpu(c);
        sched_init_cpu(c);
    }
    current_cpu = 0;
}

/* Order 0 only: tests want to punch holes. */
static void add_ram(struct domain *d)
{
    for (uint64_t g = 0; g < FAKE_GUEST_PAGES; g++) {
        mfn_t m = frame_alloc_guest(d, ORDER_4K, NODE_ANY);

        if (mfn_is_none(m) || p2m_map(d, gfn(g), m, ORDER_4K, P2M_RAM) != 0) {
            panic("fake: no RAM for d%u", d->domid);
        }
    }
}

struct domain *fake_domain_create(domid_t domid, unsigned vcpus)
{
    struct xen_domctl_createdomain config = {
        .max_vcpus = vcpus,
        .max_evtchn_port = EVTCHN_FIFO_NR_CHANNELS - 1,
        .max_grant_frames = 16,
        .max_maptrack_frames = 16,
    };
    struct domain *d;

    if (domain_create(domid, &config, domid == 0, &d) != 0) {
        panic("fake: domain_create(%u) failed", domid);
    }
    d->frames_max = ~0UL;
    if (domid == 0) {
        dom0 = d;
    }
    for (unsigned i = 0; i < vcpus; i++) {
        if (vcpu_create(d, i) != 0) {
            panic("fake: vcpu_create(%u, %u) failed", domid, i);
        }
        vcpu_clear_flag(d->vcpus[i], VCPU_DOWN);
    }
    add_ram(d);
    domain_control_unpause(d);
    domain_put(d);
    return d;
}

void fake_domain_destroy(struct domain *d)
{
    while (domain_destroy(d) == -XEN_ERESTART) {
    }
}

void *fake_guest_memory(struct domain *d, uint64_t gpa)
{
    struct p2m_entry entry = p2m_lookup(d, gfn(gpa >> PAGE_SHIFT));

    return mfn_is_none(entry.mfn) ? NULL : (char *)mfn_to_virt(entry.mfn) + (gpa & (PAGE_SIZE - 1));
}
