/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a fuzz target is made of. Two programs are built of each (deploy/cmake/fuzz.cmake): one with
 * libFuzzer, for long runs by hand, and one with fuzz_driver.c, whose short run is a unit test.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/** One input. Returns 0; what must not happen ends in abort() or in a sanitizer. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** Writes the index-th valid input to start from into out; its size, or 0 when there are no more. */
size_t fuzz_seed(size_t index, uint8_t *out, size_t room);

static inline void fuzz_check(_Bool is_right)
{
    if (!is_right) {
        abort();
    }
}
