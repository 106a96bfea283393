/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The granter's side: the table it shares with us, and the use of its entries. The guest may change every
 * word of the table at any time; an entry is read once, its flags and domid are changed together by
 * compare-and-exchange in bounded loops (xen/grant_table.h tells the protocol), and who uses what
 * is kept in our own memory (struct grant_use).
 */
#include "grant_entries.h"

#include <hv/vcpu.h>
#include <hv/print.h>

#define ENTRY_TRIES 8U

_Static_assert(sizeof(struct grant_table) <= PAGE_SIZE, "allocated as one page");

/* --- Entries ------------------------------------------------------------------------------------- */

static uint32_t ref_count(const struct grant_table *t)
{
    return t->frame_count * (t->version == 1 ? GRANT_V1_PER_FRAME : GRANT_V2_PER_FRAME);
}

static struct grant_entry_v1 *entry_v1(const struct grant_table *t, uint32_t ref)
{
    return (struct grant_entry_v1 *)t->frames[ref / GRANT_V1_PER_FRAME] + ref % GRANT_V1_PER_FRAME;
}

static union grant_entry_v2 *entry_v2(const struct grant_table *t, uint32_t ref)
{
    return (union grant_entry_v2 *)t->frames[ref / GRANT_V2_PER_FRAME] + ref % GRANT_V2_PER_FRAME;
}

static grant_status_t *status_of(const struct grant_table *t, uint32_t ref)
{
    return &t->status[ref / GRANT_STATUS_PER_FRAME][ref % GRANT_STATUS_PER_FRAME];
}

/* Flags (low half) and domid (high half) of an entry: the same place in both layouts. */
static uint32_t *header_of(const struct grant_table *t, uint32_t ref)
{
    return t->version == 1 ? (uint32_t *)entry_v1(t, ref) : (uint32_t *)entry_v2(t, ref);
}

static struct grant_use *use_of(const struct grant_table *t, uint32_t ref)
{
    return &t->uses[ref / GRANT_USES_PER_PAGE][ref % GRANT_USES_PER_PAGE];
}

static uint32_t *users_of(struct grant_use *use, bool is_write)
{
    return is_write ? &use->writers : &use->readers;
}

static bool is_in_use(const struct grant_use *use)
{
    return use->readers + use->writers != 0;
}

/* Whether the header permits the use. */
static bool header_permits(const struct grant_table *t, uint32_t header, domid_t grantee, bool is_write,
                           bool is_part_fine)
{
    if ((header & GTF_type_mask) != GTF_permit_access || header >> 16 != grantee) {
        return false;
    }
    return !(is_write && (header & GTF_readonly)) && (t->version == 1 || !(header & GTF_sub_page) || is_part_fine);
}

/* Marks ref in use in the guest's table if its header permits; *header is what was permitted. */
static bool mark_v1(const struct grant_table *t, uint32_t ref, domid_t grantee, bool is_write,
                    uint32_t *header)
{
    uint32_t *word = header_of(t, ref);
    uint32_t marks = GTF_reading | (is_write ? GTF_writing : 0);

    *header = READ_ONCE(*word);
    for (unsigned try = 0; try < ENTRY_TRIES; try++) {
        if (!header_permits(t, *header, grantee, is_write, false)) {
            return false;
        }
        if (__atomic_compare_exchange_n(word, header, *header | marks, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST)) {
            return true;
        }
    }
    return false;
}

static void unmark(const struct grant_table *t, uint32_t ref, const struct grant_use *use)
{
    uint16_t gone = (use->writers == 0 ? GTF_writing : 0) | (is_in_use(use) ? 0 : GTF_reading);

    /* Beyond: the granter died and its table is gone, see grant_release_table(). */
    if (ref >= ref_count(t) || gone == 0) {
        return;
    }
    if (t->version == 1) {
        __atomic_fetch_and(&entry_v1(t, ref)->flags, (uint16_t)~gone, __ATOMIC_SEQ_CST);
    } else {
        __atomic_fetch_and(status_of(t, ref), (grant_status_t)~gone, __ATOMIC_SEQ_CST);
    }
}

/* The same in version 2: first the mark in the status array, then the header is looked at once more: a granter
 * revokes by clearing the header first and looking at the status after it. */
static bool mark_v2(const struct grant_table *t, uint32_t ref, domid_t grantee, bool is_write,
                    bool is_part_fine, uint32_t *header)
{
    uint32_t *word = header_of(t, ref);
    grant_status_t marks = GTF_reading | (is_write ? GTF_writing : 0);

    *header = READ_ONCE(*word);
    for (unsigned try = 0; try < ENTRY_TRIES; try++) {
        uint32_t again;

        if (!header_permits(t, *header, grantee, is_write, is_part_fine)) {
            break;
        }
        __atomic_fetch_or(status_of(t, ref), marks, __ATOMIC_SEQ_CST);
        again = READ_ONCE(*word);
        if (again == *header) {
            return true;
        }
        *header = again;
    }
    unmark(t, ref, use_of(t, ref));
    return false;
}

/* What the entry grants, once it is marked: the guest frame, and the part of it. */
static bool read_grant(const struct grant_table *t, uint32_t ref, uint32_t header, gfn_t *frame,
                       struct grant_hold *hold)
{
    hold->start = 0;
    hold->end = PAGE_SIZE;
    if (t->version == 1) {
        *frame = gfn(READ_ONCE(entry_v1(t, ref)->frame));
        return true;
    }
    *frame = gfn(READ_ONCE(entry_v2(t, ref)->full_page.frame));
    if (header & GTF_sub_page) {
        uint32_t start = READ_ONCE(entry_v2(t, ref)->sub_page.page_off);
        uint32_t length = READ_ONCE(entry_v2(t, ref)->sub_page.length);

        if (start + length > PAGE_SIZE) {
            return false;
        }
        hold->start = (uint16_t)start;
        hold->end = (uint16_t)(start + length);
    }
    return true;
}

/* Takes the frame of a marked entry. Lock held. */
static int16_t hold_frame(struct domain *granter, uint32_t ref, uint32_t header, domid_t grantee,
                          bool is_write, struct grant_hold *hold)
{
    struct grant_table *t = granter->grants;
    struct grant_use *use = use_of(t, ref);
    gfn_t frame;

    lock_assert_held(&t->lock);
    if (!read_grant(t, ref, header, &frame, hold)) {
        return GNTST_general_error;
    }
    if (is_in_use(use)) {
        if (use->domid != grantee) {
            return GNTST_general_error; /* the granter gave a busy entry to another */
        }
        hold->mfn = mfn(use->mfn);
        frame_ref(hold->mfn);
    } else {
        hold->mfn = p2m_get_own_frame(granter, frame, is_write);
        if (mfn_is_none(hold->mfn)) {
            return GNTST_bad_page;
        }
        use->mfn = (uint32_t)hold->mfn.n;
        use->domid = grantee;
    }
    ++*users_of(use, is_write);
    return GNTST_okay;
}

int16_t grant_hold(struct domain *granter, uint32_t ref, domid_t grantee, bool is_write, bool is_part_fine,
                   struct grant_hold *hold)
{
    struct grant_table *t = granter->grants;
    int16_t status;
    uint32_t header;

    if (granter->state != DOMAIN_ALIVE) {
        return GNTST_bad_domain;
    }
    spin_guard(&t->lock);
    if (ref >= ref_count(t)) {
        return GNTST_bad_gntref;
    }
    ref = (uint32_t)index_nospec(ref, ref_count(t));
    if (t->version == 1 ? !mark_v1(t, ref, grantee, is_write, &header)
                        : !mark_v2(t, ref, grantee, is_write, is_part_fine, &header)) {
        return GNTST_general_error;
    }
    status = hold_frame(granter, ref, header, grantee, is_write, hold);
    if (status != GNTST_okay) {
        unmark(t, ref, use_of(t, ref));
    }
    return status;
}

void grant_unhold(struct domain *granter, uint32_t ref, bool is_write)
{
    struct grant_table *t = granter->grants;
    struct grant_use *use;

    spin_guard(&t->lock);
    use = use_of(t, ref);
    BUG_ON(*users_of(use, is_write) == 0);
    --*users_of(use, is_write);
    unmark(t, ref, use);
}

/* --- The table's frames -------------------------------------------------------------------------- */

/* A zeroed page that d may map. */
static void *shared_page_alloc(struct domain *d)
{
    void *page = page_alloc();

    if (page != NULL) {
        frame_share(virt_to_mfn(page), d->domid);
    }
    return page;
}

/* Status frames for as many entries as the shared frames hold. Lock held. */
static int grow_status(struct domain *d)
{
    struct grant_table *t = d->grants;

    while (t->status_count < grant_status_frames(t->frame_count)) {
        t->status[t->status_count] = shared_page_alloc(d);
        if (t->status[t->status_count] == NULL) {
            return -XEN_ENOMEM;
        }
        t->status_count++;
    }
    return 0;
}

/* One more shared frame, with its pages of uses. Lock held. */
static int grow_one(struct domain *d)
{
    struct grant_table *t = d->grants;
    uint32_t first = t->frame_count * GRANT_USE_PAGES_PER_FRAME;
    void *page;

    for (uint32_t i = first; i < first + GRANT_USE_PAGES_PER_FRAME; i++) {
        if (t->uses[i] == NULL) {
            t->uses[i] = page_alloc();
        }
        if (t->uses[i] == NULL) {
            return -XEN_ENOMEM;
        }
    }
    page = shared_page_alloc(d);
    if (page == NULL) {
        return -XEN_ENOMEM;
    }
    t->frames[t->frame_count++] = page;
    if (t->version == 2 && grow_status(d) != 0) {
        t->frames[--t->frame_count] = NULL;
        frame_put(virt_to_mfn(page));
        return -XEN_ENOMEM;
    }
    return 0;
}

int grant_grow(struct domain *d, uint32_t frame_count)
{
    struct grant_table *t = d->grants;
    int rc = 0;

    spin_guard(&t->lock);
    if (frame_count > t->max_frames || d->state != DOMAIN_ALIVE) {
        return -XEN_EINVAL;
    }
    while (rc == 0 && t->frame_count < frame_count) {
        rc = grow_one(d);
    }
    return rc;
}

int grant_get_frame(struct domain *d, uint64_t idx, bool is_status, mfn_t *frame)
{
    struct grant_table *t = d->grants;
    const uint32_t *count = is_status ? &t->status_count : &t->frame_count;

    spin_guard(&t->lock);
    if (d->state != DOMAIN_ALIVE || (is_status && t->version != 2) ||
        idx >= (is_status ? grant_status_frames(t->max_frames) : t->max_frames)) {
        return -XEN_EINVAL;
    }
    while (idx >= *count) {
        int rc = grow_one(d);

        if (rc != 0) {
            return rc;
        }
    }
    idx = index_nospec(idx, *count);
    *frame = virt_to_mfn(is_status ? (void *)t->status[idx] : t->frames[idx]);
    frame_ref(*frame);
    return 0;
}

void grant_frame_counts(struct domain *d, uint32_t *frames, uint32_t *max_frames, uint32_t *status_frames)
{
    struct grant_table *t = d->grants;

    spin_guard(&t->lock);
    *frames = t->frame_count;
    *max_frames = t->max_frames;
    *status_frames = t->version == 2 ? t->status_count : 0;
}

/* --- Version ------------------------------------------------------------------------------------- */

uint32_t grant_get_version(const struct domain *d)
{
    return READ_ONCE(d->grants->version);
}

static bool is_any_in_use(const struct grant_table *t)
{
    for (uint32_t ref = 0; ref < ref_count(t); ref++) {
        if (is_in_use(use_of(t, ref))) {
            return true;
        }
    }
    return false;
}

/* Rewrites the table in the other layout: the reserved entries are kept, the rest is cleared. Nothing is
 * in use; lock held. Entries that version 1 cannot express are refused. */
static int convert(struct grant_table *t, uint32_t version)
{
    struct grant_entry_v1 old_v1[GNTTAB_NR_RESERVED_ENTRIES];
    union grant_entry_v2 old_v2[GNTTAB_NR_RESERVED_ENTRIES];

    memcpy(old_v1, t->frames[0], sizeof(old_v1));
    memcpy(old_v2, t->frames[0], sizeof(old_v2));
    for (unsigned i = 0; version == 1 && i < GNTTAB_NR_RESERVED_ENTRIES; i++) {
        uint16_t type = old_v2[i].hdr.flags & GTF_type_mask;

        if (type != GTF_invalid && (type != GTF_permit_access || (old_v2[i].hdr.flags & GTF_sub_page) ||
                                    old_v2[i].full_page.frame > UINT32_MAX)) {
            return -XEN_ERANGE;
        }
    }
    for (uint32_t i = 0; i < t->frame_count; i++) {
        memset(t->frames[i], 0, PAGE_SIZE);
    }
    for (uint32_t i = 0; i < t->status_count; i++) {
        memset(t->status[i], 0, PAGE_SIZE);
    }
    t->version = version;
    for (unsigned i = 0; i < GNTTAB_NR_RESERVED_ENTRIES; i++) {
        if (version == 2) {
            entry_v2(t, i)->full_page.frame = old_v1[i].frame;
            entry_v2(t, i)->hdr.domid = old_v1[i].domid;
            entry_v2(t, i)->hdr.flags = old_v1[i].flags;
        } else {
            entry_v1(t, i)->frame = (uint32_t)old_v2[i].full_page.frame;
            entry_v1(t, i)->domid = old_v2[i].hdr.domid;
            entry_v1(t, i)->flags = old_v2[i].hdr.flags;
        }
    }
    return 0;
}

int grant_set_version(struct domain *d, uint32_t version)
{
    struct grant_table *t = d->grants;
    int rc;

    if (version != 1 && version != 2) {
        return -XEN_EINVAL;
    }
    spin_guard(&t->lock);
    if (t->version == version) {
        return 0;
    }
    if (t->frame_count == 0) {
        return -XEN_ENODEV;
    }
    if (is_any_in_use(t)) {
        return -XEN_EBUSY;
    }
    rc = version == 2 ? grow_status(d) : 0;
    return rc != 0 ? rc : convert(t, version);
}

int16_t grant_swap(struct domain *d, uint32_t a, uint32_t b)
{
    struct grant_table *t = d->grants;

    spin_guard(&t->lock);
    if (a >= ref_count(t) || b >= ref_count(t)) {
        return GNTST_bad_gntref;
    }
    a = (uint32_t)index_nospec(a, ref_count(t));
    b = (uint32_t)index_nospec(b, ref_count(t));
    if (is_in_use(use_of(t, a)) || is_in_use(use_of(t, b))) {
        return GNTST_eagain;
    }
    if (t->version == 1) {
        struct grant_entry_v1 saved = *entry_v1(t, a);

        *entry_v1(t, a) = *entry_v1(t, b);
        *entry_v1(t, b) = saved;
    } else {
        union grant_entry_v2 saved = *entry_v2(t, a);

        *entry_v2(t, a) = *entry_v2(t, b);
        *entry_v2(t, b) = saved;
    }
    return GNTST_okay;
}

/* --- Life ---------------------------------------------------------------------------------------- */

int grant_init_domain(struct domain *d, uint32_t max_frames, uint32_t max_maptrack_frames)
{
    struct grant_table *t;
    int rc;

    if (max_frames > GRANT_MAX_FRAMES || max_maptrack_frames > GRANT_MAX_MAPTRACK) {
        return -XEN_EINVAL;
    }
    t = page_alloc();
    if (t == NULL) {
        return -XEN_ENOMEM;
    }
    spin_init(&t->lock, LOCK_RANK_GRANT);
    t->version = 1;
    t->max_frames = max_frames;
    d->grants = t;
    grant_track_init(t, max_maptrack_frames);
    t->uses = page_alloc();
    rc = t->uses != NULL ? 0 : -XEN_ENOMEM;
    if (rc == 0 && max_frames != 0) {
        rc = grant_grow(d, 1);
    }
    if (rc != 0) {
        grant_free_domain(d);
    }
    return rc;
}

void grant_release_table(struct domain *d)
{
    struct grant_table *t = d->grants;

    spin_guard(&t->lock);
    for (uint32_t i = 0; i < t->frame_count; i++) {
        frame_put(virt_to_mfn(t->frames[i]));
    }
    for (uint32_t i = 0; i < t->status_count; i++) {
        frame_put(virt_to_mfn(t->status[i]));
    }
    t->frame_count = t->status_count = 0;
}

void grant_free_domain(struct domain *d)
{
    struct grant_table *t = d->grants;

    if (t == NULL) {
        return;
    }
    grant_release_table(d);
    d->grants = NULL;
    for (uint32_t i = 0; t->uses != NULL && i < PAGE_SIZE / sizeof(*t->uses); i++) {
        page_free(t->uses[i]);
    }
    page_free(t->uses);
    grant_track_free(t);
    page_free(t);
}
