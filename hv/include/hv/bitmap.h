/* SPDX-License-Identifier: Apache-2.0 */
/* Bit arrays of unsigned long. The atomic forms are for words that other CPUs or guests change. */
#pragma once

#include <hv/types.h>

#define BITS_PER_LONG    64U
#define BITMAP_LONGS(n)  (((n) + BITS_PER_LONG - 1) / BITS_PER_LONG)

static inline bool bit_test(const unsigned long *map, unsigned bit)
{
    return (READ_ONCE(map[bit / BITS_PER_LONG]) >> (bit % BITS_PER_LONG)) & 1;
}

static inline void bit_set(unsigned long *map, unsigned bit)
{
    map[bit / BITS_PER_LONG] |= 1UL << (bit % BITS_PER_LONG);
}

static inline void bit_clear(unsigned long *map, unsigned bit)
{
    map[bit / BITS_PER_LONG] &= ~(1UL << (bit % BITS_PER_LONG));
}

/* Atomically sets a bit; returns whether it was set before. */
static inline bool bit_test_and_set_atomic(unsigned long *map, unsigned bit)
{
    unsigned long mask = 1UL << (bit % BITS_PER_LONG);

    return __atomic_fetch_or(&map[bit / BITS_PER_LONG], mask, __ATOMIC_SEQ_CST) & mask;
}

/* Atomically clears a bit; returns whether it was set before. */
static inline bool bit_test_and_clear_atomic(unsigned long *map, unsigned bit)
{
    unsigned long mask = 1UL << (bit % BITS_PER_LONG);

    return __atomic_fetch_and(&map[bit / BITS_PER_LONG], ~mask, __ATOMIC_SEQ_CST) & mask;
}
