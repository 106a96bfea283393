/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The few types and helpers every file of the hypervisor uses. Frame numbers are one-field
 * structs so that a guest frame can never be passed where a machine frame is meant.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <hv/errno.h>
#include <hv/string.h>

#define PAGE_SHIFT 12
#define PAGE_SIZE  (1UL << PAGE_SHIFT)
#define PAGE_MASK  (~(PAGE_SIZE - 1))

#define ORDER_4K 0U
#define ORDER_2M 9U
#define ORDER_1G 18U

/* A machine frame number: physical address of the host, in 4 KiB units. */
typedef struct {
    uint64_t n;
} mfn_t;

/* A guest frame number: guest-physical address, in 4 KiB units. */
typedef struct {
    uint64_t n;
} gfn_t;

static inline mfn_t mfn(uint64_t n)
{
    return (mfn_t){n};
}

static inline gfn_t gfn(uint64_t n)
{
    return (gfn_t){n};
}

#define MFN_NONE mfn(~0UL)

static inline bool mfn_is_none(mfn_t m)
{
    return m.n == ~0UL;
}

static inline mfn_t mfn_add(mfn_t m, uint64_t count)
{
    return mfn(m.n + count);
}

static inline gfn_t gfn_add(gfn_t g, uint64_t count)
{
    return gfn(g.n + count);
}

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define ROUND_UP(value, align)   ((((value) + (align) - 1)) / (align) * (align))
#define ROUND_DOWN(value, align) ((value) / (align) * (align))

#define MIN(a, b)                                                                                  \
    ({                                                                                             \
        __typeof__(a) min_a_ = (a);                                                                \
        __typeof__(b) min_b_ = (b);                                                                \
        min_a_ < min_b_ ? min_a_ : min_b_;                                                         \
    })
#define MAX(a, b)                                                                                  \
    ({                                                                                             \
        __typeof__(a) max_a_ = (a);                                                                \
        __typeof__(b) max_b_ = (b);                                                                \
        max_a_ > max_b_ ? max_a_ : max_b_;                                                         \
    })

/* The low 1 to 8 bytes of a value. */
static inline uint64_t low_bytes(uint64_t value, unsigned size)
{
    return size < 8 ? value & ((1UL << (8 * size)) - 1) : value;
}

/* Those as a signed number. */
static inline int64_t sign_extend(uint64_t value, unsigned size)
{
    unsigned shift = 64 - 8 * size;

    return (int64_t)(value << shift) >> shift;
}

/* The index, which has been found to be below count; 0 while a processor that guessed otherwise runs ahead with one that
 * is not, so that what a guest chose is not read then, and leaves no trace in the caches. */
static inline uint64_t index_nospec(uint64_t index, uint64_t count)
{
    uint64_t mask;

    __asm__("cmp %2, %1; sbb %0, %0" : "=r"(mask) : "r"(index), "rme"(count) : "cc"); /* in C the comparison would be known */
    return index & mask;
}

#define container_of(pointer, type, member)                                                        \
    ((type *)((char *)(pointer) - offsetof(type, member)))

#ifdef NDEBUG
#define IS_DEBUG false
#else
#define IS_DEBUG true
#endif

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define PACKED     __attribute__((packed))
#define ALIGNED(n) __attribute__((aligned(n)))
#define NORETURN   __attribute__((noreturn))
#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* Single, untorn accesses to memory that another CPU or a guest may change meanwhile. */
#define READ_ONCE(x)         (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, value) (*(volatile __typeof__(x) *)&(x) = (value))
