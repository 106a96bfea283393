/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DMA and interrupt remapping behind one small interface: amd_vi.c now, vt_d.c later. A device translates
 * through the p2m of the domain it is assigned to (the tables are shared, hv/p2m.h), or through nothing:
 * then all its DMA is refused and reported.
 */
#pragma once

#include <hv/types.h>

struct domain;

/* Finds and enables the host's IOMMUs (ACPI IVRS): every device blocked. 0, or -XEN_ENODEV when there are none,
 * -XEN_EIO when one does not behave. */
int iommu_init(void);
bool iommu_is_present(void);

/* All devices of the host that no domain has are d's from now on (dom0's start): they translate through its p2m. */
int iommu_assign_all(struct domain *d);

/* Forgets all cached translations of d's devices, and waits until done. */
void iommu_flush(struct domain *d);

/* Interrupt remapping. While it is on (iommu=no-intremap, or none that can: it is not, and these do nothing) a
 * function or IO-APIC raises only the host vectors it was given here, each on one CPU; calling again moves the
 * vector to another CPU. 0 or -XEN_ENOMEM; a vector that the function has already is moved without fail. */
int iommu_remap(uint16_t bdf, uint8_t vector, uint32_t apic_id);
int iommu_remap_ioapic(uint32_t id, uint8_t vector, uint32_t apic_id);
/* Takes the vector back: what the function sends from now on does not arrive. */
void iommu_remap_end(uint16_t bdf, uint8_t vector);
/* The highest APIC id that an interrupt message of a device or IO-APIC can name. */
uint32_t iommu_apic_id_limit(void);

/* From now on refused DMA is reported on the console: device, address, direction. Needs timers. */
void iommu_watch(void);

/* The IOMMU's own PCI function is hidden from dom0. */
bool iommu_owns_device(uint16_t bdf);
