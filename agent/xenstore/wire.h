/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The messages of the xenstore protocol (<xen/io/xs_wire.h>): a 16-byte header, then at most 4096
 * bytes of payload made of zero-terminated strings and, for a value, raw bytes. A message arrives
 * in pieces, from a socket or a ring; struct wire_input collects one.
 */
#pragma once

#include <errno.h> /* before xs_wire.h: it offers its table of error names only then */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>

#include <xen/io/xs_wire.h>

#define WIRE_HEADER_SIZE sizeof(struct xsd_sockmsg)
#define WIRE_MESSAGE_MAX (WIRE_HEADER_SIZE + XENSTORE_PAYLOAD_MAX)

_Static_assert(sizeof(struct xsd_sockmsg) == 16, "xenstore message header");

/* One message on its way in. Zero-initialized it is empty. */
struct wire_input {
    size_t used_bytes;
    union {
        struct xsd_sockmsg header;
        char bytes[WIRE_MESSAGE_MAX + 1]; /* one spare byte: payloads are zero-terminated for us */
    };
};

/**
 * How many more bytes the message needs, as far as is known: first the header, then the payload.
 * @return 0 when the message is complete
 */
size_t wire_input_wanted(const struct wire_input *in);

/**
 * Add bytes, at most wire_input_wanted() of them.
 * @return 0, or EINVAL when the header now known announces more than XENSTORE_PAYLOAD_MAX bytes;
 *         the stream cannot be followed any further then
 */
int wire_input_add(struct wire_input *in, const void *bytes, size_t size_bytes);

/** The payload of a complete message; zero-terminated beyond its end. */
const char *wire_input_payload(const struct wire_input *in);

/** Be empty again. */
void wire_input_reset(struct wire_input *in);

/**
 * Find the zero-terminated strings at the start of a payload.
 * @param strings  receives up to max pointers into the payload
 * @return how many strings there are in all (may exceed max); a last one without its zero byte does
 *         not count
 */
size_t wire_split(const char *payload, size_t size_bytes, const char **strings, size_t max);

/** The protocol's name for an errno value; "EINVAL" for a value it has no name for. */
const char *wire_error_name(int errnum);

/** Parse a whole string as a decimal number of 32 bits. */
bool wire_parse_u32(const char *text, uint32_t *value);

/** Parse a domain id that can name a domain (below DOMID_FIRST_RESERVED). */
bool wire_parse_domid(const char *text, domid_t *domid);
