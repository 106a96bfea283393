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
    uint64_t n = symbol_count;

    if (address < (uint64_t)image_start || address >= (uint64_t)image_text_end) {
        return NULL;
    }
    while (n != 0 && symbol_table[n - 1].address > address) {
        n--;
    }
    if (n == 0) {
        return NULL;
    }
    *offset = address - symbol_table[n - 1].address;
    return symbol_table[n - 1].name;
}
