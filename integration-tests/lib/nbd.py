# SPDX-License-Identifier: Apache-2.0
"""A disk outside of the emulated host that can be told to fail: a server of the NBD protocol.

Protocol: the NBD project's doc/proto.md, fixed newstyle negotiation and simple replies.
"""

import socket
import struct
import tempfile
import threading

INIT_MAGIC = b"NBDMAGICIHAVEOPT"
OPTION_MAGIC = b"IHAVEOPT"
OPTION_REPLY_MAGIC = 0x3E889045565A9
REQUEST_MAGIC = 0x25609513
REPLY_MAGIC = 0x67446698

FIXED_NEWSTYLE, NO_ZEROES = 1, 2
HAS_FLAGS, SEND_FLUSH = 1, 4
OPT_EXPORT_NAME, OPT_ABORT, OPT_INFO, OPT_GO = 1, 2, 6, 7
REP_ACK, REP_INFO, REP_ERR_UNSUP = 1, 3, 0x80000001
CMD_READ, CMD_WRITE, CMD_DISC, CMD_FLUSH = 0, 1, 2, 3
EIO = 5


class Disk:
    """A disk of zeros that a QEMU may connect to by its Unix socket. While is_failing, reads and writes are errors."""

    def __init__(self, size):
        self.folder = tempfile.TemporaryDirectory(prefix="nether-")  # a socket's path must be short
        self.path = f"{self.folder.name}/disk.sock"
        self.data = bytearray(size)
        self.is_failing = False
        self.failed = 0  # requests that were answered with an error
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            with connection, connection.makefile("rwb") as stream:
                if self.negotiate(stream):
                    while self.answer(stream):
                        pass
        except (OSError, struct.error):
            pass  # it has gone away

    def negotiate(self, stream):
        """Agrees on the one export there is, whatever name is asked for. False: the client ends."""
        export = struct.pack(">QH", len(self.data), HAS_FLAGS | SEND_FLUSH)
        stream.write(INIT_MAGIC + struct.pack(">H", FIXED_NEWSTYLE | NO_ZEROES))
        stream.flush()
        flags, = struct.unpack(">I", stream.read(4))
        while True:
            _, option, length = struct.unpack(">8sII", stream.read(16))
            stream.read(length)
            if option == OPT_EXPORT_NAME:
                stream.write(export + (b"" if flags & NO_ZEROES else bytes(124)))
            elif option in (OPT_GO, OPT_INFO):
                self.reply_option(stream, option, REP_INFO, struct.pack(">H", 0) + export)
                self.reply_option(stream, option, REP_ACK)
            else:
                self.reply_option(stream, option, REP_ACK if option == OPT_ABORT else REP_ERR_UNSUP)
            stream.flush()
            if option in (OPT_EXPORT_NAME, OPT_GO, OPT_ABORT):
                return option != OPT_ABORT

    def reply_option(self, stream, option, kind, data=b""):
        stream.write(struct.pack(">QIII", OPTION_REPLY_MAGIC, option, kind, len(data)) + data)

    def answer(self, stream):
        """Does one request. False: it was the last."""
        magic, _, command, handle, offset, length = struct.unpack(">IHH8sQI", stream.read(28))
        if magic != REQUEST_MAGIC or command == CMD_DISC:
            return False
        data = stream.read(length) if command == CMD_WRITE else b""
        error = EIO if self.is_failing and command in (CMD_READ, CMD_WRITE) else 0
        if error:
            self.failed += 1
        elif command == CMD_WRITE:
            self.data[offset:offset + length] = data
        elif command == CMD_READ:
            data = bytes(self.data[offset:offset + length])
        stream.write(struct.pack(">II8s", REPLY_MAGIC, error, handle))
        if command == CMD_READ and not error:
            stream.write(data)
        stream.flush()
        return True
