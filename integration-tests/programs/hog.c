/* SPDX-License-Identifier: Apache-2.0 */
/* Takes memory, and uses it, until the kernel ends it: an ordinary process, whatever started it was. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIECE (1UL << 20)

int main(void)
{
    FILE *score = fopen("/proc/self/oom_score_adj", "w");

    if (score == NULL || fputs("0", score) < 0 || fclose(score) != 0) {
        perror("oom_score_adj");
        return 1;
    }
    for (;;) {
        char *piece = malloc(PIECE);

        if (piece != NULL) {
            memset(piece, 0x5a, PIECE);
        }
    }
}
