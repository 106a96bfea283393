/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The x86 instruction decoder: bytes in, a description out, nothing touched. It knows the instructions
 * that are emulated on device memory, with their operands, and the length of those that are intercepted.
 */
#pragma once

#include <hv/types.h>

#define DECODE_MAX_LENGTH 15U

enum decode_result {
    DECODE_OK,
    DECODE_TOO_SHORT,   /* more bytes are needed */
    DECODE_TOO_LONG,    /* beyond 15 bytes: #GP */
    DECODE_UNSUPPORTED, /* none of ours, or no instruction at all */
};

/* What an instruction does, as far as emulation cares. The first eight are in encoding order. */
enum decode_op {
    DECODE_ADD,
    DECODE_OR,
    DECODE_ADC,
    DECODE_SBB,
    DECODE_AND,
    DECODE_SUB,
    DECODE_XOR,
    DECODE_CMP,
    DECODE_TEST,
    DECODE_MOV,
    DECODE_MOVZX,
    DECODE_MOVSX,
    DECODE_XCHG,
    DECODE_MOVS,
    DECODE_STOS,
    DECODE_LODS,
    DECODE_INS,
    DECODE_OUTS,
    DECODE_OTHER, /* only its length and addressing are known */
};

/* Where the operands are: destination first. */
enum decode_form {
    DECODE_FORM_NONE,
    DECODE_FORM_RM_REG,  /* r/m, reg */
    DECODE_FORM_REG_RM,  /* reg, r/m */
    DECODE_FORM_RM_IMM,  /* r/m, immediate */
    DECODE_FORM_STRING,  /* implied by rSI, rDI, rAX */
};

enum decode_segment {
    DECODE_ES,
    DECODE_CS,
    DECODE_SS,
    DECODE_DS,
    DECODE_FS,
    DECODE_GS,
};

#define DECODE_NO_REGISTER  0xff
#define DECODE_RIP_RELATIVE 0xfe /* as base */

struct decoded {
    uint8_t length;       /* bytes, 1-15 */
    uint8_t op;           /* enum decode_op */
    uint8_t form;         /* enum decode_form */
    uint8_t operand_size; /* bytes: 1, 2, 4, 8 */
    uint8_t
        memory_size; /* bytes the memory operand has; differs from the former for MOVZX, MOVSX */
    uint8_t address_size; /* bytes: 2, 4, 8 */
    uint8_t reg, rm;      /* register numbers 0-15; rm: only if !has_memory */
    uint8_t base, index;  /* of the memory operand, or DECODE_NO_REGISTER */
    uint8_t scale;        /* of the index: 1, 2, 4, 8 */
    uint8_t segment;      /* enum decode_segment, default or override */
    uint8_t rep;          /* 0, 0xf2 or 0xf3 */
    bool has_memory, has_rex;
    int64_t displacement; /* sign-extended; the address itself for moffs */
    uint64_t immediate;   /* sign-extended */
};

/* Decodes the instruction at the start of `bytes`, of which `count` are known. code_bits: 16, 32
 * or 64. */
enum decode_result decode_instruction(const uint8_t *bytes, size_t count, unsigned code_bits,
                                      struct decoded *out);

/* The offset in its segment that the memory operand means. gprs: the 16 general registers in
 * encoding order; next_rip: of the instruction after this one. */
uint64_t decode_effective_offset(const struct decoded *insn, const uint64_t *gprs,
                                 uint64_t next_rip);

/* The length of an intercepted instruction in its plain encoding, told from at most three bytes:
 * what compilers emit, and a tenth of the work. 0: it has prefixes or is another one; decode it in
 * full. */
static inline unsigned decode_plain_length(const uint8_t *bytes, size_t count)
{
    if (count >= 1 && bytes[0] == 0xf4) {
        return 1; /* HLT */
    }
    if (count < 2 || bytes[0] != 0x0f) {
        return 0;
    }
    if (likely(bytes[1] == 0xa2)) { /* CPUID; the others are rare, or cost more themselves */
        return 2;
    }
    switch (bytes[1]) {
    case 0x08: /* INVD */
    case 0x09: /* WBINVD */
    case 0x30: /* WRMSR */
    case 0x32: /* RDMSR */
        return 2;
    case 0x01: /* VMMCALL, XSETBV and their like: register forms */
        return count >= 3 && bytes[2] >= 0xc0 ? 3 : 0;
    default:
        return 0;
    }
}
