/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk: open what the path names, write the two directories, wait for blkback to open the block
 * device. blkback takes the device by number from "physical-device", in hexadecimal.
 */
#include "agent/domain/vbd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "agent/domain/ctx.h"
#include "agent/domain/device.h"
#include "agent/domain/domain.h"
#include "agent/domain/loop.h"
#include "agent/domain/store.h"

#define XVD_MAJOR            202
#define OPEN_TIMEOUT_MS      60000

/* What is behind a disk, open. */
struct backing {
    int fd;
    bool is_file;
    dev_t device;
    char device_path[DOMAIN_PATH_MAX];
};

bool vbd_number(const char *target, uint32_t *number)
{
    if (strncmp(target, "xvd", 3) != 0 || target[3] < 'a' || target[3] > 'p' ||
        target[4] != '\0') {
        return false;
    }
    *number = (XVD_MAJOR << 8) + (uint32_t)(target[3] - 'a') * 16;
    return true;
}

static void field_name(char *out, size_t size_bytes, size_t index, const char *name)
{
    snprintf(out, size_bytes, "disks[%zu].%s", index, name);
}

/* Opens the file or block device of a disk and, for a file, makes a loop device of it. */
static int open_backing(const struct domain_disk *disk, size_t index, struct backing *backing,
                        struct err *err)
{
    char field[64];
    field_name(field, sizeof(field), index, "path");

    int flags = (disk->readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK;
    int fd = open(disk->path, flags);
    if (fd < 0) {
        enum err_code code = errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND
                             : errno == EACCES || errno == EROFS ? ERR_PERMISSION
                                                                 : ERR_INVALID;
        return err_set_field(err, code, field, "cannot open %s: %s", disk->path, strerror(errno));
    }
    struct stat status;
    if (fstat(fd, &status) < 0) {
        int saved = errno;
        close(fd);
        return err_set_errno(err, saved, "cannot look at %s", disk->path);
    }

    if (S_ISBLK(status.st_mode)) {
        *backing = (struct backing){.fd = fd, .device = status.st_rdev};
        snprintf(backing->device_path, sizeof(backing->device_path), "%s", disk->path);
        return 0;
    }
    if (!S_ISREG(status.st_mode)) {
        close(fd);
        return err_set_field(err, ERR_INVALID, field, "%s is neither a file nor a block device",
                             disk->path);
    }
    if (status.st_size < 512) {
        close(fd);
        return err_set_field(err, ERR_INVALID, field, "%s is smaller than one sector",
                             disk->path);
    }
    *backing = (struct backing){.is_file = true};
    int loop = loop_attach(fd, disk->path, disk->readonly, backing->device_path,
                           sizeof(backing->device_path), err);
    close(fd);
    if (loop < 0) {
        return loop;
    }
    if (fstat(loop, &status) < 0) {
        int saved = errno;
        close(loop);
        return err_set_errno(err, saved, "cannot look at %s", backing->device_path);
    }
    backing->fd = loop;
    backing->device = status.st_rdev;
    return 0;
}

static int write_nodes(struct domain_ctx *ctx, uint32_t domid, const struct domain_disk *disk,
                       uint32_t number, const struct device_paths *paths,
                       const struct backing *backing, struct err *err)
{
    const char *fe = paths->frontend;
    const char *be = paths->backend;
    struct store_batch *batch = store_batch_new(domid);

    device_add_common(batch, paths, domid);
    store_add(batch, STORE_INHERIT, fe, "virtual-device", "%u", number);
    store_add(batch, STORE_INHERIT, fe, "device-type", "disk");

    store_add(batch, STORE_INHERIT, be, "dev", "%s", disk->target);
    store_add(batch, STORE_INHERIT, be, "mode", "%s", disk->readonly ? "r" : "w");
    store_add(batch, STORE_INHERIT, be, "type", "phy");
    store_add(batch, STORE_INHERIT, be, "params", "%s", backing->device_path);
    store_add(batch, STORE_INHERIT, be, "source", "%s", disk->path);
    store_add(batch, STORE_INHERIT, be, "removable", "0");
    store_add(batch, STORE_INHERIT, be, "bootable", "1");
    store_add(batch, STORE_INHERIT, be, "device-type", "disk");
    store_add(batch, STORE_INHERIT, be, "discard-enable", "1");
    store_add(batch, STORE_INHERIT, be, "physical-device", "%x:%x", major(backing->device),
              minor(backing->device));
    store_add(batch, STORE_INHERIT, be, "physical-device-path", "%s", backing->device_path);
    store_add(batch, STORE_INHERIT, be, "hotplug-status", "connected");
    int result = store_commit(ctx, batch, err);
    store_batch_free(batch);
    return result;
}

/* blkback makes this attribute right after it has opened the block device. */
static bool is_open_in_kernel(void *opaque)
{
    const struct vbd *vbd = opaque;
    char path[112];
    snprintf(path, sizeof(path), "/sys/bus/xen-backend/devices/vbd-%u-%u/physical_device",
             vbd->domid, vbd->number);
    return access(path, F_OK) == 0;
}

int vbd_start(struct domain_ctx *ctx, uint32_t domid, const struct domain_disk *disk,
              size_t index, struct vbd *vbd, struct err *err)
{
    *vbd = (struct vbd){.domid = domid, .disk = disk, .fd = -1};
    if (!vbd_number(disk->target, &vbd->number)) {
        char field[64];
        field_name(field, sizeof(field), index, "target");
        return err_set_field(err, ERR_INVALID, field, "\"%s\" is not one of xvda to xvdp",
                             disk->target);
    }
    struct backing backing;
    int result = open_backing(disk, index, &backing, err);
    if (result != 0) {
        return result;
    }
    vbd->fd = backing.fd;
    struct device_paths paths = device_paths_of("vbd", domid, vbd->number);
    return write_nodes(ctx, domid, disk, vbd->number, &paths, &backing, err);
}

int vbd_finish(struct domain_ctx *ctx, struct vbd *vbd, struct err *err)
{
    struct device_paths paths = device_paths_of("vbd", vbd->domid, vbd->number);
    int result = device_wait_backend(ctx, &paths, err);
    if (result == 0) {
        char what[DOMAIN_PATH_MAX + 64];
        snprintf(what, sizeof(what), "the block backend opens %s", vbd->disk->path);
        result = device_wait_kernel(is_open_in_kernel, vbd, OPEN_TIMEOUT_MS, what, err);
    }
    return result;
}

void vbd_release(struct vbd *vbd)
{
    if (vbd->disk != NULL && vbd->fd >= 0) {
        close(vbd->fd);
    }
    vbd->fd = -1;
}
