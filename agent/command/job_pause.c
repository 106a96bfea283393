/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs that pause a domain and let it go on. Pauses nest in the hypervisor: ours is one. */
#include "command/internal.h"

static int read_both(struct agent *agent, struct domain_ctx *ctx, const struct job *job,
                     struct domain_record *record, struct domain_info *info, struct err *err)
{
    int rc = store_domain_get(agent->store, job->task.domain_uuid, record, err);

    if (rc == 0) {
        rc = domain_find_info(agent->ops, ctx, record->spec.uuid, info, err);
    }
    return rc;
}

int job_pause(struct agent *agent, struct domain_ctx *ctx, struct job *job, struct err *err)
{
    struct domain_record record;
    struct domain_info info;
    int rc = read_both(agent, ctx, job, &record, &info, err);

    if (rc != 0) {
        return rc;
    }
    if ((info.state & DOMAIN_STATE_PAUSED) == 0) {
        rc = agent->ops->pause(ctx, info.domid, err);
    }
    if (rc == 0) {
        rc = agent_set_state(agent, &record, DOMAIN_PAUSED, NULL, err);
    }
    return rc;
}

int job_unpause(struct agent *agent, struct domain_ctx *ctx, struct job *job, struct err *err)
{
    struct domain_record record;
    struct domain_info info;
    int rc = read_both(agent, ctx, job, &record, &info, err);

    if (rc != 0) {
        return rc;
    }
    if ((info.state & DOMAIN_STATE_PAUSED) != 0) {
        rc = agent->ops->unpause(ctx, info.domid, err);
    }
    if (rc == 0) {
        rc = agent_set_state(agent, &record, DOMAIN_RUNNING, NULL, err);
    }
    return rc;
}
