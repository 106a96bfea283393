/* SPDX-License-Identifier: Apache-2.0 */
/* The ABI's error numbers (xen/errno.h) as XEN_E*: functions return them negative. */
#pragma once

#ifndef XEN_ERRNO
#define XEN_ERRNO(name, value) XEN_##name = (value),
enum xen_errno {
#include <xen/errno.h>
    XEN_ERESTART = 85, /* ours only: never seen by a guest */
};
#endif
