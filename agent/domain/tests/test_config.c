/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.c and uuid.c: what a request may look like, and which field is named when it does not.
 */
#include <criterion/criterion.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/domain/domain.h"
#include "agent/domain/uuid.h"
#include "agent/domain/vbd.h"

struct request {
    struct domain_config config;
    struct domain_disk disks[2];
    struct domain_nic nics[1];
};

static struct request *make_request(void)
{
    struct request *request = calloc(1, sizeof(*request));
    request->config = (struct domain_config){
        .uuid = "3f2a1b00-1234-4abc-9def-0123456789ab",
        .name = "web-1",
        .memory_bytes = 256 << 20,
        .vcpus = 2,
        .kernel = "/boot/vmlinuz",
        .disks = request->disks,
        .disk_count = 2,
        .nics = request->nics,
        .nic_count = 1,
    };
    strcpy(request->disks[0].target, "xvda");
    strcpy(request->disks[0].path, "/disk.img");
    strcpy(request->disks[1].target, "xvdb");
    strcpy(request->disks[1].path, "/other.img");
    strcpy(request->nics[0].mac, "00:16:3e:01:02:03");
    return request;
}

Test(config, a_good_request_passes)
{
    struct request *request = make_request();
    struct err err = {0};
    cr_expect_eq(domain_config_check(&request->config, &err), 0, "%s", err.message);
    free(request);
}

static char long_line[3000];

static void bad_uuid(struct request *r) { strcpy(r->config.uuid, "no"); }
static void no_name(struct request *r) { r->config.name[0] = '\0'; }
static void slash_name(struct request *r) { strcpy(r->config.name, "a/b"); }
static void no_vcpus(struct request *r) { r->config.vcpus = 0; }
static void many_vcpus(struct request *r) { r->config.vcpus = 129; }
static void little_memory(struct request *r) { r->config.memory_bytes = 4096; }
static void much_memory(struct request *r) { r->config.memory_bytes = 2ull << 40; }
static void odd_memory(struct request *r) { r->config.memory_bytes += 1; }
static void no_kernel(struct request *r) { r->config.kernel = NULL; }
static void relative_kernel(struct request *r) { r->config.kernel = "vmlinuz"; }
static void relative_initrd(struct request *r) { r->config.initrd = "initrd"; }
static void long_cmdline(struct request *r)
{
    memset(long_line, 'x', sizeof(long_line) - 1);
    r->config.cmdline = long_line;
}
static void many_disks(struct request *r) { r->config.disk_count = 17; }
static void odd_disk(struct request *r) { strcpy(r->disks[1].target, "sda"); }
static void same_disk(struct request *r) { strcpy(r->disks[1].target, "xvda"); }
static void relative_disk(struct request *r) { strcpy(r->disks[0].path, "disk"); }
static void many_nics(struct request *r) { r->config.nic_count = 9; }
static void odd_mac(struct request *r) { strcpy(r->nics[0].mac, "zz"); }
static void multicast_mac(struct request *r) { strcpy(r->nics[0].mac, "01:16:3e:01:02:03"); }
static void slash_bridge(struct request *r) { strcpy(r->nics[0].bridge, "../br0"); }

Test(config, each_mistake_names_its_field)
{
    static const struct {
        const char *field;
        void (*spoil)(struct request *);
    } cases[] = {
        {"uuid", bad_uuid},
        {"name", no_name},
        {"name", slash_name},
        {"vcpus", no_vcpus},
        {"vcpus", many_vcpus},
        {"memory_bytes", little_memory},
        {"memory_bytes", much_memory},
        {"memory_bytes", odd_memory},
        {"kernel", no_kernel},
        {"kernel", relative_kernel},
        {"initrd", relative_initrd},
        {"cmdline", long_cmdline},
        {"disks", many_disks},
        {"disks[1].target", odd_disk},
        {"disks[1].target", same_disk},
        {"disks[0].path", relative_disk},
        {"nics", many_nics},
        {"nics[0].mac", odd_mac},
        {"nics[0].mac", multicast_mac},
        {"nics[0].bridge", slash_bridge},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct request *request = make_request();
        struct err err = {0};
        cases[i].spoil(request);
        cr_expect_eq(domain_config_check(&request->config, &err), -ERR_INVALID, "case %zu", i);
        cr_expect_str_eq(err.field, cases[i].field);
        free(request);
    }
}

Test(vbd, disk_names_have_numbers)
{
    uint32_t number;
    cr_expect(vbd_number("xvda", &number) && number == 51712);
    cr_expect(vbd_number("xvdb", &number) && number == 51728);
    cr_expect(vbd_number("xvdp", &number) && number == 51952);
    cr_expect_not(vbd_number("xvdq", &number));
    cr_expect_not(vbd_number("xvd", &number));
    cr_expect_not(vbd_number("xvdaa", &number));
    cr_expect_not(vbd_number("", &number));
}

Test(uuid, text_and_bytes_are_the_same)
{
    uint8_t bytes[16];
    char text[37];
    cr_assert(uuid_parse("3f2a1b00-1234-4abc-9def-0123456789AB", bytes));
    cr_expect_eq(bytes[0], 0x3f);
    cr_expect_eq(bytes[15], 0xab);
    uuid_format(bytes, text);
    cr_expect_str_eq(text, "3f2a1b00-1234-4abc-9def-0123456789ab");
    cr_expect_not(uuid_parse("3f2a1b00", bytes));
}
