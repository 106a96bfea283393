/* SPDX-License-Identifier: Apache-2.0 */
#include "command/validate.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "util/str.h"

_Static_assert(STORE_PATH_MAX + 1 == DOMAIN_PATH_MAX, "a stored path fits the mechanism's");
_Static_assert(STORE_NAME_MAX == DOMAIN_NAME_MAX, "a stored name fits the mechanism's");
_Static_assert(STORE_CMDLINE_MAX == DOMAIN_CMDLINE_MAX, "a stored command line fits");
_Static_assert(STORE_DISKS_MAX <= DOMAIN_DISKS_MAX, "stored disks fit");
_Static_assert(STORE_NICS_MAX <= DOMAIN_NICS_MAX, "stored interfaces fit");

static int check_name(const struct domain_spec *spec, struct err *err)
{
    const char *name = spec->name;

    if (name[0] == '\0') {
        return err_set_field(err, ERR_INVALID, "name", "name is missing");
    }
    for (const char *p = name; *p != '\0'; p++) {
        bool is_word = isalnum((unsigned char)*p) && (unsigned char)*p < 0x80;

        if (!is_word && (p == name || strchr("._-", *p) == NULL)) {
            return err_set_field(err, ERR_INVALID, "name",
                                 "name may hold letters, digits, '.', '_' and '-' and must start "
                                 "with a letter or digit");
        }
    }
    if (str_is_uuid(name)) {
        return err_set_field(err, ERR_INVALID, "name", "name must not look like a uuid");
    }
    if (strcmp(name, "Domain-0") == 0) {
        return err_set_field(err, ERR_INVALID, "name", "the name Domain-0 belongs to dom0");
    }
    if (!str_is_uuid(spec->uuid) ||
        strcmp(spec->uuid, "00000000-0000-0000-0000-000000000000") == 0) {
        return err_set_field(err, ERR_INVALID, "uuid", "uuid is not a uuid: \"%s\"", spec->uuid);
    }
    return 0;
}

static int check_resources(const struct domain_spec *spec, struct err *err)
{
    if (spec->memory_bytes < DOMAIN_MEMORY_MIN || spec->memory_bytes > DOMAIN_MEMORY_MAX ||
        spec->memory_bytes % 4096 != 0) {
        return err_set_field(err, ERR_INVALID, "memory_bytes",
                             "memory_bytes must be a multiple of 4096 from %llu to %llu",
                             (unsigned long long)DOMAIN_MEMORY_MIN,
                             (unsigned long long)DOMAIN_MEMORY_MAX);
    }
    if (spec->vcpus < 1 || spec->vcpus > DOMAIN_VCPUS_MAX) {
        return err_set_field(err, ERR_INVALID, "vcpus", "vcpus must be from 1 to %d",
                             DOMAIN_VCPUS_MAX);
    }
    if (spec->kernel[0] != '/') {
        return err_set_field(err, ERR_INVALID, "kernel", "kernel must be an absolute path");
    }
    if (spec->initrd[0] != '\0' && spec->initrd[0] != '/') {
        return err_set_field(err, ERR_INVALID, "initrd", "initrd must be an absolute path");
    }
    if (spec->on_poweroff == END_KEEP) {
        return err_set_field(err, ERR_INVALID, "on_poweroff",
                             "on_poweroff may be destroy or restart");
    }
    if (spec->on_reboot == END_KEEP) {
        return err_set_field(err, ERR_INVALID, "on_reboot", "on_reboot may be restart or destroy");
    }
    return 0;
}

static int check_disk(const struct domain_spec *spec, size_t index, struct err *err)
{
    const struct disk_spec *disk = &spec->disks[index];
    char field[64];

    snprintf(field, sizeof(field), "disks[%zu].target", index);
    if (strlen(disk->target) != 4 || !str_has_prefix(disk->target, "xvd") ||
        disk->target[3] < 'a' || disk->target[3] > 'p') {
        return err_set_field(err, ERR_INVALID, field, "%s must be from xvda to xvdp", field);
    }
    for (size_t other = 0; other < index; other++) {
        if (strcmp(spec->disks[other].target, disk->target) == 0) {
            return err_set_field(err, ERR_INVALID, field, "%s: %s is given twice", field,
                                 disk->target);
        }
    }
    snprintf(field, sizeof(field), "disks[%zu].path", index);
    if (disk->path[0] != '/') {
        return err_set_field(err, ERR_INVALID, field, "%s must be an absolute path", field);
    }
    return 0;
}

static int check_nic(const struct domain_spec *spec, size_t index, struct err *err)
{
    static const uint8_t no_address[6];
    const struct nic_spec *nic = &spec->nics[index];
    char field[64];
    uint8_t mac[6];

    snprintf(field, sizeof(field), "nics[%zu].mac", index);
    if (!str_parse_mac(nic->mac, mac) || (mac[0] & 1) != 0 ||
        memcmp(mac, no_address, sizeof(mac)) == 0) {
        return err_set_field(err, ERR_INVALID, field,
                             "%s must be a unicast address like 00:16:3e:01:02:03", field);
    }
    for (size_t other = 0; other < index; other++) {
        if (strcasecmp(spec->nics[other].mac, nic->mac) == 0) {
            return err_set_field(err, ERR_INVALID, field, "%s: %s is given twice", field, nic->mac);
        }
    }
    snprintf(field, sizeof(field), "nics[%zu].bridge", index);
    for (const char *p = nic->bridge; *p != '\0'; p++) {
        if (!isgraph((unsigned char)*p) || *p == '/' || *p == ':') {
            return err_set_field(err, ERR_INVALID, field, "%s is not the name of an interface",
                                 field);
        }
    }
    return 0;
}

int validate_spec(const struct domain_spec *spec, struct err *err)
{
    int rc = check_name(spec, err);

    if (rc == 0) {
        rc = check_resources(spec, err);
    }
    for (size_t i = 0; rc == 0 && i < spec->disk_count; i++) {
        rc = check_disk(spec, i, err);
    }
    for (size_t i = 0; rc == 0 && i < spec->nic_count; i++) {
        rc = check_nic(spec, i, err);
    }
    return rc;
}

void validate_to_config(const struct domain_spec *spec, struct build_config *build)
{
    memset(build, 0, sizeof(*build));
    memcpy(build->config.uuid, spec->uuid, sizeof(build->config.uuid));
    memcpy(build->config.name, spec->name, sizeof(build->config.name));
    build->config.memory_bytes = spec->memory_bytes;
    build->config.vcpus = spec->vcpus;
    build->config.kernel = spec->kernel;
    build->config.initrd = spec->initrd[0] != '\0' ? spec->initrd : NULL;
    build->config.cmdline = spec->cmdline;
    for (size_t i = 0; i < spec->disk_count; i++) {
        memcpy(build->disks[i].target, spec->disks[i].target, sizeof(build->disks[i].target));
        memcpy(build->disks[i].path, spec->disks[i].path, sizeof(build->disks[i].path));
        build->disks[i].readonly = spec->disks[i].readonly;
    }
    for (size_t i = 0; i < spec->nic_count; i++) {
        memcpy(build->nics[i].mac, spec->nics[i].mac, sizeof(build->nics[i].mac));
        memcpy(build->nics[i].bridge, spec->nics[i].bridge, sizeof(build->nics[i].bridge));
    }
    build->config.disks = build->disks;
    build->config.disk_count = spec->disk_count;
    build->config.nics = build->nics;
    build->config.nic_count = spec->nic_count;
}
