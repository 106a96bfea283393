/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Physical-to-machine translation: a domain's nested page tables, which its devices' IOMMU tables
 * are as well (one table serves both: AMD IOMMU specification 48882, "Sharing AMD64 Processor and
 * I/O Page Tables"). Every present entry of RAM holds one reference on each 4 KiB frame it maps.
 *
 * What an entry is follows from the frame: a frame without struct frame is MMIO; one that
 * the domain owns is its RAM or a shared page; any other is foreign, or granted where the entry
 * says so.
 */
#pragma once

#include <hv/frame.h>
#include <hv/lock.h>

struct domain;

enum p2m_flags {
    P2M_W = 1u << 0,     /* writable */
    P2M_X = 1u << 1,     /* executable */
    P2M_GRANT = 1u << 2, /* made by a grant map: only the grant unmap may remove it */
    P2M_MMIO = 1u << 3,  /* device memory: no struct frame, no reference, uncached by the host MTRRs */
};

#define P2M_RAM (P2M_W | P2M_X)

/* One translation as p2m_lookup() finds it. */
struct p2m_entry {
    mfn_t mfn;      /* of the 4 KiB frame asked for; MFN_NONE for a hole */
    unsigned order; /* order of the mapping it lies in, or of the hole that is known to be empty */
    unsigned flags; /* enum p2m_flags */
};

struct p2m {
    struct spinlock lock;   /* protects the tables; rank P2M */
    struct domain *domain;
    mfn_t root;             /* top-level table */
    uint64_t table_frames; /* frames the tables take; limited unless the devices are the domain's */
    uint64_t flush_gen;     /* bumped when translations were removed or weakened */
    uint64_t change_count;  /* entries that were changed or removed; protected by lock */
    uint64_t highest_gfn;   /* highest RAM or shared gfn ever mapped: XENMEM_maximum_gpfn */
    bool has_iommu;         /* devices translate through these tables */
};

/* 0 or -XEN_ENOMEM. */
int p2m_init(struct domain *d);
/* Frees the table frames. The mappings must be gone (p2m_teardown). */
void p2m_free(struct domain *d);

struct p2m_entry p2m_lookup(struct domain *d, gfn_t g);

/* For a walk of many lookups and a copy: while the p2m's lock is held no frame that an entry names can go. */
struct p2m_entry p2m_lookup_locked(struct domain *d, gfn_t g);

/* Maps 2^order frames (4 KiB, 2 MiB or 1 GiB) at g, both aligned to it. The caller gives one
 * reference a frame to the entry (not for MMIO). What was there before, 2 MiB at most, is removed:
 * its references are dropped after the TLBs are flushed. 0; else references stay the caller's:
 * -XEN_ENOMEM (nothing changed; a domain's tables are limited too), -XEN_EBUSY when a grant mapping
 * would be replaced, another CPU has just mapped something there, or a place for 1 GiB is not
 * empty, -XEN_EINVAL on a misaligned or too large gfn, or when the domain is not alive. */
int p2m_map(struct domain *d, gfn_t g, mfn_t m, unsigned order, unsigned flags);

/* Removes 2^order frames at g, 2 MiB at most; holes are skipped. Flushes, then drops references. 0,
 * -XEN_ENOMEM (a large page had to be split), -XEN_EBUSY when the range holds a grant mapping. */
int p2m_unmap(struct domain *d, gfn_t g, unsigned order);

/* Installs and removes a grant mapping (the only writers of P2M_GRANT entries). Map: g must be a
 * hole (-XEN_EEXIST when it is not); the caller's reference goes to the entry. Unmap: the entry
 * must be a grant mapping of exactly m (-XEN_ENOENT); the reference goes back to the caller, the
 * TLBs are not flushed: the caller flushes once for its batch before it drops the references. */
int p2m_grant_map(struct domain *d, gfn_t g, mfn_t m, bool is_writable);
int p2m_grant_unmap(struct domain *d, gfn_t g, mfn_t m);

/* Makes every earlier change visible: no vCPU and no device of d uses an older translation when it
 * returns. */
void p2m_flush(struct domain *d);

/* Looks g up and takes a reference on its frame (RAM of any kind, not MMIO). write: only if the
 * entry is writable. MFN_NONE if it cannot be had. The caller drops it with frame_put(). */
mfn_t p2m_get_frame(struct domain *d, gfn_t g, bool write);
/* The same for what is to stay pinned or to be shown to others: only d's own RAM, nothing that it
 * maps of others, which they may take back, and nothing shared. */
mfn_t p2m_get_own_frame(struct domain *d, gfn_t g, bool write);

/* Removes every mapping, some work at a time: 0 when all are gone, -XEN_ERESTART to be called again. */
int p2m_teardown(struct domain *d);
