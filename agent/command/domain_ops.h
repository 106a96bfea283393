/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the agent needs from the mechanism below it, as a table of functions with the very types of
 * domain/domain.h, console.h and host.h (see there for what each one promises). The agent is handed
 * the table when it starts: the one of the hypervisor, or a stand-in under tests/.
 */
#pragma once

#include "domain/console.h"
#include "domain/domain.h"
#include "domain/host.h"

struct domain_ops {
    int (*ctx_open)(struct domain_ctx **out, struct err *err);
    void (*ctx_close)(struct domain_ctx *ctx);

    int (*config_check)(const struct domain_config *config, struct err *err);
    int (*build)(struct domain_ctx *ctx, const struct domain_config *config, uint32_t *domid,
                 domain_progress_fn progress, void *opaque, struct err *err);
    int (*pause)(struct domain_ctx *ctx, uint32_t domid, struct err *err);
    int (*unpause)(struct domain_ctx *ctx, uint32_t domid, struct err *err);
    int (*destroy)(struct domain_ctx *ctx, uint32_t domid, struct err *err);
    int (*remove_leftovers)(struct domain_ctx *ctx, struct err *err);
    int (*request_shutdown)(struct domain_ctx *ctx, uint32_t domid, const char *kind,
                            struct err *err);
    int (*get_info)(struct domain_ctx *ctx, uint32_t domid, struct domain_info *info,
                    struct err *err);
    int (*list_info)(struct domain_ctx *ctx, struct domain_info **out, size_t *count,
                     struct err *err);

    int (*events_open)(struct domain_events **out, struct err *err);
    int (*events_fd)(const struct domain_events *events);
    int (*events_drain)(struct domain_events *events, struct err *err);
    void (*events_close)(struct domain_events *events);

    int (*console_open)(uint32_t domid, const struct console_options *options,
                        struct console **out, struct err *err);
    int (*console_fd)(const struct console *console);
    int (*console_pump)(struct console *console, struct err *err);
    size_t (*console_write)(struct console *console, const void *data, size_t length);
    void (*console_close)(struct console *console);

    int (*host_read_info)(struct domain_ctx *ctx, struct host_info *info, struct err *err);
    int (*host_read_log)(struct domain_ctx *ctx, char **text, size_t *length, struct err *err);
    int (*host_read_cpu_idle)(struct domain_ctx *ctx, uint64_t **idle_ns, size_t *count,
                              struct err *err);
};

/** The real thing: agent/domain. */
extern const struct domain_ops domain_ops_hypervisor;
