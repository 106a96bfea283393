/* SPDX-License-Identifier: Apache-2.0 */
#include "command/domain_ops.h"

const struct domain_ops domain_ops_hypervisor = {
    .ctx_open = domain_ctx_open,
    .ctx_close = domain_ctx_close,
    .config_check = domain_config_check,
    .build = domain_build,
    .pause = domain_pause,
    .unpause = domain_unpause,
    .destroy = domain_destroy,
    .remove_leftovers = domain_remove_leftovers,
    .request_shutdown = domain_request_shutdown,
    .get_info = domain_get_info,
    .list_info = domain_list_info,
    .events_open = domain_events_open,
    .events_fd = domain_events_fd,
    .events_drain = domain_events_drain,
    .events_close = domain_events_close,
    .console_open = console_open,
    .console_fd = console_fd,
    .console_pump = console_pump,
    .console_write = console_write,
    .console_close = console_close,
    .host_read_info = host_read_info,
    .host_read_log = host_read_log,
    .host_read_cpu_idle = host_read_cpu_idle,
};
