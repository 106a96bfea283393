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

/* EXITINFO1 of "rep outsb" and "rep insb" with 64-bit addresses, and of the 32-bit "insl". */
#define REP_OUTSB (PORT << 16 | 1u << 9 | 1u << 4 | 1u << 3 | 1u << 2)
#define REP_INSB  (REP_OUTSB | 1u)
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
