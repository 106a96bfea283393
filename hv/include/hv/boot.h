/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the boot loader left: command line, memory map, modules, ACPI root. Filled by boot/multiboot.c from
 * Multiboot1 or Multiboot2; addresses are machine addresses and stay valid after the page
 * tables are ours.
 */
#pragma once

#include <hv/types.h>

#define BOOT_MAX_RANGES  256U
#define BOOT_MAX_MODULES 8U

#define LOW_END  (1UL << 20) /* below: what a PC's firmware and dom0 need */
#define FOUR_GIB (1UL << 32)

#define E820_RAM    1U
#define RANGE_TAKEN UINT32_MAX /* whatever the loader says of it: not for who asks the map */

struct boot_range {
    uint64_t start, end; /* bytes, end exclusive */
    uint32_t type;       /* E820: 1 RAM, 2 reserved, 3 ACPI, 4 NVS, 5 unusable; RANGE_TAKEN */
};

struct range_map {
    struct boot_range ranges[BOOT_MAX_RANGES]; /* sorted, not overlapping */
    unsigned count;
};

/* boot/range_map.c: adds [start, end). Where a type is there already, the stronger one is from now on: RANGE_TAKEN,
 * then anything but RAM. Halts with a message when there are too many ranges. */
void range_map_add(struct range_map *map, uint64_t start, uint64_t end, uint32_t type);

struct boot_module {
    uint64_t start, end; /* bytes */
    const char *cmdline; /* NUL-terminated copy; never NULL */
};

struct boot_info {
    char cmdline[1024];
    struct range_map map; /* as the loader told it */
    struct boot_module modules[BOOT_MAX_MODULES];
    unsigned module_count;
    uint64_t rsdp;        /* machine address of the RSDP, 0 if unknown */
    const char *loader;
};

extern struct boot_info boot_info;

/* Parsed options of the hypervisor's command line (boot/options.c). */
struct boot_options {
    uint64_t dom0_mem_bytes;   /* dom0_mem=SIZE (K, M, G), 0: default */
    unsigned dom0_max_vcpus;   /* dom0_max_vcpus=N, 0: as many as CPUs */
    unsigned idle_cpus;        /* idle_cpus=N: the first N CPUs run no vCPU */
    bool iommu_off;            /* iommu=off */
    bool iommu_no_intremap;    /* iommu=no-intremap: DMA is remapped, interrupts are not */
    bool console_serial;       /* console=com1 (default), console=none */
    unsigned serial_baud;      /* com1=BAUD */
    unsigned log_level;        /* loglvl=error|warn|info|debug */
    bool no_reboot;            /* noreboot: halt instead of reset after a panic or dom0 crash */
    bool nmi_panics;           /* nmi=panic: an NMI that nobody sent is the operator's button */
};

extern struct boot_options boot_options;

/* boot/multiboot.c: parses what EAX/EBX gave at entry (early, paging identity-mapped). Halts with a
 * message when it is unusable. */
void multiboot_parse(uint32_t magic, uint32_t info_paddr);
void boot_options_parse(const char *cmdline);

/* boot/early_memory.c: frames for boot-time tables, before the heap exists, out of a range that is
 * neither the image, a module nor below 1 MiB. Zeroed. Halts with a message when there are none. */
mfn_t boot_alloc(uint64_t frames);
/* Finds free memory and moves the modules to the top of what lies below 4 GiB. */
void early_memory_init(void);
/* All RAM is mapped now: boot_alloc() may use memory above 4 GiB. */
void early_memory_reach_all(void);
/* After all boot_alloc: builds the frame table and gives the heap everything that is free RAM, except what the
 * modules occupy. */
void boot_memory_to_heap(void);
/* The modules' memory becomes heap; boot_info.modules is empty afterwards. */
void boot_modules_to_heap(void);

/* boot/dom0.c: builds dom0 from the boot modules and starts it; halts with a message when it cannot. */
void dom0_build(void);

/* The linked image (linker script). */
extern char image_start[], image_text_end[], image_rodata_end[], image_end[];
/* The boot CPU's stack (boot/head.S). */
extern char boot_stack[];
