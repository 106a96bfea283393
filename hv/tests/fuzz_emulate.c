/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer harness of instruction emulation: any code with any registers on a vCPU with an xAPIC
 * page and the IO-APICs. It may refuse and it may inject faults; it must end, and stay within its
 * own memory. Build: clang -g -O1 -fsanitize=fuzzer,address,undefined -DHV_HOSTED -D__XEN_TOOLS__
 * -Ihv/include hv/tests/fuzz_emulate.c hv/tests/vdev_fakes.c
 * hv/vdev/{decode,emulate,mmio,vioapic,vlapic*}.c
 */
#include <hv/hypercall.h>
#include <hv/mmio.h>
#include <hv/vioapic.h>
#include <hv/vlapic.h>

#include <stdlib.h>
#include <string.h>

#include "vdev_fakes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct domain *start(void)
{
    struct domain *d = fake_domain(2);

    for (unsigned n = 0; n < 2; n++) {
        vlapic_init(d->vcpus[n]);
        vlapic_msr_write(d->vcpus[n], 0x1b, n == 0 ? 0xfee00100 : 0xfee00000);
        vlapic_msr_write(d->vcpus[n], 0x1b, n == 0 ? 0xfee00900 : 0xfee00800);
    }
    vioapic_init(d);
    return d;
}

static void stop(struct domain *d)
{
    vlapic_free(d->vcpus[0]);
    vlapic_free(d->vcpus[1]);
}

/* Addresses at which something is, and their neighbours. */
static uint64_t pick_address(uint8_t selector, uint16_t offset)
{
    static const uint64_t bases[] = {
        0xfee00000, 0xfec00000, 0xfec00ff0,       0xfec01000,   0xfedffff8, 0,
        0x5000,     0xff000,    0x7fffffffffffUL, ~0UL - 0xfff, 0x900000};

    return bases[selector % ARRAY_SIZE(bases)] + (offset & 0xfff);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned modes[] = {64, 32, 16, 64};
    struct domain *d;
    struct vcpu *v;
    uint64_t *gprs;

    if (size < 24) {
        return 0;
    }
    d = start();
    fake.code_bits = modes[data[0] & 3];
    fake.cpl = data[0] & 4 ? 3 : 0;
    fake.rflags = 2 | (data[1] & 4 ? 1 << 10 : 0) | (data[1] & 1);
    fake.unmapped_linear = data[0] & 8 ? 0x6000 : ~0UL;
    v = d->vcpus[0];
    gprs = &v->arch.gprs.rax;
    for (unsigned reg = 0; reg < 8; reg++) {
        gprs[reg] = gprs[reg + 8] =
            pick_address(data[2 + reg], (uint16_t)(data[10 + reg] << 4 | reg));
    }
    gprs[1] = data[1] >> 3; /* REP counts */
    fake.rip = 0x2000 - (data[18] & 15);
    memcpy(&fake.memory[fake.rip], data + 19, size - 19 < 16 ? size - 19 : 16);
    for (unsigned n = 0; n < 4; n++) {
        int rc = mmio_emulate(v, pick_address(data[2 + 7], data[17]), NULL, 0);

        if (rc != 0 && rc != -XEN_EOPNOTSUPP && rc != -XEN_ENOENT) {
            abort();
        }
        if (fake.exception >= 0) {
            break;
        }
        fake_line_fires(data[18] & 31);
    }
    fake_advance_ns(1000000);
    stop(d);
    return 0;
}
