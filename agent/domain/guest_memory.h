/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Giving a new domain its memory, and writing into it before it runs.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "agent/util/err.h"

struct domain_ctx;
struct layout;

/**
 * Populates RAM, the ACPI area and the ring pages of layout, in the largest extents the hypervisor
 * gives. ERR_NO_MEMORY (field "memory_bytes") when the host has not enough.
 */
int guest_memory_populate(struct domain_ctx *ctx, uint32_t domid, const struct layout *layout,
                          struct err *err);

/*
 * Writes into a domain that has not run. While a writer is open it uses the domain's first grant
 * frame as its own; closing it leaves there only what guest_writer_grant() put in.
 */
struct guest_writer;

int guest_writer_open(struct domain_ctx *ctx, uint32_t domid, struct guest_writer **out,
                      struct err *err);

/** Copies size_bytes to guest address addr; every page touched must be populated, below 16 TiB. */
int guest_writer_copy(struct guest_writer *writer, uint64_t addr, const void *data,
                      size_t size_bytes, struct err *err);

int guest_writer_zero(struct guest_writer *writer, uint64_t addr, uint64_t size_bytes,
                      struct err *err);

/** Makes grant ref (0..7) give our domain the page at addr. */
int guest_writer_grant(struct guest_writer *writer, uint32_t ref, uint64_t addr, struct err *err);

void guest_writer_close(struct guest_writer *writer); /* NULL is fine */
