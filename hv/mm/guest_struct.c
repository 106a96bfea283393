/* SPDX-License-Identifier: Apache-2.0 */
/* Structures of 32-bit callers, from a description of their fields: see hv/guest_struct.h. */
#include <hv/guest_struct.h>

#include <hv/guest_copy.h>
#include <hv/vcpu.h>
#include <hv/print.h>

struct field {
    size_t wide, narrow; /* bytes; 0: only alignment */
    size_t wide_align, narrow_align;
};

static struct field field_of(char letter)
{
    switch (letter) {
    case 'h':
        return (struct field){2, 2, 2, 2};
    case 'w':
        return (struct field){4, 4, 4, 4};
    case 'q':
        return (struct field){8, 8, 8, 4};
    case 'p':
        return (struct field){8, 4, 8, 4};
    default:
        return (struct field){0, 0, 8, 4};
    }
}

/* Copies field by field what is not NULL: wide to narrow, or narrow to a wide structure of zeros.
 * Returns the size of the narrow one. */
static size_t convert(const char *layout, char *narrow, const char *from_wide, char *to_wide)
{
    size_t at = 0, narrow_at = 0;

    for (; *layout != '\0'; layout++) {
        struct field f = field_of(*layout);

        at = ROUND_UP(at, f.wide_align);
        narrow_at = ROUND_UP(narrow_at, f.narrow_align);
        BUG_ON(narrow_at + f.narrow > GUEST_NARROW_MAX);
        if (from_wide != NULL) {
            memcpy(narrow + narrow_at, from_wide + at, f.narrow);
        } else if (to_wide != NULL) {
            memcpy(to_wide + at, narrow + narrow_at, f.narrow);
        }
        at += f.wide;
        narrow_at += f.narrow;
    }
    return ROUND_UP(narrow_at, 4);
}

bool guest_is_narrow(const struct vcpu *v)
{
    return arch_vcpu_code_bits(v) != 64;
}

size_t guest_struct_size(const struct vcpu *v, size_t size, const char *layout)
{
    return layout != NULL && guest_is_narrow(v) ? convert(layout, NULL, NULL, NULL) : size;
}

size_t guest_struct_narrow(void *narrow, const void *s, const char *layout)
{
    memset(narrow, 0, GUEST_NARROW_MAX);
    return convert(layout, narrow, s, NULL);
}

int guest_struct_in(struct vcpu *v, void *s, size_t size, uint64_t linear, const char *layout)
{
    char narrow[GUEST_NARROW_MAX];

    if (layout == NULL || likely(!guest_is_narrow(v))) {
        return guest_copy_in(v, s, linear, size);
    }
    if (guest_copy_in(v, narrow, linear, convert(layout, NULL, NULL, NULL)) != 0) {
        return -XEN_EFAULT;
    }
    memset(s, 0, size);
    convert(layout, narrow, NULL, s);
    return 0;
}

int guest_struct_out(struct vcpu *v, uint64_t linear, const void *s, size_t size, const char *layout)
{
    char narrow[GUEST_NARROW_MAX];

    if (layout == NULL || likely(!guest_is_narrow(v))) {
        return guest_copy_out(v, linear, s, size);
    }
    return guest_copy_out(v, linear, narrow, guest_struct_narrow(narrow, s, layout));
}

int guest_ulong_in(struct vcpu *v, uint64_t *value, uint64_t array, uint64_t i)
{
    size_t size = guest_is_narrow(v) ? sizeof(uint32_t) : sizeof(uint64_t);

    *value = 0;
    return guest_copy_in(v, value, array + i * size, size);
}
