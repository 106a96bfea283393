/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HVMOP_* (<xen/hvm/hvm_op.h>).
 */
#include "agent/hvcall/hvm.h"

#include <errno.h>
#include <stdio.h>

#include "agent/hvcall/internal.h"

#include <xen/hvm/hvm_op.h>

static int issue(struct hvcall *hv, uint64_t cmd, struct xen_hvm_param *param)
{
    struct xen_hvm_param *shared = hvcall_bounce(hv, param, sizeof(*param), NULL);
    if (shared == NULL) {
        errno = ENOMEM;
        return -1;
    }
    long result = hvcall_issue(hv, __HYPERVISOR_hvm_op, cmd, shared);
    *param = *shared;
    hvcall_free(hv, shared);
    return result < 0 ? -1 : 0;
}

int hvm_set_param(struct hvcall *hv, uint32_t domid, uint32_t index, uint64_t value,
                  struct err *err)
{
    struct xen_hvm_param param = {.domid = (domid_t)domid, .index = index, .value = value};
    if (issue(hv, HVMOP_set_param, &param) < 0) {
        char text[48];
        snprintf(text, sizeof(text), "set HVM parameter %u", index);
        return hvcall_failed(err, (int)domid, text);
    }
    return 0;
}

int hvm_get_param(struct hvcall *hv, uint32_t domid, uint32_t index, uint64_t *value,
                  struct err *err)
{
    struct xen_hvm_param param = {.domid = (domid_t)domid, .index = index};
    if (issue(hv, HVMOP_get_param, &param) < 0) {
        char text[48];
        snprintf(text, sizeof(text), "get HVM parameter %u", index);
        return hvcall_failed(err, (int)domid, text);
    }
    *value = param.value;
    return 0;
}
