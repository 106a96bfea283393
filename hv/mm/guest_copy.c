/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies between the hypervisor and guest memory, a page at a time. The p2m lock is held from the
 * walk to the end of each page's copy: so no reference has to be taken, and no frame can be freed
 * under the copy.
 */
#include <hv/guest_copy.h>

#include <hv/arch/cpu.h>
#include <hv/domain.h>
#include <hv/guest_walk.h>
#include <hv/hypercall.h>
#include <hv/string.h>
#include <hv/vcpu.h>

enum direction {
    COPY_IN,
    COPY_OUT,
    COPY_CLEAR,
};

/* Copies within one guest-physical page, from or to `ours`; the p2m lock is held. */
static bool copy_page(struct domain *d, uint64_t gpa, void *ours, size_t size, enum direction dir)
{
    struct p2m_entry page = p2m_lookup_locked(d, gfn(gpa >> PAGE_SHIFT));
    char *p;

    if (mfn_is_none(page.mfn) || (page.flags & P2M_MMIO) ||
        (dir != COPY_IN && !(page.flags & P2M_W))) {
        return false;
    }
    p = (char *)mfn_to_virt(page.mfn) + (gpa & (PAGE_SIZE - 1));
    if (dir == COPY_IN) {
        memcpy(ours, p, size);
    } else if (dir == COPY_OUT) {
        memcpy(p, ours, size);
    } else {
        memset(p, 0, size);
    }
    return true;
}

/* Copies at v's linear address, or at d's guest-physical one when v is NULL. Returns how many bytes
 * were copied before the first that could not be. */
static size_t copy(struct domain *d, struct vcpu *v, char *ours, uint64_t address, size_t size,
                   enum direction dir, unsigned access)
{
    struct guest_paging paging;
    size_t done = 0;

    if (v != NULL) {
        arch_vcpu_paging(v, &paging);
    }
    while (done < size) {
        size_t chunk = MIN(size - done, PAGE_SIZE - (address & (PAGE_SIZE - 1)));
        uint64_t gpa = address;
        uint32_t error_code;
        bool ok;

        p2m_lock(d);
        ok =
            (v == NULL || guest_walk_locked(v, &paging, address, access, &gpa, &error_code) == 0) &&
            copy_page(d, gpa, ours, chunk, dir);
        p2m_unlock(d);
        if (!ok) {
            break;
        }
        done += chunk;
        address += chunk;
        if (ours != NULL) {
            ours += chunk;
        }
    }
    return done;
}

int guest_copy_in(struct vcpu *v, void *dst, uint64_t linear, size_t size)
{
    return copy(v->domain, v, dst, linear, size, COPY_IN, WALK_READ) == size ? 0 : -XEN_EFAULT;
}

int guest_copy_out(struct vcpu *v, uint64_t linear, const void *src, size_t size)
{
    return copy(v->domain, v, (void *)src, linear, size, COPY_OUT, WALK_WRITE) == size
               ? 0
               : -XEN_EFAULT;
}

int guest_clear(struct vcpu *v, uint64_t linear, size_t size)
{
    return copy(v->domain, v, NULL, linear, size, COPY_CLEAR, WALK_WRITE) == size ? 0 : -XEN_EFAULT;
}

size_t guest_fetch(struct vcpu *v, void *dst, uint64_t linear, size_t size)
{
    return copy(v->domain, v, dst, linear, size, COPY_IN, WALK_EXEC);
}

int guest_copy_in_gpa(struct domain *d, void *dst, uint64_t gpa, size_t size)
{
    return copy(d, NULL, dst, gpa, size, COPY_IN, 0) == size ? 0 : -XEN_EFAULT;
}

int guest_copy_out_gpa(struct domain *d, uint64_t gpa, const void *src, size_t size)
{
    return copy(d, NULL, (void *)src, gpa, size, COPY_OUT, 0) == size ? 0 : -XEN_EFAULT;
}
