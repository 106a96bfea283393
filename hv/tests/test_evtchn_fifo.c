/* SPDX-License-Identifier: Apache-2.0 */
/* The FIFO layout, with a guest's consumer beside it as event_channel.h and Linux have it. */
#include <hv/evtchn.h>
#include <hv/frame.h>
#include <hv/hypercall.h>

#include <criterion/criterion.h>

#include "core/evtchn_ports.h"
#include "tests/host/fake.h"

#define PENDING (1u << EVTCHN_FIFO_PENDING)
#define MASKED  (1u << EVTCHN_FIFO_MASKED)
#define LINKED  (1u << EVTCHN_FIFO_LINKED)
#define BUSY    (1u << EVTCHN_FIFO_BUSY)

#define CONTROL_GFN(vcpu) (10UL + (vcpu))
#define ARRAY_GFN(page)   (20UL + (page))

static struct domain *a, *b;

static void setup(void)
{
    fake_host_init();
    a = fake_domain_create(0, 2);
    b = fake_domain_create(1, 4);
}

TestSuite(evtchn_fifo, .init = setup);

static struct evtchn_fifo_control_block *control(unsigned vcpu)
{
    return fake_guest_memory(b, CONTROL_GFN(vcpu) << PAGE_SHIFT);
}

static uint32_t *word(uint32_t port)
{
    return (uint32_t *)fake_guest_memory(b, ARRAY_GFN(port / 1024) << PAGE_SHIFT) + port % 1024;
}

/* b uses FIFO on vCPU 0 and 1, with one page of event words. */
static void use_fifo(void)
{
    cr_assert_eq(evtchn_init_control(b, 0, CONTROL_GFN(0), 0), 0);
    cr_assert_eq(evtchn_init_control(b, 1, CONTROL_GFN(1), 0), 0);
    cr_assert_eq(evtchn_expand_array(b, ARRAY_GFN(0)), 0);
}

static uint32_t new_ipi(unsigned vcpu)
{
    uint32_t port;

    cr_assert_eq(evtchn_bind_ipi(b, vcpu, &port), 0);
    return port;
}

/* The guest's side: local copies of the heads. */
static uint32_t local_head[4][EVTCHN_FIFO_MAX_QUEUES];

/* Takes the next event of a vCPU's queue off; 0 when it is empty. Returns ports that are pending. */
static uint32_t consume(unsigned vcpu, unsigned priority)
{
    struct evtchn_fifo_control_block *c = control(vcpu);
    uint32_t head = local_head[vcpu][priority], port, old;

    c->ready &= ~(1u << priority);
    if (head == 0) {
        head = c->head[priority];
    }
    port = head;
    if (port == 0) {
        return 0;
    }
    old = *word(port);
    if (!(old & LINKED)) {
        local_head[vcpu][priority] = 0;
        return 0; /* consumed before: nothing new was linked */
    }
    *word(port) = old & ~(LINKED | EVTCHN_FIFO_LINK_MASK);
    local_head[vcpu][priority] = old & EVTCHN_FIFO_LINK_MASK;
    if ((old & PENDING) && !(old & MASKED)) {
        *word(port) &= ~PENDING;
        return port;
    }
    return consume(vcpu, priority);
}

Test(evtchn_fifo, init_control_checks)
{
    cr_assert_eq(evtchn_expand_array(b, ARRAY_GFN(0)), -XEN_ENOSYS, "still 2-level");
    cr_assert_eq(evtchn_set_priority(b, new_ipi(0), 1), -XEN_ENOSYS);
    cr_assert_eq(evtchn_init_control(b, 4, CONTROL_GFN(0), 0), -XEN_ENOENT);
    cr_assert_eq(evtchn_init_control(b, 0, CONTROL_GFN(0), 4), -XEN_EINVAL);
    cr_assert_eq(evtchn_init_control(b, 0, CONTROL_GFN(0), 4032), -XEN_EINVAL);
    cr_assert_eq(evtchn_init_control(b, 0, FAKE_GUEST_PAGES + 1, 0), -XEN_EINVAL);
    cr_assert_eq(evtchn_init_control(b, 0, CONTROL_GFN(0), 4024), 0);
    cr_assert_eq(evtchn_init_control(b, 0, CONTROL_GFN(1), 0), -XEN_EINVAL, "once a vCPU");
}

Test(evtchn_fifo, events_come_in_order)
{
    uint32_t ports[5];

    use_fifo();
    for (unsigned i = 0; i < 5; i++) {
        ports[i] = new_ipi(0);
    }
    for (unsigned i = 0; i < 5; i++) {
        cr_assert_eq(evtchn_send(b, ports[4 - i]), 0);
        cr_assert_eq(evtchn_send(b, ports[4 - i]), 0, "a second time changes nothing");
    }
    cr_assert_eq(control(0)->ready, 1u << EVTCHN_FIFO_PRIORITY_DEFAULT);
    cr_assert_eq(b->vcpus[0]->vcpu_info->evtchn_upcall_pending, 1);

    for (unsigned i = 0; i < 5; i++) {
        cr_assert_eq(consume(0, 7), ports[4 - i]);
    }
    cr_assert_eq(consume(0, 7), 0);
    cr_assert_eq(evtchn_send(b, ports[0]), 0, "the former tail's own queue again");
    cr_assert_eq(consume(0, 7), ports[0]);
    cr_assert_eq(evtchn_send(b, ports[0]), 0, "the tail itself again");
    cr_assert_eq(consume(0, 7), ports[0]);
}

Test(evtchn_fifo, priorities_have_queues_of_their_own)
{
    uint32_t low = 0, high = 0;

    use_fifo();
    low = new_ipi(0);
    high = new_ipi(0);
    cr_assert_eq(evtchn_set_priority(b, low, 15), 0);
    cr_assert_eq(evtchn_set_priority(b, high, 0), 0);
    cr_assert_eq(evtchn_set_priority(b, high, 16), -XEN_EINVAL);
    cr_assert_eq(evtchn_set_priority(b, 900, 1), -XEN_EINVAL);
    evtchn_send(b, low);
    evtchn_send(b, high);

    cr_assert_eq(control(0)->ready, 1u << 15 | 1u << 0);
    cr_assert_eq(control(0)->head[0], high);
    cr_assert_eq(control(0)->head[15], low);
}

Test(evtchn_fifo, upcall_only_when_the_queue_becomes_ready)
{
    uint32_t first, second;

    use_fifo();
    first = new_ipi(0);
    second = new_ipi(0);
    evtchn_send(b, first);
    b->vcpus[0]->vcpu_info->evtchn_upcall_pending = 0;
    evtchn_send(b, second);

    cr_assert_eq(b->vcpus[0]->vcpu_info->evtchn_upcall_pending, 0, "linked behind the first");
    cr_assert_eq(*word(first) & EVTCHN_FIFO_LINK_MASK, second);
}

Test(evtchn_fifo, masked_event_is_linked_by_unmask)
{
    uint32_t port;

    use_fifo();
    port = new_ipi(1);
    *word(port) = MASKED;
    evtchn_send(b, port);
    cr_assert_eq(*word(port), PENDING | MASKED);
    cr_assert_eq(control(1)->ready, 0);

    cr_assert_eq(evtchn_unmask(b, port), 0);
    cr_assert_eq(*word(port), PENDING | LINKED);
    cr_assert_eq(consume(1, 7), port);
}

Test(evtchn_fifo, event_before_its_word_is_kept)
{
    uint32_t port;

    cr_assert_eq(evtchn_init_control(b, 0, CONTROL_GFN(0), 0), 0);
    port = new_ipi(0);
    evtchn_send(b, port);
    cr_assert(evtchn_is_pending(b, port));
    cr_assert_eq(control(0)->ready, 0);

    cr_assert_eq(evtchn_expand_array(b, ARRAY_GFN(0)), 0);
    cr_assert_eq(consume(0, 7), port);
}

Test(evtchn_fifo, event_before_its_control_block_is_linked_later)
{
    uint32_t port;

    use_fifo();
    port = new_ipi(2);
    evtchn_send(b, port);
    cr_assert_eq(*word(port), PENDING);

    cr_assert_eq(evtchn_init_control(b, 2, CONTROL_GFN(2), 0), 0);
    cr_assert_eq(*word(port), PENDING | LINKED);
    cr_assert_eq(consume(2, 7), port);
    cr_assert_eq(b->vcpus[2]->vcpu_info->evtchn_upcall_pending, 1);
}

Test(evtchn_fifo, pending_2_level_ports_are_carried_over)
{
    uint32_t port = new_ipi(0);

    evtchn_send(b, port);
    use_fifo();

    cr_assert_eq(consume(0, 7), port);
}

Test(evtchn_fifo, port_moves_between_queues)
{
    uint32_t pa, pb, other;

    use_fifo();
    cr_assert_eq(evtchn_alloc_unbound(a, 1, &pa), 0);
    cr_assert_eq(evtchn_bind_interdomain(b, 0, pa, &pb), 0);
    other = new_ipi(0);
    cr_assert_eq(evtchn_bind_vcpu(b, pb, 1), 0);
    evtchn_send(a, pa);
    cr_assert_eq(*word(pb), PENDING | LINKED, "still on vCPU 0's queue, where binding raised it");
    cr_assert_eq(consume(0, 7), pb);

    evtchn_send(a, pa);
    cr_assert_eq(consume(1, 7), pb, "and then on vCPU 1's");
    evtchn_send(b, other);
    cr_assert_eq(control(0)->head[7], other, "the old queue forgot its tail");
    cr_assert_eq(*word(pb) & EVTCHN_FIFO_LINK_MASK, 0);
}

Test(evtchn_fifo, closed_port_is_not_reused_while_linked)
{
    uint32_t port, next;

    use_fifo();
    port = new_ipi(0);
    evtchn_send(b, port);
    cr_assert_eq(evtchn_close(b, port), 0);
    cr_assert_eq(*word(port), LINKED);

    next = new_ipi(1);
    cr_assert_neq(next, port);
    cr_assert_eq(consume(0, 7), 0, "closed: nothing to handle");
    cr_assert_eq(new_ipi(1), port);
}

Test(evtchn_fifo, array_grows_page_by_page)
{
    uint32_t port = 0;

    use_fifo();
    while (port < 1030) {
        port = new_ipi(0);
    }
    evtchn_send(b, port);
    cr_assert(evtchn_is_pending(b, port));
    cr_assert_eq(evtchn_expand_array(b, FAKE_GUEST_PAGES + 7), -XEN_EINVAL);
    cr_assert_eq(evtchn_expand_array(b, ARRAY_GFN(1)), 0);
    cr_assert_eq(consume(0, 7), port);
    for (unsigned i = 2; i < 128; i++) {
        cr_assert_eq(evtchn_expand_array(b, ARRAY_GFN(i % 40)), 0);
    }
    cr_assert_eq(evtchn_expand_array(b, ARRAY_GFN(2)), -XEN_ENOSPC);
}

Test(evtchn_fifo, all_ports_up_to_the_limit)
{
    uint32_t port, last = 0;
    int rc;

    b->evtchn->max_port = 5000;
    use_fifo();
    while ((rc = evtchn_bind_ipi(b, 0, &port)) == 0) {
        last = port;
    }
    cr_assert_eq(rc, -XEN_ENOSPC);
    cr_assert_eq(last, 5000);
}

Test(evtchn_fifo, foreign_pages_are_no_control_blocks)
{
    mfn_t m = p2m_get_frame(a, gfn(30), true);

    cr_assert_eq(p2m_map(b, gfn(100), m, ORDER_4K, P2M_RAM), 0);

    cr_assert_eq(evtchn_init_control(b, 0, 100, 0), -XEN_EINVAL);
    cr_assert_eq(evtchn_init_control(b, 0, CONTROL_GFN(0), 0), 0);
    cr_assert_eq(evtchn_expand_array(b, 100), -XEN_EINVAL);
}

/* Whatever the words hold, sending ends, stays inside its own arrays, and recovers. */
Test(evtchn_fifo, hostile_words_do_no_harm)
{
    static const uint32_t patterns[] = {0xffffffff, LINKED | 0x1ffff, LINKED | 5, BUSY | LINKED, BUSY, LINKED,
                                        PENDING | LINKED | 1, MASKED | LINKED | BUSY | 7};
    uint32_t ports[8];

    use_fifo();
    for (unsigned i = 0; i < 8; i++) {
        ports[i] = new_ipi(0);
    }
    for (unsigned p = 0; p < ARRAY_SIZE(patterns); p++) {
        for (unsigned i = 0; i < 8; i++) {
            evtchn_send(b, ports[i]);
            *word(ports[i]) = patterns[p];
            control(0)->head[7] = patterns[p];
            evtchn_send(b, ports[(i + 3) % 8]);
            evtchn_unmask(b, ports[i]);
        }
    }
    for (unsigned i = 0; i < 8; i++) {
        *word(ports[i]) = 0;
    }
    evtchn_send(b, ports[0]);
    cr_assert_eq(control(0)->head[7], ports[0]);
}

Test(evtchn_fifo, reset_returns_to_2_level_and_gives_pages_back)
{
    mfn_t array = p2m_lookup(b, gfn(ARRAY_GFN(0))).mfn;
    uint32_t port;

    use_fifo();
    port = new_ipi(0);
    evtchn_send(b, port);
    cr_assert_eq(frame_of(array)->refs, 2);
    cr_assert_eq(evtchn_reset(b), 0);

    cr_assert_eq(frame_of(array)->refs, 1);
    cr_assert_null(b->evtchn->fifo);
    port = new_ipi(0);
    b->vcpus[0]->vcpu_info->evtchn_upcall_pending = 0;
    evtchn_send(b, port);
    cr_assert(bit_test(b->shared_info->evtchn_pending, port));
    cr_assert_eq(evtchn_init_control(b, 0, CONTROL_GFN(0), 0), 0, "and FIFO again");
}

Test(evtchn_fifo, destroyed_domain_gives_everything_back)
{
    uint64_t before = frame_stats(NODE_ANY).free;
    struct domain *c = fake_domain_create(7, 2);
    uint32_t port;

    cr_assert_eq(evtchn_init_control(c, 0, CONTROL_GFN(0), 0), 0);
    cr_assert_eq(evtchn_expand_array(c, ARRAY_GFN(0)), 0);
    cr_assert_eq(evtchn_bind_ipi(c, 0, &port), 0);
    evtchn_send(c, port);
    fake_domain_destroy(c);

    cr_assert_null(domain_get(7));
    cr_assert_eq(frame_stats(NODE_ANY).free, before);
}

/* Each closed port that it says it has not taken off its queue was passed over, to the limit, and pages of ports were
 * made for it: more than a millisecond in one call. */
Test(evtchn_fifo, a_search_for_a_free_port_ends_where_all_are_linked)
{
    const uint32_t pages = 20;
    uint32_t port, count;

    use_fifo();
    for (uint32_t i = 1; i < pages; i++) {
        cr_assert_eq(evtchn_expand_array(b, ARRAY_GFN(i)), 0);
    }
    for (uint32_t n = 1; n < pages * 1024; n++) {
        *word(n) = LINKED;
    }

    cr_assert_eq(evtchn_alloc_unbound(b, 0, &port), -XEN_ENOSPC);
    count = b->evtchn->count;
    cr_expect_lt(count, pages * 1024);
    cr_assert_eq(evtchn_alloc_unbound(b, 0, &port), -XEN_ENOSPC);
    cr_expect_eq(b->evtchn->count, count);

    *word(1000) = 0;
    cr_assert_eq(evtchn_alloc_unbound(b, 0, &port), 0);
    cr_expect_eq(port, 1000);
}
