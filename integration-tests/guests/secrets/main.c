/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest with a secret, and the guests that look for it afterwards. The secret is 64 bytes, given on the command line
 * in hexadecimal, and kept here as its complement: nobody but memory that is filled with it ever holds it.
 *
 *   secrets.fill=HEX   all RAM but this image, all grant frames, what is free of shared_info and of the rings
 *   secrets.scan=HEX   looks through all memory there is, before anything is written to it
 *
 * What could go wrong: a page that a dead guest has written is given to another as it is, as RAM or as a page that
 * the hypervisor shares. One line on the PV console: "secrets: filled N pages" or "secrets: scanned N pages, found N,
 * control N"; the control is a secret that the guest has put there itself.
 */
#include "../pv/pv.h"

#include <xen/arch-x86/hvm/start_info.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/io/console.h>
#include <xen/io/xs_wire.h>
#include <xen/memory.h>
#include <xen/sched.h>

#define PAGE_SIZE    4096UL
#define WORDS        8 /* of the secret */
#define RANGES_MAX   16
#define GRANT_FRAMES 64
#define FOUR_GIB     (1UL << 32) /* mapped one to one */

const char guest_name[] = "secrets";

void main(const struct hvm_start_info *start_info);

struct range {
    uint64_t start, end;
    bool is_ram;
};

extern char guest_start[], guest_end[]; /* guest.lds */

static uint64_t mask[WORDS]; /* the secret's complement */
static struct range ranges[RANGES_MAX];
static unsigned range_count;
static unsigned long page_count, found_count;

/* Pages of RAM that grant frames and shared_info take the place of. */
static char grant_pages[GRANT_FRAMES][PAGE_SIZE] __attribute__((aligned(4096)));
static char shared_page[PAGE_SIZE] __attribute__((aligned(4096)));

/* --- What the guest was told ---------------------------------------------------------------------- */

/* What follows word in text; NULL if it is not there. */
static const char *after(const char *text, const char *word)
{
    for (; *text != '\0'; text++) {
        unsigned i = 0;

        while (word[i] != '\0' && text[i] == word[i]) {
            i++;
        }
        if (word[i] == '\0') {
            return text + i;
        }
    }
    return NULL;
}

static uint64_t digit(char c)
{
    return c <= '9' ? (uint64_t)(c - '0') : (uint64_t)(c - 'a' + 10);
}

/* In the order of the bytes in memory. */
static void read_secret(const char *hex)
{
    for (unsigned i = 0; i < WORDS * 8; i++) {
        uint64_t inverse = ~(digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1])) & 0xff;

        mask[i / 8] |= inverse << i % 8 * 8;
    }
}

static void read_memory_map(const struct hvm_start_info *start_info)
{
    const struct hvm_memmap_table_entry *entries = (void *)start_info->memmap_paddr;

    for (unsigned i = 0; i < start_info->memmap_entries && range_count < RANGES_MAX; i++) {
        if (entries[i].addr + entries[i].size <= FOUR_GIB) {
            ranges[range_count++] = (struct range){entries[i].addr, entries[i].addr + entries[i].size,
                                                   entries[i].type == XEN_HVM_MEMMAP_TYPE_RAM};
        }
    }
}

static void place(unsigned space, unsigned long index, void *page)
{
    struct xen_add_to_physmap add = {
        .domid = DOMID_SELF, .space = space, .idx = index, .gpfn = (uintptr_t)page / PAGE_SIZE};

    if (hypercall(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, (uintptr_t)&add, 0) != 0) {
        fail("add_to_physmap");
    }
}

/* --- Filling -------------------------------------------------------------------------------------- */

/* Whole secrets only. */
static void fill(uint64_t start, uint64_t end)
{
    for (volatile uint64_t *p = (void *)start; (uintptr_t)(p + WORDS) <= end; p += WORDS) {
        for (unsigned i = 0; i < WORDS; i++) {
            p[i] = ~mask[i];
        }
    }
    page_count += (end - start) / PAGE_SIZE;
}

static void fill_ram(const struct range *range)
{
    uint64_t image_start = (uintptr_t)guest_start;
    uint64_t image_end = ((uintptr_t)guest_end + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);

    if (image_start >= range->start && image_end <= range->end) {
        fill(range->start, image_start);
        fill(image_end, range->end);
    } else {
        fill(range->start, range->end);
    }
}

static uint64_t get_param(uint32_t index)
{
    struct xen_hvm_param param = {.domid = DOMID_SELF, .index = index};

    return hypercall(__HYPERVISOR_hvm_op, HVMOP_get_param, (uintptr_t)&param, 0) == 0 ? param.value : 0;
}

static void fill_all(void)
{
    struct xencons_interface *console = (void *)(get_param(HVM_PARAM_CONSOLE_PFN) * PAGE_SIZE);
    struct xenstore_domain_interface *store = (void *)(get_param(HVM_PARAM_STORE_PFN) * PAGE_SIZE);

    for (unsigned i = 0; i < range_count; i++) {
        if (ranges[i].is_ram) {
            fill_ram(&ranges[i]);
        }
    }
    for (unsigned i = 0; i < GRANT_FRAMES; i++) {
        place(XENMAPSPACE_grant_table, i, grant_pages[i]);
        fill((uintptr_t)grant_pages[i] + (i == 0 ? 64 : 0), (uintptr_t)grant_pages[i] + PAGE_SIZE);
    }
    place(XENMAPSPACE_shared_info, 0, shared_page);
    fill(((uintptr_t)shared_page + sizeof(struct shared_info) + 63) & ~63UL, (uintptr_t)shared_page + PAGE_SIZE);
    fill((uintptr_t)console->in, (uintptr_t)console->in + sizeof(console->in));
    fill((uintptr_t)store->req, (uintptr_t)store->req + sizeof(store->req));
    fill((uintptr_t)store->rsp, (uintptr_t)store->rsp + sizeof(store->rsp));
}

/* --- Looking -------------------------------------------------------------------------------------- */

static bool is_secret(const volatile uint64_t *p)
{
    for (unsigned i = 0; i < WORDS; i++) {
        if (p[i] != ~mask[i]) {
            return false;
        }
    }
    return true;
}

static void scan(uint64_t start, uint64_t end)
{
    uint64_t first = ~mask[0];

    for (const volatile uint64_t *p = (void *)start; (uintptr_t)(p + WORDS) <= end; p++) {
        if (*p == first && is_secret(p)) {
            found_count++;
        }
    }
    page_count += (end - start) / PAGE_SIZE;
}

static void scan_all(void)
{
    for (unsigned i = 0; i < range_count; i++) {
        scan(ranges[i].start, ranges[i].end);
    }
    for (unsigned i = 0; i < GRANT_FRAMES; i++) {
        place(XENMAPSPACE_grant_table, i, grant_pages[i]);
        scan((uintptr_t)grant_pages[i], (uintptr_t)grant_pages[i] + PAGE_SIZE);
    }
    place(XENMAPSPACE_shared_info, 0, shared_page);
    scan((uintptr_t)shared_page, (uintptr_t)shared_page + PAGE_SIZE);
}

/* How many are found in a page where there is one. It is gone again before anyone else could find it. */
static unsigned long control(void)
{
    static uint64_t page[PAGE_SIZE / 8] __attribute__((aligned(4096)));
    unsigned long before = found_count, seen;

    for (unsigned i = 0; i < WORDS; i++) {
        page[100 + i] = ~mask[i];
    }
    scan((uintptr_t)page, (uintptr_t)page + PAGE_SIZE);
    seen = found_count - before;
    found_count = before;
    page_count--;
    for (unsigned i = 0; i < WORDS; i++) {
        ((volatile uint64_t *)page)[100 + i] = 0;
    }
    return seen;
}

static void say(const char *what, unsigned long number)
{
    print(what);
    print_number(number);
}

void main(const struct hvm_start_info *start_info)
{
    const char *command_line = (void *)start_info->cmdline_paddr;
    const char *to_fill = after(command_line, "secrets.fill="), *to_find = after(command_line, "secrets.scan=");

    console_init();
    if (to_fill == NULL && to_find == NULL) {
        fail("no secret on the command line");
    }
    read_secret(to_fill != NULL ? to_fill : to_find);
    read_memory_map(start_info);
    if (to_fill != NULL) {
        fill_all();
        say("secrets: filled ", page_count);
        print(" pages\r\n");
    } else {
        scan_all();
        say("secrets: scanned ", page_count);
        say(" pages, found ", found_count);
        say(", control ", control());
        print("\r\n");
    }
    for (;;) { /* with interrupts on, though none comes: a guest that halts without them has ended */
        __asm__ volatile("sti; hlt");
    }
}
