/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loop devices by ioctl (linux/loop.h): ask the control device for a free number, configure it in
 * one step, try the next number when another process was faster.
 */
#include "agent/domain/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define ATTEMPTS_MAX 32
#define SECTOR_BYTES 512
#define LOOP_MAJOR_  7

/* Devices beyond those of the start are made on demand; without udev the node may be missing. */
static int open_device(const char *device_path, int number, int flags)
{
    int fd = open(device_path, flags | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT &&
        mknod(device_path, S_IFBLK | 0600, makedev(LOOP_MAJOR_, (unsigned int)number)) == 0) {
        fd = open(device_path, flags | O_CLOEXEC);
    }
    return fd;
}

static int configure(int device_fd, int file_fd, const char *path, bool readonly)
{
    struct loop_config config = {
        .fd = (unsigned int)file_fd,
        .block_size = SECTOR_BYTES,
        .info.lo_flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO |
                         (readonly ? LO_FLAGS_READ_ONLY : 0),
    };
    snprintf((char *)config.info.lo_file_name, sizeof(config.info.lo_file_name), "%s", path);

    if (ioctl(device_fd, LOOP_CONFIGURE, &config) == 0) {
        return 0;
    }
    if (errno == EINVAL) {
        /* A file system without direct I/O (tmpfs). */
        config.info.lo_flags &= ~(unsigned int)LO_FLAGS_DIRECT_IO;
        return ioctl(device_fd, LOOP_CONFIGURE, &config);
    }
    return -1;
}

int loop_attach(int file_fd, const char *path, bool readonly, char *device_path,
                size_t size_bytes, struct err *err)
{
    int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    if (control < 0) {
        return err_set(err, ERR_UNAVAILABLE, "loop devices are not available: %s",
                       strerror(errno));
    }
    int result = err_set(err, ERR_CONFLICT, "no loop device stayed free for %s", path);
    for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
        int number = ioctl(control, LOOP_CTL_GET_FREE);
        if (number < 0) {
            result = err_set_errno(err, errno, "no free loop device for %s", path);
            break;
        }
        snprintf(device_path, size_bytes, "/dev/loop%d", number);
        int device = open_device(device_path, number, readonly ? O_RDONLY : O_RDWR);
        if (device < 0) {
            result = err_set_errno(err, errno, "cannot open %s", device_path);
            break;
        }
        if (configure(device, file_fd, path, readonly) == 0) {
            err_clear(err);
            result = device;
            break;
        }
        int saved = errno;
        close(device);
        if (saved != EBUSY) {
            result = err_set_errno(err, saved, "cannot attach %s to %s", path, device_path);
            break;
        }
    }
    close(control);
    return result;
}
