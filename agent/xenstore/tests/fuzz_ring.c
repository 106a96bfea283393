/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: what a hostile domain can do to its ring. The input is a list of steps: write bytes
 * into the request ring, move any of the four indices, ask to reconnect, take responses, shut down.
 * After each the daemon has its turn.
 */
#include <string.h>

#include "util/log.h"
#include "util/tests/fuzz.h"
#include "xenstore/domain.h"
#include "xenstore/tests/fake_xen.h"

static struct fake_xen fake;
static struct store store;

static void turn(void)
{
    struct domain *domain;
    struct connection *connection;

    for (int i = 0; i < 4; i++) {
        while ((domain = TAILQ_FIRST(&store.ready)) != NULL) {
            domain_pump(domain);
        }
        journal_commit(&store.journal);
        while ((connection = TAILQ_FIRST(&store.unflushed)) != NULL) {
            TAILQ_REMOVE(&store.unflushed, connection, unflushed_link);
            connection->is_unflushed = false;
            connection->ops->flush(connection);
        }
    }
}

static uint32_t take_u32(const uint8_t **at, const uint8_t *end)
{
    uint32_t value = 0;
    size_t size = (size_t)(end - *at) < sizeof(value) ? (size_t)(end - *at) : sizeof(value);

    memcpy(&value, *at, size);
    *at += size;
    return value;
}

static void request(struct xenstore_domain_interface *page, const uint8_t **at, const uint8_t *end)
{
    uint8_t length = *at < end ? *(*at)++ : 0;
    size_t size = (size_t)(end - *at) < length ? (size_t)(end - *at) : length;
    struct xsd_sockmsg header = {.len = (uint32_t)size};
    const uint8_t *bytes = (const uint8_t *)&header;

    header.type = *at < end ? **at % (XS_TYPE_COUNT + 2) : 0;
    header.tx_id = length % 4 == 0 ? length / 4 : 0;
    for (size_t i = 0; i < sizeof(header); i++) {
        page->req[MASK_XENSTORE_IDX(page->req_prod++)] = (char)bytes[i];
    }
    for (size_t i = 0; i < size; i++) {
        page->req[MASK_XENSTORE_IDX(page->req_prod++)] = (char)(*at)[i];
    }
    *at += size;
}

static void step(struct fake_domain *guest, const uint8_t **at, const uint8_t *end)
{
    struct xenstore_domain_interface *page = &guest->page;

    switch (*(*at)++ % 10) {
    case 0:
        page->req_prod = take_u32(at, end);
        break;
    case 1:
        page->rsp_cons = take_u32(at, end);
        break;
    case 2:
        page->req_cons = take_u32(at, end);
        break;
    case 3:
        page->rsp_prod = take_u32(at, end);
        break;
    case 4:
        page->connection = XENSTORE_RECONNECT;
        break;
    case 5:
    case 6:
        page->rsp_cons = page->rsp_prod;
        break;
    default:
        request(page, at, end);
        break;
    }
    if (domain_find(&store, 3) != NULL) {
        domain_handle_event(&store, 103);
    }
    turn();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct perm perm = {.domid = 3};
    const uint8_t *at = data;
    struct fake_domain *guest;

    log_set_level(LOG_LEVEL_ERROR);
    fake_xen_init(&fake);
    if (store_init(&store) != 0) {
        abort();
    }
    store.xen = &fake.xen;
    guest = fake_xen_create(&fake, 3);
    tree_put(&store.tree, "/local", &perm, 1, NULL, 0);
    tree_put(&store.tree, "/local/domain", &perm, 1, NULL, 0);
    tree_put(&store.tree, "/local/domain/3", &perm, 1, NULL, 0);
    if (domain_introduce(&store, 3, 1, 4) != 0) {
        abort();
    }
    while (at < data + size) {
        step(guest, &at, data + size);
    }
    if (tree_nodes_owned(&store.tree, 3) > store.quota.nodes) {
        abort(); /* the quota did not hold */
    }
    guest->state = XEN_DOMAIN_GONE;
    domain_check_all(&store);
    if (tree_node_count(&store.tree) != tree_nodes_owned(&store.tree, 0) ||
        !TAILQ_EMPTY(&store.domains) || guest->is_mapped || guest->is_bound) {
        abort(); /* something of it is left */
    }
    store_destroy(&store);
    return 0;
}

/* Appends a request: what it does, the length, the payload, whose first byte is the type too. */
static size_t add(uint8_t *out, size_t used, uint8_t type, const char *payload, size_t size)
{
    out[used++] = 7;
    out[used++] = (uint8_t)(size + 1);
    out[used++] = type;
    memcpy(out + used, payload, size);
    return used + size;
}
#define ADD(type, text) used = add(out, used, type, text, sizeof(text) - 1)

size_t fuzz_seed(size_t index, uint8_t *out, size_t room)
{
    size_t used = 0;

    fuzz_check(room >= 1024);
    switch (index) {
    case 0:
        ADD(XS_WRITE, "data\0value");
        ADD(XS_READ, "data\0");
        ADD(XS_DIRECTORY, "\0");
        out[used++] = 5;
        ADD(XS_RM, "data\0");
        return used;
    case 1:
        ADD(XS_WATCH, "data\0token\0");
        ADD(XS_TRANSACTION_START, "\0");
        ADD(XS_WRITE, "data/x\0001");
        out[used++] = 4;
        out[used++] = 6;
        return used;
    case 2:
        memcpy(out, "\x00\xff\xff\xff\xff\x04\x01\x10\x00\x00\x00\x05", 12);
        return 12;
    default:
        return 0;
    }
}
