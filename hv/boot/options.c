/* SPDX-License-Identifier: Apache-2.0 */
/* The hypervisor's command line: words name=value; an unknown or bad one is reported and left out. */
#include <hv/arch/cpu.h>
#include <hv/boot.h>
#include <hv/print.h>
#include <hv/string.h>

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
    static const char *const names[] = {"error", "warn", "info", "debug"};

    for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
        if (strcmp(value, names[i]) == 0) {
            boot_options.log_level = i;
            return true;
        }
    }
    if (strcmp(value, "all") == 0) {
        boot_options.log_level = LOG_DEBUG;
        return true;
    }
    return false;
}

/* BAUD or BAUD,8n1. */
static bool parse_serial(const char *value)
{
    char baud[8];
    size_t length = 0;
    uint64_t n;

    while (length < sizeof(baud) - 1 && value[length] && value[length] != ',') {
        baud[length] = value[length];
        length++;
    }
    baud[length] = '\0';
    if ((value[length] && strcmp(value + length, ",8n1") != 0) || !parse_number(baud, 1, &n) || n == 0 ||
        115200 % n != 0) {
        return false;
    }
    boot_options.serial_baud = (unsigned)n;
    return true;
}

static bool set_option(const char *name, const char *value)
{
    uint64_t n;

    if (strcmp(name, "dom0_mem") == 0) {
        return parse_number(value, 1UL << 10, &boot_options.dom0_mem_bytes);
    }
    if (strcmp(name, "dom0_max_vcpus") == 0) {
        if (!parse_number(value, 1, &n) || n == 0 || n > 128) {
            return false;
        }
        boot_options.dom0_max_vcpus = (unsigned)n;
        return true;
    }
    if (strcmp(name, "idle_cpus") == 0) {
        if (!parse_number(value, 1, &n) || n >= MAX_CPUS) {
            return false;
        }
        boot_options.idle_cpus = (unsigned)n;
        return true;
    }
    if (strcmp(name, "iommu") == 0) {
        boot_options.iommu_off = strcmp(value, "off") == 0;
        boot_options.iommu_no_intremap = strcmp(value, "no-intremap") == 0;
        return boot_options.iommu_off || boot_options.iommu_no_intremap || strcmp(value, "on") == 0;
    }
    if (strcmp(name, "console") == 0) {
        boot_options.console_serial = strcmp(value, "com1") == 0;
        return boot_options.console_serial || strcmp(value, "none") == 0;
    }
    if (strcmp(name, "com1") == 0) {
        return parse_serial(value);
    }
    if (strcmp(name, "loglvl") == 0) {
        return parse_log_level(value);
    }
    if (strcmp(name, "nmi") == 0) {
        boot_options.nmi_panics = strcmp(value, "panic") == 0;
        return boot_options.nmi_panics || strcmp(value, "count") == 0;
    }
    if (strcmp(name, "noreboot") == 0) {
        boot_options.no_reboot = true;
        return *value == '\0';
    }
    return false;
}

void boot_options_parse(const char *cmdline)
{
    char word[WORD_MAX];

    while (*cmdline) {
        size_t length = 0;

        while (*cmdline == ' ') {
            cmdline++;
        }
        for (; *cmdline && *cmdline != ' '; cmdline++) {
            if (length < sizeof(word) - 1) {
                word[length++] = *cmdline;
            }
        }
        if (length == 0) {
            return;
        }
        word[length] = '\0';

        size_t split = 0;

        while (word[split] && word[split] != '=') {
            split++;
        }
        if (word[split]) {
            word[split++] = '\0';
        }
        if (!set_option(word, word + split)) {
            pr_warn("option %s%s%s not understood, ignored", word, word[split] ? "=" : "", word + split);
        }
    }
}
