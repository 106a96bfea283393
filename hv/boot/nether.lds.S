/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The image. .head is linked where it is loaded (loaders jump to its physical address); everything else
 * is linked IMAGE_OFFSET higher. Text comes first, so that adding the symbol table (in rodata) in
 * the second link moves no function.
 */
#include <hv/arch/layout.h>

OUTPUT_FORMAT("elf64-x86-64")
ENTRY(start32)

PHDRS
{
    head PT_LOAD FLAGS(5);
    text PT_LOAD FLAGS(5);
    rodata PT_LOAD FLAGS(4);
    data PT_LOAD FLAGS(6);
}

SECTIONS
{
    . = IMAGE_LOAD_PADDR;
    image_start = . + IMAGE_OFFSET;
    .head : { KEEP(*(.head)) } :head

    . = ALIGN(0x1000) + IMAGE_OFFSET;
    .text : AT(ADDR(.text) - IMAGE_OFFSET) { *(.text .text.*) } :text
    . = ALIGN(0x1000);
    image_text_end = .;

    .rodata : AT(ADDR(.rodata) - IMAGE_OFFSET) {
        *(.rodata .rodata.*)
        . = ALIGN(8);
        exception_table = .;
        KEEP(*(.exception_table))
        exception_table_end = .;
        KEEP(*(.symbols))
    } :rodata
    . = ALIGN(0x1000);
    image_rodata_end = .;

    .data : AT(ADDR(.data) - IMAGE_OFFSET) { *(.data .data.*) } :data
    .bss : AT(ADDR(.bss) - IMAGE_OFFSET) { *(.bss.stack) *(.bss .bss.* COMMON) } :data
    . = ALIGN(0x1000);
    image_end = .;

    /DISCARD/ : { *(.comment) *(.note*) *(.eh_frame*) }
}
