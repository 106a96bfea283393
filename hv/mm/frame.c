/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame allocator: a binary buddy heap a NUMA node. Free blocks are kept clean and dirty apart;
 * what a domain gave back is dirty until an idle CPU, or the next taker, has scrubbed it. Frame 0 is
 * never in the heap, so index 0 ends a free list.
 */
#include <hv/frame.h>

#include <hv/arch/cpu.h>
#include <hv/domain.h>
#include <hv/lock.h>
#include <hv/print.h>
#include <hv/string.h>

#define REFS_MAX 0x7fffffffU

struct heap {
    struct spinlock lock; /* protects everything here and the free frames' links */
    uint32_t lists[2][MAX_ORDER + 1]; /* [dirty][order]: first block */
    uint64_t free_count, dirty_count, total_count;
};

struct frame *frame_table;
uint64_t frame_limit;

static struct heap heaps[MAX_NODES];

void frame_init(struct frame *table, uint64_t limit)
{
    frame_table = table;
    frame_limit = limit;
    for (unsigned node = 0; node < MAX_NODES; node++) {
        spin_init(&heaps[node].lock, LOCK_RANK_HEAP);
    }
}

static void block_push(struct heap *h, uint64_t index, unsigned order, bool is_dirty)
{
    struct frame *f = &frame_table[index];
    uint32_t *first = &h->lists[is_dirty][order];

    f->head = 1;
    f->dirty = is_dirty;
    f->owner = order;
    f->prev = 0;
    f->next = *first;
    if (*first != 0) {
        frame_table[*first].prev = index;
    }
    *first = index;
}

static void block_remove(struct heap *h, uint64_t index)
{
    struct frame *f = &frame_table[index];

    if (f->prev != 0) {
        frame_table[f->prev].next = f->next;
    } else {
        h->lists[f->dirty][f->owner] = f->next;
    }
    if (f->next != 0) {
        frame_table[f->next].prev = f->prev;
    }
    f->head = 0;
}

/* Whether the block at index, of this order, is free as a whole, of this node and as clean as told:
 * clean and dirty halves stay apart, so that nothing is scrubbed twice. Only a block in a list has
 * a head: what is being taken or given back, its frames still or already FREE, is nobody's to merge
 * with. */
static bool block_is_mergeable(uint64_t index, unsigned order, unsigned node, bool is_dirty)
{
    const struct frame *f;

    if (index + (1UL << order) > frame_limit) {
        return false;
    }
    f = &frame_table[index];
    return f->state == FRAME_FREE && f->head && f->owner == order && f->node == node &&
           f->dirty == is_dirty;
}

/* Gives back a block whose frames are all marked FREE already; merges it with its buddies. */
static void block_free(struct heap *h, uint64_t index, unsigned order, unsigned node, bool is_dirty)
{
    h->free_count += 1UL << order;
    if (is_dirty) {
        h->dirty_count += 1UL << order;
    }
    while (order < MAX_ORDER) {
        uint64_t buddy = index ^ (1UL << order);

        if (!block_is_mergeable(buddy, order, node, is_dirty)) {
            break;
        }
        block_remove(h, buddy);
        index &= ~(1UL << order);
        order++;
    }
    block_push(h, index, order, is_dirty);
}

/* Takes a block of the order off the heap, splitting larger ones; 0 if there is none. */
static uint64_t block_take(struct heap *h, unsigned order, bool is_dirty)
{
    for (unsigned from = order; from <= MAX_ORDER; from++) {
        uint64_t index = h->lists[is_dirty][from];

        if (index == 0) {
            continue;
        }
        block_remove(h, index);
        h->free_count -= 1UL << order;
        if (is_dirty) {
            h->dirty_count -= 1UL << order;
        }
        while (from > order) {
            from--;
            block_push(h, index + (1UL << from), from, is_dirty);
        }
        return index;
    }
    return 0;
}

static void scrub(uint64_t index, unsigned order)
{
    for (uint64_t i = 0; i < 1UL << order; i++) {
        page_clear(mfn_to_virt(mfn(index + i)));
    }
}

static void mark(uint64_t index, unsigned order, enum frame_state state, uint16_t owner, uint32_t refs)
{
    for (uint64_t i = 0; i < 1UL << order; i++) {
        struct frame *f = &frame_table[index + i];

        f->owner = owner;
        f->state = state;
        f->head = 0;
        f->dirty = 0;
        __atomic_store_n(&f->refs, refs, __ATOMIC_RELEASE);
    }
}

static uint64_t take_from_node(unsigned node, unsigned order)
{
    struct heap *h = &heaps[node];
    bool is_dirty = false;
    uint64_t index;

    spin_lock(&h->lock);
    index = block_take(h, order, false);
    if (index == 0 && order <= ORDER_2M) {
        is_dirty = true;
        index = block_take(h, order, true);
    }
    spin_unlock(&h->lock);

    if (index != 0 && is_dirty) {
        scrub(index, order);
    }
    return index;
}

/* From the wanted node, else from any: 0 if no node has a block. */
static uint64_t take(unsigned node, unsigned order)
{
    uint64_t index = 0;

    if (order > MAX_ORDER) {
        return 0;
    }
    if (node < MAX_NODES) {
        index = take_from_node(node, order);
    }
    for (unsigned other = 0; index == 0 && other < MAX_NODES; other++) {
        if (other != node && heaps[other].free_count >= 1UL << order) {
            index = take_from_node(other, order);
        }
    }
    return index;
}

static void give_back(uint64_t index, unsigned order, bool is_dirty)
{
    unsigned node = frame_table[index].node;
    struct heap *h = &heaps[node];

    mark(index, order, FRAME_FREE, 0, 0);
    spin_lock(&h->lock);
    block_free(h, index, order, node, is_dirty);
    spin_unlock(&h->lock);
}

void frame_add_range(mfn_t start, mfn_t end, unsigned node, bool dirty)
{
    uint64_t index = MAX(start.n, 1UL);
    uint64_t limit = MIN(end.n, frame_limit);

    while (index < limit) {
        unsigned order = MIN((unsigned)__builtin_ctzl(index), MAX_ORDER);

        while (index + (1UL << order) > limit) {
            order--;
        }
        for (uint64_t i = 0; i < 1UL << order; i++) {
            frame_table[index + i].node = node;
        }
        heaps[node].total_count += 1UL << order;
        give_back(index, order, dirty);
        index += 1UL << order;
    }
}

mfn_t frame_alloc_hv(unsigned order, unsigned node)
{
    uint64_t index = take(node, order);

    if (index == 0) {
        return MFN_NONE;
    }
    mark(index, order, FRAME_HV, DOMID_XEN, 1);
    return mfn(index);
}

void frame_free_hv(mfn_t m, unsigned order)
{
    give_back(m.n, order, true);
}

void *page_alloc(void)
{
    mfn_t m = frame_alloc_hv(ORDER_4K, NODE_ANY);

    return mfn_is_none(m) ? NULL : mfn_to_virt(m);
}

void page_free(void *page)
{
    if (page != NULL) {
        frame_free_hv(virt_to_mfn(page), ORDER_4K);
    }
}

mfn_t frame_alloc_guest(struct domain *d, unsigned order, unsigned node)
{
    uint64_t index;

    if (!domain_frames_reserve(d, 1UL << order)) {
        return MFN_NONE;
    }
    index = take(node, order);
    if (index == 0) {
        domain_frames_freed(d->domid, 1UL << order);
        return MFN_NONE;
    }
    mark(index, order, FRAME_GUEST, d->domid, 1);
    return mfn(index);
}

void frame_free_guest(mfn_t m, unsigned order)
{
    domid_t owner = frame_of(m)->owner;

    give_back(m.n, order, false);
    domain_frames_freed(owner, 1UL << order);
}

void frame_share(mfn_t m, domid_t owner)
{
    struct frame *f = frame_of(m);

    f->owner = owner;
    f->state = FRAME_SHARED;
}

void frame_ref(mfn_t m)
{
    uint32_t refs = __atomic_add_fetch(&frame_of(m)->refs, 1, __ATOMIC_ACQ_REL);

    BUG_ON(refs == 1 || refs > REFS_MAX);
}

void frame_put(mfn_t m)
{
    struct frame *f = frame_of(m);
    uint32_t refs = __atomic_sub_fetch(&f->refs, 1, __ATOMIC_ACQ_REL);
    uint16_t owner;
    bool is_domains;

    BUG_ON(refs > REFS_MAX);
    if (refs != 0) {
        return;
    }
    owner = f->owner;
    is_domains = f->state == FRAME_GUEST;
    give_back(m.n, ORDER_4K, true);
    if (is_domains) {
        domain_frames_freed(owner, 1);
    }
}

static uint64_t sum(unsigned node, size_t offset)
{
    uint64_t total = 0;

    for (unsigned n = 0; n < MAX_NODES; n++) {
        if (node == NODE_ANY || node == n) {
            total += *(const uint64_t *)((const char *)&heaps[n] + offset);
        }
    }
    return total;
}

uint64_t frame_free_count(unsigned node)
{
    return sum(node, offsetof(struct heap, free_count));
}

uint64_t frame_total_count(unsigned node)
{
    return sum(node, offsetof(struct heap, total_count));
}

uint64_t frame_dirty_count(void)
{
    return sum(NODE_ANY, offsetof(struct heap, dirty_count));
}

/* The smallest dirty block is taken out whole if it fits the limit, else a part is split off. */
static uint64_t scrub_one_block(unsigned node, uint64_t limit)
{
    struct heap *h = &heaps[node];
    unsigned order = 0;
    uint64_t index;

    spin_lock(&h->lock);
    while (order < MAX_ORDER && h->lists[true][order] == 0 && 2UL << order <= limit) {
        order++;
    }
    index = block_take(h, order, true);
    spin_unlock(&h->lock);

    if (index == 0) {
        return 0;
    }
    scrub(index, order);
    give_back(index, order, false);
    return 1UL << order;
}

uint64_t frame_scrub_some(uint64_t limit)
{
    uint64_t done = 0;

    for (unsigned node = 0; node < MAX_NODES && done < limit; node++) {
        while (heaps[node].dirty_count != 0 && done < limit) {
            uint64_t count = scrub_one_block(node, limit - done);

            if (count == 0) {
                break;
            }
            done += count;
        }
    }
    return done;
}

/* The head of the free block that index lies in, or 0. */
static uint64_t block_containing(uint64_t index)
{
    for (unsigned order = 0; order <= MAX_ORDER; order++) {
        uint64_t head = index & ~((1UL << order) - 1);
        const struct frame *f = &frame_table[head];

        if (f->state == FRAME_FREE && f->head && head + (1UL << f->owner) > index) {
            return head;
        }
    }
    return 0;
}

uint64_t frame_carve_range(struct domain *d, mfn_t start, mfn_t end)
{
    uint64_t index = MAX(start.n, 1UL);
    uint64_t limit = MIN(end.n, frame_limit);
    uint64_t carved = 0;

    while (index < limit) {
        uint64_t head = frame_table[index].state == FRAME_FREE ? block_containing(index) : 0;
        uint64_t from, to, head_end;
        bool is_dirty;
        unsigned node;

        if (head == 0) {
            index++;
            continue;
        }
        /* Take the block out, keep what lies in the range, give the rest back. */
        node = frame_table[head].node;
        is_dirty = frame_table[head].dirty;
        head_end = head + (1UL << frame_table[head].owner);
        from = MAX(head, index);
        to = MIN(head_end, limit);
        spin_lock(&heaps[node].lock);
        heaps[node].free_count -= head_end - head;
        heaps[node].total_count -= head_end - head - (to - from);
        heaps[node].dirty_count -= is_dirty ? head_end - head : 0;
        block_remove(&heaps[node], head);
        for (uint64_t i = head; i < head_end; i++) {
            frame_table[i].state = FRAME_RESERVED;
        }
        spin_unlock(&heaps[node].lock);
        frame_add_range(mfn(head), mfn(from), node, is_dirty);
        frame_add_range(mfn(to), mfn(head_end), node, is_dirty);
        for (uint64_t i = from; i < to; i++) {
            mark(i, ORDER_4K, FRAME_GUEST, d->domid, 1);
        }
        domain_frames_added(d, to - from);
        carved += to - from;
        index = to;
    }
    return carved;
}

bool frame_adopt(struct domain *d, mfn_t m)
{
    if (!mfn_valid(m) || frame_of(m)->state != FRAME_RESERVED || frame_of(m)->refs != 0) {
        return false;
    }
    domain_frames_added(d, 1);
    mark(m.n, ORDER_4K, FRAME_GUEST, d->domid, 1);
    return true;
}
