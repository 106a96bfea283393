# SPDX-License-Identifier: Apache-2.0
# objdump -d -w output to C initialisers: {code bits, length, "bytes", "text"},
BEGIN {
    FS = "\t"
}
NF >= 3 {
    count = split($2, bytes, " ")
    text = ""
    for (i = 1; i <= count; i++) {
        text = text "\\x" bytes[i]
    }
    gsub(/"/, "", $3)
    printf "{%d, %d, \"%s\", \"%s\"},\n", bits, count, text, $3
}
