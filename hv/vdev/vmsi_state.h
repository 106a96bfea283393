/* SPDX-License-Identifier: Apache-2.0 */
/* What vpci.c, vmsi.c and vmsi_table.c share: the state of a domain's virtual PCI and of its devices with an
 * interrupt enabled. */
#pragma once

#include <hv/list.h>
#include <hv/lock.h>
#include <hv/pci.h>
#include <hv/types.h>
#include <hv/vmsi.h>

struct vpci {
    struct domain *domain;
    struct spinlock lock;  /* protects everything here and in the devices; rank VPCI */
    uint32_t address_port; /* what was written to 0xcf8 */
    struct list devices;   /* struct vmsi_device; never removed: their pages may be under emulation */
};

/* A host vector that stands for one guest message. Slots are static, so that an interrupt that
 * arrives late finds a slot, free or another's, and never freed memory. */
struct vmsi_slot {
    struct domain *domain; /* NULL: free */
    uint32_t route;        /* vmsi_route_encode(), changed atomically */
    pci_bdf bdf;           /* the function that may raise it */
    int vector;
};

struct vmsi_entry {
    struct vmsi_message message; /* the guest's */
    uint32_t control;            /* bit 0: masked */
    struct vmsi_slot *slot;      /* NULL until first unmasked */
};

struct vmsi_device {
    struct list link;
    struct vpci *vpci;
    pci_bdf bdf;

    unsigned msi_capability; /* 0: not enabled */
    bool msi_is_64bit;
    uint32_t msi[4]; /* the capability as the guest sees it, from its second dword to the data register */
    struct vmsi_slot *msi_slot;

    unsigned msix_capability; /* 0: not enabled */
    unsigned entry_count, entry_order;
    struct vmsi_entry *entries;
    uint64_t table_paddr; /* the device's own */
    uint64_t trap_start, trap_end; /* frames trapped; equal: none */
};

/* --- vmsi.c --- */

/* A slot with a host vector for the device's message; NULL when vectors or memory have run out. */
struct vmsi_slot *vmsi_slot_alloc(const struct vmsi_device *device, struct vmsi_message message);
/* The device's own register says nothing of it any more. */
void vmsi_slot_free(struct vmsi_slot *slot);
/* The guest's message from now on. Returns the one that the device must send. */
struct vmsi_message vmsi_slot_set(struct vmsi_slot *slot, struct vmsi_message message);

/* The device's state, or NULL; create: made if it is not there (NULL: no memory). */
struct vmsi_device *vmsi_device(struct vpci *vpci, pci_bdf bdf, bool create);

/* Writes 1, 2 or 4 bytes into the MSI capability at `at` (registers up to the data register). */
void vmsi_write(struct vpci *vpci, pci_bdf bdf, unsigned at, unsigned offset, unsigned size,
                uint32_t value);
/* The dword at `offset` of the capability as the guest sees it; value: as the device says. */
uint32_t vmsi_read(struct vpci *vpci, pci_bdf bdf, unsigned at, unsigned offset, uint32_t value);

/* --- vmsi_table.c --- */

/* The guest writes MSI-X message control. */
void vmsi_table_control(struct vpci *vpci, pci_bdf bdf, unsigned at, uint32_t control);
/* The device's BARs or memory decoding changed: the trap follows the table. */
void vmsi_table_follow(struct vmsi_device *device);
void vmsi_table_restore(struct vmsi_device *device);
