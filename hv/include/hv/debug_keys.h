/* SPDX-License-Identifier: Apache-2.0 */
/* Debug keys: each prints one view of the hypervisor's state to the console ('h' lists them). */
#pragma once

/* Does what the key stands for; an unknown one does nothing. The control lock is held. */
void debug_key(char key);
