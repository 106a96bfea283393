/* SPDX-License-Identifier: Apache-2.0 */
/* Steps that write to the pages that dom0's daemons read: the console's and xenstore's rings. */
#include "fuzz.h"

#include <string.h>
#include <xen/event_channel.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/io/xs_wire.h>
#include <xen/xen.h>

static struct ring {
    uint64_t address;
    uint32_t port;
} rings[2];

static uint64_t parameter(unsigned index)
{
    struct xen_hvm_param parameter = {.domid = DOMID_SELF, .index = index};
    uint64_t args[CALL_ARGS] = {HVMOP_get_param, (uint64_t)&parameter};

    hypercall(__HYPERVISOR_hvm_op, args);
    return parameter.value;
}

void rings_init(void)
{
    rings[0] = (struct ring){parameter(HVM_PARAM_STORE_PFN) * PAGE, (uint32_t)parameter(HVM_PARAM_STORE_EVTCHN)};
    rings[1] = (struct ring){parameter(HVM_PARAM_CONSOLE_PFN) * PAGE, (uint32_t)parameter(HVM_PARAM_CONSOLE_EVTCHN)};
}

/* A message of xenstore that looks like one. */
static void put_message(struct random *r, struct xenstore_domain_interface *ring)
{
    static const char *const paths[] = {"/", "control/shutdown", "device", "/local/domain/0", "@releaseDomain", "data"};
    const char *path = paths[random_below(r, sizeof(paths) / sizeof(paths[0]))];
    uint8_t message[256] = {0};
    struct xsd_sockmsg header = {random_below(r, 26), random_below(r, 4), random_below(r, 3), random_below(r, 200)};
    uint32_t at = ring->req_prod;

    memcpy(message, &header, sizeof(header));
    for (unsigned i = 0; path[i] != '\0'; i++) {
        message[sizeof(header) + i] = (uint8_t)path[i];
    }
    if (random_once_in(r, 4)) {
        message[random_below(r, sizeof(message))] = (uint8_t)random_next(r);
    }
    for (unsigned i = 0; i < sizeof(header) + header.len; i++) {
        ring->req[(at + i) & (XENSTORE_RING_SIZE - 1)] = (char)message[i];
    }
    ring->req_prod = at + (uint32_t)sizeof(header) + header.len;
    ring->rsp_cons = ring->rsp_prod;
}

void step_ring(struct cpu *cpu)
{
    struct random *r = &cpu->random;
    struct ring *ring = &rings[random_below(r, 2)];
    struct evtchn_send send = {ring->port};
    uint64_t args[CALL_ARGS] = {EVTCHNOP_send, (uint64_t)&send};

    if (ring->address == 0) {
        return;
    }
    if (ring == &rings[0] && !random_once_in(r, 8)) {
        put_message(r, (struct xenstore_domain_interface *)ring->address);
    } else {
        for (unsigned i = 0; i < 8; i++) { /* the producers and consumers are in the words from 2048 or 3072 on */
            uint32_t word = random_once_in(r, 2) ? 512 + random_below(r, 8) : 768 + random_below(r, 4);

            ((volatile uint32_t *)ring->address)[random_once_in(r, 2) ? word : random_below(r, 1024)] =
                (uint32_t)call_number(r);
        }
    }
    hypercall(__HYPERVISOR_event_channel_op, args);
}
