/* SPDX-License-Identifier: Apache-2.0 */
/* See boot_fakes.h. A message that halts the machine, and a panic, abort the test. */
#include "boot_fakes.h"

#include <hv/acpi.h>
#include <hv/arch/machine.h>
#include <hv/arch/paging.h>
#include <hv/console.h>
#include <hv/frame.h>
#include <hv/hypercall.h>
#include <hv/iommu.h>
#include <hv/irq.h>
#include <hv/mmio.h>
#include <hv/print.h>
#include <hv/timer.h>
#include <hv/vlapic.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FAKE_REGIONS 8U

static _Alignas(4096) char arena[ARENA_BYTES];
static uint64_t next_page;
static struct cpu the_cpu;

struct cpu *cpus[MAX_CPUS];
unsigned cpu_count;
struct frame *frame_table;
uint64_t fakes_heap_frames;

uint8_t fakes_config[256];
struct fakes_delivery fakes_delivery;
unsigned fakes_vectors_in_use, fakes_vectors_max, fakes_regions, fakes_unmapped, fakes_mapped;
char fakes_serial[4096];
size_t fakes_serial_room;
uint64_t fakes_tsc;
struct timer *fakes_timer;

static struct {
    irq_handler_fn handler;
    void *data;
} vectors[256];

static struct {
    uint64_t start, end;
    const struct mmio_ops *ops;
    void *data;
} regions[MAX_FAKE_REGIONS];

void fakes_reset(void)
{
    memset(arena, 0, sizeof(arena));
    memset(fakes_config, 0, sizeof(fakes_config));
    memset(vectors, 0, sizeof(vectors));
    memset(regions, 0, sizeof(regions));
    memset(fakes_serial, 0, sizeof(fakes_serial));
    fakes_delivery = (struct fakes_delivery){0};
    fakes_remapping = (struct fakes_remapping){0};
    fakes_vectors_in_use = fakes_regions = fakes_unmapped = fakes_mapped = 0;
    fakes_vectors_max = 256;
    next_page = ARENA_BYTES / 2 / PAGE_SIZE; /* allocations come out of the upper half */
    the_cpu = (struct cpu){.apic_id = 3};
    cpus[0] = &the_cpu;
    cpu_count = 1;
}

void *fakes_ram(uint64_t paddr)
{
    if (paddr >= ARENA_BYTES) {
        panic("fake: 0x%lx is not RAM", paddr);
    }
    return arena + paddr;
}

void *mfn_to_virt(mfn_t m)
{
    return fakes_ram(m.n << PAGE_SHIFT);
}

mfn_t virt_to_mfn(const void *p)
{
    return mfn((uint64_t)((const char *)p - arena) >> PAGE_SHIFT);
}

struct cpu *this_cpu(void)
{
    return &the_cpu;
}

uint64_t arch_read_tsc(void)
{
    return fakes_tsc;
}

uint32_t x86_boot_apic_id(void)
{
    return 3;
}

void serial_write(const char *text, size_t size)
{
    strncat(fakes_serial, text, MIN(size, sizeof(fakes_serial) - strlen(fakes_serial) - 1));
}

size_t serial_offer(const char *text, size_t size)
{
    size = MIN(size, fakes_serial_room);
    fakes_serial_room -= size;
    serial_write(text, size);
    return size;
}

void timer_init(struct timer *t, void (*fire)(void *data), void *data)
{
    *t = (struct timer){.fire = fire, .data = data};
}

void timer_set(struct timer *t, uint64_t deadline_ns)
{
    t->deadline_ns = deadline_ns;
    fakes_timer = t;
}

bool panic_is_active(void)
{
    return false;
}

void panic(const char *fmt, ...)
{
    (void)fmt;
    abort();
}

void halt_with_message(const char *fmt, ...)
{
    (void)fmt;
    abort();
}

void *paging_map_mmio(uint64_t paddr, size_t size)
{
    fakes_mapped++;
    fakes_ram(paddr + size - 1);
    return fakes_ram(paddr);
}

volatile void *paging_window(uint64_t paddr)
{
    return fakes_ram(paddr);
}

const void *paging_map_firmware(uint64_t paddr, size_t size)
{
    return paging_map_mmio(paddr, size);
}

mfn_t frame_alloc_hv(unsigned order, unsigned node)
{
    mfn_t m = mfn(next_page);

    (void)node;
    next_page += 1UL << order;
    return m;
}

void frame_free_hv(mfn_t m, unsigned order)
{
    (void)m;
    (void)order;
}

void *page_alloc(void)
{
    return mfn_to_virt(frame_alloc_hv(0, NODE_ANY));
}

int irq_vector_alloc(irq_handler_fn handler, void *data)
{
    for (int i = IRQ_VECTOR_FIRST; i <= IRQ_VECTOR_LAST; i++) {
        if (!vectors[i].handler && fakes_vectors_in_use < fakes_vectors_max) {
            vectors[i].handler = handler;
            vectors[i].data = data;
            fakes_vectors_in_use++;
            return i;
        }
    }
    return -XEN_ENOSPC;
}

void irq_vector_free(int vector)
{
    vectors[vector].handler = NULL;
    fakes_vectors_in_use--;
}

bool fakes_interrupt(int vector)
{
    if (!vectors[vector].handler) {
        return false;
    }
    vectors[vector].handler(vectors[vector].data);
    return true;
}

bool vlapic_deliver(struct domain *d, uint32_t dest, bool is_logical, uint8_t delivery_mode,
                    uint8_t vector, bool is_level)
{
    (void)d;
    (void)is_level;
    fakes_delivery = (struct fakes_delivery){fakes_delivery.count + 1, dest, is_logical, delivery_mode,
                                             vector};
    return true;
}

uint32_t pci_config_read(pci_bdf bdf, unsigned offset, unsigned size)
{
    uint32_t value = ~0u;

    if (bdf == FAKE_BDF && offset + size <= sizeof(fakes_config)) {
        value = 0;
        memcpy(&value, &fakes_config[offset], size);
    }
    return value;
}

void pci_config_write(pci_bdf bdf, unsigned offset, unsigned size, uint32_t value)
{
    if (bdf == FAKE_BDF && offset + size <= sizeof(fakes_config)) {
        memcpy(&fakes_config[offset], &value, size);
    }
}

unsigned pci_find_capability(pci_bdf bdf, uint8_t id)
{
    unsigned at = pci_config_read(bdf, PCI_CAP_POINTER, 1);

    while (at != 0 && at != 0xff && fakes_config[at] != id) {
        at = fakes_config[at + 1];
    }
    return at == 0xff ? 0 : at;
}

struct fakes_remapping fakes_remapping;

int iommu_remap(uint16_t bdf, uint8_t vector, uint32_t apic_id)
{
    if (fakes_remapping.apic_id[vector] == 0) {
        if (fakes_remapping.no_memory) {
            return -XEN_ENOMEM;
        }
        fakes_remapping.count++;
    }
    fakes_remapping.bdf = bdf;
    fakes_remapping.apic_id[vector] = apic_id;
    return 0;
}

void iommu_remap_end(uint16_t bdf, uint8_t vector)
{
    if (bdf == fakes_remapping.bdf && fakes_remapping.apic_id[vector] != 0) {
        fakes_remapping.apic_id[vector] = 0;
        fakes_remapping.count--;
    }
}

uint32_t iommu_apic_id_limit(void)
{
    return 0xfe;
}

bool iommu_owns_device(uint16_t bdf)
{
    return bdf == PCI_BDF(0, 5, 0);
}

int mmio_register(struct domain *d, gfn_t start, gfn_t end, const struct mmio_ops *ops, void *data)
{
    (void)d;
    for (unsigned i = 0; i < MAX_FAKE_REGIONS; i++) {
        if (regions[i].ops && regions[i].start < end.n && regions[i].end > start.n) {
            return -XEN_EEXIST;
        }
    }
    for (unsigned i = 0; i < MAX_FAKE_REGIONS; i++) {
        if (!regions[i].ops) {
            regions[i].start = start.n;
            regions[i].end = end.n;
            regions[i].ops = ops;
            regions[i].data = data;
            fakes_regions++;
            return 0;
        }
    }
    return -XEN_ENOSPC;
}

void mmio_unregister(struct domain *d, gfn_t start)
{
    (void)d;
    for (unsigned i = 0; i < MAX_FAKE_REGIONS; i++) {
        if (regions[i].ops && regions[i].start == start.n) {
            regions[i].ops = NULL;
            fakes_regions--;
        }
    }
}

uint64_t fakes_mmio_read(uint64_t gpa, unsigned size)
{
    for (unsigned i = 0; i < MAX_FAKE_REGIONS; i++) {
        if (regions[i].ops && gpa >> 12 >= regions[i].start && gpa >> 12 < regions[i].end) {
            return regions[i].ops->read(NULL, regions[i].data, gpa, size);
        }
    }
    panic("fake: 0x%lx is not trapped", gpa);
}

void fakes_mmio_write(uint64_t gpa, unsigned size, uint64_t value)
{
    for (unsigned i = 0; i < MAX_FAKE_REGIONS; i++) {
        if (regions[i].ops && gpa >> 12 >= regions[i].start && gpa >> 12 < regions[i].end) {
            regions[i].ops->write(NULL, regions[i].data, gpa, size, value);
            return;
        }
    }
    panic("fake: 0x%lx is not trapped", gpa);
}

int p2m_unmap(struct domain *d, gfn_t g, unsigned order)
{
    (void)d;
    (void)g;
    (void)order;
    fakes_unmapped++;
    return 0;
}
