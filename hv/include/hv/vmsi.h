/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual MSI and MSI-X of the hardware domain. While an interrupt is disabled its registers are the device's own;
 * enabling it adopts what the guest has written, puts a host vector in the device instead, and from then on the
 * guest sees its values and gets its message, delivered through its virtual local APICs.
 */
#pragma once

#include <hv/pci.h>

struct domain;

/* An interrupt message as a device sends it (AMD64 APM vol. 2, 16.11). */
struct vmsi_message {
    uint64_t address;
    uint32_t data;
};

/* Where the message goes: destination 15 bits, mode, vector, packed so that one store changes it all. */
uint32_t vmsi_route_encode(struct vmsi_message message);
void vmsi_route_decode(uint32_t route, uint32_t *dest, bool *is_logical, uint8_t *mode, uint8_t *vector);

/* The device is gone, perhaps pulled out: what was still enabled is not another's that comes in its place. */
void vmsi_forget(struct domain *d, pci_bdf bdf);

/* Writes the device's interrupt registers again after they were lost (PHYSDEVOP_restore_msi_ext). 0 or
 * -XEN_ENOENT when the device has no interrupt enabled. */
int vmsi_restore(struct domain *d, pci_bdf bdf);
