/* SPDX-License-Identifier: Apache-2.0 */
/* A stream of numbers that a seed decides (splitmix64): the same seed gives the same run again. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct random {
    uint64_t state;
};

static inline uint64_t random_next(struct random *r)
{
    uint64_t z = r->state += 0x9e3779b97f4a7c15;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

/* 0 to bound - 1. */
static inline uint32_t random_below(struct random *r, uint32_t bound)
{
    return (uint32_t)((random_next(r) >> 32) * bound >> 32);
}

/* True once in `times`. */
static inline bool random_once_in(struct random *r, uint32_t times)
{
    return random_below(r, times) == 0;
}
