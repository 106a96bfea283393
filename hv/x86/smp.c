/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting the other CPUs, one after the other, by INIT and start-up IPIs (AMD64 APM vol. 2, 16.5) through
 * a trampoline in a page below 1 MiB, whose contents (dom0's memory) are put back afterwards.
 */
#include <hv/acpi.h>
#include <hv/arch/apic.h>
#include <hv/arch/layout.h>
#include <hv/arch/machine.h>
#include <hv/arch/paging.h>
#include <hv/arch/svm_host.h>
#include <hv/arch/traps.h>
#include <hv/arch/x86.h>
#include <hv/boot.h>
#include <hv/frame.h>
#include <hv/print.h>
#include <hv/time.h>

#define INIT_WAIT_NS  10000000UL
#define START_WAIT_NS 1000000000UL

extern char trampoline_start[], trampoline_end[], trampoline_root[], trampoline_stack[];
extern char early_root[];

void smp_secondary_start(void) NORETURN;

struct cpu *cpus[MAX_CPUS];
unsigned cpu_count;

static void cpu_init(struct cpu *c, unsigned id, uint32_t apic_id, unsigned node)
{
    memset(c, 0, sizeof(*c));
    c->id = id;
    c->apic_id = apic_id;
    c->node = node;
}

void cpu_init_boot(void)
{
    struct cpu *c = this_cpu();

    spin_is_unfair = x86_cpuid(1, 0).ecx >> 31; /* reserved for hypervisors to say that they are there */
    cpu_init(c, 0, x86_boot_apic_id(), 0);
    c->is_online = true;
    cpus[0] = c;
    cpu_count = 1;
}

uint32_t x86_boot_apic_id(void)
{
    return x86_cpuid(0, 0).eax >= 0xb && x86_cpuid(0xb, 0).ebx != 0 ? x86_cpuid(0xb, 0).edx
                                                                    : x86_cpuid(1, 0).ebx >> 24;
}

void cpu_raise(struct cpu *c, uint32_t work)
{
    uint32_t old = __atomic_fetch_or(&c->work, work, __ATOMIC_SEQ_CST);

    if (c == this_cpu() || (old & work) == work) {
        return;
    }
    if (__atomic_load_n(&c->in_guest, __ATOMIC_SEQ_CST) || READ_ONCE(c->current) == NULL) {
        arch_send_kick(c);
    }
}

void page_clear(void *page)
{
    uint64_t count = PAGE_SIZE / 8;

    __asm__ volatile("rep stosq" : "+D"(page), "+c"(count) : "a"(0UL) : "memory");
}

/* A page of RAM below 640 KiB. 0 if firmware left none. */
static uint64_t find_low_page(void)
{
    for (unsigned i = boot_info.map.count; i-- > 0;) {
        const struct boot_range *range = &boot_info.map.ranges[i];
        uint64_t page = ROUND_DOWN(MIN(range->end, 0xa0000UL), PAGE_SIZE) - PAGE_SIZE;

        if (range->type == E820_RAM && range->end >= 2 * PAGE_SIZE && page >= range->start) {
            return page;
        }
    }
    return 0;
}

/* Runs on the new CPU, on its own stack. */
void smp_secondary_start(void)
{
    struct cpu *c = this_cpu();

    paging_load();
    descriptors_init();
    lapic_enable();
    machine_check_init_cpu();
    svm_init_cpu(); /* what it allocates is gone from the heap before dom0's memory is chosen */
    __atomic_store_n(&c->is_online, true, __ATOMIC_RELEASE);
    tsc_follow();
    cpu_run();
}

static bool wait_online(const struct cpu *c, uint64_t ns)
{
    uint64_t start = now_ns();

    while (!__atomic_load_n(&c->is_online, __ATOMIC_ACQUIRE)) {
        if (now_ns() - start > ns) {
            return false;
        }
        cpu_relax();
    }
    return true;
}

static bool start_cpu(struct cpu *c, uint8_t page)
{
    lapic_send_init(c->apic_id);
    (void)wait_online(c, INIT_WAIT_NS); /* it cannot be yet */
    lapic_send_sipi(c->apic_id, page);
    if (wait_online(c, START_WAIT_NS / 5)) {
        return true;
    }
    lapic_send_sipi(c->apic_id, page);
    return wait_online(c, START_WAIT_NS);
}

/* Time must not go back where a vCPU goes from one CPU to another. */
static void check_tsc(const struct cpu *c)
{
    uint64_t warp = tsc_lead(false);

    if (warp != 0) {
        pr_warn("tsc: CPU %u is at least %lu ticks apart from CPU 0: the clock is unstable, guests are told so", c->id, warp);
        host_tsc_is_unstable = true;
    }
}

/* A CPU that comes up late must find nothing to run: INIT puts it back to sleep. */
static void give_up_cpu(const struct cpu *c)
{
    lapic_send_init(c->apic_id);
    pr_warn("smp: CPU with apic id %u does not start, left out", c->apic_id);
}

void smp_start_all(void)
{
    uint64_t low_page = find_low_page();
    char *page = paddr_to_virt(low_page);
    size_t size = (size_t)(trampoline_end - trampoline_start);

    cpus[0]->node = acpi_info.cpu_nodes[0];
    if (low_page == 0) {
        pr_warn("smp: no RAM below 640 KiB to start other CPUs with");
        return;
    }

    void *saved = page_alloc();

    if (!saved) {
        panic("smp: no memory");
    }
    memcpy(saved, page, PAGE_SIZE);
    memcpy(page, trampoline_start, size);
    *(uint64_t *)(page + (trampoline_root - trampoline_start)) = (uint64_t)early_root - IMAGE_OFFSET;

    for (unsigned i = 1; i < acpi_info.cpu_count; i++) {
        if (!lapic_is_x2apic() && acpi_info.apic_ids[i] > 0xfe) {
            pr_warn("smp: apic id %u needs x2APIC, left out", acpi_info.apic_ids[i]);
            continue;
        }

        struct cpu *c = paging_map_stack(i, acpi_info.cpu_nodes[i]);

        if (!c) {
            pr_warn("smp: no memory for CPU %u and later", i);
            break;
        }
        cpu_init(c, cpu_count, acpi_info.apic_ids[i], acpi_info.cpu_nodes[i]);
        cpus[cpu_count] = c;
        *(uint64_t *)(page + (trampoline_stack - trampoline_start)) = (uint64_t)c + CPU_STACK_SIZE;
        tsc_lead(true);
        if (start_cpu(c, (uint8_t)(low_page >> PAGE_SHIFT))) {
            check_tsc(c);
            cpu_count++;
        } else {
            give_up_cpu(c);
            cpus[cpu_count] = NULL;
        }
    }
    memcpy(page, saved, PAGE_SIZE);
    page_free(saved);
    pr_info("smp: %u of %u CPUs online", cpu_count, acpi_info.cpu_count);
}
