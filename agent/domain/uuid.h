/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A UUID's two forms: 16 bytes in the order of the text, and the text.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/** text is 36 characters; false when it is not a UUID. */
bool uuid_parse(const char *text, uint8_t bytes[16]);

void uuid_format(const uint8_t bytes[16], char text[37]);
