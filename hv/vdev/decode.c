/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The instruction decoder (APM vol. 3, chapter 1 and appendix A). One table says of each opcode that
 * somebody here asks for which fields follow it and what it does; one pass over the bytes fills the
 * description in this order: prefixes, opcode, ModRM and SIB, displacement, immediate.
 */
#include <hv/decode.h>

/* Fields that follow an opcode. */
#define M  0x01U /* ModRM */
#define I  0x02U /* immediate of the operand size, at most 4 bytes */
#define IB 0x04U /* immediate byte */
#define MO 0x08U /* moffs: an address */
/* Properties. */
#define W    0x10U /* even opcodes are those of byte operands */
#define REGM 0x20U /* ModRM names registers whatever mod says (MOV to and from CRn) */
#define GRP1 0x40U /* ModRM.reg is the operation */
#define GRP0 0x80U /* ModRM.reg belongs to the opcode: 0, and for TEST its alias 1 */

struct opcode {
    uint16_t first, last; /* 0F xx is 1xx */
    uint8_t flags, op, form;
};

/* clang-format off */
static const struct opcode opcodes[] = {
    {0x00, 0x3f, M | W, DECODE_ADD, DECODE_FORM_RM_REG}, /* eight operations: see refine_alu() */
    {0x63, 0x63, M, DECODE_MOVSX, DECODE_FORM_REG_RM},
    {0x6c, 0x6d, W, DECODE_INS, DECODE_FORM_STRING},
    {0x6e, 0x6f, W, DECODE_OUTS, DECODE_FORM_STRING},
    {0x80, 0x81, M | W | I | GRP1, DECODE_ADD, DECODE_FORM_RM_IMM},
    {0x82, 0x83, M | W | IB | GRP1, DECODE_ADD, DECODE_FORM_RM_IMM},
    {0x84, 0x85, M | W, DECODE_TEST, DECODE_FORM_RM_REG},
    {0x86, 0x87, M | W, DECODE_XCHG, DECODE_FORM_RM_REG},
    {0x88, 0x89, M | W, DECODE_MOV, DECODE_FORM_RM_REG},
    {0x8a, 0x8b, M | W, DECODE_MOV, DECODE_FORM_REG_RM},
    {0xa0, 0xa1, MO | W, DECODE_MOV, DECODE_FORM_REG_RM}, /* the accumulator is register 0 */
    {0xa2, 0xa3, MO | W, DECODE_MOV, DECODE_FORM_RM_REG},
    {0xa4, 0xa5, W, DECODE_MOVS, DECODE_FORM_STRING},
    {0xaa, 0xab, W, DECODE_STOS, DECODE_FORM_STRING},
    {0xac, 0xad, W, DECODE_LODS, DECODE_FORM_STRING},
    {0xc6, 0xc7, M | W | I | GRP0, DECODE_MOV, DECODE_FORM_RM_IMM},
    {0xf4, 0xf4, 0, DECODE_OTHER, DECODE_FORM_NONE}, /* HLT */
    {0xf6, 0xf7, M | W | I | GRP0, DECODE_TEST, DECODE_FORM_RM_IMM},
    {0x101, 0x101, M, DECODE_OTHER, DECODE_FORM_NONE}, /* VMMCALL, XSETBV */
    {0x108, 0x109, 0, DECODE_OTHER, DECODE_FORM_NONE}, /* INVD, WBINVD */
    {0x120, 0x120, M | REGM, DECODE_OTHER, DECODE_FORM_NONE}, /* MOV from CRn */
    {0x122, 0x122, M | REGM, DECODE_OTHER, DECODE_FORM_NONE}, /* MOV to CRn */
    {0x130, 0x130, 0, DECODE_OTHER, DECODE_FORM_NONE}, /* WRMSR */
    {0x132, 0x132, 0, DECODE_OTHER, DECODE_FORM_NONE}, /* RDMSR */
    {0x1a2, 0x1a2, 0, DECODE_OTHER, DECODE_FORM_NONE}, /* CPUID */
    {0x1b6, 0x1b7, M, DECODE_MOVZX, DECODE_FORM_REG_RM},
    {0x1be, 0x1bf, M, DECODE_MOVSX, DECODE_FORM_REG_RM},
    {0x1c3, 0x1c3, M, DECODE_MOV, DECODE_FORM_RM_REG}, /* MOVNTI */
};
/* clang-format on */

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
    case 0xf0: /* an emulated access is a whole one anyway */
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

/* NULL: not one of ours. */
static const struct opcode *find_opcode(unsigned opcode)
{
    for (size_t i = 0; i < ARRAY_SIZE(opcodes); i++) {
        if (opcode >= opcodes[i].first && opcode <= opcodes[i].last) {
            return &opcodes[i];
        }
    }
    return NULL;
}

/* Opcodes below 40h: bits 5:3 are the operation, bit 1 the direction. Those with bit 2 have no memory operand. */
static void refine_alu(struct cursor *c, struct decoded *out, unsigned opcode)
{
    out->op = opcode >> 3;
    out->form = opcode & 2 ? DECODE_FORM_REG_RM : DECODE_FORM_RM_REG;
    if (opcode & 4) {
        c->result = DECODE_UNSUPPORTED;
    }
}

static void set_sizes(const struct cursor *c, struct decoded *out, unsigned opcode, unsigned flags)
{
    if (c->code_bits == 64) {
        out->address_size = c->address_prefix ? 4 : 8;
        out->operand_size = c->rex & 8 ? 8 : c->operand_prefix ? 2 : 4;
    } else { /* 32-bit code, or with the opposite prefix */
        out->address_size = (c->code_bits == 32) != c->address_prefix ? 4 : 2;
        out->operand_size = (c->code_bits == 32) != c->operand_prefix ? 4 : 2;
    }
    if ((flags & W) && !(opcode & 1)) {
        out->operand_size = 1;
    } else if (out->op == DECODE_INS || out->op == DECODE_OUTS) {
        out->operand_size = MIN(out->operand_size, (uint8_t)4); /* ports have no more */
    }
    /* The widening moves read less from memory than they write to the register. */
    out->memory_size = out->operand_size;
    if (opcode == 0x63) {
        out->memory_size = MIN(out->operand_size, (uint8_t)4);
    } else if (out->op == DECODE_MOVZX || out->op == DECODE_MOVSX) {
        out->memory_size = (opcode & 1) + 1;
    }
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

static void take_modrm(struct cursor *c, struct decoded *out, unsigned flags)
{
    uint8_t modrm = next_byte(c);
    uint8_t mod = modrm >> 6, reg = (modrm >> 3) & 7, rm = modrm & 7;

    out->reg = reg | (c->rex & 4) << 1;
    if (flags & GRP1) {
        out->op = reg;
    } else if ((flags & GRP0) && reg > (out->op == DECODE_TEST)) {
        c->result = DECODE_UNSUPPORTED;
    }
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

static void take_rest(struct cursor *c, struct decoded *out, unsigned flags)
{
    if (flags & MO) {
        out->has_memory = true;
        out->displacement = next_field(c, out->address_size);
    }
    if (flags & (I | IB)) {
        out->immediate = next_field(c, flags & IB ? 1 : MIN(out->operand_size, (uint8_t)4));
    }
    if (c->segment != DECODE_NO_REGISTER) {
        out->segment = c->segment;
    }
}

enum decode_result decode_instruction(const uint8_t *bytes, size_t count, unsigned code_bits,
                                      struct decoded *out)
{
    struct cursor c = {
        .bytes = bytes, .count = count, .code_bits = code_bits, .segment = DECODE_NO_REGISTER};
    const struct opcode *found;
    unsigned opcode;

    *out = (struct decoded){
        .base = DECODE_NO_REGISTER, .index = DECODE_NO_REGISTER, .scale = 1, .segment = DECODE_DS};
    opcode = take_prefixes(&c, out);
    out->has_rex = c.rex != 0;
    if (opcode == 0x0f) {
        opcode = 0x100 | next_byte(&c);
    }
    if (c.result != DECODE_OK) {
        return c.result;
    }
    found = find_opcode(opcode);
    if (found == NULL || (opcode == 0x63 && code_bits != 64)) { /* ARPL */
        return DECODE_UNSUPPORTED;
    }
    out->op = found->op;
    out->form = found->form;
    if (opcode < 0x40) {
        refine_alu(&c, out, opcode);
    }
    set_sizes(&c, out, opcode, found->flags);
    if (found->flags & M) {
        take_modrm(&c, out, found->flags);
    }
    take_rest(&c, out, found->flags);
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
