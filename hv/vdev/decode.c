/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The instruction decoder (APM vol. 3, chapter 1 and appendix A). Two tables say of each opcode
 * which fields follow it and what it does; one pass over the bytes fills the description in this
 * order: prefixes, opcode, ModRM and SIB, displacement, immediate.
 */
#include <hv/decode.h>

/* Fields that follow an opcode. */
#define M   0x0001U /* ModRM */
#define IB  0x0002U /* immediate byte, sign-extended */
#define IW  0x0004U /* immediate word */
#define IZ  0x0008U /* immediate of the operand size, at most 4 bytes */
#define IV  0x0010U /* immediate of the operand size */
#define MO  0x0020U /* moffs: an address */
#define FAR 0x0040U /* selector and offset */
/* Properties. */
#define B    0x0080U /* operands are bytes */
#define D64  0x0100U /* 64-bit operands by default in 64-bit code */
#define N64  0x0200U /* not in 64-bit code */
#define X    0x0400U /* no instruction */
#define REGM 0x0800U /* ModRM names registers whatever mod says (MOV to and from CRn, DRn) */
/* Opcode groups whose operation or immediate depends on ModRM.reg. */
#define GRP1  0x1000U /* 80-83: ALU */
#define GRP3  0x2000U /* F6, F7: TEST has an immediate */
#define GRP11 0x4000U /* C6, C7: MOV */

struct opcode {
    uint16_t flags;
    uint8_t op, form;
};

#define E(flags)                                                                                   \
    {                                                                                              \
        (flags), DECODE_OTHER, DECODE_FORM_NONE                                                    \
    }
#define E2(flags)  E(flags), E(flags)
#define E4(flags)  E2(flags), E2(flags)
#define E8(flags)  E4(flags), E4(flags)
#define E16(flags) E8(flags), E8(flags)
#define OP(flags, name, form_name)                                                                 \
    {                                                                                              \
        (flags), DECODE_##name, DECODE_FORM_##form_name                                            \
    }

/* The six forms every ALU operation has. */
#define ALU(name)                                                                                  \
    OP(M | B, name, RM_REG), OP(M, name, RM_REG), OP(M | B, name, REG_RM), OP(M, name, REG_RM),    \
        OP(IB | B, name, ACC_IMM), OP(IZ, name, ACC_IMM)

/* Prefixes and escapes never reach the tables; their entries say X. */
/* clang-format off */
static const struct opcode one_byte[256] = {
    /* 00 */ ALU(ADD), E2(N64),
    /* 08 */ ALU(OR), E(N64), E(X),
    /* 10 */ ALU(ADC), E2(N64),
    /* 18 */ ALU(SBB), E2(N64),
    /* 20 */ ALU(AND), E(X), E(N64),
    /* 28 */ ALU(SUB), E(X), E(N64),
    /* 30 */ ALU(XOR), E(X), E(N64),
    /* 38 */ ALU(CMP), E(X), E(N64),
    /* 40 */ E16(N64),
    /* 50 */ E16(D64),
    /* 60 */ E2(N64), E(M | N64), OP(M, MOVSX, REG_RM), E4(X),
    /* 68 */ E(IZ | D64), E(M | IZ), E(IB | D64), E(M | IB), E(B), E(0), E(B), E(0),
    /* 70 */ E16(IB | D64),
    /* 80 */ OP(M | IB | B | GRP1, ADD, RM_IMM), OP(M | IZ | GRP1, ADD, RM_IMM),
             OP(M | IB | B | GRP1 | N64, ADD, RM_IMM), OP(M | IB | GRP1, ADD, RM_IMM),
    /* 84 */ OP(M | B, TEST, RM_REG), OP(M, TEST, RM_REG), OP(M | B, XCHG, RM_REG),
             OP(M, XCHG, RM_REG),
    /* 88 */ OP(M | B, MOV, RM_REG), OP(M, MOV, RM_REG), OP(M | B, MOV, REG_RM), OP(M, MOV, REG_RM),
    /* 8C */ E(M), E(M), E(M), E(M | D64),
    /* 90 */ E8(0), E2(0), E(FAR | N64), E(0), E2(D64), E2(0),
    /* A0 */ OP(MO | B, MOV, ACC_MEM), OP(MO, MOV, ACC_MEM), OP(MO | B, MOV, MEM_ACC),
             OP(MO, MOV, MEM_ACC),
    /* A4 */ OP(B, MOVS, STRING), OP(0, MOVS, STRING), E(B), E(0),
    /* A8 */ OP(IB | B, TEST, ACC_IMM), OP(IZ, TEST, ACC_IMM), OP(B, STOS, STRING),
             OP(0, STOS, STRING),
    /* AC */ OP(B, LODS, STRING), OP(0, LODS, STRING), E(B), E(0),
    /* B0 */ E8(IB | B), E8(IV),
    /* C0 */ E(M | IB | B), E(M | IB), E(IW | D64), E(D64), E2(M | N64),
    /* C6 */ OP(M | IB | B | GRP11, MOV, RM_IMM), OP(M | IZ | GRP11, MOV, RM_IMM),
    /* C8 */ E(IW | IB | D64), E(D64), E(IW), E(0), E(0), E(IB), E(N64), E(0),
    /* D0 */ E(M | B), E(M), E(M | B), E(M), E2(IB | N64), E(N64), E(0), E8(M),
    /* E0 */ E4(IB | D64), E4(IB), E2(IZ | D64), E(FAR | N64), E(IB | D64), E4(0),
    /* F0 */ E(X), E(0), E2(X), E2(0), OP(M | B | GRP3, TEST, RM_IMM), OP(M | GRP3, TEST, RM_IMM),
    /* F8 */ E4(0), E2(0), E(M | B), E(M),
};

static const struct opcode two_byte[256] = {
    /* 00 */ E4(M), E(X), E(0), E(0), E(0), E2(0), E(X), E(0), E(X), E(M), E(0), E(M | IB),
    /* 10 */ E16(M),
    /* 20 */ E4(M | REGM | D64), E4(X), E8(M),
    /* 30 */ E4(0), E2(0), E(X), E(0), E8(X),
    /* 40 */ E16(M),
    /* 50 */ E16(M),
    /* 60 */ E16(M),
    /* 70 */ E4(M | IB), E2(M), E(M), E(0), E(M), E(M), E2(X), E4(M),
    /* 80 */ E16(IZ | D64),
    /* 90 */ E16(M | B),
    /* A0 */ E2(D64), E(0), E(M), E(M | IB), E(M), E2(X), E2(D64), E(0), E(M), E(M | IB), E(M),
             E2(M),
    /* B0 */ E(M | B), E(M), E4(M), OP(M, MOVZX, REG_RM), OP(M, MOVZX, REG_RM),
    /* B8 */ E2(M), E(M | IB), E(M), E2(M), OP(M, MOVSX, REG_RM), OP(M, MOVSX, REG_RM),
    /* C0 */ E(M | B), E(M), E(M | IB), OP(M, MOV, RM_REG), E(M | IB), E(M | IB), E(M | IB),
             E(M), E8(0),
    /* D0 */ E16(M),
    /* E0 */ E16(M),
    /* F0 */ E16(M),
};
/* clang-format on */

static const struct opcode map_0f38 = E(M);
static const struct opcode map_0f3a = E(M | IB);

/* What is read so far, and what prefixes said. */
struct cursor {
    const uint8_t *bytes;
    size_t count, position;
    enum decode_result result;
    unsigned code_bits;
    uint8_t rex; /* 0: none */
    bool operand_prefix, address_prefix;
    uint8_t segment; /* override, or DECODE_NO_REGISTER */
};

static uint8_t next_byte(struct cursor *c)
{
    if (c->result == DECODE_OK && c->position >= MIN(c->count, DECODE_MAX_LENGTH)) {
        c->result = c->position >= DECODE_MAX_LENGTH ? DECODE_TOO_LONG : DECODE_TOO_SHORT;
    }
    return c->result == DECODE_OK ? c->bytes[c->position++] : 0; /* the first thing wrong is what is reported */
}

/* A little-endian field of 0, 1, 2, 4 or 8 bytes, sign-extended. */
static int64_t next_field(struct cursor *c, unsigned size)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < size; i++) {
        value |= (uint64_t)next_byte(c) << (8 * i);
    }
    return size == 0 ? 0 : sign_extend(value, size);
}

/* --- Prefixes (APM vol. 3, 1.2) ----------------------------------------------------------- */

static bool take_legacy_prefix(struct cursor *c, struct decoded *out, uint8_t byte)
{
    switch (byte) {
    case 0x26:
    case 0x2e:
    case 0x36:
    case 0x3e:
        if (c->code_bits != 64) {
            c->segment = (byte >> 3) & 3;
        }
        return true;
    case 0x64:
    case 0x65:
        c->segment = byte - 0x60;
        return true;
    case 0x66:
        c->operand_prefix = true;
        return true;
    case 0x67:
        c->address_prefix = true;
        return true;
    case 0xf0:
        out->has_lock = true;
        return true;
    case 0xf2:
    case 0xf3:
        out->rep = byte;
        return true;
    default:
        return false;
    }
}

/* Reads prefixes; returns the first opcode byte. A REX counts only right before the opcode. */
static uint8_t take_prefixes(struct cursor *c, struct decoded *out)
{
    for (;;) {
        uint8_t byte = next_byte(c);

        if (take_legacy_prefix(c, out, byte)) {
            c->rex = 0;
        } else if (c->code_bits == 64 && (byte & 0xf0) == 0x40) {
            c->rex = byte;
        } else {
            return byte;
        }
    }
}

/* --- Opcode ------------------------------------------------------------------------------- */

/* Whether C4, C5, 62 or 8F begins one of the vector encodings: in 64-bit code always (8F: when
 * ModRM.reg is not 0), else when a memory form of LES, LDS or BOUND is excluded by mod == 3. */
static bool is_vector_encoding(const struct cursor *c, uint8_t opcode)
{
    uint8_t next;

    if (opcode != 0xc4 && opcode != 0xc5 && opcode != 0x62 && opcode != 0x8f) {
        return false;
    }
    if (c->position >= c->count) {
        return c->code_bits == 64 && opcode != 0x8f;
    }
    next = c->bytes[c->position];
    if (opcode == 0x8f) {
        return next & 0x38;
    }
    return c->code_bits == 64 || (next & 0xc0) == 0xc0;
}

static const struct opcode *take_opcode(struct cursor *c, struct decoded *out, uint8_t byte)
{
    out->opcode = byte;
    if (byte != 0x0f) {
        if (is_vector_encoding(c, byte)) {
            c->result = DECODE_UNSUPPORTED;
        }
        return &one_byte[byte];
    }
    out->opcode = next_byte(c);
    if (out->opcode != 0x38 && out->opcode != 0x3a) {
        out->opcode_map = 1;
        return &two_byte[out->opcode];
    }
    out->opcode_map = out->opcode == 0x38 ? 2 : 3;
    out->opcode = next_byte(c);
    return out->opcode_map == 2 ? &map_0f38 : &map_0f3a;
}

static void set_sizes(const struct cursor *c, struct decoded *out, uint16_t flags)
{
    bool is_wide = c->rex & 8;

    if (c->code_bits == 64) {
        out->address_size = c->address_prefix ? 4 : 8;
        out->operand_size = is_wide ? 8 : c->operand_prefix ? 2 : (flags & D64) ? 8 : 4;
    } else { /* 32-bit code, or with the opposite prefix */
        out->address_size = (c->code_bits == 32) != c->address_prefix ? 4 : 2;
        out->operand_size = (c->code_bits == 32) != c->operand_prefix ? 4 : 2;
    }
    out->operand_size = flags & B ? 1 : out->operand_size;
    out->memory_size = out->operand_size;
}

/* --- Operands ----------------------------------------------------------------------------- */

/* 16-bit addressing: the eight base and index pairs. */
static void take_memory_16(struct cursor *c, struct decoded *out, uint8_t mod, uint8_t rm)
{
    enum { BX = 3, BP = 5, SI = 6, DI = 7, NONE = DECODE_NO_REGISTER };
    static const uint8_t base[8] = {BX, BX, BP, BP, SI, DI, BP, BX};
    static const uint8_t index[8] = {SI, DI, SI, DI, NONE, NONE, NONE, NONE};

    if (mod == 0 && rm == 6) {
        out->displacement = next_field(c, 2);
        return;
    }
    out->base = base[rm];
    out->index = index[rm];
    out->displacement = next_field(c, mod);
    if (out->base == BP) {
        out->segment = DECODE_SS;
    }
}

static void take_sib(struct cursor *c, struct decoded *out, uint8_t mod)
{
    uint8_t sib = next_byte(c);
    uint8_t base = sib & 7, index = ((sib >> 3) & 7) | (c->rex & 2) << 2;

    out->scale = 1U << (sib >> 6);
    out->index = index == 4 ? DECODE_NO_REGISTER : index;
    if (base == 5 && mod == 0) {
        out->displacement = next_field(c, 4);
        return;
    }
    out->base = base | (c->rex & 1) << 3;
}

/* 32- and 64-bit addressing. */
static void take_memory_32(struct cursor *c, struct decoded *out, uint8_t mod, uint8_t rm)
{
    if (rm == 4) {
        take_sib(c, out, mod);
    } else if (rm == 5 && mod == 0) {
        out->displacement = next_field(c, 4);
        if (c->code_bits == 64) {
            out->base = DECODE_RIP_RELATIVE;
        }
        return;
    } else {
        out->base = rm | (c->rex & 1) << 3;
    }
    if (mod != 0) {
        out->displacement = next_field(c, mod == 1 ? 1 : 4);
    }
    if (out->base == 4 || out->base == 5) {
        out->segment = DECODE_SS;
    }
}

static void take_modrm(struct cursor *c, struct decoded *out, uint16_t flags)
{
    uint8_t modrm = next_byte(c);
    uint8_t mod = modrm >> 6, rm = modrm & 7;

    out->reg = ((modrm >> 3) & 7) | (c->rex & 4) << 1;
    if (mod == 3 || (flags & REGM)) {
        out->rm = rm | (c->rex & 1) << 3;
        return;
    }
    out->has_memory = true;
    if (out->address_size == 2) {
        take_memory_16(c, out, mod, rm);
    } else {
        take_memory_32(c, out, mod, rm);
    }
}

/* What depends on ModRM.reg or on prefixes that stand for part of the opcode. Returns the flags
 * that say which immediate follows. */
static uint16_t refine(struct cursor *c, struct decoded *out, uint16_t flags)
{
    uint8_t reg = out->reg & 7;

    if (flags & GRP1) {
        out->op = reg;
    } else if (flags & GRP3) {
        if (reg <= 1) {
            return flags | ((flags & B) ? IB : IZ);
        }
        out->op = DECODE_OTHER;
    } else if ((flags & GRP11) && reg != 0) {
        out->op = DECODE_OTHER;
        /* XBEGIN and XABORT; the others do not exist. */
        if (reg != 7 || out->has_memory) {
            c->result = DECODE_INVALID;
        }
    } else if (out->opcode_map == 1 && out->opcode == 0x78 &&
               (c->operand_prefix || out->rep == 0xf2)) {
        return flags | IW; /* EXTRQ and INSERTQ: two immediate bytes */
    }
    return flags;
}

static void take_immediate(struct cursor *c, struct decoded *out, uint16_t flags)
{
    unsigned wide = MIN(out->operand_size, (uint8_t)4);

    if (flags & MO) {
        out->has_memory = true;
        out->displacement = next_field(c, out->address_size);
    }
    if (flags & IW) {
        out->immediate = next_field(c, 2) & 0xffff;
    }
    if (flags & IB) {
        out->immediate = next_field(c, 1);
    }
    if (flags & IZ) {
        out->immediate = next_field(c, wide);
    }
    if (flags & IV) {
        out->immediate = next_field(c, out->operand_size);
    }
    if (flags & FAR) {
        out->immediate = next_field(c, wide);
        next_field(c, 2);
    }
}

/* The widening moves read less from memory than they write to the register. */
static void set_narrow_source(struct decoded *out)
{
    if (out->op == DECODE_MOVZX || out->op == DECODE_MOVSX) { /* map 0: MOVSXD */
        out->memory_size = out->opcode_map == 0 ? MIN(out->operand_size, (uint8_t)4) : (out->opcode & 1) + 1;
    }
}

enum decode_result decode_instruction(const uint8_t *bytes, size_t count, unsigned code_bits,
                                      struct decoded *out)
{
    struct cursor c = {
        .bytes = bytes, .count = count, .code_bits = code_bits, .segment = DECODE_NO_REGISTER};
    const struct opcode *opcode;
    uint16_t flags;
    uint8_t first;

    *out = (struct decoded){
        .base = DECODE_NO_REGISTER, .index = DECODE_NO_REGISTER, .scale = 1, .segment = DECODE_DS};
    first = take_prefixes(&c, out);
    out->has_rex = c.rex != 0;
    opcode = take_opcode(&c, out, first);
    if (c.result != DECODE_OK) {
        return c.result;
    }
    flags = opcode->flags;
    if ((flags & X) || ((flags & N64) && code_bits == 64)) {
        return DECODE_INVALID;
    }
    out->op = opcode->op;
    out->form = opcode->form;
    if (out->opcode_map == 0 && first == 0x63 && code_bits != 64) {
        out->op = DECODE_OTHER; /* ARPL */
    }
    set_sizes(&c, out, flags);
    if (flags & M) {
        take_modrm(&c, out, flags);
        flags = refine(&c, out, flags);
    }
    take_immediate(&c, out, flags);
    set_narrow_source(out);
    if (c.segment != DECODE_NO_REGISTER) {
        out->segment = c.segment;
    }
    out->length = c.position;
    return c.result;
}

uint64_t decode_effective_offset(const struct decoded *insn, const uint64_t *gprs,
                                 uint64_t next_rip)
{
    uint64_t offset = (uint64_t)insn->displacement;

    if (insn->base == DECODE_RIP_RELATIVE) {
        offset += next_rip;
    } else if (insn->base != DECODE_NO_REGISTER) {
        offset += gprs[insn->base];
    }
    if (insn->index != DECODE_NO_REGISTER) {
        offset += gprs[insn->index] * insn->scale;
    }
    return low_bytes(offset, insn->address_size);
}
