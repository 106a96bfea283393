/* SPDX-License-Identifier: Apache-2.0 */
/* vdev/decode.c: against the assembler's own lengths, by hand for the operands, and with random
 * bytes. */
#include <hv/decode.h>

#include <criterion/criterion.h>
#include <string.h>

/* --- Lengths -------------------------------------------------------------------------------- */

static const struct {
    unsigned bits, length;
    const char *bytes, *text;
} assembled[] = {
#include "decode_16.inc"
#include "decode_32.inc"
#include "decode_64.inc"
};

Test(decode, length_is_what_the_assembler_says)
{
    struct decoded insn;

    cr_assert_gt(ARRAY_SIZE(assembled), 170);
    for (size_t i = 0; i < ARRAY_SIZE(assembled); i++) {
        const uint8_t *bytes = (const uint8_t *)assembled[i].bytes;
        unsigned length = assembled[i].length;

        cr_expect_eq(decode_instruction(bytes, length, assembled[i].bits, &insn), DECODE_OK,
                     "%u-bit %s", assembled[i].bits, assembled[i].text);
        cr_expect_eq(insn.length, length, "%u-bit %s: %u, not %u", assembled[i].bits,
                     assembled[i].text, insn.length, length);
    }
}

Test(decode, a_cut_off_instruction_asks_for_more)
{
    struct decoded insn;

    for (size_t i = 0; i < ARRAY_SIZE(assembled); i++) {
        for (unsigned count = 0; count < assembled[i].length; count++) {
            cr_expect_eq(decode_instruction((const uint8_t *)assembled[i].bytes, count,
                                            assembled[i].bits, &insn),
                         DECODE_TOO_SHORT, "%s cut to %u", assembled[i].text, count);
        }
    }
}

Test(decode, fifteen_bytes_are_the_limit)
{
    uint8_t bytes[20];
    struct decoded insn;

    memset(bytes, 0x66, sizeof(bytes));
    cr_expect_eq(decode_instruction(bytes, sizeof(bytes), 64, &insn), DECODE_TOO_LONG);
    bytes[14] = 0xa4;
    cr_expect_eq(decode_instruction(bytes, sizeof(bytes), 64, &insn), DECODE_OK);
    cr_expect_eq(insn.length, 15);
    bytes[14] = 0x88; /* its ModRM is the 16th byte */
    cr_expect_eq(decode_instruction(bytes, sizeof(bytes), 64, &insn), DECODE_TOO_LONG);
}

/* Opcodes that are emulated or intercepted; 0F xx is 1xx. */
static bool is_known(unsigned opcode, unsigned bits)
{
    switch (opcode) {
    case 0x00 ... 0x3f:
        return !(opcode & 4);
    case 0x63:
        return bits == 64; /* else ARPL */
    case 0x6c ... 0x6f:
    case 0x80 ... 0x8b:
    case 0xa0 ... 0xa5:
    case 0xaa ... 0xad:
    case 0xc6 ... 0xc7:
    case 0xf4:
    case 0xf6 ... 0xf7:
    case 0x101:
    case 0x108 ... 0x109:
    case 0x120:
    case 0x122:
    case 0x130:
    case 0x132:
    case 0x1a2:
    case 0x1b6 ... 0x1b7:
    case 0x1be ... 0x1bf:
    case 0x1c3:
        return true;
    default:
        return false;
    }
}

static bool is_prefix(uint8_t byte, unsigned bits)
{
    return (byte & 0xe7) == 0x26 || (byte >= 0x64 && byte <= 0x67) || byte == 0xf0 || byte == 0xf2 || byte == 0xf3 ||
           (bits == 64 && (byte & 0xf0) == 0x40);
}

Test(decode, every_other_opcode_is_unsupported)
{
    struct decoded insn;

    for (unsigned bits = 16; bits <= 64; bits *= 2) {
        for (unsigned opcode = 0; opcode < 0x200; opcode++) {
            uint8_t bytes[16] = {opcode < 0x100 ? opcode : 0x0f, opcode < 0x100 ? 0 : opcode};

            if (opcode == 0x0f || (opcode < 0x100 && is_prefix(opcode, bits))) {
                continue;
            }
            cr_expect_eq(decode_instruction(bytes, sizeof(bytes), bits, &insn),
                         is_known(opcode, bits) ? DECODE_OK : DECODE_UNSUPPORTED, "%u-bit %x", bits, opcode);
        }
    }
}

Test(decode, refusals)
{
    static const struct {
        unsigned bits;
        const char *bytes;
    } cases[] = {
        {32, "\xc7\xc8\0\0"}, /* group 11, reg 1 */
        {64, "\xc7\xf8\0\0"}, /* xbegin */
        {64, "\xf7\x17\0\0"}, /* not dword [rdi] */
        {64, "\xf6\x37\0\0"}, /* div byte [rdi] */
        {64, "\xff\x37\0\0"}, /* push [rdi] */
        {64, "\x0f\x38\xf0\x07"}, /* movbe */
        {64, "\xc5\xf8\x77\0"}, /* vzeroupper */
        {32, "\xc5\xf8\x77\0"},
        {64, "\xc4\xe2\x79\x18"}, /* vbroadcastss */
        {64, "\x62\xf1\x7c\x48"},
        {64, "\x8f\xe9\x78\x81"}, /* XOP */
    };
    struct decoded insn;

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        cr_expect_eq(decode_instruction((const uint8_t *)cases[i].bytes, 4, cases[i].bits, &insn), DECODE_UNSUPPORTED,
                     "case %zu", i);
    }
}

Test(decode, plain_lengths_agree_with_the_decoder)
{
    unsigned plain = 0;

    for (size_t i = 0; i < ARRAY_SIZE(assembled); i++) {
        unsigned length =
            decode_plain_length((const uint8_t *)assembled[i].bytes, assembled[i].length);

        cr_expect(length == 0 || length == assembled[i].length, "%s: %u", assembled[i].text,
                  length);
        plain += length != 0;
    }
    cr_expect_gt(plain, 15);
    cr_expect_eq(decode_plain_length((const uint8_t *)"\x0f\x01", 2), 0);
    cr_expect_eq(decode_plain_length((const uint8_t *)"\x0f", 1), 0);
    cr_expect_eq(decode_plain_length(NULL, 0), 0);
}

/* --- Operands ------------------------------------------------------------------------------- */

#define NONE DECODE_NO_REGISTER

Test(decode, operands)
{
    /* clang-format off */
    static const struct {
        unsigned bits;
        const char *bytes;
        struct decoded want;
    } cases[] = {
        /* mov [rdi+0xb0], eax */
        {64, "\x89\x87\xb0\0\0\0",
         {.length = 6, .op = DECODE_MOV, .form = DECODE_FORM_RM_REG, .operand_size = 4, .memory_size = 4,
          .address_size = 8, .reg = 0, .base = 7, .index = NONE, .segment = DECODE_DS,
          .has_memory = true, .displacement = 0xb0}},
        /* mov r9b, [r12+r13*4-1] */
        {64, "\x47\x8a\x4c\xac\xff",
         {.length = 5, .op = DECODE_MOV, .form = DECODE_FORM_REG_RM, .operand_size = 1, .memory_size = 1,
          .address_size = 8, .reg = 9, .base = 12, .index = 13, .scale = 4, .segment = DECODE_DS,
          .has_memory = true, .displacement = -1}},
        /* mov qword [rbp-8], -1 */
        {64, "\x48\xc7\x45\xf8\xff\xff\xff\xff",
         {.length = 8, .op = DECODE_MOV, .form = DECODE_FORM_RM_IMM, .operand_size = 8, .memory_size = 8,
          .address_size = 8, .base = 5, .index = NONE, .segment = DECODE_SS, .has_memory = true,
          .displacement = -8, .immediate = ~0UL}},
        /* movzx r10d, word [rip+0x10] */
        {64, "\x44\x0f\xb7\x15\x10\0\0\0",
         {.length = 8, .op = DECODE_MOVZX, .form = DECODE_FORM_REG_RM, .operand_size = 4,
          .memory_size = 2, .address_size = 8, .reg = 10, .base = DECODE_RIP_RELATIVE,
          .index = NONE, .segment = DECODE_DS, .has_memory = true, .displacement = 0x10}},
        /* movsxd rax, dword gs:[rsp] */
        {64, "\x65\x48\x63\x04\x24",
         {.length = 5, .op = DECODE_MOVSX, .form = DECODE_FORM_REG_RM, .operand_size = 8,
          .memory_size = 4, .address_size = 8, .base = 4, .index = NONE, .segment = DECODE_GS,
          .has_memory = true}},
        /* lock or dword [eax], 0x10 */
        {64, "\xf0\x67\x83\x08\x10",
         {.length = 5, .op = DECODE_OR, .form = DECODE_FORM_RM_IMM, .operand_size = 4, .memory_size = 4,
          .address_size = 4, .reg = 1, .base = 0, .index = NONE, .segment = DECODE_DS,
          .has_memory = true, .immediate = 0x10}},
        /* test byte [bx+si+1], 0x80 */
        {16, "\xf6\x40\x01\x80",
         {.length = 4, .op = DECODE_TEST, .form = DECODE_FORM_RM_IMM, .operand_size = 1,
          .memory_size = 1, .address_size = 2, .base = 3, .index = 6, .segment = DECODE_DS,
          .has_memory = true, .displacement = 1, .immediate = ~0x7fUL}},
        /* mov eax, [0xfee00020] by moffs */
        {32, "\xa1\x20\x00\xe0\xfe",
         {.length = 5, .op = DECODE_MOV, .form = DECODE_FORM_REG_RM, .operand_size = 4,
          .memory_size = 4, .address_size = 4, .base = NONE, .index = NONE, .segment = DECODE_DS,
          .has_memory = true, .displacement = -0x11fffe0L}},
        /* rep movsw */
        {64, "\xf3\x66\xa5",
         {.length = 3, .op = DECODE_MOVS, .form = DECODE_FORM_STRING, .operand_size = 2,
          .memory_size = 2, .address_size = 8, .base = NONE, .index = NONE, .segment = DECODE_DS,
          .rep = 0xf3}},
    };
    /* clang-format on */

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct decoded *want = &cases[i].want;
        struct decoded got;

        cr_assert_eq(
            decode_instruction((const uint8_t *)cases[i].bytes, want->length, cases[i].bits, &got),
            DECODE_OK, "case %zu", i);
        cr_expect_eq(got.length, want->length, "case %zu length", i);
        cr_expect_eq(got.op, want->op, "case %zu op", i);
        cr_expect_eq(got.form, want->form, "case %zu form", i);
        cr_expect_eq(got.operand_size, want->operand_size, "case %zu operand size", i);
        cr_expect_eq(got.memory_size, want->memory_size, "case %zu memory size", i);
        cr_expect_eq(got.address_size, want->address_size, "case %zu address size", i);
        cr_expect_eq(got.reg, want->reg, "case %zu reg", i);
        cr_expect_eq(got.base, want->base, "case %zu base", i);
        cr_expect_eq(got.index, want->index, "case %zu index", i);
        cr_expect_eq(got.segment, want->segment, "case %zu segment", i);
        cr_expect_eq(got.has_memory, want->has_memory, "case %zu memory", i);
        cr_expect_eq(got.rep, want->rep, "case %zu rep", i);
        cr_expect_eq(got.displacement, want->displacement, "case %zu displacement", i);
        cr_expect_eq(got.immediate, want->immediate, "case %zu immediate", i);
        if (want->scale != 0) {
            cr_expect_eq(got.scale, want->scale, "case %zu scale", i);
        }
    }
}

Test(decode, effective_offsets_wrap_at_the_address_size)
{
    uint64_t gprs[16] = {[0] = 0xfffffffffffffff0UL, [3] = 0xfff8, [6] = 0x10, [7] = 0x20};
    struct decoded insn;

    decode_instruction((const uint8_t *)"\x8b\x40\x20", 3, 64, &insn); /* [rax+0x20] */
    cr_expect_eq(decode_effective_offset(&insn, gprs, 0), 0x10);
    decode_instruction((const uint8_t *)"\x67\x8b\x44\x38\x20", 5, 64, &insn); /* [eax+edi+0x20] */
    cr_expect_eq(decode_effective_offset(&insn, gprs, 0), 0x30);
    decode_instruction((const uint8_t *)"\x8b\x00", 2, 16, &insn); /* [bx+si] */
    cr_expect_eq(decode_effective_offset(&insn, gprs, 0), 0x8);
    decode_instruction((const uint8_t *)"\x8b\x05\xf0\xff\xff\xff", 6, 64, &insn); /* [rip-0x10] */
    cr_expect_eq(decode_effective_offset(&insn, gprs, 0x1006), 0xff6);
    decode_instruction((const uint8_t *)"\x8b\x04\xfd\x08\0\0\0", 7, 64, &insn); /* [rdi*8+8] */
    cr_expect_eq(decode_effective_offset(&insn, gprs, 0), 0x108);
}

/* --- Any bytes ------------------------------------------------------------------------------ */

static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005UL + 1442695040888963407UL;
    return *state >> 33;
}

Test(decode, any_bytes_give_a_consistent_answer)
{
    static const unsigned modes[] = {16, 32, 64};
    uint64_t state = 1;

    for (unsigned round = 0; round < 300000; round++) {
        unsigned bits = modes[round % 3];
        uint8_t bytes[16];
        struct decoded insn, again;

        for (unsigned i = 0; i < sizeof(bytes); i++) {
            bytes[i] = next_random(&state);
        }
        if (decode_instruction(bytes, sizeof(bytes), bits, &insn) != DECODE_OK) {
            continue;
        }
        cr_assert(insn.length >= 1 && insn.length <= DECODE_MAX_LENGTH);
        cr_assert(insn.reg < 16 && insn.rm < 16);
        cr_assert(insn.base < 16 || insn.base >= DECODE_RIP_RELATIVE);
        cr_assert(insn.index < 16 || insn.index == DECODE_NO_REGISTER);
        cr_assert(insn.segment <= DECODE_GS && insn.op <= DECODE_OTHER);
        cr_assert_eq(decode_instruction(bytes, insn.length, bits, &again), DECODE_OK);
        cr_assert_eq(memcmp(&insn, &again, sizeof(insn)), 0, "needs no byte beyond its length");
        cr_assert_eq(decode_instruction(bytes, insn.length - 1U, bits, &again), DECODE_TOO_SHORT);
    }
}
