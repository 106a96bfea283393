/* SPDX-License-Identifier: Apache-2.0 */
#include "xenstore/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/str.h"

int files_make_folder_of(const char *path, struct err *err)
{
    char folder[PATH_MAX];

    if (!str_copy(folder, sizeof(folder), path)) {
        return err_set(err, ERR_INVALID, "path too long: %s", path);
    }
    for (char *slash = strchr(folder + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(folder, 0755) != 0 && errno != EEXIST) {
            return err_set_errno(err, errno, "cannot make folder %s", folder);
        }
        *slash = '/';
    }
    return 0;
}

int files_lock_pid(const char *path, struct err *err)
{
    int rc = files_make_folder_of(path, err);
    int fd;

    if (rc != 0) {
        return rc;
    }
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) {
        return err_set_errno(err, errno, "cannot open %s", path);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        rc = errno == EWOULDBLOCK
                 ? err_set(err, ERR_CONFLICT, "another nether-stored is running (see %s)", path)
                 : err_set_errno(err, errno, "cannot lock %s", path);
        close(fd);
        return rc;
    }
    if (ftruncate(fd, 0) != 0 || dprintf(fd, "%d\n", (int)getpid()) < 0) {
        rc = err_set_errno(err, errno, "cannot write %s", path);
        close(fd);
        return rc;
    }
    return fd;
}
