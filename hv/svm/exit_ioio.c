/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trapped port accesses. The processor says port, size and direction (APM vol. 2, 15.10.2); the string forms are the
 * emulator's, for their memory side. What the processor says of that is not used: QEMU leaves most of it out.
 */
#include <hv/mmio.h>

#include "svm.h"

#define IOIO_IN     (1UL << 0)
#define IOIO_STRING (1UL << 2)
#define IOIO_SIZE(info)      (((info) >> 4) & 7)   /* 1, 2 or 4 bytes: one bit each */
#define IOIO_PORT(info)      (((info) >> 16) & 0xffff)

void svm_exit_ioio(struct vcpu *v)
{
    struct vmcb *vmcb = v->arch.vmcb;
    uint64_t info = vmcb->exit_info1;
    unsigned size = IOIO_SIZE(info);
    uint64_t *rax = &v->arch.gprs.rax;
    uint16_t port = IOIO_PORT(info);

    if (info & IOIO_STRING) {
        if (mmio_emulate_port(v, port) != 0) { /* the code is another by now */
            arch_inject_exception(v, EXC_GP, true, 0);
        }
        return;
    }
    if (info & IOIO_IN) {
        *rax = low_bytes(arch_port_read(v, port, size), size) | (size < 4 ? *rax & ~low_bytes(~0UL, size) : 0);
    } else {
        arch_port_write(v, port, size, (uint32_t)low_bytes(*rax, size));
    }
    vmcb->rip = vmcb->exit_info2;
    arch_vcpu_advance_rip(v, 0);
}
