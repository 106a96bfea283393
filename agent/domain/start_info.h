/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PVH start-info block (struct hvm_start_info of <xen/arch-x86/hvm/start_info.h>): one stretch
 * of guest memory with the structure, the module list, the memory map and the command line.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "agent/util/err.h"

struct layout;

/* Linux copies 2048 bytes of command line whatever its length: all of them are there. */
#define START_INFO_CMDLINE_BYTES 2048
#define START_INFO_BYTES         4096

/**
 * Writes the block for layout into block, addresses as seen from layout->start_info_addr.
 * cmdline may be NULL; ERR_INVALID (field "cmdline") when it is longer than 2047 bytes.
 */
int start_info_write(const struct layout *layout, const char *cmdline,
                     uint8_t block[START_INFO_BYTES], struct err *err);
