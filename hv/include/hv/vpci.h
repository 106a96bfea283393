/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hardware domain's view of PCI configuration space: the host's own, but for MSI and MSI-X (virtual: hv/vmsi.h)
 * and for functions that the hypervisor keeps, which are not there.
 */
#pragma once

#include <hv/pci.h>

struct domain;
struct vcpu;

/* Makes d->vpci and claims the ECAM pages. 0, -XEN_ENOMEM, or mmio_register()'s errors. */
int vpci_init(struct domain *hw);

/* Ports 0xcf8-0xcff, size 1, 2 or 4. False: not a configuration access (no one answers). */
bool vpci_port_read(struct vcpu *v, uint16_t port, unsigned size, uint32_t *value);
bool vpci_port_write(struct vcpu *v, uint16_t port, unsigned size, uint32_t value);

/* One access to a function's configuration space, offset aligned to size 1, 2 or 4. */
uint32_t vpci_config_read(struct domain *d, pci_bdf bdf, unsigned offset, unsigned size);
void vpci_config_write(struct domain *d, pci_bdf bdf, unsigned offset, unsigned size, uint32_t value);
