/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drives the DMA engine of QEMU's "edu" device.
 *
 *   edu_dma own            a page of this program goes to the device and back: prints "landed" or "lost"
 *   edu_dma read ADDRESS   the device reads 2 KiB there: prints the first 16 bytes that it got
 *   edu_dma write ADDRESS  the device writes 2 KiB of 0x5a there
 */
#include "edu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    uint64_t own, address = argc > 2 ? strtoull(argv[2], NULL, 0) : 0;
    unsigned char *page;

    edu_open(0);
    page = edu_own_page(&own);
    edu_to_device(own, EDU_SIZE);
    if (argc == 2 && strcmp(argv[1], "own") == 0) {
        memset(page, 0, EDU_SIZE);
        edu_to_memory(own, EDU_SIZE);
        puts(page[0] == 0x5a && page[EDU_SIZE - 1] == 0x5a ? "landed" : "lost");
    } else if (argc == 3 && strcmp(argv[1], "read") == 0) {
        edu_to_device(address, EDU_SIZE);
        edu_to_memory(own, EDU_SIZE);
        for (unsigned i = 0; i < 16; i++) {
            printf("%02x%s", page[i], i == 15 ? "\n" : " ");
        }
    } else if (argc == 3 && strcmp(argv[1], "write") == 0) {
        edu_to_memory(address, EDU_SIZE);
    } else {
        fputs("usage: edu_dma own | read ADDRESS | write ADDRESS\n", stderr);
        return 2;
    }
    return 0;
}
