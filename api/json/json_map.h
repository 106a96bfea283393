/* SPDX-License-Identifier: Apache-2.0 */
/*
 * protobuf messages to JSON and back, driven by protobuf-c's descriptors: protobuf's JSON mapping,
 * with proto field names (snake_case) on output and both spellings accepted on input. 64-bit
 * integers are strings on output, strings or numbers on input; enums are their names; bytes are
 * base64. Fields without presence are always written; unset messages and oneof members are not.
 *
 * Input is strict: unknown and repeated members, wrong types, numbers out of range and nesting
 * beyond a limit are refused with the path of the field at fault, in proto names
 * ("disks[1].path", "memory_bytes"). A JSON null
 * stands for the default, as the mapping says.
 */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

#include "util/err.h"

/** Encode a message. *text is the caller's, freed with free(). ERR_NO_MEMORY, ERR_INTERNAL. */
int json_map_encode(const ProtobufCMessage *message, char **text, struct err *err);

/**
 * Decode size_bytes of JSON text into a new message of the given type; the caller frees *message
 * with protobuf_c_message_free_unpacked(). ERR_INVALID names the field; ERR_NO_MEMORY.
 */
int json_map_decode(const ProtobufCMessageDescriptor *type, const char *text, size_t size_bytes,
                    ProtobufCMessage **message, struct err *err);
