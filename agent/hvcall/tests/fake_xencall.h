/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stand-in for libxencall: one function of the test plays the hypervisor, and buffers are counted, so
 * that a test sees when one is not given back.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Plays the hypervisor. Returns 0 or more, or a negative errno value. */
typedef long (*fake_hypervisor_fn)(unsigned int number, uint64_t first, void *second);

extern fake_hypervisor_fn fake_hypervisor;
extern int fake_buffers; /* allocated and not yet freed */
extern int fake_calls;
extern int fake_fail_buffer; /* 1: the next allocation fails, 2: the one after it ... 0: none */
