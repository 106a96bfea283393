/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual IO-APICs of the hardware domain (Intel 82093AA, and the EOI register of version
 * 0x20). An unmasked virtual pin is connected to the real one through a host vector. Edges pass
 * through; a level is held, that is, its real pin is masked from the interrupt until the guest's
 * EOI, because the host's own EOI would let it fire again at once.
 *
 *   real pin fires --pin_fired--> remote IRR set, real pin held --guest EOI, vioapic_eoi-->
 * released
 */
#include <hv/vioapic.h>

#include <hv/arch/cpu.h>
#include <hv/domain.h>
#include <hv/frame.h>
#include <hv/ioapic.h>
#include <hv/iommu.h>
#include <hv/irq.h>
#include <hv/lock.h>
#include <hv/mmio.h>
#include <hv/print.h>
#include <hv/vcpu.h>
#include <hv/vlapic.h>

#define REG_SELECT 0x00U
#define REG_WINDOW 0x10U
#define REG_EOI    0x40U

#define INDEX_ID      0x00U
#define INDEX_VERSION 0x01U
#define INDEX_ARB     0x02U
#define INDEX_ENTRY   0x10U

/* Bits of an entry that a guest writes; delivery status and remote IRR are the device's. */
#define RTE_WRITABLE_LOW 0x0001afffUL

#define MAX_CHIPS 16U
#define MAX_PINS  240U

/* A level that is still asserted at as many EOIs in a row is one that no driver serves: a driver's last act
 * before the EOI is to make its device let go. */
#define STORM_LIMIT 10000U

struct vioapic_pin {
    struct domain *domain;
    uint64_t rte; /* as the guest reads it */
    uint32_t gsi;
    uint8_t host_vector; /* 0: never connected */
    bool is_hosts;       /* the hypervisor's own line: never connected */
    bool is_held;        /* real pin masked although the guest's entry is not */
    uint32_t routed_cpu; /* how the real pin is programmed */
    uint64_t routed_mode;
    uint64_t taken;      /* interrupts */
    uint32_t in_a_row;   /* EOIs that found the line asserted */
    bool is_storming;    /* out of service until the guest programs it anew */
    uint32_t storms;
};

struct vioapic_chip {
    struct ioapic_info info;
    uint32_t select;
    struct vioapic *owner;
    struct vioapic_pin pins[];
};

struct vioapic {
    struct spinlock lock; /* protects all chips and pins; rank VIOAPIC */
    unsigned chip_count;
    struct vioapic_chip *chips[MAX_CHIPS];
};

/* --- The real pin ------------------------------------------------------------------------- */

/* The CPU that the interrupt's vCPU was on last, so that no second CPU has to be kicked. */
static uint32_t choose_cpu(const struct vioapic_pin *pin)
{
    const struct vcpu *v = NULL;
    int cpu;

    if (!(pin->rte & RTE_LOGICAL)) {
        v = domain_vcpu(pin->domain, (uint32_t)(pin->rte >> 56) / 2);
    }
    cpu = v != NULL ? READ_ONCE(v->running_on) : -1; /* it may leave its CPU at any time */
    return cpu >= 0 && cpus[cpu]->apic_id <= iommu_apic_id_limit() ? (uint32_t)cpu : 0;
}

static void pin_fired(void *data);

static void mask_as_held(const struct vioapic_pin *pin)
{
    if (pin->is_held) {
        ioapic_mask(pin->gsi);
    } else {
        ioapic_unmask(pin->gsi);
    }
}

/* Programs the real pin as the guest's entry says. The lock is held. */
static void connect(struct vioapic_pin *pin)
{
    uint64_t mode = pin->rte & (RTE_LEVEL | RTE_ACTIVE_LOW);
    uint32_t cpu = choose_cpu(pin);
    int vector;

    if (pin->host_vector != 0 && pin->routed_cpu == cpu && pin->routed_mode == mode) {
        mask_as_held(pin);
        return;
    }
    if (pin->host_vector == 0) {
        vector = irq_vector_alloc(pin_fired, pin);
        if (vector < 0) {
            pr_error("vioapic: no host vector left for gsi %u", pin->gsi);
            return;
        }
        pin->host_vector = vector;
    }
    if (ioapic_route(pin->gsi, pin->host_vector, cpus[cpu]->apic_id, mode & RTE_LEVEL,
                     mode & RTE_ACTIVE_LOW, pin->is_held) != 0) {
        /* A pin that has been routed has its table: this is its first time. */
        pr_error("vioapic: gsi %u stays masked: no memory for its remapping table", pin->gsi);
        irq_vector_free(pin->host_vector);
        pin->host_vector = 0;
        return;
    }
    pin->routed_cpu = cpu;
    pin->routed_mode = mode;
}

/* After every change of an entry. */
static void apply_entry(struct vioapic_pin *pin, uint64_t old)
{
    if (pin->is_hosts) {
        return;
    }
    if (pin->rte & RTE_MASKED) {
        if (!(old & RTE_MASKED) && pin->host_vector != 0) {
            ioapic_mask(pin->gsi);
        }
        return;
    }
    /* A line taken out of service, or one whose interrupt found no taker, gets a new chance. */
    if (!(pin->rte & RTE_REMOTE_IRR)) {
        pin->is_held = pin->is_storming = false;
        pin->in_a_row = 0;
    }
    connect(pin);
}

/* --- Interrupts --------------------------------------------------------------------------- */

static void hold(struct vioapic_pin *pin)
{
    pin->is_held = true;
    ioapic_mask(pin->gsi);
}

static bool deliver(const struct vioapic_pin *pin)
{
    return vlapic_deliver(pin->domain, pin->rte >> 56, pin->rte & RTE_LOGICAL, (pin->rte >> 8) & 7,
                          pin->rte & RTE_VECTOR, pin->rte & RTE_LEVEL);
}

/* The real pin's interrupt; the lock is held. */
static void take_interrupt(struct vioapic_pin *pin)
{
    lock_assert_held(&pin->domain->vioapic->lock);
    pin->taken++;
    if (pin->is_storming) { /* sent before the line was masked */
        return;
    }
    if (!(pin->rte & RTE_LEVEL)) {
        if (!(pin->rte & RTE_MASKED)) {
            deliver(pin);
        }
        return;
    }
    /* A level that comes while the guest has the pin masked fires again when it unmasks. */
    hold(pin);
    if (!(pin->rte & RTE_MASKED)) {
        pin->rte |= RTE_REMOTE_IRR;
        if (!deliver(pin)) {
            pin->rte &= ~RTE_REMOTE_IRR;
        }
    }
}

static void pin_fired(void *data)
{
    struct vioapic_pin *pin = data;

    spin_guard(&pin->domain->vioapic->lock);
    take_interrupt(pin);
}

/* The line may fire again, unless that is all it does. */
static void release(struct vioapic_pin *pin)
{
    if (!ioapic_unmask(pin->gsi)) {
        pin->in_a_row = 0;
        return;
    }
    if (++pin->in_a_row < STORM_LIMIT) {
        return;
    }
    pin->is_storming = true;
    pin->storms++;
    hold(pin);
    pr_warn("vioapic: gsi %u storms: still asserted after each of its last %u interrupts of %lu; masked until its "
            "entry is written again", pin->gsi, STORM_LIMIT, pin->taken);
}

static void end_level(struct vioapic_pin *pin)
{
    pin->rte &= ~RTE_REMOTE_IRR;
    pin->is_held = false;
    if (!(pin->rte & RTE_MASKED) && pin->host_vector != 0) {
        release(pin);
    }
}

static void chip_eoi(struct vioapic_chip *chip, uint8_t vector)
{
    for (unsigned n = 0; n < chip->info.pin_count; n++) {
        struct vioapic_pin *pin = &chip->pins[n];

        if ((pin->rte & RTE_REMOTE_IRR) && (pin->rte & RTE_VECTOR) == vector) {
            end_level(pin);
        }
    }
}

void vioapic_eoi(struct domain *d, uint8_t vector)
{
    struct vioapic *io = d->vioapic;

    spin_guard(&io->lock);
    for (unsigned n = 0; n < io->chip_count; n++) {
        chip_eoi(io->chips[n], vector);
    }
}

/* --- Registers ---------------------------------------------------------------------------- */

static uint32_t read_window(const struct vioapic_chip *chip)
{
    uint32_t index = chip->select, n = (index - INDEX_ENTRY) / 2;

    switch (index) {
    case INDEX_ID:
    case INDEX_ARB:
        return (chip->info.id & 0xf) << 24;
    case INDEX_VERSION:
        return (chip->info.pin_count - 1) << 16 | 0x20;
    default:
        if (index < INDEX_ENTRY || n >= chip->info.pin_count) {
            return ~0U;
        }
        return index & 1 ? chip->pins[n].rte >> 32 : (uint32_t)chip->pins[n].rte;
    }
}

static void write_entry(struct vioapic_pin *pin, bool is_high, uint32_t value)
{
    uint64_t old = pin->rte;

    if (is_high) {
        pin->rte = (old & 0xffffffffUL) | (uint64_t)(value & 0xff000000) << 32;
    } else {
        pin->rte = (old & ~RTE_WRITABLE_LOW) | (value & RTE_WRITABLE_LOW);
        /* Turned to edge, an entry forgets what it waited for: how Linux ends a lost level. */
        if (!(pin->rte & RTE_LEVEL)) {
            pin->rte &= ~RTE_REMOTE_IRR;
        }
    }
    apply_entry(pin, old);
}

static void write_window(struct vioapic_chip *chip, uint32_t value)
{
    uint32_t n = (chip->select - INDEX_ENTRY) / 2;

    /* The id is the board's, and the MADT's. */
    if (chip->select >= INDEX_ENTRY && n < chip->info.pin_count) {
        write_entry(&chip->pins[n], chip->select & 1, value);
    }
}

static uint64_t chip_read(struct vcpu *v, void *data, uint64_t gpa, unsigned size)
{
    struct vioapic_chip *chip = data;

    spin_guard(&chip->owner->lock);
    switch (gpa & 0xff) {
    case REG_SELECT:
        return chip->select;
    case REG_WINDOW:
        return read_window(chip);
    default:
        return ~0U;
    }
}

static void chip_write(struct vcpu *v, void *data, uint64_t gpa, unsigned size, uint64_t value)
{
    struct vioapic_chip *chip = data;

    spin_guard(&chip->owner->lock);
    switch (gpa & 0xff) {
    case REG_SELECT:
        chip->select = value & 0xff;
        break;
    case REG_WINDOW:
        write_window(chip, value);
        break;
    case REG_EOI:
        chip_eoi(chip, value);
        break;
    default:
        break;
    }
}

static const struct mmio_ops chip_ops = {chip_read, chip_write};

void vioapic_show(const struct domain *d)
{
    const struct vioapic *io = d->vioapic;

    for (unsigned n = 0; io != NULL && n < io->chip_count; n++) {
        for (unsigned i = 0; i < io->chips[n]->info.pin_count; i++) {
            const struct vioapic_pin *pin = &io->chips[n]->pins[i];

            if (pin->host_vector != 0) {
                pr_info("gsi %u: vector 0x%x, cpu%u, %s, %lu interrupts, %u storms%s", pin->gsi, pin->host_vector,
                        pin->routed_cpu, pin->rte & RTE_LEVEL ? "level" : "edge", pin->taken, pin->storms,
                        pin->is_storming ? ", out of service" : pin->is_held ? ", held" : "");
            }
        }
    }
}

/* --- Life --------------------------------------------------------------------------------- */

static int create_chip(struct domain *d, const struct ioapic_info *info)
{
    struct vioapic *io = d->vioapic;
    unsigned pin_count = MIN(info->pin_count, MAX_PINS);
    size_t size = sizeof(struct vioapic_chip) + pin_count * sizeof(struct vioapic_pin);
    mfn_t m = frame_alloc_hv(order_of(size), NODE_ANY);
    struct vioapic_chip *chip;

    if (mfn_is_none(m)) {
        return -XEN_ENOMEM;
    }
    chip = mfn_to_virt(m);
    chip->info = *info;
    chip->info.pin_count = pin_count;
    chip->owner = io;
    for (unsigned n = 0; n < pin_count; n++) {
        chip->pins[n].domain = d;
        chip->pins[n].gsi = info->gsi_base + n;
        chip->pins[n].rte = RTE_MASKED;
        chip->pins[n].is_hosts = ioapic_is_routed(info->gsi_base + n);
    }
    io->chips[io->chip_count++] = chip;
    return mmio_register(d, gfn(info->paddr >> PAGE_SHIFT), gfn((info->paddr >> PAGE_SHIFT) + 1),
                         &chip_ops, chip);
}

int vioapic_init(struct domain *d)
{
    int rc = 0;

    _Static_assert(sizeof(struct vioapic) <= PAGE_SIZE, "the head is one page");
    d->vioapic = page_alloc();
    if (d->vioapic == NULL) {
        return -XEN_ENOMEM;
    }
    spin_init(&d->vioapic->lock, LOCK_RANK_VIOAPIC);
    for (unsigned n = 0; n < ioapic_count() && n < MAX_CHIPS && rc == 0; n++) {
        rc = create_chip(d, ioapic_info(n));
    }
    return rc;
}
