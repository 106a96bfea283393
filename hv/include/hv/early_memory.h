/* SPDX-License-Identifier: Apache-2.0 */
/* What boot_main() needs of boot/early_memory.c besides boot_alloc(). */
#pragma once

#include <hv/types.h>

/* Finds free memory and moves the modules to the top of what lies below 4 GiB. */
void early_memory_init(void);
/* All RAM is mapped now: boot_alloc() may use memory above 4 GiB. */
void early_memory_reach_all(void);
/* The modules' memory becomes heap; boot_info.modules is empty afterwards. */
void boot_modules_to_heap(void);
