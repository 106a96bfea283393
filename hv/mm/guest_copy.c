/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies between the hypervisor and guest memory, a page at a time. The p2m lock is held from the
 * walk to the end of each page's copy: so no reference has to be taken, and no frame can be freed
 * under the copy.
 */
#include <hv/guest_copy.h>

#include <hv/vcpu.h>

/* Copies at v's linear address, or at d's guest-physical one when v is NULL. Returns how many bytes
 * were copied before the first that could not be. */
static size_t copy(struct domain *d, struct vcpu *v, char *ours, uint64_t address, size_t size, bool is_out,
                   unsigned access)
{
    size_t done = 0;

    while (done < size) {
        uint64_t offset = address & (PAGE_SIZE - 1);
        size_t chunk = MIN(size - done, PAGE_SIZE - offset);
        char *page;

        spin_lock(&d->p2m.lock);
        page = v != NULL ? guest_page_locked(v, address, access)
                         : guest_frame_locked(d, gfn(address >> PAGE_SHIFT), is_out);
        if (page != NULL) {
            memcpy(is_out ? page + offset : ours, is_out ? ours : page + offset, chunk);
        }
        spin_unlock(&d->p2m.lock);
        if (page == NULL) {
            break;
        }
        done += chunk;
        address += chunk;
        ours += chunk;
    }
    return done;
}

int guest_copy_in(struct vcpu *v, void *dst, uint64_t linear, size_t size)
{
    return copy(v->domain, v, dst, linear, size, false, WALK_READ) == size ? 0 : -XEN_EFAULT;
}

int guest_copy_out(struct vcpu *v, uint64_t linear, const void *src, size_t size)
{
    return copy(v->domain, v, (void *)src, linear, size, true, WALK_WRITE) == size ? 0 : -XEN_EFAULT;
}

size_t guest_fetch(struct vcpu *v, void *dst, uint64_t linear, size_t size)
{
    return copy(v->domain, v, dst, linear, size, false, WALK_EXEC);
}

int guest_copy_in_gpa(struct domain *d, void *dst, uint64_t gpa, size_t size)
{
    return copy(d, NULL, dst, gpa, size, false, 0) == size ? 0 : -XEN_EFAULT;
}

int guest_copy_out_gpa(struct domain *d, uint64_t gpa, const void *src, size_t size)
{
    return copy(d, NULL, (void *)src, gpa, size, true, 0) == size ? 0 : -XEN_EFAULT;
}
