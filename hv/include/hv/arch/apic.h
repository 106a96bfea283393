/* SPDX-License-Identifier: Apache-2.0 */
/* Local APICs (AMD64 APM vol. 2, chapter 16): the registers of all, and the host's own, in xAPIC or x2APIC mode. */
#pragma once

#include <hv/types.h>

/* Register offsets in the xAPIC page (APM vol. 2, table 16-2). x2APIC MSR: 0x800 + (offset >> 4). */
#define APIC_ID         0x020U
#define APIC_VERSION    0x030U
#define APIC_TPR        0x080U
#define APIC_APR        0x090U
#define APIC_PPR        0x0a0U
#define APIC_EOI        0x0b0U
#define APIC_RRD        0x0c0U
#define APIC_LDR        0x0d0U
#define APIC_DFR        0x0e0U
#define APIC_SVR        0x0f0U
#define APIC_ISR        0x100U
#define APIC_TMR        0x180U
#define APIC_IRR        0x200U
#define APIC_ESR        0x280U
#define APIC_ICR        0x300U
#define APIC_ICR2       0x310U
#define APIC_LVT_TIMER  0x320U
#define APIC_LVT_THERM  0x330U
#define APIC_LVT_PERF   0x340U
#define APIC_LVT_LINT0  0x350U
#define APIC_LVT_LINT1  0x360U
#define APIC_LVT_ERROR  0x370U
#define APIC_TIMER_INIT 0x380U
#define APIC_TIMER_NOW  0x390U
#define APIC_TIMER_DIV  0x3e0U
#define APIC_SELF_IPI   0x3f0U

#define MSR_X2APIC_FIRST 0x800U
#define MSR_X2APIC_LAST  0x8ffU

#define APIC_SVR_ENABLE   (1U << 8)
#define APIC_LVT_MASKED   (1U << 16)
#define APIC_LVT_PERIODIC (1U << 17)

#define APIC_ESR_SEND_ILLEGAL     (1U << 5)
#define APIC_ESR_RECEIVE_ILLEGAL  (1U << 6)
#define APIC_ESR_ILLEGAL_REGISTER (1U << 7)

#define APIC_BASE_BSP     (1UL << 8)
#define APIC_BASE_EXTD    (1UL << 10)
#define APIC_BASE_ENABLE  (1UL << 11)
#define APIC_BASE_ADDRESS 0xfee00000UL

/* Message types: delivery mode field of ICR, MSI data and IO-APIC entries. */
enum apic_delivery {
    APIC_FIXED = 0,
    APIC_LOWEST = 1,
    APIC_NMI = 4,
    APIC_INIT = 5,
    APIC_SIPI = 6,
};

/* Finds the mode, enables the boot CPU's APIC, calibrates its timer. */
void lapic_init(void);
/* Enables this CPU's APIC in that mode. */
void lapic_enable(void);

void lapic_eoi(void);
bool lapic_is_x2apic(void);

void lapic_send_init(uint32_t apic_id);
void lapic_send_sipi(uint32_t apic_id, uint8_t page);
void lapic_send_nmi_to_others(void);
