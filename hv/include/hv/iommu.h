/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DMA remapping behind one small interface: amd_vi.c now, vt_d.c later. A device translates through
 * the p2m of the domain it is assigned to (the tables are shared, hv/p2m.h), or through nothing:
 * then all its DMA is refused and reported.
 */
#pragma once

#include <hv/types.h>

struct domain;

/* Finds and enables the host's IOMMUs (ACPI IVRS): every device blocked. 0, or -XEN_ENODEV when there are none,
 * -XEN_EIO when one does not behave. */
int iommu_init(void);
bool iommu_is_present(void);

/* All devices of the host that no domain has are d's from now on (dom0's start). */
int iommu_assign_all(struct domain *d);

/* Forgets cached translations of d's devices: 2^order frames at g (order 64: all), and waits until done. */
void iommu_flush(struct domain *d, gfn_t g, unsigned order);

/* From now on refused DMA is reported on the console: device, address, direction. Needs timers. */
void iommu_watch(void);

/* The IOMMU's own PCI function is hidden from dom0. */
bool iommu_owns_device(uint16_t bdf);
