/* SPDX-License-Identifier: Apache-2.0 */
/* How protobuf-c lays out a field's values in memory, for both directions of the mapping. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

/** Bytes that one value of this type takes in a message or in a repeated field's array. */
static inline size_t field_value_size(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return 8;
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    default:
        return 4;
    }
}

/** Write the JSON name of a proto field name or path: "disks[0].memory_bytes" => ...memoryBytes. */
static inline void field_json_name(const char *name, char *out, size_t size_bytes)
{
    size_t used = 0;

    for (; *name != '\0' && used + 1 < size_bytes; name++) {
        if (name[0] == '_' && name[1] >= 'a' && name[1] <= 'z') {
            name++;
            out[used++] = (char)(*name - 'a' + 'A');
        } else {
            out[used++] = *name;
        }
    }
    out[used] = '\0';
}
