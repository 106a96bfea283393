/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual network interfaces through dom0's network backend.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "agent/util/err.h"

struct domain_ctx;
struct domain_nic;

/** ERR_NOT_FOUND (field "nics[index].bridge") when the bridge does not exist. */
int vif_check_bridge(const struct domain_nic *nic, size_t index, struct err *err);

/* An interface on its way to a guest. */
struct vif {
    uint32_t domid;
    uint32_t number;
    int links;   /* hears of new interfaces; -1: closed */
    int control; /* for ioctl(); -1: closed */
    const struct domain_nic *nic;
};

/**
 * Writes the nodes of nic, number index of a guest that need not run yet, so that the backend begins its
 * part. nic must outlive *vif, which is to be given to vif_release() whatever the result.
 */
int vif_start(struct domain_ctx *ctx, uint32_t domid, const struct domain_nic *nic, size_t index,
              struct vif *vif, struct err *err);

/** Waits for dom0's end ("vif<domid>.<index>"), takes it up and puts it into its bridge. */
int vif_finish(struct domain_ctx *ctx, struct vif *vif, struct err *err);

/** Closes what *vif holds; a zeroed one is fine. */
void vif_release(struct vif *vif);
