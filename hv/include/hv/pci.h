/* SPDX-License-Identifier: Apache-2.0 */
/* PCI configuration space of the host: CF8/CFC, and ECAM where the MCFG gives it (PCI 3.0; PCIe 7.2.2). */
#pragma once

#include <hv/types.h>

/* Requester id: bus 15:8, device 7:3, function 2:0. */
typedef uint16_t pci_bdf;

#define PCI_BDF(bus, device, function) ((pci_bdf)((bus) << 8 | (device) << 3 | (function)))

/* size 1, 2 or 4, offset aligned to it and below 4096 (below 256 without ECAM: all-ones, dropped). */
uint32_t pci_config_read(pci_bdf bdf, unsigned offset, unsigned size);
void pci_config_write(pci_bdf bdf, unsigned offset, unsigned size, uint32_t value);

/* Offset of a capability (PCI_CAP_ID_*), or 0. */
unsigned pci_find_capability(pci_bdf bdf, uint8_t id);
