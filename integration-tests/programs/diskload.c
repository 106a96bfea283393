/* SPDX-License-Identifier: Apache-2.0 */
/*
 * diskload: reads or writes the start of a block device past all caches, one request after the other.
 *
 *     diskload read|write DEVICE REQUEST_BYTES COUNT    prints "disk BYTES NANOSECONDS"
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ALIGNMENT 4096

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

int main(int argc, char **argv)
{
    bool is_write = argc > 1 && strcmp(argv[1], "write") == 0;

    if (argc != 5 || (!is_write && strcmp(argv[1], "read") != 0)) {
        fprintf(stderr, "usage: diskload read|write DEVICE REQUEST_BYTES COUNT\n");
        return 2;
    }

    size_t request_bytes = strtoul(argv[3], NULL, 10);
    unsigned long count = strtoul(argv[4], NULL, 10);
    int fd = open(argv[2], (is_write ? O_WRONLY : O_RDONLY) | O_DIRECT);
    void *buffer;

    if (fd < 0 || posix_memalign(&buffer, ALIGNMENT, request_bytes) != 0) {
        fprintf(stderr, "diskload: %s cannot be used: %m\n", argv[2]);
        return 1;
    }
    memset(buffer, 0x5a, request_bytes);

    uint64_t start = now_ns();

    for (unsigned long i = 0; i < count; i++) {
        ssize_t done = is_write ? write(fd, buffer, request_bytes) : read(fd, buffer, request_bytes);

        if (done != (ssize_t)request_bytes) {
            fprintf(stderr, "diskload: request %lu of %s: %zd of %zu bytes: %m\n", i, argv[2], done,
                    request_bytes);
            return 1;
        }
    }
    if (is_write && fsync(fd) != 0) {
        fprintf(stderr, "diskload: %s is not flushed: %m\n", argv[2]);
        return 1;
    }
    printf("disk %lu %lu\n", (unsigned long)(request_bytes * count), (unsigned long)(now_ns() - start));
    return 0;
}
