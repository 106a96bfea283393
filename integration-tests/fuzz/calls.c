/* SPDX-License-Identifier: Apache-2.0 */
#include "calls.h"

#include <stddef.h>
#include <string.h>

#include <xen/domctl.h>
#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/hvm/hvm_op.h>
#include <xen/memory.h>
#include <xen/physdev.h>
#include <xen/platform.h>
#include <xen/sched.h>
#include <xen/sysctl.h>
#include <xen/vcpu.h>
#include <xen/version.h>
#include <xen/xen.h>

#define EVTCHN(op, weight, fields)  {__HYPERVISOR_event_channel_op, EVTCHNOP_##op, 0, weight, "s", fields}
#define GRANT(op, weight, fields)   {__HYPERVISOR_grant_table_op, GNTTABOP_##op, 0, weight, "sC", fields}
#define MEMORY(op, weight, fields)  {__HYPERVISOR_memory_op, XENMEM_##op, 0, weight, "s", fields}
#define VCPU(op, weight, fields)    {__HYPERVISOR_vcpu_op, VCPUOP_##op, 0, weight, "vs", fields}
#define SCHED(op, weight, fields)   {__HYPERVISOR_sched_op, SCHEDOP_##op, 0, weight, "s", fields}
#define HVM(op, weight, fields)     {__HYPERVISOR_hvm_op, HVMOP_##op, 0, weight, "s", fields}
#define VERSION(op, weight, fields) {__HYPERVISOR_xen_version, XENVER_##op, 0, weight, "s", fields}
#define PHYSDEV(op, weight, fields) {__HYPERVISOR_physdev_op, PHYSDEVOP_##op, 0, weight, "s", fields}
#define DOMCTL(op, weight, fields)  {__HYPERVISOR_domctl, XEN_DOMCTL_##op, OP_DOMCTL, weight, "s", fields}
#define SYSCTL(op, weight, fields)  {__HYPERVISOR_sysctl, XEN_SYSCTL_##op, OP_SYSCTL, weight, "s", fields}

/* clang-format off */
const struct call calls[] = {
    EVTCHN(alloc_unbound, 20, "2dp"),     EVTCHN(bind_interdomain, 20, "dpp"), EVTCHN(bind_virq, 10, "cvp"),
    EVTCHN(bind_ipi, 20, "vp"),           EVTCHN(close, 8, "p"),               EVTCHN(send, 20, "p"),
    EVTCHN(unmask, 20, "p"),              EVTCHN(status, 10, "dpcvdpn"),       EVTCHN(bind_vcpu, 20, "pv"),
    EVTCHN(reset, 1, "d"),                EVTCHN(init_control, 6, "gnv8b"),    EVTCHN(expand_array, 6, "g"),
    EVTCHN(set_priority, 20, "pc"),       EVTCHN(bind_pirq, 1, "3n"),

    GRANT(map_grant_ref, 30, "Gcrdhni"),  GRANT(unmap_grant_ref, 20, "Gicn"),  GRANT(copy, 40, "ihdhhdhhhh"),
    GRANT(query_size, 5, "d2nh"),         GRANT(setup_table, 5, "dcha"),       GRANT(get_status_frames, 5, "chda"),
    GRANT(set_version, 2, "c"),           GRANT(get_version, 5, "dhn"),        GRANT(swap_grant_ref, 10, "2rh"),
    GRANT(transfer, 2, "gdrh"),           GRANT(unmap_and_replace, 2, "2Gch"), GRANT(cache_flush, 2, "i2hc"),

    MEMORY(populate_physmap, 15, "am2cd"),          MEMORY(decrease_reservation, 8, "am2cd"),
    MEMORY(add_to_physmap, 30, "dhcgg"),            MEMORY(add_to_physmap_batch, 15, "dhhd3a"),
    MEMORY(remove_from_physmap, 8, "dg"),           MEMORY(acquire_resource, 8, "d0ccnia"),
    MEMORY(current_reservation, 3, "d"),            MEMORY(maximum_reservation, 3, "d"),
    MEMORY(maximum_gpfn, 3, "d"),                   MEMORY(maximum_ram_page, 1, NULL),
    MEMORY(memory_map, 5, "ca"),                    MEMORY(set_memory_map, 5, "d0nca"),
    MEMORY(machine_memory_map, 3, "ca"),            MEMORY(claim_pages, 3, "am2cd"),
    MEMORY(exchange, 2, "am2cdam2cdi"),             MEMORY(increase_reservation, 2, "am2cd"),

    VCPU(up, 10, NULL),                             VCPU(down, 2, NULL),
    VCPU(is_up, 5, NULL),                           VCPU(get_runstate_info, 5, "n6i"),
    VCPU(register_runstate_memory_area, 10, "a"),   VCPU(register_vcpu_time_memory_area, 10, "a"),
    VCPU(register_vcpu_info, 4, "g2n"),             VCPU(set_singleshot_timer, 10, "tc"),
    VCPU(stop_singleshot_timer, 5, NULL),           VCPU(set_periodic_timer, 2, "t"),
    VCPU(stop_periodic_timer, 2, NULL),             VCPU(send_nmi, 4, NULL),
    VCPU(initialise, 2, "a"),                       VCPU(get_physid, 2, "i"),

    SCHED(yield, 5, NULL),                          SCHED(poll, 10, "act"),
    SCHED(shutdown_code, 3, "c"),                   SCHED(remote_shutdown, 3, "dc"),
    SCHED(watchdog, 3, "2c"),                       SCHED(pin_override, 2, "c"),

    HVM(set_param, 20, "d0pi"),                     HVM(get_param, 20, "d0pi"),
    HVM(set_evtchn_upcall_vector, 8, "vc"),         HVM(get_time, 5, "i"),
    HVM(flush_tlbs, 3, NULL),                       HVM(pagetable_dying, 2, "dG"),
    HVM(altp2m, 2, "2cd0n8i"),

    VERSION(version, 1, NULL),                      VERSION(extraversion, 2, "2i"),
    VERSION(compile_info, 2, "16i"),                VERSION(capabilities, 2, "64i"),
    VERSION(changeset, 2, "8i"),                    VERSION(platform_parameters, 2, "i"),
    VERSION(get_features, 2, "2c"),                 VERSION(guest_handle, 2, "2i"),
    VERSION(commandline, 2, "64i"),                 VERSION(build_id, 2, "c4b"),

    {__HYPERVISOR_set_timer_op, 0, OP_NONE, 5, "t", NULL},
    {__HYPERVISOR_vm_assist, 0, OP_NONE, 5, "cc", NULL},
    {__HYPERVISOR_console_io, CONSOLEIO_write, 0, 1, "ns", "8i"},
    {__HYPERVISOR_console_io, CONSOLEIO_read, 0, 2, "cs", "8i"},
    {__HYPERVISOR_dm_op, 0, OP_NONE, 5, "dcs", "ai"},
    {__HYPERVISOR_platform_op, XENPF_settime64, OP_FIELD, 1, "s", "niciit"},
    /* A list whose entries are calls of any number with any arguments. */
    {__HYPERVISOR_multicall, 0, OP_NONE, 15, "sC", "cnic3a2i"},

    PHYSDEV(pci_device_add, 3, "h2bn2bn"),          PHYSDEV(pci_device_remove, 3, "h2b"),
    PHYSDEV(manage_pci_add, 3, "2b"),               PHYSDEV(manage_pci_remove, 3, "2b"),
    PHYSDEV(manage_pci_add_ext, 3, "2b2n2b"),       PHYSDEV(restore_msi, 3, "2b"),
    PHYSDEV(restore_msi_ext, 3, "h2b"),             PHYSDEV(pci_mmcfg_reserved, 3, "ih2bn"),

    DOMCTL(createdomain, 4, "2i9n"),      DOMCTL(destroydomain, 1, NULL),     DOMCTL(pausedomain, 3, NULL),
    DOMCTL(unpausedomain, 3, NULL),       DOMCTL(resumedomain, 3, NULL),      DOMCTL(getdomaininfo, 3, "d"),
    DOMCTL(max_vcpus, 3, "c"),            DOMCTL(setdomainhandle, 2, "2i"),   DOMCTL(setnodeaffinity, 3, "ac"),
    DOMCTL(getnodeaffinity, 3, "ac"),     DOMCTL(max_mem, 3, "i"),            DOMCTL(getpageframeinfo3, 6, "ia"),
    DOMCTL(shadow_op, 4, "2cai"),         DOMCTL(get_paging_mempool_size, 2, "i"),
    DOMCTL(set_paging_mempool_size, 2, "i"),
    DOMCTL(getvcpuinfo, 3, "v"),          DOMCTL(setvcpuaffinity, 4, "vcacac"),
    DOMCTL(getvcpuaffinity, 4, "vcacac"), DOMCTL(scheduler_op, 4, "4c"),      DOMCTL(sendtrigger, 2, "cv"),
    DOMCTL(set_address_size, 2, "c"),     DOMCTL(get_address_size, 2, "c"),   DOMCTL(getvcpucontext, 2, "va"),
    DOMCTL(setvcpucontext, 2, "va"),      DOMCTL(settimeoffset, 2, "i"),      DOMCTL(settscinfo, 4, "3cni"),
    DOMCTL(gettscinfo, 2, "3cni"),        DOMCTL(gethvmcontext, 4, "ca"),     DOMCTL(sethvmcontext, 4, "ca"),
    DOMCTL(gethvmcontext_partial, 6, "2cia"),                                 DOMCTL(get_cpu_policy, 4, "2ca3na"),
    DOMCTL(set_cpu_policy, 4, "2ca3na"),  DOMCTL(debug_op, 1, "cv"),          DOMCTL(vm_event_op, 1, "2c"),
    DOMCTL(monitor_op, 1, "2c2i"),        DOMCTL(setvnumainfo, 1, "4c3a"),    DOMCTL(assign_device, 2, "4n"),
    DOMCTL(irq_permission, 1, "c4b"),     DOMCTL(iomem_permission, 2, "ggb"), DOMCTL(ioport_permission, 2, "2ncb"),
    DOMCTL(memory_mapping, 2, "3gc"),     DOMCTL(getpageframeinfo3, 2, "ca"), DOMCTL(hypercall_init, 1, "g"),

    SYSCTL(readconsole, 3, "4bnac"),      SYSCTL(debug_keys, 1, "ac"),        SYSCTL(physinfo, 2, NULL),
    SYSCTL(getcpuinfo, 3, "caa"),         SYSCTL(cputopoinfo, 3, "ca"),       SYSCTL(numainfo, 3, "caa"),
    SYSCTL(pcitopoinfo, 3, "caa"),        SYSCTL(availheap, 3, "2cnci"),      SYSCTL(getdomaininfolist, 3, "d0cac"),
    SYSCTL(sched_id, 1, "c"),             SYSCTL(scheduler_op, 3, "4ni"),     SYSCTL(cpupool_op, 3, "6cac"),
    SYSCTL(get_cpu_levelling_caps, 1, "c"),                                   SYSCTL(get_cpu_featureset, 3, "2ca"),
    SYSCTL(get_cpu_policy, 4, "2ca2ca"),  SYSCTL(cpu_hotplug, 1, "2c"),       SYSCTL(page_offline_op, 2, "3na"),
    SYSCTL(tbuf_op, 1, "ci2i"),           SYSCTL(pm_op, 1, "8c"),             SYSCTL(livepatch_op, 1, "cn4a"),
};
/* clang-format on */
const unsigned call_count = sizeof(calls) / sizeof(calls[0]);

uint64_t call_number(struct random *r)
{
    switch (random_below(r, 8)) {
    case 0:
        return random_below(r, 4);
    case 1:
        return random_below(r, 80);
    case 2:
        return ~0UL - random_below(r, 3);
    case 3: /* a power of two, or one beside it */
        return (1UL << random_below(r, 64)) + random_below(r, 3) - 1;
    case 4: /* around a page's end */
        return 4096 - random_below(r, 72);
    case 5:
        return random_next(r) & 0xffff;
    case 6:
        return random_next(r) & 0xffffffff;
    default:
        return random_next(r);
    }
}

/* Mostly what one would ask for. */
static uint64_t small(struct random *r, uint32_t bound)
{
    return random_once_in(r, 8) ? call_number(r) : random_below(r, bound);
}

/* A field's value, and its size in bytes. */
static uint64_t make_field(const struct call_source *s, char kind, unsigned *size)
{
    struct random *r = s->random;

    switch (kind) {
    case 'd':
        *size = 2;
        return s->domid(r);
    case 'v':
        *size = 4;
        return small(r, 4);
    case 'p':
        *size = 4;
        return small(r, 40);
    case 'r':
        *size = 4;
        return small(r, 24);
    case 'c':
        *size = 4;
        return small(r, 12);
    case 'n':
        *size = 4;
        return call_number(r);
    case 'h':
        *size = 2;
        return random_once_in(r, 3) ? s->domid(r) : call_number(r);
    case '0':
        *size = 2;
        return random_once_in(r, 16);
    case 'm':
        *size = 8;
        return small(r, 40);
    case 'b':
        *size = 1;
        return call_number(r);
    case 'g':
        *size = 8;
        return s->frame(r);
    case 'G':
        *size = 8;
        return s->frame(r) << 12 | (random_once_in(r, 8) ? random_next(r) & 0xfff : 0);
    case 'a':
        *size = 8;
        return s->pointer(r);
    case 't':
        *size = 8;
        return random_once_in(r, 4) ? call_number(r) : random_next(r) & 0xffffffffff;
    default: /* a number, which may be any of the others */
        *size = 8;
        return random_once_in(r, 3) ? s->frame(r) : random_once_in(r, 3) ? s->pointer(r) : call_number(r);
    }
}

/* Appends the fields; returns the size with the padding of natural alignment. */
static unsigned make_structure(const struct call_source *s, const char *fields, uint8_t *to, unsigned at)
{
    unsigned align = 1;

    while (*fields != '\0') {
        unsigned times = 0;

        while (*fields >= '1' && *fields <= '9') {
            times = times * 10 + (unsigned)(*fields++ - '0');
            while (*fields == '0' && times != 0 && fields[1] >= 'a') { /* the 0 of 10, 20, … */
                times *= 10;
                fields++;
            }
        }
        for (unsigned i = 0; i < (times != 0 ? times : 1); i++) {
            unsigned size;
            uint64_t value = make_field(s, *fields, &size);

            at = (at + size - 1) & ~(size - 1);
            align = size > align ? size : align;
            memcpy(to + at, &value, size);
            at += size;
        }
        fields++;
    }
    return (at + align - 1) & ~(align - 1);
}

static const struct call *choose(struct random *r)
{
    static unsigned total;
    uint32_t at;

    if (total == 0) {
        unsigned sum = 0;

        for (unsigned i = 0; i < call_count; i++) {
            sum += calls[i].weight;
        }
        total = sum;
    }
    at = random_below(r, total);
    for (unsigned i = 0;; i++) {
        if (at < calls[i].weight) {
            return &calls[i];
        }
        at -= calls[i].weight;
    }
}

/* What stands before the operation's own part of a structure: its size. */
static unsigned make_header(const struct call_source *s, const struct call *call, uint8_t *to)
{
    uint32_t head[4] = {call->op, 0, 0, 0};
    unsigned size = 8;

    switch (call->op_arg) {
    case OP_DOMCTL:
        head[1] = XEN_DOMCTL_INTERFACE_VERSION;
        head[2] = (uint32_t)s->domid(s->random);
        size = 16;
        break;
    case OP_SYSCTL:
        head[1] = XEN_SYSCTL_INTERFACE_VERSION;
        break;
    case OP_FIELD:
        head[1] = XENPF_INTERFACE_VERSION;
        break;
    default:
        return 0;
    }
    memcpy(to, head, size);
    return size;
}

static unsigned make_array(const struct call_source *s, const struct call *call, uint8_t *to)
{
    unsigned size = 0, one;

    do {
        one = make_structure(s, call->fields, to + size, 0);
        size += one;
    } while (strchr(call->args, 'C') != NULL && size + one <= CALL_MAX_SIZE / 4);
    return size;
}

static void make_table_call(const struct call_source *s, const struct call *call, struct call_request *q)
{
    unsigned n = 0;

    q->number = call->number;
    if (call->op_arg < CALL_ARGS) {
        q->args[n++] = call->op;
    }
    for (const char *kind = call->args; *kind != '\0'; kind++) {
        unsigned size;

        if (*kind == 's') {
            q->structure_arg = n;
        } else if (*kind == 'C') {
            q->args[n] = 1 + random_below(s->random, random_once_in(s->random, 32) ? 3000 : 24);
            if (random_once_in(s->random, 256)) { /* may take minutes */
                q->args[n] = call_number(s->random);
            }
        } else {
            q->args[n] = make_field(s, *kind, &size);
        }
        n++;
    }
    q->size = make_header(s, call, q->structure);
    if (q->size != 0 || call->fields != NULL) {
        memset(q->structure + q->size, 0, 256);
        if (call->fields == NULL) {
            q->size += 128;
        } else if (q->size != 0) {
            make_structure(s, call->fields, q->structure, q->size);
            q->size += 128; /* of the union of all operations */
        } else {
            q->size = make_array(s, call, q->structure);
        }
    }
    /* One bit of it wrong, now and then. */
    if (q->size != 0 && random_once_in(s->random, 32)) {
        q->structure[random_below(s->random, q->size)] ^= 1u << random_below(s->random, 8);
    }
}

/* Any number, any operation, any argument. */
static void make_any_call(const struct call_source *s, struct call_request *q)
{
    unsigned size;

    q->number = random_below(s->random, 64);
    for (unsigned i = 0; i < CALL_ARGS; i++) {
        q->args[i] = i == 0 ? small(s->random, 48) : make_field(s, 'i', &size);
    }
}

const struct call *call_make_up(const struct call_source *source, struct call_request *request)
{
    const struct call *call = choose(source->random);

    memset(request, 0, offsetof(struct call_request, structure));
    request->structure_arg = CALL_ARGS;
    if (random_once_in(source->random, 24)) {
        make_any_call(source, request);
        return NULL;
    }
    make_table_call(source, call, request);
    return call;
}
