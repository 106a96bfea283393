/* SPDX-License-Identifier: Apache-2.0 */
/* HVM context records: what a toolstack gives a new PVH domain, what comes back, what is refused. */
#include <hv/arch/context.h>
#include <hv/domctl.h>
#include <hv/frame.h>
#include <hv/hvm_context.h>
#include <hv/hypercall.h>

#include <criterion/criterion.h>

#include "tests/host/fake.h"
#include <hv/arch/x86.h>
#include <hv/vlapic.h>

#include "svm/svm.h"
#include "vdev/vlapic_state.h"

#define BUFFER 0x8000UL

static struct domain *control, *d;
static struct vcpu *v;

static void setup(void)
{
    fake_host_init();
    control = fake_domain_create(0, 1);
    d = fake_domain_create(1, 2);
    v = d->vcpus[0];
    fake_cpu_use(0, control->vcpus[0]);
}

TestSuite(hvm_context, .init = setup);

/* A context, and what of it the caller's memory gets and gives. */
static uint8_t stream[32768];
static size_t stream_size;

static void add(uint16_t type, uint16_t instance, const void *body, uint32_t length)
{
    struct hvm_save_descriptor descriptor = {type, instance, length};

    memcpy(stream + stream_size, &descriptor, sizeof(descriptor));
    memcpy(stream + stream_size + sizeof(descriptor), body, length);
    stream_size += sizeof(descriptor) + length;
}

static void add_header(void)
{
    struct hvm_save_header header = {.magic = HVM_FILE_MAGIC, .version = HVM_FILE_VERSION};

    stream_size = 0;
    add(HVM_SAVE_CODE(HEADER), 0, &header, sizeof(header));
}

static int load_bytes(size_t size)
{
    cr_assert_eq(guest_copy_out(control->vcpus[0], BUFFER, stream, sizeof(stream)), 0);
    return hvm_context_load(d, control->vcpus[0], BUFFER, size);
}

static int load(void)
{
    return load_bytes(stream_size);
}

static int save(void)
{
    uint32_t size = sizeof(stream);
    int rc = hvm_context_save(d, control->vcpus[0], BUFFER, &size);

    stream_size = size;
    cr_assert_eq(guest_copy_in(control->vcpus[0], stream, BUFFER, sizeof(stream)), 0);
    return rc;
}

/* The PVH start state as docs/misc/pvh.pandoc describes it. */
static struct hvm_hw_cpu pvh_start(void)
{
    return (struct hvm_hw_cpu){
        .rip = 0x1000850, .rbx = 0x4000, .rflags = 2, .cr0 = CR0_PE | CR0_ET, .dr6 = 0xffff0ff0, .dr7 = 0x400,
        .cs_limit = ~0u, .ds_limit = ~0u, .es_limit = ~0u, .fs_limit = ~0u, .gs_limit = ~0u, .ss_limit = ~0u,
        .tr_limit = 0x67, .cs_arbytes = 0xc9b, .ds_arbytes = 0xc93, .es_arbytes = 0xc93, .fs_arbytes = 0xc93,
        .gs_arbytes = 0xc93, .ss_arbytes = 0xc93, .tr_arbytes = 0x8b,
    };
}

static int load_cpu(const struct hvm_hw_cpu *cpu)
{
    add_header();
    add(HVM_SAVE_CODE(CPU), 0, cpu, sizeof(*cpu));
    add(HVM_SAVE_CODE(END), 0, "", 0);
    return load();
}

Test(hvm_context, pvh_start_state_is_taken_exactly)
{
    struct hvm_hw_cpu cpu = pvh_start();
    const struct vmcb *vmcb = v->arch.vmcb;

    vcpu_set_flag(v, VCPU_DOWN);
    cr_assert_eq(load_cpu(&cpu), 0);

    cr_assert_eq(vmcb->rip, 0x1000850);
    cr_assert_eq(v->arch.gprs.rbx, 0x4000);
    cr_assert_eq(vmcb->cr0, CR0_PE | CR0_ET);
    cr_assert_eq(vmcb->efer, EFER_SVME);
    cr_assert_eq(vmcb->cs.attributes, 0xc9b);
    cr_assert_eq(vmcb->cs.limit, ~0u);
    cr_assert_eq(vmcb->tr.attributes, 0x8b);
    cr_assert_eq(vmcb->tr.limit, 0x67);
    cr_assert_eq(vmcb->rflags, 2);
    cr_assert_eq(vmcb->cpl, 0);
    cr_assert_eq(vmcb->clean, 0);
    cr_assert_not(vcpu_has_flag(v, VCPU_DOWN), "a loaded vCPU is up");
}

Test(hvm_context, a_restored_vcpu_may_go_down_and_up_again)
{
    struct hvm_hw_cpu cpu = pvh_start();

    v->is_initialised = false;
    cr_assert_eq(load_cpu(&cpu), 0);

    cr_expect(v->is_initialised, "VCPUOP_up would be refused");
}

Test(hvm_context, save_then_load_gives_the_same_records)
{
    struct hvm_hw_cpu cpu = pvh_start();
    static uint8_t first[sizeof(stream)];
    size_t first_size;

    cpu.cr0 |= CR0_PG | CR0_WP;
    cpu.cr4 = CR4_PAE | CR4_PGE;
    cpu.cr3 = 0x123000;
    cpu.msr_efer = EFER_LME | EFER_LMA | EFER_SCE;
    cpu.cs_arbytes = 0xa9b;
    cpu.ss_arbytes = 0xcf3;
    cpu.shadow_gs = 0xffff888000000000;
    cpu.r15 = 15;
    cpu.dr0 = 0x1000;
    cpu.dr3 = 0xffffffff81001000;
    cpu.msr_lstar = 0xffffffff81000000;
    cpu.pending_event = 0x80000b0e; /* page fault with error code */
    cpu.error_code = 6;
    cpu.tsc = 5000;
    cr_assert_eq(load_cpu(&cpu), 0);
    cr_assert_eq(v->arch.vmcb->cpl, 3);
    cr_assert_eq(v->arch.dr[0], 0x1000);
    cr_assert_eq(v->arch.dr[3], 0xffffffff81001000);
    cr_assert_eq(v->arch.vmcb->event_inj, 0x680000b0eUL);
    vlapic_set_irq(v, 0x55, false);

    cr_assert_eq(save(), 0);
    cr_assert_leq(stream_size, hvm_context_size(d));
    memcpy(first, stream, first_size = stream_size);
    cr_assert_eq(load(), 0);
    cr_assert_eq(save(), 0);

    cr_assert_eq(stream_size, first_size);
    cr_assert_eq(memcmp(stream, first, first_size), 0);
}

Test(hvm_context, components_that_are_switched_but_not_offered_stay_here)
{
    static _Alignas(64) uint8_t body[PAGE_SIZE];
    struct hvm_hw_cpu_xsave *xsave = (void *)body;

    ((uint64_t *)v->arch.fpu)[512 / 8] = 1U << 9 | 3; /* XSTATE_BV: PKRU, SSE, x87 */

    arch_vcpu_save_xsave(v, 0, xsave);

    cr_expect_eq(xsave->save_area.xsave_hdr.xstate_bv, 3);
    cr_expect(arch_vcpu_check_xsave(xsave, arch_vcpu_xsave_size()), "what we save can be restored");
}

Test(hvm_context, tsc_goes_on_for_all_vcpus)
{
    struct hvm_hw_cpu cpu = pvh_start(), saved;

    fake_tsc = 1000000;
    cpu.tsc = 70000;
    cr_assert_eq(load_cpu(&cpu), 0);
    fake_tsc += 5;

    arch_vcpu_save(d->vcpus[1], fake_tsc, &saved);
    cr_assert_eq(saved.tsc, 70005);
}

Test(hvm_context, values_the_processor_would_refuse_are_refused)
{
    struct {
        uint64_t cr0, cr3, cr4, efer, rflags;
        uint32_t cs_arbytes, pending;
    } const cases[] = {
        {CR0_PG, 0, 0, 0, 2, 0xc9b, 0},                                    /* paging without protection */
        {CR0_PE | CR0_NW, 0, 0, 0, 2, 0xc9b, 0},                           /* NW without CD */
        {1UL << 32, 0, 0, 0, 2, 0xc9b, 0},
        {CR0_PE | CR0_PG, 0, 0, EFER_LME | EFER_LMA, 2, 0xc9b, 0},         /* long mode without PAE */
        {CR0_PE | CR0_PG, 0, CR4_PAE, EFER_LME | EFER_LMA, 2, 0xe9b, 0},   /* CS.L and CS.D */
        {CR0_PE | CR0_PG, 0, CR4_PAE, EFER_LME, 2, 0xa9b, 0},              /* LMA missing */
        {CR0_PE, 0, 0, EFER_LMA, 2, 0xc9b, 0},
        {CR0_PE, 0, 0, EFER_SVME, 2, 0xc9b, 0},
        {CR0_PE, 1UL << 52, 0, 0, 2, 0xc9b, 0},
        {CR0_PE, 0, 1UL << 13, 0, 2, 0xc9b, 0},
        {CR0_PE, 0, 0, 0, 1UL << 40, 0xc9b, 0},
        {CR0_PE, 0, 0, 0, 2, 0x10c9b, 0},
        {CR0_PE, 0, 0, 0, 2, 0xc9b, 0x80000000 | 1 << 8},                  /* reserved event type */
        {CR0_PE, 0, 0, 0, 2, 0xc9b, 0x80000000 | 3 << 8 | 40},             /* exception 40 */
    };

    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        struct hvm_hw_cpu cpu = pvh_start();

        cpu.cr0 = cases[i].cr0;
        cpu.cr3 = cases[i].cr3;
        cpu.cr4 = cases[i].cr4;
        cpu.msr_efer = cases[i].efer;
        cpu.rflags = cases[i].rflags;
        cpu.cs_arbytes = cases[i].cs_arbytes;
        cpu.pending_event = cases[i].pending;
        cr_assert_eq(load_cpu(&cpu), -XEN_EINVAL, "case %u", i);
    }
    struct hvm_hw_cpu cpu = pvh_start();
    cpu.flags = XEN_X86_FPU_INITIALISED;
    cpu.fpu_regs[26] = 1; /* a reserved bit of MXCSR: FXRSTOR would fault in the hypervisor */
    cr_assert_eq(load_cpu(&cpu), -XEN_EINVAL);
    cr_assert_eq(v->arch.vmcb->rip, 0, "nothing was changed");
}

Test(hvm_context, a_bad_record_anywhere_changes_nothing)
{
    struct hvm_hw_cpu cpu = pvh_start();
    struct hvm_hw_mtrr mtrr = {.msr_pat_cr = 0x0007040600070403}; /* 3: reserved type */
    struct hvm_hw_lapic lapic = {.apic_base_msr = 0x1000};

    add_header();
    add(HVM_SAVE_CODE(CPU), 0, &cpu, sizeof(cpu));
    add(HVM_SAVE_CODE(MTRR), 0, &mtrr, sizeof(mtrr));
    add(HVM_SAVE_CODE(END), 0, "", 0);
    cr_assert_eq(load(), -XEN_EINVAL);

    add_header();
    add(HVM_SAVE_CODE(CPU), 0, &cpu, sizeof(cpu));
    add(HVM_SAVE_CODE(LAPIC), 0, &lapic, sizeof(lapic));
    add(HVM_SAVE_CODE(END), 0, "", 0);
    cr_assert_eq(load(), -XEN_EINVAL);
    cr_assert_eq(v->arch.vmcb->rip, 0);
}

Test(hvm_context, malformed_streams_are_refused)
{
    struct hvm_hw_cpu cpu = pvh_start();
    struct hvm_save_header *header = (struct hvm_save_header *)(stream + sizeof(struct hvm_save_descriptor));

    stream_size = 0;
    cr_assert_eq(load(), -XEN_EINVAL, "empty");
    add_header();
    cr_assert_eq(load(), -XEN_EINVAL, "no end");
    add(HVM_SAVE_CODE(END), 0, "", 0);
    cr_assert_eq(load(), 0);
    header->magic++;
    cr_assert_eq(load(), -XEN_EINVAL);

    stream_size = 0;
    add(HVM_SAVE_CODE(CPU), 0, &cpu, sizeof(cpu));
    cr_assert_eq(load(), -XEN_EINVAL, "no header");
    add_header();
    add(HVM_SAVE_CODE(CPU), 2, &cpu, sizeof(cpu));
    add(HVM_SAVE_CODE(END), 0, "", 0);
    cr_assert_eq(load(), -XEN_EINVAL, "no such vCPU");
    add_header();
    add(HVM_SAVE_CODE(CPU), 0, &cpu, sizeof(cpu) - 1);
    add(HVM_SAVE_CODE(END), 0, "", 0);
    cr_assert_eq(load(), -XEN_EINVAL, "short");
    add_header();
    add(99, 0, &cpu, 8);
    add(HVM_SAVE_CODE(END), 0, "", 0);
    cr_assert_eq(load(), -XEN_EINVAL, "unknown");
    load_cpu(&cpu);
    for (size_t size = 0; size < stream_size; size++) {
        cr_assert_eq(load_bytes(size), -XEN_EINVAL, "cut at %zu", size);
    }
    stream[sizeof(struct hvm_save_descriptor) + sizeof(*header) + 4] = 0xff;
    stream[sizeof(struct hvm_save_descriptor) + sizeof(*header) + 7] = 0xff;
    cr_assert_eq(load(), -XEN_EINVAL, "length beyond the end");
}

/* A buffer may be said to have 4 GiB: reading all of it would take the CPU for minutes. */
Test(hvm_context, a_stream_of_more_records_than_there_can_be_is_refused)
{
    const struct hvm_tsc_adjust none = {0};

    add_header();
    for (unsigned i = 0; i < 14; i++) { /* two vCPUs, seven types */
        add(HVM_SAVE_CODE(TSC_ADJUST), 0, &none, sizeof(none));
    }
    add(HVM_SAVE_CODE(END), 0, "", 0);
    cr_assert_eq(load(), 0);
    stream_size -= sizeof(struct hvm_save_descriptor);
    add(HVM_SAVE_CODE(TSC_ADJUST), 0, &none, sizeof(none));
    add(HVM_SAVE_CODE(END), 0, "", 0);
    cr_assert_eq(load(), -XEN_EINVAL);
}

Test(hvm_context, local_apic_is_carried_over)
{
    struct hvm_hw_lapic lapic;
    struct hvm_hw_lapic_regs regs;
    struct vlapic *other = d->vcpus[1]->arch.vlapic;

    *vlapic_reg(v->arch.vlapic, APIC_SVR) = 0x1ff;
    *vlapic_reg(v->arch.vlapic, APIC_TPR) = 0x20;
    vlapic_set_irq(v, 0x91, false);
    vlapic_accept(v, 0x91);
    vlapic_set_irq(v, 0xa2, false);
    vlapic_save(v, 0, &lapic);
    vlapic_save_regs(v, 0, &regs);
    cr_assert(vlapic_check(&lapic, sizeof(lapic)));
    cr_assert_eq(lapic.disabled, 0);
    regs.data[APIC_IRR] = 0xff; /* vectors below 16 do not exist */
    vlapic_load(d->vcpus[1], &lapic, sizeof(lapic));
    vlapic_load_regs(d->vcpus[1], &regs, sizeof(regs));

    cr_assert_eq(vlapic_pending_vector(d->vcpus[1]), 0xa2);
    cr_assert_eq(other->isr_highest, 0x91);
    cr_assert_eq(*vlapic_reg(other, APIC_IRR), 0);
    cr_assert_eq(*vlapic_reg(other, APIC_ID), other->id, "identity stays its own");
    lapic.apic_base_msr = 0xfee00400;
    cr_assert_not(vlapic_check(&lapic, sizeof(lapic)), "x2APIC but disabled");
}

Test(hvm_context, domctl_sizes_and_errors)
{
    struct xen_domctl whole = {0},
                      one = {.u.hvmcontext_partial = {.type = HVM_SAVE_CODE(MTRR), .instance = 1}};
    struct xen_domctl_hvmcontext *op = &whole.u.hvmcontext;
    struct xen_domctl_hvmcontext_partial *part = &one.u.hvmcontext_partial;
    struct vcpu *caller = control->vcpus[0];

    cr_assert_eq(domctl_gethvmcontext(caller, d, &whole), 0);
    cr_assert_eq(op->size, hvm_context_size(d));
    set_xen_guest_handle(op->buffer, (uint8_t *)BUFFER);
    cr_assert_eq(domctl_gethvmcontext(caller, d, &whole), 0);
    cr_assert_eq(domctl_sethvmcontext(caller, d, &whole), 0);
    op->size = 100;
    cr_assert_eq(domctl_gethvmcontext(caller, d, &whole), -XEN_ENOSPC);
    cr_assert_eq(op->size, sizeof(struct hvm_save_descriptor) + sizeof(struct hvm_save_header), "what was written");
    op->size = PAGE_SIZE;
    set_xen_guest_handle(op->buffer, (uint8_t *)(FAKE_GUEST_PAGES * PAGE_SIZE));
    cr_assert_eq(domctl_gethvmcontext(caller, d, &whole), -XEN_EFAULT);
    cr_assert_eq(domctl_sethvmcontext(caller, d, &whole), -XEN_EFAULT);

    cr_assert_eq(domctl_gethvmcontext_partial(caller, d, &one), 0);
    cr_assert_eq(part->bufsz, sizeof(struct hvm_hw_mtrr));
    set_xen_guest_handle(part->buffer, (uint8_t *)BUFFER);
    cr_assert_eq(domctl_gethvmcontext_partial(caller, d, &one), 0);
    part->bufsz = 4;
    cr_assert_eq(domctl_gethvmcontext_partial(caller, d, &one), -XEN_ENOSPC);
    part->instance = 2;
    cr_assert_eq(domctl_gethvmcontext_partial(caller, d, &one), -XEN_ENOENT);
}
