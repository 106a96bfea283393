/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vdev/mmio.c and vdev/emulate.c. Arithmetic and moves are compared with the processor the test
 * runs on: the same bytes are executed on plain memory, and emulated on a device that is memory
 * too.
 */
#include <hv/decode.h>
#include <hv/hypercall.h>
#include <hv/mmio.h>
#include <hv/vlapic.h>

#include <criterion/criterion.h>
#include <string.h>
#include <sys/mman.h>

#include "vdev_fakes.h"

#define DEVICE 0x800000UL /* beyond the fake RAM */
#define CODE   0x1000UL
#define FLAGS  0x8d5UL /* CF PF AF ZF SF OF */

static struct domain *d;
static struct vcpu *v;

/* --- A device: two pages of registers that remember the accesses ----------------------------- */

static uint8_t registers[2 * PAGE_SIZE];
static unsigned accesses, misaligned, widest;

static void note(uint64_t gpa, unsigned size)
{
    accesses++;
    misaligned += (gpa & (size - 1)) != 0;
    widest = MAX(widest, size);
}

static uint64_t device_read(struct vcpu *reader, void *data, uint64_t gpa, unsigned size)
{
    uint64_t value = 0;

    (void)reader;
    (void)data;
    note(gpa, size);
    memcpy(&value, &registers[gpa - DEVICE], size);
    return value;
}

static void device_write(struct vcpu *writer, void *data, uint64_t gpa, unsigned size,
                         uint64_t value)
{
    (void)writer;
    (void)data;
    note(gpa, size);
    memcpy(&registers[gpa - DEVICE], &value, size);
}

static const struct mmio_ops device_ops = {device_read, device_write};

static void start(void)
{
    d = fake_domain(1);
    v = d->vcpus[0];
    cr_assert_eq(vlapic_init(v), 0);
    cr_assert_eq(mmio_register(d, gfn(DEVICE >> PAGE_SHIFT), gfn((DEVICE >> PAGE_SHIFT) + 2),
                               &device_ops, NULL),
                 0);
    memset(registers, 0, sizeof(registers));
    accesses = misaligned = widest = 0;
    fake.rip = CODE;
}

static void stop(void)
{
    vlapic_free(v);
}

static int emulate(const char *bytes, size_t length, uint64_t gpa)
{
    memcpy(&fake.memory[fake.rip], bytes, length);
    return mmio_emulate(v, gpa, NULL, 0);
}

/* --- The same on the processor --------------------------------------------------------------- */

struct native {
    uint64_t rax, rcx, rdi, rflags;
    void *code;
};

/* Runs n->code (one instruction and a RET) with the registers and flags of *n. */
void run_native(struct native *n);
__asm__(".text\n"
        "run_native:\n"
        "    push %rbx\n"
        "    mov %rdi, %rbx\n"
        "    mov 0(%rbx), %rax\n"
        "    mov 8(%rbx), %rcx\n"
        "    mov 16(%rbx), %rdi\n"
        "    push 24(%rbx)\n"
        "    popf\n"
        "    call *32(%rbx)\n"
        "    pushf\n"
        "    pop 24(%rbx)\n"
        "    mov %rax, 0(%rbx)\n"
        "    mov %rcx, 8(%rbx)\n"
        "    cld\n"
        "    pop %rbx\n"
        "    ret\n");

/* clang-format off */
/* Padded with zeros; the decoder, tested elsewhere, says how long each is. */
static const char same_as_native[][16] = {
    /* memory operand [rdi], register rcx or rax */
    "\x88\x0f", "\x66\x89\x0f", "\x89\x0f", "\x48\x89\x0f",     /* mov [rdi], cl/cx/ecx/rcx */
    "\x8a\x0f", "\x66\x8b\x0f", "\x8b\x0f", "\x48\x8b\x0f",     /* mov cl/cx/ecx/rcx, [rdi] */
    "\x8a\x2f", "\x88\x2f", "\x40\x8a\x0f",                     /* ch; REX */
    "\xc6\x07\x5a", "\xc7\x07\x11\x22\x33\x84", "\x48\xc7\x07\x11\x22\x33\x84",
    "\x0f\xb6\x0f", "\x0f\xb7\x0f", "\x48\x0f\xb6\x0f", "\x66\x0f\xb6\x0f",
    "\x0f\xbe\x0f", "\x0f\xbf\x0f", "\x48\x0f\xbe\x0f", "\x48\x63\x0f", "\x66\x0f\xbe\x0f",
    "\x00\x0f", "\x66\x01\x0f", "\x01\x0f", "\x48\x01\x0f", "\x02\x0f", "\x03\x0f", "\x48\x03\x0f",
    "\x08\x0f", "\x09\x0f", "\x48\x0b\x0f", "\x10\x0f", "\x66\x11\x0f", "\x11\x0f", "\x48\x13\x0f",
    "\x18\x0f", "\x66\x19\x0f", "\x19\x0f", "\x48\x1b\x0f", "\x20\x0f", "\x21\x0f", "\x48\x23\x0f",
    "\x28\x0f", "\x66\x29\x0f", "\x29\x0f", "\x48\x2b\x0f", "\x30\x0f", "\x31\x0f", "\x48\x33\x0f",
    "\x38\x0f", "\x66\x39\x0f", "\x39\x0f", "\x48\x3b\x0f", "\x3a\x0f",
    "\x84\x0f", "\x66\x85\x0f", "\x85\x0f", "\x48\x85\x0f",
    "\x80\x07\x7f", "\x83\x07\xff", "\x81\x07\x11\x22\x33\x84", "\x48\x83\x17\x80",
    "\x83\x0f\x10", "\x83\x1f\x01", "\x83\x27\xf0", "\x83\x2f\x01", "\x83\x37\xff", "\x83\x3f\x00",
    "\xf6\x07\x80", "\xf7\x07\x11\x22\x33\x84", "\x48\xf7\x07\x11\x22\x33\x84",
    "\x86\x0f", "\x66\x87\x0f", "\x87\x0f", "\x48\x87\x0f", "\xf0\x83\x0f\x01", "\x0f\xc3\x0f",
};
/* clang-format on */

static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005UL + 1442695040888963407UL;
    return *state ^ *state >> 29;
}

/* A random number; often one at which carries and signs change. */
static uint64_t edgy_random(uint64_t *state)
{
    static const uint64_t edges[] = {0,
                                     1,
                                     0x7f,
                                     0x80,
                                     0xff,
                                     0x7fff,
                                     0x8000,
                                     0x7fffffff,
                                     0x80000000UL,
                                     0xffffffffUL,
                                     0x7fffffffffffffffUL,
                                     0x8000000000000000UL,
                                     ~0UL};
    uint64_t r = next_random(state);

    return r % 3 == 0 ? edges[r / 3 % ARRAY_SIZE(edges)] : next_random(state);
}

static void compare_once(const char *bytes, uint8_t *code, uint64_t *state)
{
    uint64_t memory = edgy_random(state), native_memory = memory;
    struct native n = {edgy_random(state), edgy_random(state), (uint64_t)&native_memory,
                       2 | (next_random(state) & FLAGS), code};
    uint64_t rip = fake.rip;

    v->arch.gprs = (struct guest_gprs){.rax = n.rax, .rcx = n.rcx, .rdi = DEVICE + 0x10};
    fake.rflags = n.rflags;
    memcpy(&registers[0x10], &memory, 8);
    run_native(&n);

    cr_assert_eq(mmio_emulate(v, DEVICE + 0x10, (const uint8_t *)bytes, 15), 0,
                 "%02x %02x %02x", (uint8_t)bytes[0], (uint8_t)bytes[1], (uint8_t)bytes[2]);

    memcpy(&memory, &registers[0x10], 8);
    cr_assert_eq(memory, native_memory, "%02x %02x: memory %lx, not %lx", (uint8_t)bytes[0],
                 (uint8_t)bytes[1], memory, native_memory);
    cr_assert_eq(v->arch.gprs.rcx, n.rcx, "%02x %02x: rcx", (uint8_t)bytes[0], (uint8_t)bytes[1]);
    cr_assert_eq(v->arch.gprs.rax, n.rax);
    cr_assert_eq(fake.rflags & FLAGS & ~0x10UL, n.rflags & FLAGS & ~0x10UL,
                 "%02x %02x: flags %lx, not %lx", (uint8_t)bytes[0], (uint8_t)bytes[1], fake.rflags,
                 n.rflags);
    cr_assert_gt(fake.rip, rip, "%02x %02x: exception %d", (uint8_t)bytes[0], (uint8_t)bytes[1],
                 fake.exception);
    fake.rip = rip;
}

Test(emulate, does_what_the_processor_does)
{
    uint8_t *code = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t state = 42;

    cr_assert_neq(code, MAP_FAILED);
    start();
    for (size_t i = 0; i < ARRAY_SIZE(same_as_native); i++) {
        struct decoded insn;

        cr_assert_eq(decode_instruction((const uint8_t *)same_as_native[i], 16, 64, &insn),
                     DECODE_OK);
        memcpy(code, same_as_native[i], insn.length);
        code[insn.length] = 0xc3;
        for (unsigned round = 0; round < 300; round++) {
            compare_once(same_as_native[i], code, &state);
        }
    }
    cr_expect_eq(misaligned, 0);
    stop();
    munmap(code, PAGE_SIZE);
}

/* --- Addressing ------------------------------------------------------------------------------ */

Test(emulate, rip_relative_and_segment_bases)
{
    start();
    registers[0x20] = 0x77;

    fake.rip = CODE;
    /* movzx eax, byte [rip + disp] */
    {
        char bytes[7] = "\x0f\xb6\x05";
        int32_t displacement = (int32_t)(DEVICE + 0x20 - (CODE + 7));

        memcpy(bytes + 3, &displacement, 4);
        cr_expect_eq(emulate(bytes, 7, DEVICE + 0x20), 0);
    }
    cr_expect_eq(v->arch.gprs.rax, 0x77);
    cr_expect_eq(fake.rip, CODE + 7);

    fake.segment_base[5] = DEVICE;
    v->arch.gprs.rbx = 0x20;
    v->arch.gprs.rcx = ~0UL;
    cr_expect_eq(emulate("\x65\x8a\x0b", 3, DEVICE + 0x20), 0); /* mov cl, gs:[rbx] */
    cr_expect_eq(v->arch.gprs.rcx, 0xffffffffffffff77UL);
    stop();
}

Test(emulate, page_crossing_access_is_split_and_aligned)
{
    start();
    v->arch.gprs.rdi = DEVICE + PAGE_SIZE - 3;
    v->arch.gprs.rax = 0x8877665544332211UL;

    cr_expect_eq(emulate("\x48\x89\x07", 3, DEVICE + PAGE_SIZE - 3), 0);

    cr_expect_eq(memcmp(&registers[PAGE_SIZE - 3], "\x11\x22\x33\x44\x55\x66\x77\x88", 8), 0);
    cr_expect_eq(misaligned, 0);
    cr_expect_leq(widest, 4U);
    stop();
}

Test(emulate, crossing_from_ram_into_the_device)
{
    start();
    /* The device follows the RAM here. */
    mmio_unregister(d, gfn(DEVICE >> PAGE_SHIFT));
    cr_assert_eq(mmio_register(d, gfn(FAKE_MEMORY_SIZE >> PAGE_SHIFT),
                               gfn((FAKE_MEMORY_SIZE >> PAGE_SHIFT) + 1),
                               &(const struct mmio_ops){device_read, device_write}, NULL),
                 0);
    cr_expect(mmio_is_claimed(v, FAKE_MEMORY_SIZE));
    cr_expect_not(mmio_is_claimed(v, FAKE_MEMORY_SIZE - 1));
    cr_expect_not(mmio_is_claimed(v, DEVICE));
    stop();
}

Test(emulate, unclaimed_addresses_read_all_ones)
{
    start();
    v->arch.gprs.rdi = 0x900000;
    memcpy(&fake.memory[CODE], "\x48\x8b\x07", 3);

    cr_expect_eq(fake.rip, CODE);
    cr_expect_eq(mmio_emulate(v, 0x900000, NULL, 0), 0);
    cr_expect_eq(v->arch.gprs.rax, ~0UL);
    memcpy(&fake.memory[fake.rip], "\x8b\x07", 2);
    cr_expect_eq(mmio_emulate(v, 0x900000, NULL, 0), 0);
    cr_expect_eq(v->arch.gprs.rax, 0xffffffffUL);
    stop();
}

/* --- Refusals and faults ---------------------------------------------------------------------- */

Test(emulate, refuses_what_it_does_not_know)
{
    start();
    v->arch.gprs.rdi = DEVICE;

    cr_expect_eq(emulate("\x0f\x11\x07", 3, DEVICE), -XEN_EOPNOTSUPP); /* movups [rdi], xmm0 */
    cr_expect_eq(emulate("\xff\x37", 2, DEVICE), -XEN_EOPNOTSUPP);     /* push [rdi] */
    cr_expect_eq(emulate("\x50", 1, DEVICE), -XEN_EOPNOTSUPP); /* push rax: its stack is there */
    cr_expect_eq(emulate("\x89\xc0", 2, DEVICE), -XEN_EOPNOTSUPP); /* mov eax, eax */
    cr_expect_eq(emulate("\xc5\xf8\x11\x07", 4, DEVICE), -XEN_EOPNOTSUPP);
    cr_expect_eq(accesses, 0);
    cr_expect_eq(fake.rip, CODE);
    stop();
}

Test(emulate, too_long_instructions_fault)
{
    start();

    cr_expect_eq(
        emulate("\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x90", 16, DEVICE), 0);
    cr_expect_eq(fake.exception, 13);
    stop();
}

Test(emulate, code_that_runs_into_an_unmapped_page_faults_there)
{
    start();
    fake.rip = 0x1fff;
    fake.memory[0x1fff] = 0x89;
    fake.unmapped_linear = 0x2000;

    cr_expect_eq(mmio_emulate(v, DEVICE, NULL, 0), 0);

    cr_expect_eq(fake.exception, 14);
    cr_expect_eq(fake.fault_linear, 0x2000);
    stop();
}

Test(emulate, bytes_of_the_cpu_that_end_early_are_fetched_again)
{
    start();
    v->arch.gprs.rdi = DEVICE;
    v->arch.gprs.rax = 0x1234;
    memcpy(&fake.memory[CODE], "\x89\x07", 2);

    cr_expect_eq(mmio_emulate(v, DEVICE, (const uint8_t *)"\x89", 1), 0);

    cr_expect_eq(registers[0], 0x34);
    stop();
}

/* --- String moves ----------------------------------------------------------------------------- */

Test(emulate, rep_stos_and_movs_are_bounded_per_exit)
{
    start();
    v->arch.gprs.rdi = DEVICE;
    v->arch.gprs.rax = 0xaabbccdd;
    v->arch.gprs.rcx = 100;

    cr_expect_eq(emulate("\xf3\xab", 2, DEVICE), 0); /* rep stosd */
    cr_expect_eq(fake.rip, CODE, "not finished");
    cr_expect_eq(v->arch.gprs.rcx, 36);
    cr_expect_eq(v->arch.gprs.rdi, DEVICE + 256);
    cr_expect_eq(emulate("\xf3\xab", 2, DEVICE + 256), 0);
    cr_expect_eq(fake.rip, CODE + 2);
    cr_expect_eq(v->arch.gprs.rcx, 0);
    cr_expect_eq(registers[399], 0xaa);
    cr_expect_eq(registers[400], 0);

    /* RAM -> device, downwards */
    fake.rip = CODE;
    fake.rflags |= 1 << 10;
    memcpy(&fake.memory[0x5000], "abcd", 4);
    v->arch.gprs.rsi = 0x5003;
    v->arch.gprs.rdi = DEVICE + 0x13;
    v->arch.gprs.rcx = 4;
    cr_expect_eq(emulate("\xf3\xa4", 2, DEVICE + 0x13), 0);
    cr_expect_eq(memcmp(&registers[0x10], "abcd", 4), 0);
    cr_expect_eq(v->arch.gprs.rsi, 0x4fff);
    stop();
}

Test(emulate, a_single_step_is_one_repetition)
{
    start();
    v->arch.gprs.rdi = DEVICE;
    v->arch.gprs.rcx = 3;
    fake.rflags |= 1 << 8; /* TF */

    cr_expect_eq(emulate("\xf3\xaa", 2, DEVICE), 0); /* rep stosb */

    cr_expect_eq(v->arch.gprs.rcx, 2);
    cr_expect_eq(v->arch.gprs.rdi, DEVICE + 1);
    cr_expect_eq(fake.rip, CODE);
    stop();
}

Test(emulate, string_move_stops_at_a_fault_with_its_progress_kept)
{
    start();
    v->arch.gprs.rsi = DEVICE;
    v->arch.gprs.rdi = 0x5ffe;
    v->arch.gprs.rcx = 8;
    registers[0] = 1;
    registers[1] = 2;
    fake.unmapped_linear = 0x6000;

    cr_expect_eq(emulate("\xf3\xa4", 2, DEVICE), 0);

    cr_expect_eq(fake.exception, 14);
    cr_expect_eq(fake.fault_linear, 0x6000);
    cr_expect_eq(fake.fault_code & 2, 2, "a write");
    cr_expect_eq(v->arch.gprs.rcx, 6);
    cr_expect_eq(v->arch.gprs.rsi, DEVICE + 2);
    cr_expect_eq(fake.memory[0x5fff], 2);
    cr_expect_eq(fake.rip, CODE);
    stop();
}

Test(emulate, rep_with_a_count_of_zero_does_nothing)
{
    start();
    v->arch.gprs.rcx = 0xffffffff00000000UL;
    v->arch.gprs.rdi = DEVICE;

    cr_expect_eq(emulate("\x67\xf3\xab", 3, DEVICE), 0); /* 32-bit count */

    cr_expect_eq(accesses, 0);
    cr_expect_eq(fake.rip, CODE + 3);
    stop();
}

Test(emulate, a_string_move_ends_at_its_segment_s_limit)
{
    start();
    fake.code_bits = 32;
    fake.segment_limit[0] = DEVICE + 1;
    v->arch.gprs.rdi = DEVICE;
    v->arch.gprs.rcx = 3;

    cr_expect_eq(emulate("\xf3\xaa", 2, DEVICE), 0); /* rep stosb */

    cr_expect_eq(fake.exception, 13);
    cr_expect_eq(v->arch.gprs.rcx, 1);
    cr_expect_eq(accesses, 2);
    stop();
}

/* Its port is one that the guest reaches by itself. */
Test(emulate, ins_into_a_device_is_refused)
{
    start();
    v->arch.gprs.rdi = DEVICE;

    cr_expect_eq(emulate("\x6c", 1, DEVICE), -XEN_EOPNOTSUPP);
    cr_expect_eq(accesses, 0);
    stop();
}

Test(emulate, lods_at_the_last_byte_of_a_page)
{
    start();
    v->arch.gprs.rsi = DEVICE + PAGE_SIZE - 1;
    v->arch.gprs.rcx = 2;
    registers[PAGE_SIZE - 1] = 0x11;
    registers[PAGE_SIZE] = 0x22;

    cr_expect_eq(emulate("\xf3\xac", 2, DEVICE + PAGE_SIZE - 1), 0);

    cr_expect_eq(v->arch.gprs.rax, 0x22);
    cr_expect_eq(v->arch.gprs.rsi, DEVICE + PAGE_SIZE + 1);
    stop();
}

/* --- The region table ------------------------------------------------------------------------- */

Test(mmio, regions_do_not_overlap_and_end)
{
    start();

    cr_expect_eq(mmio_register(d, gfn(0x801), gfn(0x803), &device_ops, NULL), -XEN_EEXIST);
    cr_expect_eq(mmio_register(d, gfn(0x7ff), gfn(0x801), &device_ops, NULL), -XEN_EEXIST);
    cr_expect_eq(mmio_register(d, gfn(5), gfn(5), &device_ops, NULL), -XEN_EINVAL);
    cr_expect_eq(mmio_register(d, gfn(0x7ff), gfn(0x800), &device_ops, NULL), 0);
    cr_expect(mmio_is_claimed(v, 0x7ff000));
    mmio_unregister(d, gfn(0x7ff));
    cr_expect_not(mmio_is_claimed(v, 0x7ff000));
    cr_expect(mmio_is_claimed(v, 0x801fff));
    cr_expect_not(mmio_is_claimed(v, 0x802000));
    mmio_unregister(d, gfn(0x123));
    stop();
}

Test(mmio, a_full_table_refuses)
{
    int rc = 0;
    unsigned count = 0;

    start();
    while (rc == 0) {
        rc =
            mmio_register(d, gfn(0x10000 - 2 * count), gfn(0x10001 - 2 * count), &device_ops, NULL);
        count++;
    }
    cr_expect_eq(rc, -XEN_ENOSPC);
    cr_expect_gt(count, 100);
    cr_expect(mmio_is_claimed(v, 0x10000UL << 12));
    cr_expect_not(mmio_is_claimed(v, 0x0ffffUL << 12));
    stop();
}

Test(mmio, first_registration_without_memory_fails)
{
    d = fake_domain(1);
    fake.no_memory = true;

    cr_expect_eq(mmio_register(d, gfn(1), gfn(2), &device_ops, NULL), -XEN_ENOMEM);
}

/* --- The xAPIC page --------------------------------------------------------------------------- */

Test(mmio, xapic_page_exists_in_xapic_mode_only)
{
    start();
    cr_expect_not(mmio_is_claimed(v, 0xfee00020));
    cr_assert_eq(vlapic_msr_write(v, 0x1b, 0xfee00100), 0);
    cr_assert_eq(vlapic_msr_write(v, 0x1b, 0xfee00900), 0);
    cr_expect(mmio_is_claimed(v, 0xfee00020));

    v->arch.gprs.rdi = 0xfee000f0;
    cr_expect_eq(emulate("\xc7\x07\xff\x01\0\0", 6, 0xfee000f0), 0); /* SVR = 0x1ff */
    cr_expect(vlapic_is_enabled(v));
    cr_expect_eq(mmio_read(v, 0xfee000f0, 4), 0x1ff);
    cr_expect_eq(mmio_read(v, 0xfee000f1, 1), 0x01);
    cr_expect_eq(mmio_read(v, 0xfee000f4, 4), 0);
    mmio_write(v, 0xfee000f0, 1, 0);
    cr_expect(vlapic_is_enabled(v), "byte writes are ignored");
    stop();
}
