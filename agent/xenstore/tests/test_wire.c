/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <criterion/criterion.h>

#include "xenstore/path.h"
#include "xenstore/perms.h"
#include "xenstore/wire.h"

Test(wire, message_is_collected_from_single_bytes)
{
    struct wire_input in = {0};
    struct xsd_sockmsg header = {.type = XS_READ, .req_id = 7, .len = 3};
    char bytes[19];

    memcpy(bytes, &header, 16);
    memcpy(bytes + 16, "/a", 3);
    for (size_t i = 0; i < sizeof(bytes); i++) {
        cr_assert_neq(wire_input_wanted(&in), 0);
        cr_assert_eq(wire_input_add(&in, bytes + i, 1), 0);
    }

    cr_assert_eq(wire_input_wanted(&in), 0);
    cr_assert_eq(in.header.req_id, 7);
    cr_assert_str_eq(wire_input_payload(&in), "/a");
}

Test(wire, longest_payload_is_taken_and_one_more_byte_is_refused)
{
    struct wire_input in = {0};
    struct xsd_sockmsg header = {.len = XENSTORE_PAYLOAD_MAX};

    cr_assert_eq(wire_input_add(&in, &header, sizeof(header)), 0);
    cr_assert_eq(wire_input_wanted(&in), XENSTORE_PAYLOAD_MAX);

    wire_input_reset(&in);
    header.len++;
    cr_assert_eq(wire_input_add(&in, &header, sizeof(header)), EINVAL);

    wire_input_reset(&in);
    header.len = UINT32_MAX;
    cr_assert_eq(wire_input_add(&in, &header, sizeof(header)), EINVAL);
}

Test(wire, strings_without_their_zero_byte_do_not_count)
{
    const char *strings[2];

    cr_assert_eq(wire_split("a\0bc\0d", 6, strings, 2), 2);
    cr_assert_str_eq(strings[1], "bc");
    cr_assert_eq(wire_split("abc", 3, strings, 2), 0);
    cr_assert_eq(wire_split("", 0, strings, 2), 0);
    cr_assert_eq(wire_split("\0\0\0", 3, strings, 2), 3);
}

Test(wire, every_error_has_a_name)
{
    cr_assert_str_eq(wire_error_name(EAGAIN), "EAGAIN");
    cr_assert_str_eq(wire_error_name(E2BIG), "E2BIG");
    cr_assert_str_eq(wire_error_name(ENOTCONN), "EINVAL");
}

Test(wire, reserved_domain_ids_are_refused)
{
    domid_t domid;

    cr_assert(wire_parse_domid("0", &domid));
    cr_assert(wire_parse_domid("32751", &domid));
    cr_assert_eq(domid, 32751);
    cr_assert_not(wire_parse_domid("32752", &domid));
    cr_assert_not(wire_parse_domid("65536", &domid));
    cr_assert_not(wire_parse_domid("-1", &domid));
    cr_assert_not(wire_parse_domid("", &domid));
    cr_assert_not(wire_parse_domid("1x", &domid));
}

Test(path, valid_paths_become_canonical)
{
    static const char *const cases[][2] = {
        {"/", "/"},
        {"/a", "/a"},
        {"/a/b-c_d@e/0", "/a/b-c_d@e/0"},
        {"device/vbd", "/local/domain/5/device/vbd"},
        {"a", "/local/domain/5/a"},
    };
    char path[PATH_BUFFER_SIZE];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cr_assert_eq(path_canonicalize(cases[i][0], 5, path), 0, "%s", cases[i][0]);
        cr_assert_str_eq(path, cases[i][1]);
    }
}

Test(path, invalid_paths_are_refused)
{
    static const char *const cases[] = {"",     "//",   "/a/",  "/a//b", "a/",  "/a b",
                                        "/a\n", "/a.b", "@foo", "/\xff", "a//b"};
    char path[PATH_BUFFER_SIZE];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cr_assert_eq(path_canonicalize(cases[i], 5, path), EINVAL, "%s", cases[i]);
    }
}

Test(path, length_limits_hold)
{
    char raw[XENSTORE_ABS_PATH_MAX + 2];
    char path[PATH_BUFFER_SIZE];

    memset(raw, 'a', sizeof(raw));
    raw[0] = '/';
    raw[XENSTORE_ABS_PATH_MAX + 1] = '\0';
    cr_assert_eq(path_canonicalize(raw, 0, path), EINVAL);
    raw[XENSTORE_ABS_PATH_MAX] = '\0';
    cr_assert_eq(path_canonicalize(raw, 0, path), 0);

    raw[0] = 'a';
    raw[XENSTORE_REL_PATH_MAX + 1] = '\0';
    cr_assert_eq(path_canonicalize(raw, 0, path), EINVAL);
    raw[XENSTORE_REL_PATH_MAX] = '\0';
    cr_assert_eq(path_canonicalize(raw, 32751, path), 0);
}

Test(path, parent_of_top_level_is_root)
{
    char parent[PATH_BUFFER_SIZE];

    path_parent("/a/b", parent);
    cr_assert_str_eq(parent, "/a");
    path_parent("/a", parent);
    cr_assert_str_eq(parent, "/");
    path_parent("/", parent);
    cr_assert_str_eq(parent, "/");
}

Test(perms, owner_has_everything_and_default_is_for_those_not_listed)
{
    const char *const strings[] = {"r3", "n4", "w5", "b6"};
    struct perm perms[PERMS_MAX];

    cr_assert_eq(perms_parse(strings, 4, perms), 0);

    cr_assert_eq(perms_granted(perms, 4, 3, DOMID_INVALID), PERM_READ | PERM_WRITE | PERM_OWNER);
    cr_assert_eq(perms_granted(perms, 4, 4, DOMID_INVALID), PERM_NONE);
    cr_assert_eq(perms_granted(perms, 4, 5, DOMID_INVALID), PERM_WRITE);
    cr_assert_eq(perms_granted(perms, 4, 6, DOMID_INVALID), PERM_READ | PERM_WRITE);
    cr_assert_eq(perms_granted(perms, 4, 7, DOMID_INVALID), PERM_READ);
    cr_assert_eq(perms_granted(perms, 4, 4, 6), PERM_READ | PERM_WRITE);
}

Test(perms, text_goes_both_ways)
{
    const char *const strings[] = {"b32751"};
    struct perm perms[PERMS_MAX];
    char text[PERM_TEXT_SIZE];

    cr_assert_eq(perms_parse(strings, 1, perms), 0);
    perm_format(perms[0], text);
    cr_assert_str_eq(text, "b32751");
}

Test(perms, malformed_lists_are_refused)
{
    static const char *const cases[] = {"", "r", "x3", "r-1", "r32752", "r1 ", "R1", "r99999"};
    struct perm perms[PERMS_MAX];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cr_assert_eq(perms_parse(&cases[i], 1, perms), EINVAL, "%s", cases[i]);
    }
    cr_assert_eq(perms_parse(cases, 0, perms), EINVAL);
    cr_assert_eq(perms_parse(cases, PERMS_MAX + 1, perms), ENOSPC);
}
