/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies between the hypervisor and guest memory, a page at a time. The p2m lock is held from the walk
 * to the end of each page's copy: so no reference has to be taken, and no frame can be freed under the copy.
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

/* Copies within one guest-physical page; the p2m lock is held. */
static bool copy_page(struct domain *d, uint64_t gpa, void *in, const void *out, size_t size, enum direction dir)
{
    struct p2m_entry page = p2m_lookup_locked(d, gfn(gpa >> PAGE_SHIFT));
    char *p;

    if (mfn_is_none(page.mfn) || (page.flags & P2M_MMIO) || (dir != COPY_IN && !(page.flags & P2M_W))) {
        return false;
    }
    p = (char *)mfn_to_virt(page.mfn) + (gpa & (PAGE_SIZE - 1));
    if (dir == COPY_IN) {
        memcpy(in, p, size);
    } else if (dir == COPY_OUT) {
        memcpy(p, out, size);
    } else {
        memset(p, 0, size);
    }
    return true;
}

/* Returns how many bytes were copied before the first that could not be. */
static size_t copy_linear(struct vcpu *v, char *in, const char *out, uint64_t linear, size_t size,
                          enum direction dir, unsigned access)
{
    struct guest_paging paging;
    size_t done = 0;

    arch_vcpu_paging(v, &paging);
    while (done < size) {
        size_t chunk = MIN(size - done, PAGE_SIZE - (linear & (PAGE_SIZE - 1)));
        uint32_t error_code;
        uint64_t gpa;
        bool ok;

        p2m_lock(v->domain);
        ok = guest_walk_locked(v, &paging, linear, access, &gpa, &error_code) == 0 &&
             copy_page(v->domain, gpa, in + done, out + done, chunk, dir);
        p2m_unlock(v->domain);
        if (!ok) {
            break;
        }
        done += chunk;
        linear += chunk;
    }
    return done;
}

int guest_copy_in(struct vcpu *v, void *dst, uint64_t linear, size_t size)
{
    return copy_linear(v, dst, NULL, linear, size, COPY_IN, WALK_READ) == size ? 0 : -XEN_EFAULT;
}

int guest_copy_out(struct vcpu *v, uint64_t linear, const void *src, size_t size)
{
    return copy_linear(v, NULL, src, linear, size, COPY_OUT, WALK_WRITE) == size ? 0 : -XEN_EFAULT;
}

int guest_clear(struct vcpu *v, uint64_t linear, size_t size)
{
    return copy_linear(v, NULL, NULL, linear, size, COPY_CLEAR, WALK_WRITE) == size ? 0 : -XEN_EFAULT;
}

size_t guest_fetch(struct vcpu *v, void *dst, uint64_t linear, size_t size)
{
    return copy_linear(v, dst, NULL, linear, size, COPY_IN, WALK_EXEC);
}

static int copy_physical(struct domain *d, char *in, const char *out, uint64_t gpa, size_t size, enum direction dir)
{
    size_t done = 0;

    while (done < size) {
        size_t chunk = MIN(size - done, PAGE_SIZE - (gpa & (PAGE_SIZE - 1)));
        bool ok;

        p2m_lock(d);
        ok = copy_page(d, gpa, in + done, out + done, chunk, dir);
        p2m_unlock(d);
        if (!ok) {
            return -XEN_EFAULT;
        }
        done += chunk;
        gpa += chunk;
    }
    return 0;
}

int guest_copy_in_gpa(struct domain *d, void *dst, uint64_t gpa, size_t size)
{
    return copy_physical(d, dst, NULL, gpa, size, COPY_IN);
}

int guest_copy_out_gpa(struct domain *d, uint64_t gpa, const void *src, size_t size)
{
    return copy_physical(d, NULL, src, gpa, size, COPY_OUT);
}
