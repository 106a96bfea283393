/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hypercall page (xen/arch-x86/cpuid.h, leaf 2): 32 bytes of code a hypercall number, written into a
 * page of the guest when it asks through the MSR. The same code does in every mode. Our own guests use VMMCALL
 * inline; others call here.
 */
#include <hv/guest_copy.h>

#include "svm.h"

#define STUB_SIZE 32U

/* mov $number, %eax; vmmcall; ret. For iret, which a guest of hardware virtualization never has: ud2. */
static void write_stub(uint8_t *stub, uint32_t number)
{
    static const uint8_t code[] = {0xb8, 0, 0, 0, 0, 0x0f, 0x01, 0xd9, 0xc3};
    static const uint8_t ud2[] = {0x0f, 0x0b};

    memset(stub, 0xcc, STUB_SIZE);
    if (number == __HYPERVISOR_iret) {
        memcpy(stub, ud2, sizeof(ud2));
        return;
    }
    memcpy(stub, code, sizeof(code));
    memcpy(stub + 1, &number, sizeof(number));
}

bool svm_write_hypercall_msr(struct vcpu *v, uint32_t msr, uint64_t value)
{
    uint64_t gpa = value & PAGE_MASK;
    uint8_t stub[STUB_SIZE];

    if ((value & ~PAGE_MASK) != 0) { /* page 0 is the only one */
        return false;
    }
    for (uint32_t number = 0; number < PAGE_SIZE / STUB_SIZE; number++) {
        write_stub(stub, number);
        if (guest_copy_out_gpa(v->domain, gpa + number * STUB_SIZE, stub, STUB_SIZE) != 0) {
            return false;
        }
    }
    domain_latch_width(v);
    return true;
}
