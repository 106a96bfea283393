/* SPDX-License-Identifier: Apache-2.0 */
/* Names of our functions, from the table that the build makes of the first link (boot/symbols.awk). */
#include <hv/arch/traps.h>
#include <hv/boot.h>

struct symbol {
    uint64_t address;
    const char *name;
};

/* Ascending; defined by the generated symbols.S. */
extern const struct symbol symbol_table[];
extern const uint64_t symbol_count;

const char *symbol_find(uint64_t address, uint64_t *offset)
{
    uint64_t low = 0, high = symbol_count;

    if (address < (uint64_t)image_start || address >= (uint64_t)image_text_end) {
        return NULL;
    }
    while (low < high) {
        uint64_t middle = (low + high) / 2;

        if (symbol_table[middle].address <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == 0) {
        return NULL;
    }
    *offset = address - symbol_table[low - 1].address;
    return symbol_table[low - 1].name;
}
