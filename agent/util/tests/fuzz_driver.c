/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz target without libFuzzer: the seeds as they are, then inputs made of them by random
 * changes. The same numbers give the same inputs on every machine.
 *
 *   fuzz_NAME [ROUNDS [RANDOM_SEED]]
 *   fuzz_NAME --seeds FOLDER     write the seeds there, as a first corpus for libFuzzer
 *   fuzz_NAME --input FILE       one input, to see what it does
 */
#include <stdio.h>
#include <string.h>

#include "util/tests/fuzz.h"

#define INPUT_MAX  16384
#define SEEDS_MAX  32
#define CHANGES_MAX 8

static uint8_t seeds[SEEDS_MAX][INPUT_MAX];
static size_t seed_sizes[SEEDS_MAX];
static size_t seed_count;
static uint64_t state;

/* xorshift64* */
static uint64_t next(void)
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * UINT64_C(0x2545f4914f6cdd1d);
}

static size_t below(size_t limit)
{
    return limit == 0 ? 0 : (size_t)(next() % limit);
}

static void change_number(uint8_t *input, size_t size)
{
    static const uint64_t edges[] = {0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff,
                                     0x80000000, 0xffffffff, 0x7fffffffffffffff, UINT64_MAX};
    size_t width = (size_t)1 << below(4);
    uint64_t value = below(4) == 0 ? next() : edges[below(sizeof(edges) / sizeof(edges[0]))];

    if (size >= width) {
        memcpy(input + below(size - width + 1), &value, width);
    }
}

/* Open a gap at a random place and fill it; from is NULL for random bytes. The new size. */
static size_t insert(uint8_t *input, size_t size, const uint8_t *from, size_t from_size)
{
    size_t at = below(size + 1);
    size_t length = 1 + below(below(4) == 0 ? 512 : 16);
    size_t start = below(from_size);

    if (from != NULL && length > from_size - start) {
        length = from_size - start;
    }
    if (length > INPUT_MAX - size) {
        return size;
    }
    memmove(input + at + length, input + at, size - at);
    for (size_t i = 0; i < length; i++) {
        input[at + i] = from != NULL ? from[start + i] : (uint8_t)next();
    }
    return size + length;
}

static size_t drop(uint8_t *input, size_t size)
{
    size_t at = below(size);
    size_t length = 1 + below(below(4) == 0 ? size - at : 16);

    if (length > size - at) {
        length = size - at;
    }
    memmove(input + at, input + at + length, size - at - length);
    return size - length;
}

static size_t change(uint8_t *input, size_t size)
{
    size_t other = below(seed_count);

    switch (below(size > 0 ? 7 : 1)) {
    case 0:
        return insert(input, size, NULL, 0);
    case 1:
        return insert(input, size, seeds[other], seed_sizes[other]);
    case 2:
        return drop(input, size);
    case 3:
        return below(8) == 0 ? below(size) : size;
    case 4:
        input[below(size)] ^= (uint8_t)(1u << below(8));
        return size;
    case 5:
        input[below(size)] = (uint8_t)next();
        return size;
    default:
        change_number(input, size);
        return size;
    }
}

/* The input has exactly its size on the heap, so that a read behind it is seen. */
static void run(const uint8_t *input, size_t size)
{
    uint8_t *exact = malloc(size > 0 ? size : 1);

    fuzz_check(exact != NULL);
    memcpy(exact, input, size);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
}

static int write_seeds(const char *folder)
{
    char path[512];

    for (size_t i = 0; i < seed_count; i++) {
        FILE *file;

        snprintf(path, sizeof(path), "%s/seed-%zu", folder, i);
        file = fopen(path, "w");
        if (file == NULL || fwrite(seeds[i], 1, seed_sizes[i], file) != seed_sizes[i] ||
            fclose(file) != 0) {
            perror(path);
            return 1;
        }
    }
    return 0;
}

static int run_file(const char *path)
{
    static uint8_t input[1 << 20];
    FILE *file = fopen(path, "r");
    size_t size;

    if (file == NULL) {
        perror(path);
        return 1;
    }
    size = fread(input, 1, sizeof(input), file);
    fclose(file);
    run(input, size);
    return 0;
}

int main(int argc, char **argv)
{
    unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 2000;
    uint8_t input[INPUT_MAX];

    while (seed_count < SEEDS_MAX &&
           (seed_sizes[seed_count] = fuzz_seed(seed_count, seeds[seed_count], INPUT_MAX)) > 0) {
        seed_count++;
    }
    fuzz_check(seed_count > 0);
    if (argc == 3 && strcmp(argv[1], "--seeds") == 0) {
        return write_seeds(argv[2]);
    }
    if (argc == 3 && strcmp(argv[1], "--input") == 0) {
        return run_file(argv[2]);
    }
    state = argc > 2 ? strtoul(argv[2], NULL, 10) | 1 : 1;
    for (size_t i = 0; i < seed_count; i++) {
        run(seeds[i], seed_sizes[i]);
    }
    for (unsigned long round = 0; round < rounds; round++) {
        size_t seed = below(seed_count);
        size_t size = seed_sizes[seed];

        memcpy(input, seeds[seed], size);
        for (size_t changes = 1 + below(CHANGES_MAX); changes > 0; changes--) {
            size = change(input, size);
        }
        run(input, size);
    }
    printf("%zu seeds, %lu inputs made of them\n", seed_count, rounds);
    return 0;
}
