/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame allocator: a binary buddy heap a NUMA node. Free blocks are kept apart by what is in them:
 *
 *   stale --an idle CPU, as long as little is clean--> clean --taken--> given back: dirty
 *     |                                                  ^                         |
 *     +---------the taker---> taken <---the taker--------|-----an idle CPU---------+
 *
 * Stale is what has been nobody's since power-on: it holds what was there before, so it is scrubbed
 * before anyone gets it, but not for its own sake: a terabyte of it would keep every CPU busy after boot.
 * Frame 0 is never in the heap, so index 0 ends a free list.
 */
#include <hv/frame.h>

#include <hv/arch/cpu.h>
#include <hv/domain.h>
#include <hv/print.h>

#define REFS_MAX 0x7fffffffU

#define POISON   0xdd /* Debug: what a freed page of the hypervisor's is filled with until it is scrubbed */

#define CLEAN_RESERVE (512UL << 20 >> PAGE_SHIFT) /* frames a node that idle CPUs keep ready */

struct heap {
    struct spinlock lock; /* protects everything here and the free frames' links */
    uint32_t lists[FRAME_CONTENTS][MAX_ORDER + 1]; /* first block */
    uint64_t free[FRAME_CONTENTS];
    uint64_t total_count;
    bool is_being_scrubbed; /* atomic: one CPU at a time, the others had better sleep */
};

struct frame *frame_table;
uint64_t frame_limit;

static struct heap heaps[MAX_NODES];
static uint32_t nodes_with_memory;

void frame_init(struct frame *table, uint64_t limit)
{
    frame_table = table;
    frame_limit = limit;
    nodes_with_memory = 0;
    memset(heaps, 0, sizeof(heaps));
    for (unsigned node = 0; node < MAX_NODES; node++) {
        spin_init(&heaps[node].lock, LOCK_RANK_HEAP);
    }
}

static void block_push(struct heap *h, uint64_t index, unsigned order, enum frame_contents contents)
{
    struct frame *f = &frame_table[index];
    uint32_t *first = &h->lists[contents][order];

    f->head = 1;
    f->contents = contents;
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
        h->lists[f->contents][f->owner] = f->next;
    }
    if (f->next != 0) {
        frame_table[f->next].prev = f->prev;
    }
    f->head = 0;
}

/* Whether the block at index, of this order, is free as a whole, of this node and with such contents:
 * clean and other halves stay apart, so that nothing is scrubbed twice. Only a block in a list has
 * a head: what is being taken or given back, its frames still or already FREE, is nobody's to merge
 * with. */
static bool block_is_mergeable(uint64_t index, unsigned order, unsigned node, enum frame_contents contents)
{
    const struct frame *f = &frame_table[index];

    return index + (1UL << order) <= frame_limit && f->state == FRAME_FREE && f->head && f->owner == order &&
           f->node == node && f->contents == contents;
}

/* Gives back a block whose frames are all marked FREE already; merges it with its buddies. */
static void block_free(struct heap *h, uint64_t index, unsigned order, unsigned node,
                       enum frame_contents contents)
{
    h->free[contents] += 1UL << order;
    while (order < MAX_ORDER) {
        uint64_t buddy = index ^ (1UL << order);

        if (!block_is_mergeable(buddy, order, node, contents)) {
            break;
        }
        block_remove(h, buddy);
        index &= ~(1UL << order);
        order++;
    }
    block_push(h, index, order, contents);
}

/* Takes a block of the order off the heap, splitting larger ones; 0 if there is none. */
static uint64_t block_take(struct heap *h, unsigned order, enum frame_contents contents)
{
    for (unsigned from = order; from <= MAX_ORDER; from++) {
        uint64_t index = h->lists[contents][from];

        if (index == 0) {
            continue;
        }
        block_remove(h, index);
        h->free[contents] -= 1UL << order;
        while (from > order) {
            from--;
            block_push(h, index + (1UL << from), from, contents);
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

/* Clean memory is nobody's, so it is still zero. */
static void check_clean(uint64_t index, unsigned order)
{
    const uint64_t *words = mfn_to_virt(mfn(index));

    for (uint64_t i = 0; IS_DEBUG && order <= ORDER_2M && i < PAGE_SIZE / sizeof(*words) << order; i++) {
        if (words[i] != 0) {
            panic("heap: frame 0x%lx was written after it was freed: 0x%lx at 0x%lx",
                  index + i * sizeof(*words) / PAGE_SIZE, words[i], i * sizeof(*words) % PAGE_SIZE);
        }
    }
}

static void mark(uint64_t index, unsigned order, enum frame_state state, uint16_t owner, uint32_t refs)
{
    for (uint64_t i = 0; i < 1UL << order; i++) {
        struct frame *f = &frame_table[index + i];

        f->owner = owner;
        f->state = state;
        f->head = 0;
        f->contents = FRAME_CLEAN;
        __atomic_store_n(&f->refs, refs, __ATOMIC_RELEASE);
    }
}

/* Clean first; of the rest what is in the caches sooner. */
static uint64_t take_from_node(unsigned node, unsigned order)
{
    unsigned last = order <= ORDER_2M ? FRAME_STALE : FRAME_CLEAN;
    struct heap *h = &heaps[node];
    unsigned contents = FRAME_CLEAN;
    uint64_t index;

    spin_lock(&h->lock);
    while ((index = block_take(h, order, contents)) == 0 && contents < last) {
        contents++;
    }
    spin_unlock(&h->lock);

    if (index != 0 && contents != FRAME_CLEAN) {
        scrub(index, order);
    } else if (index != 0) {
        check_clean(index, order);
    }
    return index;
}

static uint32_t node_set(unsigned node)
{
    return node < MAX_NODES ? 1U << node : ~0U;
}

struct frame_stats frame_stats(unsigned node)
{
    struct frame_stats stats = {0};

    for (uint32_t left = nodes_with_memory & node_set(node); left != 0; left &= left - 1) {
        const struct heap *h = &heaps[__builtin_ctz(left)];

        stats.total += h->total_count;
        stats.dirty += READ_ONCE(h->free[FRAME_DIRTY]);
        for (unsigned contents = 0; contents < FRAME_CONTENTS; contents++) {
            stats.free += READ_ONCE(h->free[contents]);
        }
    }
    return stats;
}

/* The node of the set, which is not empty, that has most memory free. */
static unsigned emptiest_node(uint32_t nodes)
{
    unsigned chosen = (unsigned)__builtin_ctz(nodes);
    uint64_t most = 0;

    for (uint32_t left = nodes; left != 0; left &= left - 1) {
        unsigned node = (unsigned)__builtin_ctz(left);
        uint64_t free = frame_stats(node).free;

        if (free > most) {
            chosen = node;
            most = free;
        }
    }
    return chosen;
}

/* From the wanted nodes, else from any: 0 if no node has a block. */
static uint64_t take(uint32_t wanted, unsigned order)
{
    uint32_t left = order <= MAX_ORDER ? nodes_with_memory : 0;
    uint64_t index = 0;

    while (index == 0 && left != 0) {
        unsigned node = emptiest_node((left & wanted) != 0 ? left & wanted : left);

        index = take_from_node(node, order);
        left &= ~(1U << node);
    }
    return index;
}

static void give_back(uint64_t index, unsigned order, enum frame_contents contents)
{
    unsigned node = frame_table[index].node;
    struct heap *h = &heaps[node];

    mark(index, order, FRAME_FREE, 0, 0);
    spin_guard(&h->lock);
    block_free(h, index, order, node, contents);
}

void frame_add_range(mfn_t start, mfn_t end, unsigned node, enum frame_contents contents)
{
    uint64_t index = MAX(start.n, 1UL);
    uint64_t limit = MIN(end.n, frame_limit);

    nodes_with_memory |= 1U << node;
    while (index < limit) {
        unsigned order = MIN((unsigned)__builtin_ctzl(index), MAX_ORDER);

        while (index + (1UL << order) > limit) {
            order--;
        }
        for (uint64_t i = 0; i < 1UL << order; i++) {
            frame_table[index + i].node = node;
        }
        heaps[node].total_count += 1UL << order;
        give_back(index, order, contents);
        index += 1UL << order;
    }
}

mfn_t frame_alloc_hv(unsigned order, unsigned node)
{
    uint64_t index = take(node_set(node), order);

    if (index == 0) {
        return MFN_NONE;
    }
    mark(index, order, FRAME_HV, DOMID_XEN, 1);
    return mfn(index);
}

void frame_free_hv(mfn_t m, unsigned order)
{
    BUG_ON(frame_of(m)->state != FRAME_HV && frame_of(m)->state != FRAME_SHARED);
    if (IS_DEBUG) {
        memset(mfn_to_virt(m), POISON, PAGE_SIZE << order);
    }
    give_back(m.n, order, FRAME_DIRTY);
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
    uint32_t wanted;
    uint64_t index;

    if (!domain_frames_reserve(d, 1UL << order)) {
        return MFN_NONE;
    }
    wanted = READ_ONCE(d->memory_nodes);
    if (node < MAX_NODES || wanted == 0) {
        wanted = node_set(node);
    }
    index = take(wanted, order);
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

    give_back(m.n, order, FRAME_CLEAN);
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
    give_back(m.n, ORDER_4K, FRAME_DIRTY);
    if (is_domains) {
        domain_frames_freed(owner, 1);
    }
}

uint32_t frame_nodes(void)
{
    uint32_t nodes = 0;

    for (uint32_t left = nodes_with_memory; left != 0; left &= left - 1) {
        nodes |= heaps[__builtin_ctz(left)].total_count != 0 ? left & -left : 0;
    }
    return nodes;
}

/* The smallest such block is taken out whole if it fits the limit, else a part is split off. */
static uint64_t scrub_one_block(unsigned node, enum frame_contents contents, uint64_t limit)
{
    struct heap *h = &heaps[node];
    unsigned order = 0;
    uint64_t index;

    spin_lock(&h->lock);
    while (order < MAX_ORDER && h->lists[contents][order] == 0 && 2UL << order <= limit) {
        order++;
    }
    index = block_take(h, order, contents);
    spin_unlock(&h->lock);

    if (index == 0) {
        return 0;
    }
    scrub(index, order);
    give_back(index, order, FRAME_CLEAN);
    return 1UL << order;
}

/* What idle CPUs are to scrub in the node; FRAME_CLEAN: nothing. */
static enum frame_contents to_scrub(unsigned node)
{
    const struct heap *h = &heaps[node];

    if (READ_ONCE(h->free[FRAME_DIRTY]) != 0) {
        return FRAME_DIRTY;
    }
    return READ_ONCE(h->free[FRAME_STALE]) != 0 && READ_ONCE(h->free[FRAME_CLEAN]) < CLEAN_RESERVE ? FRAME_STALE
                                                                                                    : FRAME_CLEAN;
}

static uint64_t scrub_node(unsigned node, uint64_t limit)
{
    bool *is_being_scrubbed = &heaps[node].is_being_scrubbed;
    enum frame_contents contents;
    uint64_t done = 0, count = 1;

    if (to_scrub(node) == FRAME_CLEAN || __atomic_exchange_n(is_being_scrubbed, true, __ATOMIC_ACQUIRE)) {
        return 0;
    }
    while (done < limit && count != 0 && (contents = to_scrub(node)) != FRAME_CLEAN) {
        count = scrub_one_block(node, contents, limit - done);
        done += count;
    }
    __atomic_store_n(is_being_scrubbed, false, __ATOMIC_RELEASE);
    return done;
}

bool frame_scrubs_when_idle;

uint64_t frame_scrub_some(unsigned first_node, uint64_t limit)
{
    uint64_t done = 0;

    for (unsigned i = 0; i < MAX_NODES && done < limit; i++) {
        done += scrub_node((first_node + i) % MAX_NODES, limit - done);
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
        enum frame_contents contents;
        unsigned node;

        if (head == 0) {
            index++;
            continue;
        }
        /* Take the block out, keep what lies in the range, give the rest back. */
        node = frame_table[head].node;
        contents = frame_table[head].contents;
        head_end = head + (1UL << frame_table[head].owner);
        from = MAX(head, index);
        to = MIN(head_end, limit);
        spin_lock(&heaps[node].lock);
        heaps[node].free[contents] -= head_end - head;
        heaps[node].total_count -= head_end - head - (to - from);
        block_remove(&heaps[node], head);
        for (uint64_t i = head; i < head_end; i++) {
            frame_table[i].state = FRAME_RESERVED;
        }
        spin_unlock(&heaps[node].lock);
        frame_add_range(mfn(head), mfn(from), node, contents);
        frame_add_range(mfn(to), mfn(head_end), node, contents);
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
