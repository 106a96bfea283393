/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trapped port accesses. The processor says port, size and direction (APM vol. 2, 15.10.2), so
 * only the string forms need more: their memory side is copied here, a bounded number of
 * repetitions an exit.
 */
#include <hv/guest_copy.h>

#include "svm.h"

#define IOIO_IN     (1UL << 0)
#define IOIO_STRING (1UL << 2)
#define IOIO_REP    (1UL << 3)
#define IOIO_SIZE(info)      (((info) >> 4) & 7)   /* 1, 2 or 4 bytes: one bit each */
#define IOIO_ADDRESS(info)   (((info) >> 7) & 7)   /* 16, 32, 64 bit: one bit each */
#define IOIO_SEGMENT(info)   (((info) >> 10) & 7)
#define IOIO_PORT(info)      (((info) >> 16) & 0xffff)

#define REPS_PER_EXIT 256U
#define SEGMENT_ES    0U
#define SEGMENT_SS    2U

/* How many bytes of rCX, rSI and rDI count. QEMU 7.2 does not say. */
static unsigned address_size(const struct vcpu *v, uint64_t info)
{
    unsigned said = IOIO_ADDRESS(info);

    return said != 0 ? said * 2 : arch_vcpu_code_bits(v) / 8;
}

/* 32-bit results clear the upper half, smaller ones leave it (APM vol. 1, 3.1.2). */
static void set_register(uint64_t *reg, uint64_t value, unsigned size)
{
    *reg = low_bytes(value, size) | (size < 4 ? *reg & ~low_bytes(~0UL, size) : 0);
}

/* Whether the guest may access the byte at linear; else the page fault is queued. */
static bool may_access(struct vcpu *v, uint64_t linear, unsigned access)
{
    uint32_t error_code;
    uint64_t gpa;

    if (guest_walk(v, linear, access, &gpa, &error_code) != 0) {
        arch_inject_page_fault(v, linear, error_code);
        return false;
    }
    return true;
}

/* Whether an element lies in its segment, which matters outside of 64-bit mode (APM vol. 2, 4.12). Expand-down segments
 * are what lies above their limit. */
static bool is_in_segment(const struct vcpu *v, unsigned segment, uint64_t first, uint64_t last)
{
    const struct vmcb *vmcb = v->arch.vmcb;
    const struct vmcb_segment *segments[] = {&vmcb->es, &vmcb->cs, &vmcb->ss, &vmcb->ds, &vmcb->fs, &vmcb->gs};
    const struct vmcb_segment *s = segments[MIN(segment, 5U)];

    if (arch_vcpu_code_bits(v) == 64) {
        return true;
    }
    if ((s->attributes & (SEG_ATTR_CODE | SEG_ATTR_DOWN)) == SEG_ATTR_DOWN) {
        return first > s->limit && last <= (s->attributes & SEG_ATTR_DB ? 0xffffffffU : 0xffffU);
    }
    return last <= s->limit;
}

static uint64_t linear_of(const struct vcpu *v, unsigned segment, uint64_t offset)
{
    uint64_t linear = arch_vcpu_segment_base(v, segment) + offset;

    return arch_vcpu_code_bits(v) == 64 ? linear : (uint32_t)linear;
}

/* One element; false if a fault is queued instead. Where no memory is, reads give all-ones and writes are lost. */
static bool string_step(struct vcpu *v, uint64_t info, unsigned segment, uint64_t offset, unsigned size)
{
    unsigned access = (info & IOIO_IN ? WALK_WRITE : 0) | (arch_vcpu_cpl(v) == 3 ? WALK_USER : 0);
    uint64_t first = linear_of(v, segment, offset), last = linear_of(v, segment, offset + size - 1);
    uint16_t port = IOIO_PORT(info);
    uint32_t value = ~0U;

    if (!is_in_segment(v, segment, offset, offset + size - 1)) {
        arch_inject_exception(v, segment == SEGMENT_SS ? EXC_SS : EXC_GP, true, 0);
        return false;
    }
    if (!may_access(v, first, access) ||
        (last >> PAGE_SHIFT != first >> PAGE_SHIFT && !may_access(v, last & PAGE_MASK, access))) {
        return false;
    }
    if (info & IOIO_IN) {
        value = svm_port_read(v, port, size);
    }
    for (unsigned i = 0; i < size; i++) { /* the next byte may be at 0 */
        char *byte = (char *)&value + i;
        uint64_t at = linear_of(v, segment, offset + i);

        (void)(info & IOIO_IN ? guest_copy_out(v, at, byte, 1) : guest_copy_in(v, byte, at, 1));
    }
    if (!(info & IOIO_IN)) {
        svm_port_write(v, port, size, value);
    }
    return true;
}

/* INS and OUTS. RIP moves on only when the count is used up: a REP comes back for its rest. */
static void string_io(struct vcpu *v, uint64_t info, unsigned size)
{
    struct guest_gprs *gprs = &v->arch.gprs;
    unsigned address = address_size(v, info);
    uint64_t *index = info & IOIO_IN ? &gprs->rdi : &gprs->rsi;
    unsigned segment = info & IOIO_IN ? SEGMENT_ES : IOIO_SEGMENT(info);
    uint64_t count = info & IOIO_REP ? low_bytes(gprs->rcx, address) : 1;
    int64_t step = arch_vcpu_rflags(v) & RFLAGS_DF ? -(int64_t)size : (int64_t)size;
    unsigned reps = arch_vcpu_rflags(v) & RFLAGS_TF ? 1 : REPS_PER_EXIT; /* a single step is one repetition */

    for (unsigned i = 0; i < reps && count != 0; i++, count--) {
        if (!string_step(v, info, segment, low_bytes(*index, address), size)) {
            return;
        }
        set_register(index, *index + step, address);
        if (info & IOIO_REP) {
            set_register(&gprs->rcx, gprs->rcx - 1, address);
        }
    }
    if (count == 0) {
        v->arch.vmcb->rip = v->arch.vmcb->exit_info2;
    }
    arch_vcpu_advance_rip(v, 0);
}

void svm_exit_ioio(struct vcpu *v)
{
    struct vmcb *vmcb = v->arch.vmcb;
    uint64_t info = vmcb->exit_info1;
    unsigned size = IOIO_SIZE(info);
    uint64_t *rax = &v->arch.gprs.rax;
    uint16_t port = IOIO_PORT(info);

    if (info & IOIO_STRING) {
        string_io(v, info, size);
        return;
    }
    if (info & IOIO_IN) {
        set_register(rax, svm_port_read(v, port, size), size);
    } else {
        svm_port_write(v, port, size, (uint32_t)low_bytes(*rax, size));
    }
    vmcb->rip = vmcb->exit_info2;
    arch_vcpu_advance_rip(v, 0);
}
