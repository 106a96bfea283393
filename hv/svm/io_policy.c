/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may touch which port and which MSR directly (AMD64 APM vol. 2, 15.10, 15.11). A guest reaches
 * no port at all; the hardware domain every port but those that would break the host or belong to the
 * hypervisor. A set bit in a map means: trap.
 */
#include <hv/acpi.h>
#include <hv/arch/svm_host.h>
#include <hv/console.h>
#include <hv/print.h>
#include <hv/vpci.h>
#include <xen/sched.h>

#include "svm.h"

#define IOPM_BYTES  (3 * PAGE_SIZE)
#define MSRPM_BYTES (2 * PAGE_SIZE)

#define PORT_PIT_CHANNEL2 0x42
#define PORT_8042         0x64
#define PORT_SYSTEM       0x92
#define SYSTEM_A20        0x02
#define PORT_CF9          0xcf9
#define SLEEP_ENABLE      (1U << 13) /* PM1_CNT.SLP_EN, ACPI 6.4, 4.8.3.2.1 */
#define RESET_CF9         0x04

uint8_t *svm_default_iopm, *svm_default_msrpm;

static uint8_t *map_alloc(size_t bytes)
{
    mfn_t m = frame_alloc_hv(order_of(bytes), NODE_ANY);
    uint8_t *map;

    if (mfn_is_none(m)) {
        return NULL;
    }
    map = mfn_to_virt(m);
    memset(map, 0xff, bytes);
    return map;
}

/* Two bits an MSR, read and write, in three ranges of 8192 (15.11). */
static void msr_let_through(uint8_t *map, uint32_t msr)
{
    uint32_t offset;

    if (msr < 0x2000) {
        offset = msr;
    } else if (msr >= 0xc0000000 && msr < 0xc0002000) {
        offset = 0x2000 + (msr - 0xc0000000);
    } else {
        offset = 0x4000 + (msr - 0xc0010000);
    }
    map[offset / 4] &= ~(3U << (offset % 4 * 2));
}

/* What VMLOAD and VMSAVE switch is the guest's own (15.5.2). */
static const uint32_t switched_msrs[] = {
    0xc0000100, /* FS.base */
    0xc0000101, /* GS.base */
    0xc0000102, /* KernelGSBase */
    0xc0000081, /* STAR */
    0xc0000082, /* LSTAR */
    0xc0000083, /* CSTAR */
    0xc0000084, /* SFMASK */
    0x00000174, /* SYSENTER_CS */
    0x00000175, /* SYSENTER_ESP */
    0x00000176, /* SYSENTER_EIP */
};

void svm_maps_init(void)
{
    svm_default_iopm = map_alloc(IOPM_BYTES);
    svm_default_msrpm = map_alloc(MSRPM_BYTES);
    if (svm_default_iopm == NULL || svm_default_msrpm == NULL) {
        halt_with_message("no memory for the SVM permission maps");
    }
    for (unsigned i = 0; i < ARRAY_SIZE(switched_msrs); i++) {
        msr_let_through(svm_default_msrpm, switched_msrs[i]);
    }
}

static bool is_pci_port(uint32_t port)
{
    return port >= 0xcf8 && port <= 0xcff;
}

static bool is_pm1_cnt(uint32_t port)
{
    return (acpi_info.pm1a_cnt_port != 0 && port == acpi_info.pm1a_cnt_port) ||
           (acpi_info.pm1b_cnt_port != 0 && port == acpi_info.pm1b_cnt_port);
}

/* QEMU's own: fw_cfg's DMA, which no IOMMU translates, and the ejection of processors. */
static bool is_emulators(uint32_t port)
{
    return (port >= 0x514 && port <= 0x51b) || (port >= 0xcd8 && port <= 0xce3);
}

static bool gates_a20(uint32_t port)
{
    return port == PORT_8042 || port == PORT_SYSTEM;
}

/* Ports that the hardware domain does not reach: 8259s, PIT, PCI configuration with 0xcf9 (reset), what gates A20, and those
 * of serial_owns_port(), is_pm1_cnt() and is_emulators(). */
static bool is_trapped(uint32_t port)
{
    return (port & ~0x81U) == 0x20 || (port >= 0x40 && port <= 0x43) || is_pci_port(port) || serial_owns_port(port) ||
           is_pm1_cnt(port) || is_pm1_cnt(port - 1) || gates_a20(port) || is_emulators(port);
}

int svm_maps_init_hardware_domain(struct domain *d)
{
    uint8_t *map = map_alloc(IOPM_BYTES);

    if (map == NULL) {
        return -XEN_ENOMEM;
    }
    memset(map, 0, 2 * PAGE_SIZE);
    map[2 * PAGE_SIZE] = 0xff; /* accesses that begin at 0xfffd and reach beyond 0xffff */
    for (uint32_t port = 0; port <= 0xffff; port++) {
        map[port / 8] |= is_trapped(port) << (port % 8);
    }
    d->io_bitmap = map;
    return 0;
}

uint32_t arch_port_read(struct vcpu *v, uint16_t port, unsigned size)
{
    uint32_t value;

    if (v->domain->is_hardware) {
        if (is_pci_port(port) && vpci_port_read(v, port, size, &value)) {
            return value;
        }
        if (is_pm1_cnt(port) || (gates_a20(port) && size == 1)) {
            return x86_in(port, size);
        }
    }
    /* Linux's PIT calibration counts on something other than all-ones to give up at once. */
    return port == PORT_PIT_CHANNEL2 ? 0 : ~0U;
}

/* The hardware domain turns the machine off or puts it to sleep. */
static void pm1_write(struct vcpu *v, uint16_t port, unsigned size, uint32_t value)
{
    if (value & SLEEP_ENABLE) {
        pr_info("d%u: ACPI sleep: PM1_CNT %x = %x\n", v->domain->domid, port, value);
    }
    x86_out(port, size, value);
}

/* Address line 20 stays on: without it the host's memory is not where it was. Not every machine heeds VM_CR.DIS_A20M. Of the
 * 8042's commands 0xd1 writes its output port, whose bit 1 is A20, 0xdd is A20 off, 0xfx pulses the low bits that are 0. */
static void a20_write(uint16_t port, uint32_t value)
{
    if (port == PORT_SYSTEM) {
        x86_out8(port, (uint8_t)(value | SYSTEM_A20));
    } else if (value != 0xd1 && value != 0xdd) {
        x86_out8(port, (uint8_t)(value >= 0xf0 ? value | SYSTEM_A20 : value));
    }
}

void arch_port_write(struct vcpu *v, uint16_t port, unsigned size, uint32_t value)
{
    if (v->domain->is_hardware) {
        if (port == PORT_CF9 && size == 1) {
            if (value & RESET_CF9) {
                domain_shutdown(v->domain, SHUTDOWN_reboot);
            }
            return;
        }
        if (is_pci_port(port) && vpci_port_write(v, port, size, value)) {
            return;
        }
        if (is_pm1_cnt(port)) {
            pm1_write(v, port, size, value);
        }
        if (gates_a20(port) && size == 1) {
            a20_write(port, value);
        }
    }
}
