/* SPDX-License-Identifier: Apache-2.0 */
/* The first serial port, polled: NS16550A at I/O port 0x3f8, 8N1. A port that is not there swallows what is
 * written: its status reads all-ones, "ready". */
#include <hv/arch/cpu.h>
#include <hv/arch/x86.h>
#include <hv/console.h>

#define COM1       0x3f8U
#define COM1_LAST  0x3ffU

#define UART_DATA     0
#define UART_IER      1
#define UART_FCR      2
#define UART_LCR      3
#define UART_MCR      4
#define UART_LSR      5
#define LCR_8N1       0x03
#define LCR_DLAB      0x80
#define LSR_DATA      0x01
#define LSR_THR_EMPTY 0x20

/* A transmitter that never gets ready (flow control, broken port) must not stop the machine. */
#define TRANSMIT_POLLS 100000U

void serial_init(unsigned baud)
{
    unsigned divisor = 115200 / baud;

    x86_out8(COM1 + UART_IER, 0);
    x86_out8(COM1 + UART_LCR, LCR_DLAB);
    x86_out8(COM1 + UART_DATA, (uint8_t)divisor);
    x86_out8(COM1 + UART_IER, (uint8_t)(divisor >> 8));
    x86_out8(COM1 + UART_LCR, LCR_8N1);
    x86_out8(COM1 + UART_FCR, 0x07); /* FIFOs on and cleared */
    x86_out8(COM1 + UART_MCR, 0x03); /* DTR, RTS */
}

static void write_byte(uint8_t byte)
{
    for (unsigned i = 0; i < TRANSMIT_POLLS; i++) {
        if (x86_in8(COM1 + UART_LSR) & LSR_THR_EMPTY) {
            break;
        }
        cpu_relax();
    }
    x86_out8(COM1 + UART_DATA, byte);
}

void serial_write(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\n') {
            write_byte('\r');
        }
        write_byte((uint8_t)text[i]);
    }
}

int serial_read(void)
{
    uint8_t status = x86_in8(COM1 + UART_LSR);

    if (status == 0xff || !(status & LSR_DATA)) {
        return -1;
    }
    return x86_in8(COM1 + UART_DATA);
}

bool serial_owns_port(uint16_t port)
{
    return port >= COM1 && port <= COM1_LAST;
}
