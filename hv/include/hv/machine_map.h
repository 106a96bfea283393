/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a machine frame is: RAM, a device's or firmware's memory, or something the hypervisor keeps for
 * itself. From the boot loader's memory map, fixed after boot (boot/machine_map.c).
 */
#pragma once

#include <hv/types.h>

/* Records size bytes at start as the hypervisor's: no domain ever gets them. Boot only. */
void machine_map_keep(uint64_t start, uint64_t size);

/* Neither RAM nor kept: the hardware domain may map it one to one. */
bool machine_is_device_memory(mfn_t m);

/* Whether any byte of the frame is RAM in the boot loader's map. */
bool machine_is_ram(mfn_t m);
