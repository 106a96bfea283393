/* SPDX-License-Identifier: Apache-2.0 */
/* See edu.h. */
#include "edu.h"

#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE        4096u
#define DEVICE_ID   0x11e81234u
#define PCI_COMMAND 4
#define PCI_CAPABILITIES 0x34
#define COMMAND_ON  0x0006u /* memory, bus master */

#define DMA_SOURCE      0x80
#define DMA_DESTINATION 0x88
#define DMA_COUNT       0x90
#define DMA_COMMAND     0x98
#define DMA_START       1u
#define DMA_TO_MEMORY   2u
#define DEVICE_BUFFER   0x40000u

static volatile char *regs;
static char device[256]; /* its folder in sysfs */

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static int open_in(const char *folder, const char *file, int flags)
{
    char path[512];
    int fd;

    snprintf(path, sizeof(path), "%s/%s", folder, file);
    fd = open(path, flags);
    if (fd < 0) {
        fail(path);
    }
    return fd;
}

static void find_device(unsigned n)
{
    glob_t devices;

    if (glob("/sys/bus/pci/devices/*", 0, NULL, &devices) != 0) {
        fail("/sys/bus/pci/devices");
    }
    for (size_t i = 0; i < devices.gl_pathc; i++) {
        uint32_t id = 0;
        int fd = open_in(devices.gl_pathv[i], "config", O_RDONLY);

        if (pread(fd, &id, sizeof(id), 0) == sizeof(id) && id == DEVICE_ID && n-- == 0) {
            snprintf(device, sizeof(device), "%s", devices.gl_pathv[i]);
            close(fd);
            return;
        }
        close(fd);
    }
    fputs("no such edu device\n", stderr);
    exit(1);
}

void edu_open(unsigned n)
{
    int fd;

    find_device(n);
    edu_config_write(PCI_COMMAND, 2, edu_config_read(NULL, PCI_COMMAND, 2) | COMMAND_ON);
    fd = open_in(device, "resource0", O_RDWR | O_SYNC);
    regs = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (regs == MAP_FAILED) {
        fail("the device's registers");
    }
}

void edu_write32(unsigned reg, uint32_t value)
{
    *(volatile uint32_t *)(regs + reg) = value;
}

static void set(unsigned reg, uint64_t value)
{
    *(volatile uint64_t *)(regs + reg) = value;
}

static void transfer(uint64_t source, uint64_t destination, unsigned bytes, unsigned direction)
{
    set(DMA_SOURCE, source);
    set(DMA_DESTINATION, destination);
    set(DMA_COUNT, bytes);
    set(DMA_COMMAND, DMA_START | direction);
    while (*(volatile uint64_t *)(regs + DMA_COMMAND) & DMA_START) {
        usleep(10000);
    }
}

void edu_to_device(uint64_t address, unsigned bytes)
{
    transfer(address, DEVICE_BUFFER, bytes, 0);
}

void edu_to_memory(uint64_t address, unsigned bytes)
{
    transfer(DEVICE_BUFFER, address, bytes, DMA_TO_MEMORY);
}

unsigned char *edu_own_page(uint64_t *address)
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
    close(fd);
    return page;
}

uint32_t edu_config_read(const char *name, unsigned offset, unsigned size)
{
    char folder[256];
    uint32_t value = 0;
    int fd;

    snprintf(folder, sizeof(folder), "/sys/bus/pci/devices/%s", name ? name : "");
    fd = open_in(name ? folder : device, "config", O_RDONLY);
    if (pread(fd, &value, size, offset) != (ssize_t)size) {
        fail("reading configuration space");
    }
    close(fd);
    return value;
}

void edu_config_write(unsigned offset, unsigned size, uint32_t value)
{
    int fd = open_in(device, "config", O_RDWR);

    if (pwrite(fd, &value, size, offset) != (ssize_t)size) {
        fail("writing configuration space");
    }
    close(fd);
}

unsigned edu_find_capability(const char *name, uint8_t id)
{
    unsigned at = edu_config_read(name, PCI_CAPABILITIES, 1);

    while (at != 0 && edu_config_read(name, at, 1) != id) {
        at = edu_config_read(name, at + 1, 1);
    }
    if (at == 0) {
        fprintf(stderr, "%s has no capability %u\n", name ? name : "edu", id);
        exit(1);
    }
    return at;
}
