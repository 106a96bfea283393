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

/* EXITINFO1 of "rep outsb" and "rep insb" with 64-bit addresses, and of "insl", also with 32-bit addresses. */
#define REP_OUTSB (PORT << 16 | 1u << 9 | 1u << 4 | 1u << 3 | 1u << 2)
#define REP_INSB  (REP_OUTSB | 1u)
#define INSL_32   (PORT << 16 | 1u << 8 | 1u << 6 | 1u << 2 | 1u)
#define INSL      (PORT << 16 | 1u << 9 | 1u << 6 | 1u << 2 | 1u)

static struct domain *d;
static struct vcpu *v;
static unsigned written;

uint32_t svm_port_read(struct vcpu *unused, uint16_t port, unsigned size)
{
    (void)unused;
    (void)size;
    cr_expect_eq(port, PORT);
    return VALUE;
}

void svm_port_write(struct vcpu *unused, uint16_t port, unsigned size, uint32_t value)
{
    (void)unused;
    (void)port;
    (void)size;
    written = value;
}

static void setup(void)
{
    fake_host_init();
    fake_domain_create(0, 1);
    d = fake_domain_create(1, 1);
    v = d->vcpus[0];
    fake_cpu_use(0, v);
    v->arch.vmcb->rip = CODE;
    v->arch.vmcb->exit_info2 = CODE + 2;
}

TestSuite(svm_exit_ioio, .init = setup);

static void run(uint64_t info)
{
    v->arch.vmcb->exit_info1 = info;
    svm_exit_ioio(v);
}

Test(svm_exit_ioio, a_string_goes_to_memory)
{
    char *memory = fake_guest_memory(d, 0x2000);

    v->arch.gprs.rdi = 0x2000;
    v->arch.gprs.rcx = 3;
    run(REP_INSB);

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

    cr_expect_eq(written & 0xff, 0xff);
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
    v->arch.vmcb->cr0 = CR0_PG | CR0_PE;
    v->arch.vmcb->cr3 = 0x4000;
    v->arch.vmcb->cr4 = CR4_PAE;
    v->arch.vmcb->efer = EFER_LMA | EFER_LME;
    v->arch.gprs.rdi = PAGE_SIZE - 2;
    run(INSL);

    cr_expect_eq(v->arch.vmcb->event_inj & EVENT_VECTOR_MASK, EXC_PF);
    cr_expect_eq(v->arch.vmcb->cr2, PAGE_SIZE);
    cr_expect_eq(v->arch.vmcb->rip, CODE);
}

/* Linear addresses have 32 bits there: the third byte is at 0, not at 4 GiB. */
Test(svm_exit_ioio, an_element_goes_on_at_0_outside_of_64_bit_mode)
{
    char *memory = fake_guest_memory(d, 0);

    fake_code_bits = 32;
    v->arch.vmcb->es = (struct vmcb_segment){.base = 0xffffff00, .limit = 0xffffffff};
    v->arch.gprs.rdi = 0xfe;
    memory[0] = memory[1] = memory[2] = 1;
    run(INSL_32);

    cr_expect_eq(memory[0], 0, "the high bytes of the value");
    cr_expect_eq(memory[1], 0);
    cr_expect_eq(memory[2], 1);
    cr_expect_eq(v->arch.gprs.rdi, 0x102);
    cr_expect_eq(v->arch.vmcb->rip, CODE + 2);
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
        run(INSL_32);
        cr_expect_eq(!!(v->arch.vmcb->event_inj & EVENT_VALID), cases[i].is_fault, "case %u", i);
        cr_expect_eq(v->arch.vmcb->rip, cases[i].is_fault ? CODE : CODE + 2, "case %u", i);
    }
    cr_expect_eq(v->arch.vmcb->event_inj & EVENT_VECTOR_MASK, EXC_GP);
}

/* QEMU 7.2 says nothing of the address size. */
Test(svm_exit_ioio, the_mode_s_address_size_is_taken_where_none_is_said)
{
    fake_code_bits = 16;
    v->arch.vmcb->es.limit = 0xffff;
    v->arch.gprs.rdi = 0x12342000;
    run(INSL & ~(7u << 7));

    cr_expect_eq(v->arch.gprs.rdi, 0x12342004);
    cr_expect_eq(((uint8_t *)fake_guest_memory(d, 0x2000))[0], VALUE);
}
