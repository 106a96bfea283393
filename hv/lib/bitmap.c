/* SPDX-License-Identifier: Apache-2.0 */
/* Searches in bit arrays. */
#include <hv/bitmap.h>

unsigned bitmap_first_clear(const unsigned long *map, unsigned size)
{
    for (unsigned i = 0; i < BITMAP_LONGS(size); i++) {
        unsigned long clear = ~READ_ONCE(map[i]);

        if (clear) {
            unsigned bit = i * BITS_PER_LONG + (unsigned)__builtin_ctzl(clear);

            return bit < size ? bit : size;
        }
    }
    return size;
}

int bitmap_last_set(const unsigned long *map, unsigned size)
{
    for (unsigned i = BITMAP_LONGS(size); i-- > 0;) {
        unsigned long word = READ_ONCE(map[i]);

        if (i == size / BITS_PER_LONG) {
            word &= (1UL << (size % BITS_PER_LONG)) - 1;
        }
        if (word) {
            return (int)(i * BITS_PER_LONG + BITS_PER_LONG - 1 - (unsigned)__builtin_clzl(word));
        }
    }
    return -1;
}
