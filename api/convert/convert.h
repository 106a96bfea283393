/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the messages of proto/ and the structs of agent/command, for every front end. Messages
 * made here are the caller's: protobuf_c_message_free_unpacked(&m->base, NULL). NULL means that
 * there was no memory.
 */
#pragma once

#include "command/command.h"
#include "nether/v1/domain.pb-c.h"
#include "nether/v1/host.pb-c.h"
#include "nether/v1/task.pb-c.h"
#include "util/err.h"

Nether__V1__Host *convert_host(const struct host_view *host);
Nether__V1__Domain *convert_domain(const struct domain_view *view);
Nether__V1__DomainList *convert_domain_list(const struct domain_view *views, size_t count);
Nether__V1__Task *convert_task(const struct task_record *task);
Nether__V1__TaskList *convert_task_list(const struct task_record *tasks, size_t count);

/** Fill in spec from a client's config. ERR_INVALID names the field that is too long or too many. */
int convert_to_spec(const Nether__V1__DomainConfig *config, struct domain_spec *spec,
                    struct err *err);
