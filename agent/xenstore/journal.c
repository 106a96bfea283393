/* SPDX-License-Identifier: Apache-2.0 */
#include "xenstore/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "util/log.h"

#define BATCH_MARK        0x48435442u /* "BTCH" */
#define BATCH_HEADER_SIZE 12
#define BOOT_ID_SIZE      36
#define FILE_HEADER_SIZE  (8 + BOOT_ID_SIZE)
#define BATCH_KEEP_BYTES  (1u << 20)
#define REWRITE_MIN_BYTES (4 << 20)

static const char file_magic[8] = {'N', 'E', 'T', 'H', 'S', 'T', 'O', '1'};

/* The kernel's name for this boot: state of an earlier one is worthless. */
static void make_file_header(char header[FILE_HEADER_SIZE])
{
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

    memset(header, '-', FILE_HEADER_SIZE);
    memcpy(header, file_magic, sizeof(file_magic));
    if (fd >= 0) {
        if (read(fd, header + sizeof(file_magic), BOOT_ID_SIZE) != BOOT_ID_SIZE) {
            memset(header + sizeof(file_magic), '-', BOOT_ID_SIZE);
        }
        close(fd);
    }
}

static bool write_all(int fd, const void *data, size_t size_bytes)
{
    const char *at = data;

    while (size_bytes > 0) {
        ssize_t written = write(fd, at, size_bytes);

        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return false;
        }
        at += written;
        size_bytes -= (size_t)written;
    }
    return true;
}

/* One system call in the usual case: a batch is appended in every turn. */
static bool write_batch(int fd, const struct bytes_writer *batch)
{
    uint32_t header[3] = {BATCH_MARK, (uint32_t)batch->size_bytes,
                          bytes_crc32(batch->data, batch->size_bytes)};

    struct iovec parts[2] = {{header, BATCH_HEADER_SIZE}, {batch->data, batch->size_bytes}};
    ssize_t written = writev(fd, parts, 2);

    if (written < BATCH_HEADER_SIZE) {
        return false; /* what is there of it does not count */
    }
    written -= BATCH_HEADER_SIZE;
    return write_all(fd, batch->data + written, batch->size_bytes - (size_t)written);
}

void journal_init(struct journal *journal)
{
    *journal = (struct journal){.fd = -1};
}

void journal_close(struct journal *journal)
{
    if (journal->fd >= 0) {
        close(journal->fd);
    }
    bytes_writer_free(&journal->batch);
    journal_init(journal);
}

static int read_file(const char *path, char **data, size_t *size_bytes, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat info;
    size_t done = 0;

    *data = NULL;
    *size_bytes = 0;
    if (fd < 0) {
        return errno == ENOENT ? 0 : err_set_errno(err, errno, "cannot open %s", path);
    }
    if (fstat(fd, &info) != 0) {
        close(fd);
        return err_set_errno(err, errno, "cannot read %s", path);
    }
    *data = malloc((size_t)info.st_size + 1);
    if (*data == NULL) {
        close(fd);
        return err_set(err, ERR_NO_MEMORY, "no memory to read %s", path);
    }
    while (done < (size_t)info.st_size) {
        ssize_t got = read(fd, *data + done, (size_t)info.st_size - done);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            int error = errno;

            free(*data);
            *data = NULL;
            close(fd);
            return err_set_errno(err, error, "cannot read %s", path);
        }
        if (got == 0) {
            break;
        }
        done += (size_t)got;
    }
    close(fd);
    *size_bytes = done;
    return 0;
}

/* The batch at *at, which is moved behind it. False: there is no further whole batch. */
static bool next_batch(const char *data, size_t size_bytes, size_t *at, struct bytes_reader *batch)
{
    uint32_t header[3];

    if (size_bytes - *at < BATCH_HEADER_SIZE) {
        return false;
    }
    memcpy(header, data + *at, BATCH_HEADER_SIZE);
    if (header[0] != BATCH_MARK || size_bytes - *at - BATCH_HEADER_SIZE < header[1]) {
        return false;
    }
    *batch = (struct bytes_reader){.at = data + *at + BATCH_HEADER_SIZE};
    batch->end = batch->at + header[1];
    if (bytes_crc32(batch->at, header[1]) != header[2]) {
        return false;
    }
    *at += BATCH_HEADER_SIZE + header[1];
    return true;
}

int journal_read(const char *path, bool (*replay)(struct bytes_reader *batch, void *context),
                 void *context, bool *found, struct err *err)
{
    char expected[FILE_HEADER_SIZE];
    struct bytes_reader batch;
    size_t size_bytes;
    size_t at = FILE_HEADER_SIZE;
    char *data;
    int rc = read_file(path, &data, &size_bytes, err);

    *found = false;
    if (rc != 0 || data == NULL) {
        return rc;
    }
    make_file_header(expected);
    if (size_bytes >= FILE_HEADER_SIZE && memcmp(data, expected, FILE_HEADER_SIZE) == 0) {
        *found = true;
        while (rc == 0 && next_batch(data, size_bytes, &at, &batch)) {
            if (!replay(&batch, context)) {
                rc = err_set(err, ERR_INTERNAL, "%s: senseless record before byte %zu", path, at);
            }
        }
        if (rc == 0 && at < size_bytes) {
            log_warn("journal: %zu bytes of an unfinished batch dropped", size_bytes - at);
        }
    }
    free(data);
    return rc;
}

int journal_rewrite(struct journal *journal, const char *path, struct err *err)
{
    char header[FILE_HEADER_SIZE];
    char new_path[sizeof(journal->path) + 4];
    int fd;
    int rc;
    bool is_complete;

    if (path != journal->path &&
        snprintf(journal->path, sizeof(journal->path), "%s", path) >= (int)sizeof(journal->path)) {
        return err_set(err, ERR_INVALID, "path too long: %s", path);
    }
    if (journal->batch.has_failed) {
        bytes_writer_reset(&journal->batch, 0);
        return err_set(err, ERR_NO_MEMORY, "no memory to write %s", journal->path);
    }
    snprintf(new_path, sizeof(new_path), "%s.new", journal->path);
    fd = open(new_path, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0) {
        rc = err_set_errno(err, errno, "cannot create %s", new_path);
        bytes_writer_reset(&journal->batch, 0);
        return rc;
    }
    make_file_header(header);
    is_complete = write_all(fd, header, sizeof(header)) && write_batch(fd, &journal->batch) &&
                  rename(new_path, journal->path) == 0;
    if (!is_complete) {
        err_set_errno(err, errno, "cannot write %s", new_path);
        close(fd);
        unlink(new_path);
        bytes_writer_reset(&journal->batch, 0);
        return -(int)ERR_NO_SPACE;
    }
    if (journal->fd >= 0) {
        close(journal->fd);
    }
    journal->fd = fd;
    journal->is_broken = false;
    journal->size_bytes = (off_t)(FILE_HEADER_SIZE + BATCH_HEADER_SIZE + journal->batch.size_bytes);
    journal->size_when_compacted = journal->size_bytes;
    bytes_writer_reset(&journal->batch, BATCH_KEEP_BYTES);
    return 0;
}

bool journal_commit(struct journal *journal)
{
    size_t size_bytes = journal->batch.size_bytes;
    bool is_written = true;

    if (size_bytes == 0 && !journal->batch.has_failed) {
        return true;
    }
    if (journal->fd >= 0 && !journal->is_broken) {
        is_written = !journal->batch.has_failed && write_batch(journal->fd, &journal->batch);
        if (is_written) {
            journal->size_bytes += (off_t)(BATCH_HEADER_SIZE + size_bytes);
        } else {
            log_error("journal: cannot append to %s: %s", journal->path, strerror(errno));
            journal->is_broken = true;
        }
    }
    bytes_writer_reset(&journal->batch, BATCH_KEEP_BYTES);
    return is_written;
}

bool journal_wants_rewrite(const struct journal *journal)
{
    if (journal->fd < 0) {
        return false;
    }
    return journal->is_broken || (journal->size_bytes > REWRITE_MIN_BYTES &&
                                  journal->size_bytes > 4 * journal->size_when_compacted);
}
