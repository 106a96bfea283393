/* SPDX-License-Identifier: Apache-2.0 */
/* What hypercall/restart.c offers to the families, for unit tests: restarts are asked for and
 * recorded. Weak, so that a test may have the real ones. */
#include "fake.h"

#include <hv/hypercall.h>

bool fake_wants_restart;
uint64_t fake_restart_args[5];

__attribute__((weak)) bool hypercall_should_restart(void)
{
    return fake_wants_restart;
}

__attribute__((weak)) void hypercall_set_arg(struct vcpu *v, unsigned n, uint64_t value)
{
    fake_restart_args[n] = value;
}
