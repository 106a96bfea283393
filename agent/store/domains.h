/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The records of domains: what was asked for (spec), what is wanted (desired), and what was last
 * observed (state, domid). A record lives until the domain is deleted, whether it runs or not.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

#define STORE_NAME_MAX    63
#define STORE_PATH_MAX    1023
#define STORE_CMDLINE_MAX 2047
#define STORE_DISKS_MAX   16
#define STORE_NICS_MAX    8

struct store;

/* The life of a domain; its drawing and its arrows are in command/lifecycle.h. */
enum domain_life {
    DOMAIN_STOPPED,
    DOMAIN_STARTING,
    DOMAIN_RUNNING,
    DOMAIN_PAUSED,
    DOMAIN_STOPPING,
    DOMAIN_DESTROYING,
    DOMAIN_CRASHED,
    DOMAIN_LIFE_COUNT,
};

enum domain_desired {
    DESIRED_STOPPED,
    DESIRED_RUNNING,
    DESIRED_PAUSED,
    DESIRED_COUNT,
};

/* What to do when the guest stops by itself. */
enum end_action {
    END_DESTROY,
    END_RESTART,
    END_KEEP,
    END_ACTION_COUNT,
};

struct disk_spec {
    char target[16];
    char path[STORE_PATH_MAX + 1];
    bool readonly;
};

struct nic_spec {
    char mac[18];
    char bridge[16];
};

struct domain_spec {
    char uuid[37];
    char name[STORE_NAME_MAX + 1];
    uint64_t memory_bytes;
    uint32_t vcpus;
    char kernel[STORE_PATH_MAX + 1];
    char initrd[STORE_PATH_MAX + 1]; /* empty: none */
    char cmdline[STORE_CMDLINE_MAX + 1];
    struct disk_spec disks[STORE_DISKS_MAX];
    size_t disk_count;
    struct nic_spec nics[STORE_NICS_MAX];
    size_t nic_count;
    enum end_action on_poweroff, on_reboot, on_crash;
};

struct domain_record {
    struct domain_spec spec;
    int64_t create_time_ms;
    enum domain_desired desired;
    enum domain_life state;
    char reason[256]; /* why it is in this state, or empty */
    int64_t domid;    /* -1 while the hypervisor does not hold it */
    int64_t start_time_ms;
};

/** Add a record. ERR_EXISTS when the uuid or the name is taken. */
int store_domain_insert(struct store *store, const struct domain_record *record, struct err *err);

/** Read the record with this uuid or name. ERR_NOT_FOUND. */
int store_domain_get(struct store *store, const char *uuid_or_name, struct domain_record *record,
                     struct err *err);

/** Read all records, by name. The caller frees *records with free(). */
int store_domain_list(struct store *store, struct domain_record **records, size_t *count,
                      struct err *err);

/** Write down what was observed: state, reason, domid and start time. ERR_NOT_FOUND. */
int store_domain_set_observed(struct store *store, const struct domain_record *record,
                              struct err *err);

/** Write down what is wanted. ERR_NOT_FOUND. */
int store_domain_set_desired(struct store *store, const char *uuid, enum domain_desired desired,
                             struct err *err);

/** Forget the record, its disks and interfaces. ERR_NOT_FOUND. */
int store_domain_delete(struct store *store, const char *uuid, struct err *err);

/** The stable names the tables use, also fit for logs. */
const char *domain_life_name(enum domain_life state);
const char *domain_desired_name(enum domain_desired desired);
const char *end_action_name(enum end_action action);
