/* SPDX-License-Identifier: Apache-2.0 */
#include "xenstore/record.h"

#include <string.h>

static void write_text(struct bytes_writer *out, const char *text)
{
    bytes_write_string(out, text, strlen(text) + 1);
}

static void write_perms(struct bytes_writer *out, const struct perm *perms, size_t count)
{
    bytes_write_u32(out, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        bytes_write_u32(out, perms[i].domid);
        bytes_write_u8(out, perms[i].access);
    }
}

size_t record_read_perms(struct bytes_reader *reader, struct perm perms[PERMS_MAX])
{
    uint32_t count = bytes_read_u32(reader);

    if (count == 0 || count > PERMS_MAX) {
        reader->has_failed = true;
        return 0;
    }
    for (uint32_t i = 0; i < count; i++) {
        perms[i].domid = (domid_t)bytes_read_u32(reader);
        perms[i].access = bytes_read_u8(reader) & (PERM_READ | PERM_WRITE);
    }
    return reader->has_failed ? 0 : count;
}

static void write_content(struct bytes_writer *out, const char *path,
                          const struct node_content *content)
{
    write_text(out, path);
    write_perms(out, content->perms, content->perm_count);
    bytes_write_string(out, content->value, content->value_size_bytes);
}

void record_put(struct bytes_writer *out, const char *path, const struct node_content *content)
{
    bytes_write_u8(out, RECORD_PUT);
    write_content(out, path, content);
}

void record_remove(struct bytes_writer *out, const char *path)
{
    bytes_write_u8(out, RECORD_REMOVE);
    write_text(out, path);
}

void record_special_perms(struct bytes_writer *out, const char *name, const struct perm *perms,
                          size_t perm_count)
{
    bytes_write_u8(out, RECORD_SPECIAL_PERMS);
    write_text(out, name);
    write_perms(out, perms, perm_count);
}

void record_domain(struct bytes_writer *out, domid_t domid, uint64_t gfn, uint32_t port)
{
    bytes_write_u8(out, RECORD_DOMAIN);
    bytes_write_u32(out, domid);
    bytes_write_u64(out, gfn);
    bytes_write_u32(out, port);
}

void record_domain_flags(struct bytes_writer *out, domid_t domid, bool is_shutdown,
                         uint32_t ring_error, domid_t target)
{
    bytes_write_u8(out, RECORD_DOMAIN_FLAGS);
    bytes_write_u32(out, domid);
    bytes_write_u8(out, is_shutdown);
    bytes_write_u32(out, ring_error);
    bytes_write_u32(out, target);
}

void record_input(struct bytes_writer *out, domid_t domid, uint32_t index, const void *partial,
                  size_t partial_size_bytes)
{
    bytes_write_u8(out, RECORD_INPUT);
    bytes_write_u32(out, domid);
    bytes_write_u32(out, index);
    bytes_write_string(out, partial, partial_size_bytes);
}

void record_output_start(struct bytes_writer *out, domid_t domid, uint32_t index)
{
    bytes_write_u8(out, RECORD_OUTPUT_START);
    bytes_write_u32(out, domid);
    bytes_write_u32(out, index);
}

void record_output(struct bytes_writer *out, domid_t domid, const void *message, size_t size_bytes)
{
    bytes_write_u8(out, RECORD_OUTPUT);
    bytes_write_u32(out, domid);
    bytes_write_string(out, message, size_bytes);
}

void record_watch(struct bytes_writer *out, enum record_type type, domid_t domid, const char *path,
                  const char *token)
{
    bytes_write_u8(out, (uint8_t)type);
    bytes_write_u32(out, domid);
    write_text(out, path);
    write_text(out, token);
}

void record_transaction(struct bytes_writer *out, enum record_type type, domid_t domid, uint32_t id)
{
    bytes_write_u8(out, (uint8_t)type);
    bytes_write_u32(out, domid);
    bytes_write_u32(out, id);
}

void record_transaction_put(struct bytes_writer *out, domid_t domid, uint32_t id, const char *path,
                            const struct node_content *content)
{
    record_transaction(out, RECORD_TRANSACTION_PUT, domid, id);
    write_content(out, path, content);
}

void record_transaction_remove(struct bytes_writer *out, domid_t domid, uint32_t id,
                               const char *path)
{
    record_transaction(out, RECORD_TRANSACTION_REMOVE, domid, id);
    write_text(out, path);
}

void record_next_transaction(struct bytes_writer *out, uint32_t id)
{
    bytes_write_u8(out, RECORD_NEXT_TRANSACTION);
    bytes_write_u32(out, id);
}

void record_of_domain(struct bytes_writer *out, enum record_type type, domid_t domid)
{
    bytes_write_u8(out, (uint8_t)type);
    bytes_write_u32(out, domid);
}
