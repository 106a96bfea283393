/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HVM context records: one table says which record types there are and how each is saved, checked and
 * loaded for a vCPU. The format is a descriptor (type, instance, length) before each body, a header
 * first, an empty end record last.
 */
#include <hv/hvm_context.h>

#include <hv/arch/context.h>
#include <hv/arch/x86.h>
#include <hv/vcpu.h>
#include <hv/time.h>
#include <hv/vlapic.h>

/* A record of a vCPU. */
struct record_type {
    uint16_t code;
    bool is_of_up; /* a vCPU that is down has none, and the load leaves it down */
    uint32_t min_length, max_length;
    hvm_record_save_fn *save;   /* NULL: never saved */
    hvm_record_check_fn *check; /* asked before load; NULL: all contents do */
    hvm_record_load_fn *load;   /* NULL: has no effect */
};

/* A descriptor and the largest body, in one page. */
struct record {
    struct hvm_save_descriptor descriptor;
    uint8_t body[PAGE_SIZE - sizeof(struct hvm_save_descriptor)];
} PACKED ALIGNED(8);

_Static_assert(sizeof(struct record) == PAGE_SIZE, "allocated as one page");

/* --- What is more than the parts do ---------------------------------------------------------------- */

/* The guest's TSC goes on from the value saved; 0 says nothing. All vCPUs share one offset: vCPU 0's. */
static void load_cpu(struct vcpu *v, const void *body, uint32_t length)
{
    uint64_t tsc = ((const struct hvm_hw_cpu *)body)->tsc;

    arch_vcpu_load(v, body, length);
    if (v->id == 0 && tsc != 0) {
        time_set_tsc_offset(v->domain, tsc - arch_read_tsc());
    }
    v->is_initialised = true;
    vcpu_clear_flag(v, VCPU_WAIT_SIPI);
    vcpu_clear_flag(v, VCPU_DOWN);
}

/* TSC_ADJUST is not offered to guests: it is 0 and stays 0. */
static bool check_tsc_adjust(const void *body, uint32_t length)
{
    return ((const struct hvm_tsc_adjust *)body)->tsc_adjust == 0;
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

    for (uint32_t i = 0; i < msrs->count; i++) {
        if (msrs->msr[i].index == MSR_TSC_AUX) {
            v->arch.tsc_aux = msrs->msr[i].val;
        }
    }
}

/* --- The table ----------------------------------------------------------------------------------- */

#define EXACTLY(type) sizeof(struct type), sizeof(struct type)
#define BODY_MAX      sizeof(((struct record *)0)->body)

/* In the order in which they are written. */
static const struct record_type types[] = {
    {HVM_SAVE_CODE(CPU), true, EXACTLY(hvm_hw_cpu), arch_vcpu_save, arch_vcpu_check, load_cpu},
    {HVM_SAVE_CODE(LAPIC), false, EXACTLY(hvm_hw_lapic), vlapic_save, vlapic_check, vlapic_load},
    {HVM_SAVE_CODE(LAPIC_REGS), false, EXACTLY(hvm_hw_lapic_regs), vlapic_save_regs, NULL, vlapic_load_regs},
    {HVM_SAVE_CODE(MTRR), false, EXACTLY(hvm_hw_mtrr), arch_vcpu_save_mtrr, arch_vcpu_check_mtrr, arch_vcpu_load_mtrr},
    {CPU_XSAVE_CODE, true, sizeof(struct hvm_hw_cpu_xsave), BODY_MAX, arch_vcpu_save_xsave, arch_vcpu_check_xsave,
     arch_vcpu_load_xsave},
    {HVM_SAVE_CODE(TSC_ADJUST), false, EXACTLY(hvm_tsc_adjust), NULL, check_tsc_adjust, NULL},
    {CPU_MSR_CODE, false, sizeof(uint32_t), BODY_MAX, NULL, check_msrs, load_msrs},
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
    size_t size = descriptor + sizeof(struct hvm_save_header) + descriptor, vcpu_size = 0;

    for (unsigned t = 0; t < ARRAY_SIZE(types); t++) {
        size_t most = types[t].max_length == BODY_MAX ? arch_vcpu_xsave_size() : types[t].max_length;

        vcpu_size += types[t].save != NULL ? descriptor + most : 0;
    }
    for_each_vcpu(d, v) {
        size += vcpu_size;
    }
    return size;
}

/* Writes a record of this type into body; its length, 0 when the vCPU has none. */
static uint32_t save_body(const struct record_type *type, struct vcpu *v, uint64_t now_tsc, void *body)
{
    bool has_none = type->save == NULL || (type->is_of_up && vcpu_has_flag(v, VCPU_DOWN));

    return has_none ? 0 : type->save(v, now_tsc, body);
}

static int save_all(struct domain *d, struct record *record,
                    int (*put)(void *data, const void *bytes, size_t size), void *data)
{
    struct hvm_save_descriptor *descriptor = &record->descriptor;
    uint64_t now_tsc = arch_read_tsc();
    int rc;

    *descriptor = (struct hvm_save_descriptor){HVM_SAVE_CODE(HEADER), 0, HVM_SAVE_LENGTH(HEADER)};
    fill_header((struct hvm_save_header *)record->body);
    rc = put(data, record, sizeof(*descriptor) + descriptor->length);
    for (unsigned t = 0; t < ARRAY_SIZE(types); t++) {
        for_each_vcpu(d, v) {
            uint32_t length = rc == 0 ? save_body(&types[t], v, now_tsc, record->body) : 0;

            *descriptor = (struct hvm_save_descriptor){types[t].code, (uint16_t)v->id, length};
            rc = length != 0 ? put(data, record, sizeof(*descriptor) + length) : rc;
        }
    }
    *descriptor = (struct hvm_save_descriptor){HVM_SAVE_CODE(END), 0, 0};
    return rc != 0 ? rc : put(data, record, sizeof(*descriptor));
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
    length = t != NULL && v != NULL ? save_body(t, v, arch_read_tsc(), buffer) : 0;
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
        descriptor->length > type->max_length ||
        (type->check != NULL && !type->check(l->record->body, descriptor->length))) {
        return -XEN_EINVAL;
    }
    if (!is_trial && type->load != NULL) {
        type->load(v, l->record->body, descriptor->length);
    }
    return 0;
}

/* Walks all records, of which no vCPU has more than one of a type. What was right at the trial is looked at again
 * when it is applied: the buffer may have changed. */
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
