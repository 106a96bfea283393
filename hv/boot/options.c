/* SPDX-License-Identifier: Apache-2.0 */
/* The hypervisor's command line: words name=value; an unknown or bad one is reported and left out. */
#include <hv/arch/cpu.h>
#include <hv/boot.h>
#include <hv/print.h>

#define WORD_MAX 128U

struct boot_options boot_options = {
    .console_serial = true,
    .serial_baud = 115200,
    .log_level = LOG_INFO,
};

/* A decimal number with an optional K, M, G or T; plain numbers are in units of `unit` bytes. The whole
 * of the text must be one, and must fit. */
static bool parse_number(const char *text, uint64_t unit, uint64_t *value)
{
    uint64_t n = 0;

    if (*text < '0' || *text > '9') {
        return false;
    }
    for (; *text >= '0' && *text <= '9'; text++) {
        if (n > (1UL << 56)) {
            return false;
        }
        n = n * 10 + (uint64_t)(*text - '0');
    }
    switch (*text) {
    case 'k': case 'K': unit = 1UL << 10; text++; break;
    case 'm': case 'M': unit = 1UL << 20; text++; break;
    case 'g': case 'G': unit = 1UL << 30; text++; break;
    case 't': case 'T': unit = 1UL << 40; text++; break;
    default: break;
    }
    if (*text || n > ~0UL / unit) {
        return false;
    }
    *value = n * unit;
    return true;
}

static bool parse_log_level(const char *value)
{
    static const char *const names[] = {"error", "warn", "info", "debug", "all"};

    for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
        if (strcmp(value, names[i]) == 0) {
            boot_options.log_level = MIN(i, (unsigned)LOG_DEBUG);
            return true;
        }
    }
    return false;
}

/* BAUD or BAUD,8n1. */
static bool parse_serial(char *value)
{
    size_t length = strlen(value);
    uint64_t n;

    if (length >= 4 && strcmp(value + length - 4, ",8n1") == 0) {
        value[length - 4] = '\0';
    }
    if (!parse_number(value, 1, &n) || n == 0 || 115200 % n != 0) {
        return false;
    }
    boot_options.serial_baud = (unsigned)n;
    return true;
}

static bool parse_count(const char *value, unsigned least, unsigned most, unsigned *count)
{
    uint64_t n;

    if (!parse_number(value, 1, &n) || n < least || n > most) {
        return false;
    }
    *count = (unsigned)n;
    return true;
}

/* Options that are one thing or another. */
static const struct {
    const char *name, *yes, *no;
    bool *option;
} switches[] = {
    {"iommu", "off", "on", &boot_options.iommu_off},
    {"console", "com1", "none", &boot_options.console_serial},
    {"nmi", "panic", "count", &boot_options.nmi_panics},
    {"noreboot", "", "", &boot_options.no_reboot},
};

static bool set_option(const char *name, char *value)
{
    if (strcmp(name, "iommu") == 0 && strcmp(value, "no-intremap") == 0) {
        boot_options.iommu_no_intremap = true;
        boot_options.iommu_off = false;
        return true;
    }
    if (strcmp(name, "dom0_mem") == 0) {
        return parse_number(value, 1UL << 10, &boot_options.dom0_mem_bytes);
    }
    if (strcmp(name, "dom0_max_vcpus") == 0) {
        return parse_count(value, 1, 128, &boot_options.dom0_max_vcpus);
    }
    if (strcmp(name, "idle_cpus") == 0) {
        return parse_count(value, 0, MAX_CPUS - 1, &boot_options.idle_cpus);
    }
    if (strcmp(name, "com1") == 0) {
        return parse_serial(value);
    }
    if (strcmp(name, "loglvl") == 0) {
        return parse_log_level(value);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(switches); i++) {
        if (strcmp(name, switches[i].name) == 0) {
            *switches[i].option = strcmp(value, switches[i].yes) == 0;
            return *switches[i].option || strcmp(value, switches[i].no) == 0;
        }
    }
    return false;
}

void boot_options_parse(const char *cmdline)
{
    while (*cmdline) {
        char word[WORD_MAX] = {0};
        size_t length = 0, split = 0;

        for (; *cmdline && *cmdline != ' '; cmdline++) {
            if (length < sizeof(word) - 2) { /* room for a value's end behind a name's */
                word[length++] = *cmdline;
            }
        }
        while (*cmdline == ' ') {
            cmdline++;
        }
        while (word[split] && word[split] != '=') {
            split++;
        }
        word[split] = '\0';
        if (length != 0 && !set_option(word, word + MIN(split + 1, length))) {
            pr_warn("option %s%s%s not understood, ignored", word, split < length ? "=" : "",
                    word + MIN(split + 1, length));
        }
    }
}
