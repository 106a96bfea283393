/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Domains as mechanism: build one, look at it, stop it, take it away.
 *
 * Nothing here knows SQLite, JSON or HTTP, and nothing is remembered between calls: what a domain
 * is can always be read back from the hypervisor and from xenstore, so an agent that restarts finds
 * everything where its predecessor left it. A struct domain_ctx belongs to one thread at a time;
 * a process may open several (one for each worker thread is the intended use).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/err.h"

#define DOMAIN_PATH_MAX 1024

/* Bounds domain_build() enforces; a request beyond them is ERR_INVALID and names the field. */
#define DOMAIN_VCPUS_MAX    128
#define DOMAIN_DISKS_MAX    16
#define DOMAIN_NICS_MAX     8
#define DOMAIN_CMDLINE_MAX  2047 /* Linux copies 2048 bytes with the NUL */
#define DOMAIN_NAME_MAX     63
#define DOMAIN_MEMORY_MIN   (32ull << 20)
#define DOMAIN_MEMORY_MAX   (1ull << 40)

/* A virtual disk. A regular file is attached through a loop device, a block device as it is. */
struct domain_disk {
    char target[16];            /* "xvda" .. "xvdp": the name in the guest */
    char path[DOMAIN_PATH_MAX]; /* absolute path in dom0 */
    bool readonly;
};

/* A virtual network interface; its position in the array is its number in the guest. */
struct domain_nic {
    char mac[18];    /* "00:16:3e:xx:xx:xx", unicast */
    char bridge[16]; /* an existing bridge, or "" to leave the dom0 side alone but up */
};

/* What to build. Strings belong to the caller and are not kept. */
struct domain_config {
    char uuid[37]; /* canonical form, lower case */
    char name[DOMAIN_NAME_MAX + 1];
    uint64_t memory_bytes; /* a multiple of 4096; what the guest sees as RAM */
    uint32_t vcpus;        /* 1..DOMAIN_VCPUS_MAX */
    const char *kernel;    /* path: bzImage (gzip, xz, zstd) or ELF with a PVH note */
    const char *initrd;    /* path, or NULL */
    const char *cmdline;   /* or NULL for empty */
    const struct domain_disk *disks;
    size_t disk_count;
    const struct domain_nic *nics;
    size_t nic_count;
};

/* State bits of a domain, as the hypervisor sees them; several may be set at once. */
enum domain_state {
    DOMAIN_STATE_RUNNING = 1 << 0,  /* a vCPU of it is on a CPU right now */
    DOMAIN_STATE_BLOCKED = 1 << 1,  /* every vCPU waits for an event */
    DOMAIN_STATE_PAUSED = 1 << 2,   /* paused by the toolstack */
    DOMAIN_STATE_SHUTDOWN = 1 << 3, /* stopped itself; see shutdown_reason */
    DOMAIN_STATE_CRASHED = 1 << 4,  /* SHUTDOWN with reason DOMAIN_SHUTDOWN_CRASH */
    DOMAIN_STATE_DYING = 1 << 5,    /* being destroyed, or held by a last mapping of its memory */
};

/* Why a domain in DOMAIN_STATE_SHUTDOWN stopped: SHUTDOWN_* of <xen/sched.h>. */
enum domain_shutdown_reason {
    DOMAIN_SHUTDOWN_POWEROFF = 0,
    DOMAIN_SHUTDOWN_REBOOT = 1,
    DOMAIN_SHUTDOWN_SUSPEND = 2,
    DOMAIN_SHUTDOWN_CRASH = 3,
    DOMAIN_SHUTDOWN_WATCHDOG = 4,
    DOMAIN_SHUTDOWN_SOFT_RESET = 5,
    DOMAIN_SHUTDOWN_NONE = 255, /* it has not */
};

struct domain_info {
    uint32_t domid;
    char uuid[37];
    char name[DOMAIN_NAME_MAX + 1]; /* from xenstore; "" when it has none */
    uint32_t state;                 /* enum domain_state bits */
    enum domain_shutdown_reason shutdown_reason;
    uint64_t cpu_time_ns;      /* all vCPUs together, since creation */
    uint64_t memory_bytes;     /* held now */
    uint64_t max_memory_bytes; /* may hold at most; 0: no limit (dom0) */
    uint32_t vcpus_online;
    uint32_t vcpus_max;
};

struct domain_ctx;

/*
 * Opens every handle a toolstack needs: hypercalls, foreign memory, event channels, grants, xenstore.
 *
 * Errors: ERR_UNAVAILABLE names the device or socket that could not be opened.
 */
int domain_ctx_open(struct domain_ctx **out, struct err *err);
void domain_ctx_close(struct domain_ctx *ctx); /* NULL is fine */

/*
 * Called while a domain is built: percent rises from 0 to 100, stage is a short static string.
 * A non-zero return asks for an end: the build is undone and answers ERR_CANCELLED.
 */
typedef int (*domain_progress_fn)(void *opaque, unsigned percent, const char *stage);

/*
 * Builds a domain from config and leaves it paused, with its devices attached and its console and
 * xenstore rings ready. On success *domid is the new domain's id.
 *
 * progress may be NULL. On any failure everything done is undone in the reverse order, and err
 * names the field of config at fault where there is one.
 * Errors: ERR_INVALID (config, image), ERR_NOT_FOUND (file, bridge), ERR_NO_MEMORY (host memory),
 * ERR_UNAVAILABLE (backend or loop device missing), ERR_TIMEOUT (backend silent), ERR_CANCELLED,
 * ERR_PERMISSION, ERR_INTERNAL.
 */
int domain_build(struct domain_ctx *ctx, const struct domain_config *config, uint32_t *domid,
                 domain_progress_fn progress, void *opaque, struct err *err);

/* Checks config without touching anything: what domain_build() would refuse at once. */
int domain_config_check(const struct domain_config *config, struct err *err);

/* Both nest in the hypervisor: callers keep them paired. ERR_NOT_FOUND when there is no such domain. */
int domain_pause(struct domain_ctx *ctx, uint32_t domid, struct err *err);
int domain_unpause(struct domain_ctx *ctx, uint32_t domid, struct err *err);

/*
 * Ends a domain at once and frees what it held: memory, backends, loop devices, xenstore nodes.
 * Returns when the hypervisor has given the domain up, or after a bound with ERR_TIMEOUT when
 * something still maps its memory (a console left open, for example: close it first).
 * Safe to repeat; ERR_NOT_FOUND when there was nothing left of it.
 */
int domain_destroy(struct domain_ctx *ctx, uint32_t domid, struct err *err);

/*
 * Removes what is left in xenstore and in dom0's kernel of domains that the hypervisor does not know: whoever
 * destroyed them was interrupted. What cannot be removed is logged; an error says that nothing could be
 * looked at.
 */
int domain_remove_leftovers(struct domain_ctx *ctx, struct err *err);

/*
 * Asks the guest to stop: kind is "poweroff", "reboot" or "halt". Returns as soon as it is asked;
 * what the guest makes of it shows in domain_info. ERR_CONFLICT when the guest does not listen
 * (no driver has announced itself), so that the caller can say so instead of waiting.
 */
int domain_request_shutdown(struct domain_ctx *ctx, uint32_t domid, const char *kind,
                            struct err *err);

/* One domain. ERR_NOT_FOUND when the hypervisor does not know it. */
int domain_get_info(struct domain_ctx *ctx, uint32_t domid, struct domain_info *info,
                    struct err *err);

/* Every domain, dom0 first, in the order of their ids. The caller frees *out with free(). */
int domain_list_info(struct domain_ctx *ctx, struct domain_info **out, size_t *count,
                     struct err *err);

/*
 * A fd that becomes readable whenever any domain appears, stops or goes away. After it was
 * readable call domain_events_drain(), then look with domain_list_info(). The first look is always
 * due: a watch fires once when it is set. Its own xenstore connection: usable from any one thread.
 */
struct domain_events;
int domain_events_open(struct domain_events **out, struct err *err);
int domain_events_fd(const struct domain_events *events);
int domain_events_drain(struct domain_events *events, struct err *err);
void domain_events_close(struct domain_events *events);
