/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loop devices: a regular file as a block device.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "agent/util/err.h"

/**
 * Attaches the file open at file_fd (of path, for messages) to a free loop device, with direct I/O
 * where the file system has it. The device lets go of the file by itself when its last user closes
 * it: so nothing is leaked whatever dies, but the caller keeps the returned descriptor open until
 * somebody else has the device open.
 *
 * device_path is filled with "/dev/loopN". Returns the descriptor, or a negative error code.
 */
int loop_attach(int file_fd, const char *path, bool readonly, char *device_path,
                size_t size_bytes, struct err *err);
