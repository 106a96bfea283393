/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The door to the hypervisor: a handle, and memory that hypercalls may read and write.
 *
 * This folder is the only code that issues hypercalls, one family a file (domctl, sysctl, memory,
 * hvm, evtchn). Structures are those of libxen-dev (Xen 4.17), results are our errors. A handle belongs
 * to one thread at a time.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "agent/util/err.h"

struct hvcall;

/** Opens /dev/xen/privcmd. ERR_UNAVAILABLE when this is not a privileged domain. */
int hvcall_open(struct hvcall **out, struct err *err);

void hvcall_close(struct hvcall *hv); /* NULL is fine */

/**
 * Zeroed memory the hypervisor can reach without a fault while a call runs; free with
 * hvcall_free(). NULL with err set (ERR_NO_MEMORY) when there is none.
 */
void *hvcall_alloc(struct hvcall *hv, size_t size_bytes, struct err *err);

void hvcall_free(struct hvcall *hv, void *memory); /* NULL is fine */
