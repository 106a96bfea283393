/* SPDX-License-Identifier: Apache-2.0 */
/* What boot, ACPI, console and virtual PCI code stands on in unit tests: RAM in an arena, one configuration space,
 * devices whose registers are memory, and a record of what was delivered. */
#pragma once

#include <hv/domain.h>
#include <hv/pci.h>
#include <hv/types.h>

#define ARENA_BYTES (8UL << 20)

/* All-zero RAM; no configuration space, no interrupts recorded, vectors free. */
void fakes_reset(void);
/* The RAM at a machine address. */
void *fakes_ram(uint64_t paddr);

/* The 256 bytes of the one device there is (bus 0, device 4, function 0). */
extern uint8_t fakes_config[256];
#define FAKE_BDF PCI_BDF(0, 4, 0)

/* The last message vlapic_deliver() was given. */
extern struct fakes_delivery {
    unsigned count;
    uint32_t dest;
    bool is_logical;
    uint8_t mode, vector;
} fakes_delivery;

/* Fires a host vector as irq_dispatch() would; false: nobody has it. */
bool fakes_interrupt(int vector);
extern unsigned fakes_vectors_in_use, fakes_vectors_max;

/* The host vectors that the device may raise, and on which CPU (0: none). */
extern struct fakes_remapping {
    unsigned count;
    bool no_memory;
    pci_bdf bdf;
    uint32_t apic_id[256];
} fakes_remapping;

/* Ranges that are trapped now, and frames unmapped so far. */
extern unsigned fakes_regions, fakes_unmapped;
/* How often device registers were mapped for good. */
extern unsigned fakes_mapped;
/* An access to a trapped page, as the guest does it. */
uint64_t fakes_mmio_read(uint64_t gpa, unsigned size);
void fakes_mmio_write(uint64_t gpa, unsigned size, uint64_t value);

/* What the serial port was given, and how much it takes without waiting. */
extern char fakes_serial[4096];
extern size_t fakes_serial_room;
/* The clock, and the timer that was set last. */
extern uint64_t fakes_tsc;
extern struct timer *fakes_timer;
