/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The p2m: four levels of nested page tables (AMD64 APM vol. 2, 15.25), which the IOMMU walks as well.
 * That is why a table entry carries the next level in bits 11:9 and every entry its read and write
 * permission for devices in bits 62:61, where the processor ignores them (AMD IOMMU
 * specification 48882, 2.2.3).
 *
 * Whoever removes or weakens a translation first changes the tables under the lock, then makes every CPU
 * and device forget (p2m_flush), and only then drops the references.
 */
#include <hv/p2m.h>

#include <hv/arch/x86.h>
#include <hv/hypercall.h>
#include <hv/iommu.h>

#define PTE_GRANT PTE_G /* which the processor ignores in nested tables */
#define PTE_IR    (1UL << 61)
#define PTE_IW    (1UL << 62)
#define PTE_NEXT_LEVEL(level) ((uint64_t)(level) << 9)
/* Not present. Not 0 either: QEMU's IOMMU refuses DMA at a 0 without an event. */
#define PTE_HOLE PTE_NEXT_LEVEL(1)

#define LEVELS       4U
#define LEVEL_BITS   9U
#define ENTRIES      512U
#define GFN_LIMIT    (1UL << (LEVELS * LEVEL_BITS))

/* Tables that any domain may have, and its frames for each one more: four times what RAM needs. */
#define TABLES_MIN       1024U
#define FRAMES_PER_TABLE 128U
#define HARDWARE_FACTOR  4U /* dom0 has device memory as well: its tables may be 1/32 of the host's RAM */

/* What is done under the lock at once: leaves, and frames to be dropped after it. */
#define REMOVE_BATCH 64U
#define REMOVE_COST  1024U
#define TABLE_COST   64U /* freeing a table, in frames dropped */

/* What a removal took out, to be dropped after the flush and without the lock: the last reference
 * on another domain's frame may be the last one on that domain. */
struct removed {
    struct {
        mfn_t mfn;
        unsigned order;
    } blocks[REMOVE_BATCH];
    unsigned count, cost;
};

static unsigned level_order(unsigned level)
{
    return (level - 1) * LEVEL_BITS;
}

static unsigned level_index(gfn_t g, unsigned level)
{
    return (g.n >> level_order(level)) & (ENTRIES - 1);
}

static mfn_t pte_mfn(uint64_t pte)
{
    return mfn((pte & PTE_ADDR) >> PAGE_SHIFT);
}

static bool pte_is_table(uint64_t pte, unsigned level)
{
    return (pte & PTE_P) && level > 1 && !(pte & PTE_PS);
}

static uint64_t *pte_table(uint64_t pte)
{
    return mfn_to_virt(pte_mfn(pte));
}

static uint64_t make_leaf(mfn_t m, unsigned level, unsigned flags)
{
    /* Devices reach memory, not other devices' registers. */
    uint64_t for_devices = flags & P2M_MMIO ? 0 : PTE_IR | (flags & P2M_W ? PTE_IW : 0);

    return m.n << PAGE_SHIFT | PTE_P | PTE_U | PTE_A | (flags & P2M_W ? PTE_W : 0) | (flags & P2M_X ? 0 : PTE_NX) |
           (flags & P2M_GRANT ? PTE_GRANT : 0) | (level > 1 ? PTE_PS : 0) | for_devices;
}

static uint64_t make_table(mfn_t m, unsigned child_level)
{
    return m.n << PAGE_SHIFT | PTE_P | PTE_W | PTE_U | PTE_A | PTE_NEXT_LEVEL(child_level) | PTE_IR | PTE_IW;
}

static unsigned pte_flags(uint64_t pte)
{
    return (pte & PTE_W ? P2M_W : 0) | (pte & PTE_NX ? 0 : P2M_X) | (pte & PTE_GRANT ? P2M_GRANT : 0) |
           (frame_is_counted(pte_mfn(pte)) ? 0 : P2M_MMIO);
}

/* What a guest spreads over its address space to no purpose, or dom0 by moving its devices about, must not empty the
 * host's heap. A dying one needs tables to be taken apart. */
static bool may_have_table(const struct p2m *p)
{
    const struct domain *d = p->domain;
    uint64_t frames = d->is_hardware ? HARDWARE_FACTOR * frame_limit : d->frames_max;

    return d->state != DOMAIN_ALIVE ||
           p->table_frames < TABLES_MIN + frames / FRAMES_PER_TABLE + (d->paging_pool_bytes >> PAGE_SHIFT);
}

/* The only writer of entries in use; the lock is held. Whoever remembers a lookup sees by the count
 * whether it still holds: no lookup is remembered that found nothing. */
static void set_entry(struct p2m *p, uint64_t *slot, uint64_t pte)
{
    lock_assert_held(&p->lock);
    if (*slot & PTE_P) {
        p->change_count++;
    }
    WRITE_ONCE(*slot, pte);
}

static mfn_t table_alloc(struct p2m *p)
{
    mfn_t m = may_have_table(p) ? frame_alloc_hv(ORDER_4K, NODE_ANY) : MFN_NONE;
    uint64_t *table;

    if (mfn_is_none(m)) {
        return m;
    }
    table = mfn_to_virt(m);
    for (unsigned i = 0; i < ENTRIES; i++) {
        table[i] = PTE_HOLE;
    }
    p->table_frames++;
    return m;
}

static void table_free(struct p2m *p, mfn_t m)
{
    p->table_frames--;
    frame_free_hv(m, ORDER_4K);
}

int p2m_init(struct domain *d)
{
    struct p2m *p = &d->p2m;

    spin_init(&p->lock, LOCK_RANK_P2M);
    p->domain = d;
    p->flush_gen = 1;
    p->root = table_alloc(p);
    return mfn_is_none(p->root) ? -XEN_ENOMEM : 0;
}

void p2m_free(struct domain *d)
{
    if (!mfn_is_none(d->p2m.root)) {
        table_free(&d->p2m, d->p2m.root);
        d->p2m.root = MFN_NONE;
    }
}

/* Splits the large leaf *slot at `level` into a table of the next smaller pages. */
static int split(struct p2m *p, uint64_t *slot, unsigned level)
{
    uint64_t pte = *slot;
    mfn_t first = pte_mfn(pte);
    unsigned flags = pte_flags(pte);
    mfn_t m = table_alloc(p);
    uint64_t *table;

    if (mfn_is_none(m)) {
        return -XEN_ENOMEM;
    }
    table = mfn_to_virt(m);
    for (unsigned i = 0; i < ENTRIES; i++) {
        mfn_t part = mfn_add(first, (uint64_t)i << level_order(level - 1));

        table[i] = make_leaf(part, level - 1, flags) | (pte & PTE_D);
    }
    set_entry(p, slot, make_table(m, level - 1));
    return 0;
}

/* The slot for g at `level`, with tables made and large pages split on the way; NULL: no memory. */
static uint64_t *slot_make(struct p2m *p, gfn_t g, unsigned level)
{
    uint64_t *table = mfn_to_virt(p->root);

    for (unsigned l = LEVELS; l > level; l--) {
        uint64_t *slot = &table[level_index(g, l)];

        if (!(*slot & PTE_P)) {
            mfn_t m = table_alloc(p);

            if (mfn_is_none(m)) {
                return NULL;
            }
            set_entry(p, slot, make_table(m, l - 1));
        } else if (!pte_is_table(*slot, l) && split(p, slot, l) != 0) {
            return NULL;
        }
        table = pte_table(*slot);
    }
    return &table[level_index(g, level)];
}

/* The leaf or hole that g lies in, and its level. */
static uint64_t *slot_find(struct p2m *p, gfn_t g, unsigned *level)
{
    uint64_t *table = mfn_to_virt(p->root);

    for (unsigned l = LEVELS;; l--) {
        uint64_t *slot = &table[level_index(g, l)];

        if (l == 1 || !pte_is_table(*slot, l)) {
            *level = l;
            return slot;
        }
        table = pte_table(*slot);
    }
}

struct p2m_entry p2m_lookup_locked(struct domain *d, gfn_t g)
{
    struct p2m *p = &d->p2m;
    struct p2m_entry entry = {.mfn = MFN_NONE, .order = level_order(LEVELS)};
    unsigned level;
    uint64_t pte;

    if (g.n >= GFN_LIMIT) {
        return entry;
    }
    pte = *slot_find(p, g, &level);
    entry.order = level_order(level);
    if (pte & PTE_P) {
        entry.mfn = mfn_add(pte_mfn(pte), g.n & ((1UL << entry.order) - 1));
        entry.flags = pte_flags(pte);
    }
    return entry;
}

struct p2m_entry p2m_lookup(struct domain *d, gfn_t g)
{
    spin_guard(&d->p2m.lock);
    return p2m_lookup_locked(d, g);
}

/* All is looked at before the reference is taken: one on another domain's frame could become that domain's last, and
 * who asks for d's own holds locks under which that must not be dropped (docs/locking.md, rule 7). */
static mfn_t get_frame(struct domain *d, gfn_t g, bool write, bool is_own)
{
    struct p2m_entry entry;

    spin_guard(&d->p2m.lock);
    entry = p2m_lookup_locked(d, g);
    if (mfn_is_none(entry.mfn) || (entry.flags & P2M_MMIO) || (write && !(entry.flags & P2M_W)) ||
        (is_own && !frame_is_domains(entry.mfn, d->domid))) {
        return MFN_NONE;
    }
    frame_ref(entry.mfn);
    return entry.mfn;
}

mfn_t p2m_get_frame(struct domain *d, gfn_t g, bool write)
{
    return get_frame(d, g, write, false);
}

mfn_t p2m_get_own_frame(struct domain *d, gfn_t g, bool write)
{
    return get_frame(d, g, write, true);
}

/* Whether the entry is a hole, or a table of nothing but such entries. */
static bool maps_nothing(uint64_t pte, unsigned level)
{
    bool is_empty = !(pte & PTE_P) || pte_is_table(pte, level);

    for (unsigned i = 0; i < ENTRIES && is_empty && (pte & PTE_P); i++) {
        is_empty = maps_nothing(pte_table(pte)[i], level - 1);
    }
    return is_empty;
}

/* Frees a table that maps nothing, and the tables in it. */
static void free_empty(struct p2m *p, uint64_t pte)
{
    for (unsigned i = 0; i < ENTRIES; i++) {
        if (pte_table(pte)[i] & PTE_P) {
            free_empty(p, pte_table(pte)[i]);
        }
    }
    table_free(p, pte_mfn(pte));
}

/* Puts one leaf at g. *old is what it took the place of: a page, a table that maps nothing, or a
 * hole. */
static int map_locked(struct p2m *p, gfn_t g, mfn_t m, unsigned level, unsigned flags,
                      uint64_t *old)
{
    uint64_t *slot, last = g.n + (1UL << level_order(level)) - 1;

    /* Under the lock: teardown takes it after the state has changed, and leaves nothing behind. */
    if (p->domain->state != DOMAIN_ALIVE) {
        return -XEN_EINVAL;
    }
    slot = slot_make(p, g, level);
    if (slot == NULL) {
        return -XEN_ENOMEM;
    }
    *old = *slot;
    if ((*old & PTE_P) && ((*old & PTE_GRANT) || (level > 1 && !maps_nothing(*old, level)))) {
        return -XEN_EBUSY;
    }
    set_entry(p, slot, make_leaf(m, level, flags));
    if (!(flags & P2M_MMIO) && last > p->highest_gfn) {
        p->highest_gfn = last;
    }
    return 0;
}

static void put_block(mfn_t m, unsigned order)
{
    uint64_t count = frame_is_counted(m) ? 1UL << order : 0;

    for (uint64_t i = 0; i < count; i++) {
        frame_put(mfn_add(m, i));
    }
}

int p2m_map(struct domain *d, gfn_t g, mfn_t m, unsigned order, unsigned flags)
{
    struct p2m *p = &d->p2m;
    unsigned level = order / LEVEL_BITS + 1;
    uint64_t old = 0;
    int rc = 0;

    if (order % LEVEL_BITS != 0 || level >= LEVELS || g.n >= GFN_LIMIT ||
        ((g.n | m.n) & ((1UL << order) - 1)) != 0) {
        return -XEN_EINVAL;
    }
    if (order == ORDER_2M) {
        rc = p2m_unmap(d, g, order);
    }
    if (rc == 0) {
        spin_lock(&p->lock);
        rc = map_locked(p, g, m, level, flags, &old);
        spin_unlock(&p->lock);
    }
    if (rc != 0 || !(old & PTE_P)) {
        return rc;
    }
    p2m_flush(d);
    if (level == 1) {
        put_block(pte_mfn(old), order);
    } else {
        spin_guard(&p->lock);
        free_empty(p, old);
    }
    return 0;
}

static bool is_full(const struct removed *removed)
{
    return removed->count == REMOVE_BATCH || removed->cost >= REMOVE_COST;
}

static void take_out(struct p2m *p, struct removed *removed, uint64_t *slot, unsigned order)
{
    removed->blocks[removed->count].mfn = pte_mfn(*slot);
    removed->blocks[removed->count++].order = order;
    removed->cost += 1U << order;
    set_entry(p, slot, PTE_HOLE);
}

static void drop(const struct removed *removed)
{
    for (unsigned i = 0; i < removed->count; i++) {
        put_block(removed->blocks[i].mfn, removed->blocks[i].order);
    }
}

/* Removes leaves of [*g, end) until the batch is full; *g moves on. */
static int unmap_batch(struct p2m *p, gfn_t *g, uint64_t end, struct removed *removed)
{
    while (g->n < end && !is_full(removed)) {
        unsigned level, order;
        uint64_t *slot = slot_find(p, *g, &level);
        uint64_t pte = *slot;

        order = level_order(level);
        if (!(pte & PTE_P)) {
            *g = gfn((g->n | ((1UL << order) - 1)) + 1);
            continue;
        }
        if (pte & PTE_GRANT) {
            return -XEN_EBUSY;
        }
        if ((g->n & ((1UL << order) - 1)) != 0 || g->n + (1UL << order) > end) {
            if (split(p, slot, level) != 0) {
                return -XEN_ENOMEM;
            }
            continue;
        }
        take_out(p, removed, slot, order);
        *g = gfn_add(*g, 1UL << order);
    }
    return 0;
}

int p2m_unmap(struct domain *d, gfn_t g, unsigned order)
{
    uint64_t end = g.n + (1UL << order);
    int rc = 0;

    if (order > ORDER_2M || g.n >= GFN_LIMIT || end > GFN_LIMIT) {
        return -XEN_EINVAL;
    }
    while (g.n < end && rc == 0) {
        struct removed removed = {.count = 0};

        spin_lock(&d->p2m.lock);
        rc = unmap_batch(&d->p2m, &g, end, &removed);
        spin_unlock(&d->p2m.lock);
        if (removed.count != 0) {
            p2m_flush(d);
        }
        drop(&removed);
    }
    return rc;
}

int p2m_grant_map(struct domain *d, gfn_t g, mfn_t m, bool is_writable)
{
    struct p2m *p = &d->p2m;
    uint64_t *slot;

    if (g.n >= GFN_LIMIT) {
        return -XEN_EINVAL;
    }
    spin_guard(&p->lock);
    if (!mfn_is_none(p2m_lookup_locked(d, g).mfn)) {
        return -XEN_EEXIST;
    }
    slot = slot_make(p, g, 1);
    if (slot == NULL) {
        return -XEN_ENOMEM;
    }
    set_entry(p, slot, make_leaf(m, 1, P2M_GRANT | (is_writable ? P2M_W : 0)));
    return 0;
}

int p2m_grant_unmap(struct domain *d, gfn_t g, mfn_t m)
{
    struct p2m *p = &d->p2m;
    unsigned level;
    uint64_t *slot;

    if (g.n >= GFN_LIMIT) {
        return -XEN_ENOENT;
    }
    spin_guard(&p->lock);
    slot = slot_find(p, g, &level);
    if (level != 1 || !(*slot & PTE_P) || !(*slot & PTE_GRANT) || pte_mfn(*slot).n != m.n) {
        return -XEN_ENOENT;
    }
    set_entry(p, slot, PTE_HOLE);
    return 0;
}

void p2m_flush(struct domain *d)
{
    uint64_t gen = __atomic_add_fetch(&d->p2m.flush_gen, 1, __ATOMIC_SEQ_CST);

    this_cpu()->counters.p2m_flushes++;
    for_each_vcpu(d, v) {
        vcpu_start_flush(v);
    }
    for_each_vcpu(d, v) {
        vcpu_wait_flushed(v, gen);
    }
    if (d->p2m.has_iommu) {
        iommu_flush(d);
    }
}

/* Takes out what a table of `level` maps and frees the tables below it; false: the batch is full.
 * Grant mappings were given up before (grant_release_mappings). */
static bool strip(struct p2m *p, uint64_t *table, unsigned level, struct removed *removed)
{
    for (unsigned i = 0; i < ENTRIES; i++) {
        uint64_t *slot = &table[i];

        if (!(*slot & PTE_P)) {
            continue;
        }
        if (is_full(removed)) {
            return false;
        }
        /* 1 GiB goes in parts; without memory for the table, at once. */
        if (level == LEVELS - 1 && !pte_is_table(*slot, level)) {
            (void)split(p, slot, level);
        }
        if (!pte_is_table(*slot, level)) {
            take_out(p, removed, slot, level_order(level));
            continue;
        }
        if (!strip(p, pte_table(*slot), level - 1, removed)) {
            return false;
        }
        table_free(p, pte_mfn(*slot));
        removed->cost += TABLE_COST;
        set_entry(p, slot, PTE_HOLE);
    }
    return true;
}

int p2m_teardown(struct domain *d)
{
    struct p2m *p = &d->p2m;
    bool is_done;

    do {
        struct removed removed = {.count = 0};

        spin_lock(&p->lock);
        is_done = strip(p, mfn_to_virt(p->root), LEVELS, &removed);
        spin_unlock(&p->lock);
        drop(&removed);
    } while (!is_done && !hypercall_should_restart());
    return is_done ? 0 : -XEN_ERESTART;
}
