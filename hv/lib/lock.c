/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ticket locks: who waits longest is next. That takes for granted that whoever waits also runs. In a virtual
 * machine with more processors than the real one has, each handing over would wait until the very next one is
 * given a turn, with all others using up theirs in waiting; there a lock goes to whoever sees it free. In a panic
 * one CPU alone goes on, and waits for none: who holds a lock has been stopped. Debug builds keep the ranks that
 * each CPU holds and panic when a lock is taken out of order, before two CPUs can meet in the wrong order for real.
 */
#include <hv/arch/cpu.h>
#include <hv/lock.h>
#include <hv/print.h>

static void rank_check(const struct spinlock *lock, bool may_equal)
{
    uint32_t held = this_cpu()->held_ranks;

    if (IS_DEBUG && held >> (lock->rank + may_equal) != 0 && !panic_is_active()) {
        panic("lock: rank %u taken while holding rank %u", lock->rank, 31 - (unsigned)__builtin_clz(held));
    }
}

static void rank_push(const struct spinlock *lock)
{
    struct cpu *c = this_cpu();

    if (IS_DEBUG) {
        c->held_pairs |= c->held_ranks & 1u << lock->rank;
        c->held_ranks |= 1u << lock->rank;
    }
}

static void rank_pop(const struct spinlock *lock)
{
    struct cpu *c = this_cpu();

    if (IS_DEBUG) {
        lock_check_held(lock);
        c->held_ranks &= ~(1u << lock->rank) | c->held_pairs;
        c->held_pairs &= ~(1u << lock->rank);
    }
}

void lock_check_held(const struct spinlock *lock)
{
    if (!(this_cpu()->held_ranks >> lock->rank & 1)) {
        panic("lock: rank %u is not held here", lock->rank);
    }
}

bool spin_is_unfair;

/* Only if nobody has it or waits for it. */
static bool take_free(struct spinlock *lock)
{
    uint16_t ticket = __atomic_load_n(&lock->serving, __ATOMIC_ACQUIRE);

    return __atomic_load_n(&lock->next, __ATOMIC_RELAXED) == ticket &&
           __atomic_compare_exchange_n(&lock->next, &ticket, (uint16_t)(ticket + 1), false, __ATOMIC_ACQUIRE,
                                       __ATOMIC_RELAXED);
}

static void take(struct spinlock *lock)
{
    uint16_t ticket;

    if (likely(take_free(lock))) {
        return;
    }
    if (spin_is_unfair) {
        while (!take_free(lock) && !panic_is_active()) {
            cpu_relax();
        }
        return;
    }
    ticket = __atomic_fetch_add(&lock->next, 1, __ATOMIC_RELAXED);
    while (__atomic_load_n(&lock->serving, __ATOMIC_ACQUIRE) != ticket && !panic_is_active()) {
        cpu_relax();
    }
}

void spin_init(struct spinlock *lock, enum lock_rank rank)
{
    *lock = (struct spinlock)SPINLOCK_INIT(rank);
}

void spin_lock(struct spinlock *lock)
{
    rank_check(lock, false);
    take(lock);
    rank_push(lock);
}

void spin_unlock(struct spinlock *lock)
{
    rank_pop(lock);
    __atomic_store_n(&lock->serving, (uint16_t)(lock->serving + 1), __ATOMIC_RELEASE);
}

bool spin_trylock(struct spinlock *lock)
{
    if (!take_free(lock)) {
        return false;
    }
    rank_push(lock); /* unchecked: a try cannot deadlock, so the order does not bind it */
    return true;
}

void spin_lock_pair(struct spinlock *a, struct spinlock *b)
{
    struct spinlock *second = MAX(a, b);

    spin_lock(MIN(a, b));
    if (a != b) {
        rank_check(second, true);
        take(second);
        rank_push(second);
    }
}

void spin_unlock_pair(struct spinlock *a, struct spinlock *b)
{
    spin_unlock(a);
    if (a != b) {
        spin_unlock(b);
    }
}
