/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where everything lies in a PVH guest's physical address space.
 *
 *   0                      RAM, all of it up to the hole (kernel at its link address, then the
 *                          start-info block, then the initrd on a 2 MiB boundary)
 *   LAYOUT_HOLE_START      nothing: 192 MiB on a 128 MiB boundary. A kernel maps grants and foreign
 *                          pages in the lowest such hole above RAM, so it must be free of everything
 *   LAYOUT_ACPI_ADDR       the ACPI tables
 *   LAYOUT_SPECIAL_ADDR    console and xenstore rings
 *   4 GiB                  the RAM that the hole displaced
 *
 * Console and xenstore rings and the tables are in the map as what they are, so that a kernel
 * never takes them for RAM.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "agent/hvcall/memory.h"
#include "agent/util/err.h"

struct kernel_layout;

#define PAGE_BYTES 4096ull

#define LAYOUT_HOLE_START   0xf0000000ull
#define LAYOUT_ACPI_ADDR    0xfc000000ull
#define LAYOUT_ACPI_BYTES   0x10000ull
#define LAYOUT_SPECIAL_ADDR 0xfeff8000ull
#define LAYOUT_SPECIAL_PAGES 8
#define LAYOUT_CONSOLE_ADDR (LAYOUT_SPECIAL_ADDR + 0 * PAGE_BYTES)
#define LAYOUT_STORE_ADDR   (LAYOUT_SPECIAL_ADDR + 1 * PAGE_BYTES)
#define LAYOUT_HIGH_START   0x100000000ull

#define LAYOUT_RANGES_MAX 6

/* e820 types */
enum {
    LAYOUT_RAM = 1,
    LAYOUT_RESERVED = 2,
    LAYOUT_ACPI = 3,
};

struct layout {
    uint64_t ram_low_bytes;  /* from address 0 */
    uint64_t ram_high_bytes; /* from 4 GiB; 0 for a small guest */
    uint64_t start_info_addr;
    uint64_t initrd_addr; /* 0 when there is none */
    uint64_t initrd_bytes;
    struct memory_range ranges[LAYOUT_RANGES_MAX];
    size_t range_count;
};

/**
 * Lays out a guest of memory_bytes (a multiple of 4096) for a kernel, a start-info block of
 * start_info_bytes and an initrd of initrd_bytes (0: none). ERR_INVALID (field "memory_bytes",
 * "kernel" or "initrd") when they do not fit.
 */
int layout_compute(uint64_t memory_bytes, const struct kernel_layout *kernel,
                   uint64_t start_info_bytes, uint64_t initrd_bytes, struct layout *layout,
                   struct err *err);
