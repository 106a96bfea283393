/* SPDX-License-Identifier: Apache-2.0 */
#include "pv.h"

#include <xen/event_channel.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/io/console.h>
#include <xen/sched.h>

static struct xencons_interface *ring;
static evtchn_port_t port;

static uint64_t get_param(uint32_t index)
{
    struct xen_hvm_param param = {.domid = DOMID_SELF, .index = index};

    if (hypercall(__HYPERVISOR_hvm_op, HVMOP_get_param, (uintptr_t)&param, 0) != 0) {
        return 0;
    }
    return param.value;
}

void console_init(void)
{
    port = (evtchn_port_t)get_param(HVM_PARAM_CONSOLE_EVTCHN);
    ring = (struct xencons_interface *)((uintptr_t)get_param(HVM_PARAM_CONSOLE_PFN) << 12);
}

static void notify(void)
{
    struct evtchn_send send = {.port = port};

    hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_send, (uintptr_t)&send, 0);
}

/* Gives the processor to whoever reads the console. */
static void wait_for_reader(void)
{
    notify();
    hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0);
}

static uint32_t unread(void)
{
    return ring->out_prod - __atomic_load_n(&ring->out_cons, __ATOMIC_ACQUIRE);
}

static void put(char c)
{
    while (unread() >= sizeof(ring->out)) {
        wait_for_reader();
    }
    ring->out[MASK_XENCONS_IDX(ring->out_prod, ring->out)] = c;
    __atomic_store_n(&ring->out_prod, ring->out_prod + 1, __ATOMIC_RELEASE);
}

void print(const char *text)
{
    for (; *text != '\0'; text++) {
        put(*text);
    }
    notify();
}

void print_number(unsigned long number)
{
    char digits[21];
    char *p = &digits[sizeof(digits) - 1];

    *p = '\0';
    do {
        *--p = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    print(p);
}

evtchn_port_t console_port(void)
{
    return port;
}

bool console_read(char *c)
{
    uint32_t cons = ring->in_cons;

    if (__atomic_load_n(&ring->in_prod, __ATOMIC_ACQUIRE) == cons) {
        return false;
    }
    *c = ring->in[MASK_XENCONS_IDX(cons, ring->in)];
    __atomic_store_n(&ring->in_cons, cons + 1, __ATOMIC_RELEASE);
    notify();
    return true;
}

static _Noreturn void shut_down(unsigned reason)
{
    struct sched_shutdown shutdown = {.reason = reason};

    while (unread() != 0) {
        wait_for_reader();
    }
    for (;;) {
        hypercall(__HYPERVISOR_sched_op, SCHEDOP_shutdown, (uintptr_t)&shutdown, 0);
    }
}

void power_off(void)
{
    shut_down(SHUTDOWN_poweroff);
}

void fail(const char *why)
{
    print(guest_name);
    print(": failed: ");
    print(why);
    print("\r\n");
    shut_down(SHUTDOWN_poweroff);
}
