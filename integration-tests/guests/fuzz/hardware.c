/* SPDX-License-Identifier: Apache-2.0 */
/* Steps that use the processor: registers, ports, device memory, and instructions made up of bytes. */
#include "fuzz.h"

#include <string.h>

#define RFLAGS_TF   (1UL << 8)
#define RFLAGS_ANY  0x240cd5UL /* what a step may start with: the arithmetic flags, DF, AC, ID */
#define BREAKPOINT  0xcc
#define HALT        0xf4
#define LOCK        0xf0
#define CODE_PAGES  4U

#define MSR_X2APIC      0x800U
#define MSR_HYPERCALL   0x40000000U
#define MSR_EFER        0xc0000080U
#define EFER_LONG_MODE  0x500UL
#define LTR             0x18U /* ModRM.reg of 0F 00 */

/* Where several CPUs write the instructions that they execute, over each other's. */
static uint8_t code[CODE_PAGES][PAGE] __attribute__((aligned(4096)));

static uint32_t make_msr(struct random *r)
{
    static const uint32_t known[] = {
        0x10,       0x1b,       0x3a,       0x3b,       0x48,       0x49,       0x8b,       0xfe,       0x174,
        0x175,      0x176,      0x179,      0x17a,      0x1d9,      0x200,      0x250,      0x268,      0x277,
        0x2ff,      0x400,      0x6e0,      0xda0,      0x40000000, 0x40000001, 0xc0000080, 0xc0000081, 0xc0000082,
        0xc0000083, 0xc0000084, 0xc0000100, 0xc0000101, 0xc0000102, 0xc0000103, 0xc0010000, 0xc0010004, 0xc0010010,
        0xc0010015, 0xc001001f, 0xc0010114, 0xc0010117, 0xc001011f, 0xc0011029, 0x4b564d00,
    };

    switch (random_below(r, 4)) {
    case 0:
        return MSR_X2APIC + random_below(r, 0x100);
    case 1:
        return (uint32_t)random_next(r);
    case 2:
        return random_below(r, 0x2000) | (random_once_in(r, 2) ? 0xc0000000 : 0) | (random_once_in(r, 2) ? 0x10000 : 0);
    default:
        return known[random_below(r, sizeof(known) / sizeof(known[0]))];
    }
}

void step_msr(struct cpu *cpu)
{
    struct random *r = &cpu->random;
    uint32_t msr = make_msr(r);
    uint64_t value = random_once_in(r, 2) ? call_number(r) : make_pointer(r);

    if (random_once_in(r, 2)) {
        read_msr(msr);
        return;
    }
    if (msr == MSR_HYPERCALL && !random_once_in(r, 8)) {
        value = ARENA + random_below(r, ARENA_PAGES) * PAGE;
    }
    if (msr == MSR_EFER) {
        value |= EFER_LONG_MODE;
    }
    write_msr(msr, value);
}

void step_port(struct cpu *cpu)
{
    struct random *r = &cpu->random;
    uint16_t port = random_once_in(r, 2) ? (uint16_t)random_next(r) : (uint16_t)call_number(r);
    uint64_t value = random_next(r), count = random_below(r, 600);
    uint64_t at = make_pointer(r);

    switch (random_below(r, 12)) {
    case 0:
        __asm__ volatile("inb %w1, %b0" : "+a"(value) : "d"(port));
        break;
    case 1:
        __asm__ volatile("inw %w1, %w0" : "+a"(value) : "d"(port));
        break;
    case 2:
        __asm__ volatile("inl %w1, %k0" : "+a"(value) : "d"(port));
        break;
    case 3:
        __asm__ volatile("outb %b0, %w1" : "+a"(value) : "d"(port));
        break;
    case 4:
        __asm__ volatile("outw %w0, %w1" : "+a"(value) : "d"(port));
        break;
    case 5:
        __asm__ volatile("outl %k0, %w1" : "+a"(value) : "d"(port));
        break;
    case 6:
        __asm__ volatile("rep insb" : "+D"(at), "+c"(count) : "d"(port) : "memory");
        break;
    case 7:
        __asm__ volatile("rep insl" : "+D"(at), "+c"(count) : "d"(port) : "memory");
        break;
    case 8:
        __asm__ volatile("rep outsb" : "+S"(at), "+c"(count) : "d"(port) : "memory");
        break;
    case 9:
        __asm__ volatile("rep outsl" : "+S"(at), "+c"(count) : "d"(port) : "memory");
        break;
    case 10:
        __asm__ volatile("std; rep insw; cld" : "+D"(at), "+c"(count) : "d"(port) : "memory");
        break;
    default:
        __asm__ volatile("std; rep outsw; cld" : "+S"(at), "+c"(count) : "d"(port) : "memory");
    }
}

/* Where no memory is: emulated, or nothing. */
static uint64_t device_address(struct random *r)
{
    static const uint64_t devices[] = {LAPIC, LAPIC, 0xfec00000, 0xfed00000, 0xe0000000, 0xb0000000, 0xfee01000};

    if (random_once_in(r, 2)) {
        return HOLE + random_below(r, HOLE_PAGES * PAGE);
    }
    return devices[random_below(r, sizeof(devices) / sizeof(devices[0]))] + random_below(r, 1024) * 4 +
           (random_once_in(r, 8) ? random_below(r, 16) : 0);
}

void step_mmio(struct cpu *cpu)
{
    struct random *r = &cpu->random;
    uint64_t at = device_address(r), value = call_number(r);

    switch (random_below(r, 8)) {
    case 0:
        (void)*(volatile uint8_t *)at;
        break;
    case 1:
        (void)*(volatile uint16_t *)at;
        break;
    case 2:
        (void)*(volatile uint32_t *)at;
        break;
    case 3:
        (void)*(volatile uint64_t *)at;
        break;
    case 4:
        *(volatile uint8_t *)at = (uint8_t)value;
        break;
    case 5:
        *(volatile uint16_t *)at = (uint16_t)value;
        break;
    case 6:
        *(volatile uint32_t *)at = (uint32_t)value;
        break;
    default:
        *(volatile uint64_t *)at = value;
    }
}

/* An instruction that looks like one: prefixes, opcode, often an operand in memory. */
static unsigned make_instruction(struct random *r, uint8_t *to)
{
    static const uint8_t prefixes[] = {0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x2e, 0x36, 0x64, 0x65};
    static const uint8_t moves[] = {0x00, 0x01, 0x08, 0x20, 0x30, 0x38, 0x80, 0x81, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88,
                                    0x89, 0x8a, 0x8b, 0xa4, 0xa5, 0xa6, 0xaa, 0xab, 0xac, 0xc6, 0xc7, 0xd3, 0xf6, 0xf7,
                                    0xfe, 0xff};
    unsigned at = 0;
    bool is_locked = false;

    while (random_once_in(r, 3)) {
        to[at] = prefixes[random_below(r, sizeof(prefixes))];
        is_locked |= to[at++] == LOCK;
        if (at == 12) {
            break;
        }
    }
    if (random_once_in(r, 2)) {
        to[at++] = (uint8_t)(0x40 | random_below(r, 16));
    }
    switch (random_below(r, 8)) {
    case 0:
        to[at++] = (uint8_t)random_next(r);
        break;
    case 1:
    case 2:
        to[at++] = 0x0f;
        to[at++] = (uint8_t)random_next(r);
        if ((to[at - 1] <= 1 || (to[at - 1] & ~3u) == 0x20) && !random_once_in(r, 16)) {
            to[at - 1] = 0x0d; /* descriptor tables and control registers are the guest's own, and soon its end */
        }
        break;
    case 3: /* SVM's own, VMMCALL, and their neighbours */
        to[at++] = 0x0f;
        to[at++] = 0x01;
        to[at++] = (uint8_t)(0xc0 | random_below(r, 64));
        break;
    default:
        to[at++] = moves[random_below(r, sizeof(moves))];
    }
    to[at] = (uint8_t)(random_once_in(r, 8) ? random_next(r) : random_next(r) & 0x3f); /* ModRM */
    if ((to[at] & 0xc7) == 5) {
        to[at] ^= 1; /* not by RIP: the guest's own code is there */
    }
    if (at >= 2 && to[at - 2] == 0x0f && to[at - 1] == 0 && (to[at] & 0x38) == LTR) {
        to[at] ^= 0x08; /* LLDT: QEMU 7.2 takes a null selector (APM vol. 3: #GP), and aborts ("invalid tss") at an interrupt */
    }
    if (is_locked) {
        to[at] &= 0x3f; /* in memory: at LOCK BT between registers QEMU 7.2 aborts */
    }
    at++;
    for (unsigned i = 0; i < 6; i++) {
        to[at++] = (uint8_t)(random_once_in(r, 2) ? random_below(r, 128) : random_next(r));
    }
    return at;
}

/* One instruction of bytes, single-stepped; the registers are addresses. */
void step_bytes(struct cpu *cpu)
{
    struct random *r = &cpu->random;
    uint8_t bytes[32];
    uint64_t gprs[16];
    unsigned length = make_instruction(r, bytes);
    uint8_t *page = code[random_below(r, CODE_PAGES)];
    uint8_t *at = page + (random_once_in(r, 4) ? PAGE - 32 : random_below(r, 64) * 32);

    for (unsigned i = 0; i < 16; i++) {
        gprs[i] = random_once_in(r, 2) ? device_address(r) : make_pointer(r);
    }
    if (random_once_in(r, 2)) {
        gprs[1] = random_below(r, 300); /* a count */
    }
    memset(at, BREAKPOINT, 32);
    memcpy(at, bytes, length);
    for (unsigned i = 0; i < length; i++) {
        if (bytes[i] == HALT) { /* perhaps the instruction: the timer must be there to end it */
            lapic_restore(is_x2apic);
            break;
        }
    }
    run_bytes(gprs, at, (random_next(r) & RFLAGS_ANY) | 0x202 | RFLAGS_TF);
}

/* A leaf of the wild page table: memory, nothing, reserved bits, read-only. */
void step_wild(struct cpu *cpu)
{
    struct random *r = &cpu->random;

    for (unsigned i = 0; i < 8; i++) {
        uint64_t entry = make_frame(r) << 12 | 7;

        if (random_once_in(r, 4)) {
            entry ^= random_next(r) & 0xfff;
        }
        if (random_once_in(r, 16)) {
            entry |= random_next(r) & 0xfff0000000000000;
        }
        wild_pt[random_below(r, 512)] = entry;
    }
}

void step_ipi(struct cpu *cpu)
{
    struct random *r = &cpu->random;
    uint32_t command = (uint32_t)random_next(r) & 0xcf8ff, mode = command >> 8 & 7;
    uint32_t id = random_once_in(r, 8) ? (uint32_t)random_next(r) : random_below(r, cpu_total * 2);

    if (mode == 5 || mode == 6) { /* INIT, SIPI: not to vCPU 0, which counts, and to where a CPU can start */
        if (cpu_total == 1) {
            return;
        }
        id = 2 * (1 + random_below(r, cpu_total - 1));
        command = 0x4000 | mode << 8 | TRAMPOLINE / PAGE;
    }
    lapic_send(is_x2apic, id, command);
}
