/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Split devices: the pair of xenstore directories, and the backend's states.
 *
 * A backend in dom0's kernel goes 1 (initialising), 2 (waits for its frontend), 4 (connected),
 * 5 (closing), 6 (closed), and its directory may be gone. The toolstack makes both directories with
 * state 1 in one transaction; the rest of the way up is the drivers'. To take a device away it sets
 * the backend's "online" to 0 and, for a guest that will not run again, the frontend's state to 6.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/err.h"

struct domain_ctx;
struct store_batch;

#define DEVICE_PATH_BYTES 96

/* The xenbus states used here; the names are those of <xen/io/xenbus.h>. */
enum device_state {
    DEVICE_INITIALISING = 1,
    DEVICE_INIT_WAIT = 2,
    DEVICE_CONNECTED = 4,
    DEVICE_CLOSING = 5,
    DEVICE_CLOSED = 6,
};

struct device_paths {
    char frontend[DEVICE_PATH_BYTES];
    char backend[DEVICE_PATH_BYTES];
};

/* "vbd" or "vif", of guest domid, number in the guest. */
struct device_paths device_paths_of(const char *type, uint32_t domid, uint32_t number);

/** Adds what every device has: both directories, pointers to each other, states. */
void device_add_common(struct store_batch *batch, const struct device_paths *paths,
                       uint32_t domid);

/** Waits until the backend driver has taken the device up (state 2 or later). */
int device_wait_backend(struct domain_ctx *ctx, const struct device_paths *paths, struct err *err);

/** True while dom0's kernel has the device ("vbd-5-51712" is its name in sysfs). */
bool device_is_in_kernel(const char *type, uint32_t domid, uint32_t number);

/**
 * Waits until is_reached() for a thing of the kernel that announces no change; looks every few
 * milliseconds. ERR_TIMEOUT with what in the sentence.
 */
int device_wait_kernel(bool (*is_reached)(void *opaque), void *opaque, int timeout_ms,
                       const char *what, struct err *err);

/**
 * Takes all devices of a domain that is paused for good: asks every backend to close, waits for them,
 * removes the directories. Goes on after a failure and reports the first.
 */
int device_remove_all(struct domain_ctx *ctx, uint32_t domid, struct err *err);
