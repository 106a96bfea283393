/* SPDX-License-Identifier: Apache-2.0 */
/* The lock of control operations, and bitmaps in the toolstack's form. */
#include <hv/control.h>

#include <hv/hypercall.h>

struct spinlock control_lock = SPINLOCK_INIT(LOCK_RANK_CONTROL);

long control_begin(struct vcpu *v, void *op, size_t size, uint32_t version, uint64_t arg)
{
    if (guest_copy_in(v, op, arg, size) != 0) {
        return -XEN_EFAULT;
    }
    if (((const uint32_t *)op)[1] != version) { /* the number comes before it, in both structures */
        return -XEN_EACCES;
    }
    if (!v->domain->is_privileged) {
        return -XEN_EPERM;
    }
    return spin_trylock(&control_lock) ? 0 : HYPERCALL_RESTART;
}

/* The last byte that a map of n bits has, and its bits that count. */
static uint8_t last_byte_mask(uint32_t bits)
{
    return bits % 8 == 0 ? 0xff : (uint8_t)((1u << bits % 8) - 1);
}

int control_bitmap_in(struct vcpu *v, unsigned long *bits, unsigned bit_count,
                      const struct xenctl_bitmap *from)
{
    uint32_t given = MIN(from->nr_bits, bit_count);
    uint32_t bytes = (given + 7) / 8;

    memset(bits, 0, bit_count / 8);
    if (bytes != 0 && guest_copy_in(v, bits, guest_address(from->bitmap), bytes) != 0) {
        return -XEN_EFAULT;
    }
    if (bytes != 0) {
        ((uint8_t *)bits)[bytes - 1] &= last_byte_mask(given);
    }
    return 0;
}

int control_bitmap_out(struct vcpu *v, const struct xenctl_bitmap *to, const unsigned long *bits,
                       unsigned bit_count)
{
    uint32_t wanted_bytes = to->nr_bits / 8 + (to->nr_bits % 8 != 0);
    uint32_t bytes = MIN(wanted_bytes, bit_count / 8);
    static const uint8_t zeros[PAGE_SIZE];
    uint64_t address = guest_address(to->bitmap);
    uint8_t last;

    if (bytes == 0) {
        return 0;
    }
    last = ((const uint8_t *)bits)[bytes - 1];
    if (bytes == wanted_bytes) {
        last &= last_byte_mask(to->nr_bits);
    }
    if (guest_copy_out(v, address, bits, bytes - 1) != 0 ||
        guest_copy_out(v, address + bytes - 1, &last, 1) != 0 ||
        guest_copy_out(v, address + bytes, zeros, MIN(wanted_bytes - bytes, sizeof(zeros))) != 0) {
        return -XEN_EFAULT;
    }
    return 0;
}
