/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands below the virtual devices in their unit tests: one domain with up to eight vCPUs, a
 * clock that the test moves, 1 MiB of guest memory mapped one to one, and records of what the
 * devices asked for.
 */
#pragma once

#include <hv/domain.h>
#include <hv/irq.h>
#include <hv/vcpu.h>

#define FAKE_MEMORY_SIZE (1UL << 20)
#define FAKE_MAX_TIMERS  16U
#define FAKE_MAX_PINS    48U

struct fake {
    uint64_t now_ns;

    unsigned kicks[16], upcalls[16], resets[16], sipis[16];
    uint8_t sipi_vector[16];

    uint8_t memory[FAKE_MEMORY_SIZE]; /* guest-physical 0 .. */
    uint64_t unmapped_linear;         /* this linear page faults; ~0: none */
    unsigned code_bits, cpl;
    uint64_t rip, rflags, cr4, segment_base[6];
    uint32_t segment_limit[6], port_written;
    int exception; /* last one injected, -1: none */
    uint64_t fault_linear;
    uint32_t fault_code;

    struct {
        bool is_masked, is_level, is_active_low, is_asserted;
        uint8_t vector;
        uint32_t apic_id;
        unsigned routes;
    } pins[FAKE_MAX_PINS];
    irq_handler_fn irq_handler[256];
    void *irq_data[256];
    bool no_vectors, no_memory;
};

extern struct fake fake;

/* Fresh fakes and a domain with `vcpus` vCPUs without devices; NULL vCPUs beyond. */
struct domain *fake_domain(unsigned vcpus);
/* Moves the clock, firing timers that are due, in order. */
void fake_advance_ns(uint64_t ns);
/* The real interrupt line of a GSI fires, if its pin is unmasked; returns whether it did. */
bool fake_line_fires(uint32_t gsi);
