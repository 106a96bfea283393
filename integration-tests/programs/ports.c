/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ports, from dom0's userspace.
 *
 *   ports out SIZE PORT VALUE | in PORT      one access of SIZE bytes; reads one byte and prints it
 *   ports fw_cfg ADDRESS BYTES               has QEMU's fw_cfg write so many bytes of its signature (then zeros) to memory;
 *                                            prints whether it did
 */
#include "edu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>

#define FW_CFG_DMA    0x514u
#define FW_CFG_READ   2u
#define FW_CFG_SELECT 8u

static int write_by_fw_cfg(uint64_t address, uint32_t bytes)
{
    uint64_t own;
    volatile uint32_t *request = (volatile uint32_t *)(void *)edu_own_page(&own); /* all big-endian */

    request[0] = __builtin_bswap32(FW_CFG_SELECT | FW_CFG_READ); /* item 0 */
    request[1] = __builtin_bswap32(bytes);
    request[2] = __builtin_bswap32((uint32_t)(address >> 32));
    request[3] = __builtin_bswap32((uint32_t)address);
    outl(__builtin_bswap32((uint32_t)(own >> 32)), FW_CFG_DMA);
    outl(__builtin_bswap32((uint32_t)own), FW_CFG_DMA + 4);
    puts(request[0] == 0 ? "written" : "not written");
    return 0;
}

int main(int argc, char **argv)
{
    unsigned long numbers[3] = {0};
    const char *verb = argc > 1 ? argv[1] : "";

    for (int i = 2; i < argc && i < 5; i++) {
        numbers[i - 2] = strtoul(argv[i], NULL, 0);
    }
    if (iopl(3) != 0) {
        perror("iopl");
        return 1;
    }
    if (argc == 5 && strcmp(verb, "out") == 0 && numbers[0] == 1) {
        outb((unsigned char)numbers[2], (unsigned short)numbers[1]);
    } else if (argc == 5 && strcmp(verb, "out") == 0 && numbers[0] == 4) {
        outl((unsigned)numbers[2], (unsigned short)numbers[1]);
    } else if (argc == 3 && strcmp(verb, "in") == 0) {
        printf("%u\n", inb((unsigned short)numbers[0]));
    } else if (argc == 4 && strcmp(verb, "fw_cfg") == 0) {
        return write_by_fw_cfg(numbers[0], (uint32_t)numbers[1]);
    } else {
        fputs("usage: ports out 1|4 PORT VALUE | in PORT | fw_cfg ADDRESS BYTES\n", stderr);
        return 2;
    }
    return 0;
}
