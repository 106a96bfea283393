/* SPDX-License-Identifier: Apache-2.0 */
/* From the boot loader's jump to the VM loop: what is set up, in which order. */
#include <hv/acpi.h>
#include <hv/arch/apic.h>
#include <hv/arch/machine.h>
#include <hv/arch/paging.h>
#include <hv/arch/svm_host.h>
#include <hv/arch/traps.h>
#include <hv/boot.h>
#include <hv/console.h>
#include <hv/console_input.h>
#include <hv/cpuid_policy.h>
#include <hv/frame.h>
#include <hv/ioapic.h>
#include <hv/iommu.h>
#include <hv/machine_map.h>
#include <hv/print.h>
#include <hv/sched.h>

void boot_main(uint32_t magic, uint32_t info_paddr) NORETURN;

static void print_memory_map(void)
{
    static const char *const types[] = {"?", "RAM", "reserved", "ACPI", "NVS", "unusable"};

    for (unsigned i = 0; i < boot_info.map.count; i++) {
        const struct boot_range *range = &boot_info.map.ranges[i];

        pr_info("memory: %016lx-%016lx %s", range->start, range->end - 1,
                range->type < ARRAY_SIZE(types) ? types[range->type] : "other");
    }
    for (unsigned i = 0; i < boot_info.module_count; i++) {
        pr_info("module %u: %lx-%lx \"%s\"", i, boot_info.modules[i].start,
                boot_info.modules[i].end - 1, boot_info.modules[i].cmdline);
    }
}

#define INTERRUPT_MESSAGES_SIZE (1UL << 20) /* FEEx_xxxx, of which the local APIC is the first page */

/* Registers that the hypervisor works with, or that could be made to send any interrupt: the HPET, and the addresses
 * where a write is an interrupt message. Those that dom0 sees are emulated for it. */
static void keep_own_registers(void)
{
    uint64_t buses = acpi_info.mcfg_bus_end + 1u - acpi_info.mcfg_bus_start;

    machine_map_keep(acpi_info.lapic_paddr, INTERRUPT_MESSAGES_SIZE);
    if (acpi_info.hpet_paddr != 0) {
        machine_map_keep(acpi_info.hpet_paddr, PAGE_SIZE);
    }
    for (unsigned n = 0; n < ioapic_count(); n++) {
        machine_map_keep(ioapic_info(n)->paddr, PAGE_SIZE);
    }
    if (acpi_info.mcfg_base != 0) {
        machine_map_keep(acpi_info.mcfg_base + ((uint64_t)acpi_info.mcfg_bus_start << 20),
                         buses << 20);
    }
}

/* Without DMA remapping any device of dom0 can reach all memory: only on demand. */
static void init_iommu(void)
{
    if (iommu_init() == 0) {
        return;
    }
    if (!boot_options.iommu_off) {
        halt_with_message("iommu: none that works: boot with iommu=off to go without DMA isolation");
    }
    pr_warn("iommu: off: dom0's devices can reach all memory, and foreign pages only where gfn is mfn");
}

/* The host: its memory, clock, interrupt controllers. One CPU, no domains yet. */
static void init_host(uint32_t magic, uint32_t info_paddr)
{
    cpu_init_boot();
    descriptors_init();
    serial_init(115200);
    multiboot_parse(magic, info_paddr);
    boot_options_parse(boot_info.cmdline);
    serial_init(boot_options.serial_baud);
    pr_info("Nether " NETHER_VERSION ", started by %s: \"%s\"", boot_info.loader, boot_info.cmdline);
    print_memory_map();
    early_memory_init();
    paging_init();
    acpi_init(boot_info.rsdp);
    tsc_init();
    boot_memory_to_heap();
    pr_info("memory: %lu MiB for domains", frame_stats(NODE_ANY).free >> 8);
    lapic_init();
    machine_check_init_cpu();
    ioapic_init();
    keep_own_registers();
    init_iommu();
    serial_input_init(console_input_collect); /* its line goes through the remapping */
}

/* What domains stand on: virtualization of the processor and of DMA. */
static void init_virtualization(void)
{
    svm_detect();
    svm_maps_init();
    svm_init_cpu();
    cpuid_policy_init_system(x86_cpuid);
    iommu_watch();
}

void boot_main(uint32_t magic, uint32_t info_paddr)
{
    init_host(magic, info_paddr);
    init_virtualization();
    smp_start_all();
    if (boot_options.idle_cpus < cpu_count) {
        sched_first_cpu = boot_options.idle_cpus;
    } else {
        pr_warn("idle_cpus=%u ignored: there are %u CPUs, and one must run dom0", boot_options.idle_cpus, cpu_count);
    }
    dom0_build();
    console_defer();
    WRITE_ONCE(frame_scrubs_when_idle, true);
    cpu_run();
}
