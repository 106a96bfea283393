/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a path to a mapped ELF image. Unpacking a distribution's kernel takes longer than all the
 * rest of a build, so the unpacked image is kept in a file named after what identifies the source
 * (device, inode, size, times). It gets its name when it is complete, so a
 * reader finds a whole image or none; a few are kept and the least recently used one goes first.
 */
#include "agent/domain/image/kernel.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/domain/image/bzimage.h"
#include "agent/domain/image/elf.h"
#include "agent/domain/image/unpack.h"
#include "agent/util/log.h"

#define KERNEL_FILE_MAX BZIMAGE_UNPACKED_MAX
#define CACHED_MAX      2 /* images of some 65 MiB, in what may be a memory file system */
#define CACHED_PREFIX   "kernel-"

static int map_fd(int fd, const char *path, const char *field, size_t size_max,
                  struct mapped_file *file, struct err *err)
{
    struct stat status;
    if (fstat(fd, &status) < 0) {
        return err_set_errno(err, errno, "cannot look at %s", path);
    }
    if (!S_ISREG(status.st_mode)) {
        return err_set_field(err, ERR_INVALID, field, "%s is not a regular file", path);
    }
    if (status.st_size == 0) {
        return err_set_field(err, ERR_INVALID, field, "%s is empty", path);
    }
    if ((uint64_t)status.st_size > size_max) {
        return err_set_field(err, ERR_INVALID, field, "%s is too large (more than %zu MiB)", path,
                             size_max >> 20);
    }
    void *data = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED) {
        return err_set_errno(err, errno, "cannot map %s", path);
    }
    /* Read now, when it can be said: a page that cannot be read later is a SIGBUS. */
    if (madvise(data, (size_t)status.st_size, MADV_POPULATE_READ) != 0 && errno != EINVAL) {
        int saved = errno;
        munmap(data, (size_t)status.st_size);
        return saved == ENOMEM
                   ? err_set_field(err, ERR_NO_MEMORY, field, "no memory in dom0 to read %s", path)
                   : err_set_field(err, ERR_UNAVAILABLE, field,
                                   "%s cannot be read to its end: its disk gives errors", path);
    }
    file->data = data;
    file->size_bytes = (size_t)status.st_size;
    return 0;
}

static int open_source(const char *path, const char *field, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd >= 0) {
        return fd;
    }
    enum err_code code = ERR_INVALID;
    if (errno == ENOENT || errno == ENOTDIR) {
        code = ERR_NOT_FOUND;
    } else if (errno == EACCES || errno == EPERM) {
        code = ERR_PERMISSION;
    }
    return err_set_field(err, code, field, "cannot open %s: %s", path, strerror(errno));
}

int mapped_file_open(const char *path, const char *field, size_t size_max,
                     struct mapped_file *file, struct err *err)
{
    int fd = open_source(path, field, err);
    if (fd < 0) {
        return fd;
    }
    int result = map_fd(fd, path, field, size_max, file, err);
    close(fd);
    return result;
}

void mapped_file_close(struct mapped_file *file)
{
    if (file->data != NULL) {
        munmap((void *)(uintptr_t)file->data, file->size_bytes);
    }
    *file = (struct mapped_file){0};
}

/* The cached image's path for the source file open at fd. */
static bool cache_name(int fd, const char *cache_dir, char *out, size_t size_bytes)
{
    struct stat s;
    if (cache_dir == NULL || fstat(fd, &s) < 0) {
        return false;
    }
    int length = snprintf(out, size_bytes,
                          "%s/" CACHED_PREFIX "%jx-%jx-%jx-%jx.%09lx-%jx.%09lx", cache_dir,
                          (uintmax_t)s.st_dev, (uintmax_t)s.st_ino, (uintmax_t)s.st_size,
                          (uintmax_t)s.st_mtim.tv_sec, s.st_mtim.tv_nsec,
                          (uintmax_t)s.st_ctim.tv_sec, s.st_ctim.tv_nsec);
    return length > 0 && (size_t)length < size_bytes;
}

/* Removes the least recently used images until one more fits. Failing to is no error. */
static void cache_make_room(const char *cache_dir)
{
    for (;;) {
        DIR *dir = opendir(cache_dir);
        if (dir == NULL) {
            return;
        }
        char oldest[256] = "";
        struct timespec oldest_time = {0};
        size_t count = 0;
        for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
            struct stat s;
            if (strncmp(entry->d_name, CACHED_PREFIX, strlen(CACHED_PREFIX)) != 0 ||
                fstatat(dirfd(dir), entry->d_name, &s, AT_SYMLINK_NOFOLLOW) < 0) {
                continue;
            }
            count++;
            bool is_older = s.st_atim.tv_sec < oldest_time.tv_sec ||
                            (s.st_atim.tv_sec == oldest_time.tv_sec &&
                             s.st_atim.tv_nsec < oldest_time.tv_nsec);
            if (oldest[0] == '\0' || is_older) {
                oldest_time = s.st_atim;
                snprintf(oldest, sizeof(oldest), "%s", entry->d_name);
            }
        }
        bool is_removed = count >= CACHED_MAX && unlinkat(dirfd(dir), oldest, 0) == 0;
        closedir(dir);
        if (!is_removed) {
            return;
        }
    }
}

/* A file without a name that has room for all; 0 or an errno value. */
static int reserve(int fd, size_t size_bytes)
{
    return fd < 0 ? errno : posix_fallocate(fd, 0, (off_t)size_bytes);
}

/*
 * A file to unpack into: in the cache's file system, or in memory when there is no cache or no room. It has
 * no name, so nothing is left of it when the agent dies over it.
 */
static int open_target(const char *cache_dir, size_t size_bytes, bool *is_in_cache,
                       struct err *err)
{
    int fd;
    *is_in_cache = false;
    if (cache_dir != NULL && (mkdir(cache_dir, 0700) == 0 || errno == EEXIST)) {
        cache_make_room(cache_dir);
        fd = open(cache_dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        int problem = reserve(fd, size_bytes);
        if (problem == 0) {
            *is_in_cache = true;
            return fd;
        }
        log_warn("kernel cache: cannot write to %s: %s", cache_dir, strerror(problem));
        if (fd >= 0) {
            close(fd);
        }
    }
    fd = memfd_create("nether-kernel", MFD_CLOEXEC);
    int problem = reserve(fd, size_bytes);
    if (problem != 0) {
        if (fd >= 0) {
            close(fd);
        }
        return err_set_field(err, ERR_NO_MEMORY, "kernel",
                             "no room for the unpacked kernel, neither in the cache nor in memory: %s",
                             strerror(problem));
    }
    return fd;
}

/* Gives the file its name. That another thread was faster is as good; that it fails is no error. */
static void keep_as(int fd, const char *cached)
{
    char self[32];
    snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
    if (linkat(AT_FDCWD, self, AT_FDCWD, cached, AT_SYMLINK_FOLLOW) < 0 && errno != EEXIST) {
        log_warn("kernel cache: %s cannot be kept: %s", cached, strerror(errno));
    }
}

static int unpack_to_fd(const struct bzimage_payload *payload, int fd, struct err *err)
{
    void *out = mmap(NULL, payload->unpacked_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (out == MAP_FAILED) {
        return err_set_errno(err, errno, "cannot map the unpacked kernel");
    }
    int result;
    if (payload->format == UNPACK_NONE) {
        memcpy(out, payload->data, payload->unpacked_bytes);
        result = 0;
    } else {
        result = unpack(payload->format, payload->data, payload->size_bytes, out,
                        payload->unpacked_bytes, err);
    }
    munmap(out, payload->unpacked_bytes);
    return result;
}

/* Unpacks image and maps the result; keeps it as cached (may be NULL) for the next time. */
static int unpack_image(const struct mapped_file *image, const char *cached,
                        const char *cache_dir, struct mapped_file *elf, struct err *err)
{
    struct bzimage_payload payload;
    int result = bzimage_find_payload(image->data, image->size_bytes, &payload, err);
    if (result != 0) {
        return result;
    }

    bool is_in_cache;
    int fd = open_target(cached != NULL ? cache_dir : NULL, payload.unpacked_bytes, &is_in_cache, err);
    if (fd < 0) {
        return fd;
    }
    result = unpack_to_fd(&payload, fd, err);
    if (result == 0) {
        result = map_fd(fd, "the unpacked kernel", "kernel", BZIMAGE_UNPACKED_MAX, elf, err);
    }
    if (result == 0 && is_in_cache) {
        keep_as(fd, cached);
    }
    close(fd);
    return result;
}

/* Maps the cached image when there is one. The access time is set for cache_make_room(). */
static bool open_cached(const char *cached, struct mapped_file *elf)
{
    int fd = open(cached, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return false;
    }
    const struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_OMIT}};
    futimens(fd, times);
    struct err ignored;
    bool is_open = map_fd(fd, cached, "kernel", BZIMAGE_UNPACKED_MAX, elf, &ignored) == 0;
    close(fd);
    return is_open;
}

int kernel_open(const char *path, const char *cache_dir, struct mapped_file *elf,
                struct kernel_layout *layout, struct err *err)
{
    *elf = (struct mapped_file){0};
    int fd = open_source(path, "kernel", err);
    if (fd < 0) {
        return fd;
    }
    struct mapped_file image = {0};
    char cached[1100];
    bool has_name = cache_name(fd, cache_dir, cached, sizeof(cached));
    int result = map_fd(fd, path, "kernel", KERNEL_FILE_MAX, &image, err);
    close(fd);
    if (result != 0) {
        return result;
    }

    enum unpack_format format = unpack_detect(image.data, image.size_bytes);
    if (format == UNPACK_NONE) {
        *elf = image;
    } else if (bzimage_detect(image.data, image.size_bytes)) {
        if (!has_name || !open_cached(cached, elf)) {
            result = unpack_image(&image, has_name ? cached : NULL, cache_dir, elf, err);
        }
        mapped_file_close(&image);
    } else {
        mapped_file_close(&image);
        result = err_set_field(err, ERR_INVALID, "kernel",
                               "%s is neither a bzImage nor an ELF file", path);
    }
    if (result == 0) {
        result = elf_parse(elf->data, elf->size_bytes, layout, err);
        if (result != 0) {
            mapped_file_close(elf);
        }
    }
    return result;
}
