/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dom0: the first domain, made from the boot loader's modules (an ELF kernel with a PVH entry, an initrd).
 * Its RAM is identity-mapped, so that the addresses its devices are given are right with or
 * without an IOMMU. RAM that it does not get is a hole in its map: there Linux puts what it maps of
 * other domains.
 */
#include <hv/boot.h>

#include <hv/iommu.h>
#include <hv/machine_map.h>
#include <hv/print.h>
#include <hv/sched.h>
#include <hv/string.h>
#include <hv/vcpu.h>
#include <hv/vioapic.h>
#include <hv/vlapic.h>
#include <hv/vpci.h>
#include <hv/arch/svm_host.h>

#include "dom0_build.h"

#define KERNEL_FLOOR (16UL << 20) /* below: the hypervisor's image and tables */
#define DEFAULT_MEM  (1UL << 30)
#define MIN_MEM      (128UL << 20)
#define E820_ACPI    3U

/* --- Memory ------------------------------------------------------------------------------------ */

/* RAM below 1 MiB never was the heap's. */
static void give_low_memory(struct domain *d)
{
    for (uint64_t n = 0; n < LOW_END >> PAGE_SHIFT; n++) {
        if (machine_is_ram(mfn(n)) && n << PAGE_SHIFT < 0xa0000) {
            frame_adopt(d, mfn(n));
        }
    }
}

/* RAM from 16 MiB upwards until dom0 has its share. */
static void give_memory(struct domain *d, uint64_t bytes)
{
    uint64_t wanted = bytes >> PAGE_SHIFT;

    give_low_memory(d);
    for (unsigned i = 0; i < boot_info.map.count && d->frames_owned < wanted; i++) {
        const struct boot_range *range = &boot_info.map.ranges[i];
        uint64_t start = MAX(range->start, KERNEL_FLOOR) >> PAGE_SHIFT;
        uint64_t end = range->end >> PAGE_SHIFT;

        if (range->type == E820_RAM && start < end) {
            end = MIN(end, start + wanted - d->frames_owned);
            frame_carve_range(d, mfn(start), mfn(end));
        }
    }
    if (boot_options.dom0_mem_bytes != 0 && d->frames_owned < wanted) {
        halt_with_message("dom0: dom0_mem= asks for %lu MiB of memory, only %lu MiB are free for it; ask for less",
                          bytes >> 20, d->frames_owned >> 8);
    }
    if (d->frames_owned < MIN_MEM >> PAGE_SHIFT) {
        halt_with_message("dom0: only %lu MiB of memory for dom0; it needs at least %lu MiB",
                          d->frames_owned >> 8, MIN_MEM >> 20);
    }
}

static bool is_dom0_ram(const struct domain *d, uint64_t n)
{
    return frame_is_domains(mfn(n), d->domid);
}

static bool block_is_dom0_ram(const struct domain *d, uint64_t n, unsigned order)
{
    for (uint64_t i = 0; i < 1UL << order; i++) {
        if (!is_dom0_ram(d, n + i)) {
            return false;
        }
    }
    return true;
}

static void map_memory(struct domain *d)
{
    for (uint64_t n = 0; n < frame_limit;) {
        unsigned order = ORDER_4K;

        if (!is_dom0_ram(d, n)) {
            n++;
            continue;
        }
        if (n % (1UL << ORDER_2M) == 0 && block_is_dom0_ram(d, n, ORDER_2M)) {
            order = ORDER_2M;
        }
        if (p2m_map(d, gfn(n), mfn(n), order, P2M_RAM) != 0) {
            halt_with_message("dom0: no memory for its nested page tables");
        }
        n += 1UL << order;
    }
}

/* --- Memory map ---------------------------------------------------------------------------------- */

/* RAM where dom0 has it, with the ACPI area cut out; the firmware's ranges as they are. */
static void make_map(const struct domain *d, struct dom0_layout *l)
{
    for (unsigned i = 0; i < boot_info.map.count; i++) {
        const struct boot_range *range = &boot_info.map.ranges[i];
        uint64_t n = ROUND_UP(range->start, PAGE_SIZE) >> PAGE_SHIFT, end = range->end >> PAGE_SHIFT;

        if (range->type != E820_RAM) {
            range_map_add(&l->map, range->start, range->end, range->type);
        }
        while (range->type == E820_RAM && n < end) {
            uint64_t run = n;

            while (run < end && is_dom0_ram(d, run)) {
                run++;
            }
            range_map_add(&l->map, n << PAGE_SHIFT, run << PAGE_SHIFT, E820_RAM);
            n = run + 1;
        }
    }
    range_map_add(&l->map, l->acpi_start, l->acpi_end, E820_ACPI);
    if (l->map.count > DOM0_MAP_ENTRIES) {
        halt_with_message("dom0: its memory map has more than %u entries", DOM0_MAP_ENTRIES);
    }
}

/* The highest gap of `size` bytes in dom0's RAM below `limit` and above the kernel. */
static uint64_t place_high(const struct domain *d, uint64_t size, uint64_t floor, uint64_t limit)
{
    uint64_t frames = ROUND_UP(size, PAGE_SIZE) >> PAGE_SHIFT, run = 0;

    for (uint64_t n = MIN(limit >> PAGE_SHIFT, frame_limit); n > floor >> PAGE_SHIFT; n--) {
        run = is_dom0_ram(d, n - 1) ? run + 1 : 0;
        if (run == frames) {
            return (n - 1) << PAGE_SHIFT;
        }
    }
    halt_with_message("dom0: %lu KiB do not fit into its memory below 4 GiB; give it more with dom0_mem=",
                      size >> 10);
}

/* --- Start info ---------------------------------------------------------------------------------- */

/* One page each: start info with module list and map, then the command line (Linux copies 2 KiB). */
static uint64_t write_start_info(struct dom0_layout *l, const char *cmdline)
{
    uint64_t at = ROUND_UP(l->kernel_end, PAGE_SIZE);
    uint8_t *page = paddr_to_virt(at);
    struct hvm_start_info *info = (void *)page;
    struct hvm_modlist_entry *module = (void *)(page + 256);
    struct hvm_memmap_table_entry *map = (void *)(page + PAGE_SIZE);
    char *text = (void *)(page + 2 * PAGE_SIZE);

    memset(page, 0, 3 * PAGE_SIZE);
    memcpy(text, cmdline, MIN(strlen(cmdline), PAGE_SIZE / 2 - 1));
    for (unsigned i = 0; i < l->map.count; i++) {
        const struct boot_range *range = &l->map.ranges[i];

        map[i] = (struct hvm_memmap_table_entry){
            .addr = range->start, .size = range->end - range->start, .type = range->type};
    }
    info->magic = XEN_HVM_START_MAGIC_VALUE;
    info->version = 1;
    info->flags = SIF_PRIVILEGED | SIF_INITDOMAIN;
    info->cmdline_paddr = at + 2 * PAGE_SIZE;
    info->rsdp_paddr = l->rsdp;
    info->memmap_paddr = at + PAGE_SIZE;
    info->memmap_entries = l->map.count;
    if (l->initrd_size != 0) {
        info->nr_modules = 1;
        info->modlist_paddr = at + 256;
        module->paddr = l->initrd;
        module->size = l->initrd_size;
    }
    return at;
}

/* --- The whole ------------------------------------------------------------------------------------- */

static struct domain *make_domain(void)
{
    struct xen_domctl_createdomain config = {
        .flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap,
        .max_vcpus = boot_options.dom0_max_vcpus != 0 ? boot_options.dom0_max_vcpus : cpu_count - sched_first_cpu,
        .max_evtchn_port = -1,
        .max_grant_frames = -1,
        .max_maptrack_frames = -1,
    };
    struct domain *d;
    int rc;

    config.max_vcpus = MIN(config.max_vcpus, (uint32_t)MAX_VCPUS);
    rc = domain_create(0, &config, true, &d);
    if (rc != 0) {
        halt_with_message("dom0: cannot be created: error %d", -rc);
    }
    d->is_hardware = true;
    d->frames_max = UINT32_MAX; /* which the toolstack shows as "no limit" */
    return d;
}

/* Its devices: interrupt controllers, PCI, ports, and DMA through the IOMMU. */
static void give_devices(struct domain *d)
{
    int rc = svm_maps_init_hardware_domain(d);

    rc = rc != 0 ? rc : vioapic_init(d);
    rc = rc != 0 ? rc : vpci_init(d);
    if (rc == 0 && iommu_is_present()) {
        rc = iommu_assign_all(d);
    }
    if (rc != 0) {
        halt_with_message("dom0: its devices cannot be set up: error %d", -rc);
    }
}

static void make_vcpus(struct domain *d)
{
    for (unsigned i = 0; i < d->max_vcpus; i++) {
        int rc = vcpu_create(d, i);

        if (rc != 0) {
            halt_with_message("dom0: no vCPU %u: error %d", i, -rc);
        }
    }
}

void dom0_build(void)
{
    static struct dom0_layout layout; /* too large for the stack */
    uint64_t bytes = boot_options.dom0_mem_bytes != 0 ? boot_options.dom0_mem_bytes : DEFAULT_MEM;
    uint64_t start_info;

    if (boot_info.module_count == 0) {
        halt_with_message("dom0: no kernel: load an ELF kernel (vmlinux) as the first module");
    }
    dom0 = make_domain();
    give_memory(dom0, bytes);
    dom0_load_kernel(dom0, &boot_info.modules[0], &layout);

    layout.acpi_start = place_high(dom0, DOM0_ACPI_BYTES, layout.kernel_end, FOUR_GIB);
    layout.acpi_end = layout.acpi_start + DOM0_ACPI_BYTES;
    layout.rsdp = dom0_write_acpi(dom0, layout.acpi_start, DOM0_ACPI_BYTES);
    if (boot_info.module_count > 1) {
        const struct boot_module *initrd = &boot_info.modules[1];

        layout.initrd_size = initrd->end - initrd->start;
        layout.initrd = place_high(dom0, layout.initrd_size, layout.kernel_end + 4 * PAGE_SIZE, layout.acpi_start);
        memcpy(paddr_to_virt(layout.initrd), paddr_to_virt(initrd->start), layout.initrd_size);
    }
    make_map(dom0, &layout);
    start_info = write_start_info(&layout, boot_info.modules[0].cmdline);

    map_memory(dom0);
    give_devices(dom0);
    make_vcpus(dom0);
    boot_modules_to_heap();
    pr_info("dom0: %lu MiB, %u vCPUs, kernel %lx-%lx, initrd %lx, entry %x", dom0->frames_owned >> 8,
            dom0->max_vcpus, layout.kernel_start, layout.kernel_end, layout.initrd, layout.entry);

    arch_vcpu_set_pvh_entry(dom0->vcpus[0], layout.entry, (uint32_t)start_info);
    vcpu_clear_flag(dom0->vcpus[0], VCPU_DOWN);
    domain_control_unpause(dom0);
}
