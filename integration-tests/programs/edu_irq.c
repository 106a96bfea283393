/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Raises interrupts with QEMU's "edu" device.
 *
 *   edu_irq forge FIRST LAST       writes an interrupt message for CPU 0 by DMA, for each of these vectors
 *   edu_irq message DEVICE COUNT   sends the MSI message that another function has, as its own MSI
 *   edu_irq raise N | lower N      asserts the interrupt line of the N-th edu device, or lets go of it
 *   edu_irq serve N COUNT          asserts the line as often, each time until a driver that switches the device's
 *                                  line off has done so (uio_pci_generic)
 */
#include "edu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_ADDRESS 0xfee00000u
#define PCI_CAP_MSI     5
#define MSI_CONTROL     2u
#define MSI_ADDRESS     4u
#define MSI_64BIT       0x80u
#define MSI_ENABLE      1u
#define REASON          1u
#define PCI_COMMAND     4u
#define COMMAND_NO_INTX 0x400u

static void forge(unsigned first, unsigned last)
{
    uint64_t own;
    unsigned char *page = edu_own_page(&own);

    for (uint32_t vector = first; vector <= last; vector++) {
        memcpy(page, &vector, sizeof(vector));
        edu_to_device(own, sizeof(vector));
        edu_to_memory(MESSAGE_ADDRESS, sizeof(vector));
    }
}

static unsigned data_at(const char *name, unsigned at)
{
    return at + (edu_config_read(name, at + MSI_CONTROL, 2) & MSI_64BIT ? 12 : 8);
}

/* Linux has no driver for the device: the message is one that another driver takes. */
static void send_message_of(const char *name, unsigned count)
{
    unsigned from = edu_find_capability(name, PCI_CAP_MSI), at = edu_find_capability(NULL, PCI_CAP_MSI);
    uint32_t control = edu_config_read(NULL, at + MSI_CONTROL, 2);

    edu_config_write(at + MSI_ADDRESS, 4, edu_config_read(name, from + MSI_ADDRESS, 4));
    edu_config_write(data_at(NULL, at), 2, edu_config_read(name, data_at(name, from), 2));
    edu_config_write(at + MSI_CONTROL, 2, control | MSI_ENABLE);
    for (unsigned i = 0; i < count; i++) {
        edu_write32(EDU_RAISE, REASON);
        edu_write32(EDU_LOWER, REASON);
    }
    edu_config_write(at + MSI_CONTROL, 2, control & ~MSI_ENABLE);
}

static void serve(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        edu_write32(EDU_RAISE, REASON);
        while (!(edu_config_read(NULL, PCI_COMMAND, 2) & COMMAND_NO_INTX)) {
        }
        edu_write32(EDU_LOWER, REASON);
        edu_config_write(PCI_COMMAND, 2, edu_config_read(NULL, PCI_COMMAND, 2) & ~COMMAND_NO_INTX);
    }
}

int main(int argc, char **argv)
{
    const char *verb = argc > 1 ? argv[1] : "";

    if (argc == 4 && strcmp(verb, "forge") == 0) {
        edu_open(0);
        forge((unsigned)strtoul(argv[2], NULL, 0), (unsigned)strtoul(argv[3], NULL, 0));
    } else if (argc == 4 && strcmp(verb, "message") == 0) {
        edu_open(0);
        send_message_of(argv[2], (unsigned)strtoul(argv[3], NULL, 0));
    } else if (argc == 3 && (strcmp(verb, "raise") == 0 || strcmp(verb, "lower") == 0)) {
        edu_open((unsigned)strtoul(argv[2], NULL, 0));
        edu_write32(*verb == 'r' ? EDU_RAISE : EDU_LOWER, REASON);
    } else if (argc == 4 && strcmp(verb, "serve") == 0) {
        edu_open((unsigned)strtoul(argv[2], NULL, 0));
        serve((unsigned)strtoul(argv[3], NULL, 0));
    } else {
        fputs("usage: edu_irq forge FIRST LAST | message DEVICE COUNT | raise N | lower N | serve N COUNT\n", stderr);
        return 2;
    }
    return 0;
}
