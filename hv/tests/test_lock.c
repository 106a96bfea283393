/* SPDX-License-Identifier: Apache-2.0 */
/* lib/lock.c as a Debug build has it: what is wrong with an order of locks is told at once, not when two CPUs meet. */
#include <hv/lock.h>

#include <criterion/criterion.h>
#include <signal.h>

#include "tests/host/fake.h"

static struct spinlock domain = SPINLOCK_INIT(LOCK_RANK_DOMAIN), p2m = SPINLOCK_INIT(LOCK_RANK_P2M),
                       other_p2m = SPINLOCK_INIT(LOCK_RANK_P2M);

TestSuite(lock, .init = fake_host_init);

Test(lock, in_order_and_in_pairs)
{
    spin_lock(&domain);
    spin_lock_pair(&other_p2m, &p2m);
    lock_assert_held(&p2m);
    lock_assert_held(&domain);
    cr_assert_not(spin_trylock(&p2m));
    spin_unlock(&p2m);
    lock_assert_held(&other_p2m);
    spin_unlock(&other_p2m);
    spin_unlock(&domain);
    cr_assert(spin_trylock(&p2m));
}

Test(lock, a_lower_rank_is_refused, .signal = SIGABRT)
{
    spin_lock(&p2m);
    spin_lock(&domain);
}

Test(lock, the_same_rank_is_refused, .signal = SIGABRT)
{
    spin_lock(&p2m);
    spin_lock(&other_p2m);
}

Test(lock, what_is_not_held_is_not_released, .signal = SIGABRT)
{
    spin_unlock(&p2m);
}

Test(lock, what_must_be_held_is_asked_for, .signal = SIGABRT)
{
    spin_lock(&domain);
    spin_unlock(&domain);
    lock_assert_held(&domain);
}
