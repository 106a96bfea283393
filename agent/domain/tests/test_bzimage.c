/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bzimage.c, unpack.c and the kernel cache: images are made here with each compression and damaged.
 */
#include <criterion/criterion.h>
#include <stdint.h>
#include <dirent.h>
#include <fcntl.h>
#include <lz4.h>
#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "agent/domain/image/bzimage.h"
#include "agent/domain/image/kernel.h"

#define SETUP_BYTES    1024 /* one sector of setup behind the first */
#define PAYLOAD_OFFSET 64
#define IMAGE_MAX      65536
#define TEXT_BYTES     20000

static uint8_t text[TEXT_BYTES]; /* what is compressed */

struct image {
    uint8_t bytes[IMAGE_MAX];
    size_t size;
};

static void put_u32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        at[i] = (uint8_t)(value >> 8 * i);
    }
}

static size_t compress_text(enum unpack_format format, uint8_t *out, size_t room)
{
    size_t size = 0;
    if (format == UNPACK_XZ) {
        lzma_options_lzma options;
        lzma_lzma_preset(&options, 1);
        lzma_filter filters[] = {{.id = LZMA_FILTER_X86},
                                 {.id = LZMA_FILTER_LZMA2, .options = &options},
                                 {.id = LZMA_VLI_UNKNOWN}};
        cr_assert_eq(lzma_stream_buffer_encode(filters, LZMA_CHECK_CRC32, NULL, text,
                                               sizeof(text), out, &size, room),
                     LZMA_OK);
    } else if (format == UNPACK_ZSTD) {
        ZSTD_CCtx *context = ZSTD_createCCtx();
        ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1); /* as the kernel build does */
        size = ZSTD_compress2(context, out, room, text, sizeof(text));
        cr_assert_not(ZSTD_isError(size));
        ZSTD_freeCCtx(context);
    } else if (format == UNPACK_LZ4) { /* in two blocks */
        const size_t ends[] = {TEXT_BYTES * 2 / 3, TEXT_BYTES};
        put_u32(out, 0x184c2102);
        size = 4;
        for (size_t i = 0, begin = 0; i < 2; begin = ends[i++]) {
            int block = LZ4_compress_default((const char *)text + begin, (char *)out + size + 4,
                                             (int)(ends[i] - begin), (int)(room - size - 4));
            cr_assert_gt(block, 0);
            put_u32(out + size, (uint32_t)block);
            size += 4 + (size_t)block;
        }
    } else {
        z_stream stream = {
            .next_in = text, .avail_in = sizeof(text), .next_out = out, .avail_out = (uInt)room};
        cr_assert_eq(deflateInit2(&stream, 1, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
        cr_assert_eq(deflate(&stream, Z_FINISH), Z_STREAM_END);
        size = stream.total_out;
        deflateEnd(&stream);
        return size; /* its last word is the size */
    }
    put_u32(out + size, sizeof(text));
    return size + 4;
}

static struct image *make_image(enum unpack_format format)
{
    struct image *image = calloc(1, sizeof(*image));
    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] = (uint8_t)(i * i >> 5);
    }
    memcpy(image->bytes + 0x202, "HdrS", 4);
    image->bytes[0x1f1] = 1;
    image->bytes[0x206] = 0x0f;
    image->bytes[0x207] = 0x02;
    uint8_t *payload = image->bytes + SETUP_BYTES + PAYLOAD_OFFSET;
    size_t length = compress_text(format, payload, IMAGE_MAX - SETUP_BYTES - PAYLOAD_OFFSET - 4);
    put_u32(image->bytes + 0x248, PAYLOAD_OFFSET);
    put_u32(image->bytes + 0x24c, (uint32_t)length);
    image->size = SETUP_BYTES + PAYLOAD_OFFSET + length;
    return image;
}

static int unpack_image(const struct image *image, struct err *err)
{
    struct bzimage_payload payload;
    int result = bzimage_find_payload(image->bytes, image->size, &payload, err);
    if (result != 0) {
        return result;
    }
    uint8_t *out = malloc(payload.unpacked_bytes);
    result = unpack(payload.format, payload.data, payload.size_bytes, out,
                    payload.unpacked_bytes, err);
    if (result == 0) {
        cr_expect_eq(payload.unpacked_bytes, sizeof(text));
        cr_expect_arr_eq(out, text, sizeof(text));
    }
    free(out);
    return result;
}

static const enum unpack_format formats[] = {UNPACK_GZIP, UNPACK_XZ, UNPACK_ZSTD, UNPACK_LZ4};
#define FORMAT_COUNT (sizeof(formats) / sizeof(formats[0]))

Test(bzimage, every_supported_compression_is_unpacked)
{
    for (size_t i = 0; i < FORMAT_COUNT; i++) {
        struct image *image = make_image(formats[i]);
        struct err err = {0};
        cr_expect_eq(unpack_image(image, &err), 0, "%s: %s", unpack_format_name(formats[i]),
                     err.message);
        free(image);
    }
}

Test(bzimage, a_wrong_claim_of_size_is_refused)
{
    static const uint32_t claims[] = {sizeof(text) - 1, sizeof(text) + 1, 1};
    for (size_t f = 0; f < FORMAT_COUNT; f++) {
        for (size_t i = 0; i < 3; i++) {
            struct image *image = make_image(formats[f]);
            put_u32(image->bytes + image->size - 4, claims[i]);
            cr_expect_eq(unpack_image(image, NULL), -ERR_INVALID, "%s %u",
                         unpack_format_name(formats[f]), claims[i]);
            free(image);
        }
    }
}

Test(bzimage, lz4_blocks_stay_inside_the_stream)
{
    static const uint32_t claims[] = {UINT32_MAX, 0, 1, IMAGE_MAX};
    for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
        struct image *image = make_image(UNPACK_LZ4);
        put_u32(image->bytes + SETUP_BYTES + PAYLOAD_OFFSET + 4, claims[i]);
        cr_expect_eq(unpack_image(image, NULL), -ERR_INVALID, "%u", claims[i]);
        free(image);
    }
    static const uint8_t magic_alone[] = {0x02, 0x21, 0x4c, 0x18};
    uint8_t out[16];
    cr_expect_eq(unpack(UNPACK_LZ4, magic_alone, sizeof(magic_alone), out, sizeof(out), NULL),
                 -ERR_INVALID);
}

Test(bzimage, an_impossible_claim_of_size_costs_no_memory)
{
    static const uint32_t claims[] = {0, UINT32_MAX, (512u << 20) + 1};
    for (size_t i = 0; i < 3; i++) {
        struct image *image = make_image(UNPACK_XZ);
        struct bzimage_payload payload;
        struct err err = {0};
        put_u32(image->bytes + image->size - 4, claims[i]);
        cr_expect_eq(bzimage_find_payload(image->bytes, image->size, &payload, &err),
                     -ERR_INVALID);
        cr_expect_str_eq(err.field, "kernel");
        free(image);
    }
}

Test(bzimage, damage_is_found)
{
    for (size_t f = 0; f < FORMAT_COUNT; f++) {
        struct image *image = make_image(formats[f]);
        size_t payload = SETUP_BYTES + PAYLOAD_OFFSET;
        for (size_t i = payload + 20; i < payload + 200; i++) {
            image->bytes[i] ^= 0x5a;
        }
        cr_expect_eq(unpack_image(image, NULL), -ERR_INVALID, "%s",
                     unpack_format_name(formats[f]));
        free(image);
    }
}

Test(bzimage, a_payload_outside_the_file_is_refused)
{
    static const struct {
        uint32_t offset;
        uint32_t length;
    } cases[] = {{UINT32_MAX, 100}, {PAYLOAD_OFFSET, UINT32_MAX}, {IMAGE_MAX, 1},
                 {PAYLOAD_OFFSET, 3}};
    for (size_t i = 0; i < 4; i++) {
        struct image *image = make_image(UNPACK_GZIP);
        struct bzimage_payload payload;
        put_u32(image->bytes + 0x248, cases[i].offset);
        put_u32(image->bytes + 0x24c, cases[i].length);
        cr_expect_eq(bzimage_find_payload(image->bytes, image->size, &payload, NULL),
                     -ERR_INVALID, "case %zu", i);
        free(image);
    }
}

Test(bzimage, a_file_cut_off_anywhere_is_refused)
{
    struct image *image = make_image(UNPACK_XZ);
    for (size_t size = 0; size < image->size; size += 7) {
        struct bzimage_payload payload;
        uint8_t *cut = malloc(size + 1);
        memcpy(cut, image->bytes, size);
        cr_expect_eq(bzimage_find_payload(cut, size, &payload, NULL), -ERR_INVALID);
        free(cut);
    }
    free(image);
}

Test(bzimage, an_old_protocol_is_refused)
{
    struct image *image = make_image(UNPACK_GZIP);
    struct bzimage_payload payload;
    image->bytes[0x206] = 0x07;
    cr_expect_eq(bzimage_find_payload(image->bytes, image->size, &payload, NULL), -ERR_INVALID);
    free(image);
}

Test(bzimage, an_unsupported_compression_is_named)
{
    struct image *image = make_image(UNPACK_GZIP);
    struct err err = {0};
    static const uint8_t lzo[] = {0x89, 'L', 'Z', 'O'};
    memcpy(image->bytes + SETUP_BYTES + PAYLOAD_OFFSET, lzo, sizeof(lzo));

    cr_expect_eq(unpack_image(image, &err), -ERR_INVALID);

    cr_expect_neq(strstr(err.message, "lzo"), NULL);
    free(image);
}

/* ---- kernel_open() ---- */

static char directory[] = "/tmp/nether-kernel-XXXXXX";

static void make_directory(void)
{
    cr_assert_not_null(mkdtemp(directory));
}

static void remove_directory(void)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -rf %s", directory);
    cr_assert_eq(system(command), 0);
}

static void write_file(const char *name, const void *bytes, size_t size, char *path)
{
    sprintf(path, "%s/%s", directory, name);
    FILE *file = fopen(path, "w");
    cr_assert_eq(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

static size_t count_entries(const char *path, const char *prefix)
{
    size_t count = 0;
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        count += strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return count;
}

/* The payload is no ELF file, so each open ends in a refusal, after the image was unpacked and kept. */
Test(kernel, unpacked_images_are_kept_and_bounded, .init = make_directory, .fini = remove_directory)
{
    char cache[64];
    char path[64];
    struct image *image = make_image(UNPACK_ZSTD);
    snprintf(cache, sizeof(cache), "%s/cache", directory);

    for (int i = 0; i < 4; i++) {
        char name[16];
        struct mapped_file elf;
        struct kernel_layout layout;
        struct err err = {0};
        snprintf(name, sizeof(name), "vmlinuz-%d", i);
        write_file(name, image->bytes, image->size, path);
        cr_expect_eq(kernel_open(path, cache, &elf, &layout, &err), -ERR_INVALID);
        cr_expect_neq(strstr(err.message, "no ELF header"), NULL, "%s", err.message);
        cr_expect_null(elf.data);
    }

    cr_expect_eq(count_entries(cache, "kernel-"), 2);
    cr_expect_eq(count_entries(cache, "unpacking-"), 0);
    free(image);
}

Test(kernel, a_damaged_image_leaves_nothing_in_the_cache, .init = make_directory,
     .fini = remove_directory)
{
    char cache[64];
    char path[64];
    struct image *image = make_image(UNPACK_XZ);
    struct mapped_file elf;
    struct kernel_layout layout;
    snprintf(cache, sizeof(cache), "%s/cache", directory);
    memset(image->bytes + SETUP_BYTES + PAYLOAD_OFFSET + 24, 0xff, 64);
    write_file("vmlinuz", image->bytes, image->size, path);

    cr_expect_eq(kernel_open(path, cache, &elf, &layout, NULL), -ERR_INVALID);

    cr_expect_eq(count_entries(cache, "kernel-"), 0);
    cr_expect_eq(count_entries(cache, "unpacking-"), 0);
    free(image);
}

Test(kernel, a_cache_that_cannot_be_written_is_done_without, .init = make_directory,
     .fini = remove_directory)
{
    char path[64];
    struct image *image = make_image(UNPACK_GZIP);
    struct mapped_file elf;
    struct kernel_layout layout;
    struct err err = {0};
    write_file("vmlinuz", image->bytes, image->size, path);

    cr_expect_eq(kernel_open(path, "/proc/no/such/place", &elf, &layout, &err), -ERR_INVALID);

    cr_expect_neq(strstr(err.message, "no ELF header"), NULL, "%s", err.message);
    free(image);
}

Test(kernel, what_is_no_kernel_is_refused_with_the_field, .init = make_directory,
     .fini = remove_directory)
{
    struct mapped_file elf;
    struct kernel_layout layout;
    struct err err = {0};
    char path[64];
    cr_expect_eq(kernel_open("/nonexistent/vmlinuz", NULL, &elf, &layout, &err), -ERR_NOT_FOUND);
    cr_expect_str_eq(err.field, "kernel");
    cr_expect_eq(kernel_open("/dev/null", NULL, &elf, &layout, &err), -ERR_INVALID);
    cr_expect_eq(kernel_open(directory, NULL, &elf, &layout, &err), -ERR_INVALID);
    write_file("empty", "", 0, path);
    cr_expect_eq(kernel_open(path, NULL, &elf, &layout, &err), -ERR_INVALID);
    write_file("text", "hello", 5, path);
    cr_expect_eq(kernel_open(path, NULL, &elf, &layout, &err), -ERR_INVALID);
    cr_expect_str_eq(err.field, "kernel");
}
