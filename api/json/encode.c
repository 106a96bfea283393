/* SPDX-License-Identifier: Apache-2.0 */
/* protobuf-c message => JSON text. See json_map.h for the rules. */
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json/base64.h"
#include "json/field.h"
#include "json/json_map.h"

static json_t *encode_message(const ProtobufCMessage *message);

static json_t *encode_64(bool is_signed, int64_t number)
{
    char text[24];

    if (is_signed) {
        snprintf(text, sizeof(text), "%" PRId64, number);
    } else {
        snprintf(text, sizeof(text), "%" PRIu64, (uint64_t)number);
    }
    return json_string(text);
}

static json_t *encode_double(double value)
{
    if (isnan(value)) {
        return json_string("NaN");
    }
    if (isinf(value)) {
        return json_string(value > 0 ? "Infinity" : "-Infinity");
    }
    return json_real(value);
}

/* Invalid UTF-8 (a guest or a file name may hold anything) becomes '?', so that there is always an
 * answer. */
static json_t *encode_string(const char *text)
{
    json_t *value = json_string(text != NULL ? text : "");
    char *copy;

    if (value != NULL || text == NULL) {
        return value;
    }
    copy = strdup(text);
    if (copy == NULL) {
        return NULL;
    }
    for (char *p = copy; *p != '\0'; p++) {
        if ((unsigned char)*p >= 0x80) {
            *p = '?';
        }
    }
    value = json_string(copy);
    free(copy);
    return value;
}

static json_t *encode_enum(const ProtobufCEnumDescriptor *type, int number)
{
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(type, number);

    return value != NULL ? json_string(value->name) : json_integer(number);
}

static json_t *encode_bytes(const ProtobufCBinaryData *data)
{
    char *text = base64_encode(data->data, data->len);
    json_t *value = text != NULL ? json_string(text) : NULL;

    free(text);
    return value;
}

/* Encode the one value that lies at member. */
static json_t *encode_value(const ProtobufCFieldDescriptor *field, const void *member)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        return json_integer(*(const int32_t *)member);
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        return json_integer(*(const uint32_t *)member);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        return encode_64(true, *(const int64_t *)member);
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return encode_64(false, *(const int64_t *)member);
    case PROTOBUF_C_TYPE_FLOAT:
        return encode_double((double)*(const float *)member);
    case PROTOBUF_C_TYPE_DOUBLE:
        return encode_double(*(const double *)member);
    case PROTOBUF_C_TYPE_BOOL:
        return json_boolean(*(const protobuf_c_boolean *)member);
    case PROTOBUF_C_TYPE_ENUM:
        return encode_enum(field->descriptor, *(const int *)member);
    case PROTOBUF_C_TYPE_STRING:
        return encode_string(*(char *const *)member);
    case PROTOBUF_C_TYPE_BYTES:
        return encode_bytes(member);
    case PROTOBUF_C_TYPE_MESSAGE:
        return encode_message(*(ProtobufCMessage *const *)member);
    }
    return NULL;
}

static json_t *encode_repeated(const ProtobufCFieldDescriptor *field, const char *base)
{
    size_t count = *(const size_t *)(base + field->quantifier_offset);
    const char *values = *(char *const *)(base + field->offset);
    json_t *array = json_array();

    for (size_t i = 0; array != NULL && i < count; i++) {
        json_t *value = encode_value(field, values + i * field_value_size(field->type));

        if (value == NULL || json_array_append_new(array, value) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

/* Whether a field is set. Plain proto3 fields always are: their default is a value too. */
static bool is_present(const ProtobufCFieldDescriptor *field, const char *base)
{
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        return true;
    }
    if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
        return *(const uint32_t *)(base + field->quantifier_offset) == field->id;
    }
    if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        return *(ProtobufCMessage *const *)(base + field->offset) != NULL;
    }
    return true;
}

static json_t *encode_message(const ProtobufCMessage *message)
{
    const char *base = (const char *)message;
    json_t *object = json_object();

    for (unsigned i = 0; object != NULL && i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        char name[64];
        json_t *value;

        if (!is_present(field, base)) {
            continue;
        }
        value = field->label == PROTOBUF_C_LABEL_REPEATED ? encode_repeated(field, base)
                                                          : encode_value(field, base + field->offset);
        field_json_name(field->name, name, sizeof(name));
        if (value == NULL || json_object_set_new(object, name, value) != 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

int json_map_encode(const ProtobufCMessage *message, char **text, struct err *err)
{
    json_t *object = encode_message(message);

    *text = object != NULL ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    if (*text == NULL) {
        return err_set(err, ERR_NO_MEMORY, "no memory to encode %s",
                       message->descriptor->short_name);
    }
    return 0;
}
