/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HVM context records: one table says which record types there are and how each is saved, checked and
 * loaded for a vCPU. The format is a descriptor (type, instance, length) before each body, a header
 * first, an empty end record last.
 */
#include <hv/hvm_context.h>

#include <hv/arch/context.h>
#include <hv/arch/cpu.h>
#include <hv/arch/x86.h>
#include <hv/domain.h>
#include <hv/frame.h>
#include <hv/hypercall.h>
#include <hv/string.h>
#include <hv/time.h>
#include <hv/vcpu.h>
#include <hv/vlapic.h>

/* A record of a vCPU. save returns the length (0: nothing to save); check is asked before load. */
struct record_type {
    uint16_t code;
    uint32_t min_length, max_length;
    uint32_t (*save)(struct vcpu *v, uint64_t now_tsc, void *body);
    bool (*check)(const void *body, uint32_t length);
    void (*load)(struct vcpu *v, const void *body, uint32_t length);
};

/* A descriptor and the largest body, in one page. */
struct record {
    struct hvm_save_descriptor descriptor;
    uint8_t body[PAGE_SIZE - sizeof(struct hvm_save_descriptor)];
} PACKED ALIGNED(8);

_Static_assert(sizeof(struct record) == PAGE_SIZE, "allocated as one page");

/* --- CPU ----------------------------------------------------------------------------------------- */

static uint32_t save_cpu(struct vcpu *v, uint64_t now_tsc, void *body)
{
    /* A vCPU that is down has no record, and the load leaves it down. */
    if (vcpu_has_flag(v, VCPU_DOWN)) {
        return 0;
    }
    arch_vcpu_save(v, now_tsc, body);
    return sizeof(struct hvm_hw_cpu);
}

static bool check_cpu(const void *body, uint32_t length)
{
    (void)length;
    return arch_vcpu_check(body);
}

/* The guest's TSC goes on from the value saved; 0 says nothing. All vCPUs share one offset: vCPU 0's. */
static void load_tsc(struct vcpu *v, uint64_t tsc)
{
    struct domain *d = v->domain;

    if (v->id != 0 || tsc == 0) {
        return;
    }
    d->tsc_offset = tsc - arch_read_tsc();
    for_each_vcpu(d, each) {
        arch_vcpu_set_tsc_offset(each);
        time_update_vcpu(each);
    }
}

static void load_cpu(struct vcpu *v, const void *body, uint32_t length)
{
    const struct hvm_hw_cpu *cpu = body;

    (void)length;
    arch_vcpu_load(v, cpu);
    load_tsc(v, cpu->tsc);
    v->is_initialised = true;
    vcpu_clear_flag(v, VCPU_WAIT_SIPI);
    vcpu_clear_flag(v, VCPU_DOWN);
}

/* --- Local APIC ---------------------------------------------------------------------------------- */

static uint32_t save_lapic(struct vcpu *v, uint64_t now_tsc, void *body)
{
    (void)now_tsc;
    vlapic_save(v, body);
    return sizeof(struct hvm_hw_lapic);
}

static bool check_lapic(const void *body, uint32_t length)
{
    (void)length;
    return vlapic_check(body);
}

static void load_lapic(struct vcpu *v, const void *body, uint32_t length)
{
    (void)length;
    vlapic_load(v, body);
}

static uint32_t save_lapic_regs(struct vcpu *v, uint64_t now_tsc, void *body)
{
    (void)now_tsc;
    vlapic_save_regs(v, body);
    return sizeof(struct hvm_hw_lapic_regs);
}

static bool check_nothing(const void *body, uint32_t length)
{
    (void)body;
    (void)length;
    return true;
}

static void load_lapic_regs(struct vcpu *v, const void *body, uint32_t length)
{
    (void)length;
    vlapic_load_regs(v, body);
}

/* --- Memory types and extended state ------------------------------------------------------------- */

static uint32_t save_mtrr(struct vcpu *v, uint64_t now_tsc, void *body)
{
    (void)now_tsc;
    arch_vcpu_save_mtrr(v, body);
    return sizeof(struct hvm_hw_mtrr);
}

static bool check_mtrr(const void *body, uint32_t length)
{
    (void)length;
    return arch_vcpu_check_mtrr(body);
}

static void load_mtrr(struct vcpu *v, const void *body, uint32_t length)
{
    (void)length;
    arch_vcpu_load_mtrr(v, body);
}

static uint32_t save_xsave(struct vcpu *v, uint64_t now_tsc, void *body)
{
    (void)now_tsc;
    if (vcpu_has_flag(v, VCPU_DOWN) || arch_vcpu_xsave_size() == 0) {
        return 0;
    }
    arch_vcpu_save_xsave(v, body);
    return (uint32_t)arch_vcpu_xsave_size();
}

static bool check_xsave(const void *body, uint32_t length)
{
    return arch_vcpu_check_xsave(body, length);
}

static void load_xsave(struct vcpu *v, const void *body, uint32_t length)
{
    arch_vcpu_load_xsave(v, body, length);
}

/* --- MSRs ---------------------------------------------------------------------------------------- */

/* TSC_ADJUST is not offered to guests: it is 0 and stays 0. */
static uint32_t save_none(struct vcpu *v, uint64_t now_tsc, void *body)
{
    (void)v;
    (void)now_tsc;
    (void)body;
    return 0;
}

static bool check_tsc_adjust(const void *body, uint32_t length)
{
    (void)length;
    return ((const struct hvm_tsc_adjust *)body)->tsc_adjust == 0;
}

static void load_none(struct vcpu *v, const void *body, uint32_t length)
{
    (void)v;
    (void)body;
    (void)length;
}

/* Every MSR that guests have and that lasts is in the CPU record; of others only the value that they
 * have here anyway can be taken. TSC_AUX may come in both. */
static bool check_msrs(const void *body, uint32_t length)
{
    const struct hvm_msr *msrs = body;

    if (length < offsetof(struct hvm_msr, msr) ||
        (length - offsetof(struct hvm_msr, msr)) / sizeof(msrs->msr[0]) < msrs->count) {
        return false;
    }
    for (uint32_t i = 0; i < msrs->count; i++) {
        if (msrs->msr[i]._rsvd != 0 || (msrs->msr[i].val != 0 && msrs->msr[i].index != MSR_TSC_AUX)) {
            return false;
        }
    }
    return true;
}

static void load_msrs(struct vcpu *v, const void *body, uint32_t length)
{
    const struct hvm_msr *msrs = body;

    (void)length;
    for (uint32_t i = 0; i < msrs->count; i++) {
        if (msrs->msr[i].index == MSR_TSC_AUX) {
            v->arch.tsc_aux = msrs->msr[i].val;
        }
    }
}

/* --- The table ----------------------------------------------------------------------------------- */

#define EXACTLY(type) sizeof(type), sizeof(type)

/* In the order in which they are written. */
static const struct record_type types[] = {
    {HVM_SAVE_CODE(CPU), EXACTLY(struct hvm_hw_cpu), save_cpu, check_cpu, load_cpu},
    {HVM_SAVE_CODE(LAPIC), EXACTLY(struct hvm_hw_lapic), save_lapic, check_lapic, load_lapic},
    {HVM_SAVE_CODE(LAPIC_REGS), EXACTLY(struct hvm_hw_lapic_regs), save_lapic_regs, check_nothing,
     load_lapic_regs},
    {HVM_SAVE_CODE(MTRR), EXACTLY(struct hvm_hw_mtrr), save_mtrr, check_mtrr, load_mtrr},
    {CPU_XSAVE_CODE, sizeof(struct hvm_hw_cpu_xsave), sizeof(((struct record *)0)->body), save_xsave,
     check_xsave, load_xsave},
    {HVM_SAVE_CODE(TSC_ADJUST), EXACTLY(struct hvm_tsc_adjust), save_none, check_tsc_adjust, load_none},
    {CPU_MSR_CODE, sizeof(uint32_t), sizeof(((struct record *)0)->body), save_none, check_msrs, load_msrs},
};

static const struct record_type *type_of(unsigned code)
{
    for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
        if (types[i].code == code) {
            return &types[i];
        }
    }
    return NULL;
}

static void fill_header(struct hvm_save_header *header)
{
    *header = (struct hvm_save_header){
        .magic = HVM_FILE_MAGIC,
        .version = HVM_FILE_VERSION,
        .changeset = ~0UL, /* "unknown" */
        .cpuid = arch_cpu_signature(),
        .gtsc_khz = (uint32_t)host_tsc_khz,
    };
}

/* --- Save ---------------------------------------------------------------------------------------- */

size_t hvm_context_size(const struct domain *d)
{
    const size_t descriptor = sizeof(struct hvm_save_descriptor);
    size_t vcpu_size = 5 * descriptor + sizeof(struct hvm_hw_cpu) + sizeof(struct hvm_hw_lapic) +
                       sizeof(struct hvm_hw_lapic_regs) + sizeof(struct hvm_hw_mtrr) +
                       arch_vcpu_xsave_size();
    size_t size = descriptor + sizeof(struct hvm_save_header) + descriptor;

    for_each_vcpu(d, v) {
        size += vcpu_size;
    }
    return size;
}

/* Fills in the record; false when the vCPU has none of this type. */
static bool save_record(const struct record_type *type, struct vcpu *v, uint64_t now_tsc, struct record *record)
{
    uint32_t length = type->save(v, now_tsc, record->body);

    record->descriptor = (struct hvm_save_descriptor){type->code, (uint16_t)v->id, length};
    return length != 0;
}

static int save_all(struct domain *d, struct record *record,
                    int (*put)(void *data, const void *bytes, size_t size), void *data)
{
    uint64_t now_tsc = arch_read_tsc();
    int rc;

    record->descriptor = (struct hvm_save_descriptor){HVM_SAVE_CODE(HEADER), 0, HVM_SAVE_LENGTH(HEADER)};
    fill_header((struct hvm_save_header *)record->body);
    rc = put(data, record, sizeof(record->descriptor) + record->descriptor.length);

    for (unsigned t = 0; t < ARRAY_SIZE(types); t++) {
        for (unsigned i = 0; i < d->max_vcpus && rc == 0; i++) {
            if (d->vcpus[i] != NULL && save_record(&types[t], d->vcpus[i], now_tsc, record)) {
                rc = put(data, record, sizeof(record->descriptor) + record->descriptor.length);
            }
        }
    }
    if (rc == 0) {
        record->descriptor = (struct hvm_save_descriptor){HVM_SAVE_CODE(END), 0, 0};
        rc = put(data, record, sizeof(record->descriptor));
    }
    return rc;
}

int hvm_context_save(struct domain *d, int (*put)(void *data, const void *bytes, size_t size), void *data)
{
    struct record *record = page_alloc();
    int rc;

    if (record == NULL) {
        return -XEN_ENOMEM;
    }
    rc = save_all(d, record, put, data);
    page_free(record);
    return rc;
}

int hvm_context_save_one(struct domain *d, unsigned type, unsigned instance, void *buffer)
{
    const struct record_type *t = type_of(type);
    struct vcpu *v = domain_vcpu(d, instance);
    uint32_t length;

    if (type == HVM_SAVE_CODE(HEADER) && instance == 0) {
        fill_header(buffer);
        return HVM_SAVE_LENGTH(HEADER);
    }
    length = t != NULL && v != NULL ? t->save(v, arch_read_tsc(), buffer) : 0;
    return length != 0 ? (int)length : -XEN_ENOENT;
}

/* --- Load ---------------------------------------------------------------------------------------- */

struct loader {
    struct domain *domain;
    size_t size;
    int (*get)(void *data, size_t offset, void *bytes, size_t size);
    void *data;
    struct record *record;
};

/* Reads the record at *offset and moves past it. */
static int read_record(struct loader *l, size_t *offset)
{
    const size_t head = sizeof(l->record->descriptor);
    uint32_t length;
    int rc;

    if (l->size - *offset < head) {
        return -XEN_EINVAL;
    }
    rc = l->get(l->data, *offset, &l->record->descriptor, head);
    if (rc != 0) {
        return rc;
    }
    length = l->record->descriptor.length;
    if (length > sizeof(l->record->body) || length > l->size - *offset - head) {
        return -XEN_EINVAL;
    }
    memset(l->record->body, 0, sizeof(l->record->body));
    rc = length != 0 ? l->get(l->data, *offset + head, l->record->body, length) : 0;
    *offset += head + length;
    return rc;
}

static bool check_header(const struct record *record)
{
    const struct hvm_save_header *header = (const struct hvm_save_header *)record->body;

    return record->descriptor.typecode == HVM_SAVE_CODE(HEADER) &&
           record->descriptor.length == HVM_SAVE_LENGTH(HEADER) && header->magic == HVM_FILE_MAGIC &&
           header->version == HVM_FILE_VERSION;
}

/* Checks the record and, unless this is the trial, applies it. */
static int take_record(struct loader *l, bool is_trial)
{
    const struct hvm_save_descriptor *descriptor = &l->record->descriptor;
    const struct record_type *type = type_of(descriptor->typecode);
    struct vcpu *v = domain_vcpu(l->domain, descriptor->instance);

    if (type == NULL || v == NULL || descriptor->length < type->min_length ||
        descriptor->length > type->max_length || !type->check(l->record->body, descriptor->length)) {
        return -XEN_EINVAL;
    }
    if (!is_trial) {
        type->load(v, l->record->body, descriptor->length);
    }
    return 0;
}

/* Walks all records, of which no vCPU has more than one of a type. What was right at the trial is looked at again when it is applied: the buffer may have
 * changed. */
static int load_pass(struct loader *l, bool is_trial)
{
    unsigned most = ARRAY_SIZE(types) * l->domain->max_vcpus;
    size_t offset = 0;
    int rc = read_record(l, &offset);

    if (rc == 0 && !check_header(l->record)) {
        rc = -XEN_EINVAL;
    }
    while (rc == 0) {
        rc = read_record(l, &offset);
        if (rc == 0 && l->record->descriptor.typecode == HVM_SAVE_CODE(END)) {
            return 0;
        }
        if (rc == 0) {
            rc = most-- != 0 ? take_record(l, is_trial) : -XEN_EINVAL;
        }
    }
    return rc;
}

int hvm_context_load(struct domain *d, size_t size,
                     int (*get)(void *data, size_t offset, void *bytes, size_t size), void *data)
{
    struct loader l = {.domain = d, .size = size, .get = get, .data = data, .record = page_alloc()};
    int rc;

    if (l.record == NULL) {
        return -XEN_ENOMEM;
    }
    rc = load_pass(&l, true);
    rc = rc != 0 ? rc : load_pass(&l, false);
    page_free(l.record);
    return rc;
}
