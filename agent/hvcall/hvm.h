/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HVMOP_*: the parameters (HVM_PARAM_*) of another domain.
 */
#pragma once

#include <stdint.h>

#include "agent/util/err.h"

struct hvcall;

int hvm_set_param(struct hvcall *hv, uint32_t domid, uint32_t index, uint64_t value,
                  struct err *err);
int hvm_get_param(struct hvcall *hv, uint32_t domid, uint32_t index, uint64_t *value,
                  struct err *err);
