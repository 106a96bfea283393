/* SPDX-License-Identifier: Apache-2.0 */
/* The host's console: the serial port (NS16550A) and the ring that dom0 reads (XEN_SYSCTL_readconsole). */
#pragma once

#include <hv/types.h>

void serial_init(unsigned baud);
/* Writes out, waiting for the transmitter. Called under the console lock. */
void serial_write(const char *text, size_t size);
/* Gives the port what it takes without waiting; how many bytes of the text that is. */
size_t serial_offer(const char *text, size_t size);
/* A received byte, or -1. */
int serial_read(void);
/* From now on the port interrupts the boot CPU for what it received; the handler takes it with serial_read(). */
void serial_input_init(void (*received)(void *data));
/* I/O ports [first, last] of the port that we own. */
bool serial_owns_port(uint16_t port);

/* Appends to ring and serial port (lib/print.c and HYPERVISOR_console_io write through it). */
void console_write(const char *text, size_t size);
/* From now on nobody waits for the serial port: it is served at the doors and by a timer. */
void console_defer(void);
/* Serves the serial port. True: it has not had everything yet. No lock may be held. */
bool console_drain(void);
/* Copies up to size bytes of the ring from position *index on (free-running; moved to the oldest kept byte
 * if that is newer); returns the count and advances *index. clear: forgets what was read. */
size_t console_ring_read(uint64_t *index, char *buf, size_t size, bool clear);
/* The host ends: what waits goes out, and from now on all is written at once. */
void console_flush(void);
