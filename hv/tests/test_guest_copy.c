/* SPDX-License-Identifier: Apache-2.0 */
/* Copies from and to guest memory, and the walk of a guest's own page tables before them. */
#include <hv/guest_copy.h>
#include <hv/hypercall.h>

#include <criterion/criterion.h>

#include "host/fake.h"

static struct domain *a;
static struct vcpu *v;

static void setup(void)
{
    fake_host_init();
    fake_domain_create(0, 1);
    a = fake_domain_create(1, 1);
    v = a->vcpus[0];
    fake_cpu_use(0, v);
}

TestSuite(guest_copy, .init = setup);

Test(guest_copy, every_direction_crosses_pages)
{
    static char out[3 * PAGE_SIZE], in[3 * PAGE_SIZE];
    const uint64_t address = 5 * PAGE_SIZE - 8;

    memset(out, 0x5a, sizeof(out));

    cr_assert_eq(guest_copy_out(v, address, out, sizeof(out)), 0);
    cr_assert_eq(guest_copy_in(v, in, address, sizeof(in)), 0);
    cr_assert_arr_eq(in, out, sizeof(in));
    cr_assert_eq(guest_clear(v, address, sizeof(out)), 0);
    cr_assert_eq(guest_copy_in_gpa(a, in, address, sizeof(in)), 0);
    cr_assert(in[0] == 0 && in[sizeof(in) - 1] == 0);
    cr_assert_eq(guest_copy_out_gpa(a, (FAKE_GUEST_PAGES - 1) << PAGE_SHIFT, out, sizeof(out)), -XEN_EFAULT);
}
