/* SPDX-License-Identifier: Apache-2.0 */
/* Console input: a small ring between the serial port's interrupt and dom0's CONSOLEIO_read. What comes
 * while it is full is lost, as on any serial line. */
#include <hv/console_input.h>

#include <hv/console.h>
#include <hv/domain.h>
#include <hv/evtchn.h>

#define RING_SIZE 1024U

/* Protects all below, and reading from the port. */
static struct spinlock input_lock = SPINLOCK_INIT(LOCK_RANK_CONSOLE);
static char ring[RING_SIZE];
static uint32_t head, tail; /* free-running: written, read */

static bool collect(void)
{
    uint32_t before = head;
    int byte;

    spin_guard(&input_lock);
    while ((byte = serial_read()) >= 0) {
        if (head - tail < RING_SIZE) {
            ring[head++ % RING_SIZE] = (char)byte;
        }
    }
    return head != before;
}

void console_input_collect(void *unused)
{
    if (collect() && dom0 != NULL) {
        evtchn_raise_global_virq(dom0, VIRQ_CONSOLE);
    }
}

size_t console_input_read(char *buf, size_t size)
{
    size_t count = 0;

    spin_guard(&input_lock);
    while (count < size && tail != head) {
        buf[count++] = ring[tail++ % RING_SIZE];
    }
    return count;
}
