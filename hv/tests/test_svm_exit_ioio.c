/* SPDX-License-Identifier: Apache-2.0 */
/* svm/exit_ioio.c: the memory side of INS and OUTS. */
#include <criterion/criterion.h>

#include <hv/arch/x86.h>

#include "tests/host/fake.h"
#include "svm/svm.h"

#define PORT  0x1234U
#define VALUE 0x5aU
#define CODE  0x1000UL
#define HOLE  (FAKE_GUEST_PAGES * PAGE_SIZE)

/* EXITINFO1 says that it is a string, and little else in QEMU. */
#define INFO (PORT << 16 | 1u << 2)

#define OUTSB     "\x6e"
#define REP_OUTSB "\xf3\x6e"
#define REP_INSB  "\xf3\x6c"
#define INSL      "\x6d"

static struct domain *d;
static struct vcpu *v;

static void setup(void)
{
    fake_host_init();
    fake_domain_create(0, 1);
    d = fake_domain_create(1, 1);
    v = d->vcpus[0];
    fake_cpu_use(0, v);
    v->arch.vmcb->rip = CODE;
    fake_port_value = VALUE;
}

TestSuite(svm_exit_ioio, .init = setup);

static void run(const char *code)
{
    strcpy(fake_guest_memory(d, v->arch.vmcb->rip), code);
    v->arch.vmcb->exit_info1 = INFO;
    svm_exit_ioio(v);
}

Test(svm_exit_ioio, a_string_goes_to_memory)
{
    char *memory = fake_guest_memory(d, 0x2000);

    v->arch.gprs.rdi = 0x2000;
    v->arch.gprs.rcx = 3;
    run(REP_INSB);

    cr_expect_eq(fake_port, PORT);
    cr_expect_eq(memory[0], VALUE);
    cr_expect_eq(memory[2], VALUE);
    cr_expect_eq(memory[3], 0);
    cr_expect_eq(v->arch.gprs.rcx, 0);
    cr_expect_eq(v->arch.gprs.rdi, 0x2003);
    cr_expect_eq(v->arch.vmcb->rip, CODE + 2);
}

Test(svm_exit_ioio, a_single_step_is_one_repetition)
{
    v->arch.vmcb->rflags |= RFLAGS_TF;
    v->arch.gprs.rdi = 0x2000;
    v->arch.gprs.rcx = 3;
    run(REP_INSB);

    cr_expect_eq(v->arch.gprs.rcx, 2);
    cr_expect_eq(v->arch.vmcb->rip, CODE);
}

/* It stood still there for ever, without a fault. */
Test(svm_exit_ioio, a_string_to_where_no_memory_is_is_lost_and_goes_on)
{
    v->arch.gprs.rdi = HOLE;
    v->arch.gprs.rcx = 2;
    run(REP_INSB);

    cr_expect_eq(v->arch.gprs.rcx, 0);
    cr_expect_eq(v->arch.vmcb->rip, CODE + 2);
    cr_expect_not(v->arch.vmcb->event_inj & EVENT_VALID);
}

Test(svm_exit_ioio, a_string_from_where_no_memory_is_is_all_ones)
{
    v->arch.gprs.rsi = HOLE;
    v->arch.gprs.rcx = 1;
    run(REP_OUTSB);

    cr_expect_eq(fake_port_value, 0xff);
    cr_expect_eq(v->arch.vmcb->rip, CODE + 2);
}

/* A page table whose first page is there and whose second is not. */
Test(svm_exit_ioio, an_element_over_the_end_of_memory_is_the_guest_s_page_fault)
{
    uint64_t *tables = fake_guest_memory(d, 0x4000);

    tables[0] = 0x5003;
    tables[512] = 0x6003;
    tables[1024] = 0x7003;
    tables[1536] = 0x3;
    tables[1538] = 0x2003;
    v->arch.vmcb->cr0 = CR0_PG | CR0_PE;
    v->arch.vmcb->cr3 = 0x4000;
    v->arch.vmcb->cr4 = CR4_PAE;
    v->arch.vmcb->efer = EFER_LMA | EFER_LME;
    v->arch.vmcb->rip = 0x2000;
    v->arch.gprs.rdi = PAGE_SIZE - 2;
    run(INSL);

    cr_expect_eq(v->arch.vmcb->event_inj & EVENT_VECTOR_MASK, EXC_PF);
    cr_expect_eq(v->arch.vmcb->cr2, PAGE_SIZE);
    cr_expect_eq(v->arch.vmcb->rip, 0x2000);
    cr_expect_eq(fake_port, 0, "the port is not read before");
}

/* Linear addresses have 32 bits there: the third byte is at 0, not at 4 GiB. */
Test(svm_exit_ioio, an_element_goes_on_at_0_outside_of_64_bit_mode)
{
    char *memory = fake_guest_memory(d, 0);

    fake_code_bits = 32;
    v->arch.vmcb->es = (struct vmcb_segment){.base = 0xffffff00, .limit = 0xffffffff};
    v->arch.gprs.rdi = 0xfe;
    memory[0] = memory[1] = memory[2] = 1;
    run(INSL);

    cr_expect_eq(memory[0], 0, "the high bytes of the value");
    cr_expect_eq(memory[1], 0);
    cr_expect_eq(memory[2], 1);
    cr_expect_eq(v->arch.gprs.rdi, 0x102);
    cr_expect_eq(v->arch.vmcb->rip, CODE + 1);
}

Test(svm_exit_ioio, an_element_over_the_end_of_its_segment_is_the_guest_s_fault)
{
    static const struct {
        uint32_t limit;
        uint16_t attributes;
        uint64_t index;
        bool is_fault;
    } cases[] = {
        {0xffff, 0, 0xfffc, false},      {0xffff, 0, 0xfffd, true},
        {0xfff, SEG_ATTR_DOWN, 0xffe, true}, {0xfff, SEG_ATTR_DOWN, 0x1000, false},
        {0xfff, SEG_ATTR_DOWN, 0xfffe, true}, {0xfff, SEG_ATTR_DOWN | SEG_ATTR_DB, 0xfffe, false},
        {0xfff, SEG_ATTR_DOWN | SEG_ATTR_CODE, 0x1000, true},
    };

    fake_code_bits = 32;
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        v->arch.vmcb->es = (struct vmcb_segment){.limit = cases[i].limit, .attributes = cases[i].attributes};
        v->arch.vmcb->event_inj = 0;
        v->arch.vmcb->rip = CODE;
        v->arch.gprs.rdi = cases[i].index;
        run(INSL);
        cr_expect_eq(!!(v->arch.vmcb->event_inj & EVENT_VALID), cases[i].is_fault, "case %u", i);
        cr_expect_eq(v->arch.vmcb->rip, cases[i].is_fault ? CODE : CODE + 1, "case %u", i);
    }
    cr_expect_eq(v->arch.vmcb->event_inj & EVENT_VECTOR_MASK, EXC_GP);
}

Test(svm_exit_ioio, sizes_are_those_of_mode_and_prefixes)
{
    static const struct {
        unsigned bits, size;
        const char *code;
        uint64_t index_after;
    } cases[] = {
        {16, 2, "\x6d", 0x100002002}, {16, 4, "\x66\x6d", 0x100002004}, {16, 4, "\x66\x67\x6d", 0x2004},
        {32, 4, "\x6d", 0x2004},      {32, 2, "\x66\x67\x6d", 0x100002002},
        {64, 4, "\x6d", 0x100002004}, {64, 4, "\x67\x48\x6d", 0x2004},
    };
    uint8_t *memory = fake_guest_memory(d, 0x2000);

    fake_port_value = 0x5a5a5a5a;
    v->arch.vmcb->es.limit = 0xffffffff;
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        fake_code_bits = cases[i].bits;
        memset(memory, 0, 5);
        v->arch.vmcb->rip = CODE;
        v->arch.gprs.rdi = 0x100002000;
        run(cases[i].code);
        cr_expect_eq(v->arch.gprs.rdi, cases[i].index_after, "case %u: %lx", i, v->arch.gprs.rdi);
        cr_expect_eq(v->arch.vmcb->rip, CODE + strlen(cases[i].code), "case %u", i);
        if (cases[i].index_after < 0x3000 || cases[i].bits != 64) {
            cr_expect_eq(memory[cases[i].size - 1], 0x5a, "case %u", i);
            cr_expect_eq(memory[cases[i].size], 0, "case %u", i);
        }
    }
}

Test(svm_exit_ioio, a_string_goes_downwards)
{
    char *memory = fake_guest_memory(d, 0x2000);

    v->arch.vmcb->rflags |= RFLAGS_DF;
    v->arch.gprs.rdi = 0x2001;
    v->arch.gprs.rcx = 2;
    run(REP_INSB);

    cr_expect_eq(memory[0], VALUE);
    cr_expect_eq(memory[1], VALUE);
    cr_expect_eq(v->arch.gprs.rdi, 0x1fff);
}

/* EXITINFO1 does not say it in QEMU: it was taken for ES. */
Test(svm_exit_ioio, outs_takes_its_segment_from_the_code)
{
    static const struct {
        unsigned bits;
        const char *code;
        char value;
    } cases[] = {
        {32, OUTSB, 'd'}, {32, "\x26\x6e", 'e'}, {32, "\x64\x6e", 'f'},
        {64, OUTSB, '0'}, {64, "\x26\x6e", '0'}, {64, "\x65\x6e", 'g'},
    };
    struct vmcb *vmcb = v->arch.vmcb;

    vmcb->ds = (struct vmcb_segment){.base = 0x100, .limit = 0xffff};
    vmcb->es = (struct vmcb_segment){.base = 0x200, .limit = 0xffff};
    vmcb->fs = (struct vmcb_segment){.base = 0x300, .limit = 0xffff};
    vmcb->gs = (struct vmcb_segment){.base = 0x400, .limit = 0xffff};
    for (unsigned n = 0; n < 5; n++) {
        *(char *)fake_guest_memory(d, 0x2000 + n * 0x100) = "0defg"[n];
    }
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        fake_code_bits = cases[i].bits;
        vmcb->rip = CODE;
        v->arch.gprs.rsi = 0x2000;
        run(cases[i].code);
        cr_expect_eq(fake_port_value, (uint32_t)cases[i].value, "case %u: %c", i, fake_port_value);
    }
}

Test(svm_exit_ioio, code_that_is_another_by_now_is_refused)
{
    run("\xaa");

    cr_expect_eq(v->arch.vmcb->event_inj & EVENT_VECTOR_MASK, EXC_GP);
    cr_expect_eq(v->arch.vmcb->rip, CODE);
}

Test(svm_exit_ioio, a_register_keeps_what_the_access_does_not_reach)
{
    static const uint64_t after[] = {[1] = 0x1122334455667744, [2] = 0x1122334455663344, [4] = 0x11223344};

    v->arch.vmcb->exit_info2 = CODE + 1;
    fake_port_value = 0x11223344;
    for (unsigned size = 1; size <= 4; size *= 2) {
        v->arch.gprs.rax = 0x1122334455667788;
        v->arch.vmcb->exit_info1 = PORT << 16 | size << 4 | 1;
        svm_exit_ioio(v);
        cr_expect_eq(v->arch.gprs.rax, after[size], "%u bytes: %lx", size, v->arch.gprs.rax);
    }
    v->arch.vmcb->exit_info1 = PORT << 16 | 1 << 4;
    svm_exit_ioio(v);
    cr_expect_eq(fake_port_value, 0x44);
    cr_expect_eq(v->arch.vmcb->rip, CODE + 1);
}
