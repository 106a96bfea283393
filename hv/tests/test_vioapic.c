/* SPDX-License-Identifier: Apache-2.0 */
/* vdev/vioapic.c: registers, and the way of an interrupt from the real pin to the vLAPIC and back.
 */
#include <hv/hypercall.h>
#include <hv/mmio.h>
#include <hv/vioapic.h>
#include <hv/vlapic.h>

#include <criterion/criterion.h>

#include "vdev_fakes.h"

#define CHIP0 0xfec00000UL
#define CHIP1 0xfec01000UL

#define MASKED     (1U << 16)
#define LEVEL      (1U << 15)
#define REMOTE_IRR (1U << 14)
#define ACTIVE_LOW (1U << 13)

static struct domain *d;
static struct vcpu *v;

static void start(void)
{
    d = fake_domain(2);
    v = d->vcpus[0];
    for (unsigned n = 0; n < 2; n++) {
        cr_assert_eq(vlapic_init(d->vcpus[n]), 0);
        vlapic_msr_write(d->vcpus[n], 0x80f, 0x1ff);
    }
    cr_assert_eq(vioapic_init(d), 0);
}

static void stop(void)
{
    vlapic_free(d->vcpus[0]);
    vlapic_free(d->vcpus[1]);
}

static uint32_t read_reg(uint64_t chip, uint32_t index)
{
    mmio_write(v, chip, 4, index);
    return mmio_read(v, chip + 0x10, 4);
}

static void write_reg(uint64_t chip, uint32_t index, uint32_t value)
{
    mmio_write(v, chip, 4, index);
    mmio_write(v, chip + 0x10, 4, value);
}

static void program(uint64_t chip, unsigned pin, uint32_t dest, uint32_t low)
{
    write_reg(chip, 0x10 + 2 * pin + 1, dest << 24);
    write_reg(chip, 0x10 + 2 * pin, low);
}

/* The guest takes the interrupt and ends it. */
static int take(struct vcpu *target)
{
    int vector = vlapic_pending_vector(target);

    if (vector >= 0) {
        vlapic_accept(target, vector);
    }
    return vector;
}

static void end(struct vcpu *target)
{
    cr_assert_eq(vlapic_msr_write(target, 0x80b, 0), 0);
}

Test(vioapic, registers_look_like_the_host_s)
{
    start();

    cr_expect_eq(read_reg(CHIP0, 1), 23U << 16 | 0x20);
    cr_expect_eq(read_reg(CHIP1, 0), 1U << 24);
    cr_expect_eq(read_reg(CHIP0, 0x10), MASKED);
    cr_expect_eq(read_reg(CHIP0, 0x10 + 48), ~0U, "beyond the last pin");
    cr_expect_eq(read_reg(CHIP0, 3), ~0U);
    write_reg(CHIP0, 0x10 + 2 * 5, 0xffffffff);
    cr_expect_eq(read_reg(CHIP0, 0x10 + 2 * 5), 0x1afff,
                 "delivery status and remote IRR are read-only");
    write_reg(CHIP0, 0x11 + 2 * 5, 0xffffffff);
    cr_expect_eq(read_reg(CHIP0, 0x11 + 2 * 5), 0xff000000);
    cr_expect_eq(mmio_read(v, CHIP0, 4), 0x11 + 2 * 5);
    stop();
}

Test(vioapic, masked_pins_touch_nothing)
{
    start();

    program(CHIP0, 4, 0, MASKED | 0x44);

    cr_expect_eq(fake.pins[4].routes, 0);
    stop();
}

Test(vioapic, the_hypervisor_s_own_line_stays_its_own)
{
    d = fake_domain(1);
    v = d->vcpus[0];
    cr_assert_eq(vlapic_init(v), 0);
    fake.pins[4].vector = 0x99; /* the console's, before dom0 is made */
    cr_assert_eq(vioapic_init(d), 0);

    program(CHIP0, 4, 0, 0x44);
    program(CHIP0, 4, 0, MASKED | 0x44);

    cr_expect_eq(fake.pins[4].routes, 0);
    cr_expect_not(fake.pins[4].is_masked, "dom0 has masked the console's interrupt");
    cr_expect_eq(read_reg(CHIP0, 0x10 + 2 * 4), MASKED | 0x44, "its own entry reads back");
    vlapic_free(v);
}

Test(vioapic, an_edge_reaches_the_vcpu_each_time)
{
    start();
    program(CHIP0, 4, 2, 0x44);
    cr_expect_eq(fake.pins[4].routes, 1);
    cr_expect_not(fake.pins[4].is_masked);
    cr_expect_not(fake.pins[4].is_level);
    cr_expect_eq(fake.pins[4].apic_id, 7);
    cr_expect_geq(fake.pins[4].vector, IRQ_VECTOR_FIRST);

    for (unsigned i = 0; i < 3; i++) {
        cr_expect(fake_line_fires(4));
        cr_expect_eq(take(d->vcpus[1]), 0x44);
        cr_expect_eq(vlapic_pending_vector(v), -1);
        end(d->vcpus[1]);
    }
    stop();
}

Test(vioapic, a_level_is_held_until_the_guest_s_eoi)
{
    start();
    program(CHIP1, 2, 0, LEVEL | ACTIVE_LOW | 0x51);
    cr_expect(fake.pins[26].is_level);
    cr_expect(fake.pins[26].is_active_low);

    cr_expect(fake_line_fires(26));
    cr_expect(fake.pins[26].is_masked);
    cr_expect_eq(read_reg(CHIP1, 0x14) & REMOTE_IRR, REMOTE_IRR);
    cr_expect_eq(take(v), 0x51);
    cr_expect(fake.pins[26].is_masked);
    end(v);
    cr_expect_not(fake.pins[26].is_masked);
    cr_expect_eq(read_reg(CHIP1, 0x14) & REMOTE_IRR, 0);
    cr_expect(fake_line_fires(26), "the line is still asserted");
    cr_expect_eq(take(v), 0x51);
    end(v);
    stop();
}

Test(vioapic, masking_while_in_service_keeps_the_line_masked)
{
    start();
    program(CHIP0, 9, 0, LEVEL | 0x61);
    fake_line_fires(9);
    cr_expect_eq(take(v), 0x61);

    program(CHIP0, 9, 0, MASKED | LEVEL | 0x61);
    end(v);
    cr_expect(fake.pins[9].is_masked);
    program(CHIP0, 9, 0, LEVEL | 0x61);
    cr_expect_not(fake.pins[9].is_masked);

    fake_line_fires(9);
    program(CHIP0, 9, 0, MASKED | LEVEL | 0x61);
    program(CHIP0, 9, 0, LEVEL | 0x61);
    cr_expect(fake.pins[9].is_masked, "unmasked before the EOI: still held");
    stop();
}

Test(vioapic, eoi_register_and_edge_trick_end_a_level)
{
    start();
    program(CHIP0, 9, 0, LEVEL | 0x61);
    fake_line_fires(9);
    mmio_write(v, CHIP0 + 0x40, 4, 0x61);
    cr_expect_not(fake.pins[9].is_masked);

    fake_line_fires(9);
    write_reg(CHIP0, 0x10 + 18, MASKED | 0x61);
    write_reg(CHIP0, 0x10 + 18, LEVEL | 0x61);
    cr_expect_not(fake.pins[9].is_masked);
    cr_expect_eq(read_reg(CHIP0, 0x10 + 18), LEVEL | 0x61);
    stop();
}

Test(vioapic, eoi_of_another_vector_releases_nothing)
{
    start();
    program(CHIP0, 9, 0, LEVEL | 0x61);
    fake_line_fires(9);

    mmio_write(v, CHIP0 + 0x40, 4, 0x62);

    cr_expect(fake.pins[9].is_masked);
    stop();
}

Test(vioapic, a_level_nobody_takes_stays_held_until_reprogrammed)
{
    start();
    program(CHIP0, 9, 40, LEVEL | 0x61); /* no such vCPU */

    cr_expect(fake_line_fires(9));
    cr_expect(fake.pins[9].is_masked);
    cr_expect_eq(read_reg(CHIP0, 0x10 + 18) & REMOTE_IRR, 0);
    program(CHIP0, 9, 0, LEVEL | 0x61);
    cr_expect(fake_line_fires(9));
    cr_expect_eq(take(v), 0x61);
    stop();
}

Test(vioapic, lowest_priority_and_logical_entries)
{
    start();
    program(CHIP0, 10, 0x5, 1U << 11 | 1U << 8 | 0x70);
    vlapic_set_cr8(v, 3);

    fake_line_fires(10);

    cr_expect_eq(vlapic_pending_vector(v), -1);
    cr_expect_eq(take(d->vcpus[1]), 0x70);
    stop();
}

/* Interrupts that the guest takes and ends without serving the device, until the line is masked. */
static unsigned storm(void)
{
    unsigned fired = 0;

    fake.pins[9].is_asserted = true;
    while (fired < 100000 && fake_line_fires(9)) {
        fired++;
        cr_assert_eq(take(v), 0x61);
        end(v);
    }
    return fired;
}

Test(vioapic, a_level_that_nobody_serves_is_masked_until_it_is_programmed_anew)
{
    start();
    program(CHIP0, 9, 0, LEVEL | 0x61);

    unsigned fired = storm();

    cr_expect_lt(fired, 100000U);
    cr_expect(fake.pins[9].is_masked);
    fake.irq_handler[fake.pins[9].vector](fake.irq_data[fake.pins[9].vector]);
    cr_expect_eq(vlapic_pending_vector(v), -1, "one that was under way comes to nothing");

    program(CHIP0, 9, 0, LEVEL | 0x61);
    cr_expect_eq(storm(), fired, "a new chance, and as long a one");
    stop();
}

Test(vioapic, a_served_level_is_no_storm_however_often_it_comes)
{
    start();
    program(CHIP0, 9, 0, LEVEL | 0x61);

    for (unsigned i = 0; i < 50000; i++) {
        fake.pins[9].is_asserted = i % 1000 != 0; /* let go of now and then */
        cr_assert(fake_line_fires(9));
        cr_assert_eq(take(v), 0x61);
        end(v);
    }
    stop();
}

Test(vioapic, without_host_vectors_the_pin_stays_dead)
{
    start();
    fake.no_vectors = true;

    program(CHIP0, 4, 0, 0x44);

    cr_expect_eq(fake.pins[4].routes, 0);
    fake.no_vectors = false;
    program(CHIP0, 4, 0, 0x44);
    cr_expect_eq(fake.pins[4].routes, 1);
    stop();
}

Test(vioapic, lack_of_memory_is_reported_and_nothing_is_left)
{
    d = fake_domain(1);
    fake.no_memory = true;

    cr_expect_eq(vioapic_init(d), -XEN_ENOMEM);
    cr_expect_null(d->vioapic);
}
