/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a domain's configuration must look like, checked before anything is touched.
 */
#include <stdio.h>
#include <string.h>

#include "agent/domain/domain.h"
#include "agent/domain/layout.h"
#include "agent/domain/vbd.h"
#include "agent/util/str.h"

static int check_disks(const struct domain_config *config, struct err *err)
{
    if (config->disk_count > DOMAIN_DISKS_MAX) {
        return err_set_field(err, ERR_INVALID, "disks", "%zu disks, at most %d are possible",
                             config->disk_count, DOMAIN_DISKS_MAX);
    }
    for (size_t i = 0; i < config->disk_count; i++) {
        const struct domain_disk *disk = &config->disks[i];
        char field[64];
        uint32_t number;
        snprintf(field, sizeof(field), "disks[%zu].target", i);
        if (!vbd_number(disk->target, &number)) {
            return err_set_field(err, ERR_INVALID, field, "\"%s\" is not one of xvda to xvdp",
                                 disk->target);
        }
        for (size_t other = 0; other < i; other++) {
            if (strcmp(config->disks[other].target, disk->target) == 0) {
                return err_set_field(err, ERR_INVALID, field, "two disks are called %s",
                                     disk->target);
            }
        }
        if (disk->path[0] != '/') {
            snprintf(field, sizeof(field), "disks[%zu].path", i);
            return err_set_field(err, ERR_INVALID, field, "\"%s\" is not an absolute path",
                                 disk->path);
        }
    }
    return 0;
}

static int check_nics(const struct domain_config *config, struct err *err)
{
    if (config->nic_count > DOMAIN_NICS_MAX) {
        return err_set_field(err, ERR_INVALID, "nics", "%zu interfaces, at most %d are possible",
                             config->nic_count, DOMAIN_NICS_MAX);
    }
    for (size_t i = 0; i < config->nic_count; i++) {
        const struct domain_nic *nic = &config->nics[i];
        char field[64];
        uint8_t mac[6];
        snprintf(field, sizeof(field), "nics[%zu].mac", i);
        if (!str_parse_mac(nic->mac, mac) || (mac[0] & 1) != 0) {
            return err_set_field(err, ERR_INVALID, field, "\"%s\" is not a unicast MAC address",
                                 nic->mac);
        }
        if (strchr(nic->bridge, '/') != NULL) {
            snprintf(field, sizeof(field), "nics[%zu].bridge", i);
            return err_set_field(err, ERR_INVALID, field, "\"%s\" is not a bridge's name",
                                 nic->bridge);
        }
    }
    return 0;
}

int domain_config_check(const struct domain_config *config, struct err *err)
{
    if (!str_is_uuid(config->uuid)) {
        return err_set_field(err, ERR_INVALID, "uuid", "\"%s\" is not a UUID", config->uuid);
    }
    if (config->name[0] == '\0' || strchr(config->name, '/') != NULL) {
        return err_set_field(err, ERR_INVALID, "name",
                             "a name is needed, and a slash cannot be in it");
    }
    if (config->vcpus == 0 || config->vcpus > DOMAIN_VCPUS_MAX) {
        return err_set_field(err, ERR_INVALID, "vcpus", "%u vCPUs, 1 to %d are possible",
                             config->vcpus, DOMAIN_VCPUS_MAX);
    }
    if (config->memory_bytes % PAGE_BYTES != 0 || config->memory_bytes < DOMAIN_MEMORY_MIN ||
        config->memory_bytes > DOMAIN_MEMORY_MAX) {
        return err_set_field(err, ERR_INVALID, "memory_bytes",
                             "%llu bytes: a multiple of 4096 from 32 MiB to 1 TiB is possible",
                             (unsigned long long)config->memory_bytes);
    }
    if (config->kernel == NULL || config->kernel[0] != '/') {
        return err_set_field(err, ERR_INVALID, "kernel", "an absolute path is needed");
    }
    if (config->initrd != NULL && config->initrd[0] != '/') {
        return err_set_field(err, ERR_INVALID, "initrd", "\"%s\" is not an absolute path",
                             config->initrd);
    }
    if (config->cmdline != NULL && strlen(config->cmdline) > DOMAIN_CMDLINE_MAX) {
        return err_set_field(err, ERR_INVALID, "cmdline", "more than %d bytes",
                             DOMAIN_CMDLINE_MAX);
    }
    int result = check_disks(config, err);
    return result != 0 ? result : check_nics(config, err);
}
