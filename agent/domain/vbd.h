/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual disks through dom0's block backend.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/err.h"

struct domain_ctx;
struct domain_disk;

/** The guest's number for "xvda".."xvdp" (202 << 8, 16 for each disk). False for another name. */
bool vbd_number(const char *target, uint32_t *number);

/**
 * Attaches disk to a guest that need not run yet; index is its place in the request, for messages.
 * Returns when the backend has the disk open, so that what was made for it (a loop device) lives as
 * long as the backend does and no longer.
 */
int vbd_attach(struct domain_ctx *ctx, uint32_t domid, const struct domain_disk *disk,
               size_t index, struct err *err);
