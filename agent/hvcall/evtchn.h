/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EVTCHNOP_*: event channels prepared for another domain. Ports of our own are /dev/xen/evtchn's
 * business (libxenevtchn), not ours.
 */
#pragma once

#include <stdint.h>

#include "agent/util/err.h"

struct hvcall;

/** Allocates a port in domid that only remote_domid may bind to. Ports start at 1. */
int evtchn_alloc_unbound(struct hvcall *hv, uint32_t domid, uint32_t remote_domid, uint32_t *port,
                         struct err *err);
