/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stand-in for libxencall; the linker takes these before the shared library's.
 */
#include "agent/hvcall/tests/fake_xencall.h"

#include <errno.h>
#include <stdlib.h>
#include <xencall.h>

fake_hypervisor_fn fake_hypervisor;
int fake_buffers;
int fake_calls;
int fake_fail_buffer;

static int handle;

xencall_handle *xencall_open(struct xentoollog_logger *logger, unsigned open_flags)
{
    (void)logger;
    (void)open_flags;
    return (xencall_handle *)(void *)&handle;
}

int xencall_close(xencall_handle *xcall)
{
    (void)xcall;
    return 0;
}

long xencall2L(xencall_handle *xcall, unsigned int op, uint64_t arg1, uint64_t arg2)
{
    (void)xcall;
    fake_calls++;
    long result = fake_hypervisor(op, arg1, (void *)(uintptr_t)arg2);
    if (result < 0) {
        errno = (int)-result;
        return -1;
    }
    return result;
}

void *xencall_alloc_buffer(xencall_handle *xcall, size_t size)
{
    (void)xcall;
    if (fake_fail_buffer != 0 && --fake_fail_buffer == 0) {
        return NULL;
    }
    fake_buffers++;
    return malloc(size != 0 ? size : 1);
}

void xencall_free_buffer(xencall_handle *xcall, void *p)
{
    (void)xcall;
    fake_buffers--;
    free(p);
}
