/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every lock's rank: a CPU may only take a lock whose rank is higher than all that it holds (two
 * of the same rank only through spin_lock_pair). docs/locking.md tells the story.
 */
#pragma once

enum lock_rank {
    LOCK_RANK_CONTROL = 1, /* domctl and sysctl: one control operation at a time */
    LOCK_RANK_DOMAIN_LIST, /* the list of domains */
    LOCK_RANK_DOMAIN,      /* a domain's configuration and life */
    LOCK_RANK_EVTCHN,      /* a domain's event channel ports */
    LOCK_RANK_EVTCHN_PORT, /* one port while it is used */
    LOCK_RANK_GRANT,       /* a domain's grant table */
    LOCK_RANK_VPCI,        /* virtual PCI and MSI state */
    LOCK_RANK_VIOAPIC,     /* a domain's virtual IO-APICs */
    LOCK_RANK_MMIO,        /* a domain's table of emulated device memory */
    LOCK_RANK_P2M,         /* a domain's nested page tables */
    LOCK_RANK_IOMMU,       /* command buffers of an IOMMU */
    LOCK_RANK_IRQ,         /* host interrupt descriptors, IO-APIC registers */
    LOCK_RANK_EVTCHN_FIFO, /* one FIFO event queue */
    LOCK_RANK_SCHED,       /* a run queue */
    LOCK_RANK_VCPU_TIME,   /* a vCPU's time and runstate areas */
    LOCK_RANK_TIMER,       /* a CPU's timer queue */
    LOCK_RANK_HEAP,        /* the frame allocator */
    LOCK_RANK_PCI,         /* PCI configuration address/data ports */
    LOCK_RANK_CONSOLE,     /* console ring and serial port: a leaf, taken under anything */
};

_Static_assert(LOCK_RANK_CONSOLE < 31, "what a CPU holds is a word with a bit for each");
