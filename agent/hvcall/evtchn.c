/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EVTCHNOP_* (<xen/event_channel.h>).
 */
#include "agent/hvcall/evtchn.h"

#include "agent/hvcall/internal.h"

#include <xen/event_channel.h>

int evtchn_alloc_unbound(struct hvcall *hv, uint32_t domid, uint32_t remote_domid, uint32_t *port,
                         struct err *err)
{
    struct evtchn_alloc_unbound alloc = {
        .dom = (domid_t)domid,
        .remote_dom = (domid_t)remote_domid,
    };
    struct evtchn_alloc_unbound *shared = hvcall_bounce(hv, &alloc, sizeof(alloc), err);
    if (shared == NULL) {
        return -ERR_NO_MEMORY;
    }
    int result = 0;
    if (hvcall_issue(hv, __HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, shared) < 0) {
        result = hvcall_failed(err, (int)domid, "allocate an event channel");
    } else {
        *port = shared->port;
    }
    hvcall_free(hv, shared);
    return result;
}
