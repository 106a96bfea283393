/* SPDX-License-Identifier: Apache-2.0 */
/* The first serial port: NS16550A at I/O port 0x3f8, 8N1; written by polling, read when it interrupts. A port
 * that is not there swallows what is written: its status reads all-ones, "ready". */
#include <hv/acpi.h>
#include <hv/arch/x86.h>
#include <hv/console.h>
#include <hv/ioapic.h>
#include <hv/irq.h>
#include <hv/print.h>

#define COM1       0x3f8U
#define COM1_LAST  0x3ffU
#define COM1_IRQ   4U

#define UART_DATA     0
#define UART_IER      1
#define UART_FCR      2
#define UART_LCR      3
#define UART_MCR      4
#define UART_LSR      5
#define LCR_8N1       0x03
#define LCR_DLAB      0x80
#define IER_RECEIVED  0x01
#define MCR_DTR_RTS   0x03
#define MCR_OUT2      0x08 /* connects the interrupt line on a PC */
#define FIFO_SIZE     16U
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
    x86_out8(COM1 + UART_MCR, MCR_DTR_RTS);
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

/* An empty transmitter has room for a FIFO of bytes. */
size_t serial_offer(const char *text, size_t size)
{
    unsigned room = FIFO_SIZE;
    size_t n = 0;

    if (!(x86_in8(COM1 + UART_LSR) & LSR_THR_EMPTY)) {
        return 0;
    }
    for (; n < size && room >= 2; n++) {
        if (text[n] == '\n') {
            x86_out8(COM1 + UART_DATA, '\r');
            room--;
        }
        x86_out8(COM1 + UART_DATA, (uint8_t)text[n]);
        room--;
    }
    return n;
}

int serial_read(void)
{
    uint8_t status = x86_in8(COM1 + UART_LSR);

    if (status == 0xff || !(status & LSR_DATA)) {
        return -1;
    }
    return x86_in8(COM1 + UART_DATA);
}

/* Where an ISA interrupt is on the IO-APICs, and how it signals (ACPI 6.4, 5.2.12.5). */
static struct acpi_madt_iso isa_interrupt(uint8_t irq)
{
    for (unsigned i = 0; i < acpi_info.iso_count; i++) {
        if (acpi_info.iso[i].irq == irq) {
            return acpi_info.iso[i];
        }
    }
    return (struct acpi_madt_iso){.irq = irq, .gsi = irq};
}

static struct {
    void (*received)(void *data);
    uint32_t gsi;
    bool is_level;
} input;

static void line_fired(void *data)
{
    input.received(data);
    if (input.is_level) { /* masking ends it */
        ioapic_mask(input.gsi);
        ioapic_unmask(input.gsi);
    }
}

void serial_input_init(void (*received)(void *data))
{
    struct acpi_madt_iso line = isa_interrupt(COM1_IRQ);
    bool is_level = (line.flags & 0xc) == 0xc, is_active_low = (line.flags & 3) == 3;
    int vector;

    if (x86_in8(COM1 + UART_LSR) == 0xff) {
        return; /* no such port */
    }
    input.received = received;
    input.gsi = line.gsi;
    input.is_level = is_level;
    vector = irq_vector_alloc(line_fired, NULL);
    if (vector < 0 ||
        ioapic_route(line.gsi, (uint8_t)vector, cpus[0]->apic_id, is_level, is_active_low, false) != 0) {
        pr_warn("console: no interrupt for the serial port: no input");
        return;
    }
    x86_out8(COM1 + UART_MCR, MCR_DTR_RTS | MCR_OUT2);
    x86_out8(COM1 + UART_IER, IER_RECEIVED);
}

bool serial_owns_port(uint16_t port)
{
    return port >= COM1 && port <= COM1_LAST;
}
