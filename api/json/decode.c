/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON text => protobuf-c message. See json_map.h for the rules. A message is built with malloc(),
 * as protobuf-c's default allocator does, so that protobuf_c_message_free_unpacked() frees it,
 * half-built ones included: every value is stored only when it is whole.
 */
#include <errno.h>
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

#define DEPTH_MAX    16
#define REPEATED_MAX 4096

/* Where in the input we are, as a chain up the stack; written out only when something is wrong. */
struct place {
    const struct place *parent;
    const char *name; /* NULL: an element of an array */
    size_t index;
    unsigned depth;
};

static void place_text(const struct place *place, char *out, size_t size_bytes)
{
    size_t used;

    if (place->parent == NULL) {
        out[0] = '\0';
        return;
    }
    place_text(place->parent, out, size_bytes);
    used = strlen(out);
    if (place->name == NULL) {
        snprintf(out + used, size_bytes - used, "[%zu]", place->index);
    } else {
        snprintf(out + used, size_bytes - used, "%s%s", used > 0 ? "." : "", place->name);
    }
}

static int refuse(const struct place *place, struct err *err, const char *what)
{
    char field[64];

    place_text(place, field, sizeof(field));
    if (field[0] == '\0') {
        return err_set(err, ERR_INVALID, "the request body %s", what);
    }
    return err_set_field(err, ERR_INVALID, field, "%s %s", field, what);
}

static int out_of_memory(struct err *err)
{
    return err_set(err, ERR_NO_MEMORY, "no memory to decode the request body");
}

static int decode_message(const ProtobufCMessageDescriptor *type, const json_t *object,
                          const struct place *place, ProtobufCMessage **message, struct err *err);

static int decode_signed(const json_t *value, int64_t min, int64_t max, const struct place *place,
                         int64_t *number, struct err *err)
{
    if (json_is_integer(value)) {
        *number = json_integer_value(value);
    } else if (json_is_string(value)) {
        const char *text = json_string_value(value);
        char *end;

        errno = 0;
        *number = strtoll(text, &end, 10);
        if ((text[0] != '-' && (text[0] < '0' || text[0] > '9')) || *end != '\0' || errno != 0 ||
            strlen(text) != json_string_length(value)) {
            return refuse(place, err, "is not a whole number in range");
        }
    } else {
        return refuse(place, err, "must be a whole number");
    }
    if (*number < min || *number > max) {
        return refuse(place, err, "is out of range");
    }
    return 0;
}

static int decode_unsigned(const json_t *value, uint64_t max, const struct place *place,
                           uint64_t *number, struct err *err)
{
    if (json_is_integer(value)) {
        if (json_integer_value(value) < 0) {
            return refuse(place, err, "must not be negative");
        }
        *number = (uint64_t)json_integer_value(value);
    } else if (json_is_string(value)) {
        const char *text = json_string_value(value);
        char *end;

        errno = 0;
        *number = strtoull(text, &end, 10);
        if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 ||
            strlen(text) != json_string_length(value)) {
            return refuse(place, err, "is not a whole number in range");
        }
    } else {
        return refuse(place, err, "must be a whole number");
    }
    if (*number > max) {
        return refuse(place, err, "is out of range");
    }
    return 0;
}

static int decode_double(const json_t *value, const struct place *place, double *number,
                         struct err *err)
{
    const char *text = json_string_value(value);

    if (json_is_number(value)) {
        *number = json_number_value(value);
    } else if (text != NULL && strcmp(text, "NaN") == 0) {
        *number = NAN;
    } else if (text != NULL && strcmp(text, "Infinity") == 0) {
        *number = INFINITY;
    } else if (text != NULL && strcmp(text, "-Infinity") == 0) {
        *number = -INFINITY;
    } else {
        return refuse(place, err, "must be a number");
    }
    return 0;
}

static int decode_enum(const ProtobufCEnumDescriptor *type, const json_t *value,
                       const struct place *place, int *number, struct err *err)
{
    const ProtobufCEnumValue *found = NULL;

    if (json_is_string(value)) {
        found = protobuf_c_enum_descriptor_get_value_by_name(type, json_string_value(value));
    } else if (json_is_integer(value) && json_integer_value(value) >= 0 &&
               json_integer_value(value) <= INT32_MAX) {
        found = protobuf_c_enum_descriptor_get_value(type, (int)json_integer_value(value));
    }
    if (found == NULL) {
        char what[160];

        snprintf(what, sizeof(what), "must be one of the names of %s, such as \"%s\"",
                 type->short_name, type->values[type->n_values > 1 ? 1 : 0].name);
        return refuse(place, err, what);
    }
    *number = found->value;
    return 0;
}

static int decode_string(const json_t *value, const struct place *place, char **text,
                         struct err *err)
{
    if (!json_is_string(value)) {
        return refuse(place, err, "must be a string");
    }
    /* jansson refuses \u0000 in strings unless told otherwise: the text is whole. */
    *text = strdup(json_string_value(value));
    return *text != NULL ? 0 : out_of_memory(err);
}

static int decode_bytes(const json_t *value, const struct place *place, ProtobufCBinaryData *data,
                        struct err *err)
{
    if (!json_is_string(value) || !base64_decode(json_string_value(value),
                                                 json_string_length(value), &data->data,
                                                 &data->len)) {
        return refuse(place, err, "must be a string of base64");
    }
    return 0;
}

/* Decode one value into member, which belongs to a message under construction. */
static int decode_value(const ProtobufCFieldDescriptor *field, const json_t *value,
                        const struct place *place, void *member, struct err *err)
{
    uint64_t u = 0;
    int64_t s = 0;
    double d = 0;
    int rc;

    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        rc = decode_signed(value, INT32_MIN, INT32_MAX, place, &s, err);
        *(int32_t *)member = (int32_t)s;
        return rc;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        rc = decode_signed(value, INT64_MIN, INT64_MAX, place, &s, err);
        *(int64_t *)member = s;
        return rc;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        rc = decode_unsigned(value, UINT32_MAX, place, &u, err);
        *(uint32_t *)member = (uint32_t)u;
        return rc;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        rc = decode_unsigned(value, UINT64_MAX, place, &u, err);
        *(uint64_t *)member = u;
        return rc;
    case PROTOBUF_C_TYPE_FLOAT:
        rc = decode_double(value, place, &d, err);
        *(float *)member = (float)d;
        return rc;
    case PROTOBUF_C_TYPE_DOUBLE:
        return decode_double(value, place, member, err);
    case PROTOBUF_C_TYPE_BOOL:
        if (!json_is_boolean(value)) {
            return refuse(place, err, "must be true or false");
        }
        *(protobuf_c_boolean *)member = json_is_true(value);
        return 0;
    case PROTOBUF_C_TYPE_ENUM:
        return decode_enum(field->descriptor, value, place, member, err);
    case PROTOBUF_C_TYPE_STRING:
        return decode_string(value, place, member, err);
    case PROTOBUF_C_TYPE_BYTES:
        return decode_bytes(value, place, member, err);
    case PROTOBUF_C_TYPE_MESSAGE:
        return decode_message(field->descriptor, value, place, member, err);
    }
    return err_set(err, ERR_INTERNAL, "a field type the JSON mapping does not know");
}

static int decode_repeated(const ProtobufCFieldDescriptor *field, const json_t *array,
                           const struct place *place, char *base, struct err *err)
{
    size_t *count = (size_t *)(base + field->quantifier_offset);
    size_t size_bytes = field_value_size(field->type);
    char *values;

    if (!json_is_array(array)) {
        return refuse(place, err, "must be a list");
    }
    if (json_array_size(array) == 0) {
        return 0;
    }
    if (json_array_size(array) > REPEATED_MAX) {
        return refuse(place, err, "has too many elements");
    }
    values = calloc(json_array_size(array), size_bytes);
    if (values == NULL) {
        return out_of_memory(err);
    }
    *(char **)(base + field->offset) = values;
    for (size_t i = 0; i < json_array_size(array); i++) {
        struct place element = {.parent = place, .index = i, .depth = place->depth};
        int rc = decode_value(field, json_array_get(array, i), &element, values + i * size_bytes,
                              err);

        if (rc != 0) {
            return rc;
        }
        *count = i + 1;
    }
    return 0;
}

static int decode_field(const ProtobufCFieldDescriptor *field, const json_t *value,
                        const struct place *place, ProtobufCMessage *message, struct err *err)
{
    char *base = (char *)message;
    char *member = base + field->offset;
    ProtobufCBinaryData decoded = {0}; /* the largest kind of value; aligned for all */
    int rc;

    if (json_is_null(value)) {
        return 0;
    }
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        return decode_repeated(field, value, place, base, err);
    }
    if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
        uint32_t *which = (uint32_t *)(base + field->quantifier_offset);

        if (*which != 0) {
            return refuse(place, err, "excludes another field that is given");
        }
        rc = decode_value(field, value, place, &decoded, err);
        if (rc == 0) {
            memcpy(member, &decoded, field_value_size(field->type));
            *which = field->id;
        }
        return rc;
    }
    rc = decode_value(field, value, place, &decoded, err);
    if (rc == 0) {
        memcpy(member, &decoded, field_value_size(field->type));
    }
    return rc;
}

static const ProtobufCFieldDescriptor *find_field(const ProtobufCMessageDescriptor *type,
                                                  const char *name)
{
    for (unsigned i = 0; i < type->n_fields; i++) {
        char json_name[64];

        /* "memoryBytes" is the same field as "memory_bytes". */
        field_json_name(type->fields[i].name, json_name, sizeof(json_name));
        if (strcmp(name, json_name) == 0 || strcmp(name, type->fields[i].name) == 0) {
            return &type->fields[i];
        }
    }
    return NULL;
}

static int decode_members(const ProtobufCMessageDescriptor *type, const json_t *object,
                          const struct place *place, ProtobufCMessage *message, struct err *err)
{
    uint64_t seen = 0; /* by index of the field: the two spellings of one are a repetition too */
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)object, name, value)
    {
        const ProtobufCFieldDescriptor *field = find_field(type, name);
        struct place member = {.parent = place, .name = name, .depth = place->depth};
        uint64_t bit;
        int rc;

        if (field == NULL) {
            return refuse(&member, err, "is not a field that exists here");
        }
        member.name = field->name;
        bit = UINT64_C(1) << ((field - type->fields) & 63);
        if (seen & bit) {
            return refuse(&member, err, "is given twice");
        }
        seen |= bit;
        rc = decode_field(field, value, &member, message, err);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

static int decode_message(const ProtobufCMessageDescriptor *type, const json_t *object,
                          const struct place *place, ProtobufCMessage **message, struct err *err)
{
    struct place inside = *place;
    ProtobufCMessage *built;
    int rc;

    if (!json_is_object(object)) {
        return refuse(place, err, "must be a JSON object");
    }
    inside.depth++;
    if (inside.depth > DEPTH_MAX) {
        return refuse(place, err, "is nested too deeply");
    }
    if (type->n_fields > 64) {
        return err_set(err, ERR_INTERNAL, "%s has more fields than the JSON mapping can count",
                       type->short_name);
    }
    built = calloc(1, type->sizeof_message);
    if (built == NULL) {
        return out_of_memory(err);
    }
    protobuf_c_message_init(type, built);
    rc = decode_members(type, object, &inside, built, err);
    if (rc != 0) {
        protobuf_c_message_free_unpacked(built, NULL);
        return rc;
    }
    *message = built;
    return 0;
}

int json_map_decode(const ProtobufCMessageDescriptor *type, const char *text, size_t size_bytes,
                    ProtobufCMessage **message, struct err *err)
{
    const struct place root = {0};
    json_error_t problem;
    json_t *object = json_loadb(text, size_bytes, JSON_REJECT_DUPLICATES, &problem);
    int rc;

    *message = NULL;
    if (object == NULL) {
        return err_set(err, ERR_INVALID, "the request body is not JSON: %s (line %d, column %d)",
                       problem.text, problem.line, problem.column);
    }
    rc = decode_message(type, object, &root, message, err);
    json_decref(object);
    return rc;
}
