"""A second address of a broker: a port that forwards to its own."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def forward_port(port: int) -> Iterator[int]:
    """A port of this machine that leads to another one while the block runs."""
    ends: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    near, _ = server.accept()
                    far = socket.create_connection(("127.0.0.1", port))
                    ends.extend((near, far))
                    for one, other in ((near, far), (far, near)):
                        threading.Thread(target=copy, args=(one, other), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield int(server.getsockname()[1])
        server.shutdown(socket.SHUT_RDWR)
    for end in ends:
        end.close()


def copy(one: socket.socket, other: socket.socket) -> None:
    """Carry bytes one way until either side ends."""
    with suppress(OSError):
        while data := one.recv(65_536):
            other.sendall(data)
    with suppress(OSError):
        other.shutdown(socket.SHUT_WR)
