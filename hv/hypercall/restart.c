/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Long hypercalls: when to stop, and the argument registers that hold the progress until the call
 * comes again. No interrupt handler runs while a hypercall does, so what waits at the door does not
 * show what the machine waits for: the time that was taken counts as well.
 */
#include <hv/hypercall.h>
#include <hv/time.h>

#define SLICES_PER_MS 5U /* a hypercall that takes longer than one looks whether it can stop */

static uint64_t *arg_register(struct vcpu *v, bool is_64bit, unsigned n)
{
    struct guest_gprs *g = &v->arch.gprs;
    uint64_t *const long_mode[HYPERCALL_ARGS] = {&g->rdi, &g->rsi, &g->rdx, &g->r10, &g->r8};
    uint64_t *const compat[HYPERCALL_ARGS] = {&g->rbx, &g->rcx, &g->rdx, &g->rsi, &g->rdi};

    return is_64bit ? long_mode[n] : compat[n];
}

void hypercall_set_arg(struct vcpu *v, unsigned n, uint64_t value)
{
    *arg_register(v, arch_vcpu_code_bits(v) == 64, n) = value;
}

uint64_t hypercall_get_arg(struct vcpu *v, unsigned n)
{
    bool is_64bit = arch_vcpu_code_bits(v) == 64;
    uint64_t value = *arg_register(v, is_64bit, n);

    return is_64bit ? value : (uint32_t)value;
}

void hypercall_begin(void)
{
    this_cpu()->hypercall_tsc = arch_read_tsc();
}

bool hypercall_should_restart(void)
{
    const struct cpu *c = this_cpu();

    return READ_ONCE(c->work) != 0 ||
           arch_read_tsc() - c->hypercall_tsc > host_tsc_khz / SLICES_PER_MS;
}
