/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer harness of the instruction decoder. First byte: the mode; the rest: the code. Build:
 *   clang -g -O1 -fsanitize=fuzzer,address,undefined -Ihv/include hv/tests/fuzz_decode.c
 * hv/vdev/decode.c
 */
#include <hv/decode.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool is_right)
{
    if (!is_right) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned modes[] = {16, 32, 64, 64};
    static const uint64_t gprs[16] = {[4] = ~0UL, [5] = 0x8000000000000000UL};
    struct decoded insn, again;
    unsigned bits;

    if (size < 1) {
        return 0;
    }
    bits = modes[data[0] & 3];
    if (decode_instruction(data + 1, size - 1, bits, &insn) != DECODE_OK) {
        return 0;
    }
    check(insn.length >= 1 && insn.length <= DECODE_MAX_LENGTH && insn.length < size);
    check(insn.reg < 16 && insn.rm < 16 && insn.segment <= DECODE_GS && insn.op <= DECODE_OTHER);
    check(insn.base < 16 || insn.base >= DECODE_RIP_RELATIVE);
    check(insn.index < 16 || insn.index == DECODE_NO_REGISTER);
    check(insn.operand_size <= 8 && insn.memory_size >= 1 && insn.memory_size <= insn.operand_size);
    check(decode_instruction(data + 1, insn.length, bits, &again) == DECODE_OK);
    check(memcmp(&insn, &again, sizeof(insn)) == 0);
    check(decode_instruction(data + 1, insn.length - 1U, bits, &again) == DECODE_TOO_SHORT);
    (void)decode_effective_offset(&insn, gprs, 0);
    return 0;
}
