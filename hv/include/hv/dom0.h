/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Builds dom0 from the boot modules and starts it; halts with a message when it cannot. */
void dom0_build(void);
