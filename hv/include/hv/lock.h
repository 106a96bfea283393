/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spinlocks. The hypervisor runs to completion with interrupts off (they are taken only at
 * the door to a guest, see svm/entry.S), so no lock needs an interrupt-safe variant, and a holder
 * is never preempted. Ranks (hv/lock_rank.h) say in which order locks nest; debug builds check.
 */
#pragma once

#include <hv/lock_rank.h>
#include <hv/types.h>

struct spinlock {
    uint16_t next;    /* next ticket to hand out */
    uint16_t serving; /* ticket that holds the lock; the same as next: nobody does */
    uint8_t rank;
};

#define SPINLOCK_INIT(lock_rank)                                                                   \
    {                                                                                              \
        .rank = (lock_rank)                                                                        \
    }

/* The processors are virtual, and do not all run at once: set before there is a second one. */
extern bool spin_is_unfair;

void spin_init(struct spinlock *lock, enum lock_rank rank);
void spin_lock(struct spinlock *lock);
void spin_unlock(struct spinlock *lock);

/* Takes the lock until the end of the block that this stands in, whichever way it is left. */
#define spin_guard(lock)            spin_guard_expand(lock, __LINE__)
#define spin_guard_expand(lock, n)  spin_guard_of_line(lock, n)
#define spin_guard_of_line(lock, n)                                                                \
    struct spinlock *spin_guard_##n __attribute__((cleanup(spin_guard_end))) = spin_guard_begin(lock)

static inline struct spinlock *spin_guard_begin(struct spinlock *lock)
{
    spin_lock(lock);
    return lock;
}

static inline void spin_guard_end(struct spinlock **lock)
{
    spin_unlock(*lock);
}

/* Takes the lock if nobody has it; returns whether it did. */
bool spin_trylock(struct spinlock *lock);

/* Guards what a function says of its callers: Debug builds panic when this CPU holds no lock of that rank. */
void lock_check_held(const struct spinlock *lock);
static inline void lock_assert_held(const struct spinlock *lock)
{
    if (IS_DEBUG) {
        lock_check_held(lock);
    }
}

/* Takes two locks of the same rank in address order (a may equal b: then it is taken once). */
void spin_lock_pair(struct spinlock *a, struct spinlock *b);
void spin_unlock_pair(struct spinlock *a, struct spinlock *b);
