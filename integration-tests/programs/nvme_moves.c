/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Has an NVMe controller interrupt while its interrupt moves from CPU to CPU.
 *
 *   nvme_moves IRQ COUNT        moves the interrupt of the admin queue, then has one command done, as often
 *   nvme_moves IRQ COUNT busy   moves it without pause, while another thread has as many commands done
 *
 * Prints how many commands were done. Each one is waited for, so that each has an interrupt of its own.
 */
#include <fcntl.h>
#include <linux/nvme_ioctl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define DEVICE       "/dev/nvme0"
#define IDENTIFY     6
#define CONTROLLER   1u
#define TIMEOUT_MS   20000u

static int device;
static atomic_ulong commands;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void identify(void)
{
    static _Alignas(4096) char answer[4096];
    struct nvme_admin_cmd command = {.opcode = IDENTIFY,
                                     .cdw10 = CONTROLLER,
                                     .addr = (uintptr_t)answer,
                                     .data_len = sizeof(answer),
                                     .timeout_ms = TIMEOUT_MS};

    if (ioctl(device, NVME_IOCTL_ADMIN_CMD, &command) != 0) {
        fail("identify");
    }
    commands++;
}

static void *work(void *count)
{
    while (commands < *(unsigned long *)count) {
        identify();
    }
    return NULL;
}

static void move(const char *path, unsigned n)
{
    int fd = open(path, O_WRONLY);

    if (fd < 0 || write(fd, n % 2 ? "2" : "1", 1) != 1) {
        fail(path);
    }
    close(fd);
}

int main(int argc, char **argv)
{
    unsigned long count = argc > 2 ? strtoul(argv[2], NULL, 0) : 0;
    int is_busy = argc == 4 && strcmp(argv[3], "busy") == 0;
    char path[64];
    pthread_t worker;

    if (count == 0 || argc > 4 || (argc == 4 && !is_busy)) {
        fputs("usage: nvme_moves IRQ COUNT [busy]\n", stderr);
        return 2;
    }
    snprintf(path, sizeof(path), "/proc/irq/%lu/smp_affinity", strtoul(argv[1], NULL, 0));
    device = open(DEVICE, O_RDWR);
    if (device < 0) {
        fail(DEVICE);
    }
    if (is_busy && pthread_create(&worker, NULL, work, &count) != 0) {
        fail("a thread");
    }
    for (unsigned n = 0; commands < count; n++) {
        move(path, n);
        if (!is_busy) {
            identify();
        }
    }
    if (is_busy) {
        pthread_join(worker, NULL);
    }
    printf("%lu\n", (unsigned long)commands);
    return 0;
}
