/* SPDX-License-Identifier: Apache-2.0 */
/* For assembly: the note that makes an ELF file a PVH kernel that begins at "entry" (xen/elfnote.h). */
    .section .note.Xen, "a", @note
    .balign 4
    .long   4          /* name size */
    .long   4          /* value size */
    .long   18         /* XEN_ELFNOTE_PHYS32_ENTRY */
    .asciz  "Xen"
    .long   entry

    .section .note.GNU-stack, "", @progbits
