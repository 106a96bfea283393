/* SPDX-License-Identifier: Apache-2.0 */
/* Maps of memory by type: sorted ranges that do not overlap (see hv/boot.h). */
#include <hv/boot.h>

#include <hv/print.h>

/* RAM gives way to anything else, and what the loader says to what we know; of equals the first told stays. */
static unsigned strength(uint32_t type)
{
    return type == E820_RAM ? 0 : type != RANGE_TAKEN ? 1 : 2;
}

static void insert(struct range_map *map, unsigned at, struct boot_range range)
{
    if (map->count == BOOT_MAX_RANGES) {
        halt_with_message("boot: memory map has more than %u ranges", BOOT_MAX_RANGES);
    }
    memmove(&map->ranges[at + 1], &map->ranges[at], (map->count++ - at) * sizeof(range));
    map->ranges[at] = range;
}

/* Range i ends at the address, and what was behind it is the next one. */
static void split(struct range_map *map, unsigned i, uint64_t at)
{
    insert(map, i, map->ranges[i]);
    map->ranges[i].end = map->ranges[i + 1].start = at;
}

/* Many small pieces of memory are taken side by side. */
static void join_taken(struct range_map *map)
{
    struct boot_range *r = map->ranges;

    for (unsigned i = 1; i < map->count;) {
        if (r[i].type == RANGE_TAKEN && r[i - 1].type == RANGE_TAKEN && r[i - 1].end == r[i].start) {
            r[i - 1].end = r[i].end;
            memmove(&r[i], &r[i + 1], (--map->count - i) * sizeof(*r));
        } else {
            i++;
        }
    }
}

void range_map_add(struct range_map *map, uint64_t start, uint64_t end, uint32_t type)
{
    struct boot_range *r = map->ranges;

    for (unsigned i = 0; start < end; i++) {
        if (i == map->count || start < r[i].start) {
            insert(map, i, (struct boot_range){start, i == map->count ? end : MIN(end, r[i].start), type});
        } else if (r[i].end <= start) {
            continue;
        } else if (strength(type) > strength(r[i].type)) {
            if (r[i].start < start) {
                split(map, i++, start);
            }
            if (end < r[i].end) {
                split(map, i, end);
            }
            r[i].type = type;
        }
        start = r[i].end;
    }
    join_taken(map);
}
