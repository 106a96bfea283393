/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest's own page tables, walked in software as the processor would: no paging, 32-bit with PSE,
 * PAE and long mode of four or five levels (AMD64 APM vol. 2, chapter 5). Accessed and dirty bits are set as
 * hardware sets them, so that a guest kernel sees what a hypercall wrote.
 */
#include <hv/guest_walk.h>

#include <hv/arch/x86.h>
#include <hv/guest_copy.h>
#include <hv/vcpu.h>

#define GPTE_P    (1UL << 0)
#define GPTE_W    (1UL << 1)
#define GPTE_U    (1UL << 2)
#define GPTE_A    (1UL << 5)
#define GPTE_D    (1UL << 6)
#define GPTE_PS   (1UL << 7)
#define GPTE_NX   (1UL << 63)
#define GPTE_ADDR 0x000ffffffffff000UL

#define PF_PRESENT (1U << 0)

/* One paging mode: how many levels, how wide an index and an entry. */
struct walk_format {
    unsigned levels, index_bits, entry_bytes;
};

static struct walk_format format_of(const struct guest_paging *paging)
{
    if (paging->efer & EFER_LMA) { /* CPUID offers no LA57, but a processor that has it lets it be set */
        return (struct walk_format){paging->cr4 & CR4_LA57 ? 5 : 4, 9, 8};
    }
    return paging->cr4 & CR4_PAE ? (struct walk_format){3, 9, 8} : (struct walk_format){2, 10, 4};
}

char *guest_frame_locked(struct domain *d, gfn_t g, bool write)
{
    struct p2m_entry page = p2m_lookup_locked(d, g);

    if (mfn_is_none(page.mfn) || (page.flags & P2M_MMIO) || (write && !(page.flags & P2M_W))) {
        return NULL;
    }
    return mfn_to_virt(page.mfn);
}

/* A guest entry in our mapping; NULL when its page is no RAM that the guest may write. The
 * processor too takes every access to a guest's tables for a write (APM vol. 2, 15.25.6), accessed
 * bits or not. */
static void *entry_at(struct domain *d, uint64_t gpa)
{
    char *page = guest_frame_locked(d, gfn(gpa >> PAGE_SHIFT), true);

    return page != NULL ? page + (gpa & (PAGE_SIZE - 1)) : NULL;
}

static uint64_t entry_read(const void *entry, unsigned bytes)
{
    return bytes == 8 ? READ_ONCE(*(const uint64_t *)entry) : READ_ONCE(*(const uint32_t *)entry);
}

static bool is_leaf(const struct guest_paging *paging, const struct walk_format *format,
                    unsigned level, uint64_t pte)
{
    if (level == 1) {
        return true;
    }
    return (pte & GPTE_PS) && level <= 3 && (level != 3 || format->levels > 3) &&
           (format->entry_bytes == 8 || (paging->cr4 & CR4_PSE));
}

static uint64_t leaf_address(const struct walk_format *format, unsigned level, uint64_t pte,
                             uint64_t linear)
{
    uint64_t offset_mask = (1UL << (PAGE_SHIFT + (level - 1) * format->index_bits)) - 1;
    uint64_t base = pte & GPTE_ADDR;

    if (format->entry_bytes == 4) { /* PSE-36: 5.2.2 */
        base = level == 2 ? (pte & 0xffc00000U) | (pte & 0x1fe000U) << 19 : pte & 0xfffff000U;
    }
    return (base & ~offset_mask) | (linear & offset_mask);
}

/* Whether an entry's rights allow the access. */
static bool is_allowed(const struct guest_paging *paging, uint64_t rights, uint64_t nx,
                       unsigned access)
{
    if ((access & WALK_USER) && !(rights & GPTE_U)) {
        return false;
    }
    if ((access & WALK_WRITE) && !(rights & GPTE_W) &&
        ((access & WALK_USER) || (paging->cr0 & CR0_WP))) {
        return false;
    }
    return !((access & WALK_EXEC) && nx && (paging->efer & EFER_NXE));
}

static int fault(unsigned access, bool is_present, uint32_t *error_code)
{
    *error_code = (is_present ? PF_PRESENT : 0) | access;
    return -XEN_EFAULT;
}

int guest_walk_locked(struct vcpu *v, const struct guest_paging *paging, uint64_t linear,
                      unsigned access, uint64_t *gpa, uint32_t *error_code,
                      struct guest_trail *trail)
{
    struct walk_format format;
    uint64_t rights = ~0UL, nx = 0, table;

    if (!(paging->cr0 & CR0_PG)) {
        *gpa = linear & 0xffffffffU;
        return 0;
    }
    format = format_of(paging);
    if (format.levels > 3 ? !x86_is_canonical(linear, format.levels) : linear > 0xffffffffU) {
        return fault(access, false, error_code);
    }
    table = format.levels == 3 ? paging->cr3 & 0xffffffe0U
                               : paging->cr3 & (format.levels > 3 ? GPTE_ADDR : 0xfffff000U);
    for (unsigned level = format.levels;; level--) {
        unsigned shift = PAGE_SHIFT + (level - 1) * format.index_bits;
        uint64_t index = (linear >> shift) & ((1UL << format.index_bits) - 1);
        bool is_pdpte = format.levels == 3 && level == 3;
        uint64_t pte, bits;
        bool is_last;
        void *entry;

        entry = entry_at(v->domain, table + (is_pdpte ? index & 3 : index) * format.entry_bytes);
        pte = entry != NULL ? entry_read(entry, format.entry_bytes) : 0;
        if (!(pte & GPTE_P)) {
            return fault(access, false, error_code);
        }
        if (!is_pdpte) { /* PAE directory pointers have no rights and no accessed bit */
            rights &= pte;
            nx |= pte & GPTE_NX;
        }
        is_last = is_leaf(paging, &format, level, pte);
        if (is_last && !is_allowed(paging, rights, nx, access)) {
            return fault(access, true, error_code);
        }
        bits = is_pdpte ? 0 : GPTE_A | (is_last && (access & WALK_WRITE) ? GPTE_D : 0);
        if ((pte & bits) != bits) { /* in the first byte whatever the entry's width */
            __atomic_fetch_or((uint8_t *)entry, (uint8_t)bits, __ATOMIC_SEQ_CST);
        }
        if (trail != NULL && format.levels == GUEST_WALK_LEVELS) {
            trail->steps[level - 1] = (struct guest_step){entry, pte | bits};
        }
        if (is_last) {
            *gpa = leaf_address(&format, level, pte, linear);
            return 0;
        }
        table = format.entry_bytes == 8 ? pte & GPTE_ADDR : pte & 0xfffff000U;
    }
}

int guest_walk(struct vcpu *v, uint64_t linear, unsigned access, uint64_t *gpa,
               uint32_t *error_code)
{
    struct guest_paging paging;
    int rc;

    arch_vcpu_paging(v, &paging);
    spin_lock(&v->domain->p2m.lock);
    rc = guest_walk_locked(v, &paging, linear, access, gpa, error_code, NULL);
    spin_unlock(&v->domain->p2m.lock);
    return rc;
}
