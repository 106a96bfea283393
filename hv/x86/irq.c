/* SPDX-License-Identifier: Apache-2.0 */
/* Host vectors and their handlers: one table for all CPUs. */
#include <hv/irq.h>

#include <hv/arch/apic.h>
#include <hv/arch/traps.h>
#include <hv/vcpu.h>
#include <hv/print.h>
#include <hv/trace.h>

struct irq_vector {
    irq_handler_fn handler; /* NULL: free */
    void *data;
};

/* Protects who owns which vector; dispatching reads without it. */
static struct spinlock irq_lock = SPINLOCK_INIT(LOCK_RANK_IRQ);
static struct irq_vector vectors[256];

int irq_vector_alloc(irq_handler_fn handler, void *data)
{
    spin_guard(&irq_lock);
    for (int i = IRQ_VECTOR_FIRST; i <= IRQ_VECTOR_LAST; i++) {
        if (!vectors[i].handler) {
            vectors[i].data = data;
            __atomic_store_n(&vectors[i].handler, handler, __ATOMIC_RELEASE);
            return i;
        }
    }
    return -XEN_ENOSPC;
}

void irq_vector_free(int vector)
{
    spin_guard(&irq_lock);
    WRITE_ONCE(vectors[vector].handler, NULL);
}

void irq_dispatch(uint8_t vector)
{
    struct cpu *c = this_cpu();

    if (vector == IRQ_VECTOR_SPURIOUS) {
        return; /* no EOI: APM vol. 2, 16.4.7 */
    }
    c->counters.interrupts++;
    if (vector == IRQ_VECTOR_TIMER) {
        c->counters.timer_interrupts++;
        __atomic_fetch_or(&c->work, CPU_WORK_TIMER, __ATOMIC_SEQ_CST);
    } else if (vector != IRQ_VECTOR_KICK) {
        irq_handler_fn handler;
        void *data;

        do { /* a pair, though the vector may be given to another kind of owner meanwhile */
            handler = __atomic_load_n(&vectors[vector].handler, __ATOMIC_ACQUIRE);
            data = __atomic_load_n(&vectors[vector].data, __ATOMIC_ACQUIRE);
        } while (handler != READ_ONCE(vectors[vector].handler));

        if (handler) {
            uint32_t start = trace_is_on ? (uint32_t)arch_read_tsc() : 0;

            handler(data);
            trace(TRC_HW_IRQ_HANDLED, vector, start, (uint32_t)arch_read_tsc());
        } else {
            pr_warn("cpu%u: interrupt vector 0x%x has no handler", c->id, vector);
        }
    }
    lapic_eoi();
}
