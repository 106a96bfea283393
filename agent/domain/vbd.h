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

/* A disk on its way to a guest. */
struct vbd {
    uint32_t domid;
    uint32_t number;
    int fd; /* holds the block device until the backend does; -1: closed */
    const struct domain_disk *disk;
};

/**
 * Opens what disk names (index is its place in the request, for messages) and writes the nodes, so
 * that the backend begins its part. The guest need not run yet. disk must outlive *vbd, which is to
 * be given to vbd_release() whatever the result.
 */
int vbd_start(struct domain_ctx *ctx, uint32_t domid, const struct domain_disk *disk,
              size_t index, struct vbd *vbd, struct err *err);

/**
 * Waits until the backend has the disk open, so that what was made for it (a loop device) lives as
 * long as the backend does and no longer.
 */
int vbd_finish(struct domain_ctx *ctx, struct vbd *vbd, struct err *err);

/** Lets go of the block device; a zeroed *vbd is fine. */
void vbd_release(struct vbd *vbd);
