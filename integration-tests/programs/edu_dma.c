/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drives the DMA engine of QEMU's "edu" device (vendor 1234, device 11e8) from dom0's userspace.
 *
 *   edu_dma own            a page of this program goes to the device and back: prints "landed" or
 * "lost" edu_dma read ADDRESS   the device reads 2 KiB there: prints the first 16 bytes that it got
 *   edu_dma write ADDRESS  the device writes 2 KiB of 0x5a there
 */
#include <fcntl.h>
#include <glob.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE        4096u
#define SIZE        2048u /* of a transfer; the device's buffer is not usable to its last byte */
#define DEVICE_ID   0x11e81234u
#define PCI_COMMAND 4
#define COMMAND_ON  0x0006u /* memory, bus master */

#define DMA_SOURCE      0x80
#define DMA_DESTINATION 0x88
#define DMA_COUNT       0x90
#define DMA_COMMAND     0x98
#define DMA_START       1u
#define DMA_TO_MEMORY   2u
#define DEVICE_BUFFER   0x40000u

static volatile char *regs;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void set(unsigned reg, uint64_t value)
{
    *(volatile uint64_t *)(regs + reg) = value;
}

static void transfer(uint64_t source, uint64_t destination, unsigned direction)
{
    set(DMA_SOURCE, source);
    set(DMA_DESTINATION, destination);
    set(DMA_COUNT, SIZE);
    set(DMA_COMMAND, DMA_START | direction);
    while (*(volatile uint64_t *)(regs + DMA_COMMAND) & DMA_START) {
        usleep(10000);
    }
}

static void to_device(uint64_t address)
{
    transfer(address, DEVICE_BUFFER, 0);
}

static void to_memory(uint64_t address)
{
    transfer(DEVICE_BUFFER, address, DMA_TO_MEMORY);
}

/* The device's folder in sysfs. */
static void find_device(char *path, size_t size)
{
    glob_t devices;

    if (glob("/sys/bus/pci/devices/*", 0, NULL, &devices) != 0) {
        fail("/sys/bus/pci/devices");
    }
    for (size_t i = 0; i < devices.gl_pathc; i++) {
        uint32_t id = 0;
        int fd;

        snprintf(path, size, "%s/config", devices.gl_pathv[i]);
        fd = open(path, O_RDONLY);
        if (fd >= 0 && pread(fd, &id, sizeof(id), 0) == sizeof(id) && id == DEVICE_ID) {
            close(fd);
            snprintf(path, size, "%s", devices.gl_pathv[i]);
            return;
        }
        close(fd);
    }
    fputs("no edu device\n", stderr);
    exit(1);
}

static void open_device(void)
{
    char folder[256], path[300];
    uint16_t command;
    int fd;

    find_device(folder, sizeof(folder));
    snprintf(path, sizeof(path), "%s/config", folder);
    fd = open(path, O_RDWR);
    if (fd < 0 || pread(fd, &command, sizeof(command), PCI_COMMAND) != sizeof(command)) {
        fail(path);
    }
    command |= COMMAND_ON;
    if (pwrite(fd, &command, sizeof(command), PCI_COMMAND) != sizeof(command)) {
        fail(path);
    }
    snprintf(path, sizeof(path), "%s/resource0", folder);
    fd = open(path, O_RDWR | O_SYNC);
    regs = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (regs == MAP_FAILED) {
        fail(path);
    }
}

/* A locked page of ours, and its address for devices: dom0 is mapped one to one. */
static unsigned char *own_page(uint64_t *address)
{
    unsigned char *page =
        mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0);
    int fd = open("/proc/self/pagemap", O_RDONLY);
    uint64_t entry;

    if (page == MAP_FAILED || fd < 0) {
        fail("a page");
    }
    memset(page, 0x5a, PAGE);
    if (pread(fd, &entry, sizeof(entry), (off_t)((uintptr_t)page / PAGE * 8)) != sizeof(entry)) {
        fail("pagemap");
    }
    *address = (entry & ((1UL << 55) - 1)) * PAGE;
    return page;
}

int main(int argc, char **argv)
{
    uint64_t own, address = argc > 2 ? strtoull(argv[2], NULL, 0) : 0;
    unsigned char *page;

    open_device();
    page = own_page(&own);
    to_device(own);
    if (argc == 2 && strcmp(argv[1], "own") == 0) {
        memset(page, 0, PAGE);
        to_memory(own);
        puts(page[0] == 0x5a && page[SIZE - 1] == 0x5a ? "landed" : "lost");
    } else if (argc == 3 && strcmp(argv[1], "read") == 0) {
        to_device(address);
        to_memory(own);
        for (unsigned i = 0; i < 16; i++) {
            printf("%02x%s", page[i], i == 15 ? "\n" : " ");
        }
    } else if (argc == 3 && strcmp(argv[1], "write") == 0) {
        to_memory(address);
    } else {
        fputs("usage: edu_dma own | read ADDRESS | write ADDRESS\n", stderr);
        return 2;
    }
    return 0;
}
