/* SPDX-License-Identifier: Apache-2.0 */
/* Bringing the processor's virtualization up: what boot code calls. */
#pragma once

struct domain;

/* Checks that this host can run guests; halts with a message naming what is missing. Once. */
void svm_detect(void);
/* Permission maps shared by all guests. Once, after the heap. */
void svm_maps_init(void);
/* Switches SVM on, on the calling CPU, and prepares its timers and its place in the scheduler. */
void svm_init_cpu(void);
/* The hardware domain's port map. 0 or -XEN_ENOMEM. */
int svm_maps_init_hardware_domain(struct domain *d);
