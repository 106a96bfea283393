/* SPDX-License-Identifier: Apache-2.0 */
/* Words of a command line => DomainConfig in JSON. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/create_options.h"

struct words {
    char *argv[24];
    const char *config; /* NULL: refused */
    const char *message;
};

static int count(char **argv)
{
    int argc = 0;

    while (argv[argc] != NULL) {
        argc++;
    }
    return argc;
}

Test(create_options, table)
{
    struct words table[] = {
        {{"create", "--name", "a", "--memory", "256M"},
         "{\"memoryBytes\":268435456,\"name\":\"a\",\"vcpus\":1}", NULL},
        {{"create", "--vcpus", "2", "--cmdline", "a=b c,d"},
         "{\"cmdline\":\"a=b c,d\",\"vcpus\":2}", NULL},
        {{"create", "--disk", "target=xvda,path=/a,ro", "--disk", "path=/b,target=xvdb"},
         "{\"disks\":[{\"path\":\"/a\",\"readonly\":true,\"target\":\"xvda\"},"
         "{\"path\":\"/b\",\"target\":\"xvdb\"}],\"vcpus\":1}",
         NULL},
        {{"create", "--nic", "bridge=br0", "--on-crash", "keep"},
         "{\"nics\":[{\"bridge\":\"br0\"}],\"onCrash\":\"END_ACTION_KEEP\",\"vcpus\":1}", NULL},
        {{"create", "--memory", "x"}, NULL, "size"},
        {{"create", "--memory"}, NULL, "lacks its value"},
        {{"create", "--vcpus", "-1"}, NULL, "number"},
        {{"create", "--disk", "target=xvda,bogus=1"}, NULL, "bogus"},
        {{"create", "--disk", "target=xvda,target=xvdb"}, NULL, "twice"},
        {{"create", "--disk", "target"}, NULL, "target"},
        {{"create", "--bogus", "1"}, NULL, "--bogus"},
        {{"create", "stray"}, NULL, "stray"},
        {{"create", "--cmdline", "\xff"}, NULL, "UTF-8"},
        {{"create", "--on-crash", "\xff"}, NULL, "UTF-8"},
        {{"create", "--disk", "target=xvda,path=/\xff"}, NULL, "UTF-8"},
        {{"create", "--file", "/no/such/file"}, NULL, "/no/such/file"},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct create_options options;
        struct err err = {0};
        int rc = create_options_parse(count(table[i].argv), table[i].argv, &options, &err);
        char *text;

        if (table[i].config == NULL) {
            cr_expect_eq(rc, -ERR_INVALID, "row %zu", i);
            cr_expect_not_null(strstr(err.message, table[i].message), "%s", err.message);
            continue;
        }
        cr_assert_eq(rc, 0, "row %zu: %s", i, err.message);
        text = json_dumps(options.config, JSON_COMPACT | JSON_SORT_KEYS);
        cr_expect_str_eq(text, table[i].config);
        free(text);
        json_decref(options.config);
    }
}

Test(create_options, start_and_key)
{
    char *argv[] = {"create", "--start", "--idempotency-key", "k"};
    struct create_options options;
    struct err err;

    cr_assert_eq(create_options_parse(4, argv, &options, &err), 0);
    cr_expect(options.start);
    cr_expect_str_eq(options.idempotency_key, "k");
    json_decref(options.config);
}

/* A file may spell a field in either way; an option wins over both. */
Test(create_options, option_wins_over_the_file)
{
    char path[] = "/tmp/nether-create-XXXXXX";
    char *argv[] = {"create", "--file", path, "--memory", "256M", "--on-crash", "destroy"};
    const char *file = "{\"memory_bytes\":1,\"onCrash\":\"END_ACTION_KEEP\",\"vcpus\":2}";
    struct create_options options;
    struct err err;
    int fd = mkstemp(path);
    char *text;

    cr_assert_eq(write(fd, file, strlen(file)), (ssize_t)strlen(file));
    close(fd);
    cr_assert_eq(create_options_parse(7, argv, &options, &err), 0);
    text = json_dumps(options.config, JSON_COMPACT | JSON_SORT_KEYS);
    cr_expect_str_eq(text, "{\"memoryBytes\":268435456,\"onCrash\":\"END_ACTION_DESTROY\",\"vcpus\":2}");
    free(text);
    json_decref(options.config);
    unlink(path);
}
