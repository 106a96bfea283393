/* SPDX-License-Identifier: Apache-2.0 */
/* QEMU's "edu" device (vendor 1234, device 11e8), driven from dom0's userspace. Whatever fails ends the program. */
#pragma once

#include <stdint.h>

#define EDU_RAISE 0x60u /* 32 bits: interrupt reasons, set and taken back */
#define EDU_LOWER 0x64u

#define EDU_SIZE 2048u /* of a whole transfer; the device's buffer is not usable to its last byte */

/* Opens the n-th device of the machine, memory and bus mastering on. */
void edu_open(unsigned n);
void edu_write32(unsigned reg, uint32_t value);

/* A transfer between memory and the device's buffer; returns when it has ended. */
void edu_to_device(uint64_t address, unsigned bytes);
void edu_to_memory(uint64_t address, unsigned bytes);

/* A locked page of this program, and its address for devices: dom0 is mapped one to one. */
unsigned char *edu_own_page(uint64_t *address);

/* Configuration space of a function, "0000:00:05.0", or of the device (NULL). */
uint32_t edu_config_read(const char *name, unsigned offset, unsigned size);
void edu_config_write(unsigned offset, unsigned size, uint32_t value);
/* Where the capability with this id lies. */
unsigned edu_find_capability(const char *name, uint8_t id);
