/* SPDX-License-Identifier: Apache-2.0 */
/* The host's local APIC, in xAPIC or x2APIC mode (AMD64 APM vol. 2, chapter 16). */
#pragma once

#include <hv/types.h>

/* Finds the mode, enables the boot CPU's APIC, calibrates its timer. */
void lapic_init(void);
/* Enables this CPU's APIC in that mode. */
void lapic_enable(void);

void lapic_eoi(void);
bool lapic_is_x2apic(void);

void lapic_send_ipi(uint32_t apic_id, uint8_t vector);
void lapic_send_init(uint32_t apic_id);
void lapic_send_sipi(uint32_t apic_id, uint8_t page);
void lapic_send_nmi_to_others(void);
