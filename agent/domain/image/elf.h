/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ELF kernels with a PVH entry note.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "agent/util/err.h"

struct kernel_layout;

/**
 * Parses an ELF32 or ELF64 x86 executable of size_bytes at data. Nothing outside data is read
 * whatever it says. ERR_INVALID (field "kernel") names what is wrong.
 */
int elf_parse(const uint8_t *data, size_t size_bytes, struct kernel_layout *layout,
              struct err *err);
