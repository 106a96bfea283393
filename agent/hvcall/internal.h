/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the families of this folder share: the open handle and the way a failed call is worded.
 */
#pragma once

#define __XEN_TOOLS__ 1

#include <stdint.h>
#include <xencall.h>

#include <xen/xen.h>

#include "agent/hvcall/hvcall.h"

struct hvcall {
    xencall_handle *xcall;
};

/**
 * Issues hypercall number with two arguments, of which the second may be a buffer of hvcall_alloc().
 * Returns what the hypervisor did (0 or more), or -1 with errno set.
 */
long hvcall_issue(struct hvcall *hv, unsigned int number, uint64_t first, const void *second);

/** Copies size_bytes from bytes into fresh hypercall memory; NULL with err set. */
void *hvcall_bounce(struct hvcall *hv, const void *bytes, size_t size_bytes, struct err *err);

/**
 * Words the failure of the operation that text names ("create domain"), for domain domid when it is
 * not negative, from errno. Returns the negative error code.
 */
int hvcall_failed(struct err *err, int domid, const char *text);
