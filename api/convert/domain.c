/* SPDX-License-Identifier: Apache-2.0 */
/* Domains: records and what is observed => messages; a client's config => spec. */
#include <stdio.h>
#include <stdlib.h>

#include "convert/convert.h"
#include "convert/text.h"
#include "util/str.h"

static const Nether__V1__DomainState states[DOMAIN_LIFE_COUNT] = {
    [DOMAIN_STOPPED] = NETHER__V1__DOMAIN_STATE__DOMAIN_STATE_STOPPED,
    [DOMAIN_STARTING] = NETHER__V1__DOMAIN_STATE__DOMAIN_STATE_STARTING,
    [DOMAIN_RUNNING] = NETHER__V1__DOMAIN_STATE__DOMAIN_STATE_RUNNING,
    [DOMAIN_PAUSED] = NETHER__V1__DOMAIN_STATE__DOMAIN_STATE_PAUSED,
    [DOMAIN_STOPPING] = NETHER__V1__DOMAIN_STATE__DOMAIN_STATE_STOPPING,
    [DOMAIN_DESTROYING] = NETHER__V1__DOMAIN_STATE__DOMAIN_STATE_DESTROYING,
    [DOMAIN_CRASHED] = NETHER__V1__DOMAIN_STATE__DOMAIN_STATE_CRASHED,
};
static const Nether__V1__DesiredState desired_states[DESIRED_COUNT] = {
    [DESIRED_STOPPED] = NETHER__V1__DESIRED_STATE__DESIRED_STATE_STOPPED,
    [DESIRED_RUNNING] = NETHER__V1__DESIRED_STATE__DESIRED_STATE_RUNNING,
    [DESIRED_PAUSED] = NETHER__V1__DESIRED_STATE__DESIRED_STATE_PAUSED,
};
static const Nether__V1__EndAction end_actions[END_ACTION_COUNT] = {
    [END_DESTROY] = NETHER__V1__END_ACTION__END_ACTION_DESTROY,
    [END_RESTART] = NETHER__V1__END_ACTION__END_ACTION_RESTART,
    [END_KEEP] = NETHER__V1__END_ACTION__END_ACTION_KEEP,
};

static void *new_message(const ProtobufCMessageDescriptor *type)
{
    ProtobufCMessage *message = calloc(1, type->sizeof_message);

    if (message != NULL) {
        protobuf_c_message_init(type, message);
    }
    return message;
}

static int add_disks(Nether__V1__DomainConfig *config, const struct domain_spec *spec)
{
    config->disks = calloc(spec->disk_count + 1, sizeof(Nether__V1__Disk *));
    for (size_t i = 0; config->disks != NULL && i < spec->disk_count; i++) {
        Nether__V1__Disk *disk = new_message(&nether__v1__disk__descriptor);

        if (disk == NULL) {
            return -1;
        }
        text_set(&disk->target, spec->disks[i].target);
        text_set(&disk->path, spec->disks[i].path);
        disk->readonly = spec->disks[i].readonly;
        config->disks[config->n_disks++] = disk;
    }
    return config->disks != NULL ? 0 : -1;
}

static int add_nics(Nether__V1__DomainConfig *config, const struct domain_spec *spec)
{
    config->nics = calloc(spec->nic_count + 1, sizeof(Nether__V1__Nic *));
    for (size_t i = 0; config->nics != NULL && i < spec->nic_count; i++) {
        Nether__V1__Nic *nic = new_message(&nether__v1__nic__descriptor);

        if (nic == NULL) {
            return -1;
        }
        text_set(&nic->mac, spec->nics[i].mac);
        text_set(&nic->bridge, spec->nics[i].bridge);
        config->nics[config->n_nics++] = nic;
    }
    return config->nics != NULL ? 0 : -1;
}

static int fill_config(Nether__V1__DomainConfig *config, const struct domain_view *view)
{
    const struct domain_spec *spec = &view->record.spec;

    text_set(&config->name, spec->name);
    text_set(&config->uuid, spec->uuid);
    config->memory_bytes = spec->memory_bytes;
    config->vcpus = spec->vcpus;
    text_set(&config->kernel, spec->kernel);
    text_set(&config->initrd, spec->initrd);
    text_set(&config->cmdline, spec->cmdline);
    if (view->is_managed) {
        config->on_poweroff = end_actions[spec->on_poweroff];
        config->on_reboot = end_actions[spec->on_reboot];
        config->on_crash = end_actions[spec->on_crash];
    }
    return add_disks(config, spec) == 0 ? add_nics(config, spec) : -1;
}

static void fill_status(Nether__V1__DomainStatus *status, const struct domain_view *view)
{
    status->state = states[view->record.state];
    text_set(&status->reason, view->record.reason);
    text_set_time(&status->start_time, view->record.start_time_ms);
    if (view->has_info) {
        status->instance_case = NETHER__V1__DOMAIN_STATUS__INSTANCE_DOMID;
        status->domid = view->info.domid;
        status->cpu_time_ns = view->info.cpu_time_ns;
        status->memory_bytes = view->info.memory_bytes;
        status->max_memory_bytes = view->info.max_memory_bytes;
        status->vcpus_online = view->info.vcpus_online;
    }
}

Nether__V1__Domain *convert_domain(const struct domain_view *view)
{
    Nether__V1__Domain *domain = new_message(&nether__v1__domain__descriptor);

    if (domain == NULL) {
        return NULL;
    }
    domain->managed = view->is_managed;
    text_set_time(&domain->create_time, view->record.create_time_ms);
    if (view->is_managed) {
        domain->desired_state = desired_states[view->record.desired];
    }
    domain->config = new_message(&nether__v1__domain_config__descriptor);
    domain->status = new_message(&nether__v1__domain_status__descriptor);
    if (domain->config == NULL || domain->status == NULL ||
        fill_config(domain->config, view) != 0) {
        protobuf_c_message_free_unpacked(&domain->base, NULL);
        return NULL;
    }
    fill_status(domain->status, view);
    return domain;
}

Nether__V1__DomainList *convert_domain_list(const struct domain_view *views, size_t count)
{
    Nether__V1__DomainList *list = new_message(&nether__v1__domain_list__descriptor);

    if (list == NULL) {
        return NULL;
    }
    list->domains = calloc(count + 1, sizeof(*list->domains));
    for (size_t i = 0; list->domains != NULL && i < count; i++) {
        list->domains[i] = convert_domain(&views[i]);
        if (list->domains[i] == NULL) {
            protobuf_c_message_free_unpacked(&list->base, NULL);
            return NULL;
        }
        list->n_domains++;
    }
    return list;
}

static int copy_text(char *out, size_t size_bytes, const char *text, const char *field,
                     struct err *err)
{
    if (!str_copy(out, size_bytes, text)) {
        return err_set_field(err, ERR_INVALID, field, "%s is longer than %zu bytes", field,
                             size_bytes - 1);
    }
    return 0;
}

static int copy_disks(const Nether__V1__DomainConfig *config, struct domain_spec *spec,
                      struct err *err)
{
    int rc = 0;

    if (config->n_disks > STORE_DISKS_MAX) {
        return err_set_field(err, ERR_INVALID, "disks", "there may be %d disks at most",
                             STORE_DISKS_MAX);
    }
    for (size_t i = 0; rc == 0 && i < config->n_disks; i++) {
        const Nether__V1__Disk *disk = config->disks[i];
        char field[48];

        snprintf(field, sizeof(field), "disks[%zu].target", i);
        rc = copy_text(spec->disks[i].target, sizeof(spec->disks[i].target), disk->target, field,
                       err);
        snprintf(field, sizeof(field), "disks[%zu].path", i);
        if (rc == 0) {
            rc = copy_text(spec->disks[i].path, sizeof(spec->disks[i].path), disk->path, field,
                           err);
        }
        spec->disks[i].readonly = disk->readonly;
    }
    spec->disk_count = config->n_disks;
    return rc;
}

static int copy_nics(const Nether__V1__DomainConfig *config, struct domain_spec *spec,
                     struct err *err)
{
    int rc = 0;

    if (config->n_nics > STORE_NICS_MAX) {
        return err_set_field(err, ERR_INVALID, "nics", "there may be %d interfaces at most",
                             STORE_NICS_MAX);
    }
    for (size_t i = 0; rc == 0 && i < config->n_nics; i++) {
        const Nether__V1__Nic *nic = config->nics[i];
        char field[48];

        snprintf(field, sizeof(field), "nics[%zu].mac", i);
        rc = copy_text(spec->nics[i].mac, sizeof(spec->nics[i].mac), nic->mac, field, err);
        snprintf(field, sizeof(field), "nics[%zu].bridge", i);
        if (rc == 0) {
            rc = copy_text(spec->nics[i].bridge, sizeof(spec->nics[i].bridge), nic->bridge, field,
                           err);
        }
    }
    spec->nic_count = config->n_nics;
    return rc;
}

static enum end_action pick_action(Nether__V1__EndAction action, enum end_action unspecified)
{
    for (int i = 0; i < END_ACTION_COUNT; i++) {
        if (end_actions[i] == action) {
            return (enum end_action)i;
        }
    }
    return unspecified;
}

int convert_to_spec(const Nether__V1__DomainConfig *config, struct domain_spec *spec,
                    struct err *err)
{
    int rc;

    *spec = (struct domain_spec){.memory_bytes = config->memory_bytes, .vcpus = config->vcpus};
    rc = copy_text(spec->name, sizeof(spec->name), config->name, "name", err);
    if (rc == 0) {
        rc = copy_text(spec->uuid, sizeof(spec->uuid), config->uuid, "uuid", err);
    }
    if (rc == 0) {
        rc = copy_text(spec->kernel, sizeof(spec->kernel), config->kernel, "kernel", err);
    }
    if (rc == 0) {
        rc = copy_text(spec->initrd, sizeof(spec->initrd), config->initrd, "initrd", err);
    }
    if (rc == 0) {
        rc = copy_text(spec->cmdline, sizeof(spec->cmdline), config->cmdline, "cmdline", err);
    }
    if (rc == 0) {
        rc = copy_disks(config, spec, err);
    }
    if (rc == 0) {
        rc = copy_nics(config, spec, err);
    }
    spec->on_poweroff = pick_action(config->on_poweroff, END_DESTROY);
    spec->on_reboot = pick_action(config->on_reboot, END_RESTART);
    spec->on_crash = pick_action(config->on_crash, END_DESTROY);
    return rc;
}
