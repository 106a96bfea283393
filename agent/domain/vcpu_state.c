/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HVM context records for a domain that has not run: a header, vCPU 0's registers, the MTRRs of every
 * vCPU, an end mark (<xen/hvm/save.h>). The header and the MTRR records are taken from the domain's own
 * context, so that what depends on the host comes from the hypervisor and not from here.
 */
#include "agent/domain/vcpu_state.h"

#include <stdlib.h>
#include <string.h>

#include <xen/xen.h>

#include <xen/hvm/save.h>

#include "agent/hvcall/domctl.h"

#define CR0_PE 0x1u
#define CR0_ET 0x10u

/* Segment attributes as the VMCB packs them: type, S, DPL, P in bits 0-7, AVL, L, D/B, G in 8-11. */
#define SEGMENT_CODE_32 0xc9bu
#define SEGMENT_DATA_32 0xc93u
#define SEGMENT_TSS_32  0x08bu

#define MTRR_ENABLE     (1u << 11)
#define MTRR_WRITE_BACK 6u

#define CONTEXT_BYTES_MAX (16u << 20)

struct records {
    uint8_t *data;
    size_t size_bytes;
    size_t capacity_bytes;
};

static void append(struct records *records, uint16_t type, uint16_t instance, const void *body,
                   uint32_t length)
{
    struct hvm_save_descriptor descriptor = {
        .typecode = type,
        .instance = instance,
        .length = length,
    };
    memcpy(records->data + records->size_bytes, &descriptor, sizeof(descriptor));
    records->size_bytes += sizeof(descriptor);
    if (length != 0) {
        memcpy(records->data + records->size_bytes, body, length);
        records->size_bytes += length;
    }
}

/* The body of record (type, instance), when it is there and has the length expected. */
static const void *find(const uint8_t *context, size_t size_bytes, uint16_t type,
                        uint16_t instance, uint32_t length)
{
    size_t at = 0;
    struct hvm_save_descriptor descriptor;

    while (size_bytes - at >= sizeof(descriptor)) {
        memcpy(&descriptor, context + at, sizeof(descriptor));
        at += sizeof(descriptor);
        if (descriptor.length > size_bytes - at || descriptor.typecode == HVM_SAVE_CODE(END)) {
            return NULL;
        }
        if (descriptor.typecode == type && descriptor.instance == instance) {
            return descriptor.length == length ? context + at : NULL;
        }
        at += descriptor.length;
    }
    return NULL;
}

static struct hvm_hw_cpu entry_state(uint32_t entry, uint64_t start_info_addr)
{
    struct hvm_hw_cpu cpu = {
        .rip = entry,
        .rbx = start_info_addr,
        .rflags = 2,
        .cr0 = CR0_PE | CR0_ET,
        .dr6 = 0xffff0ff0u,
        .dr7 = 0x400u,
        .cs_limit = UINT32_MAX,
        .ds_limit = UINT32_MAX,
        .es_limit = UINT32_MAX,
        .fs_limit = UINT32_MAX,
        .gs_limit = UINT32_MAX,
        .ss_limit = UINT32_MAX,
        .tr_limit = 0x67,
        .cs_arbytes = SEGMENT_CODE_32,
        .ds_arbytes = SEGMENT_DATA_32,
        .es_arbytes = SEGMENT_DATA_32,
        .fs_arbytes = SEGMENT_DATA_32,
        .gs_arbytes = SEGMENT_DATA_32,
        .ss_arbytes = SEGMENT_DATA_32,
        .tr_arbytes = SEGMENT_TSS_32,
    };
    return cpu;
}

/* Reads the domain's whole context; the caller frees *context. */
static int read_context(struct hvcall *hv, uint32_t domid, uint8_t **context, size_t *size_bytes,
                        struct err *err)
{
    *context = NULL;
    *size_bytes = 0;
    int result = domctl_get_hvm_context(hv, domid, NULL, size_bytes, err);
    if (result != 0) {
        return result;
    }
    if (*size_bytes == 0 || *size_bytes > CONTEXT_BYTES_MAX) {
        return err_set(err, ERR_INTERNAL, "the CPU context of domain %u has %zu bytes", domid,
                       *size_bytes);
    }
    *context = calloc(1, *size_bytes);
    if (*context == NULL) {
        return err_set(err, ERR_NO_MEMORY, "no memory for the CPU context");
    }
    result = domctl_get_hvm_context(hv, domid, *context, size_bytes, err);
    if (result != 0) {
        free(*context);
        *context = NULL;
    }
    return result;
}

int vcpu_state_load(struct hvcall *hv, uint32_t domid, uint32_t vcpus, uint32_t entry,
                    uint64_t start_info_addr, struct err *err)
{
    uint8_t *context;
    size_t context_bytes;
    int result = read_context(hv, domid, &context, &context_bytes, err);
    if (result != 0) {
        return result;
    }

    struct records records = {0};
    const void *header =
        find(context, context_bytes, HVM_SAVE_CODE(HEADER), 0, sizeof(struct hvm_save_header));
    if (header == NULL) {
        result = err_set(err, ERR_INTERNAL, "the CPU context of domain %u has no header", domid);
        goto free_context;
    }
    records.capacity_bytes = sizeof(struct hvm_save_header) + sizeof(struct hvm_hw_cpu) +
                             (size_t)vcpus * sizeof(struct hvm_hw_mtrr) +
                             (3 + (size_t)vcpus) * sizeof(struct hvm_save_descriptor);
    records.data = malloc(records.capacity_bytes);
    if (records.data == NULL) {
        result = err_set(err, ERR_NO_MEMORY, "no memory for the CPU context");
        goto free_context;
    }

    append(&records, HVM_SAVE_CODE(HEADER), 0, header, sizeof(struct hvm_save_header));
    for (uint32_t vcpu = 0; vcpu < vcpus; vcpu++) {
        const void *body = find(context, context_bytes, HVM_SAVE_CODE(MTRR), (uint16_t)vcpu,
                                sizeof(struct hvm_hw_mtrr));
        if (body != NULL) {
            struct hvm_hw_mtrr mtrr;
            memcpy(&mtrr, body, sizeof(mtrr));
            mtrr.msr_mtrr_def_type = MTRR_ENABLE | MTRR_WRITE_BACK;
            append(&records, HVM_SAVE_CODE(MTRR), (uint16_t)vcpu, &mtrr, sizeof(mtrr));
        }
    }
    struct hvm_hw_cpu cpu = entry_state(entry, start_info_addr);
    append(&records, HVM_SAVE_CODE(CPU), 0, &cpu, sizeof(cpu));
    append(&records, HVM_SAVE_CODE(END), 0, NULL, 0);

    result = domctl_set_hvm_context(hv, domid, records.data, records.size_bytes, err);
    free(records.data);
free_context:
    free(context);
    return result;
}
