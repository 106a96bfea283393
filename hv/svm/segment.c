/* SPDX-License-Identifier: Apache-2.0 */
/* A vCPU's segments as memory operands of emulated instructions need them (AMD64 APM vol. 2, 4.5, 4.12). */
#include "svm.h"

static const struct vmcb_segment *find(const struct vcpu *v, unsigned segment)
{
    const struct vmcb *vmcb = v->arch.vmcb;
    const struct vmcb_segment *segments[] = {&vmcb->es, &vmcb->cs, &vmcb->ss, &vmcb->ds, &vmcb->fs, &vmcb->gs};

    if (segment >= 4) { /* FS, GS */
        svm_save_segments(v);
    }
    return segments[segment];
}

uint64_t arch_vcpu_segment_base(const struct vcpu *v, unsigned segment)
{
    return segment < 4 && arch_vcpu_code_bits(v) == 64 ? 0 : find(v, segment)->base;
}

bool arch_vcpu_is_in_segment(const struct vcpu *v, unsigned segment, uint64_t first, uint64_t last)
{
    const struct vmcb_segment *s;

    if (arch_vcpu_code_bits(v) == 64) {
        return true;
    }
    s = find(v, segment);
    /* Expand-down segments are what lies above their limit. */
    if ((s->attributes & (SEG_ATTR_CODE | SEG_ATTR_DOWN)) == SEG_ATTR_DOWN) {
        return first > s->limit && last <= (s->attributes & SEG_ATTR_DB ? 0xffffffffU : 0xffffU);
    }
    return last <= s->limit;
}
