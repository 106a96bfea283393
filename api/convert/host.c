/* SPDX-License-Identifier: Apache-2.0 */
/* The host => message. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "convert/convert.h"
#include "convert/text.h"

Nether__V1__Host *convert_host(const struct host_view *view)
{
    const struct host_info *info = &view->info;
    Nether__V1__Host *host = malloc(sizeof(*host));
    char text[256] = "";

    if (host == NULL) {
        return NULL;
    }
    nether__v1__host__init(host);
    if (gethostname(text, sizeof(text) - 1) == 0) {
        text_set(&host->hostname, text);
    }
    snprintf(text, sizeof(text), "%u.%u%s", info->version_major, info->version_minor,
             info->version_extra);
    text_set(&host->hypervisor_version, text);
    text_set(&host->agent_version, NETHER_VERSION);
    text_set(&host->capabilities, info->capabilities);
    host->cpus = info->cpus;
    host->cores_per_socket = info->cores_per_socket;
    host->threads_per_core = info->threads_per_core;
    host->nodes = info->nodes;
    host->cpu_khz = info->cpu_khz;
    host->memory_bytes = info->memory_bytes;
    host->free_memory_bytes = info->free_memory_bytes;
    host->domains = view->domain_count;
    host->cpu_idle_ns = calloc(view->cpu_idle_count + 1, sizeof(*host->cpu_idle_ns));
    if (host->cpu_idle_ns != NULL) {
        host->n_cpu_idle_ns = view->cpu_idle_count;
        if (view->cpu_idle_count > 0) {
            memcpy(host->cpu_idle_ns, view->cpu_idle_ns,
                   view->cpu_idle_count * sizeof(*host->cpu_idle_ns));
        }
    }
    return host;
}
