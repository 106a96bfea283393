/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "xenstore/journal.h"

static char folder[] = "/tmp/test-journal-XXXXXX";
static char path[64];
static struct journal journal;
static struct err err;

static void setup(void)
{
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/state", folder);
    journal_init(&journal);
}

static void teardown(void)
{
    journal_close(&journal);
    unlink(path);
    rmdir(folder);
}

TestSuite(journal, .init = setup, .fini = teardown);

static bool sum(struct bytes_reader *batch, void *context)
{
    uint64_t *total = context;

    while (batch->at < batch->end) {
        *total = *total * 10 + bytes_read_u32(batch);
    }
    return !batch->has_failed;
}

static void append(uint32_t number)
{
    bytes_write_u32(&journal.batch, number);
    cr_assert(journal_commit(&journal));
}

static void expect(uint64_t expected)
{
    uint64_t total = 0;
    bool found;

    cr_assert_eq(journal_read(path, sum, &total, &found, &err), 0, "%s", err.message);
    cr_assert(found);
    cr_assert_eq(total, expected, "%lu", (unsigned long)total);
}

Test(journal, missing_file_is_an_empty_start)
{
    uint64_t total = 0;
    bool found = true;

    cr_assert_eq(journal_read(path, sum, &total, &found, &err), 0);
    cr_assert_not(found);
}

Test(journal, batches_come_back_in_order)
{
    cr_assert_eq(journal_rewrite(&journal, path, &err), 0);
    append(1);
    append(2);
    append(3);
    expect(123);
}

Test(journal, rewrite_replaces_what_was_there)
{
    cr_assert_eq(journal_rewrite(&journal, path, &err), 0);
    append(1);
    append(2);
    bytes_write_u32(&journal.batch, 7);
    cr_assert_eq(journal_rewrite(&journal, path, &err), 0);
    append(8);
    expect(78);
}

Test(journal, every_cut_of_the_last_batch_drops_it_and_nothing_else)
{
    struct stat whole;
    struct stat before;

    cr_assert_eq(journal_rewrite(&journal, path, &err), 0);
    append(1);
    cr_assert_eq(stat(path, &before), 0);
    append(2);
    cr_assert_eq(stat(path, &whole), 0);
    expect(12);
    for (off_t size = whole.st_size - 1; size >= before.st_size; size--) {
        cr_assert_eq(truncate(path, size), 0);
        expect(1);
    }
}

Test(journal, every_flipped_byte_of_a_batch_is_noticed)
{
    struct stat whole;
    struct stat before;
    int fd;

    cr_assert_eq(journal_rewrite(&journal, path, &err), 0);
    append(1);
    cr_assert_eq(stat(path, &before), 0);
    append(2);
    cr_assert_eq(stat(path, &whole), 0);
    fd = open(path, O_RDWR);
    for (off_t at = before.st_size; at < whole.st_size; at++) {
        char byte;

        cr_assert_eq(pread(fd, &byte, 1, at), 1);
        byte ^= 0x10;
        cr_assert_eq(pwrite(fd, &byte, 1, at), 1);
        expect(1);
        byte ^= 0x10;
        cr_assert_eq(pwrite(fd, &byte, 1, at), 1);
    }
    close(fd);
    expect(12);
}

Test(journal, file_of_another_boot_is_not_used)
{
    uint64_t total = 0;
    bool found = true;
    int fd;

    cr_assert_eq(journal_rewrite(&journal, path, &err), 0);
    append(1);
    fd = open(path, O_RDWR);
    cr_assert_eq(pwrite(fd, "xxxx", 4, 10), 4);
    close(fd);
    cr_assert_eq(journal_read(path, sum, &total, &found, &err), 0);
    cr_assert_not(found);
}

Test(journal, failed_append_is_mended_by_a_rewrite)
{
    int good_fd;

    cr_assert_eq(journal_rewrite(&journal, path, &err), 0);
    append(1);
    good_fd = journal.fd;
    journal.fd = open("/dev/full", O_WRONLY);
    bytes_write_u32(&journal.batch, 2);
    cr_assert_not(journal_commit(&journal));
    cr_assert(journal_wants_rewrite(&journal));
    close(good_fd);

    bytes_write_u32(&journal.batch, 5);
    cr_assert_eq(journal_rewrite(&journal, path, &err), 0);
    cr_assert_not(journal_wants_rewrite(&journal));
    expect(5);
}
