/* SPDX-License-Identifier: Apache-2.0 */
/* PCI configuration space of the host: CF8/CFC, and ECAM where the MCFG gives it (PCI 3.0; PCIe 7.2.2). */
#pragma once

#include <hv/types.h>

/* Requester id: bus 15:8, device 7:3, function 2:0. */
typedef uint16_t pci_bdf;

#define PCI_BDF(bus, device, function) ((pci_bdf)((bus) << 8 | (device) << 3 | (function)))

#define PCI_COMMAND        0x04
#define PCI_COMMAND_MEMORY (1u << 1)
#define PCI_STATUS         0x06
#define PCI_STATUS_CAPS    (1u << 4)
#define PCI_STATUS_ABORTED (1u << 11) /* signaled target abort */
#define PCI_BAR0           0x10
#define PCI_CAP_POINTER    0x34

#define PCI_CAP_ID_MSI  0x05
#define PCI_CAP_ID_MSIX 0x11

#define PCI_MSI_CONTROL  2
#define PCI_MSI_ADDRESS  4
#define PCI_MSI_ENABLE   (1u << 0)
#define PCI_MSI_CAPABLE  0x000eu /* log2 of the vectors it can do, bits 3:1 */
#define PCI_MSI_MULTIPLE 0x0070u /* log2 of the vectors enabled, bits 6:4 */
#define PCI_MSI_64BIT    (1u << 7)

#define PCI_MSIX_CONTROL  2
#define PCI_MSIX_TABLE    4
#define PCI_MSIX_SIZE     0x07ffu /* entries - 1 */
#define PCI_MSIX_MASK_ALL (1u << 14)
#define PCI_MSIX_ENABLE   (1u << 15)

/* size 1, 2 or 4, offset aligned to it and below 4096 (below 256 without ECAM: all-ones, dropped). */
uint32_t pci_config_read(pci_bdf bdf, unsigned offset, unsigned size);
void pci_config_write(pci_bdf bdf, unsigned offset, unsigned size, uint32_t value);

/* Offset of a capability (PCI_CAP_ID_*), or 0. */
unsigned pci_find_capability(pci_bdf bdf, uint8_t id);
