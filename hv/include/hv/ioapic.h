/* SPDX-License-Identifier: Apache-2.0 */
/* The host's IO-APICs (Intel 82093AA; ACPI MADT). A GSI is routed to one vector on one CPU. */
#pragma once

#include <hv/types.h>

/* A pin's redirection entry. */
#define RTE_VECTOR     0xffUL
#define RTE_LOGICAL    (1UL << 11)
#define RTE_PENDING    (1UL << 12) /* to be sent */
#define RTE_ACTIVE_LOW (1UL << 13)
#define RTE_REMOTE_IRR (1UL << 14) /* sent, not ended yet */
#define RTE_LEVEL      (1UL << 15)
#define RTE_MASKED     (1UL << 16)

/* From the MADT: maps every IO-APIC, masks all pins. */
void ioapic_init(void);
unsigned ioapic_count(void);

struct ioapic_info {
    uint32_t id, gsi_base, pin_count;
    uint64_t paddr;
};
/* Information on IO-APIC n, for the hardware domain's MADT and its virtual IO-APICs. */
const struct ioapic_info *ioapic_info(unsigned n);

/* Programs a pin: masked as told. 0, -XEN_ENOENT for an unknown GSI, or -XEN_ENOMEM. */
int ioapic_route(uint32_t gsi, uint8_t vector, uint32_t apic_id, bool is_level, bool is_active_low,
                 bool is_masked);
/* Masks a pin, and ends a level interrupt that it has sent. */
void ioapic_mask(uint32_t gsi);
/* True: a level pin that was still asserted, so that it has sent its interrupt at once. */
bool ioapic_unmask(uint32_t gsi);
/* Whether the pin was ever routed. */
bool ioapic_is_routed(uint32_t gsi);
