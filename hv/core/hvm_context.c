/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HVM context records: one table says which record types there are and how each is saved, checked and
 * loaded for a vCPU. The format is a descriptor (type, instance, length) before each body, a header
 * first, an empty end record last.
 */
#include <hv/hvm_context.h>

#include <hv/arch/context.h>
#include <hv/arch/x86.h>
#include <hv/guest_copy.h>
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

/* Where in the caller's memory the records are, what of it is used, and the one at hand. */
struct stream {
    struct domain *domain;
    struct vcpu *caller;
    uint64_t address;
    size_t size, used;
    struct record *record;
};

/* Writes the record with this descriptor behind the ones before. */
static int write_record(struct stream *s, unsigned code, unsigned instance, uint32_t length)
{
    size_t at = s->used, size = sizeof(s->record->descriptor) + length;

    if (size > s->size - at) {
        return -XEN_ENOSPC;
    }
    s->record->descriptor = (struct hvm_save_descriptor){(uint16_t)code, (uint16_t)instance, length};
    s->used += size;
    return guest_copy_out(s->caller, s->address + at, s->record, size);
}

static int save_all(struct stream *s)
{
    uint64_t now_tsc = arch_read_tsc();
    int rc;

    fill_header((struct hvm_save_header *)s->record->body);
    rc = write_record(s, HVM_SAVE_CODE(HEADER), 0, HVM_SAVE_LENGTH(HEADER));
    for (unsigned t = 0; t < ARRAY_SIZE(types); t++) {
        for_each_vcpu(s->domain, v) {
            uint32_t length = rc == 0 ? save_body(&types[t], v, now_tsc, s->record->body) : 0;

            rc = length != 0 ? write_record(s, types[t].code, v->id, length) : rc;
        }
    }
    return rc != 0 ? rc : write_record(s, HVM_SAVE_CODE(END), 0, 0);
}

int hvm_context_save(struct domain *d, struct vcpu *caller, uint64_t address, uint32_t *size)
{
    struct stream s = {d, caller, address, *size, 0, page_alloc()};
    int rc = s.record != NULL ? save_all(&s) : -XEN_ENOMEM;

    page_free(s.record);
    *size = (uint32_t)s.used;
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

/* Reads the record that is next and moves past it. */
static int read_record(struct stream *s)
{
    const size_t head = sizeof(s->record->descriptor);
    uint64_t address = s->address + s->used;
    uint32_t length;

    if (s->size - s->used < head) {
        return -XEN_EINVAL;
    }
    if (guest_copy_in(s->caller, &s->record->descriptor, address, head) != 0) {
        return -XEN_EFAULT;
    }
    length = s->record->descriptor.length;
    if (length > sizeof(s->record->body) || length > s->size - s->used - head) {
        return -XEN_EINVAL;
    }
    memset(s->record->body, 0, sizeof(s->record->body));
    s->used += head + length;
    return guest_copy_in(s->caller, s->record->body, address + head, length);
}

static bool check_header(const struct record *record)
{
    const struct hvm_save_header *header = (const struct hvm_save_header *)record->body;

    return record->descriptor.typecode == HVM_SAVE_CODE(HEADER) &&
           record->descriptor.length == HVM_SAVE_LENGTH(HEADER) && header->magic == HVM_FILE_MAGIC &&
           header->version == HVM_FILE_VERSION;
}

/* Checks the record and, unless this is the trial, applies it. */
static int take_record(struct stream *s, bool is_trial)
{
    const struct hvm_save_descriptor *descriptor = &s->record->descriptor;
    const struct record_type *type = type_of(descriptor->typecode);
    struct vcpu *v = domain_vcpu(s->domain, descriptor->instance);

    if (type == NULL || v == NULL || descriptor->length < type->min_length ||
        descriptor->length > type->max_length ||
        (type->check != NULL && !type->check(s->record->body, descriptor->length))) {
        return -XEN_EINVAL;
    }
    if (!is_trial && type->load != NULL) {
        type->load(v, s->record->body, descriptor->length);
    }
    return 0;
}

/* Walks all records, of which no vCPU has more than one of a type. What was right at the trial is looked at again
 * when it is applied: the buffer may have changed. */
static int load_pass(struct stream *s, bool is_trial)
{
    unsigned most = ARRAY_SIZE(types) * s->domain->max_vcpus;
    int rc;

    s->used = 0;
    rc = read_record(s);
    if (rc == 0 && !check_header(s->record)) {
        rc = -XEN_EINVAL;
    }
    while (rc == 0) {
        rc = read_record(s);
        if (rc == 0 && s->record->descriptor.typecode == HVM_SAVE_CODE(END)) {
            return 0;
        }
        if (rc == 0) {
            rc = most-- != 0 ? take_record(s, is_trial) : -XEN_EINVAL;
        }
    }
    return rc;
}

int hvm_context_load(struct domain *d, struct vcpu *caller, uint64_t address, size_t size)
{
    struct stream s = {d, caller, address, size, 0, page_alloc()};
    int rc = s.record != NULL ? load_pass(&s, true) : -XEN_ENOMEM;

    rc = rc != 0 ? rc : load_pass(&s, false);
    page_free(s.record);
    return rc;
}
