/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: a kernel image, bzImage or ELF. What is accepted must be what the builder may rely on:
 * segments inside the file, in order, apart from each other; and a place for them in a guest.
 */
#include <elf.h>
#include <lz4.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "agent/domain/image/bzimage.h"
#include "agent/domain/image/elf.h"
#include "agent/domain/image/kernel.h"
#include "agent/domain/layout.h"
#include "agent/domain/start_info.h"
#include "util/tests/fuzz.h"

/* A claim of half a gibibyte is honest, but not what is looked for. */
#define UNPACKED_MAX (1u << 20)

static void check_layout(const struct kernel_layout *kernel, size_t size)
{
    uint64_t end = 0;
    struct layout layout;
    struct err err = {0};

    fuzz_check(kernel->segment_count > 0 && kernel->segment_count <= KERNEL_SEGMENTS_MAX);
    for (size_t i = 0; i < kernel->segment_count; i++) {
        const struct kernel_segment *segment = &kernel->segments[i];

        fuzz_check(segment->file_bytes <= segment->memory_bytes);
        fuzz_check(segment->file_offset <= size);
        fuzz_check(segment->file_bytes <= size - segment->file_offset);
        fuzz_check(segment->addr >= end && segment->memory_bytes <= UINT64_MAX - segment->addr);
        end = segment->addr + segment->memory_bytes;
    }
    fuzz_check(kernel->start == kernel->segments[0].addr && kernel->end == end);
    fuzz_check(kernel->entry >= kernel->start && kernel->entry < kernel->end);
    if (layout_compute(256 << 20, kernel, START_INFO_BYTES, 12345, &layout, &err) == 0) {
        fuzz_check(kernel->end <= 256 << 20);
    } else {
        fuzz_check(err.code != ERR_OK);
    }
}

static void parse(const uint8_t *data, size_t size)
{
    struct kernel_layout kernel;
    struct err err = {0};

    if (elf_parse(data, size, &kernel, &err) == 0) {
        check_layout(&kernel, size);
    } else {
        fuzz_check(err.code == ERR_INVALID && strcmp(err.field, "kernel") == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bzimage_payload payload;
    struct err err = {0};
    uint8_t *out;

    parse(data, size);
    if (!bzimage_detect(data, size) || bzimage_find_payload(data, size, &payload, &err) != 0) {
        return 0;
    }
    fuzz_check(payload.data >= data && payload.data <= data + size);
    fuzz_check(payload.size_bytes <= (size_t)(data + size - payload.data));
    fuzz_check(payload.unpacked_bytes > 0 && payload.unpacked_bytes <= BZIMAGE_UNPACKED_MAX);
    if (payload.unpacked_bytes > UNPACKED_MAX) {
        return 0;
    }
    if (payload.format == UNPACK_NONE) {
        parse(payload.data, payload.size_bytes);
        return 0;
    }
    out = malloc(payload.unpacked_bytes);
    fuzz_check(out != NULL);
    if (unpack(payload.format, payload.data, payload.size_bytes, out, payload.unpacked_bytes,
               &err) == 0) {
        parse(out, payload.unpacked_bytes);
    } else {
        fuzz_check(err.code != ERR_OK);
    }
    free(out);
    return 0;
}

/* ---- seeds ---- */

struct image {
    Elf64_Ehdr header;
    Elf64_Phdr program[3];
    struct {
        Elf64_Nhdr header;
        char name[4];
        uint64_t entry;
    } note;
    char text[64];
} __attribute__((packed));

static size_t make_elf(uint8_t *out)
{
    struct image image = {
        .header = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                   .e_type = ET_EXEC,
                   .e_machine = EM_X86_64,
                   .e_phoff = offsetof(struct image, program),
                   .e_phentsize = sizeof(Elf64_Phdr),
                   .e_phnum = 3},
        .program = {{.p_type = PT_LOAD,
                     .p_offset = offsetof(struct image, text),
                     .p_paddr = 0x1000000,
                     .p_filesz = 64,
                     .p_memsz = 64},
                    {.p_type = PT_LOAD,
                     .p_offset = offsetof(struct image, text),
                     .p_paddr = 0x2000000,
                     .p_filesz = 32,
                     .p_memsz = 8192},
                    {.p_type = PT_NOTE,
                     .p_offset = offsetof(struct image, note),
                     .p_filesz = sizeof(((struct image *)0)->note),
                     .p_align = 4}},
        .note = {.header = {.n_namesz = 4, .n_descsz = 8, .n_type = 18},
                 .name = "Xen",
                 .entry = 0x1000010},
    };
    memcpy(out, &image, sizeof(image));
    return sizeof(image);
}

static size_t make_elf32(uint8_t *out)
{
    struct {
        Elf32_Ehdr header;
        Elf32_Phdr program[2];
        struct {
            Elf32_Nhdr header;
            char name[4];
            uint32_t entry;
        } note;
    } __attribute__((packed)) image = {
        .header = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS32, ELFDATA2LSB, EV_CURRENT},
                   .e_type = ET_EXEC,
                   .e_machine = EM_386,
                   .e_phoff = sizeof(Elf32_Ehdr),
                   .e_phentsize = sizeof(Elf32_Phdr),
                   .e_phnum = 2},
        .program = {{.p_type = PT_LOAD, .p_paddr = 0x100000, .p_filesz = 64, .p_memsz = 64},
                    {.p_type = PT_NOTE,
                     .p_offset = sizeof(Elf32_Ehdr) + 2 * sizeof(Elf32_Phdr),
                     .p_filesz = 20}},
        .note = {.header = {.n_namesz = 4, .n_descsz = 4, .n_type = 18},
                 .name = "Xen",
                 .entry = 0x100000},
    };
    memcpy(out, &image, sizeof(image));
    return sizeof(image);
}

static void put_u32(uint8_t *at, uint32_t value)
{
    memcpy(at, &value, sizeof(value));
}

static size_t make_bzimage(uint8_t *out, enum unpack_format format)
{
    uint8_t elf[sizeof(struct image)];
    size_t elf_size = make_elf(elf);
    uint8_t *payload = out + 1024;
    size_t length;

    memset(out, 0, 1024);
    memcpy(out + 0x202, "HdrS", 4);
    out[0x1f1] = 1;
    out[0x206] = 0x0f;
    out[0x207] = 0x02;
    if (format == UNPACK_GZIP) {
        z_stream stream = {.next_in = elf, .avail_in = (uInt)elf_size, .next_out = payload,
                           .avail_out = 2048};

        fuzz_check(deflateInit2(&stream, 1, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) == Z_OK);
        fuzz_check(deflate(&stream, Z_FINISH) == Z_STREAM_END);
        length = stream.total_out;
        deflateEnd(&stream);
    } else if (format == UNPACK_ZSTD) {
        length = ZSTD_compress(payload, 2048, elf, elf_size, 1);
        put_u32(payload + length, (uint32_t)elf_size);
        length += 4;
    } else if (format == UNPACK_LZ4) {
        int block =
            LZ4_compress_default((const char *)elf, (char *)payload + 8, (int)elf_size, 2048);

        fuzz_check(block > 0);
        put_u32(payload, 0x184c2102);
        put_u32(payload + 4, (uint32_t)block);
        put_u32(payload + 8 + block, (uint32_t)elf_size);
        length = (size_t)block + 12;
    } else {
        memcpy(payload, elf, elf_size);
        length = elf_size;
    }
    put_u32(out + 0x24c, (uint32_t)length);
    return 1024 + length;
}

size_t fuzz_seed(size_t index, uint8_t *out, size_t room)
{
    fuzz_check(room >= 4096);
    switch (index) {
    case 0:
        return make_elf(out);
    case 1:
        return make_elf32(out);
    case 2:
        return make_bzimage(out, UNPACK_GZIP);
    case 3:
        return make_bzimage(out, UNPACK_ZSTD);
    case 4:
        return make_bzimage(out, UNPACK_NONE);
    case 5:
        return make_bzimage(out, UNPACK_LZ4);
    default:
        return 0;
    }
}
