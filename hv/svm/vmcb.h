/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual machine control block, as the processor reads it (AMD64 APM vol. 2, appendix B), and
 * its exit codes (appendix C). The assertions under the struct prove the layout.
 */
#pragma once

#include <hv/types.h>

struct vmcb_segment {
    uint16_t selector;
    uint16_t attributes; /* descriptor bits 55:52 and 47:40 (APM vol. 2, 15.5.1) */
    uint32_t limit;
    uint64_t base;
};

#define SEG_ATTR_DOWN      0x0004U /* of data: expand-down */
#define SEG_ATTR_CODE      0x0008U
#define SEG_ATTR_S         0x0010U
#define SEG_ATTR_DPL_SHIFT 5
#define SEG_ATTR_P         0x0080U
#define SEG_ATTR_L         0x0200U
#define SEG_ATTR_DB        0x0400U
#define SEG_ATTR_G         0x0800U

/* intercepts[0]: CR accesses, reads in bits 15:0, writes in 31:16. */
#define INTERCEPT_CR_READ(n)  (1U << (n))
#define INTERCEPT_CR_WRITE(n) (1U << (16 + (n)))

/* intercepts[3] (offset 00ch). */
enum vmcb_intercept3 {
    INTERCEPT3_INTR = 1u << 0,
    INTERCEPT3_NMI = 1u << 1,
    INTERCEPT3_SMI = 1u << 2,
    INTERCEPT3_INIT = 1u << 3,
    INTERCEPT3_VINTR = 1u << 4,
    INTERCEPT3_RDPMC = 1u << 15,
    INTERCEPT3_CPUID = 1u << 18,
    INTERCEPT3_INVD = 1u << 22,
    INTERCEPT3_HLT = 1u << 24,
    INTERCEPT3_INVLPGA = 1u << 26,
    INTERCEPT3_IOIO = 1u << 27,
    INTERCEPT3_MSR = 1u << 28,
    INTERCEPT3_TASK_SWITCH = 1u << 29,
    INTERCEPT3_SHUTDOWN = 1u << 31,
};

/* intercepts[4] (offset 010h). */
enum vmcb_intercept4 {
    INTERCEPT4_VMRUN = 1u << 0,
    INTERCEPT4_VMMCALL = 1u << 1,
    INTERCEPT4_VMLOAD = 1u << 2,
    INTERCEPT4_VMSAVE = 1u << 3,
    INTERCEPT4_STGI = 1u << 4,
    INTERCEPT4_CLGI = 1u << 5,
    INTERCEPT4_SKINIT = 1u << 6,
    INTERCEPT4_RDTSCP = 1u << 7,
    INTERCEPT4_WBINVD = 1u << 9,
    INTERCEPT4_MONITOR = 1u << 10,
    INTERCEPT4_MWAIT = 1u << 11,
    INTERCEPT4_XSETBV = 1u << 13,
    INTERCEPT4_RDPRU = 1u << 14,
};

/* clean bits (15.15.3): what the processor may have cached; a changed group must be clear. */
enum vmcb_clean {
    CLEAN_INTERCEPTS = 1u << 0,
    CLEAN_ASID = 1u << 2,
    CLEAN_TPR = 1u << 3,
    CLEAN_NP = 1u << 4,
    CLEAN_CRX = 1u << 5,
    CLEAN_DRX = 1u << 6,
    CLEAN_CR2 = 1u << 9,
    CLEAN_ALL = 0xfff,
};

enum vmcb_tlb_control {
    TLB_FLUSH_NONE = 0,
    TLB_FLUSH_ALL = 1,
};

/* vintr (offset 060h). */
#define VINTR_IRQ        (1UL << 8)
#define VINTR_PRIO_SHIFT 16
#define VINTR_IGNORE_TPR (1UL << 20)
#define VINTR_MASKING    (1UL << 24)
#define VINTR_VECTOR_SHIFT 32

/* event_inj and exit_int_info (15.20). */
#define EVENT_VALID       (1UL << 31)
#define EVENT_ERROR_VALID (1UL << 11)
#define EVENT_TYPE_INTR   (0UL << 8)
#define EVENT_TYPE_NMI    (2UL << 8)
#define EVENT_TYPE_EXC    (3UL << 8)
#define EVENT_TYPE_SOFT   (4UL << 8)
#define EVENT_TYPE_MASK   (7UL << 8)
#define EVENT_VECTOR_MASK 0xffUL

struct vmcb {
    uint32_t intercepts[6]; /* 000h CR, 004h DR, 008h exceptions, 00ch, 010h, 014h */
    uint8_t reserved1[0x3c - 0x18];
    uint16_t pause_filter_threshold, pause_filter_count;
    uint64_t iopm_base, msrpm_base;
    uint64_t tsc_offset;
    uint32_t asid;
    uint8_t tlb_control, reserved2[3];
    uint64_t vintr;
    uint64_t interrupt_shadow; /* bit 0 shadow, bit 1 guest interrupt mask */
    uint64_t exit_code, exit_info1, exit_info2, exit_int_info;
    uint64_t np_enable;
    uint64_t avic_bar, ghcb;
    uint64_t event_inj;
    uint64_t np_cr3;
    uint64_t virt_ext;
    uint32_t clean, reserved3;
    uint64_t next_rip;
    uint8_t fetched_count, fetched_bytes[15];
    uint8_t reserved4[0x400 - 0xe0];

    struct vmcb_segment es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr; /* 400h */
    uint8_t reserved5[0x4cb - 0x4a0];
    uint8_t cpl;
    uint32_t reserved6;
    uint64_t efer;
    uint8_t reserved7[0x548 - 0x4d8];
    uint64_t cr4, cr3, cr0, dr7, dr6, rflags, rip;
    uint8_t reserved8[0x5d8 - 0x580];
    uint64_t rsp, s_cet, ssp, isst_addr, rax;
    uint64_t star, lstar, cstar, sfmask, kernel_gs_base;
    uint64_t sysenter_cs, sysenter_esp, sysenter_eip, cr2;
    uint8_t reserved9[0x668 - 0x648];
    uint64_t g_pat, dbgctl, br_from, br_to, last_exc_from, last_exc_to;
    uint8_t reserved10[0x1000 - 0x698];
};

_Static_assert(sizeof(struct vmcb) == 0x1000, "VMCB layout");
#define VMCB_AT(member, offset) _Static_assert(offsetof(struct vmcb, member) == (offset), "VMCB layout")
VMCB_AT(iopm_base, 0x40); VMCB_AT(asid, 0x58); VMCB_AT(exit_code, 0x70); VMCB_AT(np_enable, 0x90);
VMCB_AT(event_inj, 0xa8); VMCB_AT(clean, 0xc0); VMCB_AT(next_rip, 0xc8); VMCB_AT(fetched_bytes, 0xd1);
VMCB_AT(es, 0x400); VMCB_AT(tr, 0x490); VMCB_AT(cpl, 0x4cb); VMCB_AT(efer, 0x4d0);
VMCB_AT(cr4, 0x548); VMCB_AT(rip, 0x578); VMCB_AT(rsp, 0x5d8); VMCB_AT(rax, 0x5f8);
VMCB_AT(cr2, 0x640); VMCB_AT(g_pat, 0x668);

/* Exit codes we name (APM vol. 2, appendix C). */
enum vmexit {
    VMEXIT_CR8_READ = 0x08,
    VMEXIT_CR8_WRITE = 0x18,
    VMEXIT_EXCEPTION = 0x40,
    VMEXIT_INTR = 0x60,
    VMEXIT_NMI = 0x61,
    VMEXIT_SMI = 0x62,
    VMEXIT_VINTR = 0x64,
    VMEXIT_RDPMC = 0x6f,
    VMEXIT_CPUID = 0x72,
    VMEXIT_INVD = 0x76,
    VMEXIT_HLT = 0x78,
    VMEXIT_INVLPGA = 0x7a,
    VMEXIT_IOIO = 0x7b,
    VMEXIT_MSR = 0x7c,
    VMEXIT_SHUTDOWN = 0x7f,
    VMEXIT_VMRUN = 0x80,
    VMEXIT_VMMCALL = 0x81,
    VMEXIT_WBINVD = 0x89,
    VMEXIT_XSETBV = 0x8d,
    VMEXIT_RDPRU = 0x8e,
    VMEXIT_NPF = 0x400,
};

#define VMEXIT_INVALID (~0UL)
