/* SPDX-License-Identifier: Apache-2.0 */
/* Presses debug keys of the hypervisor (XEN_SYSCTL_debug_keys): "debug_key q" has domains and vCPUs printed. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <xen/sysctl.h>
#include <xen/xen.h>

struct privcmd_hypercall {
    uint64_t op, args[5];
};
#define IOCTL_PRIVCMD_HYPERCALL _IOC(_IOC_NONE, 'P', 0, sizeof(struct privcmd_hypercall))

int main(int argc, char **argv)
{
    struct xen_sysctl op = {.cmd = XEN_SYSCTL_debug_keys, .interface_version = XEN_SYSCTL_INTERFACE_VERSION};
    struct privcmd_hypercall call = {.op = __HYPERVISOR_sysctl, .args = {(uint64_t)&op}};
    int privcmd = open("/dev/xen/privcmd", O_RDWR);

    if (argc != 2) {
        fputs("usage: debug_key KEYS\n", stderr);
        return 2;
    }
    mlockall(MCL_CURRENT); /* the hypervisor does not wait for a page to come */
    set_xen_guest_handle(op.u.debug_keys.keys, argv[1]);
    op.u.debug_keys.nr_keys = (uint32_t)strlen(argv[1]);
    if (privcmd < 0 || ioctl(privcmd, IOCTL_PRIVCMD_HYPERCALL, &call) < 0) {
        perror("debug_key");
        return 1;
    }
    return 0;
}
