/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HYPERVISOR_console_io (xen/xen.h): the hardware domain uses the host's console as its own; what other
 * guests say becomes lines of the log, marked and limited in rate.
 */
#include <hv/console.h>
#include <hv/console_input.h>
#include <hv/domain.h>
#include <hv/hypercall.h>
#include <hv/print.h>
#include <hv/vcpu.h>

#define CHUNK      128U
#define HOST_CHUNK 16U /* what a serial port takes without waiting */

/* A guest's line takes a serial port 10 ms at most, and pushes another one out of the ring. */
#define GUEST_LINES_PER_S 10U
#define ALL_LINES_PER_S   60U

static struct print_limit all_guests;

/* The rest of the text is written when the call comes again. */
static long restart_write(struct vcpu *v, unsigned count, uint64_t buffer)
{
    hypercall_set_arg(v, 1, count);
    hypercall_set_arg(v, 2, buffer);
    return HYPERCALL_RESTART;
}

/* Whether one more line of d may be printed now; *lost: how many were not, since the last that was. */
static bool may_print(struct domain *d, uint32_t *lost)
{
    uint32_t unused;

    if (!print_is_due(&d->console_limit, GUEST_LINES_PER_S, lost)) {
        return false;
    }
    if (!print_is_due(&all_guests, ALL_LINES_PER_S, &unused)) {
        __atomic_add_fetch(&d->console_limit.dropped, *lost + 1, __ATOMIC_RELAXED);
        return false;
    }
    return true;
}

/* One line of a guest without what could disturb a terminal. */
static void print_guest_line(struct domain *d, char *line, size_t length)
{
    uint32_t lost;

    for (size_t i = 0; i < length; i++) {
        if ((line[i] < ' ' && line[i] != '\t') || line[i] == 0x7f) {
            line[i] = '?';
        }
    }
    line[length] = '\0';
    if (length == 0 || !may_print(d, &lost)) {
        return;
    }
    /* Whatever loglvl= says. */
    if (lost > 0) {
        printk(LOG_ERROR, "d%u: %u lines were dropped", d->domid, lost);
    }
    printk(LOG_ERROR, "d%u: %s", d->domid, line);
}

static void print_guest(struct domain *d, char *text, size_t size)
{
    size_t start = 0;

    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\n' || text[i] == '\r' || text[i] == '\0') {
            print_guest_line(d, text + start, i - start);
            start = i + 1;
        }
    }
    print_guest_line(d, text + start, size - start);
}

static long write_text(struct vcpu *v, unsigned count, uint64_t buffer)
{
    while (count != 0) {
        char text[CHUNK + 1];
        size_t size = MIN(count, v->domain->is_hardware ? HOST_CHUNK : CHUNK);

        if (v->domain->is_hardware && console_drain()) { /* no faster than the port */
            return restart_write(v, count, buffer);
        }
        if (guest_copy_in(v, text, buffer, size) != 0) {
            return -XEN_EFAULT;
        }
        if (v->domain->is_hardware) {
            console_write(text, size);
        } else {
            print_guest(v->domain, text, size);
        }
        count -= (unsigned)size;
        buffer += size;
        if (count != 0 && hypercall_should_restart()) {
            return restart_write(v, count, buffer);
        }
    }
    return 0;
}

static long read_text(struct vcpu *v, unsigned count, uint64_t buffer)
{
    char text[CHUNK];
    size_t size = console_input_read(text, MIN(count, CHUNK));

    if (guest_copy_out(v, buffer, text, size) != 0) {
        return -XEN_EFAULT;
    }
    return (long)size;
}

long console_io_op(struct vcpu *v, unsigned cmd, unsigned count, uint64_t buffer)
{
    switch (cmd) {
    case CONSOLEIO_write:
        return write_text(v, count, buffer);
    case CONSOLEIO_read:
        return v->domain->is_hardware ? read_text(v, count, buffer) : -XEN_EPERM;
    default:
        return -XEN_ENOSYS;
    }
}
