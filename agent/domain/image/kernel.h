/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest kernel, parsed: which bytes of the image go where, and where execution begins.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "agent/util/err.h"

#define KERNEL_SEGMENTS_MAX 16

/* One loadable piece. Beyond file_bytes, memory up to memory_bytes is to be zero. */
struct kernel_segment {
    uint64_t addr; /* guest-physical */
    uint64_t memory_bytes;
    uint64_t file_bytes;
    uint64_t file_offset; /* in the ELF image */
};

/* Segments are in the order of their addresses and do not overlap. */
struct kernel_layout {
    uint32_t entry; /* guest-physical; entered in 32-bit protected mode */
    uint64_t start; /* of the lowest segment */
    uint64_t end;   /* of the highest segment */
    struct kernel_segment segments[KERNEL_SEGMENTS_MAX];
    size_t segment_count;
};

/* A whole file, mapped read-only. */
struct mapped_file {
    const uint8_t *data; /* NULL when size_bytes is 0 */
    size_t size_bytes;
};

/**
 * Maps a regular file of 1..size_max bytes. field names the request field that the path came from.
 * ERR_NOT_FOUND, ERR_PERMISSION, ERR_INVALID (not a file, empty, too large).
 */
int mapped_file_open(const char *path, const char *field, size_t size_max,
                     struct mapped_file *file, struct err *err);

void mapped_file_close(struct mapped_file *file);

/**
 * Opens the kernel at path (bzImage or ELF): *elf becomes a mapping of the ELF image inside, and
 * *layout what is in it. A compressed image is unpacked once and kept in cache_dir, where the next
 * call finds it; when the directory cannot be used the image is unpacked into memory instead.
 * The caller ends the mapping with mapped_file_close().
 *
 * Errors have the field "kernel"; ERR_INVALID says what is wrong with the image.
 */
int kernel_open(const char *path, const char *cache_dir, struct mapped_file *elf,
                struct kernel_layout *layout, struct err *err);
