/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Emulation of the instruction that touched device memory: moves, widening moves, ALU operations
 * with a memory operand, exchanges, and the string moves; and of the memory side of INS and OUTS. The description comes from the decoder;
 * an operation reads its operands, computes, writes back, and only then moves RIP, so that a fault
 * on the way leaves everything as before the instruction (string moves: before the present step).
 */
#include <hv/mmio.h>

#include <hv/arch/x86.h>
#include <hv/decode.h>
#include <hv/guest_copy.h>
#include <hv/vcpu.h>

#define FLAG_CF   (1UL << 0)
#define FLAG_PF   (1UL << 2)
#define FLAG_AF   (1UL << 4)
#define FLAG_ZF   (1UL << 6)
#define FLAG_SF   (1UL << 7)
#define FLAG_OF   (1UL << 11)
#define FLAGS_ALU (FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF)

/* Steps of a repeated string move in one exit: the rest comes again after the door. */
#define MAX_STEPS 64U

/* Results inside this file besides 0 and -XEN_E*: a fault was queued for the guest. */
#define FAULTED 1

struct emulation {
    struct vcpu *v;
    uint64_t gpa;    /* where the nested page fault was */
    bool gpa_is_old; /* a string move has gone on from there */
    int port;        /* that INS or OUTS was stopped at; -1: it was a nested page fault */
    unsigned code_bits;
    struct decoded insn;
    uint64_t *gprs;
};

/* --- Registers ---------------------------------------------------------------------------- */

/* Without REX, byte registers 4-7 are AH, CH, DH, BH. */
static bool is_high_byte(const struct emulation *e, unsigned reg, unsigned size)
{
    return size == 1 && !e->insn.has_rex && reg >= 4 && reg < 8;
}

static uint64_t read_register(const struct emulation *e, unsigned reg, unsigned size)
{
    return is_high_byte(e, reg, size) ? (e->gprs[reg - 4] >> 8) & 0xff : low_bytes(e->gprs[reg], size);
}

/* 32-bit results clear the upper half, smaller ones leave it (APM vol. 1, 3.1.2). */
static void write_register(struct emulation *e, unsigned reg, unsigned size, uint64_t value)
{
    if (is_high_byte(e, reg, size)) {
        e->gprs[reg - 4] = (e->gprs[reg - 4] & ~0xff00UL) | (value & 0xff) << 8;
    } else if (size >= 4) {
        e->gprs[reg] = low_bytes(value, size);
    } else {
        e->gprs[reg] = (e->gprs[reg] & ~low_bytes(~0UL, size)) | low_bytes(value, size);
    }
}

/* --- Memory ------------------------------------------------------------------------------- */

static int refuse_address(struct emulation *e, unsigned segment)
{
    arch_inject_exception(e->v, segment == DECODE_SS ? EXC_SS : EXC_GP, true, 0);
    return FAULTED;
}

/* One page's translation. The page that the CPU faulted at need not be walked: it has checked
 * the guest's permissions there already. */
static int translate(struct emulation *e, unsigned segment, uint64_t linear, bool is_write, bool may_use_fault,
                     uint64_t *gpa)
{
    unsigned access =
        (is_write ? WALK_WRITE : WALK_READ) | (arch_vcpu_cpl(e->v) == 3 ? WALK_USER : 0);
    uint32_t error_code;

    if (may_use_fault && !e->gpa_is_old && ((linear ^ e->gpa) & (PAGE_SIZE - 1)) == 0) {
        *gpa = e->gpa;
        return 0;
    }
    if (e->code_bits == 64 && !x86_is_canonical(linear, arch_vcpu_cr4(e->v) & CR4_LA57 ? 5 : 4)) {
        return refuse_address(e, segment);
    }
    if (guest_walk(e->v, linear, access, gpa, &error_code) != 0) {
        arch_inject_page_fault(e->v, linear, error_code);
        return FAULTED;
    }
    return 0;
}

/* A memory operand: at most two pages, both translated before anything is touched. */
struct operand {
    uint64_t gpa[2];
    unsigned size[2]; /* bytes in each; the second is 0 for all but page-crossing ones */
};

static int prepare_operand(struct emulation *e, unsigned segment, uint64_t offset, unsigned size, bool is_write,
                           bool may_use_fault, struct operand *o)
{
    uint64_t linear = arch_vcpu_segment_base(e->v, segment) + offset;
    unsigned in_page = PAGE_SIZE - (linear & (PAGE_SIZE - 1));
    int rc;

    if (e->code_bits != 64) {
        linear = (uint32_t)linear;
    }
    if (!arch_vcpu_is_in_segment(e->v, segment, offset, offset + size - 1)) {
        return refuse_address(e, segment);
    }
    o->size[0] = MIN(size, in_page);
    o->size[1] = size - o->size[0];
    rc = translate(e, segment, linear, is_write, may_use_fault && o->size[1] == 0, &o->gpa[0]);
    if (rc == 0 && o->size[1] != 0) {
        linear += o->size[0];
        rc = translate(e, segment, e->code_bits == 64 ? linear : (uint32_t)linear, is_write, false, &o->gpa[1]);
    }
    return rc;
}

static uint64_t read_operand(struct emulation *e, const struct operand *o)
{
    uint64_t value = mmio_read(e->v, o->gpa[0], o->size[0]);

    if (unlikely(o->size[1] != 0)) {
        value |= mmio_read(e->v, o->gpa[1], o->size[1]) << (8 * o->size[0]);
    }
    return value;
}

static void write_operand(struct emulation *e, const struct operand *o, uint64_t value)
{
    mmio_write(e->v, o->gpa[0], o->size[0], low_bytes(value, o->size[0]));
    if (unlikely(o->size[1] != 0)) {
        mmio_write(e->v, o->gpa[1], o->size[1], low_bytes(value >> (8 * o->size[0]), o->size[1]));
    }
}

/* --- Arithmetic (APM vol. 3) --------------------------------------------------------------- */

static uint64_t result_flags(uint64_t result, unsigned size)
{
    uint64_t sign = 1UL << (8 * size - 1);

    return (low_bytes(result, size) == 0 ? FLAG_ZF : 0) | (result & sign ? FLAG_SF : 0) |
           (__builtin_parity(result & 0xff) ? 0 : FLAG_PF);
}

/* a + b + carry. The carry out of the top bit follows from the operands' and the result's top bits. */
static uint64_t add(uint64_t a, uint64_t b, uint64_t carry, unsigned size, uint64_t *flags)
{
    uint64_t sign = 1UL << (8 * size - 1), sum = low_bytes(a + b + carry, size);
    bool carries = ((a & b) | ((a | b) & ~sum)) & sign;

    *flags = (carries ? FLAG_CF : 0) | ((a ^ b ^ sum) & 0x10 ? FLAG_AF : 0) |
             (~(a ^ b) & (a ^ sum) & sign ? FLAG_OF : 0);
    return sum;
}

/* a - b - borrow = a + ~b + (1 - borrow), with carry and half carry turned round. */
static uint64_t subtract(uint64_t a, uint64_t b, uint64_t borrow, unsigned size, uint64_t *flags)
{
    uint64_t difference = add(a, low_bytes(~b, size), 1 - borrow, size, flags);

    *flags ^= FLAG_CF | FLAG_AF;
    return difference;
}

/* Computes, sets the arithmetic flags, and says in *is_written whether the destination changes. */
static uint64_t compute(struct emulation *e, uint64_t dst, uint64_t src, bool *is_written)
{
    uint64_t rflags = arch_vcpu_rflags(e->v), carry = rflags & FLAG_CF, flags = 0, result;
    unsigned size = e->insn.operand_size;

    *is_written = e->insn.op != DECODE_CMP && e->insn.op != DECODE_TEST;
    switch (e->insn.op) {
    case DECODE_ADD:
    case DECODE_ADC:
        result = add(dst, src, e->insn.op == DECODE_ADC ? carry : 0, size, &flags);
        break;
    case DECODE_SUB:
    case DECODE_CMP:
    case DECODE_SBB:
        result = subtract(dst, src, e->insn.op == DECODE_SBB ? carry : 0, size, &flags);
        break;
    case DECODE_OR:
        result = dst | src;
        break;
    case DECODE_XOR:
        result = dst ^ src;
        break;
    default: /* AND, TEST */
        result = dst & src;
        break;
    }
    flags |= result_flags(result, size);
    arch_vcpu_set_rflags(e->v, (rflags & ~FLAGS_ALU) | flags);
    return result;
}

/* --- Instructions ------------------------------------------------------------------------- */

static uint64_t source_value(const struct emulation *e)
{
    unsigned size = e->insn.operand_size;

    return e->insn.form == DECODE_FORM_RM_REG ? read_register(e, e->insn.reg, size)
                                              : low_bytes(e->insn.immediate, size);
}

/* register <- memory: moves and ALU operations. */
static void load(struct emulation *e, const struct operand *o)
{
    unsigned reg = e->insn.reg, size = e->insn.operand_size;
    uint64_t value = read_operand(e, o);
    bool is_written = true;

    if (e->insn.op == DECODE_MOVSX) {
        value = (uint64_t)sign_extend(value, e->insn.memory_size);
    } else if (e->insn.op <= DECODE_TEST) {
        value = compute(e, read_register(e, reg, size), value, &is_written);
    }
    if (is_written) {
        write_register(e, reg, size, value);
    }
}

/* memory <- register or immediate: moves, exchanges, and ALU operations that read first. */
static void store(struct emulation *e, const struct operand *o)
{
    uint64_t source = source_value(e), old = 0;
    bool is_written = true;

    if (e->insn.op != DECODE_MOV) {
        old = read_operand(e, o);
    }
    if (e->insn.op <= DECODE_TEST) {
        source = compute(e, old, source, &is_written);
    } else if (e->insn.op == DECODE_XCHG) {
        write_register(e, e->insn.reg, e->insn.operand_size, old);
    }
    if (is_written) {
        write_operand(e, o, source);
    }
}

static int emulate_memory_operand(struct emulation *e)
{
    const struct decoded *insn = &e->insn;
    uint64_t next_rip = arch_vcpu_rip(e->v) + insn->length;
    uint64_t offset = decode_effective_offset(insn, e->gprs, next_rip);
    bool is_load = insn->form == DECODE_FORM_REG_RM;
    bool is_write = !is_load && insn->op != DECODE_CMP && insn->op != DECODE_TEST;
    struct operand operand;
    int rc = prepare_operand(e, insn->segment, offset, insn->memory_size, is_write, true, &operand);

    if (rc != 0) {
        return rc;
    }
    if (is_load) {
        load(e, &operand);
    } else {
        store(e, &operand);
    }
    arch_vcpu_advance_rip(e->v, insn->length);
    return 0;
}

/* --- String moves ------------------------------------------------------------------------- */

/* Adds to rCX, rSI or rDI within the address size. */
static void step_register(struct emulation *e, unsigned reg, int64_t delta)
{
    write_register(e, reg, e->insn.address_size, e->gprs[reg] + (uint64_t)delta);
}

enum { RCX = 1, RSI = 6, RDI = 7 };

static int string_step(struct emulation *e, int64_t delta)
{
    unsigned size = e->insn.operand_size, address_size = e->insn.address_size;
    unsigned op = e->insn.op;
    bool has_source = op == DECODE_MOVS || op == DECODE_LODS || op == DECODE_OUTS;
    bool has_destination = op == DECODE_MOVS || op == DECODE_STOS || op == DECODE_INS;
    struct operand source, destination;
    uint64_t value = read_register(e, 0, size);
    int rc = 0;

    if (has_source) {
        rc = prepare_operand(e, e->insn.segment, low_bytes(e->gprs[RSI], address_size), size, false, !has_destination,
                             &source);
    }
    if (rc == 0 && has_destination) {
        rc = prepare_operand(e, DECODE_ES, low_bytes(e->gprs[RDI], address_size), size, true, !has_source,
                             &destination);
    }
    if (rc != 0) {
        return rc;
    }
    if (has_source) {
        value = read_operand(e, &source);
        step_register(e, RSI, delta);
    } else if (op == DECODE_INS) {
        value = arch_port_read(e->v, (uint16_t)e->port, size);
    }
    if (has_destination) {
        write_operand(e, &destination, value);
        step_register(e, RDI, delta);
    } else if (op == DECODE_OUTS) {
        arch_port_write(e->v, (uint16_t)e->port, size, (uint32_t)value);
    } else {
        write_register(e, 0, size, value);
    }
    return 0;
}

static int emulate_string(struct emulation *e)
{
    unsigned address_size = e->insn.address_size;
    uint64_t rflags = arch_vcpu_rflags(e->v);
    unsigned steps = rflags & RFLAGS_TF ? 1 : MAX_STEPS; /* a single step is one repetition */
    int64_t delta = rflags & RFLAGS_DF ? -(int64_t)e->insn.operand_size : e->insn.operand_size;
    bool is_repeated = e->insn.rep != 0;

    for (unsigned n = 0; n < (is_repeated ? steps : 1) && (!is_repeated || low_bytes(e->gprs[RCX], address_size) != 0);
         n++) {
        int rc = string_step(e, delta);

        if (rc != 0) {
            return rc;
        }
        if (is_repeated) {
            step_register(e, RCX, -1);
        }
        e->gpa_is_old = true;
    }
    arch_vcpu_advance_rip(e->v, is_repeated && low_bytes(e->gprs[RCX], address_size) != 0 ? 0 : e->insn.length);
    return 0;
}

/* --- The whole ---------------------------------------------------------------------------- */

/* The bytes the CPU handed over end early or are not there: fetches them. If the guest's own tables
 * refuse a byte that is needed, that is the guest's page fault. */
static int fetch_and_decode(struct emulation *e)
{
    uint8_t bytes[DECODE_MAX_LENGTH];
    uint64_t linear = arch_vcpu_segment_base(e->v, DECODE_CS) + arch_vcpu_rip(e->v), gpa;
    size_t count = guest_fetch(e->v, bytes, linear, sizeof(bytes));
    enum decode_result result = decode_instruction(bytes, count, e->code_bits, &e->insn);
    unsigned user = arch_vcpu_cpl(e->v) == 3 ? WALK_USER : 0;
    uint32_t error_code;

    switch (result) {
    case DECODE_OK:
        return 0;
    case DECODE_TOO_SHORT:
        if (guest_walk(e->v, linear + count, WALK_EXEC | user, &gpa, &error_code) != 0) {
            arch_inject_page_fault(e->v, linear + count, error_code);
            return FAULTED;
        }
        return -XEN_EOPNOTSUPP; /* code in device memory */
    case DECODE_TOO_LONG:
        arch_inject_exception(e->v, EXC_GP, true, 0);
        return FAULTED;
    default:
        return -XEN_EOPNOTSUPP;
    }
}

/* rc: of decoding. An INS whose port v reaches, but not its memory, is not emulated. */
static int run(struct emulation *e, int rc)
{
    bool is_port = e->insn.op == DECODE_INS || e->insn.op == DECODE_OUTS;

    if (rc == 0 && is_port != (e->port >= 0)) {
        rc = -XEN_EOPNOTSUPP;
    } else if (rc == 0 && e->insn.form == DECODE_FORM_STRING) {
        rc = emulate_string(e);
    } else if (rc == 0) {
        rc = e->insn.form != DECODE_FORM_NONE && e->insn.has_memory ? emulate_memory_operand(e) : -XEN_EOPNOTSUPP;
    }
    return rc == FAULTED ? 0 : rc;
}

int mmio_emulate(struct vcpu *v, uint64_t gpa, const uint8_t *bytes, size_t count)
{
    struct emulation e = {
        .v = v, .gpa = gpa, .port = -1, .gprs = &v->arch.gprs.rax, .code_bits = arch_vcpu_code_bits(v)};
    bool is_decoded = count != 0 && decode_instruction(bytes, count, e.code_bits, &e.insn) == DECODE_OK;

    return run(&e, is_decoded ? 0 : fetch_and_decode(&e));
}

int mmio_emulate_port(struct vcpu *v, uint16_t port)
{
    struct emulation e = {
        .v = v, .gpa_is_old = true, .port = port, .gprs = &v->arch.gprs.rax, .code_bits = arch_vcpu_code_bits(v)};

    return run(&e, fetch_and_decode(&e));
}
