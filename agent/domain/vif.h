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

/**
 * Attaches nic as number index of a guest that need not run yet. Returns when dom0's end
 * ("vif<domid>.<index>") is up and in its bridge.
 */
int vif_attach(struct domain_ctx *ctx, uint32_t domid, const struct domain_nic *nic, size_t index,
               struct err *err);
