/* SPDX-License-Identifier: Apache-2.0 */
/* What an operator may want to see of a running host, one key a view. Printing is slow, so every view
 * is short: one line an object, and no more objects than MAX_LINES. */
#include <hv/debug_keys.h>

#include <hv/evtchn.h>
#include <hv/grant.h>
#include <hv/print.h>
#include <hv/time.h>
#include <hv/vcpu.h>
#include <hv/vioapic.h>
#include <hv/vlapic.h>

#define MAX_LINES 128U
#define NS_PER_MS 1000000UL

static void show_help(void);

static void show_vcpu(const struct vcpu *v)
{
    static const char *const states[] = {"running", "runnable", "blocked", "offline"};

    pr_info("d%uv%u: %s, cpu %d, flags 0x%x, ran %lu ms, %lu hypercalls", v->domain->domid, v->id,
            states[v->runstate.state], v->running_on, v->pause_flags,
            v->runstate.time[RUNSTATE_running] / NS_PER_MS, v->hypercall_count);
    pr_info("d%uv%u: rip %lx, rflags %lx, vector %d in service, %d requested%s", v->domain->domid, v->id,
            arch_vcpu_rip(v), arch_vcpu_rflags(v), vlapic_in_service(v), vlapic_requested(v),
            vcpu_callback_is_pending(v) ? ", upcall pending" : "");
}

static void show_domains(void)
{
    unsigned lines = 0;

    for_each_domain(d) {
        pr_info("d%u: state %u, %s, refs %u, pauses %u (control %u), frames %lu of %lu, p2m tables %lu, ports %u, "
                "grants mapped %u",
                d->domid, d->state, d->is_shut_down ? "shut down" : "up", d->refs, d->pause_count,
                d->control_pause_count, d->frames_owned, d->frames_max, d->p2m.table_frames, evtchn_open_count(d),
                grant_mapped_count(d));
        lines++;
        for_each_vcpu(d, v) {
            if (lines++ < MAX_LINES / 2) {
                show_vcpu(v);
            }
        }
        if (lines >= MAX_LINES / 2) { /* two for each vCPU */
            domain_put(d);
            return;
        }
    }
}

static void show_memory(void)
{
    struct frame_stats all = frame_stats(NODE_ANY);

    pr_info("heap: %lu of %lu frames free, %lu of them to be scrubbed", all.free, all.total, all.dirty);
    for (unsigned node = 0; node < MAX_NODES; node++) {
        struct frame_stats one = frame_stats(node);

        if (one.total != 0) {
            pr_info("heap: node %u: %lu of %lu frames free", node, one.free, one.total);
        }
    }
}

static void show_cpus(void)
{
    for (unsigned i = 0; i < cpu_count && i < MAX_LINES; i++) {
        const struct cpu *c = cpus[i];
        const struct vcpu *v = READ_ONCE(c->current);

        if (v == NULL) {
            pr_info("cpu%u: apic id 0x%x, node %u, idle, was idle %lu ms, %lu NMIs", i, c->apic_id, c->node,
                    c->idle_ns / NS_PER_MS, c->nmi_count);
        } else {
            pr_info("cpu%u: apic id 0x%x, node %u, runs d%uv%u, was idle %lu ms, %lu NMIs", i, c->apic_id, c->node,
                    v->domain->domid, v->id, c->idle_ns / NS_PER_MS, c->nmi_count);
        }
    }
}

static void show_clock(void)
{
    pr_info("clock: up %lu ms, TSC %lu kHz, UNIX time %lu s", now_ns() / NS_PER_MS, host_tsc_khz,
            (wallclock_base_ns() + now_ns()) / (1000 * NS_PER_MS));
}

static void show_interrupts(void)
{
    vioapic_show(dom0);
}

#ifndef NDEBUG
/* More than there is: shows that the Debug build says so. */
static unsigned use_up_stack(unsigned kib)
{
    volatile char used[1024];

    used[0] = 1;
    return kib == 0 ? 0 : use_up_stack(kib - 1) + used[0];
}

static void overflow_stack(void)
{
    pr_info("stack: %u KiB used", use_up_stack(64));
}
#endif

static const struct {
    char key;
    const char *about;
    void (*show)(void);
} keys[] = {
    {'h', "this list", show_help},       {'q', "domains and vCPUs", show_domains},
    {'m', "memory", show_memory},        {'r', "CPUs and what they run", show_cpus},
    {'t', "time", show_clock},           {'i', "dom0's interrupt lines", show_interrupts},
#ifndef NDEBUG
    {'O', "a panic: the stack overflows", overflow_stack},
#endif
};

static void show_help(void)
{
    for (unsigned i = 0; i < ARRAY_SIZE(keys); i++) {
        pr_info("key %c: %s", keys[i].key, keys[i].about);
    }
}

void debug_key(char key)
{
    for (unsigned i = 0; i < ARRAY_SIZE(keys); i++) {
        if (keys[i].key == key) {
            keys[i].show();
        }
    }
}
