/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The smallest guest that can be asked whether it lives: each line that comes in on the PV console is said again,
 * with "answer: " before it. Between lines it sleeps (SCHEDOP_poll).
 */
#include "../pv/pv.h"

#include <xen/event_channel.h>
#include <xen/memory.h>
#include <xen/sched.h>

#define LINE_BYTES 64

const char guest_name[] = "answer";

void main(void);

/* A page of RAM that shared_info takes the place of. */
static char shared_page[4096] __attribute__((aligned(4096)));

static void map_shared_info(void)
{
    struct xen_add_to_physmap add = {
        .domid = DOMID_SELF, .space = XENMAPSPACE_shared_info, .gpfn = (uintptr_t)shared_page / sizeof(shared_page)};

    if (hypercall(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, (uintptr_t)&add, 0) != 0) {
        fail("shared_info cannot be placed");
    }
}

/* Sleeps until there was an event since the port was last clear. */
static void wait_for_event(evtchn_port_t port)
{
    struct sched_poll poll = {.nr_ports = 1};

    set_xen_guest_handle(poll.ports, &port);
    hypercall(__HYPERVISOR_sched_op, SCHEDOP_poll, (uintptr_t)&poll, 0);
}

/* Nothing is pending any more: what is makes SCHEDOP_poll return at once. */
static void clear(evtchn_port_t port)
{
    struct shared_info *shared = (void *)shared_page;

    shared->vcpu_info[0].evtchn_upcall_pending = 0;
    shared->vcpu_info[0].evtchn_pending_sel = 0;
    __atomic_fetch_and(&shared->evtchn_pending[port / 64], ~(1UL << port % 64), __ATOMIC_SEQ_CST);
}

static char next_character(void)
{
    char c;

    while (!console_read(&c)) {
        clear(console_port());
        if (console_read(&c)) { /* it came before the port was clear */
            break;
        }
        wait_for_event(console_port());
    }
    return c;
}

void main(void)
{
    static char line[LINE_BYTES];
    unsigned length = 0;

    console_init();
    map_shared_info();
    print("answer: ready\r\n");
    for (;;) {
        char c = next_character();

        if (c != '\n') {
            line[length] = c;
            length += length < LINE_BYTES - 1;
            continue;
        }
        line[length] = '\0';
        length = 0;
        print("answer: ");
        print(line);
        print("\r\n");
    }
}
