# SPDX-License-Identifier: Apache-2.0
# nm -n of the first link -> the assembly of the symbol table (x86/symbols.c). Without input: an empty one.
BEGIN { print "    .section .symbols, \"a\"\n    .balign 8\n    .globl symbol_table\nsymbol_table:"; n = 0 }
$2 ~ /^[tT]$/ && $1 ~ /^ffffffff8/ && $3 !~ /^(trap_stub_|\.L)/ {
    print "    .quad 0x" $1 ", name_" n
    name[n++] = $3
}
END {
    print "    .globl symbol_count\nsymbol_count: .quad " n
    for (i = 0; i < n; i++) print "name_" i ": .asciz \"" name[i] "\""
    print "    .section .note.GNU-stack, \"\", @progbits"
}
