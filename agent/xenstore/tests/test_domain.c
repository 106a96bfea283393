/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Domains on rings, and what is left of them after the daemon was killed. A kill is played by
 * throwing the store away and loading another from the journal: once before the turn's journal was
 * written, once after it but before anything was published, once after everything.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "xenstore/domain.h"
#include "xenstore/state.h"
#include "xenstore/tests/client.h"
#include "xenstore/tests/fake_xen.h"

static struct fake_xen fake;
static struct store store;
static struct client dom0;
static struct fake_domain *guest;
static char folder[] = "/tmp/test-stored-XXXXXX";
static char journal[64];
static struct err err;

static void setup(void)
{
    cr_assert_not_null(mkdtemp(folder));
    snprintf(journal, sizeof(journal), "%s/state", folder);
    fake_xen_init(&fake);
    client_store_init(&store);
    store.xen = &fake.xen;
    cr_assert_eq(state_save(&store, journal, &err), 0, "%s", err.message);
    client_connect(&dom0, &store, 0);
    guest = fake_xen_create(&fake, 3);
}

static void free_store(void)
{
    client_disconnect(&dom0);
    while (!TAILQ_EMPTY(&store.domains)) {
        domain_free(TAILQ_FIRST(&store.domains));
    }
    store_destroy(&store);
}

static void teardown(void)
{
    free_store();
    unlink(journal);
    rmdir(folder);
}

TestSuite(domain, .init = setup, .fini = teardown);

static void flush_all(void)
{
    struct connection *connection;

    while ((connection = TAILQ_FIRST(&store.unflushed)) != NULL) {
        TAILQ_REMOVE(&store.unflushed, connection, unflushed_link);
        connection->is_unflushed = false;
        connection->ops->flush(connection);
    }
}

static void pump_all(void)
{
    struct domain *domain;

    while ((domain = TAILQ_FIRST(&store.ready)) != NULL) {
        domain_pump(domain);
    }
}

/* Turns of the daemon's loop until it is quiet. */
static void turn(void)
{
    do {
        pump_all();
        cr_assert(journal_commit(&store.journal));
        flush_all();
    } while (!TAILQ_EMPTY(&store.ready) || !TAILQ_EMPTY(&store.unflushed));
}

static void restart(void)
{
    bool found;

    free_store();
    cr_assert_eq(store_init(&store), 0);
    cr_assert_eq(state_load(&store, journal, &found, &err), 0, "%s", err.message);
    cr_assert(found);
    cr_assert_eq(state_save(&store, journal, &err), 0, "%s", err.message);
    store.xen = &fake.xen;
    client_connect(&dom0, &store, 0);
    domain_attach_restored(&store);
}

/* ---- the guest's side of the ring ---- */

static size_t guest_send_bytes(const void *bytes, size_t size_bytes)
{
    struct xenstore_domain_interface *page = &guest->page;
    size_t room = XENSTORE_RING_SIZE - (page->req_prod - page->req_cons);

    size_bytes = size_bytes < room ? size_bytes : room;
    for (size_t i = 0; i < size_bytes; i++) {
        page->req[MASK_XENSTORE_IDX(page->req_prod + i)] = ((const char *)bytes)[i];
    }
    page->req_prod += (uint32_t)size_bytes;
    return size_bytes;
}

static void wake(void)
{
    struct domain *domain = domain_find(&store, 3);

    if (domain != NULL && domain->local_port >= 0) {
        domain_handle_event(&store, domain->local_port);
    }
}

static size_t make_message(char *message, uint32_t type, uint32_t req_id, uint32_t tx_id,
                           const char *payload, size_t size_bytes)
{
    struct xsd_sockmsg header = {
        .type = type, .req_id = req_id, .tx_id = tx_id, .len = (uint32_t)size_bytes};

    memcpy(message, &header, sizeof(header));
    memcpy(message + sizeof(header), payload, size_bytes);
    return sizeof(header) + size_bytes;
}

static void guest_send(uint32_t type, uint32_t req_id, uint32_t tx_id, const char *payload,
                       size_t size_bytes)
{
    char message[WIRE_MESSAGE_MAX];
    size_t total = make_message(message, type, req_id, tx_id, payload, size_bytes);

    cr_assert_eq(guest_send_bytes(message, total), total);
    wake();
}

/* What the guest has received; it takes everything there is. */
static char received[1 << 16];
static size_t received_size;

static void guest_receive(void)
{
    struct xenstore_domain_interface *page = &guest->page;

    while (page->rsp_cons != page->rsp_prod) {
        received[received_size++] = page->rsp[MASK_XENSTORE_IDX(page->rsp_cons++)];
    }
}

/* Take one message off what was received. */
static bool guest_next(struct xsd_sockmsg *header, char payload[XENSTORE_PAYLOAD_MAX + 1])
{
    size_t total;

    guest_receive();
    if (received_size < sizeof(*header)) {
        return false;
    }
    memcpy(header, received, sizeof(*header));
    total = sizeof(*header) + header->len;
    cr_assert_leq(header->len, XENSTORE_PAYLOAD_MAX);
    if (received_size < total) {
        return false;
    }
    memcpy(payload, received + sizeof(*header), header->len);
    payload[header->len] = '\0';
    memmove(received, received + total, received_size - total);
    received_size -= total;
    return true;
}

static struct xsd_sockmsg header;
static char payload[XENSTORE_PAYLOAD_MAX + 1];

static void introduce(void)
{
    cr_assert_eq(client_call(&dom0, XS_INTRODUCE, 0, "3", "1234", "4", NULL), 0);
    client_write(&dom0, 0, "/local/domain/3/data", "");
    client_call(&dom0, XS_SET_PERMS, 0, "/local/domain/3/data", "n3", NULL);
    turn();
}

/* ---- tests ---- */

Test(domain, introduction_connects_and_tells)
{
    cr_assert_eq(client_call(&dom0, XS_WATCH, 0, "@introduceDomain", "t", NULL), 0);
    introduce();

    cr_assert(guest->is_mapped);
    cr_assert(guest->is_bound);
    cr_assert_gt(guest->notified, 0);
    cr_assert_eq(guest->page.connection, XENSTORE_CONNECTED);
    cr_assert_eq(client_call(&dom0, XS_IS_DOMAIN_INTRODUCED, 0, "3", NULL), 0);
    cr_assert_str_eq(dom0.payload, "T");
}

Test(domain, wrong_introductions_leave_nothing)
{
    cr_assert_eq(client_call(&dom0, XS_INTRODUCE, 0, "4", "1234", "5", NULL), EINVAL);
    cr_assert_eq(client_call(&dom0, XS_INTRODUCE, 0, "3", "1234", "99", NULL), EINVAL);
    cr_assert_eq(client_call(&dom0, XS_INTRODUCE, 0, "3", "18446744073709551615", "4", NULL),
                 EINVAL);
    cr_assert_not(guest->is_mapped);
    cr_assert_not(guest->is_bound);
    cr_assert(TAILQ_EMPTY(&store.domains));
}

Test(domain, request_is_answered_through_the_ring)
{
    introduce();
    guest_send(XS_WRITE, 9, 0, "data/x\0hello", 12);
    turn();

    cr_assert(guest_next(&header, payload));
    cr_assert_eq(header.type, XS_WRITE);
    cr_assert_eq(header.req_id, 9);
    cr_assert_eq(guest->page.req_cons, guest->page.req_prod);
    cr_assert_eq(client_read(&dom0, 0, "/local/domain/3/data/x"), 0);
    cr_assert_str_eq(dom0.payload, "hello");
}

Test(domain, request_and_reply_longer_than_the_ring)
{
    char message[WIRE_MESSAGE_MAX];
    char big[2048 + 7] = "data/x";
    size_t total;
    size_t sent = 0;

    introduce();
    memset(big + 7, 'v', 2048);
    total = make_message(message, XS_WRITE, 1, 0, big, sizeof(big));
    while (sent < total) {
        sent += guest_send_bytes(message + sent, total - sent);
        wake();
        turn();
    }
    cr_assert(guest_next(&header, payload));
    cr_assert_eq(header.type, XS_WRITE);

    guest_send(XS_READ, 2, 0, "data/x", 7);
    turn();
    cr_assert_not(guest_next(&header, payload), "it does not fit at once");
    wake();
    turn();
    guest_receive();
    wake();
    turn();
    cr_assert(guest_next(&header, payload));
    cr_assert_eq(header.len, 2048);
}

Test(domain, impossible_index_ends_only_this_connection)
{
    introduce();
    guest->page.req_prod = guest->page.req_cons + XENSTORE_RING_SIZE + 1;
    wake();
    turn();

    cr_assert_eq(guest->page.error, XENSTORE_ERROR_RINGIDX);
    cr_assert(domain_find(&store, 3)->connection.is_closed);
    cr_assert_eq(client_read(&dom0, 0, "/local/domain/3/data"), 0);
}

Test(domain, message_that_is_too_long_ends_the_connection)
{
    struct xsd_sockmsg bad = {.type = XS_READ, .len = XENSTORE_PAYLOAD_MAX + 1};

    introduce();
    guest_send_bytes(&bad, sizeof(bad));
    wake();
    turn();
    cr_assert_eq(guest->page.error, XENSTORE_ERROR_PROTO);
    restart();
    turn();
    cr_assert(domain_find(&store, 3)->connection.is_closed);
}

Test(domain, failed_domain_can_reconnect)
{
    introduce();
    guest_send(XS_WATCH, 1, 0, "data\0t", 7);
    turn();
    guest->page.rsp_cons = guest->page.rsp_prod + 5;
    guest_send(XS_READ, 1, 0, "data", 5);
    turn();
    cr_assert_eq(guest->page.error, XENSTORE_ERROR_RINGIDX);

    guest->page.connection = XENSTORE_RECONNECT;
    wake();
    turn();
    cr_assert_eq(guest->page.connection, XENSTORE_CONNECTED);
    cr_assert_eq(guest->page.error, XENSTORE_ERROR_NONE);
    cr_assert_eq(guest->page.req_prod, 0);
    cr_assert_eq(domain_find(&store, 3)->connection.watch_count, 0);
    received_size = 0;
    guest_send(XS_READ, 2, 0, "data", 5);
    turn();
    cr_assert(guest_next(&header, payload));
    cr_assert_eq(header.req_id, 2);
    cr_assert_eq(header.type, XS_READ);
}

Test(domain, shutdown_is_told_once_and_again_after_resume)
{
    introduce();
    client_call(&dom0, XS_WATCH, 0, "@releaseDomain", "t", NULL);
    client_drop_events(&dom0);

    guest->state = XEN_DOMAIN_SHUTDOWN;
    domain_check_all(&store);
    cr_assert_not_null(client_next_event(&dom0));
    domain_check_all(&store);
    cr_assert_null(client_next_event(&dom0));
    cr_assert(guest->is_mapped, "it is still there");

    guest->state = XEN_DOMAIN_ALIVE;
    cr_assert_eq(client_call(&dom0, XS_RESUME, 0, "3", NULL), 0);
    guest->state = XEN_DOMAIN_SHUTDOWN;
    domain_check_all(&store);
    cr_assert_not_null(client_next_event(&dom0));
}

Test(domain, dead_domain_leaves_nothing)
{
    introduce();
    guest_send(XS_WRITE, 1, 0, "data/x\0v", 8);
    turn();
    client_write(&dom0, 0, "/backend/3", "b");
    client_call(&dom0, XS_SET_PERMS, 0, "/backend/3", "n0", "r3", "r5", NULL);
    client_call(&dom0, XS_WATCH, 0, "@releaseDomain", "t", NULL);
    client_call(&dom0, XS_WATCH, 0, "/local/domain/3/data/x", "t", NULL);
    client_drop_events(&dom0);

    guest->state = XEN_DOMAIN_GONE;
    domain_check_all(&store);
    cr_assert_str_eq(client_next_event(&dom0), "/local/domain/3/data/x");
    cr_assert_str_eq(client_next_event(&dom0), "@releaseDomain");
    cr_assert_not(guest->is_mapped);
    cr_assert_not(guest->is_bound);
    cr_assert_eq(client_read(&dom0, 0, "/local/domain/3/data"), ENOENT);
    cr_assert_eq(client_read(&dom0, 0, "/local/domain/3"), 0, "owned by domain 0");
    client_call(&dom0, XS_GET_PERMS, 0, "/backend/3", NULL);
    cr_assert_eq(dom0.header.len, 6);
    cr_assert_arr_eq(dom0.payload, "n0\0r5", 6);
    cr_assert_eq(tree_nodes_owned(&store.tree, 3), 0);
}

Test(domain, release_is_the_same_by_request)
{
    introduce();
    cr_assert_eq(client_call(&dom0, XS_RELEASE, 0, "3", NULL), 0);
    cr_assert_not(guest->is_mapped);
    cr_assert_eq(client_call(&dom0, XS_RELEASE, 0, "3", NULL), ENOENT);
    turn();
    restart();
    cr_assert(TAILQ_EMPTY(&store.domains));
}

Test(domain, watch_fires_after_a_restart)
{
    introduce();
    guest_send(XS_WATCH, 1, 0, "data\0tok", 9);
    turn();
    cr_assert(guest_next(&header, payload));
    cr_assert(guest_next(&header, payload));
    cr_assert_eq(header.type, XS_WATCH_EVENT);

    restart();
    client_write(&dom0, 0, "/local/domain/3/data/y", "1");
    turn();
    cr_assert(guest_next(&header, payload));
    cr_assert_eq(header.type, XS_WATCH_EVENT);
    cr_assert_str_eq(payload, "data/y");
    cr_assert_str_eq(payload + 7, "tok");
}

Test(domain, unpublished_request_is_done_again_when_its_turn_was_not_recorded)
{
    introduce();
    guest_send(XS_WRITE, 1, 0, "data/x\0v", 8);
    pump_all();

    restart(); /* the journal was never written: nobody saw anything */
    turn();
    cr_assert(guest_next(&header, payload));
    cr_assert_eq(header.req_id, 1);
    cr_assert_not(guest_next(&header, payload));
    cr_assert_eq(client_read(&dom0, 0, "/local/domain/3/data/x"), 0);
}

Test(domain, recorded_request_is_answered_once_when_nothing_was_published)
{
    introduce();
    guest_send(XS_WRITE, 1, 0, "data/x\0v", 8);
    pump_all();
    cr_assert(journal_commit(&store.journal));

    restart();
    turn();
    cr_assert(guest_next(&header, payload));
    cr_assert_eq(header.req_id, 1);
    cr_assert_not(guest_next(&header, payload));
    cr_assert_eq(guest->page.req_cons, guest->page.req_prod);
}

Test(domain, delivered_reply_is_not_sent_again)
{
    introduce();
    guest_send(XS_WRITE, 1, 0, "data/x\0v", 8);
    turn();

    restart();
    turn();
    cr_assert(guest_next(&header, payload));
    cr_assert_not(guest_next(&header, payload));
}

Test(domain, half_received_request_and_half_sent_reply_are_finished)
{
    char message[WIRE_MESSAGE_MAX];
    char big[2048 + 7] = "data/x";
    size_t total;
    size_t sent = 0;

    introduce();
    memset(big + 7, 'v', 2048);
    total = make_message(message, XS_WRITE, 1, 0, big, sizeof(big));
    while (sent < total) {
        sent += guest_send_bytes(message + sent, total - sent);
        wake();
        turn();
        restart();
        turn();
    }
    cr_assert(guest_next(&header, payload));
    cr_assert_eq(header.type, XS_WRITE);
    guest_send(XS_READ, 2, 0, "data/x", 7);
    turn();
    while (!guest_next(&header, payload)) {
        restart();
        turn();
    }
    cr_assert_eq(header.req_id, 2);
    cr_assert_eq(header.len, 2048);
    for (size_t i = 0; i < 2048; i++) {
        cr_assert_eq(payload[i], 'v');
    }
}

Test(domain, open_transaction_comes_back_and_ends_with_eagain)
{
    uint32_t id;

    introduce();
    guest_send(XS_TRANSACTION_START, 1, 0, "", 1);
    turn();
    cr_assert(guest_next(&header, payload));
    id = (uint32_t)strtoul(payload, NULL, 10);
    guest_send(XS_WRITE, 2, id, "data/tx\0v", 9);
    turn();
    cr_assert(guest_next(&header, payload));

    restart();
    restart(); /* the second load reads what the first wrote */
    guest_send(XS_READ, 3, id, "data/tx", 8);
    turn();
    cr_assert(guest_next(&header, payload));
    cr_assert_eq(header.type, XS_READ, "it still sees its own writes");
    cr_assert_str_eq(payload, "v");
    guest_send(XS_TRANSACTION_END, 4, id, "T", 2);
    turn();
    cr_assert(guest_next(&header, payload));
    cr_assert_eq(header.type, XS_ERROR);
    cr_assert_str_eq(payload, "EAGAIN");
    cr_assert_eq(client_read(&dom0, 0, "/local/domain/3/data/tx"), ENOENT);
    turn();
    restart();
    cr_assert_eq(domain_find(&store, 3)->connection.transaction_count, 0);
}

Test(domain, death_during_the_restart_is_noticed)
{
    introduce();
    guest->state = XEN_DOMAIN_GONE;
    restart();
    cr_assert(TAILQ_EMPTY(&store.domains));
    cr_assert_eq(client_read(&dom0, 0, "/local/domain/3/data"), ENOENT);
}

Test(domain, removed_initial_node_stays_removed)
{
    client_call(&dom0, XS_RM, 0, "/tool", NULL);
    client_call(&dom0, XS_SET_PERMS, 0, "@releaseDomain", "r0", NULL);
    turn();
    restart();
    cr_assert_eq(client_read(&dom0, 0, "/tool"), ENOENT);
    client_call(&dom0, XS_GET_PERMS, 0, "@releaseDomain", NULL);
    cr_assert_str_eq(dom0.payload, "r0");
}

Test(domain, choked_guest_is_heard_again_when_it_reads)
{
    char value[1024];

    introduce();
    memset(value, 'v', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    store.quota.pause_output_bytes = 1000;
    client_write(&dom0, 0, "/local/domain/3/data", value);
    turn();
    for (uint32_t i = 1; i <= 20; i++) {
        guest_send(XS_READ, i, 0, "data", 5);
    }
    turn();
    cr_assert_leq(domain_find(&store, 3)->connection.out.waiting_bytes, 3000);
    for (uint32_t i = 1; i <= 20; i++) {
        while (!guest_next(&header, payload)) {
            wake();
            turn();
        }
        cr_assert_eq(header.req_id, i);
    }
}

/* The journal's new file cannot be made: the old one goes on, and lacks nothing. */
static void fail_to_rewrite(void)
{
    char new_path[80];

    snprintf(new_path, sizeof(new_path), "%s.new", journal);
    cr_assert_eq(mkdir(new_path, 0700), 0);
    cr_assert_neq(state_save(&store, journal, &err), 0);
    cr_assert_eq(rmdir(new_path), 0);
    turn();
}

Test(domain, rewrite_that_fails_leaves_the_old_journal_readable)
{
    introduce();
    guest_send(XS_WATCH, 1, 0, "data\0tok", 9);
    turn();
    fail_to_rewrite();
    client_write(&dom0, 0, "/local/domain/3/data", "later");
    turn();

    restart();
    cr_assert_eq(domain_find(&store, 3)->connection.watch_count, 1);
    cr_assert_eq(client_read(&dom0, 0, "/local/domain/3/data"), 0);
    cr_assert_str_eq(dom0.payload, "later");
}

Test(domain, rewrite_that_fails_loses_nothing_that_was_not_written_yet)
{
    introduce();
    guest_send(XS_WATCH, 1, 0, "data\0tok", 9);
    turn();
    guest->page.req_prod = guest->page.req_cons + XENSTORE_RING_SIZE + 1;
    wake();
    pump_all(); /* its connection ends: this much is not in the file yet */
    fail_to_rewrite();

    restart();
    cr_assert(domain_find(&store, 3)->connection.is_closed);
    cr_assert_eq(domain_find(&store, 3)->connection.watch_count, 0);
}

/* ---- domain 0's kernel on its ring ---- */

static void kernel_send(uint32_t type, const char *text, size_t size_bytes)
{
    struct xenstore_domain_interface *page = &fake.domains[0].page;
    char message[WIRE_MESSAGE_MAX];
    size_t size = make_message(message, type, 1, 0, text, size_bytes);

    for (size_t i = 0; i < size; i++) {
        page->req[MASK_XENSTORE_IDX(page->req_prod + i)] = message[i];
    }
    page->req_prod += (uint32_t)size;
    domain_mark_ready(domain_find(&store, 0));
    turn();
    cr_assert_eq(page->req_cons, page->req_prod);
}

/* It reads what is in its ring. False: nothing was. */
static bool kernel_reads(void)
{
    struct xenstore_domain_interface *page = &fake.domains[0].page;
    bool is_empty = page->rsp_cons == page->rsp_prod;

    page->rsp_cons = page->rsp_prod;
    domain_mark_ready(domain_find(&store, 0));
    turn();
    return !is_empty;
}

/* The guest's next request that makes an event for the kernel, as many as fit into its ring. */
static uint32_t busy_sent;
static uint32_t busy_answered;

static void guest_is_busy(void)
{
    for (;; busy_sent++) {
        char message[64];
        char path[32];
        int length = snprintf(path, sizeof(path), "data/x%u", busy_sent % 500);
        size_t size = make_message(message, busy_sent / 500 % 2 == 0 ? XS_MKDIR : XS_RM, busy_sent, 0,
                                   path, (size_t)length + 1);

        if (XENSTORE_RING_SIZE - (guest->page.req_prod - guest->page.req_cons) < size) {
            break;
        }
        guest_send_bytes(message, size);
    }
    wake();
    turn();
    while (guest_next(&header, payload)) {
        cr_assert_eq(header.req_id, busy_answered++);
    }
}

static void introduce_with_kernel(void)
{
    cr_assert_eq(domain_introduce_local(&store, &err), 0, "%s", err.message);
    introduce();
    kernel_send(XS_WATCH, "/local/domain/3/data\0t", 23);
    store.quota.pause_output_bytes = 4096;
}

/* Events for it are made faster than it reads: who makes them has to wait, it has not. */
Test(domain, guest_waits_for_a_kernel_that_is_behind_with_its_events)
{
    introduce_with_kernel();
    for (int i = 0; i < 100; i++) {
        guest_is_busy();
        cr_assert_lt(domain_find(&store, 0)->connection.out.waiting_bytes, 4096 + 100);
    }
    kernel_send(XS_READ, "/tool", 6);
    while (kernel_reads()) {
    }
    while (guest_next(&header, payload)) {
        cr_assert_eq(header.req_id, busy_answered++);
        wake();
        turn();
    }
    cr_assert_eq(busy_answered, busy_sent, "%u of %u", busy_answered, busy_sent);
}

Test(domain, guest_that_keeps_the_kernel_behind_does_not_go_before_others)
{
    struct fake_domain *other = fake_xen_create(&fake, 4);

    introduce_with_kernel();
    cr_assert_eq(client_call(&dom0, XS_INTRODUCE, 0, "4", "1234", "5", NULL), 0);
    turn();
    for (int i = 0; i < 100; i++) {
        guest_is_busy();
    }
    other->page.req_prod += (uint32_t)make_message(other->page.req, XS_GET_DOMAIN_PATH, 1, 0, "4", 2);
    domain_mark_ready(domain_find(&store, 4));
    for (int i = 0; i < 4; i++) {
        guest_is_busy();
        kernel_reads();
    }
    cr_assert_gt(other->page.rsp_prod, 0);
}

static unsigned int storm_left;

static int storm(void *handle)
{
    (void)handle;
    if (storm_left == 0) {
        return -1;
    }
    storm_left--;
    return 103;
}

Test(domain, endless_events_of_one_do_not_hold_up_the_turn)
{
    introduce();
    fake.xen.next_event = storm;
    storm_left = 100000;
    guest_send(XS_READ, 1, 0, "data", 5);
    while (!guest_next(&header, payload)) {
        domain_handle_events(&store);
        cr_assert_gt(storm_left, 0);
        turn();
    }
    cr_assert_eq(header.req_id, 1);
}

/* The whole of it at random: a guest with requests under way, the daemon "killed" at one of its
 * three places. Every request is answered once, in order, with the right value. */
Test(domain, random_kills_lose_and_double_nothing)
{
    unsigned int seed = 7;
    uint32_t sent = 0;
    uint32_t answered = 0;

    introduce();
    while (answered < 2000) {
        if (sent < 2000 && sent - answered < 8) {
            char text[64];
            char message[128];
            int length = snprintf(text, sizeof(text), "data/n%cvalue-%u", '\0', sent + 1);
            size_t total = make_message(message, XS_WRITE, sent + 1, 0, text, (size_t)length);

            if (XENSTORE_RING_SIZE - (guest->page.req_prod - guest->page.req_cons) >= total) {
                guest_send_bytes(message, total);
                sent++;
            }
        }
        wake();
        pump_all();
        if (rand_r(&seed) % 8 == 0) {
            restart();
            continue;
        }
        cr_assert(journal_commit(&store.journal));
        if (rand_r(&seed) % 8 == 0) {
            restart();
            continue;
        }
        flush_all();
        if (rand_r(&seed) % 8 == 0) {
            restart();
        }
        while (rand_r(&seed) % 2 == 0 && guest_next(&header, payload)) {
            cr_assert_eq(header.type, XS_WRITE);
            cr_assert_eq(header.req_id, ++answered);
        }
    }
    cr_assert_eq(client_read(&dom0, 0, "/local/domain/3/data/n"), 0);
    cr_assert_str_eq(dom0.payload, "value-2000");
}
