/* SPDX-License-Identifier: Apache-2.0 */
/* What is typed on the host's console: kept for dom0, which is told by VIRQ_CONSOLE. */
#pragma once

#include <hv/types.h>

/* Takes what the serial port has received. The port's interrupt handler; no locks held. */
void console_input_collect(void *unused);
/* Takes up to size bytes out; returns how many. */
size_t console_input_read(char *buf, size_t size);
