/* SPDX-License-Identifier: Apache-2.0 */
/* Each bad value is refused, and the field at fault named. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "command/validate.h"

static struct domain_spec good(void)
{
    struct domain_spec spec = {.memory_bytes = 256 << 20,
                               .vcpus = 1,
                               .uuid = "6a1f6a0e-1c5b-4b58-a6c6-0f2a5a6f3a11",
                               .name = "web-1",
                               .kernel = "/boot/vmlinuz",
                               .on_reboot = END_RESTART,
                               .disk_count = 2,
                               .nic_count = 2};

    strcpy(spec.disks[0].target, "xvda");
    strcpy(spec.disks[0].path, "/a");
    strcpy(spec.disks[1].target, "xvdp");
    strcpy(spec.disks[1].path, "/b");
    strcpy(spec.nics[0].mac, "00:16:3e:00:00:01");
    strcpy(spec.nics[1].mac, "00:16:3e:00:00:02");
    strcpy(spec.nics[1].bridge, "br0");
    return spec;
}

static void expect_refused(const struct domain_spec *spec, const char *field)
{
    struct err err = {0};

    cr_expect_eq(validate_spec(spec, &err), -ERR_INVALID, "%s should be refused", field);
    cr_expect_str_eq(err.field, field, "%s", err.message);
}

Test(validate, good_spec_is_taken)
{
    struct domain_spec spec = good();
    struct err err = {0};

    cr_expect_eq(validate_spec(&spec, &err), 0, "%s", err.message);
}

Test(validate, names)
{
    const char *bad[] = {"",        "-x", ".x",       "a b", "a/b", "\xc3\xa9",
                         "Domain-0", "6a1f6a0e-1c5b-4b58-a6c6-0f2a5a6f3a11"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct domain_spec spec = good();

        snprintf(spec.name, sizeof(spec.name), "%s", bad[i]);
        expect_refused(&spec, "name");
    }
}

#define REFUSED(field, change)                                                                     \
    do {                                                                                           \
        struct domain_spec spec = good();                                                          \
        change;                                                                                    \
        expect_refused(&spec, field);                                                              \
    } while (0)

Test(validate, everything_else)
{
    REFUSED("uuid", strcpy(spec.uuid, "x"));
    REFUSED("uuid", strcpy(spec.uuid, "00000000-0000-0000-0000-000000000000"));
    REFUSED("memory_bytes", spec.memory_bytes = 0);
    REFUSED("memory_bytes", spec.memory_bytes += 1);
    REFUSED("memory_bytes", spec.memory_bytes = UINT64_MAX & ~4095ull);
    REFUSED("vcpus", spec.vcpus = 0);
    REFUSED("vcpus", spec.vcpus = DOMAIN_VCPUS_MAX + 1);
    REFUSED("kernel", strcpy(spec.kernel, "vmlinuz"));
    REFUSED("kernel", spec.kernel[0] = '\0');
    REFUSED("initrd", strcpy(spec.initrd, "initrd"));
    REFUSED("disks[1].target", strcpy(spec.disks[1].target, "xvda"));
    REFUSED("disks[0].target", strcpy(spec.disks[0].target, "xvdq"));
    REFUSED("disks[0].target", strcpy(spec.disks[0].target, "sda"));
    REFUSED("disks[1].path", strcpy(spec.disks[1].path, "b"));
    REFUSED("nics[0].mac", strcpy(spec.nics[0].mac, "01:16:3e:00:00:01"));
    REFUSED("nics[0].mac", strcpy(spec.nics[0].mac, "00:16:3e:00:00"));
    REFUSED("nics[0].mac", strcpy(spec.nics[0].mac, "00:00:00:00:00:00"));
    REFUSED("nics[1].mac", strcpy(spec.nics[1].mac, "00:16:3E:00:00:01"));
    REFUSED("nics[1].bridge", strcpy(spec.nics[1].bridge, "a/b"));
    REFUSED("on_poweroff", spec.on_poweroff = END_KEEP);
    REFUSED("on_reboot", spec.on_reboot = END_KEEP);
}
