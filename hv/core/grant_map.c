/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mapper's side: handles, each a granted frame mapped in the mapper's p2m. A handle keeps a reference on
 * the granter, the p2m entry one on the frame, so a dying granter's memory stays until it is unmapped. An
 * unmap first takes the handle for itself, then removes the p2m entries of its whole batch, flushes
 * once, and only then lets the granters have their pages back.
 */
#include "grant_entries.h"

#include <hv/print.h>

#define TRACK_PAGES_PER_DIRECTORY (PAGE_SIZE / sizeof(struct grant_track *))

/* What an unmap took out of the p2m and gives back after the flush. */
struct unmapped {
    struct domain *granter;
    gfn_t gfn;
    mfn_t mfn;
    uint32_t ref, handle;
    bool is_write;
};

/* --- Handles ------------------------------------------------------------------------------------- */

/* The slot of a handle, or NULL beyond those that exist. track_lock held. */
static struct grant_track *track_at(const struct grant_table *t, uint32_t handle)
{
    uint32_t page = handle / GRANT_TRACKS_PER_PAGE;

    if (page >= t->track_pages) {
        return NULL;
    }
    page = (uint32_t)index_nospec(page, t->track_pages);
    return &t->tracks[page / TRACK_PAGES_PER_DIRECTORY][page % TRACK_PAGES_PER_DIRECTORY]
                     [handle % GRANT_TRACKS_PER_PAGE];
}

static void track_push(struct grant_table *t, uint32_t handle)
{
    struct grant_track *track = track_at(t, handle);

    track->flags = 0;
    track->next_free = t->first_free_track;
    t->first_free_track = handle + 1;
}

/* Makes a page of free handles. track_lock held. */
static bool track_grow(struct grant_table *t)
{
    struct grant_track ***directory = &t->tracks[t->track_pages / TRACK_PAGES_PER_DIRECTORY];
    uint32_t first = t->track_pages * GRANT_TRACKS_PER_PAGE;
    struct grant_track *page;

    lock_assert_held(&t->track_lock);
    if (t->track_pages >= t->max_track_pages) {
        return false;
    }
    if (*directory == NULL) {
        *directory = page_alloc();
    }
    page = *directory != NULL ? page_alloc() : NULL;
    if (page == NULL) {
        return false;
    }
    (*directory)[t->track_pages++ % TRACK_PAGES_PER_DIRECTORY] = page;
    for (uint32_t handle = first + GRANT_TRACKS_PER_PAGE; handle-- > first;) {
        track_push(t, handle);
    }
    return true;
}

static bool track_alloc(struct grant_table *t, uint32_t *handle)
{
    spin_guard(&t->track_lock);
    if (t->first_free_track == 0 && !track_grow(t)) {
        return false;
    }
    *handle = t->first_free_track - 1;
    t->first_free_track = track_at(t, *handle)->next_free;
    t->mapped_count++;
    return true;
}

static void track_release(struct grant_table *t, uint32_t handle)
{
    spin_guard(&t->track_lock);
    t->mapped_count--;
    track_push(t, handle);
}

uint32_t grant_mapped_count(const struct domain *d)
{
    return d->grants != NULL ? READ_ONCE(d->grants->mapped_count) : 0;
}

/* --- Map ----------------------------------------------------------------------------------------- */

static int16_t check_map_flags(uint32_t flags)
{
    if (!(flags & (GNTMAP_host_map | GNTMAP_device_map))) {
        return GNTST_bad_gntref;
    }
    if (flags & (GNTMAP_application_map | GNTMAP_contains_pte)) {
        return GNTST_general_error; /* for guests that hand us their page tables; none here does */
    }
    if (!(flags & GNTMAP_host_map)) {
        return GNTST_no_device_space; /* devices translate through the p2m: no mapping, no address */
    }
    return GNTST_okay;
}

/* Holds the entry and puts its frame into the mapper's p2m. */
static int16_t map_frame(struct domain *mapper, struct domain *granter,
                         const struct gnttab_map_grant_ref *op, mfn_t *m)
{
    bool is_write = !(op->flags & GNTMAP_readonly);
    struct grant_hold hold;
    int16_t status = grant_hold(granter, op->ref, mapper->domid, is_write, false, &hold);
    int rc;

    if (status != GNTST_okay) {
        return status;
    }
    *m = hold.mfn;
    rc = p2m_grant_map(mapper, gfn(op->host_addr >> PAGE_SHIFT), hold.mfn, is_write);
    if (rc != 0) {
        grant_unhold(granter, op->ref, is_write);
        frame_put(hold.mfn);
        return rc == -XEN_ENOMEM ? GNTST_no_space : GNTST_bad_virt_addr;
    }
    return GNTST_okay;
}

void grant_map(struct domain *mapper, struct domain *granter, struct gnttab_map_grant_ref *op)
{
    struct grant_table *t = mapper->grants;
    uint32_t handle;
    mfn_t m;

    op->handle = 0;
    op->dev_bus_addr = 0;
    op->status = check_map_flags(op->flags);
    if (op->status != GNTST_okay) {
        return;
    }
    if (!track_alloc(t, &handle)) {
        op->status = GNTST_no_space;
        return;
    }
    op->status = map_frame(mapper, granter, op, &m);
    if (op->status != GNTST_okay) {
        track_release(t, handle);
        return;
    }
    domain_ref(granter);
    spin_lock(&t->track_lock);
    struct grant_track *track = track_at(t, handle);

    track->granter = granter;
    track->gfn = op->host_addr >> PAGE_SHIFT;
    track->ref = op->ref;
    track->mfn = (uint32_t)m.n;
    track->flags = op->flags & (GNTMAP_host_map | GNTMAP_device_map | GNTMAP_readonly);
    spin_unlock(&t->track_lock);

    op->handle = handle;
    if (op->flags & GNTMAP_device_map) {
        op->dev_bus_addr = op->host_addr & PAGE_MASK;
    }
}

/* --- Unmap --------------------------------------------------------------------------------------- */

/* Makes a mapped handle ours: nobody else finds it mapped from now on. track_lock held. */
static void track_take(struct grant_track *track, uint32_t handle, struct unmapped *out)
{
    *out = (struct unmapped){
        .granter = track->granter,
        .gfn = gfn(track->gfn),
        .mfn = mfn(track->mfn),
        .ref = track->ref,
        .handle = handle,
        .is_write = !(track->flags & GNTMAP_readonly),
    };
    track->flags = 0;
    track->granter = NULL;
}

/* Checks one request and takes its handle. *is_taken: there is a mapping to be removed. */
static int16_t unmap_take(struct grant_table *t, const struct gnttab_unmap_grant_ref *op, struct unmapped *out,
                          bool *is_taken)
{
    struct grant_track *track;

    spin_guard(&t->track_lock);
    track = track_at(t, op->handle);
    *is_taken = false;
    if (track == NULL || track->flags == 0) {
        return GNTST_bad_handle;
    }
    if (op->dev_bus_addr != 0 &&
        (!(track->flags & GNTMAP_device_map) || op->dev_bus_addr >> PAGE_SHIFT != track->gfn)) {
        return GNTST_bad_dev_addr;
    }
    if (op->host_addr != 0 && op->host_addr >> PAGE_SHIFT != track->gfn) {
        return GNTST_bad_virt_addr;
    }
    if (op->dev_bus_addr != 0) {
        track->flags &= ~GNTMAP_device_map;
    }
    if (op->host_addr != 0) {
        track_take(track, op->handle, out);
        *is_taken = true;
    }
    return GNTST_okay;
}

/* Removes the mapping of a taken handle, not yet flushed. */
static void unmap_remove(struct domain *mapper, struct unmapped *taken)
{
    if (p2m_grant_unmap(mapper, taken->gfn, taken->mfn) != 0) {
        /* Our own fault, but not worth the host: the reference went with the entry. */
        pr_error("d%u: grant mapping at gfn %lx is gone", mapper->domid, taken->gfn.n);
        taken->mfn = MFN_NONE;
    }
}

/* After removals: flushes, then gives back what the mappings held. */
static void unmap_finish(struct domain *mapper, const struct unmapped *taken, unsigned count)
{
    if (count == 0) {
        return;
    }
    p2m_flush(mapper);
    for (unsigned i = 0; i < count; i++) {
        grant_unhold(taken[i].granter, taken[i].ref, taken[i].is_write);
        frame_put_any(taken[i].mfn);
        domain_put(taken[i].granter);
        track_release(mapper->grants, taken[i].handle);
    }
}

void grant_unmap(struct domain *mapper, struct gnttab_unmap_grant_ref *ops, unsigned count)
{
    struct unmapped taken[GRANT_BATCH];
    unsigned taken_count = 0;

    BUG_ON(count > GRANT_BATCH);
    for (unsigned i = 0; i < count; i++) {
        bool is_taken;

        ops[i].status = unmap_take(mapper->grants, &ops[i], &taken[taken_count], &is_taken);
        if (is_taken) {
            unmap_remove(mapper, &taken[taken_count++]);
        }
    }
    unmap_finish(mapper, taken, taken_count);
}

/* Takes the handle that comes next, if it is mapped; false: there is none any more. */
static bool release_take(struct grant_table *t, struct unmapped *out, bool *is_taken)
{
    struct grant_track *track;

    spin_guard(&t->track_lock);
    track = track_at(t, t->release_next);
    *is_taken = track != NULL && track->flags != 0;
    if (*is_taken) {
        track_take(track, t->release_next, out);
    }
    t->release_next += track != NULL;
    return track != NULL;
}

int grant_release_mappings(struct domain *d)
{
    struct unmapped taken[GRANT_BATCH];
    unsigned taken_count = 0;
    bool is_more = true, is_taken;

    if (d->grants == NULL) {
        return 0;
    }
    for (unsigned n = 0; is_more && taken_count < GRANT_BATCH && n < GRANT_TRACKS_PER_PAGE; n++) {
        is_more = release_take(d->grants, &taken[taken_count], &is_taken);
        if (is_taken) {
            unmap_remove(d, &taken[taken_count++]);
        }
    }
    unmap_finish(d, taken, taken_count);
    if (is_more) {
        return -XEN_ERESTART;
    }
    grant_release_table(d);
    return 0;
}

/* --- Life ---------------------------------------------------------------------------------------- */

void grant_track_init(struct grant_table *t, uint32_t max_frames)
{
    spin_init(&t->track_lock, LOCK_RANK_GRANT);
    t->max_track_pages = max_frames;
}

void grant_track_free(struct grant_table *t)
{
    for (uint32_t handle = 0; track_at(t, handle) != NULL; handle += GRANT_TRACKS_PER_PAGE) {
        page_free(track_at(t, handle));
    }
    for (unsigned i = 0; i < ARRAY_SIZE(t->tracks); i++) {
        page_free(t->tracks[i]);
    }
}
